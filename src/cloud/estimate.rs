//! Resources → what they cost a month. Pure; the prices are those of the tables in `prices`.

use crate::cloud::diff::{Change, ChangeSet};
use crate::cloud::lower::{self, Inputs};
use crate::cloud::prices::{self, Price};
use crate::cloud::resource::{Address, Observed, Owner, Power, Standing};
use crate::cloud::resources::{Body, DesiredResource, LiveLab, LiveResource, Scope};
use crate::cloud::stakes::Charge;
use crate::plan::{KeyAlgorithm, Plan, SshPublicKey};
use crate::support::money::Money;

/// One thing of a resource that AWS charges for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The resource.
    pub address: Address,
    /// What it is, such as `t3.micro` or `30 GiB gp3`.
    pub what: String,
    /// What it costs a month; `None` where the tables do not know.
    pub monthly: Option<Money>,
    /// Whether it costs nothing while the server is stopped.
    pub ends_when_stopped: bool,
    /// Whether it costs something as the server is now.
    pub is_charged: bool,
    /// Which of the resources that were counted it is of.
    part: usize,
}

/// Something that costs by how much the lab is used, and is not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByUse {
    /// The resource.
    pub address: Address,
    /// What it is, such as `traffic`.
    pub what: &'static str,
    /// What each GB of it costs a month, where the tables know.
    pub per_gigabyte: Option<Money>,
}

/// What a lab costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// What is counted.
    pub items: Vec<Item>,
    /// What is not.
    pub by_use: Vec<ByUse>,
}

/// A resource, as far as its costs go.
struct Part<'a> {
    address: &'a Address,
    body: &'a Body,
    observed: Option<&'a Observed>,
    is_duplicate: bool,
}

impl Part<'_> {
    fn is_down(&self) -> bool {
        let power = self.observed.and_then(|observed| observed.power);
        power.is_some_and(Power::is_down)
    }

    /// Whether it is a server that runs and has no public address.
    fn is_private(&self) -> bool {
        let is_private = |observed: &Observed| {
            observed.power == Some(Power::Running) && observed.public_ip.is_none()
        };
        self.observed.is_some_and(is_private)
    }

    fn is_leading_address(&self) -> bool {
        !self.is_duplicate
            && matches!(self.body, Body::ElasticIp(address) if address.instance.is_some())
    }
}

impl<'a> From<&'a LiveResource> for Part<'a> {
    fn from(live: &'a LiveResource) -> Self {
        Self {
            address: &live.address,
            body: &live.body,
            observed: Some(&live.observed),
            is_duplicate: live.standing == Standing::Duplicate,
        }
    }
}

impl<'a> From<&'a DesiredResource> for Part<'a> {
    fn from(desired: &'a DesiredResource) -> Self {
        Self {
            address: &desired.address,
            body: &desired.body,
            observed: None,
            is_duplicate: false,
        }
    }
}

impl Estimate {
    /// Says what a plan's lab costs. Neither the key nor the account nor the laptop's address has a price.
    pub fn of_plan(plan: &Plan) -> Self {
        let scope = Scope::of(plan);
        let inputs = Inputs {
            public_key: SshPublicKey {
                algorithm: KeyAlgorithm::Ed25519,
                blob: String::new(),
                comment: String::new(),
            },
            my_ip: None,
            account: String::new(),
        };
        let desired = lower::lower(plan, &scope, &inputs);
        let parts = desired.iter().map(|desired| Some(desired.into()));
        Self::of(&scope.region, &parts.collect::<Vec<_>>())
    }

    /// Says what a lab costs as it is; what is not the lab's costs others.
    pub fn of_lab(region: &str, live: &[LiveResource]) -> Self {
        let parts = live
            .iter()
            .map(|live| (live.owner == Owner::Lab).then(|| live.into()));
        Self::of(region, &parts.collect::<Vec<_>>())
    }

