//! IAM policy documents and their normal form.

use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use crate::plan::partition;

/// The host of GitHub's identity provider.
pub const GITHUB_HOST: &str = "token.actions.githubusercontent.com";
/// For whom GitHub's tokens must be meant.
pub const GITHUB_AUDIENCE: &str = "sts.amazonaws.com";

/// What a policy lets its holder do with the lab's bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketAccess {
    /// List the bucket and get objects.
    Read,
    /// Also put and delete objects; versions of objects stay out of reach.
    ReadWrite,
}

/// Canonical's account, which publishes Ubuntu's images, in a region's partition (Ubuntu on AWS documentation, "Find
/// Ubuntu images on AWS", "Ownership verification"). `None` where it is not known: there the number may be anybody's.
pub fn canonical(region: &str) -> Option<&'static str> {
    match partition(region) {
        "aws" => Some("099720109477"),
        "aws-cn" => Some("837727238323"),
        "aws-us-gov" => Some("513442679011"),
        _ => None,
    }
}

/// What EC2 is called in policies (Amazon Web Services in China, "IAM": services there end with `.cn`).
pub fn ec2_service(region: &str) -> &'static str {
    match partition(region) {
        "aws-cn" => "ec2.amazonaws.com.cn",
        _ => "ec2.amazonaws.com",
    }
}

/// Stands in a policy for the id of the lab's zone, which is not known before the zone is there.
pub const ZONE: &str = "(zone)";
const HOSTED_ZONE: &str = ":route53:::hostedzone/";

/// The policy for access to one bucket of the account.
pub fn bucket(region: &str, account: &str, name: &str, access: BucketAccess) -> Json {
    document(&bucket_statements(region, account, name, access))
}

/// The policy of the server: its bucket, and the challenges that it may answer in the lab's zone.
pub fn server(
    region: &str,
    account: &str,
    bucket: Option<(&str, BucketAccess)>,
    challenges: &[String],
    users_role: Option<&str>,
) -> Option<Json> {
    let bucket = bucket.map(|(name, access)| bucket_statements(region, account, name, access));
    let mut statements = bucket.unwrap_or_default();
    if !challenges.is_empty() {
        statements.extend(challenge_statements(region, challenges));
    }
    statements.extend(users_role.map(|name| {
        json!({
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": role_arn(region, account, name),
        })
    }));
    (!statements.is_empty()).then(|| document(&statements))
}

/// The policy of the server's users: the bucket, but for what lies below `withheld` keys. Whoever writes there says what
/// others run, and who reads there sees what they may not. A `*` in a key would withhold more, never less.
pub fn users(
    region: &str,
    account: &str,
    (bucket, access): (&str, BucketAccess),
    withheld: &[String],
) -> Json {
    let mut statements = bucket_statements(region, account, bucket, access);
    let arn = |key: String| format!("arn:{}:s3:::{bucket}/{key}", partition(region));
    let keys = withheld
        .iter()
        .flat_map(|key| [key.clone(), format!("{key}/*")]);
    let keys: Vec<_> = keys.map(arn).collect();
    statements.push(json!({ "Effect": "Deny", "Action": "s3:*", "Resource": keys }));
    document(&statements)
}

/// The ARN of a role of the lab.
pub fn role_arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:{}:iam::{account}:role/{name}", partition(region))
}

