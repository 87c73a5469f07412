//! The programs in Python, those for servers and those of the sandbox, by tests of their own language that need
//! neither a server nor a network; and what labctl prints for other programs, read by those.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use labctl::host::programs::Program;
use labctl::host::protocol::{COMMAND, input};
use serde_json::{Value, json};

use crate::support::unittest::run;

const LABCTL: &str = env!("CARGO_BIN_EXE_labctl");
const NONCE: &str = "nonce";

/// Runs a command as a server would, on this machine and without becoming root.
fn send(program: Program, request: &Value, payload: &[u8]) -> Output {
    let command = COMMAND.strip_prefix("sudo -n ").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::piped());
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let input = input(program, request, payload).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    child.wait_with_output().unwrap()
}

/// The first answer.
#[track_caller]
fn answer(program: Program, request: &Value, payload: &[u8]) -> Value {
    let output = send(program, request, payload);
    let said = String::from_utf8(output.stdout).unwrap();
    let line = said
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(NONCE));
    let line = line.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(line).unwrap()
}

/// Writes a value to a file; gives the path.
fn file_of(value: &Value) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages.json");
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A module that an archive lacks would be missed at the first import.
#[test]
fn each_command_brings_all_that_it_imports() {
    let lists = ["files", "users", "units", "packages", "links", "ports"];
    let mut nothing: serde_json::Map<_, _> = lists
        .map(|name| (name.to_owned(), json!([])))
        .into_iter()
        .collect();
    nothing.insert("nonce".to_owned(), json!(NONCE));
    let facts = answer(Program::Probe, &Value::Object(nothing), b"");
    assert_eq!(facts["format"], 1);
    let gone = json!({ "nonce": NONCE, "run": "no-such-run" });
    let verdict = answer(Program::Follow, &gone, b"");
    assert_eq!(verdict["what"], "the server knows no apply `no-such-run`");
    let strange = json!({ "nonce": NONCE, "run": "../run" });
    let verdict = answer(Program::Push, &strange, b"");
    assert_eq!(verdict["what"], "`../run` cannot be a run's name");
    let nobody = json!({ "nonce": NONCE, "user": "no-such-user" });
    let refusal = answer(Program::Password, &nobody, b"secret");
    let reason = "there is no user `no-such-user` on the server yet";
    assert_eq!(refusal["error"], reason);
    let look = json!({ "nonce": NONCE, "probe": null, "gates": [], "model": null, "deep": false });
    let seen = answer(Program::Doctor, &look, b"");
    assert_eq!(seen["type"], "machine");
}

#[test]
fn traceback_of_a_command_names_file_and_line() {
    let output = send(Program::Follow, &json!({ "nonce": NONCE }), b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/agent/follow.py\", line "), "{said}");
    assert!(said.ends_with("KeyError: 'run'\n"), "{said}");
}

#[test]
fn probe_push_and_follow() {
    run("host/test_remote.py", &[]);
}

/// What both sides of the connection say to each other, from the types of both.
#[test]
fn messages() {
    let file = file_of(&labctl::host::messages::schema());
    run("host/test_messages.py", &[&file]);
}

#[test]
fn agent() {
    run("host/test_agent.py", &[]);
}

#[test]
fn agent_downloads() {
    run("host/test_downloads.py", &[]);
}

#[test]
fn agent_apps() {
    run("host/test_agent_apps.py", &[]);
}

#[test]
fn certificate() {
    run("host/test_certificate.py", &[]);
}

#[test]
fn sign_in() {
    run("host/test_sign_in.py", &[]);
}

#[test]
fn model_api() {
    run("host/test_model_api.py", &[]);
}

#[test]
fn ask_api() {
    run("host/test_ask_api.py", &[]);
}

#[test]
fn credentials() {
    run("host/test_credentials.py", &[]);
}

#[test]
fn emulator() {
    run("emulator/test_emulator.py", &[]);
}

#[test]
fn schema() {
    run("emulator/test_schema.py", &[LABCTL]);
}

#[test]
fn iam_policies() {
    run("iam/test_policies.py", &[LABCTL]);
}
