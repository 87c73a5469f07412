//! What reads what comes from elsewhere, as far as labctl goes with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use labctl::cloud::diff;
use labctl::cloud::graph;
use labctl::cloud::lower;
use labctl::cloud::resources::Scope;
use labctl::cloud::saved_plan::SavedPlan;
use labctl::host::request::ApplyRequest;
use labctl::host::ssh::{HostKey, KnownHosts, console_host_keys, examine};
use labctl::host::{self, DesiredHost, HostEvent, Inputs, preflight, protocol};
use labctl::plan::{self, Plan, SshPublicKey};
use labctl::report::host::{document, ended, failed};
use labctl::report::{self, Answers, HostView};
use labctl::support::digest::sha256;
use serde_json::{Value, json};

use crate::engine::harness::KEY;

/// A plan with all that labctl sets up on a server.
const WORKBENCH: &str = "\
lab: do4ds-lab
region: us-east-1
instance: { image: ubuntu-24.04, instance_type: t3.medium, key_pair: key.pub }
elastic_ip: true
security_group:
  ingress: [{ port: 22, from: [anywhere] }, { port: 80, from: [anywhere] }, { port: 443, from: [anywhere] }]
workbench:
  domain: do4ds-lab.shop
  https: { mode: self-signed }
  users: [{ name: test-user, sudo: true }, { name: guest }]
  jupyterhub: {}
";

static DESIRED: LazyLock<DesiredHost> = LazyLock::new(|| {
    let parsed = plan::parse("lab.yaml", WORKBENCH).unwrap();
    let workbench = parsed.plan.workbench.as_ref().unwrap();
    host::desired(&parsed.plan, workbench, &Inputs::default()).unwrap()
});

/// Whether a character steers a terminal: as labctl has it, written down once more.
fn steers(character: char) -> bool {
    let turns = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
    character.is_control() || turns.contains(character)
}

/// Panics if a text steers a terminal, labctl's own styles aside.
#[track_caller]
pub fn check_harmless(text: &str) {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        let end = after.find(|sign: char| !sign.is_ascii_digit() && sign != ';');
        let is_style = end.is_some_and(|end| after[end..].starts_with('m'));
        assert!(is_style, "it steers the terminal: {text:?}");
        plain.push_str(before);
        rest = &after[end.unwrap_or_default() + 1..];
    }
    plain.push_str(rest);
    let found = plain
        .chars()
        .find(|sign| *sign != '\n' && *sign != '\t' && steers(*sign));
    assert_eq!(found, None, "it steers the terminal: {text:?}");
}

/// A plan file: to its diagnostics as they are shown, or to what would be made of it.
pub fn plan(input: &[u8]) {
    match plan::from_bytes("lab.yaml", input.to_vec()) {
        Err(problems) => {
            assert!(!problems.problems.is_empty());
            for problem in &problems.problems {
                assert!(
                    problem.span.line > 0 && problem.span.column > 0,
                    "{problem:?}"
                );
            }
            for colour in [false, true] {
                let text = plan::render(&problems.problems, &problems.source, colour);
                check_harmless(&text);
                assert!(
                    colour || text.contains("lab.yaml:"),
                    "no place is told: {text}"
                );
            }
        }
        Ok(parsed) => {
            check_harmless(&plan::render(&parsed.warnings, &parsed.source, false));
            carried_on(&parsed.plan);
        }
    }
}

/// What a plan leads to, in AWS and on the server.
fn carried_on(plan: &Plan) {
    let inputs = lower::Inputs {
        public_key: KEY.parse().unwrap(),
        my_ip: Some("203.0.113.9".parse().unwrap()),
        account: "123456789012".to_owned(),
    };
    let desired = lower::lower(plan, &Scope::of(plan), &inputs);
    let set = diff::diff(&desired, &[]);
    check_harmless(&report::graph::text(&graph::build(&set).unwrap()));
    if let Some(workbench) = &plan.workbench {
        // A value that fits into no file is an error, and a word about it.
        if let Ok(desired) = host::desired(plan, workbench, &Inputs::default()) {
            let diff = host::diff(&desired, &host::Facts::empty());
            shown(&desired, &diff, &[]);
        }
    }
}

fn shown(desired: &DesiredHost, diff: &host::HostDiff, notes: &[String]) {
    let view = HostView {
        diff: Some(diff),
        reached: true,
        notes,
    };
    check_harmless(&report::host::text(&view, true));
    let shown = document(&view);
    assert!(shown["changes"].is_array());
    let request = ApplyRequest::new("nonce", "run", desired, diff);
    assert!(serde_json::to_value(&request).unwrap().is_object());
}

