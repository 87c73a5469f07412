//! What AWS may refuse: one plain sentence, no storm of retries, and the next apply goes on.

use serde_json::json;

use crate::support::{Lab, Ran};

struct Refusal {
    command: &'static str,
    operation: &'static str,
    status: u16,
    code: &'static str,
    message: &'static str,
    /// What has to be said.
    words: &'static [&'static str],
}

const fn refusal(
    command: &'static str,
    operation: &'static str,
    code: &'static str,
    words: &'static [&'static str],
) -> Refusal {
    Refusal {
        command,
        operation,
        status: 400,
        code,
        message: "words of AWS",
        words,
    }
}

const DENIED: &str = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/ada is not authorized to perform: ec2:RunInstances on resource: x. Encoded authorization failure message: 4EpC0dedAuthor1zation_4EpC0dedAuthor1zation_4EpC0dedAuthor1zation_4EpC0dedAuthor1zation_4EpC0dedAuthor1zation_4EpC0dedAuthor1zation";

static REFUSALS: &[Refusal] = &[
    refusal(
        "plan",
        "sts:GetCallerIdentity",
        "ExpiredToken",
        &["expired", "help: log in again"],
    ),
    refusal(
        "plan",
        "ec2:DescribeInstances",
        "AuthFailure",
        &["credentials", "help: "],
    ),
    refusal(
        "plan",
        "ec2:DescribeAddresses",
        "UnauthorizedOperation",
        &["permission `ec2:DescribeAddresses`", "help: "],
    ),
    refusal(
        "plan",
        "iam:GetInstanceProfile",
        "AccessDenied",
        &["permission `iam:GetInstanceProfile`", "help: "],
    ),
    refusal(
        "plan",
        "ec2:DescribeVolumes",
        "OptInRequired",
        &["region", "help: "],
    ),
    refusal(
        "plan",
        "ec2:DescribeKeyPairs",
        "RequestExpired",
        &["clock", "help: "],
    ),
    Refusal {
        status: 403,
        message: DENIED,
        ..refusal(
            "apply",
            "ec2:RunInstances",
            "UnauthorizedOperation",
            &["permission `ec2:RunInstances`", "help: "],
        )
    },
    refusal(
        "apply",
        "ec2:RunInstances",
        "OptInRequired",
        &["signed up", "help: "],
    ),
    refusal(
        "apply",
        "ec2:RunInstances",
        "PendingVerification",
        &["verifying", "help: "],
    ),
    refusal(
        "apply",
        "ec2:RunInstances",
        "VcpuLimitExceeded",
        &["limit of running servers", "help: "],
    ),
    refusal(
        "apply",
        "ec2:AllocateAddress",
        "AddressLimitExceeded",
        &["limit of Elastic IPs", "help: "],
    ),
    Refusal {
        message: "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, run 'describe-instance-types'.",
        ..refusal(
            "apply",
            "ec2:RunInstances",
            "InvalidParameterCombination",
            &["free plan", "t3.micro"],
        )
    },
];

/// Everything that went wrong is on one line that begins with ✗.
fn check_apply(ran: &Ran, refusal: &Refusal) {
    let failures: Vec<_> = ran
        .stdout
        .lines()
        .filter(|line| line.contains('✗'))
        .collect();
    assert_eq!(failures.len(), 1, "{ran}");
    assert!(
        !ran.stdout.contains(refusal.message),
        "not in plain words\n{ran}"
    );
    assert!(!ran.stdout.contains("4EpC0ded"), "{ran}");
}

fn inject(lab: &Lab, refusal: &Refusal) {
    let Refusal {
        operation,
        status,
        code,
        message,
        ..
    } = refusal;
    lab.fault(json!({ "match": operation, "count": 0, "status": status, "code": code, "message": message }));
}

#[test]
fn refusals_of_a_plan_are_told_in_plain_words_and_not_repeated() {
    let lab = Lab::full();
    for refusal in REFUSALS.iter().filter(|refusal| refusal.command == "plan") {
        inject(&lab, refusal);
        let ran = lab.labctl(&["plan"]).refuses(refusal.words);
        assert!(!ran.stderr.contains(refusal.message), "{ran}");
        lab.labctl(&["plan", "-v"])
            .exits(1)
            .says(&[refusal.message, "request "]);
        assert_eq!(lab.count(refusal.operation), 2, "{}", refusal.code);
    }
}

#[test]
fn refusals_of_an_apply_are_told_in_plain_words_and_not_repeated() {
    for refusal in REFUSALS.iter().filter(|refusal| refusal.command == "apply") {
        let lab = Lab::full();
        inject(&lab, refusal);
        let ran = lab.labctl(&["apply", "--yes"]).exits(1).says(refusal.words);
        check_apply(&ran, refusal);
        assert_eq!(lab.count(refusal.operation), 1, "{}", refusal.code);
        lab.labctl(&["apply", "--yes", "-v"])
            .exits(1)
            .says(&["request "]);
        // What went well stays; the rest is made later.
        lab.no_faults();
        lab.apply();
        assert_eq!(lab.census("us-east-1"), (1, 1, 1));
    }
}

#[test]
fn throttling_is_waited_out_for_a_while() {
    let lab = Lab::full();
    lab.fault(json!({ "match": "ec2:Describe*", "count": 2, "status": 503, "code": "RequestLimitExceeded" }));
    lab.labctl(&["plan"]).ok();
    lab.fault(json!({ "match": "route53:*", "count": 2, "status": 400, "code": "Throttling" }));
    lab.labctl(&["plan"]).ok();
    lab.fault(json!({ "match": "ec2:RunInstances", "count": 2, "status": 503, "code": "RequestLimitExceeded" }));
    lab.apply();
    lab.no_faults();
    assert_eq!(lab.census("us-east-1"), (1, 1, 1));

    for (rule, words) in [
        (
            json!({ "match": "ec2:DescribeInstances", "count": 0, "status": 503, "code": "RequestLimitExceeded" }),
            "no more requests",
        ),
        (
            json!({ "match": "s3:*", "count": 0, "status": 503, "code": "SlowDown" }),
            "no more requests",
        ),
        (
            json!({ "match": "iam:*", "count": 0, "status": 503, "code": "ServiceUnavailable" }),
            "trouble of its own",
        ),
    ] {
        lab.fault(rule);
        let ran = lab.labctl(&["plan"]).refuses(&[words, "help: "]);
        assert!(ran.took.as_secs() < 20, "{ran}");
        assert!(lab.requests().len() < 80, "{}", lab.requests().len());
    }
}
