//! What apply refuses at the end: whether it is right, and how a user makes way.

use aws_sdk_ec2::operation::delete_key_pair::DeleteKeyPairInput;
use aws_sdk_iam::operation::delete_role::DeleteRoleInput;
use aws_sdk_route53::types::ChangeAction;
use labctl::cloud::api::Cloud;
use labctl::cloud::diff::{Change, ChangeSet, Conflict};
use labctl::cloud::planning::Planned;
use labctl::cloud::resources::Kind;

use super::hands::{self, at_once};
use super::recipe::{BUCKETS, Network};
use super::sim::{Sim, ours};

/// Checks that the server is to be replaced just where its image or its place changed.
pub fn check_replacement(sim: &Sim, set: &ChangeSet) {
    let now = sim.memory.snapshot();
    let servers = ours(&now, sim, "instance");
    let Some(server) = servers.iter().find(|server| server.state != "terminated") else {
        return;
    };
    let recipe = sim.recipe.borrow();
    let place = match &recipe.network {
        Network::Default => "default",
        Network::Dedicated => "dedicated",
        Network::Given(_, subnet) => subnet,
    };
    let says = |key: &str, value: &str| server.tags.get(key).is_none_or(|found| found == value);
    let is_due = !says("labctl:image", recipe.image) || !says("labctl:network", place);
    let is_replaced = set.changes.iter().any(|change| {
        matches!(change, Change::Replace(_)) && change.address().kind() == Kind::Instance
    });
    if is_due != is_replaced {
        sim.complain(format!(
            "the server is to be replaced: {is_replaced}; that is due: {is_due}\n{server:?}"
        ));
    }
    let lost = set
        .changes
        .iter()
        .find(|change| change.loses_data() && change.address().kind() != Kind::Instance);
    if let Some(change) = lost {
        sim.complain(format!("{} is to be lost by an apply", change.address()));
    }
}

/// Does what a user does about a refusal, if the refusal is right.
pub fn make_way(sim: &Sim, planned: &Planned, text: &str) {
    if let Some(refusal) = planned.set.refusals.first() {
        let now = sim.memory.snapshot();
        let size = ours(&now, sim, "volume")
            .first()
            .and_then(|disk| disk.attributes["size"].parse().ok());
        let mut recipe = sim.recipe.borrow_mut();
        match size {
            Some(size) if refusal.path.contains("size") && size > recipe.size => recipe.size = size,
            _ if refusal.path.contains("type") && recipe.instance_type == "m5.large" => {
                recipe.instance_type = "t3.micro";
            }
            _ => sim.complain(format!("this is refused for no reason: {refusal:?}")),
        }
        return;
    }
    let conflicts: Vec<&Conflict> = planned.set.conflicts().collect();
    if !conflicts.is_empty() {
        for conflict in conflicts {
            clear(sim, conflict);
        }
        return;
    }
    if sim.recipe.borrow().protect {
        sim.recipe.borrow_mut().protect = false;
        return;
    }
    sim.complain(format!("no way around: {text}"));
}

/// Takes out of the way what others have there; the lab's own is never in its way.
fn clear(sim: &Sim, conflict: &Conflict) {
    let address = &conflict.desired.address;
    if address.kind() == Kind::Record {
        if clear_records(sim) {
            return;
        }
        if sim.has_widows.get() {
            sim.is_at_a_gap.set(true);
            sim.count("runs ended at a known gap");
        } else {
            sim.complain(format!("nothing of others is in the way of {address}"));
        }
        return;
    }
    if address.kind() == Kind::Bucket {
        take_another_bucket(sim, conflict);
        return;
    }
    let now = sim.memory.snapshot();
    for id in &conflict.ids {
        let mut foreign = sim.foreign.borrow_mut();
        let found = now
            .items
            .iter()
            .find(|item| item.id == *id || item.name == *id);
        let key = found.map(|item| (item.kind.clone(), item.id.clone()));
        let Some(item) = key.and_then(|key| foreign.remove(&key)) else {
            sim.complain(format!(
                "{id} is in the way of {address}, and is not of others"
            ));
            return;
        };
        let gone = match item.kind.as_str() {
            "key-pair" => {
                let input = DeleteKeyPairInput::builder().key_pair_id(&item.id);
                at_once(sim.memory.delete_key_pair(input)).map(drop)
            }
            "role" => {
                let input = DeleteRoleInput::builder().role_name(&item.name);
                at_once(sim.memory.delete_role(input)).map(drop)
            }
            _ => None,
        };
        if gone.is_none() {
            sim.complain(format!("cannot take {} out of the way", item.id));
        }
    }
}

/// Nobody deletes a bucket of somebody else's: the plan takes another name, or none.
fn take_another_bucket(sim: &Sim, conflict: &Conflict) {
    let foreign = sim.foreign.borrow();
    let is_foreign = |name: &str| {
        foreign
            .values()
            .any(|item| item.kind == "bucket" && item.name == name)
    };
    if !conflict.ids.iter().all(|id| is_foreign(id)) {
        sim.complain(format!(
            "{:?} is in the way, and is not of others",
            conflict.ids
        ));
    }
    let mut recipe = sim.recipe.borrow_mut();
    let free = BUCKETS.iter().copied().find(|name| !is_foreign(name));
    match (free, &mut recipe.bucket) {
        (Some(name), Some(bucket)) => bucket.name = name,
        _ => {
            recipe.bucket = None;
            recipe.github = None;
        }
    }
}

/// Deletes the records that others put into zones meanwhile; says whether there were any.
pub fn clear_records(sim: &Sim) -> bool {
    let records = std::mem::take(&mut *sim.foreign_records.borrow_mut());
    for record in &records {
        if hands::change(sim, ChangeAction::Delete, record).is_none() {
            sim.complain(format!(
                "the record {} of others cannot be deleted",
                record.name
            ));
        }
    }
    !records.is_empty()
}
