//! A destroy under fire: it stops at the first refusal, says what is left and what is in the way,
//! and goes on when it is run again.

use serde_json::json;

use crate::support::{Lab, between};

const REGION: &str = "us-east-1";
const DESTROY: &[&str] = &["destroy", "--yes", "--delete-zone"];

fn whole_lab() -> Lab {
    let lab = Lab::full();
    lab.apply();
    lab
}

fn goes_on(lab: &Lab) {
    lab.no_faults();
    lab.labctl(DESTROY).ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn after_a_refusal_nothing_more_is_deleted_and_the_rest_is_named() {
    // Which call is refused, and which of the lab's parts wait for it.
    let refusals = [
        (
            "ec2:TerminateInstances",
            &["security_group", "key_pair", "zone"][..],
        ),
        ("route53:ChangeResourceRecordSets", &["zone", "elastic_ip"]),
        ("iam:DeleteRolePolicy", &[]),
        ("ec2:ReleaseAddress", &[]),
        ("s3:DeleteBucket", &[]),
    ];
    for (operation, rest) in refusals {
        let lab = whole_lab();
        lab.latency(30);
        lab.fault(json!({ "match": operation, "count": 0, "status": 403, "code": "AccessDenied", "message": "words of AWS" }));
        let ran = lab.labctl(DESTROY).exits(1);
        let ran = ran.says(&["lack the permission", "`labctl destroy` goes on from here"]);
        assert!(lab.count(operation) >= 1, "{operation}\n{ran}");
        for part in rest {
            let is_named = ran.stdout.lines().any(|line| {
                let names = line.contains("left out because of it:") || line.contains("not begun:");
                names && line.contains(part)
            });
            // On a busy machine the zone may be gone before the refusal has come.
            let is_gone = *part == "zone" && lab.count("route53:DeleteHostedZone") > 0;
            assert!(is_named || is_gone, "{part} is not named\n{ran}");
        }
        // From the refusal's answer on, nothing else is begun.
        let requests = lab.requests();
        let refused = requests
            .iter()
            .find(|one| one.operation == operation)
            .unwrap();
        let running = requests.iter().filter(|one| one.start < refused.end + 0.5);
        let running: Vec<_> = running.map(|one| one.operation.clone()).collect();
        let later = requests
            .iter()
            .filter(|one| one.writes && one.start > refused.end + 0.5);
        let later: Vec<_> = later.map(|one| one.operation.clone()).collect();
        assert!(later.len() <= running.len(), "{operation}: {later:?}");
        lab.latency(0);
        goes_on(&lab);
    }
}

#[test]
fn an_interface_of_others_in_the_group_is_named() {
    let lab = whole_lab();
    let groups = lab.ec2(
        REGION,
        "Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=do4ds-lab",
    );
    let group = between(&groups, "<groupId>", "<").to_owned();
    let subnets = lab.ec2(REGION, "Action=DescribeSubnets");
    let subnet = between(&subnets, "<subnetId>", "<");
    let made = lab.ec2(
        REGION,
        &format!("Action=CreateNetworkInterface&SubnetId={subnet}&SecurityGroupId.1={group}"),
    );
    let interface = between(&made, "<networkInterfaceId>", "<").to_owned();
    let ran = lab
        .labctl(&[DESTROY, &["--deadline", "8s"]].concat())
        .exits(1);
    ran.says(&[
        &interface,
        &group,
        "detach it, then run the same command again",
    ]);
    let left = lab.ec2(
        REGION,
        &format!("Action=DescribeNetworkInterfaces&NetworkInterfaceId.1={interface}"),
    );
    assert!(left.contains(&interface), "it is not labctl's to delete");
    lab.ec2(
        REGION,
        &format!("Action=DeleteNetworkInterface&NetworkInterfaceId={interface}"),
    );
    goes_on(&lab);
}

#[test]
fn what_others_put_into_the_bucket_or_the_zone_meanwhile_is_named_and_stays() {
    let lab = whole_lab();
    // Seen before the first call that deletes: see also `cli::data` and `wire::neighbours`.
    lab.rest("s3", "PUT", &format!("/{}/theirs", lab.bucket()), "data");
    lab.forget_requests();
    lab.labctl(DESTROY)
        .refuses(&["is not empty", "--empty-bucket"]);
    assert_eq!(lab.writes(), 0);
    lab.labctl(&[DESTROY, &["--empty-bucket"]].concat()).ok();
    lab.check_from_outside(&["absent"]);

    // Seen only by the call that deletes.
    let late = [
        ("s3:DeleteBucket", 409, "BucketNotEmpty", "is not empty"),
        (
            "route53:DeleteHostedZone",
            400,
            "HostedZoneNotEmpty",
            "records that are not this lab's",
        ),
    ];
    for (operation, status, code, words) in late {
        lab.apply();
        lab.fault(json!({ "match": operation, "count": 0, "status": status, "code": code }));
        lab.labctl(DESTROY).exits(1).says(&[words]);
        assert!(lab.hits() > 0);
        goes_on(&lab);
    }
}
