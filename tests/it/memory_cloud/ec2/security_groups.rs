//! Security groups.
//!
//! Sources: EC2 API Reference, "CreateSecurityGroup", "DeleteSecurityGroup" and
//! "Error codes".

use aws_sdk_ec2::operation::{
    create_security_group::{CreateSecurityGroupInput, CreateSecurityGroupOutput},
    delete_security_group::{DeleteSecurityGroupInput, DeleteSecurityGroupOutput},
    describe_security_groups::{DescribeSecurityGroupsInput, DescribeSecurityGroupsOutput},
};
use aws_sdk_ec2::types::{IpPermission, SecurityGroup};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, invalid_value, refuse, require};
use super::super::register::{Kind, Resource, Tags};
use super::super::tags::sole;
use super::super::world::World;
use super::in_use;
use super::rules::{Peer, Reach, Rule, is_plain, permissions};

/// A security group.
pub struct Group {
    pub vpc: String,
    pub name: String,
    pub description: String,
    pub ingress: Vec<Rule>,
    egress: Vec<Rule>,
}

impl Resource for Group {
    const KIND: Kind = Kind::GROUP;
}

impl Group {
    /// Whether a rule of the group admits another group.
    fn refers_to(&self, id: &str) -> bool {
        let is_it = |rule: &Rule| matches!(&rule.peer, Peer::Group(group) if group == id);
        self.ingress.iter().any(is_it)
    }
}

fn of_ingress(group: &SecurityGroup, read: fn(&IpPermission) -> Vec<String>) -> Vec<String> {
    group.ip_permissions().iter().flat_map(read).collect()
}

const FILTERS: Filters<SecurityGroup> = Filters {
    fields: &[
        ("description", |group| values(group.description())),
        ("group-id", |group| values(group.group_id())),
        ("group-name", |group| values(group.group_name())),
        ("ip-permission.cidr", |group| {
            of_ingress(group, |one| {
                one.ip_ranges()
                    .iter()
                    .flat_map(|one| values(one.cidr_ip()))
                    .collect()
            })
        }),
        ("ip-permission.from-port", |group| {
            of_ingress(group, |one| values(one.from_port()))
        }),
        ("ip-permission.protocol", |group| {
            of_ingress(group, |one| values(one.ip_protocol()))
        }),
        ("ip-permission.to-port", |group| {
            of_ingress(group, |one| values(one.to_port()))
        }),
        ("owner-id", |group| values(group.owner_id())),
        ("vpc-id", |group| values(group.vpc_id())),
    ],
    tags: SecurityGroup::tags,
};

