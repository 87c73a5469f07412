//! Help, completions, bad usage.

use std::fs;

use clap::Parser;
use labctl::commands::Cli;

use crate::support::{Lab, files_below, snapshot};

const COMMANDS: &[&str] = &[
    "init",
    "validate",
    "plan",
    "apply",
    "destroy",
    "status",
    "cost",
    "sizes",
    "start",
    "stop",
    "adopt",
    "ssh",
    "tunnel",
    "logs",
    "doctor",
    "passwd",
    "render",
    "sandbox",
    "graph",
    "schema",
    "completions",
];

#[test]
fn every_command_has_its_help() {
    // The help shows what the environment sets.
    let lab = Lab::offline().without("LABCTL_MY_IP");
    let main = lab.labctl(&["--help"]).ok();
    assert_eq!(main.stderr, "");
    snapshot("help", &main.stdout);
    for command in COMMANDS {
        assert!(
            main.stdout.contains(&format!("\n  {command} ")),
            "{command}"
        );
        let ran = lab.labctl(&[command, "--help"]).ok();
        snapshot(&format!("help_{command}"), &ran.stdout);
    }
    for action in ["up", "down", "status", "env", "reset"] {
        let ran = lab.labctl(&["sandbox", action, "--help"]).ok();
        snapshot(&format!("help_sandbox_{action}"), &ran.stdout);
    }
    let listed = main
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let listed = listed.take_while(|line| !line.is_empty()).count();
    assert_eq!(listed, COMMANDS.len() + 1, "a command without a snapshot");
}

/// Each line of a workflow that calls labctl is one that labctl takes.
#[test]
fn workflows_of_examples_call_labctl_rightly() {
    let mut called = 0;
    for workflow in files_below("examples/ci") {
        let text = fs::read_to_string(&workflow).unwrap();
        let document: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert!(document["jobs"].is_object(), "{}", workflow.display());
        for line in text.lines() {
            let line = line.trim().trim_start_matches("run: ");
            let Some(arguments) = line.strip_prefix("labctl ") else {
                continue;
            };
            let (arguments, _) = arguments.split_once(" > ").unwrap_or((arguments, ""));
            let words = std::iter::once("labctl").chain(arguments.split_whitespace());
            let parsed = Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
            called += 1;
        }
    }
    assert_eq!(called, 3);
}

#[test]
fn a_plan_is_printed_in_one_format() {
    let lab = Lab::offline();
    lab.labctl(&["plan", "--json", "--format", "markdown"])
        .exits(1)
        .says(&["'--json' cannot be used with"]);
}

#[test]
fn bad_usage_exits_with_1() {
    let lab = Lab::offline();
    for arguments in [
        &["aply"][..],
        &[],
        &["plan", "--jsn"],
        &["plan", "surplus"],
        &["adopt", "bucket"],
        &["adopt", "spaceship", "x"],
        &["apply", "--replace", "spaceship"],
        &["completions", "cobol"],
        &["--my-ip", "home", "plan"],
        &["init", "--lab", "No Name"],
        &["init", "--email", "you@example.com"],
    ] {
        let ran = lab.labctl(arguments).exits(1);
        assert_eq!(ran.stdout, "");
        assert!(!ran.stderr.is_empty(), "{ran}");
    }
    lab.labctl(&["aply"]).exits(1).says(&["'apply'"]);
    assert!(!lab.folder.join("lab.yaml").exists());
}

#[test]
fn shells_can_complete_every_command() {
    let lab = Lab::offline();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = lab.labctl(&["completions", shell]).ok();
        for command in COMMANDS {
            assert!(ran.stdout.contains(command), "{shell}: {command}");
        }
    }
    lab.write(
        "completions.bash",
        &lab.labctl(&["completions", "bash"]).ok().stdout,
    );
    let bash = std::process::Command::new("bash")
        .args(["-n", "completions.bash"])
        .current_dir(&lab.folder)
        .output()
        .unwrap();
    assert!(bash.status.success(), "{bash:?}");
}

#[test]
fn the_version_is_the_crates() {
    let ran = Lab::offline().labctl(&["--version"]).ok();
    assert_eq!(
        ran.stdout,
        format!("labctl {}\n", env!("CARGO_PKG_VERSION"))
    );
}
