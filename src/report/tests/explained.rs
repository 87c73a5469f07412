use std::time::Duration;

use insta::assert_snapshot;

use crate::cloud::api::{Call, CallError, CallFailure};
use crate::cloud::resources::StepError;
use crate::report::Explanation;
use crate::report::explain::{call_error, error, step_error};

const RUN: Call = Call {
    service: "ec2",
    operation: "RunInstances",
    writes: true,
};

fn of(code: &str, message: &str) -> Explanation {
    call_error(&CallError::service(RUN, 400, code, message))
}

fn failing(failure: CallFailure) -> Explanation {
    call_error(&CallError {
        call: RUN,
        failure,
        request_id: Some("r-1".to_owned()),
    })
}

fn words(explanation: &Explanation) -> String {
    let help = explanation.help.as_deref().unwrap_or("-");
    format!("{}\n  help: {help}", explanation.summary)
}

#[test]
fn every_known_code_has_a_way_out() {
    let codes = [
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "AuthFailure",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "UnauthorizedOperation",
        "AccessDenied",
        "AccessDeniedException",
        "OptInRequired",
        "PendingVerification",
        "Blocked",
        "VcpuLimitExceeded",
        "InstanceLimitExceeded",
        "AddressLimitExceeded",
        "VpcLimitExceeded",
        "TooManyBuckets",
        "TooManyHostedZones",
        "LimitExceeded",
        "RulesPerSecurityGroupLimitExceeded",
        "InsufficientInstanceCapacity",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "SlowDown",
        "RequestTimeTooSkewed",
        "RequestInTheFuture",
        "BucketAlreadyExists",
    ];
    for code in codes {
        let explanation = of(code, "AWS says so.");
        assert!(explanation.help.is_some(), "{code}");
        assert!(
            !explanation.summary.contains(code),
            "{code}: {}",
            explanation.summary
        );
        assert!(
            !words(&explanation).contains('{'),
            "{}",
            words(&explanation)
        );
    }
}

