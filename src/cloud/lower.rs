//! Plan → desired resources.
//!
//! Pure: what has to be asked for (the key's text, the laptop's address, the
//! account) comes in as [`Inputs`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value as Json;

use crate::cloud::resource::{Address, Owner, Reference, Standing, Tags};
use crate::cloud::resources::bucket::Bucket;
use crate::cloud::resources::elastic_ip::ElasticIp;
use crate::cloud::resources::github_role::GithubRole;
use crate::cloud::resources::instance::{Instance, Metadata, RootVolume};
use crate::cloud::resources::instance_profile::InstanceProfile;
use crate::cloud::resources::internet_gateway::InternetGateway;
use crate::cloud::resources::key_pair::KeyPair;
use crate::cloud::resources::network::{SUBNET_CIDR, VPC_CIDR};
use crate::cloud::resources::oidc_provider::OidcProvider;
use crate::cloud::resources::placement::{DEFAULT, Placement};
use crate::cloud::resources::policy::{self, BucketAccess};
use crate::cloud::resources::record::{self, Record};
use crate::cloud::resources::role::Role;
use crate::cloud::resources::route_table::RouteTable;
use crate::cloud::resources::security_group::{Rule, SecurityGroup};
use crate::cloud::resources::subnet::Subnet;
use crate::cloud::resources::tags::{GITHUB_NOTE, IMAGE_TAG, NETWORK_TAG, USERS_NOTE, ZONE_NOTE};
use crate::cloud::resources::users_role::UsersRole;
use crate::cloud::resources::vpc::Vpc;
use crate::cloud::resources::zone::Zone;
use crate::cloud::resources::{Body, Kind, Scope, desired_tags};
use crate::cloud::resources::{DesiredResource, LiveResource};
use crate::plan::{
    Access, CidrSource, Network, Plan, RecordValue, SshPublicKey, bucket_users, challenge_names,
    txt, withheld_keys,
};

/// What a plan does not hold itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The public key that the plan's `key_pair` names.
    pub public_key: SshPublicKey,
    /// The public address that stands for `my-ip`; see [`needs_my_ip`].
    pub my_ip: Option<IpAddr>,
    /// The id of the AWS account.
    pub account: String,
}

impl Scope {
    /// Takes from a plan where its lab is to be looked for.
    pub fn of(plan: &Plan) -> Self {
        let tags = plan.tags.iter();
        Self {
            lab: plan.lab.to_string(),
            region: plan.region.to_string(),
            tags: tags
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            bucket: plan.bucket.as_ref().map(|bucket| bucket.name.to_string()),
            model: None,
            zone: plan.dns.as_ref().map(|dns| dns.zone.to_string()),
            vpc: match &plan.network {
                Network::Existing { vpc, .. } => Some(vpc.to_string()),
                Network::Default | Network::Dedicated => None,
            },
            subnet: match &plan.network {
                Network::Existing { subnet, .. } => Some(subnet.to_string()),
                Network::Default | Network::Dedicated => None,
            },
            availability_zone: plan
                .instance
                .availability_zone
                .as_ref()
                .map(ToString::to_string),
            dedicated_network: plan.network == Network::Dedicated,
            github: plan.github_actions.is_some(),
            users: !bucket_users(plan).is_empty(),
        }
    }
}

/// Whether the plan says `my-ip` anywhere.
pub fn needs_my_ip(plan: &Plan) -> bool {
    let mut sources = plan
        .security_group
        .ingress
        .iter()
        .flat_map(|rule| &rule.from);
    sources.any(|source| *source == CidrSource::MyIp)
}

/// Says what the plan wants, resource by resource, in the order of the kinds.
pub fn lower(plan: &Plan, scope: &Scope, inputs: &Inputs) -> Vec<DesiredResource> {
    let lowering = Lowering {
        plan,
        scope,
        inputs,
    };
    let mut desired = vec![
        lowering.key_pair(),
        lowering.security_group(),
        lowering.instance(),
    ];
    if scope.dedicated_network {
        desired.extend(lowering.network());
    }
    desired.extend(lowering.bucket());
    desired.extend(lowering.role());
    desired.extend(lowering.users_role());
    if plan.elastic_ip {
        desired.push(lowering.elastic_ip());
    }
    desired.extend(lowering.dns());
    desired.extend(lowering.github());
    desired.sort_by(|one, other| one.address.cmp(&other.address));
    desired
}

