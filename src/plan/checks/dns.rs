//! Checks on DNS records.

use std::collections::HashMap;

use super::{Check, Findings};
use crate::plan::model::{Dns, Plan, Record, RecordType};

pub(super) const CHECKS: &[Check] = &[
    (&["dns"], names),
    (&["dns"], together),
    (&["dns.records"], values),
    (&["dns", "elastic_ip"], elastic_ip),
];

/// The longest label and the longest name (RFC 1035, section 2.3.4).
const MAXIMUM_LABEL: usize = 63;
const MAXIMUM_NAME: usize = 253;
/// The most values of a record, and the most characters that one request carries, where each counts twice in an update
/// (Route 53 Developer Guide, "Quotas", "Maximums on API requests").
const MAXIMUM_VALUES: usize = 400;
const MAXIMUM_CHARACTERS: usize = 32_000 / 2;
/// What labctl leaves of that for the record that marks its own.
const COMPANION: usize = 500;
/// What the names of labctl's own records start with.
const OWN_PREFIX: &str = "labctl-";

fn name_path(index: usize) -> String {
    format!("dns.records[{index}].name")
}

fn names(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(dns) = &plan.dns else { return };
    for (index, record) in dns.records.iter().enumerate() {
        name(dns, record, &name_path(index), findings);
    }
}

/// Checks how much there is of each record.
fn values(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(dns) = &plan.dns else { return };
    for (index, record) in dns.records.iter().enumerate() {
        let values = record.values(&dns.zone);
        let path = format!("dns.records[{index}].value");
        let characters: usize = values.iter().map(|value| value.to_string().len()).sum();
        if values.len() > MAXIMUM_VALUES {
            findings.error(
                &path,
                format!(
                    "the record has {} values, and Route 53 takes {MAXIMUM_VALUES}",
                    values.len()
                ),
                "too many values",
                "leave some out",
            );
        } else if characters > MAXIMUM_CHARACTERS - COMPANION {
            let most = MAXIMUM_CHARACTERS - COMPANION;
            findings.error(
                &path,
                format!("the values have {characters} characters together, and Route 53 takes {most} at once"),
                "too long together",
                "shorten them, or leave some out",
            );
        }
    }
}

/// Checks the name of one record by itself.
fn name(dns: &Dns, record: &Record, path: &str, findings: &mut Findings<'_>) {
    let (zone, name) = (dns.zone.as_str(), record.name.as_str());
    let companion = record.companion_name();
    let inside = name.strip_suffix(zone).and_then(|rest| {
        if rest.is_empty() {
            Some("@")
        } else {
            rest.strip_suffix('.')
        }
    });
    if let Some(inside) = inside {
        let summary = format!("the name `{name}` would stand for `{name}.{zone}`");
        findings.error(
            path,
            summary,
            "names are inside the zone",
            format!("write `{inside}`"),
        );
    } else if name.starts_with(OWN_PREFIX) {
        let summary =
            format!("names that start with `{OWN_PREFIX}` are kept for labctl's own records");
        findings.error(path, summary, "reserved", "choose another name");
    } else if companion
        .split('.')
        .any(|label| label.len() > MAXIMUM_LABEL)
    {
        let help = format!(
            "labctl writes `{companion}` beside it, and a part between dots may have {MAXIMUM_LABEL} characters; shorten it"
        );
        findings.error(
            path,
            format!("the name `{name}` is too long"),
            "too long",
            help,
        );
    } else if full_names(dns, record).any(|length| length > MAXIMUM_NAME) {
        let help = format!("a name with its zone may have {MAXIMUM_NAME} characters; shorten it");
        findings.error(
            path,
            format!("the name `{name}` is too long in its zone"),
            "too long",
            help,
        );
    }
    if record.record_type == RecordType::Cname && name == "@" {
        findings.error(
            path,
            "the zone itself cannot be another name for something",
            "a CNAME at `@`",
            "DNS does not allow it (RFC 1034, section 3.6.2); write a record of type `A`",
        );
    }
}

/// Gives the lengths of the full names that a record brings into the zone.
fn full_names(dns: &Dns, record: &Record) -> impl Iterator<Item = usize> {
    let companion = record.companion_name().len() + 1 + dns.zone.as_str().len();
    let values = record.values(&dns.zone);
    let targets = values
        .into_iter()
        .filter_map(|value| value.target().map(|target| target.as_str().len()));
    targets.chain([companion])
}

/// Checks records that share a name.
fn together(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(dns) = &plan.dns else { return };
    let mut companions: HashMap<String, usize> = HashMap::new();
    for (index, record) in dns.records.iter().enumerate() {
        let (name, record_type) = (&record.name, record.record_type);
        if let Some(&first) = companions.get(&record.companion_name()) {
            let (summary, help) = if dns.records[first].name == *name {
                (
                    format!("two records have the name `{name}` and the type `{record_type}`"),
                    "write one record with a list: `value: [first, second]`",
                )
            } else {
                (
                    format!(
                        "`{}` and `{name}` cannot both be kept by labctl",
                        dns.records[first].name
                    ),
                    "rename the record",
                )
            };
            findings.clash(&name_path(index), &name_path(first), summary, help);
        } else {
            companions.insert(record.companion_name(), index);
        }
        let other = dns.records[..index].iter().position(|other| {
            other.name == *name
                && other.record_type != record_type
                && [other.record_type, record_type].contains(&RecordType::Cname)
        });
        if let Some(first) = other {
            let summary = format!("`{name}` is a CNAME and has other records too");
            findings.clash(
                &name_path(index),
                &name_path(first),
                summary,
                "DNS allows nothing beside a CNAME (RFC 1034, section 3.6.2); keep one of them",
            );
        }
    }
}

fn elastic_ip(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(dns) = plan.dns.as_ref().filter(|_| !plan.elastic_ip) else {
        return;
    };
    let mut used = false;
    for (index, _) in dns
        .records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.uses_elastic_ip())
    {
        used = true;
        findings.error(
            &format!("dns.records[{index}].value"),
            "the record points at an Elastic IP that the plan does not have",
            "needs `elastic_ip: true`",
            "add `elastic_ip: true`; other addresses change when the server stops",
        );
    }
    if !used && !dns.records.is_empty() {
        findings.warning(
            "dns",
            "the plan has DNS records and no Elastic IP",
            "no record can follow the server",
            "add `elastic_ip: true` and a record with `value: elastic-ip`; without it the server's address changes when it stops",
        );
    }
}
