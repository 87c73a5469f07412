//! All changes of record sets of one zone, in as few atomic batches as Route 53 takes.
//!
//! A record and its companion are never in two batches, and neither are a CNAME and what takes its place: so whenever a
//! run ends between two batches, each record is as it was or as it shall be, and the next run goes on with the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
use aws_sdk_route53::operation::get_change::GetChangeInput;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, RrType,
};

use crate::cloud::resource::Reference;
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::run::Run;
use crate::cloud::resources::{Kind, dns_name};

use super::{Record, companion_name, companion_value};

const IN_SYNC: Duration = Duration::from_secs(600);
const COMPANION_TTL: i64 = 300;

/// The most values that a batch carries, and the most characters of all of them; what an UPSERT writes counts twice
/// (Route 53 Developer Guide, "Quotas", "Maximums on API requests").
const MOST_VALUES: usize = 1000;
const MOST_CHARACTERS: usize = 32_000;

/// One change in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// A record that must not be there yet.
    Create(Record),
    /// A record of the lab's that gets other values.
    Update(Record),
    /// A record of the lab's that goes.
    Delete(Record),
}

impl RecordChange {
    /// The record that it is about.
    pub const fn record(&self) -> &Record {
        match self {
            Self::Create(record) | Self::Update(record) | Self::Delete(record) => record,
        }
    }

    /// What happens to the record and what to its companion, which may have
    /// outlived a record that somebody deleted by hand.
    const fn actions(&self) -> [ChangeAction; 2] {
        match self {
            Self::Create(_) => [ChangeAction::Create, ChangeAction::Upsert],
            Self::Update(_) => [ChangeAction::Upsert, ChangeAction::Upsert],
            Self::Delete(_) => [ChangeAction::Delete, ChangeAction::Delete],
        }
    }
}

/// Sends the changes, in batches for each zone, and waits until all of Route
/// 53's servers answer with them.
pub async fn apply(changes: &[RecordChange], run: &Run<'_>) -> Result<(), StepError> {
    let mut by_zone: BTreeMap<&Reference, Vec<&RecordChange>> = BTreeMap::new();
    for change in changes {
        by_zone
            .entry(&change.record().zone)
            .or_default()
            .push(change);
    }
    for (zone, changes) in by_zone {
        apply_to_zone(&run.id(zone)?, changes, run).await?;
    }
    Ok(())
}

async fn apply_to_zone(
    zone_id: &str,
    changes: Vec<&RecordChange>,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let batches = batches(units(changes, run)?);
    let count = batches.len();
    let mut pending = Vec::new();
    for (index, rows) in batches.into_iter().enumerate() {
        if count > 1 {
            (run.say)(&format!("batch {} of {count}", index + 1));
        }
        pending.extend(send(zone_id, rows, run).await?);
    }
    for id in pending {
        in_sync(&id, run).await?;
    }
    Ok(())
}

/// The changes that have to be made together: a record's and its companion's, and all of a name that gets or loses a
/// CNAME, of which what goes has to go first.
fn units(mut changes: Vec<&RecordChange>, run: &Run<'_>) -> Result<Vec<Vec<Change>>, StepError> {
    changes.sort_by_key(|change| !matches!(change, RecordChange::Delete(_)));
    let cnames: BTreeSet<&str> = changes
        .iter()
        .map(|change| change.record())
        .filter(|record| record.record_type == "CNAME")
        .map(|record| record.name.as_str())
        .collect();
    let mut units: Vec<Vec<Change>> = Vec::new();
    let mut of_names: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        let (name, rows) = (change.record().name.as_str(), write(change, run)?);
        if cnames.contains(name) {
            let unit = *of_names.entry(name).or_insert(units.len());
            match units.get_mut(unit) {
                Some(unit) => unit.extend(rows),
                None => units.push(rows),
            }
        } else {
            units.push(rows);
        }
    }
    Ok(units)
}

/// Fills batches with whole units.
fn batches(units: Vec<Vec<Change>>) -> Vec<Vec<Change>> {
    let mut batches: Vec<Vec<Change>> = Vec::new();
    let (mut values, mut characters) = (0, 0);
    for unit in units {
        let (more_values, more_characters) = size(&unit);
        values += more_values;
        characters += more_characters;
        match batches.last_mut() {
            Some(batch) if values <= MOST_VALUES && characters <= MOST_CHARACTERS => {
                batch.extend(unit);
            }
            _ => {
                (values, characters) = (more_values, more_characters);
                batches.push(unit);
            }
        }
    }
    batches
}

