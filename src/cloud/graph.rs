//! Change set → graph of steps. Pure.
//!
//! What is referred to is made first and deleted last; what is let go is let go
//! before it is deleted. All of that follows from the field tables.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::diff::{Change, ChangeSet, Edit};
use crate::cloud::resource::{Address, Reference};
use crate::cloud::resources::Body;
use crate::cloud::resources::Kind;
use crate::cloud::resources::record::{Record, RecordChange};
use crate::cloud::resources::{DesiredResource, LiveResource};

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates a resource.
    Create(DesiredResource),
    /// Sets the fields of a new resource that had to wait for others.
    Attach(DesiredResource),
    /// Changes a resource in place.
    Update(Box<Edit>),
    /// Deletes a resource.
    Delete(Box<LiveResource>),
    /// Changes the records of one zone, in one batch.
    Records(Vec<RecordChange>),
}

/// One action of an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The resources that it is about: one, or the records of a zone.
    pub addresses: Vec<Address>,
    /// What it does.
    pub action: Action,
    /// The steps that must have succeeded before.
    pub needs: BTreeSet<usize>,
}

impl Step {
    /// The step's name for people.
    pub fn name(&self) -> String {
        let names: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        names.join(", ")
    }

    /// What the step does, as a word.
    pub fn verb(&self) -> &'static str {
        match &self.action {
            Action::Create(_) => "create",
            Action::Attach(_) => "attach",
            Action::Update(_) => "update",
            Action::Delete(_) => "delete",
            Action::Records(changes) => {
                let all = |is: fn(&RecordChange) -> bool| changes.iter().all(is);
                if all(|change| matches!(change, RecordChange::Create(_))) {
                    "create"
                } else if all(|change| matches!(change, RecordChange::Delete(_))) {
                    "delete"
                } else {
                    "update"
                }
            }
        }
    }
}

/// Steps and what each has to wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The steps; a step is named by its place.
    pub steps: Vec<Step>,
}

/// Steps that wait for each other; it would be a mistake in a field table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these steps wait for each other: {0}; please report this with your plan")]
pub struct Circular(pub String);

/// Builds the graph of a change set's steps.
pub fn build(set: &ChangeSet) -> Result<Graph, Circular> {
    let mut builder = Builder::default();
    for change in &set.changes {
        builder.add(change);
    }
    builder.add_records(set);
    builder.connect();
    let graph = Graph {
        steps: builder.steps,
    };
    graph.check()
}

impl Graph {
    /// Proves that every step can run: takes away what can, until none is left.
    fn check(self) -> Result<Self, Circular> {
        let mut left: BTreeSet<usize> = (0..self.steps.len()).collect();
        loop {
            let ready: Vec<usize> = left
                .iter()
                .copied()
                .filter(|step| self.steps[*step].needs.is_disjoint(&left))
                .collect();
            if ready.is_empty() {
                break;
            }
            for step in ready {
                left.remove(&step);
            }
        }
        if left.is_empty() {
            return Ok(self);
        }
        let names: Vec<_> = left.iter().map(|step| self.steps[*step].name()).collect();
        Err(Circular(names.join(", ")))
    }
}

/// What a step needs of others, in terms of addresses.
#[derive(Debug, Default)]
struct Links {
    /// It uses these: it runs once they are as they shall be.
    uses: Vec<Address>,
    /// It lets go of these: they are deleted after it.
    releases: Vec<Address>,
    /// It ends what referred to these: they are deleted after it.
    ends: Vec<Address>,
    /// It ends what is noted on these: they are changed after it.
    unnotes: Vec<Address>,
}

#[derive(Default)]
struct Builder {
    steps: Vec<Step>,
    links: Vec<Links>,
    /// The step after which an address can be used.
    ready: BTreeMap<Address, usize>,
    /// The steps that delete something of an address.
    deletes: BTreeMap<Address, Vec<usize>>,
    /// Addresses that are deleted for good, not to be made anew.
    deleted: BTreeSet<Address>,
}

impl Builder {
    fn push(&mut self, addresses: Vec<Address>, action: Action, links: Links) -> usize {
        self.steps.push(Step {
            addresses,
            action,
            needs: BTreeSet::new(),
        });
        self.links.push(links);
        self.steps.len() - 1
    }

    fn add(&mut self, change: &Change) {
        if change.address().kind() == Kind::Record {
            return;
        }
        match change {
            Change::Create(desired) => self.add_create(desired, None),
            Change::Update(edit) => self.add_update(edit),
            Change::Replace(edit) => {
                let delete = self.add_delete(&edit.live);
                self.add_create(&edit.desired, Some(delete));
            }
            Change::Delete(live) => {
                self.add_delete(live);
                self.deleted.insert(live.address.clone());
            }
            Change::None(_) | Change::Conflict(_) | Change::Kept(_) => {}
        }
    }

