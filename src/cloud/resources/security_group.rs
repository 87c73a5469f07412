//! The security group: what may reach the server.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::create_security_group::CreateSecurityGroupInput;
use aws_sdk_ec2::operation::delete_security_group::DeleteSecurityGroupInput;
use aws_sdk_ec2::operation::describe_network_interfaces::DescribeNetworkInterfacesInput;
use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsInput;
use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressInput;
use aws_sdk_ec2::operation::update_security_group_rule_descriptions_ingress::UpdateSecurityGroupRuleDescriptionsIngressInput;
use aws_sdk_ec2::types::{
    Filter, NetworkInterface, ResourceType, SecurityGroup as Ec2SecurityGroup,
};

use futures_util::future::try_join_all;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Owner, Reference, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::pages::Pages;
use super::placement::Placement;
use super::reader::Reader;
use super::run::{Run, SIGHT, gone_is_fine};
use super::{Kind, Manage, ec2_tags, instance, offers, tags};

mod rules;

pub use rules::{Rule, RuleSource};

/// What may reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its name: the lab's.
    pub name: String,
    /// The network that it is in.
    pub vpc: Placement,
    /// What is let in.
    pub ingress: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// What AWS says of more rules than a group takes.
const TOO_MANY: &str = "RulesPerSecurityGroupLimitExceeded";

/// How long the interfaces of a terminated server may still use the group.
const DELETION: Duration = Duration::from_secs(600);

fn live(group: &Ec2SecurityGroup, reader: &Reader<'_>) -> Live<SecurityGroup> {
    let observed = Observed {
        tags: ec2_tags::read(group.tags()),
        vpc_id: group.vpc_id().map(str::to_owned),
        ..Observed::default()
    };
    let vpc = Placement::read(&observed.tags, group.vpc_id());
    let id = group.group_id().unwrap_or_default();
    let address = Address::of(Kind::SecurityGroup);
    tags::live(reader.scope, address, id, observed, |tags| SecurityGroup {
        name: group.group_name().unwrap_or_default().to_owned(),
        vpc,
        ingress: rules::read(group.ip_permissions()),
        tags,
    })
}

