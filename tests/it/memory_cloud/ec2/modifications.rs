//! Modifications of volumes.
//!
//! Sources: EC2 API Reference, "ModifyVolume" and "DescribeVolumesModifications";
//! EBS User Guide, "Modify an Amazon EBS volume using Elastic Volumes
//! operations" and "Requirements for Amazon EBS volume modifications": sizes
//! only grow, four modifications in a rolling 24 hours, each after the last has
//! completed.

use std::time::Duration;

use aws_sdk_ec2::operation::{
    describe_volumes_modifications::{
        DescribeVolumesModificationsInput, DescribeVolumesModificationsOutput,
    },
    modify_volume::{ModifyVolumeInput, ModifyVolumeOutput},
};
use aws_sdk_ec2::types::{VolumeModification, VolumeModificationState};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, missing, refuse, require};
use super::super::world::World;
use super::volumes::{Form, Volume};

/// The time in which a volume can be modified at most [`MOST`] times.
const WINDOW: Duration = Duration::from_hours(24);
const MOST: usize = 4;

/// The last modification of a volume.
#[derive(Clone)]
pub struct Modification {
    original: Form,
    target: Form,
    since: Duration,
    state: VolumeModificationState,
}

const FILTERS: Filters<VolumeModification> = Filters {
    fields: &[
        ("modification-state", |one| values(one.modification_state())),
        ("original-size", |one| values(one.original_size())),
        ("target-size", |one| values(one.target_size())),
        ("target-volume-type", |one| values(one.target_volume_type())),
        ("volume-id", |one| values(one.volume_id())),
    ],
    tags: |_| &[],
};

impl World {
    pub fn describe_volumes_modifications(
        &self,
        input: &DescribeVolumesModificationsInput,
    ) -> Answer<DescribeVolumesModificationsOutput> {
        let mut rows = Vec::new();
        for (id, volume) in self.register.named(&self.volumes, input.volume_ids())? {
            match &volume.modification {
                Some(modification) => rows.push(self.modification_view(id, modification)),
                None if input.volume_ids().is_empty() => {}
                None => {
                    let message = format!("Modification for volume '{id}' does not exist.");
                    return Err(refuse("InvalidVolumeModification.NotFound", message));
                }
            }
        }
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeVolumesModificationsOutput::builder();
        Ok(answer
            .set_volumes_modifications(Some(rows))
            .set_next_token(next)
            .build())
    }

    fn modification_view(&self, id: &str, modification: &Modification) -> VolumeModification {
        let Modification {
            original,
            target,
            since,
            state,
        } = modification;
        let is_completed = *state == VolumeModificationState::Completed;
        let progress = match state {
            VolumeModificationState::Completed => 100,
            VolumeModificationState::Optimizing => 50,
            _ => 0,
        };
        let end = self.register.date(*since + 2 * self.options.transition);
        VolumeModification::builder()
            .volume_id(id)
            .modification_state(state.clone())
            .original_size(original.size)
            .original_volume_type(original.kind.clone())
            .set_original_iops(original.iops)
            .set_original_throughput(original.throughput)
            .target_size(target.size)
            .target_volume_type(target.kind.clone())
            .set_target_iops(target.iops)
            .set_target_throughput(target.throughput)
            .progress(progress)
            .start_time(self.register.date(*since))
            .set_end_time(is_completed.then_some(end))
            .build()
    }

    pub fn modify_volume(&mut self, input: &ModifyVolumeInput) -> Answer<ModifyVolumeOutput> {
        let id = require(input.volume_id(), "VolumeId")?;
        let now = self.register.now;
        let volume = self.register.find(&self.volumes, id)?;
        let target = target(volume, input)?;
        if let Some(running) = volume
            .modification
            .as_ref()
            .filter(|one| !one.is_completed())
        {
            let message = format!("Volume {id} is in the '{}' state.", running.state);
            return Err(refuse("IncorrectModificationState", message));
        }
        let recent = volume
            .modified
            .iter()
            .filter(|at| **at + WINDOW > now)
            .count();
        if recent >= MOST {
            let message = "You've reached the maximum modification rate per volume limit. Wait \
                           until the 24-hour window allows another modification of the volume.";
            return Err(refuse("VolumeModificationRateExceeded", message));
        }
        let modification = Modification {
            original: volume.form.clone(),
            target,
            since: now,
            state: VolumeModificationState::Modifying,
        };
        let view = self.modification_view(id, &modification);
        let volume = self.register.find_mut(&mut self.volumes, id)?;
        volume.modification = Some(modification);
        volume.modified.push(now);
        Ok(ModifyVolumeOutput::builder()
            .volume_modification(view)
            .build())
    }

    /// Takes modifications on: the new form counts once a volume is optimizing.
    pub fn settle_volumes(&mut self) {
        let (now, transition) = (self.register.now, self.options.transition);
        for volume in self.volumes.values_mut() {
            let Some(modification) = &mut volume.modification else {
                continue;
            };
            if modification.is_completed() || now < modification.since + transition {
                continue;
            }
            volume.form = modification.target.clone();
            modification.state = if now < modification.since + 2 * transition {
                VolumeModificationState::Optimizing
            } else {
                VolumeModificationState::Completed
            };
        }
    }
}

impl Modification {
    fn is_completed(&self) -> bool {
        self.state == VolumeModificationState::Completed
    }
}

fn target(volume: &Volume, input: &ModifyVolumeInput) -> Answer<Form> {
    let form = &volume.form;
    let is_empty = input.size().is_none()
        && input.volume_type().is_none()
        && input.iops().is_none()
        && input.throughput().is_none();
    if is_empty {
        return Err(missing("Size, VolumeType, Iops or Throughput"));
    }
    let size = input.size().unwrap_or(form.size);
    if size < form.size {
        let message = "New size cannot be smaller than existing size";
        return Err(refuse("InvalidParameterValue", message));
    }
    let kind = input.volume_type().unwrap_or(&form.kind).clone();
    let keeps = kind == form.kind && kind != aws_sdk_ec2::types::VolumeType::Gp2;
    let iops = input.iops().or(form.iops.filter(|_| keeps));
    let throughput = input.throughput().or(form.throughput.filter(|_| keeps));
    Form::new(size, kind, iops, throughput)
}
