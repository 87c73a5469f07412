//! Commands that need no AWS: they work with plan files, and never ask.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Lab, Ran, snapshot};

const GOOD: &str = "lab: a\nregion: us-east-1\ninstance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: ~/.ssh/id_ed25519.pub }\n";
const BAD: &str = "lab: a\nregion: us-east-1\nregoin: x\ninstance: { image: ubuntu-24.04, instance_type: t3.mirco, key_pair: ~/.ssh/id_ed25519.pub }\n";
const FULL: &str = include_str!("../../../plans/do4ds-lab.yaml");

/// Runs commands, and checks that none of them asks AWS.
fn without_aws(lab: Lab, commands: &[&[&str]], check: impl Fn(Ran)) -> Lab {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let lab = lab
        .with("AWS_ENDPOINT_URL", &endpoint)
        .with("AWS_ACCESS_KEY_ID", "123456789012");
    for command in commands {
        check(lab.labctl(command));
    }
    assert!(
        listener.accept().is_err(),
        "AWS was asked by one of {commands:?}"
    );
    lab
}

#[test]
fn a_good_plan_is_valid() {
    let lab = Lab::offline();
    lab.write("lab.yaml", GOOD);
    let lab = without_aws(
        lab,
        &[&["validate"], &["validate", "--file", "lab.yaml"]],
        |ran| {
            let ran = ran.ok();
            assert_eq!(
                (ran.stdout.as_str(), ran.stderr.as_str()),
                ("`lab.yaml` is a valid plan\n", "")
            );
        },
    );
    // What the comment in it says: without the two marks, and with a real address and sum.
    let rstudio = FULL
        .replace("  # rstudio:", "  rstudio:")
        .replace("  # mirrors:", "  mirrors:")
        .replace(
            "https://…/rstudio-server-….deb",
            "https://mirror.example/r.deb",
        )
        .replace("sha256: …", &format!("sha256: \"{}\"", "0".repeat(64)));
    lab.write("lab.yaml", &rstudio);
    let ran = lab.labctl(&["validate"]).ok();
    assert!(
        ran.stderr.contains("lab.yaml:17:18"),
        "a warning has its place too: {ran}"
    );
}

#[test]
fn every_command_refuses_a_bad_plan_before_it_asks_aws() {
    let lab = Lab::offline();
    lab.write("lab.yaml", BAD);
    let commands: &[&[&str]] = &[
        &["validate"],
        &["plan"],
        &["plan", "--json"],
        &["apply", "--yes"],
        &["destroy", "--yes"],
        &["status"],
        &["start"],
        &["stop"],
        &["adopt", "bucket", "x"],
        &["graph"],
    ];
    without_aws(lab, commands, |ran| {
        let ran = ran
            .exits(1)
            .says(&["lab.yaml:3:1", "lab.yaml:4:", "`region`", "t3.micro"]);
        assert_eq!(ran.stdout, "");
    });
}

#[test]
fn a_plan_that_is_not_there_is_told() {
    let lab = Lab::offline();
    lab.labctl(&["plan"]).refuses(&["labctl init", "--file"]);
    lab.labctl(&["plan", "--file", "other.yaml"])
        .refuses(&["`other.yaml`", "--file"]);
    lab.write("plans/one.yaml", GOOD);
    lab.labctl(&["validate"]).ok().says(&["plans/one.yaml"]);
    lab.write("plans/two.yaml", GOOD);
    lab.labctl(&["validate"]).refuses(&["one.yaml", "two.yaml"]);
    let lab = lab.with("LABCTL_FILE", "plans/two.yaml");
    lab.labctl(&["validate"]).ok().says(&["plans/two.yaml"]);
    lab.labctl(&["validate", "--file", "plans/one.yaml"])
        .ok()
        .says(&["plans/one.yaml"]);
}

