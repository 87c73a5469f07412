//! Starting, stopping and terminating, and how states follow each other.
//!
//! Sources: EC2 API Reference, "StartInstances", "StopInstances",
//! "TerminateInstances"; EC2 User Guide, "Amazon EC2 instance state changes".

use std::time::Duration;

use aws_sdk_ec2::operation::{
    start_instances::{StartInstancesInput, StartInstancesOutput},
    stop_instances::{StopInstancesInput, StopInstancesOutput},
    terminate_instances::{TerminateInstancesInput, TerminateInstancesOutput},
};
use aws_sdk_ec2::types::{InstanceState, InstanceStateChange, InstanceStateName};

use super::super::refusal::{Answer, Refusal, missing, refuse};
use super::super::world::World;

/// How long a terminated instance stays listed.
const AFTERLIFE: Duration = Duration::from_hours(1);

/// The states of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl State {
    /// AWS's name of the state.
    pub const fn name(self) -> InstanceStateName {
        match self {
            Self::Pending => InstanceStateName::Pending,
            Self::Running => InstanceStateName::Running,
            Self::Stopping => InstanceStateName::Stopping,
            Self::Stopped => InstanceStateName::Stopped,
            Self::ShuttingDown => InstanceStateName::ShuttingDown,
            Self::Terminated => InstanceStateName::Terminated,
        }
    }

    /// Shows the state by name and code.
    pub fn view(self) -> InstanceState {
        let code = match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        };
        InstanceState::builder()
            .name(self.name())
            .code(code)
            .build()
    }

    /// Whether the instance is gone or on its way out.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }

    /// Whether the instance counts against the vCPU quota.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Stopping)
    }

    /// The state that follows by itself, if one does.
    const fn next(self) -> Option<Self> {
        match self {
            Self::Pending => Some(Self::Running),
            Self::Stopping => Some(Self::Stopped),
            Self::ShuttingDown => Some(Self::Terminated),
            Self::Running | Self::Stopped | Self::Terminated => None,
        }
    }
}

impl World {
    pub fn start_instances(&mut self, input: &StartInstancesInput) -> Answer<StartInstancesOutput> {
        let ids = named(input.instance_ids())?;
        for id in ids {
            let instance = self.register.find(&self.instances, id)?;
            match instance.state {
                State::Running | State::Pending => continue,
                State::Stopped => {}
                _ => return Err(wrong_state(id, "started")),
            }
            if !instance.facts.is_in(&instance.zone) {
                let message = "The requested configuration is currently not supported. Please \
                               check the documentation for supported configurations.";
                return Err(refuse("Unsupported", message));
            }
            self.check_capacity(instance.facts, &instance.zone, 1)?;
        }
        let changes = ids
            .iter()
            .map(|id| self.shift(id, State::Pending, &[State::Stopped]));
        let changes = changes.collect();
        Ok(StartInstancesOutput::builder()
            .set_starting_instances(Some(changes))
            .build())
    }

    pub fn stop_instances(&mut self, input: &StopInstancesInput) -> Answer<StopInstancesOutput> {
        let ids = named(input.instance_ids())?;
        for id in ids {
            let instance = self.register.find(&self.instances, id)?;
            match instance.state {
                State::Running if instance.keeps_running => {
                    return Err(protected(id, "stopped", "disableApiStop"));
                }
                State::Running | State::Stopping | State::Stopped => {}
                _ => return Err(wrong_state(id, "stopped")),
            }
        }
        let changes = ids
            .iter()
            .map(|id| self.shift(id, State::Stopping, &[State::Running]));
        let changes = changes.collect();
        Ok(StopInstancesOutput::builder()
            .set_stopping_instances(Some(changes))
            .build())
    }

