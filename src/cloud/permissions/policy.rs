//! Rows → an IAM policy: what has the same limits stands together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::cloud::resources::context::{github_role_name, role_name, users_role_name};
use crate::cloud::resources::policy::{canonical, ec2_service};
use crate::cloud::resources::{LAB_TAG, REGION_TAG};
use crate::plan::{Image, Network, Plan, partition};

use super::table::{ALL, Need, On, Only, Operation, row};
use super::{Command, Part, Stage};

/// The condition key for a role's permissions boundary: the one that it has, or, in the calls that set one, the one that
/// it gets (IAM User Guide, "IAM and AWS STS condition context keys").
const BOUNDARY: &str = "iam:PermissionsBoundary";

/// What gives a role rights, or gives the role to somebody.
const GRANTING: &[&str] = &[
    "iam:CreateRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
];

/// What a plan's resources are called.
#[derive(Debug)]
pub struct Names<'a> {
    plan: &'a Plan,
    partition: &'static str,
    region: String,
    role: String,
}

impl<'a> Names<'a> {
    /// Takes them from a plan. The account is left open: a policy holds in the account that it is in.
    pub fn new(plan: &'a Plan) -> Self {
        let region = plan.region.to_string();
        Self {
            plan,
            partition: partition(&region),
            role: role_name(&plan.lab.to_string(), &region),
            region,
        }
    }

    fn ec2(&self, rest: &str) -> String {
        format!("arn:{}:ec2:{}:*:{rest}", self.partition, self.region)
    }

    fn iam(&self, rest: &str) -> String {
        format!("arn:{}:iam::*:{rest}", self.partition)
    }

    fn resources(&self, on: On) -> Vec<String> {
        let Self {
            plan,
            partition,
            role,
            ..
        } = self;
        let bucket = || plan.bucket.as_ref().map(|bucket| bucket.name.to_string());
        let one = match on {
            On::Everything => "*".to_owned(),
            On::Ec2(kind) => self.ec2(&format!("{kind}/*")),
            On::KeyPair => self.ec2(&format!("key-pair/{}", plan.lab)),
            // Images are nobody's account's.
            On::Image => match &plan.instance.image {
                Image::Ami(id) => format!("arn:{partition}:ec2:{}::image/{id}", self.region),
                _ => format!("arn:{partition}:ec2:{}::image/*", self.region),
            },
            On::Subnet => self.ec2(&match &plan.network {
                Network::Existing { subnet, .. } => format!("subnet/{subnet}"),
                Network::Default | Network::Dedicated => "subnet/*".to_owned(),
            }),
            On::Vpc => self.ec2(&match &plan.network {
                Network::Existing { vpc, .. } => format!("vpc/{vpc}"),
                Network::Default | Network::Dedicated => "vpc/*".to_owned(),
            }),
            On::Role => self.iam(&format!("role/{role}")),
            On::Roles => {
                let users = Part::UsersRole.is_in(plan).then(|| users_role_name(role));
                let names = [role.clone(), github_role_name(role)]
                    .into_iter()
                    .chain(users);
                return names
                    .map(|name| self.iam(&format!("role/{name}")))
                    .collect();
            }
            On::Profile => self.iam(&format!("instance-profile/{role}")),
            On::Provider => self.iam(&format!(
                "oidc-provider/{}",
                crate::cloud::resources::policy::GITHUB_HOST
            )),
            On::Bucket => format!("arn:{partition}:s3:::{}", bucket().unwrap_or_default()),
            On::Objects => format!("arn:{partition}:s3:::{}/*", bucket().unwrap_or_default()),
            On::Zone => format!("arn:{partition}:route53:::hostedzone/*"),
            On::Change => format!("arn:{partition}:route53:::change/*"),
        };
        vec![one]
    }

    fn condition(&self, only: Only) -> Json {
        let plan = self.plan;
        let tags = |of: &str| {
            json!({ "StringEquals": {
                format!("aws:{of}/{LAB_TAG}"): self.plan.lab.to_string(),
                format!("aws:{of}/{REGION_TAG}"): self.region,
            } })
        };
        match only {
            Only::Always => Json::Null,
            Only::Region => json!({ "StringEquals": { "ec2:Region": self.region } }),
            Only::Ours => tags("ResourceTag"),
            Only::Tagged => tags("RequestTag"),
            // Which calls may bring tags along is put together for all of them.
            Only::Created(_) => {
                let mut condition = tags("RequestTag");
                condition["StringEquals"]["ec2:CreateAction"] = Json::Null;
                condition
            }
            Only::Passed => {
                json!({ "StringEquals": { "iam:PassedToService": ec2_service(&self.region) } })
            }
            Only::Bounded => match &plan.permissions_boundary {
                Some(boundary) => json!({ "StringEquals": { BOUNDARY: boundary } }),
                None => Json::Null,
            },
            Only::TaggedOrBounded if plan.permissions_boundary.is_some() => {
                self.condition(Only::Bounded)
            }
            Only::TaggedOrBounded => tags("RequestTag"),
            Only::Names => {
                let zone = self.plan.dns.as_ref().map(|dns| dns.zone.to_string());
                let zone = zone.unwrap_or_default();
                json!({ "ForAllValues:StringLike": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames": [zone, format!("*.{zone}")],
                } })
            }
            Only::Canonical => match &self.plan.instance.image {
                Image::Ami(_) => Json::Null,
                _ => match canonical(&self.region) {
                    Some(owner) => json!({ "StringEquals": { "ec2:Owner": owner } }),
                    None => Json::Null,
                },
            },
            Only::Network => match self.plan.network {
                Network::Dedicated => tags("ResourceTag"),
                Network::Default | Network::Existing { .. } => Json::Null,
            },
        }
    }
}

