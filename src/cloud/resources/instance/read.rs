//! Reading the server: itself and its disk first, its protection second.

use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_instance_attribute::DescribeInstanceAttributeInput;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesInput;
use aws_sdk_ec2::operation::describe_volumes::DescribeVolumesInput;
use aws_sdk_ec2::types::{
    HttpTokensState, Instance as Ec2Instance, InstanceAttributeName, InstanceStateName,
    Reservation, Volume,
};
use futures_util::future::try_join_all;
use futures_util::try_join;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{Address, Live, Observed, Power, Reference};
use crate::cloud::resources::pages::Pages;
use crate::cloud::resources::placement::Placement;
use crate::cloud::resources::reader::Reader;
use crate::cloud::resources::tags::{IMAGE_TAG, TRANSACTION_TAG};
use crate::cloud::resources::{Kind, ec2_tags, tags};

use super::{Instance, Metadata, RootVolume};

/// Asks for one server; `None` where it is unknown, perhaps only as yet.
pub async fn describe(cloud: &dyn Read, id: &str) -> Result<Option<Ec2Instance>, CallError> {
    let input = DescribeInstancesInput::builder().instance_ids(id);
    match cloud.describe_instances(input).await {
        Ok(output) => Ok(output
            .reservations
            .unwrap_or_default()
            .into_iter()
            .flat_map(|reservation| reservation.instances.unwrap_or_default())
            .next()),
        Err(error) if error.code() == "InvalidInstanceID.NotFound" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The power state; `None` once the server is being terminated.
pub fn power(instance: &Ec2Instance) -> Option<Power> {
    match instance.state()?.name()? {
        InstanceStateName::Pending => Some(Power::Pending),
        InstanceStateName::Running => Some(Power::Running),
        InstanceStateName::Stopping => Some(Power::Stopping),
        InstanceStateName::Stopped => Some(Power::Stopped),
        _ => None,
    }
}

/// Whether the server is gone for good; it stays listed for about an hour.
pub fn is_terminated(instance: &Ec2Instance) -> bool {
    let name = instance.state().and_then(|state| state.name());
    name == Some(&InstanceStateName::Terminated)
}

/// Whether the server has not ended and is not about to.
pub fn is_alive(instance: &Ec2Instance) -> bool {
    power(instance).is_some()
}

/// Reads the lab's servers.
pub async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Instance>>, CallError> {
    let (reservations, volumes) = try_join!(reader.reservations(), list_volumes(reader))?;
    let (alive, ended): (Vec<_>, Vec<_>) = reservations
        .iter()
        .flat_map(Reservation::instances)
        .partition(|instance| power(instance).is_some());
    reader.note_ended_instances(ended.len());
    let lives = alive
        .into_iter()
        .map(|instance| live(reader, instance, &volumes));
    try_join_all(lives).await
}

async fn list_volumes(reader: &Reader<'_>) -> Result<BTreeMap<String, Volume>, CallError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    let mut pages = Pages::of("ec2", "DescribeVolumes");
    loop {
        let input = DescribeVolumesInput::builder()
            .set_filters(ec2_tags::lab_filters(reader.scope))
            .set_next_token(token);
        let page = reader.cloud.describe_volumes(input).await?;
        let volumes = page.volumes.unwrap_or_default().into_iter();
        found.extend(volumes.filter_map(|volume| Some((volume.volume_id.clone()?, volume))));
        token = pages.next(page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The id of the disk that the server boots from.
pub fn root_volume_id(instance: &Ec2Instance) -> Option<String> {
    let root = instance.root_device_name();
    let mappings = instance.block_device_mappings().iter();
    let mut mappings = mappings.filter(|mapping| mapping.device_name() == root);
    let volume = mappings.next()?.ebs()?;
    volume.volume_id().map(str::to_owned)
}

/// Makes a live resource of an answer, and asks for what it leaves out.
pub async fn live(
    reader: &Reader<'_>,
    instance: &Ec2Instance,
    volumes: &BTreeMap<String, Volume>,
) -> Result<Live<Instance>, CallError> {
    let id = instance.instance_id().unwrap_or_default();
    let volume_id = root_volume_id(instance);
    let volume = volume_id.as_ref().and_then(|id| volumes.get(id)).cloned();
    let (termination_protection, volume) = try_join!(protection(reader.cloud, id), async {
        match (volume, &volume_id) {
            (None, Some(id)) => volume_by_id(reader.cloud, id).await,
            (volume, _) => Ok(volume),
        }
    })?;
    let observed = Observed {
        tags: ec2_tags::read(instance.tags()),
        public_ip: instance.public_ip_address().and_then(|ip| ip.parse().ok()),
        private_ip: instance.private_ip_address().and_then(|ip| ip.parse().ok()),
        power: power(instance),
        volume_id,
        ena_support: instance.ena_support(),
        availability_zone: instance
            .placement()
            .and_then(|placement| placement.availability_zone())
            .map(str::to_owned),
        ..Observed::default()
    };
    let address = Address::of(Kind::Instance);
    let (notes, zone) = (observed.tags.clone(), observed.availability_zone.clone());
    Ok(tags::live(reader.scope, address, id, observed, |tags| {
        Instance {
            image: notes.get(IMAGE_TAG).cloned(),
            availability_zone: reader.scope.zone_said(zone.as_deref()),
            transaction: notes.get(TRANSACTION_TAG).cloned(),
            subnet: Placement::read(&notes, instance.subnet_id()),
            termination_protection,
            root_volume: root_volume(volume.as_ref()),
            tags,
            ..of_answer(instance)
        }
    }))
}

/// What the answer alone tells; the rest is as it is in a plan.
fn of_answer(instance: &Ec2Instance) -> Instance {
    let groups = instance.security_groups().iter();
    let profile = instance.iam_instance_profile();
    let metadata = instance.metadata_options();
    Instance {
        image: None,
        instance_type: instance
            .instance_type()
            .map(|instance_type| instance_type.as_str().to_owned())
            .unwrap_or_default(),
        root_volume: root_volume(None),
        security_groups: groups
            .filter_map(|group| Reference::named(group.group_id()))
            .collect(),
        subnet: Placement::Unknown,
        availability_zone: None,
        instance_profile: Reference::named(profile.and_then(|profile| profile.arn())),
        termination_protection: false,
        metadata: Metadata {
            tokens_required: metadata.and_then(|options| options.http_tokens())
                == Some(&HttpTokensState::Required),
            hop_limit: metadata
                .and_then(|options| options.http_put_response_hop_limit())
                .unwrap_or(Metadata::SAFE.hop_limit),
        },
        transaction: None,
        tags: BTreeMap::new(),
    }
}

fn root_volume(volume: Option<&Volume>) -> RootVolume {
    let volume_type = volume.and_then(|volume| volume.volume_type());
    RootVolume {
        size: volume
            .and_then(|volume| volume.size())
            .unwrap_or_default()
            .into(),
        volume_type: volume_type
            .map(|volume_type| volume_type.as_str().to_owned())
            .unwrap_or_default(),
    }
}

/// The one property that a listing of instances leaves out.
async fn protection(cloud: &dyn Read, id: &str) -> Result<bool, CallError> {
    let input = DescribeInstanceAttributeInput::builder()
        .instance_id(id)
        .attribute(InstanceAttributeName::DisableApiTermination);
    let output = match cloud.describe_instance_attribute(input).await {
        Err(error) if error.code() == "InvalidInstanceID.NotFound" => return Ok(false),
        other => other?,
    };
    let value = output.disable_api_termination.and_then(|value| value.value);
    Ok(value.unwrap_or_default())
}

/// A volume of which the tags were lost, or of a server that was adopted.
async fn volume_by_id(cloud: &dyn Read, id: &str) -> Result<Option<Volume>, CallError> {
    let input = DescribeVolumesInput::builder().volume_ids(id);
    match cloud.describe_volumes(input).await {
        Ok(output) => Ok(output.volumes.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == "InvalidVolume.NotFound" => Ok(None),
        Err(error) => Err(error),
    }
}
