//! Network interfaces: each instance has one until it is terminated.
//!
//! Source: EC2 API Reference, "DescribeNetworkInterfaces".

use aws_sdk_ec2::operation::describe_network_interfaces::{
    DescribeNetworkInterfacesInput, DescribeNetworkInterfacesOutput,
};
use aws_sdk_ec2::types::{
    AttachmentStatus, GroupIdentifier, NetworkInterface, NetworkInterfaceAssociation,
    NetworkInterfaceAttachment, NetworkInterfaceStatus,
};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::Answer;
use super::super::register::{Kind, Resource};
use super::super::world::World;
use super::State;

/// A network interface.
pub struct Interface {
    pub vpc: String,
    pub subnet: String,
    pub zone: String,
    pub groups: Vec<String>,
    pub instance: String,
    pub attachment: String,
    pub private: String,
    /// The public address that is its own, while its instance runs.
    pub public: Option<String>,
    /// Whether it gets a public address of its own.
    pub wants_public: bool,
}

impl Resource for Interface {
    const KIND: Kind = Kind::INTERFACE;
}

const FILTERS: Filters<NetworkInterface> = Filters {
    fields: &[
        ("association.allocation-id", |one| {
            values(
                one.association()
                    .and_then(NetworkInterfaceAssociation::allocation_id),
            )
        }),
        ("association.association-id", |one| {
            values(
                one.association()
                    .and_then(NetworkInterfaceAssociation::association_id),
            )
        }),
        ("association.public-ip", |one| {
            values(
                one.association()
                    .and_then(NetworkInterfaceAssociation::public_ip),
            )
        }),
        ("attachment.attachment-id", |one| {
            values(
                one.attachment()
                    .and_then(NetworkInterfaceAttachment::attachment_id),
            )
        }),
        ("attachment.instance-id", |one| {
            values(
                one.attachment()
                    .and_then(NetworkInterfaceAttachment::instance_id),
            )
        }),
        ("availability-zone", |one| values(one.availability_zone())),
        ("group-id", |one| {
            one.groups()
                .iter()
                .flat_map(|group| values(group.group_id()))
                .collect()
        }),
        ("group-name", |one| {
            one.groups()
                .iter()
                .flat_map(|group| values(group.group_name()))
                .collect()
        }),
        ("network-interface-id", |one| {
            values(one.network_interface_id())
        }),
        ("owner-id", |one| values(one.owner_id())),
        ("private-ip-address", |one| values(one.private_ip_address())),
        ("status", |one| values(one.status())),
        ("subnet-id", |one| values(one.subnet_id())),
        ("vpc-id", |one| values(one.vpc_id())),
    ],
    tags: NetworkInterface::tag_set,
};

impl World {
    pub fn describe_network_interfaces(
        &self,
        input: &DescribeNetworkInterfacesInput,
    ) -> Answer<DescribeNetworkInterfacesOutput> {
        let rows = self
            .register
            .named(&self.interfaces, input.network_interface_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, one)| self.interface_view(id, one))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeNetworkInterfacesOutput::builder().set_network_interfaces(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn interface_view(&self, id: &str, interface: &Interface) -> NetworkInterface {
        let account = &self.register.account;
        let attachment = NetworkInterfaceAttachment::builder()
            .attachment_id(&interface.attachment)
            .instance_id(&interface.instance)
            .instance_owner_id(account)
            .device_index(0)
            .delete_on_termination(true)
            .attach_time(self.register.made(id))
            .status(AttachmentStatus::Attached);
        NetworkInterface::builder()
            .network_interface_id(id)
            .owner_id(account)
            .vpc_id(&interface.vpc)
            .subnet_id(&interface.subnet)
            .availability_zone(&interface.zone)
            .private_ip_address(&interface.private)
            .set_association(self.association_view(id, interface))
            .attachment(attachment.build())
            .set_groups(Some(self.group_identifiers(&interface.groups)))
            .status(NetworkInterfaceStatus::InUse)
            .source_dest_check(true)
            .set_tag_set(Some(self.register.ec2_tags(id)))
            .build()
    }

    fn association_view(
        &self,
        id: &str,
        interface: &Interface,
    ) -> Option<NetworkInterfaceAssociation> {
        let public = self.public_address(id, interface)?;
        let view = NetworkInterfaceAssociation::builder().public_ip(public);
        let leads_here = |association: &super::addresses::Association| association.interface == id;
        let elastic = self.addresses.iter().find_map(|(address, row)| {
            row.association
                .as_ref()
                .filter(|one| leads_here(one))
                .map(|one| (address, one))
        });
        Some(match elastic {
            None => view.ip_owner_id("amazon").build(),
            Some((address, association)) => view
                .ip_owner_id(&self.register.account)
                .allocation_id(address)
                .association_id(&association.id)
                .build(),
        })
    }

    /// Names security groups by id and name.
    pub fn group_identifiers(&self, ids: &[String]) -> Vec<GroupIdentifier> {
        let name = |id: &String| self.groups.get(id).map(|group| group.name.clone());
        let identifier = |id: &String| {
            GroupIdentifier::builder()
                .group_id(id)
                .set_group_name(name(id))
                .build()
        };
        ids.iter().map(identifier).collect()
    }

    /// Finds the public address that leads to an interface.
    pub fn public_address<'a>(&'a self, id: &str, interface: &'a Interface) -> Option<&'a str> {
        let elastic = self.addresses.values().find(|address| {
            address
                .association
                .as_ref()
                .is_some_and(|association| association.interface == id)
        });
        elastic
            .map(|address| address.public.as_str())
            .or(interface.public.as_deref())
    }

    /// Gives an interface a public address of its own, if it gets one, has none
    /// and its instance runs.
    pub fn give_public_address(&mut self, id: &str) {
        let Some(interface) = self.interfaces.get(id) else {
            return;
        };
        let instance = self.instances.get(&interface.instance);
        let runs = instance.is_some_and(|one| matches!(one.state, State::Pending | State::Running));
        let lacks = runs && interface.wants_public && self.public_address(id, interface).is_none();
        if lacks {
            let public = self.next_public_address(18);
            if let Some(interface) = self.interfaces.get_mut(id) {
                interface.public = Some(public);
            }
        }
    }
}
