use aws_sdk_ec2::operation::associate_iam_instance_profile::AssociateIamInstanceProfileInput;
use aws_sdk_ec2::operation::describe_iam_instance_profile_associations::DescribeIamInstanceProfileAssociationsInput;
use aws_sdk_ec2::operation::disassociate_iam_instance_profile::DisassociateIamInstanceProfileInput;
use aws_sdk_ec2::types::IamInstanceProfileSpecification;
use aws_sdk_iam::operation::add_role_to_instance_profile::AddRoleToInstanceProfileInput;
use aws_sdk_iam::operation::create_instance_profile::CreateInstanceProfileInput;
use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIdConnectProviderInput;
use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_iam::operation::delete_instance_profile::DeleteInstanceProfileInput;
use aws_sdk_iam::operation::delete_role::DeleteRoleInput;
use aws_sdk_iam::operation::delete_role_policy::DeleteRolePolicyInput;
use aws_sdk_iam::operation::get_role::GetRoleInput;
use aws_sdk_iam::operation::list_roles::ListRolesInput;
use aws_sdk_iam::operation::put_role_policy::PutRolePolicyInput;
use aws_sdk_iam::operation::remove_role_from_instance_profile::RemoveRoleFromInstanceProfileInput;
use aws_sdk_iam::operation::tag_role::TagRoleInput;
use aws_sdk_iam::types::Tag;

use super::*;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;

async fn role(memory: &Memory, name: &str) -> Result<(), CallError> {
    let input = CreateRoleInput::builder()
        .role_name(name)
        .assume_role_policy_document(TRUST);
    memory.create_role(input).await.map(drop)
}

async fn profile(memory: &Memory, name: &str) -> Result<(), CallError> {
    let input = CreateInstanceProfileInput::builder().instance_profile_name(name);
    memory.create_instance_profile(input).await.map(drop)
}

async fn join(memory: &Memory, role: &str, profile: &str) -> Result<(), CallError> {
    let input = AddRoleToInstanceProfileInput::builder().role_name(role);
    let input = input.instance_profile_name(profile);
    memory.add_role_to_instance_profile(input).await.map(drop)
}

fn used(name: &str) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder()
        .name(name)
        .build()
}

#[tokio::test(start_paused = true)]
async fn roles_and_profiles_hold_on_to_each_other() {
    let memory = memory();
    role(&memory, "lab").await.unwrap();
    assert_eq!(code(role(&memory, "lab").await), "EntityAlreadyExists");
    profile(&memory, "lab").await.unwrap();
    join(&memory, "lab", "lab").await.unwrap();
    assert_eq!(code(join(&memory, "lab", "lab").await), "LimitExceeded");
    let put = PutRolePolicyInput::builder()
        .role_name("lab")
        .policy_name("bucket");
    memory
        .put_role_policy(put.clone().policy_document(POLICY))
        .await
        .unwrap();
    let malformed = memory.put_role_policy(put.policy_document("{}")).await;
    assert_eq!(code(malformed), "MalformedPolicyDocument");
    let delete_role = DeleteRoleInput::builder().role_name("lab");
    let delete_profile = DeleteInstanceProfileInput::builder().instance_profile_name("lab");
    assert_eq!(
        code(memory.delete_role(delete_role.clone()).await),
        "DeleteConflict"
    );
    let full = memory.delete_instance_profile(delete_profile.clone()).await;
    assert_eq!(code(full), "DeleteConflict");
    let input = DeleteRolePolicyInput::builder()
        .role_name("lab")
        .policy_name("bucket");
    memory.delete_role_policy(input).await.unwrap();
    assert_eq!(
        code(memory.delete_role(delete_role.clone()).await),
        "DeleteConflict"
    );
    let input = RemoveRoleFromInstanceProfileInput::builder().role_name("lab");
    let input = input.instance_profile_name("lab");
    memory
        .remove_role_from_instance_profile(input)
        .await
        .unwrap();
    memory.delete_role(delete_role.clone()).await.unwrap();
    memory
        .delete_instance_profile(delete_profile)
        .await
        .unwrap();
    let error = memory.delete_role(delete_role).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("NoSuchEntity", 404));
}

