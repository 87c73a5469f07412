//! The policies of roles.
//!
//! Sources: IAM API Reference, "PutRolePolicy", "GetRolePolicy",
//! "DeleteRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies".

use aws_sdk_iam::operation::{
    delete_role_policy::{DeleteRolePolicyInput, DeleteRolePolicyOutput},
    get_role_policy::{GetRolePolicyInput, GetRolePolicyOutput},
    list_attached_role_policies::{ListAttachedRolePoliciesInput, ListAttachedRolePoliciesOutput},
    list_role_policies::{ListRolePoliciesInput, ListRolePoliciesOutput},
    put_role_policy::{PutRolePolicyInput, PutRolePolicyOutput},
};
use aws_sdk_iam::types::AttachedPolicy;

use super::super::filters::page;
use super::super::refusal::{Answer, Refusal, require};
use super::super::world::World;
use super::policies::{Purpose, checked, encoded};
use super::{checked_name, no_such_entity};

fn no_policy(name: &str) -> Refusal {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

impl World {
    pub fn get_role_policy(&self, input: &GetRolePolicyInput) -> Answer<GetRolePolicyOutput> {
        let role = self.role(input.role_name())?;
        let name = require(input.policy_name(), "policyName")?;
        let document = role.policies.get(name).ok_or_else(|| no_policy(name))?;
        let answer = GetRolePolicyOutput::builder()
            .set_role_name(input.role_name.clone())
            .policy_name(name)
            .policy_document(encoded(document));
        Ok(answer.build()?)
    }

    pub fn list_role_policies(
        &self,
        input: &ListRolePoliciesInput,
    ) -> Answer<ListRolePoliciesOutput> {
        let role = self.role(input.role_name())?;
        let names = role.policies.keys().cloned().collect();
        let (names, marker) = page(names, 100, input.marker())?;
        let answer = ListRolePoliciesOutput::builder().set_policy_names(Some(names));
        Ok(answer
            .is_truncated(marker.is_some())
            .set_marker(marker)
            .build()?)
    }

    pub fn list_attached_role_policies(
        &self,
        input: &ListAttachedRolePoliciesInput,
    ) -> Answer<ListAttachedRolePoliciesOutput> {
        let role = self.role(input.role_name())?;
        let policies = role.attached.iter().map(|arn| {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            AttachedPolicy::builder()
                .policy_arn(arn)
                .policy_name(name)
                .build()
        });
        let (policies, marker) = page(policies.collect(), 100, input.marker())?;
        let answer = ListAttachedRolePoliciesOutput::builder();
        let answer = answer.set_attached_policies(Some(policies));
        Ok(answer
            .is_truncated(marker.is_some())
            .set_marker(marker)
            .build())
    }

    /// Puts a policy into a role, in place of one of the same name.
    pub fn put_role_policy(&mut self, input: &PutRolePolicyInput) -> Answer<PutRolePolicyOutput> {
        let role = self.role_mut(input.role_name())?;
        let name = checked_name(input.policy_name(), "policyName", 128)?;
        let document = checked(
            input.policy_document(),
            "policyDocument",
            Purpose::Permission,
        )?;
        role.policies.insert(name.to_owned(), document.to_owned());
        Ok(PutRolePolicyOutput::builder().build())
    }

    pub fn delete_role_policy(
        &mut self,
        input: &DeleteRolePolicyInput,
    ) -> Answer<DeleteRolePolicyOutput> {
        let role = self.role_mut(input.role_name())?;
        let name = require(input.policy_name(), "policyName")?;
        role.policies.remove(name).ok_or_else(|| no_policy(name))?;
        Ok(DeleteRolePolicyOutput::builder().build())
    }
}
