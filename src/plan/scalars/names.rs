//! Names that labctl gives to things on AWS: the lab, its bucket, its tags, its firewall rules.

use std::str::FromStr;

use super::{Invalid, text};

text! {
    /// The name of a lab, from which the names of its resources are made.
    LabName;
    /// The name of an S3 bucket.
    BucketName;
    /// The key of a tag.
    TagKey;
    /// The value of a tag.
    TagValue;
    /// The description of a firewall rule.
    RuleDescription;
}

impl FromStr for LabName {
    type Err = Invalid;

    /// 40 characters leave room for region and suffix within the 64 of an IAM role's name (IAM User Guide, "IAM and
    /// STS quotas").
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help =
            "use 1 to 40 of `a`-`z`, `0`-`9` and `-`, starting with a letter, such as `do4ds-lab`";
        let reason = if text.is_empty() {
            "it is empty".to_owned()
        } else if let Some(refused) = text.chars().find(|letter| !is_label_character(*letter)) {
            format!("`{refused}` is not allowed")
        } else if text.len() > 40 {
            format!("it has {} characters, 40 are allowed", text.len())
        } else if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            "it does not start with a letter".to_owned()
        } else if text.ends_with('-') || text.contains("--") {
            "a hyphen stands at the end or beside another".to_owned()
        } else if text == RESERVED_GROUP || text.starts_with(RESERVED_GROUP_PREFIX) {
            format!(
                "EC2 keeps `{RESERVED_GROUP}` and `{RESERVED_GROUP_PREFIX}…` for security groups of its own"
            )
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(reason, help))
    }
}

/// Names that no security group may be given, and so no lab (EC2 API Reference, "CreateSecurityGroup", `GroupName`).
const RESERVED_GROUP: &str = "default";
const RESERVED_GROUP_PREFIX: &str = "sg-";

/// What Amazon keeps for itself at the start of a bucket's name.
const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// What Amazon keeps for itself at the end of a bucket's name.
const RESERVED_SUFFIXES: [&str; 6] = [
    "-s3alias",
    "--ol-s3",
    ".mrap",
    "--x-s3",
    "--table-s3",
    "-an",
];

impl FromStr for BucketName {
    type Err = Invalid;

    /// The rules of "General purpose bucket naming rules" in the S3 User Guide.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "use 3 to 63 of `a`-`z`, `0`-`9` and `-`, unique in the whole world, such as `do4ds-lab-penguins`";
        let alphanumeric = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let reason = if text.contains(['<', '>']) {
            return Err(Invalid::new(
                "it still holds a placeholder",
                "replace the part in `<…>` by words of your own: no other bucket in the world may have the name",
            ));
        } else if let Some(capital) = text.chars().find(char::is_ascii_uppercase) {
            format!("the capital letter `{capital}` is not allowed")
        } else if let Some(refused) = text
            .chars()
            .find(|letter| !is_label_character(*letter) && *letter != '.')
        {
            format!("`{refused}` is not allowed")
        } else if !(3..=63).contains(&text.len()) {
            format!("it has {} characters, 3 to 63 are allowed", text.len())
        } else if !text.starts_with(alphanumeric) || !text.ends_with(alphanumeric) {
            "it does not start and end with a letter or digit".to_owned()
        } else if text.contains("..") {
            "two dots stand side by side".to_owned()
        } else if text.parse::<std::net::Ipv4Addr>().is_ok() {
            "it looks like an IP address".to_owned()
        } else if let Some(prefix) = RESERVED_PREFIXES
            .iter()
            .find(|prefix| text.starts_with(**prefix))
        {
            format!("Amazon reserves names that start with `{prefix}`")
        } else if let Some(suffix) = RESERVED_SUFFIXES
            .iter()
            .find(|suffix| text.ends_with(**suffix))
        {
            format!("Amazon reserves names that end with `{suffix}`")
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(reason, help))
    }
}

impl FromStr for TagKey {
    type Err = Invalid;

    /// The limits are those of "Tag your Amazon EC2 resources" in the EC2 User Guide.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let lower = text.to_ascii_lowercase();
        let (reason, help) = if text.is_empty() {
            (
                "it is empty".to_owned(),
                "write `key: value`, such as `project: penguins`",
            )
        } else if lower.starts_with("aws:") {
            (
                "Amazon reserves the prefix `aws:`".to_owned(),
                "choose another key, such as `project`",
            )
        } else if lower.starts_with("labctl:") {
            (
                "labctl writes the tags that start with `labctl:`".to_owned(),
                "choose another key, such as `project`",
            )
        } else if lower == "name" {
            (
                "labctl sets the tag `Name` on every resource, and IAM does not tell keys apart by case".to_owned(),
                "leave it out; the lab's name is in it",
            )
        } else if text.contains("//") {
            (
                "labctl keeps the list of keys joined by `//`".to_owned(),
                "use one `/`, or another sign",
            )
        } else {
            return tag_text(text, 128).map(Self);
        };
        Err(Invalid::new(reason, help))
    }
}

impl FromStr for TagValue {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        tag_text(text, 256).map(Self)
    }
}

/// Checks the characters and length of a tag's key or value.
fn tag_text(text: &str, limit: usize) -> Result<String, Invalid> {
    let allowed =
        |letter: char| letter.is_alphanumeric() || letter == ' ' || "+-=._:/@".contains(letter);
    let length = text.chars().count();
    let reason = if let Some(refused) = text.chars().find(|letter| !allowed(*letter)) {
        format!("`{}` is not allowed", refused.escape_debug())
    } else if length > limit {
        format!("it has {length} characters, {limit} are allowed")
    } else {
        return Ok(text.to_owned());
    };
    Err(Invalid::new(
        reason,
        format!("use up to {limit} letters, digits, spaces and `+ - = . _ : / @`"),
    ))
}

impl FromStr for RuleDescription {
    type Err = Invalid;

    /// The characters are those of `IpRange.Description` in the EC2 API Reference.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |letter: char| {
            letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter)
        };
        let reason = if let Some(refused) = text.chars().find(|letter| !allowed(*letter)) {
            format!("`{}` is not allowed", refused.escape_debug())
        } else if text.len() > 255 {
            format!("it has {} characters, 255 are allowed", text.len())
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(
            reason,
            "use up to 255 of `a`-`z`, `A`-`Z`, `0`-`9`, spaces and `._-:/()#,@[]+=&;{}!$*`",
        ))
    }
}

/// Says whether a character may stand in a lower-case DNS label.
pub(super) fn is_label_character(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'
}