/// How many values and characters changes count for.
fn size(rows: &[Change]) -> (usize, usize) {
    let each = rows.iter().map(|row| {
        let times = match row.action() {
            ChangeAction::Upsert => 2,
            _ => 1,
        };
        let records = row
            .resource_record_set()
            .map(ResourceRecordSet::resource_records);
        let records = records.unwrap_or_default();
        let characters: usize = records
            .iter()
            .map(|record| record.value().chars().count())
            .sum();
        (records.len() * times, characters * times)
    });
    each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Sends one batch; gives the id of a change that is not everywhere yet.
async fn send(
    zone_id: &str,
    rows: Vec<Change>,
    run: &Run<'_>,
) -> Result<Option<String>, StepError> {
    let batch = ChangeBatch::builder()
        .comment(format!("labctl lab {}", run.scope.lab))
        .set_changes(Some(rows))
        .build()
        .ok();
    let passing = &["PriorRequestNotComplete", "NoSuchHostedZone"];
    let sent = run
        .settled("Route 53 to take the records", passing, async || {
            let input = ChangeResourceRecordSetsInput::builder()
                .hosted_zone_id(zone_id)
                .set_change_batch(batch.clone());
            run.cloud.change_resource_record_sets(input).await
        })
        .await;
    let output = match sent {
        Err(error) if error.code() == "InvalidChangeBatch" => {
            meanwhile(error, zone_id, batch.as_ref(), run).await?;
            return Ok(None);
        }
        sent => sent?,
    };
    let pending = output
        .change_info
        .filter(|change| change.status != ChangeStatus::Insync);
    Ok(pending.map(|change| super::bare_id(change.id()).to_owned()))
}

/// Waits until all of Route 53's servers answer with a change.
async fn in_sync(id: &str, run: &Run<'_>) -> Result<(), StepError> {
    run.wait(
        "all of Route 53's servers to know the records",
        IN_SYNC,
        async || {
            let output = run
                .cloud
                .get_change(GetChangeInput::builder().id(id))
                .await?;
            let status = output.change_info.map(|info| info.status);
            Ok((status == Some(ChangeStatus::Insync)).then_some(()))
        },
    )
    .await
}

/// Finds out why a batch is refused that fitted when it was planned: it has arrived before, and the
/// answer to that was lost; or another run on this lab was faster.
async fn meanwhile(
    refusal: StepError,
    zone_id: &str,
    batch: Option<&ChangeBatch>,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let there = super::list(run.cloud, zone_id).await?;
    let rows = batch.map(ChangeBatch::changes).unwrap_or_default();
    let is_so = |row: &Change| match (row.action(), row.resource_record_set()) {
        (_, None) => true,
        (ChangeAction::Delete, Some(set)) => find(&there, set).is_none(),
        (_, Some(set)) => find(&there, set).is_some_and(|found| says_the_same(found, set)),
    };
    if rows.iter().all(is_so) {
        return Ok(());
    }
    // A companion of ours beside a record that was to be made is another run's.
    let is_ours = |set: &ResourceRecordSet| super::read_companion(run.scope, set).is_some();
    let creates = rows
        .iter()
        .filter(|row| *row.action() != ChangeAction::Delete);
    let mut sets = creates.filter_map(Change::resource_record_set);
    match sets.any(|set| is_ours(set) && find(&there, set).is_some_and(is_ours)) {
        true => Err(StepError::LostRace),
        false => Err(refusal),
    }
}

fn find<'a>(
    there: &'a [ResourceRecordSet],
    wanted: &ResourceRecordSet,
) -> Option<&'a ResourceRecordSet> {
    let name = dns_name::normal_form(wanted.name());
    there
        .iter()
        .find(|set| set.r#type() == wanted.r#type() && dns_name::normal_form(set.name()) == name)
}

fn says_the_same(one: &ResourceRecordSet, other: &ResourceRecordSet) -> bool {
    let values = |set: &ResourceRecordSet| -> BTreeSet<String> {
        let records = set.resource_records().iter();
        records
            .map(|record| super::normal_value(set.r#type().as_str(), record.value()))
            .collect()
    };
    one.ttl() == other.ttl() && values(one) == values(other)
}

/// The change of a record and of its companion.
fn write(change: &RecordChange, run: &Run<'_>) -> Result<Vec<Change>, StepError> {
    let record = change.record();
    let mut values = Vec::new();
    for value in &record.values {
        values.push(resolve(value, run)?);
    }
    let companion = companion_name(&record.name, &record.record_type, &record.zone_name);
    let record_type = RrType::from(record.record_type.as_str());
    let value = [companion_value(run.scope, record)];
    let sets = [
        set(&record.name, record_type, record.ttl, &values),
        set(&companion, RrType::Txt, COMPANION_TTL, &value),
    ];
    // A record without values is not there; only its companion is left.
    let rows = change
        .actions()
        .into_iter()
        .zip(sets)
        .skip(usize::from(values.is_empty()));
    let rows = rows.map(|(action, set)| {
        let built = Change::builder()
            .action(action)
            .set_resource_record_set(set)
            .build();
        built.map_err(|_| {
            StepError::blocked(
                format!("the record `{}` is incomplete", record.name),
                "this is a defect of labctl: please report it",
            )
        })
    });
    rows.collect()
}

/// An Elastic IP stands for its address.
fn resolve(value: &Reference, run: &Run<'_>) -> Result<String, StepError> {
    match value {
        Reference::Id(text) => Ok(text.clone()),
        Reference::To(address) => {
            debug_assert_eq!(address.kind(), Kind::ElasticIp);
            let handle = run.handle(address)?;
            let ip = handle.observed.public_ip;
            ip.map(|ip| ip.to_string()).ok_or(StepError::Incomplete {
                operation: "AllocateAddress",
                missing: "public address",
            })
        }
    }
}

fn set(name: &str, record_type: RrType, ttl: i64, values: &[String]) -> Option<ResourceRecordSet> {
    let records = values
        .iter()
        .filter_map(|value| ResourceRecord::builder().value(value).build().ok());
    ResourceRecordSet::builder()
        .name(name)
        .r#type(record_type)
        .ttl(ttl)
        .set_resource_records(Some(records.collect()))
        .build()
        .ok()
}
