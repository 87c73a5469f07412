//! Hostile texts in every place of a plan where a text may stand: refused with a plain word at their
//! place, or data in each file of the server, for the programs that read it.

mod fields;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use labctl::cloud::lower;
use labctl::cloud::resources::Scope;
use labctl::host::{self, DesiredHost, Inputs};
use labctl::plan::{self, Plan};
use serde_json::{Value, json};

use crate::engine::harness::KEY;
use crate::fuzz::check_harmless;
use crate::templates::check;

use self::fields::{Field, fields, get, put};

/// What means something to a shell, a template, a unit, a configuration, a terminal.
const HOSTILE: [&str; 20] = [
    "x\"; rm -rf /",
    "'; reboot; '",
    "$(reboot)",
    "`reboot`",
    "a\nb",
    "a\r\nExecStartPre=/bin/sh",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "%n%%n",
    "a;b",
    "} location / {",
    "# x",
    "\\",
    "-oProxyCommand=x",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\0",
    "\u{1b}[2J\u{9b}1m",
    "\u{202e}gpj",
    "é\u{301}\u{10ffff}",
];

/// A plan with every section.
fn whole() -> Value {
    json!({
        "lab": "do4ds-lab",
        "region": "us-east-1",
        "tags": { "project": "penguins" },
        "instance": {
            "image": "ubuntu-24.04", "instance_type": "t3.medium", "key_pair": "key.pub",
            "root_volume": { "size": "30 GiB", "type": "gp3" },
        },
        "elastic_ip": true,
        "security_group": { "ingress": [
            { "port": 22, "from": ["anywhere"], "description": "SSH" },
            { "port": 80, "from": ["anywhere"] },
            { "port": 443, "from": ["anywhere"] },
        ] },
        "bucket": { "name": "do4ds-lab-penguins", "versioning": true, "instance_access": "read-write" },
        "dns": { "zone": "do4ds-lab.shop", "records": [{ "name": "@", "type": "A", "value": "elastic-ip" }] },
        "github_actions": { "repository": "octocat/penguins" },
        "workbench": {
            "domain": "do4ds-lab.shop",
            "https": { "mode": "lets-encrypt", "email": "you@example.com" },
            "users": [{ "name": "test-user", "sudo": true }, { "name": "guest" }],
            "python": { "version": "system", "packages": ["pandas"] },
            "r": { "version": "system" },
            "jupyterhub": { "packages": ["pandas"] },
            "rstudio": { "path": "/rstudio" },
            "api": { "path": "/penguins-api", "build": "api", "model": "models/penguin_model" },
            "shiny": { "path": "/penguins", "app": "app", "language": "python" },
        },
    })
}

fn desired(plan: &Plan) -> Option<DesiredHost> {
    let workbench = plan.workbench.as_ref()?;
    // A value that fits into no file is refused here, by a word about it.
    match host::desired(plan, workbench, &Inputs::default()) {
        Ok(desired) => Some(desired),
        Err(error) => {
            check_harmless(&error.to_string());
            None
        }
    }
}

/// Reads a document as a plan; JSON is YAML too.
fn parsed(document: &Value) -> Option<Plan> {
    match plan::parse("lab.yaml", &format!("{document:#}")) {
        Ok(parsed) => Some(parsed.plan),
        Err(problems) => {
            for problem in &problems.problems {
                let has_help = problem.help.as_ref().is_some_and(|help| !help.is_empty());
                assert!(has_help, "no help: {problem:?}");
            }
            let text = plan::render(&problems.problems, &problems.source, false);
            assert!(text.contains("lab.yaml:"), "{text}");
            check_harmless(&text);
            None
        }
    }
}

/// What came of all that was tried.
#[derive(Default)]
struct Found {
    refused: usize,
    accepted: BTreeSet<String>,
    pairs: Vec<Value>,
    hosts: Vec<DesiredHost>,
}