/// What a host says of itself: to what labctl would do about it, and shows of it.
pub fn facts(input: &[u8]) {
    let line = [b"nonce ", input].concat();
    let ours = protocol::ours(&line, "nonce").unwrap();
    let facts = match protocol::facts(ours) {
        Ok(facts) => facts,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let diff = host::diff(&DESIRED, &facts);
    let mut notes = preflight::remarks(&facts, &diff, 1.8e9);
    for refusal in preflight::refusals(&DESIRED, &facts, &diff) {
        assert!(!refusal.summary.is_empty() && !refusal.help.is_empty());
        notes.push(format!("{}: {}", refusal.summary, refusal.help));
    }
    shown(&DESIRED, &diff, &notes);
    // Whatever the host says, what is sent there is the plan's, byte by byte.
    let request = ApplyRequest::new("nonce", "run", &DESIRED, &diff);
    let sent = serde_json::to_value(&request).unwrap();
    for file in sent["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        assert_eq!(file["sha256"], DESIRED.files[path].sha256());
    }
    for user in sent["users"].as_array().unwrap() {
        assert_eq!(user["add_keys"].as_array().map(Vec::len), Some(0), "{user}");
    }
}

/// What a running apply tells, line by line.
pub fn events(input: &[u8]) {
    for line in input.split(|byte| *byte == b'\n') {
        if let HostEvent::Verdict(verdict) = protocol::event(line) {
            check_harmless(&failed(&verdict));
            check_harmless(&ended(Some(&verdict), &Answers::default()));
        }
    }
}

/// A saved plan, with a fingerprint that fits, to see more than that it does not.
pub fn saved(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let signed = signed(&text);
    for text in [Some(text.as_ref()), signed.as_deref()]
        .into_iter()
        .flatten()
    {
        let Ok(saved) = SavedPlan::parse(text) else {
            continue;
        };
        let _ = saved.laptop(labctl::plan::LocalFolders::default());
        let _ = saved.moved("123456789012", &[]);
        let _ = saved.host_has_moved(&json!({ "changes": [] }));
        let _ = saved.is_without_host();
        plan(saved.plan_text.as_bytes());
    }
}

fn signed(text: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    let fingerprint = document.get_mut("fingerprint")?;
    *fingerprint = json!("");
    let sum = sha256(&document.to_string());
    document["fingerprint"] = json!(sum);
    Some(document.to_string())
}

/// A file of pinned keys: also, that lines of others stay.
pub fn known_hosts(input: &[u8]) {
    let name = format!("known_hosts-{}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("fuzz")
        .join(name);
    fs::write(&path, input).unwrap();
    let file = KnownHosts::at(&path);
    let key = HostKey::from_words("ssh-ed25519", KEY.split(' ').nth(1).unwrap()).unwrap();
    let pin = "i-0123456789abcdef0";
    let before = file.read("i-other").unwrap();
    file.add(pin, &key).unwrap();
    let after = file.read(pin).unwrap();
    assert!(after.keys.contains(&key));
    file.add_checked(pin, &key).unwrap();
    assert!(file.read(pin).unwrap().checked.contains(&key));
    file.forget(pin).unwrap();
    assert_eq!(file.read(pin).unwrap(), Default::default());
    // A line may be of several hosts at once, and then goes with one of them.
    let is_shared = String::from_utf8_lossy(input).contains(pin);
    assert!(is_shared || file.read("i-other").unwrap() == before);
}

/// The files of a public and of a private key.
pub fn keys(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(public) = text.parse::<SshPublicKey>() {
        let _ = public.check_importable();
        assert_eq!(public.to_string().parse(), Ok(public));
    }
    for public in PUBLIC_KEYS.values() {
        let _ = examine(&text, public);
    }
}

static PUBLIC_KEYS: LazyLock<BTreeMap<String, SshPublicKey>> = LazyLock::new(|| {
    let seeds = super::runner::corpus("keys");
    let texts = seeds.iter().map(|seed| String::from_utf8_lossy(seed));
    let keys = texts.filter_map(|text| text.parse::<SshPublicKey>().ok());
    keys.map(|key| (key.to_string(), key)).collect()
});

/// What a server printed when it booted.
pub fn console(input: &[u8]) {
    for key in console_host_keys(&String::from_utf8_lossy(input)) {
        check_harmless(&format!("{key} {}", key.fingerprint()));
    }
}
