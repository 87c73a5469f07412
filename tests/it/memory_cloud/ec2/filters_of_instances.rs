//! The filters of `DescribeInstances`.
//!
//! Source: EC2 API Reference, "DescribeInstances".

use aws_sdk_ec2::types::{
    EbsInstanceBlockDevice, GroupIdentifier, IamInstanceProfile, Instance, InstanceState, Placement,
};

use super::super::filters::{Filters, values};

fn of_groups(instance: &Instance, read: fn(&GroupIdentifier) -> Option<&str>) -> Vec<String> {
    instance
        .security_groups()
        .iter()
        .flat_map(|group| values(read(group)))
        .collect()
}

/// The filters on instances.
pub const FILTERS: Filters<Instance> = Filters {
    fields: &[
        ("architecture", |one| values(one.architecture())),
        ("availability-zone", |one| {
            values(one.placement().and_then(Placement::availability_zone))
        }),
        ("block-device-mapping.volume-id", |one| {
            let disks = one
                .block_device_mappings()
                .iter()
                .filter_map(|device| device.ebs());
            disks
                .flat_map(|disk| values(EbsInstanceBlockDevice::volume_id(disk)))
                .collect()
        }),
        ("client-token", |one| values(one.client_token())),
        ("group-id", |one| of_groups(one, GroupIdentifier::group_id)),
        ("group-name", |one| {
            of_groups(one, GroupIdentifier::group_name)
        }),
        ("iam-instance-profile.arn", |one| {
            values(one.iam_instance_profile().and_then(IamInstanceProfile::arn))
        }),
        ("iam-instance-profile.id", |one| {
            values(one.iam_instance_profile().and_then(IamInstanceProfile::id))
        }),
        ("image-id", |one| values(one.image_id())),
        ("instance-id", |one| values(one.instance_id())),
        ("instance-state-code", |one| {
            values(one.state().and_then(InstanceState::code))
        }),
        ("instance-state-name", |one| {
            values(one.state().and_then(InstanceState::name))
        }),
        ("instance-type", |one| values(one.instance_type())),
        ("instance.group-id", |one| {
            of_groups(one, GroupIdentifier::group_id)
        }),
        ("instance.group-name", |one| {
            of_groups(one, GroupIdentifier::group_name)
        }),
        ("ip-address", |one| values(one.public_ip_address())),
        ("key-name", |one| values(one.key_name())),
        ("network-interface.network-interface-id", |one| {
            let interfaces = one.network_interfaces().iter();
            interfaces
                .flat_map(|one| values(one.network_interface_id()))
                .collect()
        }),
        ("private-ip-address", |one| values(one.private_ip_address())),
        ("root-device-name", |one| values(one.root_device_name())),
        ("subnet-id", |one| values(one.subnet_id())),
        ("vpc-id", |one| values(one.vpc_id())),
    ],
    tags: Instance::tags,
};
