//! labctl is killed at the calls of its life, and their answers are lost once: see
//! `tests/emulator/kills.py`, which looks from outside at what is left.
//!
//! By default after every call that changes something: what it leaves at one that only reads is what the write before
//! has left. Exhaustive tests disturb every call, before and after its effect; on the in-memory AWS that is the default
//! (`engine::kills`).

use std::path::Path;
use std::process::Command;

use crate::support::{is_exhaustive, python, tell};

/// Disturbs labctl at one call after the other; every point has to converge.
fn disturbed(ways: &str, options: &[&str], at_least: usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator/kills.py");
    let output = Command::new(python())
        .arg(script)
        .args(["labctl", env!("CARGO_BIN_EXE_labctl"), "--ways", ways])
        .args(options)
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
fn killed_at_its_calls_it_ends_in_one_lab_or_none() {
    match is_exhaustive() {
        true => disturbed("before,after", &[], 200),
        false => disturbed("after", &["--writes"], 30),
    }
}

#[test]
fn with_any_one_answer_lost_the_same_run_does_it_all() {
    match is_exhaustive() {
        true => disturbed("lost", &[], 100),
        false => disturbed("lost", &["--writes"], 30),
    }
}
