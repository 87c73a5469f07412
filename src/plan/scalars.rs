//! The values that are written as one word or number: names, sizes, addresses, paths.
//!
//! Each is a type that can only be made by parsing, so nothing behind the plan file checks it again. The table at the
//! end is the only list of them: from one line it makes the type's serde forms, its part of the JSON Schema, and the
//! entry by which `shape` finds the parser for a place of the file.

mod container;
mod github;
mod host;
mod languages;
mod limits;
mod names;
mod network;
mod policy_arn;
mod reboot;
mod records;
mod server;
mod sizes;

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserializer, Serialize, Serializer};

pub use container::{BuildArgument, BuildValue, ContainerImage};
pub use github::{BranchName, RepositoryName};
pub use host::{ArchiveUrl, Email, FilePath, ModelLocation, Sha256, Url, UrlPath, UserName};
pub use languages::{PythonRequirement, PythonVersion, RVersion};
pub use limits::{Dollars, TypePattern};
pub use names::{BucketName, LabName, RuleDescription, TagKey, TagValue};
pub use network::{CidrSource, DomainName, Port, RuleQuota};
pub use policy_arn::{PolicyArn, partition};
pub use reboot::RebootWindow;
pub use records::{
    CertificateIssuer, Ipv4Target, Ipv6Target, MailExchange, RecordName, RecordTarget, RecordText,
    Ttl,
};
pub use server::{
    AmiId, AvailabilityZone, Image, InstanceType, Region, SubnetId, VolumeType, VpcId,
};
pub use sizes::{CpuLimit, DurationSetting, Gibibytes, MemorySize};

/// Says why a text is not a value of some type, and what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {help}")]
pub struct Invalid {
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub help: String,
}

impl Invalid {
    pub(crate) fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            help: help.into(),
        }
    }
}

/// What is known of a type of scalar without a value of it.
pub(super) struct Format {
    /// The name in the JSON Schema's `format`.
    pub name: &'static str,
    /// What messages call it.
    pub noun: &'static str,
    /// Checks a text.
    pub check: fn(&str) -> Result<(), Invalid>,
}

/// Finds a type of scalar by its JSON Schema `format`.
pub(super) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A text type whose value is kept as written (or in its normal form).
macro_rules! text {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Gives the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}
pub(super) use text;

/// Gives a scalar its serde forms and its JSON Schema, and lists it by its format.
macro_rules! scalars {
    ($($name:ident: $kind:literal, $format:literal, $noun:literal, { $($keyword:literal: $value:expr),* };)*) => {
        const FORMATS: &[Format] = &[$(
            Format { name: $format, noun: $noun, check: |text| text.parse::<$name>().map(drop) }
        ),*];

        $(
            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_any(ScalarVisitor($noun, PhantomData))
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serialize_scalar(self, $kind, serializer)
                }
            }

            impl schemars::JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    schemars::json_schema!({ "type": $kind, "format": $format, $($keyword: $value),* })
                }
            }
        )*
    };
}

/// Parses any scalar that serde meets from its text.
struct ScalarVisitor<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err = Invalid>> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

/// Writes a scalar as its text, or as a number where its schema says so.
fn serialize_scalar<S: Serializer>(
    value: &impl Display,
    kind: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = value.to_string();
    match kind {
        "integer" => serializer.serialize_u64(text.parse().map_err(serde::ser::Error::custom)?),
        "number" => serializer.serialize_f64(text.parse().map_err(serde::ser::Error::custom)?),
        _ => serializer.serialize_str(&text),
    }
}

