//! The JSON Schema of plan files, made from the model.
//!
//! Editors complete and check plans with it, and `shape` checks plans with the very same document, so the two cannot
//! disagree.

use std::sync::LazyLock;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::model::Plan;

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// Gives the JSON Schema (draft 2020-12) of plan files.
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// Borrows the same schema.
pub(super) fn shared() -> &'static Value {
    &SCHEMA
}

fn generate() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Plan>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// Removes `null` from optional values: a key is either left out or has a value.
fn without_null(schema: &mut Schema) {
    match schema.get_mut("default") {
        Some(Value::Null) => drop(schema.remove("default")),
        Some(Value::Object(values)) => values.retain(|_, value| !value.is_null()),
        _ => {}
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|word| word != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    let is_null = |branch: &Value| branch.get("type").is_some_and(|word| word == "null");
    if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
        branches.retain(|branch| !is_null(branch));
        if let [Value::Object(only)] = branches.as_mut_slice() {
            let only = std::mem::take(only);
            schema.remove("anyOf");
            for (keyword, value) in only {
                schema.ensure_object().entry(keyword).or_insert(value);
            }
        }
    }
}

/// Follows a reference to the definition it names.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str();
    let target = reference.and_then(|reference| root.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(schema)
}

/// Gives the schema's type, which every schema of the plan names, or shows by its words.
pub(super) fn kind(schema: &Value) -> &str {
    schema["type"].as_str().unwrap_or("string")
}

/// Lists the keys of a section.
pub(super) fn keys(schema: &Value) -> Vec<&str> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

/// Lists the words that an enumeration admits.
pub(super) fn words(schema: &Value) -> Vec<&str> {
    let branches = schema["oneOf"]
        .as_array()
        .or(schema["anyOf"].as_array())
        .into_iter()
        .flatten();
    branches
        .filter_map(|branch| branch["const"].as_str())
        .collect()
}

/// Finds the schema of a key that depends on the word written as the `type` beside it.
pub(super) fn property_by_type<'a>(
    schema: &'a Value,
    key: &str,
    written: Option<&str>,
) -> Option<&'a Value> {
    let rules = schema["allOf"].as_array()?;
    let rule = rules
        .iter()
        .find(|rule| rule["if"]["properties"]["type"]["const"].as_str() == written)?;
    rule["then"]["properties"].get(key)
}

/// Finds an example of a value, as YAML writes it.
pub(super) fn example(schema: &Value) -> Option<String> {
    let example = schema["examples"]
        .get(0)
        .or_else(|| schema["oneOf"].get(0)?.get("const"))?;
    match example.as_str() {
        // Such a sign means something to YAML, and needs quotes.
        Some(text) if text.starts_with(['@', '*']) => Some(example.to_string()),
        Some(text) => Some(text.to_owned()),
        None => Some(example.to_string()),
    }
}