#[test]
fn a_missing_key_is_told_at_its_place() {
    let lab = Lab::offline();
    lab.write("lab.yaml", &GOOD.replace("id_ed25519", "none"));
    let commands: &[&[&str]] = &[&["validate"], &["plan"], &["apply", "--yes"], &["graph"]];
    without_aws(lab, commands, |ran| {
        ran.exits(1).says(&["lab.yaml:3:", "none.pub", "help: "]);
    });
}

#[test]
fn who_cannot_be_told_their_address_names_it() {
    let plan = format!("{GOOD}security_group: {{ ingress: [{{ port: 22, from: [my-ip] }}] }}\n");
    let lab = Lab::offline()
        .without("LABCTL_MY_IP")
        .with("HTTPS_PROXY", "http://127.0.0.1:1");
    lab.write("lab.yaml", &plan);
    let lab = without_aws(lab, &[&["plan"], &["apply", "--yes"]], |ran| {
        let ran = ran.refuses(&["cannot find out", "--my-ip ADDRESS"]);
        assert!(ran.took < Duration::from_secs(6), "{ran}");
    });
    // With it, the next thing that is missing is AWS.
    let lab = lab.with("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    lab.labctl(&["plan", "--my-ip", "2001:db8::1"])
        .refuses(&["AWS cannot be reached"]);
}

#[test]
fn the_graph_shows_the_order() {
    let lab = Lab::offline();
    lab.write("lab.yaml", FULL);
    let lab = without_aws(lab, &[&["graph"]], |ran| {
        snapshot("graph_full", &ran.ok().stdout);
    });
    lab.write("lab.yaml", GOOD);
    snapshot("graph_minimal", &lab.labctl(&["graph"]).ok().stdout);
    for format in ["dot", "mermaid"] {
        let ran = lab.labctl(&["graph", "--format", format]).ok();
        snapshot(&format!("graph_{format}"), &ran.stdout);
    }
}

#[test]
fn init_writes_a_valid_plan_once() {
    let lab = Lab::offline();
    let ran = lab
        .labctl(&["init", "--lab", "mine", "--domain", "mine.example"])
        .ok();
    assert_eq!(ran.stdout, "wrote `lab.yaml`\n");
    let written = lab.read("lab.yaml");
    assert!(
        written.contains("lab: mine") && written.contains("~/.ssh/id_ed25519.pub"),
        "{written}"
    );
    lab.labctl(&["validate"]).ok();
    lab.labctl(&["init"])
        .refuses(&["`lab.yaml` is there already", "--file"]);
    assert_eq!(lab.read("lab.yaml"), written);

    // Another laptop's key; and each plan has a bucket's name of its own.
    std::fs::remove_file(lab.folder.join("home/.ssh/id_ed25519.pub")).unwrap();
    lab.labctl(&["init", "--file", "two.yaml", "--lab", "mine"])
        .ok();
    let second = lab.read("two.yaml");
    assert!(second.contains("~/.ssh/id_rsa.pub"), "{second}");
    let bucket = |text: &str| {
        text.lines()
            .find(|line| line.contains("name: mine-"))
            .map(str::to_owned)
    };
    assert!(bucket(&written).is_some() && bucket(&written) != bucket(&second));
    lab.labctl(&["validate", "--file", "two.yaml"]).ok();

    // No key at all: it says how to make one.
    std::fs::remove_file(lab.folder.join("home/.ssh/id_rsa.pub")).unwrap();
    lab.labctl(&["init", "--file", "three.yaml"])
        .ok()
        .says(&["ssh-keygen -t ed25519"]);
    lab.labctl(&["init", "--file", "no/such/folder.yaml"])
        .refuses(&["no/such/folder.yaml"]);
}

#[test]
fn the_schema_is_json() {
    let ran = Lab::offline().labctl(&["schema"]).ok();
    let schema = ran.json();
    assert_eq!(
        schema["required"],
        serde_json::json!(["lab", "region", "instance"])
    );
    assert_eq!(ran.stdout, format!("{schema}\n"));
}
