//! The edge to AWS: one trait, one method for each operation that labctl uses.
//!
//! [`Read`] holds the operations that change nothing and is all that planning
//! gets; [`Cloud`] adds those that write. The methods take the SDK's own input
//! builders and give its own outputs, so that what is tested in memory is what
//! goes over the wire. [`aws::Aws`] implements them by the SDK; the tests have a
//! strict stateful stand-in, and a wrapper that counts calls and makes them fail.

pub mod aws;
mod error;
pub mod http;
mod object;
mod panics;
pub mod profile;
mod rate_limit;
mod retry;
pub mod variables;

use futures_util::future::LocalBoxFuture;

pub use error::{CallError, CallFailure, is_out_of_stock};
pub use object::Object;

use {
    aws_sdk_ec2 as ec2, aws_sdk_iam as iam, aws_sdk_resourcegroupstagging as tagging,
    aws_sdk_route53 as route53, aws_sdk_s3 as s3, aws_sdk_sts as sts,
};

/// The answer of one call.
pub type Reply<'a, T> = LocalBoxFuture<'a, Result<T, CallError>>;

/// One call, as those see it who count, log or disturb calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The service's name in IAM actions: `ec2`, `s3`, `iam`, …
    pub service: &'static str,
    /// AWS's name of the operation: `DescribeInstances`.
    pub operation: &'static str,
    /// Whether the operation can change anything.
    pub writes: bool,
}

impl std::fmt::Display for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.service, self.operation)
    }
}

