//! Bad weather between labctl and AWS: throttling, lost and spoilt answers, in all mixtures.

use serde_json::json;

use crate::support::{Lab, Ran, is_exhaustive, tell};

const LIFE: &[(&str, &[&str])] = &[
    ("t3.micro", &["apply", "--yes", "-v"]),
    ("t3.small", &["apply", "--yes", "-v"]),
    ("", &["destroy", "--yes", "--delete-zone", "-v"]),
];
/// How often a command may have to be run until it has done all.
const RUNS: usize = 3;

/// What `-v` says at the end: how many calls there were, and how many had to be sent again.
fn counted(ran: &Ran) -> (usize, usize) {
    let line = ran
        .stderr
        .lines()
        .rev()
        .find(|line| line.starts_with("calls: "));
    let line = line.unwrap_or_else(|| panic!("no count\n{ran}"));
    let mut numbers = line
        .split(|one: char| !one.is_ascii_digit())
        .filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Lives a whole life under these rules; gives how many runs and retries that took.
fn life(lab: &Lab, rules: &serde_json::Value, seed: u64) -> (usize, usize) {
    let (mut runs, mut retries) = (0, 0);
    for (index, (instance_type, command)) in LIFE.iter().enumerate() {
        if *instance_type == "t3.small" {
            lab.edit("instance_type: t3.micro", "instance_type: t3.small");
        }
        lab.faults(rules, seed + index as u64);
        let done = (0..RUNS).any(|_| {
            let ran = lab.labctl(command);
            assert!(ran.code == 0 || ran.code == 1, "{ran}");
            runs += 1;
            retries += counted(&ran).1;
            ran.code == 0
        });
        assert!(lab.hits() > 0, "no rule has hit");
        assert!(
            done,
            "seed {seed}: {command:?} is not done after {RUNS} runs"
        );
        lab.no_faults();
        // What says that it has done all has done all: no other run tidies up.
        match *instance_type {
            "" => lab.check_from_outside(&["absent"]),
            _ => lab.check_from_outside(&["present", "--instance-type", instance_type]),
        }
    }
    (runs, retries)
}

#[test]
fn with_three_of_ten_calls_throttled_and_one_of_twenty_lost_it_converges() {
    let seeds: &[u64] = match is_exhaustive() {
        true => &[1, 2, 3],
        false => &[1],
    };
    for seed in seeds {
        let lab = Lab::full();
        let rules = json!([
            { "match": "*", "count": 0, "probability": 0.3, "throttle": true },
            { "match": "*", "count": 0, "probability": 0.05, "drop": true, "after_effect": true },
        ]);
        let (runs, retries) = life(&lab, &rules, seed * 1000);
        assert!(retries > 20, "{retries} retries");
        tell(&format!(
            "seed {seed}: {runs} runs of {}, {retries} retries",
            LIFE.len()
        ));
    }
}

#[test]
fn with_connections_that_break_in_every_way_it_converges() {
    let lab = Lab::full();
    let often = 0.04;
    let rules = json!([
        { "match": "*", "count": 0, "probability": often, "manner": "reset" },
        { "match": "*", "count": 0, "probability": often, "manner": "reset", "after_effect": true },
        { "match": "*", "count": 0, "probability": often, "manner": "truncate" },
        { "match": "*", "count": 0, "probability": often, "manner": "slow", "ms": 300 },
        { "match": "*", "count": 0, "probability": often, "status": 500, "code": "InternalError" },
        { "match": "*", "count": 0, "probability": often, "status": 503, "code": "ServiceUnavailable", "after_effect": true },
        { "match": "route53:Change*", "count": 3, "status": 400, "code": "PriorRequestNotComplete" },
        { "match": "iam:*", "mutating": true, "count": 2, "status": 409, "code": "ConcurrentModification" },
        { "match": "s3:*", "mutating": true, "count": 2, "status": 409, "code": "OperationAborted" },
    ]);
    let (runs, retries) = life(&lab, &rules, 7);
    tell(&format!("{runs} runs of {}, {retries} retries", LIFE.len()));
}

#[test]
fn retries_are_counted_and_shown() {
    let lab = Lab::full();
    let ran = lab.labctl(&["plan", "-v"]).ok();
    let calls = counted(&ran).0;
    assert_eq!((calls, counted(&ran).1), (lab.requests().len(), 0));
    lab.fault(json!({ "match": "ec2:DescribeVolumes", "count": 3, "throttle": true }));
    let ran = lab.labctl(&["plan", "-v"]).ok();
    let ran = ran.says(&["ec2:DescribeVolumes", "in 4 attempts", "retries: 3 (ec2 3)"]);
    assert_eq!(counted(&ran), (calls, 3));
    assert_eq!(lab.requests().len(), calls + 3);
}

#[test]
fn route_53_is_asked_at_most_five_times_a_second() {
    let lab = Lab::full();
    lab.labctl(&["apply", "--yes"]).ok();
    lab.fault(json!({ "match": "route53:*", "count": 4, "drop": true }));
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    let all = lab.requests();
    let begun: Vec<_> = all
        .iter()
        .filter(|one| one.operation.starts_with("route53:"))
        .collect();
    assert!(begun.len() >= 9, "{begun:#?}");
    for window in begun.windows(6) {
        // What is measured is when they arrive, not when they are sent.
        let apart = window[5].start - window[0].start;
        assert!(apart > 0.9, "six requests in {apart} s: {window:#?}");
    }
}

#[test]
fn an_apply_ends_at_its_deadline_and_the_next_goes_on() {
    let lab = Lab::full();
    lab.lasting_states(60_000);
    let ran = lab.labctl(&["apply", "--yes", "--deadline", "3s"]).exits(1);
    let ran = ran.says(&["not done by the deadline", "`labctl apply` goes on"]);
    assert!(ran.took.as_secs() < 15, "{ran}");
    // The server that is still starting is left to it, and found again.
    lab.lasting_states(0);
    lab.apply();
    lab.check_from_outside(&["present"]);
    lab.lasting_states(60_000);
    let ran = lab.labctl(&["destroy", "--yes", "--delete-zone", "--deadline", "3s"]);
    let ran = ran
        .exits(1)
        .says(&["not done by the deadline", "`labctl destroy` goes on"]);
    assert!(ran.took.as_secs() < 15, "{ran}");
}
