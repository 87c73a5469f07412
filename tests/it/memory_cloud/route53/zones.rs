//! Hosted zones.
//!
//! Sources: Route 53 API Reference, "CreateHostedZone" (the caller reference is
//! used up for ever, two zones may have one name), "DeleteHostedZone",
//! "ListHostedZonesByName"; Route 53 Developer Guide, "NS and SOA records that
//! Amazon Route 53 creates for a public hosted zone".

use aws_sdk_route53::operation::{
    create_hosted_zone::{CreateHostedZoneInput, CreateHostedZoneOutput},
    delete_hosted_zone::{DeleteHostedZoneInput, DeleteHostedZoneOutput},
    list_hosted_zones_by_name::{ListHostedZonesByNameInput, ListHostedZonesByNameOutput},
};
use aws_sdk_route53::types::{
    DelegationSet, HostedZone, HostedZoneConfig, ResourceRecord, ResourceRecordSet, RrType,
};

use super::super::refusal::{Answer, Refusal, refuse, refuse_with, require};
use super::super::register::{Kind, Tags};
use super::super::world::World;
use super::checks::check_labels;
use super::invalid_input;
use super::names::{bare, canonical, sort_key};

/// A hosted zone.
pub struct Zone {
    pub name: String,
    pub reference: String,
    comment: Option<String>,
    pub private: bool,
    pub servers: Vec<String>,
    pub sets: Vec<ResourceRecordSet>,
}

/// Spells the ARN of a zone.
pub fn arn(id: &str) -> String {
    format!("{}{id}", Kind::ZONE.prefix)
}

fn no_such_zone(id: &str) -> Refusal {
    refuse_with(
        404,
        "NoSuchHostedZone",
        format!("No hosted zone found with ID: {id}"),
    )
}

impl Zone {
    fn view(&self, id: &str) -> Answer<HostedZone> {
        let config = HostedZoneConfig::builder().private_zone(self.private);
        let view = HostedZone::builder()
            .id(format!("/hostedzone/{id}"))
            .name(&self.name)
            .caller_reference(&self.reference)
            .config(config.set_comment(self.comment.clone()).build())
            .resource_record_set_count(i64::try_from(self.sets.len()).unwrap_or(i64::MAX));
        Ok(view.build()?)
    }

    fn delegation(&self) -> Answer<Option<DelegationSet>> {
        if self.private {
            return Ok(None);
        }
        let servers = Some(self.servers.clone());
        Ok(Some(
            DelegationSet::builder().set_name_servers(servers).build()?,
        ))
    }

    /// Whether a set is one of the two that each zone must have.
    pub fn needs(&self, set: &ResourceRecordSet) -> bool {
        set.name() == self.name && matches!(set.r#type(), RrType::Ns | RrType::Soa)
    }
}

impl World {
    /// Finds a zone by its id.
    pub fn zone(&self, id: Option<&str>) -> Answer<(&str, &Zone)> {
        let id = bare(require(id, "Id")?);
        let found = self.zones.get_key_value(id);
        found
            .map(|(id, zone)| (id.as_str(), zone))
            .ok_or_else(|| no_such_zone(id))
    }

    /// Finds a zone by its id, to change it.
    pub fn zone_mut(&mut self, id: Option<&str>) -> Answer<&mut Zone> {
        let id = bare(require(id, "Id")?);
        self.zones.get_mut(id).ok_or_else(|| no_such_zone(id))
    }

    /// Lists zones by name, from a name on, whether or not one has that name.
    pub fn list_hosted_zones_by_name(
        &self,
        input: &ListHostedZonesByNameInput,
    ) -> Answer<ListHostedZonesByNameOutput> {
        if input.hosted_zone_id().is_some() && input.dns_name().is_none() {
            return Err(invalid_input(
                "The DNSName must be specified with the HostedZoneId.",
            ));
        }
        let from = input
            .dns_name()
            .map(|name| sort_key(&canonical(name)))
            .unwrap_or_default();
        let from = (from, input.hosted_zone_id().map(bare).unwrap_or_default());
        let rows = self
            .zones
            .iter()
            .map(|(id, zone)| ((sort_key(&zone.name), id.as_str()), zone));
        let mut rows: Vec<_> = rows.filter(|(key, _)| *key >= from).collect();
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        let limit = input.max_items().unwrap_or(100).clamp(1, 100);
        let limit_of_rows = usize::try_from(limit).unwrap_or(1).min(rows.len());
        let (page, rest) = rows.split_at(limit_of_rows);
        let views = page.iter().map(|((_, id), zone)| zone.view(id));
        let next = rest.first();
        let answer = ListHostedZonesByNameOutput::builder()
            .set_hosted_zones(Some(views.collect::<Answer<_>>()?))
            .set_dns_name(input.dns_name.clone())
            .set_hosted_zone_id(input.hosted_zone_id.clone())
            .is_truncated(next.is_some())
            .set_next_dns_name(next.map(|(_, zone)| zone.name.clone()))
            .set_next_hosted_zone_id(next.map(|((_, id), _)| (*id).to_owned()))
            .max_items(limit);
        Ok(answer.build()?)
    }