/// The longest value of a tag (Amazon EC2 User Guide, "Tag restrictions").
const LONGEST_NOTE: usize = 256;

/// Keeps zones noted that left the plan: they are not deleted for that, and have
/// to be found still.
pub fn keep_notes(desired: &mut [DesiredResource], live: &[LiveResource]) {
    let kept: BTreeSet<&str> = live
        .iter()
        .filter(|live| live.owner == Owner::Lab && live.standing == Standing::Stale)
        .filter_map(|live| match &live.body {
            Body::Zone(zone) => Some(zone.name.as_str()),
            _ => None,
        })
        .collect();
    let pairs = desired
        .iter_mut()
        .filter_map(|desired| match &mut desired.body {
            Body::KeyPair(pair) => Some(pair),
            _ => None,
        });
    for pair in pairs {
        let mut note = pair.tags.remove(ZONE_NOTE).unwrap_or_default();
        for zone in &kept {
            if note.len() + 1 + zone.len() <= LONGEST_NOTE {
                note = format!("{note} {zone}").trim_start().to_owned();
            }
        }
        if !note.is_empty() {
            pair.tags.insert(ZONE_NOTE.to_owned(), note);
        }
    }
}

struct Lowering<'a> {
    plan: &'a Plan,
    scope: &'a Scope,
    inputs: &'a Inputs,
}

