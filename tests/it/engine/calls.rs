//! What a plan without changes costs: calls, rounds of calls, and no write.
//!
//! That planning cannot write needs no test: [`labctl::cloud::planning::plan`] is given a [`labctl::cloud::api::Read`], which has
//! no method that writes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::memory_cloud::Options;

use super::disturbances::Recorder;
use super::harness::{Lab, actions};

const BASE: &str = include_str!("../../../plans/do4ds-lab.yaml");
const LATENCY: Duration = Duration::from_millis(100);

/// Applies a plan, plans it again, and gives how many calls that took.
async fn count_calls(text: &str) -> usize {
    let options = Options {
        latency: LATENCY,
        ..Options::default()
    };
    let lab = Lab::with(options, text);
    lab.apply().await;
    let recorder = Recorder::new();
    let start = tokio::time::Instant::now();
    let planned = lab
        .plan_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert_eq!(actions(&planned.set), Vec::<String>::new());
    assert_eq!(start.elapsed(), 2 * LATENCY);
    let calls = recorder.calls.borrow();
    let rounds: BTreeSet<_> = calls.iter().map(|(_, at)| *at).collect();
    assert_eq!(rounds.len(), 2, "{:?}", recorder.operations());
    assert_eq!(recorder.writes(), Vec::<&str>::new());
    calls.len()
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_takes_two_rounds_of_few_calls() {
    let base = count_calls(BASE).await;
    assert!(base <= 18, "{base}");

    let github = BASE.replace(
        "\nworkbench:",
        "\ngithub_actions: { repository: me/penguins }\n\nworkbench:",
    );
    assert!(count_calls(&github).await <= base + 3);

    let dedicated = BASE.replace("network: default", "network: dedicated");
    assert!(count_calls(&dedicated).await <= base + 4);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_an_empty_account_writes_nothing() {
    let lab = Lab::new(BASE);
    let recorder = Recorder::new();
    lab.plan_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert_eq!(recorder.writes(), Vec::<&str>::new());
    lab.check_nothing_left();
}

#[tokio::test(start_paused = true)]
async fn an_apply_without_changes_writes_nothing() {
    let lab = Lab::new(BASE);
    lab.apply().await;
    let recorder = Recorder::new();
    lab.apply_through(&recorder.around(&lab.memory))
        .await
        .unwrap();
    assert_eq!(recorder.writes(), Vec::<&str>::new());
}
