//! Parts of a schema and of a file, in the words of messages.

use serde_json::Value as Schema;

use crate::plan::schema::{example, keys, kind, resolve, words};
use crate::plan::{scalars, suggest};

/// Says in words what a schema admits.
pub(super) fn expected(root: &Schema, schema: &Schema) -> String {
    if let Some(branches) = schema["anyOf"].as_array() {
        let branches: Vec<String> = branches
            .iter()
            .map(|branch| expected(root, resolve(root, branch)))
            .collect();
        return branches.join(" or ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    match (
        kind(schema),
        schema["format"].as_str().and_then(scalars::format),
    ) {
        (_, Some(format)) => format.noun.to_owned(),
        ("object", _) => match schema["required"].as_array() {
            Some(required) => format!(
                "a section with {}",
                suggest::list(required.iter().filter_map(Schema::as_str))
            ),
            None => "a section of keys".to_owned(),
        },
        ("array", _) => "a list".to_owned(),
        ("boolean", _) => "`true` or `false`".to_owned(),
        _ => match words(schema).as_slice() {
            [] => "a text".to_owned(),
            words => format!("one of {}", suggest::list(words.iter().copied())),
        },
    }
}

/// Names a section in a sentence.
pub(super) fn section(path: &str) -> String {
    if path.is_empty() {
        "the plan".to_owned()
    } else {
        format!("`{path}`")
    }
}

/// Says what a key is for, and how it may look.
pub(super) fn purpose(key: &str, property: &Schema) -> String {
    let description = property["description"].as_str().unwrap_or_default();
    let sentence = description
        .split(". ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let mut letters = sentence.chars();
    let sentence: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(letters)
        .collect();
    match example(property) {
        Some(example) => format!("{sentence}; for example `{key}: {example}`"),
        None => sentence,
    }
}

/// Says what to write in place of a value of the wrong kind, or of none.
pub(super) fn instead(schema: &Schema, expected: &str, path: &str, is_null: bool) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    match (kind(schema), keys(schema).as_slice(), example(schema)) {
        ("object", ..) if is_null && schema.get("required").is_none() => {
            format!("write `{key}: {{}}` to take the defaults, or leave the key out")
        }
        ("object", [], _) => "write lines of `key: value` below it, indented".to_owned(),
        ("object", keys, _) => format!(
            "write its keys below it, indented: {}",
            suggest::list(keys.iter().copied())
        ),
        ("array", ..) => format!("write a list, such as `{key}: [first, second]`"),
        ("boolean", ..) => "write `true` or `false`, without quotes".to_owned(),
        (_, _, Some(example)) => format!("write {expected}, such as `{key}: {example}`"),
        _ if is_null => "write a value, or leave the key out".to_owned(),
        _ => format!("write {expected}"),
    }
}

/// Keeps a text of the file short enough for a message.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
