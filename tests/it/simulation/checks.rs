//! What must be so whatever happened: nobody's things touched, no data lost.

use std::collections::BTreeMap;

use crate::memory_cloud::{Inventory, Item};

use super::actions::Permission;
use super::sim::{ForeignRecord, Sim, ours};

/// Checks that what others have is as they left it, field by field.
pub fn others(sim: &Sim, now: &Inventory) {
    let index: BTreeMap<(&str, &str), &Item> = now
        .items
        .iter()
        .map(|item| ((item.kind.as_str(), item.id.as_str()), item))
        .collect();
    for ((kind, id), old) in sim.foreign.borrow().iter() {
        match index.get(&(kind.as_str(), id.as_str())) {
            None => sim.complain(format!("the {kind} {id} of others is gone")),
            Some(item) if !is_untouched(old, item) => {
                sim.complain(format!(
                    "a thing of others was changed:\n  {old:?}\n  {item:?}"
                ));
            }
            Some(_) => {}
        }
    }
    for (id, key, value) in sim.foreign_tags.borrow().iter() {
        if let Some(item) = now.get(id)
            && item.tags.get(key) != Some(value)
        {
            sim.complain(format!("the tag `{key}={value}` of others on {id} is gone"));
        }
    }
    for record in sim.foreign_records.borrow().iter() {
        let found = now
            .get(&record.zone)
            .and_then(|zone| zone.attributes.get(&key(record)));
        if found != Some(&format!("60 {}", record.value)) {
            sim.complain(format!(
                "the record {} of others became {found:?}",
                key(record)
            ));
        }
    }
}

/// The attribute of a zone that shows a record.
pub fn key(record: &ForeignRecord) -> String {
    format!("record {}. {}", record.name, record.kind)
}

/// A zone of others may get the lab's records beside theirs.
fn is_untouched(old: &Item, now: &Item) -> bool {
    if old.kind != "hostedzone" {
        return old == now;
    }
    let is_kept = |(key, value): (&String, &String)| now.attributes.get(key) == Some(value);
    (&old.name, &old.tags) == (&now.name, &now.tags) && old.attributes.iter().all(is_kept)
}

/// Checks that an action lost only what it was allowed to lose.
pub fn data(sim: &Sim, before: &Inventory, after: &Inventory, may: Permission) {
    let is_alive = |item: &&Item| after.get(&item.id).is_some();
    for server in ours(before, sim, "instance") {
        let is_going = server.state == "shutting-down";
        let by_hand = sim.ended_by_hand.borrow().contains(&server.id);
        let state = after
            .get(&server.id)
            .map_or("gone", |item| item.state.as_str());
        if matches!(state, "gone" | "shutting-down") && !is_going && !by_hand && !may.server {
            sim.complain(format!(
                "the server {} was ended without permission",
                server.id
            ));
        }
    }
    for zone in ours(before, sim, "hostedzone")
        .iter()
        .filter(|zone| !is_alive(zone))
    {
        if !may.zones {
            sim.complain(format!(
                "the zone {} was deleted without permission",
                zone.name
            ));
        }
    }
    for bucket in ours(before, sim, "bucket")
        .iter()
        .filter(|bucket| !is_alive(bucket))
    {
        if !may.empty_buckets {
            sim.complain(format!(
                "the bucket {} was deleted without permission",
                bucket.name
            ));
        }
    }
    // A bucket made anew has the id of the one before.
    let is_kept =
        |id: &str| after.get(id).is_some() && !(may.empty_buckets && id.starts_with("arn:"));
    sim.foreign_tags.borrow_mut().retain(|(id, ..)| is_kept(id));
    let mut objects = sim.objects.borrow_mut();
    for (bucket, keys) in objects.iter_mut() {
        let there = sim.memory.objects(bucket);
        if may.full_buckets {
            keys.retain(|key| there.contains(key));
        }
        for key in keys.iter().filter(|key| !there.contains(key)) {
            sim.complain(format!(
                "the object {key} in {bucket} was deleted without permission"
            ));
        }
    }
    let servers = ours(after, sim, "instance").into_iter();
    let living = servers.filter(|item| item.state != "shutting-down").count();
    if living > 1 {
        sim.complain(format!("there are {living} servers"));
    }
}