impl World {
    pub fn describe_security_groups(
        &self,
        input: &DescribeSecurityGroupsInput,
    ) -> Answer<DescribeSecurityGroupsOutput> {
        let mut ids = input.group_ids().to_vec();
        for name in input.group_names() {
            ids.push(self.group_in_default_vpc(name)?);
        }
        let rows = self.register.named(&self.groups, &ids)?;
        let rows = rows
            .into_iter()
            .map(|(id, group)| self.group_view(id, group))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeSecurityGroupsOutput::builder().set_security_groups(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn group_view(&self, id: &str, group: &Group) -> SecurityGroup {
        let account = &self.register.account;
        let region = &self.register.region;
        SecurityGroup::builder()
            .group_id(id)
            .group_name(&group.name)
            .description(&group.description)
            .vpc_id(&group.vpc)
            .owner_id(account)
            .security_group_arn(format!(
                "arn:aws:ec2:{region}:{account}:security-group/{id}"
            ))
            .set_ip_permissions(Some(permissions(&group.ingress, account)))
            .set_ip_permissions_egress(Some(permissions(&group.egress, account)))
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    pub fn create_security_group(
        &mut self,
        input: &CreateSecurityGroupInput,
    ) -> Answer<CreateSecurityGroupOutput> {
        let name = require(input.group_name(), "groupName")?;
        let description = require(input.description(), "groupDescription")?;
        let tags = sole(input.tag_specifications(), Kind::GROUP)?;
        let vpc = match input.vpc_id() {
            None => self.default_vpc()?.to_owned(),
            Some(vpc) => self
                .register
                .find(&self.vpcs, vpc)
                .map(|_| vpc.to_owned())?,
        };
        if !is_plain(name) || name.starts_with("sg-") || name == "default" {
            return Err(invalid_value(
                "groupName",
                name,
                "Invalid security group name.",
            ));
        }
        if !is_plain(description) {
            let reason = "Character sets beyond ASCII are not supported.";
            return Err(invalid_value("GroupDescription", description, reason));
        }
        if self
            .groups
            .values()
            .any(|group| group.vpc == vpc && group.name == name)
        {
            let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
            return Err(refuse("InvalidGroup.Duplicate", message));
        }
        let id = self.add_group(&vpc, name, description, tags);
        let answer = CreateSecurityGroupOutput::builder();
        Ok(answer
            .set_tags(Some(self.register.ec2_tags(&id)))
            .group_id(id)
            .build())
    }

    /// Makes a group that lets everything out, as each does at first.
    pub fn add_group(&mut self, vpc: &str, name: &str, description: &str, tags: Tags) -> String {
        let id = self.register.add(Kind::GROUP, tags);
        let everywhere = self.rule_for_all(Peer::V4(ipnet::Ipv4Net::default()));
        let group = Group {
            vpc: vpc.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            ingress: Vec::new(),
            egress: vec![everywhere],
        };
        self.groups.insert(id.clone(), group);
        id
    }

    /// Lets the members of a group reach each other, as a default group does.
    pub fn trust_itself(&mut self, id: &str) {
        let rule = self.rule_for_all(Peer::Group(id.to_owned()));
        if let Some(group) = self.groups.get_mut(id) {
            group.ingress.push(rule);
        }
    }

    fn rule_for_all(&mut self, peer: Peer) -> Rule {
        let protocol = "-1".to_owned();
        Rule {
            id: self.register.next_id("sgr-"),
            reach: Reach {
                protocol,
                ports: None,
            },
            peer,
            description: None,
        }
    }

    /// Finds the group that a call names: by id, or by name in the default VPC.
    pub fn group_id(&self, id: Option<&str>, name: Option<&str>) -> Answer<String> {
        match (id, name) {
            (None, Some(name)) => self.group_in_default_vpc(name),
            (id, _) => {
                let id = require(id, "groupId")?;
                self.register.check(Kind::GROUP, id)?;
                Ok(id.to_owned())
            }
        }
    }

    /// Finds a group of the default VPC by its name.
    pub fn group_in_default_vpc(&self, name: &str) -> Answer<String> {
        let vpc = self.default_vpc()?;
        let is_it = |id: &str, group: &Group| {
            group.vpc == vpc && group.name == name && self.register.sees(id)
        };
        let found = self.groups.iter().find(|(id, group)| is_it(id, group));
        found.map(|(id, _)| id.clone()).ok_or_else(|| {
            let message =
                format!("The security group '{name}' does not exist in default VPC '{vpc}'");
            refuse("InvalidGroup.NotFound", message)
        })
    }

    pub fn delete_security_group(
        &mut self,
        input: &DeleteSecurityGroupInput,
    ) -> Answer<DeleteSecurityGroupOutput> {
        let id = self.group_id(input.group_id(), input.group_name())?;
        let group = self.register.find(&self.groups, &id)?;
        if group.name == "default" {
            let message = format!(
                "the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"
            );
            return Err(refuse("CannotDelete", message));
        }
        let has_interface = self
            .interfaces
            .values()
            .any(|interface| interface.groups.contains(&id));
        let is_referred_to = self
            .groups
            .iter()
            .any(|(other, group)| *other != id && group.refers_to(&id));
        if has_interface || is_referred_to {
            return Err(in_use(format!("resource {id} has a dependent object")));
        }
        self.groups.remove(&id);
        self.register.remove(&id);
        Ok(DeleteSecurityGroupOutput::builder()
            .r#return(true)
            .group_id(id)
            .build())
    }
}
