//! Desired resources against live ones → change set. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::resource::{
    Address, Field, Impact, OnChange, Owner, Power, Reference, Standing, Value,
};
use crate::cloud::resources::{Body, Kind};
use crate::cloud::resources::{DesiredResource, LiveResource};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The place in the resource.
    pub path: String,
    /// What it is.
    pub before: Value,
    /// What it is to be.
    pub after: Value,
    /// What it takes.
    pub on_change: OnChange,
    /// Whether what AWS charges for the resource depends on it.
    pub priced: bool,
}

/// The difference of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is as the plan wants it, or somebody else's that is used as it is.
    None(LiveResource),
    /// It does not exist yet.
    Create(DesiredResource),
    /// It is changed in place.
    Update(Edit),
    /// It is deleted and made anew.
    Replace(Edit),
    /// It is the lab's, and the plan does not name it any more.
    Delete(LiveResource),
    /// Something that is not the lab's is in the way.
    Conflict(Conflict),
    /// It would have to be deleted, and may not be without being named.
    Kept(LiveResource),
}

/// A live resource, what it is to become, and where the two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// As it is.
    pub live: LiveResource,
    /// As the plan wants it.
    pub desired: DesiredResource,
    /// Where they differ.
    pub fields: Vec<FieldChange>,
    /// What is made anew of that which it refers to, with the ids of before.
    pub replaced: BTreeMap<Address, String>,
}

impl Edit {
    /// The resource as it is when it is changed: what it refers to and is made anew by then has
    /// the id of before, so that it differs from what is to be.
    pub fn before(&self) -> LiveResource {
        let mut live = self.live.clone();
        live.body.each_reference(&mut |reference| {
            if let Reference::To(address) = reference
                && let Some(id) = self.replaced.get(address)
            {
                *reference = Reference::Id(id.clone());
            }
        });
        live
    }
}

/// Something in the way of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What the plan wants.
    pub desired: DesiredResource,
    /// The ids of what is in the way.
    pub ids: Vec<String>,
    /// Whose that is.
    pub owner: Owner,
}

impl Change {
    /// The resource's address.
    pub const fn address(&self) -> &Address {
        match self {
            Self::None(live) | Self::Delete(live) | Self::Kept(live) => &live.address,
            Self::Create(desired) => &desired.address,
            Self::Update(edit) | Self::Replace(edit) => &edit.live.address,
            Self::Conflict(conflict) => &conflict.desired.address,
        }
    }

    /// The live resource, where there is one of the lab's.
    pub const fn live(&self) -> Option<&LiveResource> {
        match self {
            Self::None(live) | Self::Delete(live) | Self::Kept(live) => Some(live),
            Self::Update(edit) | Self::Replace(edit) => Some(&edit.live),
            Self::Create(_) | Self::Conflict(_) => None,
        }
    }

    /// The desired properties, where something is to be brought to them.
    pub const fn desired(&self) -> Option<&DesiredResource> {
        match self {
            Self::Create(desired) => Some(desired),
            Self::Update(edit) | Self::Replace(edit) => Some(&edit.desired),
            _ => None,
        }
    }

    /// The fields that differ.
    pub fn fields(&self) -> &[FieldChange] {
        match self {
            Self::Update(edit) | Self::Replace(edit) => &edit.fields,
            _ => &[],
        }
    }

    /// What the change does to the service that the resource gives.
    pub fn impact(&self) -> Impact {
        match self {
            Self::Replace(_) => Impact::Replace,
            Self::Update(edit) => {
                let is_up = !edit.live.observed.power.is_some_and(Power::is_down);
                let needs_stop = |field: &FieldChange| field.on_change == OnChange::Restart;
                match is_up && edit.fields.iter().any(needs_stop) {
                    true => Impact::Restart,
                    false => Impact::None,
                }
            }
            _ => Impact::None,
        }
    }

    /// Whether an apply does anything about it.
    pub const fn is_work(&self) -> bool {
        matches!(
            self,
            Self::Create(_) | Self::Update(_) | Self::Replace(_) | Self::Delete(_)
        )
    }

