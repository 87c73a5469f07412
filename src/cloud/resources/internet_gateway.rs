//! The way from a dedicated network to the world.

use aws_sdk_ec2::operation::attach_internet_gateway::AttachInternetGatewayInput;
use aws_sdk_ec2::operation::create_internet_gateway::CreateInternetGatewayInput;
use aws_sdk_ec2::operation::delete_internet_gateway::DeleteInternetGatewayInput;
use aws_sdk_ec2::operation::describe_internet_gateways::DescribeInternetGatewaysInput;
use aws_sdk_ec2::operation::detach_internet_gateway::DetachInternetGatewayInput;
use aws_sdk_ec2::types::{InternetGateway as Ec2InternetGateway, ResourceType};

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Reference, Tags, Value, present};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, ec2_tags, network, tags};

/// The way from a network to the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternetGateway {
    /// The network that it is attached to.
    pub vpc: Option<Reference>,
    /// Its tags.
    pub tags: Tags,
}

fn live(gateway: &Ec2InternetGateway, reader: &Reader<'_>) -> Live<InternetGateway> {
    let tags = ec2_tags::read(gateway.tags());
    let attachment = gateway.attachments().first();
    let vpc = present(attachment.and_then(|attachment| attachment.vpc_id()));
    let observed = Observed {
        tags,
        association_id: vpc.map(str::to_owned),
        ..Observed::default()
    };
    let id = gateway.internet_gateway_id().unwrap_or_default();
    tags::live(
        reader.scope,
        Address::of(Kind::InternetGateway),
        id,
        observed,
        |tags| InternetGateway {
            vpc: Reference::named(vpc),
            tags,
        },
    )
}

impl InternetGateway {
    async fn attach_to_vpc(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        let Some(vpc) = &self.vpc else {
            return Ok(());
        };
        let vpc = run.id(vpc)?;
        // A duplicate that is in the place is deleted by a step of its own.
        let passing = |error: &CallError| {
            let codes = ["InvalidVpcID.NotFound", "InvalidInternetGatewayID.NotFound"];
            codes.contains(&error.code())
                || error
                    .failure
                    .to_string()
                    .contains("already has an internet gateway")
        };
        run.retry_if("the network to take its gateway", passing, async || {
            let input = AttachInternetGatewayInput::builder()
                .internet_gateway_id(id)
                .vpc_id(&vpc);
            let result = run.cloud.attach_internet_gateway(input).await;
            gone_is_fine(result, &["Resource.AlreadyAssociated"])
        })
        .await
    }
}

async fn detach(live: &Live<InternetGateway>, run: &Run<'_>) -> Result<(), StepError> {
    let Some(vpc) = &live.observed.association_id else {
        return Ok(());
    };
    let gone = "Gateway.NotAttached";
    network::delete(
        run,
        "the addresses in the network to be released",
        gone,
        async || {
            let input = DetachInternetGatewayInput::builder()
                .internet_gateway_id(&live.id)
                .vpc_id(vpc);
            run.cloud.detach_internet_gateway(input).await.map(drop)
        },
    )
    .await
}

impl Manage for InternetGateway {
    const LOST: Lost = Lost::Id;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::update("vpc", Value::from(&self.vpc))];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.vpc.iter_mut().for_each(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        if !network::is_wanted(reader, "internet-gateway").await? {
            return Ok(Vec::new());
        }
        let filters = ec2_tags::lab_filters(reader.scope);
        let input = DescribeInternetGatewaysInput::builder().set_filters(filters);
        let output = reader.cloud.describe_internet_gateways(input).await?;
        let gateways = output.internet_gateways().iter();
        Ok(gateways.map(|gateway| live(gateway, reader)).collect())
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let look = async || -> Result<Option<Option<String>>, CallError> {
            let filters = ec2_tags::lab_filters(run.scope);
            let input = DescribeInternetGatewaysInput::builder().set_filters(filters);
            let output = run.cloud.describe_internet_gateways(input).await?;
            let gateways = output.internet_gateways().iter();
            let ids = gateways.filter_map(Ec2InternetGateway::internet_gateway_id);
            Ok(ids.min().map(|id| Some(id.to_owned())))
        };
        let create = async || -> Result<Option<String>, StepError> {
            let specification = ec2_tags::specification(ResourceType::InternetGateway, &self.tags);
            let input = CreateInternetGatewayInput::builder().tag_specifications(specification);
            let output = run.cloud.create_internet_gateway(input).await?;
            Ok(output
                .internet_gateway
                .and_then(|gateway| gateway.internet_gateway_id))
        };
        let id = run.once("a gateway", look, create).await?;
        let handle = network::created(id, "CreateInternetGateway")?;
        self.attach_to_vpc(&handle.id, run).await?;
        Ok(handle)
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await?;
        if live.body.vpc != self.vpc {
            detach(live, run).await?;
            self.attach_to_vpc(&live.id, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        detach(live, run).await?;
        let gone = "InvalidInternetGatewayID.NotFound";
        network::delete(run, "the gateway to be free", gone, async || {
            let input = DeleteInternetGatewayInput::builder().internet_gateway_id(&live.id);
            run.cloud.delete_internet_gateway(input).await.map(drop)
        })
        .await
    }
}
