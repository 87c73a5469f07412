//! A resize is a guarded transaction: noted on the server while it lasts, brought to an end or taken back.

use labctl::cloud::api::Call;

use crate::memory_cloud::Options;
use crate::memory_cloud::faulty::{Fault, Faulty};

use super::disturbances::{EACH, Ending, Work, disturb};
use super::foreign;
use super::harness::{Lab, SMALL, complaints, pass, slow, sole_error};
use super::inspection::server;

const OLD: &str = "instance_type: t3.micro";
const NEW: &str = "instance_type: t3.small";

async fn small_lab(options: Options) -> Lab {
    let lab = Lab::with(options, SMALL);
    lab.apply().await;
    pass(10).await;
    lab
}

#[tokio::test(start_paused = true)]
async fn a_resize_is_noted_on_the_server_while_it_lasts() {
    for options in [Options::default(), slow()] {
        let mut lab = small_lab(options).await;
        let before = server(&lab);
        lab.edit(OLD, NEW);
        assert_eq!(lab.actions().await, ["update instance [instance_type]"]);
        let note = |operation: &str| match operation {
            "StopInstances" | "ModifyInstanceAttribute" | "StartInstances" => {
                server(&lab).tags.get("labctl:transaction").cloned()
            }
            _ => Some("resize t3.micro→t3.small".to_owned()),
        };
        let cloud = Faulty::new(lab.memory.clone(), |call: Call| {
            assert_eq!(
                note(call.operation).as_deref(),
                Some("resize t3.micro→t3.small"),
                "{call}"
            );
            Fault::Pass
        });
        let outcome = lab.apply_through(&cloud).await.unwrap();
        assert_eq!(complaints(&outcome), Vec::<String>::new());
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        let after = server(&lab);
        assert_eq!(after.id, before.id);
        assert_eq!(
            after.attributes["public_address"],
            before.attributes["public_address"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_stopped_on_purpose_stays_so() {
    // Both where it is stopped already and where it is about to be.
    for rest in [60, 0] {
        let mut lab = small_lab(slow()).await;
        foreign::stop(&lab.memory, &server(&lab).id).await;
        pass(rest).await;
        lab.check_nothing_to_do().await;
        lab.apply().await;
        lab.edit(OLD, NEW);
        lab.apply().await;
        pass(60).await;
        let server = server(&lab);
        assert_eq!(
            (server.state.as_str(), server.attributes["type"].as_str()),
            ("stopped", "t3.small")
        );
        assert!(!server.tags.contains_key("labctl:transaction"));
        lab.check_nothing_to_do().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_does_not_start_is_taken_back() {
    for options in [Options::default(), slow()] {
        let mut lab = small_lab(options).await;
        lab.edit(OLD, NEW);
        lab.memory.lack_capacity("t3.small");
        let error = sole_error(&lab.try_apply().await);
        assert!(error.contains("InsufficientInstanceCapacity"), "{error}");
        assert!(error.contains("runs as `t3.micro` again"), "{error}");
        lab.edit(NEW, OLD);
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
        lab.edit(OLD, NEW);
        lab.memory.restore_capacity("t3.small");
        lab.apply().await;
        lab.check_exactly_the_lab();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_as_nothing_is_started_by_the_next_apply() {
    for (later, other) in [(NEW, OLD), (OLD, NEW)] {
        let mut lab = small_lab(slow()).await;
        lab.edit(OLD, NEW);
        lab.memory.lack_capacity("t3.small");
        lab.memory.lack_capacity("t3.micro");
        let error = sole_error(&lab.try_apply().await);
        assert!(error.contains("`labctl apply` tries again"), "{error}");
        assert_eq!(server(&lab).state, "stopped");
        // It is not taken for one that was stopped on purpose, whichever type the plan wants now.
        lab.memory.restore_capacity("t3.small");
        lab.memory.restore_capacity("t3.micro");
        lab.text = lab.text.replace(other, later);
        lab.apply().await;
        lab.check_exactly_the_lab();
        lab.check_nothing_to_do().await;
    }
}

/// Cuts a resize off at each call, and lets the next run finish it; `prepare` says what else is amiss.
async fn cut_off_everywhere(options: &Options, later: &str, lacking: bool) {
    let mut problems = Vec::new();
    let mut count = 0;
    for what in EACH {
        for at in 0.. {
            let mut lab = small_lab(options.clone()).await;
            let before = server(&lab);
            lab.edit(OLD, NEW);
            if lacking {
                lab.memory.lack_capacity("t3.small");
            }
            if matches!(
                disturb(&lab, what, at, Work::Apply).await,
                Ending::Undisturbed
            ) {
                break;
            }
            count += 1;
            lab.memory.restore_capacity("t3.small");
            lab.text = lab.text.replace(NEW, later);
            let mut found = complaints(&lab.try_apply().await);
            found.extend(super::inspection::faults(&lab));
            found.extend(lab.actions().await);
            let after = server(&lab);
            if (after.id, &after.attributes["public_address"])
                != (before.id, &before.attributes["public_address"])
            {
                found.push("another server or address".to_owned());
            }
            if !found.is_empty() {
                problems.push(format!("{what:?} at {at}:\n    {}", found.join("\n    ")));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {count}:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(count > 60, "only {count}");
}

#[tokio::test(start_paused = true)]
async fn a_resize_cut_off_anywhere_is_finished() {
    for options in [Options::default(), slow()] {
        cut_off_everywhere(&options, NEW, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resize_cut_off_while_it_is_taken_back_is_finished() {
    for options in [Options::default(), slow()] {
        cut_off_everywhere(&options, NEW, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_resize_cut_off_and_then_not_wanted_any_more_is_taken_back() {
    for options in [Options::default(), slow()] {
        cut_off_everywhere(&options, OLD, false).await;
        cut_off_everywhere(&options, OLD, true).await;
    }
}
