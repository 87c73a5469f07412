//! Something other than AWS answers, or nothing.

use serde_json::json;

use crate::support::{Lab, serve};

const LOGIN_PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><body><h1>Hotel WiFi login</h1></body></html>";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>no such page</html>..";
const BAD_GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>bad gateway</html>";
const NO_HTTP: &str = "SSH-2.0-OpenSSH_9.2p1\r\n";

const PLAN: &str = "lab: a\nregion: us-east-1\ninstance: { image: ubuntu-24.04, instance_type: t3.micro, key_pair: ~/.ssh/id_ed25519.pub }\nbucket: { name: a-bucket-of-mine }\n";

#[test]
fn a_closed_door_is_told_soon() {
    let lab = Lab::offline().with("AWS_ACCESS_KEY_ID", "123456789012");
    lab.write("lab.yaml", PLAN);
    for command in ["plan", "status", "apply", "destroy", "start"] {
        let ran = lab
            .labctl(&[command])
            .refuses(&["cannot be reached", "AWS_ENDPOINT_URL"]);
        assert!(ran.took.as_secs() < 10, "{ran}");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn an_answer_that_is_not_aws_is_told_soon() {
    for answer in [LOGIN_PAGE, NOT_FOUND, BAD_GATEWAY, NO_HTTP, ""] {
        let endpoint = format!("http://127.0.0.1:{}", serve(answer));
        let lab = Lab::offline().with("AWS_ACCESS_KEY_ID", "123456789012");
        let lab = lab.with("AWS_ENDPOINT_URL", &endpoint);
        lab.write("lab.yaml", PLAN);
        for command in ["plan", "destroy"] {
            let ran = lab.labctl(&[command]).refuses(&["AWS_ENDPOINT_URL"]);
            assert!(ran.took.as_secs() < 15, "{answer}\n{ran}");
            assert!(
                !ran.stderr.contains("html") && !ran.stderr.contains("Hyper"),
                "{answer}\n{ran}"
            );
        }
    }
}

#[test]
fn without_credentials_it_says_where_they_come_from() {
    let lab = Lab::offline()
        .without("AWS_SECRET_ACCESS_KEY")
        .without("AWS_SESSION_TOKEN");
    lab.write("lab.yaml", PLAN);
    let ran = lab
        .labctl(&["plan"])
        .refuses(&["no AWS credentials", "aws configure"]);
    assert!(ran.took.as_secs() < 5, "{ran}");
    lab.labctl(&["plan", "--profile", "nobody"])
        .refuses(&["profile", "help: "]);
}

#[test]
fn a_bucket_out_of_reach_is_a_conflict() {
    let lab = Lab::full();
    for (status, code) in [(403, "AccessDenied"), (301, "PermanentRedirect")] {
        lab.fault(json!({ "match": "s3:*", "count": 0, "status": status, "code": code }));
        let ran = lab.labctl(&["plan", "--json"]).ok();
        let document = ran.json();
        let changes = document["changes"].as_array().unwrap();
        let bucket = changes
            .iter()
            .find(|change| change["address"] == "bucket")
            .unwrap();
        assert_eq!(bucket["action"], "conflict", "{ran}");
        assert_eq!(document["summary"]["conflict"], 1, "{ran}");
        lab.labctl(&["apply", "--yes"])
            .refuses(&["is there already and out of reach", "bucket.name"]);
        assert_eq!(lab.writes(), 0);
    }
    // The name was free at plan time, and is taken by the time of the apply.
    lab.fault(json!({ "match": "s3:CreateBucket", "count": 0, "status": 409, "code": "BucketAlreadyExists" }));
    lab.labctl(&["apply", "--yes"])
        .exits(1)
        .says(&["belongs to another account", "bucket.name"]);
    lab.no_faults();
    lab.apply();
    // Where all but one are answered, it is not somebody else's: that one is not permitted.
    for (operation, permission) in [
        ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("s3:GetBucketTagging", "s3:GetBucketTagging"),
    ] {
        let rule = json!({ "match": operation, "count": 0, "status": 403, "code": "AccessDenied" });
        lab.fault(rule);
        lab.labctl(&["plan"])
            .refuses(&[&format!("lack the permission `{permission}`")]);
    }
}

#[test]
fn connections_that_break_are_made_again() {
    let lab = Lab::full();
    lab.fault(json!({ "match": "*", "mutating": false, "count": 3, "drop": true }));
    lab.labctl(&["plan"]).ok();
    lab.fault(json!({ "match": "*", "mutating": true, "nth": 4, "count": 2, "drop": true }));
    lab.labctl(&["apply", "--yes"]);
    lab.no_faults();
    lab.apply();
    lab.check_from_outside(&["present"]);
}
