//! The kinds of resources: one file each, and the one list that names them.
//!
//! A kind says what it is by a table of fields (`Manage::fields`), how it is
//! read, and how it is created, updated and deleted. `kinds!` makes the enums
//! and all dispatch of the list; a new kind is one file and one line in it.

pub mod adoption;
pub mod context;
mod dns_name;
mod ec2_tags;
mod iam_tags;
mod link;
pub mod network;
pub mod offers;
mod pages;
pub mod placement;
pub mod policy;
pub mod reader;
pub mod run;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use futures_util::future::{LocalBoxFuture, try_join_all};

use crate::cloud::{Call, CallError, Failure};
use crate::resource::{Address, Field, Live, Owner, Reference, Standing, Tags};
pub use context::{Handle, Lookups, Scope, StepError};
pub use reader::Reader;
pub use run::Run;
pub use tags::{LAB_TAG, REGION_TAG, is_ours, of_lab};

/// What every kind can do.
pub(crate) trait Manage: Sized {
    /// The properties, each with its value and what a change of it takes.
    fn fields(&self) -> Vec<Field>;

    /// Puts addresses in the place of ids, after everything was read.
    fn link(&mut self, _ids: &BTreeMap<String, Address>) {}

    /// Reads all resources of the kind that are the lab's or in its way.
    async fn read(reader: &Reader<'_>) -> Result<Vec<Live>, CallError>;

    /// Creates the resource; run again after a crash it finds what it made.
    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError>;

    /// Changes the resource to `self` where `changed` says that it differs.
    async fn update(&self, live: &Live, changed: &[String], run: &Run<'_>)
    -> Result<(), StepError>;

    /// Sets the fields that had to wait for others; see [`Field::late`].
    async fn attach(&self, _handle: &Handle, _run: &Run<'_>) -> Result<(), StepError> {
        Ok(())
    }

    /// Deletes the resource; one that is gone already is no error.
    async fn delete(live: &Live, run: &Run<'_>) -> Result<(), StepError>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $module:ident: $Kind:ident,)*) => {
        $(pub mod $module;)*

        /// The kinds of resources, those first that others refer to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $Kind,)*
        }

        impl Kind {
            /// All kinds, in the order in which they are created and shown.
            pub const ALL: &'static [Self] = &[$(Self::$Kind),*];

            /// The name that stands in addresses.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Kind => stringify!($module),)*
                }
            }
        }

        /// The properties of a resource of any kind.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $Kind($module::$Kind),)*
        }

        impl Body {
            /// The resource's kind.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$Kind(_) => Kind::$Kind,)*
                }
            }

            /// The field table.
            pub fn fields(&self) -> Vec<Field> {
                match self {
                    $(Self::$Kind(body) => body.fields(),)*
                }
            }

            /// Puts addresses in the place of ids.
            pub fn link(&mut self, ids: &BTreeMap<String, Address>) {
                match self {
                    $(Self::$Kind(body) => body.link(ids),)*
                }
            }

            pub(crate) async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
                match self {
                    $(Self::$Kind(body) => body.create(run).await,)*
                }
            }

            pub(crate) async fn update(
                &self,
                live: &Live,
                changed: &[String],
                run: &Run<'_>,
            ) -> Result<(), StepError> {
                match self {
                    $(Self::$Kind(body) => body.update(live, changed, run).await,)*
                }
            }

            pub(crate) async fn attach(
                &self,
                handle: &Handle,
                run: &Run<'_>,
            ) -> Result<(), StepError> {
                match self {
                    $(Self::$Kind(body) => body.attach(handle, run).await,)*
                }
            }
        }

        pub(crate) async fn delete(live: &Live, run: &Run<'_>) -> Result<(), StepError> {
            match live.address.kind() {
                $(Kind::$Kind => $module::$Kind::delete(live, run).await,)*
            }
        }

        async fn read_kinds(reader: &Reader<'_>) -> Result<Vec<Live>, CallError> {
            let reads: Vec<LocalBoxFuture<'_, Result<Vec<Live>, CallError>>> =
                vec![$(Box::pin($module::$Kind::read(reader))),*];
            Ok(try_join_all(reads).await?.concat())
        }

        $(
            impl From<$module::$Kind> for Body {
                fn from(body: $module::$Kind) -> Self {
                    Self::$Kind(body)
                }
            }
        )*
    };
}

kinds! {
    /// An SSH public key, imported into EC2.
    key_pair: KeyPair,
    /// A network of the lab's own.
    vpc: Vpc,
    /// The way from that network to the world.
    internet_gateway: InternetGateway,
    /// The part of that network in which the server is.
    subnet: Subnet,
    /// The routes of that part.
    route_table: RouteTable,
    /// What may reach the server.
    security_group: SecurityGroup,
    /// The storage of the lab.
    bucket: Bucket,
    /// What the server may do in AWS.
    role: Role,
    /// The role as an instance can carry it.
    instance_profile: InstanceProfile,
    /// The server.
    instance: Instance,
    /// The server's lasting public address.
    elastic_ip: ElasticIp,
    /// The hosted zone of the lab's domain.
    zone: Zone,
    /// A record set in that zone.
    record: Record,
    /// GitHub as an identity provider; one for the whole account.
    oidc_provider: OidcProvider,
    /// What GitHub Actions of the repository may do in AWS.
    github_role: GithubRole,
}

