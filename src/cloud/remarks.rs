//! What a change means beyond what it says of itself. Pure.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::cloud::diff::{Change, ChangeSet, Edit};
use crate::cloud::resources::security_group::{Rule, RuleSource, SecurityGroup};
use crate::cloud::resources::{Body, Kind, LiveLab};
use crate::plan::{CidrSource, Plan};

/// Says what the user should know of the changes before they are made.
pub fn remarks(plan: &Plan, my_ip: Option<IpAddr>, live: &LiveLab, set: &ChangeSet) -> Vec<String> {
    let mut remarks = Vec::new();
    for change in &set.changes {
        let (Change::Update(edit) | Change::Replace(edit)) = change else {
            continue;
        };
        if let Some(address) = my_ip
            && let Some((before, after)) = groups(edit)
        {
            remarks.extend(replaced_addresses(plan, address, before, after));
        }
        let is_key = edit.fields.iter().any(|field| field.path == "public_key");
        if is_key && stays(live, set) {
            remarks.push(other_key(plan));
        }
    }
    remarks
}

fn groups(edit: &Edit) -> Option<(&SecurityGroup, &SecurityGroup)> {
    match (&edit.live.body, &edit.desired.body) {
        (Body::SecurityGroup(before), Body::SecurityGroup(after)) => Some((before, after)),
        _ => None,
    }
}

/// Single addresses that are shut out at a port for which the plan says `my-ip`: perhaps a colleague's.
fn replaced_addresses(
    plan: &Plan,
    my_ip: IpAddr,
    before: &SecurityGroup,
    after: &SecurityGroup,
) -> Vec<String> {
    let says_my_ip = |rule: &Rule| {
        let mut rules = plan.security_group.ingress.iter();
        rules.any(|entry| entry.from.contains(&CidrSource::MyIp) && rule.opens(entry.port.get()))
    };
    let is_single = |rule: &Rule| match rule.source {
        RuleSource::Range(range) => range.prefix_len() == range.max_prefix_len(),
        _ => false,
    };
    let stays = |rule: &Rule| {
        after
            .ingress
            .iter()
            .any(|other| other.allows_the_same(rule))
    };
    let is_new = !before
        .ingress
        .iter()
        .any(|rule| rule.source == RuleSource::Range(IpNet::from(my_ip)));
    let gone = before
        .ingress
        .iter()
        .filter(|rule| is_new && is_single(rule) && says_my_ip(rule) && !stays(rule));
    gone.map(|rule| {
        format!(
            "`my-ip` is `{my_ip}` here, and takes the place of `{rule}`: if that is a colleague's address, write \
             both into the rule's `from`"
        )
    })
    .collect()
}

/// Whether the lab's server is there, and is after the changes too.
fn stays(live: &LiveLab, set: &ChangeSet) -> bool {
    let goes = set.changes.iter().any(|change| {
        change.address().kind() == Kind::Instance
            && matches!(change, Change::Replace(_) | Change::Delete(_))
    });
    live.current(Kind::Instance).is_some() && !goes
}

/// EC2 lays a key pair's key into `authorized_keys` when a server first starts (EC2 User Guide, "Add or replace a public
/// key on your Linux instance").
fn other_key(plan: &Plan) -> String {
    format!(
        "the server keeps the key that it was started with: EC2 gives a key pair to new servers only. Before this apply \
         add the line of `{}` to `~/.ssh/authorized_keys` of `ubuntu` there, for labctl logs in with it from now on; \
         the old key stays in it until you take it out",
        plan.instance.key_pair
    )
}
