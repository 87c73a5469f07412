//! What is in the cloud, compared with the plan, by a way of its own.

use std::collections::BTreeMap;

use labctl::plan::{Access, HttpsMode, Network, Plan, RecordValue, bucket_users};

use crate::memory_cloud::{Item, Memory};

use super::harness::{Lab, parse};

/// What came into the cloud since the lab's test began.
pub fn new_items(lab: &Lab) -> Vec<Item> {
    let is_old = |item: &Item| {
        lab.before
            .get(&item.id)
            .is_some_and(|old| old.kind == item.kind)
    };
    let now = lab.memory.snapshot().living();
    now.items.into_iter().filter(|item| !is_old(item)).collect()
}

/// The only thing of a kind that is not older than the lab.
pub fn sole(lab: &Lab, kind: &str) -> Item {
    only(&new_items(lab), kind).clone()
}

/// The only one of a kind.
fn only<'a>(items: &'a [Item], kind: &str) -> &'a Item {
    let found: Vec<&Item> = items.iter().filter(|item| item.kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind}: {found:#?}");
    found[0]
}

/// The lab's server.
pub fn server(lab: &Lab) -> Item {
    sole(lab, "instance")
}

/// The record sets of a zone but its own two, by name and type.
pub fn records(memory: &Memory, zone: &str) -> BTreeMap<String, String> {
    let snapshot = memory.snapshot();
    let zones = snapshot.of("hostedzone").into_iter();
    let is_it = |item: &&Item| item.name.trim_end_matches('.') == zone;
    zones
        .filter(is_it)
        .flat_map(|item| &item.attributes)
        .filter_map(|(key, value)| Some((key.strip_prefix("record ")?.to_owned(), value.clone())))
        .filter(|(key, _)| !key.ends_with(" NS") && !key.ends_with(" SOA"))
        .collect()
}

struct Findings {
    faults: Vec<String>,
}

impl Findings {
    fn check(&mut self, what: &str, found: impl ToString, wanted: impl ToString) {
        let (found, wanted) = (found.to_string(), wanted.to_string());
        if found != wanted {
            self.faults
                .push(format!("{what}: `{found}` and not `{wanted}`"));
        }
    }
}

fn reaches_its_bucket(plan: &Plan) -> bool {
    let bucket = plan.bucket.as_ref();
    bucket.is_some_and(|bucket| bucket.instance_access != Access::None)
}

/// Whether the server answers an authority's challenges in the zone.
fn proves_its_names(plan: &Plan) -> bool {
    let workbench = plan.workbench.as_ref();
    workbench.is_some_and(|workbench| workbench.https.mode == HttpsMode::Dns)
}

fn has_server_role(plan: &Plan) -> bool {
    reaches_its_bucket(plan) || proves_its_names(plan) || !bucket_users(plan).is_empty()
}

/// How many things of each kind a plan makes where nothing is there yet.
fn wanted_counts(
    plan: &Plan,
    is_zone_there: bool,
    is_provider_there: bool,
) -> BTreeMap<&'static str, usize> {
    let bucket = plan.bucket.as_ref();
    let users = usize::from(!bucket_users(plan).is_empty());
    let has_role = has_server_role(plan);
    let github = usize::from(plan.github_actions.is_some());
    let own_network = usize::from(plan.network == Network::Dedicated);
    let counts = [
        ("bucket", usize::from(bucket.is_some())),
        ("elastic-ip", usize::from(plan.elastic_ip)),
        (
            "hostedzone",
            usize::from(plan.dns.is_some() && !is_zone_there),
        ),
        ("iam-instance-profile-association", usize::from(has_role)),
        ("instance", 1),
        ("instance-profile", usize::from(has_role)),
        ("internet-gateway", own_network),
        ("key-pair", 1),
        ("network-interface", 1),
        ("oidc-provider", github * usize::from(!is_provider_there)),
        ("role", usize::from(has_role) + users + github),
        // A network comes with a route table and a group of its own.
        ("route-table", 2 * own_network),
        ("security-group", 1 + own_network),
        ("subnet", own_network),
        ("volume", 1),
        ("vpc", own_network),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Where the cloud is not as the plan says.
pub fn faults(lab: &Lab) -> Vec<String> {
    let plan = parse(&lab.text);
    let items = new_items(lab);
    let mut findings = Findings { faults: Vec::new() };
    let zone = plan
        .dns
        .as_ref()
        .map(|dns| dns.zone.to_string())
        .unwrap_or_default();
    let is_zone =
        |item: &&Item| item.kind == "hostedzone" && item.name.trim_end_matches('.') == zone;
    let is_zone_there = lab.before.items.iter().any(|item| is_zone(&item));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &items {
        *counts.entry(item.kind.as_str()).or_default() += 1;
    }
    let is_provider_there = !lab.before.of("oidc-provider").is_empty();
    let wanted = wanted_counts(&plan, is_zone_there, is_provider_there);
    findings.check("counts", format!("{counts:?}"), format!("{wanted:?}"));
    if findings.faults.is_empty() {
        check_tags(&plan, &items, &mut findings);
        check_server(lab, &plan, &items, &mut findings);
        check_network(&plan, &items, &mut findings);
        check_storage(&plan, &items, &mut findings);
        check_identities(&plan, &items, &mut findings);
        check_records(lab, &plan, &items, &mut findings);
    }
    findings.faults
}

fn check_tags(plan: &Plan, items: &[Item], findings: &mut Findings) {
    let own_parts = |item: &Item| match item.kind.as_str() {
        "network-interface" | "iam-instance-profile-association" => true,
        "security-group" => item.name == "default",
        "route-table" => item.attributes["main"] == "true",
        _ => false,
    };
    for item in items.iter().filter(|item| !own_parts(item)) {
        let mut wanted = vec![
            ("labctl:lab".to_owned(), plan.lab.to_string()),
            ("labctl:region".to_owned(), plan.region.to_string()),
        ];
        wanted.extend(
            plan.tags
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string())),
        );
        for (key, value) in wanted {
            let found = item.tags.get(&key).map(String::as_str).unwrap_or_default();
            findings.check(
                &format!("tag `{key}` of {} {}", item.kind, item.id),
                found,
                value,
            );
        }
        let has_address = item.tags.contains_key("labctl:resource");
        findings.check(
            &format!("{} {} is the lab's", item.kind, item.id),
            has_address,
            true,
        );
    }
}

