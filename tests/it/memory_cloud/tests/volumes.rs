use aws_sdk_ec2::operation::describe_volumes::DescribeVolumesInput;
use aws_sdk_ec2::operation::describe_volumes_modifications::DescribeVolumesModificationsInput;
use aws_sdk_ec2::operation::modify_volume::ModifyVolumeInput;
use aws_sdk_ec2::types::VolumeType;

use super::*;

async fn volume(memory: &Memory) -> String {
    launched(memory, "t3.micro").await;
    let volumes = memory
        .describe_volumes(DescribeVolumesInput::builder())
        .await
        .unwrap();
    volumes.volumes()[0].volume_id().unwrap().to_owned()
}

async fn resize(memory: &Memory, id: &str, size: i32) -> Result<(), CallError> {
    let input = ModifyVolumeInput::builder().volume_id(id).size(size);
    memory.modify_volume(input).await.map(drop)
}

async fn progress(memory: &Memory, id: &str) -> String {
    let input = DescribeVolumesModificationsInput::builder().volume_ids(id);
    let answer = memory.describe_volumes_modifications(input).await.unwrap();
    let state = answer.volumes_modifications()[0].modification_state();
    state.unwrap().as_str().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_volume_grows_through_its_states() {
    let memory = slow();
    let id = volume(&memory).await;
    assert_eq!(code(resize(&memory, &id, 4).await), "InvalidParameterValue");
    resize(&memory, &id, 30).await.unwrap();
    assert_eq!(progress(&memory, &id).await, "modifying");
    assert_eq!(memory.snapshot().get(&id).unwrap().attributes["size"], "8");
    pass(60).await;
    assert_eq!(progress(&memory, &id).await, "optimizing");
    assert_eq!(memory.snapshot().get(&id).unwrap().attributes["size"], "30");
    assert_eq!(
        code(resize(&memory, &id, 40).await),
        "IncorrectModificationState"
    );
    pass(60).await;
    assert_eq!(progress(&memory, &id).await, "completed");
    resize(&memory, &id, 40).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_volume_changes_four_times_a_day() {
    let memory = memory();
    let id = volume(&memory).await;
    for size in 9..13 {
        resize(&memory, &id, size).await.unwrap();
        pass(3600).await;
    }
    assert_eq!(
        code(resize(&memory, &id, 20).await),
        "VolumeModificationRateExceeded"
    );
    pass(20 * 3600).await;
    resize(&memory, &id, 20).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn types_have_limits() {
    let memory = memory();
    let id = volume(&memory).await;
    let input = ModifyVolumeInput::builder()
        .volume_id(&id)
        .volume_type(VolumeType::Gp2);
    let too_large = memory.modify_volume(input.size(20_000)).await;
    assert_eq!(code(too_large), "InvalidParameterValue");
}
