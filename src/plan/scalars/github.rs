//! Names on GitHub. Both end up in a role's trust policy, so nothing that IAM reads as a pattern may pass.

use std::str::FromStr;

use super::{Invalid, text};

text! {
    /// A repository on GitHub: `owner/name`.
    RepositoryName;
    /// A branch of a repository.
    BranchName;
}

impl FromStr for RepositoryName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write the owner and the name, such as `octocat/penguins`".to_owned();
        let path = text
            .trim_start_matches("https://")
            .trim_start_matches("git@")
            .trim_end_matches(".git");
        if let Some(path) = path
            .strip_prefix("github.com/")
            .or_else(|| path.strip_prefix("github.com:"))
        {
            return Err(Invalid::new("it is an address", format!("write `{path}`")));
        }
        let Some((owner, name)) = text.split_once('/') else {
            return Err(Invalid::new("it has no `/` between owner and name", help));
        };
        let owner_fits = (1..=39).contains(&owner.len())
            && owner
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_')
            && !owner.starts_with('-');
        if !owner_fits {
            return Err(Invalid::new(
                format!("`{owner}` is not the name of a GitHub account"),
                help,
            ));
        }
        let name_fits = (1..=100).contains(&name.len())
            && name
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter))
            && ![".", ".."].contains(&name);
        if !name_fits {
            return Err(Invalid::new(
                format!("`{name}` is not the name of a repository"),
                help,
            ));
        }
        if let Some(name) = name.strip_suffix(".git") {
            return Err(Invalid::new(
                "GitHub's names do not end with `.git`",
                format!("write `{owner}/{name}`"),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Default for BranchName {
    fn default() -> Self {
        Self("main".to_owned())
    }
}

impl FromStr for BranchName {
    type Err = Invalid;

    /// The rules are those of git-check-ref-format(1), without the signs that IAM takes for patterns.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write the branch as GitHub shows it, such as `main` or `release/2`";
        let refused = text.chars().find(|letter| {
            letter.is_whitespace() || letter.is_control() || "~^:?*[\\${}\"".contains(*letter)
        });
        let reason = if let Some("*" | "**") = text.split('/').next_back() {
            "one branch must be named: a pattern would open the bucket to every branch".to_owned()
        } else if let Some(refused) = refused {
            format!("`{}` is not allowed", refused.escape_debug())
        } else if let Some(branch) = text.strip_prefix("refs/heads/") {
            return Err(Invalid::new(
                "it is a reference",
                format!("write `{branch}`"),
            ));
        } else if !(1..=244).contains(&text.len()) {
            "it is empty or too long".to_owned()
        } else if text.starts_with('-') || text == "@" || text.ends_with('.') || text.contains("..")
        {
            "git does not allow a `-` in front, a single `@`, a `.` at the end, or `..`".to_owned()
        } else if text
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
        {
            "a part between its `/` is empty, starts with `.`, or ends with `.lock`".to_owned()
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(reason, help))
    }
}
