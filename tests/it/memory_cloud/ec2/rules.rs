//! Rules of security groups, in the form in which AWS keeps and lists them.
//!
//! Sources: EC2 API Reference, "IpPermission", "AuthorizeSecurityGroupIngress";
//! Amazon VPC User Guide, "Security group rules".

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, ReferencedSecurityGroup, RevokedSecurityGroupRule,
    SecurityGroupRule, UserIdGroupPair,
};
use ipnet::{Ipv4Net, Ipv6Net};

use super::super::refusal::{Answer, missing, refuse, require};

/// Whom a rule admits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    V4(Ipv4Net),
    V6(Ipv6Net),
    Group(String),
}

/// A rule of a security group.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub reach: Reach,
    pub peer: Peer,
    pub description: Option<String>,
}

/// What a rule opens: a protocol and its ports, or types of ICMP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    pub protocol: String,
    pub ports: Option<(i32, i32)>,
}

impl Rule {
    /// Whether two rules are the same one to AWS, whatever they are called.
    pub fn is(&self, other: &Self) -> bool {
        self.reach == other.reach && self.peer == other.peer
    }

    /// Spells the rule as AWS does in its errors.
    pub fn spelled(&self) -> String {
        let peer = match &self.peer {
            Peer::V4(cidr) => cidr.to_string(),
            Peer::V6(cidr) => cidr.to_string(),
            Peer::Group(id) => id.clone(),
        };
        match (&*self.reach.protocol, self.reach.ports) {
            ("-1", _) | (_, None) => format!("peer: {peer}, ALL, ALLOW"),
            (protocol, Some((from, to))) => {
                let protocol = protocol.to_uppercase();
                format!("peer: {peer}, {protocol}, from port: {from}, to port: {to}, ALLOW")
            }
        }
    }

    /// Shows the rule by itself.
    pub fn view(&self, group: &str, account: &str) -> SecurityGroupRule {
        let (from, to) = self.reach.ports.unzip();
        let (v4, v6, peer) = self.peer_texts();
        let peer = peer.map(|id| {
            let peer = ReferencedSecurityGroup::builder().group_id(id);
            peer.user_id(account).build()
        });
        SecurityGroupRule::builder()
            .security_group_rule_id(&self.id)
            .group_id(group)
            .group_owner_id(account)
            .is_egress(false)
            .ip_protocol(&self.reach.protocol)
            .from_port(from.unwrap_or(-1))
            .to_port(to.unwrap_or(-1))
            .set_cidr_ipv4(v4)
            .set_cidr_ipv6(v6)
            .set_referenced_group_info(peer)
            .set_description(self.description.clone())
            .build()
    }

    /// Shows the rule as one that was revoked.
    pub fn revoked(&self, group: &str) -> RevokedSecurityGroupRule {
        let (from, to) = self.reach.ports.unzip();
        let (v4, v6, peer) = self.peer_texts();
        RevokedSecurityGroupRule::builder()
            .security_group_rule_id(&self.id)
            .group_id(group)
            .is_egress(false)
            .ip_protocol(&self.reach.protocol)
            .from_port(from.unwrap_or(-1))
            .to_port(to.unwrap_or(-1))
            .set_cidr_ipv4(v4)
            .set_cidr_ipv6(v6)
            .set_referenced_group_id(peer)
            .set_description(self.description.clone())
            .build()
    }

    fn peer_texts(&self) -> (Option<String>, Option<String>, Option<String>) {
        match &self.peer {
            Peer::V4(cidr) => (Some(cidr.to_string()), None, None),
            Peer::V6(cidr) => (None, Some(cidr.to_string()), None),
            Peer::Group(id) => (None, None, Some(id.clone())),
        }
    }
}

/// Reads the rules of a request, one for each peer; their ids are still empty.
pub fn rules_of(permissions: &[IpPermission]) -> Answer<Vec<Rule>> {
    if permissions.is_empty() {
        return Err(missing("ipPermissions"));
    }
    let mut rules = Vec::new();
    for permission in permissions {
        let reach = reach_of(permission)?;
        let mut add = |peer: Peer, description: Option<&str>| -> Answer<()> {
            let rule = Rule {
                id: String::new(),
                reach: reach.clone(),
                peer,
                description: checked_description(description)?,
            };
            if rules.iter().any(|other: &Rule| other.is(&rule)) {
                let message = "The same permission must not appear multiple times";
                return Err(refuse("InvalidParameterValue", message));
            }
            rules.push(rule);
            Ok(())
        };
        for range in permission.ip_ranges() {
            let text = require(range.cidr_ip(), "cidrIp")?;
            let cidr: Ipv4Net = text.parse().map_err(|_| malformed(text))?;
            add(Peer::V4(cidr.trunc()), range.description())?;
        }
        for range in permission.ipv6_ranges() {
            let text = require(range.cidr_ipv6(), "cidrIpv6")?;
            let cidr: Ipv6Net = text.parse().map_err(|_| malformed(text))?;
            add(Peer::V6(cidr.trunc()), range.description())?;
        }
        for pair in permission.user_id_group_pairs() {
            let id = require(pair.group_id(), "groupId")?;
            add(Peer::Group(id.to_owned()), pair.description())?;
        }
    }
    if rules.is_empty() {
        let message = "No source was given: one of ipRanges, ipv6Ranges or groups is needed";
        return Err(refuse("MissingParameter", message));
    }
    Ok(rules)
}