    /// Says what the lab of a change set costs before it is applied; parts are the changes.
    pub fn before(region: &str, set: &ChangeSet) -> Self {
        fn part(change: &Change) -> Option<Part<'_>> {
            let live = change.live()?;
            (live.owner == Owner::Lab).then(|| live.into())
        }
        Self::of(region, &set.changes.iter().map(part).collect::<Vec<_>>())
    }

    /// Says what it costs afterwards. A server that is changed in place stays as it is, up or down.
    pub fn after(region: &str, set: &ChangeSet) -> Self {
        fn part(change: &Change) -> Option<Part<'_>> {
            match change {
                Change::Create(desired) => Some(desired.into()),
                Change::Replace(edit) => Some((&edit.desired).into()),
                Change::Update(edit) => Some(Part {
                    observed: Some(&edit.live.observed),
                    ..(&edit.desired).into()
                }),
                Change::None(live) | Change::Kept(live) => {
                    (live.owner == Owner::Lab).then(|| live.into())
                }
                Change::Delete(_) | Change::Conflict(_) => None,
            }
        }
        Self::of(region, &set.changes.iter().map(part).collect::<Vec<_>>())
    }

    fn of(region: &str, parts: &[Option<Part<'_>>]) -> Self {
        let has_address = parts.iter().flatten().any(Part::is_leading_address);
        let mut estimate = Self::default();
        for (index, part) in parts.iter().enumerate() {
            let Some(part) = part else { continue };
            for charge in part.body.charges() {
                let is_other = (has_address && !part.is_duplicate) || part.is_private();
                if charge == Charge::OwnAddress && is_other {
                    continue;
                }
                estimate.add(region, index, part, &charge);
            }
        }
        estimate
    }

    fn add(&mut self, region: &str, index: usize, part: &Part<'_>, charge: &Charge) {
        let address = part.address.clone();
        let monthly = match prices::price(region, charge) {
            Price::Known(money) => Some(money),
            Price::Unknown => None,
            Price::ByUse(per_gigabyte) => {
                self.by_use.push(ByUse {
                    address,
                    what: by_use(charge),
                    per_gigabyte,
                });
                return;
            }
        };
        let ends_when_stopped = charge.ends_when_stopped();
        self.items.push(Item {
            address,
            what: what(charge),
            monthly,
            ends_when_stopped,
            is_charged: !(ends_when_stopped && part.is_down()),
            part: index,
        });
    }

    /// What is charged for a month as the server is now, as far as prices are known.
    pub fn monthly(&self) -> Money {
        self.sum(|item| item.is_charged)
    }

    /// What a month costs in which the server runs all the time.
    pub fn running(&self) -> Money {
        self.sum(|_| true)
    }

    /// What a month costs in which the server is stopped all the time.
    pub fn stopped(&self) -> Money {
        self.sum(|item| !item.ends_when_stopped)
    }

    /// What one of the counted resources costs a month as the server is now.
    pub fn of_part(&self, part: usize) -> Money {
        self.sum(|item| item.is_charged && item.part == part)
    }

    /// Whether there is anything that depends on the server's running.
    pub fn has_server(&self) -> bool {
        self.items.iter().any(|item| item.ends_when_stopped)
    }

    /// What is charged as the server is now, at a price that is not known.
    pub fn unknown(&self) -> Vec<String> {
        let items = self.items.iter();
        let unknown = items.filter(|item| item.is_charged && item.monthly.is_none());
        unknown
            .map(|item| format!("{}: {}", item.address, item.what))
            .collect()
    }

    /// What has no known price, whether the server is up or not.
    pub fn unpriced(&self) -> Vec<String> {
        let items = self.items.iter().filter(|item| item.monthly.is_none());
        items
            .map(|item| format!("{}: {}", item.address, item.what))
            .collect()
    }

    /// What depends on how much the lab is used.
    pub fn uncounted(&self) -> Vec<String> {
        let by_use = self.by_use.iter();
        by_use
            .map(|one| format!("{}: {}", one.address, one.what))
            .collect()
    }

    fn sum(&self, is_meant: impl Fn(&Item) -> bool) -> Money {
        let items = self.items.iter().filter(|item| is_meant(item));
        items.filter_map(|item| item.monthly).sum()
    }
}

/// Names by their ids the lab's resources that cost something and serve nobody: addresses that lead to no server.
pub fn idle(live: &LiveLab) -> Vec<String> {
    let is_idle = |live: &&LiveResource| match &live.body {
        Body::ElasticIp(address) => {
            let leads = live.standing == Standing::Current && address.instance.is_some();
            live.owner == Owner::Lab && !leads
        }
        _ => false,
    };
    let idle = live.resources.iter().filter(is_idle);
    idle.map(|live| live.id.clone()).collect()
}

fn what(charge: &Charge) -> String {
    match charge {
        Charge::Instance(name) => name.clone(),
        Charge::Volume { volume_type, size } => format!("{size} GiB {volume_type}"),
        Charge::Address => "public IPv4 address".to_owned(),
        Charge::OwnAddress => "public IPv4 address while it runs".to_owned(),
        Charge::Zone => "hosted zone".to_owned(),
        Charge::Storage | Charge::Use(_) => by_use(charge).to_owned(),
    }
}

const fn by_use(charge: &Charge) -> &'static str {
    match charge {
        Charge::Use(what) => what,
        _ => "storage",
    }
}
