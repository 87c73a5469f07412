//! RunInstances: what is checked before anything is launched.
//!
//! Sources: EC2 API Reference, "RunInstances" and "Error codes"; EC2 User Guide,
//! "Troubleshoot Amazon EC2 instance launch issues".

use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, IamInstanceProfile, InstanceNetworkInterfaceSpecification,
    Placement, VolumeType,
};

use super::super::refusal::{Answer, Refusal, invalid_value, missing, refuse, require};
use super::super::register::{Kind, Tags};
use super::super::tags::{only, specified};
use super::super::world::World;
use super::images::{Image, ROOT_DEVICE, SNAPSHOT_SIZE};
use super::instance_types::{Facts, facts};
use super::volumes::Form;

/// A launch that can go ahead.
pub struct Plan {
    pub count: i32,
    pub image: Image,
    pub facts: &'static Facts,
    pub key: Option<String>,
    pub vpc: String,
    pub subnet: String,
    pub zone: String,
    pub groups: Vec<String>,
    pub wants_public: bool,
    pub profile: Option<IamInstanceProfile>,
    pub disks: Vec<Disk>,
    pub instance_tags: Tags,
    pub volume_tags: Tags,
    pub interface_tags: Tags,
}

/// A volume that a launch makes.
pub struct Disk {
    pub device: String,
    pub form: Form,
    pub encrypted: bool,
    pub dies_with_instance: bool,
    pub snapshot: Option<String>,
}

impl World {
    /// Checks a request to launch instances, and fills in what it leaves open.
    pub fn plan_launch(&self, input: &RunInstancesInput) -> Answer<Plan> {
        let count = count(input)?;
        let tags = input.tag_specifications();
        only(tags, &[Kind::INSTANCE, Kind::VOLUME, Kind::INTERFACE])?;
        let image = self.image(require(input.image_id(), "ImageId")?)?.clone();
        let name = input
            .instance_type()
            .map_or("m1.small", |name| name.as_str());
        let facts = fitting(name, image.architecture.as_str())?;
        if facts.needs_ena() && !image.ena {
            return Err(needs_ena(name));
        }
        if self.options.free_plan && !facts.is_free() {
            return Err(not_free());
        }
        if let Some(key) = input.key_name() {
            self.key_pair(key)?;
        }
        let network = sole_interface(input)?;
        let subnet = self.subnet_for(input, network, facts)?;
        let row = self.register.find(&self.subnets, &subnet)?;
        if !facts.is_in(&row.zone) {
            return Err(not_offered(facts, &row.zone, &self.zones_here()));
        }
        let groups = self.groups_for(input, network, &subnet, &row.vpc)?;
        let profile = input.iam_instance_profile();
        let profile = profile
            .map(|profile| self.usable_profile(profile))
            .transpose()?;
        let disks = disks(input.block_device_mappings(), &image)?;
        self.check_capacity(facts, &row.zone, count)?;
        let public =
            network.and_then(InstanceNetworkInterfaceSpecification::associate_public_ip_address);
        Ok(Plan {
            count,
            facts,
            key: input.key_name().map(str::to_owned),
            vpc: row.vpc.clone(),
            zone: row.zone.clone(),
            groups,
            wants_public: public.unwrap_or(row.maps_public_addresses),
            subnet,
            profile,
            disks,
            image,
            instance_tags: specified(tags, Kind::INSTANCE)?,
            volume_tags: specified(tags, Kind::VOLUME)?,
            interface_tags: specified(tags, Kind::INTERFACE)?,
        })
    }

    /// Finds the subnet: the named one, else a default one whose zone offers the
    /// type.
    fn subnet_for(
        &self,
        input: &RunInstancesInput,
        network: Option<&InstanceNetworkInterfaceSpecification>,
        facts: &Facts,
    ) -> Answer<String> {
        let named = network.and_then(InstanceNetworkInterfaceSpecification::subnet_id);
        if let Some(id) = named.or(input.subnet_id()) {
            self.register.check(Kind::SUBNET, id)?;
            return Ok(id.to_owned());
        }
        let zone = input.placement().and_then(Placement::availability_zone);
        let zone = zone.map(|zone| self.check_zone(zone)).transpose()?;
        let vpc = self.default_vpc()?;
        let mut subnets = self.register.all(&self.subnets);
        let found = subnets.find(|(_, subnet)| {
            let fits = zone.map_or_else(|| facts.is_in(&subnet.zone), |zone| subnet.zone == zone);
            subnet.vpc == vpc && subnet.default && fits
        });
        found.map(|(id, _)| id.to_owned()).ok_or_else(|| {
            refuse(
                "MissingInput",
                "No subnets found for the default VPC. Please specify a subnet.",
            )
        })
    }

    /// Finds the security groups: the named ones, else the VPC's default one.
    fn groups_for(
        &self,
        input: &RunInstancesInput,
        network: Option<&InstanceNetworkInterfaceSpecification>,
        subnet: &str,
        vpc: &str,
    ) -> Answer<Vec<String>> {
        let mut ids = network
            .map_or(input.security_group_ids(), |one| one.groups())
            .to_vec();
        for name in input.security_groups() {
            ids.push(self.group_in_default_vpc(name)?);
        }
        if ids.is_empty() {
            let is_default = |group: &super::Group| group.vpc == vpc && group.name == "default";
            let mut groups = self.groups.iter();
            ids.extend(
                groups
                    .find(|(_, group)| is_default(group))
                    .map(|(id, _)| id.clone()),
            );
        }
        for id in &ids {
            if self.register.find(&self.groups, id)?.vpc != vpc {
                let message = format!(
                    "Security group {id} and subnet {subnet} belong to different networks."
                );
                return Err(refuse("InvalidParameter", message));
            }
        }
        Ok(ids)
    }
}

