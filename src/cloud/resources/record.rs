//! Record sets, each owned by a companion TXT record.
//!
//! Records carry no tags. So each record of the lab has a companion, a TXT
//! record with a name of its own that says whose it is, written and deleted in
//! the same atomic batch as the record. A record without one is not the lab's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsInput;
use aws_sdk_route53::types::{ResourceRecordSet, RrType};

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{
    self, Address, Field, Live, Observed, Owner, Reference, Standing, Tags, Value,
};
use crate::cloud::stakes::{Charge, Lost};
use crate::plan;

use super::context::{Handle, StepError};
use super::pages::Pages;
use super::reader::Reader;
use super::run::Run;
use super::zone::bare_id;
use super::{Kind, Manage, Scope, dns_name};

mod batch;
mod form;

pub use super::dns_name::absolute as absolute_name;
pub use batch::{RecordChange, apply};

/// A record set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The zone that it is in.
    pub zone: Reference,
    /// That zone's name.
    pub zone_name: String,
    /// Its full name, without a dot at its end.
    pub name: String,
    /// Its type, such as `CNAME`.
    pub record_type: String,
    /// For how many seconds it may be cached.
    pub ttl: i64,
    /// Its values; an Elastic IP's address is a reference to it.
    pub values: BTreeSet<Reference>,
}

/// The full name of a record's companion.
pub fn companion_name(name: &str, record_type: &str, zone: &str) -> String {
    let relative = dns_name::relative(name, zone).unwrap_or_else(|| name.to_owned());
    format!("{}.{zone}", plan::companion_name(&relative, record_type))
}

/// What every companion of a lab begins with.
fn companion_mark(scope: &Scope) -> String {
    let Scope { lab, region, .. } = scope;
    format!("heritage=labctl,lab={lab},region={region},resource=record.")
}

/// What a companion says: whose its record is, and which one that is.
pub fn companion_value(scope: &Scope, record: &Record) -> String {
    let name = dns_name::relative(&record.name, &record.zone_name);
    let name = name.as_deref().unwrap_or(&record.name);
    plan::txt::written(&format!(
        "{}{name}.{}",
        companion_mark(scope),
        record.record_type
    ))
}

/// Reads the name in the zone and the type of the record that a companion of the
/// lab's is for; `None` where it is no such companion.
fn read_companion(scope: &Scope, set: &ResourceRecordSet) -> Option<(String, String)> {
    let [record] = set.resource_records() else {
        return None;
    };
    let text = record.value().replace("\" \"", "");
    let rest = text
        .trim_matches('"')
        .strip_prefix(&companion_mark(scope))?;
    let (name, record_type) = rest.rsplit_once('.')?;
    Some((name.to_owned(), record_type.to_owned()))
}

