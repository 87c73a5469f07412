//! A server that was taken over: whatever it answers, it harms nobody's laptop.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::super::machine::{Bench, SMALL};
use crate::support::at_terminal;

const HOST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/host/security/host.py"
);
/// What a terminal would obey, as `host.py` has it.
const STEERING: [&str; 6] = [
    "\u{1b}]0;",
    "\u{1b}[2J",
    "\u{9b}",
    "\u{202e}",
    "\0",
    "\u{7f}",
];
/// The memory that labctl may take, its threads and libraries included.
const KIBIBYTES: u32 = 1_500_000;
const PATIENCE: Duration = Duration::from_secs(90);

fn becomes(bench: &Bench, mode: &str) {
    bench.machine.sh(&format!("echo {mode} >/srv/hostile"));
}

#[track_caller]
fn steers_nothing(screen: &str) {
    for sign in STEERING {
        assert!(
            !screen.contains(sign),
            "{sign:?} reached the terminal: {screen:?}"
        );
    }
}

#[test]
fn whatever_a_host_answers_harms_nobody() {
    let bench = Bench::new(SMALL);
    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    let mut copy = Command::new("docker");
    let target = format!("{}:/srv/python3", bench.machine.name);
    assert!(copy.args(["cp", HOST, &target]).status().unwrap().success());
    bench
        .machine
        .sh("chmod 755 /srv/python3 && rm /usr/bin/python3 && ln -s /srv/python3 /usr/bin/python3");
    let before = laptop(&bench.lab.folder);

    for mode in ["line", "lines", "ours", "stderr", "nested", "wide"] {
        becomes(&bench, mode);
        let ran = bench.lab.bounded(KIBIBYTES, "plan");
        assert!(ran.code == 0 || ran.code == 1, "{mode}: {ran}");
        assert!(ran.took < PATIENCE, "{mode}: {ran}");
        steers_nothing(&format!("{}{}", ran.stdout, ran.stderr));
        if mode.contains("line") {
            ran.says(&["without an end"]);
        }
    }

    becomes(&bench, "steer");
    for line in [
        "plan",
        "plan -v",
        "plan --json",
        "apply --yes -v",
        "apply --yes --json",
        "status",
    ] {
        let (code, screen) = at_terminal(&bench.lab, line, "");
        assert!(code == 0 || code == 1, "{line}: {screen}");
        steers_nothing(&screen);
        let shows_it = line == "status" || screen.contains("owned");
        assert!(shows_it, "{line} did not speak of it: {screen}");
    }
    assert_eq!(
        before,
        laptop(&bench.lab.folder),
        "it has written on the laptop"
    );
}

/// The names of all files of a laptop, the pinned keys aside.
fn laptop(folder: &Path) -> Vec<String> {
    let output = Command::new("find")
        .arg(folder)
        .args(["-type", "f"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.retain(|name| !name.contains("known_hosts"));
    names.sort();
    names
}
