//! `doctor`, on a real server that is well, and on one that is not.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, ResourceRecord, TYPE};

use crate::support::Lab;

use super::accidents::state;
use super::counts::{Visits, log_visits, visits_of};
use super::machine::{Bench, SMALL};

/// A resolver by which every name leads to one address.
struct Resolver {
    port: u16,
    leads_to: Arc<Mutex<Option<Ipv4Addr>>>,
}

impl Resolver {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let leads_to = Arc::new(Mutex::new(None::<Ipv4Addr>));
        let shared = Arc::clone(&leads_to);
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut buffer) {
                let query = Packet::parse(&buffer[..length]).unwrap();
                let question = query.questions[0].clone();
                let mut reply = query.clone().into_reply();
                if let (Some(address), true) =
                    (*shared.lock().unwrap(), question.qtype == TYPE::A.into())
                {
                    let data = RData::A(A {
                        address: address.into(),
                    });
                    let record = ResourceRecord::new(question.qname, CLASS::IN, 60, data);
                    reply.answers.push(record);
                }
                let _ = socket.send_to(&reply.build_bytes_vec().unwrap(), asker);
            }
        });
        Self { port, leads_to }
    }
}

/// What `doctor --json` finds, by name, and its exit code.
fn looked(bench: &Bench, resolver: &Resolver) -> (BTreeMap<String, Value>, i32) {
    let ip = &bench.machine.ip;
    let ran = bench.labctl(&[
        "doctor",
        "--json",
        "--resolver",
        &format!("127.0.0.1:{}", resolver.port),
        "--at",
        &format!("80={ip}:80"),
        "--at",
        &format!("443={ip}:443"),
    ]);
    let document = ran.json();
    assert_eq!(document["ok"], ran.code == 0, "{ran}");
    let findings = document["findings"].as_array().unwrap().iter();
    let findings = findings.map(|finding| {
        let state = finding["state"].as_str().unwrap();
        let has_help = finding["help"].is_string();
        assert_eq!(has_help, matches!(state, "failed" | "warning"), "{finding}");
        (
            finding["name"].as_str().unwrap().to_owned(),
            finding.clone(),
        )
    });
    (findings.collect(), ran.code)
}

#[track_caller]
fn is(found: &BTreeMap<String, Value>, name: &str, state: &str, word: &str) {
    let finding = found
        .get(name)
        .unwrap_or_else(|| panic!("no `{name}` in {found:?}"));
    assert_eq!(finding["state"], state, "{finding}");
    assert!(finding.to_string().contains(word), "{finding}");
}