    pub fn create_hosted_zone(
        &mut self,
        input: &CreateHostedZoneInput,
    ) -> Answer<CreateHostedZoneOutput> {
        let name = require(input.name(), "Name")?;
        let reference = require(input.caller_reference(), "CallerReference")?;
        if check_labels(name).is_err() || !name.trim_end_matches('.').contains('.') {
            return Err(refuse(
                "InvalidDomainName",
                format!("{name} is not a valid domain name"),
            ));
        }
        if self.references.contains(reference) {
            let message = "A hosted zone has already been created with the specified caller \
                           reference.";
            return Err(refuse_with(409, "HostedZoneAlreadyExists", message));
        }
        let comment = input
            .hosted_zone_config()
            .and_then(HostedZoneConfig::comment);
        let id = self.add_zone(name, reference, comment, input.vpc().is_some());
        let change = self.submit(None)?;
        let (id, zone) = self.zone(Some(&id))?;
        let answer = CreateHostedZoneOutput::builder()
            .hosted_zone(zone.view(id)?)
            .change_info(change)
            .set_delegation_set(zone.delegation()?)
            .location(format!(
                "https://route53.amazonaws.com/2013-04-01/hostedzone/{id}"
            ));
        Ok(answer.build()?)
    }

    /// Makes a zone with its name servers and start of authority.
    pub fn add_zone(
        &mut self,
        name: &str,
        reference: &str,
        comment: Option<&str>,
        private: bool,
    ) -> String {
        let number = self.register.count();
        let id = format!("Z{number:020X}");
        self.register.enter(&arn(&id), Kind::ZONE, "", Tags::new());
        self.references.insert(reference.to_owned());
        let servers = ["com", "net", "org", "co.uk"].iter().enumerate();
        let servers: Vec<String> = servers
            .map(|(index, domain)| format!("ns-{number}.awsdns-{index:02}.{domain}"))
            .collect();
        let name = canonical(name);
        let soa = servers.first().map(|server| {
            format!("{server}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")
        });
        let dotted = servers.iter().map(|server| format!("{server}."));
        let sets = [
            set(&name, RrType::Ns, 172_800, dotted.collect()),
            set(&name, RrType::Soa, 900, soa.into_iter().collect()),
        ];
        let zone = Zone {
            name,
            reference: reference.to_owned(),
            comment: comment.map(str::to_owned),
            private,
            servers,
            sets: sets.into_iter().flatten().collect(),
        };
        self.zones.insert(id.clone(), zone);
        id
    }

    /// Deletes a zone that has no records but its own two.
    pub fn delete_hosted_zone(
        &mut self,
        input: &DeleteHostedZoneInput,
    ) -> Answer<DeleteHostedZoneOutput> {
        let (id, zone) = self.zone(input.id())?;
        if zone.sets.iter().any(|set| !zone.needs(set)) {
            let message = "The specified hosted zone contains non-required resource record sets \
                           and so cannot be deleted.";
            return Err(refuse("HostedZoneNotEmpty", message));
        }
        let id = id.to_owned();
        self.zones.remove(&id);
        self.register.remove(&arn(&id));
        let change = self.submit(None)?;
        Ok(DeleteHostedZoneOutput::builder()
            .change_info(change)
            .build())
    }
}

fn set(name: &str, kind: RrType, ttl: i64, texts: Vec<String>) -> Option<ResourceRecordSet> {
    let records = texts
        .into_iter()
        .map(|text| ResourceRecord::builder().value(text).build());
    let records = records.collect::<Result<_, _>>().ok();
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(kind)
        .ttl(ttl);
    set.set_resource_records(records).build().ok()
}
