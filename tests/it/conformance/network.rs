//! Rules of EC2's networks.

use aws_sdk_ec2::operation::associate_route_table::AssociateRouteTableInput;
use aws_sdk_ec2::operation::attach_internet_gateway::AttachInternetGatewayInput;
use aws_sdk_ec2::operation::create_internet_gateway::CreateInternetGatewayInput;
use aws_sdk_ec2::operation::create_route::CreateRouteInput;
use aws_sdk_ec2::operation::create_route_table::CreateRouteTableInput;
use aws_sdk_ec2::operation::create_subnet::CreateSubnetInput;
use aws_sdk_ec2::operation::delete_internet_gateway::DeleteInternetGatewayInput;
use aws_sdk_ec2::operation::delete_route_table::DeleteRouteTableInput;
use aws_sdk_ec2::operation::detach_internet_gateway::DetachInternetGatewayInput;
use labctl::cloud::api::Cloud;

use super::{Rule, code, subnet, vpc};

async fn gateway(cloud: &dyn Cloud) -> String {
    let answer = cloud
        .create_internet_gateway(CreateInternetGatewayInput::builder())
        .await
        .unwrap();
    let gateway = answer.internet_gateway.unwrap();
    gateway.internet_gateway_id.unwrap()
}

async fn attach(cloud: &dyn Cloud, gateway: &str, vpc: &str) -> String {
    let input = AttachInternetGatewayInput::builder()
        .internet_gateway_id(gateway)
        .vpc_id(vpc);
    code(cloud.attach_internet_gateway(input).await)
}

async fn route_table(cloud: &dyn Cloud, vpc: &str) -> String {
    let answer = cloud
        .create_route_table(CreateRouteTableInput::builder().vpc_id(vpc))
        .await
        .unwrap();
    answer.route_table.unwrap().route_table_id.unwrap()
}

pub const RULES: &[Rule] = &[
    Rule {
        name: "a gateway is attached to one network, and a network has one",
        source: "EC2 API Reference, AttachInternetGateway",
        expected: &["ok", "Resource.AlreadyAssociated", "InvalidParameterValue"],
        ask: |cloud, _| {
            Box::pin(async {
                let (vpc, first, second) =
                    (vpc(cloud).await, gateway(cloud).await, gateway(cloud).await);
                vec![
                    attach(cloud, &first, &vpc).await,
                    attach(cloud, &first, &vpc).await,
                    attach(cloud, &second, &vpc).await,
                ]
            })
        },
    },
    Rule {
        name: "a gateway is deleted once it is detached, and detached once",
        source: "EC2 API Reference, DeleteInternetGateway and DetachInternetGateway",
        expected: &["DependencyViolation", "ok", "Gateway.NotAttached", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let (vpc, gateway) = (vpc(cloud).await, gateway(cloud).await);
                attach(cloud, &gateway, &vpc).await;
                let delete = async || {
                    let input = DeleteInternetGatewayInput::builder().internet_gateway_id(&gateway);
                    code(cloud.delete_internet_gateway(input).await)
                };
                let detach = async || {
                    let input = DetachInternetGatewayInput::builder()
                        .internet_gateway_id(&gateway)
                        .vpc_id(&vpc);
                    code(cloud.detach_internet_gateway(input).await)
                };
                let early = delete().await;
                vec![early, detach().await, detach().await, delete().await]
            })
        },
    },
    Rule {
        name: "a route is made once",
        source: "EC2 API Reference, error codes, `RouteAlreadyExists`",
        expected: &["ok", "RouteAlreadyExists"],
        ask: |cloud, _| {
            Box::pin(async {
                let (vpc, gateway) = (vpc(cloud).await, gateway(cloud).await);
                attach(cloud, &gateway, &vpc).await;
                let table = route_table(cloud, &vpc).await;
                let create = async || {
                    let input = CreateRouteInput::builder()
                        .route_table_id(&table)
                        .destination_cidr_block("0.0.0.0/0")
                        .gateway_id(&gateway);
                    code(cloud.create_route(input).await)
                };
                vec![create().await, create().await]
            })
        },
    },
    Rule {
        name: "a route table that a subnet uses is not deleted",
        source: "EC2 API Reference, DeleteRouteTable",
        expected: &["DependencyViolation"],
        ask: |cloud, _| {
            Box::pin(async {
                let vpc = vpc(cloud).await;
                let table = route_table(cloud, &vpc).await;
                let answer = cloud.create_subnet(subnet(&vpc)).await.unwrap();
                let input = AssociateRouteTableInput::builder()
                    .route_table_id(&table)
                    .set_subnet_id(answer.subnet.unwrap().subnet_id);
                cloud.associate_route_table(input).await.unwrap();
                let input = DeleteRouteTableInput::builder().route_table_id(&table);
                vec![code(cloud.delete_route_table(input).await)]
            })
        },
    },
    Rule {
        name: "a subnet lies in its network, which must be there",
        source: "EC2 API Reference, CreateSubnet; error codes, `InvalidSubnet.Range`",
        expected: &["InvalidSubnet.Range", "InvalidVpcID.NotFound"],
        ask: |cloud, _| {
            Box::pin(async {
                let ask = async |vpc: &str, range: &str| {
                    let input = CreateSubnetInput::builder().vpc_id(vpc).cidr_block(range);
                    code(cloud.create_subnet(input).await)
                };
                let vpc = vpc(cloud).await;
                vec![
                    ask(&vpc, "192.168.7.0/24").await,
                    ask("vpc-0123456789abcdef0", "10.7.0.0/24").await,
                ]
            })
        },
    },
];
