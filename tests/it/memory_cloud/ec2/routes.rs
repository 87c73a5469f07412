//! Route tables, their routes and their subnets.
//!
//! Sources: EC2 API Reference, "CreateRouteTable", "CreateRoute",
//! "AssociateRouteTable", "DeleteRouteTable" and "Error codes".

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::{
    associate_route_table::{AssociateRouteTableInput, AssociateRouteTableOutput},
    create_route::{CreateRouteInput, CreateRouteOutput},
    create_route_table::{CreateRouteTableInput, CreateRouteTableOutput},
    delete_route_table::{DeleteRouteTableInput, DeleteRouteTableOutput},
    describe_route_tables::{DescribeRouteTablesInput, DescribeRouteTablesOutput},
    disassociate_route_table::{DisassociateRouteTableInput, DisassociateRouteTableOutput},
};
use aws_sdk_ec2::types::{
    self, Route, RouteOrigin, RouteState, RouteTableAssociation, RouteTableAssociationState,
    RouteTableAssociationStateCode,
};
use ipnet::Ipv4Net;

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, invalid_value, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::tags::sole;
use super::super::world::World;
use super::{in_use, unknown_association};

/// A route table.
pub struct RouteTable {
    pub vpc: String,
    pub main: bool,
    /// The association of a main table, which names no subnet.
    main_association: String,
    /// The gateway of each destination but the VPC itself.
    pub routes: BTreeMap<Ipv4Net, String>,
    /// The subnets, by association.
    pub subnets: BTreeMap<String, String>,
}

impl Resource for RouteTable {
    const KIND: Kind = Kind::ROUTE_TABLE;
}

fn of_associations(
    table: &types::RouteTable,
    read: fn(&RouteTableAssociation) -> Vec<String>,
) -> Vec<String> {
    table.associations().iter().flat_map(read).collect()
}

fn of_routes(table: &types::RouteTable, read: fn(&Route) -> Option<&str>) -> Vec<String> {
    table
        .routes()
        .iter()
        .flat_map(|route| values(read(route)))
        .collect()
}

const FILTERS: Filters<types::RouteTable> = Filters {
    fields: &[
        ("association.main", |table| {
            of_associations(table, |one| values(one.main()))
        }),
        ("association.route-table-association-id", |table| {
            of_associations(table, |one| values(one.route_table_association_id()))
        }),
        ("association.route-table-id", |table| {
            of_associations(table, |one| values(one.route_table_id()))
        }),
        ("association.subnet-id", |table| {
            of_associations(table, |one| values(one.subnet_id()))
        }),
        ("owner-id", |table| values(table.owner_id())),
        ("route.destination-cidr-block", |table| {
            of_routes(table, Route::destination_cidr_block)
        }),
        ("route.gateway-id", |table| {
            of_routes(table, Route::gateway_id)
        }),
        ("route-table-id", |table| values(table.route_table_id())),
        ("vpc-id", |table| values(table.vpc_id())),
    ],
    tags: types::RouteTable::tags,
};

