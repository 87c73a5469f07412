//! Everything that can happen to an apply on a server, at each of its steps: the next apply
//! completes it, and meanwhile the service answers, seen from outside.
//!
//! labctl killed at each step is in `kills`; a dpkg killed in its middle too.

use std::fmt;
use std::time::{Duration, Instant};

use super::counting_proxy::CountingProxy;
use super::kills::{change, is_as_planned};
use super::machine::{Bench, SMALL};
use super::polled::Polled;
use super::watched::{Held, Watched};
use crate::support::is_exhaustive;

/// The steps of an apply that changes a user and NGINX.
const STEPS: [&str; 9] = [
    "prepare",
    "users",
    "check",
    "snapshot",
    "switch",
    "units",
    "certificate",
    "gates",
    "record",
];
/// What labctl writes, on one small disk.
const FOLDERS: [&str; 4] = [
    "/var/lib/labctl",
    "/etc/labctl",
    "/etc/nginx",
    "/var/www/labctl",
];
const DISK: &str = "/srv/small";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    LinkCut,
    AgentKilled,
    DiskFull,
    /// Somebody else's installation is cut off.
    DpkgInterrupted,
    /// All that labctl keeps is dated by a clock that was ten years ahead, or far behind.
    ClockJumped,
    Reboot,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A server on which things happen.
struct Fire {
    bench: Bench,
    proxy: CountingProxy,
    polled: Polled,
    rounds: usize,
    answers: usize,
}

impl Fire {
    fn begin(prepare: impl Fn(&Bench)) -> Self {
        let mut bench = Bench::applied(SMALL);
        let proxy = bench.through_proxy(Duration::ZERO);
        prepare(&bench);
        let polled = Polled::start(bench.machine.https_port);
        Self {
            bench,
            proxy,
            polled,
            rounds: 0,
            answers: 0,
        }
    }

    /// Lets one thing happen at one step, and completes.
    fn round(&mut self, fault: Fault, step: &str) {
        let when = format!("{fault} at `{step}`");
        change(&self.bench, self.rounds);
        let holding = self.bench.machine.hold_at(step);
        let labctl = Watched::apply(&self.bench);
        let held = holding.held();
        assert!(!held.is_over(), "{when}: it was over before");
        self.strike(fault, &held);
        let ran = labctl.ended();
        let is_fatal = matches!(fault, Fault::AgentKilled | Fault::DiskFull | Fault::Reboot);
        assert!(
            ran.code == 0 || (is_fatal && ran.code == 1),
            "{when}: {ran}"
        );
        // The last step may be over before anybody can be killed in it.
        if fault == Fault::AgentKilled && step != "record" {
            assert_eq!(ran.code, 1, "{when}: {ran}");
        }
        self.mend(fault);
        match fault {
            // While it is off it cannot answer; then it does, before anybody has completed anything.
            Fault::Reboot => {
                let page = self.bench.curl(&["--insecure", "https://localhost/"]);
                assert!(
                    page.contains("The data-science lab at lab"),
                    "{when}: {page}"
                );
                self.polled.forget();
            }
            _ => self.answers += self.polled.has_answered(&when),
        }
        self.bench.labctl(&["apply", "--yes"]).ok();
        is_as_planned(&self.bench);
        assert_eq!(self.bench.machine.sh("dpkg --audit"), "", "{when}");
        let left = self.bench.machine.sh("find /etc /var/www -name '*.labctl'");
        assert_eq!(left, "", "{when}: files beside their places");
        self.answers += self.polled.has_answered(&when);
        self.rounds += 1;
    }

    fn strike(&self, fault: Fault, held: &Held<'_>) {
        let machine = &self.bench.machine;
        match fault {
            Fault::LinkCut => self.proxy.cut(),
            Fault::AgentKilled => return held.kill(),
            Fault::Reboot => return machine.reboot(),
            Fault::DiskFull => {
                machine.sh(&format!(
                    "! dd if=/dev/zero of={DISK}/filler bs=4k 2>/dev/null"
                ));
            }
            Fault::DpkgInterrupted => {
                machine.sh("sed -i '/^Package: logrotate$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' \
                            /var/lib/dpkg/status");
            }
            Fault::ClockJumped => {
                let date = ["2036-01-01", "1990-01-01"][self.rounds % 2];
                machine.sh(&format!(
                    "find /var/lib/labctl /etc/labctl /etc/nginx /etc/systemd/system -exec touch -h -d {date} {{}} +"
                ));
            }
        }
        held.release();
    }

    fn mend(&self, fault: Fault) {
        if fault == Fault::DiskFull {
            self.bench.machine.sh(&format!("rm {DISK}/filler"));
        }
    }

    #[expect(clippy::print_stderr, reason = "the figures of a run are its result")]
    fn tell(&self, since: Instant) {
        let (rounds, answers) = (self.rounds, self.answers);
        let seconds = since.elapsed().as_secs();
        eprintln!("{rounds} faults, {answers} pages seen meanwhile, {seconds} s");
    }
}

/// Puts all that labctl writes on one small disk.
fn on_a_small_disk(bench: &Bench) {
    let mut line = format!("mkdir -p {DISK} && mount -t tmpfs -o size=16m small {DISK}");
    for folder in FOLDERS {
        line.push_str(&format!(
            " && mkdir -p {DISK}{folder} && cp -a {folder}/. {DISK}{folder}/ \
             && chmod --reference={folder} {DISK}{folder} && mount --bind {DISK}{folder} {folder}"
        ));
    }
    bench.machine.sh(&line);
}

/// All steps where tests are exhaustive, else those at which a fault means something of its own.
fn steps(default: &[&'static str]) -> Vec<&'static str> {
    match is_exhaustive() {
        true => STEPS.to_vec(),
        false => default.to_vec(),
    }
}

#[test]
fn what_happens_at_any_step_is_completed_and_the_service_answers_meanwhile() {
    let start = Instant::now();
    let mut fire = Fire::begin(on_a_small_disk);
    for step in STEPS {
        fire.round(Fault::AgentKilled, step);
    }
    for step in steps(&["check", "switch", "units", "record"]) {
        fire.round(Fault::DiskFull, step);
    }
    for step in steps(&["prepare", "switch", "gates"]) {
        fire.round(Fault::LinkCut, step);
    }
    fire.tell(start);
}

#[test]
fn a_server_that_restarts_at_any_step_serves_what_it_served_and_is_completed() {
    let start = Instant::now();
    let mut fire = Fire::begin(|_| {});
    for step in steps(&["users", "switch", "gates"]) {
        fire.round(Fault::Reboot, step);
    }
    for step in steps(&["switch"]) {
        for fault in [Fault::DpkgInterrupted, Fault::ClockJumped] {
            fire.round(fault, step);
        }
    }
    fire.tell(start);
}