fn malformed(cidr: &str) -> super::super::refusal::Refusal {
    refuse(
        "InvalidParameterValue",
        format!("CIDR block {cidr} is malformed"),
    )
}

fn reach_of(permission: &IpPermission) -> Answer<Reach> {
    let protocol = match require(permission.ip_protocol(), "ipProtocol")? {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let protocol = protocol.to_lowercase();
    let ports = permission.from_port().zip(permission.to_port());
    let ports = match (protocol.as_str(), ports) {
        ("tcp" | "udp", Some((from, to))) => {
            if from > to || from < 0 || to > 65535 {
                let message = format!("Invalid value '{from}-{to}' for portRange.");
                return Err(refuse("InvalidParameterValue", message));
            }
            Some((from, to))
        }
        ("tcp" | "udp", None) => {
            let message = "Invalid value 'Must specify both from and to ports with TCP/UDP.' for \
                           portRange.";
            return Err(refuse("InvalidParameterValue", message));
        }
        ("icmp" | "icmpv6", ports) => Some(ports.unwrap_or((-1, -1))),
        (other, _)
            if other
                .parse::<i16>()
                .is_ok_and(|number| (-1..=255).contains(&number)) =>
        {
            None
        }
        (other, _) => {
            let message = format!("Invalid value '{other}' for IP protocol. Unknown protocol.");
            return Err(refuse("InvalidPermission.Malformed", message));
        }
    };
    Ok(Reach { protocol, ports })
}

/// Whether a text has only the characters that AWS allows in descriptions.
pub fn is_plain(text: &str) -> bool {
    let is_allowed = |character: char| {
        character.is_ascii_alphanumeric() || "._-:/()#,@[]+=&;{}!$* ".contains(character)
    };
    text.len() <= 255 && text.chars().all(is_allowed)
}

/// Checks the description of a rule.
pub fn checked_description(description: Option<&str>) -> Answer<Option<String>> {
    let description = description.filter(|text| !text.is_empty());
    if description.is_some_and(|text| !is_plain(text)) {
        let message = "Invalid rule description. Valid descriptions are strings less than 256 \
                       characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
        return Err(refuse("InvalidParameterValue", message));
    }
    Ok(description.map(str::to_owned))
}

/// Lists rules as AWS does: one permission for each protocol and port range.
pub fn permissions(rules: &[Rule], account: &str) -> Vec<IpPermission> {
    let mut reaches: BTreeMap<&Reach, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        reaches.entry(&rule.reach).or_default().push(rule);
    }
    let each = reaches.into_iter();
    each.map(|(reach, rules)| permission(reach, &rules, account))
        .collect()
}

fn permission(reach: &Reach, rules: &[&Rule], account: &str) -> IpPermission {
    let (from, to) = reach.ports.unzip();
    let (mut v4, mut v6, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        let description = rule.description.clone();
        match &rule.peer {
            Peer::V4(cidr) => {
                let range = IpRange::builder().cidr_ip(cidr.to_string());
                v4.push(range.set_description(description).build());
            }
            Peer::V6(cidr) => {
                let range = Ipv6Range::builder().cidr_ipv6(cidr.to_string());
                v6.push(range.set_description(description).build());
            }
            Peer::Group(id) => {
                let pair = UserIdGroupPair::builder().group_id(id).user_id(account);
                pairs.push(pair.set_description(description).build());
            }
        }
    }
    IpPermission::builder()
        .ip_protocol(&reach.protocol)
        .set_from_port(from)
        .set_to_port(to)
        .set_ip_ranges(Some(v4))
        .set_ipv6_ranges(Some(v6))
        .set_user_id_group_pairs(Some(pairs))
        .set_prefix_list_ids(Some(Vec::new()))
        .build()
}