scalars! {
    LabName: "string", "lab-name", "a lab's name", { "pattern": "^[a-z](-?[a-z0-9])*$", "maxLength": 40, "examples": ["do4ds-lab"] };
    Region: "string", "aws-region", "an AWS region", { "pattern": "^[a-z]{2,}(-[a-z]{2,}){1,2}-[1-9]$", "examples": ["us-east-1", "us-west-2", "eu-central-1", "eu-west-1", "ap-southeast-2"] };
    AvailabilityZone: "string", "availability-zone", "an availability zone", { "examples": ["us-east-1a"] };
    TagKey: "string", "tag-key", "a tag's key", { "maxLength": 128 };
    TagValue: "string", "tag-value", "a tag's value", { "maxLength": 256 };
    PolicyArn: "string", "policy-arn", "the ARN of a policy", { "pattern": "^arn:aws(-[a-z-]+)?:iam::([0-9]{12}|aws):policy/.+$", "examples": ["arn:aws:iam::123456789012:policy/boundary"] };
    VpcId: "string", "vpc-id", "the id of a VPC", { "pattern": "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$" };
    SubnetId: "string", "subnet-id", "the id of a subnet", { "pattern": "^subnet-([0-9a-f]{8}|[0-9a-f]{17})$" };
    Image: "string", "image", "an image", { "pattern": "^(ubuntu-(22|24|26)\\.04|ami-([0-9a-f]{8}|[0-9a-f]{17}))$", "examples": ["ubuntu-24.04", "ubuntu-22.04", "ubuntu-26.04"] };
    InstanceType: "string", "instance-type", "an instance type", { "pattern": "^[a-z][a-z0-9-]*\\.(nano|micro|small|medium|large|[0-9]*xlarge|metal(-[0-9]+xl)?)$", "examples": ["t3.micro", "t3.small", "t3.medium", "t3.large", "m7i.xlarge"] };
    TypePattern: "string", "type-pattern", "a pattern of instance types", { "pattern": "^[a-z0-9.*-]+$", "examples": ["t3.*", "m7i.*"] };
    Dollars: "string", "dollars", "an amount of money", { "pattern": "^[0-9]+(\\.[0-9]{1,2})? USD$", "examples": ["60 USD"] };
    FilePath: "string", "file-path", "a path", { "minLength": 1 };
    Gibibytes: "string", "disk-size", "the size of a disk", { "pattern": "^[0-9]+ *(GiB|TiB)$", "examples": ["30 GiB"] };
    VolumeType: "string", "volume-type", "a volume type", { "enum": ["gp3", "gp2", "standard"] };
    Port: "integer", "port", "a port", { "minimum": 1, "maximum": 65535, "examples": [22, 80, 443] };
    RuleQuota: "integer", "rule-quota", "a number of rules", { "minimum": 1, "maximum": 1000, "examples": [60] };
    CidrSource: "string", "cidr-source", "a source of traffic", { "examples": ["my-ip", "anywhere", "203.0.113.0/24"] };
    RuleDescription: "string", "rule-description", "a description of a rule", { "maxLength": 255 };
    BucketName: "string", "bucket-name", "a bucket's name", { "pattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "examples": ["do4ds-lab-penguins"] };
    DomainName: "string", "domain-name", "a domain name", { "examples": ["do4ds-lab.shop"] };
    RecordName: "string", "record-name", "a record's name", { "examples": ["@", "*", "www"] };
    Ttl: "integer", "ttl", "a time to live", { "minimum": 0, "maximum": 2147483647, "examples": [300] };
    Ipv4Target: "string", "ipv4-target", "a value of an A record", { "examples": ["elastic-ip", "203.0.113.7"] };
    Ipv6Target: "string", "ipv6-target", "a value of an AAAA record", { "examples": ["2001:db8::7"] };
    RecordTarget: "string", "record-target", "a value of a CNAME record", { "examples": ["@", "www.example.org"] };
    RecordText: "string", "record-text", "a value of a TXT record", { "maxLength": 4000 };
    MailExchange: "string", "mail-exchange", "a value of an MX record", { "pattern": "^[0-9]+ +.+$", "examples": ["10 mail.example.org"] };
    CertificateIssuer: "string", "certificate-issuer", "a value of a CAA record", { "pattern": "^[0-9]+ +[A-Za-z0-9]+ +.+$", "examples": ["0 issue \"letsencrypt.org\""] };
    RepositoryName: "string", "github-repository", "a GitHub repository", { "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*/[A-Za-z0-9_.-]+$", "examples": ["octocat/penguins"] };
    BranchName: "string", "git-branch", "a branch", { "examples": ["main"] };
    Email: "string", "email-address", "an email address", { "pattern": "^[^@ ]+@[^@ ]+$", "examples": ["you@example.com"] };
    Url: "string", "url", "an address", { "pattern": "^https?://" };
    ArchiveUrl: "string", "archive-url", "an address of an archive", { "pattern": "^https?://" };
    Sha256: "string", "sha256", "a SHA-256 sum", { "pattern": "^[0-9A-Fa-f]{64}$" };
    UserName: "string", "user-name", "a user's name", { "pattern": "^[a-z_][a-z0-9_-]*$", "maxLength": 32, "examples": ["test-user"] };
    PythonVersion: "string", "python-version", "a version of Python", { "pattern": "^(system|[0-9]+\\.[0-9]+\\.[0-9]+)$", "examples": ["system", "3.12.4"] };
    PythonRequirement: "string", "python-requirement", "a Python package", { "examples": ["pandas", "scikit-learn>=1.5"] };
    RVersion: "string", "r-version", "a version of R", { "pattern": "^(release|system|[0-9]+\\.[0-9]+\\.[0-9]+)$", "examples": ["release", "system", "4.4.1"] };
    UrlPath: "string", "url-path", "a service's path", { "pattern": "^/.*[^/]$", "examples": ["/jupyter"] };
    MemorySize: "string", "memory-size", "an amount of memory", { "pattern": "^[0-9]+ *[KMGT]$", "examples": ["700M", "2G"] };
    RebootWindow: "string", "reboot-window", "a day and a time", { "pattern": "^(daily|mon|tue|wed|thu|fri|sat|sun) [0-9]{2}:[0-9]{2}$", "examples": ["sun 04:00"] };
    CpuLimit: "number", "cpu-limit", "a number of processor cores", { "exclusiveMinimum": 0, "examples": [1.0] };
    DurationSetting: "string", "duration", "a length of time", { "pattern": "^[0-9]+ *[smhd]$", "examples": ["1h", "30m"] };
    ContainerImage: "string", "container-image", "a container image", { "examples": ["ghcr.io/octocat/penguin-model:1"] };
    BuildArgument: "string", "build-argument", "the name of an argument", { "maxLength": 100, "examples": ["BASE_IMAGE"] };
    BuildValue: "string", "build-value", "a value of an argument", { "maxLength": 1000 };
    ModelLocation: "string", "model-location", "a place of a model", { "examples": ["s3://do4ds-lab-penguins/penguin_model", "models/penguin_model"] };
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        accepted: Vec<String>,
        refused: Vec<String>,
    }

    fn cases() -> BTreeMap<String, Case> {
        serde_yaml::from_str(include_str!("../../tests/it/scalars.yaml")).unwrap()
    }

    #[test]
    fn each_format_accepts_and_refuses_what_it_should() {
        let cases = cases();
        assert_eq!(cases.len(), FORMATS.len());
        for Format { name, check, .. } in FORMATS {
            for text in &cases[*name].accepted {
                assert_eq!(check(text), Ok(()), "{name}: {text:?}");
            }
            for text in &cases[*name].refused {
                let helped = check(text).is_err_and(|error| !error.help.is_empty());
                assert!(helped, "{name}: {text:?} was accepted");
            }
        }
    }

    /// Calls a function with every part of the schema that has a format.
    fn for_each_format(schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
        if let Some(name) = schema["format"].as_str() {
            visit(name, schema);
        }
        let values = schema
            .as_object()
            .into_iter()
            .flat_map(|object| object.values());
        for part in values.chain(schema.as_array().into_iter().flatten()) {
            for_each_format(part, visit);
        }
    }

    #[test]
    fn the_schemas_examples_are_values() {
        let mut seen = BTreeSet::new();
        for_each_format(crate::plan::schema::shared(), &mut |name, schema| {
            for example in schema["examples"].as_array().into_iter().flatten() {
                let text = example.as_str().map_or(example.to_string(), str::to_owned);
                let checked = (format(name).unwrap().check)(&text);
                assert_eq!(checked, Ok(()), "{name}: {text}");
            }
            seen.insert(name.to_owned());
        });
        assert_eq!(seen.len(), FORMATS.len(), "{seen:?}");
    }

    /// Says whether what a value writes reads back as the same value.
    fn round_trips<T: FromStr<Err = Invalid> + Display + PartialEq>(text: &str) -> bool {
        let again = |value: &T| {
            value
                .to_string()
                .parse::<T>()
                .is_ok_and(|again| again == *value)
        };
        text.parse::<T>().is_ok_and(|value| again(&value))
    }

    proptest! {
        #[test]
        fn amounts_read_back(
            size in "[1-9][0-9]{0,4} ?(GiB|TiB)",
            memory in "[1-9][0-9]{0,5}[MGT]",
            cores in "[1-9][0-9]?(\\.[0-9]{1,3})?",
            time in "[1-9][0-9]{0,3}[smhd]",
        ) {
            prop_assert!(round_trips::<Gibibytes>(&size));
            prop_assert!(round_trips::<MemorySize>(&memory));
            prop_assert!(round_trips::<CpuLimit>(&cores));
            prop_assert!(round_trips::<DurationSetting>(&time));
        }

        #[test]
        fn names_read_back(
            name in "(\\*\\.)?[A-Za-z0-9_]{1,9}(\\.[a-z]{1,9})?",
            domain in "[A-Za-z0-9]{1,9}\\.[a-z]{2,9}\\.?",
        ) {
            prop_assert!(round_trips::<RecordName>(&name));
            prop_assert!(round_trips::<DomainName>(&domain));
            prop_assert!(round_trips::<RecordTarget>(&domain));
            let exchange = format!("10 {}", domain);
            prop_assert!(round_trips::<MailExchange>(&exchange));
        }

        #[test]
        fn networks_read_back(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), bits in 0..=128_u8) {
            let networks = [ipnet::IpNet::new(v4.into(), bits % 33), ipnet::IpNet::new(v6.into(), bits)];
            for network in networks.into_iter().flatten() {
                let written = network.trunc().to_string();
                prop_assert!(round_trips::<CidrSource>(&written));
            }
        }
    }
}