    pub fn terminate_instances(
        &mut self,
        input: &TerminateInstancesInput,
    ) -> Answer<TerminateInstancesOutput> {
        let ids = named(input.instance_ids())?;
        for id in ids {
            let instance = self.register.find(&self.instances, id)?;
            if instance.keeps_alive && !instance.state.is_over() {
                return Err(protected(id, "terminated", "disableApiTermination"));
            }
        }
        let changes = ids.iter().map(|id| self.terminate(id)).collect();
        let answer = TerminateInstancesOutput::builder();
        Ok(answer.set_terminating_instances(Some(changes)).build())
    }

    /// Begins to terminate an instance, protected or not.
    pub fn terminate(&mut self, id: &str) -> InstanceStateChange {
        let from = [
            State::Pending,
            State::Running,
            State::Stopping,
            State::Stopped,
        ];
        self.shift(id, State::ShuttingDown, &from)
    }

    /// Puts an instance on its way to another state, if it is in one of those
    /// that lead there.
    fn shift(&mut self, id: &str, to: State, from: &[State]) -> InstanceStateChange {
        let change = InstanceStateChange::builder().instance_id(id);
        let now = self.register.now;
        let Some(instance) = self.instances.get_mut(id) else {
            return change.build();
        };
        let previous = instance.state;
        if from.contains(&previous) {
            instance.state = to;
            instance.since = now;
            instance.reason = match to {
                State::Pending => String::new(),
                _ => "User initiated".to_owned(),
            };
            if let (State::Pending, Some(interface)) = (to, instance.interface.clone()) {
                instance.launched = now;
                self.give_public_address(&interface);
            }
        }
        let current = self
            .instances
            .get(id)
            .map_or(previous, |instance| instance.state);
        change
            .previous_state(previous.view())
            .current_state(current.view())
            .build()
    }

    /// Lets every state that has lasted its time pass into the next.
    pub fn settle_instances(&mut self) {
        while let Some((id, at)) = self.next_due() {
            let Some(instance) = self.instances.get_mut(&id) else {
                return;
            };
            let Some(next) = instance.state.next() else {
                self.instances.remove(&id);
                self.register.remove(&id);
                continue;
            };
            instance.state = next;
            instance.since = at;
            let interface = instance.interface.clone();
            match next {
                State::Terminated => self.bury(&id),
                State::Stopped => {
                    let interface = interface.and_then(|id| self.interfaces.get_mut(&id));
                    if let Some(interface) = interface {
                        interface.public = None;
                    }
                }
                _ => {}
            }
        }
    }

    fn next_due(&self) -> Option<(String, Duration)> {
        let transition = self.options.transition;
        self.instances.iter().find_map(|(id, instance)| {
            let lasts = match (instance.state, instance.state.next()) {
                (State::Terminated, _) => AFTERLIFE,
                (_, Some(_)) => transition,
                (_, None) => return None,
            };
            let ends = instance.since + lasts;
            (ends <= self.register.now).then(|| (id.clone(), ends))
        })
    }

    /// Takes everything from a terminated instance that goes with it.
    fn bury(&mut self, id: &str) {
        let instance = self.instances.get_mut(id);
        if let Some(interface) = instance.and_then(|instance| instance.interface.take()) {
            self.let_go(&interface);
            self.interfaces.remove(&interface);
            self.register.remove(&interface);
        }
        self.leave_volumes(id);
        let register = &mut self.register;
        self.profile_associations.retain(|association, row| {
            let stays = row.instance != id;
            if !stays {
                register.remove(association);
            }
            stays
        });
    }
}

fn named(ids: &[String]) -> Answer<&[String]> {
    if ids.is_empty() {
        return Err(missing("InstanceId"));
    }
    Ok(ids)
}

fn wrong_state(id: &str, done: &str) -> Refusal {
    let message = format!("The instance '{id}' is not in a state from which it can be {done}.");
    refuse("IncorrectInstanceState", message)
}

fn protected(id: &str, done: &str, attribute: &str) -> Refusal {
    let message = format!(
        "The instance '{id}' may not be {done}. Modify its '{attribute}' instance attribute and \
         try again."
    );
    refuse("OperationNotPermitted", message)
}
