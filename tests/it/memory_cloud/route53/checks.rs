//! Checks of single record sets.
//!
//! Sources: Route 53 API Reference, "ResourceRecordSet"; Route 53 Developer
//! Guide, "Supported DNS record types" and "DNS domain name format".

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_sdk_route53::types::{ChangeAction, ResourceRecord, ResourceRecordSet, RrType};

use super::super::refusal::{Answer, Refusal, refuse};
use super::invalid_input;

/// The longest time to live.
const LONGEST: i64 = 2_147_483_647;

/// Checks what Route 53 checks of a request before it looks at the zone.
pub fn check_shape(set: &ResourceRecordSet, action: &ChangeAction) -> Answer<()> {
    let has_records = !set.resource_records().is_empty();
    let is_whole = match (set.alias_target(), set.ttl(), has_records) {
        (Some(_), None, false) => true,
        (None, Some(_), has_records) => has_records,
        _ => false,
    };
    if !is_whole {
        return Err(invalid_input(format!(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and \
             ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with \
             [Action={action}, Name={}, Type={}, SetIdentifier=null]",
            set.name(),
            set.r#type()
        )));
    }
    if set.ttl().is_some_and(|ttl| !(0..=LONGEST).contains(&ttl)) {
        return Err(invalid_input(format!(
            "1 validation error detected: Value at 'TTL' failed to satisfy constraint: Member \
             must have value between 0 and {LONGEST}"
        )));
    }
    check_labels(set.name()).map_err(in_batch)
}

fn in_batch(problem: String) -> Refusal {
    refuse("InvalidChangeBatch", format!("[{problem}]"))
}

/// Checks the labels of a name: 1 to 63 bytes each, 255 in all.
pub fn check_labels(name: &str) -> Result<(), String> {
    let trimmed = name.trim_end_matches('.');
    if trimmed.len() > 255 {
        return Err(format!(
            "FATAL problem: DomainNameTooLong (Domain name is too long) encountered with '{name}'"
        ));
    }
    for label in trimmed.split('.') {
        let length = label.replace("\\052", "*").replace("\\100", "@").len();
        if length == 0 {
            return Err(format!(
                "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with '{name}'"
            ));
        }
        if length > 63 {
            return Err(format!(
                "FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{label}'"
            ));
        }
        if !label.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "FATAL problem: UnsupportedCharacter (Value contains unsupported characters) encountered with '{name}'"
            ));
        }
    }
    Ok(())
}

/// Checks the values of a set, in the form that its type asks for.
pub fn check_set(set: &ResourceRecordSet) -> Result<(), String> {
    let values: Vec<&str> = set
        .resource_records()
        .iter()
        .map(ResourceRecord::value)
        .collect();
    for (index, value) in values.iter().enumerate() {
        if values.iter().take(index).any(|other| other == value) {
            return Err(format!("Duplicate Resource Record: '{value}'"));
        }
        if let Some(problem) = problem_of(set.r#type(), value) {
            return Err(format!(
                "Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"
            ));
        }
    }
    if *set.r#type() == RrType::Cname && values.len() > 1 {
        return Err("CNAME records may have only one value".to_owned());
    }
    Ok(())
}

fn problem_of(kind: &RrType, value: &str) -> Option<&'static str> {
    let problem = |is_bad: bool, text: &'static str| is_bad.then_some(text);
    match kind {
        RrType::A => problem(
            value.parse::<Ipv4Addr>().is_err(),
            "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
        ),
        RrType::Aaaa => problem(
            value.parse::<Ipv6Addr>().is_err(),
            "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
        ),
        RrType::Cname => problem(
            check_labels(value).is_err(),
            "DomainNameInvalid (Value is not a valid domain name)",
        ),
        RrType::Mx => {
            let fields: Vec<&str> = value.split_whitespace().collect();
            let is_whole = matches!(fields[..], [priority, host]
                if priority.parse::<u16>().is_ok() && check_labels(host).is_ok());
            problem(
                !is_whole,
                "MXRRDATANotTwoFields (MX record doesn't have 2 fields)",
            )
        }
        RrType::Txt => problem_of_text(value),
        RrType::Caa => {
            let fields: Vec<&str> = value.splitn(3, ' ').collect();
            let is_whole = matches!(fields[..], [flags, _, text]
                if flags.parse::<u8>().is_ok() && problem_of_text(text).is_none());
            problem(
                !is_whole,
                "CAARRDATANotThreeFields (CAA record must have 3 fields)",
            )
        }
        _ => None,
    }
}

/// Checks a TXT value: strings in quotation marks, 255 characters each, a space
/// between two.
fn problem_of_text(value: &str) -> Option<&'static str> {
    let unquoted = "InvalidCharacterString (Value should be enclosed in quotation marks)";
    let mut rest = value;
    loop {
        let Some(tail) = rest.strip_prefix('"') else {
            return Some(unquoted);
        };
        let Some(end) = end_of_string(tail) else {
            return Some(unquoted);
        };
        let (text, tail) = tail.split_at(end);
        if text.len() > 255 {
            return Some("CharacterStringTooLong (Value is too long)");
        }
        rest = tail.strip_prefix('"').unwrap_or(tail);
        if rest.is_empty() {
            return None;
        }
        let Some(next) = rest.strip_prefix(' ') else {
            return Some(unquoted);
        };
        rest = next.trim_start();
    }
}

/// Finds the quotation mark that ends a string, past those that are escaped.
fn end_of_string(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(index),
            _ => {}
        }
    }
    None
}
