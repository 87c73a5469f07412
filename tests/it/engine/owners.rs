//! Buckets of another account, which has made the plan's name first: with the lab's tags and a policy that lets
//! everybody do everything, so that only the account tells whose they are.

use std::sync::Arc;

use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::operation::put_public_access_block::PutPublicAccessBlockInput;
use aws_sdk_s3::types::{PublicAccessBlockConfiguration, Tag, Tagging};
use labctl::cloud::api::{Call, CallError, Cloud};
use labctl::cloud::apply::Outcome;
use labctl::cloud::planning;
use labctl::cloud::resource::Owner;
use labctl::cloud::resources::{Kind, Scope};
use labctl::plan::local_folder::{LocalFile, LocalFolder};

use crate::memory_cloud::faulty::{Fault, Faulty};
use crate::memory_cloud::{Memory, Options};

use super::disturbances::Recorder;
use super::foreign;
use super::harness::{ACCOUNT, ALL, Lab, complaints, parse, run, sole_error};
use super::picture::differences;

const THEIRS: &str = "999999999999";
const NAME: &str = "penguins-data";

const PLAN: &str = "
lab: penguins
region: us-east-1
tags: { project: birds }
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: key.pub }
security_group:
  ingress:
    - { port: 22, from: [my-ip] }
    - { port: 80, from: [anywhere] }
    - { port: 443, from: [anywhere] }
bucket: { name: penguins-data, versioning: true, instance_access: read }
workbench:
  api: { image: ours/model:1, model: models/penguin_model }
";

fn model(content: &str) -> Arc<LocalFolder> {
    let file = LocalFile {
        content: content.into(),
        executable: false,
    };
    Arc::new(LocalFolder {
        files: [("model.json".to_owned(), file)].into(),
    })
}

fn lab_on(memory: Memory) -> Lab {
    let mut lab = Lab::on(memory, PLAN);
    lab.laptop.folders.model = Some(model("one"));
    lab
}

async fn applied() -> Lab {
    let lab = lab_on(Memory::new(ACCOUNT, "us-east-1"));
    lab.apply().await;
    lab.memory.add_object(NAME, "data");
    lab
}

/// Somebody's bucket of the plan's name, with the lab's tags, in an account in which there is no lab yet.
async fn marked_by_somebody() -> Memory {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    foreign::bucket(&memory, NAME, "us-east-1").await;
    let marks = [
        ("labctl:lab", "penguins"),
        ("labctl:region", "us-east-1"),
        ("labctl:resource", "bucket"),
    ];
    let tags = marks.map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let tagging = Tagging::builder().set_tag_set(Some(tags.into())).build();
    let input = PutBucketTaggingInput::builder()
        .bucket(NAME)
        .tagging(tagging.unwrap());
    memory.put_bucket_tagging(input).await.unwrap();
    memory.add_object(NAME, "labctl-models/poisoned");
    assert!(memory.give_bucket_away(NAME, THEIRS));
    memory
}

fn bucket_in(memory: &Memory) -> String {
    let inventory = memory.snapshot();
    format!("{:?} {:?}", inventory.of("bucket"), memory.objects(NAME))
}

async fn conflict(lab: &Lab) -> (String, Owner) {
    let set = lab.plan().await.set;
    let mut conflicts = set.conflicts();
    let conflict = conflicts.next().expect("a conflict");
    assert!(conflicts.next().is_none());
    (conflict.desired.address.to_string(), conflict.owner.clone())
}

#[tokio::test(start_paused = true)]
async fn bucket_of_another_account_is_a_conflict_with_all_the_marks() {
    let fresh = lab_on(marked_by_somebody().await);
    let there = applied().await;
    assert!(there.memory.give_bucket_away(NAME, THEIRS));
    for lab in [fresh, there] {
        let before = lab.memory.snapshot();
        assert_eq!(
            conflict(&lab).await,
            ("bucket".to_owned(), Owner::OtherAccount)
        );
        assert_eq!(
            differences(&before, &lab.memory.snapshot()),
            Vec::<String>::new()
        );
    }
}

/// Without a permission it is not known whose it is, and that is not guessed.
#[tokio::test(start_paused = true)]
async fn closed_bucket_is_a_conflict_out_of_reach() {
    let options = Options {
        taken_buckets: [NAME.to_owned()].into(),
        ..Options::default()
    };
    let closed = lab_on(Memory::with_options(ACCOUNT, "us-east-1", options));
    assert_eq!(
        conflict(&closed).await,
        ("bucket".to_owned(), Owner::OutOfReach)
    );
    let memory = Memory::new(ACCOUNT, "us-east-1");
    foreign::bucket(&memory, NAME, "eu-west-1").await;
    assert_eq!(
        conflict(&lab_on(memory)).await,
        ("bucket".to_owned(), Owner::OutOfReach)
    );
}

