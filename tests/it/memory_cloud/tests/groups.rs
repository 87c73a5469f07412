use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupInput;
use aws_sdk_ec2::operation::delete_security_group::DeleteSecurityGroupInput;
use aws_sdk_ec2::operation::describe_key_pairs::DescribeKeyPairsInput;
use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsInput;
use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::update_security_group_rule_descriptions_ingress::UpdateSecurityGroupRuleDescriptionsIngressInput;
use aws_sdk_ec2::types::{IpPermission, IpRange, SecurityGroup};

use super::*;

async fn created(memory: &Memory, name: &str) -> Result<String, CallError> {
    let input = CreateSecurityGroupInput::builder()
        .group_name(name)
        .description("a lab");
    memory
        .create_security_group(input)
        .await
        .map(|answer| answer.group_id.unwrap())
}

fn tcp(port: i32, cidr: &str, description: &str) -> IpPermission {
    let range = IpRange::builder()
        .cidr_ip(cidr)
        .description(description)
        .build();
    let permission = IpPermission::builder().ip_protocol("tcp").ip_ranges(range);
    permission.from_port(port).to_port(port).build()
}

async fn authorize(memory: &Memory, id: &str, rule: IpPermission) -> Result<(), CallError> {
    let input = AuthorizeSecurityGroupIngressInput::builder()
        .group_id(id)
        .ip_permissions(rule);
    memory
        .authorize_security_group_ingress(input)
        .await
        .map(drop)
}

async fn group(memory: &Memory, id: &str) -> SecurityGroup {
    let input = DescribeSecurityGroupsInput::builder().group_ids(id);
    let answer = memory.describe_security_groups(input).await.unwrap();
    answer.security_groups()[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_in_a_vpc() {
    let memory = memory();
    created(&memory, "lab").await.unwrap();
    assert_eq!(
        code(created(&memory, "lab").await),
        "InvalidGroup.Duplicate"
    );
}

#[tokio::test(start_paused = true)]
async fn rules_are_masked_aggregated_and_unique() {
    let memory = memory();
    let id = created(&memory, "lab").await.unwrap();
    authorize(&memory, &id, tcp(22, "10.1.2.3/16", "office"))
        .await
        .unwrap();
    authorize(&memory, &id, tcp(22, "0.0.0.0/0", ""))
        .await
        .unwrap();
    let again = authorize(&memory, &id, tcp(22, "10.1.0.0/16", "other")).await;
    assert_eq!(code(again), "InvalidPermission.Duplicate");
    let odd = authorize(&memory, &id, tcp(80, "0.0.0.0/0", "caffè")).await;
    assert_eq!(code(odd), "InvalidParameterValue");
    let group = group(&memory, &id).await;
    assert_eq!(group.ip_permissions().len(), 1);
    let ranges = group.ip_permissions()[0].ip_ranges();
    assert_eq!(ranges[0].cidr_ip(), Some("10.1.0.0/16"));
    assert_eq!(ranges[1].description(), None);
    assert_eq!(group.ip_permissions_egress().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn descriptions_change_in_place_and_unknown_rules_are_only_listed() {
    let memory = memory();
    let id = created(&memory, "lab").await.unwrap();
    authorize(&memory, &id, tcp(22, "0.0.0.0/0", "old"))
        .await
        .unwrap();
    let input = UpdateSecurityGroupRuleDescriptionsIngressInput::builder().group_id(&id);
    let input = input.ip_permissions(tcp(22, "0.0.0.0/0", "new"));
    memory
        .update_security_group_rule_descriptions_ingress(input.clone())
        .await
        .unwrap();
    let ranges = group(&memory, &id).await.ip_permissions.unwrap()[0]
        .ip_ranges
        .clone();
    assert_eq!(ranges.unwrap()[0].description(), Some("new"));
    let unknown = input.set_ip_permissions(Some(vec![tcp(23, "0.0.0.0/0", "new")]));
    let unknown = memory
        .update_security_group_rule_descriptions_ingress(unknown)
        .await;
    assert_eq!(code(unknown), "InvalidPermission.NotFound");
    let input = RevokeSecurityGroupIngressInput::builder().group_id(&id);
    let input = input.ip_permissions(tcp(23, "0.0.0.0/0", ""));
    let answer = memory.revoke_security_group_ingress(input).await.unwrap();
    assert_eq!(answer.unknown_ip_permissions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_has_sixty_rules_at_most() {
    let memory = memory();
    let id = created(&memory, "lab").await.unwrap();
    for port in 1..=60 {
        authorize(&memory, &id, tcp(port, "0.0.0.0/0", ""))
            .await
            .unwrap();
    }
    let one_more = authorize(&memory, &id, tcp(61, "0.0.0.0/0", "")).await;
    assert_eq!(code(one_more), "RulesPerSecurityGroupLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_group_goes_when_the_interface_has_gone() {
    let memory = slow();
    let id = created(&memory, "lab").await.unwrap();
    let input = to_run(&memory, "t3.micro").await.security_group_ids(&id);
    let answer = memory.run_instances(input).await.unwrap();
    let delete = DeleteSecurityGroupInput::builder().group_id(&id);
    memory.terminate_behind_our_back(answer.instances()[0].instance_id().unwrap());
    assert_eq!(
        code(memory.delete_security_group(delete.clone()).await),
        "DependencyViolation"
    );
    pass(60).await;
    memory.delete_security_group(delete).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_comes_back_with_its_name_as_comment() {
    let memory = memory();
    imported(&memory, "lab", KEY).await.unwrap();
    assert_eq!(
        code(imported(&memory, "lab", KEY).await),
        "InvalidKeyPair.Duplicate"
    );
    assert_eq!(
        code(imported(&memory, "bad", "ssh-dss AAAA").await),
        "InvalidKey.Format"
    );
    let input = DescribeKeyPairsInput::builder()
        .key_names("lab")
        .include_public_key(true);
    let answer = memory.describe_key_pairs(input).await.unwrap();
    let line = answer.key_pairs()[0].public_key().unwrap().to_owned();
    assert_eq!(
        line,
        format!("{}lab\n", KEY.strip_suffix("me@laptop").unwrap())
    );
    let input = DescribeKeyPairsInput::builder().key_names("none");
    assert_eq!(
        code(memory.describe_key_pairs(input).await),
        "InvalidKeyPair.NotFound"
    );
}