fn document(statements: &[Json]) -> Json {
    normal_form(&json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// The name of a bucket does not say whose it is: another account's, with a policy that lets
/// everybody in, would get the lab's data and give it a model. So the account is named as well
/// (IAM User Guide, "AWS global condition context keys", `aws:ResourceAccount`).
fn bucket_statements(region: &str, account: &str, name: &str, access: BucketAccess) -> Vec<Json> {
    let of_account = json!({ "StringEquals": { "aws:ResourceAccount": account } });
    let bucket = format!("arn:{}:s3:::{name}", partition(region));
    let actions: &[&str] = match access {
        BucketAccess::Read => &["s3:GetObject"],
        BucketAccess::ReadWrite => &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
    };
    vec![
        json!({
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": bucket,
            "Condition": of_account,
        }),
        json!({
            "Effect": "Allow",
            "Action": actions,
            "Resource": format!("{bucket}/*"),
            "Condition": of_account,
        }),
    ]
}

/// Lets certbot prove names by DNS, and write nothing else: with TXT records of any name the
/// server could forge the marks of ownership (Amazon Route 53 Developer Guide, "Using IAM policy
/// conditions for fine-grained access control"; certbot-dns-route53, "Credentials").
fn challenge_statements(region: &str, challenges: &[String]) -> Vec<Json> {
    let partition = partition(region);
    vec![
        json!({
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": format!("arn:{partition}{HOSTED_ZONE}{ZONE}"),
            "Condition": { "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": challenges,
                "route53:ChangeResourceRecordSetsRecordTypes": "TXT",
            } },
        }),
        json!({
            "Effect": "Allow",
            "Action": "route53:GetChange",
            "Resource": format!("arn:{partition}:route53:::change/*"),
        }),
        json!({ "Effect": "Allow", "Action": "route53:ListHostedZones", "Resource": "*" }),
    ]
}

/// Puts [`ZONE`] in the place of a zone's id, which it gives.
pub fn take_zone(policy: &mut Json) -> Option<String> {
    match policy {
        Json::String(text) => {
            let start = text.find(HOSTED_ZONE)? + HOSTED_ZONE.len();
            let id = text.split_off(start);
            text.push_str(ZONE);
            Some(id)
        }
        Json::Array(values) => values.iter_mut().find_map(take_zone),
        Json::Object(entries) => entries.values_mut().find_map(take_zone),
        _ => None,
    }
}

/// Writes a policy for AWS, with the zone's id in its place.
pub fn with_zone(policy: &Json, id: Option<&str>) -> String {
    let text = policy.to_string();
    match id {
        Some(id) => text.replace(
            &format!("{HOSTED_ZONE}{ZONE}"),
            &format!("{HOSTED_ZONE}{id}"),
        ),
        None => text,
    }
}

/// The trust policy of the server's role.
pub fn trust_ec2(region: &str) -> Json {
    normal_form(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": ec2_service(region) },
            "Action": "sts:AssumeRole",
        }],
    }))
}

/// The trust policy of the role of the server's users: the server alone takes it on, by its own role.
pub fn trust_server(region: &str, account: &str, role: &str) -> Json {
    normal_form(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": role_arn(region, account, role) },
            "Action": "sts:AssumeRole",
        }],
    }))
}

/// The ARN of GitHub's identity provider, which follows from the account.
pub fn github_provider(region: &str, account: &str) -> String {
    let partition = partition(region);
    format!("arn:{partition}:iam::{account}:oidc-provider/{GITHUB_HOST}")
}

/// The trust policy of the role of GitHub Actions: one branch of one
/// repository (GitHub Docs, "Configuring OpenID Connect in Amazon Web Services").
pub fn trust_github(region: &str, account: &str, repository: &str, branch: &str) -> Json {
    let host = GITHUB_HOST;
    let provider = github_provider(region, account);
    normal_form(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": provider },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                format!("{host}:aud"): GITHUB_AUDIENCE,
                format!("{host}:sub"): format!("repo:{repository}:ref:refs/heads/{branch}"),
            } },
        }],
    }))
}

/// Reads a document of an IAM answer, which comes URL-encoded (IAM API
/// Reference, `GetRolePolicy`, after RFC 3986). One that is no JSON is kept as
/// a text, so that it shows up as a difference.
pub fn read(encoded: &str) -> Json {
    let text = percent_decode_str(encoded).decode_utf8_lossy();
    match serde_json::from_str(&text) {
        Ok(document) => normal_form(&document),
        Err(_) => Json::String(text.into_owned()),
    }
}