/// Hands every operation to the macro `$callback`, in two groups.
///
/// A row reads like a signature: `service method(InputBuilder) -> Output`.
/// The names follow the SDK's, so the row is all that a new operation needs. Stand-ins for AWS,
/// as the tests have them, are made of these rows too.
#[macro_export]
macro_rules! operations {
    ($callback:ident) => {
        $callback! {
            read {
                sts get_caller_identity(GetCallerIdentityInputBuilder) -> GetCallerIdentityOutput;
                tagging get_resources(GetResourcesInputBuilder) -> GetResourcesOutput;
                ec2 describe_addresses(DescribeAddressesInputBuilder) -> DescribeAddressesOutput;
                ec2 describe_iam_instance_profile_associations(DescribeIamInstanceProfileAssociationsInputBuilder) -> DescribeIamInstanceProfileAssociationsOutput;
                ec2 describe_images(DescribeImagesInputBuilder) -> DescribeImagesOutput;
                ec2 describe_instance_attribute(DescribeInstanceAttributeInputBuilder) -> DescribeInstanceAttributeOutput;
                ec2 describe_instance_type_offerings(DescribeInstanceTypeOfferingsInputBuilder) -> DescribeInstanceTypeOfferingsOutput;
                ec2 describe_instance_types(DescribeInstanceTypesInputBuilder) -> DescribeInstanceTypesOutput;
                ec2 describe_instances(DescribeInstancesInputBuilder) -> DescribeInstancesOutput;
                ec2 describe_internet_gateways(DescribeInternetGatewaysInputBuilder) -> DescribeInternetGatewaysOutput;
                ec2 describe_key_pairs(DescribeKeyPairsInputBuilder) -> DescribeKeyPairsOutput;
                ec2 describe_network_interfaces(DescribeNetworkInterfacesInputBuilder) -> DescribeNetworkInterfacesOutput;
                ec2 describe_route_tables(DescribeRouteTablesInputBuilder) -> DescribeRouteTablesOutput;
                ec2 describe_security_groups(DescribeSecurityGroupsInputBuilder) -> DescribeSecurityGroupsOutput;
                ec2 describe_subnets(DescribeSubnetsInputBuilder) -> DescribeSubnetsOutput;
                ec2 describe_volumes(DescribeVolumesInputBuilder) -> DescribeVolumesOutput;
                ec2 describe_volumes_modifications(DescribeVolumesModificationsInputBuilder) -> DescribeVolumesModificationsOutput;
                ec2 describe_vpcs(DescribeVpcsInputBuilder) -> DescribeVpcsOutput;
                ec2 get_console_output(GetConsoleOutputInputBuilder) -> GetConsoleOutputOutput;
                iam get_instance_profile(GetInstanceProfileInputBuilder) -> GetInstanceProfileOutput;
                iam get_open_id_connect_provider(GetOpenIdConnectProviderInputBuilder) -> GetOpenIdConnectProviderOutput;
                iam get_role(GetRoleInputBuilder) -> GetRoleOutput;
                iam get_role_policy(GetRolePolicyInputBuilder) -> GetRolePolicyOutput;
                iam list_attached_role_policies(ListAttachedRolePoliciesInputBuilder) -> ListAttachedRolePoliciesOutput;
                iam list_role_policies(ListRolePoliciesInputBuilder) -> ListRolePoliciesOutput;
                iam list_roles(ListRolesInputBuilder) -> ListRolesOutput;
                s3 get_bucket_encryption(GetBucketEncryptionInputBuilder) -> GetBucketEncryptionOutput;
                s3 get_bucket_tagging(GetBucketTaggingInputBuilder) -> GetBucketTaggingOutput;
                s3 get_bucket_versioning(GetBucketVersioningInputBuilder) -> GetBucketVersioningOutput;
                s3 get_public_access_block(GetPublicAccessBlockInputBuilder) -> GetPublicAccessBlockOutput;
                s3 list_object_versions(ListObjectVersionsInputBuilder) -> ListObjectVersionsOutput;
                route53 get_change(GetChangeInputBuilder) -> GetChangeOutput;
                route53 list_hosted_zones_by_name(ListHostedZonesByNameInputBuilder) -> ListHostedZonesByNameOutput;
                route53 list_resource_record_sets(ListResourceRecordSetsInputBuilder) -> ListResourceRecordSetsOutput;
                route53 list_tags_for_resource(ListTagsForResourceInputBuilder) -> ListTagsForResourceOutput;
            }
            write {
                ec2 allocate_address(AllocateAddressInputBuilder) -> AllocateAddressOutput;
                ec2 associate_address(AssociateAddressInputBuilder) -> AssociateAddressOutput;
                ec2 associate_iam_instance_profile(AssociateIamInstanceProfileInputBuilder) -> AssociateIamInstanceProfileOutput;
                ec2 associate_route_table(AssociateRouteTableInputBuilder) -> AssociateRouteTableOutput;
                ec2 attach_internet_gateway(AttachInternetGatewayInputBuilder) -> AttachInternetGatewayOutput;
                ec2 authorize_security_group_ingress(AuthorizeSecurityGroupIngressInputBuilder) -> AuthorizeSecurityGroupIngressOutput;
                ec2 create_internet_gateway(CreateInternetGatewayInputBuilder) -> CreateInternetGatewayOutput;
                ec2 create_route(CreateRouteInputBuilder) -> CreateRouteOutput;
                ec2 create_route_table(CreateRouteTableInputBuilder) -> CreateRouteTableOutput;
                ec2 create_security_group(CreateSecurityGroupInputBuilder) -> CreateSecurityGroupOutput;
                ec2 create_subnet(CreateSubnetInputBuilder) -> CreateSubnetOutput;
                ec2 create_tags(CreateTagsInputBuilder) -> CreateTagsOutput;
                ec2 create_vpc(CreateVpcInputBuilder) -> CreateVpcOutput;
                ec2 delete_internet_gateway(DeleteInternetGatewayInputBuilder) -> DeleteInternetGatewayOutput;
                ec2 delete_key_pair(DeleteKeyPairInputBuilder) -> DeleteKeyPairOutput;
                ec2 delete_route_table(DeleteRouteTableInputBuilder) -> DeleteRouteTableOutput;
                ec2 delete_security_group(DeleteSecurityGroupInputBuilder) -> DeleteSecurityGroupOutput;
                ec2 delete_subnet(DeleteSubnetInputBuilder) -> DeleteSubnetOutput;
                ec2 delete_tags(DeleteTagsInputBuilder) -> DeleteTagsOutput;
                ec2 delete_vpc(DeleteVpcInputBuilder) -> DeleteVpcOutput;
                ec2 detach_internet_gateway(DetachInternetGatewayInputBuilder) -> DetachInternetGatewayOutput;
                ec2 disassociate_address(DisassociateAddressInputBuilder) -> DisassociateAddressOutput;
                ec2 disassociate_iam_instance_profile(DisassociateIamInstanceProfileInputBuilder) -> DisassociateIamInstanceProfileOutput;
                ec2 disassociate_route_table(DisassociateRouteTableInputBuilder) -> DisassociateRouteTableOutput;
                ec2 import_key_pair(ImportKeyPairInputBuilder) -> ImportKeyPairOutput;
                ec2 modify_instance_attribute(ModifyInstanceAttributeInputBuilder) -> ModifyInstanceAttributeOutput;
                ec2 modify_instance_metadata_options(ModifyInstanceMetadataOptionsInputBuilder) -> ModifyInstanceMetadataOptionsOutput;
                ec2 modify_subnet_attribute(ModifySubnetAttributeInputBuilder) -> ModifySubnetAttributeOutput;
                ec2 modify_volume(ModifyVolumeInputBuilder) -> ModifyVolumeOutput;
                ec2 release_address(ReleaseAddressInputBuilder) -> ReleaseAddressOutput;
                ec2 revoke_security_group_ingress(RevokeSecurityGroupIngressInputBuilder) -> RevokeSecurityGroupIngressOutput;
                ec2 run_instances(RunInstancesInputBuilder) -> RunInstancesOutput;
                ec2 start_instances(StartInstancesInputBuilder) -> StartInstancesOutput;
                ec2 stop_instances(StopInstancesInputBuilder) -> StopInstancesOutput;
                ec2 terminate_instances(TerminateInstancesInputBuilder) -> TerminateInstancesOutput;
                ec2 update_security_group_rule_descriptions_ingress(UpdateSecurityGroupRuleDescriptionsIngressInputBuilder) -> UpdateSecurityGroupRuleDescriptionsIngressOutput;
                iam add_role_to_instance_profile(AddRoleToInstanceProfileInputBuilder) -> AddRoleToInstanceProfileOutput;
                iam create_instance_profile(CreateInstanceProfileInputBuilder) -> CreateInstanceProfileOutput;
                iam create_open_id_connect_provider(CreateOpenIdConnectProviderInputBuilder) -> CreateOpenIdConnectProviderOutput;
                iam create_role(CreateRoleInputBuilder) -> CreateRoleOutput;
                iam delete_instance_profile(DeleteInstanceProfileInputBuilder) -> DeleteInstanceProfileOutput;
                iam delete_open_id_connect_provider(DeleteOpenIdConnectProviderInputBuilder) -> DeleteOpenIdConnectProviderOutput;
                iam delete_role(DeleteRoleInputBuilder) -> DeleteRoleOutput;
                iam delete_role_permissions_boundary(DeleteRolePermissionsBoundaryInputBuilder) -> DeleteRolePermissionsBoundaryOutput;
                iam delete_role_policy(DeleteRolePolicyInputBuilder) -> DeleteRolePolicyOutput;
                iam put_role_permissions_boundary(PutRolePermissionsBoundaryInputBuilder) -> PutRolePermissionsBoundaryOutput;
                iam put_role_policy(PutRolePolicyInputBuilder) -> PutRolePolicyOutput;
                iam remove_role_from_instance_profile(RemoveRoleFromInstanceProfileInputBuilder) -> RemoveRoleFromInstanceProfileOutput;
                iam tag_instance_profile(TagInstanceProfileInputBuilder) -> TagInstanceProfileOutput;
                iam tag_open_id_connect_provider(TagOpenIdConnectProviderInputBuilder) -> TagOpenIdConnectProviderOutput;
                iam tag_role(TagRoleInputBuilder) -> TagRoleOutput;
                iam untag_instance_profile(UntagInstanceProfileInputBuilder) -> UntagInstanceProfileOutput;
                iam untag_open_id_connect_provider(UntagOpenIdConnectProviderInputBuilder) -> UntagOpenIdConnectProviderOutput;
                iam untag_role(UntagRoleInputBuilder) -> UntagRoleOutput;
                iam update_assume_role_policy(UpdateAssumeRolePolicyInputBuilder) -> UpdateAssumeRolePolicyOutput;
                s3 create_bucket(CreateBucketInputBuilder) -> CreateBucketOutput;
                s3 delete_bucket(DeleteBucketInputBuilder) -> DeleteBucketOutput;
                s3 delete_objects(DeleteObjectsInputBuilder) -> DeleteObjectsOutput;
                s3 put_bucket_encryption(PutBucketEncryptionInputBuilder) -> PutBucketEncryptionOutput;
                s3 put_bucket_tagging(PutBucketTaggingInputBuilder) -> PutBucketTaggingOutput;
                s3 put_bucket_versioning(PutBucketVersioningInputBuilder) -> PutBucketVersioningOutput;
                s3 put_public_access_block(PutPublicAccessBlockInputBuilder) -> PutPublicAccessBlockOutput;
                route53 change_resource_record_sets(ChangeResourceRecordSetsInputBuilder) -> ChangeResourceRecordSetsOutput;
                route53 change_tags_for_resource(ChangeTagsForResourceInputBuilder) -> ChangeTagsForResourceOutput;
                route53 create_hosted_zone(CreateHostedZoneInputBuilder) -> CreateHostedZoneOutput;
                route53 delete_hosted_zone(DeleteHostedZoneInputBuilder) -> DeleteHostedZoneOutput;
            }
        }
    };
}
pub use operations;