impl Manage for SecurityGroup {
    const LOST: Lost = Lost::Id;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::replace("vpc", self.vpc.value()),
            Field::update("ingress", Value::texts(&self.ingress)),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.vpc.each_reference(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let by_name = ec2_tags::filter("group-name", [&reader.scope.lab]);
        let found = in_the_way(list(reader, by_name).await?, reader).await?;
        let strays = reader.strays("security-group", &found).await?;
        let strays = ec2_tags::filters("group-id", &strays).into_iter();
        let strays = try_join_all(strays.map(|filter| list(reader, filter))).await?;
        Ok(tags::with_strays(found, strays.concat()))
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let vpc = match &self.vpc {
            Placement::Default | Placement::Unknown => run.shared.lookups.default_vpc.clone(),
            Placement::In(reference) => Some(run.id(reference)?),
        };
        let created = run
            .settled(
                "the network to be known",
                &["InvalidVpcID.NotFound"],
                async || {
                    let specification =
                        ec2_tags::specification(ResourceType::SecurityGroup, &self.tags);
                    let input = CreateSecurityGroupInput::builder()
                        .group_name(&self.name)
                        .description(format!("labctl lab {}", self.name))
                        .set_vpc_id(vpc.clone())
                        .tag_specifications(specification);
                    run.cloud.create_security_group(input).await
                },
            )
            .await;
        let id = match created {
            Err(error) if error.code() == "InvalidGroup.Duplicate" => {
                self.found(vpc.as_deref(), run).await?
            }
            created => required(created?.group_id, "CreateSecurityGroup", "group id")?,
        };
        authorize(&id, &self.ingress, run).await?;
        Ok(Handle::of(id))
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await?;
        if live.body.ingress != self.ingress {
            self.update_rules(&live.id, &live.body.ingress, run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let delete = async || {
            let input = DeleteSecurityGroupInput::builder().group_id(&live.id);
            let result = run.cloud.delete_security_group(input).await;
            match gone_is_fine(result, &["InvalidGroup.NotFound"]) {
                Ok(()) => Ok(Some(())),
                Err(error) if error.code() == "DependencyViolation" => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        let awaited = "what uses the security group to go";
        let mut result = run.wait(awaited, SIGHT, delete).await;
        if matches!(result, Err(StepError::TimedOut { .. }))
            && goes_by_itself(&live.id, run).await?
        {
            result = run.wait(awaited, DELETION, delete).await;
        }
        match result {
            Err(StepError::TimedOut { .. }) => Err(blocked(&live.id, run).await?),
            other => other,
        }
    }
}

impl SecurityGroup {
    /// Finds what another run of the same lab has made meanwhile.
    async fn found(&self, vpc: Option<&str>, run: &Run<'_>) -> Result<String, StepError> {
        run.made_meanwhile(&format!("a security group `{}`", self.name), async || {
            let input = DescribeSecurityGroupsInput::builder()
                .filters(ec2_tags::filter("group-name", [&self.name]))
                .filters(ec2_tags::filter("vpc-id", vpc));
            let groups = run
                .cloud
                .describe_security_groups(input)
                .await?
                .security_groups;
            let mut groups = groups.unwrap_or_default().into_iter();
            let ours = groups.find(|group| tags::is_ours(&ec2_tags::read(group.tags()), run.scope));
            Ok(ours.and_then(|group| group.group_id))
        })
        .await
    }

    /// Lets the new in before it shuts the old out, so that a connection that
    /// both allow is never cut; the other way round only where AWS has no room
    /// for both.
    async fn update_rules(
        &self,
        id: &str,
        before: &BTreeSet<Rule>,
        run: &Run<'_>,
    ) -> Result<(), StepError> {
        let is_in = |rules: &BTreeSet<Rule>, rule: &Rule| {
            rules.iter().any(|other| other.allows_the_same(rule))
        };
        let (reworded, new): (BTreeSet<Rule>, BTreeSet<Rule>) = self
            .ingress
            .difference(before)
            .cloned()
            .partition(|rule| is_in(before, rule));
        let gone = before.iter().filter(|rule| !is_in(&self.ingress, rule));
        let gone: BTreeSet<Rule> = gone.cloned().collect();
        match authorize(id, &new, run).await {
            // The old and the new together are more than a group takes.
            Err(error) if error.code() == TOO_MANY && !gone.is_empty() => {
                revoke(id, &gone, run).await?;
                authorize(id, &new, run).await?;
            }
            other => {
                other?;
                revoke(id, &gone, run).await?;
            }
        }
        if !reworded.is_empty() {
            let input = UpdateSecurityGroupRuleDescriptionsIngressInput::builder()
                .group_id(id)
                .set_ip_permissions(Some(rules::write(&reworded)));
            run.cloud
                .update_security_group_rule_descriptions_ingress(input)
                .await?;
        }
        Ok(())
    }
}

/// Takes rules away in one call; a rule that is gone already is no error.
async fn revoke(id: &str, rules: &BTreeSet<Rule>, run: &Run<'_>) -> Result<(), StepError> {
    if rules.is_empty() {
        return Ok(());
    }
    let input = RevokeSecurityGroupIngressInput::builder()
        .group_id(id)
        .set_ip_permissions(Some(rules::write(rules)));
    let result = run.cloud.revoke_security_group_ingress(input).await;
    Ok(gone_is_fine(result, &["InvalidPermission.NotFound"])?)
}

async fn list(reader: &Reader<'_>, filter: Filter) -> Result<Vec<Live<SecurityGroup>>, CallError> {
    let mut found = Vec::new();
    let mut token = None;
    let mut pages = Pages::of("ec2", "DescribeSecurityGroups");
    loop {
        let input = DescribeSecurityGroupsInput::builder()
            .filters(filter.clone())
            .set_next_token(token);
        let output = reader.cloud.describe_security_groups(input).await?;
        let groups = output.security_groups().iter();
        found.extend(groups.map(|group| live(group, reader)));
        token = pages.next(output.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Leaves out groups of others that have the lab's name in another network:
/// names are unique within a network only.
async fn in_the_way(
    found: Vec<Live<SecurityGroup>>,
    reader: &Reader<'_>,
) -> Result<Vec<Live<SecurityGroup>>, CallError> {
    let (mut ours, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|live| live.owner == Owner::Lab);
    if ours.is_empty() && !others.is_empty() && !reader.scope.dedicated_network {
        let vpc = match &reader.scope.vpc {
            Some(vpc) => Some(vpc.clone()),
            None => offers::default_vpc(reader.cloud).await?,
        };
        ours.extend(
            others
                .into_iter()
                .filter(|live| live.observed.vpc_id == vpc),
        );
    }
    Ok(ours)
}

/// Adds rules in one call; a rule that somebody added meanwhile is no error.
async fn authorize(id: &str, rules: &BTreeSet<Rule>, run: &Run<'_>) -> Result<(), StepError> {
    if rules.is_empty() {
        return Ok(());
    }
    let call = async |rules: &BTreeSet<Rule>| {
        let input = AuthorizeSecurityGroupIngressInput::builder()
            .group_id(id)
            .set_ip_permissions(Some(rules::write(rules)));
        run.cloud.authorize_security_group_ingress(input).await
    };
    const NOT_YET: &[&str] = &["InvalidGroup.NotFound", "InvalidGroupId.NotFound"];
    let all = run
        .settled("the security group to be known", NOT_YET, async || {
            call(rules).await
        })
        .await;
    match all {
        Err(error) if error.code() == "InvalidPermission.Duplicate" => {
            for rule in rules {
                let one = BTreeSet::from([rule.clone()]);
                gone_is_fine(call(&one).await, &["InvalidPermission.Duplicate"])?;
            }
            Ok(())
        }
        other => other.map(drop),
    }
}

/// The interfaces that use the group.
async fn users(id: &str, run: &Run<'_>) -> Result<Vec<NetworkInterface>, CallError> {
    let input =
        DescribeNetworkInterfacesInput::builder().filters(ec2_tags::filter("group-id", [id]));
    let output = run.cloud.describe_network_interfaces(input).await?;
    Ok(output.network_interfaces.unwrap_or_default())
}

/// Whether all that uses the group are interfaces of servers that have ended,
/// which EC2 takes away in its own time.
async fn goes_by_itself(id: &str, run: &Run<'_>) -> Result<bool, CallError> {
    let users = users(id, run).await?;
    for interface in &users {
        let attachment = interface.attachment();
        let Some(server) = attachment.and_then(|attachment| attachment.instance_id()) else {
            return Ok(false);
        };
        if instance::describe(run.cloud, server)
            .await?
            .is_some_and(|server| instance::is_alive(&server))
        {
            return Ok(false);
        }
    }
    Ok(!users.is_empty())
}

/// Says what keeps the group from being deleted.
async fn blocked(id: &str, run: &Run<'_>) -> Result<StepError, CallError> {
    let users = users(id, run).await?;
    let name = |interface: &NetworkInterface| {
        let interface_id = interface.network_interface_id().unwrap_or("an interface");
        let attachment = interface.attachment();
        match attachment.and_then(|attachment| attachment.instance_id()) {
            Some(instance) => format!("`{interface_id}` of `{instance}`"),
            None => format!("`{interface_id}`"),
        }
    };
    let names: Vec<_> = users.iter().map(name).collect();
    let users = if names.is_empty() {
        "something, maybe a rule of another group,".to_owned()
    } else {
        names.join(", ")
    };
    Ok(StepError::blocked(
        format!("{users} still uses the security group `{id}`"),
        "detach it, then run the same command again",
    ))
}
