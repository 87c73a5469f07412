//! The end of a run: nothing goes wrong any more, and the lab has to become as its plan says.

use std::time::Duration;

use aws_sdk_ec2::operation::start_instances::StartInstancesInput;
use labctl::cloud::api::Cloud;
use labctl::cloud::diff::{Change, ChangeSet};
use labctl::cloud::planning::{self, Planned};
use labctl::cloud::resources::{Kind, Scope};
use tokio::time::sleep;

use crate::engine::harness::{ALL, Lab, actions, complaints, run};
use crate::engine::inspection;
use crate::engine::picture::differences;
use crate::memory_cloud::{Inventory, Item};

use super::actions::{Permission, destroy_refusal, refusal};
use super::hands::{self, at_once};
use super::process::Process;
use super::recipe::{LAB, TYPES};
use super::sim::{Sim, ours};
use super::tricks::Trick;
use super::{checks, refused};

/// Lets everything settle, applies, looks, and now and then takes it all down.
pub async fn end(sim: &Sim, before: Inventory, trick: Option<Trick>) {
    for scarce in TYPES {
        sim.memory.restore_capacity(scarce);
    }
    let minutes = sim.chance.pick(&[2, 2, 2, 150]);
    sleep(Duration::from_secs(60 * minutes)).await;
    sim.log(|| "the end: nothing goes wrong any more".to_owned());
    if trick == Some(Trick::TakesForeignTag) {
        hands::foreign_tag(sim);
    }
    converge(sim, before, trick).await;
    if sim.has_complaints() || sim.is_at_a_gap.get() {
        return;
    }
    exact(sim).await;
    if !sim.has_complaints() && sim.chance.percent(33) {
        take_down(sim, trick).await;
    }
}

async fn plan(sim: &Sim) -> Option<Planned> {
    let laptop = sim.recipe.borrow().laptop();
    let before = sim.chance.percent(20).then(|| sim.memory.snapshot());
    let process = Process::new(sim, 'z', super::process::Weather::CALM);
    let cloud = process.cloud();
    let plan = sim.plan();
    let planned = process.live(planning::plan(&cloud, &plan, &laptop)).await?;
    if before.is_some_and(|before| before != sim.memory.snapshot()) {
        sim.complain("planning changed something");
    }
    planned
        .map_err(|error| {
            sim.complain(format!(
                "planning failed though nothing went wrong: {error}"
            ))
        })
        .ok()
}

/// Plans until nothing is refused; each refusal has to be right.
async fn plan_that_stands(sim: &Sim) -> Option<Planned> {
    for _ in 0..12 {
        let planned = plan(sim).await?;
        refused::check_replacement(sim, &planned.set);
        let is_protected = sim.recipe.borrow().protect;
        let Some(text) = refusal(&planned, is_protected, true) else {
            return Some(planned);
        };
        sim.count("refusals at the end");
        sim.log(|| text.clone());
        refused::make_way(sim, &planned, &text);
        if sim.has_complaints() || sim.is_at_a_gap.get() {
            return None;
        }
    }
    sim.complain("the plan is refused over and over");
    None
}

async fn converge(sim: &Sim, before: Inventory, trick: Option<Trick>) {
    let mut before = before;
    for attempt in 0..3 {
        let Some(planned) = plan_that_stands(sim).await else {
            return;
        };
        let replaces = planned
            .set
            .changes
            .iter()
            .any(|change| change.loses_data() && change.address().kind() == Kind::Instance);
        sim.log(|| format!("to do: {:?}", actions(&planned.set)));
        let process = Process::tricked(sim, trick);
        let cloud = process.cloud();
        let Some(outcome) = process.live(run(&cloud, &planned, false)).await else {
            return;
        };
        let after = sim.memory.snapshot().living();
        let may = Permission {
            server: replaces,
            ..Permission::default()
        };
        checks::data(sim, &before, &after, may);
        checks::others(sim, &after);
        before = after;
        let problems = complaints(&outcome);
        if problems.is_empty() {
            return;
        }
        // A volume can be changed four times a day, and only once the last change is complete.
        let is_rate = |problem: &String| {
            problem.contains("VolumeModificationRateExceeded") || problem.contains("24")
        };
        if attempt > 0 || !problems.iter().any(is_rate) {
            sim.complain(format!(
                "the apply failed though nothing went wrong: {problems:#?}"
            ));
            return;
        }
        sleep(Duration::from_hours(26)).await;
    }
}

/// Checks that the lab is just as the plan says, and that there is nothing beside it.
async fn exact(sim: &Sim) {
    sleep(Duration::from_secs(60)).await;
    let Some(planned) = plan(sim).await else {
        return;
    };
    let is_done = |change: &Change| matches!(change, Change::None(_) | Change::Kept(_));
    if !planned.set.changes.iter().all(is_done) || !planned.set.refusals.is_empty() {
        sim.complain(format!("still to do: {:?}", actions(&planned.set)));
        return;
    }
    let now = sim.memory.snapshot();
    check_power(sim, &now).await;
    let now = sim.memory.snapshot().living();
    let kept = kept(sim, &planned.set, &now);
    let lab = Lab {
        memory: sim.memory.clone(),
        text: sim.recipe.borrow().text(),
        laptop: sim.recipe.borrow().laptop(),
        before: beside(sim, &now, &kept),
    };
    let faults = inspection::faults(&lab);
    if !faults.is_empty() {
        sim.complain(format!("the lab is not as the plan says: {faults:#?}"));
    }
    checks::others(sim, &now);
    check_other_zones(sim, &now);
}

