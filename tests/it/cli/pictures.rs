//! What plan, apply and destroy show, whole, as text and as JSON.

use serde_json::{Value, json};

use crate::support::{Lab, normal, snapshot};

/// Takes both pictures of a plan, and checks the JSON against its format.
fn picture(lab: &Lab, name: &str) -> Value {
    let text = lab.labctl(&["plan"]).ok();
    snapshot(&format!("plan_{name}"), &normal(lab, &text.stdout));
    let markdown = lab.labctl(&["plan", "--format", "markdown"]).ok().stdout;
    assert!(markdown.contains(text.stdout.trim_end()), "{markdown}");
    let ran = lab.labctl(&["plan", "--json"]).ok();
    snapshot(&format!("plan_{name}_json"), &normal(lab, &ran.stdout));
    let document = ran.json();
    check_format(&document);
    assert_eq!(document["account"], json!(lab.account));
    document
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Format 1 as promised: keys may be added, none is missing or of another type.
fn check_format(document: &Value) {
    for key in [
        "format", "lab", "region", "account", "changes", "host", "summary", "cost", "verdict",
    ] {
        assert!(keys(document).contains(&key), "{key}");
    }
    assert_eq!(document["format"], 1);
    let summary = &document["summary"];
    assert_eq!(
        keys(summary),
        [
            "create", "update", "replace", "delete", "conflict", "restart"
        ]
    );
    let changes = document["changes"].as_array().unwrap();
    for change in changes {
        for key in [
            "address",
            "kind",
            "action",
            "impact",
            "fields",
            "id",
            "cost",
            "downtime_s",
            "data",
            "reversible",
        ] {
            assert!(keys(change).contains(&key), "{key}: {change:#}");
        }
        let action = change["action"].as_str().unwrap();
        assert!(
            [
                "create", "update", "replace", "delete", "none", "conflict", "kept"
            ]
            .contains(&action)
        );
        let impact = change["impact"].as_str().unwrap();
        assert!(["none", "restart", "replace"].contains(&impact));
        assert!(change["id"].is_string() || change["id"].is_null());
        assert!(
            change["id"].is_string() || ["create", "conflict"].contains(&action),
            "{change:#}"
        );
        for field in change["fields"].as_array().unwrap() {
            assert_eq!(keys(field), ["path", "before", "after"]);
            assert!(
                field["path"].is_string() && field["before"] != field["after"],
                "{change:#}"
            );
        }
    }
    for action in ["create", "update", "replace", "delete", "conflict"] {
        let count = changes
            .iter()
            .filter(|change| change["action"] == action)
            .count();
        assert_eq!(summary[action], json!(count), "{action}");
    }
}

fn change<'a>(document: &'a Value, address: &str) -> &'a Value {
    let changes = document["changes"].as_array().unwrap();
    changes
        .iter()
        .find(|change| change["address"] == address)
        .unwrap()
}

#[test]
fn the_life_of_a_lab_in_pictures() {
    let lab = Lab::full();
    let fresh = picture(&lab, "fresh");
    assert_eq!(
        fresh["summary"]["create"],
        fresh["changes"].as_array().unwrap().len()
    );

    lab.labctl(&["apply"])
        .refuses(&["nobody is there to be asked", "--yes"]);
    assert_eq!(lab.writes(), 0);
    let applied = lab.labctl(&["apply", "--yes"]).ok();
    snapshot("apply_fresh", &normal(&lab, &applied.stdout));
    let unchanged = picture(&lab, "unchanged");
    assert!(
        unchanged["changes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|change| change["action"] == "none")
    );

    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    let resize = picture(&lab, "resize");
    let field = json!({ "path": "instance_type", "before": "t3.micro", "after": "t3.small" });
    assert_eq!(change(&resize, "instance")["fields"], json!([field]));
    assert_eq!(
        resize["summary"],
        json!({ "create": 0, "update": 1, "replace": 0, "delete": 0, "conflict": 0, "restart": 1 })
    );
    let applied = lab.labctl(&["apply", "--yes"]).ok();
    snapshot("apply_resize", &normal(&lab, &applied.stdout));

    lab.edit("size: 30 GiB", "size: 50 GiB");
    let grown = picture(&lab, "grown");
    assert_eq!(change(&grown, "instance")["impact"], "none");
    lab.apply();

    lab.edit(
        "from: [my-ip], description: SSH",
        "from: [198.51.100.0/24, 2001:db8::/32], description: the office",
    );
    lab.edit(
        "port: 80,  from: [anywhere] }",
        "port: 80,  from: [anywhere], description: redirects }",
    );
    let rules = picture(&lab, "rules");
    assert_eq!(change(&rules, "security_group")["action"], "update");
    lab.apply();

    lab.cut("elastic_ip");
    lab.cut("bucket");
    lab.cut("dns");
    lab.cut("workbench");
    let removed = picture(&lab, "removed");
    assert_eq!(change(&removed, "elastic_ip")["action"], "delete");
    assert_eq!(change(&removed, "bucket")["action"], "kept");
    assert_eq!(change(&removed, "zone")["action"], "kept");
    let applied = lab.labctl(&["apply", "--yes"]).ok();
    snapshot("apply_removed", &normal(&lab, &applied.stdout));
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn what_is_in_the_way_in_a_picture() {
    let lab = Lab::full();
    lab.ec2("us-east-1", "Action=CreateKeyPair&KeyName=do4ds-lab");
    lab.rest("s3", "PUT", &format!("/{}", lab.bucket()), "");
    lab.rest(
        "s3",
        "PUT",
        &format!("/{}/theirs", lab.bucket()),
        "something",
    );
    let document = picture(&lab, "conflict");
    assert_eq!(change(&document, "key_pair")["action"], "conflict");
    lab.forget_requests();
    lab.labctl(&["apply", "--yes"])
        .refuses(&["`key_pair`", "labctl adopt ADDRESS ID"]);
    assert_eq!(lab.writes(), 0);
    lab.labctl(&["plan", "--detailed-exitcode"]).exits(2);
}

#[test]
fn the_end_of_a_lab_in_a_picture() {
    let lab = Lab::full();
    lab.apply();
    // Nobody is there to be asked: it shows what would be deleted, and deletes nothing.
    lab.forget_requests();
    let ran = lab
        .labctl(&["destroy"])
        .refuses(&["nobody is there to be asked", "--yes"]);
    snapshot("destroy_asks", &normal(&lab, &ran.stdout));
    assert_eq!(lab.writes(), 0);
    let ran = lab.labctl(&["destroy", "--yes"]).ok();
    snapshot("destroy_keeps_zone", &normal(&lab, &ran.stdout));
    let ran = lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    snapshot("destroy_zone", &normal(&lab, &ran.stdout));
    let ran = lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    snapshot("destroy_nothing", &normal(&lab, &ran.stdout));
}
