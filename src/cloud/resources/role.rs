//! The server's role: what the server may do in AWS, with no key on it.

use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_iam::operation::delete_role::DeleteRoleInput;
use aws_sdk_iam::operation::delete_role_permissions_boundary::DeleteRolePermissionsBoundaryInput;
use aws_sdk_iam::operation::delete_role_policy::DeleteRolePolicyInput;
use aws_sdk_iam::operation::get_role::GetRoleOutput;
use aws_sdk_iam::operation::get_role_policy::GetRolePolicyInput;
use aws_sdk_iam::operation::list_attached_role_policies::ListAttachedRolePoliciesInput;
use aws_sdk_iam::operation::list_role_policies::ListRolePoliciesInput;
use aws_sdk_iam::operation::put_role_permissions_boundary::PutRolePermissionsBoundaryInput;
use aws_sdk_iam::operation::put_role_policy::PutRolePolicyInput;
use aws_sdk_iam::operation::tag_role::TagRoleInput;
use aws_sdk_iam::operation::untag_role::UntagRoleInput;
use aws_sdk_iam::operation::update_assume_role_policy::UpdateAssumeRolePolicyInput;
use futures_util::try_join;
use serde_json::Value as Json;

use crate::cloud::api::CallError;
use crate::cloud::resource::{
    Address, Field, Live, Observed, Owner, Reference, Tags, Value, present,
};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::reader::{NO_SUCH_ENTITY, Reader, found, get_role};
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, iam_tags, policy, tags};

/// The name of the one inline policy that labctl's roles have.
const POLICY_NAME: &str = "labctl";

/// What somebody who takes the role on may do in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name; IAM has no regions, so it says which is meant.
    pub name: String,
    /// Who may take it on.
    pub trust: Json,
    /// What it allows; [`policy::ZONE`] stands where the zone's id is.
    pub policy: Option<Json>,
    /// The zone that the policy speaks of.
    pub zone: Option<Reference>,
    /// The ARN of the policy that bounds what it may ever do.
    pub permissions_boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Reads a role and its policy; `role` asks for it, `wrap` makes it the kind's.
pub async fn read_role<B>(
    reader: &Reader<'_>,
    (kind, name): (Kind, &str),
    role: impl Future<Output = Result<Option<GetRoleOutput>, CallError>>,
    wrap: impl FnOnce(Role) -> B,
) -> Result<Vec<Live<B>>, CallError> {
    let policy = async {
        let input = GetRolePolicyInput::builder()
            .role_name(name)
            .policy_name(POLICY_NAME);
        found(reader.cloud.get_role_policy(input).await)
    };
    let (role, policy) = try_join!(role, policy)?;
    let Some(role) = role.and_then(|output| output.role) else {
        return Ok(Vec::new());
    };
    let observed = Observed {
        tags: iam_tags::read(role.tags()),
        arn: Some(role.arn().to_owned()),
        ..Observed::default()
    };
    let trust = role.assume_role_policy_document().unwrap_or_default();
    let mut policy = policy.map(|output| policy::read(output.policy_document()));
    let zone = policy.as_mut().and_then(policy::take_zone);
    let boundary = role
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    let live = tags::live(
        reader.scope,
        Address::of(kind),
        role.arn(),
        observed,
        |tags| {
            wrap(Role {
                name: name.to_owned(),
                trust: policy::read(trust),
                policy,
                zone: zone.map(Reference::Id),
                permissions_boundary: present(boundary).map(str::to_owned),
                tags,
            })
        },
    );
    Ok(vec![live])
}

impl Role {
    async fn put_policy(&self, run: &Run<'_>) -> Result<(), StepError> {
        let zone = self.zone.as_ref().map(|zone| run.id(zone)).transpose()?;
        let known = &[NO_SUCH_ENTITY];
        run.settled("the role to be known", known, async || match &self.policy {
            Some(policy) => {
                let input = PutRolePolicyInput::builder()
                    .role_name(&self.name)
                    .policy_name(POLICY_NAME)
                    .policy_document(policy::with_zone(policy, zone.as_deref()));
                run.cloud.put_role_policy(input).await.map(drop)
            }
            None => Ok(()),
        })
        .await
    }

    /// Puts the boundary on, or takes it off.
    async fn set_boundary(&self, run: &Run<'_>) -> Result<(), StepError> {
        let Some(boundary) = &self.permissions_boundary else {
            let input = DeleteRolePermissionsBoundaryInput::builder().role_name(&self.name);
            run.cloud.delete_role_permissions_boundary(input).await?;
            return Ok(());
        };
        let input = PutRolePermissionsBoundaryInput::builder()
            .role_name(&self.name)
            .permissions_boundary(boundary);
        let result = run.cloud.put_role_permissions_boundary(input).await;
        result.map_err(|error| self.no_boundary(error.into()))?;
        Ok(())
    }

    /// Says of which policy AWS speaks where it does not know one: IAM answers with the code of a role that is not there.
    fn no_boundary(&self, error: StepError) -> StepError {
        match &self.permissions_boundary {
            Some(boundary) if error.code() == NO_SUCH_ENTITY => StepError::blocked(
                format!("the permissions boundary `{boundary}` is not there"),
                "make that policy, or write the ARN of one that the account has as `permissions_boundary`",
            ),
            _ => error,
        }
    }

