//! Bad input and accidents, as a new user meets them: through the binary, on a real server.

mod access;
mod commands;
mod in_the_way;
mod packages;
mod plans;

use std::process::Command;
use std::time::{Duration, Instant};

use super::machine::{Bench, Machine};
use crate::support::{Lab, Ran};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A lab whose cloud's half is there, and whose server nobody has set up.
pub fn fresh(plan: &str) -> Bench {
    let bench = Bench::new(plan);
    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    bench
}

/// What an apply could change on a host, as one text. Sudo itself leaves a mark in the home of who uses it.
pub fn state(machine: &Machine) -> String {
    machine.sh(
        "find /etc /home /opt /var/lib/dpkg /var/www -xdev -path /home/ubuntu -prune -o -printf '%p %s %T@ %m %l\\n' \
         2>/dev/null | sort | sha256sum; ls -A /var/lib/labctl 2>&1 || true",
    )
}

/// Applies without `--yes`, which has to be refused before the question, with nothing changed anywhere.
#[track_caller]
fn refused_untouched(bench: &Bench, words: &[&str]) -> Ran {
    let before = state(&bench.machine);
    bench.lab.forget_requests();
    let ran = bench.labctl(&["apply"]).exits(1);
    let error = ran.error();
    // Several reasons stand below each other, and have one hint.
    let hints = error.lines().filter(|line| line.starts_with("help: "));
    assert_eq!(hints.count(), 1, "{ran}");
    assert!(!error.contains("nobody is there to be asked"), "{ran}");
    for word in words {
        assert!(error.contains(word), "`{word}` is missing\n{ran}");
    }
    assert_eq!(bench.lab.writes(), 0, "{ran}");
    assert_eq!(before, state(&bench.machine), "{ran}");
    ran
}

/// Says in a plan that the server was not looked at, and why.
#[track_caller]
fn remarked(lab: &Lab, words: &[&str]) {
    let ran = lab.labctl(&["plan", "--json"]).ok();
    let host = &ran.json()["host"];
    assert_eq!(host["reached"], false, "{ran}");
    let notes = host["notes"].to_string();
    for word in words {
        assert!(notes.contains(word), "`{word}` is missing\n{ran}");
    }
}

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Runs ssh-keygen.
#[track_caller]
fn ssh_keygen(arguments: &[&str]) {
    let status = Command::new("ssh-keygen").args(arguments).output().unwrap();
    assert!(status.status.success(), "{status:?}");
}
