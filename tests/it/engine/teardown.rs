//! Taking a lab down: all of it goes, and nothing of anybody else's.

use crate::memory_cloud::{Memory, Options};

use super::foreign;
use super::harness::{ACCOUNT, ALL, Destroying, Lab, SMALL, WHOLE, pass, slow, sole_error};
use super::inspection::records;
use super::picture::differences;

#[tokio::test(start_paused = true)]
async fn destroy_leaves_nothing() {
    for options in [Options::default(), slow()] {
        let lab = Lab::with(options, WHOLE);
        lab.apply().await;
        assert!(lab.memory.add_object("penguins-data", "model/1"));
        pass(10).await;
        lab.destroy(ALL).await;
        lab.check_nothing_left();
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_keeps_the_zone_unless_it_is_named() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.destroy(Destroying::default()).await;
    let left = lab.memory.snapshot().living();
    let left: Vec<_> = left
        .items
        .iter()
        .filter(|item| lab.before.get(&item.id).is_none())
        .collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(left[0].kind, "hostedzone");
    assert!(records(&lab.memory, "penguins.shop").is_empty());
    // The kept zone is the lab's still.
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn labs_can_be_made_and_destroyed_over_and_over() {
    for options in [Options::default(), slow()] {
        let lab = Lab::with(options, WHOLE);
        for _ in 0..4 {
            lab.apply().await;
            lab.check_exactly_the_lab();
            lab.destroy(ALL).await;
            lab.check_nothing_left();
        }
        // EC2 forgets terminated servers, but not the tokens that they were made with.
        pass(7200).await;
        lab.apply().await;
        lab.check_exactly_the_lab();
    }
}

/// A world in which others have things, in the way of nothing.
async fn inhabited() -> Memory {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let vpc = foreign::default_vpc(&memory);
    foreign::bucket(&memory, "somebodys-bucket", "us-east-1").await;
    foreign::key_pair(&memory, "somebodys-key").await;
    foreign::group(&memory, "somebodys-group", &vpc).await;
    foreign::role(&memory, "somebodys-role").await;
    foreign::profile(&memory, "somebodys-profile").await;
    foreign::server(&memory, "t3.nano").await;
    foreign::address(&memory, &[("labctl:lab", "penguins-too")]).await;
    let zone = foreign::zone(&memory, "penguins.shop", "by hand").await;
    foreign::record(&memory, &zone, "mail.penguins.shop", "A", "192.0.2.1").await;
    foreign::record(&memory, &zone, "penguins.shop", "TXT", "\"hello\"").await;
    memory
}

#[tokio::test(start_paused = true)]
async fn what_others_have_is_untouched() {
    let lab = Lab::on(inhabited().await, WHOLE);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn labs_do_not_touch_each_other() {
    let first = Lab::on(inhabited().await, WHOLE);
    first.apply().await;
    let text = SMALL.replace("lab: small", "lab: penguins-2");
    let second = Lab::on(first.memory.clone(), &text);
    second.apply().await;
    second.check_exactly_the_lab();
    first.check_nothing_to_do().await;
    let with_both = first.memory.snapshot();
    second.destroy(ALL).await;
    second.check_nothing_left();
    first.check_nothing_to_do().await;
    second.apply().await;
    let all = with_both.living().items.len();
    assert_eq!(first.memory.snapshot().living().items.len(), all);
    first.destroy(ALL).await;
    second.check_nothing_to_do().await;
    second.destroy(ALL).await;
    first.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_regions_makes_two_labs() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let _also_open = memory.in_region("eu-west-1");
    let here = Lab::on(memory, WHOLE);
    here.apply().await;
    let text = WHOLE
        .replace("us-east-1", "eu-west-1")
        .replace("penguins-data", "penguins-data-eu")
        .replace("name: \"@\"", "name: eu")
        .replace("name: \"*\"", "name: \"*.eu\"")
        .replace("name: www", "name: www.eu");
    let there = Lab::on(here.memory.clone(), &text);
    let before = here.memory.snapshot();
    there.apply().await;
    there.check_nothing_to_do().await;
    here.check_nothing_to_do().await;
    there.destroy(ALL).await;
    assert_eq!(
        differences(&before.living(), &here.memory.snapshot().living()),
        Vec::<String>::new()
    );
    here.check_exactly_the_lab();
    here.destroy(ALL).await;
    here.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_others_use_is_not_deleted() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    let snapshot = lab.memory.snapshot();
    let zone = snapshot.of("hostedzone")[0]
        .id
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    foreign::record(&lab.memory, &zone, "mail.penguins.shop", "A", "192.0.2.1").await;
    let outcome = lab.destroy_through(&lab.memory, ALL).await.unwrap();
    let error = sole_error(&outcome);
    assert!(error.contains("records that are not this lab's"), "{error}");
    assert_eq!(records(&lab.memory, "penguins.shop").len(), 1);
    // The key pair has the note that leads to the zone.
    lab.check_nothing_else_left(&["hostedzone", "key-pair"]);
}

impl Lab {
    /// Checks that of the lab only things of some kinds are left.
    fn check_nothing_else_left(&self, kinds: &[&str]) {
        let items = super::inspection::new_items(self);
        let other: Vec<_> = items
            .iter()
            .filter(|item| !kinds.contains(&item.kind.as_str()))
            .collect();
        assert!(other.is_empty(), "{other:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_stays_and_says_so() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    assert!(lab.memory.add_object("penguins-data", "model/1"));
    let options = Destroying {
        delete_zone: true,
        empty_bucket: false,
    };
    let outcome = lab.destroy_through(&lab.memory, options).await.unwrap();
    let error = sole_error(&outcome);
    assert!(
        error.contains("not empty") && error.contains("--empty-bucket"),
        "{error}"
    );
    lab.check_nothing_else_left(&["bucket"]);
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_deleted_page_by_page() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    for number in 0..2_500 {
        lab.memory
            .add_object("penguins-data", &format!("data/{number}"));
    }
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_shared_identity_provider_outlives_the_lab() {
    // Somebody else's is used, and stays.
    let memory = Memory::new(ACCOUNT, "us-east-1");
    foreign::provider(&memory).await;
    let lab = Lab::on(memory, WHOLE);
    lab.apply().await;
    lab.check_nothing_to_do().await;
    lab.destroy(ALL).await;
    lab.check_nothing_left();

    // Ours stays while a role of somebody else's trusts it.
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    foreign::role_for_github(&lab.memory, "somebodys-deployment").await;
    lab.destroy(ALL).await;
    lab.check_nothing_else_left(&["oidc-provider", "role"]);
    assert_eq!(lab.memory.snapshot().of("role").len(), 1);
}
