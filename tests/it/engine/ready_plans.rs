//! Every plan that comes with labctl: applied, it is in the cloud as it says, and there is nothing left to do.

use std::fs;
use std::path::Path;

use crate::memory_cloud::{Memory, Options};

use super::foreign;
use super::harness::{ACCOUNT, Lab, complaints, pass, slow};
use super::inspection::faults;

fn ready_plans() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["plans", "examples"].into_iter();
    let files = folders.flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let mut plans: Vec<_> = files
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect();
    plans.sort();
    plans
}

/// Makes what the plan says is there already, and a lab of the plan.
async fn prepared(name: &str, text: &str, options: &Options) -> Lab {
    let memory = Memory::with_options(ACCOUNT, "us-east-1", options.clone());
    let lab = Lab::on(memory, text);
    let mut text = text.to_owned();
    match name {
        "existing-network.yaml" => {
            let (vpc, subnet) = foreign::network(&lab.memory).await;
            let image = foreign::image(&lab.memory, "noble-24.04-amd64").await;
            text = text
                .replace("vpc-0a1b2c3d4e5f60718", &vpc)
                .replace("subnet-0a1b2c3d4e5f60718", &subnet)
                .replace("ami-0123456789abcdef0", &image);
        }
        "existing-zone.yaml" => {
            let zone = foreign::zone(&lab.memory, "statistics.example.org", "by hand").await;
            foreign::record(
                &lab.memory,
                &zone,
                "www.statistics.example.org",
                "A",
                "192.0.2.1",
            )
            .await;
        }
        _ => {}
    }
    pass(30).await;
    Lab::on(lab.memory, &text)
}

async fn check_all(options: &Options) {
    let plans = ready_plans();
    assert!(plans.len() >= 8);
    for (name, text) in plans {
        let lab = prepared(&name, &text, options).await;
        let mut problems = complaints(&lab.try_apply().await);
        problems.extend(faults(&lab));
        pass(10).await;
        problems.extend(lab.actions().await);
        assert_eq!(problems, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_ready_plan_is_made_as_it_says() {
    check_all(&Options::default()).await;
}

#[tokio::test(start_paused = true)]
async fn each_ready_plan_is_made_in_a_slow_world() {
    check_all(&slow()).await;
}
