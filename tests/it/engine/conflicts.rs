//! What others have in the way of the lab: shown as conflicts, and never touched.

use aws_sdk_route53::types::{AliasTarget, ChangeAction, ResourceRecordSet, RrType};
use labctl::cloud::resource::Owner;

use crate::memory_cloud::{Memory, Options};

use super::foreign;
use super::harness::{ACCOUNT, ALL, Lab, WHOLE, actions};
use super::picture::differences;

/// WHOLE on the account's default network, where a group can be in the way.
fn plan_text() -> String {
    WHOLE.replace("network: dedicated", "network: default")
}

async fn conflicts_of(memory: &Memory) -> Vec<String> {
    let lab = Lab::on(memory.clone(), &plan_text());
    let planned = lab.plan().await;
    assert_eq!(
        differences(&lab.before, &memory.snapshot()),
        Vec::<String>::new()
    );
    let conflicts = planned.set.conflicts();
    let mut lines: Vec<String> = conflicts
        .map(|conflict| format!("{} {}", conflict.desired.address, conflict.ids.join(" ")))
        .collect();
    lines.sort();
    lines
}

fn memory() -> Memory {
    Memory::new(ACCOUNT, "us-east-1")
}

#[tokio::test(start_paused = true)]
async fn buckets_of_others_are_in_the_way_wherever_they_are() {
    // In another account.
    let options = Options {
        taken_buckets: ["penguins-data".to_owned()].into(),
        ..Options::default()
    };
    let memory = Memory::with_options(ACCOUNT, "us-east-1", options);
    assert_eq!(conflicts_of(&memory).await, ["bucket penguins-data"]);
    // In another region of this one.
    let memory = self::memory();
    foreign::bucket(&memory, "penguins-data", "eu-west-1").await;
    assert_eq!(conflicts_of(&memory).await, ["bucket penguins-data"]);
    // Here, with somebody's tags.
    let memory = self::memory();
    foreign::bucket(&memory, "penguins-data", "us-east-1").await;
    assert_eq!(conflicts_of(&memory).await, ["bucket penguins-data"]);
}

#[tokio::test(start_paused = true)]
async fn bucket_without_tags_is_a_conflict_also_when_empty() {
    use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
    use labctl::cloud::api::Cloud;
    for is_empty in [true, false] {
        let memory = memory();
        let input = CreateBucketInput::builder().bucket("penguins-data");
        memory.create_bucket(input).await.unwrap();
        if !is_empty {
            memory.add_object("penguins-data", "somebodys");
        }
        assert_eq!(conflicts_of(&memory).await, ["bucket penguins-data"]);
    }
}

