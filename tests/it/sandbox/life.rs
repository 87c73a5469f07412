//! The life of a lab, each step seen from outside: of the whole one by the README's first command, and of a small one
//! through stops, starts, and a sandbox that is shut down in between.

use std::path::Path;
use std::process::Command;

use crate::host::machine::{SMALL, done};
use crate::support::python;

use super::rehearsal::{self, Rehearsal};

/// What the small plan has not: a bucket, and a zone by which a way to look at it is printed.
const MORE: &str = "bucket: { name: bucket-of-a-small-lab }
dns: { zone: example.org, records: [{ name: lab, type: A, value: elastic-ip }] }
";
const PUT: &str = "import boto3; boto3.client('s3').put_object(Bucket='bucket-of-a-small-lab', Key='note', Body=b'mine')";
const GET: &str = "import boto3; print(boto3.client('s3').get_object(Bucket='bucket-of-a-small-lab', Key='note')['Body'].read().decode())";

/// What a newcomer runs first: the ready plan, with nothing prepared but this machine's container engine.
#[test]
pub fn demo_of_the_readme_runs_to_its_end() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/demo");
    let mut shell = Command::new("sh");
    let ran = done(shell.args(["-c", "exec \"$0\" 2>&1"]).arg(demo));
    for words in [
        "11 to create",
        "there is nothing at s3://do4ds-lab-penguins/penguin_model yet",
        "✓ notebook of test-user",
        "to look at it from this laptop",
        "it waits for model s3://do4ds-lab-penguins/penguin_model",
        "t3.micro → t3.small",
        "1 restart",
        "<title>JupyterHub</title>",
        "done: planned, created, resized, looked at and removed",
    ] {
        assert!(ran.contains(words), "`{words}` is missing\n{ran}");
    }
}

/// The way of somebody new: `labctl init`, and no edit, up to a notebook in a browser.
#[test]
fn quickstart_needs_no_edit() {
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/quickstart");
    let mut shell = Command::new("sh");
    shell.env("LABCTL_SANDBOX_IMAGE", rehearsal::image());
    let ran = done(shell.args(["-c", "exec \"$0\" 2>&1"]).arg(quickstart));
    for words in [
        "✓ start page: do4ds-lab, do4ds-lab",
        "✓ sign-in page: JupyterHub, Sign in",
        "✓ JupyterLab of test-user: Python 3",
        "no changes: the server is as the plan says",
        "the lab is absent",
        "done: from labctl init to a notebook and back, with no edit",
    ] {
        assert!(ran.contains(words), "`{words}` is missing\n{ran}");
    }
}

#[test]
fn the_whole_life_of_a_lab() {
    let rehearsal = Rehearsal::new(&format!("{MORE}{SMALL}"));
    rehearsal
        .labctl(&["apply", "--yes", "--only", "cloud"])
        .ok();
    let ran = rehearsal.labctl(&["status"]).ok();
    ran.says(&["to look at it from this laptop:\n  labctl --sandbox ssh"]);
    rehearsal.labctl(&["ssh", "true"]).ok();
    rehearsal.labctl(&["apply", "--yes"]).ok();
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    let page = rehearsal.look("--insecure");
    assert!(page.contains("</html>"), "{page}");
    rehearsal.outside(&format!("{} -c \"{PUT}\"", python().display()));

    stops_and_starts(&rehearsal);
    keeps_everything_while_it_is_down(&rehearsal);
    can_be_looked_at_with_fewer_names(&rehearsal);

    rehearsal
        .labctl(&["destroy", "--yes", "--empty-bucket", "--delete-zone"])
        .ok();
    let label = format!("label=labctl.sandbox={}", rehearsal.name());
    let containers = ["ps", "--all", "--quiet", "--filter", &label];
    let container = done(Command::new("docker").args(containers));
    assert_eq!(container, "", "the container went with its instance");
    rehearsal.labctl(&["sandbox", "down"]).ok();
    rehearsal.is_down();
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

/// The line that is printed leads to the start page, whatever leads there: a name that no zone has, none, and no HTTPS.
fn can_be_looked_at_with_fewer_names(rehearsal: &Rehearsal) {
    let (zone, secure) = (MORE.lines().nth(1).unwrap(), "mode: self-signed");
    for (old, new, scheme) in [
        (zone, "", "https://lab.example.org/"),
        ("  domain: lab.example.org\n", "", "https://127."),
        (secure, "mode: \"off\"", "http://127."),
    ] {
        rehearsal.lab.edit(old, new);
        let ran = rehearsal.labctl(&["apply", "--yes"]).ok();
        ran.says(&[&format!("start page   {scheme}")]);
        let page = rehearsal.look("--fail");
        assert!(page.contains("</html>"), "{page}");
        let status = rehearsal.labctl(&["sandbox", "status"]).ok();
        let line = status.stdout.lines().find(|line| line.contains(" curl "));
        assert!(line.unwrap().contains(&format!(" {scheme}")), "{status}");
    }
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
    let kept = rehearsal.outside(&format!("{} -c \"{GET}\"", python().display()));
    assert_eq!(kept, "mine\n");
    rehearsal.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert_eq!(
        rehearsal.labctl(&["ssh", "cat", "kept"]).ok().stdout,
        "mine\n"
    );
    let page = rehearsal.look("--insecure");
    assert!(page.contains("</html>"), "{page}");
}
