//! adopt: what exists already becomes the lab's, after a yes.

use crate::support::{Lab, between};

#[test]
fn what_exists_can_be_taken_into_the_lab() {
    let lab = Lab::full();
    let bucket = lab.bucket();
    lab.ec2(
        "us-east-1",
        "Action=CreateSecurityGroup&GroupName=do4ds-lab&GroupDescription=theirs",
    );
    lab.ec2(
        "us-east-1",
        &format!(
            "Action=ImportKeyPair&KeyName=do4ds-lab&PublicKeyMaterial={}",
            encoded(&lab)
        ),
    );
    lab.rest("s3", "PUT", &format!("/{bucket}"), "");
    lab.rest("s3", "PUT", &format!("/{bucket}/theirs"), "something");
    let address = lab.ec2("us-east-1", "Action=AllocateAddress&Domain=vpc");
    let address = between(&address, "<allocationId>", "<");

    lab.forget_requests();
    lab.labctl(&["apply", "--yes"])
        .refuses(&["`bucket`", "`key_pair`"]);
    lab.labctl(&["adopt", "bucket", &bucket])
        .refuses(&["nobody is there to be asked"]);
    lab.labctl(&["adopt", "bucket", "another-bucket", "--yes"])
        .refuses(&["another-bucket"]);
    lab.labctl(&["adopt", "elastic_ip", "eipalloc-00000000", "--yes"])
        .exits(1)
        .says(&["eipalloc-00000000"]);
    lab.labctl(&["adopt", "vpc", "vpc-00000000", "--yes"])
        .refuses(&["the plan has no `vpc`"]);
    assert_eq!(lab.writes(), 0);

    lab.labctl(&["adopt", "bucket", &bucket, "--yes"])
        .ok()
        .says(&["labctl plan"]);
    lab.labctl(&["adopt", "elastic_ip", address, "--yes"]).ok();
    lab.labctl(&["adopt", "key_pair", "do4ds-lab", "--yes"])
        .ok();
    let plan = lab.labctl(&["plan", "--json"]).ok().json();
    for change in plan["changes"].as_array().unwrap() {
        let action = match change["address"].as_str().unwrap() {
            "bucket" => Some("update"),
            "elastic_ip" => None,
            "key_pair" => Some("none"),
            "security_group" => Some("conflict"),
            _ => Some("create"),
        };
        assert!(
            action.is_none_or(|action| change["action"] == action),
            "{change:#}"
        );
    }
    let group = lab.ec2(
        "us-east-1",
        "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=do4ds-lab",
    );
    lab.labctl(&[
        "adopt",
        "security_group",
        between(&group, "<groupId>", "<"),
        "--yes",
    ])
    .ok();
    lab.labctl(&["adopt", "bucket", &bucket, "--yes"])
        .refuses(&["already", "nothing to adopt"]);

    lab.apply();
    assert_eq!(lab.census("us-east-1").1, 1, "the adopted address is used");
}

/// The key pair's text, in base64 as EC2 takes it, with what a form has to escape.
fn encoded(lab: &Lab) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = lab.read("home/.ssh/id_ed25519.pub");
    let mut encoded = String::new();
    for chunk in text.trim().as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, index| {
            bits << 8 | u32::from(*chunk.get(index).unwrap_or(&0))
        });
        for index in 0..4 {
            let symbol = ALPHABET[(bits >> (18 - 6 * index)) as usize & 63] as char;
            encoded.push(if index <= chunk.len() { symbol } else { '=' });
        }
    }
    encoded
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}
