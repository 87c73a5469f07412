//! Policy documents: what IAM accepts, and how it gives them back.
//!
//! Sources: IAM User Guide, "IAM JSON policy elements reference" and "IAM and
//! AWS STS quotas"; IAM API Reference, "GetRolePolicy": documents come back
//! URL-encoded as RFC 3986 says.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::refusal::{Answer, Refusal, refuse, require};
use super::limit_exceeded;

/// The characters that RFC 3986 leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a policy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It says who may take a role.
    Trust,
    /// It says what a role may do.
    Permission,
}

/// Spells a document as IAM gives it back.
pub fn encoded(document: &str) -> String {
    utf8_percent_encode(document, UNRESERVED).to_string()
}

/// Checks a document: JSON, with statements that fit the purpose.
pub fn checked<'a>(
    document: Option<&'a str>,
    parameter: &str,
    purpose: Purpose,
) -> Answer<&'a str> {
    let document = require(document, parameter)?;
    let Ok(policy) = serde_json::from_str::<Value>(document) else {
        return Err(malformed("This policy contains invalid Json"));
    };
    let Some(statements) = policy.get("Statement") else {
        return Err(malformed("Missing required field Statement"));
    };
    let versions = [None, Some("2012-10-17"), Some("2008-10-17")];
    if !versions.contains(&policy.get("Version").and_then(Value::as_str)) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    match statements {
        Value::Array(statements) if !statements.is_empty() => {
            for statement in statements {
                check_statement(statement, purpose)?;
            }
        }
        Value::Object(_) => check_statement(statements, purpose)?,
        _ => return Err(malformed("Syntax errors in policy.")),
    }
    check_size(document, purpose)?;
    Ok(document)
}

fn check_statement(statement: &Value, purpose: Purpose) -> Answer<()> {
    let has = |field: &str| statement.get(field).is_some();
    if !matches!(
        statement.get("Effect").and_then(Value::as_str),
        Some("Allow" | "Deny")
    ) {
        return Err(malformed("Missing required field Effect"));
    }
    if !has("Action") && !has("NotAction") {
        return Err(malformed("Missing required field Action"));
    }
    match purpose {
        Purpose::Trust if has("Resource") => Err(malformed("Has prohibited field Resource")),
        Purpose::Trust if !has("Principal") && !has("NotPrincipal") => {
            Err(malformed("Missing required field Principal"))
        }
        Purpose::Permission if has("Principal") => {
            Err(malformed("Policy document should not specify a principal."))
        }
        Purpose::Permission if !has("Resource") && !has("NotResource") => {
            Err(malformed("Policy statement must contain resources."))
        }
        _ => Ok(()),
    }
}

fn check_size(document: &str, purpose: Purpose) -> Answer<()> {
    let size = document
        .chars()
        .filter(|character| !character.is_whitespace())
        .count();
    let (quota, most) = match purpose {
        Purpose::Trust => ("ACLSizePerRole", 2048),
        Purpose::Permission => ("MaximumPolicySize", 10_240),
    };
    if size > most {
        return Err(limit_exceeded(format!(
            "Cannot exceed quota for {quota}: {most}"
        )));
    }
    Ok(())
}

fn malformed(message: &str) -> Refusal {
    refuse("MalformedPolicyDocument", message)
}
