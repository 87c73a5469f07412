//! labctl killed, the link cut, the agent killed, the server restarted: in the middle of an apply.

use std::time::Duration;

use super::machine::{Bench, SMALL};
use super::watched::{Watched, events, steps, verdict, wait};

/// Where labctl is killed, one after the other on one host; first before it has heard anything.
const STEPS: [&str; 10] = [
    "packages",
    "",
    "prepare",
    "users",
    "check",
    "snapshot",
    "switch",
    "units",
    "certificate",
    "gates",
];

/// Makes a small change that has all steps but those that install.
pub fn change(bench: &Bench, round: usize) {
    let (old, new) = [
        ("name: guest }", "name: guest, sudo: true }"),
        ("name: guest, sudo: true }", "name: guest }"),
    ][round % 2];
    bench.lab.edit(old, new);
    let (old, new) = [
        ("lab.example.org", "lab2.example.org"),
        ("lab2.example.org", "lab.example.org"),
    ][round % 2];
    bench.lab.edit(old, new);
}

/// Makes a change that NGINX has to take up.
fn without_https(bench: &Bench) {
    bench.lab.edit("mode: self-signed", "mode: off");
}

fn has_https(bench: &Bench) -> bool {
    bench
        .curl(&["--include", "http://lab.example.org/"])
        .contains("301")
}

pub fn is_as_planned(bench: &Bench) {
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
}

/// How often a package was installed.
fn installed(bench: &Bench, package: &str) -> usize {
    let log = bench.machine.sh("cat /var/log/dpkg.log");
    let line = format!(" install {package}:");
    log.lines().filter(|one| one.contains(&line)).count()
}

#[test]
fn labctl_killed_at_any_step_is_taken_up_by_the_next() {
    let bench = Bench::new(SMALL);
    for (round, step) in STEPS.iter().enumerate() {
        if round > 0 {
            change(&bench, round - 1);
        }
        let holding = bench.machine.hold_at(step);
        let mut first = Watched::apply(&bench);
        if !step.is_empty() {
            first.until_step(step);
        }
        let held = holding.held();
        assert!(!held.is_over(), "{step}");
        first.kill();
        let mut second = match step.is_empty() {
            // There is no event yet, so it has to say in words that it follows.
            true => Watched::start(&bench, &["apply", "--yes"]),
            false => Watched::apply(&bench),
        };
        match step.is_empty() {
            true => second.until("following it"),
            false => second.until_step(step),
        }
        held.release();
        let ran = second.ended().ok();
        if !step.is_empty() {
            assert_eq!(verdict(&ran)["run"], held.run.as_str(), "{step}: {ran}");
            assert_eq!(verdict(&ran)["ok"], true, "{step}: {ran}");
        }
        assert_eq!(
            bench.machine.runs().last(),
            Some(&held.run),
            "{step}: it began another"
        );
        is_as_planned(&bench);
    }
    for package in ["nginx", "nftables", "unattended-upgrades"] {
        assert_eq!(installed(&bench, package), 1, "{package}");
    }
    let page = bench.curl(&["--insecure", "https://lab2.example.org/"]);
    assert!(page.contains("</html>"), "{page}");
}

/// A server on which NGINX has to be installed again.
fn without_nginx() -> Bench {
    let bench = Bench::applied(SMALL);
    bench.machine.sh(
        "DEBIAN_FRONTEND=noninteractive apt-get purge -qq -y nginx nginx-common nftables >/dev/null; \
         : >/var/log/dpkg.log",
    );
    bench
}

#[test]
fn labctl_killed_or_interrupted_leaves_an_apply_that_ends_by_itself() {
    let bench = without_nginx();
    let before = bench.machine.runs();
    // Ctrl-C stops labctl, and says what becomes of the apply.
    let holding = bench.machine.hold_at("packages");
    let mut labctl = Watched::start(&bench, &["apply", "--yes"]);
    labctl.until("look at the server's state");
    let held = holding.held();
    labctl.interrupt();
    let ran = labctl.ended().exits(130);
    ran.says(&["the apply on the server goes on by itself", "labctl apply"]);
    held.release();
    wait("the apply has its verdict", || held.has_ended());
    is_as_planned(&bench);
    assert_eq!(bench.machine.runs(), [before, vec![held.run]].concat());

    // The last step: the apply may be over before anybody can look.
    change(&bench, 0);
    let holding = bench.machine.hold_at("record");
    let mut labctl = Watched::apply(&bench);
    labctl.until_step("record");
    labctl.kill();
    let held = holding.held();
    held.release();
    wait("the apply has its verdict", || held.has_ended());
    bench.labctl(&["apply", "--yes"]).ok();
    is_as_planned(&bench);
    assert_eq!(bench.machine.runs().last(), Some(&held.run));
}

