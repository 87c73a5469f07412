//! The names under which the world reaches the server (pure).

use super::{DomainName, HttpsMode, Plan, Record, RecordType, RecordValue, Workbench};

/// The names of the plan that lead to the server: the domain, those whose
/// record is the Elastic IP, aliases of these, and the apps' own.
pub fn server_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let names = all_names(plan, workbench);
    let plain = names.into_iter().filter(|name| !is_wildcard(name));
    plain.collect()
}

/// The names under which all answers that has none of its own, wildcards among them.
pub fn main_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let hosts = app_hosts(workbench);
    let names = all_names(plan, workbench).into_iter();
    names.filter(|name| !hosts.contains(name)).collect()
}

/// The names of their own that public apps have.
fn app_hosts(workbench: &Workbench) -> Vec<String> {
    let shiny = workbench.shiny.as_ref();
    let shiny = shiny.and_then(|shiny| shiny.host.as_ref());
    let api = workbench.api.as_ref().filter(|api| api.public);
    let api = api.and_then(|api| api.host.as_ref());
    shiny
        .into_iter()
        .chain(api)
        .map(ToString::to_string)
        .collect()
}

/// Whether a name of the plan's zone is led to the server by the plan's own records. A wildcard's record answers for the
/// names below it that have no record, themselves or below them (RFC 4592, section 3.3.1).
pub(super) fn is_led(plan: &Plan, name: &DomainName) -> bool {
    let Some((workbench, dns)) = plan.workbench.as_ref().zip(plan.dns.as_ref()) else {
        return false;
    };
    let led = led_names(plan, workbench.domain.as_ref());
    let known = dns
        .records
        .iter()
        .map(|record| record.name.within(&dns.zone));
    let known: Vec<String> = known.collect();
    let name = name.to_string();
    if known.contains(&name) {
        return led.contains(&name);
    }
    let mut rest = name.as_str();
    while let Some((_, above)) = rest.split_once('.') {
        let wildcard = format!("*.{above}");
        if known.contains(&wildcard) {
            return led.contains(&wildcard);
        }
        let below = format!(".{above}");
        let is_there = |name: &String| name == above || name.ends_with(&below);
        if above == dns.zone.as_str() || known.iter().any(is_there) {
            return false;
        }
        rest = above;
    }
    false
}

/// The names that an authority's certificate is to be for: those of the server,
/// and wildcards where these can be proven, which a file on port 80 cannot
/// (Let's Encrypt, "Challenge Types").
pub fn certificate_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    match workbench.https.mode {
        HttpsMode::Dns => without_covered(all_names(plan, workbench)),
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
/// `domain`, so that no certificate is for them. Not the apps' own, where the lab's pages are not.
pub fn web_names(plan: &Plan, workbench: &Workbench) -> Vec<WebName> {
    let hosts = app_hosts(workbench);
    let names = with_records(plan, workbench.domain.as_ref()).into_iter();
    let names = names.filter(|name| !is_wildcard(&name.name) && !hosts.contains(&name.name));
    names.collect()
}

/// The names but those that a wildcard among them is for as well: authorities refuse to be asked for both.
fn without_covered(names: Vec<String>) -> Vec<String> {
    let is_covered = |name: &String| {
        let above = name.split_once('.').map(|(_, above)| above);
        let wildcard = above.map(|above| format!("*.{above}"));
        !is_wildcard(name) && wildcard.is_some_and(|wildcard| names.contains(&wildcard))
    };
    names
        .iter()
        .filter(|name| !is_covered(name))
        .cloned()
        .collect()
}

fn is_wildcard(name: &str) -> bool {
    name.starts_with('*')
}

fn all_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let domain = workbench.domain.as_ref();
    let names = domain.map(|domain| with_records(plan, Some(domain)));
    let names = names.into_iter().flatten().map(|name| name.name);
    let mut names: Vec<String> = names.collect();
    for host in app_hosts(workbench) {
        if !names.contains(&host) {
            names.push(host);
        }
    }
    names
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
