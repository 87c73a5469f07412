//! How often labctl goes to a host: counted on the way there, and in the log of its sshd.

use std::time::Duration;

use super::machine::{Bench, Machine};

/// As far as a server on another continent, so that what is sent together arrives together.
const FAR: Duration = Duration::from_millis(100);

/// What sshd was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Visits {
    pub logins: usize,
    pub execs: usize,
}

/// Lets sshd log each command and each file transfer.
pub fn log_visits(machine: &Machine) {
    machine.sh(
        "echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/00-counts.conf && systemctl reload ssh",
    );
}

/// Counts what sshd has logged until now.
fn visits(machine: &Machine) -> Visits {
    // By its name: the processes of a session leave the unit of sshd.
    let log = machine.sh("journalctl --sync; journalctl --quiet --identifier sshd --output cat");
    let count = |words: &str| log.lines().filter(|line| line.starts_with(words)).count();
    Visits {
        logins: count("Accepted publickey for "),
        execs: count("Starting session: "),
    }
}

/// Runs labctl to its end; gives what sshd was asked for meanwhile.
pub fn visits_of(bench: &Bench, arguments: &[&str]) -> Visits {
    let before = visits(&bench.machine);
    bench.labctl(arguments).ok();
    let after = visits(&bench.machine);
    Visits {
        logins: after.logins - before.logins,
        execs: after.execs - before.execs,
    }
}

/// From an empty server to the plan: one command looks, one brings everything and installs the packages too.
pub fn first_apply_is_two_commands(bench: &mut Bench) {
    log_visits(&bench.machine);
    let proxy = bench.through_proxy(Duration::ZERO);
    let first = visits_of(bench, &["apply", "--yes"]);
    assert_eq!((first.logins, first.execs), (1, 2));
    assert_eq!(proxy.connections(), 1);
}

/// Where nothing is to be done, one command in at most ten round trips sees it.
pub fn no_change_is_one_command(bench: &mut Bench) {
    let once = Visits {
        logins: 1,
        execs: 1,
    };
    for arguments in [
        &["apply", "--yes"][..],
        &["plan", "--detailed-exitcode"][..],
    ] {
        let proxy = bench.through_proxy(FAR);
        assert_eq!(visits_of(bench, arguments), once, "{arguments:?}");
        assert_eq!(proxy.connections(), 1, "{arguments:?}");
        // One more is TCP's own, which a proxy does not see.
        let round_trips = proxy.created_after() + 1;
        assert!(round_trips <= 10, "{arguments:?}: {round_trips}");
    }
    bench.through_proxy(Duration::ZERO);
}