/// Reads the record sets of one zone, page by page.
pub async fn list(cloud: &dyn Read, zone_id: &str) -> Result<Vec<ResourceRecordSet>, CallError> {
    let mut found = Vec::new();
    let mut pages = Pages::of("route53", "ListResourceRecordSets");
    let mut input = ListResourceRecordSetsInput::builder().hosted_zone_id(zone_id);
    loop {
        let page = cloud.list_resource_record_sets(input).await?;
        found.extend(page.resource_record_sets);
        if !page.is_truncated {
            return Ok(found);
        }
        let place = (
            &page.next_record_name,
            &page.next_record_type,
            &page.next_record_identifier,
        );
        pages.next(Some(format!("{place:?}")))?;
        input = ListResourceRecordSetsInput::builder()
            .hosted_zone_id(zone_id)
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

/// A value in its normal form: names without a dot at their end, and so on.
fn normal_value(record_type: &str, value: &str) -> String {
    match record_type {
        "CNAME" | "NS" => dns_name::normal_form(value),
        "MX" => match value.split_once(' ') {
            Some((preference, exchange)) => {
                format!("{preference} {}", dns_name::normal_form(exchange.trim()))
            }
            None => value.to_owned(),
        },
        "AAAA" => match value.parse::<std::net::Ipv6Addr>() {
            Ok(address) => address.to_string(),
            Err(_) => value.to_owned(),
        },
        "TXT" if plan::txt::is_notation(value) => plan::txt::written(value),
        _ => value.to_owned(),
    }
}

fn live(scope: &Scope, zone_id: &str, zone: &str, all: &[ResourceRecordSet]) -> Vec<Live<Record>> {
    let texts = all.iter().filter(|set| *set.r#type() == RrType::Txt);
    let companions: BTreeMap<String, (String, String)> = texts
        .filter_map(|set| {
            let name = dns_name::normal_form(set.name());
            Some((name, read_companion(scope, set)?))
        })
        .collect();
    let owned: BTreeSet<_> = companions.values().cloned().collect();
    let mut widowed = owned.clone();
    let mut found = Vec::new();
    for set in all {
        let (name, record_type) = (dns_name::normal_form(set.name()), set.r#type().as_str());
        let is_zones_own = name == zone && matches!(record_type, "NS" | "SOA");
        let is_companion = record_type == "TXT" && companions.contains_key(&name);
        let relative = dns_name::relative(&name, zone);
        let Some(relative) = relative.filter(|_| !is_zones_own && !is_companion) else {
            continue;
        };
        let key = (relative, record_type.to_owned());
        if let Some(form) = form::other_than_values(set) {
            // A companion beside it is left of a record that had values, and goes by itself.
            found.push(other_form((zone_id, zone), key, set, form));
            continue;
        }
        widowed.remove(&key);
        let owner = match owned.contains(&key) {
            true => Owner::Lab,
            false => Owner::Other,
        };
        let values = set.resource_records().iter();
        let value = |value: &str| Reference::Id(normal_value(record_type, value));
        let values = values.map(|record| value(record.value())).collect();
        let ttl = set.ttl().unwrap_or_default();
        found.push(live_record((zone_id, zone), key, owner, (ttl, values)));
    }
    // Of a record that somebody deleted by hand the companion is left: it stands
    // for the record, which has no values then.
    let left = widowed.into_iter();
    found.extend(left.map(|key| live_record((zone_id, zone), key, Owner::Lab, Default::default())));
    found
}

fn live_record(
    (zone_id, zone): (&str, &str),
    (relative, record_type): (String, String),
    owner: Owner,
    (ttl, values): (i64, BTreeSet<Reference>),
) -> Live<Record> {
    let name = absolute_name(&relative, zone);
    Live {
        address: Address::record(relative, &record_type),
        id: format!("{zone_id}/{name}/{record_type}"),
        owner,
        standing: Standing::Current,
        body: Record {
            zone: Reference::Id(zone_id.to_owned()),
            zone_name: zone.to_owned(),
            name,
            record_type,
            ttl,
            values,
        },
        observed: Observed::default(),
    }
}

/// A record set that is no list of values. Several have one name and type, so an id says which one it is.
fn other_form(
    zone: (&str, &str),
    key: (String, String),
    set: &ResourceRecordSet,
    form: String,
) -> Live<Record> {
    let mut live = live_record(zone, key, Owner::OtherForm(form), Default::default());
    live.id = format!("{}/{}", live.id, set.set_identifier().unwrap_or("alias"));
    live
}

/// The zone's name servers, from its own record.
pub fn name_servers(zone: &str, all: &[ResourceRecordSet]) -> Vec<String> {
    let own = all
        .iter()
        .find(|set| *set.r#type() == RrType::Ns && dns_name::normal_form(set.name()) == zone);
    let records = own.map(|set| set.resource_records()).unwrap_or_default();
    records
        .iter()
        .map(|record| dns_name::normal_form(record.value()))
        .collect()
}

impl Manage for Record {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let values = self.values.iter().map(Value::from).collect();
        vec![
            Field::replace("zone", Value::from(&self.zone)),
            Field::update("values", Value::List(values)),
            Field::update("ttl", Value::Number(self.ttl)),
            Field::noted_on(Kind::KeyPair),
        ]
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        visit(&mut self.zone);
        if self.record_type == "A" {
            resource::each_of_set(&mut self.values, visit);
        }
    }

    /// The ownership of a record is written in its companion.
    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        None
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let zones = reader.zones().await?;
        let mut found = Vec::new();
        for zone in zones.current.iter().chain(&zones.stale) {
            let name = dns_name::normal_form(zone.name());
            let all = list(reader.cloud, bare_id(zone.id())).await?;
            let mut records = live(reader.scope, bare_id(zone.id()), &name, &all);
            if reader.scope.zone.as_ref() != Some(&name) {
                records.retain(|live| live.owner == Owner::Lab);
                for live in &mut records {
                    live.standing = Standing::Stale;
                }
            }
            reader.note_name_servers(bare_id(zone.id()), name_servers(&name, &all));
            found.extend(records);
        }
        Ok(found)
    }

    // Records change in one batch for their zone; see [`apply`].

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        apply(&[RecordChange::Create(self.clone())], run).await?;
        Ok(Handle::default())
    }

    async fn update(&self, _live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        apply(&[RecordChange::Update(self.clone())], run).await
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        apply(&[RecordChange::Delete(live.body.clone())], run).await
    }
}
