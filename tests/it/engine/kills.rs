//! A run that was cut off anywhere is brought to its end by the next one: one lab, or none, and nothing beside it.

use crate::memory_cloud::Options;
use crate::support::is_exhaustive;

use super::disturbances::{Disturbance, EACH, Ending, KILLS, Work, disturb};
use super::harness::{ALL, Lab, SMALL, WHOLE, actions, complaints, pass, slow};
use super::inspection::faults;
use super::picture::{differences, picture};

/// What has to be so once the next run is through.
async fn unfinished(lab: &Lab, work: Work, clean: &[String]) -> Vec<String> {
    match work {
        Work::Apply => {
            let mut problems = faults(lab);
            let now = picture(lab);
            problems.extend(
                now.iter()
                    .filter(|line| !clean.contains(line))
                    .map(|line| format!("+ {line}")),
            );
            problems.extend(
                clean
                    .iter()
                    .filter(|line| !now.contains(line))
                    .map(|line| format!("- {line}")),
            );
            let actions = actions(&lab.plan().await.set);
            problems.extend(
                actions
                    .iter()
                    .map(|action| format!("still to do: {action}")),
            );
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

/// Cuts a run off at each of its calls.
async fn cut_off_everywhere(text: &str, work: Work, how: &[Disturbance], setting: &Setting) {
    let former = (work == Work::Destroy).then_some(text);
    cut_off_from(former, text, work, how, setting).await;
}

/// As [`cut_off_everywhere`], from the lab of a former plan on.
async fn cut_off_from(
    former: Option<&str>,
    text: &str,
    work: Work,
    how: &[Disturbance],
    setting: &Setting,
) {
    let clean = Lab::with(setting.options.clone(), text);
    clean.apply().await;
    let clean = picture(&clean);
    let mut problems = Vec::new();
    let mut count = 0;
    for what in how {
        for at in 0.. {
            let mut lab = Lab::with(setting.options.clone(), former.unwrap_or(text));
            if former.is_some() {
                lab.apply().await;
                pass(60).await;
                lab.text = text.to_owned();
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
                problems.push(format!(
                    "{what:?} at call {at}:\n    {}",
                    found.join("\n    ")
                ));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {count}:\n{}",
        problems.len(),
        problems.join("\n")
    );
    // Calls of planning and of the work itself.
    assert!(count > 20 * how.len(), "only {count}");
}

fn instant() -> Setting {
    Setting {
        options: Options::default(),
        rest: 0,
        is_hasty: false,
    }
}

/// States last; what is new is seen at once.
fn lasting() -> Setting {
    let options = Options {
        propagation: std::time::Duration::ZERO,
        ..slow()
    };
    Setting {
        options,
        ..instant()
    }
}

/// States last, and the user comes back when everything can be seen.
fn lagging() -> Setting {
    Setting {
        options: slow(),
        rest: 10,
        is_hasty: false,
    }
}

/// States last, and the user comes back at once.
fn hasty() -> Setting {
    Setting {
        options: slow(),
        rest: 0,
        is_hasty: true,
    }
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_anywhere_converges() {
    cut_off_everywhere(WHOLE, Work::Apply, &EACH, &instant()).await;
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_while_states_last_converges() {
    cut_off_everywhere(WHOLE, Work::Apply, &EACH, &lasting()).await;
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_in_a_lagging_world_converges() {
    cut_off_everywhere(WHOLE, Work::Apply, &EACH, &lagging()).await;
}

#[tokio::test(start_paused = true)]
async fn an_apply_cut_off_and_repeated_in_haste_converges() {
    cut_off_everywhere(WHOLE, Work::Apply, &KILLS, &hasty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_small_apply_cut_off_anywhere_converges() {
    for setting in [instant(), lasting(), lagging(), hasty()] {
        cut_off_everywhere(SMALL, Work::Apply, &EACH, &setting).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_anywhere_converges() {
    cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &instant()).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_while_states_last_converges() {
    cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &lasting()).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_cut_off_in_a_lagging_world_converges() {
    cut_off_everywhere(WHOLE, Work::Destroy, &EACH, &lagging()).await;
}

/// WHOLE with something else in nearly every place that can be changed in place.
fn changed() -> String {
    WHOLE
        .replace("project: birds", "team: blue")
        .replace("size: 30 GiB", "size: 40 GiB")
        .replace("t3.micro", "t3.small")
        .replace("port: 443", "port: 8443")
        .replace("description: SSH", "description: Secure Shell")
        .replace("versioning: true", "versioning: false")
        .replace("instance_access: read-write", "instance_access: none")
        .replace(
            "name: www, type: CNAME, value: \"@\"",
            "name: www, type: A, value: elastic-ip",
        )
        .replace("name: \"*\"", "name: \"*.lab\"")
        .replace("github_actions: { repository: me/penguins }\n", "")
}

/// How a world is for the longest of these tests, which exhaustive ones run in every world.
fn worlds() -> Vec<Setting> {
    match is_exhaustive() {
        true => vec![instant(), lasting(), lagging()],
        false => vec![instant()],
    }
}

async fn many_changes_cut_off(setting: &Setting) {
    cut_off_from(Some(WHOLE), &changed(), Work::Apply, &EACH, setting).await;
    // A disk never shrinks.
    let back = WHOLE.replace("size: 30 GiB", "size: 40 GiB");
    cut_off_from(Some(&changed()), &back, Work::Apply, &EACH, setting).await;
}

#[tokio::test(start_paused = true)]
async fn many_changes_cut_off_anywhere_converge() {
    for setting in worlds() {
        many_changes_cut_off(&setting).await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_changes_cut_off_and_repeated_in_haste_converge() {
    many_changes_cut_off(&hasty()).await;
}

async fn move_to_another_network_cut_off(setting: &Setting) {
    let default = WHOLE.replace("network: dedicated", "network: default");
    cut_off_from(Some(WHOLE), &default, Work::Apply, &EACH, setting).await;
    cut_off_from(Some(&default), WHOLE, Work::Apply, &EACH, setting).await;
}

#[tokio::test(start_paused = true)]
async fn a_move_to_another_network_cut_off_anywhere_converges() {
    for setting in worlds() {
        move_to_another_network_cut_off(&setting).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_to_another_network_cut_off_and_repeated_in_haste_converges() {
    move_to_another_network_cut_off(&hasty()).await;
}
