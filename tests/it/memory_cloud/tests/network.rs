use aws_sdk_ec2::operation::associate_route_table::AssociateRouteTableInput;
use aws_sdk_ec2::operation::attach_internet_gateway::AttachInternetGatewayInput;
use aws_sdk_ec2::operation::create_internet_gateway::CreateInternetGatewayInput;
use aws_sdk_ec2::operation::create_route::CreateRouteInput;
use aws_sdk_ec2::operation::create_route_table::CreateRouteTableInput;
use aws_sdk_ec2::operation::create_subnet::CreateSubnetInput;
use aws_sdk_ec2::operation::create_vpc::CreateVpcInput;
use aws_sdk_ec2::operation::delete_internet_gateway::DeleteInternetGatewayInput;
use aws_sdk_ec2::operation::delete_route_table::DeleteRouteTableInput;
use aws_sdk_ec2::operation::delete_subnet::DeleteSubnetInput;
use aws_sdk_ec2::operation::delete_vpc::DeleteVpcInput;
use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesInput;
use aws_sdk_ec2::operation::detach_internet_gateway::DetachInternetGatewayInput;
use aws_sdk_ec2::operation::disassociate_route_table::DisassociateRouteTableInput;
use aws_sdk_ec2::operation::modify_subnet_attribute::ModifySubnetAttributeInput;
use aws_sdk_ec2::types::AttributeBooleanValue;

use super::*;

/// A VPC with a subnet that reaches the internet.
struct Network {
    vpc: String,
    subnet: String,
    gateway: String,
    table: String,
    association: String,
}

async fn vpc(memory: &Memory) -> Result<String, CallError> {
    let input = CreateVpcInput::builder().cidr_block("10.0.0.0/16");
    memory
        .create_vpc(input)
        .await
        .map(|answer| answer.vpc.unwrap().vpc_id.unwrap())
}

