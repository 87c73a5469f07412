//! Several labctls at once, as processes of their own: one lab, and plain words from those who lost.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Lab, Ran, tell};

const FASTER: &str = "another run of labctl on this lab is at work";

fn start(lab: &Lab, arguments: &[&str]) -> Child {
    lab.command(arguments).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    Ran::new(&["apply", "(one of several)"], &output, start.elapsed())
}

/// It did all, or says in plain words why not.
fn check_plain(ran: &Ran) {
    assert!(ran.code == 0 || ran.code == 1, "{ran}");
    if ran.code == 1 {
        let words = format!("{}{}", ran.stdout, ran.stderr);
        let sentences = words
            .lines()
            .filter(|line| line.contains('✗') || line.contains("error:"));
        assert!(sentences.count() >= 1, "{ran}");
        assert!(!words.contains("AWS refused"), "not in plain words\n{ran}");
    }
}

/// Starts labctls, the next a little later; gives how many did all, and how many were beaten.
fn applies(lab: &Lab, count: u32, apart: Duration) -> (usize, usize) {
    lab.latency(20);
    let children: Vec<_> = (0..count)
        .map(|_| {
            let child = start(lab, &["apply", "--yes"]);
            std::thread::sleep(apart);
            child
        })
        .collect();
    let runs: Vec<_> = children.into_iter().map(ended).collect();
    lab.latency(0);
    runs.iter().for_each(check_plain);
    let done = runs.iter().filter(|ran| ran.code == 0).count();
    let beaten = runs
        .iter()
        .filter(|ran| ran.stdout.contains(FASTER))
        .count();
    (done, beaten)
}

#[test]
fn of_applies_that_begin_together_one_makes_the_lab_and_the_others_say_so() {
    for count in [2, 4, 8] {
        let lab = Lab::full();
        let (done, beaten) = applies(&lab, count, Duration::ZERO);
        // Nothing has to be tidied up by another run.
        lab.check_from_outside(&["present"]);
        assert!(done >= 1, "{count}: nobody did all");
        tell(&format!(
            "{count} applies together: {done} did all, {beaten} were beaten"
        ));
        lab.labctl(&["plan", "--detailed-exitcode"]).ok();
        lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
        lab.check_from_outside(&["absent"]);
    }
}

#[test]
fn of_applies_that_begin_one_after_the_other_one_lab_comes() {
    for (count, apart) in [(4, 150), (4, 350), (8, 250)] {
        let lab = Lab::full();
        let (done, beaten) = applies(&lab, count, Duration::from_millis(apart));
        tell(&format!(
            "{count} applies, {apart} ms apart: {done} did all, {beaten} were beaten"
        ));
        assert_eq!(
            lab.census("us-east-1"),
            (1, 1, 1),
            "{count}, {apart} ms apart"
        );
        lab.apply();
        lab.check_from_outside(&["present"]);
    }
}

#[test]
fn an_apply_beside_a_destroy_makes_no_second_lab() {
    for (first, second) in [("destroy", "apply"), ("apply", "destroy")] {
        let lab = Lab::full();
        if first == "destroy" {
            lab.apply();
        }
        lab.latency(20);
        let words = |command: &str| match command {
            "destroy" => vec!["destroy", "--yes", "--delete-zone"],
            _ => vec!["apply", "--yes"],
        };
        let one = start(&lab, &words(first));
        std::thread::sleep(Duration::from_millis(300));
        let other = start(&lab, &words(second));
        for ran in [ended(one), ended(other)] {
            assert!(ran.code == 0 || ran.code == 1, "{ran}");
        }
        lab.latency(0);
        let (servers, addresses, zones) = lab.census("us-east-1");
        assert!(
            servers <= 1 && addresses <= 1 && zones <= 1,
            "{first}, then {second}"
        );
        // Whoever is asked last gets what they ask for.
        lab.apply();
        lab.check_from_outside(&["present"]);
        lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
        lab.check_from_outside(&["absent"]);
    }
}
