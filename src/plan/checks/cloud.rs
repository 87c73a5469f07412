//! Checks on the server and what AWS holds around it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;

use super::{Check, Findings};
use crate::plan::model::{Access, IngressRule, Plan};
use crate::plan::scalars::{CidrSource, partition};

pub(super) const CHECKS: &[Check] = &[
    (&["region"], region),
    (&["lab", "region"], role_name),
    (&["region", "instance.availability_zone"], zone),
    (&["tags"], tags),
    (&["region", "permissions_boundary"], permissions_boundary),
    (&["instance.root_volume"], root_volume),
    (&["security_group"], ports),
    (&["security_group"], rules),
    (&["security_group", "workbench"], ssh),
    (&["bucket.name"], bucket_name),
    (&["bucket", "github_actions"], github_actions),
];

/// The port of SSH.
const SSH: u16 = 22;
/// Tags that labctl itself sets on the resource with the most, the server: lab, region, resource, tags, image, network,
/// Name, and transaction during a resize.
const OWN_TAGS: usize = 8;
/// The most tags that a resource may have ("Tag your Amazon EC2 resources" in the EC2 User Guide).
const MAXIMUM_TAGS: usize = 50;
/// The longest value of a tag, in which the plan's keys are remembered.
const MAXIMUM_TAG_VALUE: usize = 256;
/// The longest name of a role (IAM User Guide, "IAM and STS quotas").
const MAXIMUM_ROLE_NAME: usize = 64;
/// The smallest disk that an Ubuntu image fits on, in GiB.
const SMALLEST_ROOT_VOLUME: u32 = 8;

fn region(plan: &Plan, findings: &mut Findings<'_>) {
    if let Some(near) = plan.region.nearest_known() {
        let summary = format!("labctl does not know the region `{}`", plan.region);
        findings.warning(
            "region",
            summary,
            "perhaps misspelt",
            format!("did you mean `{near}`? a new region can be used all the same"),
        );
    }
}

fn zone(plan: &Plan, findings: &mut Findings<'_>) {
    let zone = plan.instance.availability_zone.as_ref();
    if let Some(zone) = zone.filter(|zone| !zone.is_in(&plan.region)) {
        findings.error(
            "instance.availability_zone",
            format!("the zone `{zone}` is not in the region `{}`", plan.region),
            "another region's",
            format!("write a zone such as `{}a`, or leave it out", plan.region),
        );
    }
}

fn role_name(plan: &Plan, findings: &mut Findings<'_>) {
    let name = format!("{}-{}-github", plan.lab, plan.region);
    if name.len() > MAXIMUM_ROLE_NAME {
        let too_many = name.len() - MAXIMUM_ROLE_NAME;
        findings.error(
            "lab",
            format!(
                "the role `{name}` would have {} characters, and {MAXIMUM_ROLE_NAME} are allowed",
                name.len()
            ),
            "too long with the region",
            format!("shorten the lab's name by {too_many}"),
        );
    }
}

fn tags(plan: &Plan, findings: &mut Findings<'_>) {
    let allowed = MAXIMUM_TAGS - OWN_TAGS;
    if plan.tags.len() > allowed {
        let summary = format!(
            "the plan has {} tags, and AWS leaves room for {allowed}",
            plan.tags.len()
        );
        findings.error(
            "tags",
            summary,
            "too many",
            format!("keep at most {allowed}; labctl itself sets {OWN_TAGS} more"),
        );
    }
    let keys: Vec<&str> = plan.tags.keys().map(|key| key.as_str()).collect();
    let length = keys.join("//").chars().count();
    if length > MAXIMUM_TAG_VALUE {
        let summary = format!(
            "the keys of the tags have {length} characters together, and {MAXIMUM_TAG_VALUE} are allowed"
        );
        findings.error(
            "tags",
            summary,
            "too long together",
            "shorten the keys, or use fewer; labctl keeps the list of them in a tag of its own",
        );
    }
    let mut folded: HashMap<String, &str> = HashMap::new();
    for key in keys {
        if let Some(first) = folded.insert(key.to_lowercase(), key) {
            let summary = format!(
                "the tags `{first}` and `{key}` differ only in case, which AWS does not allow on roles"
            );
            findings.clash(
                &format!("tags.{key}"),
                &format!("tags.{first}"),
                summary,
                "keep one of them",
            );
        }
    }
}

fn permissions_boundary(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(boundary) = &plan.permissions_boundary else {
        return;
    };
    let partition = partition(plan.region.as_str());
    let path = "permissions_boundary";
    if boundary.partition() != partition {
        findings.error(
            path,
            format!(
                "the policy is in the partition `{}`, and `{}` is in `{partition}`",
                boundary.partition(),
                plan.region
            ),
            "another partition",
            format!("name a policy whose ARN begins with `arn:{partition}:`"),
        );
    } else if boundary.allows_everything() {
        findings.warning(
            path,
            "this boundary bounds nothing: it allows everything, or to give oneself everything",
            "no limit",
            "name a policy that allows no more than the lab's roles may ever do",
        );
    }
}

