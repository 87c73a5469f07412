//! Why no credentials were found, from the words of the SDK: the first line says the cause.

use super::{Explanation, cut};

/// The longest part of what another program said that is shown.
const LONGEST: usize = 300;

/// Explains a request that was not sent for want of credentials; `None` where it is about something else.
pub fn explain(text: &str) -> Option<Explanation> {
    process(text)
        .or_else(|| sign_in(text))
        .or_else(|| profile(text))
        .or_else(|| role(text))
}

/// A `credential_process` that failed, in its own words.
fn process(text: &str) -> Option<Explanation> {
    let (_, rest) = text.split_once("external process exited with code ")?;
    let (status, words) = rest.split_once(". Stderr: ")?;
    let words: String = words.trim().chars().take(LONGEST).collect();
    let words = match cut(&words) {
        words if words.is_empty() => "it says nothing".to_owned(),
        words => words,
    };
    let status = status.trim_start_matches("exit status: ");
    Some(Explanation::new(
        format!("the `credential_process` of the AWS profile failed (status {status}): {words}"),
        "do what it asks for; the command stands in `~/.aws/config`, and can be run by itself",
    ))
}

/// Logins by SSO and by `aws login`.
fn sign_in(text: &str) -> Option<Explanation> {
    if text.contains("credentials-login") {
        return Some(Explanation::new(
            "the AWS profile is one of `aws login`, whose sessions labctl cannot read",
            "let the AWS CLI hand them on: `eval \"$(aws configure export-credentials --profile NAME --format env)\"`",
        ));
    }
    let never = text.contains("failed to load the cached SSO token")
        || (text.contains("/sso/cache/") && text.contains("No such file"));
    never.then(|| {
        Explanation::new(
            "there is no login by SSO for this AWS profile on this machine",
            "log in by `aws sso login`, with `--profile NAME` if you use one, then run again",
        )
    })
}

/// Profiles that are not there, or name what is not there.
fn profile(text: &str) -> Option<Explanation> {
    const LISTED: &str =
        "`aws configure list-profiles` lists them; choose one by `--profile` or `AWS_PROFILE`";
    if let Some((_, rest)) = text.split_once("could not find source profile ") {
        let mut words = rest.split_whitespace();
        let name = words.next()?;
        let from = rest.split_once("referenced from ").map(|(_, from)| from);
        let summary = match from {
            Some(from) if !from.starts_with("the root profile") => format!(
                "the AWS profile `{}` takes its credentials from the profile `{}`, which is not there",
                cut(from.split_whitespace().next()?),
                cut(name)
            ),
            _ => format!("there is no AWS profile `{}`", cut(name)),
        };
        return Some(Explanation::new(summary, LISTED));
    }
    if let Some((_, rest)) = text.split_once("sso-session named `") {
        let (name, _) = rest.split_once('`')?;
        return Some(Explanation::new(
            format!(
                "the AWS profile names the SSO session `{}`, which is not there",
                cut(name)
            ),
            "add it by `aws configure sso-session`, or correct the name in `~/.aws/config`",
        ));
    }
    let marks = [
        "missing credential source in `",
        "invalid credential source in `",
    ];
    let rest = marks
        .iter()
        .find_map(|mark| text.split_once(mark).map(|(_, rest)| rest))?;
    let (name, why) = rest.split_once("`: ")?;
    let why = why.split(" WebIdentityToken:").next().unwrap_or(why);
    Some(Explanation::new(
        format!(
            "the AWS profile `{}` is not complete: {}",
            cut(name),
            cut(why)
        ),
        "correct it in `~/.aws/config`, or choose another by `--profile` or `AWS_PROFILE`",
    ))
}

/// A role that the profile names, and that STS does not give.
fn role(text: &str) -> Option<Explanation> {
    let (_, rest) = text.split_once("not authorized to perform: sts:AssumeRole")?;
    let arn = rest
        .split_once("on resource: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map(|arn| arn.trim_matches(|sign: char| ":\"',)".contains(sign)));
    let named = arn.map_or_else(String::new, |arn| format!(" `{}`", cut(arn)));
    Some(Explanation::new(
        format!("these credentials may not take on the role{named} that the AWS profile names"),
        "have `sts:AssumeRole` allowed for them, and them trusted by the role; check the role's name and account in `~/.aws/config`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are those of the SDK, as the binary met them.
    #[test]
    fn the_cause_is_in_the_first_line() {
        let cases = [
            (
                "an error occurred while loading credentials: Error retrieving credentials: external process exited with code exit status: 3. Stderr: vault: you are not logged in",
                "failed (status 3): vault: you are not logged in",
            ),
            (
                "This behavior requires following cargo feature(s) enabled: credentials-login.",
                "one of `aws login`",
            ),
            (
                "profile `nope` was not defined: could not find source profile nope referenced from the root profile WebIdentityToken: x",
                "there is no AWS profile `nope`",
            ),
            (
                "profile `gone` was not defined: could not find source profile gone referenced from team WebIdentityToken: x",
                "`team` takes its credentials from the profile `gone`",
            ),
            (
                "sso-session named `corp` (referenced by profile `x`) was not found",
                "the SSO session `corp`",
            ),
            (
                "an error occurred while loading an access token: failed to load the cached SSO token",
                "there is no login by SSO",
            ),
            (
                "failed to read `/home/me/.aws/sso/cache/a5.json`: No such file or directory (os error 2)",
                "there is no login by SSO",
            ),
            (
                "unhandled error (AccessDenied): User: arn:aws:iam::1:user/me is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/admin",
                "may not take on the role `arn:aws:iam::2:role/admin`",
            ),
        ];
        for (text, words) in cases {
            let summary = explain(text).map(|explanation| explanation.summary);
            assert!(
                summary
                    .as_ref()
                    .is_some_and(|summary| summary.contains(words)),
                "{summary:?}"
            );
        }
        assert_eq!(
            explain("the SSO token has expired and cannot be refreshed"),
            None
        );
    }
}
