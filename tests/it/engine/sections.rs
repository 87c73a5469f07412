//! Sections that come into the plan, leave it, or say something else.

use super::harness::{ALL, Lab, SMALL, WHOLE, pass, slow};
use super::inspection::{new_items, records, server, sole};

/// The WHOLE plan on the account's default network.
fn in_default_network() -> String {
    WHOLE.replace("network: dedicated", "network: default")
}

#[tokio::test(start_paused = true)]
async fn github_actions_leave_with_role_and_provider() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.remove_section("github_actions");
    assert_eq!(
        lab.actions().await,
        [
            "update key_pair [tags.labctl:github]",
            "delete oidc_provider",
            "delete github_role"
        ]
    );
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn dns_leaves_with_its_records_and_the_zone_is_kept() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    let text = lab.text.clone();
    lab.remove_section("dns");
    let actions = lab.actions().await;
    assert!(actions.contains(&"kept zone".to_owned()), "{actions:?}");
    assert_eq!(
        actions
            .iter()
            .filter(|action| action.starts_with("delete record."))
            .count(),
        3
    );
    lab.apply().await;
    assert!(records(&lab.memory, "penguins.shop").is_empty());
    assert_eq!(sole(&lab, "hostedzone").name, "penguins.shop.");
    assert_eq!(lab.actions().await, ["kept zone"]);
    // Another plan may still say something else, and what it leaves is found still.
    lab.edit("project: birds", "project: whales");
    lab.apply().await;
    assert_eq!(lab.actions().await, ["kept zone"]);
    lab.text = text;
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_left_the_plan_goes_with_the_lab() {
    for text in [WHOLE.to_owned(), WHOLE.replace("us-east-1", "eu-west-1")] {
        let mut lab = Lab::new(&text);
        lab.apply().await;
        lab.remove_section("dns");
        lab.apply().await;
        lab.destroy(ALL).await;
        lab.check_nothing_left();
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_leaves_and_is_kept() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.memory.add_object("penguins-data", "precious");
    lab.remove_section("github_actions");
    lab.remove_section("bucket");
    let actions = lab.actions().await;
    assert!(actions.contains(&"kept bucket".to_owned()), "{actions:?}");
    lab.apply().await;
    assert_eq!(lab.actions().await, ["kept bucket"]);
    assert_eq!(lab.memory.objects("penguins-data"), ["precious"]);
    assert!(
        new_items(&lab)
            .iter()
            .all(|item| item.kind != "role" && item.kind != "oidc-provider")
    );
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_renamed_bucket_is_a_new_one_and_the_old_one_is_kept() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.memory.add_object("penguins-data", "precious");
    lab.edit("penguins-data", "penguins-fish");
    let actions = lab.actions().await;
    assert!(actions.contains(&"create bucket".to_owned()), "{actions:?}");
    assert!(actions.contains(&"kept bucket".to_owned()), "{actions:?}");
    lab.apply().await;
    assert_eq!(lab.actions().await, ["kept bucket"]);
    let policies = new_items(&lab)
        .into_iter()
        .filter(|item| item.kind == "role");
    for role in policies {
        assert!(
            role.attributes["policies"].contains("penguins-fish"),
            "{role:?}"
        );
        assert!(
            !role.attributes["policies"].contains("penguins-data"),
            "{role:?}"
        );
    }
    assert_eq!(lab.memory.objects("penguins-data"), ["precious"]);
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_renamed_zone_is_a_new_one_and_the_old_one_is_kept_without_records() {
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.edit("penguins.shop", "penguins.example");
    let actions = lab.actions().await;
    assert!(actions.contains(&"create zone".to_owned()), "{actions:?}");
    assert!(actions.contains(&"kept zone".to_owned()), "{actions:?}");
    lab.apply().await;
    assert!(records(&lab.memory, "penguins.shop").is_empty());
    assert_eq!(records(&lab.memory, "penguins.example").len(), 6);
    assert_eq!(lab.actions().await, ["kept zone"]);
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_fixed_address_comes_and_goes() {
    let mut lab = Lab::with(slow(), SMALL);
    lab.apply().await;
    pass(10).await;
    lab.edit("elastic_ip: true", "elastic_ip: false");
    assert_eq!(lab.actions().await, ["delete elastic_ip"]);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    lab.edit("elastic_ip: false", "elastic_ip: true");
    lab.apply().await;
    pass(10).await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn records_let_go_of_an_address_before_it_is_released() {
    use super::disturbances::Recorder;
    let mut lab = Lab::new(WHOLE);
    lab.apply().await;
    lab.edit("elastic_ip: true", "elastic_ip: false");
    lab.edit("value: elastic-ip", "value: 192.0.2.7");
    let recorder = Recorder::new();
    lab.apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    let writes = recorder.writes();
    let place = |operation: &str| writes.iter().position(|write| *write == operation).unwrap();
    assert!(
        place("ChangeResourceRecordSets") < place("ReleaseAddress"),
        "{writes:?}"
    );
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn another_network_is_another_server() {
    for options in [crate::memory_cloud::Options::default(), slow()] {
        let mut lab = Lab::with(options, WHOLE);
        lab.apply().await;
        pass(10).await;
        let before = server(&lab).id;
        let address = sole(&lab, "elastic-ip").name;
        lab.edit("network: dedicated", "network: default");
        let actions = lab.actions().await;
        for action in [
            "replace security_group [vpc]",
            "delete vpc",
            "delete subnet",
            "delete route_table",
            "delete internet_gateway",
        ] {
            assert!(actions.contains(&action.to_owned()), "{actions:?}");
        }
        assert!(
            actions
                .iter()
                .any(|action| action.starts_with("replace instance [")),
            "{actions:?}"
        );
        lab.apply().await;
        pass(10).await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        assert_ne!(server(&lab).id, before);
        lab.edit("network: default", "network: dedicated");
        lab.apply().await;
        pass(10).await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        assert_eq!(sole(&lab, "elastic-ip").name, address);
    }
}

#[tokio::test(start_paused = true)]
async fn sections_come_one_by_one() {
    let whole = in_default_network();
    let mut lab = Lab::with(slow(), &whole);
    let sections = ["dns", "github_actions", "bucket", "security_group", "tags"];
    for section in sections {
        lab.remove_section(section);
    }
    lab.edit("elastic_ip: true", "elastic_ip: false");
    lab.apply().await;
    lab.check_exactly_the_lab();
    for last in (0..sections.len()).rev() {
        lab.text = whole.clone();
        for section in &sections[..last] {
            lab.remove_section(section);
        }
        pass(10).await;
        lab.apply().await;
        pass(10).await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
    }
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}
