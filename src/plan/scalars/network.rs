//! Addresses, ports and domain names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::names::is_label_character;
use super::{Invalid, text};

text! {
    /// A full domain name in lower case, without a dot at its end.
    DomainName;
}

/// A TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(u16);

impl Port {
    /// Gives the number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for Port {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let port = if is_number(text) {
            text.parse().unwrap_or_default()
        } else {
            0
        };
        if port > 0 {
            Ok(Self(port))
        } else {
            Err(Invalid::new(
                "it is not a whole number from 1 to 65535",
                "write one port, such as `443`",
            ))
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How many rules a security group may have, for each family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleQuota(u16);

/// What every account has, and the most that AWS grants (Amazon VPC User Guide, "Amazon VPC quotas").
const USUAL_RULES: u16 = 60;
const MOST_RULES: u16 = 1000;

impl Default for RuleQuota {
    fn default() -> Self {
        Self(USUAL_RULES)
    }
}

impl RuleQuota {
    /// Gives the number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for RuleQuota {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let number = text.parse().ok().filter(|_| is_number(text));
        let within = number.filter(|number| (1..=MOST_RULES).contains(number));
        within.map(Self).ok_or_else(|| {
            Invalid::new(
                format!("it is not a whole number from 1 to {MOST_RULES}"),
                "write what Service Quotas shows for `Inbound or outbound rules per security group`",
            )
        })
    }
}

impl fmt::Display for RuleQuota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Says whether a text is a number as a person writes it: digits without a `+` or needless zeros in front.
pub(super) fn is_number(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

/// Who may reach a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CidrSource {
    /// The public address from which labctl runs.
    MyIp,
    /// The whole internet, IPv4 and IPv6.
    Anywhere,
    /// A range of addresses.
    Cidr(IpNet),
}

impl CidrSource {
    /// Says whether the whole internet is meant.
    pub fn is_anywhere(&self) -> bool {
        match self {
            Self::MyIp => false,
            Self::Anywhere => true,
            Self::Cidr(network) => network.prefix_len() == 0,
        }
    }
}

impl FromStr for CidrSource {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "my-ip" => return Ok(Self::MyIp),
            "anywhere" => return Ok(Self::Anywhere),
            _ => {}
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Cidr(address.into()));
        }
        match text.parse::<IpNet>() {
            Ok(network) if network == network.trunc() => Ok(Self::Cidr(network)),
            Ok(network) => {
                let reason = format!("its address has bits behind the /{}", network.prefix_len());
                let help = format!(
                    "write `{}` for the whole range, or `{}` for the one address",
                    network.trunc(),
                    network.addr()
                );
                Err(Invalid::new(reason, help))
            }
            Err(_) => Err(Invalid::new(
                "it is no range of addresses",
                "write `my-ip`, `anywhere`, an address such as `203.0.113.7`, or a range such as `203.0.113.0/24` or `2001:db8::/32`",
            )),
        }
    }
}

impl fmt::Display for CidrSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MyIp => formatter.write_str("my-ip"),
            Self::Anywhere => formatter.write_str("anywhere"),
            Self::Cidr(network) => network.fmt(formatter),
        }
    }
}

/// Checks the labels of a name (RFC 1035, section 2.3.4; RFC 5891 for other scripts) and gives it in lower case.
pub(super) fn labels(text: &str, also: &str) -> Result<String, Invalid> {
    let help =
        "use names of `a`-`z`, `0`-`9` and `-` with dots between them, such as `do4ds-lab.shop`";
    let name = text.to_ascii_lowercase();
    let reason = if !name.is_ascii() {
        return Err(Invalid::new(
            "it has letters beyond `a`-`z`",
            "write it in punycode, such as `xn--bcher-kva.example`",
        ));
    } else if name.contains("://") || name.contains('/') {
        return Err(Invalid::new(
            "it is an address of a page",
            "write the bare name, without `https://` and path",
        ));
    } else if let Some(refused) = name
        .chars()
        .find(|letter| !is_label_character(*letter) && *letter != '.' && !also.contains(*letter))
    {
        format!("`{}` is not allowed", refused.escape_debug())
    } else if name.split('.').any(str::is_empty) {
        "a part between its dots is empty".to_owned()
    } else if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        "it has more than 253 characters, or a part of more than 63".to_owned()
    } else if name
        .split('.')
        .any(|label| label.starts_with('-') || label.ends_with('-'))
    {
        "a part starts or ends with a hyphen".to_owned()
    } else {
        return Ok(name);
    };
    Err(Invalid::new(reason, help))
}

/// Checks a full domain name.
pub(super) fn full_name(text: &str, also: &str) -> Result<DomainName, Invalid> {
    let name = labels(text.strip_suffix('.').unwrap_or(text), also)?;
    match name.rsplit_once('.') {
        None => Err(Invalid::new(
            "it has no dot",
            format!("write the full name, such as `{name}.org`"),
        )),
        Some((_, last)) if last.bytes().all(|digit| digit.is_ascii_digit()) => Err(Invalid::new(
            "its last part is a number",
            "write a name such as `do4ds-lab.shop`, not an IP address",
        )),
        Some(_) => Ok(DomainName(name)),
    }
}

impl FromStr for DomainName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        full_name(text, "")
    }
}

impl DomainName {
    /// Puts a label in front.
    pub(super) fn below(&self, label: &str) -> Self {
        Self(format!("{label}.{self}"))
    }

    /// Says whether a name is this one or lies below it.
    pub fn contains(&self, name: &Self) -> bool {
        name == self
            || name
                .0
                .strip_suffix(&self.0)
                .is_some_and(|rest| rest.ends_with('.'))
    }
}
