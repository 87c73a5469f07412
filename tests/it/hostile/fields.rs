//! All places of a plan where a text may stand, taken from the JSON schema: a new one is among them by itself.

use serde_json::{Map, Value, json};

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    /// A map's key, which is text itself.
    AnyKey,
    Item,
}

/// A place, with what the schema gives as an example of it.
#[derive(Debug, Clone)]
pub struct Field {
    pub steps: Vec<Step>,
    pub example: String,
}

impl Field {
    pub fn name(&self) -> String {
        let step = |step: &Step| match step {
            Step::Key(key) => format!(".{key}"),
            Step::AnyKey => ".*".to_owned(),
            Step::Item => "[]".to_owned(),
        };
        self.steps.iter().map(step).collect()
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolve(
            root,
            root.pointer(reference.trim_start_matches('#')).unwrap(),
        ),
        None => schema,
    }
}

fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .flat_map(|word| schema[word].as_array().into_iter().flatten())
}

/// Lists the places below a schema.
pub fn fields(root: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    walk(root, root, &mut Vec::new(), &mut found);
    found.sort_by_key(Field::name);
    found.dedup_by_key(|field| field.name());
    found
}

fn walk(root: &Value, schema: &Value, steps: &mut Vec<Step>, found: &mut Vec<Field>) {
    let schema = resolve(root, schema);
    let mut below = |step: Step, inner: &Value| {
        steps.push(step);
        walk(root, inner, steps, found);
        steps.pop();
    };
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        below(Step::Key(key.clone()), inner);
    }
    if schema["additionalProperties"].is_object() {
        below(Step::AnyKey, &schema["additionalProperties"]);
    }
    if schema["items"].is_object() {
        below(Step::Item, &schema["items"]);
    }
    let mut is_text = schema["type"] == "string" || schema["const"].is_string();
    for branch in branches(schema) {
        let branch = resolve(root, branch);
        is_text |= branch["const"].is_string() || branch["type"] == "string";
        walk(root, branch, steps, found);
    }
    if is_text {
        let example = sample(root, schema);
        found.push(Field {
            steps: steps.clone(),
            example: example.as_str().unwrap_or_default().to_owned(),
        });
    }
}

/// Makes a value that fits a schema, as far as its examples go.
fn sample(root: &Value, schema: &Value) -> Value {
    let schema = resolve(root, schema);
    let first = schema["examples"].get(0).or_else(|| schema["enum"].get(0));
    if let Some(value) = first.or_else(|| schema.get("const")) {
        return value.clone();
    }
    if let Some(branch) = branches(schema).next() {
        return sample(root, branch);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let entries = required
                .filter_map(Value::as_str)
                .map(|key| (key.to_owned(), sample(root, &schema["properties"][key])));
            entries.collect::<Map<_, _>>().into()
        }
        Some("array") => json!([sample(root, &schema["items"])]),
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        _ => json!("x"),
    }
}

/// Puts a value at a place of a document, and makes the sections above it.
pub fn put(root: &Value, document: &mut Value, steps: &[Step], value: &Value) {
    set(root, root, document, steps, value);
}

fn set(root: &Value, schema: &Value, place: &mut Value, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value.clone();
        return;
    };
    let schema = resolve(root, schema);
    let fits = |schema: &&Value| match step {
        Step::Key(key) => schema["properties"].get(key).is_some(),
        Step::AnyKey => schema["additionalProperties"].is_object(),
        Step::Item => schema["items"].is_object(),
    };
    let resolved = branches(schema).map(|branch| resolve(root, branch));
    let schema = std::iter::once(schema).chain(resolved).find(fits).unwrap();
    match step {
        Step::Key(key) => {
            if !place.is_object() {
                *place = sample(root, schema);
            }
            let inner = place
                .as_object_mut()
                .unwrap()
                .entry(key.clone())
                .or_insert(Value::Null);
            set(root, &schema["properties"][key], inner, rest, value);
        }
        // Both the key and what it stands for.
        Step::AnyKey => {
            let key = value.as_str().unwrap_or("key");
            *place = json!({ key: value });
        }
        Step::Item => {
            if place.as_array().is_none_or(Vec::is_empty) {
                *place = json!([sample(root, &schema["items"])]);
            }
            set(root, &schema["items"], &mut place[0], rest, value);
        }
    }
}

/// What stands at a place of a document.
pub fn get<'a>(document: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(document, |place, step| match step {
        Step::Key(key) => place.get(key),
        Step::AnyKey => place.as_object()?.values().next(),
        Step::Item => place.get(0),
    })
}
