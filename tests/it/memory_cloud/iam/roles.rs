//! Roles.
//!
//! Sources: IAM API Reference, "CreateRole", "GetRole", "DeleteRole",
//! "ListRoles" (without tags and boundary, 100 a page), "UpdateAssumeRolePolicy",
//! "PutRolePermissionsBoundary" and "DeleteRolePermissionsBoundary".

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::operation::{
    create_role::{CreateRoleInput, CreateRoleOutput},
    delete_role::{DeleteRoleInput, DeleteRoleOutput},
    delete_role_permissions_boundary::{
        DeleteRolePermissionsBoundaryInput, DeleteRolePermissionsBoundaryOutput,
    },
    get_role::{GetRoleInput, GetRoleOutput},
    list_roles::{ListRolesInput, ListRolesOutput},
    put_role_permissions_boundary::{
        PutRolePermissionsBoundaryInput, PutRolePermissionsBoundaryOutput,
    },
    update_assume_role_policy::{UpdateAssumeRolePolicyInput, UpdateAssumeRolePolicyOutput},
};
use aws_sdk_iam::types;

use super::super::filters::page;
use super::super::refusal::{Answer, require};
use super::super::register::Kind;
use super::super::world::World;
use super::policies::{Purpose, checked, encoded};
use super::{already_exists, checked_name, delete_conflict, no_such_entity, tags};

/// A role.
pub struct Role {
    pub arn: String,
    id: String,
    path: String,
    description: Option<String>,
    max_session: i32,
    pub trust: String,
    /// The ARN of the policy that bounds it.
    pub boundary: Option<String>,
    /// The policies in the role, by name.
    pub policies: BTreeMap<String, String>,
    /// The ARNs of the managed policies on the role.
    pub attached: BTreeSet<String>,
}

/// Shows a boundary as roles have it.
fn attached(boundary: Option<&String>) -> Option<types::AttachedPermissionsBoundary> {
    let kind = types::PermissionsBoundaryAttachmentType::Policy;
    boundary.map(|arn| {
        types::AttachedPermissionsBoundary::builder()
            .permissions_boundary_type(kind)
            .permissions_boundary_arn(arn)
            .build()
    })
}

impl World {
    /// Finds a role by its name.
    pub fn role(&self, name: Option<&str>) -> Answer<&Role> {
        let name = require(name, "roleName")?;
        let role = self
            .roles
            .get(name)
            .filter(|role| self.register.sees(&role.arn));
        role.ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    /// Finds a role by its name, to change it.
    pub fn role_mut(&mut self, name: Option<&str>) -> Answer<&mut Role> {
        self.role(name)?;
        let name = name.unwrap_or_default();
        self.roles
            .get_mut(name)
            .ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
    }

    /// Shows a role without its tags, as lists and profiles do.
    pub fn role_view(&self, name: &str, role: &Role) -> types::builders::RoleBuilder {
        types::Role::builder()
            .role_name(name)
            .role_id(&role.id)
            .arn(&role.arn)
            .path(&role.path)
            .create_date(self.register.made(&role.arn))
            .assume_role_policy_document(encoded(&role.trust))
            .set_description(role.description.clone())
            .max_session_duration(role.max_session)
    }

    pub fn get_role(&self, input: &GetRoleInput) -> Answer<GetRoleOutput> {
        let role = self.role(input.role_name())?;
        let view = self.role_view(input.role_name().unwrap_or_default(), role);
        let view = view
            .set_permissions_boundary(attached(role.boundary.as_ref()))
            .set_tags(Some(self.register.iam_tags(&role.arn)?))
            .build()?;
        Ok(GetRoleOutput::builder().role(view).build())
    }

    pub fn list_roles(&self, input: &ListRolesInput) -> Answer<ListRolesOutput> {
        let prefix = input.path_prefix().unwrap_or("/");
        let is_listed =
            |role: &Role| role.path.starts_with(prefix) && self.register.sees(&role.arn);
        let rows = self
            .roles
            .iter()
            .filter(|(_, role)| is_listed(role))
            .collect();
        let limit = input
            .max_items()
            .and_then(|number| usize::try_from(number).ok());
        let (rows, marker) = page(rows, limit.unwrap_or(100).clamp(1, 1000), input.marker())?;
        let views = rows
            .into_iter()
            .map(|(name, role)| self.role_view(name, role).build());
        let views = views.collect::<Result<_, _>>()?;
        let answer = ListRolesOutput::builder().set_roles(Some(views));
        Ok(answer
            .is_truncated(marker.is_some())
            .set_marker(marker)
            .build()?)
    }

    pub fn create_role(&mut self, input: &CreateRoleInput) -> Answer<CreateRoleOutput> {
        let name = checked_name(input.role_name(), "roleName", 64)?;
        let document = input.assume_role_policy_document();
        let trust = checked(document, "assumeRolePolicyDocument", Purpose::Trust)?.to_owned();
        let tags = tags::read(input.tags())?;
        let boundary = input.permissions_boundary();
        let boundary = boundary.map(|arn| self.boundary(Some(arn))).transpose()?;
        if self
            .roles
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(already_exists(format!(
                "Role with name {name} already exists."
            )));
        }
        let path = input.path().unwrap_or("/").to_owned();
        let arn = format!("arn:aws:iam::{}:role{path}{name}", self.register.account);
        self.register.enter(&arn, Kind::ROLE, "", tags);
        let role = Role {
            id: self.next_iam_id("AROA"),
            path,
            description: input.description().map(str::to_owned),
            max_session: input.max_session_duration().unwrap_or(3600),
            trust,
            boundary,
            policies: BTreeMap::new(),
            attached: BTreeSet::new(),
            arn,
        };
        let view = self.role_view(name, &role);
        let view = view
            .set_permissions_boundary(attached(role.boundary.as_ref()))
            .set_tags(Some(self.register.iam_tags(&role.arn)?))
            .build()?;
        self.roles.insert(name.to_owned(), role);
        Ok(CreateRoleOutput::builder().role(view).build())
    }