#[test]
fn a_missing_permission_is_named() {
    let message = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x \
                   is not authorized to perform: iam:PassRole on resource: arn. Encoded: abc";
    assert_snapshot!(words(&of("UnauthorizedOperation", message)), @r#"
    these credentials lack the permission `iam:PassRole`
      help: have it allowed in IAM; `-v` shows AWS's encoded reason, and `aws sts decode-authorization-message` reads it
    "#);
    assert_snapshot!(words(&of("UnauthorizedOperation", "no")), @r#"
    these credentials lack the permission `ec2:RunInstances`
      help: have it allowed in IAM; `-v` shows AWS's encoded reason, and `aws sts decode-authorization-message` reads it
    "#);
    let call = Call {
        service: "s3",
        operation: "PutBucketEncryption",
        writes: true,
    };
    assert_snapshot!(words(&call_error(&CallError::service(call, 403, "AccessDenied", ""))), @r#"
    these credentials lack the permission `s3:PutEncryptionConfiguration`
      help: have it allowed in IAM, or name another profile by `--profile` or `AWS_PROFILE`; `-v` shows AWS's words
    "#);
}

/// The texts are those of "Troubleshoot access denied error messages" in the IAM User Guide.
#[test]
fn who_denies_is_named() {
    let explained = |end: &str| {
        let message = format!(
            "User: arn:aws:iam::1:user/x is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:x {end}"
        );
        words(&of("UnauthorizedOperation", &message))
    };
    let ends = [
        "with an explicit deny in a service control policy",
        "because no service control policy allows the ec2:RunInstances action",
        "with an explicit deny in a resource control policy",
        "because no permissions boundary allows the ec2:RunInstances action",
        "with an explicit deny in a permissions boundary",
        "because no session policy allows the ec2:RunInstances action",
        "because no VPC endpoint policy allows the ec2:RunInstances action",
        "with an explicit deny in a resource-based policy",
        "with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/x",
        "because no identity-based policy allows the ec2:RunInstances action",
    ];
    assert_snapshot!(ends.map(explained).join("\n"), @r#"
    a service control policy of the AWS organisation denies `ec2:RunInstances`
      help: whoever runs the AWS organisation can change it, and no policy of this account can; ask there, or write another `region` or `instance_type` if it is about these
    no service control policy of the AWS organisation allows `ec2:RunInstances`
      help: whoever runs the AWS organisation can change it, and no policy of this account can; ask there, or write another `region` or `instance_type` if it is about these
    a resource control policy of the AWS organisation denies `ec2:RunInstances`
      help: whoever runs the AWS organisation can change it, and no policy of this account can; ask there, or write another `region` or `instance_type` if it is about these
    the permissions boundary of this user or role does not allow `ec2:RunInstances`
      help: have it changed in the boundary: what a policy allows counts only within it
    the permissions boundary of this user or role denies `ec2:RunInstances`
      help: have it changed in the boundary: what a policy allows counts only within it
    the session policy of these credentials does not allow `ec2:RunInstances`
      help: take credentials on without that session policy, or have it changed where they are made
    the policy of the VPC endpoint on the way to AWS does not allow `ec2:RunInstances`
      help: have it changed, or go to AWS another way
    the policy of the resource itself denies `ec2:RunInstances`
      help: have it changed there (a bucket's policy, a role's trust); `-v` shows which resource
    a policy of this user or role denies `ec2:RunInstances` explicitly
      help: have it changed in IAM: a denial counts more than all that is allowed elsewhere
    these credentials lack the permission `ec2:RunInstances`
      help: have it allowed in IAM; `-v` shows AWS's encoded reason, and `aws sts decode-authorization-message` reads it
    "#);
    let key = "is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:x because no identity-based policy allows the kms:GenerateDataKey action";
    assert_snapshot!(words(&of("AccessDenied", key)), @r#"
    these credentials lack the permission `kms:GenerateDataKey` for the key that encrypts here
      help: have it allowed in the key's policy and in IAM; `-v` shows which key
    "#);
    let capacity = "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1a). You can currently get t3.micro capacity by not specifying an Availability Zone in your request or choosing us-east-1b, us-east-1c.";
    assert_snapshot!(words(&of("InsufficientInstanceCapacity", capacity)), @r#"
    AWS has no server of this type left in this zone at the moment
      help: AWS offers it in us-east-1b, us-east-1c: write `availability_zone: us-east-1b` under the plan's `instance`, or another `instance_type`
    "#);
    let quota = "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to.";
    assert_snapshot!(words(&of("VcpuLimitExceeded", quota)), @r#"
    this account may not run any server of this family of types yet: its limit is 0 vCPUs
      help: ask for more under Service Quotas, Amazon EC2 (for `g` and `vt` types it is called `Running On-Demand G and VT instances`); until then write another `instance_type`, such as `t3.large`
    "#);
}

#[test]
fn the_free_plan_is_told_from_other_bad_parameters() {
    let message = "The specified instance type is not eligible for Free Tier. For a list, …";
    assert_snapshot!(words(&of("InvalidParameterCombination", message)), @r#"
    this account is on the free plan, which does not have this type of server
      help: write `instance_type: t3.micro` in the plan, or upgrade the account's plan
    "#);
    assert_snapshot!(words(&of("InvalidParameterCombination", "No default subnet.")), @r#"
    AWS refused `ec2:RunInstances` with `InvalidParameterCombination`: No default subnet.
      help: -
    "#);
}

#[test]
fn a_wrong_clock_is_told_from_a_wrong_key() {
    assert_snapshot!(words(&of("SignatureDoesNotMatch", "Signature not yet current: 1 > 0")), @r#"
    this machine's clock is wrong: AWS refuses requests that are minutes off
      help: set the clock (`timedatectl set-ntp true`, `sudo sntp -sS time.apple.com`), then run again
    "#);
    assert_snapshot!(words(&of("SignatureDoesNotMatch", "The request signature …")), @r#"
    AWS does not accept the signature: the secret access key does not fit the key's id
      help: enter both again by `aws configure`, or name another profile by `--profile` or `AWS_PROFILE`
    "#);
}

#[test]
fn what_never_reached_aws_is_explained() {
    let credentials = "dispatch failure: other: no providers in chain provided credentials: \
                       x (DispatchFailure(DispatchFailure { source: … }))";
    let sso = "dispatch failure: other: the SSO session has expired or is otherwise invalid";
    let texts = [
        words(&failing(CallFailure::NotSent(credentials.to_owned()))),
        words(&failing(CallFailure::NotSent(sso.to_owned()))),
        words(&failing(CallFailure::NotSent("it is odd".to_owned()))),
        words(&failing(CallFailure::Unreachable("io".to_owned()))),
        words(&failing(CallFailure::TimedOut)),
        words(&failing(CallFailure::Garbled {
            detail: "HTTP status 200".to_owned(),
            body: "<html>".to_owned(),
        })),
    ];
    assert_snapshot!(texts.join("\n"), @r#"
    no AWS credentials were found
      help: enter them by `aws configure`, log in by `aws sso login`, or name a profile by `--profile` or `AWS_PROFILE`
    the AWS login has expired
      help: log in again by `aws sso login`, with `--profile NAME` if you use one, then run again
    the request could not be sent: it is odd
      help: check the credentials by `aws sts get-caller-identity`, and `AWS_ENDPOINT_URL` if it is set
    AWS cannot be reached for `ec2:RunInstances`
      help: check the network and a proxy or firewall in the way; if `AWS_ENDPOINT_URL` is set, whether what it names is up
    AWS did not answer `ec2:RunInstances` in time
      help: check the network, then run the same command again: it goes on where this one ended
    what answers `ec2:RunInstances` is not AWS
      help: check for a proxy or a login page in the way; if `AWS_ENDPOINT_URL` is set, whether it names the right place
    "#);
}

#[test]
fn nothing_secret_or_unreadable_passes() {
    let secret = "s".repeat(400);
    let message = format!("bad AKIAIOSFODNN7EXAMPLE {secret} \u{1b}[2J");
    let explanation = of("Unheard", &message);
    assert_snapshot!(words(&explanation), @r#"
    AWS refused `ec2:RunInstances` with `Unheard`: bad (a key's id) (…) \u{1b}[2J
      help: -
    "#);
    assert_snapshot!(explanation.detail.unwrap(), @r#"ec2:RunInstances: Unheard: bad (a key's id) (…) \u{1b}[2J"#);
    let message = "The request signature we calculated does not match. The Canonical String for \
                   this request should have been 'POST x-amz-security-token:FwoGZXIvYXdz'";
    let explanation = of("SignatureDoesNotMatch", message);
    assert!(!format!("{explanation:?}").contains("FwoGZXIvYXdz"));
}

#[test]
fn the_request_s_id_is_a_detail() {
    let explanation = failing(CallFailure::TimedOut);
    assert!(!words(&explanation).contains("r-1"));
    assert_snapshot!(explanation.detail.unwrap(), @"ec2:RunInstances: no answer in time (request r-1)");
}

#[test]
fn a_step_that_waited_in_vain_can_be_run_again() {
    let error = StepError::TimedOut {
        awaited: "the server to run".to_owned(),
        waited: Duration::from_secs(300),
    };
    assert_snapshot!(words(&step_error(&error)), @r#"
    waited 300 s for the server to run
      help: run the same command again: it looks at what there is, and goes on from there
    "#);
}

#[test]
fn an_error_of_another_kind_is_told_with_its_causes() {
    assert_eq!(
        error(&StepError::blocked("it is in use", "detach it")).summary,
        "it is in use"
    );
    let cause = std::io::Error::other(std::io::Error::other("the disk is full"));
    assert_eq!(error(&cause).summary, "the disk is full");
}
