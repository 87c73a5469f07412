//! What becomes of ids once everything is read: references by address.

use std::collections::{BTreeMap, BTreeSet};

use crate::resource::{Address, Live, Owner, Standing, Value};

use super::Kind;

/// Marks all but one of the lab's own resources that claim one address.
///
/// Kept is the one that others refer to, else one that is in use, else the one
/// with the lowest id; so every run, on any laptop, keeps the same one.
pub fn mark_spares(resources: &mut [Live]) {
    let mentioned: BTreeSet<String> = resources
        .iter()
        .flat_map(|live| live.body.fields())
        .filter_map(|field| match field.value {
            Value::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    let mut order: Vec<usize> = (0..resources.len())
        .filter(|index| {
            let live = &resources[*index];
            live.owner == Owner::Lab && live.standing == Standing::Current
        })
        .collect();
    order.sort_by_key(|index| {
        let live = &resources[*index];
        let is_mentioned = mentioned.contains(&live.id);
        let is_used = live.observed.association_id.is_some();
        (!is_mentioned, !is_used, live.id.clone())
    });
    let mut taken: BTreeSet<Address> = BTreeSet::new();
    for index in order {
        let live = &mut resources[index];
        if !taken.insert(live.address.clone()) {
            live.standing = Standing::Spare;
        }
    }
}

/// Puts addresses in the place of the ids that resources mention.
///
/// A record mentions an Elastic IP by the address that it stands for.
pub fn link(resources: &mut [Live]) {
    let current = resources.iter().filter(|live| {
        let is_usable = live.owner == Owner::Lab || live.address.kind().can_be_shared();
        is_usable && live.standing == Standing::Current
    });
    let mut ids: BTreeMap<String, Address> = BTreeMap::new();
    for live in current {
        let public_ip = match live.address.kind() {
            Kind::ElasticIp => live.observed.public_ip.map(|address| address.to_string()),
            _ => None,
        };
        let names = [Some(live.id.clone()), live.observed.arn.clone(), public_ip];
        for name in names.into_iter().flatten() {
            ids.insert(name, live.address.clone());
        }
    }
    for live in resources {
        live.body.link(&ids);
    }
}
