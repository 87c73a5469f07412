//! The names under which the world reaches the server (pure).

use super::{DomainName, HttpsMode, Plan, Record, RecordType, RecordValue, Workbench};

/// The names of the plan that lead to the server: the domain, those whose
/// record is the Elastic IP, and aliases of these.
pub fn server_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let names = all_names(plan, workbench);
    let plain = names.into_iter().filter(|name| !is_wildcard(name));
    plain.collect()
}

/// The names that an authority's certificate is to be for: those of the server,
/// and wildcards where these can be proven, which a file on port 80 cannot
/// (Let's Encrypt, "Challenge Types").
pub fn certificate_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    match workbench.https.mode {
        HttpsMode::Dns => all_names(plan, workbench),
        _ => server_names(plan, workbench),
    }
}

/// The TXT records in which the server answers an authority's challenges; none but in the mode
/// `dns` (RFC 8555, section 8.4: a wildcard's is that of the name behind it).
pub fn challenge_names(plan: &Plan) -> Vec<String> {
    let workbench = plan.workbench.as_ref();
    let Some(workbench) = workbench.filter(|workbench| workbench.https.mode == HttpsMode::Dns)
    else {
        return Vec::new();
    };
    let names = certificate_names(plan, workbench);
    let mut challenges: Vec<String> = names
        .iter()
        .map(|name| format!("_acme-challenge.{}", name.trim_start_matches("*.")))
        .collect();
    challenges.sort();
    challenges.dedup();
    challenges
}

/// A name by which browsers may find the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebName {
    /// The name in full.
    pub name: String,
    /// Whether a record of the plan's own leads it to the server; else others answer for it, as for a `domain` without
    /// `dns`.
    pub has_record: bool,
}

/// The names by which browsers find the server, the domain first: those of the plan's records also where it has no
/// `domain`, so that no certificate is for them.
pub fn web_names(plan: &Plan, workbench: &Workbench) -> Vec<WebName> {
    let names = with_records(plan, workbench.domain.as_ref()).into_iter();
    names.filter(|name| !is_wildcard(&name.name)).collect()
}

fn is_wildcard(name: &str) -> bool {
    name.starts_with('*')
}

fn all_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let domain = workbench.domain.as_ref();
    let names = domain.map(|domain| with_records(plan, Some(domain)));
    let names = names.into_iter().flatten();
    names.map(|name| name.name).collect()
}

/// The domain, and the names that records lead to the server.
fn with_records(plan: &Plan, domain: Option<&DomainName>) -> Vec<WebName> {
    let led = led_names(plan, domain);
    let domain = domain.map(ToString::to_string);
    let others = led.iter().filter(|name| Some(*name) != domain.as_ref());
    let names = domain.iter().chain(others);
    let name = |name: &String| WebName {
        name: name.clone(),
        has_record: led.contains(name),
    };
    names.map(name).collect()
}

/// The names that the plan's records lead to the server: to its Elastic IP, or to the domain or another such name.
fn led_names(plan: &Plan, domain: Option<&DomainName>) -> Vec<String> {
    let Some(dns) = &plan.dns else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let (direct, others): (Vec<&Record>, Vec<&Record>) = dns
        .records
        .iter()
        .partition(|record| record.uses_elastic_ip());
    add(&mut names, direct, &dns.zone);
    let leads = |record: &&Record| {
        let values = record.values(&dns.zone);
        let mut targets = values.iter().filter_map(RecordValue::target);
        record.record_type == RecordType::Cname
            && targets.any(|target| Some(target) == domain || names.contains(&target.to_string()))
    };
    let aliases = others.into_iter().filter(leads).collect();
    add(&mut names, aliases, &dns.zone);
    names
}

fn add(names: &mut Vec<String>, records: Vec<&Record>, zone: &DomainName) {
    for record in records {
        let name = record.name.within(zone);
        if !names.contains(&name) {
            names.push(name);
        }
    }
}
