//! The ARN of a managed policy in IAM.

use std::str::FromStr;

use super::{Invalid, text};

text! {
    /// The ARN of a managed policy: a customer's own, or one of AWS's.
    PolicyArn;
}

/// What stands for the account in the ARNs of AWS's own policies.
const AWS: &str = "aws";
/// The longest ARN of IAM (IAM API Reference, `CreateRole`, `PermissionsBoundary`).
const LONGEST: usize = 2048;

/// What the regions of a partition begin with, and the partition as it stands in ARNs (AWS General Reference, "Amazon
/// Resource Names"); all others are in the first partition, `aws`.
const PARTITIONS: &[(&str, &str)] = &[
    ("cn-", "aws-cn"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
];
const FIRST: &str = "aws";

/// The partition of a region.
pub fn partition(region: &str) -> &'static str {
    let mut all = PARTITIONS.iter();
    let found = all.find(|(prefix, _)| region.starts_with(prefix));
    found.map_or(FIRST, |(_, partition)| partition)
}

fn is_partition(word: &str) -> bool {
    word == FIRST || PARTITIONS.iter().any(|(_, partition)| *partition == word)
}

impl PolicyArn {
    fn part(&self, index: usize) -> &str {
        self.0.split(':').nth(index).unwrap_or_default()
    }

    /// Its partition, such as `aws-cn`.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The account whose policy it is; none for one of AWS's own, which every account may use.
    pub fn account(&self) -> Option<&str> {
        Some(self.part(4)).filter(|account| *account != AWS)
    }

    /// The policy of the same name in another account, unless it is AWS's own.
    #[must_use]
    pub fn in_account(&self, account: &str) -> Self {
        match self.account() {
            Some(own) => Self(
                self.0
                    .replacen(&format!("::{own}:"), &format!("::{account}:"), 1),
            ),
            None => self.clone(),
        }
    }

    /// Whether it allows everything, or to give oneself everything, so that as a boundary it bounds nothing.
    pub fn allows_everything(&self) -> bool {
        const UNBOUNDED: [&str; 2] = [":policy/AdministratorAccess", ":policy/IAMFullAccess"];
        self.account().is_none() && UNBOUNDED.iter().any(|name| self.0.ends_with(name))
    }
}

impl FromStr for PolicyArn {
    type Err = Invalid;

    /// The forms are those of the IAM User Guide, "IAM identifiers": paths and names of the characters that IAM allows
    /// in names, so that nothing that a policy reads as a pattern passes.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = |reason: &str| {
            let help = "copy the policy's ARN from the IAM console, such as \
                        `arn:aws:iam::123456789012:policy/boundary`";
            Err(Invalid::new(reason, help))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
            return wrong("it does not have the form `arn:aws:iam::ACCOUNT:policy/NAME`");
        };
        if !is_partition(partition) {
            return wrong("AWS has no such partition");
        }
        let is_account = account.len() == 12 && account.bytes().all(|one| one.is_ascii_digit());
        if !is_account && *account != AWS {
            return wrong("an account's id has 12 digits");
        }
        let Some(path) = resource.strip_prefix("policy/") else {
            return wrong("it is not the ARN of a policy");
        };
        let is_allowed = |one: u8| one.is_ascii_alphanumeric() || b"_+=,.@-".contains(&one);
        let is_named = |name: &str| (1..=128).contains(&name.len()) && name.bytes().all(is_allowed);
        if text.len() > LONGEST || !path.split('/').all(is_named) {
            return wrong("the policy's path or name has a character that IAM does not allow");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(text: &str) -> PolicyArn {
        text.parse().unwrap()
    }

    #[test]
    fn arn_tells_partition_and_account() {
        let own = arn("arn:aws-cn:iam::123456789012:policy/teams/boundary");
        assert_eq!(own.partition(), "aws-cn");
        assert_eq!(own.account(), Some("123456789012"));
        let other = "arn:aws-cn:iam::999999999999:policy/teams/boundary";
        assert_eq!(own.in_account("999999999999"), arn(other));
        let of_aws = arn("arn:aws:iam::aws:policy/PowerUserAccess");
        assert_eq!(of_aws.account(), None);
        assert_eq!(of_aws.in_account("999999999999"), of_aws);
    }

    #[test]
    fn policies_that_give_everything_bound_nothing() {
        assert!(arn("arn:aws:iam::aws:policy/AdministratorAccess").allows_everything());
        assert!(arn("arn:aws:iam::aws:policy/IAMFullAccess").allows_everything());
        assert!(!arn("arn:aws:iam::aws:policy/PowerUserAccess").allows_everything());
        assert!(!arn("arn:aws:iam::123456789012:policy/AdministratorAccess").allows_everything());
    }

    #[test]
    fn partitions_follow_the_region() {
        assert_eq!(partition("eu-central-1"), "aws");
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
        assert_eq!(partition("eusc-de-east-1"), "aws-eusc");
        assert_eq!(partition("us-isob-east-1"), "aws-iso-b");
        assert_eq!(partition("us-west-2"), "aws");
    }
}