    /// Whether it loses data that no later apply brings back.
    pub fn loses_data(&self) -> bool {
        let loses = matches!(self, Self::Replace(_) | Self::Delete(_));
        loses && self.address().kind().holds_data()
    }
}

/// A change that AWS cannot make; nothing is applied while there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The resource.
    pub address: Address,
    /// The place in the plan file.
    pub path: String,
    /// What is wrong.
    pub summary: String,
    /// What to do.
    pub help: String,
}

/// How many changes there are of each action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// To be created.
    pub create: usize,
    /// To be changed in place.
    pub update: usize,
    /// To be deleted and made anew.
    pub replace: usize,
    /// To be deleted.
    pub delete: usize,
    /// In the way.
    pub conflict: usize,
    /// Of all these, how many restart the server.
    pub restart: usize,
}

/// All changes, in the order of their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The changes, unchanged resources included.
    pub changes: Vec<Change>,
    /// What AWS cannot do.
    pub refusals: Vec<Refusal>,
}

impl ChangeSet {
    /// Counts the changes by action.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for change in &self.changes {
            match change {
                Change::Create(_) => summary.create += 1,
                Change::Update(_) => summary.update += 1,
                Change::Replace(_) => summary.replace += 1,
                Change::Delete(_) => summary.delete += 1,
                Change::Conflict(_) => summary.conflict += 1,
                Change::None(_) | Change::Kept(_) => {}
            }
            if change.impact() == Impact::Restart {
                summary.restart += 1;
            }
        }
        summary
    }

    /// Whether an apply would do anything.
    pub fn has_work(&self) -> bool {
        self.changes.iter().any(Change::is_work)
    }

    /// What stands in the way.
    pub fn conflicts(&self) -> impl Iterator<Item = &Conflict> {
        self.changes.iter().filter_map(|change| match change {
            Change::Conflict(conflict) => Some(conflict),
            _ => None,
        })
    }

    fn sorted(mut self) -> Self {
        self.changes
            .sort_by(|one, other| one.address().cmp(other.address()));
        self
    }
}

/// Compares what the plan wants with what there is.
pub fn diff(desired: &[DesiredResource], live: &[LiveResource]) -> ChangeSet {
    let mut set = ChangeSet::default();
    let mut replaced = BTreeMap::new();
    for wanted in desired {
        let is_candidate = |live: &&LiveResource| {
            let is_it = live.address == wanted.address || excludes(live, wanted);
            is_it && live.standing == Standing::Current
        };
        let candidates: Vec<&LiveResource> = live.iter().filter(is_candidate).collect();
        let is_ours = |live: &&&LiveResource| live.owner == Owner::Lab;
        let has_other_form = |live: &&LiveResource| matches!(live.owner, Owner::OtherForm(_));
        let change = match candidates.iter().find(is_ours) {
            // The lab's is a note only, beside what somebody has put in its place.
            Some(_) if candidates.iter().any(has_other_form) => {
                let others: Vec<_> = candidates.into_iter().filter(has_other_form).collect();
                foreign(wanted, &others)
            }
            Some(live) => compare(live, wanted, &replaced, &mut set.refusals),
            None => foreign(wanted, &candidates),
        };
        if let Change::Replace(edit) = &change {
            replaced.insert(wanted.address.clone(), edit.live.id.clone());
        }
        set.changes.push(change);
    }
    let is_wanted =
        |live: &LiveResource| desired.iter().any(|wanted| wanted.address == live.address);
    let left_over = live.iter().filter(|live| {
        let is_named = live.standing == Standing::Current && is_wanted(live);
        live.owner == Owner::Lab && !is_named
    });
    set.changes.extend(
        left_over.map(|live| match live.address.kind().holds_data() {
            true => Change::Kept(live.clone()),
            false => Change::Delete(live.clone()),
        }),
    );
    set.sorted()
}

/// Whether a record of others leaves no room for the wanted one: a CNAME stands
/// alone at its name (RFC 1034, section 3.6.2).
fn excludes(live: &LiveResource, wanted: &DesiredResource) -> bool {
    let (Body::Record(one), Body::Record(other)) = (&live.body, &wanted.body) else {
        return false;
    };
    let has_cname = one.record_type == "CNAME" || other.record_type == "CNAME";
    live.owner != Owner::Lab && one.name == other.name && has_cname
}

