//! The kinds of resources: one file each, and the one list that names them.
//!
//! A kind says what it is by a table of fields (`Manage::fields`), how it is
//! read, and how it is created, updated and deleted. The list of kinds
//! (`all_kinds!` in `kind.rs`) makes the enum and all dispatch: a new kind is one file, one line there, and its `mod`
//! line here.

pub mod adoption;
pub mod bucket;
pub mod context;
mod dns_name;
mod ec2_tags;
pub mod elastic_ip;
pub mod github_role;
mod iam_tags;
pub mod instance;
pub mod instance_profile;
pub mod internet_gateway;
pub mod key_pair;
mod link;
pub mod network;
pub mod offers;
pub mod oidc_provider;
mod pages;
pub mod placement;
pub mod policy;
pub mod reader;
pub mod record;
pub mod role;
pub mod route_table;
pub mod run;
pub mod security_group;
pub mod side_role;
pub mod subnet;
pub(super) mod tags;
pub mod users_role;
pub mod vpc;
pub mod zone;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use futures_util::future::{LocalBoxFuture, try_join_all};

use crate::cloud::api::{Call, CallError, CallFailure};
pub use crate::cloud::kind::Kind;
use crate::cloud::kind::all_kinds;
use crate::cloud::resource::{Address, Desired, Field, Live, Owner, Reference, Standing, Tags};
use crate::cloud::stakes::{Charge, Lost};
pub use context::{Handle, Lookups, Scope, StepError};
pub use reader::Reader;
pub use run::Run;
pub use tags::{LAB_TAG, REGION_TAG, is_ours, of_lab};

/// A resource of any kind as it is in AWS.
pub type LiveResource = Live<Body>;
/// A resource of any kind as the plan wants it.
pub type DesiredResource = Desired<Body>;

impl<B> Live<B> {
    /// The same resource with other properties.
    fn with<C>(&self, body: C) -> Live<C> {
        Live {
            address: self.address.clone(),
            id: self.id.clone(),
            owner: self.owner.clone(),
            standing: self.standing,
            body,
            observed: self.observed.clone(),
        }
    }
}

impl LiveResource {
    /// The error of a change that is meant for another kind.
    fn mismatch(&self, wanted: Kind) -> StepError {
        StepError::blocked(
            format!(
                "`{}` is there as `{}`, and cannot become `{}`",
                self.address,
                self.body.kind().name(),
                wanted.name()
            ),
            "this is a defect of labctl: please report it",
        )
    }
}

/// What every kind can do.
pub(crate) trait Manage: Sized {
    /// What is gone once the resource was deleted, even if a plan makes it again.
    const LOST: Lost;

    /// The properties, each with its value and what a change of it takes.
    fn fields(&self) -> Vec<Field>;

    /// What AWS charges for.
    fn charges(&self) -> Vec<Charge>;

    /// Shows every reference to another resource to `visit`, which may change it.
    fn each_reference(&mut self, _visit: &mut dyn FnMut(&mut Reference)) {}

    /// Its tags, of a kind that has any.
    fn tags(&mut self) -> Option<&mut Tags>;

    /// Reads all resources of the kind that are the lab's or in its way.
    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError>;

    /// Creates the resource; run again after a crash it finds what it made.
    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError>;

    /// Changes the resource to `self` where it differs from `live`.
    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError>;

    /// Sets the fields that had to wait for others; see [`Field::late`].
    async fn attach(&self, _handle: &Handle, _run: &Run<'_>) -> Result<(), StepError> {
        Ok(())
    }

    /// Deletes the resource; one that is gone already is no error.
    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError>;
}