fn check_server(lab: &Lab, plan: &Plan, items: &[Item], findings: &mut Findings) {
    let server = only(items, "instance");
    let volume = only(items, "volume");
    let attribute = |name: &str| server.attributes[name].clone();
    findings.check("state", &server.state, "running");
    findings.check("type", attribute("type"), &plan.instance.instance_type);
    findings.check("key", attribute("key"), &plan.lab);
    findings.check("protection", attribute("protected"), plan.protect);
    let is_changing = server.tags.contains_key("labctl:transaction");
    findings.check("a change in progress", is_changing, false);
    let size = plan.instance.root_volume.size.get();
    findings.check("size", &volume.attributes["size"], size);
    findings.check(
        "disk",
        &volume.attributes["type"],
        plan.instance.root_volume.volume_type.to_string(),
    );
    findings.check("encryption", &volume.attributes["encrypted"], true);
    findings.check("disk of", &volume.attributes["instance"], &server.id);
    if plan.elastic_ip {
        let address = only(items, "elastic-ip");
        findings.check("address of", &address.attributes["instance"], &server.id);
        findings.check("address", attribute("public_address"), &address.name);
    }
    let pair = only(items, "key-pair");
    let key = lab.laptop.public_key.blob.as_str();
    findings.check(
        "key pair",
        pair.attributes["public_key"].contains(key),
        true,
    );
    findings.check("key pair's name", &pair.name, &plan.lab);
}

fn check_network(plan: &Plan, items: &[Item], findings: &mut Findings) {
    let server = only(items, "instance");
    let of = |kind: &str| {
        let tagged = |item: &&Item| item.kind == kind && item.tags.contains_key("labctl:resource");
        items.iter().find(tagged).cloned()
    };
    let group = of("security-group").unwrap();
    findings.check("groups", &server.attributes["groups"], &group.id);
    findings.check("group's name", &group.name, &plan.lab);
    let rules: usize = plan
        .security_group
        .ingress
        .iter()
        .flat_map(|rule| &rule.from)
        .map(|source| {
            if source.is_anywhere() && source.to_string() == "anywhere" {
                2
            } else {
                1
            }
        })
        .sum();
    let found = group.attributes["ingress"]
        .split("; ")
        .filter(|rule| !rule.is_empty())
        .count();
    findings.check("rules", found, rules);
    match &plan.network {
        Network::Default => {}
        Network::Existing { vpc, subnet } => {
            findings.check("network", &group.attributes["vpc"], vpc);
            findings.check("subnet", &server.attributes["subnet"], subnet);
        }
        Network::Dedicated => {
            let (vpc, subnet) = (of("vpc").unwrap(), of("subnet").unwrap());
            let (gateway, table) = (of("internet-gateway").unwrap(), of("route-table").unwrap());
            findings.check("group's network", &group.attributes["vpc"], &vpc.id);
            findings.check("subnet", &server.attributes["subnet"], &subnet.id);
            findings.check("subnet's network", &subnet.attributes["vpc"], &vpc.id);
            findings.check(
                "subnet's addresses",
                &subnet.attributes["public_addresses"],
                true,
            );
            findings.check("gateway's network", &gateway.attributes["vpc"], &vpc.id);
            findings.check("table's subnets", &table.attributes["subnets"], &subnet.id);
            findings.check(
                "routes",
                table.attributes["routes"].contains(&gateway.id),
                true,
            );
        }
    }
}

