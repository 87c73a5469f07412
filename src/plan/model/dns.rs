//! The `dns` section: a zone and its records.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{OneOrMany, words};
use crate::plan::scalars::{
    CertificateIssuer, DomainName, Invalid, Ipv4Target, Ipv6Target, MailExchange, RecordName,
    RecordTarget, RecordText, Ttl,
};

/// A domain and its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The domain. A hosted zone that is there already is used; a missing one is created.
    pub zone: DomainName,
    /// The records to keep in it. Records that are not listed are left alone.
    #[serde(default)]
    pub records: Vec<Record>,
}

words! {
    /// The type of a record.
    RecordType {
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
        /// Another name for a name.
        Cname = "CNAME",
        /// Text.
        Txt = "TXT",
        /// Mail servers.
        Mx = "MX",
        /// Who may issue certificates.
        Caa = "CAA",
    }
}

/// A DNS record, whose values fit its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "WrittenRecord", into = "WrittenRecord")]
pub struct Record {
    /// The name inside the zone.
    pub name: RecordName,
    /// The type.
    pub record_type: RecordType,
    /// The values.
    pub value: RecordValues,
    /// The time to live.
    pub ttl: Ttl,
}

/// The values of a record as written: names may be relative to the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordValues(Vec<RecordValue<RecordTarget>>);

/// One value of a record; [`Record::values`] gives names in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordValue<Name = DomainName> {
    /// The lab's own address.
    ElasticIp,
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name.
    Cname(Name),
    /// Text, or pieces of text in quotes; see [`crate::plan::txt`].
    Txt(String),
    /// A mail server.
    Mx {
        /// Lower numbers are tried first.
        preference: u16,
        /// The server's name.
        exchange: Name,
    },
    /// Who may issue certificates.
    Caa(CertificateIssuer),
}

impl RecordValue<RecordTarget> {
    /// Reads one value of a record of some type.
    fn parse(record_type: RecordType, text: &str) -> Result<Self, Invalid> {
        Ok(match record_type {
            RecordType::A => match text.parse()? {
                Ipv4Target::ElasticIp => Self::ElasticIp,
                Ipv4Target::Address(address) => Self::A(address),
            },
            RecordType::Aaaa => Self::Aaaa(text.parse::<Ipv6Target>()?.0),
            RecordType::Cname => Self::Cname(text.parse()?),
            RecordType::Txt => Self::Txt(text.parse::<RecordText>()?.as_str().to_owned()),
            RecordType::Mx => {
                let MailExchange {
                    preference,
                    exchange,
                } = text.parse()?;
                Self::Mx {
                    preference,
                    exchange,
                }
            }
            RecordType::Caa => Self::Caa(text.parse()?),
        })
    }

    /// Gives the value with names in full.
    fn within(&self, zone: &DomainName) -> RecordValue {
        match self {
            Self::ElasticIp => RecordValue::ElasticIp,
            Self::A(address) => RecordValue::A(*address),
            Self::Aaaa(address) => RecordValue::Aaaa(*address),
            Self::Cname(name) => RecordValue::Cname(name.within(zone)),
            Self::Txt(text) => RecordValue::Txt(text.clone()),
            Self::Mx {
                preference,
                exchange,
            } => RecordValue::Mx {
                preference: *preference,
                exchange: exchange.within(zone),
            },
            Self::Caa(issuer) => RecordValue::Caa(issuer.clone()),
        }
    }
}

impl<Name> RecordValue<Name> {
    /// Gives the name that the value points at, if it is one.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Cname(name) | Self::Mx { exchange: name, .. } => Some(name),
            Self::ElasticIp | Self::A(_) | Self::Aaaa(_) | Self::Txt(_) | Self::Caa(_) => None,
        }
    }
}

impl<Name: fmt::Display> fmt::Display for RecordValue<Name> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ElasticIp => formatter.write_str("elastic-ip"),
            Self::A(address) => address.fmt(formatter),
            Self::Aaaa(address) => address.fmt(formatter),
            Self::Cname(name) => name.fmt(formatter),
            Self::Txt(text) => text.fmt(formatter),
            Self::Caa(issuer) => issuer.fmt(formatter),
            Self::Mx {
                preference,
                exchange,
            } => write!(formatter, "{preference} {exchange}"),
        }
    }
}

