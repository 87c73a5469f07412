//! The fields of one resource → aligned lines.

use std::collections::BTreeSet;

use crate::cloud::diff::FieldChange;
use crate::cloud::resource::{Field, OnChange, Value};

use super::super::style::{CREATE, DANGER, DELETE, DIM, paint};
use super::lines;
use super::value::{Known, before};

const INDENT: &str = "      ";
const TAGS: &str = "tags.";
const OWN_TAGS: &str = "tags.labctl:";

/// A field's path and what is to be said about it, on one line or several.
struct Row {
    path: String,
    lines: Vec<String>,
}

impl Row {
    fn new(path: &str, line: String) -> Self {
        Self {
            path: path.to_owned(),
            lines: vec![line],
        }
    }
}

/// Writes what a new resource will be.
pub fn of_new(fields: &[Field], known: &Known<'_>) -> Vec<String> {
    let is_told = |field: &&Field| {
        field.on_change != OnChange::Ignore
            && field.value != Value::Absent
            && !field.path.starts_with(TAGS)
    };
    let mut rows: Vec<Row> = fields
        .iter()
        .filter(is_told)
        .map(|field| Row {
            path: field.path.clone(),
            lines: new_value(field, known),
        })
        .collect();
    let tags: Vec<_> = fields
        .iter()
        .filter(|field| field.path.starts_with(TAGS) && !field.path.starts_with(OWN_TAGS))
        .map(|field| {
            let key = field.path.trim_start_matches(TAGS);
            format!("{key}={}", before(&field.path, &field.value))
        })
        .collect();
    if !tags.is_empty() {
        rows.push(Row::new("tags", tags.join(", ")));
    }
    aligned(&rows)
}

fn new_value(field: &Field, known: &Known<'_>) -> Vec<String> {
    match &field.value {
        Value::List(values) if values.len() > 1 => {
            let values = values.iter().map(|value| known.after(&field.path, value));
            std::iter::once(String::new()).chain(values).collect()
        }
        value => vec![known.after(&field.path, value)],
    }
}

/// Writes where a resource differs.
pub fn of_changes(fields: &[FieldChange], is_replaced: bool, known: &Known<'_>) -> Vec<String> {
    let is_own_tag = |field: &&FieldChange| field.path.starts_with(OWN_TAGS);
    let told = fields.iter().filter(|field| !is_own_tag(field));
    let mut rows: Vec<Row> = told
        .map(|field| changed(field, is_replaced, known))
        .collect();
    if fields.iter().any(|field| is_own_tag(&field)) {
        let line = "labctl's own are put right".to_owned();
        rows.push(Row::new("tags", line));
    }
    aligned(&rows)
}

fn changed(field: &FieldChange, is_replaced: bool, known: &Known<'_>) -> Row {
    let mut lines = difference(field, known);
    let is_forcing = is_replaced && field.on_change == OnChange::Replace;
    if let Some(first) = lines.first_mut().filter(|_| is_forcing) {
        first.push(' ');
        first.push_str(&paint(DANGER, "(forces replacement)"));
    }
    Row {
        path: field.path.clone(),
        lines,
    }
}

fn difference(field: &FieldChange, known: &Known<'_>) -> Vec<String> {
    match (&field.before, &field.after) {
        (Value::Document(old), Value::Document(new)) => {
            let changes = lines::difference(old, new);
            std::iter::once(String::new()).chain(changes).collect()
        }
        (Value::List(old), Value::List(new)) if old != new && old.len().max(new.len()) > 1 => {
            elements(&field.path, old, new, known)
        }
        (old, new) => {
            let old = before(&field.path, old);
            vec![format!(
                "{} → {}",
                paint(DIM, old),
                known.after(&field.path, new)
            )]
        }
    }
}

fn elements(path: &str, old: &[Value], new: &[Value], known: &Known<'_>) -> Vec<String> {
    let mut lines = vec![String::new()];
    let gone = old.iter().filter(|value| !new.contains(value));
    let come = new.iter().filter(|value| !old.contains(value));
    lines.extend(gone.map(|value| paint(DELETE, format!("- {}", before(path, value)))));
    lines.extend(come.map(|value| {
        let text = known.after(path, value);
        format!("{} {text}", paint(CREATE, "+"))
    }));
    let same = old.iter().filter(|value| new.contains(value)).count();
    if same > 0 {
        lines.push(paint(DIM, format!("  {same} unchanged")));
    }
    lines
}

fn aligned(rows: &[Row]) -> Vec<String> {
    let inline = rows
        .iter()
        .filter(|row| row.lines.first().is_some_and(|line| !line.is_empty()));
    let width = inline
        .map(|row| row.path.chars().count())
        .max()
        .unwrap_or_default()
        + 1;
    let mut lines = Vec::new();
    for row in rows {
        let path = format!("{}:", row.path);
        let mut values = row.lines.iter();
        match values.next().map(String::as_str) {
            None | Some("") => lines.push(format!("{INDENT}{path}")),
            Some(first) => lines.push(format!("{INDENT}{path:<width$} {first}")),
        }
        lines.extend(values.map(|line| format!("{INDENT}  {line}")));
    }
    lines
}

/// The paths of the fields that force a replacement.
pub fn forcing(fields: &[FieldChange]) -> String {
    let forcing = fields
        .iter()
        .filter(|field| field.on_change == OnChange::Replace);
    let paths: BTreeSet<_> = forcing.map(|field| format!("`{}`", field.path)).collect();
    let verb = match paths.len() {
        1 => "forces",
        _ => "force",
    };
    let paths: Vec<_> = paths.into_iter().collect();
    format!("{} {verb} it", paths.join(" and "))
}
