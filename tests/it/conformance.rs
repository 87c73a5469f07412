//! One table of AWS's rules, asked of both clouds of the tests: the one in memory, and the emulator behind the real SDK.
//! So neither allows what the other refuses.

mod access;
mod disks;
mod network;
mod records;

use std::fmt::Debug;

use aws_sdk_ec2::operation::allocate_address::AllocateAddressInput;
use aws_sdk_ec2::operation::associate_address::AssociateAddressInput;
use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupInput;
use aws_sdk_ec2::operation::create_subnet::CreateSubnetInput;
use aws_sdk_ec2::operation::create_vpc::CreateVpcInput;
use aws_sdk_ec2::operation::delete_security_group::DeleteSecurityGroupInput;
use aws_sdk_ec2::operation::delete_vpc::DeleteVpcInput;
use aws_sdk_ec2::operation::describe_images::DescribeImagesInput;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesInput;
use aws_sdk_ec2::operation::import_key_pair::ImportKeyPairInput;
use aws_sdk_ec2::operation::modify_instance_attribute::ModifyInstanceAttributeInput;
use aws_sdk_ec2::operation::release_address::ReleaseAddressInput;
use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesInput;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, DomainType, Filter, InstanceType, IpPermission, IpRange,
};
use aws_sdk_iam::operation::create_role::CreateRoleInput;
use aws_sdk_iam::operation::delete_role::DeleteRoleInput;
use aws_sdk_iam::operation::delete_role_permissions_boundary::DeleteRolePermissionsBoundaryInput;
use aws_sdk_iam::operation::get_role::GetRoleInput;
use aws_sdk_iam::operation::put_role_permissions_boundary::PutRolePermissionsBoundaryInput;
use aws_sdk_iam::operation::put_role_policy::PutRolePolicyInput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneInput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneInput;
use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
use aws_sdk_s3::operation::delete_bucket::DeleteBucketInput;
use aws_sdk_s3::operation::get_bucket_tagging::GetBucketTaggingInput;
use aws_smithy_types::Blob;
use futures_util::future::LocalBoxFuture;
use labctl::cloud::api::{CallError, Cloud, Object, http};

use crate::fuzz::clients;
use crate::memory_cloud::Memory;
use crate::support::Lab;

/// A rule of AWS: what it answers to some calls, made one after the other.
struct Rule {
    name: &'static str,
    /// Where AWS says so.
    source: &'static str,
    /// The codes of the answers; `ok` where the call succeeds.
    expected: &'static [&'static str],
    ask: for<'a> fn(&'a dyn Cloud, &'a str) -> LocalBoxFuture<'a, Vec<String>>,
}

fn code<T: Debug>(result: Result<T, CallError>) -> String {
    result.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}"#;
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop";

/// Launches an instance, in a security group where one is given, and gives its id.
async fn launched(cloud: &dyn Cloud, group: Option<&str>) -> String {
    let name = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*";
    let filter = Filter::builder().name("name").values(name).build();
    let images = cloud
        .describe_images(DescribeImagesInput::builder().filters(filter))
        .await
        .unwrap();
    let input = RunInstancesInput::builder()
        .image_id(images.images()[0].image_id().unwrap())
        .instance_type(InstanceType::from("t3.micro"))
        .set_security_group_ids(group.map(|group| vec![group.to_owned()]))
        .min_count(1)
        .max_count(1);
    let answer = cloud.run_instances(input).await.unwrap();
    answer.instances()[0].instance_id().unwrap().to_owned()
}

async fn group(cloud: &dyn Cloud) -> Result<String, CallError> {
    let input = CreateSecurityGroupInput::builder()
        .group_name("lab")
        .description("lab");
    Ok(cloud
        .create_security_group(input)
        .await?
        .group_id
        .unwrap_or_default())
}

/// Makes a bucket; its name is the account's own, for all accounts share the names.
async fn bucket(cloud: &dyn Cloud, account: &str) -> String {
    let name = format!("conformance-{account}");
    let input = CreateBucketInput::builder().bucket(&name);
    cloud.create_bucket(input).await.unwrap();
    name
}

async fn vpc(cloud: &dyn Cloud) -> String {
    let answer = cloud
        .create_vpc(CreateVpcInput::builder().cidr_block("10.7.0.0/16"))
        .await
        .unwrap();
    answer.vpc.unwrap().vpc_id.unwrap()
}

