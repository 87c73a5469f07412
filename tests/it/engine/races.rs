//! Two laptops at once: one lab in the end, with one server.

use std::time::Duration;

use futures_util::join;

use crate::memory_cloud::Options;

use super::harness::{ALL, Lab, WHOLE, pass, run};
use super::inspection::new_items;
use super::picture::picture;

const LATENCY: Duration = Duration::from_millis(50);

/// Applies one plan from two laptops, the second a little later; then once more.
async fn race(text: &str, delay: Duration, options: &Options) -> Vec<String> {
    let lab = Lab::with(options.clone(), text);
    let other = Lab::on(lab.memory.clone(), text);
    let late = async {
        tokio::time::sleep(delay).await;
        let planned = other.plan().await;
        run(&other.memory, &planned, false).await
    };
    let early = async {
        let planned = lab.plan().await;
        run(&lab.memory, &planned, false).await
    };
    join!(early, late);
    let servers = new_items(&lab)
        .into_iter()
        .filter(|item| item.kind == "instance")
        .count();
    assert_eq!(servers, 1, "{delay:?}");
    pass(60).await;
    lab.apply().await;
    lab.check_exactly_the_lab();
    lab.check_nothing_to_do().await;
    picture(&lab)
}

#[tokio::test(start_paused = true)]
async fn two_applies_at_once_end_in_one_lab() {
    let worlds = [
        Options {
            latency: LATENCY,
            ..Options::default()
        },
        Options {
            latency: LATENCY,
            transition: Duration::from_secs(5),
            ..Options::default()
        },
        Options {
            latency: LATENCY,
            transition: Duration::from_secs(5),
            propagation: Duration::from_secs(2),
            ..Options::default()
        },
    ];
    let in_default_network = WHOLE.replace("network: dedicated", "network: default");
    for options in &worlds {
        for text in [&in_default_network, WHOLE] {
            let clean = Lab::with(options.clone(), text);
            clean.apply().await;
            let clean = picture(&clean);
            for step in 0..30 {
                let found = race(text, step * Duration::from_millis(30), options).await;
                assert_eq!(found, clean, "{step}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_during_an_apply_leaves_nothing_once_it_is_repeated() {
    let options = Options {
        latency: LATENCY,
        transition: Duration::from_secs(5),
        ..Options::default()
    };
    for step in 0..40 {
        let lab = Lab::with(options.clone(), WHOLE);
        let other = Lab::on(lab.memory.clone(), WHOLE);
        let apply = async {
            let planned = lab.plan().await;
            run(&lab.memory, &planned, false).await
        };
        let destroy = async {
            tokio::time::sleep(step * Duration::from_millis(100)).await;
            other.destroy_through(&other.memory, ALL).await.unwrap()
        };
        join!(apply, destroy);
        pass(60).await;
        lab.destroy(ALL).await;
        lab.check_nothing_left();
    }
}
