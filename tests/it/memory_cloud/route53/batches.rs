//! Batches of changes of records: all of a batch or nothing.
//!
//! Source: Route 53 API Reference, "ChangeResourceRecordSets".

use aws_sdk_route53::operation::change_resource_record_sets::{
    ChangeResourceRecordSetsInput, ChangeResourceRecordSetsOutput,
};
use aws_sdk_route53::types::{Change, ChangeAction, ResourceRecordSet, RrType};

use super::super::refusal::{Answer, refuse};
use super::super::world::World;
use super::checks::{check_set, check_shape};
use super::invalid_input;
use super::names::{canonical, is_in_zone};
use super::zones::Zone;

/// The most values of a batch, and the most characters of its values; what an
/// UPSERT has counts twice (Route 53 Developer Guide, "Quotas").
const MOST: usize = 1000;
const MOST_CHARACTERS: usize = 32_000;

impl World {
    pub fn change_resource_record_sets(
        &mut self,
        input: &ChangeResourceRecordSetsInput,
    ) -> Answer<ChangeResourceRecordSetsOutput> {
        let (_, zone) = self.zone(input.hosted_zone_id())?;
        let batch = input
            .change_batch()
            .ok_or_else(|| invalid_input("ChangeBatch is missing"))?;
        let changes = batch.changes();
        let (mut values, mut characters) = (0, 0);
        for change in changes {
            let times = match change.action() {
                ChangeAction::Upsert => 2,
                _ => 1,
            };
            let set = change.resource_record_set();
            for record in set
                .map(ResourceRecordSet::resource_records)
                .unwrap_or_default()
            {
                values += times;
                characters += times * record.value().len();
            }
        }
        if changes.is_empty() || values > MOST {
            let message = format!("Number of records limit of {MOST} exceeded.");
            return Err(refuse("InvalidChangeBatch", message));
        }
        if characters > MOST_CHARACTERS {
            let message = format!("Number of characters limit of {MOST_CHARACTERS} exceeded.");
            return Err(refuse("InvalidChangeBatch", message));
        }
        let mut sets = zone.sets.clone();
        let mut problems = Vec::new();
        for change in changes {
            let set = named_canonically(change)?;
            check_shape(&set, change.action())?;
            if let Err(problem) = apply(zone, &mut sets, change.action(), set) {
                problems.push(problem);
            }
        }
        if !problems.is_empty() {
            return Err(refuse(
                "InvalidChangeBatch",
                format!("[{}]", problems.join(", ")),
            ));
        }
        let comment = batch.comment();
        self.zone_mut(input.hosted_zone_id())?.sets = sets;
        let change = self.submit(comment)?;
        Ok(ChangeResourceRecordSetsOutput::builder()
            .change_info(change)
            .build())
    }
}

fn named_canonically(change: &Change) -> Answer<ResourceRecordSet> {
    let set = change.resource_record_set();
    let mut set = set
        .cloned()
        .ok_or_else(|| invalid_input("ResourceRecordSet is missing"))?;
    set.name = canonical(&set.name);
    Ok(set)
}

/// Makes one change, or says in Route 53's words why it cannot be made.
fn apply(
    zone: &Zone,
    sets: &mut Vec<ResourceRecordSet>,
    action: &ChangeAction,
    set: ResourceRecordSet,
) -> Result<(), String> {
    let (name, kind) = (set.name().to_owned(), set.r#type().clone());
    let is_it = |other: &ResourceRecordSet| {
        other.name() == name
            && *other.r#type() == kind
            && other.set_identifier() == set.set_identifier()
    };
    let found = sets.iter().position(is_it);
    let spelled = format!("[name='{name}', type='{kind}']");
    if !is_in_zone(&name, &zone.name) {
        return Err(format!(
            "RRSet with DNS name {name} is not permitted in zone {}",
            zone.name
        ));
    }
    match (action, found) {
        (ChangeAction::Delete, None) => Err(format!(
            "Tried to delete resource record set {spelled} but it was not found"
        )),
        (ChangeAction::Delete, Some(index)) => {
            let known = sets.get(index);
            if known.is_some_and(|known| !is_same(known, &set)) {
                return Err(format!(
                    "Tried to delete resource record set {spelled} but the values provided do not \
                     match the current values"
                ));
            }
            if zone.needs(&set) {
                return Err(format!(
                    "A HostedZone must contain at least one {kind} record for the zone itself."
                ));
            }
            sets.remove(index);
            Ok(())
        }
        (ChangeAction::Create, Some(_)) => Err(format!(
            "Tried to create resource record set {spelled} but it already exists"
        )),
        (_, found) => {
            check_set(&set)?;
            if let Some(index) = found {
                sets.remove(index);
            }
            check_neighbours(zone, sets, &set)?;
            sets.push(set);
            Ok(())
        }
    }
}

/// Checks that a CNAME stands alone and not at the top of the zone.
fn check_neighbours(
    zone: &Zone,
    sets: &[ResourceRecordSet],
    set: &ResourceRecordSet,
) -> Result<(), String> {
    let (name, kind) = (set.name(), set.r#type());
    if *kind == RrType::Cname && name == zone.name {
        return Err(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {}",
            zone.name
        ));
    }
    let clashes = |other: &&ResourceRecordSet| {
        let has_cname = *kind == RrType::Cname || *other.r#type() == RrType::Cname;
        other.name() == name && other.r#type() != kind && has_cname
    };
    match sets.iter().find(clashes) {
        None => Ok(()),
        Some(other) => Err(format!(
            "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting \
             RRSet of type {} with the same DNS name already exists in zone {}",
            other.r#type(),
            zone.name
        )),
    }
}

/// Whether two sets say the same, whatever the order of their values.
fn is_same(one: &ResourceRecordSet, other: &ResourceRecordSet) -> bool {
    let values = |set: &ResourceRecordSet| {
        let mut values: Vec<String> = set
            .resource_records()
            .iter()
            .map(|record| record.value().to_owned())
            .collect();
        values.sort();
        values
    };
    one.ttl() == other.ttl()
        && one.alias_target() == other.alias_target()
        && values(one) == values(other)
}
