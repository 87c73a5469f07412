//! Ctrl-C in the middle of an apply: the next one goes on. What SIGKILL leaves is looked at by `wire::kills`.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::support::{Lab, Ran};

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}

fn ended(child: Child, since: Instant) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran::new(&["apply", "(interrupted)"], &output, since.elapsed())
}

fn converges(lab: &Lab) {
    lab.latency(0);
    lab.wait_until_idle();
    lab.apply();
    assert_eq!(lab.census("us-east-1"), (1, 1, 1));
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn the_first_interruption_finishes_what_runs() {
    let lab = Lab::full();
    for writes in [1, 6, 14] {
        lab.latency(250);
        let child = lab.start(&["apply", "--yes"], writes);
        interrupt(&child);
        let ran = ended(child, Instant::now());
        let ran = ran.exits(130).says(&[
            "interrupted: finishing what runs",
            "not begun",
            "`labctl apply` goes on",
        ]);
        assert!(!ran.stdout.contains('✗'), "{ran}");
        assert!(
            lab.requests().iter().all(|request| request.end > 0.0),
            "a request was left alone"
        );
        converges(&lab);
    }
}

#[test]
fn the_second_interruption_leaves_at_once() {
    let lab = Lab::full();
    lab.latency(2000);
    let child = lab.start(&["apply", "--yes"], 1);
    let start = Instant::now();
    interrupt(&child);
    // The first has to be taken note of, or the two count as one.
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let ran = ended(child, start).exits(130);
    assert!(ran.took < Duration::from_millis(1500), "{ran}");
    converges(&lab);
}

#[test]
fn an_interrupted_plan_just_ends() {
    let lab = Lab::full();
    lab.latency(5000);
    let start = Instant::now();
    let child = lab.command(&["plan"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && start.elapsed() < Duration::from_secs(4));
}