fn subnet(vpc: &str) -> aws_sdk_ec2::operation::create_subnet::builders::CreateSubnetInputBuilder {
    CreateSubnetInput::builder()
        .vpc_id(vpc)
        .cidr_block("10.7.0.0/24")
}

fn ssh() -> IpPermission {
    let range = IpRange::builder().cidr_ip("203.0.113.0/24").build();
    IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(range)
        .build()
}

fn role() -> aws_sdk_iam::operation::create_role::builders::CreateRoleInputBuilder {
    CreateRoleInput::builder()
        .role_name("lab")
        .assume_role_policy_document(TRUST)
}

fn zone(
    reference: &str,
) -> aws_sdk_route53::operation::create_hosted_zone::builders::CreateHostedZoneInputBuilder {
    CreateHostedZoneInput::builder()
        .name("lab.shop")
        .caller_reference(reference)
}

const RULES: &[Rule] = &[
    Rule {
        name: "a key pair's name is taken once",
        source: "EC2 API Reference, error codes, `InvalidKeyPair.Duplicate`",
        expected: &["ok", "InvalidKeyPair.Duplicate"],
        ask: |cloud, _| {
            Box::pin(async {
                let input = || {
                    ImportKeyPairInput::builder()
                        .key_name("lab")
                        .public_key_material(Blob::new(KEY))
                };
                vec![
                    code(cloud.import_key_pair(input()).await),
                    code(cloud.import_key_pair(input()).await),
                ]
            })
        },
    },
    Rule {
        name: "a group's name is taken once in a network",
        source: "EC2 API Reference, CreateSecurityGroup",
        expected: &["ok", "InvalidGroup.Duplicate"],
        ask: |cloud, _| {
            Box::pin(async { vec![code(group(cloud).await), code(group(cloud).await)] })
        },
    },
    Rule {
        name: "a rule of a group is made once",
        source: "EC2 API Reference, error codes, `InvalidPermission.Duplicate`",
        expected: &["ok", "InvalidPermission.Duplicate"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = group(cloud).await.unwrap();
                let input = || {
                    AuthorizeSecurityGroupIngressInput::builder()
                        .group_id(&id)
                        .ip_permissions(ssh())
                };
                let first = code(cloud.authorize_security_group_ingress(input()).await);
                vec![
                    first,
                    code(cloud.authorize_security_group_ingress(input()).await),
                ]
            })
        },
    },
    Rule {
        name: "a group that an instance uses is not deleted",
        source: "EC2 API Reference, DeleteSecurityGroup",
        expected: &["DependencyViolation"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = group(cloud).await.unwrap();
                launched(cloud, Some(&id)).await;
                let input = DeleteSecurityGroupInput::builder().group_id(&id);
                vec![code(cloud.delete_security_group(input).await)]
            })
        },
    },
    Rule {
        name: "what never was is told from what is no id",
        source: "EC2 API Reference, error codes, `InvalidInstanceID`",
        expected: &["InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"],
        ask: |cloud, _| {
            Box::pin(async {
                let ask = async |id: &str| {
                    code(
                        cloud
                            .describe_instances(DescribeInstancesInput::builder().instance_ids(id))
                            .await,
                    )
                };
                vec![ask("i-0123456789abcdef0").await, ask("lab").await]
            })
        },
    },
    Rule {
        name: "the type of an instance changes while it is stopped",
        source: "EC2 User Guide, Change the instance type",
        expected: &["IncorrectInstanceState"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = launched(cloud, None).await;
                let kind = AttributeValue::builder().value("t3.small").build();
                let input = ModifyInstanceAttributeInput::builder()
                    .instance_id(id)
                    .instance_type(kind);
                vec![code(cloud.modify_instance_attribute(input).await)]
            })
        },
    },
    Rule {
        name: "a protected instance is not terminated",
        source: "EC2 User Guide, Enable termination protection",
        expected: &["OperationNotPermitted", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = launched(cloud, None).await;
                let protect = async |value: bool| {
                    let value = AttributeBooleanValue::builder().value(value).build();
                    let input = ModifyInstanceAttributeInput::builder()
                        .instance_id(&id)
                        .disable_api_termination(value);
                    cloud.modify_instance_attribute(input).await.unwrap();
                };
                let end = async || {
                    code(
                        cloud
                            .terminate_instances(
                                TerminateInstancesInput::builder().instance_ids(&id),
                            )
                            .await,
                    )
                };
                protect(true).await;
                let refused = end().await;
                protect(false).await;
                vec![refused, end().await]
            })
        },
    },
    Rule {
        name: "an address in use is not released",
        source: "EC2 API Reference, ReleaseAddress",
        expected: &["InvalidIPAddress.InUse", "InvalidAllocationID.NotFound"],
        ask: |cloud, _| {
            Box::pin(async {
                let input = AllocateAddressInput::builder().domain(DomainType::Vpc);
                let id = cloud
                    .allocate_address(input)
                    .await
                    .unwrap()
                    .allocation_id
                    .unwrap();
                let instance = launched(cloud, None).await;
                let input = AssociateAddressInput::builder()
                    .allocation_id(&id)
                    .instance_id(instance);
                cloud.associate_address(input).await.unwrap();
                let release = async |id: &str| {
                    code(
                        cloud
                            .release_address(ReleaseAddressInput::builder().allocation_id(id))
                            .await,
                    )
                };
                vec![
                    release(&id).await,
                    release("eipalloc-0123456789abcdef0").await,
                ]
            })
        },
    },
    Rule {
        name: "a network with a subnet is not deleted, and subnets do not overlap",
        source: "EC2 API Reference, DeleteVpc and CreateSubnet",
        expected: &["ok", "InvalidSubnet.Conflict", "DependencyViolation"],
        ask: |cloud, _| {
            Box::pin(async {
                let vpc = vpc(cloud).await;
                let first = code(cloud.create_subnet(subnet(&vpc)).await);
                let second = code(cloud.create_subnet(subnet(&vpc)).await);
                vec![
                    first,
                    second,
                    code(
                        cloud
                            .delete_vpc(DeleteVpcInput::builder().vpc_id(&vpc))
                            .await,
                    ),
                ]
            })
        },
    },
    Rule {
        name: "a role's name is taken once",
        source: "IAM API Reference, CreateRole and GetRole",
        expected: &["NoSuchEntity", "ok", "EntityAlreadyExists"],
        ask: |cloud, _| {
            Box::pin(async {
                let missing = code(
                    cloud
                        .get_role(GetRoleInput::builder().role_name("lab"))
                        .await,
                );
                let first = code(cloud.create_role(role()).await);
                vec![missing, first, code(cloud.create_role(role()).await)]
            })
        },
    },
    Rule {
        name: "a role with a policy is not deleted",
        source: "IAM API Reference, DeleteRole",
        expected: &["DeleteConflict"],
        ask: |cloud, _| {
            Box::pin(async {
                cloud.create_role(role()).await.unwrap();
                let input = PutRolePolicyInput::builder()
                    .role_name("lab")
                    .policy_name("lab")
                    .policy_document(POLICY);
                cloud.put_role_policy(input).await.unwrap();
                vec![code(
                    cloud
                        .delete_role(DeleteRoleInput::builder().role_name("lab"))
                        .await,
                )]
            })
        },
    },
    Rule {
        name: "a boundary is a policy of the account or of AWS, is told with the role, and can be taken off",
        source: "IAM API Reference, CreateRole, PutRolePermissionsBoundary and GetRole; IAM User Guide, Permissions boundaries",
        expected: &[
            "NoSuchEntity",
            "ok",
            "PowerUserAccess",
            "NoSuchEntity",
            "ok",
            "boundary",
            "ok",
            "",
        ],
        ask: |cloud, account| {
            Box::pin(async move {
                let arn =
                    |account: &str, name: &str| format!("arn:aws:iam::{account}:policy/{name}");
                let create = async |account: &str, name: &str| {
                    let input = role().permissions_boundary(arn(account, name));
                    code(cloud.create_role(input).await)
                };
                let put = async |account: &str| {
                    let input = PutRolePermissionsBoundaryInput::builder()
                        .role_name("lab")
                        .permissions_boundary(arn(account, "boundary"));
                    code(cloud.put_role_permissions_boundary(input).await)
                };
                let told = async || {
                    let input = GetRoleInput::builder().role_name("lab");
                    let role = cloud.get_role(input).await.unwrap().role.unwrap();
                    let boundary = role.permissions_boundary;
                    let arn = boundary.and_then(|boundary| boundary.permissions_boundary_arn);
                    arn.unwrap_or_default()
                        .rsplit('/')
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                };
                let take_off = async || {
                    let input = DeleteRolePermissionsBoundaryInput::builder().role_name("lab");
                    code(cloud.delete_role_permissions_boundary(input).await)
                };
                vec![
                    create("999999999999", "boundary").await,
                    create("aws", "PowerUserAccess").await,
                    told().await,
                    put("999999999999").await,
                    put(account).await,
                    told().await,
                    take_off().await,
                    told().await,
                ]
            })
        },
    },
    Rule {
        name: "a caller reference is used up for ever",
        source: "Route 53 API Reference, CreateHostedZone",
        expected: &["HostedZoneAlreadyExists", "ok", "HostedZoneAlreadyExists"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = cloud
                    .create_hosted_zone(zone("one"))
                    .await
                    .unwrap()
                    .hosted_zone
                    .unwrap()
                    .id;
                let again = code(cloud.create_hosted_zone(zone("one")).await);
                let gone = code(
                    cloud
                        .delete_hosted_zone(DeleteHostedZoneInput::builder().id(id))
                        .await,
                );
                vec![
                    again,
                    gone,
                    code(cloud.create_hosted_zone(zone("one")).await),
                ]
            })
        },
    },
    Rule {
        name: "a bucket with an object is not deleted",
        source: "S3 API Reference, DeleteBucket",
        expected: &["BucketNotEmpty"],
        ask: |cloud, account| {
            Box::pin(async move {
                let name = bucket(cloud, account).await;
                let object = Object {
                    bucket: name.clone(),
                    owner: account.to_owned(),
                    key: "one".to_owned(),
                    content: Vec::new().into(),
                };
                cloud.put_object(object).await.unwrap();
                vec![code(
                    cloud
                        .delete_bucket(DeleteBucketInput::builder().bucket(&name))
                        .await,
                )]
            })
        },
    },
    Rule {
        name: "a bucket without tags says so, and nothing to who expects another owner",
        source: "S3 API Reference, GetBucketTagging; S3 User Guide, Verifying bucket ownership",
        expected: &["NoSuchTagSet", "AccessDenied", "NoSuchBucket"],
        ask: |cloud, account| {
            Box::pin(async move {
                let name = bucket(cloud, account).await;
                let ask = async |name: &str, owner: Option<&str>| {
                    let input = GetBucketTaggingInput::builder().bucket(name);
                    code(
                        cloud
                            .get_bucket_tagging(
                                input.set_expected_bucket_owner(owner.map(str::to_owned)),
                            )
                            .await,
                    )
                };
                let missing = format!("no-{name}");
                vec![
                    ask(&name, Some(account)).await,
                    ask(&name, Some("999999999999")).await,
                    ask(&missing, None).await,
                ]
            })
        },
    },
];

fn rules() -> impl Iterator<Item = &'static Rule> {
    let all = [
        RULES,
        access::RULES,
        disks::RULES,
        network::RULES,
        records::RULES,
    ];
    all.into_iter().flatten()
}

/// Says where a cloud answers otherwise than AWS.
fn judge(rule: &Rule, answers: &[String]) -> Option<String> {
    let Rule {
        name,
        source,
        expected,
        ..
    } = rule;
    (answers != *expected).then(|| format!("{name} ({source}): {answers:?}, expected {expected:?}"))
}

#[tokio::test]
async fn rules_hold_in_memory() {
    let account = "123456789012";
    let mut broken = Vec::new();
    for rule in rules() {
        let answers = (rule.ask)(&Memory::new(account, "us-east-1"), account).await;
        broken.extend(judge(rule, &answers));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn rules_hold_in_the_emulator() {
    let mut broken = Vec::new();
    for rule in rules() {
        let lab = Lab::full();
        let endpoint = format!("http://127.0.0.1:{}", lab.port());
        let aws = clients(&endpoint, &lab.account, http::local_client());
        broken.extend(judge(rule, &(rule.ask)(&aws, &lab.account).await));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
