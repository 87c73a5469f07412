//! RunInstances: the launch itself.
//!
//! Sources: EC2 API Reference, "RunInstances" and "Ensuring idempotency in
//! Amazon EC2 API requests".

use aws_sdk_ec2::operation::run_instances::{RunInstancesInput, RunInstancesOutput};
use aws_sdk_ec2::types::{
    HttpTokensState, InstanceMetadataEndpointState, InstanceMetadataOptionsRequest,
    InstanceMetadataOptionsResponse, InstanceMetadataOptionsState,
};

use super::super::refusal::{Answer, refuse};
use super::super::register::Kind;
use super::super::world::World;
use super::launch_checks::{Disk, Plan};
use super::routes::other_parameters;
use super::volumes::{Attachment, Volume};
use super::{Instance, Interface, State};

/// What a client token stands for.
pub struct Launch {
    parameters: RunInstancesInput,
    reservation: String,
    instances: Vec<String>,
}

impl World {
    /// Launches instances; a token that came before gives what it gave then.
    pub fn run_instances(&mut self, input: &RunInstancesInput) -> Answer<RunInstancesOutput> {
        let token = input.client_token().map(str::to_owned);
        let key = token.map(|token| (self.register.region.clone(), token));
        if let Some(launch) = key.as_ref().and_then(|key| self.launches.get(key)) {
            self.check_repeated(launch, input)?;
            return Ok(self.reservation(&launch.reservation, &launch.instances));
        }
        let plan = self.plan_launch(input)?;
        let reservation = self.register.next_id("r-");
        let instances = (0..plan.count).map(|_| self.launch(&reservation, &plan, input));
        let instances: Vec<String> = instances.collect();
        let answer = self.reservation(&reservation, &instances);
        if let Some(key) = key {
            let parameters = input.clone();
            self.launches.insert(
                key,
                Launch {
                    parameters,
                    reservation,
                    instances,
                },
            );
        }
        Ok(answer)
    }

    fn check_repeated(&self, launch: &Launch, input: &RunInstancesInput) -> Answer<()> {
        if launch.parameters != *input {
            return Err(other_parameters());
        }
        let is_over = |id: &String| {
            let instance = self.instances.get(id);
            instance.is_none_or(|instance| instance.state.is_over())
        };
        if launch.instances.iter().all(is_over) {
            let message = "The client token you have provided is associated with a resource that \
                           is already deleted. Please use a different client token for the new \
                           resource.";
            return Err(refuse("IdempotentInstanceTerminated", message));
        }
        Ok(())
    }

    fn reservation(&self, reservation: &str, ids: &[String]) -> RunInstancesOutput {
        let rows = ids.iter().filter_map(|id| self.instances.get_key_value(id));
        let views = rows
            .map(|(id, instance)| self.instance_view(id, instance))
            .collect();
        RunInstancesOutput::builder()
            .reservation_id(reservation)
            .owner_id(&self.register.account)
            .set_instances(Some(views))
            .build()
    }

    fn launch(&mut self, reservation: &str, plan: &Plan, input: &RunInstancesInput) -> String {
        let id = self
            .register
            .add(Kind::INSTANCE, plan.instance_tags.clone());
        let interface = self.add_interface(&id, plan);
        let instance = Instance {
            reservation: reservation.to_owned(),
            image: plan.image.clone(),
            facts: plan.facts,
            key: plan.key.clone(),
            subnet: plan.subnet.clone(),
            zone: plan.zone.clone(),
            interface: Some(interface.clone()),
            state: State::Pending,
            since: self.register.now,
            launched: self.register.now,
            reason: String::new(),
            keeps_alive: input.disable_api_termination() == Some(true),
            keeps_running: input.disable_api_stop() == Some(true),
            metadata: metadata(plan.image.metadata_tokens, input.metadata_options()),
            user_data: input.user_data().map(str::to_owned),
            token: input.client_token().map(str::to_owned),
        };
        self.instances.insert(id.clone(), instance);
        self.give_public_address(&interface);
        for disk in &plan.disks {
            self.add_disk(&id, disk, plan);
        }
        if let Some(profile) = &plan.profile {
            self.put_profile(&id, profile.clone());
        }
        id
    }

    fn add_interface(&mut self, instance: &str, plan: &Plan) -> String {
        let id = self
            .register
            .add(Kind::INTERFACE, plan.interface_tags.clone());
        let subnet = self.subnets.get_mut(&plan.subnet);
        let interface = Interface {
            vpc: plan.vpc.clone(),
            subnet: plan.subnet.clone(),
            zone: plan.zone.clone(),
            groups: plan.groups.clone(),
            instance: instance.to_owned(),
            attachment: self.register.next_id("eni-attach-"),
            private: subnet.map(super::Subnet::next_address).unwrap_or_default(),
            public: None,
            wants_public: plan.wants_public,
        };
        self.interfaces.insert(id.clone(), interface);
        id
    }

    fn add_disk(&mut self, instance: &str, disk: &Disk, plan: &Plan) {
        let id = self.register.add(Kind::VOLUME, plan.volume_tags.clone());
        let attachment = Attachment {
            instance: instance.to_owned(),
            device: disk.device.clone(),
            dies_with_instance: disk.dies_with_instance,
        };
        let volume = Volume {
            zone: plan.zone.clone(),
            form: disk.form.clone(),
            encrypted: disk.encrypted,
            snapshot: disk.snapshot.clone(),
            attachment: Some(attachment),
            modification: None,
            modified: Vec::new(),
        };
        self.volumes.insert(id, volume);
    }
}

/// Fills in how the metadata service answers: as asked, else as the image asks.
fn metadata(
    tokens: bool,
    request: Option<&InstanceMetadataOptionsRequest>,
) -> InstanceMetadataOptionsResponse {
    let (tokens, hops) = if tokens {
        (HttpTokensState::Required, 2)
    } else {
        (HttpTokensState::Optional, 1)
    };
    let asked = request.and_then(|request| request.http_tokens().cloned());
    let hops_asked = request.and_then(InstanceMetadataOptionsRequest::http_put_response_hop_limit);
    let endpoint = request.and_then(|request| request.http_endpoint().cloned());
    InstanceMetadataOptionsResponse::builder()
        .state(InstanceMetadataOptionsState::Applied)
        .http_tokens(asked.unwrap_or(tokens))
        .http_put_response_hop_limit(hops_asked.unwrap_or(hops))
        .http_endpoint(endpoint.unwrap_or(InstanceMetadataEndpointState::Enabled))
        .build()
}
