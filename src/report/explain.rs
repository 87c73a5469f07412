//! Errors of AWS → what they mean and what to do.
//!
//! What AWS answers is looked up in a table by its code; what is not there is
//! told in AWS's own words. Nothing secret passes: AWS repeats signed requests,
//! tokens included, in some of its messages, so long words are cut.

mod causes;
mod credentials;
mod table;

use std::error::Error;

use crate::cloud::api::{CallError, CallFailure, is_out_of_stock};
use crate::cloud::permissions;
use crate::cloud::resources::StepError;

use super::words::harmless;

/// An error in plain words, with the way out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What is wrong.
    pub summary: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What only helps in asking others: AWS's own words, the request's id.
    pub detail: Option<String>,
}

impl Explanation {
    fn new(summary: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            help: Some(help.into()),
            detail: None,
        }
    }
}

/// Explains a call that failed.
pub fn call_error(error: &CallError) -> Explanation {
    let call = &error.call;
    let mut explanation = match &error.failure {
        CallFailure::Service { code, message, .. } => service(error, code, message),
        CallFailure::Unreachable(_) => Explanation::new(
            format!("AWS cannot be reached for `{call}`"),
            "check the network and a proxy or firewall in the way; if `AWS_ENDPOINT_URL` is \
             set, whether what it names is up",
        ),
        CallFailure::TimedOut => Explanation::new(
            format!("AWS did not answer `{call}` in time"),
            "check the network, then run the same command again: it goes on where this one ended",
        ),
        CallFailure::Garbled { .. } => Explanation::new(
            format!("what answers `{call}` is not AWS"),
            "check for a proxy or a login page in the way; if `AWS_ENDPOINT_URL` is set, \
             whether it names the right place",
        ),
        CallFailure::NotSent(text) => {
            let text = first_words(text);
            credentials::explain(&text).unwrap_or_else(|| table::not_sent(&text))
        }
        CallFailure::Untrusted(text) => untrusted(text),
        CallFailure::Panicked(text) => Explanation::new(
            format!("the AWS SDK could not carry `{call}` out: {}", cut(text)),
            "check what is set for AWS, in its variables and in `~/.aws`: credentials, a profile, an address; if all \
             of it is right, this is a defect of labctl",
        ),
    };
    explanation.detail = Some(detail(error));
    explanation
}

/// A certificate that is not AWS's, or not known here.
fn untrusted(text: &str) -> Explanation {
    let text = first_words(text);
    let why = text
        .rsplit("invalid peer certificate: ")
        .next()
        .unwrap_or(&text);
    let help = match why.starts_with("Expired") || why.contains("NotValidYet") {
        true => "check this machine's clock",
        false => {
            "something between here and AWS opens encrypted connections (a company's proxy, a virus scanner): trust its \
             certificate by `AWS_CA_BUNDLE=FILE.pem`, or `ca_bundle` in `~/.aws/config`"
        }
    };
    Explanation::new(
        format!(
            "the TLS handshake failed: the certificate of what answers in AWS's place is not trusted ({})",
            cut(why)
        ),
        help,
    )
}

fn service(error: &CallError, code: &str, message: &str) -> Explanation {
    let call = &error.call;
    let action = denied_action(message).unwrap_or_else(|| permissions::action(call));
    let fill = |text: &str| {
        text.replace("{call}", &call.to_string())
            .replace("{action}", &action)
    };
    if let Some((summary, help)) = causes::find(message).filter(|_| denies(code)) {
        return Explanation::new(fill(summary), fill(help));
    }
    if denies(code) && action.starts_with("kms:") {
        return Explanation::new(fill(KEY_DENIED), KEY_HELP);
    }
    if let Some(zones) = zones_left(message).filter(|_| is_out_of_stock(code)) {
        return Explanation::new(
            "AWS has no server of this type left in this zone at the moment",
            format!(
                "AWS offers it in {}: write `availability_zone: {}` under the plan's `instance`, or another \
                 `instance_type`",
                zones.join(", "),
                zones[0]
            ),
        );
    }
    match table::find(code, message) {
        Some(entry) => Explanation::new(fill(entry.summary), fill(entry.help)),
        None => {
            let message = cut(message);
            let words = match message.as_str() {
                "" => String::new(),
                message => format!(": {message}"),
            };
            Explanation {
                summary: format!("AWS refused `{call}` with `{code}`{words}"),
                ..Explanation::default()
            }
        }
    }
}

