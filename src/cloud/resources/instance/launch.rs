//! Starting a new server, once, however often the call is repeated.

use aws_sdk_ec2::operation::describe_instances::DescribeInstancesInput;
use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesInputBuilder;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    Instance as Ec2Instance, InstanceMetadataOptionsRequest, InstanceType, ResourceType,
    VolumeType,
};

use crate::cloud::api::{CallError, is_out_of_stock};
use crate::cloud::resource::{Observed, Power};
use crate::cloud::resources::context::{Handle, StepError, required};
use crate::cloud::resources::placement::Placement;
use crate::cloud::resources::run::{Run, SIGHT};
use crate::cloud::resources::{Scope, ec2_tags};
use crate::support::digest::sha256;

use super::{Instance, power, read};

/// How many tokens to try; each was used up by one server of before.
const GENERATIONS: u32 = 100;

/// Makes the token by which EC2 tells a repeated call from a new one.
///
/// It follows from the lab alone, so that a run that was killed in the call and
/// its successor use the same one. After a termination the token is used up and
/// the next generation's is taken (Amazon EC2 API Reference, "Ensuring
/// idempotency"; at most 64 ASCII characters).
fn client_token(scope: &Scope, generation: u32) -> String {
    let text = format!("{}/{}/instance/{generation}", scope.lab, scope.region);
    format!("labctl-{}", &sha256(&text)[..48])
}

/// Starts the server and waits until it runs.
///
/// Where it may be in any default subnet they are tried in their order, because AWS may have no server of the type left
/// in one zone. The token stays the same: a run after one that was killed finds by it what that has made, wherever it is.
pub async fn launch(instance: &Instance, run: &Run<'_>) -> Result<Handle, StepError> {
    let subnets = subnets(instance, run)?;
    let mut places = subnets.iter();
    let mut place = places.next().cloned().flatten();
    let mut generation = run.shared.instance_generation;
    let end = generation.saturating_add(GENERATIONS);
    while generation < end {
        let token = client_token(run.scope, generation);
        let result = call(instance, place.as_deref(), &token, run).await;
        let id = match result {
            Ok(id) => id,
            Err(error) if error.code() == "IdempotentInstanceTerminated" => {
                generation += 1;
                continue;
            }
            Err(error) if has_none(&error) => match places.next() {
                Some(next) => {
                    (run.say)("AWS has no server of this type left in one zone, trying another");
                    place.clone_from(next);
                    continue;
                }
                None => return Err(error),
            },
            // A run that was cut off asked for something else with this token:
            // take what it made, if that lives.
            Err(error) if error.code() == "IdempotentParameterMismatch" => {
                match by_token(&token, run).await? {
                    Some(id) => id,
                    None => {
                        generation += 1;
                        continue;
                    }
                }
            }
            Err(error) => return Err(error),
        };
        return power::up(&id, run)
            .await
            .map(|instance| handle(&id, &instance));
    }
    Err(StepError::blocked(
        format!("EC2 knows {GENERATIONS} terminated servers of this lab"),
        "wait an hour until it forgets them",
    ))
}

/// The subnets that the server may be in; `None` where EC2 chooses.
fn subnets(instance: &Instance, run: &Run<'_>) -> Result<Vec<Option<String>>, StepError> {
    let subnets = match &instance.subnet {
        Placement::In(reference) => vec![run.id(reference)?],
        Placement::Default | Placement::Unknown => run.shared.lookups.default_subnets.clone(),
    };
    Ok(match subnets.is_empty() {
        true => vec![None],
        false => subnets.into_iter().map(Some).collect(),
    })
}

/// Whether a zone has no server of the type: at the moment, or at all.
fn has_none(error: &StepError) -> bool {
    let StepError::Call(call) = error else {
        return false;
    };
    let is_about_zone = || call.failure.to_string().contains("Availability Zone");
    is_out_of_stock(call.code()) || (call.code() == "Unsupported" && is_about_zone())
}