/// What is not the lab's is used if its kind allows that, or is in the way.
fn foreign(wanted: &DesiredResource, candidates: &[&LiveResource]) -> Change {
    match candidates {
        [] => Change::Create(wanted.clone()),
        [one] if wanted.address.kind().can_be_shared() => Change::None((*one).clone()),
        [first, ..] => Change::Conflict(Conflict {
            desired: wanted.clone(),
            ids: candidates.iter().map(|live| live.id.clone()).collect(),
            owner: first.owner.clone(),
        }),
    }
}

fn compare(
    live: &LiveResource,
    wanted: &DesiredResource,
    replaced: &BTreeMap<Address, String>,
    refusals: &mut Vec<Refusal>,
) -> Change {
    let fields = differences(live, &wanted.body, replaced);
    let shrunk = fields.iter().filter(|field| {
        field.on_change == OnChange::Grow && field.after.number() < field.before.number()
    });
    refusals.extend(shrunk.map(|field| shrink_refused(&live.address, field)));
    let edit = || Edit {
        live: live.clone(),
        desired: wanted.clone(),
        fields: fields.clone(),
        replaced: replaced.clone(),
    };
    let needs_replacing = |field: &FieldChange| field.on_change == OnChange::Replace;
    if fields.is_empty() {
        Change::None(live.clone())
    } else if fields.iter().any(needs_replacing) {
        Change::Replace(edit())
    } else {
        Change::Update(edit())
    }
}

/// EBS volumes only grow (Amazon EBS User Guide, "Limitations").
fn shrink_refused(address: &Address, field: &FieldChange) -> Refusal {
    let size = |value: &Value| format!("{} GiB", value.number().unwrap_or_default());
    Refusal {
        address: address.clone(),
        path: format!("{address}.{}", field.path),
        summary: format!(
            "the server's volume has {} and cannot shrink to {}",
            size(&field.before),
            size(&field.after)
        ),
        help: format!(
            "write `{}` or more: AWS can only grow a volume",
            size(&field.before)
        ),
    }
}

/// The fields that differ, those included that refer to what is made anew.
fn differences(
    live: &LiveResource,
    wanted: &Body,
    replaced: &BTreeMap<Address, String>,
) -> Vec<FieldChange> {
    let before = by_path(live.body.fields());
    let after = by_path(wanted.fields());
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let refers_to_replaced = |value: &Value| {
        let mut addresses = Vec::new();
        value.collect_references(&mut addresses);
        addresses
            .iter()
            .any(|address| replaced.contains_key(address))
    };
    let change = |path: &String| {
        let old = before.get(path);
        let new = after.get(path);
        let on_change = new.or(old)?.on_change;
        let priced = new.or(old)?.priced;
        let value =
            |field: Option<&Field>| field.map_or(Value::Absent, |field| field.value.clone());
        let (old, new) = (value(old), value(new));
        let is_same = old == new && !refers_to_replaced(&new);
        if is_same || on_change == OnChange::Ignore {
            return None;
        }
        // What was not known before is noted, not made anew.
        let on_change = match (on_change, &old) {
            (OnChange::Replace, Value::Absent) => OnChange::Update,
            (other, _) => other,
        };
        Some(FieldChange {
            path: path.clone(),
            before: old,
            after: new,
            on_change,
            priced,
        })
    };
    paths.into_iter().filter_map(change).collect()
}

fn by_path(fields: Vec<Field>) -> BTreeMap<String, Field> {
    let pairs = fields.into_iter().map(|field| (field.path.clone(), field));
    pairs.collect()
}

/// Says what taking the whole lab down means: everything of the lab's goes, a
/// zone only when it is named, and nothing of anybody else's.
pub fn destroy(live: &[LiveResource], delete_zone: bool) -> ChangeSet {
    let ours = live.iter().filter(|live| live.owner == Owner::Lab);
    let changes = ours.map(|live| match live.address.kind() {
        Kind::Zone if !delete_zone => Change::Kept(live.clone()),
        _ => Change::Delete(live.clone()),
    });
    ChangeSet {
        changes: changes.collect(),
        refusals: Vec::new(),
    }
    .sorted()
}
