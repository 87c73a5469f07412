//! Edits of the plan: what each takes, and that AWS is as the plan says afterwards.

use labctl::cloud::diff::Change;
use labctl::cloud::resource::Impact;

use super::disturbances::Recorder;
use super::foreign;
use super::harness::{Lab, OTHER_KEY, SMALL, WHOLE, laptop, pass, slow};
use super::inspection::{records, server, sole};

/// Applies a plan, edits it, and checks what the edit takes and that it is done.
async fn edited(text: &str, edit: impl Fn(&mut Lab), actions: &[&str]) -> Lab {
    let mut lab = Lab::new(text);
    lab.apply().await;
    edit(&mut lab);
    assert_eq!(lab.actions().await, actions);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    lab
}

fn replacing(from: &'static str, to: &'static str) -> impl Fn(&mut Lab) {
    move |lab| lab.edit(from, to)
}

#[tokio::test(start_paused = true)]
async fn rules_are_added_removed_and_reworded() {
    let ingress = ["update security_group [ingress]"];
    let added = "{ port: 443, from: [anywhere, 198.51.100.0/24, 2001:DB8:0::/32] }";
    edited(
        WHOLE,
        replacing("{ port: 443, from: [anywhere] }", added),
        &ingress,
    )
    .await;
    edited(
        WHOLE,
        replacing("    - { port: 443, from: [anywhere] }\n", ""),
        &ingress,
    )
    .await;
    let lab = edited(
        WHOLE,
        replacing("description: SSH", "description: Secure Shell"),
        &ingress,
    )
    .await;
    let snapshot = lab.memory.snapshot();
    let mut groups = snapshot.of("security-group").into_iter();
    let group = groups.find(|group| group.name == "penguins").unwrap();
    assert!(
        group.attributes["ingress"].contains("(Secure Shell)"),
        "{group:?}"
    );
    edited(WHOLE, replacing(", description: SSH", ""), &ingress).await;
}

#[tokio::test(start_paused = true)]
async fn new_rules_come_before_old_ones_go() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.edit("port: 443", "port: 8443");
    let recorder = Recorder::new();
    lab.apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert_eq!(
        recorder.writes(),
        [
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupIngress"
        ]
    );
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_was_added_by_hand_goes_and_one_that_was_removed_comes_back() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let plan = lab.text.clone();
    lab.edit(
        "    - { port: 443, from: [anywhere] }\n",
        "    - { port: 80, from: [anywhere] }\n",
    );
    // Another laptop applied another plan meanwhile.
    lab.apply().await;
    lab.text = plan;
    lab.apply().await;
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn another_key_is_another_key_pair_and_the_same_server() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let before = server(&lab);
    lab.laptop = laptop(OTHER_KEY);
    assert_eq!(lab.actions().await, ["replace key_pair [public_key]"]);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    assert_eq!(server(&lab).id, before.id);
}

