//! What the environment says of AWS, looked at before the SDK takes it (pure).

use std::ffi::OsString;

/// The variables that become parts of a request's headers.
const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// A variable that no request could be made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its name.
    pub name: String,
    /// What it has that it must not have.
    pub has: &'static str,
}

/// Finds the first of AWS's variables that has what none of them may have: the rest of a line's end, as from a `.env`
/// file of Windows, or in credentials anything but visible signs.
pub fn unusable(variables: impl Iterator<Item = (OsString, OsString)>) -> Option<Unusable> {
    let mut of_aws: Vec<(String, String)> = variables
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.to_string_lossy().into_owned();
            name.starts_with("AWS_").then_some((name, value))
        })
        .collect();
    of_aws.sort();
    of_aws.into_iter().find_map(|(name, value)| {
        let has = fault(&value, CREDENTIALS.contains(&name.as_str()))?;
        Some(Unusable { name, has })
    })
}

fn fault(value: &str, is_credential: bool) -> Option<&'static str> {
    if value.ends_with(['\r', '\n']) {
        return Some("the end of a line in it");
    }
    if value.contains(char::is_control) {
        return Some("a control character in it");
    }
    let is_visible = value.bytes().all(|byte| byte.is_ascii_graphic());
    (is_credential && !is_visible).then_some("a space or another sign that credentials do not have")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Option<&'static str> {
        let set = [("HOME", "/\r"), (name, value), ("AWS_REGION", "us-east-1")];
        let set = set.map(|(name, value)| (name.into(), value.into()));
        let found = unusable(set.into_iter())?;
        assert_eq!(found.name, name);
        Some(found.has)
    }

    #[test]
    fn line_ends_are_found_in_every_variable_of_aws() {
        for name in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3"] {
            for end in ["\r", "\n", "\r\n"] {
                let has = found(name, &format!("x{end}"));
                assert_eq!(has, Some("the end of a line in it"), "{name}");
            }
            assert_eq!(found(name, "a\0b"), Some("a control character in it"));
        }
    }

    #[test]
    fn spaces_are_found_in_credentials_only() {
        for value in [" AKIA", "AKIA ", "AK IA", "AKIÄ"] {
            assert!(found("AWS_ACCESS_KEY_ID", value).is_some(), "{value}");
            assert_eq!(found("AWS_PROFILE", value), None, "{value}");
        }
        assert_eq!(found("AWS_SESSION_TOKEN", "aZ09+/="), None);
    }
}
