//! Whatever is killed: `up` repairs it, and `down` leaves nothing.

use std::process::Command;

use super::rehearsal::Rehearsal;
use crate::host::machine::{SMALL, done};

/// Kills the sandbox's own process, and nothing of what it has started.
fn kill_process(rehearsal: &Rehearsal) {
    let text = std::fs::read_to_string(format!("{}/process.json", rehearsal.folder())).unwrap();
    let process: serde_json::Value = serde_json::from_str(&text).unwrap();
    done(Command::new("kill").args(["-9", &process["pid"].to_string()]));
}

#[test]
fn what_is_killed_is_repaired() {
    let plan = SMALL.replace("{ mode: self-signed }", "{ mode: lets-encrypt }");
    let rehearsal = Rehearsal::new(&plan);
    rehearsal.labctl(&["apply", "--yes"]).ok();
    let (container, server) = (rehearsal.container(), rehearsal.server());

    kill_process(&rehearsal);
    assert_eq!(rehearsal.status()["running"], false);
    // Every command starts it again.
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert_eq!(rehearsal.server()["id"], server["id"]);
    assert_eq!(rehearsal.container(), container);

    done(Command::new("docker").args(["kill", &container]));
    rehearsal.labctl(&["sandbox", "up"]).ok().says(&["running"]);
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert_eq!(
        rehearsal.server()["ssh"],
        server["ssh"],
        "at the same place"
    );

    // The container itself is gone: the server has lost its disk, and apply says and does what there is to do.
    kill_process(&rehearsal);
    done(Command::new("docker").args(["rm", "--force", "--volumes", &container]));
    rehearsal.labctl(&["sandbox", "up"]).ok().says(&["running"]);
    let ran = rehearsal.labctl(&["plan", "--detailed-exitcode"]);
    assert!(ran.code == 2 || ran.stderr.contains("host key"), "{ran}");

    kill_process(&rehearsal);
    rehearsal.labctl(&["sandbox", "down"]).ok();
    rehearsal.is_down();
}

#[test]
fn an_apply_whose_sandbox_dies_goes_on_with_the_next() {
    let rehearsal = Rehearsal::without_engine(SMALL);
    rehearsal.labctl(&["plan"]).ok();
    let mut apply = rehearsal.lab.command(&["apply", "--yes"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(150));
    kill_process(&rehearsal);
    apply.wait().unwrap();
    rehearsal.labctl(&["apply", "--yes"]).ok();
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    let python = crate::support::python().display().to_string();
    let counts = rehearsal.outside(&format!(
        "{python} -c 'import boto3; ec2 = boto3.client(\"ec2\"); print(\
         len(ec2.describe_instances()[\"Reservations\"]), len(ec2.describe_addresses()[\"Addresses\"]))'"
    ));
    assert_eq!(counts, "1 1\n", "one server, one address");
    rehearsal.labctl(&["destroy", "--yes"]).ok();
}
