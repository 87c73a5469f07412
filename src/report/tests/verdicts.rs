//! The line that stands before every plan, for each kind of plan.

use insta::assert_snapshot;

use crate::cloud::diff::{self, ChangeSet};
use crate::cloud::resource::{Owner, Power};
use crate::cloud::resources::{Kind, LiveLab};
use crate::cloud::verdict;
use crate::report::{json, text};

use super::lab::{self, BARE, FULL, edited, plain};

fn line(set: &ChangeSet) -> String {
    plain(&crate::report::verdict::line(&verdict::of(
        "us-east-1",
        set,
    )))
}

fn of(plan: &str, live: &LiveLab) -> String {
    let set = lab::compare(plan, live);
    let line = line(&set);
    let shown = plain(&text::change_set(&lab::view(&set, live)));
    assert_eq!(shown.lines().next(), Some(&*line), "it is the first line");
    line
}

#[test]
fn each_kind_of_plan_has_its_verdict() {
    let live = lab::live(FULL);
    let small = edited(FULL, &[("t3.micro", "t3.small")]);
    assert_snapshot!(of(FULL, &lab::nothing()), @"+14.14 USD a month (0.00 → 14.14) · no downtime · no data at risk · can be undone");
    assert_snapshot!(of(FULL, &live), @"14.14 USD a month · nothing changes in AWS");
    assert_snapshot!(of(&small, &live), @"+7.59 USD a month (14.14 → 21.73) · server down about 1 min · no data at risk · can be undone");
    assert_snapshot!(of(FULL, &lab::live(&small)), @"−7.59 USD a month (21.73 → 14.14) · server down about 1 min · no data at risk · can be undone");
    let grown = edited(
        FULL,
        &[("key.pub }", "key.pub, root_volume: { size: 50 GiB } }")],
    );
    assert_snapshot!(of(&grown, &live), @"+1.60 USD a month (14.14 → 15.74) · no downtime · no data at risk · cannot be undone: instance.root_volume.size");
    let replaced = edited(FULL, &[("ubuntu-24.04", "ubuntu-22.04")]);
    assert_snapshot!(of(&replaced, &live), @"14.14 USD a month as before · server down until a new one is set up · data at risk: instance · cannot be undone: instance.image");
    assert_snapshot!(line(&diff::destroy(&live.resources, false)), @"−13.64 USD a month (14.14 → 0.50) · server gone · data at risk: bucket, instance · cannot be undone: security_group, bucket, instance, elastic_ip");
    assert_snapshot!(line(&diff::destroy(&live.resources, true)), @"−14.14 USD a month (14.14 → 0.00) · server gone · data at risk: bucket, instance, zone · cannot be undone: security_group, bucket, instance, elastic_ip, zone");
}

/// What is stopped costs nothing by the hour, is not stopped once more, and is not started.
#[test]
fn a_stopped_server_has_no_downtime() {
    let mut live = lab::live(FULL);
    lab::of(&mut live, Kind::Instance).observed.power = Some(Power::Stopped);
    assert_snapshot!(of(&edited(FULL, &[("t3.micro", "t3.small")]), &live), @"6.55 USD a month as before · no downtime · no data at risk · can be undone");
    let grown = edited(
        FULL,
        &[("key.pub }", "key.pub, root_volume: { size: 50 GiB } }")],
    );
    assert_snapshot!(of(&grown, &live), @"+1.60 USD a month (6.55 → 8.15) · no downtime · no data at risk · cannot be undone: instance.root_volume.size");
}

/// The plan from before brings no address back that AWS has given to somebody else meanwhile.
#[test]
fn an_address_that_is_lost_cannot_be_undone() {
    let small = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(of(&small, &lab::live(BARE)), @"+7.59 USD a month (13.64 → 21.23) · server down about 1 min · no data at risk · cannot be undone: instance.instance_type");
    let lasting = edited(BARE, &[("elastic_ip: false", "elastic_ip: true")]);
    assert_snapshot!(of(&lasting, &lab::live(BARE)), @"13.64 USD a month as before · no downtime · no data at risk · cannot be undone: elastic_ip");
    assert_snapshot!(of(BARE, &lab::live(&lasting)), @"13.64 USD a month as before · no downtime · no data at risk · cannot be undone: elastic_ip");
}