impl Lowering<'_> {
    fn one(&self, kind: Kind, body: impl FnOnce(Tags) -> Body) -> DesiredResource {
        let address = Address::of(kind);
        let tags = desired_tags(self.scope, &address);
        DesiredResource {
            address,
            body: body(tags),
        }
    }

    fn key_pair(&self) -> DesiredResource {
        self.one(Kind::KeyPair, |mut tags| {
            if let Some(zone) = &self.scope.zone {
                tags.insert(ZONE_NOTE.to_owned(), zone.clone());
            }
            if let Some(github) = &self.plan.github_actions {
                tags.insert(GITHUB_NOTE.to_owned(), github.repository.to_string());
            }
            let key = &self.inputs.public_key;
            KeyPair {
                name: self.scope.lab.clone(),
                public_key: format!("{} {}", key.algorithm.as_str(), key.blob),
                tags,
            }
            .into()
        })
    }

    fn network(&self) -> Vec<DesiredResource> {
        let to = Reference::to;
        vec![
            self.one(Kind::Vpc, |tags| {
                let cidr = VPC_CIDR.to_owned();
                Vpc { cidr, tags }.into()
            }),
            self.one(Kind::InternetGateway, |tags| {
                let vpc = Some(to(Kind::Vpc));
                InternetGateway { vpc, tags }.into()
            }),
            self.one(Kind::Subnet, |tags| {
                Subnet {
                    vpc: to(Kind::Vpc),
                    cidr: SUBNET_CIDR.to_owned(),
                    availability_zone: self.scope.availability_zone.clone(),
                    public_addresses: true,
                    tags,
                }
                .into()
            }),
            self.one(Kind::RouteTable, |tags| {
                RouteTable {
                    vpc: to(Kind::Vpc),
                    internet_gateway: Some(to(Kind::InternetGateway)),
                    subnet: Some(to(Kind::Subnet)),
                    tags,
                }
                .into()
            }),
        ]
    }

    /// Where a resource is: in the lab's network, in a given one, or wherever
    /// the account's default is; with the word that is noted on it.
    fn placement(&self, own: Kind, given: impl FnOnce() -> Option<String>) -> (Placement, String) {
        match (&self.plan.network, given()) {
            (Network::Dedicated, _) => (Placement::In(Reference::to(own)), "dedicated".to_owned()),
            (Network::Existing { .. }, Some(id)) => (Placement::In(Reference::Id(id.clone())), id),
            _ => (Placement::Default, DEFAULT.to_owned()),
        }
    }

    fn security_group(&self) -> DesiredResource {
        let (vpc, note) = self.placement(Kind::Vpc, || self.scope.vpc.clone());
        let rules = self.plan.security_group.ingress.iter().flat_map(|rule| {
            let description = rule.description.as_ref().map(ToString::to_string);
            // AWS keeps no empty one.
            let description = description.filter(|text| !text.is_empty());
            let ranges = rule.from.iter().flat_map(|source| self.ranges(source));
            ranges.map(move |range| Rule::tcp(rule.port.get(), range, description.clone()))
        });
        // An address that is named beside `my-ip`, and is that, is one rule: the first.
        let mut ingress: BTreeSet<Rule> = BTreeSet::new();
        for rule in rules {
            if !ingress.iter().any(|known| known.allows_the_same(&rule)) {
                ingress.insert(rule);
            }
        }
        self.one(Kind::SecurityGroup, |mut tags| {
            tags.insert(NETWORK_TAG.to_owned(), note);
            let name = self.scope.lab.clone();
            SecurityGroup {
                name,
                vpc,
                ingress,
                tags,
            }
            .into()
        })
    }

    fn ranges(&self, source: &CidrSource) -> Vec<IpNet> {
        let everywhere = || ["0.0.0.0/0", "::/0"].into_iter();
        match source {
            CidrSource::MyIp => self.inputs.my_ip.map(IpNet::from).into_iter().collect(),
            CidrSource::Anywhere => everywhere().filter_map(|text| text.parse().ok()).collect(),
            CidrSource::Cidr(range) => vec![*range],
        }
    }

    fn instance(&self) -> DesiredResource {
        let plan = &self.plan.instance;
        let image = plan.image.to_string();
        let (subnet, note) = self.placement(Kind::Subnet, || self.scope.subnet.clone());
        let has_role = self.server_policy().is_some();
        self.one(Kind::Instance, |mut tags| {
            tags.insert(IMAGE_TAG.to_owned(), image.clone());
            tags.insert(NETWORK_TAG.to_owned(), note);
            Instance {
                image: Some(image),
                instance_type: plan.instance_type.to_string(),
                root_volume: RootVolume {
                    size: plan.root_volume.size.get().into(),
                    volume_type: plan.root_volume.volume_type.to_string(),
                },
                security_groups: BTreeSet::from([Reference::to(Kind::SecurityGroup)]),
                subnet,
                availability_zone: self.scope.availability_zone.clone(),
                instance_profile: has_role.then(|| Reference::to(Kind::InstanceProfile)),
                termination_protection: self.plan.protect,
                metadata: Metadata::SAFE,
                transaction: None,
                tags,
            }
            .into()
        })
    }

    fn elastic_ip(&self) -> DesiredResource {
        self.one(Kind::ElasticIp, |tags| {
            let instance = Some(Reference::to(Kind::Instance));
            ElasticIp { instance, tags }.into()
        })
    }

    fn bucket(&self) -> Option<DesiredResource> {
        let bucket = self.plan.bucket.as_ref()?;
        Some(self.one(Kind::Bucket, |tags| {
            let model = self.scope.model.clone();
            Bucket {
                model,
                ..Bucket::new(bucket.name.as_str(), bucket.versioning, tags)
            }
            .into()
        }))
    }

    /// What the server may do in AWS, where it may do anything.
    fn server_policy(&self) -> Option<Json> {
        let bucket = self.plan.bucket.as_ref().and_then(|bucket| {
            Some((bucket.name.as_str(), bucket_access(bucket.instance_access)?))
        });
        let (region, account) = (&self.scope.region, &self.inputs.account);
        let users_role = self.scope.users.then(|| self.scope.users_role_name());
        let challenges = challenge_names(self.plan);
        policy::server(region, account, bucket, &challenges, users_role.as_deref())
    }

    /// What bounds every role of the lab.
    fn boundary(&self) -> Option<String> {
        let boundary = self.plan.permissions_boundary.as_ref();
        boundary.map(ToString::to_string)
    }

    fn role(&self) -> Vec<DesiredResource> {
        let Some(policy) = self.server_policy() else {
            return Vec::new();
        };
        let has_challenges = !challenge_names(self.plan).is_empty();
        let name = self.scope.role_name();
        let role = self.one(Kind::Role, |mut tags| {
            if self.scope.users {
                tags.insert(USERS_NOTE.to_owned(), self.scope.users_role_name());
            }
            Role {
                name: name.clone(),
                trust: policy::trust_ec2(&self.scope.region),
                policy: Some(policy),
                zone: has_challenges.then(|| Reference::to(Kind::Zone)),
                permissions_boundary: self.boundary(),
                tags,
            }
            .into()
        });
        let profile = self.one(Kind::InstanceProfile, |tags| {
            let role = Some(Reference::to(Kind::Role));
            InstanceProfile { name, role, tags }.into()
        });
        vec![role, profile]
    }

    /// The role of the server's users, as wide as the widest access of one of them: the server narrows it for each.
    fn users_role(&self) -> Option<DesiredResource> {
        let (region, account) = (&self.scope.region, &self.inputs.account);
        let widest = bucket_users(self.plan)
            .into_iter()
            .map(|(_, access)| access)
            .max();
        let access = bucket_access(widest?)?;
        let bucket = self.plan.bucket.as_ref()?.name.as_str();
        let policy = policy::users(region, account, (bucket, access), &withheld_keys(self.plan));
        Some(self.one(Kind::UsersRole, |tags| {
            let role = Role {
                name: self.scope.users_role_name(),
                trust: policy::trust_server(region, account, &self.scope.role_name()),
                policy: Some(policy),
                zone: None,
                permissions_boundary: self.boundary(),
                tags,
            };
            UsersRole::new(role).into()
        }))
    }

    fn dns(&self) -> Vec<DesiredResource> {
        let Some(dns) = &self.plan.dns else {
            return Vec::new();
        };
        let zone_name = dns.zone.to_string();
        let mut desired = vec![self.one(Kind::Zone, |tags| {
            let name = zone_name.clone();
            Zone { name, tags }.into()
        })];
        desired.extend(dns.records.iter().map(|record| {
            let record_type = record.record_type.to_string();
            let values = record.values(&dns.zone);
            let body = Record {
                zone: Reference::to(Kind::Zone),
                name: record::absolute_name(record.name.as_str(), &zone_name),
                ttl: record.ttl.as_secs().into(),
                values: values.iter().map(record_value).collect(),
                zone_name: zone_name.clone(),
                record_type: record_type.clone(),
            };
            DesiredResource {
                address: Address::record(record.name.as_str(), record_type),
                body: body.into(),
            }
        }));
        desired
    }

    fn github(&self) -> Vec<DesiredResource> {
        let Some(github) = &self.plan.github_actions else {
            return Vec::new();
        };
        let provider = self.one(Kind::OidcProvider, |tags| {
            let url = policy::GITHUB_HOST.to_owned();
            OidcProvider { url, tags }.into()
        });
        let role = self.one(Kind::GithubRole, |tags| {
            let bucket = self.plan.bucket.as_ref();
            let access = bucket.zip(bucket_access(github.access));
            let role = Role {
                name: self.scope.github_role_name(),
                trust: policy::trust_github(
                    &self.scope.region,
                    &self.inputs.account,
                    github.repository.as_str(),
                    github.branch.as_str(),
                ),
                policy: access.map(|(bucket, access)| {
                    let (region, account) = (&self.scope.region, &self.inputs.account);
                    policy::bucket(region, account, bucket.name.as_str(), access)
                }),
                zone: None,
                permissions_boundary: self.boundary(),
                tags,
            };
            GithubRole::new(role).into()
        });
        vec![provider, role]
    }
}

const fn bucket_access(access: Access) -> Option<BucketAccess> {
    match access {
        Access::None => None,
        Access::Read => Some(BucketAccess::Read),
        Access::ReadWrite => Some(BucketAccess::ReadWrite),
    }
}

fn record_value(value: &RecordValue) -> Reference {
    match value {
        RecordValue::ElasticIp => Reference::to(Kind::ElasticIp),
        RecordValue::Txt(text) => Reference::Id(txt::written(text)),
        other => Reference::Id(other.to_string()),
    }
}
