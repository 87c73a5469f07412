//! The strictness of the memory, rule by rule.

mod addresses;
mod buckets;
mod groups;
mod identities;
mod instances;
mod network;
mod tagging;
mod volumes;
mod zones;

use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_ec2::operation::describe_images::DescribeImagesInput;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesInput;
use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesInputBuilder;
use aws_sdk_ec2::types::{Filter, Instance, InstanceType, ResourceType, Tag, TagSpecification};
use aws_smithy_types::Blob;
use labctl::cloud::api::{CallError, Cloud, Read};

use super::{Memory, Options};

/// A public key in OpenSSH's form.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@laptop";

fn memory() -> Memory {
    Memory::new("123456789012", "us-east-1")
}

/// A world in which states last a minute.
fn slow() -> Memory {
    let transition = Duration::from_mins(1);
    let options = Options {
        transition,
        ..Options::default()
    };
    Memory::with_options("123456789012", "us-east-1", options)
}

/// A world in which new things stay unseen for ten seconds.
fn lagging() -> Memory {
    let propagation = Duration::from_secs(10);
    let options = Options {
        propagation,
        ..Options::default()
    };
    Memory::with_options("123456789012", "us-east-1", options)
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// The code with which a call was refused.
fn code<T: Debug>(result: Result<T, CallError>) -> String {
    result.unwrap_err().code().to_owned()
}

/// AWS's sentence in a refusal.
fn message<T: Debug>(result: Result<T, CallError>) -> String {
    result.unwrap_err().failure.to_string()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn tags_on(kind: ResourceType, key: &str, value: &str) -> TagSpecification {
    let tag = Tag::builder().key(key).value(value).build();
    TagSpecification::builder()
        .resource_type(kind)
        .tags(tag)
        .build()
}

async fn image(memory: &Memory, pattern: &str) -> String {
    let images = DescribeImagesInput::builder().filters(filter("name", pattern));
    let images = memory
        .describe_images(images)
        .await
        .unwrap()
        .images
        .unwrap();
    images.last().unwrap().image_id().unwrap().to_owned()
}

async fn noble(memory: &Memory) -> String {
    image(
        memory,
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
    )
    .await
}

async fn to_run(memory: &Memory, kind: &str) -> RunInstancesInputBuilder {
    RunInstancesInput::builder()
        .image_id(noble(memory).await)
        .instance_type(InstanceType::from(kind))
        .min_count(1)
        .max_count(1)
}

/// Launches an instance and gives its id.
async fn launched(memory: &Memory, kind: &str) -> String {
    let answer = memory
        .run_instances(to_run(memory, kind).await)
        .await
        .unwrap();
    answer.instances()[0].instance_id().unwrap().to_owned()
}

async fn instance(memory: &Memory, id: &str) -> Instance {
    let input = DescribeInstancesInput::builder().instance_ids(id);
    let answer = memory.describe_instances(input).await.unwrap();
    answer.reservations()[0].instances()[0].clone()
}

async fn state(memory: &Memory, id: &str) -> String {
    instance(memory, id)
        .await
        .state
        .unwrap()
        .name
        .unwrap()
        .as_str()
        .to_owned()
}

async fn imported(memory: &Memory, name: &str, key: &str) -> Result<String, CallError> {
    let input = aws_sdk_ec2::operation::import_key_pair::ImportKeyPairInput::builder();
    let input = input.key_name(name).public_key_material(Blob::new(key));
    memory
        .import_key_pair(input)
        .await
        .map(|answer| answer.key_pair_id.unwrap())
}

macro_rules! call_each_with_nothing {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        /// Sends each operation an empty request, and names those that answer it.
        async fn answers_to_nothing(memory: &Memory) -> Vec<&'static str> {
            let mut answering = Vec::new();
            $(if memory.$read(Default::default()).await.is_ok() {
                answering.push(stringify!($read));
            })*
            $(if memory.$write(Default::default()).await.is_ok() {
                answering.push(stringify!($write));
            })*
            answering
        }
    };
}
labctl::cloud::api::operations!(call_each_with_nothing);

#[tokio::test(start_paused = true)]
async fn only_lists_and_makers_answer_an_empty_request() {
    let answering = answers_to_nothing(&memory()).await;
    let others = |name: &&&str| {
        let is_list = name.starts_with("describe_") || name.starts_with("list_");
        !is_list
    };
    let others: Vec<_> = answering.iter().filter(others).collect();
    let expected = [
        &"get_caller_identity",
        &"get_resources",
        &"allocate_address",
        &"create_internet_gateway",
    ];
    assert_eq!(others, expected);
}
