//! The part of a dedicated network in which the server is.

use aws_sdk_ec2::operation::create_subnet::CreateSubnetInput;
use aws_sdk_ec2::operation::delete_subnet::DeleteSubnetInput;
use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsInput;
use aws_sdk_ec2::operation::modify_subnet_attribute::ModifySubnetAttributeInput;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Subnet as Ec2Subnet};

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Reference, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::Run;
use super::{Kind, Manage, ec2_tags, network, tags};

/// The part of a network in which the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The network.
    pub vpc: Reference,
    /// Its range of addresses.
    pub cidr: String,
    /// Its availability zone, where the plan says one.
    pub availability_zone: Option<String>,
    /// Whether servers in it get a public address.
    pub public_addresses: bool,
    /// Its tags.
    pub tags: Tags,
}

fn live(subnet: &Ec2Subnet, reader: &Reader<'_>) -> Live<Subnet> {
    let tags = ec2_tags::read(subnet.tags());
    let observed = Observed {
        tags,
        availability_zone: subnet.availability_zone().map(str::to_owned),
        ..Observed::default()
    };
    let id = subnet.subnet_id().unwrap_or_default();
    tags::live(
        reader.scope,
        Address::of(Kind::Subnet),
        id,
        observed,
        |tags| Subnet {
            vpc: Reference::Id(subnet.vpc_id().unwrap_or_default().to_owned()),
            cidr: subnet.cidr_block().unwrap_or_default().to_owned(),
            availability_zone: reader.scope.zone_said(subnet.availability_zone()),
            public_addresses: subnet.map_public_ip_on_launch().unwrap_or_default(),
            tags,
        },
    )
}

impl Subnet {
    async fn set_public_addresses(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        run.settled(
            "the subnet to be known",
            &["InvalidSubnetID.NotFound"],
            async || {
                let value = AttributeBooleanValue::builder().value(self.public_addresses);
                let input = ModifySubnetAttributeInput::builder()
                    .subnet_id(id)
                    .map_public_ip_on_launch(value.build());
                run.cloud.modify_subnet_attribute(input).await.map(drop)
            },
        )
        .await
    }
}

impl Manage for Subnet {
    const LOST: Lost = Lost::Id;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("vpc", Value::from(&self.vpc)),
            Field::replace("cidr", Value::text(&self.cidr)),
            Field::replace(
                "availability_zone",
                Value::maybe(self.availability_zone.as_ref()),
            ),
            Field::update("public_addresses", Value::Bool(self.public_addresses)),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        visit(&mut self.vpc);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        if !network::is_wanted(reader, "subnet").await? {
            return Ok(Vec::new());
        }
        let filters = ec2_tags::lab_filters(reader.scope);
        let input = DescribeSubnetsInput::builder().set_filters(filters);
        let output = reader.cloud.describe_subnets(input).await?;
        let subnets = output.subnets().iter();
        Ok(subnets.map(|subnet| live(subnet, reader)).collect())
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let vpc = run.id(&self.vpc)?;
        let zone = &run.shared.lookups.availability_zone;
        let look = async || -> Result<Option<Option<String>>, CallError> {
            let input = DescribeSubnetsInput::builder()
                .set_filters(ec2_tags::lab_filters(run.scope))
                .filters(ec2_tags::filter("vpc-id", [&vpc]));
            let output = run.cloud.describe_subnets(input).await?;
            let ids = output
                .subnets()
                .iter()
                .filter_map(|subnet| subnet.subnet_id());
            Ok(ids.min().map(|id| Some(id.to_owned())))
        };
        let create = async || {
            run.settled(
                "the network to be known",
                &["InvalidVpcID.NotFound"],
                async || {
                    let specification = ec2_tags::specification(ResourceType::Subnet, &self.tags);
                    let input = CreateSubnetInput::builder()
                        .vpc_id(&vpc)
                        .cidr_block(&self.cidr)
                        .set_availability_zone(zone.clone())
                        .tag_specifications(specification);
                    let output = run.cloud.create_subnet(input).await?;
                    Ok(output.subnet.and_then(|subnet| subnet.subnet_id))
                },
            )
            .await
        };
        let id = run.once("a subnet", look, create).await?;
        let handle = network::created(id, "CreateSubnet")?;
        self.set_public_addresses(&handle.id, run).await?;
        Ok(handle)
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await?;
        if live.body.public_addresses != self.public_addresses {
            self.set_public_addresses(&live.id, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let gone = "InvalidSubnetID.NotFound";
        network::delete(
            run,
            "the interfaces in the subnet to go",
            gone,
            async || {
                let input = DeleteSubnetInput::builder().subnet_id(&live.id);
                run.cloud.delete_subnet(input).await.map(drop)
            },
        )
        .await
    }
}
