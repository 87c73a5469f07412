//! AWS's error codes and what they mean for who runs labctl.

use super::Explanation;

/// What a code means. `{call}` stands for the call, `{action}` for the IAM
/// action that it takes.
#[derive(Debug)]
pub struct Entry {
    codes: &'static [&'static str],
    /// What AWS's message has to say for the entry to count; may be empty.
    says: &'static str,
    /// What is wrong.
    pub summary: &'static str,
    /// What to do.
    pub help: &'static str,
}

const fn entry(codes: &'static [&'static str], summary: &'static str, help: &'static str) -> Entry {
    Entry {
        codes,
        says: "",
        summary,
        help,
    }
}

const fn saying(
    codes: &'static [&'static str],
    says: &'static str,
    summary: &'static str,
    help: &'static str,
) -> Entry {
    Entry {
        codes,
        says,
        summary,
        help,
    }
}

const CLOCK: &str = "this machine's clock is wrong: AWS refuses requests that are minutes off";
const CLOCK_HELP: &str =
    "set the clock (`timedatectl set-ntp true`, `sudo sntp -sS time.apple.com`), then run again";

/// The first entry that fits counts (EC2 API Reference, "Error codes"; S3, IAM,
/// STS and Route 53 API References, "Common errors").
static ENTRIES: &[Entry] = &[
    saying(
        &["SignatureDoesNotMatch"],
        "Signature not yet current",
        CLOCK,
        CLOCK_HELP,
    ),
    saying(
        &["SignatureDoesNotMatch", "InvalidSignatureException"],
        "Signature expired",
        CLOCK,
        CLOCK_HELP,
    ),
    entry(
        &["RequestTimeTooSkewed", "RequestInTheFuture"],
        CLOCK,
        CLOCK_HELP,
    ),
    entry(
        &["RequestExpired"],
        "the request came too late: the AWS credentials have expired, or this machine's clock is wrong",
        "log in again, by `aws sso login` or however you got them, and check the clock, then run the same command again",
    ),
    entry(
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "TokenRefreshRequired",
        ],
        "the AWS credentials have expired",
        "log in again, by `aws sso login` or however you got them, then run the same command again",
    ),
    entry(
        &["SignatureDoesNotMatch", "InvalidSignatureException"],
        "AWS does not accept the signature: the secret access key does not fit the key's id",
        "enter both again by `aws configure`, or name another profile by `--profile` or `AWS_PROFILE`",
    ),
    entry(
        &[
            "AuthFailure",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "InvalidToken",
        ],
        "AWS does not know these credentials",
        "`aws sts get-caller-identity` shows whether they are good; if they are, the account may not have enabled this region (`aws account list-regions`)",
    ),
    entry(
        &["OptInRequired"],
        "this account may not use `{call}` here: it is not signed up for it, or has not enabled the region",
        "finish the sign-up in the AWS console, enable the region there, or write another `region` in the plan",
    ),
    entry(
        &["PendingVerification"],
        "AWS is still verifying this account",
        "it takes up to four hours for a new account, and AWS sends a mail; run the same command again then",
    ),
    entry(
        &["Blocked"],
        "AWS has blocked this account",
        "AWS Support says why: https://console.aws.amazon.com/support",
    ),
    entry(
        &["UnauthorizedOperation"],
        "these credentials lack the permission `{action}`",
        "have it allowed in IAM; `-v` shows AWS's encoded reason, and `aws sts decode-authorization-message` reads it",
    ),
    entry(
        &["AccessDenied", "AccessDeniedException", "403"],
        "these credentials lack the permission `{action}`",
        "have it allowed in IAM, or name another profile by `--profile` or `AWS_PROFILE`; `-v` shows AWS's words",
    ),
    saying(
        &["InvalidParameterCombination", "InvalidParameterValue"],
        "not eligible for Free Tier",
        "this account is on the free plan, which does not have this type of server",
        "write `instance_type: t3.micro` in the plan, or upgrade the account's plan",
    ),
    saying(
        &["VcpuLimitExceeded"],
        "limit of 0",
        "this account may not run any server of this family of types yet: its limit is 0 vCPUs",
        "ask for more under Service Quotas, Amazon EC2 (for `g` and `vt` types it is called `Running On-Demand G and VT instances`); until then write another `instance_type`, such as `t3.large`",
    ),
    entry(
        &[
            "VcpuLimitExceeded",
            "InstanceLimitExceeded",
            "MaxSpotInstanceCountExceeded",
        ],
        "the account has reached its limit of running servers",
        "stop one that is not needed, write a smaller `instance_type`, or ask for more vCPUs under Service Quotas, Amazon EC2",
    ),
    entry(
        &["AddressLimitExceeded"],
        "the account has reached its limit of Elastic IPs in this region",
        "release one that nothing uses (`aws ec2 describe-addresses` lists them), write `elastic_ip: false`, or ask for more under Service Quotas, Amazon EC2",
    ),
    entry(
        &[
            "VpcLimitExceeded",
            "InternetGatewayLimitExceeded",
            "SubnetLimitExceeded",
            "RouteTableLimitExceeded",
        ],
        "the account has reached its limit of networks in this region",
        "delete one that is not needed, write `network: default`, or ask for more under Service Quotas, Amazon VPC",
    ),
    entry(
        &[
            "RulesPerSecurityGroupLimitExceeded",
            "SecurityGroupLimitExceeded",
        ],
        "the security group would have more rules than the account may have",
        "write fewer sources in the plan's `ingress`, or ask for more under Service Quotas, Amazon VPC",
    ),
    entry(
        &["TooManyBuckets"],
        "the account has reached its limit of buckets",
        "delete one that is not needed, or ask for more under Service Quotas, Amazon S3",
    ),
    entry(
        &["TooManyHostedZones"],
        "the account has reached its limit of hosted zones",
        "delete one that is not needed, or ask for more under Service Quotas, Amazon Route 53",
    ),
    entry(
        &[
            "LimitExceeded",
            "LimitExceededException",
            "LimitsExceeded",
            "ResourceLimitExceeded",
        ],
        "the account has reached a limit that `{call}` meets",
        "delete what is not needed, or ask for more under Service Quotas; `-v` shows which limit AWS names",
    ),
    entry(
        &[
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientAddressCapacity",
            "InsufficientCapacity",
        ],
        "AWS has no server of this type left in this zone at the moment",
        "run the same command again later, or write another `instance_type`, or another `availability_zone` under `instance`, in the plan",
    ),
    entry(
        &[
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "SlowDown",
            "TooManyRequestsException",
            "PriorRequestNotComplete",
        ],
        "AWS takes no more requests from this account for now; labctl gave up on `{call}` after several tries",
        "run the same command again in a minute",
    ),
    entry(
        &[
            "InternalError",
            "InternalFailure",
            "ServiceFailure",
            "ServiceUnavailable",
            "Unavailable",
            "500",
            "503",
        ],
        "AWS has trouble of its own with `{call}`",
        "run the same command again in some minutes; https://health.aws.amazon.com shows whether it is known",
    ),
    entry(
        &[
            "InvalidKMSKey.InvalidState",
            "InvalidKmsKeyId",
            "KMS.DisabledException",
            "KMS.InvalidStateException",
            "KMS.KMSInvalidStateException",
            "KMS.NotFoundException",
            "KMSInvalidStateException",
        ],
        "the key that encrypts here is disabled, about to be deleted, or not there",
        "enable it in AWS KMS, or choose another as the default (EC2, \"Data protection and security\"; the bucket's \"Default encryption\"); `-v` shows which key",
    ),
    entry(
        &["BucketAlreadyExists"],
        "the bucket's name is taken: somebody else in the world has it",
        "write another name in the plan's `bucket.name`",
    ),
    entry(
        &["BucketAlreadyOwnedByYou"],
        "this account has a bucket of this name already, and it is not this lab's",
        "take it into the lab by `labctl adopt bucket NAME`, or write another name in the plan's `bucket.name`",
    ),
    entry(
        &[
            "301",
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
        ],
        "a bucket of this name is in another region",
        "write another name in the plan's `bucket.name`, or that region in `region`",
    ),
    entry(
        &["InvalidInstanceType", "Unsupported"],
        "AWS does not have this type of server here",
        "write another `instance_type` in the plan; `-v` shows AWS's words",
    ),
];

