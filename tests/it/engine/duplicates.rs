//! What a killed run or a second run at once left behind: one of two is kept, always the same, and the other goes.

use aws_sdk_ec2::operation::associate_route_table::AssociateRouteTableInput;
use aws_sdk_ec2::operation::create_route_table::CreateRouteTableInput;
use labctl::cloud::api::Cloud;

use super::foreign;
use super::harness::{Lab, SMALL, WHOLE};
use super::inspection::{new_items, sole};

const MARKS: [(&str, &str); 3] = [
    ("labctl:lab", "small"),
    ("labctl:region", "us-east-1"),
    ("labctl:resource", "elastic_ip"),
];

#[tokio::test(start_paused = true)]
async fn of_two_addresses_the_one_in_use_stays() {
    let lab = Lab::new(SMALL);
    // Lower ids come first, so the spare is the first one.
    let spare = foreign::address(&lab.memory, &MARKS).await;
    let used = {
        let other = Lab::on(lab.memory.clone(), SMALL);
        other.apply().await;
        new_items(&lab)
            .into_iter()
            .find(|item| item.kind == "elastic-ip")
            .unwrap()
            .id
    };
    assert_eq!(used, spare, "the one that was there is taken");
    let second = foreign::address(&lab.memory, &MARKS).await;
    assert_eq!(lab.actions().await, ["delete elastic_ip"]);
    lab.apply().await;
    assert_eq!(sole(&lab, "elastic-ip").id, used);
    assert_ne!(used, second);
    lab.check_exactly_the_lab();
}

#[tokio::test(start_paused = true)]
async fn of_two_addresses_the_one_in_use_stays_even_if_the_other_is_older() {
    let lab = Lab::new(SMALL);
    let older = foreign::address(&lab.memory, &[]).await;
    lab.apply().await;
    let addresses = new_items(&lab)
        .into_iter()
        .filter(|item| item.kind == "elastic-ip");
    let used = addresses
        .map(|item| item.id)
        .find(|id| *id != older)
        .unwrap();
    for (key, value) in MARKS {
        foreign::tag(&lab.memory, &older, key, value).await;
    }
    assert_eq!(lab.actions().await, ["delete elastic_ip"]);
    lab.apply().await;
    assert_eq!(sole(&lab, "elastic-ip").id, used);
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_unused_addresses_one_is_used_and_one_released() {
    let lab = Lab::new(SMALL);
    let first = foreign::address(&lab.memory, &MARKS).await;
    let second = foreign::address(&lab.memory, &MARKS).await;
    lab.apply().await;
    assert_eq!(sole(&lab, "elastic-ip").id, first.clone().min(second));
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}

#[tokio::test(start_paused = true)]
async fn a_spare_network_goes_and_the_one_with_the_server_stays() {
    for is_older in [true, false] {
        let lab = Lab::new(WHOLE);
        let spare = async || {
            let (vpc, subnet) = foreign::network(&lab.memory).await;
            for (id, address) in [(&vpc, "vpc"), (&subnet, "subnet")] {
                foreign::tag(&lab.memory, id, "labctl:lab", "penguins").await;
                foreign::tag(&lab.memory, id, "labctl:region", "us-east-1").await;
                foreign::tag(&lab.memory, id, "labctl:resource", address).await;
            }
            let mut gateways = new_items(&lab)
                .into_iter()
                .filter(|item| item.kind == "internet-gateway");
            let gateway = gateways
                .find(|item| item.attributes["vpc"] == vpc)
                .unwrap()
                .id;
            foreign::tag(&lab.memory, &gateway, "labctl:lab", "penguins").await;
            foreign::tag(&lab.memory, &gateway, "labctl:region", "us-east-1").await;
            foreign::tag(&lab.memory, &gateway, "labctl:resource", "internet_gateway").await;
            let group = foreign::group(&lab.memory, "penguins", &vpc).await;
            foreign::tag(&lab.memory, &group, "labctl:lab", "penguins").await;
            foreign::tag(&lab.memory, &group, "labctl:region", "us-east-1").await;
            foreign::tag(&lab.memory, &group, "labctl:resource", "security_group").await;
            foreign::tag(&lab.memory, &group, "labctl:network", "dedicated").await;
        };
        let mut server = String::new();
        if is_older {
            // A lab whose network has higher ids than the spare one.
            let other = Lab::on(lab.memory.clone(), WHOLE);
            let (vpc, subnet) = foreign::network(&lab.memory).await;
            let input = CreateRouteTableInput::builder().vpc_id(vpc);
            let table = lab.memory.create_route_table(input).await.unwrap();
            let table = table.route_table.unwrap().route_table_id.unwrap();
            let input = AssociateRouteTableInput::builder()
                .route_table_id(table)
                .subnet_id(subnet);
            lab.memory.associate_route_table(input).await.unwrap();
            other.apply().await;
            server = super::inspection::server(&other).id;
            let old: Vec<_> = new_items(&lab)
                .into_iter()
                .filter(|item| !item.tags.contains_key("labctl:lab"))
                .collect();
            for item in old {
                let address = match item.kind.as_str() {
                    "vpc" => "vpc",
                    "subnet" => "subnet",
                    "internet-gateway" => "internet_gateway",
                    "route-table" if item.attributes["main"] == "false" => "route_table",
                    _ => continue,
                };
                foreign::tag(&lab.memory, &item.id, "labctl:lab", "penguins").await;
                foreign::tag(&lab.memory, &item.id, "labctl:region", "us-east-1").await;
                foreign::tag(&lab.memory, &item.id, "labctl:resource", address).await;
            }
        } else {
            lab.apply().await;
            server.push_str(&super::inspection::server(&lab).id);
            spare().await;
        }
        let actions = lab.actions().await;
        assert!(
            actions.iter().all(|action| action.starts_with("delete ")),
            "{actions:?}"
        );
        lab.apply().await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        assert_eq!(super::inspection::server(&lab).id, server);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_all_three_tags_and_another_name_goes_and_with_two_tags_it_stays() {
    let lab = Lab::new(SMALL);
    lab.apply().await;
    let vpc = foreign::default_vpc(&lab.memory);
    let strays = [
        (
            "security_group",
            foreign::group(&lab.memory, "of-old", &vpc).await,
        ),
        ("key_pair", foreign::key_pair(&lab.memory, "of-old").await),
    ];
    for (_, id) in &strays {
        for (key, value) in &MARKS[..2] {
            foreign::tag(&lab.memory, id, key, value).await;
        }
    }
    lab.check_nothing_to_do().await;
    for (address, id) in &strays {
        foreign::tag(&lab.memory, id, "labctl:resource", address).await;
    }
    let mut actions = lab.actions().await;
    actions.sort();
    assert_eq!(actions, ["delete key_pair", "delete security_group"]);
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
}
