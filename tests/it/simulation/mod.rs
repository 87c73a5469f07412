//! Deterministic simulation of the cloud's half, after FoundationDB's example.
//!
//! One seed decides everything: who else is in the account, the plan, what its
//! users do with it (apply, edit, stop, destroy, two of it at once), and what
//! goes wrong meanwhile: before and after each call a process may be killed,
//! throttled or refused, its request or answer lost or sent twice, and somebody
//! may change something behind its back. Time is virtual, and all of it runs on
//! one thread.
//!
//! In the end nothing goes wrong any more. Then one apply has to bring the lab
//! to its plan, a plan after that has to be empty, and at no time may data be
//! lost without permission or anything of somebody else's be touched.
//!
//! `LABCTL_SIM_SEEDS` says how many seeds to run, `LABCTL_SIM_FIRST` from which
//! one on; `LABCTL_SIM_SEED` runs one alone and tells all that it does.

mod actions;
mod chance;
mod checks;
mod ending;
mod figures;
mod hands;
mod process;
mod recipe;
mod refused;
mod sim;
mod tricks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use figures::Figures;
use sim::{Verdict, run};
use tricks::Trick;

/// How many seeds run by default, in all parts together.
const SEEDS: u64 = 10_000;
/// How many tests the seeds are divided among, to run side by side.
const PARTS: u64 = 4;
/// How many failing seeds are enough for one report.
const ENOUGH: usize = 20;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}=`{text}` is no number")),
    )
}

/// Runs a seed; a panic is a complaint too.
fn verdict(seed: u64, trick: Option<Trick>, is_logged: bool) -> Verdict {
    let result = catch_unwind(AssertUnwindSafe(|| run(seed, trick, is_logged)));
    result.unwrap_or_else(|_| Verdict {
        complaints: vec!["it panicked, see above".to_owned()],
        ..Verdict::default()
    })
}

/// Tells all of a failing seed, from a second run that is told and else the same.
fn told(seed: u64) -> String {
    let Verdict {
        complaints, log, ..
    } = verdict(seed, None, true);
    format!(
        "LABCTL_SIM_SEED={seed}\n{}\n=> {}",
        log.join("\n"),
        complaints.join("\n=> ")
    )
}

#[allow(clippy::print_stderr)] // the figures are for whoever runs it
fn tell(text: &str) {
    eprintln!("{text}");
}

/// Runs one of the parts of the seeds.
fn part(which: u64) {
    if let Some(seed) = number("LABCTL_SIM_SEED") {
        if seed % PARTS == which {
            let failed = !verdict(seed, None, false).complaints.is_empty();
            let told = told(seed);
            tell(&told);
            assert!(!failed, "seed {seed} failed");
        }
        return;
    }
    let first = number("LABCTL_SIM_FIRST").unwrap_or_default();
    let seeds = number("LABCTL_SIM_SEEDS").unwrap_or(SEEDS);
    let mut figures = Figures::default();
    let mut failed: Vec<(u64, String)> = Vec::new();
    for seed in (first..first + seeds).filter(|seed| seed % PARTS == which) {
        let verdict = verdict(seed, None, false);
        figures.add(&verdict.figures);
        if let Some(complaint) = verdict.complaints.into_iter().next() {
            failed.push((seed, complaint));
            if failed.len() == ENOUGH {
                break;
            }
        }
    }
    tell(&format!("simulation part {which}: {figures}"));
    if let Some((seed, _)) = failed.first() {
        let others: Vec<String> = failed
            .iter()
            .map(|(seed, what)| format!("seed {seed}: {what}"))
            .collect();
        panic!("{}\n\n{}", told(*seed), others.join("\n"));
    }
}

#[test]
fn every_seed_converges_and_touches_nothing_else_1() {
    part(0);
}

#[test]
fn every_seed_converges_and_touches_nothing_else_2() {
    part(1);
}

#[test]
fn every_seed_converges_and_touches_nothing_else_3() {
    part(2);
}

#[test]
fn every_seed_converges_and_touches_nothing_else_4() {
    part(3);
}

#[test]
fn a_seed_tells_the_same_each_time() {
    for seed in 0..40 {
        let (one, other) = (verdict(seed, None, true), verdict(seed, None, true));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.log.len() > 20, "seed {seed} does nothing");
    }
}

#[test]
fn each_trick_is_noticed() {
    for trick in Trick::ALL {
        let noticed = (0..200).filter(|seed| {
            let complaints = verdict(*seed, Some(trick), false).complaints;
            !complaints.is_empty()
        });
        let noticed = noticed.count();
        assert!(
            noticed >= 5,
            "{trick:?} was noticed in {noticed} of 200 runs"
        );
    }
}