fn root_volume(plan: &Plan, findings: &mut Findings<'_>) {
    let volume = &plan.instance.root_volume;
    let (size, largest) = (volume.size.get(), volume.volume_type.largest());
    let path = "instance.root_volume.size";
    if size < SMALLEST_ROOT_VOLUME {
        let help = format!("write `{SMALLEST_ROOT_VOLUME} GiB` or more; 30 GiB are a good start");
        findings.error(
            path,
            format!("Ubuntu does not fit on a disk of {}", volume.size),
            "too small",
            help,
        );
    } else if size > largest {
        let summary = format!(
            "a disk of type `{}` has at most {largest} GiB",
            volume.volume_type
        );
        findings.error(
            path,
            summary,
            "too large",
            format!("write `{largest} GiB` or less, or choose another type"),
        );
    }
}

/// Several rules may be for one port, each with its description; AWS has one rule for a port and a source.
fn ports(plan: &Plan, findings: &mut Findings<'_>) {
    let mut first_with: BTreeMap<(u16, String), usize> = BTreeMap::new();
    for (index, rule) in plan.security_group.ingress.iter().enumerate() {
        let path = |index: usize| format!("security_group.ingress[{index}].from");
        let sources: BTreeSet<String> = rule.from.iter().flat_map(ranges).collect();
        let clash = sources.into_iter().find_map(|source| {
            let first = first_with.insert((rule.port.get(), source.clone()), index);
            first.map(|first| (first, source))
        });
        if let Some((first, source)) = clash {
            findings.clash(
                &path(index),
                &path(first),
                format!("two rules let `{source}` in at port {}", rule.port),
                "name it in one of them",
            );
        }
    }
}

/// The ranges of addresses that a source stands for, in words.
fn ranges(source: &CidrSource) -> Vec<String> {
    match source {
        CidrSource::Anywhere => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        CidrSource::MyIp | CidrSource::Cidr(_) => vec![source.to_string()],
    }
}

/// Counts rules as AWS does: one for each range of addresses of each entry, IPv4 and IPv6 for themselves (Amazon VPC
/// User Guide, "Amazon VPC quotas").
fn rules(plan: &Plan, findings: &mut Findings<'_>) {
    let group = &plan.security_group;
    let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
    for rule in &group.ingress {
        for source in &rule.from {
            let key = (rule.port, source.to_string());
            match source {
                // Which family it has is known only when it is asked for; nearly always it is IPv4.
                CidrSource::MyIp | CidrSource::Cidr(IpNet::V4(_)) => {
                    v4.insert(key);
                }
                CidrSource::Cidr(IpNet::V6(_)) => {
                    v6.insert(key);
                }
                CidrSource::Anywhere => {
                    v4.insert((rule.port, "0.0.0.0/0".to_owned()));
                    v6.insert((rule.port, "::/0".to_owned()));
                }
            }
        }
    }
    let quota = group.rule_quota.get();
    for (family, count) in [("IPv4", v4.len()), ("IPv6", v6.len())] {
        if count > usize::from(quota) {
            findings.error(
                "security_group.ingress",
                format!("the ports and their sources make {count} rules for {family}, and AWS takes {quota} in a group"),
                "too many rules",
                "join ranges of addresses, or list fewer; if AWS has granted the account more, say so by `security_group.rule_quota`",
            );
        }
    }
}

fn ssh(plan: &Plan, findings: &mut Findings<'_>) {
    let rules = plan.security_group.ingress.iter().enumerate();
    let mut rules = rules.filter(|(_, rule)| rule.port.get() == SSH);
    let first = rules.clone().next();
    let open = rules.find(|(_, rule)| opens_to_all(rule));
    let rule = open.or(first).map(|(index, _)| index);
    match rule {
        None if plan.workbench.is_some() => findings.warning(
            if findings.source.has("security_group") { "security_group" } else { "workbench" },
            "port 22 is closed, and labctl sets up the workbench by SSH",
            "no rule for port 22",
            "add `- { port: 22, from: [my-ip] }` to `security_group.ingress`, or reach the server another way and name it by `--connect-to`",
        ),
        Some(index) if opens_to_all(&plan.security_group.ingress[index]) => findings.warning(
            &format!("security_group.ingress[{index}]"),
            "everybody in the world may try to log in by SSH",
            "port 22 is open to anywhere",
            "write `from: [my-ip]`, or the addresses that you work from",
        ),
        _ => {}
    }
}

/// Says whether a rule opens its port to the whole internet.
pub(super) fn opens_to_all(rule: &IngressRule) -> bool {
    rule.from.iter().any(|source| source.is_anywhere())
}

fn bucket_name(plan: &Plan, findings: &mut Findings<'_>) {
    if plan
        .bucket
        .as_ref()
        .is_some_and(|bucket| bucket.name.as_str().contains('.'))
    {
        findings.warning(
            "bucket.name",
            "a bucket with a dot in its name cannot be reached by HTTPS in the usual way",
            "Amazon's certificate does not cover it",
            "write `-` in place of each dot",
        );
    }
}

fn github_actions(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(github) = &plan.github_actions else {
        return;
    };
    if plan.bucket.is_none() {
        findings.error(
            "github_actions",
            "a GitHub workflow is given access to a bucket that the plan does not have",
            "there is no `bucket`",
            "add a `bucket` section with a `name`, or remove `github_actions`",
        );
    }
    if github.access == Access::None {
        findings.error(
            "github_actions.access",
            "a role that may do nothing is of no use",
            "`none` is not for GitHub",
            "write `read` or `read-write`, or remove `github_actions`",
        );
    }
}
