//! Data is never lost by `--yes` alone.

use crate::support::Lab;

#[test]
fn a_server_is_replaced_only_when_it_is_named() {
    let lab = Lab::full();
    lab.apply();
    let before = lab.labctl(&["status", "--json"]).ok().json()["server"]["id"].clone();
    lab.edit("image: ubuntu-24.04", "image: ubuntu-22.04");
    lab.labctl(&["plan"]).ok().says(&["replace"]);
    lab.forget_requests();
    for arguments in [
        &["apply", "--yes"][..],
        &["apply", "--yes", "--replace", "bucket"],
    ] {
        lab.labctl(arguments).refuses(&[
            "`image`",
            "`instance`",
            "--replace instance",
            "nothing was changed",
        ]);
    }
    lab.edit("protect: false", "protect: true");
    lab.labctl(&["apply", "--yes", "--replace", "instance"])
        .refuses(&["protected", "`image`"]);
    lab.edit("protect: true", "protect: false");
    assert_eq!(lab.writes(), 0);

    lab.labctl(&["apply", "--yes", "--replace", "instance"])
        .ok();
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
    let after = lab.labctl(&["status", "--json"]).ok().json()["server"]["id"].clone();
    assert!(before.is_string() && after.is_string() && before != after);
    assert_eq!(lab.census("us-east-1"), (1, 1, 1));
}

#[test]
fn a_disk_does_not_shrink() {
    let lab = Lab::full();
    lab.apply();
    lab.edit("size: 30 GiB", "size: 20 GiB");
    lab.forget_requests();
    for command in ["plan", "apply"] {
        lab.labctl(&[command])
            .exits(1)
            .says(&["lab.yaml:19:", "30 GiB", "help: "]);
    }
    assert_eq!(lab.writes(), 0);
}

#[test]
fn a_protected_lab_is_not_destroyed() {
    let lab = Lab::full();
    lab.edit("protect: false", "protect: true");
    lab.apply();
    lab.forget_requests();
    lab.labctl(&["destroy", "--yes", "--empty-bucket", "--delete-zone"])
        .exits(1)
        .says(&["lab.yaml:12:", "protected", "`protect: false`"]);
    assert!(lab.requests().is_empty());
    lab.edit("protect: true", "protect: false");
    // What is in AWS is still protected; destroy takes that off by itself.
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn a_full_bucket_is_deleted_only_when_that_is_said() {
    let lab = Lab::full();
    lab.apply();
    for version in ["one", "two"] {
        lab.rest("s3", "PUT", &format!("/{}/model", lab.bucket()), version);
    }
    lab.rest("s3", "DELETE", &format!("/{}/model", lab.bucket()), "");
    lab.forget_requests();
    lab.labctl(&["destroy", "--yes", "--delete-zone"])
        .refuses(&["is not empty", "nothing was deleted", "--empty-bucket"]);
    assert_eq!(lab.writes(), 0);
    lab.check_from_outside(&["present"]);
    lab.labctl(&["destroy", "--yes", "--delete-zone", "--empty-bucket"])
        .ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn a_zone_is_kept_unless_it_is_named() {
    let lab = Lab::full();
    lab.apply();
    lab.labctl(&["destroy", "--yes"])
        .ok()
        .says(&["kept", "do4ds-lab.shop", "--delete-zone"]);
    assert_eq!(lab.census("us-east-1"), (0, 0, 1));
    // The next lab finds it and uses it again: its name servers stay.
    let zone = lab.rest("route53", "GET", "/2013-04-01/hostedzone", "");
    lab.apply();
    assert_eq!(
        crate::support::elements(&zone, "Id"),
        crate::support::elements(
            &lab.rest("route53", "GET", "/2013-04-01/hostedzone", ""),
            "Id"
        )
    );
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn destroy_needs_neither_key_nor_address() {
    let lab = Lab::full();
    lab.apply();
    std::fs::remove_file(lab.folder.join("home/.ssh/id_ed25519.pub")).unwrap();
    let lab = lab
        .without("LABCTL_MY_IP")
        .with("HTTPS_PROXY", "http://127.0.0.1:1");
    lab.labctl(&["plan"]).exits(1).says(&["id_ed25519.pub"]);
    lab.labctl(&["status"]).ok();
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}