#[test]
fn a_link_that_breaks_is_opened_again() {
    let mut bench = without_nginx();
    let proxy = bench.through_proxy(Duration::ZERO);
    let mut labctl = Watched::apply(&bench);
    labctl.until_step("packages");
    proxy.cut();
    let ran = labctl.ended().ok();
    ran.clone().says(&["the connection to the server was lost"]);
    let told = steps(&ran);
    let distinct: std::collections::BTreeSet<_> = told.iter().collect();
    assert_eq!(
        told.len(),
        distinct.len(),
        "a step was told twice: {told:?}"
    );
    is_as_planned(&bench);

    // Within the push, of which more than a half is the agent.
    change(&bench, 0);
    proxy.cut_within(100_000);
    let ran = Watched::apply(&bench).ended().ok();
    ran.clone().says(&["the connection to the server was lost"]);
    assert_eq!(steps(&ran).first().map(String::as_str), Some("prepare"));
    is_as_planned(&bench);

    // It stays away, and the user's patience is at its end.
    change(&bench, 1);
    let holding = bench.machine.hold_at("units");
    let mut labctl = Watched::start(&bench, &["apply", "--yes"]);
    let held = holding.held();
    proxy.close();
    labctl.until("the connection to the server was lost");
    labctl.interrupt();
    labctl
        .ended()
        .exits(130)
        .says(&["the apply on the server goes on by itself"]);
    proxy.open();
    let mut labctl = Watched::apply(&bench);
    labctl.until_step("units");
    held.release();
    assert_eq!(verdict(&labctl.ended().ok())["run"], held.run.as_str());
    is_as_planned(&bench);
}

#[test]
fn a_server_that_is_another_one_after_a_break_is_not_followed() {
    let mut bench = Bench::applied(SMALL);
    let proxy = bench.through_proxy(Duration::ZERO);
    change(&bench, 0);
    let holding = bench.machine.hold_at("units");
    let labctl = Watched::start(&bench, &["apply", "--yes"]);
    let held = holding.held();
    bench.machine.sh(
        "mkdir /root/keys && cp -a /etc/ssh/ssh_host_* /root/keys && rm /etc/ssh/ssh_host_* \
         && ssh-keygen -A && systemctl reload ssh",
    );
    proxy.cut();
    labctl.ended().refuses(&[
        "the connection was lost, and the server has not been reached again",
        "host key",
        "the apply goes on there by itself; `labctl apply` finds it and takes its verdict",
    ]);
    bench
        .machine
        .sh("cp -a /root/keys/* /etc/ssh && systemctl reload ssh");
    let mut labctl = Watched::apply(&bench);
    labctl.until_step("units");
    held.release();
    assert_eq!(verdict(&labctl.ended().ok())["run"], held.run.as_str());
    is_as_planned(&bench);
}

#[test]
fn an_agent_that_is_killed_is_told_of_and_the_next_apply_completes() {
    let bench = without_nginx();
    // In the middle of dpkg.
    let mut labctl = Watched::start(&bench, &["apply", "--yes", "-v"]);
    labctl.until("Unpacking nginx");
    bench
        .machine
        .sh("systemctl kill --signal=KILL --kill-whom=main labctl-apply.service");
    labctl.ended().exits(1).says(&[
        "packages: the apply on the server ended without a verdict (killed, or the server restarted)",
        "run `labctl apply` again",
        "the configuration was not switched: what ran before still runs",
    ]);
    bench.apply();
    assert!(has_https(&bench));

    // New files are live, and no unit has taken them up.
    without_https(&bench);
    let holding = bench.machine.hold_at("units");
    let labctl = Watched::start(&bench, &["apply", "--yes"]);
    holding.held().kill();
    labctl.ended().exits(1).says(&[
        "units: the apply on the server ended without a verdict",
        "cut off after new files had gone live",
    ]);
    assert!(
        has_https(&bench),
        "NGINX still runs on its old configuration"
    );
    let owed = bench.changes();
    assert!(owed.contains_key("unit.nginx.service"), "{owed:#?}");
    assert!(!owed.contains_key("/etc/nginx/nginx.conf"), "{owed:#?}");
    bench.apply();
    assert!(!has_https(&bench));
}

#[test]
fn a_server_that_restarts_is_found_again_and_completed() {
    let bench = without_nginx();
    let mut labctl = Watched::start(&bench, &["apply", "--yes", "-v"]);
    // As early as dpkg can be seen at work: a busy machine takes its time to restart, and dpkg may be done by then.
    labctl.until("Preparing to unpack");
    bench.machine.reboot();
    labctl.ended().exits(1).says(&[
        "the connection to the server was lost",
        "the server",
        "the configuration was not switched",
    ]);
    bench.apply();
    assert!(has_https(&bench));

    without_https(&bench);
    let holding = bench.machine.hold_at("units");
    let labctl = Watched::start(&bench, &["apply", "--yes"]);
    holding.held();
    bench.machine.reboot();
    labctl.ended().exits(1).says(&[
        "the run was told to stop, as when the server shuts down",
        "run `labctl apply` again when the server is up",
    ]);
    // Nothing of it is left: the files are the old ones, and so is what NGINX serves.
    assert!(has_https(&bench));
    bench.apply();
    assert!(!has_https(&bench));
}

#[test]
fn two_at_once_never_mix() {
    let bench = without_nginx();
    let first = Watched::apply(&bench);
    let second = Watched::apply(&bench);
    let ended = [first.ended(), second.ended()];
    assert!(
        ended.iter().any(|ran| ran.code == 0),
        "{}\n{}",
        ended[0],
        ended[1]
    );
    for ran in ended {
        if ran.code != 0 {
            assert!(
                events(&ran).iter().all(|event| event["type"] != "step"),
                "{ran}"
            );
            ran.refuses(&["another apply", "is running on the server", "labctl apply"]);
        }
    }
    for package in ["nginx", "nftables"] {
        assert_eq!(installed(&bench, package), 1, "{package}");
    }
    bench.apply();
}