fn count(input: &RunInstancesInput) -> Answer<i32> {
    let least = input.min_count().ok_or_else(|| missing("MinCount"))?;
    let most = input.max_count().ok_or_else(|| missing("MaxCount"))?;
    if least < 1 || most < least {
        let reason = "MaxCount must not be less than MinCount, which must be positive.";
        return Err(invalid_value("maxCount", &most.to_string(), reason));
    }
    Ok(most)
}

/// Finds an instance type that runs an architecture.
pub fn fitting(name: &str, architecture: &str) -> Answer<&'static Facts> {
    let Some(facts) = facts(name) else {
        let message = format!("Invalid value '{name}' for InstanceType.");
        return Err(refuse("InvalidParameterValue", message));
    };
    if !facts.runs(architecture) {
        let message = format!(
            "The architecture '{}' of the specified instance type does not match the architecture \
             '{architecture}' of the specified AMI. Specify an instance type and an AMI that have \
             matching architectures, and try again.",
            facts.architecture()
        );
        return Err(refuse("InvalidParameterValue", message));
    }
    Ok(facts)
}

/// Refuses a type that needs ENA for an instance without it.
pub fn needs_ena(name: &str) -> Refusal {
    let message = format!(
        "Enhanced networking with the Elastic Network Adapter (ENA) is required for the '{name}' \
         instance type. Ensure that your instance is enabled for ENA."
    );
    refuse("InvalidParameterCombination", message)
}

fn not_free() -> Refusal {
    let message = "The specified instance type is not eligible for Free Tier. For a list of Free \
                   Tier instance types, run 'describe-instance-types' with the filter \
                   'free-tier-eligible=true'.";
    refuse("InvalidParameterCombination", message)
}

fn not_offered(facts: &Facts, zone: &str, zones: &[String]) -> Refusal {
    let offering: Vec<&str> = zones
        .iter()
        .map(String::as_str)
        .filter(|zone| facts.is_in(zone))
        .collect();
    let message = format!(
        "Your requested instance type ({}) is not supported in your requested Availability Zone \
         ({zone}). Please retry your request by not specifying an Availability Zone or choosing {}.",
        facts.name,
        offering.join(", ")
    );
    refuse("Unsupported", message)
}

fn sole_interface(
    input: &RunInstancesInput,
) -> Answer<Option<&InstanceNetworkInterfaceSpecification>> {
    let network = input.network_interfaces().first();
    let mixes = input.subnet_id().is_some()
        || !input.security_group_ids().is_empty()
        || !input.security_groups().is_empty();
    if network.is_some() && mixes {
        let message = "Network interfaces and an instance-level subnet ID or security groups may \
                       not be specified on the same request";
        return Err(refuse("InvalidParameterCombination", message));
    }
    Ok(network)
}

/// Plans the volumes: the image's root, as the request changes it, and others.
fn disks(mappings: &[BlockDeviceMapping], image: &Image) -> Answer<Vec<Disk>> {
    let is_root = |mapping: &&BlockDeviceMapping| mapping.device_name() == Some(ROOT_DEVICE);
    let root = mappings
        .iter()
        .find(is_root)
        .and_then(BlockDeviceMapping::ebs);
    let mut disks = vec![disk(ROOT_DEVICE, root, Some(image))?];
    for mapping in mappings.iter().filter(|mapping| !is_root(mapping)) {
        let device = require(mapping.device_name(), "BlockDeviceMapping.DeviceName")?;
        disks.push(disk(device, mapping.ebs(), None)?);
    }
    Ok(disks)
}

fn disk(device: &str, ebs: Option<&EbsBlockDevice>, image: Option<&Image>) -> Answer<Disk> {
    let least = image.map(|_| SNAPSHOT_SIZE);
    let size = ebs.and_then(EbsBlockDevice::volume_size).or(least);
    let size = size.ok_or_else(|| missing("BlockDeviceMapping.Ebs.VolumeSize"))?;
    if let Some(image) = image.filter(|_| size < SNAPSHOT_SIZE) {
        let message = format!(
            "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {SNAPSHOT_SIZE}GB",
            image.snapshot
        );
        return Err(refuse("InvalidBlockDeviceMapping", message));
    }
    let kind = ebs
        .and_then(|ebs| ebs.volume_type().cloned())
        .unwrap_or(match image {
            Some(_) => VolumeType::Gp3,
            None => VolumeType::Gp2,
        });
    let iops = ebs.and_then(EbsBlockDevice::iops);
    let throughput = ebs.and_then(EbsBlockDevice::throughput);
    let dies = ebs.and_then(EbsBlockDevice::delete_on_termination);
    Ok(Disk {
        device: device.to_owned(),
        form: Form::new(size, kind, iops, throughput)?,
        encrypted: ebs.and_then(EbsBlockDevice::encrypted).unwrap_or(false),
        dies_with_instance: dies.unwrap_or(image.is_some()),
        snapshot: image.map(|image| image.snapshot.clone()),
    })
}