impl Kind {
    /// Finds a kind by the name that stands in addresses.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Lists the names, for messages.
    pub fn names() -> String {
        let names: Vec<_> = Self::ALL
            .iter()
            .filter(|kind| **kind != Self::Record)
            .map(|kind| format!("`{}`", kind.name()))
            .collect();
        names.join(", ")
    }

    /// Whether losing the resource loses data that apply cannot bring back.
    pub const fn holds_data(self) -> bool {
        matches!(self, Self::Instance | Self::Bucket | Self::Zone)
    }

    /// Whether somebody else's resource of this kind is used as it is.
    pub const fn can_be_shared(self) -> bool {
        matches!(self, Self::Zone | Self::OidcProvider)
    }
}

impl Body {
    /// The addresses of the resources on which this one is noted.
    pub fn notes(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        for field in self.fields().into_iter().filter(Field::is_note) {
            field.value.collect_references(&mut addresses);
        }
        addresses
    }

    /// The addresses of the resources after which this one is created.
    pub fn turns(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        for field in self.fields().into_iter().filter(Field::is_turn) {
            field.value.collect_references(&mut addresses);
        }
        addresses
    }

    /// The addresses that the resource refers to; with `late` those only that
    /// are set in a later step, without it all others.
    pub fn references(&self, late: bool) -> Vec<Address> {
        let fields = self.fields().into_iter();
        let mut addresses = Vec::new();
        for field in fields.filter(|field| field.late == late && !field.is_turn()) {
            field.value.collect_references(&mut addresses);
        }
        addresses
    }
}

/// Everything in AWS that belongs to a lab or stands in its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLab {
    /// The AWS account's id.
    pub account: String,
    /// The resources, linked to each other by their addresses.
    pub resources: Vec<Live>,
    /// How many servers of the lab have ended and are still listed.
    pub ended_instances: u32,
}

impl LiveLab {
    /// Finds the lab's current resource of a kind.
    pub fn current(&self, kind: Kind) -> Option<&Live> {
        self.resources.iter().find(|live| {
            live.address.kind() == kind
                && live.owner == Owner::Lab
                && live.standing == Standing::Current
        })
    }

    /// The address that the lab is reached at: the Elastic IP's where that leads to the server, else the server's own.
    pub fn public_address(&self) -> Option<Ipv4Addr> {
        let (elastic, server) = (self.current(Kind::ElasticIp), self.current(Kind::Instance));
        let leads = |live: &&Live| match &live.body {
            Body::ElasticIp(body) => body.instance == Some(Reference::to(Kind::Instance)),
            _ => false,
        };
        let elastic = elastic.filter(|live| server.is_none() || leads(live));
        let mut sources = elastic.into_iter().chain(server);
        sources.find_map(|live| live.observed.public_ip)
    }

    /// What exists and can be referred to, by its address.
    pub fn handles(&self) -> BTreeMap<Address, Handle> {
        let current = self.resources.iter().filter(|live| {
            let is_usable = live.owner == Owner::Lab || live.address.kind().can_be_shared();
            is_usable && live.standing == Standing::Current
        });
        let handle = |live: &Live| Handle {
            id: live.id.clone(),
            observed: live.observed.clone(),
        };
        current
            .map(|live| (live.address.clone(), handle(live)))
            .collect()
    }
}

/// Reads a lab in two rounds of parallel calls.
///
/// The account's id comes with the server, which every lab has; only where there
/// is none yet it costs a call of its own.
pub async fn read(reader: &Reader<'_>) -> Result<LiveLab, CallError> {
    let mut resources = sound(read_kinds(reader).await?)?;
    let account = reader.account().await?.to_owned();
    for live in &mut resources {
        if live.address.kind() == Kind::Zone {
            live.observed.name_servers = reader.name_servers(&live.id);
        }
    }
    link::mark_spares(&mut resources);
    link::link(&mut resources);
    resources.sort_by(|one, other| (&one.address, &one.id).cmp(&(&other.address, &other.id)));
    Ok(LiveLab {
        account,
        resources,
        ended_instances: reader.ended_instances(),
    })
}

/// Takes a list for what it can be. What comes twice, as where a page repeats what the one before had, is there once:
/// the second would be taken for a spare one, and deleted.
///
/// # Errors
/// Something without an id cannot be told from others, and every call about it would be about something else.
fn sound(resources: Vec<Live>) -> Result<Vec<Live>, CallError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for live in resources {
        if live.id.is_empty() {
            return Err(CallError {
                call: Call {
                    service: "AWS",
                    operation: live.address.kind().name(),
                    writes: false,
                },
                failure: Failure::Garbled {
                    detail: "it is listed without an id".to_owned(),
                    body: String::new(),
                },
                request_id: None,
            });
        }
        if seen.insert((live.address.clone(), live.id.clone())) {
            found.push(live);
        }
    }
    Ok(found)
}

/// The tags that a lab's resource carries, ours and the plan's.
pub fn desired_tags(scope: &Scope, address: &Address) -> Tags {
    tags::desired(scope, address)
}
