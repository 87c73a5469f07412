//! Sandboxes as text.

use std::collections::BTreeMap;

use anstream::adapter::strip_str;

use crate::report::sandbox::{environment, status, ways};
use crate::sandbox::{Authority, Machine, Port, Site, Status};

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
        site: Some(Site {
            names: vec!["lab.example.org".to_owned()],
            https: true,
            by_authority: true,
        }),
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
    let text = strip_str(&status("small", Some(&running()))).to_string();
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
    let text = strip_str(&status("small", None)).to_string();
    assert!(text.contains("not running; `labctl sandbox up` starts it"));
}

#[test]
fn the_ways_name_addresses_that_lead_somewhere() {
    let mut sandbox = running();
    let shown = ways(&sandbox).unwrap();
    assert_eq!(
        shown,
        "to look at it from this laptop:\n  curl --resolve lab.example.org:443:127.77.0.1 \
         --resolve lab.example.org:80:127.77.0.1 --cacert /state/root.pem \
         https://lab.example.org/\n  chromium --host-resolver-rules='MAP lab.example.org \
         127.77.0.1' https://lab.example.org/"
    );
    sandbox.authority_problem = Some("it does not start".to_owned());
    let told = strip_str(&status("small", Some(&sandbox))).to_string();
    assert!(
        told.contains("authority  none (it does not start)"),
        "{told}"
    );
    sandbox.machines[0].http = port("127.0.0.1", 25003);
    sandbox.machines[0].https = port("127.0.0.1", 25004);
    let shown = ways(&sandbox).unwrap();
    let curl = "curl --connect-to lab.example.org:443:127.0.0.1:25004 --connect-to \
                lab.example.org:80:127.0.0.1:25003 --insecure https://lab.example.org/";
    assert!(shown.contains(curl), "{shown}");
    sandbox.machines[0].https = None;
    assert_eq!(ways(&sandbox), None);
}

/// The site of the only server.
fn site(sandbox: &mut Status) -> &mut Site {
    sandbox.machines[0].site.as_mut().unwrap()
}

#[test]
fn a_server_without_a_name_is_looked_at_by_its_loopback_address() {
    let mut sandbox = running();
    sandbox.names.clear();
    site(&mut sandbox).names.clear();
    assert_eq!(
        ways(&sandbox).unwrap(),
        "to look at it from this laptop:\n  curl --insecure https://127.77.0.1/\n  \
         https://127.77.0.1/ in a browser"
    );
    sandbox.machines[0].http = port("127.0.0.1", 25003);
    sandbox.machines[0].https = port("127.0.0.1", 25004);
    let shown = ways(&sandbox).unwrap();
    assert!(
        shown.contains("curl --insecure https://127.0.0.1:25004/\n"),
        "{shown}"
    );
    site(&mut sandbox).https = false;
    let shown = ways(&sandbox).unwrap();
    assert!(shown.contains("curl http://127.0.0.1:25003/\n"), "{shown}");
    assert!(!shown.contains("https"), "{shown}");
}

/// Nobody in the sandbox knows a domain that is in none of its zones, so that no authority issues for it.
#[test]
fn a_domain_without_a_zone_is_looked_at_by_its_name() {
    let mut sandbox = running();
    sandbox.names.clear();
    let shown = ways(&sandbox).unwrap();
    let curl = "curl --resolve lab.example.org:443:127.77.0.1 --resolve \
                lab.example.org:80:127.77.0.1 --insecure https://lab.example.org/\n";
    assert!(shown.contains(curl), "{shown}");
    site(&mut sandbox).https = false;
    assert_eq!(
        ways(&sandbox).unwrap(),
        "to look at it from this laptop:\n  curl --resolve lab.example.org:80:127.77.0.1 \
         http://lab.example.org/\n  chromium --host-resolver-rules='MAP lab.example.org \
         127.77.0.1' http://lab.example.org/"
    );
}

/// The authority runs as soon as it was wanted once, and stays.
#[test]
fn a_certificate_of_the_servers_own_is_not_verified() {
    let mut sandbox = running();
    site(&mut sandbox).by_authority = false;
    let shown = ways(&sandbox).unwrap();
    assert!(
        shown.contains("--insecure https://lab.example.org/"),
        "{shown}"
    );
}

#[test]
fn a_server_without_pages_has_a_shell_while_it_runs() {
    let mut sandbox = running();
    sandbox.machines[0].site = None;
    assert_eq!(
        ways(&sandbox).unwrap(),
        "to look at it from this laptop:\n  labctl --sandbox ssh"
    );
    sandbox.machines[0].state = "stopped".to_owned();
    assert_eq!(ways(&sandbox), None);
}

#[test]
fn other_clients_are_told_what_they_need() {
    let text = environment(25000, "/home/a b/aws-credentials", "eu-west-1").unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.contains(&"export AWS_ENDPOINT_URL=http://127.0.0.1:25000"));
    assert!(lines.contains(&"export AWS_REGION=eu-west-1"));
    assert!(lines.contains(&"export AWS_SHARED_CREDENTIALS_FILE='/home/a b/aws-credentials'"));
    // What comes before the file, and would be sent to the sandbox.
    let unset = "unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN";
    assert!(lines.contains(&unset));
}