/// One's own bucket is not taken for another account's because a permission is missing.
#[tokio::test(start_paused = true)]
async fn missing_permission_is_an_error_and_no_conflict() {
    let lab = applied().await;
    let denied = |call: Call| match call.operation {
        "GetPublicAccessBlock" => Fault::Fail(CallError::service(
            call,
            403,
            "AccessDenied",
            "no".to_owned(),
        )),
        _ => Fault::Pass,
    };
    let cloud = Faulty::new(lab.memory.clone(), denied);
    let error = lab.plan_through(&cloud).await.unwrap_err();
    assert_eq!(
        (error.code(), error.call.operation),
        ("AccessDenied", "GetPublicAccessBlock")
    );
}

#[tokio::test(start_paused = true)]
async fn destroy_leaves_a_bucket_of_another_account() {
    let lab = applied().await;
    assert!(lab.memory.give_bucket_away(NAME, THEIRS));
    let before = bucket_in(&lab.memory);
    let recorder = Recorder::new();
    let cloud = recorder.around(&lab.memory);
    let outcome = lab.destroy_through(&cloud, ALL).await.unwrap();
    assert_eq!(complaints(&outcome), Vec::<String>::new());
    assert_eq!(bucket_in(&lab.memory), before);
    let to_s3 = recorder
        .writes()
        .into_iter()
        .filter(|name| name.contains("Bucket") || name.contains("Object"));
    assert_eq!(to_s3.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(lab.memory.snapshot().living().of("instance").is_empty());
}

/// Plans, lets the bucket become another account's, and then applies what was planned.
async fn apply_after_it_was_given_away(lab: &Lab) -> Outcome {
    let planned = lab.plan().await;
    assert_eq!(planned.set.conflicts().count(), 0);
    assert!(lab.memory.give_bucket_away(NAME, THEIRS));
    let before = bucket_in(&lab.memory);
    let outcome = run(&lab.memory, &planned, true).await;
    assert_eq!(bucket_in(&lab.memory), before);
    outcome
}

#[tokio::test(start_paused = true)]
async fn no_setting_is_put_on_a_bucket_given_away_meanwhile() {
    type Edit = (&'static str, &'static str, &'static str);
    const EDITS: [Edit; 2] = [
        (
            "PutBucketVersioning",
            "versioning: true",
            "versioning: false",
        ),
        ("GetBucketTagging", "project: birds", "project: seals"),
    ];
    for (operation, from, to) in EDITS {
        let mut lab = applied().await;
        lab.edit(from, to);
        let outcome = apply_after_it_was_given_away(&lab).await;
        check_denied(&outcome, operation);
    }
    let lab = applied().await;
    let open = PublicAccessBlockConfiguration::builder().build();
    let input = PutPublicAccessBlockInput::builder().bucket(NAME);
    let input = input.public_access_block_configuration(open);
    lab.memory.put_public_access_block(input).await.unwrap();
    check_denied(
        &apply_after_it_was_given_away(&lab).await,
        "PutPublicAccessBlock",
    );
}

#[tokio::test(start_paused = true)]
async fn no_model_is_put_into_a_bucket_given_away_meanwhile() {
    let mut lab = applied().await;
    lab.laptop.folders.model = Some(model("two"));
    check_denied(&apply_after_it_was_given_away(&lab).await, "PutObject");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_of_a_bucket_given_away_meanwhile() {
    for empties in [true, false] {
        let lab = applied().await;
        let scope = Scope::of(&parse(&lab.text));
        let planned = planning::plan_destroy(&lab.memory, scope, false)
            .await
            .unwrap();
        assert!(planned.live.current(Kind::Bucket).is_some());
        assert!(lab.memory.give_bucket_away(NAME, THEIRS));
        let before = bucket_in(&lab.memory);
        let outcome = run(&lab.memory, &planned, empties).await;
        assert_eq!(bucket_in(&lab.memory), before);
        check_denied(
            &outcome,
            if empties {
                "ListObjectVersions"
            } else {
                "DeleteBucket"
            },
        );
    }
}

#[tokio::test(start_paused = true)]
async fn name_taken_between_plan_and_apply_is_told() {
    let lab = lab_on(Memory::new(ACCOUNT, "us-east-1"));
    let planned = lab.plan().await;
    foreign::bucket(&lab.memory, NAME, "us-east-1").await;
    assert!(lab.memory.give_bucket_away(NAME, THEIRS));
    let before = bucket_in(&lab.memory);
    let error = sole_error(&run(&lab.memory, &planned, false).await);
    assert!(
        error.contains("bucket `penguins-data` belongs to another account"),
        "{error}"
    );
    assert_eq!(bucket_in(&lab.memory), before);
}

#[track_caller]
fn check_denied(outcome: &Outcome, operation: &str) {
    let errors: Vec<_> = outcome
        .failed
        .iter()
        .map(|(_, error)| format!("{error:?}"))
        .collect();
    let is_denied = |error: &String| error.contains("AccessDenied") && error.contains(operation);
    assert!(errors.iter().any(is_denied), "{operation}: {errors:?}");
}
