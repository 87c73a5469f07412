//! Growing the server's disk, or changing its type, while it is in use.

use std::time::Duration;

use aws_sdk_ec2::operation::describe_volumes_modifications::DescribeVolumesModificationsInput;
use aws_sdk_ec2::operation::modify_volume::ModifyVolumeInput;
use aws_sdk_ec2::types::{VolumeModificationState, VolumeType};

use crate::resource::Live;
use crate::resources::context::StepError;
use crate::resources::run::Run;

use super::RootVolume;

const MODIFICATION: Duration = Duration::from_secs(900);

/// Modifies the volume and waits until the new size can be used.
///
/// That is so from the state `optimizing` on; AWS allows four changes in 24
/// hours, each after the one before is completed (Amazon EBS User Guide,
/// "Requirements for EBS volume modifications").
pub async fn modify(live: &Live, volume: &RootVolume, run: &Run<'_>) -> Result<(), StepError> {
    let Some(id) = &live.observed.volume_id else {
        let instance = &live.id;
        return Err(StepError::Blocked(format!("the server `{instance}` has no root volume")));
    };
    let input = ModifyVolumeInput::builder()
        .volume_id(id)
        .size(i32::try_from(volume.size).unwrap_or(i32::MAX))
        .volume_type(VolumeType::from(volume.volume_type.as_str()));
    match run.cloud.modify_volume(input).await {
        Ok(_) => {}
        Err(error) => {
            let code = error.code();
            let is_too_soon = code == "VolumeModificationRateExceeded"
                || code == "IncorrectModificationState"
                || code == "IncorrectState";
            return Err(match is_too_soon {
                true => StepError::Blocked(format!(
                    "AWS allows four changes of a volume in 24 hours, each after the one before \
                     is completed: `{id}` has to wait ({})",
                    error.failure
                )),
                false => error.into(),
            });
        }
    }
    run.wait("the volume to be modified", MODIFICATION, async || {
        let input = DescribeVolumesModificationsInput::builder().volume_ids(id);
        let output = run.cloud.describe_volumes_modifications(input).await?;
        let newest = output.volumes_modifications().last();
        match newest.and_then(|modification| modification.modification_state()) {
            Some(VolumeModificationState::Completed | VolumeModificationState::Optimizing) => {
                Ok(Some(()))
            }
            Some(VolumeModificationState::Failed) => Err(StepError::Blocked(format!(
                "AWS could not modify the volume `{id}`; it is as it was"
            ))),
            _ => Ok(None),
        }
    })
    .await
}
