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
    rehearsal.labctl(&["destroy", "--yes"]).ok();
    rehearsal.labctl(&["sandbox", "down"]).ok();
    assert_eq!(rehearsal.processes(), Vec::<String>::new());
}