/// Of the lab's records, none are in a zone that the plan does not name.
///
/// One gap is known: a new key replaces the key pair, a kill comes between the
/// two calls, and the plan names another zone before the next apply. Then nothing
/// tells labctl of a zone of others in which it had records.
fn check_other_zones(sim: &Sim, now: &Inventory) {
    let recipe = sim.recipe.borrow();
    let zone = recipe.dns.as_ref().map(|dns| format!("{}.", dns.zone));
    for item in now
        .of("hostedzone")
        .into_iter()
        .filter(|item| Some(&item.name) != zone.as_ref())
    {
        let mark = format!("heritage=labctl,lab={LAB},region={}", recipe.region);
        let orphan = item
            .attributes
            .iter()
            .find(|(_, value)| value.contains(&mark));
        if let Some((record, _)) = orphan {
            sim.complain(format!("{record} is left in {}", item.name));
        }
    }
}

/// A server is off only if somebody turned it off.
async fn check_power(sim: &Sim, now: &Inventory) {
    let servers = ours(now, sim, "instance");
    let Some(server) = servers.iter().find(|server| server.state == "stopped") else {
        return;
    };
    if !sim.stopped_on_purpose.get() {
        sim.complain("the server is off, and nobody turned it off");
    }
    at_once(
        sim.memory
            .start_instances(StartInstancesInput::builder().instance_ids(&server.id)),
    );
    sleep(Duration::from_secs(60)).await;
}

/// The buckets and zones of the lab that the plan does not name any more; the plan has to
/// show each of them.
fn kept(sim: &Sim, set: &ChangeSet, now: &Inventory) -> Vec<Item> {
    let plan = sim.plan();
    let bucket = plan.bucket.as_ref().map(|bucket| bucket.name.to_string());
    let zone = plan.dns.as_ref().map(|dns| format!("{}.", dns.zone));
    let buckets = ours(now, sim, "bucket").into_iter();
    let zones = ours(now, sim, "hostedzone").into_iter();
    let former: Vec<Item> = buckets
        .filter(|item| Some(&item.name) != bucket.as_ref())
        .chain(zones.filter(|item| Some(&item.name) != zone.as_ref()))
        .cloned()
        .collect();
    let shown = set
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Kept(_)))
        .count();
    if shown != former.len() {
        sim.complain(format!("{shown} kept, and there are {former:#?}"));
    }
    former
}

/// What is in the account besides the lab: of others, and kept.
fn beside(sim: &Sim, now: &Inventory, kept: &[Item]) -> Inventory {
    let foreign = sim.foreign.borrow();
    let mut items: Vec<Item> = foreign
        .values()
        .cloned()
        .chain(kept.iter().cloned())
        .collect();
    for record in sim.foreign_records.borrow().iter() {
        let Some(zone) = now.get(&record.zone) else {
            continue;
        };
        if !items.iter().any(|item| item.id == zone.id) {
            let mut zone = zone.clone();
            zone.attributes.clear();
            items.push(zone);
        }
        let attribute = (checks::key(record), format!("60 {}", record.value));
        for item in items.iter_mut().filter(|item| item.id == record.zone) {
            item.attributes.extend([attribute.clone()]);
        }
    }
    Inventory { items }
}

/// Destroys everything; only what others have may be left.
async fn take_down(sim: &Sim, trick: Option<Trick>) {
    sim.count("labs taken down at the end");
    sim.log(|| "all is taken down".to_owned());
    sim.recipe.borrow_mut().protect = false;
    for _ in 0..3 {
        let process = Process::tricked(sim, trick);
        let cloud = process.cloud();
        let work = async {
            let scope = Scope::of(&sim.plan());
            let planned = planning::plan_destroy(&cloud, scope, true).await?;
            if let Some(refusal) = destroy_refusal(&cloud, &planned, ALL).await? {
                return Ok(vec![refusal]);
            }
            Ok(complaints(&run(&cloud, &planned, true).await))
        };
        let ended: Option<Result<Vec<String>, labctl::cloud::api::CallError>> =
            process.live(work).await;
        match ended {
            Some(Ok(problems)) if problems.is_empty() => break,
            Some(Ok(problems)) if refused::clear_records(sim) => sim.log(|| problems.join("; ")),
            other => {
                sim.complain(format!(
                    "the destroy failed though nothing went wrong: {other:#?}"
                ));
                return;
            }
        }
    }
    sim.foreign_tags.borrow_mut().clear();
    sleep(Duration::from_secs(60)).await;
    let now = sim.memory.snapshot().living();
    checks::others(sim, &now);
    let before = beside(sim, &now, &[]);
    let mut left = differences(&before, &now);
    left.retain(|line| !(sim.may_lack_notes.get() && line.contains("by hand")));
    if !left.is_empty() {
        sim.complain(format!("left behind: {left:#?}"));
    }
}
