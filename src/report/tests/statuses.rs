use insta::assert_snapshot;

use crate::cloud::resource::{Owner, Power, Standing};
use crate::cloud::resources::{Kind, LiveLab, LiveResource};
use crate::host::site::Page;
use crate::report::{StatusView, json, status};

use super::lab::{self, BARE, FULL, plain};

fn view(live: &LiveLab) -> StatusView<'_> {
    StatusView {
        lab: "penguins",
        region: "us-east-1",
        account: "123456789012",
        live,
        pages: &[],
        shell: None,
    }
}

#[test]
fn a_status_has_the_server_and_every_resource() {
    let mut live = lab::live(FULL);
    lab::of(&mut live, Kind::Zone).owner = Owner::Other;
    let address = lab::of(&mut live, Kind::ElasticIp).clone();
    let id = "eipalloc-0xyz".to_owned();
    live.resources.push(LiveResource {
        id,
        standing: Standing::Duplicate,
        ..address
    });
    assert_snapshot!(plain(&status::status(&view(&live))), @r#"
    lab penguins in us-east-1, account 123456789012

      server   running
      type     t3.micro
      address  198.51.100.4
      cost     17.29 USD a month (as it is now; prices of 2025-03-02)
               eipalloc-0xyz is paid for and leads to no server

      key_pair          key-0abc
      security_group    sg-0abc
      bucket            penguins-data
      role              penguins-role
      instance_profile  penguins-instance_profile
      instance          i-0abc
      elastic_ip        eipalloc-0abc
      zone              Z0ABC  used as it is, not this lab's
      record.@.A        Z0ABC/record.@.A
      record.www.CNAME  Z0ABC/record.www.CNAME
      elastic_ip        eipalloc-0xyz  a second one, left behind by an interrupted run
    "#);
}

#[test]
fn a_status_without_an_elastic_ip_says_that_the_address_changes() {
    assert_snapshot!(plain(&status::status(&view(&lab::live(BARE)))), @r#"
    lab penguins in us-east-1, account 123456789012

      server   running
      type     t3.micro
      address  203.0.113.9 (another after each stop)
      cost     13.64 USD a month (as it is now; prices of 2025-03-02)

      key_pair        key-0abc
      security_group  sg-0abc
      instance        i-0abc
    "#);
}

#[test]
fn a_lab_that_is_not_there_is_said_to_be_so() {
    assert_snapshot!(plain(&status::status(&view(&lab::nothing()))), @r#"
    lab penguins in us-east-1, account 123456789012

    nothing of this lab exists; `labctl apply` makes it
    "#);
    assert_snapshot!(json::status(&view(&lab::nothing())).to_string(), @r#"{"format":1,"lab":"penguins","region":"us-east-1","account":"123456789012","server":null,"pages":[],"resources":[],"cost":{"currency":"USD","monthly":0.0,"unknown":[],"idle":[],"prices":"2025-03-02"}}"#);
}

#[test]
fn the_document_of_a_status_has_the_server() {
    assert_snapshot!(format!("{:#}", json::status(&view(&lab::live(BARE)))), @r#"
    {
      "format": 1,
      "lab": "penguins",
      "region": "us-east-1",
      "account": "123456789012",
      "server": {
        "id": "i-0abc",
        "power": "running",
        "instance_type": "t3.micro",
        "public_ip": "203.0.113.9",
        "private_ip": null
      },
      "pages": [],
      "resources": [
        {
          "address": "key_pair",
          "kind": "key_pair",
          "id": "key-0abc",
          "owned": true,
          "standing": "current"
        },
        {
          "address": "security_group",
          "kind": "security_group",
          "id": "sg-0abc",
          "owned": true,
          "standing": "current"
        },
        {
          "address": "instance",
          "kind": "instance",
          "id": "i-0abc",
          "owned": true,
          "standing": "current"
        }
      ],
      "cost": {
        "currency": "USD",
        "monthly": 13.64,
        "unknown": [
          "instance: traffic",
          "instance: processor credits beyond the earned ones"
        ],
        "idle": [],
        "prices": "2025-03-02"
      }
    }
    "#);
}

#[test]
fn a_status_has_the_pages_or_the_way_to_a_shell() {
    let page = |title: &str, path: &str| Page {
        title: title.to_owned(),
        url: format!("https://203.0.113.9{path}"),
    };
    let pages = [page("start page", "/"), page("JupyterHub", "/jupyter/")];
    let live = lab::live(BARE);
    let view = |pages, shell| StatusView {
        pages,
        shell,
        ..view(&live)
    };
    let shown = |pages, shell| {
        let text = plain(&status::status(&view(pages, shell)));
        let (_, rest) = text.split_once("\n\n").unwrap();
        rest.rsplit_once("\n\n").unwrap().0.to_owned()
    };
    assert_snapshot!(shown(&pages, None), @r#"
    server   running
    type     t3.micro
    address  203.0.113.9 (another after each stop)
    cost     13.64 USD a month (as it is now; prices of 2025-03-02)

    start page   https://203.0.113.9/
    JupyterHub   https://203.0.113.9/jupyter/
    "#);
    assert_snapshot!(shown(&[], Some("labctl ssh")), @r#"
    server   running
    type     t3.micro
    address  203.0.113.9 (another after each stop)
    shell    labctl ssh
    cost     13.64 USD a month (as it is now; prices of 2025-03-02)
    "#);
    let document = json::status(&view(&pages, None));
    assert_snapshot!(document["pages"].to_string(), @r#"[{"title":"start page","url":"https://203.0.113.9/"},{"title":"JupyterHub","url":"https://203.0.113.9/jupyter/"}]"#);
}

/// A stopped server keeps its private address, and nobody answers there.
#[test]
fn a_private_address_is_told_to_be_one() {
    let mut live = lab::live(BARE);
    let server = &mut lab::of(&mut live, Kind::Instance).observed;
    (server.public_ip, server.private_ip) = (None, Some([10, 0, 1, 5].into()));
    let text = plain(&status::status(&view(&live)));
    assert!(
        text.contains("address  10.0.1.5 (private: only its own network reaches it)"),
        "{text}"
    );
    let document = json::status(&view(&live));
    assert_eq!(document["server"]["private_ip"], "10.0.1.5");
    lab::of(&mut live, Kind::Instance).observed.power = Some(Power::Stopped);
    let text = plain(&status::status(&view(&live)));
    assert!(!text.contains("address"), "{text}");
}
