//! What others have in the account: made past labctl, without its tags.

use aws_sdk_ec2::operation::allocate_address::AllocateAddressInput;
use aws_sdk_ec2::operation::attach_internet_gateway::AttachInternetGatewayInput;
use aws_sdk_ec2::operation::create_internet_gateway::CreateInternetGatewayInput;
use aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupInput;
use aws_sdk_ec2::operation::create_subnet::CreateSubnetInput;
use aws_sdk_ec2::operation::create_tags::CreateTagsInput;
use aws_sdk_ec2::operation::create_vpc::CreateVpcInput;
use aws_sdk_ec2::operation::delete_tags::DeleteTagsInput;
use aws_sdk_ec2::operation::describe_images::DescribeImagesInput;
use aws_sdk_ec2::operation::import_key_pair::ImportKeyPairInput;
use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::operation::stop_instances::StopInstancesInput;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, InstanceType, ResourceType, Tag, TagSpecification,
};
use aws_sdk_iam::operation::create_instance_profile::CreateInstanceProfileInput;
use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIdConnectProviderInput;
use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::types::builders::ResourceRecordSetBuilder;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Tag as BucketTag, Tagging,
};
use aws_smithy_types::Blob;
use labctl::cloud::api::{Cloud, Read};

use crate::memory_cloud::Memory;

use super::harness::{ACCOUNT, OTHER_KEY};

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
    )
}

pub async fn bucket(memory: &Memory, name: &str, region: &str) {
    let constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    let configuration = CreateBucketConfiguration::builder().set_location_constraint(constraint);
    let input = CreateBucketInput::builder()
        .bucket(name)
        .create_bucket_configuration(configuration.build());
    memory.in_region(region).create_bucket(input).await.unwrap();
    super::harness::pass(10).await;
    let tag = BucketTag::builder()
        .key("owner")
        .value("somebody")
        .build()
        .unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    let input = PutBucketTaggingInput::builder()
        .bucket(name)
        .tagging(tagging);
    memory
        .in_region(region)
        .put_bucket_tagging(input)
        .await
        .unwrap();
}

pub async fn key_pair(memory: &Memory, name: &str) -> String {
    let input = ImportKeyPairInput::builder()
        .key_name(name)
        .public_key_material(Blob::new(OTHER_KEY));
    memory
        .import_key_pair(input)
        .await
        .unwrap()
        .key_pair_id
        .unwrap()
}

pub async fn group(memory: &Memory, name: &str, vpc: &str) -> String {
    let input = CreateSecurityGroupInput::builder()
        .group_name(name)
        .description("of somebody")
        .vpc_id(vpc);
    memory
        .create_security_group(input)
        .await
        .unwrap()
        .group_id
        .unwrap()
}

