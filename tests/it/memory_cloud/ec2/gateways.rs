//! Internet gateways.
//!
//! Sources: EC2 API Reference, "AttachInternetGateway", "DetachInternetGateway"
//! and "Error codes"; Amazon VPC User Guide, "Amazon VPC quotas".

use aws_sdk_ec2::operation::{
    attach_internet_gateway::{AttachInternetGatewayInput, AttachInternetGatewayOutput},
    create_internet_gateway::{CreateInternetGatewayInput, CreateInternetGatewayOutput},
    delete_internet_gateway::{DeleteInternetGatewayInput, DeleteInternetGatewayOutput},
    describe_internet_gateways::{DescribeInternetGatewaysInput, DescribeInternetGatewaysOutput},
    detach_internet_gateway::{DetachInternetGatewayInput, DetachInternetGatewayOutput},
};
use aws_sdk_ec2::types::{AttachmentStatus, InternetGateway, InternetGatewayAttachment};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::tags::sole;
use super::super::world::World;
use super::in_use;

/// An internet gateway.
pub struct Gateway {
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
}

impl Resource for Gateway {
    const KIND: Kind = Kind::GATEWAY;
}

const FILTERS: Filters<InternetGateway> = Filters {
    fields: &[
        ("attachment.state", |gateway| {
            gateway
                .attachments()
                .iter()
                .flat_map(|one| values(one.state()))
                .collect()
        }),
        ("attachment.vpc-id", |gateway| {
            gateway
                .attachments()
                .iter()
                .flat_map(|one| values(one.vpc_id()))
                .collect()
        }),
        ("internet-gateway-id", |gateway| {
            values(gateway.internet_gateway_id())
        }),
        ("owner-id", |gateway| values(gateway.owner_id())),
    ],
    tags: InternetGateway::tags,
};

impl World {
    pub fn describe_internet_gateways(
        &self,
        input: &DescribeInternetGatewaysInput,
    ) -> Answer<DescribeInternetGatewaysOutput> {
        let rows = self
            .register
            .named(&self.gateways, input.internet_gateway_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, gateway)| self.gateway_view(id, gateway))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeInternetGatewaysOutput::builder().set_internet_gateways(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn gateway_view(&self, id: &str, gateway: &Gateway) -> InternetGateway {
        let attachments = gateway.vpc.iter().map(|vpc| {
            let attachment = InternetGatewayAttachment::builder().vpc_id(vpc);
            attachment
                .state(AttachmentStatus::from("available"))
                .build()
        });
        InternetGateway::builder()
            .internet_gateway_id(id)
            .owner_id(&self.register.account)
            .set_attachments(Some(attachments.collect()))
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    pub fn create_internet_gateway(
        &mut self,
        input: &CreateInternetGatewayInput,
    ) -> Answer<CreateInternetGatewayOutput> {
        let tags = sole(input.tag_specifications(), Kind::GATEWAY)?;
        if self.register.all(&self.gateways).count() >= self.options.vpcs {
            let message = "The maximum number of internet gateways has been reached.";
            return Err(refuse("InternetGatewayLimitExceeded", message));
        }
        let id = self.add_gateway(None, tags);
        let gateway = self
            .gateways
            .get(&id)
            .map(|gateway| self.gateway_view(&id, gateway));
        Ok(CreateInternetGatewayOutput::builder()
            .set_internet_gateway(gateway)
            .build())
    }

    /// Makes a gateway, attached to the VPC if one is given.
    pub fn add_gateway(&mut self, vpc: Option<&str>, tags: Tags) -> String {
        let id = self.register.add(Kind::GATEWAY, tags);
        let vpc = vpc.map(str::to_owned);
        self.gateways.insert(id.clone(), Gateway { vpc });
        id
    }

    pub fn attach_internet_gateway(
        &mut self,
        input: &AttachInternetGatewayInput,
    ) -> Answer<AttachInternetGatewayOutput> {
        let id = require(input.internet_gateway_id(), "internetGatewayId")?;
        let vpc = require(input.vpc_id(), "vpcId")?;
        self.register.find(&self.vpcs, vpc)?;
        if let Some(other) = &self.register.find(&self.gateways, id)?.vpc {
            let message = format!("resource {id} is already attached to network {other}");
            return Err(refuse("Resource.AlreadyAssociated", message));
        }
        if self.has_gateway(vpc) {
            let message = format!("Network {vpc} already has an internet gateway attached");
            return Err(refuse("InvalidParameterValue", message));
        }
        self.register.find_mut(&mut self.gateways, id)?.vpc = Some(vpc.to_owned());
        Ok(AttachInternetGatewayOutput::builder().build())
    }

    /// Whether a VPC has a way to the internet.
    pub fn has_gateway(&self, vpc: &str) -> bool {
        self.gateways
            .values()
            .any(|gateway| gateway.vpc.as_deref() == Some(vpc))
    }

    pub fn detach_internet_gateway(
        &mut self,
        input: &DetachInternetGatewayInput,
    ) -> Answer<DetachInternetGatewayOutput> {
        let id = require(input.internet_gateway_id(), "internetGatewayId")?;
        let vpc = require(input.vpc_id(), "vpcId")?;
        self.register.find(&self.vpcs, vpc)?;
        if self.register.find(&self.gateways, id)?.vpc.as_deref() != Some(vpc) {
            let message = format!("resource {id} is not attached to network {vpc}");
            return Err(refuse("Gateway.NotAttached", message));
        }
        if self.has_public_address(vpc) {
            return Err(in_use(format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public \
                 address(es) before detaching the gateway."
            )));
        }
        self.register.find_mut(&mut self.gateways, id)?.vpc = None;
        Ok(DetachInternetGatewayOutput::builder().build())
    }

    /// Whether an interface in the VPC has a public address, its own or Elastic.
    fn has_public_address(&self, vpc: &str) -> bool {
        self.interfaces
            .iter()
            .filter(|(_, interface)| interface.vpc == vpc)
            .any(|(id, interface)| self.public_address(id, interface).is_some())
    }

    pub fn delete_internet_gateway(
        &mut self,
        input: &DeleteInternetGatewayInput,
    ) -> Answer<DeleteInternetGatewayOutput> {
        let id = require(input.internet_gateway_id(), "internetGatewayId")?;
        if self.register.find(&self.gateways, id)?.vpc.is_some() {
            return Err(in_use(format!(
                "The internetGateway '{id}' has dependencies and cannot be deleted."
            )));
        }
        self.gateways.remove(id);
        self.register.remove(id);
        Ok(DeleteInternetGatewayOutput::builder().build())
    }
}
