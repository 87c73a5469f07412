//! The life of the whole lab, as the README's first command shows it, and each step seen from outside.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::rehearsal::Rehearsal;
use crate::host::machine::done;
use crate::support::{at_terminal, between, python};

const FULL: &str = include_str!("../../../plans/do4ds-lab.yaml");
const NAME: &str = "do4ds-lab.shop";

fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    path.display().to_string()
}

/// boto3 looks whether exactly this lab is there.
fn is_there(rehearsal: &Rehearsal, state: &str) {
    let check = script("emulator/check_lab.py");
    let python = python().display().to_string();
    rehearsal.outside(&format!("{python} {check} {state} --ssh-from 127.0.0.1/32"));
}

/// Signs in to JupyterHub and runs a cell.
fn works_in_jupyterhub(rehearsal: &Rehearsal) {
    let (code, screen) = at_terminal(&rehearsal.lab, "passwd test-user --generate", "");
    assert_eq!(code, 0, "{screen}");
    let password = between(&screen, "password of `test-user` is: ", "\r\n");
    let (status, server) = (rehearsal.status(), rehearsal.server());
    let https = &server["https"];
    let at = format!("{}:{}", https["address"].as_str().unwrap(), https["port"]);
    let root = status["status"]["authority"]["root"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut login = Command::new(python());
    login
        .arg(script("host/login.py"))
        .args(["--name", NAME, "--at", &at]);
    login.args([
        "--authority",
        &root,
        "--user",
        "test-user",
        "--code",
        "6 * 7",
    ]);
    let pipe = Command::new("printf")
        .args(["%s", password])
        .stdout(Stdio::piped())
        .spawn();
    let output = login.stdin(pipe.unwrap().stdout.unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["value"], "42", "{done}");
}

#[test]
fn the_whole_life_of_a_lab() {
    let rehearsal = Rehearsal::new(FULL);
    let ran = rehearsal.labctl(&["plan", "--detailed-exitcode"]).exits(2);
    ran.says(&["11 to create", "compared with an empty server"]);
    is_there(&rehearsal, "absent");

    let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
    ran.says(&[
        "there is nothing at s3://do4ds-lab-penguins/penguin_model yet",
        "✓ notebook of test-user",
        "to look at it from this laptop",
    ]);
    is_there(&rehearsal, "present");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    rehearsal
        .labctl(&["doctor"])
        .ok()
        .says(&["it waits for model s3://do4ds-lab-penguins/penguin_model: there is nothing"]);
    let page = rehearsal.look("");
    assert!(page.contains("</html>"), "{page}");
    works_in_jupyterhub(&rehearsal);

    rehearsal.lab.edit("t3.micro ", "t3.small ");
    rehearsal
        .labctl(&["plan"])
        .ok()
        .says(&["t3.micro → t3.small", "1 restart"]);
    rehearsal.labctl(&["apply", "--yes"]).ok();
    is_there(&rehearsal, "present --instance-type t3.small");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    works_in_jupyterhub(&rehearsal);

    puts_into_its_bucket(&rehearsal, "first");
    stops_and_starts(&rehearsal);
    keeps_everything_while_it_is_down(&rehearsal);

    puts_into_its_bucket(&rehearsal, "second");
    rehearsal
        .labctl(&["destroy", "--yes", "--delete-zone", "--empty-bucket"])
        .ok();
    is_there(&rehearsal, "absent");
    let label = format!("label=labctl.sandbox={}", rehearsal.name());
    let containers = ["ps", "--all", "--quiet", "--filter", &label];
    let container = done(Command::new("docker").args(containers));
    assert_eq!(container, "", "the container went with its instance");
    rehearsal.labctl(&["sandbox", "down"]).ok();
    rehearsal.is_down();
}

/// The server writes an object with the library by which it reads the API's model, and boto3 reads it from outside.
fn puts_into_its_bucket(rehearsal: &Rehearsal, text: &str) {
    let bucket = "do4ds-lab-penguins";
    let put = format!(
        "import boto3; boto3.client('s3').put_object(Bucket='{bucket}', Key='note', Body=b'{text}')"
    );
    let shell = "set -a; . /etc/labctl/aws.env; exec /opt/labctl-aws/bin/python -c \"$0\"";
    let container = rehearsal.container();
    done(Command::new("docker").args(["exec", &container, "sh", "-c", shell, &put]));
    let get = format!(
        "import boto3; print(boto3.client('s3').get_object(Bucket='{bucket}', Key='note')['Body'].read().decode())"
    );
    let python = python().display().to_string();
    assert_eq!(
        rehearsal.outside(&format!("{python} -c \"{get}\"")),
        format!("{text}\n")
    );
}

/// `labctl stop` really stops the container.
fn stops_and_starts(rehearsal: &Rehearsal) {
    let container = rehearsal.container();
    let state = || {
        let mut inspect = Command::new("docker");
        done(inspect.args(["inspect", "--format", "{{.State.Running}}", &container]))
    };
    assert_eq!(state(), "true\n");
    rehearsal.labctl(&["stop"]).ok();
    assert_eq!(state(), "false\n");
    rehearsal.labctl(&["start"]).ok();
    assert_eq!(state(), "true\n");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
}

/// `sandbox down` leaves nothing running; the account and the server's disk come back with `up`.
fn keeps_everything_while_it_is_down(rehearsal: &Rehearsal) {
    rehearsal.labctl(&["ssh", "echo mine >kept"]).ok();
    rehearsal.labctl(&["sandbox", "down"]).ok();
    rehearsal.is_down();
    assert_eq!(rehearsal.status()["running"], false);
    rehearsal
        .labctl(&["sandbox", "up"])
        .ok()
        .says(&["running", "what it cannot show"]);
    is_there(rehearsal, "present --instance-type t3.small");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert_eq!(
        rehearsal.labctl(&["ssh", "cat", "kept"]).ok().stdout,
        "mine\n"
    );
    let page = rehearsal.look("");
    assert!(page.contains("</html>"), "{page}");
}
