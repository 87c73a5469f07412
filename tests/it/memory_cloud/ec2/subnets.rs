//! Subnets.
//!
//! Sources: EC2 API Reference, "CreateSubnet", "DeleteSubnet",
//! "ModifySubnetAttribute"; Amazon VPC User Guide, "Subnet sizing".

use aws_sdk_ec2::operation::{
    create_subnet::{CreateSubnetInput, CreateSubnetOutput},
    delete_subnet::{DeleteSubnetInput, DeleteSubnetOutput},
    describe_subnets::{DescribeSubnetsInput, DescribeSubnetsOutput},
    modify_subnet_attribute::{ModifySubnetAttributeInput, ModifySubnetAttributeOutput},
};
use aws_sdk_ec2::types::{self, AttributeBooleanValue, SubnetState};
use ipnet::Ipv4Net;

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, invalid_value, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::tags::sole;
use super::super::world::World;
use super::in_use;
use super::vpcs::block_of_network;

/// The addresses at the start of each subnet that AWS keeps to itself.
const RESERVED: u32 = 4;

/// A subnet.
pub struct Subnet {
    pub vpc: String,
    pub zone: String,
    pub cidr: Ipv4Net,
    pub default: bool,
    pub maps_public_addresses: bool,
    /// How many private addresses were ever given out.
    handed_out: u32,
}

impl Resource for Subnet {
    const KIND: Kind = Kind::SUBNET;
}

impl Subnet {
    /// Hands out the next private address.
    pub fn next_address(&mut self) -> String {
        let first = u32::from(self.cidr.network()) + RESERVED;
        let address = std::net::Ipv4Addr::from(first + self.handed_out);
        self.handed_out += 1;
        address.to_string()
    }
}

const FILTERS: Filters<types::Subnet> = Filters {
    fields: &[
        ("availability-zone", |subnet| {
            values(subnet.availability_zone())
        }),
        ("availabilityZone", |subnet| {
            values(subnet.availability_zone())
        }),
        ("cidr-block", |subnet| values(subnet.cidr_block())),
        ("default-for-az", |subnet| values(subnet.default_for_az())),
        ("defaultForAz", |subnet| values(subnet.default_for_az())),
        ("map-public-ip-on-launch", |subnet| {
            values(subnet.map_public_ip_on_launch())
        }),
        ("owner-id", |subnet| values(subnet.owner_id())),
        ("state", |subnet| values(subnet.state())),
        ("subnet-id", |subnet| values(subnet.subnet_id())),
        ("vpc-id", |subnet| values(subnet.vpc_id())),
    ],
    tags: types::Subnet::tags,
};

impl World {
    pub fn describe_subnets(&self, input: &DescribeSubnetsInput) -> Answer<DescribeSubnetsOutput> {
        let rows = self.register.named(&self.subnets, input.subnet_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, subnet)| self.subnet_view(id, subnet))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeSubnetsOutput::builder().set_subnets(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn subnet_view(&self, id: &str, subnet: &Subnet) -> types::Subnet {
        let addresses = 1 << (32 - subnet.cidr.prefix_len());
        let used = self
            .interfaces
            .values()
            .filter(|interface| interface.subnet == id)
            .count();
        let used = i32::try_from(used).unwrap_or(i32::MAX);
        types::Subnet::builder()
            .subnet_id(id)
            .vpc_id(&subnet.vpc)
            .owner_id(&self.register.account)
            .availability_zone(&subnet.zone)
            .cidr_block(subnet.cidr.to_string())
            .available_ip_address_count(addresses - 5 - used)
            .default_for_az(subnet.default)
            .map_public_ip_on_launch(subnet.maps_public_addresses)
            .state(SubnetState::Available)
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    pub fn create_subnet(&mut self, input: &CreateSubnetInput) -> Answer<CreateSubnetOutput> {
        let vpc = require(input.vpc_id(), "vpcId")?;
        let block = require(input.cidr_block(), "cidrBlock")?;
        let tags = sole(input.tag_specifications(), Kind::SUBNET)?;
        let range = self.register.find(&self.vpcs, vpc)?.cidr;
        let cidr = block_of_network(block)
            .filter(|cidr| range.contains(cidr))
            .ok_or_else(|| {
                refuse(
                    "InvalidSubnet.Range",
                    format!("The CIDR '{block}' is invalid."),
                )
            })?;
        let zone = match input.availability_zone() {
            None => self.zones_here().swap_remove(0),
            Some(zone) => self.check_zone(zone)?.to_owned(),
        };
        let overlaps = |other: &Subnet| {
            other.vpc == vpc && (other.cidr.contains(&cidr) || cidr.contains(&other.cidr))
        };
        if self.subnets.values().any(overlaps) {
            let message = format!("The CIDR '{block}' conflicts with another subnet");
            return Err(refuse("InvalidSubnet.Conflict", message));
        }
        let id = self.add_subnet(vpc, &zone, cidr, false, tags);
        let mut subnet = self
            .subnets
            .get(&id)
            .map(|subnet| self.subnet_view(&id, subnet));
        if let Some(subnet) = &mut subnet {
            subnet.state = Some(SubnetState::Pending);
        }
        Ok(CreateSubnetOutput::builder().set_subnet(subnet).build())
    }

    /// Lists the availability zones of this region.
    pub fn zones_here(&self) -> Vec<String> {
        ["a", "b", "c"]
            .map(|letter| format!("{}{letter}", self.register.region))
            .into()
    }

    /// Refuses a zone that this region does not have.
    pub fn check_zone<'a>(&self, zone: &'a str) -> Answer<&'a str> {
        let zones = self.zones_here();
        if zones.iter().any(|known| known == zone) {
            return Ok(zone);
        }
        let reason = format!(
            "Subnets can currently only be created in the following availability zones: {}.",
            zones.join(", ")
        );
        Err(invalid_value("availabilityZone", zone, &reason))
    }

    /// Makes a subnet; a default one gives its instances public addresses.
    pub fn add_subnet(
        &mut self,
        vpc: &str,
        zone: &str,
        cidr: Ipv4Net,
        default: bool,
        tags: Tags,
    ) -> String {
        let id = self.register.add(Kind::SUBNET, tags);
        let subnet = Subnet {
            vpc: vpc.to_owned(),
            zone: zone.to_owned(),
            cidr,
            default,
            maps_public_addresses: default,
            handed_out: 0,
        };
        self.subnets.insert(id.clone(), subnet);
        id
    }

    pub fn modify_subnet_attribute(
        &mut self,
        input: &ModifySubnetAttributeInput,
    ) -> Answer<ModifySubnetAttributeOutput> {
        let id = require(input.subnet_id(), "subnetId")?;
        let subnet = self.register.find_mut(&mut self.subnets, id)?;
        if let Some(on) = input
            .map_public_ip_on_launch()
            .and_then(AttributeBooleanValue::value)
        {
            subnet.maps_public_addresses = on;
        }
        Ok(ModifySubnetAttributeOutput::builder().build())
    }

    pub fn delete_subnet(&mut self, input: &DeleteSubnetInput) -> Answer<DeleteSubnetOutput> {
        let id = require(input.subnet_id(), "subnetId")?;
        self.register.find(&self.subnets, id)?;
        if self
            .interfaces
            .values()
            .any(|interface| interface.subnet == id)
        {
            let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
            return Err(in_use(message));
        }
        for table in self.route_tables.values_mut() {
            table.subnets.retain(|_, subnet| subnet != id);
        }
        self.subnets.remove(id);
        self.register.remove(id);
        Ok(DeleteSubnetOutput::builder().build())
    }
}