async fn call(
    instance: &Instance,
    subnet: Option<&str>,
    token: &str,
    run: &Run<'_>,
) -> Result<String, StepError> {
    let input = input(instance, subnet, token, run)?;
    let output = run
        .retry_if(
            "the server's role and group to be known",
            is_not_yet_known,
            async || run.cloud.run_instances(input.clone()).await,
        )
        .await?;
    let mut instances = output.instances.unwrap_or_default().into_iter();
    let id = instances.next().and_then(|instance| instance.instance_id);
    required(id, "RunInstances", "instance id")
}

/// IAM is eventually consistent: a new profile is unknown to EC2 for a while.
/// Only these two texts say so; other invalid parameters stay invalid.
pub fn is_not_yet_known(error: &CallError) -> bool {
    let text = error.failure.to_string();
    match error.code() {
        "InvalidParameterValue" => {
            text.contains("Invalid IAM Instance Profile")
                || text.contains("has no associated IAM Roles")
        }
        "InvalidGroup.NotFound" | "InvalidKeyPair.NotFound" | "InvalidSubnetID.NotFound" => true,
        _ => false,
    }
}

fn input(
    instance: &Instance,
    subnet: Option<&str>,
    token: &str,
    run: &Run<'_>,
) -> Result<RunInstancesInputBuilder, StepError> {
    let lookups = run.shared.lookups;
    let (image, device) = lookups.image.clone().unwrap_or_default();
    let disk = EbsBlockDevice::builder()
        .volume_size(i32::try_from(instance.root_volume.size).unwrap_or(i32::MAX))
        .volume_type(VolumeType::from(instance.root_volume.volume_type.as_str()))
        .encrypted(true)
        .delete_on_termination(true)
        .build();
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_tokens(HttpTokensState::Required)
        .http_put_response_hop_limit(instance.metadata.hop_limit)
        .build();
    let profile = match &instance.instance_profile {
        Some(profile) => Some(
            IamInstanceProfileSpecification::builder()
                .arn(run.id(profile)?)
                .build(),
        ),
        None => None,
    };
    let tags = |resource_type| ec2_tags::specification(resource_type, &instance.tags);
    Ok(RunInstancesInput::builder()
        .image_id(image)
        .instance_type(InstanceType::from(instance.instance_type.as_str()))
        .key_name(&run.scope.lab)
        .set_security_group_ids(Some(instance.group_ids(run)?))
        .set_subnet_id(subnet.map(str::to_owned))
        .block_device_mappings(
            BlockDeviceMapping::builder()
                .device_name(device)
                .ebs(disk)
                .build(),
        )
        .metadata_options(metadata)
        .set_iam_instance_profile(profile)
        .disable_api_termination(instance.termination_protection)
        .tag_specifications(tags(ResourceType::Instance))
        .tag_specifications(tags(ResourceType::Volume))
        .min_count(1)
        .max_count(1)
        .client_token(token))
}

/// Finds the living server of a token; `None` where it has ended.
///
/// One that was just started is not listed at once, and must not be taken for
/// one that has ended long ago: there would be a second server.
async fn by_token(token: &str, run: &Run<'_>) -> Result<Option<String>, StepError> {
    let listed = run
        .wait(
            "the server of a run before to be listed",
            SIGHT,
            async || {
                let input = DescribeInstancesInput::builder()
                    .filters(ec2_tags::filter("client-token", [token]));
                let output = run.cloud.describe_instances(input).await?;
                let reservations = output.reservations.unwrap_or_default().into_iter();
                let instances = reservations.flat_map(|one| one.instances.unwrap_or_default());
                let instances: Vec<Ec2Instance> = instances.collect();
                Ok((!instances.is_empty()).then_some(instances))
            },
        )
        .await;
    match listed {
        Err(StepError::TimedOut { .. }) => Ok(None),
        listed => {
            let mut instances = listed?.into_iter();
            let living = instances.find(|instance| read::power(instance).is_some());
            Ok(living.and_then(|instance| instance.instance_id))
        }
    }
}

fn handle(id: &str, instance: &Ec2Instance) -> Handle {
    Handle {
        id: id.to_owned(),
        observed: Observed {
            public_ip: instance.public_ip_address().and_then(|ip| ip.parse().ok()),
            power: Some(Power::Running),
            volume_id: read::root_volume_id(instance),
            ..Observed::default()
        },
    }
}