impl Record {
    /// Gives the values, with names in full.
    pub fn values(&self, zone: &DomainName) -> Vec<RecordValue> {
        self.value
            .0
            .iter()
            .map(|value| value.within(zone))
            .collect()
    }

    /// Says whether the record points at the lab's own address.
    pub fn uses_elastic_ip(&self) -> bool {
        self.value.0.contains(&RecordValue::ElasticIp)
    }

    /// Names the TXT record inside the zone that says whose this record is.
    pub fn companion_name(&self) -> String {
        companion_name(self.name.as_str(), self.record_type.as_str())
    }
}

/// Names, inside its zone, the TXT record that says whose a record is.
///
/// The type is part of the name, because a CNAME bears no other record beside
/// it, and an A and an AAAA record of one name need one each. `*` is spelled
/// out: a wildcard would answer for names that do not exist.
pub fn companion_name(name: &str, record_type: &str) -> String {
    let prefix = format!("labctl-{}", record_type.to_lowercase());
    match name.strip_prefix('*') {
        None if name == "@" => prefix,
        None => format!("{prefix}-{name}"),
        Some(rest) => format!("{prefix}-wildcard{rest}"),
    }
}

/// A record as a plan has it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Record", description = "A DNS record.", transform = values_by_type)]
struct WrittenRecord {
    /// The name inside the zone: `@` for the zone itself, `*` for every other name.
    name: RecordName,
    /// The type.
    #[serde(rename = "type")]
    record_type: RecordType,
    /// The value, or a list of values.
    value: OneOrMany<String>,
    /// For how many seconds others may remember the answer.
    #[serde(default)]
    ttl: Ttl,
}

/// Adds to a record's schema what its values look like for each type.
fn values_by_type(schema: &mut Schema) {
    let many = |value: Schema| json!({ "anyOf": [value, { "type": "array", "items": value, "minItems": 1 }] });
    let mut generator = schemars::SchemaGenerator::default();
    let forms = [
        (RecordType::A, many(Ipv4Target::json_schema(&mut generator))),
        (
            RecordType::Aaaa,
            many(Ipv6Target::json_schema(&mut generator)),
        ),
        (
            RecordType::Cname,
            json!(RecordTarget::json_schema(&mut generator)),
        ),
        (
            RecordType::Txt,
            many(RecordText::json_schema(&mut generator)),
        ),
        (
            RecordType::Mx,
            many(MailExchange::json_schema(&mut generator)),
        ),
        (
            RecordType::Caa,
            many(CertificateIssuer::json_schema(&mut generator)),
        ),
    ];
    let rules = forms.map(|(record_type, value)| {
        json!({
            "if": { "properties": { "type": { "const": record_type.as_str() } } },
            "then": { "properties": { "value": value } },
        })
    });
    schema.insert("allOf".to_owned(), json!(rules));
}

impl TryFrom<WrittenRecord> for Record {
    type Error = Invalid;

    fn try_from(written: WrittenRecord) -> Result<Self, Invalid> {
        let WrittenRecord {
            name,
            record_type,
            value,
            ttl,
        } = written;
        let values: Result<_, _> = Vec::from(value)
            .iter()
            .map(|text| RecordValue::parse(record_type, text))
            .collect();
        Ok(Self {
            name,
            record_type,
            value: RecordValues(values?),
            ttl,
        })
    }
}

impl From<Record> for WrittenRecord {
    fn from(record: Record) -> Self {
        let mut texts: Vec<String> = record.value.0.iter().map(ToString::to_string).collect();
        let value = match (texts.pop(), texts.is_empty()) {
            (Some(text), true) => OneOrMany::One(text),
            (last, _) => OneOrMany::Many(texts.into_iter().chain(last).collect()),
        };
        Self {
            name: record.name,
            record_type: record.record_type,
            value,
            ttl: record.ttl,
        }
    }
}