/// Finds what a code means; the message decides where one code means several.
pub fn find(code: &str, message: &str) -> Option<&'static Entry> {
    ENTRIES
        .iter()
        .find(|entry| entry.codes.contains(&code) && message.contains(entry.says))
}

/// What the SDK says when it could not even send: words, what is wrong, what to do.
static NOT_SENT: &[(&[&str], &str, &str)] = &[
    (
        &["sso", "SSO", "token has expired", "Token is expired"],
        "the AWS login has expired",
        "log in again by `aws sso login`, with `--profile NAME` if you use one, then run again",
    ),
    (
        &[
            "could not find profile",
            "profile `",
            "ProfileFile",
            "profile file",
        ],
        "the AWS configuration names a profile that is not there or is not complete",
        "`aws configure list-profiles` lists them; choose one by `--profile` or `AWS_PROFILE`",
    ),
    (
        &["credential", "Credential", "no providers in chain"],
        "no AWS credentials were found",
        "enter them by `aws configure`, log in by `aws sso login`, or name a profile by `--profile` or `AWS_PROFILE`",
    ),
    (
        &["dns error", "lookup address", "Name or service not known"],
        "AWS's name cannot be resolved",
        "check the network and its DNS, the plan's `region`, and `AWS_ENDPOINT_URL` if it is set",
    ),
];

/// Explains a request that was not sent.
pub fn not_sent(text: &str) -> Explanation {
    let found = NOT_SENT
        .iter()
        .find(|(words, ..)| words.iter().any(|word| text.contains(word)));
    match found {
        Some((_, summary, help)) => Explanation::new(*summary, *help),
        None => Explanation::new(
            format!("the request could not be sent: {}", super::cut(text)),
            "check the credentials by `aws sts get-caller-identity`, and `AWS_ENDPOINT_URL` if it is set",
        ),
    }
}