/// Gives the least policy with which a command can do its work for a plan; without a command, that with which all can but
/// [`Command::Adopt`]: who may put the lab's tags on any server may also stop it and change what it runs, and with its role
/// become administrator.
pub fn policy(plan: &Plan, command: Option<Command>) -> Json {
    let names = Names::new(plan);
    let all = <Command as clap::ValueEnum>::value_variants()
        .iter()
        .copied();
    let is_asked = |one: &Command| match command {
        Some(asked) => *one == asked,
        None => *one != Command::Adopt,
    };
    let stages: Vec<Stage> = all
        .filter(is_asked)
        .flat_map(|command| {
            let stages = command.stages().iter().copied();
            stages.filter(move |stage| *stage != Stage::Visit || command.visits(plan))
        })
        .collect();
    let mut needs: Vec<Need> = Vec::new();
    for operation in ALL {
        let row = row(*operation);
        let is_called = row.stages.iter().any(|stage| stages.contains(stage));
        if is_called && row.part.is_in(plan) {
            needs.extend(row.needs);
        }
    }
    needs.extend(network_is_read(plan, &stages));
    needs.extend(model_is_looked_for(plan, &stages));
    needs.extend(launched_with_role(plan, &stages));
    needs.extend(adopted(&stages));
    json!({ "Version": "2012-10-17", "Statement": statements(&names, &needs) })
}

/// What is looked up for a server is read anyway where it is the lab's own.
fn network_is_read(plan: &Plan, stages: &[Stage]) -> Vec<Need> {
    match stages.contains(&Stage::Read) && Part::Network.is_in(plan) {
        true => [Operation::describe_subnets, Operation::describe_vpcs]
            .iter()
            .flat_map(|operation| row(*operation).needs)
            .copied()
            .collect(),
        false => Vec::new(),
    }
}

/// A model of the laptop is looked for in the bucket.
fn model_is_looked_for(plan: &Plan, stages: &[Stage]) -> Vec<Need> {
    match stages.contains(&Stage::Look) && Part::Model.is_in(plan) {
        true => row(Operation::list_object_versions).needs.to_vec(),
        false => Vec::new(),
    }
}

/// A server that is started with a role is handed that role.
fn launched_with_role(plan: &Plan, stages: &[Stage]) -> Option<Need> {
    let is_handed = stages.contains(&Stage::Write) && Part::Profile.is_in(plan);
    is_handed.then_some(Need {
        action: "iam:PassRole",
        on: On::Role,
        only: Only::Passed,
    })
}

/// What is adopted has no tags of the lab's yet.
fn adopted(stages: &[Stage]) -> Option<Need> {
    stages.contains(&Stage::Adopt).then_some(Need {
        action: "ec2:CreateTags",
        on: On::Ec2("*"),
        only: Only::Tagged,
    })
}

/// Puts together what has the same limits.
///
/// What asks for the lab's tags is one statement for all actions and types: an action knows no
/// other types than its own, so that nothing more is allowed by it, and a managed policy has room
/// for 6,144 characters only (IAM User Guide, "IAM and AWS STS quotas").
fn statements(names: &Names<'_>, needs: &[Need]) -> Vec<Json> {
    #[derive(Default)]
    struct Joined {
        actions: BTreeSet<&'static str>,
        resources: BTreeSet<String>,
        creating: BTreeSet<&'static str>,
    }
    let mut joined: BTreeMap<(String, Vec<String>), Joined> = BTreeMap::new();
    for need in needs {
        let resources = names.resources(need.on);
        let is_by_tags = matches!(need.only, Only::Ours | Only::Tagged | Only::Created(_))
            && need.action.starts_with("ec2:");
        let apart = if is_by_tags {
            Vec::new()
        } else {
            resources.clone()
        };
        let key = (names.condition(need.only).to_string(), apart);
        let entry = joined.entry(key).or_default();
        entry.actions.insert(need.action);
        entry.resources.extend(resources);
        if let Only::Created(operation) = need.only {
            entry.creating.insert(operation);
        }
    }
    let statement = |((condition, _), joined): ((String, Vec<String>), Joined)| {
        let mut statement = json!({
            "Effect": "Allow",
            "Action": joined.actions,
            "Resource": joined.resources,
        });
        // It was made by `condition` a few lines above.
        let mut condition: Json = serde_json::from_str(&condition).unwrap_or_default();
        if !joined.creating.is_empty() {
            condition["StringEquals"]["ec2:CreateAction"] = json!(joined.creating);
        }
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        statement
    };
    joined.into_iter().map(statement).collect()
}

/// Whether who holds a policy can become administrator of the account: by writing what they like into a role that no
/// boundary holds.
pub fn makes_administrators(plan: &Plan, policy: &Json) -> bool {
    let boundary = plan.permissions_boundary.as_ref();
    if boundary.is_some_and(|boundary| !boundary.allows_everything()) {
        return false;
    }
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let mut actions = statements.flat_map(|one| one["Action"].as_array().into_iter().flatten());
    actions.any(|action| GRANTING.iter().any(|granting| *action == **granting))
}
