//! The parts of DNS records.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::network::{full_name, is_number, labels};
use super::{DomainName, Invalid, text};
use crate::plan::txt;

text! {
    /// The name of a record inside its zone: `@`, `*`, `www`, `a.b`.
    RecordName;
    /// The text of a TXT record.
    RecordText;
}

/// The time in seconds for which others may remember a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(u32);

impl Default for Ttl {
    fn default() -> Self {
        Self(300)
    }
}

impl Ttl {
    /// Gives the number of seconds.
    pub fn as_secs(self) -> u32 {
        self.0
    }
}

impl FromStr for Ttl {
    type Err = Invalid;

    /// The limit is that of RFC 2181, section 8.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let seconds = if is_number(text) {
            text.parse().ok()
        } else {
            None
        };
        seconds
            .filter(|seconds| *seconds <= i32::MAX.unsigned_abs())
            .map(Self)
            .ok_or_else(|| {
                Invalid::new(
                    "it is not a whole number from 0 to 2147483647",
                    "write a number of seconds without a unit, such as `300`",
                )
            })
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for RecordName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.ends_with('.') {
            return Err(Invalid::new(
                "it ends with a dot",
                "write the name inside the zone: `@` for the zone itself, `www`, `*`",
            ));
        }
        let inner = match text {
            "@" | "*" => return Ok(Self(text.to_owned())),
            "" => return Err(Invalid::new("it is empty", "write `@` for the zone itself")),
            _ => text.strip_prefix("*.").unwrap_or(text),
        };
        if inner.contains('*') {
            return Err(Invalid::new(
                "`*` stands for the whole first part only",
                "write `*` or a name such as `*.team`",
            ));
        }
        let name = labels(inner, "_").map_err(|error| {
            Invalid::new(
                error.reason,
                "write a name inside the zone, such as `www`, `@` or `*`",
            )
        })?;
        Ok(Self(if inner == text {
            name
        } else {
            format!("*.{name}")
        }))
    }
}

impl RecordName {
    /// Gives the full name in a zone.
    pub fn within(&self, zone: &DomainName) -> String {
        if self.0 == "@" {
            zone.to_string()
        } else {
            format!("{self}.{zone}")
        }
    }
}

/// What a CNAME or MX record points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordTarget {
    /// The zone itself, written `@`.
    Apex,
    /// A name inside the zone, written without a dot.
    Relative(String),
    /// A full name.
    Absolute(DomainName),
}

impl RecordTarget {
    /// Gives the full name.
    pub fn within(&self, zone: &DomainName) -> DomainName {
        match self {
            Self::Apex => zone.clone(),
            Self::Relative(label) => zone.below(label),
            Self::Absolute(name) => name.clone(),
        }
    }
}

impl FromStr for RecordTarget {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "@" => Ok(Self::Apex),
            "elastic-ip" => Err(Invalid::new(
                "`elastic-ip` is an address",
                "write it in a record of type `A`",
            )),
            _ if text.parse::<IpAddr>().is_ok() => Err(Invalid::new(
                "it is an address",
                "point at a name, or make this a record of type `A` or `AAAA`",
            )),
            _ if text.contains('.') => full_name(text, "_").map(Self::Absolute),
            _ => labels(text, "_").map(Self::Relative),
        }
    }
}

impl fmt::Display for RecordTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apex => formatter.write_str("@"),
            Self::Relative(label) => formatter.write_str(label),
            Self::Absolute(name) => name.fmt(formatter),
        }
    }
}

/// Where mail goes, and in which order of preference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailExchange {
    /// Lower numbers are tried first.
    pub preference: u16,
    /// The mail server.
    pub exchange: RecordTarget,
}

impl FromStr for MailExchange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (preference, exchange) = text.split_once(' ').unwrap_or(("", text));
        let preference = preference.parse().map_err(|_| {
            Invalid::new(
                "it has no number in front",
                format!(
                    "write a preference and a name, such as `10 {}`",
                    exchange.trim()
                ),
            )
        })?;
        Ok(Self {
            preference,
            exchange: exchange.trim().parse()?,
        })
    }
}

