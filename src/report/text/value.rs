//! One value of a field → text.

use std::collections::BTreeSet;

use crate::cloud::diff::{Change, ChangeSet};
use crate::cloud::resource::{Address, Owner, Standing, Value};
use crate::cloud::resources::LiveLab;

use super::super::style::{DIM, paint};
use super::super::words::{counted, harmless};

const LONGEST: usize = 76;
const HEAD: usize = 44;
const TAIL: usize = 24;

/// Knows which resources exist, so that a mention of others says so.
#[derive(Debug)]
pub struct Known<'a> {
    addresses: BTreeSet<&'a Address>,
}

impl<'a> Known<'a> {
    /// Gathers what exists, and goes on to.
    pub fn new(set: &'a ChangeSet, live: &'a LiveLab) -> Self {
        let is_usable = |owner: &Owner, address: &Address| {
            *owner == Owner::Lab || address.kind().can_be_shared()
        };
        let existing = live.resources.iter().filter(|live| {
            live.standing == Standing::Current && is_usable(&live.owner, &live.address)
        });
        let mut addresses: BTreeSet<_> = existing.map(|live| &live.address).collect();
        for change in &set.changes {
            match change {
                Change::Delete(live) if live.standing != Standing::Current => {}
                Change::Create(_) | Change::Replace(_) | Change::Delete(_) => {
                    addresses.remove(change.address());
                }
                _ => {}
            }
        }
        Self { addresses }
    }

    /// Whether a resource exists and goes on to.
    pub fn has(&self, address: &Address) -> bool {
        self.addresses.contains(address)
    }

    /// Writes a value that is to be.
    pub fn after(&self, path: &str, value: &Value) -> String {
        match value {
            Value::Reference(address) if !self.has(address) => {
                format!("{address} {}", paint(DIM, "(known after apply)"))
            }
            Value::List(values) => {
                let values: Vec<_> = values.iter().map(|one| self.after(path, one)).collect();
                listed(&values)
            }
            _ => before(path, value),
        }
    }
}

/// Writes a value that is.
pub fn before(path: &str, value: &Value) -> String {
    match value {
        Value::Absent => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => match path {
            "root_volume.size" => format!("{number} GiB"),
            "ttl" => format!("{number} s"),
            _ => number.to_string(),
        },
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Text(text) => shortened(&harmless(text)),
        Value::List(values) => {
            let values: Vec<_> = values.iter().map(|one| before(path, one)).collect();
            listed(&values)
        }
        Value::Document(document) => summary(document),
        Value::Reference(address) => address.to_string(),
    }
}

fn listed(values: &[String]) -> String {
    match values {
        [] => "none".to_owned(),
        values => values.join(", "),
    }
}

/// A policy is told by the number of its statements.
fn summary(document: &serde_json::Value) -> String {
    match document.get("Statement") {
        Some(serde_json::Value::Array(statements)) => counted(statements.len(), "statement"),
        Some(_) => counted(1, "statement"),
        None => "a document".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let head: String = text.chars().take(HEAD).collect();
    let tail: String = text.chars().skip(length - TAIL).collect();
    format!("{head}…{tail}")
}
