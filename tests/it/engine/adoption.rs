//! What others made becomes the lab's, if its owner says so; the next apply brings it to the plan.

use labctl::cloud::diff::Change;
use labctl::cloud::resource::{Address, Owner};
use labctl::cloud::resources::LiveResource;
use labctl::cloud::resources::run::Shared;
use labctl::cloud::resources::{Run, adoption};

use crate::memory_cloud::Memory;

use super::foreign;
use super::harness::{ACCOUNT, ALL, Lab, WHOLE};
use super::inspection::new_items;

/// WHOLE on the account's default network, with a small disk.
fn plan_text() -> String {
    WHOLE.replace("network: dedicated", "network: default")
}

/// Adopts as the command does.
async fn adopt(lab: &Lab, address: &str, id: &str) {
    let planned = lab.plan().await;
    let address: Address = address.parse().unwrap();
    let change = planned
        .set
        .changes
        .iter()
        .find(|change| *change.address() == address);
    let desired = match change {
        Some(Change::Create(desired)) => desired.clone(),
        Some(Change::Conflict(conflict)) => conflict.desired.clone(),
        other => panic!("{other:?}"),
    };
    let is_it = |live: &&LiveResource| {
        live.owner == Owner::Other && live.address == address && adoption::is_called(live, id)
    };
    let live = match planned.live.resources.iter().find(is_it) {
        Some(live) => live.clone(),
        None => adoption::find(&lab.memory, &planned.scope, &address, id)
            .await
            .unwrap()
            .unwrap(),
    };
    let shared = Shared {
        handles: planned.live.handles().into(),
        ..Shared::new(&lab.memory, &planned.scope, ACCOUNT, &planned.lookups)
    };
    let say = |_: &str| {};
    adoption::adopt(&live, &desired, &Run::new(&shared, &address, &say))
        .await
        .unwrap();
    let set = lab.plan().await.set;
    let change = set
        .changes
        .iter()
        .find(|change| *change.address() == address)
        .unwrap();
    assert!(
        matches!(
            change,
            Change::None(_) | Change::Update(_) | Change::Replace(_)
        ),
        "{change:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn everything_that_can_be_in_the_way_can_be_adopted() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    // The account is empty for the lab, so that all of this counts as the lab's in the end.
    let lab = Lab::on(memory, &plan_text());
    let memory = &lab.memory;
    foreign::bucket(memory, "penguins-data", "us-east-1").await;
    foreign::key_pair(memory, "penguins").await;
    foreign::group(memory, "penguins", &foreign::default_vpc(memory)).await;
    foreign::role(memory, "penguins-us-east-1").await;
    foreign::role(memory, "penguins-us-east-1-github").await;
    foreign::profile(memory, "penguins-us-east-1").await;
    let conflicts = lab.plan().await.set.conflicts().count();
    assert_eq!(conflicts, 6);
    let server = foreign::server(memory, "t3.nano").await;
    let address = foreign::address(memory, &[]).await;
    adopt(&lab, "bucket", "penguins-data").await;
    adopt(&lab, "key_pair", "penguins").await;
    adopt(&lab, "security_group", &group(&lab)).await;
    adopt(&lab, "role", "penguins-us-east-1").await;
    adopt(&lab, "github_role", "penguins-us-east-1-github").await;
    adopt(&lab, "instance_profile", "penguins-us-east-1").await;
    adopt(&lab, "elastic_ip", &address).await;
    let image = "image: ubuntu-22.04";
    let lab = Lab {
        text: lab.text.replace("image: ubuntu-24.04", image),
        ..lab
    };
    adopt(&lab, "instance", &server).await;
    assert_eq!(lab.plan().await.set.conflicts().count(), 0);
    let actions = lab.actions().await;
    assert!(
        !actions
            .iter()
            .any(|action| action.starts_with("replace instance")),
        "{actions:?}"
    );
    lab.apply().await;
    lab.check_nothing_to_do().await;
    let items = new_items(&lab);
    let servers: Vec<_> = items
        .iter()
        .filter(|item| item.kind == "instance")
        .collect();
    assert_eq!(
        (servers.len(), servers[0].id.as_str()),
        (1, server.as_str())
    );
    assert_eq!(servers[0].attributes["type"], "t3.micro");
    let addresses: Vec<_> = items
        .iter()
        .filter(|item| item.kind == "elastic-ip")
        .collect();
    assert_eq!(
        (addresses.len(), addresses[0].id.as_str()),
        (1, address.as_str())
    );
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

fn group(lab: &Lab) -> String {
    let mut groups = new_items(lab)
        .into_iter()
        .filter(|item| item.kind == "security-group");
    groups.next().unwrap().id
}

#[tokio::test(start_paused = true)]
async fn records_of_others_can_be_adopted() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    let zone = foreign::zone(&memory, "penguins.shop", "by hand").await;
    let before = memory.clone();
    let lab = Lab::on(before, &plan_text());
    foreign::record(&lab.memory, &zone, "penguins.shop", "A", "192.0.2.1").await;
    foreign::record(
        &lab.memory,
        &zone,
        "www.penguins.shop",
        "CNAME",
        "elsewhere.example.",
    )
    .await;
    adopt(&lab, "record.@.A", "penguins.shop").await;
    adopt(&lab, "record.www.CNAME", "www.penguins.shop").await;
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    lab.destroy(ALL).await;
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn a_zone_of_others_stays_theirs() {
    let memory = Memory::new(ACCOUNT, "us-east-1");
    foreign::zone(&memory, "penguins.shop", "by hand").await;
    let lab = Lab::on(memory, &plan_text());
    lab.apply().await;
    let planned = lab.plan().await;
    let zone = planned
        .live
        .resources
        .iter()
        .find(|live| live.address.to_string() == "zone")
        .unwrap();
    assert_eq!(zone.owner, Owner::Other);
}
