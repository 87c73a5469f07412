use insta::assert_snapshot;
use serde_json::Value;

use crate::diff;
use crate::report::{json, text};
use crate::resource::{Live, Owner, Power, Standing};
use crate::resources::{Kind, LiveLab};

use super::lab::{self, BARE, FULL, edited, plain};

fn shown(plan: &str, live: &LiveLab) -> String {
    plain(&text::change_set(&lab::view(
        &lab::compare(plan, live),
        live,
    )))
}

fn document(plan: &str, live: &LiveLab) -> Value {
    json::plan(&lab::view(&lab::compare(plan, live), live), Value::Null)
}

#[test]
fn a_fresh_lab_is_shown_in_full() {
    assert_snapshot!(shown(FULL, &lab::nothing()), @"");
}

#[test]
fn no_change_is_one_line() {
    assert_snapshot!(shown(FULL, &lab::live(FULL)), @"");
}

#[test]
fn a_resize_keeps_the_elastic_ip() {
    let plan = edited(FULL, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &lab::live(FULL)), @"");
}

#[test]
fn a_resize_without_an_elastic_ip_changes_the_address() {
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &lab::live(BARE)), @"");
}

#[test]
fn a_stopped_server_stays_stopped() {
    let mut live = lab::live(BARE);
    lab::of(&mut live, Kind::Instance).observed.power = Some(Power::Stopped);
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(shown(&plan, &live), @"");
}

#[test]
fn changed_rules_policies_and_tags_are_shown_piece_by_piece() {
    let plan = edited(
        FULL,
        &[
            ("192.0.2.7/32", "198.51.100.0/24"),
            ("read-write", "read"),
            ("project: penguins", "project: seals"),
            (
                "type: CNAME, value: '@'",
                "type: CNAME, value: pages.example, ttl: 60",
            ),
        ],
    );
    let live = lab::live(FULL);
    assert_snapshot!(shown(&plan, &live), @"");
}

#[test]
fn a_replacement_says_what_forces_it_and_what_is_lost() {
    let plan = edited(FULL, &[("ubuntu-24.04", "ubuntu-22.04")]);
    assert_snapshot!(shown(&plan, &lab::live(FULL)), @"");
}

#[test]
fn what_is_in_the_way_is_shown_with_the_ways_out() {
    let mut live = lab::live(FULL);
    for kind in [Kind::Bucket, Kind::KeyPair, Kind::Record] {
        lab::of(&mut live, kind).owner = Owner::Other;
    }
    let zone = lab::of(&mut live, Kind::Zone);
    zone.owner = Owner::Other;
    let other = Live {
        id: "Z0XYZ".to_owned(),
        ..zone.clone()
    };
    live.resources.push(other);
    assert_snapshot!(shown(FULL, &live), @"");
}

#[test]
fn what_left_the_plan_and_holds_data_is_kept() {
    let mut live = lab::live(FULL);
    let bucket = lab::of(&mut live, Kind::Bucket);
    bucket.standing = Standing::Former;
    bucket.id = "old-data".to_owned();
    let instance = lab::of(&mut live, Kind::Instance).clone();
    live.resources.push(Live {
        id: "i-0xyz".to_owned(),
        standing: Standing::Spare,
        ..instance
    });
    let address = lab::of(&mut live, Kind::ElasticIp).clone();
    let id = "eipalloc-0xyz".to_owned();
    live.resources.push(Live {
        id,
        standing: Standing::Spare,
        ..address
    });
    let (plan, _) = FULL.split_once("dns:").unwrap();
    assert_snapshot!(shown(plan, &live), @"");
}

#[test]
fn a_destroy_lists_what_goes_and_what_is_kept() {
    let live = lab::live(FULL);
    let set = diff::destroy(&live.resources, false);
    assert_snapshot!(plain(&text::destroy(&lab::view(&set, &live))), @"");
    let live = lab::nothing();
    let set = diff::destroy(&live.resources, false);
    assert_snapshot!(plain(&text::destroy(&lab::view(&set, &live))), @"");
}

#[test]
fn notes_stand_below() {
    let live = lab::live(BARE);
    let set = lab::compare(BARE, &live);
    let notes = ["a newer image of `ubuntu-24.04` is out\u{1b}[2J".to_owned()];
    let view = crate::report::PlanView {
        notes: &notes,
        ..lab::view(&set, &live)
    };
    assert_snapshot!(plain(&text::change_set(&view)), @"");
}

#[test]
fn the_document_has_every_resource() {
    let mut live = lab::live(BARE);
    lab::of(&mut live, Kind::KeyPair).owner = Owner::Other;
    let plan = edited(BARE, &[("t3.micro", "t3.small")]);
    assert_snapshot!(format!("{:#}", document(&plan, &live)), @"");
}

#[test]
fn the_document_of_a_new_resource_has_its_fields() {
    let document = document(BARE, &lab::nothing());
    assert_snapshot!(document["changes"][0].to_string(), @"");
    assert_snapshot!(document["summary"].to_string(), @"");
}
