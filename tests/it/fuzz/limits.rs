//! What has no end, or is larger than anything labctl reads: given up, in bounded memory.

use std::process::Command;

use super::targets::check_harmless;
use crate::support::{Lab, Ran};

/// Far below what would be read in the time, and enough for labctl itself.
const KIBIBYTES: u32 = 400_000;

/// Runs labctl with an upper bound on its memory.
fn bounded(lab: &Lab, line: &str) -> Ran {
    let labctl = lab.command(&[]);
    let mut command = Command::new("sh");
    let limited = format!("ulimit -v {KIBIBYTES}; exec \"$0\" {line}");
    command.args(["-c", &limited]).arg(labctl.get_program());
    command.current_dir(&lab.folder).env_clear();
    for (name, value) in labctl.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.output().unwrap();
    Ran::new(&[line], &output, std::time::Duration::ZERO)
}

#[test]
fn files_without_an_end_are_given_up() {
    let lab = Lab::offline();
    lab.write("lab.yaml", "lab: x\n");
    let ran = bounded(&lab, "validate --file /dev/zero").exits(1);
    check_harmless(&ran.stderr);
    bounded(&lab, "apply /dev/zero").refuses(&["cannot read the saved plan", "longer than"]);
    lab.write("large", &"[".repeat(15 << 20));
    bounded(&lab, "apply large").refuses(&["no saved plan"]);
    lab.write("large.yaml", &"- ".repeat(4 << 20));
    bounded(&lab, "validate --file large.yaml")
        .exits(1)
        .says(&["large.yaml:1:"]);
}
