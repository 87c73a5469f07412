//! A machine with no container engine: the account is there, the server's files are rendered and checked.

use super::rehearsal::Rehearsal;
use crate::host::machine::{HUB, SMALL};

#[test]
fn the_half_in_aws_is_done_and_the_other_is_rendered() {
    let rehearsal = Rehearsal::without_engine(&format!("{SMALL}{HUB}"));
    let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
    ran.says(&[
        "warning: there is no container engine",
        "LABCTL_SANDBOX_ENGINE is `none`",
        "the server's half is only rendered",
        "install Docker or Podman",
        "done: 4 created",
    ]);
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    let status = rehearsal.status();
    assert_eq!(status["running"], true);
    assert_eq!(status["status"]["engine"], serde_json::Value::Null);
    rehearsal
        .labctl(&["ssh", "true"])
        .refuses(&["cannot be reached", "labctl sandbox"]);
    rehearsal.lab.edit("t3.medium", "t3.large");
    rehearsal.labctl(&["apply", "--yes"]).ok();
    proof_in_the_zone_is_rehearsed(&rehearsal);
    rehearsal
        .labctl(&["destroy", "--yes", "--delete-zone"])
        .ok();
    rehearsal.labctl(&["sandbox", "down"]).ok();
    assert_eq!(rehearsal.processes(), Vec::<String>::new());
}

/// Nobody asks the emulator's zone for a challenge, but what the role may write there is as it will be in AWS.
fn proof_in_the_zone_is_rehearsed(rehearsal: &Rehearsal) {
    rehearsal.lab.edit(
        "{ mode: self-signed }",
        "{ mode: dns, email: me@example.org }",
    );
    let text = rehearsal.lab.read("lab.yaml");
    let zone = "dns: { zone: example.org, records: [{ name: lab, type: A, value: elastic-ip }] }\n";
    rehearsal.lab.write("lab.yaml", &format!("{text}{zone}"));
    let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
    // A list, a look, and a change of the challenges alone.
    ran.says(&["policy: 3 statements", "done: "]);
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
}
