use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsInput;
use aws_sdk_ec2::operation::modify_instance_attribute::ModifyInstanceAttributeInput;
use aws_sdk_ec2::operation::start_instances::StartInstancesInput;
use aws_sdk_ec2::operation::stop_instances::StopInstancesInput;
use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesInput;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, BlockDeviceMapping, EbsBlockDevice,
    IamInstanceProfileSpecification,
};

use super::*;

async fn stop(memory: &Memory, id: &str) -> Result<(), CallError> {
    let input = StopInstancesInput::builder().instance_ids(id);
    memory.stop_instances(input).await.map(drop)
}

async fn start(memory: &Memory, id: &str) -> Result<(), CallError> {
    let input = StartInstancesInput::builder().instance_ids(id);
    memory.start_instances(input).await.map(drop)
}

async fn terminate(memory: &Memory, id: &str) -> Result<(), CallError> {
    let input = TerminateInstancesInput::builder().instance_ids(id);
    memory.terminate_instances(input).await.map(drop)
}

async fn retype(memory: &Memory, id: &str, kind: &str) -> Result<(), CallError> {
    let kind = AttributeValue::builder().value(kind).build();
    let input = ModifyInstanceAttributeInput::builder()
        .instance_id(id)
        .instance_type(kind);
    memory.modify_instance_attribute(input).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_a_call_is_polled() {
    let memory = memory();
    let before = memory.snapshot();
    drop(memory.run_instances(to_run(&memory, "t3.micro").await));
    assert_eq!(memory.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn states_last_and_follow_each_other() {
    let memory = slow();
    let id = launched(&memory, "t3.micro").await;
    assert_eq!(state(&memory, &id).await, "pending");
    assert_eq!(code(stop(&memory, &id).await), "IncorrectInstanceState");
    pass(60).await;
    assert_eq!(state(&memory, &id).await, "running");
    assert!(instance(&memory, &id).await.public_ip_address.is_some());
    stop(&memory, &id).await.unwrap();
    assert_eq!(state(&memory, &id).await, "stopping");
    assert_eq!(code(start(&memory, &id).await), "IncorrectInstanceState");
    pass(60).await;
    assert_eq!(state(&memory, &id).await, "stopped");
    assert_eq!(instance(&memory, &id).await.public_ip_address, None);
    start(&memory, &id).await.unwrap();
    terminate(&memory, &id).await.unwrap();
    assert_eq!(state(&memory, &id).await, "shutting-down");
    assert_eq!(memory.snapshot().of("network-interface").len(), 1);
    pass(60).await;
    assert_eq!(state(&memory, &id).await, "terminated");
    let snapshot = memory.snapshot();
    assert!(snapshot.of("network-interface").is_empty());
    assert!(snapshot.of("volume").is_empty());
    pass(3600).await;
    let input = DescribeInstancesInput::builder().instance_ids(&id);
    assert_eq!(
        code(memory.describe_instances(input).await),
        "InvalidInstanceID.NotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_token_gives_the_same_instance_until_it_is_terminated() {
    let memory = memory();
    let input = to_run(&memory, "t3.micro").await.client_token("once");
    let first = memory.run_instances(input.clone()).await.unwrap();
    let second = memory.run_instances(input.clone()).await.unwrap();
    assert_eq!(first.reservation_id, second.reservation_id);
    assert_eq!(memory.snapshot().of("instance").len(), 1);
    let other = input.clone().instance_type(InstanceType::T3Small);
    assert_eq!(
        code(memory.run_instances(other).await),
        "IdempotentParameterMismatch"
    );
    terminate(&memory, first.instances()[0].instance_id().unwrap())
        .await
        .unwrap();
    assert_eq!(
        code(memory.run_instances(input).await),
        "IdempotentInstanceTerminated"
    );
}

#[tokio::test(start_paused = true)]
async fn launches_are_checked() {
    let memory = memory();
    let input = to_run(&memory, "t3.micro").await;
    let refused = async |input| code(memory.run_instances(input).await);
    assert_eq!(
        refused(input.clone().image_id("ami-0")).await,
        "InvalidAMIID.NotFound"
    );
    assert_eq!(
        refused(input.clone().key_name("none")).await,
        "InvalidKeyPair.NotFound"
    );
    assert_eq!(
        refused(input.clone().security_group_ids("sg-0")).await,
        "InvalidGroup.NotFound"
    );
    assert_eq!(
        refused(input.clone().subnet_id("subnet-0")).await,
        "InvalidSubnetID.NotFound"
    );
    let kind = |name| input.clone().instance_type(InstanceType::from(name));
    assert_eq!(refused(kind("t9.huge")).await, "InvalidParameterValue");
    assert_eq!(refused(kind("t4g.small")).await, "InvalidParameterValue");
    let small = EbsBlockDevice::builder().volume_size(4).build();
    let small = BlockDeviceMapping::builder()
        .device_name("/dev/sda1")
        .ebs(small)
        .build();
    assert_eq!(
        refused(input.clone().block_device_mappings(small)).await,
        "InvalidBlockDeviceMapping"
    );
    let subnets = memory
        .describe_subnets(DescribeSubnetsInput::builder())
        .await
        .unwrap()
        .subnets
        .unwrap();
    let second = subnets[1].subnet_id().unwrap();
    assert_eq!(
        refused(kind("m5.large").subnet_id(second)).await,
        "Unsupported"
    );
    memory.lack_capacity("t3.micro");
    let error = memory.run_instances(input.clone()).await.unwrap_err();
    assert_eq!(
        (error.code(), error.status()),
        ("InsufficientInstanceCapacity", 500)
    );
    assert!(memory.snapshot().of("instance").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_free_plan_has_few_types() {
    let options = Options {
        free_plan: true,
        ..Options::default()
    };
    let memory = Memory::with_options("123456789012", "us-east-1", options);
    launched(&memory, "t3.micro").await;
    let refused = memory
        .run_instances(to_run(&memory, "t2.micro").await)
        .await;
    assert!(message(refused).contains("not eligible for Free Tier"));
}

#[tokio::test(start_paused = true)]
async fn vcpus_are_limited() {
    let options = Options {
        vcpus: 3,
        ..Options::default()
    };
    let memory = Memory::with_options("123456789012", "us-east-1", options);
    let id = launched(&memory, "t3.micro").await;
    let more = memory
        .run_instances(to_run(&memory, "t3.micro").await)
        .await;
    assert_eq!(code(more), "VcpuLimitExceeded");
    stop(&memory, &id).await.unwrap();
    pass(1).await;
    launched(&memory, "t3.micro").await;
    assert_eq!(code(start(&memory, &id).await), "VcpuLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_type_changes_only_while_stopped() {
    let memory = memory();
    let id = launched(&memory, "t2.micro").await;
    assert_eq!(
        code(retype(&memory, &id, "t3.small").await),
        "IncorrectInstanceState"
    );
    stop(&memory, &id).await.unwrap();
    assert_eq!(
        code(retype(&memory, &id, "t4g.small").await),
        "InvalidParameterValue"
    );
    retype(&memory, &id, "t3.small").await.unwrap();
    memory.lack_capacity("t3.small");
    assert_eq!(
        code(start(&memory, &id).await),
        "InsufficientInstanceCapacity"
    );
    assert_eq!(state(&memory, &id).await, "stopped");
    memory.restore_capacity("t3.small");
    start(&memory, &id).await.unwrap();
    assert_eq!(
        instance(&memory, &id).await.instance_type,
        Some(InstanceType::T3Small)
    );
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_ena_takes_no_type_that_needs_it() {
    let memory = memory();
    let image = image(&memory, "legacy/*").await;
    let input = to_run(&memory, "t2.micro").await.image_id(image);
    let answer = memory.run_instances(input).await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    stop(&memory, id).await.unwrap();
    assert_eq!(
        code(retype(&memory, id, "t3.micro").await),
        "InvalidParameterCombination"
    );
}

#[tokio::test(start_paused = true)]
async fn protection_refuses_termination_only() {
    let memory = memory();
    let input = to_run(&memory, "t3.micro")
        .await
        .disable_api_termination(true);
    let answer = memory.run_instances(input).await.unwrap();
    let id = answer.instances()[0].instance_id().unwrap();
    assert_eq!(code(terminate(&memory, id).await), "OperationNotPermitted");
    stop(&memory, id).await.unwrap();
    let off = AttributeBooleanValue::builder().value(false).build();
    let input = ModifyInstanceAttributeInput::builder().instance_id(id);
    memory
        .modify_instance_attribute(input.disable_api_termination(off))
        .await
        .unwrap();
    terminate(&memory, id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_instance_is_not_seen_at_once() {
    let memory = lagging();
    let id = launched(&memory, "t3.micro").await;
    let by_id = DescribeInstancesInput::builder().instance_ids(&id);
    assert_eq!(
        code(memory.describe_instances(by_id).await),
        "InvalidInstanceID.NotFound"
    );
    let all = memory
        .describe_instances(DescribeInstancesInput::builder())
        .await
        .unwrap();
    assert!(all.reservations().is_empty());
    pass(10).await;
    assert_eq!(state(&memory, &id).await, "running");
}

#[tokio::test(start_paused = true)]
async fn unknown_profiles_and_filters_are_refused() {
    let memory = memory();
    let profile = IamInstanceProfileSpecification::builder()
        .name("lab")
        .build();
    let input = to_run(&memory, "t3.micro")
        .await
        .iam_instance_profile(profile);
    assert!(
        message(memory.run_instances(input).await).contains("Invalid IAM Instance Profile name")
    );
    let input = DescribeInstancesInput::builder().filters(filter("colour", "red"));
    assert_eq!(
        code(memory.describe_instances(input).await),
        "InvalidParameterValue"
    );
}
