use insta::assert_snapshot;

use crate::report::{StatusView, json, status};
use crate::resource::{Live, Owner, Standing};
use crate::resources::{Kind, LiveLab};

use super::lab::{self, BARE, FULL, plain};

fn view(live: &LiveLab) -> StatusView<'_> {
    StatusView {
        lab: "penguins",
        region: "us-east-1",
        account: "123456789012",
        live,
    }
}

#[test]
fn a_status_has_the_server_and_every_resource() {
    let mut live = lab::live(FULL);
    lab::of(&mut live, Kind::Zone).owner = Owner::Other;
    let address = lab::of(&mut live, Kind::ElasticIp).clone();
    let id = "eipalloc-0xyz".to_owned();
    live.resources.push(Live {
        id,
        standing: Standing::Spare,
        ..address
    });
    assert_snapshot!(plain(&status::status(&view(&live))), @"");
}

#[test]
fn a_status_without_an_elastic_ip_says_that_the_address_changes() {
    assert_snapshot!(plain(&status::status(&view(&lab::live(BARE)))), @"");
}

#[test]
fn a_lab_that_is_not_there_is_said_to_be_so() {
    assert_snapshot!(plain(&status::status(&view(&lab::nothing()))), @"");
    assert_snapshot!(json::status(&view(&lab::nothing())).to_string(), @"");
}

#[test]
fn the_document_of_a_status_has_the_server() {
    assert_snapshot!(format!("{:#}", json::status(&view(&lab::live(BARE)))), @"");
}
