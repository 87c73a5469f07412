//! The order of steps, for any mixture of changes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use labctl::cloud::diff::{Change, ChangeSet, Edit};
use labctl::cloud::graph::{self, Action, Graph};
use labctl::cloud::lower::{self, Inputs};
use labctl::cloud::resource::{Address, Owner, Standing};
use labctl::cloud::resources::{Body, Kind, Scope};
use labctl::cloud::resources::{DesiredResource, LiveResource};
use proptest::prelude::*;

use super::harness::{ACCOUNT, KEY, Lab, WHOLE, laptop, parse};

/// A lab as it is wanted, and as it is.
struct Sides {
    desired: Vec<DesiredResource>,
    live: BTreeMap<Address, LiveResource>,
}

async fn sides(text: &str) -> Sides {
    let lab = Lab::new(text);
    lab.apply().await;
    let plan = parse(text);
    let laptop = laptop(KEY);
    let inputs = Inputs {
        public_key: laptop.public_key,
        my_ip: laptop.my_ip,
        account: ACCOUNT.to_owned(),
    };
    let live = lab.plan().await.live.resources;
    let ours = live
        .into_iter()
        .filter(|live| live.owner == Owner::Lab && live.standing == Standing::Current);
    Sides {
        desired: lower::lower(&plan, &Scope::of(&plan), &inputs),
        live: ours.map(|live| (live.address.clone(), live)).collect(),
    }
}

fn with_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

/// Makes a change set: one change for each resource, by the numbers.
fn change_set(sides: &Sides, choices: &[u8]) -> ChangeSet {
    let changes = sides.desired.iter().zip(choices).map(|(desired, choice)| {
        let live = sides.live[&desired.address].clone();
        let edit = || Edit {
            live: live.clone(),
            desired: desired.clone(),
            fields: Vec::new(),
            replaced: BTreeMap::new(),
        };
        // Only what has a field that cannot be changed in place is ever replaced.
        let kind = desired.address.kind();
        let is_replaceable = [
            Kind::KeyPair,
            Kind::Vpc,
            Kind::Subnet,
            Kind::RouteTable,
            Kind::SecurityGroup,
            Kind::Instance,
        ]
        .contains(&kind);
        match choice % 5 {
            3 if !is_replaceable => Change::Update(edit()),
            0 => Change::None(live),
            1 => Change::Create(desired.clone()),
            2 => Change::Update(edit()),
            3 => Change::Replace(edit()),
            _ => Change::Delete(live),
        }
    });
    ChangeSet {
        changes: changes.collect(),
        refusals: Vec::new(),
    }
}

/// All steps that come before a step.
fn before(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut all: Vec<BTreeSet<usize>> = graph.steps.iter().map(|step| step.needs.clone()).collect();
    loop {
        let next: Vec<BTreeSet<usize>> = all
            .iter()
            .map(|needs| {
                needs
                    .iter()
                    .flat_map(|one| all[*one].iter().copied().chain([*one]))
                    .collect()
            })
            .collect();
        if next == all {
            return all;
        }
        all = next;
    }
}

fn mentions(body: &Body) -> Vec<Address> {
    let mut all = body.references(false);
    all.extend(body.references(true));
    all
}

/// What a step makes usable, and what it takes away.
fn makes(action: &Action) -> Option<&Address> {
    match action {
        Action::Create(desired) => Some(&desired.address),
        Action::Update(edit) => Some(&edit.live.address),
        _ => None,
    }
}

fn check_order(graph: &Graph) {
    let before = before(graph);
    for (index, step) in graph.steps.iter().enumerate() {
        assert!(
            !before[index].contains(&index),
            "{} waits for itself",
            step.name()
        );
    }
    for (later, step) in graph.steps.iter().enumerate() {
        let needed = match &step.action {
            Action::Create(desired) => desired.body.references(false),
            Action::Attach(desired) => desired.body.references(true),
            Action::Update(edit) => mentions(&edit.desired.body),
            Action::Delete(_) | Action::Records(_) => Vec::new(),
        };
        for (earlier, other) in graph.steps.iter().enumerate() {
            let makes = makes(&other.action).filter(|address| needed.contains(address));
            if let Some(address) = makes.filter(|_| earlier != later) {
                assert!(
                    before[later].contains(&earlier),
                    "{} {} before {address}",
                    step.verb(),
                    step.name()
                );
            }
        }
        let Action::Delete(live) = &step.action else {
            continue;
        };
        for (other_index, other) in graph.steps.iter().enumerate() {
            let Action::Delete(referred) = &other.action else {
                continue;
            };
            if other_index != later && live.body.references(false).contains(&referred.address) {
                assert!(
                    before[other_index].contains(&later),
                    "{} deleted before {}",
                    other.name(),
                    step.name()
                );
            }
        }
    }
}

#[test]
fn steps_are_in_order_whatever_changes() {
    let sides = with_runtime(sides(WHOLE));
    let count = sides.desired.len();
    let config = ProptestConfig {
        cases: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(choices in proptest::collection::vec(any::<u8>(), count))| {
        let set = change_set(&sides, &choices);
        let graph = graph::build(&set);
        prop_assert!(graph.is_ok(), "{:?}", graph.err());
        check_order(&graph.unwrap());
    });
}

#[test]
fn all_of_one_kind_of_change_is_in_order() {
    let sides = with_runtime(sides(WHOLE));
    for choice in 0..5 {
        let graph = graph::build(&change_set(&sides, &vec![choice; sides.desired.len()])).unwrap();
        check_order(&graph);
    }
}

#[tokio::test(start_paused = true)]
async fn steps_begin_only_when_what_they_need_is_done() {
    use labctl::cloud::apply::{Applying, Event};
    use std::cell::Cell;
    let lab = Lab::new(WHOLE);
    let planned = lab.plan().await;
    let graph = graph::build(&planned.set).unwrap();
    let done: RefCell<Vec<String>> = RefCell::default();
    let listener = |event: &Event<'_>| match event {
        Event::Started(step) => {
            for needed in &step.needs {
                let other = &graph.steps[*needed];
                let name = format!("{} {}", other.verb(), other.name());
                assert!(
                    done.borrow().contains(&name),
                    "{} before {name}",
                    step.name()
                );
            }
        }
        Event::Finished(step, _) => {
            done.borrow_mut()
                .push(format!("{} {}", step.verb(), step.name()))
        }
        _ => {}
    };
    let applying = Applying {
        cloud: &lab.memory,
        scope: &planned.scope,
        lookups: &planned.lookups,
        live: &planned.live,
        empty_bucket: false,
        deadline: None,
        stops_at_failure: false,
        interrupted: &Cell::new(false),
        listener: &listener,
    };
    let outcome = applying.apply(&graph).await;
    assert_eq!(outcome.finished, graph.steps.len());
    lab.check_exactly_the_lab();
}