impl Found {
    fn try_one(&mut self, schema: &Value, field: &Field, value: &str) {
        let mut document = whole();
        let example = get(&document, &field.steps).and_then(Value::as_str);
        let example = example.unwrap_or(&field.example).to_owned();
        let mut harmless = document.clone();
        put(schema, &mut document, &field.steps, &json!(value));
        put(schema, &mut harmless, &field.steps, &json!(example));
        let Some(plan) = parsed(&document) else {
            self.refused += 1;
            return;
        };
        let inputs = lower::Inputs {
            public_key: KEY.parse().unwrap(),
            my_ip: Some("203.0.113.9".parse().unwrap()),
            account: "123456789012".to_owned(),
        };
        assert!(!lower::lower(&plan, &Scope::of(&plan), &inputs).is_empty());
        let before = parsed(&harmless).and_then(|plan| desired(&plan));
        let Some((after, before)) = desired(&plan).zip(before) else {
            self.refused += 1;
            return;
        };
        self.accepted.insert(field.name());
        self.compare(field, value, &before, &after);
    }

    fn compare(&mut self, field: &Field, value: &str, before: &DesiredHost, after: &DesiredHost) {
        let paths = |host: &DesiredHost| host.files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(before), paths(after), "{} = {value:?}", field.name());
        let is_new = |(path, file): &(&String, &host::desired::DesiredFile)| {
            before.files[*path].content != file.content
        };
        let differing: Vec<_> = after.files.iter().filter(is_new).collect();
        for (path, file) in &differing {
            self.pairs.push(json!({
                "field": field.name(), "value": value, "path": path,
                "before": before.files[*path].content, "after": file.content,
            }));
        }
        if differing.iter().any(|(_, file)| file.check.is_some()) {
            self.hosts.push(after.clone());
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures of a run are its result")]
fn every_text_of_a_plan_is_refused_or_stays_data() {
    let schema = plan::schema();
    let fields = fields(&schema);
    let mut found = Found::default();
    let mut tried = 0;
    for field in &fields {
        let document = whole();
        let example = get(&document, &field.steps).and_then(Value::as_str);
        let example = example.unwrap_or(&field.example);
        for hostile in HOSTILE {
            for value in [
                hostile.to_owned(),
                format!("{example}{hostile}"),
                format!("{hostile}{example}"),
            ] {
                found.try_one(&schema, field, &value);
                tried += 1;
            }
        }
    }
    eprintln!(
        "{} fields, {tried} hostile texts: {} refused; {} files hold one as data, of the fields {:?}; {} hosts checked",
        fields.len(),
        found.refused,
        found.pairs.len(),
        found.accepted,
        found.hosts.len()
    );
    assert!(fields.len() > 40, "where have the fields gone? {fields:?}");
    assert!(found.refused > tried / 2, "{}", found.refused);
    same_structure(&found.pairs);
    for host in &found.hosts {
        check(host);
    }
}

fn same_structure(pairs: &[Value]) {
    let name = format!("hostile-{}.json", std::process::id());
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&place, serde_json::to_string(pairs).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hostile/structure.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(&place)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::remove_file(place).unwrap();
}

/// What is looked for can be found.
#[test]
fn a_text_that_does_not_stay_data_is_noticed() {
    let pairs = [
        ("/etc/nginx/nginx.conf", "a b;", "a b; c d;"),
        ("/etc/nginx/nginx.conf", "a b;", "a b } location / {"),
        (
            "/etc/systemd/system/x.service",
            "[Service]\nExecStart=a b",
            "[Service]\nExecStart=a b c",
        ),
        (
            "/etc/systemd/system/x.service",
            "[Service]\nEnvironment=a",
            "[Service]\nEnvironment=%n",
        ),
        ("/etc/x.py", "a = 'b'", "a = 'b'; c()"),
        ("/etc/x.json", "{\"a\": \"b\"}", "{\"a\": \"b\", \"c\": 1}"),
        (
            "/var/www/index.html",
            "<p>a</p>",
            "<p><script>a</script></p>",
        ),
        ("/etc/default/x", "A=b", "A=b\nC=d"),
        ("/etc/default/x", "A=\"b\"", "A=\"b\" c"),
    ];
    for (path, before, after) in pairs {
        let pair =
            json!({ "field": "x", "value": "y", "path": path, "before": before, "after": after });
        let passed = std::panic::catch_unwind(|| same_structure(&[pair])).is_ok();
        assert!(!passed, "{path}: {after}");
    }
}
