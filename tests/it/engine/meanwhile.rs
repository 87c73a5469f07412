//! What others do between a plan and its apply, and what AWS shows in an order of its own. Found by the simulation.

use std::cell::Cell;

use aws_sdk_ec2::operation::delete_internet_gateway::DeleteInternetGatewayInput;
use aws_sdk_ec2::operation::delete_key_pair::DeleteKeyPairInput;
use aws_sdk_ec2::operation::detach_internet_gateway::DetachInternetGatewayInput;
use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::types::{Tag, Tagging};
use labctl::cloud::api::{Call, CallError, Cloud};

use crate::memory_cloud::faulty::{Fault, Faulty};

use super::foreign;
use super::harness::{Destroying, Lab, SMALL, WHOLE, complaints, run, sole_error};
use super::inspection::{server, sole};

/// Applies a plan while AWS refuses the first three calls of one operation, for a reason that passes.
async fn refused_thrice(text: &str, operation: &str, code: &str, message: &str) {
    let lab = Lab::new(text);
    let refused = Cell::new(0);
    let cloud = Faulty::new(lab.memory.clone(), |call: Call| {
        if call.operation != operation || refused.get() == 3 {
            return Fault::Pass;
        }
        refused.set(refused.get() + 1);
        Fault::Fail(CallError::service(call, 400, code, message))
    });
    let outcome = lab.apply_through(&cloud).await.unwrap();
    assert_eq!(complaints(&outcome), Vec::<String>::new());
    assert_eq!(refused.get(), 3);
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_network_interface_is_not_known_yet_gets_its_address() {
    let code = "InvalidNetworkInterfaceID.NotFound";
    refused_thrice(SMALL, "AssociateAddress", code, "does not exist").await;
}

#[tokio::test(start_paused = true)]
async fn a_gateway_waits_until_a_spare_one_has_left_the_network() {
    let message = "Network vpc-1 already has an internet gateway attached";
    refused_thrice(
        WHOLE,
        "AttachInternetGateway",
        "InvalidParameterValue",
        message,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_route_to_a_gateway_that_is_gone_leads_to_the_new_one() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.memory.terminate_behind_our_back(&server(&lab).id);
    let gateway = sole(&lab, "internet-gateway");
    let input = DetachInternetGatewayInput::builder()
        .internet_gateway_id(&gateway.id)
        .vpc_id(&gateway.attributes["vpc"]);
    lab.memory.detach_internet_gateway(input).await.unwrap();
    let input = DeleteInternetGatewayInput::builder().internet_gateway_id(&gateway.id);
    lab.memory.delete_internet_gateway(input).await.unwrap();
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_for_github_is_found_where_the_key_pair_with_its_note_is_gone() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let input = DeleteKeyPairInput::builder().key_name("penguins");
    lab.memory.delete_key_pair(input).await.unwrap();
    lab.remove_section("github_actions");
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_a_destroy_kept_is_known_still() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.destroy(Destroying::default()).await;
    lab.remove_section("dns");
    lab.apply().await;
    assert_eq!(lab.actions().await, ["kept zone"]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_others_put_on_the_bucket_since_the_plan_stays() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.edit("project: birds", "project: whales");
    let planned = lab.plan().await;
    let bucket = sole(&lab, "bucket");
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let mut tags: Vec<Tag> = bucket
        .tags
        .iter()
        .map(|(key, value)| tag(key, value))
        .collect();
    tags.push(tag("cost-centre", "7"));
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
    let input = PutBucketTaggingInput::builder()
        .bucket(&bucket.name)
        .tagging(tagging);
    lab.memory.put_bucket_tagging(input).await.unwrap();
    let outcome = run(&lab.memory, &planned, false).await;
    assert_eq!(complaints(&outcome), Vec::<String>::new());
    let tags = sole(&lab, "bucket").tags;
    assert_eq!(tags["cost-centre"], "7");
    assert_eq!(tags["project"], "whales");
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_others_made_since_the_plan_is_not_taken() {
    for region in ["us-east-1", "eu-west-1"] {
        let lab = Lab::new(&WHOLE.replace("us-east-1", region));
        let planned = lab.plan().await;
        foreign::bucket(&lab.memory, "penguins-data", region).await;
        let before = lab.memory.snapshot();
        let before = before.of("bucket")[0].clone();
        let outcome = run(&lab.memory, &planned, false).await;
        let error = sole_error(&outcome);
        assert!(error.contains("not this lab's"), "{error}");
        assert_eq!(*lab.memory.snapshot().of("bucket")[0], before);
    }
}
