//! Every ready plan: once applied, nothing is left to do.

use std::fs;
use std::path::Path;

use crate::support::{Lab, between};

/// Makes what a plan takes to be there, and puts its ids into the plan.
fn prepare(lab: &Lab, name: &str) {
    match name {
        "existing-network.yaml" => {
            let region = "eu-west-1";
            let vpc = lab.ec2(region, "Action=CreateVpc&CidrBlock=10.0.0.0%2F16");
            let vpc = between(&vpc, "<vpcId>", "<");
            let subnet = lab.ec2(region, &format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.1.0%2F24&AvailabilityZone=eu-west-1a"));
            let images = lab.ec2(region, "Action=DescribeImages&Owner.1=099720109477&Filter.1.Name=architecture&Filter.1.Value.1=x86_64");
            lab.edit("vpc-0a1b2c3d4e5f60718", vpc);
            lab.edit(
                "subnet-0a1b2c3d4e5f60718",
                between(&subnet, "<subnetId>", "<"),
            );
            lab.edit("ami-0123456789abcdef0", between(&images, "<imageId>", "<"));
            make_certificate(&lab.folder.join("tls"), &domain(&lab.read("lab.yaml")));
        }
        "existing-zone.yaml" => {
            make_zone(lab, "statistics.example.org");
        }
        "two-regions.yaml" => {
            make_zone(lab, "do4ds-lab.shop");
        }
        _ => {}
    }
}

fn domain(plan: &str) -> String {
    let line = plan.lines().find(|line| line.starts_with("  domain: "));
    let mut words = line.unwrap().split_whitespace();
    words.nth(1).unwrap().to_owned()
}

/// The certificate of an organisation for this name, and its key.
fn make_certificate(folder: &Path, name: &str) {
    fs::create_dir(folder).unwrap();
    let line = format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=lab \
         -addext subjectAltName=DNS:{name} -keyout key.pem -out chain.pem && chmod 600 key.pem"
    );
    let made = std::process::Command::new("sh")
        .args(["-c", &line])
        .current_dir(folder)
        .output();
    let made = made.unwrap();
    assert!(made.status.success(), "{made:?}");
}

fn make_zone(lab: &Lab, name: &str) {
    let body = format!(
        "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name><CallerReference>theirs</CallerReference></CreateHostedZoneRequest>"
    );
    lab.rest("route53", "POST", "/2013-04-01/hostedzone", &body);
}

fn applies_and_is_done(folder: &str, name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(name);
    let lab = Lab::new(&fs::read_to_string(&file).unwrap());
    for bucket in [
        "do4ds-lab-penguins-eu",
        "do4ds-lab-penguins",
        "bare-server-penguins",
        "publish-penguins-models",
    ] {
        if lab.read("lab.yaml").contains(bucket) {
            lab.edit(bucket, &lab.bucket());
        }
    }
    // The plan's own folder has what it names; a link stands for that where the plan lies now.
    let penguins = file.with_file_name("penguins");
    if penguins.is_dir() {
        std::os::unix::fs::symlink(penguins, lab.folder.join("penguins")).unwrap();
    }
    prepare(&lab, name);
    lab.labctl(&["plan", "--detailed-exitcode"]).exits(2);
    lab.labctl(&["apply", "--yes"]).ok();
    lab.forget_requests();
    let ran = lab.labctl(&["plan", "--detailed-exitcode", "--json"]).ok();
    for change in ran.json()["changes"].as_array().unwrap() {
        assert_eq!(change["action"], "none", "{name}: {change:#}");
    }
    let most = match name {
        "github-actions.yaml" => 21,
        "dedicated-network.yaml" => 22,
        // A role for the bucket's users is two calls more.
        "two-regions.yaml" => 20,
        _ => 18,
    };
    assert!(
        lab.requests().len() <= most,
        "{name}: {:#?}",
        lab.requests()
    );
    if name == "bare-server.yaml" {
        lab.labctl(&["destroy", "--yes"]).refuses(&["protected"]);
        lab.edit("protect: true", "protect: false");
        lab.apply();
    }
    let mut destroy = vec!["destroy", "--yes", "--delete-zone"];
    if name == "two-regions.yaml" {
        // The model that was uploaded is in the bucket.
        lab.labctl(&destroy).refuses(&["--empty-bucket"]);
        destroy.push("--empty-bucket");
    }
    lab.labctl(&destroy).ok();
    lab.labctl(&["plan", "--detailed-exitcode"]).exits(2);
}

#[test]
fn every_ready_plan_is_done_after_one_apply() {
    for folder in ["plans", "examples"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(path).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") {
                applies_and_is_done(folder, &name);
            }
        }
    }
}
