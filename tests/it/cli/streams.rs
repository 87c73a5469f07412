//! What goes where: results to stdout, all else to stderr, and JSON line by line.

use serde_json::Value;

use crate::support::Lab;

fn lines(text: &str) -> Vec<Value> {
    let line =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}

#[test]
fn events_are_one_json_object_a_line() {
    let lab = Lab::full();
    let ran = lab.labctl(&["apply", "--yes", "--json"]).ok();
    let events = lines(&ran.stdout);
    let (done, events) = events.split_last().unwrap();
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert!(
        named("started") > 8 && named("started") == named("finished"),
        "{ran}"
    );
    for event in events {
        assert!(
            event["address"].is_string() && event["action"].is_string(),
            "{event}"
        );
        assert!(
            event["event"] != "finished" || event["seconds"].is_number(),
            "{event}"
        );
    }
    assert_eq!(done["event"], "done");
    assert_eq!(done["counts"]["finished"], named("finished"));
    assert_eq!(
        (&done["counts"]["failed"], &done["counts"]["skipped"]),
        (&0.into(), &0.into())
    );
    let outputs = &done["outputs"];
    assert_eq!(outputs["bucket"], lab.bucket());
    assert!(
        outputs["ssh"]
            .as_str()
            .unwrap()
            .starts_with("ssh -i ~/.ssh/id_ed25519 ubuntu@198."),
        "{done}"
    );
    assert_eq!(
        outputs["name_servers"]["servers"].as_array().unwrap().len(),
        4,
        "{done}"
    );

    let ran = lab.labctl(&["apply", "--yes", "--json"]).ok();
    assert_eq!(lines(&ran.stdout).len(), 1, "nothing to do: {ran}");

    let rule = serde_json::json!({ "match": "ec2:TerminateInstances", "status": 400, "code": "OperationNotPermitted", "message": "words of AWS" });
    lab.fault(rule);
    let ran = lab.labctl(&["destroy", "--yes", "--json"]).exits(1);
    let events = lines(&ran.stdout);
    let failed = events
        .iter()
        .find(|event| event["event"] == "failed")
        .unwrap();
    assert_eq!(failed["address"], "instance");
    let skipped: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "skipped")
        .collect();
    assert!(
        skipped
            .iter()
            .any(|event| event["address"] == "security_group" && event["because"] == "instance"),
        "{ran}"
    );
    let done = events.last().unwrap();
    assert_eq!(
        (&done["counts"]["failed"], &done["failed"][0]["address"]),
        (&1.into(), &"instance".into())
    );
    lab.labctl(&["destroy", "--yes"]).ok();
}

#[test]
fn results_and_progress_do_not_mix() {
    let lab = Lab::full();
    lab.edit(
        "from: [my-ip], description",
        "from: [anywhere], description",
    );
    let ran = lab.labctl(&["plan"]).ok();
    assert!(
        ran.stdout.contains("instance") && !ran.stdout.contains("open to anywhere"),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("open to anywhere"),
        "warnings go to stderr: {ran}"
    );
    let ran = lab.labctl(&["apply", "--yes"]).ok();
    assert!(
        ran.stderr.contains("✓ instance created") && !ran.stdout.contains("✓ instance"),
        "{ran}"
    );
    let ran = lab.labctl(&["plan", "-v"]).ok();
    assert!(
        ran.stderr.contains("ec2:DescribeInstances") && !ran.stdout.contains("ec2:Describe"),
        "{ran}"
    );
    let quiet = lab.labctl(&["plan", "--json"]).ok();
    quiet.json();
}

#[test]
fn whoever_stops_reading_does_no_harm() {
    let lab = Lab::full();
    let run = |pipe: &str| {
        let mut command = std::process::Command::new("bash");
        command.args(["-c", pipe]).current_dir(&lab.folder);
        let labctl = lab.command(&[]);
        command.env_clear().envs(
            labctl
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command
            .env("LABCTL", labctl.get_program())
            .env("PATH", "/usr/bin:/bin");
        command.output().unwrap()
    };
    let output = run(
        "set -o pipefail; $LABCTL apply --only cloud --yes --json | head -n 1; echo ${PIPESTATUS[0]}",
    );
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.ends_with("0\n"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
    lab.check_from_outside(&["present"]);
    // A full disk is told.
    let output = run("$LABCTL plan --json > /dev/full; echo $?");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the result"));
}
