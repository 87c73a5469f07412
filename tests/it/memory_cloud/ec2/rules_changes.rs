//! Changes of the inbound rules of a security group.
//!
//! Sources: EC2 API Reference, "AuthorizeSecurityGroupIngress",
//! "RevokeSecurityGroupIngress", "UpdateSecurityGroupRuleDescriptionsIngress";
//! Amazon VPC User Guide, "Amazon VPC quotas" (60 inbound rules a group, for
//! IPv4 and IPv6 each).

use aws_sdk_ec2::operation::{
    authorize_security_group_ingress::{
        AuthorizeSecurityGroupIngressInput, AuthorizeSecurityGroupIngressOutput,
    },
    revoke_security_group_ingress::{
        RevokeSecurityGroupIngressInput, RevokeSecurityGroupIngressOutput,
    },
    update_security_group_rule_descriptions_ingress::{
        UpdateSecurityGroupRuleDescriptionsIngressInput,
        UpdateSecurityGroupRuleDescriptionsIngressOutput,
    },
};
use aws_sdk_ec2::types::{IpPermission, IpRange};

use super::super::refusal::{Answer, Refusal, refuse};
use super::super::register::Kind;
use super::super::world::World;
use super::rules::{Peer, Rule, checked_description, permissions, rules_of};

/// The most inbound rules that a group can have, of IPv4 and IPv6 each.
const MOST: usize = 60;

impl World {
    /// Adds rules, all or none.
    pub fn authorize_security_group_ingress(
        &mut self,
        input: &AuthorizeSecurityGroupIngressInput,
    ) -> Answer<AuthorizeSecurityGroupIngressOutput> {
        let id = self.group_id(input.group_id(), input.group_name())?;
        let short = (
            input.ip_protocol(),
            input.from_port(),
            input.to_port(),
            input.cidr_ip(),
        );
        let mut rules = rules_of(&either(input.ip_permissions(), short))?;
        let known = &self.register.find(&self.groups, &id)?.ingress;
        for rule in &rules {
            if let Peer::Group(peer) = &rule.peer {
                self.register.check(Kind::GROUP, peer)?;
            }
            if known.iter().any(|other| other.is(rule)) {
                let message = format!("the specified rule \"{}\" already exists", rule.spelled());
                return Err(refuse("InvalidPermission.Duplicate", message));
            }
        }
        let count = |rules: &[Rule], is_six: bool| {
            let of_family = |rule: &&Rule| matches!(rule.peer, Peer::V6(_)) == is_six;
            rules.iter().filter(of_family).count()
        };
        if [true, false]
            .iter()
            .any(|six| count(known, *six) + count(&rules, *six) > MOST)
        {
            let message = "The maximum number of rules per security group has been reached.";
            return Err(refuse("RulesPerSecurityGroupLimitExceeded", message));
        }
        for rule in &mut rules {
            rule.id = self.register.next_id("sgr-");
        }
        let account = &self.register.account;
        let views = rules.iter().map(|rule| rule.view(&id, account)).collect();
        self.register
            .find_mut(&mut self.groups, &id)?
            .ingress
            .extend(rules);
        let answer = AuthorizeSecurityGroupIngressOutput::builder().r#return(true);
        Ok(answer.set_security_group_rules(Some(views)).build())
    }

