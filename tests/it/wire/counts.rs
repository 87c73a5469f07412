//! How many requests each command makes, and that the lab is there when it says so.

use crate::support::{Lab, between};

/// How many requests had to wait for an earlier one's answer, one after another, at most.
fn rounds(lab: &Lab) -> usize {
    let mut requests = lab.requests();
    requests.sort_by(|one, other| one.start.total_cmp(&other.start));
    let mut depths: Vec<usize> = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let earlier = requests[..index].iter().zip(&depths);
        let waited_for = earlier.filter(|(earlier, _)| earlier.end <= request.start);
        depths.push(
            1 + waited_for
                .map(|(_, depth)| *depth)
                .max()
                .unwrap_or_default(),
        );
    }
    depths.into_iter().max().unwrap_or_default()
}

#[track_caller]
fn at_most(lab: &Lab, most: usize) {
    let requests = lab.requests();
    let names: Vec<_> = requests.iter().map(|request| &request.operation).collect();
    assert!(names.len() <= most, "{} requests: {names:#?}", names.len());
    lab.forget_requests();
}

#[test]
fn each_command_makes_few_requests() {
    let lab = Lab::full();
    let instance_type = "instance_type: t3.micro";

    lab.labctl(&["plan", "--detailed-exitcode"]).exits(2);
    assert_eq!(lab.writes(), 0);
    at_most(&lab, 30);

    lab.labctl(&["apply", "--yes"]).ok();
    at_most(&lab, 60);
    lab.check_from_outside(&["present", "--instance-type", "t3.micro"]);

    lab.forget_requests();
    lab.latency(400);
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();
    lab.latency(0);
    assert_eq!((rounds(&lab), lab.writes()), (2, 0));
    at_most(&lab, 18);

    lab.labctl(&["apply", "--yes"]).ok();
    assert_eq!(lab.writes(), 0);
    at_most(&lab, 18);

    lab.labctl(&["status"])
        .ok()
        .says(&["https://do4ds-lab.shop/jupyter/"]);
    at_most(&lab, 18);

    lab.edit(instance_type, "instance_type: t3.small");
    lab.labctl(&["apply", "--yes"]).ok();
    at_most(&lab, 25);
    lab.check_from_outside(&["present", "--instance-type", "t3.small"]);
    lab.edit("instance_type: t3.small", instance_type);

    let address = lab.ec2("us-east-1", "Action=DescribeAddresses");
    lab.apply()
        .says(&["t3.micro", between(&address, "<publicIp>", "<")]);
    assert_eq!(address, lab.ec2("us-east-1", "Action=DescribeAddresses"));

    lab.forget_requests();
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    at_most(&lab, 50);
    lab.check_from_outside(&["absent"]);
}

#[test]
fn what_was_destroyed_can_be_made_again() {
    let lab = Lab::full();
    lab.apply();
    for _ in 0..2 {
        lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
        assert_eq!(lab.census("us-east-1"), (0, 0, 0));
        lab.forget_requests();
        lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
        assert_eq!(lab.writes(), 0, "a second destroy has nothing to do");
        lab.apply();
        assert_eq!(lab.census("us-east-1"), (1, 1, 1));
    }
    lab.check_from_outside(&["present"]);
}

#[test]
fn a_slow_aws_is_waited_for() {
    let lab = Lab::full();
    lab.lasting_states(400);
    lab.apply();
    lab.check_from_outside(&["present"]);
    lab.edit("instance_type: t3.micro", "instance_type: t3.small");
    lab.apply();
    lab.edit("size: 30 GiB", "size: 40 GiB");
    lab.apply();
    lab.labctl(&["stop"]).ok();
    lab.labctl(&["start"]).ok();
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}

#[test]
fn a_far_aws_is_asked_side_by_side() {
    let lab = Lab::full();
    lab.latency(100);
    lab.apply();
    let ran = lab.labctl(&["plan"]).ok();
    // Two rounds take 0.2 s; one request after the other would take 1.6 s.
    assert!(ran.took.as_secs_f32() < 1.5, "{ran}");
    lab.check_from_outside(&["present"]);
    lab.labctl(&["destroy", "--yes", "--delete-zone"]).ok();
    lab.check_from_outside(&["absent"]);
}
