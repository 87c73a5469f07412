//! VPCs.
//!
//! Sources: EC2 API Reference, "CreateVpc", "DeleteVpc";
//! Amazon VPC User Guide, "VPC CIDR blocks".

use aws_sdk_ec2::operation::{
    create_vpc::{CreateVpcInput, CreateVpcOutput},
    delete_vpc::{DeleteVpcInput, DeleteVpcOutput},
    describe_vpcs::{DescribeVpcsInput, DescribeVpcsOutput},
};
use aws_sdk_ec2::types::{self, Tenancy, VpcState};
use ipnet::Ipv4Net;

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::tags::sole;
use super::super::world::World;
use super::in_use;

/// A VPC.
pub struct Vpc {
    pub cidr: Ipv4Net,
    pub default: bool,
}

impl Resource for Vpc {
    const KIND: Kind = Kind::VPC;
}

const FILTERS: Filters<types::Vpc> = Filters {
    fields: &[
        ("cidr", |vpc| values(vpc.cidr_block())),
        ("cidr-block", |vpc| values(vpc.cidr_block())),
        ("is-default", |vpc| values(vpc.is_default())),
        ("isDefault", |vpc| values(vpc.is_default())),
        ("owner-id", |vpc| values(vpc.owner_id())),
        ("state", |vpc| values(vpc.state())),
        ("vpc-id", |vpc| values(vpc.vpc_id())),
    ],
    tags: types::Vpc::tags,
};

impl World {
    pub fn describe_vpcs(&self, input: &DescribeVpcsInput) -> Answer<DescribeVpcsOutput> {
        let rows = self.register.named(&self.vpcs, input.vpc_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, vpc)| self.vpc_view(id, vpc))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeVpcsOutput::builder().set_vpcs(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn vpc_view(&self, id: &str, vpc: &Vpc) -> types::Vpc {
        types::Vpc::builder()
            .vpc_id(id)
            .owner_id(&self.register.account)
            .cidr_block(vpc.cidr.to_string())
            .instance_tenancy(Tenancy::Default)
            .is_default(vpc.default)
            .state(VpcState::Available)
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    pub fn create_vpc(&mut self, input: &CreateVpcInput) -> Answer<CreateVpcOutput> {
        let block = require(input.cidr_block(), "cidrBlock")?;
        let cidr = block_of_network(block).ok_or_else(|| {
            refuse(
                "InvalidVpc.Range",
                format!("The CIDR '{block}' is invalid."),
            )
        })?;
        let tags = sole(input.tag_specifications(), Kind::VPC)?;
        if self.register.all(&self.vpcs).count() >= self.options.vpcs {
            let message = "The maximum number of VPCs has been reached.";
            return Err(refuse("VpcLimitExceeded", message));
        }
        let id = self.add_vpc(cidr, false, tags);
        let mut vpc = self.vpcs.get(&id).map(|vpc| self.vpc_view(&id, vpc));
        if let Some(vpc) = &mut vpc {
            vpc.state = Some(VpcState::Pending);
        }
        Ok(CreateVpcOutput::builder().set_vpc(vpc).build())
    }

    /// Makes a VPC with what each has: a main route table and a default group.
    pub fn add_vpc(&mut self, cidr: Ipv4Net, default: bool, tags: Tags) -> String {
        let id = self.register.add(Kind::VPC, tags);
        let vpc = Vpc { cidr, default };
        self.vpcs.insert(id.clone(), vpc);
        self.add_route_table(&id, true, Tags::new());
        let description = "default VPC security group";
        let group = self.add_group(&id, "default", description, Tags::new());
        self.trust_itself(&group);
        id
    }

    pub fn delete_vpc(&mut self, input: &DeleteVpcInput) -> Answer<DeleteVpcOutput> {
        let id = require(input.vpc_id(), "vpcId")?;
        self.register.find(&self.vpcs, id)?;
        let has_group = |name: &str| name != "default";
        let is_needed = self.subnets.values().any(|subnet| subnet.vpc == id)
            || self
                .gateways
                .values()
                .any(|gateway| gateway.vpc.as_deref() == Some(id))
            || self
                .route_tables
                .values()
                .any(|table| table.vpc == id && !table.main)
            || self
                .groups
                .values()
                .any(|group| group.vpc == id && has_group(&group.name));
        if is_needed {
            let message = format!("The vpc '{id}' has dependencies and cannot be deleted.");
            return Err(in_use(message));
        }
        self.remove_parts(id);
        self.vpcs.remove(id);
        self.register.remove(id);
        Ok(DeleteVpcOutput::builder().build())
    }

    fn remove_parts(&mut self, vpc: &str) {
        let register = &mut self.register;
        self.route_tables.retain(|id, table| {
            let stays = table.vpc != vpc;
            if !stays {
                register.remove(id);
            }
            stays
        });
        self.groups.retain(|id, group| {
            let stays = group.vpc != vpc;
            if !stays {
                register.remove(id);
            }
            stays
        });
    }

    /// Finds the default VPC of this region.
    pub fn default_vpc(&self) -> Answer<&str> {
        let found = self.register.all(&self.vpcs).find(|(_, vpc)| vpc.default);
        found
            .map(|(id, _)| id)
            .ok_or_else(|| refuse("VPCIdNotSpecified", "No default VPC for this user"))
    }
}

/// Reads the block of a VPC or a subnet: /16 to /28, host bits dropped.
pub fn block_of_network(text: &str) -> Option<Ipv4Net> {
    let cidr: Ipv4Net = text.parse().ok()?;
    (16..=28).contains(&cidr.prefix_len()).then(|| cidr.trunc())
}