#[test]
fn each_illness_is_named_and_nothing_is_changed() {
    let bench = Bench::applied(SMALL);
    // What fails in this container anyway is no concern of labctl's.
    bench.machine.sh("systemctl reset-failed");
    let status = bench.labctl(&["status", "--json"]).ok().json();
    let address: Ipv4Addr = status["server"]["public_ip"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let resolver = Resolver::start();
    *resolver.leads_to.lock().unwrap() = Some(address);

    let before = state(&bench.machine);
    bench.lab.forget_requests();
    let (found, code) = looked(&bench, &resolver);
    assert_eq!(code, 0, "{found:?}");
    assert_eq!(before, state(&bench.machine));
    assert_eq!(bench.lab.writes(), 0);
    assert_eq!(
        bench
            .machine
            .sh("ls -d /run/labctl-doctor-* 2>/dev/null || true"),
        ""
    );
    is(&found, "server", "ok", "runs");
    is(&found, "DNS of lab.example.org", "ok", &address.to_string());
    for port in ["port 22", "port 80", "port 443"] {
        is(&found, port, "ok", "answers");
    }
    is(&found, "certificate of lab.example.org", "ok", "days left");
    for name in ["disk", "memory", "units", "clock"] {
        assert!(found.contains_key(name), "{name} in {found:?}");
    }
    for gate in ["nginx.service runs", "landing page", "HTTP leads to HTTPS"] {
        is(&found, &format!("gate: {gate}"), "ok", "");
    }
    for half in ["AWS", "server"] {
        is(&found, &format!("plan: {half}"), "ok", "nothing is left");
    }

    *resolver.leads_to.lock().unwrap() = Some(Ipv4Addr::new(192, 0, 2, 1));
    bench
        .machine
        .sh("systemctl stop nginx; systemd-run --unit=ill false; sleep 1");
    let (found, code) = looked(&bench, &resolver);
    assert_eq!(code, 1, "{found:?}");
    is(
        &found,
        "DNS of lab.example.org",
        "failed",
        "leads to 192.0.2.1",
    );
    is(&found, "port 443", "failed", "labctl logs nginx");
    is(
        &found,
        "certificate of lab.example.org",
        "failed",
        "none was served",
    );
    is(&found, "units", "failed", "ill.service");
    is(
        &found,
        "gate: nginx.service runs",
        "failed",
        "labctl logs nginx.service",
    );
    is(
        &found,
        "gate: landing page",
        "failed",
        "nobody listens there",
    );

    *resolver.leads_to.lock().unwrap() = None;
    let (found, _) = looked(&bench, &resolver);
    is(
        &found,
        "DNS of lab.example.org",
        "failed",
        "does not resolve",
    );
    let text = bench
        .labctl(&["doctor", "--resolver", "127.0.0.1:1"])
        .exits(1);
    assert!(
        text.stdout.contains(" FAILED  gate: landing page"),
        "{text}"
    );
    assert!(
        text.stdout.contains("help: ") && text.stdout.contains("`--at 443=ADDRESS:PORT`"),
        "{text}"
    );
}

/// A plan that is ahead of its lab is not what makes a server ill: what was applied is tried, and the rest is a remark.
#[test]
fn what_was_applied_last_is_tried() {
    const LIVE: &str = "gate: NGINX's configuration is live";
    const MANIFEST: &str = "/var/lib/labctl/manifest.json";
    let bench = Bench::applied(SMALL);
    bench.machine.sh("systemctl reset-failed");
    let resolver = Resolver::start();
    let look = || looked(&bench, &resolver);
    let status = bench.labctl(&["status", "--json"]).ok().json();
    let address = status["server"]["public_ip"].as_str().unwrap().parse();
    *resolver.leads_to.lock().unwrap() = address.ok();

    let ahead = SMALL
        .replace("lab.example.org", "new.example.org")
        .replace("self-signed", "off")
        .replace("port: 443,", "port: 8443,");
    bench.lab.write("lab.yaml", &ahead);
    let (found, code) = look();
    assert_eq!(code, 0, "{found:?}");
    is(&found, LIVE, "ok", "configuration");
    is(&found, "plan: server", "warning", "nginx");
    is(
        &found,
        "plan: AWS",
        "warning",
        "1 change is not applied: security_group",
    );
    is(
        &found,
        "DNS of lab.example.org",
        "ok",
        "leads to the server",
    );
    is(&found, "certificate of lab.example.org", "ok", "days left");
    is(&found, "port 443", "ok", "answers");
    log_visits(&bench.machine);
    let once = Visits {
        logins: 1,
        execs: 1,
    };
    assert_eq!(
        visits_of(
            &bench,
            &[
                "doctor",
                "--resolver",
                &format!("127.0.0.1:{}", resolver.port)
            ]
        ),
        once
    );

    // What has left the plan is still tried, as long as it is there.
    for less in [
        SMALL.replace("  users:", "  landing_page: false\n  users:"),
        SMALL.split("workbench:").next().unwrap().to_owned(),
    ] {
        bench.lab.write("lab.yaml", &less);
        let (found, code) = look();
        assert_eq!(code, 0, "{found:?}");
        is(&found, "gate: landing page", "ok", "");
        let is_about_server = less.contains("workbench:");
        let state = if is_about_server {
            "warning"
        } else {
            "skipped"
        };
        is(&found, "plan: server", state, "");
    }

    // Notes of an older labctl: what the plan may be ahead of is not tried.
    bench.lab.write("lab.yaml", &ahead);
    bench.machine.sh(&format!("cp -p {MANIFEST} /root/kept"));
    let forget = "import json,sys; noted = json.load(open(sys.argv[1])); del noted['applied']; \
                  json.dump(noted, open(sys.argv[1], 'w'))";
    bench
        .machine
        .sh(&format!("python3 -c \"{forget}\" {MANIFEST}"));
    let (found, _) = look();
    is(&found, "last apply", "skipped", "recorded no gates");
    is(&found, "gate: nginx.service runs", "ok", "");
    assert!(!found.contains_key(LIVE), "{found:?}");
    bench.lab.write("lab.yaml", SMALL);
    let (found, code) = look();
    assert_eq!(code, 0, "{found:?}");
    is(&found, LIVE, "ok", "configuration");
    bench.machine.sh(&format!("rm {MANIFEST}"));
    let (found, code) = look();
    assert_eq!(code, 1, "{found:?}");
    is(&found, "last apply", "failed", "none has succeeded");

    // What was changed by hand is ill, whatever the plan says.
    bench.machine.sh(&format!("mv /root/kept {MANIFEST}"));
    bench.lab.write("lab.yaml", &ahead);
    let other = "a".repeat(64);
    bench.machine.sh(&format!(
        "sed -i 's/[0-9a-f]\\{{64\\}}/{other}/' /etc/nginx/nginx.conf && systemctl reload nginx"
    ));
    let (found, code) = look();
    assert_eq!(code, 1, "{found:?}");
    is(
        &found,
        LIVE,
        "failed",
        "NGINX serves configuration `aaaaaaaaaaaa`",
    );
}

#[test]
fn a_lab_without_a_server_is_looked_at_too() {
    let lab = Lab::new(SMALL);
    let ran = lab.labctl(&["doctor"]).exits(1);
    ran.says(&[
        "the lab has no server",
        "help: `labctl apply` makes one",
        "not looked at",
    ]);
    lab.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    lab.labctl(&["stop"]).ok();
    lab.labctl(&["doctor"])
        .exits(1)
        .says(&["does not run", "labctl start"]);

    let offline = Lab::offline();
    offline.write("lab.yaml", SMALL);
    offline
        .labctl(&["doctor"])
        .exits(1)
        .says(&["FAILED  AWS", "everything else"]);
    offline
        .labctl(&["doctor", "--at", "443"])
        .exits(1)
        .says(&["443=127.0.0.1:8443"]);
    offline
        .labctl(&["doctor", "--resolver", "dns.example"])
        .exits(1)
        .says(&["IP address"]);
    let policy = offline
        .labctl(&["doctor", "--iam-policy", "stop"])
        .ok()
        .json();
    assert!(policy.to_string().contains("ec2:StopInstances"), "{policy}");
    assert!(!policy.to_string().contains("ec2:RunInstances"), "{policy}");
}
