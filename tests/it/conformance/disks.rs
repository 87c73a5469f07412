//! Rules of EC2's volumes, of what an instance's state allows, and of tags.

use aws_sdk_ec2::operation::create_tags::CreateTagsInput;
use aws_sdk_ec2::operation::describe_volumes::DescribeVolumesInput;
use aws_sdk_ec2::operation::modify_volume::ModifyVolumeInput;
use aws_sdk_ec2::operation::start_instances::StartInstancesInput;
use aws_sdk_ec2::operation::terminate_instances::TerminateInstancesInput;
use aws_sdk_ec2::types::{Filter, Tag};

use super::{Rule, code, launched, vpc};

pub const RULES: &[Rule] = &[
    Rule {
        name: "a volume grows and never shrinks",
        source: "EC2 API Reference, ModifyVolume, `Size`",
        expected: &["InvalidParameterValue", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let instance = launched(cloud, None).await;
                let filter = Filter::builder().name("attachment.instance-id");
                let input =
                    DescribeVolumesInput::builder().filters(filter.values(instance).build());
                let answer = cloud.describe_volumes(input).await.unwrap();
                let volume = &answer.volumes()[0];
                let (id, size) = (volume.volume_id().unwrap(), volume.size().unwrap());
                let grow = async |size| {
                    let input = ModifyVolumeInput::builder().volume_id(id).size(size);
                    code(cloud.modify_volume(input).await)
                };
                vec![grow(size - 1).await, grow(size + 1).await]
            })
        },
    },
    Rule {
        name: "what is terminated is not started again",
        source: "EC2 API Reference, error codes, `IncorrectInstanceState`",
        expected: &["IncorrectInstanceState"],
        ask: |cloud, _| {
            Box::pin(async {
                let id = launched(cloud, None).await;
                let input = TerminateInstancesInput::builder().instance_ids(&id);
                cloud.terminate_instances(input).await.unwrap();
                let input = StartInstancesInput::builder().instance_ids(&id);
                vec![code(cloud.start_instances(input).await)]
            })
        },
    },
    Rule {
        name: "a volume that is not there cannot be changed",
        source: "EC2 API Reference, error codes, `InvalidVolume.NotFound`",
        expected: &["InvalidVolume.NotFound"],
        ask: |cloud, _| {
            Box::pin(async {
                let input = ModifyVolumeInput::builder()
                    .volume_id("vol-0123456789abcdef0")
                    .size(100);
                vec![code(cloud.modify_volume(input).await)]
            })
        },
    },
    Rule {
        name: "tags of AWS's own are not for us, and a tag's key has an end",
        source: "EC2 User Guide, Tag restrictions",
        expected: &["InvalidParameterValue", "InvalidParameterValue", "ok"],
        ask: |cloud, _| {
            Box::pin(async {
                let vpc = vpc(cloud).await;
                let tag = async |key: &str| {
                    let tag = Tag::builder().key(key).value("x").build();
                    let input = CreateTagsInput::builder().resources(&vpc).tags(tag);
                    code(cloud.create_tags(input).await)
                };
                let long = "k".repeat(128);
                vec![
                    tag("aws:lab").await,
                    tag(&format!("{long}k")).await,
                    tag(&long).await,
                ]
            })
        },
    },
];
