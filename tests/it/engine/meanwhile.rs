//! What others do between a plan and its apply, and what AWS shows in an order of its own. Found by the simulation.

use std::cell::Cell;

use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::types::{Tag, Tagging};
use labctl::cloud::faulty::{Fault, Faulty};
use labctl::cloud::{Call, CallError, Cloud};

use super::foreign;
use super::harness::{Lab, SMALL, WHOLE, complaints, run, sole_error};
use super::inspection::sole;

#[tokio::test(start_paused = true)]
async fn a_server_whose_network_interface_is_not_known_yet_gets_its_address() {
    let lab = Lab::new(SMALL);
    let refused = Cell::new(0);
    let cloud = Faulty::new(lab.memory.clone(), |call: Call| {
        if call.operation != "AssociateAddress" || refused.get() == 3 {
            return Fault::Pass;
        }
        refused.set(refused.get() + 1);
        let code = "InvalidNetworkInterfaceID.NotFound";
        Fault::Fail(CallError::service(call, 400, code, "does not exist"))
    });
    let outcome = lab.apply_through(&cloud).await.unwrap();
    assert_eq!(complaints(&outcome), Vec::<String>::new());
    assert_eq!(refused.get(), 3);
    lab.check_exactly_the_lab();
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
