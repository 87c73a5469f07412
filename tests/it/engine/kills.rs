//! A run that was cut off anywhere is brought to its end by the next one: one lab, or none, and nothing beside it.

use labctl::cloud::memory::Options;

use super::disturbances::{Disturbance, EACH, Ending, KILLS, Work, disturb};
use super::harness::{ALL, Lab, SMALL, WHOLE, actions, complaints, pass, slow};
use super::inspection::{differences, faults, picture};

/// What has to be so once the next run is through.
async fn unfinished(lab: &Lab, work: Work, clean: &[String]) -> Vec<String> {
    match work {
        Work::Apply => {
            let mut problems = faults(lab);
            let now = picture(lab);
            problems.extend(now.iter().filter(|line| !clean.contains(line)).map(|line| format!("+ {line}")));
            problems.extend(clean.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}")));
            let actions = actions(&lab.plan().await.set);
            problems.extend(actions.iter().map(|action| format!("still to do: {action}")));
            problems
        }
        Work::Destroy => differences(&lab.before, &lab.memory.snapshot().living()),
    }
}

async fn again(lab: &Lab, work: Work) -> Vec<String> {
    let outcome = match work {
        Work::Apply => lab.apply_through(&lab.memory).await,
        Work::Destroy => lab.destroy_through(&lab.memory, ALL).await,
    };
    complaints(&outcome.unwrap())
}

/// How a world is, and how soon the next run comes after the one that was cut off.
#[derive(Clone)]
struct Setting {
    options: Options,
    /// How long the user takes to run it again.
    rest: u64,
    /// Whether a first run again may fail, and a second has to do it.
    is_hasty: bool,
}

/// Cuts a run off at each of its calls, and gives how many times that was done.
async fn cut_off_everywhere(text: &str, work: Work, how: &[Disturbance], setting: &Setting) -> usize {
    let clean = Lab::with(setting.options.clone(), text);
    clean.apply().await;
    let clean = picture(&clean);
    let mut problems = Vec::new();
    let mut count = 0;
    for what in how {
        for at in 0.. {
            let lab = Lab::with(setting.options.clone(), text);
            if work == Work::Destroy {
                lab.apply().await;
                pass(setting.rest).await;
            }
            if matches!(disturb(&lab, *what, at, work).await, Ending::Undisturbed) {
                break;
            }
            count += 1;
            pass(setting.rest).await;
            let mut found = again(&lab, work).await;
            if setting.is_hasty {
                pass(60).await;
                found = again(&lab, work).await;
            }
            found.extend(unfinished(&lab, work, &clean).await);
            if !found.is_empty() {
                problems.push(format!("{what:?} at call {at}:\n    {}", found.join("\n    ")));
            }
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
    assert!(count > 20, "only {count}");
    count
}

fn instant() -> Setting {
    Setting { options: Options::default(), rest: 0, is_hasty: false }
}

/// States last; what is new is seen at once.
fn lasting() -> Setting {
    let options = Options { propagation: std::time::Duration::ZERO, ..slow() };
    Setting { options, ..instant() }
}

/// States last, and the user comes back when everything can be seen.
fn lagging() -> Setting {
    Setting { options: slow(), rest: 10, is_hasty: false }
}

/// States last, and the user comes back at once.
fn hasty() -> Setting {
    Setting { options: slow(), rest: 0, is_hasty: true }
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_anywhere_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Apply, &EACH, &instant()).await;
    eprintln!("apply, at once: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_while_states_last_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Apply, &EACH, &lasting()).await;
    eprintln!("apply, states last: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_in_a_lagging_world_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Apply, &EACH, &lagging()).await;
    eprintln!("apply, lagging: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_and_repeated_in_haste_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Apply, &KILLS, &hasty()).await;
    eprintln!("apply, in haste: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn a_small_apply_cut_off_anywhere_converges() {
    for setting in [instant(), lasting(), lagging(), hasty()] {
        cut_off_everywhere(SMALL, Work::Apply, &EACH, &setting).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_anywhere_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &instant()).await;
    eprintln!("destroy, at once: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_while_states_last_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &lasting()).await;
    eprintln!("destroy, states last: {count} of {count} converged");
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_in_a_lagging_world_converges() {
    let count = cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &lagging()).await;
    eprintln!("destroy, lagging: {count} of {count} converged");
}
