//! Attributes of instances, and their changes.
//!
//! Sources: EC2 API Reference, "ModifyInstanceAttribute",
//! "DescribeInstanceAttribute", "ModifyInstanceMetadataOptions"; EC2 User Guide,
//! "Change the instance type for your instance".

use aws_sdk_ec2::operation::{
    describe_instance_attribute::{
        DescribeInstanceAttributeInput, DescribeInstanceAttributeOutput,
    },
    modify_instance_attribute::{ModifyInstanceAttributeInput, ModifyInstanceAttributeOutput},
    modify_instance_metadata_options::{
        ModifyInstanceMetadataOptionsInput, ModifyInstanceMetadataOptionsOutput,
    },
};
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, InstanceAttributeName, InstanceMetadataOptionsState,
};
use aws_smithy_types::base64;

use super::super::refusal::{Answer, Refusal, missing, refuse, require};
use super::super::register::Kind;
use super::super::world::World;
use super::launch_checks::{fitting, needs_ena};
use super::{Instance, State};

impl World {
    pub fn describe_instance_attribute(
        &self,
        input: &DescribeInstanceAttributeInput,
    ) -> Answer<DescribeInstanceAttributeOutput> {
        let id = require(input.instance_id(), "InstanceId")?;
        let attribute = input.attribute().ok_or_else(|| missing("Attribute"))?;
        let instance = self.register.find(&self.instances, id)?;
        let flag = |value: bool| AttributeBooleanValue::builder().value(value).build();
        let text = |value: Option<&str>| {
            AttributeValue::builder()
                .set_value(value.map(str::to_owned))
                .build()
        };
        let answer = DescribeInstanceAttributeOutput::builder().instance_id(id);
        let answer = match attribute {
            InstanceAttributeName::DisableApiTermination => {
                answer.disable_api_termination(flag(instance.keeps_alive))
            }
            InstanceAttributeName::DisableApiStop => {
                answer.disable_api_stop(flag(instance.keeps_running))
            }
            InstanceAttributeName::InstanceType => {
                answer.instance_type(text(Some(instance.facts.name)))
            }
            InstanceAttributeName::UserData => {
                answer.user_data(text(instance.user_data.as_deref()))
            }
            InstanceAttributeName::EnaSupport => answer.ena_support(flag(instance.image.ena)),
            InstanceAttributeName::SourceDestCheck => answer.source_dest_check(flag(true)),
            InstanceAttributeName::GroupSet => {
                let interface = instance
                    .interface
                    .as_ref()
                    .and_then(|id| self.interfaces.get(id));
                let groups = interface.map_or(&[][..], |interface| &interface.groups);
                answer.set_groups(Some(self.group_identifiers(groups)))
            }
            other => {
                let message = format!("Value ({other}) for parameter attribute is invalid.");
                return Err(refuse("InvalidParameterValue", message));
            }
        };
        Ok(answer.build())
    }

    /// Changes one attribute; AWS takes one a call.
    pub fn modify_instance_attribute(
        &mut self,
        input: &ModifyInstanceAttributeInput,
    ) -> Answer<ModifyInstanceAttributeOutput> {
        let id = require(input.instance_id(), "InstanceId")?;
        let instance = self.register.find(&self.instances, id)?;
        check_sole(input)?;
        if instance.state.is_over() {
            return Err(not_stopped(id));
        }
        if let Some(name) = input.instance_type().and_then(AttributeValue::value) {
            self.change_type(id, name)?;
        } else if !input.groups().is_empty() {
            self.change_groups(id, input.groups())?;
        } else if let Some(data) = input.user_data().and_then(|data| data.value()) {
            let data = base64::encode(data);
            stopped(id, self.register.find_mut(&mut self.instances, id)?)?.user_data = Some(data);
        } else {
            let instance = self.register.find_mut(&mut self.instances, id)?;
            let flag = |value: Option<&AttributeBooleanValue>| {
                value.and_then(AttributeBooleanValue::value)
            };
            if let Some(on) = flag(input.disable_api_termination()) {
                instance.keeps_alive = on;
            } else if let Some(on) = flag(input.disable_api_stop()) {
                instance.keeps_running = on;
            } else {
                return Err(missing("Attribute"));
            }
        }
        Ok(ModifyInstanceAttributeOutput::builder().build())
    }

    fn change_type(&mut self, id: &str, name: &str) -> Answer<()> {
        let instance = stopped(id, self.register.find_mut(&mut self.instances, id)?)?;
        let facts = fitting(name, instance.image.architecture.as_str())?;
        if facts.needs_ena() && !instance.image.ena {
            return Err(needs_ena(name));
        }
        instance.facts = facts;
        Ok(())
    }

    fn change_groups(&mut self, id: &str, groups: &[String]) -> Answer<()> {
        let interface = self.register.find(&self.instances, id)?.interface.clone();
        let interface = interface.unwrap_or_default();
        let vpc = self
            .interfaces
            .get(&interface)
            .map(|interface| interface.vpc.clone());
        for group in groups {
            let row = self.register.find(&self.groups, group)?;
            if Some(&row.vpc) != vpc.as_ref() {
                let message = format!(
                    "Security group {group} and instance {id} belong to different networks."
                );
                return Err(refuse("InvalidParameter", message));
            }
        }
        match self.interfaces.get_mut(&interface) {
            Some(interface) => groups.clone_into(&mut interface.groups),
            None => return Err(Kind::INTERFACE.not_found(&interface)),
        }
        Ok(())
    }

    pub fn modify_instance_metadata_options(
        &mut self,
        input: &ModifyInstanceMetadataOptionsInput,
    ) -> Answer<ModifyInstanceMetadataOptionsOutput> {
        let id = require(input.instance_id(), "InstanceId")?;
        let instance = self.register.find_mut(&mut self.instances, id)?;
        if instance.state.is_over() {
            let message =
                format!("The instance '{id}' is not in a valid state for this operation.");
            return Err(refuse("IncorrectInstanceState", message));
        }
        let options = &mut instance.metadata;
        if let Some(tokens) = input.http_tokens() {
            options.http_tokens = Some(tokens.clone());
        }
        if let Some(hops) = input.http_put_response_hop_limit() {
            options.http_put_response_hop_limit = Some(hops);
        }
        if let Some(endpoint) = input.http_endpoint() {
            options.http_endpoint = Some(endpoint.clone());
        }
        let mut view = options.clone();
        view.state = Some(InstanceMetadataOptionsState::Pending);
        let answer = ModifyInstanceMetadataOptionsOutput::builder().instance_id(id);
        Ok(answer.instance_metadata_options(view).build())
    }
}

fn check_sole(input: &ModifyInstanceAttributeInput) -> Answer<()> {
    let given = [
        input.instance_type().is_some(),
        !input.groups().is_empty(),
        input.user_data().is_some(),
        input.disable_api_termination().is_some(),
        input.disable_api_stop().is_some(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => Err(refuse(
            "InvalidParameterCombination",
            "No attributes specified.",
        )),
        1 => Ok(()),
        _ => {
            let message = "Fields for multiple attribute types specified";
            Err(refuse("InvalidParameterCombination", message))
        }
    }
}

fn stopped<'a>(id: &str, instance: &'a mut Instance) -> Answer<&'a mut Instance> {
    match instance.state {
        State::Stopped => Ok(instance),
        _ => Err(not_stopped(id)),
    }
}

fn not_stopped(id: &str) -> Refusal {
    let message = format!("The instance '{id}' is not in the 'stopped' state.");
    refuse("IncorrectInstanceState", message)
}
