//! A resize under fire: the server runs again, as the old type or the new, at its address.

use serde_json::{Value, json};

use crate::support::Lab;

const APPLY: &[&str] = &["apply", "--yes"];

/// A whole lab, whose plan asks for another type now.
fn before_resize() -> Lab {
    let lab = Lab::full();
    lab.apply();
    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    lab
}

fn addresses(lab: &Lab) -> String {
    lab.ec2("us-east-1", "Action=DescribeAddresses")
}

fn check_up(lab: &Lab, instance_type: &str) {
    lab.check_from_outside(&["present", "--instance-type", instance_type]);
}

fn refusal(operation: &str, status: u16, code: &str, count: u32) -> Value {
    json!({ "match": operation, "count": count, "status": status, "code": code, "message": "words of AWS" })
}

#[test]
fn where_the_new_type_does_not_start_the_old_one_runs_again() {
    let start = "ec2:StartInstances";
    let refusals = [
        refusal(start, 500, "InsufficientInstanceCapacity", 1),
        refusal(start, 400, "Unsupported", 1),
        refusal(start, 400, "VcpuLimitExceeded", 1),
        refusal(
            "ec2:ModifyInstanceAttribute",
            400,
            "InvalidInstanceAttributeValue",
            1,
        ),
    ];
    let lab = before_resize();
    let address = addresses(&lab);
    for rule in refusals {
        lab.fault(rule.clone());
        let ran = lab.labctl(APPLY).exits(1);
        let ran = ran.says(&["did not start as `t3.small`", "runs as `t3.micro` again"]);
        assert_eq!(lab.hits(), 1, "{rule}\n{ran}");
        check_up(&lab, "t3.micro");
        assert_eq!(addresses(&lab), address, "{rule}");
    }
    lab.no_faults();
    lab.apply();
    check_up(&lab, "t3.small");
    assert_eq!(addresses(&lab), address);
}

#[test]
fn where_no_type_starts_it_says_so_and_the_next_apply_starts_it() {
    let lab = before_resize();
    let address = addresses(&lab);
    lab.fault(refusal(
        "ec2:StartInstances",
        500,
        "InsufficientInstanceCapacity",
        0,
    ));
    let words = [
        "nor again as `t3.micro`",
        "its disk is safe",
        "`labctl apply` tries again",
    ];
    lab.labctl(APPLY).exits(1).says(&words);
    // It is not stopped on purpose: only an apply may go on.
    lab.labctl(&["start"])
        .refuses(&["cut off", "`labctl apply`"]);
    lab.labctl(APPLY).exits(1);
    lab.no_faults();
    lab.apply();
    check_up(&lab, "t3.small");
    assert_eq!(addresses(&lab), address);
}

#[test]
fn trouble_of_aws_between_stop_and_start_is_not_taken_for_a_refusal() {
    let lab = before_resize();
    lab.fault(refusal("ec2:StartInstances", 500, "InternalError", 0));
    lab.labctl(APPLY).exits(1).says(&["trouble of its own"]);
    assert!(lab.count("ec2:StartInstances") > 3);
    lab.no_faults();
    lab.apply();
    check_up(&lab, "t3.small");
}

#[test]
fn killed_between_stop_and_start_it_is_brought_to_its_end_or_back() {
    let steps = [
        ("ec2:StopInstances", false),
        ("ec2:StopInstances", true),
        ("ec2:ModifyInstanceAttribute", false),
        ("ec2:ModifyInstanceAttribute", true),
        ("ec2:StartInstances", false),
        ("ec2:StartInstances", true),
    ];
    let lab = Lab::full();
    lab.apply();
    lab.lasting_states(100);
    let address = addresses(&lab);
    for (operation, after_effect) in steps {
        // The user goes on, or takes the change back: up it is either way.
        for (now, next) in [("t3.small", "t3.small"), ("t3.medium", "t3.micro")] {
            let plan = lab.read("lab.yaml");
            let with = |wanted: &str| {
                plan.replace(
                    "instance_type: t3.micro",
                    &format!("instance_type: {wanted}"),
                )
            };
            lab.write("lab.yaml", &with(now));
            lab.killed(APPLY, operation, after_effect);
            lab.write("lab.yaml", &with(next));
            lab.apply();
            check_up(&lab, next);
            assert_eq!(addresses(&lab), address, "{operation}");
            lab.write("lab.yaml", &plan);
            lab.apply();
        }
    }
}
