//! Versions of languages, and packages.

use std::fmt;
use std::str::FromStr;

use super::{Invalid, Url, text};

text! {
    /// A Python package as pip takes it: a name, perhaps with a version.
    PythonRequirement;
}

/// The variables that a marker may compare (PEP 508, "Environment Markers").
const MARKERS: [&str; 7] = [
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_",
    "implementation_",
    "extra",
];

impl FromStr for PythonRequirement {
    type Err = Invalid;

    /// The shape is that of PEP 508: name, extras, versions or address, marker. Options of pip are refused.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write a package as `pip install` takes it, such as `pandas` or `pandas>=2.2`";
        let invalid = |reason: String| Err(Invalid::new(reason, help));
        if text.starts_with('-') {
            return invalid("it is an option of pip, not a package".to_owned());
        }
        if let Some(control) = text.chars().find(|letter| !matches!(letter, ' '..='~')) {
            return invalid(format!("`{}` is not allowed", control.escape_debug()));
        }
        let (text, marker) = text
            .split_once(';')
            .map_or((text, None), |(text, marker)| (text, Some(marker)));
        let (name, rest) = split_name(text);
        if !is_name(name) {
            return invalid("it does not start with the name of a package".to_owned());
        }
        let (extras, rest) = match rest.strip_prefix('[').map(|rest| rest.split_once(']')) {
            Some(Some((extras, rest))) => (extras, rest),
            Some(None) => return invalid("its `[` is not closed".to_owned()),
            None => ("", rest),
        };
        if !extras.is_empty() && !extras.split(',').all(|extra| is_name(extra.trim())) {
            return invalid(format!("`[{extras}]` does not name extras"));
        }
        let rest = rest.trim();
        if let Some(address) = rest.strip_prefix('@') {
            address.trim().parse::<Url>()?;
        } else if !rest.is_empty()
            && !rest
                .split(',')
                .all(|clause| is_version_clause(clause.trim()))
        {
            return invalid(format!("`{rest}` is not a version"));
        }
        if marker.is_some_and(|marker| !is_marker(marker)) {
            return invalid(
                "what stands behind the `;` compares nothing, such as `python_version < '3.13'`"
                    .to_owned(),
            );
        }
        let marker = marker
            .map(|marker| format!(";{marker}"))
            .unwrap_or_default();
        Ok(Self(format!("{text}{marker}")))
    }
}

/// Splits off the longest start that a name can be.
fn split_name(text: &str) -> (&str, &str) {
    let end = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter))
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn is_name(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    name.chars().all(inner)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// Says whether a text is one comparison with a version (PEP 440), such as `>=2.2`.
fn is_version_clause(clause: &str) -> bool {
    let operators = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
    let version = operators
        .iter()
        .find_map(|operator| clause.strip_prefix(operator))
        .unwrap_or_default()
        .trim();
    !version.is_empty()
        && version
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || ".*+!-_".contains(letter))
}

/// Says whether a text compares what PEP 508 lets it compare.
fn is_marker(marker: &str) -> bool {
    let start = marker.trim_start_matches(['(', ' ']);
    MARKERS.iter().any(|variable| start.starts_with(variable))
        && marker.contains(['<', '=', '>', 'i'])
        && marker
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || " ._-<>=!~()'\"".contains(letter))
}

/// Checks a version of three numbers.
fn version(text: &str, help: &str) -> Result<String, Invalid> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_digit())
    };
    if parts.len() == 3 && parts.iter().all(number) {
        return Ok(text.to_owned());
    }
    let reason = if parts.len() == 2 && parts.iter().all(number) {
        "its third number is missing"
    } else {
        "it is not three numbers with dots"
    };
    Err(Invalid::new(reason, help))
}

/// A version of Python.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PythonVersion {
    /// The operating system's own.
    System,
    /// One version, such as `3.12.4`.
    Exact(String),
}

impl FromStr for PythonVersion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "system" => Ok(Self::System),
            _ => {
                version(text, "write `system`, or a full version such as `3.12.4`").map(Self::Exact)
            }
        }
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::System => "system",
            Self::Exact(version) => version,
        })
    }
}

/// A version of R.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RVersion {
    /// The newest release.
    #[default]
    Release,
    /// The operating system's own.
    System,
    /// One version, such as `4.4.1`.
    Exact(String),
}

impl FromStr for RVersion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "release" => Ok(Self::Release),
            "system" => Ok(Self::System),
            _ => version(
                text,
                "write `release`, `system`, or a full version such as `4.4.1`",
            )
            .map(Self::Exact),
        }
    }
}

impl fmt::Display for RVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Release => "release",
            Self::System => "system",
            Self::Exact(version) => version,
        })
    }
}
