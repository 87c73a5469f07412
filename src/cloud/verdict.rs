//! Change set → what it means: what it costs, what goes down, whether data is at risk, whether it can be undone. Pure.
//!
//! A change can be undone when applying the plan from before gives back the same ids, addresses and data, without
//! `--replace`. All of it follows from what the kinds say of themselves: their field tables, `Manage::LOST` and
//! `Manage::charges`.

use crate::cloud::diff::{Change, ChangeSet, Edit, FieldChange};
use crate::cloud::estimate::Estimate;
use crate::cloud::resource::{Address, Impact, OnChange, Power, Reference, Standing};
use crate::cloud::resources::{Body, Kind, LiveLab, LiveResource};
use crate::cloud::stakes::Lost;
use crate::support::money::Money;

/// How long stop, change and start of a server take, in seconds.
pub const RESTART_SECONDS: u32 = 60;

/// How long nobody answers at the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Downtime {
    /// Not at all.
    #[default]
    None,
    /// For about a minute, in which it is stopped and started.
    Restart,
    /// Until `labctl start`.
    UntilStarted,
    /// Until another one is set up in its place.
    UntilSetUp,
    /// For good.
    ForGood,
}

impl Downtime {
    /// The seconds; `None` where it depends on what is done next.
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::None => Some(0),
            Self::Restart => Some(RESTART_SECONDS),
            Self::UntilStarted | Self::UntilSetUp | Self::ForGood => None,
        }
    }
}

/// Why something cannot be undone: the resource, and the field where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The resource.
    pub address: Address,
    /// The field that forces it.
    pub path: Option<String>,
}

/// What a lab costs a month, as far as prices are known, before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// Before.
    pub before: Money,
    /// After.
    pub after: Money,
    /// What is charged afterwards at a price that labctl does not know.
    pub unknown: Vec<String>,
    /// What depends on how much the lab is used.
    pub uncounted: Vec<String>,
}

/// What applying a change set means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What it costs.
    pub cost: Cost,
    /// How long the server is down.
    pub downtime: Downtime,
    /// The resources whose data is lost.
    pub data_at_risk: Vec<Address>,
    /// Why it cannot be undone; nothing where it can.
    pub irreversible: Vec<Cause>,
    /// Whether it cannot be applied at all, so that everything stays as it is.
    pub is_refused: bool,
    /// Whether there is anything to apply.
    pub has_work: bool,
    /// The same of each change, in the order of the changes.
    pub changes: Vec<ChangeVerdict>,
}

/// What one change means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeVerdict {
    /// What the resource costs a month before.
    pub before: Money,
    /// What it costs afterwards.
    pub after: Money,
    /// The fields that make the difference in cost.
    pub priced: Vec<String>,
    /// How long the server is down for it.
    pub downtime: Downtime,
    /// The fields for which it is.
    pub restarting: Vec<String>,
    /// Whether data is lost.
    pub loses_data: bool,
    /// Why it cannot be undone; nothing where it can.
    pub irreversible: Vec<Cause>,
}

/// Says what applying a change set in a region means.
pub fn of(region: &str, set: &ChangeSet) -> Verdict {
    let before = Estimate::before(region, set);
    let is_refused = !set.refusals.is_empty() || set.conflicts().next().is_some();
    let after = Estimate::after(region, set);
    let changes: Vec<ChangeVerdict> = set
        .changes
        .iter()
        .enumerate()
        .map(|(part, change)| ChangeVerdict {
            before: before.of_part(part),
            after: after.of_part(part),
            ..of_change(set, change)
        })
        .collect();
    // Of what cannot be applied nothing comes about.
    let applied = if is_refused { &[] } else { changes.as_slice() };
    let losing = set
        .changes
        .iter()
        .filter(|change| !is_refused && change.loses_data());
    let last = if is_refused { &before } else { &after };
    Verdict {
        cost: Cost {
            before: before.monthly(),
            after: last.monthly(),
            unknown: last.unknown(),
            uncounted: last.uncounted(),
        },
        downtime: applied
            .iter()
            .map(|change| change.downtime)
            .max()
            .unwrap_or_default(),
        data_at_risk: losing.map(|change| change.address().clone()).collect(),
        irreversible: applied
            .iter()
            .flat_map(|change| change.irreversible.clone())
            .collect(),
        is_refused,
        has_work: set.has_work(),
        changes,
    }
}