#[tokio::test(start_paused = true)]
async fn documents_come_back_encoded_and_tags_are_limited() {
    let memory = memory();
    role(&memory, "lab").await.unwrap();
    let input = GetRoleInput::builder().role_name("lab");
    let role = memory.get_role(input).await.unwrap().role.unwrap();
    let document = role.assume_role_policy_document.unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"));
    let tags = (0..51).map(|n| {
        Tag::builder()
            .key(format!("k{n}"))
            .value("v")
            .build()
            .unwrap()
    });
    let input = TagRoleInput::builder()
        .role_name("lab")
        .set_tags(Some(tags.collect()));
    assert_eq!(code(memory.tag_role(input).await), "LimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_new_profile_is_unknown_to_ec2_and_then_without_a_role() {
    let memory = lagging();
    role(&memory, "lab").await.unwrap();
    profile(&memory, "lab").await.unwrap();
    let input = to_run(&memory, "t3.micro")
        .await
        .iam_instance_profile(used("lab"));
    let unknown = memory.run_instances(input.clone()).await;
    assert!(message(unknown).contains("Invalid IAM Instance Profile name"));
    pass(10).await;
    join(&memory, "lab", "lab").await.unwrap();
    let empty = memory.run_instances(input.clone()).await;
    assert!(message(empty).contains("has no associated IAM Roles"));
    pass(10).await;
    memory.run_instances(input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_instance_has_one_profile() {
    let memory = memory();
    role(&memory, "lab").await.unwrap();
    profile(&memory, "lab").await.unwrap();
    join(&memory, "lab", "lab").await.unwrap();
    let id = launched(&memory, "t3.micro").await;
    let input = AssociateIamInstanceProfileInput::builder().instance_id(&id);
    let input = input.iam_instance_profile(used("lab"));
    memory
        .associate_iam_instance_profile(input.clone())
        .await
        .unwrap();
    let again = memory.associate_iam_instance_profile(input.clone()).await;
    assert_eq!(code(again), "IncorrectState");
    let list = DescribeIamInstanceProfileAssociationsInput::builder();
    let list = list.filters(filter("instance-id", &id));
    let answer = memory
        .describe_iam_instance_profile_associations(list)
        .await
        .unwrap();
    let association = answer.iam_instance_profile_associations()[0]
        .association_id()
        .unwrap();
    let leave = DisassociateIamInstanceProfileInput::builder().association_id(association);
    memory
        .disassociate_iam_instance_profile(leave)
        .await
        .unwrap();
    memory.associate_iam_instance_profile(input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn roles_come_in_pages() {
    let memory = memory();
    for number in 0..101 {
        role(&memory, &format!("role-{number}")).await.unwrap();
    }
    let first = memory.list_roles(ListRolesInput::builder()).await.unwrap();
    assert_eq!((first.roles().len(), first.is_truncated()), (100, true));
    let input = ListRolesInput::builder().set_marker(first.marker);
    assert_eq!(memory.list_roles(input).await.unwrap().roles().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_url_has_one_provider() {
    let memory = memory();
    let input = CreateOpenIdConnectProviderInput::builder();
    let input = input.url("https://token.actions.githubusercontent.com");
    let without_clients = memory.create_open_id_connect_provider(input.clone()).await;
    assert_eq!(code(without_clients), "InvalidInput");
    let input = input.client_id_list("sts.amazonaws.com");
    memory
        .create_open_id_connect_provider(input.clone())
        .await
        .unwrap();
    let again = memory
        .in_region("eu-west-1")
        .create_open_id_connect_provider(input)
        .await;
    assert_eq!(code(again), "EntityAlreadyExists");
}