    pub fn update_assume_role_policy(
        &mut self,
        input: &UpdateAssumeRolePolicyInput,
    ) -> Answer<UpdateAssumeRolePolicyOutput> {
        let role = self.role_mut(input.role_name())?;
        let document = checked(input.policy_document(), "policyDocument", Purpose::Trust)?;
        document.clone_into(&mut role.trust);
        Ok(UpdateAssumeRolePolicyOutput::builder().build())
    }

    /// Takes the ARN of a boundary: of a policy of the account, or of AWS's own.
    ///
    /// What IAM says of others is as users of Terraform report it (hashicorp/terraform-provider-aws, issues).
    fn boundary(&self, arn: Option<&str>) -> Answer<String> {
        let arn = require(arn, "permissionsBoundary")?;
        let policies = |account: &str| format!("arn:aws:iam::{account}:policy/");
        let own = arn.strip_prefix(&policies(&self.register.account));
        let is_known = own.is_some_and(|name| self.options.policies.contains(name))
            || arn.starts_with(&policies("aws"));
        match is_known {
            true => Ok(arn.to_owned()),
            false => Err(no_such_entity(format!(
                "Scope ARN: {arn} does not exist or is not attachable."
            ))),
        }
    }

    pub fn put_role_permissions_boundary(
        &mut self,
        input: &PutRolePermissionsBoundaryInput,
    ) -> Answer<PutRolePermissionsBoundaryOutput> {
        let boundary = self.boundary(input.permissions_boundary())?;
        self.role_mut(input.role_name())?.boundary = Some(boundary);
        Ok(PutRolePermissionsBoundaryOutput::builder().build())
    }

    pub fn delete_role_permissions_boundary(
        &mut self,
        input: &DeleteRolePermissionsBoundaryInput,
    ) -> Answer<DeleteRolePermissionsBoundaryOutput> {
        self.role_mut(input.role_name())?.boundary = None;
        Ok(DeleteRolePermissionsBoundaryOutput::builder().build())
    }

    /// Deletes a role that has no policies and is in no profile.
    pub fn delete_role(&mut self, input: &DeleteRoleInput) -> Answer<DeleteRoleOutput> {
        let role = self.role(input.role_name())?;
        let name = input.role_name().unwrap_or_default();
        if !role.policies.is_empty() {
            return Err(delete_conflict(
                "Cannot delete entity, must delete policies first.",
            ));
        }
        if !role.attached.is_empty() {
            return Err(delete_conflict(
                "Cannot delete entity, must detach all policies first.",
            ));
        }
        let mut profiles = self.profiles.values();
        if profiles.any(|profile| profile.role.as_ref().is_some_and(|role| role.name == name)) {
            let message = "Cannot delete entity, must remove roles from instance profile first.";
            return Err(delete_conflict(message));
        }
        let arn = role.arn.clone();
        self.roles.remove(name);
        self.register.remove(&arn);
        Ok(DeleteRoleOutput::builder().build())
    }
}
