//! The programs in Python, those for servers and those of the sandbox, by tests of their own language that need
//! neither a server nor a network; and what labctl prints for other programs, read by those.

use crate::support::unittest::run;

const LABCTL: &str = env!("CARGO_BIN_EXE_labctl");

#[test]
fn probe_push_and_follow() {
    run("host/test_remote.py", &[]);
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