fn check_storage(plan: &Plan, items: &[Item], findings: &mut Findings) {
    let Some(wanted) = &plan.bucket else { return };
    let bucket = only(items, "bucket");
    findings.check("bucket", &bucket.name, &wanted.name);
    let versioning = bucket.attributes["versioning"] == "Enabled";
    findings.check("versioning", versioning, wanted.versioning);
    let access = &bucket.attributes["public_access"];
    findings.check("doors left open", access.matches("Some(true)").count(), 4);
    findings.check(
        "encryption",
        bucket.attributes["encryption"].contains("Aes256"),
        true,
    );
}

fn check_identities(plan: &Plan, items: &[Item], findings: &mut Findings) {
    let role = |name: &str| {
        let is_it = |item: &&Item| item.kind == "role" && item.name == name;
        items.iter().find(is_it).cloned()
    };
    let boundary = plan.permissions_boundary.as_ref();
    let boundary = boundary.map(ToString::to_string).unwrap_or_default();
    for role in items.iter().filter(|item| item.kind == "role") {
        findings.check("boundary", &role.attributes["boundary"], &boundary);
    }
    let name = format!("{}-{}", plan.lab, plan.region);
    if has_server_role(plan) {
        let policies = role(&name).unwrap().attributes["policies"].clone();
        check_server_policy(plan, &policies, findings);
        let profile = items
            .iter()
            .find(|item| item.kind == "instance-profile")
            .unwrap();
        findings.check("profile's role", &profile.attributes["role"], &name);
        let server = items.iter().find(|item| item.kind == "instance").unwrap();
        findings.check(
            "server's profile",
            &server.attributes["profile"],
            &profile.id,
        );
    }
    if let Some(github) = &plan.github_actions {
        let role = role(&format!("{name}-github")).unwrap();
        let subject = format!(
            "repo:{}:ref:refs/heads/{}",
            github.repository.as_str(),
            github.branch.as_str()
        );
        findings.check("who may", role.attributes["trust"].contains(&subject), true);
        let may_write = github.access == Access::ReadWrite;
        let policies = &role.attributes["policies"];
        findings.check(
            "GitHub may write",
            policies.contains("s3:PutObject"),
            may_write,
        );
    }
}

/// What the server may do: its bucket, and the challenges of its names in one zone.
fn check_server_policy(plan: &Plan, policies: &str, findings: &mut Findings) {
    let access = plan.bucket.as_ref().map(|bucket| bucket.instance_access);
    let says = |word: &str| policies.contains(word);
    let may_write = access == Some(Access::ReadWrite);
    findings.check("the server may write", says("s3:PutObject"), may_write);
    if let Some(bucket) = plan.bucket.as_ref().filter(|_| reaches_its_bucket(plan)) {
        findings.check("of one bucket", says(bucket.name.as_str()), true);
    }
    let proves = proves_its_names(plan);
    findings.check(
        "the server writes challenges",
        says("_acme-challenge."),
        proves,
    );
    findings.check("of one zone", says(":hostedzone/Z"), proves);
    findings.check("of a zone that is not known", says("(zone)"), false);
}

fn check_records(lab: &Lab, plan: &Plan, items: &[Item], findings: &mut Findings) {
    let Some(dns) = &plan.dns else { return };
    let zone = dns.zone.as_str();
    let found = records(&lab.memory, zone);
    let there = lab.before.items.iter().flat_map(|item| {
        let is_zone = item.kind == "hostedzone" && item.name.trim_end_matches('.') == zone;
        item.attributes.keys().filter(move |_| is_zone)
    });
    let there = there
        .filter(|key| key.starts_with("record ") && !key.ends_with("NS") && !key.ends_with("SOA"));
    findings.check(
        "record sets",
        found.len(),
        2 * dns.records.len() + there.count(),
    );
    let address = || only(items, "elastic-ip").name.clone();
    for record in &dns.records {
        let name = match record.name.as_str() {
            "@" => format!("{zone}."),
            name => format!("{}.{zone}.", name.replace('*', "\\052")),
        };
        let key = format!("{name} {}", record.record_type);
        let mut values: Vec<String> = record
            .values(&dns.zone)
            .iter()
            .map(|value| match value {
                RecordValue::ElasticIp => address(),
                RecordValue::Txt(text) => format!("\"{text}\""),
                other => other.to_string(),
            })
            .collect();
        values.sort();
        let wanted = format!("{} {}", record.ttl.as_secs(), values.join(" "));
        let found = found
            .get(&key)
            .map(|text| sorted_values(text))
            .unwrap_or_default();
        findings.check(&key, found, sorted_values(&wanted));
    }
}

/// The words of a record set in some fixed order.
fn sorted_values(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}
