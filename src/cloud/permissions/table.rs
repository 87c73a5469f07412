//! Operation → when it is called, and what it takes.

use crate::cloud::api::{Call, PUT_OBJECT, call, operations};

use super::{Part, Stage};

macro_rules! define_operations {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        /// The operations of the edge to AWS, by the names of their methods.
        #[expect(non_camel_case_types, reason = "the names are those of the table of operations")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation { put_object, $($read,)* $($write,)* }

        /// All of them; `put_object` is the one that stands outside the table, for its input.
        pub const ALL: &[Operation] = &[
            Operation::put_object,
            $(Operation::$read,)*
            $(Operation::$write,)*
        ];

        /// Finds the operation of a call.
        fn of_call(wanted: &Call) -> Option<Operation> {
            let known = [
                (PUT_OBJECT, Operation::put_object),
                $((call(stringify!($read_service), stringify!($ReadOutput), false), Operation::$read),)*
                $((call(stringify!($write_service), stringify!($WriteOutput), true), Operation::$write),)*
            ];
            known.into_iter().find_map(|(call, operation)| (call == *wanted).then_some(operation))
        }
    };
}
operations!(define_operations);

/// The IAM action that a call needs first of all, such as `s3:ListBucketVersions`.
pub fn action(call: &Call) -> String {
    let needs = of_call(call).map(|operation| row(operation).needs);
    let first = needs.and_then(|needs| needs.first());
    first.map_or_else(|| call.to_string(), |need| need.action.to_owned())
}

/// One thing that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The action, as policies write it.
    pub action: &'static str,
    /// What it is done to.
    pub on: On,
    /// What limits it further.
    pub only: Only,
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The action cannot be limited to resources.
    Everything,
    /// A type of resource of EC2, in the lab's region.
    Ec2(&'static str),
    /// The key pair, which has the lab's name.
    KeyPair,
    /// The image that the plan names.
    Image,
    /// The subnet that the server is put into.
    Subnet,
    /// The network that the security group is put into.
    Vpc,
    /// The server's role.
    Role,
    /// The server's role, that of GitHub Actions and, where the plan has it, that of the server's users.
    Roles,
    /// The server's instance profile.
    Profile,
    /// GitHub's identity provider.
    Provider,
    /// The bucket.
    Bucket,
    /// What lies in the bucket.
    Objects,
    /// Hosted zones, whose ids AWS makes up.
    Zone,
    /// Changes of records.
    Change,
}

/// What limits an action further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Nothing can.
    Always,
    /// The region is the lab's.
    Region,
    /// What is there carries the lab's tags.
    Ours,
    /// What is made carries the lab's tags.
    Tagged,
    /// Tags come with the call that creates.
    Created(&'static str),
    /// The role is handed to EC2.
    Passed,
    /// The role has the plan's permissions boundary, or is given it, where the plan has one.
    Bounded,
    /// The role is made within that boundary or, where the plan has none, with the lab's tags; a managed policy has no
    /// room for both.
    TaggedOrBounded,
    /// The names of records lie in the plan's zone.
    Names,
    /// The image is Canonical's, unless the plan names another one.
    Canonical,
    /// The network is the lab's, where the plan has one.
    Network,
}

/// When an operation is called, and what it takes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) part: Part,
    pub(super) stages: &'static [Stage],
    pub(super) needs: &'static [Need],
}

const fn need(action: &'static str, on: On, only: Only) -> Need {
    Need { action, on, only }
}

/// Something of EC2 that can be looked at as a whole only.
const fn all(action: &'static str) -> Need {
    need(action, On::Everything, Only::Region)
}

/// Something of EC2 that is the lab's.
const fn own(action: &'static str, kind: &'static str) -> Need {
    need(action, On::Ec2(kind), Only::Ours)
}

/// Something of EC2 that is made.
const fn new(action: &'static str, kind: &'static str) -> Need {
    need(action, On::Ec2(kind), Only::Tagged)
}

/// Its tags, which come with the same call.
const fn tags(kind: &'static str, creates: &'static str) -> Need {
    need("ec2:CreateTags", On::Ec2(kind), Only::Created(creates))
}

