//! Sandboxes as text.

use std::collections::BTreeMap;

use anstream::adapter::strip_str;

use crate::plan;
use crate::report::sandbox::{Pages, environment, status, ways};
use crate::sandbox::{Authority, Machine, Port, Status};

fn port(address: &str, port: u16) -> Option<Port> {
    let address = address.to_owned();
    Some(Port { address, port })
}

fn running() -> Status {
    let text = |text: &str| Some(text.to_owned());
    let machine = Machine {
        id: "i-0123456789abcdef0".to_owned(),
        instance_type: "t3.micro".to_owned(),
        state: "running".to_owned(),
        container: text("labctl-sandbox-small-3fa2c1-i-0123456789abcdef0"),
        public_ip: text("198.18.0.1"),
        ip: text("172.20.0.2"),
        ssh: port("127.0.0.1", 25001),
        http: port("127.77.0.1", 80),
        https: port("127.77.0.1", 443),
        problem: None,
    };
    let leads = |name: &str| (name.to_owned(), machine.id.clone());
    Status {
        lab: "small".to_owned(),
        port: 25000,
        engine: None,
        engine_problem: text("Docker is not installed"),
        image: None,
        authority: Some(Authority {
            directory: "https://acme.sandbox.internal:25002/dir".to_owned(),
            root: "/state/root.pem".into(),
        }),
        authority_problem: None,
        problems: vec!["something \u{1b}[31mbroke".to_owned()],
        names: BTreeMap::from([leads("lab.example.org"), leads("*.example.org")]),
        machines: vec![machine],
    }
}

#[test]
fn a_sandbox_is_shown_with_what_it_cannot_show() {
    let text = strip_str(&status("small", Some(&running()), &Pages::Unknown)).to_string();
    for part in [
        "sandbox of lab small",
        "http://127.0.0.1:25000",
        "none (Docker is not installed)",
        "install Docker or Podman",
        "pebble; its root: /state/root.pem",
        "something \\u{1b}[31mbroke",
        "ssh        127.0.0.1:25001",
        "what it cannot show:",
        "- prices, quotas, capacity",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    let text = strip_str(&status("small", None, &Pages::Unknown)).to_string();
    assert!(text.contains("not running; `labctl sandbox up` starts it"));
}

#[test]
fn the_ways_name_addresses_that_lead_somewhere() {
    let mut sandbox = running();
    let shown = ways(&sandbox, &Pages::Unknown).unwrap();
    assert_eq!(
        shown,
        "to look at it from this laptop:\n  curl --resolve lab.example.org:443:127.77.0.1 \
         --resolve lab.example.org:80:127.77.0.1 --cacert /state/root.pem \
         https://lab.example.org/\n  chromium --host-resolver-rules='MAP lab.example.org \
         127.77.0.1' https://lab.example.org/"
    );
    sandbox.authority_problem = Some("it does not start".to_owned());
    let told = strip_str(&status("small", Some(&sandbox), &Pages::Unknown)).to_string();
    assert!(
        told.contains("authority  none (it does not start)"),
        "{told}"
    );
    sandbox.machines[0].http = port("127.0.0.1", 25003);
    sandbox.machines[0].https = port("127.0.0.1", 25004);
    let shown = ways(&sandbox, &Pages::Unknown).unwrap();
    let curl = "curl --connect-to lab.example.org:443:127.0.0.1:25004 --connect-to \
                lab.example.org:80:127.0.0.1:25003 --insecure https://lab.example.org/";
    assert!(shown.contains(curl), "{shown}");
    sandbox.machines[0].https = None;
    assert_eq!(ways(&sandbox, &Pages::Unknown), None);
}

#[test]
fn a_server_without_a_name_is_looked_at_by_its_loopback_address() {
    let mut sandbox = running();
    sandbox.names.clear();
    assert_eq!(
        ways(&sandbox, &Pages::Unknown).unwrap(),
        "to look at it from this laptop:\n  curl --insecure https://127.77.0.1/\n  \
         https://127.77.0.1/ in a browser, or http://127.77.0.1/ where `https` is off"
    );
    sandbox.machines[0].http = port("127.0.0.1", 25003);
    sandbox.machines[0].https = port("127.0.0.1", 25004);
    let shown = ways(&sandbox, &Pages::Unknown).unwrap();
    assert!(
        shown.contains("curl --insecure https://127.0.0.1:25004/\n"),
        "{shown}"
    );
    assert!(shown.contains("http://127.0.0.1:25003/"), "{shown}");
}

/// The line that a plan's pages are looked at by.
#[track_caller]
fn shown(sandbox: &Status, workbench: &str) -> Option<String> {
    let server = "\
lab: small
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: k.pub }
security_group: { ingress: [{ port: 22, from: [my-ip] }, { port: 80, from: [anywhere] }, { port: 443, from: [anywhere] }] }
";
    let parsed = plan::parse("lab.yaml", &format!("{server}{workbench}")).unwrap();
    ways(sandbox, &Pages::of(&parsed.plan))
}

#[test]
fn the_ways_follow_what_the_plan_serves() {
    let mut sandbox = running();
    let off = "workbench: { https: { mode: \"off\" } }\n";
    assert_eq!(
        shown(&sandbox, off).unwrap(),
        "to look at it from this laptop:\n  curl --resolve lab.example.org:443:127.77.0.1 \
         --resolve lab.example.org:80:127.77.0.1 http://lab.example.org/\n  chromium \
         --host-resolver-rules='MAP lab.example.org 127.77.0.1' http://lab.example.org/"
    );
    let own = "workbench: { https: { mode: self-signed } }\n";
    assert_eq!(shown(&sandbox, own), ways(&sandbox, &Pages::Unknown));
    for nothing in [
        "",
        "workbench: { https: { mode: self-signed }, landing_page: false }\n",
    ] {
        assert_eq!(shown(&sandbox, nothing), None);
    }

    sandbox.names.clear();
    assert_eq!(
        shown(&sandbox, off).unwrap(),
        "to look at it from this laptop:\n  curl http://127.77.0.1/\n  http://127.77.0.1/ in a browser"
    );
    assert_eq!(
        shown(&sandbox, own).unwrap(),
        "to look at it from this laptop:\n  curl --insecure https://127.77.0.1/\n  https://127.77.0.1/ in a browser"
    );
    // NGINX answers nobody who does not ask for it, and no record has to lead there.
    let named = "workbench: { domain: own.example.net, https: { mode: self-signed } }\n";
    let shown = shown(&sandbox, named).unwrap();
    assert!(
        shown.contains("--resolve own.example.net:443:127.77.0.1"),
        "{shown}"
    );
    assert!(!shown.contains("https://127.77.0.1/"), "{shown}");
}

#[test]
fn other_clients_are_told_what_they_need() {
    let text = environment(25000, "eu-west-1");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.contains(&"export AWS_ENDPOINT_URL=http://127.0.0.1:25000"));
    assert!(lines.contains(&"export AWS_REGION=eu-west-1"));
    assert!(lines.contains(&"unset AWS_PROFILE AWS_SESSION_TOKEN"));
}