    async fn set_tags(&self, tags: &Tags, run: &Run<'_>) -> Result<(), StepError> {
        let input = TagRoleInput::builder()
            .role_name(&self.name)
            .set_tags(Some(iam_tags::write(tags)));
        run.cloud.tag_role(input).await?;
        Ok(())
    }

    /// Makes sure that a role of this name, made meanwhile, is the lab's.
    async fn taken(&self, run: &Run<'_>) -> Result<String, StepError> {
        run.made_meanwhile(&format!("a role `{}`", self.name), async || {
            let role = get_role(run.cloud, &self.name)
                .await?
                .and_then(|output| output.role);
            let ours = role.filter(|role| tags::is_ours(&iam_tags::read(role.tags()), run.scope));
            Ok(ours.map(|role| role.arn))
        })
        .await
    }
}

impl Manage for Role {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let policy = self.policy.clone().map_or(Value::Absent, Value::Document);
        let boundary = self.permissions_boundary.as_ref();
        let boundary = boundary.map_or(Value::Absent, Value::text);
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::update("trust", Value::Document(self.trust.clone())),
            Field::update("policy", policy),
            Field::update("zone", Value::from(&self.zone)),
            Field::update("permissions_boundary", boundary),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.zone.iter_mut().for_each(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let name = reader.scope.role_name();
        let role = reader.role();
        read_role(reader, (Kind::Role, &name), role, |role| role).await
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        // A trust policy that names something new may be refused at first.
        let passing = &["MalformedPolicyDocument"];
        let created = run
            .settled(
                "what the trust policy names to be known",
                passing,
                async || {
                    let input = CreateRoleInput::builder()
                        .role_name(&self.name)
                        .description(format!("labctl lab {}", run.scope.lab))
                        .assume_role_policy_document(self.trust.to_string())
                        .set_permissions_boundary(self.permissions_boundary.clone())
                        .set_tags(Some(iam_tags::write(&self.tags)));
                    run.cloud.create_role(input).await
                },
            )
            .await;
        let arn = match created {
            Ok(output) => required(output.role.map(|role| role.arn), "CreateRole", "ARN")?,
            Err(error) if error.code() == "EntityAlreadyExists" => self.taken(run).await?,
            Err(error) => return Err(self.no_boundary(error)),
        };
        self.put_policy(run).await?;
        Ok(Handle::of(arn))
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let before = &live.body;
        // First of all: who may change only roles within the boundary may change the rest after that.
        if before.permissions_boundary != self.permissions_boundary {
            self.set_boundary(run).await?;
        }
        if before.trust != self.trust {
            // As when it is made: what it names may be new.
            run.settled(
                "what the trust policy names to be known",
                &["MalformedPolicyDocument"],
                async || {
                    let input = UpdateAssumeRolePolicyInput::builder()
                        .role_name(&self.name)
                        .policy_document(self.trust.to_string());
                    run.cloud.update_assume_role_policy(input).await
                },
            )
            .await?;
        }
        if before.policy != self.policy || before.zone != self.zone {
            match &self.policy {
                Some(_) => self.put_policy(run).await?,
                None => delete_policy(&self.name, POLICY_NAME, run).await?,
            }
        }
        let change = tags::change(&live.observed.tags, &self.tags, run.scope);
        if !change.remove.is_empty() {
            let input = UntagRoleInput::builder()
                .role_name(&self.name)
                .set_tag_keys(Some(change.remove));
            run.cloud.untag_role(input).await?;
        }
        if !change.set.is_empty() {
            self.set_tags(&change.set, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let name = &live.body.name;
        debug_assert_eq!(live.owner, Owner::Lab);
        let input = ListRolePoliciesInput::builder().role_name(name);
        let Some(policies) = found(run.cloud.list_role_policies(input).await)? else {
            return Ok(());
        };
        for policy in policies.policy_names() {
            delete_policy(name, policy, run).await?;
        }
        let input = DeleteRoleInput::builder().role_name(name);
        match gone_is_fine(run.cloud.delete_role(input).await, &[NO_SUCH_ENTITY]) {
            Err(error) if error.code() == "DeleteConflict" => Err(StepError::blocked(
                format!(
                    "{} is attached to the role `{name}`",
                    attached(name, run).await?
                ),
                "detach it, then run the same command again",
            )),
            other => Ok(other?),
        }
    }
}

async fn delete_policy(role: &str, policy: &str, run: &Run<'_>) -> Result<(), StepError> {
    let input = DeleteRolePolicyInput::builder()
        .role_name(role)
        .policy_name(policy);
    let result = run.cloud.delete_role_policy(input).await;
    Ok(gone_is_fine(result, &[NO_SUCH_ENTITY])?)
}

/// Names what somebody attached to a role.
async fn attached(role: &str, run: &Run<'_>) -> Result<String, CallError> {
    let input = ListAttachedRolePoliciesInput::builder().role_name(role);
    let output = run.cloud.list_attached_role_policies(input).await?;
    let policies = output.attached_policies().iter();
    let names: Vec<_> = policies
        .filter_map(|policy| policy.policy_name())
        .map(|name| format!("the policy `{name}`"))
        .collect();
    Ok(match names.as_slice() {
        [] => "something, maybe an instance profile,".to_owned(),
        names => names.join(", "),
    })
}
