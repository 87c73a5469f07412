//! The routes of a dedicated network: everything else goes to the gateway.

use aws_sdk_ec2::operation::associate_route_table::AssociateRouteTableInput;
use aws_sdk_ec2::operation::create_route::CreateRouteInput;
use aws_sdk_ec2::operation::create_route_table::CreateRouteTableInput;
use aws_sdk_ec2::operation::delete_route_table::DeleteRouteTableInput;
use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesInput;
use aws_sdk_ec2::operation::disassociate_route_table::DisassociateRouteTableInput;
use aws_sdk_ec2::types::{ResourceType, RouteTable as Ec2RouteTable};

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Reference, Tags, Value, present};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, ec2_tags, network, tags};

const EVERYWHERE: &str = "0.0.0.0/0";

/// What AWS answers while something that was just made is not known everywhere.
const NOT_YET: &[&str] = &[
    "InvalidVpcID.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidInternetGatewayID.NotFound",
    "InvalidRouteTableID.NotFound",
];
/// What is waited for then.
const AWAITED: &str = "the parts of the network to be known";

/// The routes of a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// The network.
    pub vpc: Reference,
    /// The gateway that the default route leads to.
    pub internet_gateway: Option<Reference>,
    /// The subnet that the routes are for.
    pub subnet: Option<Reference>,
    /// Its tags.
    pub tags: Tags,
}

fn live(table: &Ec2RouteTable, reader: &Reader<'_>) -> Live<RouteTable> {
    let tags = ec2_tags::read(table.tags());
    let association = table
        .associations()
        .iter()
        .find(|association| association.subnet_id().is_some());
    let default_route = table
        .routes()
        .iter()
        .find(|route| route.destination_cidr_block() == Some(EVERYWHERE));
    let observed = Observed {
        tags,
        association_id: present(
            association.and_then(|association| association.route_table_association_id()),
        )
        .map(str::to_owned),
        ..Observed::default()
    };
    let id = table.route_table_id().unwrap_or_default();
    tags::live(
        reader.scope,
        Address::of(Kind::RouteTable),
        id,
        observed,
        |tags| RouteTable {
            vpc: Reference::Id(table.vpc_id().unwrap_or_default().to_owned()),
            internet_gateway: Reference::named(default_route.and_then(|route| route.gateway_id())),
            subnet: Reference::named(association.and_then(|association| association.subnet_id())),
            tags,
        },
    )
}

impl RouteTable {
    async fn add_default_route(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        let Some(gateway) = &self.internet_gateway else {
            return Ok(());
        };
        let gateway = run.id(gateway)?;
        run.settled(AWAITED, NOT_YET, async || {
            let input = CreateRouteInput::builder()
                .route_table_id(id)
                .destination_cidr_block(EVERYWHERE)
                .gateway_id(&gateway);
            let result = run.cloud.create_route(input).await;
            gone_is_fine(result, &["RouteAlreadyExists"])
        })
        .await
    }

    async fn associate(&self, id: &str, run: &Run<'_>) -> Result<(), StepError> {
        let Some(subnet) = &self.subnet else {
            return Ok(());
        };
        let subnet = run.id(subnet)?;
        run.settled(AWAITED, NOT_YET, async || {
            let input = AssociateRouteTableInput::builder()
                .route_table_id(id)
                .subnet_id(&subnet);
            run.cloud.associate_route_table(input).await.map(drop)
        })
        .await
    }
}

impl Manage for RouteTable {
    const LOST: Lost = Lost::Id;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("vpc", Value::from(&self.vpc)),
            // A route that leads elsewhere is not led anew: it leads to nothing, and a
            // table is made in a moment. One that is missing is added.
            Field::replace("internet_gateway", Value::from(&self.internet_gateway)),
            Field::update("subnet", Value::from(&self.subnet)),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        visit(&mut self.vpc);
        let optional = [&mut self.internet_gateway, &mut self.subnet];
        optional.into_iter().flatten().for_each(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        if !network::is_wanted(reader, "route-table").await? {
            return Ok(Vec::new());
        }
        let filters = ec2_tags::lab_filters(reader.scope);
        let input = DescribeRouteTablesInput::builder().set_filters(filters);
        let output = reader.cloud.describe_route_tables(input).await?;
        let tables = output.route_tables().iter();
        Ok(tables.map(|table| live(table, reader)).collect())
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let vpc = run.id(&self.vpc)?;
        let output = run
            .settled(AWAITED, NOT_YET, async || {
                let specification = ec2_tags::specification(ResourceType::RouteTable, &self.tags);
                let input = CreateRouteTableInput::builder()
                    .vpc_id(&vpc)
                    .tag_specifications(specification);
                run.cloud.create_route_table(input).await
            })
            .await?;
        let id = output.route_table.and_then(|table| table.route_table_id);
        let handle = network::created(id, "CreateRouteTable")?;
        self.add_default_route(&handle.id, run).await?;
        self.associate(&handle.id, run).await?;
        Ok(handle)
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await?;
        if live.body.internet_gateway != self.internet_gateway {
            self.add_default_route(&live.id, run).await?;
        }
        if live.body.subnet != self.subnet {
            disassociate(live, run).await?;
            self.associate(&live.id, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        disassociate(live, run).await?;
        let gone = "InvalidRouteTableID.NotFound";
        network::delete(run, "the routes to be free", gone, async || {
            let input = DeleteRouteTableInput::builder().route_table_id(&live.id);
            run.cloud.delete_route_table(input).await.map(drop)
        })
        .await
    }
}

async fn disassociate(live: &Live<RouteTable>, run: &Run<'_>) -> Result<(), StepError> {
    let Some(association) = &live.observed.association_id else {
        return Ok(());
    };
    let input = DisassociateRouteTableInput::builder().association_id(association);
    let result = run.cloud.disassociate_route_table(input).await;
    Ok(gone_is_fine(result, &["InvalidAssociationID.NotFound"])?)
}
