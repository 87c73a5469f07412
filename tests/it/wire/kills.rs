//! labctl is killed at every call of its life, and every answer is lost once: see
//! `tests/emulator/kills.py`, which looks from outside at what is left.

use std::path::Path;
use std::process::Command;

use crate::support::{python, tell};

/// Disturbs labctl at every one of its calls; every point has to converge.
fn every_call(ways: &str, at_least: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/kills.py");
    let output = Command::new(python())
        .arg(script)
        .args(["labctl", env!("CARGO_BIN_EXE_labctl"), "--ways", ways])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    tell(&text);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    // | labctl | apply | calls | disturbed | converged | what was left | took |
    let disturbed = text.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        cells.get(4)?.parse::<usize>().ok()
    });
    assert!(disturbed.sum::<usize>() >= at_least, "{text}");
}

#[test]
fn killed_before_and_after_every_call_it_ends_in_one_lab_or_none() {
    every_call("before,after", 200);
}

#[test]
fn with_any_one_answer_lost_the_same_run_does_it_all() {
    every_call("lost", 100);
}
