//! Ingress rules in their normal form, one for each source.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use ipnet::IpNet;

/// Where traffic may come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleSource {
    /// A range of addresses, its host bits cleared.
    Range(IpNet),
    /// The members of another group; labctl makes none, but may find some.
    Group(String),
    /// A managed prefix list; labctl makes none, but may find some.
    PrefixList(String),
}

impl fmt::Display for RuleSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => range.fmt(formatter),
            Self::Group(id) | Self::PrefixList(id) => id.fmt(formatter),
        }
    }
}

/// One thing that is let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `all`.
    pub protocol: String,
    /// The first and the last port; none for all protocols.
    pub ports: Option<(i32, i32)>,
    /// Where from.
    pub source: RuleSource,
    /// What for.
    pub description: Option<String>,
}

impl Rule {
    /// Makes a rule for one TCP port.
    pub fn tcp(port: u16, range: IpNet, description: Option<String>) -> Self {
        Self {
            protocol: "tcp".to_owned(),
            ports: Some((port.into(), port.into())),
            source: RuleSource::Range(range.trunc()),
            description,
        }
    }

    /// Whether it lets anybody in at a TCP port.
    pub fn opens(&self, port: u16) -> bool {
        let ports = self.ports.unwrap_or((0, i32::from(u16::MAX)));
        matches!(self.protocol.as_str(), "tcp" | "all")
            && (ports.0..=ports.1).contains(&port.into())
    }

    /// Whether two rules differ in their descriptions at most.
    pub fn allows_the_same(&self, other: &Self) -> bool {
        (&self.protocol, self.ports, &self.source) == (&other.protocol, other.ports, &other.source)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.protocol)?;
        match self.ports {
            Some((first, last)) if first == last => write!(formatter, " {first}")?,
            Some((first, last)) => write!(formatter, " {first}-{last}")?,
            None => {}
        }
        write!(formatter, " from {}", self.source)?;
        match &self.description {
            Some(description) => write!(formatter, " ({description})"),
            None => Ok(()),
        }
    }
}

/// AWS gives and takes protocols by number or by name; names are the normal
/// form (EC2 API Reference, `IpPermission`; numbers as IANA assigns them).
fn protocol_name(protocol: &str) -> &str {
    match protocol {
        "-1" => "all",
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        "58" => "icmpv6",
        other => other,
    }
}

/// Takes apart what AWS aggregates by protocol and ports.
pub fn read(permissions: &[IpPermission]) -> BTreeSet<Rule> {
    permissions.iter().flat_map(read_permission).collect()
}

fn read_permission(permission: &IpPermission) -> Vec<Rule> {
    let protocol = protocol_name(permission.ip_protocol().unwrap_or("-1"));
    let ports = match protocol {
        "all" => None,
        _ => permission.from_port().zip(permission.to_port()),
    };
    let rule = |source: Option<RuleSource>, description: Option<&str>| {
        Some(Rule {
            protocol: protocol.to_owned(),
            ports,
            source: source?,
            description: description
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
        })
    };
    let range = |text: Option<&str>| {
        let range: Option<IpNet> = text.and_then(|text| text.parse().ok());
        range.map(|range| RuleSource::Range(range.trunc()))
    };
    let v4 = permission.ip_ranges().iter();
    let v6 = permission.ipv6_ranges().iter();
    let groups = permission.user_id_group_pairs().iter();
    let lists = permission.prefix_list_ids().iter();
    v4.filter_map(|one| rule(range(one.cidr_ip()), one.description()))
        .chain(v6.filter_map(|one| rule(range(one.cidr_ipv6()), one.description())))
        .chain(groups.filter_map(|one| {
            let id = one.group_id().map(|id| RuleSource::Group(id.to_owned()));
            rule(id, one.description())
        }))
        .chain(lists.filter_map(|one| {
            let id = one
                .prefix_list_id()
                .map(|id| RuleSource::PrefixList(id.to_owned()));
            rule(id, one.description())
        }))
        .collect()
}

/// Writes rules for one call.
pub fn write(rules: &BTreeSet<Rule>) -> Vec<IpPermission> {
    rules.iter().map(write_rule).collect()
}

fn write_rule(rule: &Rule) -> IpPermission {
    let protocol = match rule.protocol.as_str() {
        "all" => "-1",
        other => other,
    };
    let permission = IpPermission::builder()
        .ip_protocol(protocol)
        .set_from_port(rule.ports.map(|(first, _)| first))
        .set_to_port(rule.ports.map(|(_, last)| last));
    let description = rule.description.clone();
    match &rule.source {
        RuleSource::Range(IpNet::V4(range)) => permission.ip_ranges(
            IpRange::builder()
                .cidr_ip(range.to_string())
                .set_description(description)
                .build(),
        ),
        RuleSource::Range(IpNet::V6(range)) => permission.ipv6_ranges(
            Ipv6Range::builder()
                .cidr_ipv6(range.to_string())
                .set_description(description)
                .build(),
        ),
        RuleSource::Group(id) => permission.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(id)
                .set_description(description)
                .build(),
        ),
        RuleSource::PrefixList(id) => permission.prefix_list_ids(
            PrefixListId::builder()
                .prefix_list_id(id)
                .set_description(description)
                .build(),
        ),
    }
    .build()
}