const PASS: Need = need("iam:PassRole", On::Role, Only::Passed);

macro_rules! permissions {
    ($($operation:ident: $part:ident [$($stage:ident)*] $($need:expr),*;)*) => {
        /// Gives the row of an operation.
        pub(super) fn row(operation: Operation) -> Row {
            match operation {
                $(Operation::$operation => Row {
                    part: Part::$part,
                    stages: &[$(Stage::$stage),*],
                    needs: const { &[$($need),*] },
                },)*
            }
        }
    };
}

use On::{
    Bucket, Ec2, Everything, Image, KeyPair, Objects, Profile, Provider, Roles, Subnet, Zone,
};
use Only::{Always, Bounded, Names, Ours, Tagged};

permissions! {
    // Nobody can be forbidden to ask who he is (STS API Reference, `GetCallerIdentity`).
    get_caller_identity: Lab [Read];
    get_resources: Lab [Read] need("tag:GetResources", Everything, Always);

    describe_addresses: Lab [Read] all("ec2:DescribeAddresses");
    describe_instances: Lab [Read] all("ec2:DescribeInstances");
    describe_key_pairs: Lab [Read] all("ec2:DescribeKeyPairs");
    describe_security_groups: Lab [Read] all("ec2:DescribeSecurityGroups");
    describe_volumes: Lab [Read] all("ec2:DescribeVolumes");
    describe_instance_attribute: Lab [Read] own("ec2:DescribeInstanceAttribute", "instance");
    describe_internet_gateways: Network [Read] all("ec2:DescribeInternetGateways");
    describe_route_tables: Network [Read] all("ec2:DescribeRouteTables");
    describe_images: Lab [Look] all("ec2:DescribeImages");
    describe_instance_type_offerings: Lab [Look] all("ec2:DescribeInstanceTypeOfferings");
    describe_instance_types: Lab [Look] all("ec2:DescribeInstanceTypes");
    describe_subnets: Lab [Look] all("ec2:DescribeSubnets");
    describe_vpcs: Lab [Look] all("ec2:DescribeVpcs");
    describe_iam_instance_profile_associations: Profile [Write] all("ec2:DescribeIamInstanceProfileAssociations");
    describe_volumes_modifications: Lab [Write] all("ec2:DescribeVolumesModifications");
    describe_network_interfaces: Lab [Drop] all("ec2:DescribeNetworkInterfaces");
    get_console_output: Lab [Visit] own("ec2:GetConsoleOutput", "instance");

    allocate_address: Address [Write] new("ec2:AllocateAddress", "elastic-ip"), tags("elastic-ip", "AllocateAddress");
    associate_address: Address [Write] own("ec2:AssociateAddress", "elastic-ip"), own("ec2:AssociateAddress", "instance");
    disassociate_address: Address [Drop] own("ec2:DisassociateAddress", "elastic-ip");
    release_address: Address [Drop] own("ec2:ReleaseAddress", "elastic-ip");

    import_key_pair: Lab [Write] need("ec2:ImportKeyPair", KeyPair, Tagged), need("ec2:CreateTags", KeyPair, Only::Created("ImportKeyPair"));
    delete_key_pair: Lab [Drop] need("ec2:DeleteKeyPair", KeyPair, Ours);
    create_security_group: Lab [Write] new("ec2:CreateSecurityGroup", "security-group"), need("ec2:CreateSecurityGroup", On::Vpc, Only::Network), tags("security-group", "CreateSecurityGroup");
    authorize_security_group_ingress: Lab [Write] own("ec2:AuthorizeSecurityGroupIngress", "security-group");
    revoke_security_group_ingress: Lab [Write] own("ec2:RevokeSecurityGroupIngress", "security-group");
    update_security_group_rule_descriptions_ingress: Lab [Write] own("ec2:UpdateSecurityGroupRuleDescriptionsIngress", "security-group");
    delete_security_group: Lab [Drop] own("ec2:DeleteSecurityGroup", "security-group");

    run_instances: Lab [Write] new("ec2:RunInstances", "instance"), new("ec2:RunInstances", "volume"), need("ec2:RunInstances", Image, Only::Canonical), need("ec2:RunInstances", KeyPair, Ours), own("ec2:RunInstances", "security-group"), need("ec2:RunInstances", Subnet, Only::Network), need("ec2:RunInstances", Ec2("network-interface"), Always), tags("instance", "RunInstances"), tags("volume", "RunInstances");
    start_instances: Lab [Write Start] own("ec2:StartInstances", "instance");
    stop_instances: Lab [Write Stop] own("ec2:StopInstances", "instance");
    terminate_instances: Lab [Drop] own("ec2:TerminateInstances", "instance");
    modify_instance_attribute: Lab [Write] own("ec2:ModifyInstanceAttribute", "instance"), own("ec2:ModifyInstanceAttribute", "security-group");
    modify_instance_metadata_options: Lab [Write] own("ec2:ModifyInstanceMetadataOptions", "instance");
    modify_volume: Lab [Write] own("ec2:ModifyVolume", "volume");
    associate_iam_instance_profile: Profile [Write] own("ec2:AssociateIamInstanceProfile", "instance"), PASS;
    disassociate_iam_instance_profile: Profile [Write] own("ec2:DisassociateIamInstanceProfile", "instance");
    create_tags: Lab [Write Adopt] own("ec2:CreateTags", "*");
    delete_tags: Lab [Write] own("ec2:DeleteTags", "*");

    create_vpc: Network [Write] new("ec2:CreateVpc", "vpc"), tags("vpc", "CreateVpc");
    delete_vpc: Network [Drop] own("ec2:DeleteVpc", "vpc");
    create_subnet: Network [Write] new("ec2:CreateSubnet", "subnet"), own("ec2:CreateSubnet", "vpc"), tags("subnet", "CreateSubnet");
    modify_subnet_attribute: Network [Write] own("ec2:ModifySubnetAttribute", "subnet");
    delete_subnet: Network [Drop] own("ec2:DeleteSubnet", "subnet");
    create_internet_gateway: Network [Write] new("ec2:CreateInternetGateway", "internet-gateway"), tags("internet-gateway", "CreateInternetGateway");
    attach_internet_gateway: Network [Write] own("ec2:AttachInternetGateway", "internet-gateway"), own("ec2:AttachInternetGateway", "vpc");
    detach_internet_gateway: Network [Drop] own("ec2:DetachInternetGateway", "internet-gateway"), own("ec2:DetachInternetGateway", "vpc");
    delete_internet_gateway: Network [Drop] own("ec2:DeleteInternetGateway", "internet-gateway");
    create_route_table: Network [Write] new("ec2:CreateRouteTable", "route-table"), own("ec2:CreateRouteTable", "vpc"), tags("route-table", "CreateRouteTable");
    create_route: Network [Write] own("ec2:CreateRoute", "route-table");
    associate_route_table: Network [Write] own("ec2:AssociateRouteTable", "route-table"), own("ec2:AssociateRouteTable", "subnet");
    disassociate_route_table: Network [Drop] own("ec2:DisassociateRouteTable", "route-table"), own("ec2:DisassociateRouteTable", "subnet");
    delete_route_table: Network [Drop] own("ec2:DeleteRouteTable", "route-table");

    get_role: Lab [Read] need("iam:GetRole", Roles, Always);
    get_role_policy: Lab [Read] need("iam:GetRolePolicy", Roles, Always);
    create_role: Role [Write] need("iam:CreateRole", Roles, Only::TaggedOrBounded), need("iam:TagRole", Roles, Tagged);
    put_role_policy: Role [Write] need("iam:PutRolePolicy", Roles, Bounded);
    update_assume_role_policy: Role [Write] need("iam:UpdateAssumeRolePolicy", Roles, Bounded);
    put_role_permissions_boundary: Bounded [Write] need("iam:PutRolePermissionsBoundary", Roles, Bounded);
    delete_role_permissions_boundary: Unbounded [Write] need("iam:DeleteRolePermissionsBoundary", Roles, Always);
    tag_role: Role [Write Adopt] need("iam:TagRole", Roles, Always);
    untag_role: Role [Write] need("iam:UntagRole", Roles, Always);
    list_role_policies: Role [Drop] need("iam:ListRolePolicies", Roles, Always);
    delete_role_policy: Role [Write Drop] need("iam:DeleteRolePolicy", Roles, Always);
    list_attached_role_policies: Role [Drop] need("iam:ListAttachedRolePolicies", Roles, Always);
    delete_role: Role [Drop] need("iam:DeleteRole", Roles, Always);
    get_instance_profile: Lab [Read] need("iam:GetInstanceProfile", Profile, Always);
    create_instance_profile: Profile [Write] need("iam:CreateInstanceProfile", Profile, Tagged), need("iam:TagInstanceProfile", Profile, Tagged);
    add_role_to_instance_profile: Profile [Write] need("iam:AddRoleToInstanceProfile", Profile, Always), PASS;
    remove_role_from_instance_profile: Profile [Write Drop] need("iam:RemoveRoleFromInstanceProfile", Profile, Always);
    tag_instance_profile: Profile [Write Adopt] need("iam:TagInstanceProfile", Profile, Always);
    untag_instance_profile: Profile [Write] need("iam:UntagInstanceProfile", Profile, Always);
    delete_instance_profile: Profile [Drop] need("iam:DeleteInstanceProfile", Profile, Always);
    get_open_id_connect_provider: Lab [Read] need("iam:GetOpenIDConnectProvider", Provider, Always);
    create_open_id_connect_provider: Github [Write] need("iam:CreateOpenIDConnectProvider", Provider, Tagged), need("iam:TagOpenIDConnectProvider", Provider, Tagged);
    tag_open_id_connect_provider: Github [Write Adopt] need("iam:TagOpenIDConnectProvider", Provider, Always);
    untag_open_id_connect_provider: Github [Write] need("iam:UntagOpenIDConnectProvider", Provider, Always);
    delete_open_id_connect_provider: Github [Drop] need("iam:DeleteOpenIDConnectProvider", Provider, Always);
    list_roles: Github [Drop] need("iam:ListRoles", Everything, Always);

    get_bucket_encryption: Bucket [Read] need("s3:GetEncryptionConfiguration", Bucket, Always);
    get_bucket_tagging: Bucket [Read] need("s3:GetBucketTagging", Bucket, Always);
    get_bucket_versioning: Bucket [Read] need("s3:GetBucketVersioning", Bucket, Always);
    get_public_access_block: Bucket [Read] need("s3:GetBucketPublicAccessBlock", Bucket, Always);
    create_bucket: Bucket [Write] need("s3:CreateBucket", Bucket, Always), need("s3:TagResource", Bucket, Always);
    put_bucket_encryption: Bucket [Write] need("s3:PutEncryptionConfiguration", Bucket, Always);
    put_bucket_tagging: Bucket [Write Adopt] need("s3:PutBucketTagging", Bucket, Always);
    put_bucket_versioning: Bucket [Write] need("s3:PutBucketVersioning", Bucket, Always);
    put_public_access_block: Bucket [Write] need("s3:PutBucketPublicAccessBlock", Bucket, Always);
    list_object_versions: Bucket [Destroy] need("s3:ListBucketVersions", Bucket, Always);
    put_object: Model [Write] need("s3:PutObject", Objects, Always);
    delete_objects: Bucket [Destroy] need("s3:DeleteObjectVersion", Objects, Always);
    delete_bucket: Bucket [Destroy] need("s3:DeleteBucket", Bucket, Always);

    list_hosted_zones_by_name: Lab [Read] need("route53:ListHostedZonesByName", Everything, Always);
    list_resource_record_sets: Dns [Read] need("route53:ListResourceRecordSets", Zone, Always);
    list_tags_for_resource: Dns [Read] need("route53:ListTagsForResource", Zone, Always);
    create_hosted_zone: Dns [Write] need("route53:CreateHostedZone", Everything, Always);
    change_tags_for_resource: Dns [Write Adopt] need("route53:ChangeTagsForResource", Zone, Always);
    change_resource_record_sets: Dns [Write Drop Adopt] need("route53:ChangeResourceRecordSets", Zone, Names);
    get_change: Dns [Write] need("route53:GetChange", On::Change, Always);
    delete_hosted_zone: Dns [Destroy] need("route53:DeleteHostedZone", Zone, Always);
}
