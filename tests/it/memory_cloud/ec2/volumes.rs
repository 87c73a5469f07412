//! Volumes.
//!
//! Sources: EC2 API Reference, "DescribeVolumes"; EBS User Guide, "Amazon EBS
//! volume types" (sizes and performance).

use std::time::Duration;

use aws_sdk_ec2::operation::describe_volumes::{DescribeVolumesInput, DescribeVolumesOutput};
use aws_sdk_ec2::types::{self, VolumeAttachment, VolumeAttachmentState, VolumeState, VolumeType};

use super::super::filters::{Filters, limit, page, values};
use super::super::refusal::{Answer, Refusal, refuse};
use super::super::register::{Kind, Resource};
use super::super::world::World;
use super::modifications::Modification;

/// A volume.
pub struct Volume {
    pub zone: String,
    pub form: Form,
    pub encrypted: bool,
    pub snapshot: Option<String>,
    pub attachment: Option<Attachment>,
    pub modification: Option<Modification>,
    /// When each modification began.
    pub modified: Vec<Duration>,
}

/// What a volume is attached to.
pub struct Attachment {
    pub instance: String,
    pub device: String,
    pub dies_with_instance: bool,
}

/// What a modification can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pub size: i32,
    pub kind: VolumeType,
    pub iops: Option<i32>,
    pub throughput: Option<i32>,
}

impl Resource for Volume {
    const KIND: Kind = Kind::VOLUME;
}

impl Form {
    /// Makes a form out of what a request says; what it leaves out is the type's
    /// default.
    pub fn new(
        size: i32,
        kind: VolumeType,
        iops: Option<i32>,
        throughput: Option<i32>,
    ) -> Answer<Self> {
        let (sizes, rates, throughputs) = match kind {
            VolumeType::Gp3 => (1..=65_536, Some(3000..=80_000), Some(125..=2000)),
            VolumeType::Gp2 => (1..=16_384, None, None),
            VolumeType::Io1 => (4..=16_384, Some(100..=64_000), None),
            VolumeType::Io2 => (4..=65_536, Some(100..=256_000), None),
            VolumeType::St1 | VolumeType::Sc1 => (125..=16_384, None, None),
            VolumeType::Standard => (1..=1024, None, None),
            other => return Err(invalid(format!("Invalid volume type '{other}'."))),
        };
        if !sizes.contains(&size) {
            let (least, most) = sizes.into_inner();
            return Err(invalid(format!(
                "Volume of {size}GiB is not within the limits of type {kind}: {least} to {most} GiB."
            )));
        }
        let fits = |value: Option<i32>, range: &Option<std::ops::RangeInclusive<i32>>| {
            value.is_none_or(|value| range.as_ref().is_some_and(|range| range.contains(&value)))
        };
        if !fits(iops, &rates) {
            return Err(invalid(format!(
                "The iops value is not valid for volume type {kind}."
            )));
        }
        if !fits(throughput, &throughputs) {
            return Err(invalid(format!(
                "The throughput value is not valid for volume type {kind}."
            )));
        }
        let iops = match kind {
            VolumeType::Gp2 => Some((3 * size).clamp(100, 16_000)),
            _ => iops.or(rates.map(|range| *range.start())),
        };
        let throughput = throughput.or(throughputs.map(|range| *range.start()));
        Ok(Self {
            size,
            kind,
            iops,
            throughput,
        })
    }
}

fn invalid(message: String) -> Refusal {
    refuse("InvalidParameterValue", message)
}

fn of_attachments(
    volume: &types::Volume,
    read: fn(&VolumeAttachment) -> Vec<String>,
) -> Vec<String> {
    volume.attachments().iter().flat_map(read).collect()
}

const FILTERS: Filters<types::Volume> = Filters {
    fields: &[
        ("attachment.delete-on-termination", |volume| {
            of_attachments(volume, |one| values(one.delete_on_termination()))
        }),
        ("attachment.device", |volume| {
            of_attachments(volume, |one| values(one.device()))
        }),
        ("attachment.instance-id", |volume| {
            of_attachments(volume, |one| values(one.instance_id()))
        }),
        ("attachment.status", |volume| {
            of_attachments(volume, |one| values(one.state()))
        }),
        ("availability-zone", |volume| {
            values(volume.availability_zone())
        }),
        ("encrypted", |volume| values(volume.encrypted())),
        ("size", |volume| values(volume.size())),
        ("snapshot-id", |volume| values(volume.snapshot_id())),
        ("status", |volume| values(volume.state())),
        ("volume-id", |volume| values(volume.volume_id())),
        ("volume-type", |volume| values(volume.volume_type())),
    ],
    tags: types::Volume::tags,
};

impl World {
    pub fn describe_volumes(&self, input: &DescribeVolumesInput) -> Answer<DescribeVolumesOutput> {
        if !input.volume_ids().is_empty() && input.max_results().is_some() {
            let message = "The parameter volumeSet cannot be used with the parameter maxResults";
            return Err(refuse("InvalidParameterCombination", message));
        }
        let rows = self.register.named(&self.volumes, input.volume_ids())?;
        let rows = rows
            .into_iter()
            .map(|(id, volume)| self.volume_view(id, volume))
            .collect();
        let rows = FILTERS.select(rows, input.filters())?;
        let (rows, next) = page(rows, limit(input.max_results())?, input.next_token())?;
        let answer = DescribeVolumesOutput::builder().set_volumes(Some(rows));
        Ok(answer.set_next_token(next).build())
    }

    fn volume_view(&self, id: &str, volume: &Volume) -> types::Volume {
        let made = self.register.made(id);
        let attachments = volume.attachment.iter().map(|attachment| {
            VolumeAttachment::builder()
                .volume_id(id)
                .instance_id(&attachment.instance)
                .device(&attachment.device)
                .delete_on_termination(attachment.dies_with_instance)
                .state(VolumeAttachmentState::Attached)
                .attach_time(made)
                .build()
        });
        let state = match volume.attachment {
            Some(_) => VolumeState::InUse,
            None => VolumeState::Available,
        };
        types::Volume::builder()
            .volume_id(id)
            .size(volume.form.size)
            .volume_type(volume.form.kind.clone())
            .set_iops(volume.form.iops)
            .set_throughput(volume.form.throughput)
            .encrypted(volume.encrypted)
            .set_snapshot_id(volume.snapshot.clone())
            .availability_zone(&volume.zone)
            .state(state)
            .set_attachments(Some(attachments.collect()))
            .create_time(made)
            .multi_attach_enabled(false)
            .set_tags(Some(self.register.ec2_tags(id)))
            .build()
    }

    /// Lists the volumes of an instance.
    pub fn volumes_of(&self, instance: &str) -> impl Iterator<Item = (&String, &Volume)> {
        let is_its = move |attachment: &Attachment| attachment.instance == instance;
        self.volumes
            .iter()
            .filter(move |(_, volume)| volume.attachment.as_ref().is_some_and(is_its))
    }

    /// Lets the volumes of a terminated instance go: deleted or left behind.
    pub fn leave_volumes(&mut self, instance: &str) {
        let register = &mut self.register;
        self.volumes.retain(|id, volume| {
            let attachment = volume.attachment.take_if(|one| one.instance == instance);
            let dies = attachment.is_some_and(|attachment| attachment.dies_with_instance);
            if dies {
                register.remove(id);
            }
            !dies
        });
    }
}
