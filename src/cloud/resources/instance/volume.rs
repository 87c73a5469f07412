//! Growing the server's disk, or changing its type, while it is in use.

use std::time::Duration;

use aws_sdk_ec2::operation::describe_volumes_modifications::DescribeVolumesModificationsInput;
use aws_sdk_ec2::operation::modify_volume::ModifyVolumeInput;
use aws_sdk_ec2::types::{VolumeModification, VolumeModificationState, VolumeType};

use crate::cloud::api::CallError;
use crate::cloud::resource::Live;
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::run::Run;

use super::RootVolume;

const MODIFICATION: Duration = Duration::from_secs(900);

/// Modifies the volume and waits until the new size can be used.
///
/// That is so from the state `optimizing` on; AWS allows four changes in 24
/// hours, each after the one before is completed (Amazon EBS User Guide,
/// "Requirements for EBS volume modifications").
pub async fn modify(
    live: &Live<super::Instance>,
    volume: &RootVolume,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let Some(id) = &live.observed.volume_id else {
        let instance = &live.id;
        return Err(StepError::blocked(
            format!("the server `{instance}` has no root volume"),
            "look at the server in EC2's console: somebody has detached its disk",
        ));
    };
    let input = ModifyVolumeInput::builder()
        .volume_id(id)
        .size(i32::try_from(volume.size).unwrap_or(i32::MAX))
        .volume_type(VolumeType::from(volume.volume_type.as_str()));
    match run.cloud.modify_volume(input).await {
        Ok(_) => {}
        // A run that was cut off has asked for it already.
        Err(error) if is_too_soon(&error) && is_underway(id, volume, run).await? => {}
        Err(error) if is_too_soon(&error) => {
            return Err(StepError::blocked(
                format!("the volume `{id}` cannot be changed yet: {}", error.failure),
                "run the same command later: AWS allows four changes of a volume in 24 hours, each \
                 after the one before is completed",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    run.wait("the volume to be modified", MODIFICATION, async || {
        let newest = newest(id, run).await?;
        match newest
            .as_ref()
            .and_then(|modification| modification.modification_state())
        {
            Some(VolumeModificationState::Completed | VolumeModificationState::Optimizing) => {
                Ok(Some(()))
            }
            Some(VolumeModificationState::Failed) => Err(StepError::blocked(
                format!("AWS could not modify the volume `{id}`; it is as it was"),
                "run the same command again",
            )),
            _ => Ok(None),
        }
    })
    .await
}

fn is_too_soon(error: &CallError) -> bool {
    const CODES: &[&str] = &[
        "VolumeModificationRateExceeded",
        "IncorrectModificationState",
        "IncorrectState",
    ];
    CODES.contains(&error.code())
}

/// The newest change of a volume.
async fn newest(id: &str, run: &Run<'_>) -> Result<Option<VolumeModification>, CallError> {
    let input = DescribeVolumesModificationsInput::builder().volume_ids(id);
    match run.cloud.describe_volumes_modifications(input).await {
        Ok(output) => Ok(output.volumes_modifications.unwrap_or_default().pop()),
        Err(error) if error.code() == "InvalidVolumeModification.NotFound" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the volume is on its way to the wanted form.
async fn is_underway(id: &str, volume: &RootVolume, run: &Run<'_>) -> Result<bool, CallError> {
    use VolumeModificationState::{Modifying, Optimizing};
    Ok(newest(id, run).await?.is_some_and(|modification| {
        let volume_type = modification.target_volume_type().map(|name| name.as_str());
        matches!(
            modification.modification_state(),
            Some(Modifying | Optimizing)
        ) && modification.target_size().map(i64::from) == Some(volume.size)
            && volume_type == Some(volume.volume_type.as_str())
    }))
}
