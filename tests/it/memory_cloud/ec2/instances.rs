//! Instances, as they are listed.
//!
//! Sources: EC2 API Reference, "DescribeInstances"; EC2 User Guide, "Amazon EC2
//! instance state changes": a terminated instance stays listed for an hour,
//! without its interface, volumes and addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesInput, DescribeInstancesOutput};
use aws_sdk_ec2::types::{
    self, AttachmentStatus, DeviceType, EbsInstanceBlockDevice, HypervisorType,
    InstanceBlockDeviceMapping, InstanceMetadataOptionsResponse, InstanceNetworkInterface,
    InstanceNetworkInterfaceAssociation, InstanceNetworkInterfaceAttachment, InstanceType,
    NetworkInterfaceStatus, Placement, Reservation, VirtualizationType,
};

use super::super::filters::{limit, page};
use super::super::refusal::{Answer, refuse};
use super::super::register::{Kind, Resource};
use super::super::world::World;
use super::State;
use super::filters_of_instances::FILTERS;
use super::images::{Image, ROOT_DEVICE};
use super::instance_types::Facts;

/// An instance.
pub struct Instance {
    pub reservation: String,
    pub image: Image,
    pub facts: &'static Facts,
    pub key: Option<String>,
    pub subnet: String,
    pub zone: String,
    /// Its network interface, which it loses when it is terminated.
    pub interface: Option<String>,
    pub state: State,
    /// When the state began.
    pub since: Duration,
    pub launched: Duration,
    /// Why the state is not what it was.
    pub reason: String,
    /// Whether it may not be terminated.
    pub keeps_alive: bool,
    /// Whether it may not be stopped.
    pub keeps_running: bool,
    pub metadata: InstanceMetadataOptionsResponse,
    pub user_data: Option<String>,
    pub token: Option<String>,
}

impl Resource for Instance {
    const KIND: Kind = Kind::INSTANCE;
}

impl World {
    pub fn describe_instances(
        &self,
        input: &DescribeInstancesInput,
    ) -> Answer<DescribeInstancesOutput> {
        if !input.instance_ids().is_empty() && input.max_results().is_some() {
            let message = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(refuse("InvalidParameterCombination", message));
        }
        let rows = self.register.named(&self.instances, input.instance_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, instance)| self.instance_view(id, instance))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let mut reservations: BTreeMap<&str, Vec<types::Instance>> = BTreeMap::new();
        for row in rows {
            let instance = row.instance_id().and_then(|id| self.instances.get(id));
            let reservation = instance.map_or("", |instance| &instance.reservation);
            reservations.entry(reservation).or_default().push(row);
        }
        let reservations = reservations.into_iter().map(|(id, instances)| {
            let reservation = Reservation::builder().reservation_id(id);
            let reservation = reservation.owner_id(&self.register.account);
            reservation.set_instances(Some(instances)).build()
        });
        let answer = DescribeInstancesOutput::builder();
        Ok(answer
            .set_reservations(Some(reservations.collect()))
            .set_next_token(next)
            .build())
    }

    /// Shows an instance with what it stands on.
    pub fn instance_view(&self, id: &str, instance: &Instance) -> types::Instance {
        let placement = Placement::builder().availability_zone(&instance.zone);
        let mut view = types::Instance::builder()
            .instance_id(id)
            .image_id(&instance.image.id)
            .instance_type(InstanceType::from(instance.facts.name))
            .architecture(instance.image.architecture.clone())
            .ena_support(instance.image.ena)
            .hypervisor(HypervisorType::Xen)
            .virtualization_type(VirtualizationType::Hvm)
            .root_device_name(ROOT_DEVICE)
            .root_device_type(DeviceType::Ebs)
            .state(instance.state.view())
            .state_transition_reason(&instance.reason)
            .set_key_name(instance.key.clone())
            .ami_launch_index(0)
            .launch_time(self.register.date(instance.launched))
            .placement(placement.build())
            .metadata_options(instance.metadata.clone())
            .set_client_token(instance.token.clone())
            .set_iam_instance_profile(self.profile_on(id).cloned())
            .set_block_device_mappings(Some(self.devices(id)))
            .set_network_interfaces(Some(Vec::new()))
            .set_security_groups(Some(Vec::new()))
            .set_tags(Some(self.register.ec2_tags(id)));
        let interface = instance.interface.as_ref();
        if let Some((id, interface)) = interface.and_then(|id| self.interfaces.get_key_value(id)) {
            view = view
                .vpc_id(&interface.vpc)
                .subnet_id(&interface.subnet)
                .private_ip_address(&interface.private)
                .private_dns_name(format!(
                    "ip-{}.ec2.internal",
                    interface.private.replace('.', "-")
                ))
                .set_public_ip_address(self.public_address(id, interface).map(str::to_owned))
                .source_dest_check(true)
                .set_security_groups(Some(self.group_identifiers(&interface.groups)))
                .network_interfaces(self.interface_of_instance(id));
        }
        view.build()
    }

    fn devices(&self, instance: &str) -> Vec<InstanceBlockDeviceMapping> {
        let device = |(id, volume): (&String, &super::Volume)| {
            let attachment = volume.attachment.as_ref();
            let disk = EbsInstanceBlockDevice::builder()
                .volume_id(id)
                .status(AttachmentStatus::Attached)
                .attach_time(self.register.made(id))
                .set_delete_on_termination(attachment.map(|one| one.dies_with_instance));
            InstanceBlockDeviceMapping::builder()
                .set_device_name(attachment.map(|one| one.device.clone()))
                .ebs(disk.build())
                .build()
        };
        self.volumes_of(instance).map(device).collect()
    }

    fn interface_of_instance(&self, id: &str) -> InstanceNetworkInterface {
        let account = &self.register.account;
        let view = InstanceNetworkInterface::builder()
            .network_interface_id(id)
            .owner_id(account)
            .status(NetworkInterfaceStatus::InUse);
        let Some(interface) = self.interfaces.get(id) else {
            return view.build();
        };
        let association = self.public_address(id, interface).map(|public| {
            let is_own = interface.public.is_some();
            let owner = if is_own { "amazon" } else { account.as_str() };
            let association = InstanceNetworkInterfaceAssociation::builder().public_ip(public);
            association.ip_owner_id(owner).build()
        });
        let attachment = InstanceNetworkInterfaceAttachment::builder()
            .attachment_id(&interface.attachment)
            .device_index(0)
            .delete_on_termination(true)
            .attach_time(self.register.made(id))
            .status(AttachmentStatus::Attached);
        view.vpc_id(&interface.vpc)
            .subnet_id(&interface.subnet)
            .private_ip_address(&interface.private)
            .set_groups(Some(self.group_identifiers(&interface.groups)))
            .set_association(association)
            .attachment(attachment.build())
            .build()
    }
}