    /// Removes rules, all or none; but in a default VPC rules that are not there
    /// are only listed, and the others go.
    pub fn revoke_security_group_ingress(
        &mut self,
        input: &RevokeSecurityGroupIngressInput,
    ) -> Answer<RevokeSecurityGroupIngressOutput> {
        let id = self.group_id(input.group_id(), input.group_name())?;
        let group = self.register.find(&self.groups, &id)?;
        let (doomed, unknown) = if input.security_group_rule_ids().is_empty() {
            let short = (
                input.ip_protocol(),
                input.from_port(),
                input.to_port(),
                input.cidr_ip(),
            );
            let rules = rules_of(&either(input.ip_permissions(), short))?;
            rules
                .into_iter()
                .partition(|rule| group.ingress.iter().any(|other| other.is(rule)))
        } else {
            (
                rules_by_id(&group.ingress, input.security_group_rule_ids())?,
                Vec::new(),
            )
        };
        let is_lenient = self.vpcs.get(&group.vpc).is_some_and(|vpc| vpc.default);
        if !unknown.is_empty() && !is_lenient {
            return Err(unknown_rule());
        }
        let unknown = permissions(&unknown, &self.register.account);
        let group = self.register.find_mut(&mut self.groups, &id)?;
        let is_doomed = |rule: &Rule| doomed.iter().any(|other| other.is(rule));
        let revoked = group.ingress.iter().filter(|rule| is_doomed(rule));
        let revoked = revoked.map(|rule| rule.revoked(&id)).collect();
        group.ingress.retain(|rule| !is_doomed(rule));
        let answer = RevokeSecurityGroupIngressOutput::builder().r#return(true);
        let answer = answer.set_revoked_security_group_rules(Some(revoked));
        Ok(answer.set_unknown_ip_permissions(Some(unknown)).build())
    }

    pub fn update_security_group_rule_descriptions_ingress(
        &mut self,
        input: &UpdateSecurityGroupRuleDescriptionsIngressInput,
    ) -> Answer<UpdateSecurityGroupRuleDescriptionsIngressOutput> {
        let id = self.group_id(input.group_id(), input.group_name())?;
        let known = &self.register.find(&self.groups, &id)?.ingress;
        let changes = if input.security_group_rule_descriptions().is_empty() {
            rules_of(input.ip_permissions())?
        } else {
            let mut changes = Vec::new();
            for one in input.security_group_rule_descriptions() {
                let rule = one.security_group_rule_id().unwrap_or_default().to_owned();
                for mut rule in rules_by_id(known, &[rule])? {
                    rule.description = checked_description(one.description())?;
                    changes.push(rule);
                }
            }
            changes
        };
        if changes
            .iter()
            .any(|change| !known.iter().any(|rule| rule.is(change)))
        {
            return Err(unknown_rule());
        }
        let group = self.register.find_mut(&mut self.groups, &id)?;
        for rule in &mut group.ingress {
            if let Some(change) = changes.iter().find(|change| change.is(rule)) {
                rule.description.clone_from(&change.description);
            }
        }
        let answer = UpdateSecurityGroupRuleDescriptionsIngressOutput::builder();
        Ok(answer.r#return(true).build())
    }
}

fn unknown_rule() -> Refusal {
    let message = "The specified rule does not exist in this security group.";
    refuse("InvalidPermission.NotFound", message)
}

fn rules_by_id(rules: &[Rule], ids: &[String]) -> Answer<Vec<Rule>> {
    let find = |id: &String| {
        let found = rules.iter().find(|rule| rule.id == *id).cloned();
        found.ok_or_else(|| {
            let message = format!("The security group rule ID '{id}' does not exist");
            refuse("InvalidSecurityGroupRuleId.NotFound", message)
        })
    };
    ids.iter().map(find).collect()
}

/// The one rule that the top-level parameters of a call spell.
type Short<'a> = (Option<&'a str>, Option<i32>, Option<i32>, Option<&'a str>);

fn either(permissions: &[IpPermission], short: Short<'_>) -> Vec<IpPermission> {
    let (protocol, from, to, cidr) = short;
    match (protocol, cidr) {
        (Some(protocol), Some(cidr)) if permissions.is_empty() => {
            let permission = IpPermission::builder()
                .ip_protocol(protocol)
                .set_from_port(from);
            let range = IpRange::builder().cidr_ip(cidr).build();
            vec![permission.set_to_port(to).ip_ranges(range).build()]
        }
        _ => permissions.to_vec(),
    }
}
