//! What becomes of ids once everything is read: references by address.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::resource::{Address, Owner, Standing, Value};

use super::{Kind, LiveResource};

/// Marks all but one of the lab's own resources that claim one address.
///
/// Kept is the one that the server stands on, else one beside it there; else the
/// one that a kept resource refers to, else one that refers to what a kept one
/// refers to, else one that is in use, else the one with the lowest id; so every
/// run, on any laptop, keeps the same ones, and those that belong together.
pub fn mark_duplicates(resources: &mut [LiveResource]) {
    let ids: BTreeSet<String> = resources.iter().flat_map(names).collect();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let ground = ground(resources, &ids);
    // Those that refer to others come after them in the list of kinds.
    for kind in Kind::ALL.iter().rev() {
        let mut candidates: Vec<&mut LiveResource> = resources
            .iter_mut()
            .filter(|live| live.address.kind() == *kind && live.owner == Owner::Lab)
            .filter(|live| live.standing == Standing::Current)
            .collect();
        candidates.sort_by_cached_key(|live| {
            let is_in = |set: &BTreeSet<String>| names(live).iter().any(|name| set.contains(name));
            let shares = |set: &BTreeSet<String>| !mentions(live, &ids).is_disjoint(set);
            let is_used = live.observed.association_id.is_some();
            let ground = (!is_in(&ground), !shares(&ground));
            (
                ground,
                !is_in(&kept),
                !shares(&kept),
                !is_used,
                live.id.clone(),
            )
        });
        let mut taken: BTreeSet<Address> = BTreeSet::new();
        for live in candidates {
            if taken.insert(live.address.clone()) {
                kept.extend(mentions(live, &ids));
            } else {
                live.standing = Standing::Duplicate;
            }
        }
    }
}

/// What the server refers to, and what that refers to: it cannot be moved, and
/// everything else of a network can.
fn ground(resources: &[LiveResource], ids: &BTreeSet<String>) -> BTreeSet<String> {
    let ours = resources
        .iter()
        .filter(|live| live.owner == Owner::Lab && live.standing == Standing::Current);
    let servers = ours
        .clone()
        .filter(|live| live.address.kind() == Kind::Instance);
    let mut ground: BTreeSet<String> = servers.flat_map(|live| mentions(live, ids)).collect();
    loop {
        let before = ground.len();
        for live in ours.clone() {
            if names(live).iter().any(|name| ground.contains(name)) {
                ground.extend(mentions(live, ids));
            }
        }
        if ground.len() == before {
            return ground;
        }
    }
}

/// By what others mention a resource: its id, its ARN, its public address.
fn names(live: &LiveResource) -> Vec<String> {
    let public_ip = match live.address.kind() {
        Kind::ElasticIp => live.observed.public_ip.map(|address| address.to_string()),
        _ => None,
    };
    let names = [Some(live.id.clone()), live.observed.arn.clone(), public_ip];
    names.into_iter().flatten().collect()
}

/// Which of the ids a resource mentions.
fn mentions(live: &LiveResource, ids: &BTreeSet<String>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for field in live.body.fields() {
        collect_texts(field.value, &mut texts);
    }
    texts.retain(|text| ids.contains(text));
    texts
}

fn collect_texts(value: Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Text(text) => {
            texts.insert(text);
        }
        Value::List(values) => {
            for value in values {
                collect_texts(value, texts);
            }
        }
        _ => {}
    }
}

/// Puts addresses in the place of the ids that resources mention.
///
/// A record mentions an Elastic IP by the address that it stands for.
pub fn link(resources: &mut [LiveResource]) {
    let current = resources.iter().filter(|live| {
        let is_usable = live.owner == Owner::Lab || live.address.kind().can_be_shared();
        is_usable && live.standing == Standing::Current
    });
    let mut ids: BTreeMap<String, Address> = BTreeMap::new();
    for live in current {
        for name in names(live) {
            ids.insert(name, live.address.clone());
        }
    }
    for live in resources {
        live.body.link(&ids);
    }
}