async fn network(memory: &Memory) -> Network {
    let vpc = vpc(memory).await.unwrap();
    let input = CreateSubnetInput::builder()
        .vpc_id(&vpc)
        .cidr_block("10.0.0.0/24");
    let subnet = memory
        .create_subnet(input)
        .await
        .unwrap()
        .subnet
        .unwrap()
        .subnet_id
        .unwrap();
    let on = AttributeBooleanValue::builder().value(true).build();
    let input = ModifySubnetAttributeInput::builder().subnet_id(&subnet);
    memory
        .modify_subnet_attribute(input.map_public_ip_on_launch(on))
        .await
        .unwrap();
    let answer = memory
        .create_internet_gateway(CreateInternetGatewayInput::builder())
        .await;
    let gateway = answer
        .unwrap()
        .internet_gateway
        .unwrap()
        .internet_gateway_id
        .unwrap();
    let input = CreateRouteTableInput::builder()
        .vpc_id(&vpc)
        .client_token("table");
    let table = memory
        .create_route_table(input)
        .await
        .unwrap()
        .route_table
        .unwrap();
    let table = table.route_table_id.unwrap();
    let route = CreateRouteInput::builder()
        .route_table_id(&table)
        .gateway_id(&gateway);
    let route = route.destination_cidr_block("0.0.0.0/0");
    assert_eq!(
        code(memory.create_route(route.clone()).await),
        "InvalidParameterValue"
    );
    let input = AttachInternetGatewayInput::builder()
        .vpc_id(&vpc)
        .internet_gateway_id(&gateway);
    memory.attach_internet_gateway(input.clone()).await.unwrap();
    let again = memory.attach_internet_gateway(input).await;
    assert_eq!(code(again), "Resource.AlreadyAssociated");
    memory.create_route(route.clone()).await.unwrap();
    assert_eq!(code(memory.create_route(route).await), "RouteAlreadyExists");
    let input = AssociateRouteTableInput::builder()
        .route_table_id(&table)
        .subnet_id(&subnet);
    let answer = memory.associate_route_table(input.clone()).await.unwrap();
    let again = memory.associate_route_table(input).await;
    assert_eq!(code(again), "Resource.AlreadyAssociated");
    Network {
        vpc,
        subnet,
        gateway,
        table,
        association: answer.association_id.unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_comes_down_in_order_only() {
    let memory = memory();
    let before = memory.snapshot();
    let Network {
        vpc,
        subnet,
        gateway,
        table,
        association,
    } = network(&memory).await;
    let input = to_run(&memory, "t3.micro").await.subnet_id(&subnet);
    let answer = memory.run_instances(input).await.unwrap();
    let instance = answer.instances()[0].instance_id().unwrap();
    let delete_vpc = DeleteVpcInput::builder().vpc_id(&vpc);
    let delete_subnet = DeleteSubnetInput::builder().subnet_id(&subnet);
    let delete_gateway = DeleteInternetGatewayInput::builder().internet_gateway_id(&gateway);
    let delete_table = DeleteRouteTableInput::builder().route_table_id(&table);
    let detach = DetachInternetGatewayInput::builder()
        .vpc_id(&vpc)
        .internet_gateway_id(&gateway);
    assert_eq!(
        code(memory.delete_vpc(delete_vpc.clone()).await),
        "DependencyViolation"
    );
    assert_eq!(
        code(memory.delete_subnet(delete_subnet.clone()).await),
        "DependencyViolation"
    );
    let attached = memory.delete_internet_gateway(delete_gateway.clone()).await;
    assert_eq!(code(attached), "DependencyViolation");
    assert_eq!(
        code(memory.delete_route_table(delete_table.clone()).await),
        "DependencyViolation"
    );
    let mapped = memory.detach_internet_gateway(detach.clone()).await;
    assert_eq!(code(mapped), "DependencyViolation");
    memory.terminate_behind_our_back(instance);
    memory.detach_internet_gateway(detach).await.unwrap();
    memory
        .delete_internet_gateway(delete_gateway)
        .await
        .unwrap();
    let input = DisassociateRouteTableInput::builder().association_id(association);
    memory.disassociate_route_table(input).await.unwrap();
    memory.delete_route_table(delete_table).await.unwrap();
    memory.delete_subnet(delete_subnet).await.unwrap();
    memory.delete_vpc(delete_vpc).await.unwrap();
    assert_eq!(memory.snapshot().living(), before);
}

#[tokio::test(start_paused = true)]
async fn a_group_of_another_network_does_not_fit() {
    let memory = memory();
    let Network { vpc, subnet, .. } = network(&memory).await;
    let default = memory.snapshot();
    let is_foreign = |item: &&&super::super::Item| item.attributes["vpc"] != vpc;
    let groups = default.of("security-group");
    let foreign = groups.iter().find(is_foreign).unwrap();
    let input = to_run(&memory, "t3.micro").await.subnet_id(subnet);
    let refused = memory
        .run_instances(input.security_group_ids(&foreign.id))
        .await;
    assert_eq!(code(refused), "InvalidParameter");
}

#[tokio::test(start_paused = true)]
async fn networks_are_limited_and_cannot_overlap() {
    let memory = memory();
    let first = vpc(&memory).await.unwrap();
    for _ in 0..3 {
        vpc(&memory).await.unwrap();
    }
    assert_eq!(code(vpc(&memory).await), "VpcLimitExceeded");
    let input = CreateSubnetInput::builder()
        .vpc_id(&first)
        .cidr_block("10.0.0.0/24");
    memory.create_subnet(input.clone()).await.unwrap();
    assert_eq!(
        code(memory.create_subnet(input.clone()).await),
        "InvalidSubnet.Conflict"
    );
    let outside = memory.create_subnet(input.cidr_block("10.9.0.0/24")).await;
    assert_eq!(code(outside), "InvalidSubnet.Range");
}

#[tokio::test(start_paused = true)]
async fn a_table_is_found_by_its_subnet_and_made_once_by_token() {
    let memory = memory();
    let Network {
        vpc, subnet, table, ..
    } = network(&memory).await;
    let input =
        DescribeRouteTablesInput::builder().filters(filter("association.subnet-id", &subnet));
    let found = memory
        .describe_route_tables(input)
        .await
        .unwrap()
        .route_tables
        .unwrap();
    assert_eq!(found[0].route_table_id(), Some(table.as_str()));
    let input = CreateRouteTableInput::builder()
        .vpc_id(&vpc)
        .client_token("table");
    let again = memory
        .create_route_table(input)
        .await
        .unwrap()
        .route_table
        .unwrap();
    assert_eq!(again.route_table_id, Some(table));
}

#[tokio::test(start_paused = true)]
async fn an_account_may_have_no_default_network() {
    let options = Options {
        default_vpc: false,
        ..Options::default()
    };
    let memory = Memory::with_options("123456789012", "us-east-1", options);
    let refused = memory
        .run_instances(to_run(&memory, "t3.micro").await)
        .await;
    assert_eq!(code(refused), "VPCIdNotSpecified");
}
