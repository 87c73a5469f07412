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

fn is_wildcard(name: &str) -> bool {
    name.starts_with('*')
}

fn all_names(plan: &Plan, workbench: &Workbench) -> Vec<String> {
    let Some(domain) = &workbench.domain else {
        return Vec::new();
    };
    let mut names = vec![domain.to_string()];
    let Some(dns) = &plan.dns else {
        return names;
    };
    let (direct, others): (Vec<&Record>, Vec<&Record>) = dns
        .records
        .iter()
        .partition(|record| record.uses_elastic_ip());
    add(&mut names, direct, &dns.zone);
    let leads = |record: &&Record| {
        let values = record.values(&dns.zone);
        let mut targets = values.iter().filter_map(RecordValue::target);
        record.record_type == RecordType::Cname
            && targets.any(|target| names.contains(&target.to_string()))
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