#[test]
fn starting_and_stopping_say_theirs() {
    let shown = |plan: &str, power, wanted| {
        let mut live = lab::live(plan);
        lab::of(&mut live, Kind::Instance).observed.power = Some(power);
        plain(&crate::report::verdict::line(&verdict::of_power(
            "us-east-1",
            &live,
            wanted,
        )))
    };
    assert_snapshot!(shown(FULL, Power::Running, Power::Stopped), @"−7.59 USD a month (14.14 → 6.55) · server down until `labctl start` · no data at risk · can be undone");
    assert_snapshot!(shown(BARE, Power::Running, Power::Stopped), @"−11.24 USD a month (13.64 → 2.40) · server down until `labctl start` · no data at risk · cannot be undone: instance.public_ip");
    assert_snapshot!(shown(FULL, Power::Stopped, Power::Running), @"+7.59 USD a month (6.55 → 14.14) · no downtime · no data at risk · can be undone");
}

#[test]
fn what_cannot_be_applied_changes_no_cost() {
    let mut live = lab::live(FULL);
    let shrunk = edited(
        FULL,
        &[("key.pub }", "key.pub, root_volume: { size: 8 GiB } }")],
    );
    assert_snapshot!(of(&shrunk, &live), @"cannot be applied · 14.14 USD a month");
    lab::of(&mut live, Kind::Bucket).owner = Owner::Other;
    assert_snapshot!(of(FULL, &live), @"cannot be applied · 14.14 USD a month");
}

#[test]
fn an_unknown_price_is_named_and_not_counted() {
    let plan = edited(FULL, &[("t3.micro", "x99.large")]);
    assert_snapshot!(of(&plan, &lab::nothing()), @"+6.55 USD a month (0.00 → 6.55) and what is not known (instance: x99.large) · no downtime · no data at risk · can be undone");
    let document = json::plan(
        &lab::view(&lab::compare(&plan, &lab::nothing()), &lab::nothing()),
        serde_json::Value::Null,
    );
    assert_snapshot!(document["cost"].to_string(), @r#"{"currency":"USD","before":0.0,"after":6.55,"unknown":["instance: x99.large","bucket: storage","bucket: requests","instance: traffic","zone: DNS queries"],"prices":"2025-03-02"}"#);
}

#[test]
fn each_change_carries_its_verdict_with_the_fields() {
    let live = lab::live(FULL);
    let plan = edited(
        FULL,
        &[
            ("t3.micro", "t3.small"),
            ("key.pub }", "key.pub, root_volume: { size: 50 GiB } }"),
        ],
    );
    let set = lab::compare(&plan, &live);
    assert_snapshot!(plain(&text::change_set(&lab::view(&set, &live))), @r#"
    +9.19 USD a month (14.14 → 23.33) · server down about 1 min · no data at risk · cannot be undone: instance.root_volume.size
    lab penguins in us-east-1, account 123456789012

      ~ instance  i-0abc  restart: about 1 min down, address kept
          +9.19 USD a month by `instance_type`, `root_volume.size` · server down about 1 min by `instance_type` · cannot be undone by `root_volume.size`
          instance_type:    t3.micro → t3.small
          root_volume.size: 30 GiB → 50 GiB

    9 unchanged
    plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 1 restart

    prices of 2025-03-02, without traffic and other use
    "#);
    let document = json::plan(&lab::view(&set, &live), serde_json::Value::Null);
    assert_snapshot!(document["verdict"].to_string(), @r#"{"downtime_s":60,"data_at_risk":[],"reversible":false,"refused":false}"#);
    let mut changes = document["changes"].as_array().unwrap().iter();
    let instance = changes
        .find(|change| change["address"] == "instance")
        .unwrap();
    for key in ["cost", "downtime_s", "data", "reversible"] {
        assert!(!instance[key].is_null(), "{key}");
    }
    assert_snapshot!(instance["cost"].to_string(), @r#"{"before":9.99,"after":19.18}"#);
    assert_snapshot!(instance["forced_by"].to_string(), @r#"{"cost":["instance_type","root_volume.size"],"downtime":["instance_type"],"irreversible":["root_volume.size"]}"#);
}