pub async fn role(memory: &Memory, name: &str) -> String {
    let input = CreateRoleInput::builder()
        .role_name(name)
        .assume_role_policy_document(trust(r#"{"Service":"ec2.amazonaws.com"}"#));
    memory.create_role(input).await.unwrap().role.unwrap().arn
}

/// A role that trusts GitHub.
pub async fn role_for_github(memory: &Memory, name: &str) {
    let provider = format!(
        r#"{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"}}"#
    );
    let input = CreateRoleInput::builder()
        .role_name(name)
        .assume_role_policy_document(
            trust(&provider).replace("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"),
        );
    memory.create_role(input).await.unwrap();
}

pub async fn profile(memory: &Memory, name: &str) {
    let input = CreateInstanceProfileInput::builder().instance_profile_name(name);
    memory.create_instance_profile(input).await.unwrap();
}

pub async fn provider(memory: &Memory) {
    let input = CreateOpenIdConnectProviderInput::builder()
        .url("https://token.actions.githubusercontent.com")
        .client_id_list("sts.amazonaws.com");
    memory.create_open_id_connect_provider(input).await.unwrap();
}

pub async fn zone(memory: &Memory, name: &str, reference: &str) -> String {
    let input = CreateHostedZoneInput::builder()
        .name(name)
        .caller_reference(reference);
    memory
        .create_hosted_zone(input)
        .await
        .unwrap()
        .hosted_zone
        .unwrap()
        .id
}

pub async fn change_record(
    memory: &Memory,
    zone: &str,
    action: ChangeAction,
    record: (&str, &str, &str),
) {
    change_set(memory, zone, action, plain_set(record).build().unwrap()).await;
}

pub fn plain_set(record: (&str, &str, &str)) -> ResourceRecordSetBuilder {
    let (name, record_type, value) = record;
    let value = ResourceRecord::builder().value(value).build().unwrap();
    ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::from(record_type))
        .ttl(60)
        .resource_records(value)
}

pub async fn change_set(memory: &Memory, zone: &str, action: ChangeAction, set: ResourceRecordSet) {
    let change = Change::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .unwrap();
    let input = ChangeResourceRecordSetsInput::builder()
        .hosted_zone_id(zone)
        .change_batch(ChangeBatch::builder().changes(change).build().unwrap());
    memory.change_resource_record_sets(input).await.unwrap();
}

pub async fn record(memory: &Memory, zone: &str, name: &str, record_type: &str, value: &str) {
    change_record(
        memory,
        zone,
        ChangeAction::Create,
        (name, record_type, value),
    )
    .await;
}

pub async fn address(memory: &Memory, tags: &[(&str, &str)]) -> String {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    let specification = TagSpecification::builder()
        .resource_type(ResourceType::ElasticIp)
        .set_tags(Some(tags.collect()))
        .build();
    let input = AllocateAddressInput::builder().tag_specifications(specification);
    memory
        .allocate_address(input)
        .await
        .unwrap()
        .allocation_id
        .unwrap()
}

/// A network with a way to the internet and a subnet.
pub async fn network(memory: &Memory) -> (String, String) {
    let input = CreateVpcInput::builder().cidr_block("10.9.0.0/16");
    let vpc = memory
        .create_vpc(input)
        .await
        .unwrap()
        .vpc
        .unwrap()
        .vpc_id
        .unwrap();
    let input = CreateInternetGatewayInput::builder();
    let gateway = memory
        .create_internet_gateway(input)
        .await
        .unwrap()
        .internet_gateway
        .unwrap();
    let input = AttachInternetGatewayInput::builder()
        .internet_gateway_id(gateway.internet_gateway_id.unwrap())
        .vpc_id(&vpc);
    super::harness::pass(10).await;
    memory.attach_internet_gateway(input).await.unwrap();
    let input = CreateSubnetInput::builder()
        .vpc_id(&vpc)
        .cidr_block("10.9.1.0/24");
    let subnet = memory.create_subnet(input).await.unwrap().subnet.unwrap();
    (vpc, subnet.subnet_id.unwrap())
}

/// The id of an image by a part of its name; the newest of several.
pub async fn image(memory: &Memory, part: &str) -> String {
    let filter = Filter::builder()
        .name("name")
        .values(format!("*{part}*"))
        .build();
    let output = memory
        .describe_images(DescribeImagesInput::builder().filters(filter))
        .await
        .unwrap();
    let newest = output
        .images()
        .iter()
        .max_by_key(|image| image.creation_date().map(str::to_owned));
    newest.unwrap().image_id().unwrap().to_owned()
}

/// A server that somebody made by hand, with an open metadata service and a small disk.
pub async fn server(memory: &Memory, kind: &str) -> String {
    let disk = EbsBlockDevice::builder().volume_size(20).build();
    let mapping = BlockDeviceMapping::builder()
        .device_name("/dev/sda1")
        .ebs(disk)
        .build();
    let input = RunInstancesInput::builder()
        .image_id(image(memory, "jammy-22.04-amd64").await)
        .instance_type(InstanceType::from(kind))
        .block_device_mappings(mapping)
        .min_count(1)
        .max_count(1);
    let output = memory.run_instances(input).await.unwrap();
    output.instances()[0].instance_id().unwrap().to_owned()
}

pub async fn stop(memory: &Memory, id: &str) {
    memory
        .stop_instances(StopInstancesInput::builder().instance_ids(id))
        .await
        .unwrap();
}

pub async fn tag(memory: &Memory, id: &str, key: &str, value: &str) {
    let tag = Tag::builder().key(key).value(value).build();
    memory
        .create_tags(CreateTagsInput::builder().resources(id).tags(tag))
        .await
        .unwrap();
}

pub async fn untag(memory: &Memory, id: &str, key: &str) {
    let tag = Tag::builder().key(key).build();
    memory
        .delete_tags(DeleteTagsInput::builder().resources(id).tags(tag))
        .await
        .unwrap();
}

/// The account's default network.
pub fn default_vpc(memory: &Memory) -> String {
    let snapshot = memory.snapshot();
    let vpcs = snapshot.of("vpc").into_iter();
    let mut default = vpcs.filter(|vpc| vpc.attributes["default"] == "true");
    default.next().unwrap().id.clone()
}
