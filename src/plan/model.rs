//! The plan as types: what a lab is made of.
//!
//! The doc comments are also the descriptions in the JSON Schema, so they speak to the plan's author. Every value here
//! is valid by construction; what only makes sense together is in `checks`.

mod dns;
mod workbench;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::scalars::{
    AvailabilityZone, BranchName, BucketName, CidrSource, Dollars, FilePath, Gibibytes, Image,
    InstanceType, LabName, PolicyArn, Port, Region, RepositoryName, RuleDescription, RuleQuota,
    SubnetId, TagKey, TagValue, TypePattern, VolumeType, VpcId,
};

pub use dns::{Dns, Record, RecordType, RecordValue, RecordValues, companion_name};
pub use workbench::{
    Api, BucketGrant, Download, HTTP_PORT, HTTPS_PORT, Https, HttpsMode, Jupyterhub, LEAST_HSTS,
    Language, Mirrors, Python, R, Rstudio, Shiny, User, Workbench,
};

/// An enumeration whose values have one word each, in plans and in messages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $($(#[$attribute])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Gives the word of the plan.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
use words;

/// A data-science lab on AWS: one server and what it needs around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "labctl plan")]
pub struct Plan {
    /// The lab's name. It names and marks everything that labctl makes, and it cannot be changed later.
    pub lab: LabName,
    /// The AWS region in which the lab stands.
    pub region: Region,
    /// Tags to put on every resource, for example for the bill.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "type": "string", "format": "tag-key", "maxLength": 128 }))]
    pub tags: BTreeMap<TagKey, TagValue>,
    /// Refuses to destroy or replace anything, and protects the server against termination.
    #[serde(default)]
    pub protect: bool,
    /// A managed policy that bounds what the lab's roles may ever do, whatever else is written into them.
    pub permissions_boundary: Option<PolicyArn>,
    /// What the lab must not exceed; a plan that does is refused before anything is written.
    pub limits: Option<Limits>,
    /// The network in which the server stands.
    #[serde(default)]
    pub network: Network,
    /// The server.
    pub instance: Instance,
    /// Gives the server a fixed public address that survives stops and resizes.
    #[serde(default)]
    pub elastic_ip: bool,
    /// The firewall in front of the server.
    #[serde(default)]
    pub security_group: SecurityGroup,
    /// A bucket for models and data.
    pub bucket: Option<Bucket>,
    /// A domain and its records.
    pub dns: Option<Dns>,
    /// A role by which a GitHub workflow reaches the bucket without stored keys.
    pub github_actions: Option<GithubActions>,
    /// What is installed on the server; leave it out for a bare server.
    pub workbench: Option<Workbench>,
}

/// What a lab must not exceed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// What a month may cost in which the server runs all the time, without what depends on use.
    pub monthly: Option<Dollars>,
    /// The instance types that the server may have; `*` stands for any letters.
    #[schemars(length(min = 1))]
    pub instance_types: Option<Vec<TypePattern>>,
    /// The ports that may be open to everybody.
    pub public_ports: Option<Vec<Port>>,
}

/// The network in which a server stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Network {
    /// The network that every AWS account has in every region.
    #[default]
    Default,
    /// A network of the lab's own.
    Dedicated,
    /// A network that is there already.
    #[serde(untagged)]
    Existing {
        /// The id of the VPC.
        vpc: VpcId,
        /// The id of a public subnet in it.
        subnet: SubnetId,
    },
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// The operating system to start from. An existing server keeps its own.
    pub image: Image,
    /// The server's type: change it to resize the server, which restarts it.
    pub instance_type: InstanceType,
    /// The availability zone. Without it one that sells the type is taken, and another one where AWS has no server of
    /// the type left. A server cannot move: another zone makes it anew.
    pub availability_zone: Option<AvailabilityZone>,
    /// The public key (`.pub`) of the key pair to log in with. The private key stays where it is.
    pub key_pair: FilePath,
    /// The server's disk.
    #[serde(default)]
    pub root_volume: RootVolume,
}

/// The disk of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RootVolume {
    /// The size. A disk can grow later, and cannot shrink.
    pub size: Gibibytes,
    /// The type of disk.
    #[serde(rename = "type")]
    pub volume_type: VolumeType,
}

impl Default for RootVolume {
    fn default() -> Self {
        Self {
            size: Gibibytes::DEFAULT,
            volume_type: VolumeType::Gp3,
        }
    }
}

/// The firewall in front of a server. What no rule opens is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityGroup {
    /// The ports that are open, and for whom.
    pub ingress: Vec<IngressRule>,
    /// How many inbound rules of IPv4, and as many of IPv6, AWS lets a group of this account have: 60, unless more were
    /// granted under Service Quotas.
    pub rule_quota: RuleQuota,
}

/// An open TCP port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngressRule {
    /// The port.
    pub port: Port,
    /// Who may reach it: `my-ip`, `anywhere`, addresses or ranges of addresses.
    #[schemars(length(min = 1))]
    pub from: Vec<CidrSource>,
    /// What the rule is for.
    pub description: Option<RuleDescription>,
}

/// A bucket in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The name, which no other bucket in the world may have.
    pub name: BucketName,
    /// Keeps earlier versions of overwritten and deleted files.
    #[serde(default = "yes")]
    pub versioning: bool,
    /// What the server itself may do with the bucket.
    #[serde(default = "Access::none")]
    pub instance_access: Access,
}

words! {
    /// What may be done with a bucket.
    Access {
        /// Nothing.
        None = "none",
        /// List and read.
        Read = "read",
        /// List, read, write and delete.
        ReadWrite = "read-write",
    }
}

impl Access {
    fn none() -> Self {
        Self::None
    }

    fn read_write() -> Self {
        Self::ReadWrite
    }
}

/// A role that a GitHub workflow takes on by OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GithubActions {
    /// The repository whose workflows may take the role on: `owner/name`.
    pub repository: RepositoryName,
    /// The branch whose workflows may.
    #[serde(default)]
    pub branch: BranchName,
    /// What they may do with the bucket.
    #[serde(default = "Access::read_write")]
    pub access: Access,
}

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(values: OneOrMany<T>) -> Self {
        match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// The default of a switch that is on.
pub(super) fn yes() -> bool {
    true
}