macro_rules! define_traits {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        /// The operations that change nothing.
        pub trait Read {
            $(
                #[doc = concat!("Calls `", stringify!($read_service), "` `", stringify!($read), "`.")]
                fn $read(
                    &self,
                    input: $read_service::operation::$read::builders::$ReadInput,
                ) -> Reply<'_, $read_service::operation::$read::$ReadOutput>;
            )*
        }

        /// All operations, those that write included.
        pub trait Cloud: Read {
            /// Calls `s3` `put_object`, whose content can be sent again.
            fn put_object(&self, object: Object) -> Reply<'_, s3::operation::put_object::PutObjectOutput>;
            $(
                #[doc = concat!("Calls `", stringify!($write_service), "` `", stringify!($write), "`.")]
                fn $write(
                    &self,
                    input: $write_service::operation::$write::builders::$WriteInput,
                ) -> Reply<'_, $write_service::operation::$write::$WriteOutput>;
            )*
        }
    };
}
operations!(define_traits);

/// The only call whose input is not the SDK's own; see [`Object`].
pub const PUT_OBJECT: Call = Call {
    service: "s3",
    operation: "PutObject",
    writes: true,
};

/// Names a call from its row: the output's name without `Output` is AWS's name.
pub const fn call(service: &'static str, output: &'static str, writes: bool) -> Call {
    let (operation, _) = output.split_at(output.len() - "Output".len());
    Call {
        service,
        operation,
        writes,
    }
}
