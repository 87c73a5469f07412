//! Saved plans: applied as they were shown, or not at all.

use crate::support::Lab;

#[test]
fn a_saved_plan_is_applied_as_it_was_shown() {
    let lab = Lab::full();
    lab.labctl(&["plan", "--out", "saved"])
        .ok()
        .says(&["labctl apply saved"]);
    // What is saved counts, not what the plan file has become since.
    lab.edit("instance_type: t3.micro", "instance_type: t3.large");
    lab.labctl(&["apply", "saved"])
        .refuses(&["nobody is there to be asked"]);
    lab.labctl(&["apply", "saved", "--yes"]).ok();
    lab.check_from_outside(&["present", "--instance-type", "t3.micro"]);

    // It was applied: AWS is not as it was any more.
    lab.forget_requests();
    lab.labctl(&["apply", "saved", "--yes"])
        .exits(1)
        .says(&["the lab is not as it was", "is new"]);
    assert_eq!(lab.writes(), 0);
}

#[test]
fn a_saved_plan_is_refused_when_aws_has_moved() {
    let lab = Lab::full();
    lab.apply();
    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    lab.labctl(&["plan", "--out", "saved"]).ok();
    let bucket = format!("/{}?versioning", lab.bucket());
    let versioning = |status: &str| {
        format!(
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{status}</Status></VersioningConfiguration>"
        )
    };
    lab.rest("s3", "PUT", &bucket, &versioning("Suspended"));
    lab.forget_requests();
    let ran = lab.labctl(&["apply", "saved", "--yes"]).exits(1);
    let ran = ran.says(&[
        "the lab is not as it was",
        "bucket",
        "`versioning` was true and is false",
        "nothing was changed",
    ]);
    assert_eq!(ran.error().lines().count(), 3, "only what moved\n{ran}");
    assert_eq!(lab.writes(), 0);

    // Back again, it fits.
    lab.rest("s3", "PUT", &bucket, &versioning("Enabled"));
    lab.labctl(&["apply", "saved", "--yes"]).ok();
    lab.check_from_outside(&["present", "--instance-type", "t3.small"]);
}

#[test]
fn what_is_no_saved_plan_is_refused() {
    let lab = Lab::full();
    lab.labctl(&["plan", "--out", "saved"]).ok();
    let saved = lab.read("saved");
    lab.forget_requests();

    let refused = |text: &str, words: &[&str]| {
        lab.write("other", text);
        lab.labctl(&["apply", "other", "--yes"]).refuses(words);
    };
    assert!(saved.contains("t3.micro") && saved.contains("203.0.113.7"));
    refused(
        &saved.replace("t3.micro", "t3.large"),
        &["was changed after it was written"],
    );
    refused(
        &saved.replace("203.0.113.7", "203.0.113.8"),
        &["was changed after it was written"],
    );
    refused(
        &saved.replace("\"format\": 1", "\"format\": 7"),
        &["format 7"],
    );
    refused(&saved[..saved.len() / 2], &["no saved plan"]);
    refused("", &["no saved plan"]);
    refused("{}", &["no saved plan"]);
    refused(&lab.read("lab.yaml"), &["no saved plan", "--file"]);
    lab.labctl(&["apply", "lab.yaml", "--yes"])
        .refuses(&["no saved plan", "--file"]);
    lab.labctl(&["apply", "none", "--yes"])
        .refuses(&["`none`", "--out"]);
    lab.labctl(&["plan", "--out", "no/such/folder"])
        .refuses(&["no/such/folder"]);
    assert_eq!(lab.writes(), 0);
}