/// Brings a document into the form in which equal policies are equal: keys in
/// order, lists of one as their only value, lists of texts sorted.
pub fn normal_form(document: &Json) -> Json {
    match document {
        Json::Array(values) => {
            let mut values: Vec<Json> = values.iter().map(normal_form).collect();
            if values.iter().all(Json::is_string) {
                values.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                values.dedup();
            }
            match values.len() {
                1 => values.remove(0),
                _ => Json::Array(values),
            }
        }
        Json::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), normal_form(value)));
            Json::Object(entries.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "123456789012";

    #[test]
    fn bucket_policy_names_the_account_in_every_statement() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
        ] {
            let challenges = ["_acme-challenge.example.org".to_owned()];
            let access = Some(("penguins", BucketAccess::ReadWrite));
            let policies = [
                bucket(region, ACCOUNT, "penguins", BucketAccess::Read),
                server(region, ACCOUNT, access, &challenges, None).unwrap(),
            ];
            let statements = policies
                .iter()
                .flat_map(|policy| policy["Statement"].as_array().unwrap());
            let of_s3: Vec<_> = statements
                .filter(|one| one["Action"].to_string().contains("s3:"))
                .collect();
            assert_eq!(of_s3.len(), 4);
            for statement in of_s3 {
                let condition = json!({ "StringEquals": { "aws:ResourceAccount": ACCOUNT } });
                assert_eq!(statement["Condition"], condition, "{statement}");
                let resource = statement["Resource"].as_str().unwrap();
                assert!(
                    resource.starts_with(&format!("arn:{partition}:s3:::penguins")),
                    "{resource}"
                );
            }
        }
    }

    #[test]
    fn writing_the_same_differently_is_no_difference() {
        let one = json!({ "Statement": [{ "Action": ["b", "a"], "Effect": "Allow" }] });
        let other = json!({ "Statement": { "Effect": "Allow", "Action": ["a", "b", "a"] } });
        assert_eq!(
            normal_form(&one).to_string(),
            normal_form(&other).to_string()
        );
    }

    #[test]
    fn an_encoded_document_reads_as_the_plain_one() {
        let document = bucket("us-east-1", ACCOUNT, "penguins", BucketAccess::Read);
        let text = document.to_string();
        let encoded =
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(read(&encoded.to_string()), document);
    }

    #[test]
    fn the_id_of_a_zone_is_taken_out_and_put_in() {
        let challenges = ["_acme-challenge.example.org".to_owned()];
        let policy = server("us-east-1", ACCOUNT, None, &challenges, None).unwrap();
        let written = with_zone(&policy, Some("Z1"));
        assert!(
            written.contains("arn:aws:route53:::hostedzone/Z1\""),
            "{written}"
        );
        let mut again = read(&written);
        assert_eq!(take_zone(&mut again).as_deref(), Some("Z1"));
        assert_eq!(again, policy);
    }

    #[test]
    fn without_a_bucket_and_challenges_nothing_is_allowed() {
        assert_eq!(server("us-east-1", ACCOUNT, None, &[], None), None);
        let access = BucketAccess::Read;
        let both = bucket("us-east-1", ACCOUNT, "penguins", access);
        assert_eq!(
            server("us-east-1", ACCOUNT, Some(("penguins", access)), &[], None),
            Some(both)
        );
    }

    #[test]
    fn each_partition_has_its_own_canonical_and_ec2() {
        // Nobody else's images are taken for Canonical's.
        assert_ne!(canonical("cn-north-1"), canonical("eu-central-1"));
        assert_ne!(canonical("us-gov-west-1"), canonical("eu-central-1"));
        assert_eq!(canonical("eusc-de-east-1"), None);
        assert!(
            trust_ec2("cn-north-1")
                .to_string()
                .contains("ec2.amazonaws.com.cn")
        );
    }
}