/// It was made by hand, say, for the lab that was never applied.
#[tokio::test(start_paused = true)]
async fn destroy_leaves_a_bucket_without_tags() {
    use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
    use labctl::cloud::api::Cloud;
    let memory = memory();
    let input = CreateBucketInput::builder().bucket("penguins-data");
    memory.create_bucket(input).await.unwrap();
    let lab = Lab::on(memory.clone(), &plan_text());
    lab.destroy(ALL).await;
    assert_eq!(
        differences(&lab.before, &memory.snapshot()),
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_pair_of_the_labs_name_is_in_the_way() {
    let memory = memory();
    let id = foreign::key_pair(&memory, "penguins").await;
    assert_eq!(conflicts_of(&memory).await, [format!("key_pair {id}")]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_in_the_way_in_the_labs_own_network_only() {
    let memory = memory();
    let (vpc, _) = foreign::network(&memory).await;
    foreign::group(&memory, "penguins", &vpc).await;
    assert_eq!(conflicts_of(&memory).await, Vec::<String>::new());
    let id = foreign::group(&memory, "penguins", &foreign::default_vpc(&memory)).await;
    assert_eq!(
        conflicts_of(&memory).await,
        [format!("security_group {id}")]
    );
    // A network of the lab's own has nobody else's groups in it.
    let lab = Lab::on(memory, WHOLE);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn roles_and_profiles_of_the_labs_name_are_in_the_way() {
    let memory = memory();
    let server = foreign::role(&memory, "penguins-us-east-1").await;
    let github = foreign::role(&memory, "penguins-us-east-1-github").await;
    foreign::profile(&memory, "penguins-us-east-1").await;
    let profile = format!("arn:aws:iam::{ACCOUNT}:instance-profile/penguins-us-east-1");
    assert_eq!(
        conflicts_of(&memory).await,
        [
            format!("github_role {github}"),
            format!("instance_profile {profile}"),
            format!("role {server}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_of_the_same_name_and_type_is_in_the_way() {
    let memory = memory();
    let zone = foreign::zone(&memory, "penguins.shop", "by hand").await;
    foreign::record(&memory, &zone, "penguins.shop", "A", "192.0.2.1").await;
    foreign::record(&memory, &zone, "penguins.shop", "TXT", "\"hello\"").await;
    foreign::record(
        &memory,
        &zone,
        "*.penguins.shop",
        "MX",
        "10 mail.example.org",
    )
    .await;
    let conflicts = conflicts_of(&memory).await;
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].starts_with("record.@.A "), "{conflicts:?}");
}

/// A plan cannot say what these are. An update would make plain records of them.
#[tokio::test(start_paused = true)]
async fn records_of_other_forms_are_in_the_way_and_are_named() {
    let memory = memory();
    let zone = foreign::zone(&memory, "penguins.shop", "by hand").await;
    let alias = AliasTarget::builder()
        .hosted_zone_id("Z1")
        .dns_name("lb.example.org.")
        .evaluate_target_health(false)
        .build()
        .unwrap();
    let alias = ResourceRecordSet::builder()
        .name("penguins.shop")
        .r#type(RrType::A)
        .alias_target(alias)
        .build()
        .unwrap();
    foreign::change_set(&memory, &zone, ChangeAction::Create, alias.clone()).await;
    for (name, weight) in [("blue", 10), ("green", 0)] {
        let set = foreign::plain_set(("*.penguins.shop", "A", "192.0.2.1"));
        let set = set.set_identifier(name).weight(weight).build().unwrap();
        foreign::change_set(&memory, &zone, ChangeAction::Create, set).await;
    }
    let lab = Lab::on(memory.clone(), WHOLE);
    let planned = lab.plan().await;
    let forms: Vec<_> = planned
        .set
        .conflicts()
        .map(|conflict| conflict.owner.clone())
        .collect();
    let form = |text: &str| Owner::OtherForm(text.to_owned());
    assert_eq!(
        forms,
        [
            form("weighted (10), called `blue`"),
            form("an alias of `lb.example.org`"),
        ]
    );
    // In the place of one of the lab's own it stays one, and the note beside it goes with the plan.
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let mut lab = Lab::on(memory.clone(), WHOLE);
    lab.apply().await;
    let records = || super::inspection::records(&memory, "penguins.shop");
    let zone = super::inspection::sole(&lab, "hostedzone").id;
    foreign::change_set(&memory, &zone, ChangeAction::Upsert, alias).await;
    let planned = lab.plan().await;
    assert_eq!(planned.set.conflicts().count(), 1);
    lab.edit("    - { name: \"@\", type: A, value: elastic-ip }\n", "");
    lab.edit("value: \"@\"", "value: example.org");
    let before = records().len();
    lab.apply().await;
    assert_eq!(records().len(), before - 1, "{:?}", records());
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_stand_beside_the_labs_is_in_the_way() {
    let memory = memory();
    let zone = foreign::zone(&memory, "penguins.shop", "by hand").await;
    foreign::record(&memory, &zone, "www.penguins.shop", "A", "192.0.2.1").await;
    let conflicts = conflicts_of(&memory).await;
    assert_eq!(conflicts.len(), 1, "a CNAME stands alone: {conflicts:?}");
    assert!(
        conflicts[0].starts_with("record.www.CNAME "),
        "{conflicts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_zones_of_one_name_are_in_the_way_and_one_is_used() {
    let memory = memory();
    foreign::zone(&memory, "penguins.shop", "by hand").await;
    let lab = Lab::on(memory.clone(), &plan_text());
    assert_eq!(conflicts_of(&memory).await, Vec::<String>::new());
    assert!(!actions(&lab.plan().await.set).contains(&"create zone".to_owned()));
    foreign::zone(&memory, "penguins.shop", "by another hand").await;
    let conflicts = conflicts_of(&memory).await;
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].starts_with("zone "), "{conflicts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_private_zone_is_in_nobodys_way() {
    let options = Options {
        private_zones: vec!["penguins.shop".to_owned()],
        ..Options::default()
    };
    let lab = Lab::with(options, WHOLE);
    lab.apply().await;
    lab.check_nothing_to_do().await;
    let snapshot = lab.memory.snapshot();
    assert_eq!(snapshot.of("hostedzone").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_lab_of_another_plan_with_one_record_of_ours_is_in_the_way() {
    let first = Lab::new(WHOLE);
    first.apply().await;
    let text = WHOLE
        .replace("lab: penguins", "lab: whales")
        .replace("penguins-data", "whales-data");
    let second = Lab::on(first.memory.clone(), &text);
    let planned = second.plan().await;
    let conflicts: Vec<String> = planned
        .set
        .conflicts()
        .map(|conflict| conflict.desired.address.to_string())
        .collect();
    assert_eq!(conflicts, ["record.*.A", "record.@.A", "record.www.CNAME"]);
}