/// A key of AWS KMS that these credentials may not use.
const KEY_DENIED: &str =
    "these credentials lack the permission `{action}` for the key that encrypts here";
const KEY_HELP: &str = "have it allowed in the key's policy and in IAM; `-v` shows which key";

/// Explains a step that failed.
pub fn step_error(error: &StepError) -> Explanation {
    match error {
        StepError::Call(error) => call_error(error),
        StepError::TimedOut { .. } => Explanation::new(
            error.to_string(),
            "run the same command again: it looks at what there is, and goes on from there",
        ),
        StepError::LostRace => Explanation::new(
            error.to_string(),
            "wait until it has ended, then run the same command again: it looks at what there is",
        ),
        StepError::Blocked { what, help } => Explanation::new(cut(what), help),
        StepError::Incomplete { .. } => Explanation::new(
            error.to_string(),
            "run the same command again; if it stays so, what answers may not be AWS: is \
             `AWS_ENDPOINT_URL` set?",
        ),
    }
}

/// Explains any error: one of AWS by its code, others by what they say.
pub fn error(error: &(dyn Error + 'static)) -> Explanation {
    if let Some(error) = error.downcast_ref::<StepError>() {
        return step_error(error);
    }
    if let Some(error) = error.downcast_ref::<CallError>() {
        return call_error(error);
    }
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    Explanation {
        summary: cut(&texts.join(": ")),
        ..Explanation::default()
    }
}

/// AWS's own words and the request's id.
fn detail(error: &CallError) -> String {
    let words = match &error.failure {
        CallFailure::Service { code, message, .. } => match denies(code) {
            // The encoded part is meant to be decoded, by who may.
            true => format!("{code}: {}", harmless(message)),
            false => format!("{code}: {}", cut(message)),
        },
        CallFailure::Garbled { detail, body } => cut(&format!("{detail}; it begins: {body}")),
        other => cut(&first_words(&other.to_string())),
    };
    let words = format!("{}: {words}", error.call);
    match &error.request_id {
        Some(id) => format!("{words} (request {})", harmless(id)),
        None => words,
    }
}

fn denies(code: &str) -> bool {
    matches!(
        code,
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException"
    )
}

/// Leaves out what the SDK adds for its own developers.
fn first_words(text: &str) -> String {
    const DEBUG: &[&str] = &[
        " (DispatchFailure(",
        " (ConstructionFailure(",
        " (TimeoutError(",
        " (ResponseError(",
        " (ServiceError(",
    ];
    let ends = DEBUG.iter().filter_map(|mark| text.find(mark));
    match ends.min() {
        Some(end) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

const LONGEST_WORD: usize = 120;

/// Cuts what nobody can read and what may be secret: encoded blobs, tokens,
/// keys' ids, signed requests.
fn cut(text: &str) -> String {
    let flat = text.split_whitespace().map(|word| {
        let is_key_id = (word.starts_with("AKIA") || word.starts_with("ASIA")) && word.len() >= 16;
        if is_key_id {
            "(a key's id)".to_owned()
        } else if word.chars().count() > LONGEST_WORD {
            "(…)".to_owned()
        } else {
            harmless(word)
        }
    });
    let words: Vec<_> = flat.collect();
    let text = words.join(" ");
    // What follows is the request that AWS wanted signed, its token included.
    match text.find("The Canonical String for this request should have been") {
        Some(end) => text[..end].trim_end().to_owned(),
        None => text,
    }
}

/// The zones that have servers of a type, as AWS's message names them: `… or choosing us-east-1b, us-east-1c.`
fn zones_left(message: &str) -> Option<Vec<&str>> {
    let (_, rest) = message.split_once("or choosing ")?;
    let zones: Vec<&str> = rest
        .split_once('.')
        .map_or(rest, |(zones, _)| zones)
        .split(", ")
        .collect();
    let is_zone = |zone: &&str| {
        let is_sign = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit() || one == b'-';
        !zone.is_empty() && zone.bytes().all(is_sign)
    };
    zones.iter().all(is_zone).then_some(zones)
}

/// The action that AWS's message says is missing: starting a server also takes
/// `iam:PassRole`, for one.
fn denied_action(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let word = rest.split_whitespace().next()?;
    let is_action = word
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || ":-*".contains(one));
    (is_action && word.contains(':')).then(|| word.to_owned())
}
