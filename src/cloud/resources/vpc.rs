//! The network of the lab's own, for `network: dedicated`.

use aws_sdk_ec2::operation::create_vpc::CreateVpcInput;
use aws_sdk_ec2::operation::delete_vpc::DeleteVpcInput;
use aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsInput;
use aws_sdk_ec2::types::{ResourceType, Vpc as Ec2Vpc};

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::Run;
use super::{Kind, Manage, ec2_tags, network, tags};

/// A network of the lab's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// Its range of addresses.
    pub cidr: String,
    /// Its tags.
    pub tags: Tags,
}

fn live(vpc: &Ec2Vpc, reader: &Reader<'_>) -> Live<Vpc> {
    let tags = ec2_tags::read(vpc.tags());
    let observed = Observed {
        tags,
        ..Observed::default()
    };
    let id = vpc.vpc_id().unwrap_or_default();
    tags::live(reader.scope, Address::of(Kind::Vpc), id, observed, |tags| {
        Vpc {
            cidr: vpc.cidr_block().unwrap_or_default().to_owned(),
            tags,
        }
    })
}

impl Manage for Vpc {
    const LOST: Lost = Lost::Id;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("cidr", Value::text(&self.cidr)),
            Field::created_after(Kind::KeyPair),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        if !network::is_wanted(reader, "vpc").await? {
            return Ok(Vec::new());
        }
        let filters = ec2_tags::lab_filters(reader.scope);
        let input = DescribeVpcsInput::builder().set_filters(filters);
        let output = reader.cloud.describe_vpcs(input).await?;
        Ok(output.vpcs().iter().map(|vpc| live(vpc, reader)).collect())
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let look = async || -> Result<Option<Option<String>>, CallError> {
            let filters = ec2_tags::lab_filters(run.scope);
            let input = DescribeVpcsInput::builder().set_filters(filters);
            let output = run.cloud.describe_vpcs(input).await?;
            let ids = output.vpcs().iter().filter_map(Ec2Vpc::vpc_id);
            Ok(ids.min().map(|id| Some(id.to_owned())))
        };
        let create = async || -> Result<Option<String>, StepError> {
            let input = CreateVpcInput::builder()
                .cidr_block(&self.cidr)
                .tag_specifications(ec2_tags::specification(ResourceType::Vpc, &self.tags));
            let output = run.cloud.create_vpc(input).await?;
            Ok(output.vpc.and_then(|vpc| vpc.vpc_id))
        };
        network::created(run.once("a network", look, create).await?, "CreateVpc")
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let delete = || {
            let input = DeleteVpcInput::builder().vpc_id(&live.id);
            run.cloud.delete_vpc(input)
        };
        network::delete(
            run,
            "the last parts of the network to go",
            "InvalidVpcID.NotFound",
            async || delete().await.map(drop),
        )
        .await
    }
}
