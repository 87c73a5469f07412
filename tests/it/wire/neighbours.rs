//! Labs beside each other, in one account: none touches the other.

use crate::support::Lab;

#[test]
fn labs_of_one_account_leave_each_other_alone() {
    let lab = Lab::full();
    let first = lab.read("lab.yaml");
    let bucket = lab.bucket();
    lab.apply();

    // Another name, and its own domain.
    let second = first
        .replace("lab: do4ds-lab ", "lab: other-lab ")
        .replace("do4ds-lab.shop", "other.example")
        .replace(&bucket, &format!("{bucket}-2"));
    lab.write("second.yaml", &second);
    // The same name in another region; its records are in the first one's zone.
    let third = first
        .replace("region: us-east-1", "region: eu-central-1")
        .replace("name: \"@\"", "name: eu")
        .replace("name: \"*\"", "name: \"*.eu\"")
        .replace("name: www", "name: www.eu")
        .replace(&bucket, &format!("{bucket}-3"));
    lab.write("third.yaml", &third);

    let plans = ["lab.yaml", "second.yaml", "third.yaml"];
    for plan in plans {
        lab.labctl(&["apply", "--yes", "--file", plan]).ok();
        for plan in &plans[..=plans.iter().position(|one| *one == plan).unwrap()] {
            lab.labctl(&["plan", "--detailed-exitcode", "--file", plan])
                .ok();
        }
    }
    assert_eq!(lab.census("us-east-1"), (2, 2, 2));
    assert_eq!(lab.census("eu-central-1"), (1, 1, 2));

    // The zone has records of the third: it is not deleted under it.
    let zone = ["destroy", "--yes", "--delete-zone", "--file"];
    lab.forget_requests();
    lab.labctl(&[&zone[..], &["lab.yaml"]].concat())
        .refuses(&["eu.do4ds-lab.shop"]);
    assert_eq!(lab.writes(), 0);

    lab.labctl(&[&zone[..], &["second.yaml"]].concat()).ok();
    assert_eq!(lab.census("us-east-1"), (1, 1, 1));
    for plan in ["lab.yaml", "third.yaml"] {
        lab.labctl(&["plan", "--detailed-exitcode", "--file", plan])
            .ok();
    }
    lab.labctl(&["destroy", "--yes", "--file", "third.yaml"])
        .ok();
    assert_eq!(lab.census("eu-central-1"), (0, 0, 1));
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
    lab.check_from_outside(&["present"]);
}

#[test]
fn a_lost_answer_does_not_make_a_second_server() {
    let lab = Lab::full();
    for operation in [
        "ec2:RunInstances",
        "ec2:AllocateAddress",
        "route53:CreateHostedZone",
        "s3:CreateBucket",
        "iam:CreateRole",
    ] {
        lab.fault(serde_json::json!({ "match": operation, "after_effect": true, "drop": true }));
        let ran = lab.labctl(&["apply", "--yes"]);
        assert!(lab.count(operation) >= 1, "{operation}");
        if operation == "ec2:RunInstances" {
            // It is sent again with the same token, and AWS answers with the same server.
            assert_eq!(lab.count(operation), 2, "{ran}");
            ran.ok();
        }
        lab.no_faults();
        lab.apply();
        assert_eq!(lab.census("us-east-1"), (1, 1, 1), "{operation}");
        lab.check_from_outside(&["present"]);
        lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
        lab.check_from_outside(&["absent"]);
    }
}

#[test]
fn a_name_that_is_taken_is_not_taken_over() {
    let lab = Lab::full();
    lab.make_foreign_bucket(&lab.bucket());
    let ran = lab
        .labctl(&["plan", "--detailed-exitcode", "--json"])
        .exits(2);
    let document = ran.json();
    let changes = document["changes"].as_array().unwrap();
    let bucket = changes
        .iter()
        .find(|change| change["address"] == "bucket")
        .unwrap();
    assert_eq!(bucket["action"], "conflict", "{ran}");
    lab.forget_requests();
    lab.labctl(&["apply", "--yes"])
        .refuses(&[&lab.bucket(), "nothing was changed"]);
    assert_eq!(lab.writes(), 0);
    assert_eq!(lab.census("us-east-1"), (0, 0, 0));
}
