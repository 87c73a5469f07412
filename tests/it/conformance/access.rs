//! Rules of IAM.

use aws_sdk_iam::operation::add_role_to_instance_profile::AddRoleToInstanceProfileInput;
use aws_sdk_iam::operation::create_instance_profile::CreateInstanceProfileInput;
use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIdConnectProviderInput;
use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_iam::operation::delete_instance_profile::DeleteInstanceProfileInput;
use aws_sdk_iam::operation::delete_role::DeleteRoleInput;
use aws_sdk_iam::operation::get_role_policy::GetRolePolicyInput;
use labctl::cloud::api::Cloud;

use super::{Rule, TRUST, code, role};

async fn profile(cloud: &dyn Cloud) -> String {
    let input = CreateInstanceProfileInput::builder().instance_profile_name("lab");
    code(cloud.create_instance_profile(input).await)
}

async fn add(cloud: &dyn Cloud, role: &str) -> String {
    let input = AddRoleToInstanceProfileInput::builder()
        .instance_profile_name("lab")
        .role_name(role);
    code(cloud.add_role_to_instance_profile(input).await)
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "an instance profile holds one role, which must be there",
        source: "IAM API Reference, AddRoleToInstanceProfile",
        expected: &["NoSuchEntity", "ok", "LimitExceeded"],
        ask: |cloud, _| {
            Box::pin(async {
                profile(cloud).await;
                let missing = add(cloud, "lab").await;
                cloud.create_role(role()).await.unwrap();
                let other = CreateRoleInput::builder()
                    .role_name("other")
                    .assume_role_policy_document(TRUST);
                cloud.create_role(other).await.unwrap();
                vec![missing, add(cloud, "lab").await, add(cloud, "other").await]
            })
        },
    },
    Rule {
        name: "neither a profile with a role nor a role in a profile is deleted",
        source: "IAM API Reference, DeleteInstanceProfile and DeleteRole",
        expected: &["DeleteConflict", "DeleteConflict"],
        ask: |cloud, _| {
            Box::pin(async {
                profile(cloud).await;
                cloud.create_role(role()).await.unwrap();
                add(cloud, "lab").await;
                let input = DeleteInstanceProfileInput::builder().instance_profile_name("lab");
                let kept = code(cloud.delete_instance_profile(input).await);
                let input = DeleteRoleInput::builder().role_name("lab");
                vec![kept, code(cloud.delete_role(input).await)]
            })
        },
    },
    Rule {
        name: "a profile's name is taken once",
        source: "IAM API Reference, CreateInstanceProfile",
        expected: &["ok", "EntityAlreadyExists"],
        ask: |cloud, _| Box::pin(async { vec![profile(cloud).await, profile(cloud).await] }),
    },
    Rule {
        name: "who may assume a role is said in JSON",
        source: "IAM API Reference, CreateRole",
        expected: &["MalformedPolicyDocument"],
        ask: |cloud, _| {
            Box::pin(async {
                let input = CreateRoleInput::builder()
                    .role_name("lab")
                    .assume_role_policy_document("{");
                vec![code(cloud.create_role(input).await)]
            })
        },
    },
    Rule {
        name: "a policy that a role does not have is told from a role that is not there",
        source: "IAM API Reference, GetRolePolicy",
        expected: &["NoSuchEntity", "NoSuchEntity"],
        ask: |cloud, _| {
            Box::pin(async {
                let ask = async || {
                    let input = GetRolePolicyInput::builder()
                        .role_name("lab")
                        .policy_name("lab");
                    code(cloud.get_role_policy(input).await)
                };
                let missing = ask().await;
                cloud.create_role(role()).await.unwrap();
                vec![missing, ask().await]
            })
        },
    },
    Rule {
        name: "an identity provider's address is taken once",
        source: "IAM API Reference, CreateOpenIDConnectProvider",
        expected: &["ok", "EntityAlreadyExists"],
        ask: |cloud, _| {
            Box::pin(async {
                let create = async || {
                    let input = CreateOpenIdConnectProviderInput::builder()
                        .url("https://token.actions.githubusercontent.com")
                        .client_id_list("sts.amazonaws.com");
                    code(cloud.create_open_id_connect_provider(input).await)
                };
                vec![create().await, create().await]
            })
        },
    },
];
