//! Whose a bucket is: each request names the account, and another account's bucket is left alone.

use crate::support::Lab;

const PLAN: &str = "\
lab: owned
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: ~/.ssh/id_ed25519.pub
security_group:
  ingress:
    - { port: 22, from: [my-ip] }
    - { port: 443, from: [anywhere] }
    - { port: 80, from: [anywhere] }
bucket: { name: BUCKET, versioning: true, instance_access: read }
workbench:
  api: { image: ours/model:1, model: models/penguin_model }
";

/// What is asked of a bucket before the account is known; it counts only once the account is.
const BEFORE: [&str; 3] = [
    "s3:GetBucketEncryption",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
];

fn lab() -> Lab {
    let lab = Lab::new(PLAN);
    lab.edit("BUCKET", &lab.bucket());
    lab.write("models/penguin_model/model.json", "{}");
    lab
}

#[test]
fn every_s3_request_names_the_account() {
    let lab = lab();
    lab.apply();
    lab.edit("versioning: true", "versioning: false");
    lab.edit("lab: owned", "lab: owned\ntags: { project: birds }");
    lab.apply();
    let destroy = ["destroy", "--yes"];
    lab.labctl(&destroy).exits(1).says(&["is not empty"]);
    let emptying = ["destroy", "--yes", "--empty-bucket"];
    lab.labctl(&emptying).ok();
    let requests = lab.requests();
    let to_s3 = requests
        .iter()
        .filter(|one| one.operation.starts_with("s3:"));
    let (named, nameless): (Vec<_>, Vec<_>) = to_s3.partition(|one| one.expected_owner.is_some());
    for request in &named {
        let owner = request.expected_owner.as_ref();
        assert_eq!(owner, Some(&lab.account), "{}", request.operation);
    }
    for request in nameless {
        let operation = request.operation.as_str();
        let may = operation == "s3:CreateBucket" || BEFORE.contains(&operation);
        assert!(may, "{operation} names no account");
    }
    let mut operations: Vec<_> = named.iter().map(|one| one.operation.as_str()).collect();
    operations.sort_unstable();
    operations.dedup();
    let all = [
        "s3:DeleteBucket",
        "s3:DeleteObjects",
        "s3:GetBucketTagging",
        "s3:GetPublicAccessBlock",
        "s3:ListObjectVersions",
        "s3:PutBucketEncryption",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutObject",
        "s3:PutPublicAccessBlock",
    ];
    assert_eq!(operations, all);
}

#[test]
fn marked_bucket_of_another_account_is_left_alone() {
    let lab = lab();
    let name = lab.bucket();
    lab.make_marked_foreign_bucket(&name, "owned");
    let before = lab.foreign_bucket(&name);
    lab.forget_requests();
    let why = format!("bucket `{name}` belongs to another account");
    let help = "write another name in the plan's `bucket.name`";
    lab.labctl(&["plan"]).ok().says(&[&why, help]);
    for command in [
        &["apply", "--yes"][..],
        &["adopt", "bucket", &name, "--yes"][..],
    ] {
        let ran = lab.labctl(command).exits(1);
        ran.says(&[&why, help, "nothing was changed"]);
    }
    assert_eq!(lab.writes(), 0);

    // Also where the rest of the lab is there.
    lab.edit(&name, &format!("{name}-2"));
    lab.apply();
    lab.edit(&format!("{name}-2"), &name);
    lab.forget_requests();
    lab.labctl(&["apply", "--yes"]).exits(1).says(&[&why]);
    assert_eq!(lab.writes(), 0);
    let ran = lab.labctl(&["destroy", "--yes", "--empty-bucket"]).ok();
    assert!(!ran.stdout.contains(&format!("{name} ")), "{ran}");
    assert_eq!(lab.foreign_bucket(&name), before);
}

/// A policy of one's own that lacks a permission is told as what it is.
#[test]
fn missing_permission_is_not_taken_for_another_account() {
    let lab = lab();
    lab.apply();
    let denied = serde_json::json!({
        "match": "s3:GetPublicAccessBlock", "count": 9, "status": 403, "code": "AccessDenied", "message": "no",
    });
    lab.fault(denied);
    let ran = lab.labctl(&["plan"]).exits(1);
    let ran = ran.says(&["permission `s3:GetBucketPublicAccessBlock`"]);
    assert!(!ran.stderr.contains("another account"), "{ran}");
}