impl fmt::Display for MailExchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.preference, self.exchange)
    }
}

/// Who may issue certificates for a name: flags, a word, and a text in quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateIssuer(String);

impl FromStr for CertificateIssuer {
    type Err = Invalid;

    /// The form is that of RFC 8659, section 4.1.1; Route 53 takes the text in quotes (Route 53 Developer Guide,
    /// "Supported DNS record types", CAA).
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut words = text.trim().splitn(3, ' ').map(str::trim);
        let mut word = || words.next().unwrap_or_default();
        let (flags, tag, value) = (word(), word().to_ascii_lowercase(), word());
        let value = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(value);
        let reason = if !is_number(flags) || flags.parse::<u8>().is_err() {
            "it does not begin with flags, a number from 0 to 255"
        } else if tag.is_empty() || !tag.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            "its second part is not a word such as `issue`"
        } else if value.is_empty()
            || !value
                .bytes()
                .all(|sign| matches!(sign, b' '..=b'~' if sign != b'"' && sign != b'\\'))
        {
            "its third part is not a name or an address"
        } else if value.len() > 255 {
            "its third part has more than 255 characters"
        } else {
            return Ok(Self(format!("{flags} {tag} \"{value}\"")));
        };
        Err(Invalid::new(
            reason,
            "write flags, a word and a text, such as `0 issue \"letsencrypt.org\"`",
        ))
    }
}

impl fmt::Display for CertificateIssuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The value of an A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ipv4Target {
    /// The lab's own address, known once it exists.
    ElasticIp,
    /// A fixed address.
    Address(Ipv4Addr),
}

impl FromStr for Ipv4Target {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "elastic-ip" {
            return Ok(Self::ElasticIp);
        }
        text.parse()
            .map(Self::Address)
            .map_err(|_| match text.parse::<Ipv6Addr>() {
                Ok(_) => Invalid::new("it is an IPv6 address", "make this a record of type `AAAA`"),
                Err(_) => Invalid::new(
                    "it is not four numbers up to 255",
                    "write `elastic-ip` or an address such as `203.0.113.7`",
                ),
            })
    }
}

impl fmt::Display for Ipv4Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ElasticIp => formatter.write_str("elastic-ip"),
            Self::Address(address) => address.fmt(formatter),
        }
    }
}

/// The value of an AAAA record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6Target(pub Ipv6Addr);

impl FromStr for Ipv6Target {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self).map_err(|_| {
            if text == "elastic-ip" || text.parse::<Ipv4Addr>().is_ok() {
                Invalid::new("it is an IPv4 address", "make this a record of type `A`")
            } else {
                Invalid::new(
                    "it is not an IPv6 address",
                    "write an address such as `2001:db8::7`",
                )
            }
        })
    }
}

impl fmt::Display for Ipv6Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for RecordText {
    type Err = Invalid;

    /// Text, or what a provider shows for a zone file: strings in quotes. The limit is that of "Supported DNS record
    /// types", TXT, in the Route 53 Developer Guide.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let reason = if text.is_empty() {
            "it is empty".to_owned()
        } else if text == "elastic-ip" {
            return Err(Invalid::new(
                "`elastic-ip` is an address",
                "write it in a record of type `A`",
            ));
        } else if let Some(refused) = text.chars().find(|letter| !matches!(letter, ' '..='~')) {
            format!("`{}` is not allowed", refused.escape_debug())
        } else if text.trim_start().starts_with('"') && !txt::is_notation(text) {
            return Err(Invalid::new(
                "it starts like text in quotes, and is not complete",
                "write the text without quotes, or each piece in a pair of its own: `\"k=rsa; \" \"p=…\"`",
            ));
        } else if text.len() > 4000 {
            format!("it has {} characters, 4000 are allowed", text.len())
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(
            reason,
            "write plain text of one line, or what your provider shows, in its quotes",
        ))
    }
}