#[tokio::test(start_paused = true)]
async fn tags_are_added_changed_and_removed_and_those_of_others_stay() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let server_id = server(&lab).id;
    foreign::tag(&lab.memory, &server_id, "cost-center", "4711").await;
    lab.check_nothing_to_do().await;
    for tags in [
        "{ project: whales }",
        "{ project: whales, team: blue }",
        "{ team: green }",
        "{}",
    ] {
        let start = lab.text.find("tags: ").unwrap();
        let end = start + lab.text[start..].find('\n').unwrap();
        lab.text.replace_range(start..end, &format!("tags: {tags}"));
        let actions = lab.actions().await;
        assert!(
            actions.iter().all(|action| action.starts_with("update ")),
            "{actions:?}"
        );
        lab.apply().await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        assert_eq!(server(&lab).tags["cost-center"], "4711");
    }
    for item in super::inspection::new_items(&lab) {
        let has_old = item
            .tags
            .keys()
            .any(|key| key == "project" || key == "team");
        assert!(!has_old, "{item:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn versioning_is_switched_on_and_off() {
    let versioning = ["update bucket [versioning]"];
    edited(
        WHOLE,
        replacing("versioning: true", "versioning: false"),
        &versioning,
    )
    .await;
    let text = WHOLE.replace("versioning: true", "versioning: false");
    edited(
        &text,
        replacing("versioning: false", "versioning: true"),
        &versioning,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_servers_access_is_narrowed_and_taken_away() {
    let mut lab = Lab::with(slow(), WHOLE);
    lab.apply().await;
    pass(10).await;
    lab.edit("instance_access: read-write", "instance_access: read");
    assert_eq!(lab.actions().await, ["update role [policy]"]);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.edit("instance_access: read", "instance_access: none");
    assert_eq!(
        lab.actions().await,
        [
            "delete role",
            "delete instance_profile",
            "update instance [instance_profile]"
        ]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.edit("instance_access: none", "instance_access: read-write");
    lab.apply().await;
    pass(10).await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_grows_and_never_shrinks() {
    let lab = edited(
        SMALL,
        |lab| {
            lab.edit(
                "key_pair: key.pub }",
                "key_pair: key.pub, root_volume: { size: 60 GiB } }",
            );
        },
        &["update instance [root_volume.size]"],
    )
    .await;
    let mut lab = Lab {
        text: lab.text.replace("60 GiB", "20 GiB"),
        ..lab
    };
    let planned = lab.plan().await;
    assert_eq!(planned.set.refusals.len(), 1);
    let refusal = &planned.set.refusals[0];
    assert_eq!(refusal.path, "instance.root_volume.size");
    assert!(
        refusal.summary.contains("60 GiB") && refusal.summary.contains("20 GiB"),
        "{refusal:?}"
    );
    lab.edit("20 GiB", "60 GiB");
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn a_disk_changes_its_type() {
    edited(
        WHOLE,
        replacing("type: gp3", "type: gp2"),
        &["update instance [root_volume.type]"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn protection_is_switched_on_and_off() {
    let protection = ["update instance [termination_protection]"];
    let text = WHOLE.replace("lab: penguins\n", "lab: penguins\nprotect: false\n");
    let mut lab = edited(
        &text,
        replacing("protect: false", "protect: true"),
        &protection,
    )
    .await;
    lab.edit("protect: true", "protect: false");
    lab.apply().await;
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn records_change_their_values_times_and_types_in_one_batch() {
    let www = "{ name: www, type: CNAME, value: \"@\" }";
    let values = ["update record.www.CNAME [values]"];
    edited(
        WHOLE,
        replacing(www, "{ name: www, type: CNAME, value: me.github.io }"),
        &values,
    )
    .await;
    let times = ["update record.www.CNAME [ttl]"];
    edited(
        WHOLE,
        replacing(www, "{ name: www, type: CNAME, value: \"@\", ttl: 60 }"),
        &times,
    )
    .await;

    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.edit(www, "{ name: www, type: A, value: elastic-ip }");
    assert_eq!(
        lab.actions().await,
        ["create record.www.A", "delete record.www.CNAME"]
    );
    let recorder = Recorder::new();
    lab.apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert_eq!(recorder.writes(), ["ChangeResourceRecordSets"]);
    lab.check_exactly_the_lab();
    lab.edit("{ name: www, type: A, value: elastic-ip }", www);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_by_hand_is_put_right() {
    use aws_sdk_route53::types::ChangeAction;
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    let zone = sole(&lab, "hostedzone")
        .id
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let record = ("www.penguins.shop", "CNAME", "elsewhere.example");
    foreign::change_record(&lab.memory, &zone, ChangeAction::Upsert, record).await;
    assert_eq!(
        lab.actions().await,
        ["update record.www.CNAME [ttl values]"]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
    // Deleted by hand, it comes back, and its companion is in nobody's way.
    let record = ("www.penguins.shop", "CNAME", "penguins.shop");
    let upsert = (record.0, record.1, "penguins.shop");
    foreign::change_record(&lab.memory, &zone, ChangeAction::Upsert, upsert).await;
    foreign::change_record(&lab.memory, &zone, ChangeAction::Delete, record).await;
    assert_eq!(lab.actions().await.len(), 1);
    lab.apply().await;
    lab.check_exactly_the_lab();
    assert_eq!(records(&lab.memory, "penguins.shop").len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_newer_image_is_no_change() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    let before = server(&lab).attributes["image"].clone();
    let newer = lab.memory.publish_image("noble-24.04-amd64", "2026-10-02");
    assert_ne!(
        foreign::image(&lab.memory, "noble-24.04-amd64").await,
        before
    );
    assert_eq!(
        foreign::image(&lab.memory, "noble-24.04-amd64").await,
        newer
    );
    lab.check_nothing_to_do().await;
    assert_eq!(server(&lab).attributes["image"], before);
}

#[tokio::test(start_paused = true)]
async fn another_release_is_another_server() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let before = server(&lab).id;
    lab.edit("ubuntu-24.04", "ubuntu-26.04");
    let planned = lab.plan().await;
    let change = planned
        .set
        .changes
        .iter()
        .find(|change| matches!(change, Change::Replace(_)))
        .unwrap();
    assert!(change.loses_data() && change.impact() == Impact::Replace);
    assert_eq!(
        lab.actions().await,
        ["replace instance [image]", "update elastic_ip [instance]"]
    );
    let address = sole(&lab, "elastic-ip").name;
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    assert_ne!(server(&lab).id, before);
    assert_eq!(sole(&lab, "elastic-ip").name, address);
}

#[tokio::test(start_paused = true)]
async fn notes_that_were_deleted_by_hand_are_put_back() {
    let lab = Lab::new(WHOLE);
    lab.apply().await;
    for (tag, field) in [("labctl:image", "image"), ("labctl:network", "subnet")] {
        let before = server(&lab);
        foreign::untag(&lab.memory, &before.id, tag).await;
        assert_eq!(lab.actions().await, [format!("update instance [{field}]")]);
        lab.apply().await;
        assert_eq!(server(&lab).id, before.id);
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
    }
    let mut groups = super::inspection::new_items(&lab).into_iter();
    let group = groups
        .find(|item| item.name == "penguins" && item.kind == "security-group")
        .unwrap();
    foreign::untag(&lab.memory, &group.id, "labctl:network").await;
    assert_eq!(lab.actions().await, ["update security_group [vpc]"]);
    lab.apply().await;
    lab.check_nothing_to_do().await;
    // A tag of the plan's, and `Name`.
    foreign::untag(&lab.memory, &server(&lab).id, "Name").await;
    foreign::tag(&lab.memory, &server(&lab).id, "project", "wrong").await;
    assert_eq!(
        lab.actions().await,
        ["update instance [tags.Name tags.project]"]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_somebody_terminated_is_made_anew() {
    for options in [crate::memory_cloud::Options::default(), slow()] {
        let lab = Lab::with(options, WHOLE);
        lab.apply().await;
        let before = server(&lab).id;
        let address = sole(&lab, "elastic-ip").name;
        lab.memory.terminate_behind_our_back(&before);
        let outcome = lab.apply().await;
        assert!(outcome.finished > 0);
        pass(60).await;
        lab.check_exactly_the_lab();
        assert_eq!(sole(&lab, "elastic-ip").name, address);
    }
}