    fn add_create(&mut self, desired: &DesiredResource, after: Option<usize>) {
        let mut uses = desired.body.references(false);
        uses.extend(desired.body.created_after());
        let links = Links {
            uses,
            ..Links::default()
        };
        let address = desired.address.clone();
        let action = Action::Create(desired.clone());
        let create = self.push(vec![address.clone()], action, links);
        self.steps[create].needs.extend(after);
        self.ready.insert(address.clone(), create);
        let late = desired.body.references(true);
        if !late.is_empty() {
            let links = Links {
                uses: late,
                ..Links::default()
            };
            let attach = self.push(vec![address], Action::Attach(desired.clone()), links);
            self.steps[attach].needs.insert(create);
        }
    }

    fn add_update(&mut self, edit: &Edit) {
        let links = Links {
            uses: both_references(&edit.desired.body),
            releases: released(edit),
            ..Links::default()
        };
        let address = edit.live.address.clone();
        let action = Action::Update(Box::new(edit.clone()));
        let update = self.push(vec![address.clone()], action, links);
        self.ready.insert(address, update);
    }

    fn add_delete(&mut self, live: &LiveResource) -> usize {
        let links = Links {
            // What is set late goes with the resource, without any order.
            ends: live.body.references(false),
            unnotes: live.body.notes(),
            ..Links::default()
        };
        let address = live.address.clone();
        let delete = self.push(
            vec![address.clone()],
            Action::Delete(Box::new(live.clone())),
            links,
        );
        self.deletes.entry(address).or_default().push(delete);
        delete
    }

    /// The records of one zone are one step.
    fn add_records(&mut self, set: &ChangeSet) {
        type Zoned = (Vec<Address>, Vec<RecordChange>, Links);
        let mut by_zone: BTreeMap<Reference, Zoned> = BTreeMap::new();
        for change in &set.changes {
            for record_change in record_changes(change) {
                let record = record_change.record();
                let (addresses, changes, links) = by_zone.entry(record.zone.clone()).or_default();
                let mentioned = both_references(&Body::Record(record.clone()));
                match record_change {
                    RecordChange::Delete(_) => {
                        links.ends.extend(mentioned);
                        links.unnotes.extend(Body::Record(record.clone()).notes());
                    }
                    _ => links.uses.extend(mentioned),
                }
                if let Change::Update(edit) = change {
                    links.releases.extend(released(edit));
                }
                if !addresses.contains(change.address()) {
                    addresses.push(change.address().clone());
                }
                changes.push(record_change);
            }
        }
        for (zone, (addresses, changes, mut links)) in by_zone {
            // What goes and what comes are one batch, so what the batch uses
            // cannot wait for it.
            let uses = links.uses.clone();
            for gone in [&mut links.ends, &mut links.unnotes] {
                gone.retain(|address| !uses.contains(address));
            }
            let records = self.push(addresses, Action::Records(changes), links);
            // A zone of before has the id of no address.
            for step in &mut self.steps {
                if let (Action::Delete(live), Reference::Id(id)) = (&step.action, &zone)
                    && live.id == *id
                {
                    step.needs.insert(records);
                }
            }
        }
    }

    fn connect(&mut self) {
        for (index, links) in std::mem::take(&mut self.links).into_iter().enumerate() {
            for address in &links.uses {
                let ready = self.ready.get(address).filter(|step| **step != index);
                self.steps[index].needs.extend(ready);
            }
            for address in &links.ends {
                let after = self.deletes.get(address).cloned().unwrap_or_default();
                self.run_before(index, &after);
            }
            for address in &links.unnotes {
                // A note that is to be made anew is not there either.
                let after: Vec<usize> = self.ready.get(address).copied().into_iter().collect();
                self.run_before(index, &after);
            }
            for address in &links.releases {
                if self.deleted.contains(address) {
                    let after = self.deletes.get(address).cloned().unwrap_or_default();
                    self.run_before(index, &after);
                }
            }
        }
    }

    fn run_before(&mut self, first: usize, after: &[usize]) {
        for step in after.iter().filter(|step| **step != first) {
            self.steps[*step].needs.insert(first);
        }
    }
}

fn both_references(body: &Body) -> Vec<Address> {
    let mut references = body.references(false);
    references.extend(body.references(true));
    references
}

/// What the resource refers to and will not any more.
fn released(edit: &Edit) -> Vec<Address> {
    let uses = both_references(&edit.desired.body);
    let mut before = both_references(&edit.live.body);
    before.retain(|address| !uses.contains(address));
    before
}

fn record_changes(change: &Change) -> Vec<RecordChange> {
    let record = |body: &Body| match body {
        Body::Record(record) => Some(record.clone()),
        _ => None,
    };
    let of = |wrap: fn(Record) -> RecordChange, body: &Body| record(body).map(wrap);
    let changes = match change {
        Change::Create(desired) => [of(RecordChange::Create, &desired.body), None],
        Change::Update(edit) => [of(RecordChange::Update, &edit.desired.body), None],
        Change::Replace(edit) => [
            of(RecordChange::Delete, &edit.live.body),
            of(RecordChange::Create, &edit.desired.body),
        ],
        Change::Delete(live) => [of(RecordChange::Delete, &live.body), None],
        _ => [None, None],
    };
    changes.into_iter().flatten().collect()
}