macro_rules! define_bodies {
    ($($(#[$doc:meta])* $module:ident: $Kind:ident,)*) => {
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

            /// What AWS charges for.
            pub fn charges(&self) -> Vec<Charge> {
                match self {
                    $(Self::$Kind(body) => body.charges(),)*
                }
            }

            /// The field table.
            pub fn fields(&self) -> Vec<Field> {
                match self {
                    $(Self::$Kind(body) => body.fields(),)*
                }
            }

            /// Shows every reference to another resource to `visit`, which may change it.
            pub fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
                match self {
                    $(Self::$Kind(body) => body.each_reference(visit),)*
                }
            }

            fn tags(&mut self) -> Option<&mut Tags> {
                match self {
                    $(Self::$Kind(body) => body.tags(),)*
                }
            }

            pub(crate) async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
                match self {
                    $(Self::$Kind(body) => body.create(run).await,)*
                }
            }

            pub(crate) async fn update(
                &self,
                live: &LiveResource,
                run: &Run<'_>,
            ) -> Result<(), StepError> {
                match (self, &live.body) {
                    $((Self::$Kind(desired), Body::$Kind(before)) => {
                        let live = live.with(before.clone());
                        desired.update(&live, run).await
                    })*
                    _ => Err(live.mismatch(self.kind())),
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

        impl Kind {
            /// What is gone once a resource of the kind was deleted.
            pub const fn lost(self) -> Lost {
                match self {
                    $(Self::$Kind => <$module::$Kind as Manage>::LOST,)*
                }
            }

            /// Whether losing the resource loses data that apply cannot bring back.
            pub const fn holds_data(self) -> bool {
                matches!(self.lost(), Lost::Data)
            }
        }

        pub(crate) async fn delete(live: &LiveResource, run: &Run<'_>) -> Result<(), StepError> {
            match &live.body {
                $(Body::$Kind(body) => $module::$Kind::delete(&live.with(body.clone()), run).await,)*
            }
        }

        async fn read_kinds(reader: &Reader<'_>) -> Result<Vec<LiveResource>, CallError> {
            let reads: Vec<LocalBoxFuture<'_, Result<Vec<LiveResource>, CallError>>> =
                vec![$(Box::pin(async {
                    let found = $module::$Kind::read(reader).await?;
                    Ok(found.into_iter().map(LiveResource::from).collect())
                })),*];
            Ok(try_join_all(reads).await?.concat())
        }

        $(
            impl From<$module::$Kind> for Body {
                fn from(body: $module::$Kind) -> Self {
                    Self::$Kind(body)
                }
            }

            impl From<Live<$module::$Kind>> for LiveResource {
                fn from(live: Live<$module::$Kind>) -> Self {
                    live.with(live.body.clone().into())
                }
            }
        )*
    };
}

all_kinds!(define_bodies);

impl Body {
    /// Puts addresses in the place of ids, after everything was read.
    pub fn link(&mut self, ids: &BTreeMap<String, Address>) {
        self.each_reference(&mut |reference| reference.link(ids));
    }

    /// Takes the tags of another resource of the kind.
    fn take_tags(&mut self, of: &Self) {
        let mut of = of.clone();
        if let (Some(own), Some(tags)) = (self.tags(), of.tags()) {
            *own = std::mem::take(tags);
        }
    }

    /// The addresses of the resources on which this one is noted.
    pub fn notes(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        for field in self.fields().into_iter().filter(Field::is_note) {
            field.value.collect_references(&mut addresses);
        }
        addresses
    }

    /// The addresses of the resources after which this one is created.
    pub fn created_after(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        for field in self.fields().into_iter().filter(Field::is_created_after) {
            field.value.collect_references(&mut addresses);
        }
        addresses
    }

    /// The addresses that the resource refers to; with `late` those only that
    /// are set in a later step, without it all others.
    pub fn references(&self, late: bool) -> Vec<Address> {
        let fields = self.fields().into_iter();
        let mut addresses = Vec::new();
        for field in fields.filter(|field| field.late == late && !field.is_created_after()) {
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
    pub resources: Vec<LiveResource>,
    /// How many servers of the lab have ended and are still listed.
    pub ended_instances: u32,
}

impl LiveLab {
    /// Finds the lab's current resource of a kind.
    pub fn current(&self, kind: Kind) -> Option<&LiveResource> {
        self.resources.iter().find(|live| {
            live.address.kind() == kind
                && live.owner == Owner::Lab
                && live.standing == Standing::Current
        })
    }

    /// The address that the lab is reached at: the Elastic IP's where that leads to the server, else the server's own.
    pub fn public_address(&self) -> Option<Ipv4Addr> {
        let (elastic, server) = (self.current(Kind::ElasticIp), self.current(Kind::Instance));
        let leads = |live: &&LiveResource| match &live.body {
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
        let handle = |live: &LiveResource| Handle {
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
    let mut resources = reject_missing_ids(read_kinds(reader).await?)?;
    let account = reader.account().await?.to_owned();
    for live in &mut resources {
        if live.address.kind() == Kind::Zone {
            live.observed.name_servers = reader.name_servers(&live.id);
        }
    }
    link::mark_duplicates(&mut resources);
    link::link(&mut resources);
    resources.sort_by(|one, other| (&one.address, &one.id).cmp(&(&other.address, &other.id)));
    Ok(LiveLab {
        account,
        resources,
        ended_instances: reader.ended_instances(),
    })
}

/// Takes a list for what it can be. What comes twice, as where a page repeats what the one before had, is there once:
/// the second would be taken for a duplicate, and deleted.
///
/// # Errors
/// Something without an id cannot be told from others, and every call about it would be about something else.
fn reject_missing_ids(resources: Vec<LiveResource>) -> Result<Vec<LiveResource>, CallError> {
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
                failure: CallFailure::Garbled {
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