impl World {
    pub fn describe_route_tables(
        &self,
        input: &DescribeRouteTablesInput,
    ) -> Answer<DescribeRouteTablesOutput> {
        let rows = self
            .register
            .named(&self.route_tables, input.route_table_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, table)| self.route_table_view(id, table))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeRouteTablesOutput::builder().set_route_tables(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn route_table_view(&self, id: &str, table: &RouteTable) -> types::RouteTable {
        let main = table
            .main
            .then(|| association(id, &table.main_association, None));
        let subnets = table
            .subnets
            .iter()
            .map(|(one, subnet)| association(id, one, Some(subnet)));
        let local = self.vpcs.get(&table.vpc).map(|vpc| {
            let route = Route::builder().destination_cidr_block(vpc.cidr.to_string());
            let route = route
                .gateway_id("local")
                .origin(RouteOrigin::CreateRouteTable);
            route.state(RouteState::Active).build()
        });
        let routes = table.routes.iter().map(|(cidr, gateway)| {
            let leads = self.gateways.get(gateway);
            let leads = leads.is_some_and(|gateway| gateway.vpc.as_ref() == Some(&table.vpc));
            let state = if leads {
                RouteState::Active
            } else {
                RouteState::Blackhole
            };
            let route = Route::builder().destination_cidr_block(cidr.to_string());
            route
                .gateway_id(gateway)
                .origin(RouteOrigin::CreateRoute)
                .state(state)
                .build()
        });
        types::RouteTable::builder()
            .route_table_id(id)
            .vpc_id(&table.vpc)
            .owner_id(&self.register.account)
            .set_associations(Some(main.into_iter().chain(subnets).collect()))
            .set_routes(Some(local.into_iter().chain(routes).collect()))
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    /// Makes a table, or gives the one that the same token made before.
    pub fn create_route_table(
        &mut self,
        input: &CreateRouteTableInput,
    ) -> Answer<CreateRouteTableOutput> {
        let vpc = require(input.vpc_id(), "vpcId")?;
        self.register.find(&self.vpcs, vpc)?;
        let tags = sole(input.tag_specifications(), Kind::ROUTE_TABLE)?;
        let parameters = format!("{vpc} {tags:?}");
        let key = input
            .client_token()
            .map(|token| (self.register.region.clone(), token.to_owned()));
        let known = key
            .as_ref()
            .and_then(|key| self.route_table_tokens.get(key));
        let known = known.filter(|(id, _)| self.route_tables.contains_key(id));
        let id = match known {
            Some((_, before)) if *before != parameters => return Err(other_parameters()),
            Some((id, _)) => id.clone(),
            None => self.add_route_table(vpc, false, tags),
        };
        if let Some(key) = key {
            self.route_table_tokens
                .insert(key, (id.clone(), parameters));
        }
        let table = self
            .route_tables
            .get(&id)
            .map(|table| self.route_table_view(&id, table));
        let answer = CreateRouteTableOutput::builder().set_route_table(table);
        Ok(answer.set_client_token(input.client_token.clone()).build())
    }

    /// Makes a route table.
    pub fn add_route_table(&mut self, vpc: &str, main: bool, tags: Tags) -> String {
        let id = self.register.add(Kind::ROUTE_TABLE, tags);
        let table = RouteTable {
            vpc: vpc.to_owned(),
            main,
            main_association: self.register.next_id("rtbassoc-"),
            routes: BTreeMap::new(),
            subnets: BTreeMap::new(),
        };
        self.route_tables.insert(id.clone(), table);
        id
    }

    /// Routes everything that is not local to the gateway.
    pub fn route_main_table(&mut self, vpc: &str, gateway: &str) {
        let mut tables = self.route_tables.values_mut();
        if let Some(table) = tables.find(|table| table.vpc == vpc && table.main) {
            table.routes.insert(Ipv4Net::default(), gateway.to_owned());
        }
    }

    pub fn create_route(&mut self, input: &CreateRouteInput) -> Answer<CreateRouteOutput> {
        let id = require(input.route_table_id(), "routeTableId")?;
        let block = require(input.destination_cidr_block(), "destinationCidrBlock")?;
        let gateway = require(input.gateway_id(), "gatewayId")?;
        let table = self.register.find(&self.route_tables, id)?;
        let Ok(cidr) = block.parse::<Ipv4Net>() else {
            return Err(invalid_value(
                "destinationCidrBlock",
                block,
                "This is not a valid CIDR block.",
            ));
        };
        let (cidr, vpc) = (cidr.trunc(), table.vpc.clone());
        if self.register.find(&self.gateways, gateway)?.vpc.as_ref() != Some(&vpc) {
            return Err(refuse(
                "InvalidParameterValue",
                format!(
                    "route table {id} and network gateway {gateway} belong to different networks"
                ),
            ));
        }
        let is_local = self.vpcs.get(&vpc).is_some_and(|vpc| vpc.cidr == cidr);
        if is_local || table.routes.contains_key(&cidr) {
            let message = format!("The route identified by {cidr} already exists.");
            return Err(refuse("RouteAlreadyExists", message));
        }
        let table = self.register.find_mut(&mut self.route_tables, id)?;
        table.routes.insert(cidr, gateway.to_owned());
        Ok(CreateRouteOutput::builder().r#return(true).build())
    }

    pub fn associate_route_table(
        &mut self,
        input: &AssociateRouteTableInput,
    ) -> Answer<AssociateRouteTableOutput> {
        let id = require(input.route_table_id(), "routeTableId")?;
        let subnet = require(input.subnet_id(), "subnetId")?;
        let vpc = self.register.find(&self.subnets, subnet)?.vpc.clone();
        if self.register.find(&self.route_tables, id)?.vpc != vpc {
            let message =
                format!("Route table {id} and subnet {subnet} belong to different networks");
            return Err(refuse("InvalidParameterValue", message));
        }
        let has_subnet = |table: &RouteTable| table.subnets.values().any(|one| one == subnet);
        if self.route_tables.values().any(has_subnet) {
            return Err(refuse(
                "Resource.AlreadyAssociated",
                format!(
                    "the specified association for route table {id} conflicts with an existing association"
                ),
            ));
        }
        let association = self.register.next_id("rtbassoc-");
        let table = self.register.find_mut(&mut self.route_tables, id)?;
        table.subnets.insert(association.clone(), subnet.to_owned());
        let answer = AssociateRouteTableOutput::builder().association_id(association);
        Ok(answer.association_state(associated()).build())
    }

    pub fn disassociate_route_table(
        &mut self,
        input: &DisassociateRouteTableInput,
    ) -> Answer<DisassociateRouteTableOutput> {
        let id = require(input.association_id(), "associationId")?;
        if self
            .route_tables
            .values()
            .any(|table| table.main && table.main_association == id)
        {
            let message = format!("cannot disassociate the main route table association {id}");
            return Err(refuse("InvalidParameterValue", message));
        }
        let mut tables = self.route_tables.values_mut();
        if !tables.any(|table| table.subnets.remove(id).is_some()) {
            return Err(unknown_association(id));
        }
        Ok(DisassociateRouteTableOutput::builder().build())
    }

    pub fn delete_route_table(
        &mut self,
        input: &DeleteRouteTableInput,
    ) -> Answer<DeleteRouteTableOutput> {
        let id = require(input.route_table_id(), "routeTableId")?;
        let table = self.register.find(&self.route_tables, id)?;
        if table.main || !table.subnets.is_empty() {
            let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
            return Err(in_use(message));
        }
        self.route_tables.remove(id);
        self.register.remove(id);
        Ok(DeleteRouteTableOutput::builder().build())
    }
}

fn association(table: &str, id: &str, subnet: Option<&String>) -> RouteTableAssociation {
    RouteTableAssociation::builder()
        .route_table_association_id(id)
        .route_table_id(table)
        .main(subnet.is_none())
        .set_subnet_id(subnet.cloned())
        .association_state(associated())
        .build()
}

fn associated() -> RouteTableAssociationState {
    let state = RouteTableAssociationState::builder();
    state
        .state(RouteTableAssociationStateCode::Associated)
        .build()
}

/// Refuses a client token that came with other parameters before.
pub fn other_parameters() -> super::super::refusal::Refusal {
    let message = "Arguments on this idempotent request are inconsistent with arguments used in \
                   previous request(s).";
    refuse("IdempotentParameterMismatch", message)
}