/// Says what starting or stopping the server means.
pub fn of_power(region: &str, live: &LiveLab, wanted: Power) -> Verdict {
    let estimate = Estimate::of_lab(region, &live.resources);
    let is_stop = wanted.is_down();
    let server = live.current(Kind::Instance);
    let changes_address =
        is_stop && !live.resources.iter().any(leads_to_server) && server.is_some_and(has_address);
    let cause = || Cause {
        address: Address::of(Kind::Instance),
        path: Some("public_ip".to_owned()),
    };
    Verdict {
        cost: Cost {
            before: estimate.monthly(),
            after: if is_stop {
                estimate.stopped()
            } else {
                estimate.running()
            },
            unknown: if is_stop {
                estimate.unknown()
            } else {
                estimate.unpriced()
            },
            uncounted: estimate.uncounted(),
        },
        downtime: if is_stop {
            Downtime::UntilStarted
        } else {
            Downtime::None
        },
        irreversible: changes_address.then(cause).into_iter().collect(),
        has_work: true,
        ..Verdict::default()
    }
}

fn of_change(set: &ChangeSet, change: &Change) -> ChangeVerdict {
    let paths = |is_meant: fn(&FieldChange) -> bool| {
        let fields = change.fields().iter().filter(|field| is_meant(field));
        fields.map(|field| field.path.clone()).collect::<Vec<_>>()
    };
    let downtime = downtime(change);
    ChangeVerdict {
        priced: paths(|field| field.priced),
        downtime,
        restarting: match downtime {
            Downtime::None => Vec::new(),
            Downtime::Restart => paths(|field| field.on_change == OnChange::Restart),
            _ => paths(|field| field.on_change == OnChange::Replace),
        },
        loses_data: change.loses_data(),
        irreversible: irreversible(set, change),
        ..ChangeVerdict::default()
    }
}

fn downtime(change: &Change) -> Downtime {
    let is_server = change.address().kind() == Kind::Instance;
    match change {
        Change::Replace(_) if is_server => Downtime::UntilSetUp,
        Change::Delete(live) if is_server && live.standing == Standing::Current => {
            Downtime::ForGood
        }
        _ if change.impact() == Impact::Restart => Downtime::Restart,
        _ => Downtime::None,
    }
}

fn irreversible(set: &ChangeSet, change: &Change) -> Vec<Cause> {
    let address = change.address();
    let lost = address.kind().lost();
    let cause = |path: Option<&str>| Cause {
        address: address.clone(),
        path: path.map(str::to_owned),
    };
    match change {
        // Nobody uses what an interrupted run left behind.
        Change::Delete(live) if lost != Lost::Nothing && live.standing != Standing::Duplicate => {
            vec![cause(None)]
        }
        Change::Replace(edit) if lost != Lost::Nothing => {
            let forcing = |field: &&FieldChange| field.on_change == OnChange::Replace;
            let fields = edit.fields.iter().filter(forcing);
            fields.map(|field| cause(Some(&field.path))).collect()
        }
        Change::Update(edit) => {
            let loses_address =
                change.impact() == Impact::Restart && has_passing_address(set, edit);
            let is_final = |field: &&FieldChange| match field.on_change {
                OnChange::Grow => true,
                OnChange::Restart => loses_address,
                _ => false,
            };
            let fields = edit.fields.iter().filter(is_final);
            fields.map(|field| cause(Some(&field.path))).collect()
        }
        Change::Create(_)
            if address.kind() == Kind::ElasticIp && server(set).is_some_and(has_address) =>
        {
            vec![cause(None)]
        }
        _ => Vec::new(),
    }
}

/// Whether the server has a public address that it loses when it stops.
fn has_passing_address(set: &ChangeSet, edit: &Edit) -> bool {
    let mut live = set.changes.iter().filter_map(Change::live);
    edit.live.observed.public_ip.is_some() && !live.any(leads_to_server)
}

/// Whether it is an address that stays when the server stops, and leads to it.
fn leads_to_server(live: &LiveResource) -> bool {
    match &live.body {
        Body::ElasticIp(body) => body.instance == Some(Reference::to(Kind::Instance)),
        _ => false,
    }
}

fn server(set: &ChangeSet) -> Option<&LiveResource> {
    let live = set.changes.iter().filter_map(Change::live);
    let mut servers = live.filter(|live| live.address.kind() == Kind::Instance);
    servers.find(|live| live.standing == Standing::Current)
}

/// Whether the server has a public address, which another one takes the place of.
const fn has_address(server: &LiveResource) -> bool {
    server.observed.public_ip.is_some()
}
