//! The package database is busy, or was left in a bad state.

use super::super::machine::{Bench, Machine, SMALL};
use super::super::watched::Watched;
use super::wait_until;
use crate::support::Ran;

/// A package of the plan's that nothing needs while the test runs.
const PACKAGE: &str = "logrotate";
const HOLD: &str = "import fcntl, time; lock = open('/var/lib/dpkg/lock-frontend', 'w'); \
                    fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(600)";

fn is_installed(machine: &Machine) -> bool {
    let status = machine.try_sh(&format!("dpkg-query -W -f '${{Status}}' {PACKAGE}"));
    status.stdout == b"install ok installed"
}

#[test]
fn a_busy_database_is_waited_for_and_a_broken_one_is_mended() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;

    machine.sh(&format!("dpkg --purge --force-depends {PACKAGE}"));
    machine.sh(&format!(
        "systemd-run --quiet --unit=holder python3 -c \"{HOLD}\""
    ));
    wait_until("the plan says who holds the lock", || {
        let notes = bench.host_plan()["notes"].to_string();
        notes.contains("`python3 (pid ") && notes.contains("apply waits for it")
    });
    let child = bench.lab.command(&["apply", "--yes"]).spawn().unwrap();
    wait_until("apply says for whom it waits", || {
        let events = "grep -h 'waiting for `python3`' /var/lib/labctl/runs/*/events.jsonl";
        machine.try_sh(events).status.success()
    });
    assert!(!is_installed(machine));
    machine.sh("systemctl stop holder.service");
    let output = child.wait_with_output().unwrap();
    Ran::new(&["apply", "--yes"], &output, std::time::Duration::ZERO).ok();
    assert!(is_installed(machine));

    // What a dpkg leaves that was killed before it set a package up, and while it unpacked one.
    for status in ["install ok unpacked", "install reinstreq half-installed"] {
        machine.sh(&format!(
            "sed -i '/^Package: {PACKAGE}$/,/^$/s/^Status: .*/Status: {status}/' /var/lib/dpkg/status"
        ));
        assert!(!is_installed(machine));
        let notes = bench.host_plan()["notes"].to_string();
        assert!(notes.contains("was cut off on the server"), "{notes}");
        bench.apply();
        assert!(is_installed(machine), "after `{status}`");
        assert_eq!(machine.sh("dpkg --audit"), "");
    }
}

/// needrestart restarts what uses an old library, and so the run that installs the new one.
#[test]
fn needrestart_does_not_end_an_apply() {
    let bench = Bench::applied(SMALL);
    let machine = &bench.machine;
    machine.sh(&format!(
        "export DEBIAN_FRONTEND=noninteractive; apt-get install -qq -y needrestart >/dev/null
         rm /etc/needrestart/conf.d/labctl.conf; dpkg --purge --force-depends {PACKAGE}"
    ));
    let holding = machine.hold_at("packages");
    let labctl = Watched::start(&bench, &["apply", "--yes"]);
    let held = holding.held();
    // As an upgrade of python3 leaves it: the agent runs on a file that is gone.
    machine.sh("cp /usr/bin/python3.11 /root/new && mv /root/new /usr/bin/python3.11");
    // Nor does one that an upgrade of somebody else's lets run meanwhile: it restarts units so.
    let restart = machine.try_sh("systemctl --no-block restart labctl-apply");
    assert!(!restart.status.success(), "{restart:?}");
    held.release();
    labctl.ended().ok();
    assert!(is_installed(machine));
    assert_eq!(machine.runs().last(), Some(&held.run), "it began another");
}
