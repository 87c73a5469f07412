//! Tree → serde value, or every place where the tree does not have the shape of a plan.
//!
//! The walk follows the JSON Schema, so keys, types and words are listed nowhere else. A place whose value is unsound is
//! left out of the result as long as the rest is still a plan; which places those are is kept, so that `checks` can go
//! on with everything else and one run reports all.

mod phrases;

use serde_json::Value as Schema;
use serde_yaml::{Mapping, Value};

use phrases::{expected, instead, purpose, section, shorten};

use super::problem::Problem;
use super::scalars;
use super::schema::{keys, kind, property_by_type, resolve, words};
use super::source::join;
use super::suggest;
use super::tree::{Entry, Kind, Node};

/// What the walk found.
pub(super) struct Shape {
    /// The sound part of the plan.
    pub value: Mapping,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// The paths of values that were left out.
    pub unsound: Vec<String>,
}

/// Compares a tree with the schema of plans.
pub(super) fn check(root: &Node, schema: &Schema) -> Shape {
    let mut walk = Walk {
        root: schema,
        problems: Vec::new(),
        unsound: Vec::new(),
    };
    let value = match &root.kind {
        Kind::Mapping(entries) => walk.mapping(schema, entries, root, "").0,
        _ => Mapping::new(),
    };
    Shape {
        value,
        problems: walk.problems,
        unsound: walk.unsound,
    }
}

struct Walk<'a> {
    root: &'a Schema,
    problems: Vec<Problem>,
    unsound: Vec<String>,
}

/// A mapping that is being looked at.
struct Section<'a, 'n> {
    schema: &'a Schema,
    path: &'n str,
    entries: &'n [Entry],
    /// The keys that are not given, one of which a misspelt key may mean.
    free: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    /// Gives the value of a node, or records why it has none.
    fn value(&mut self, schema: &'a Schema, node: &Node, path: &str) -> Option<Value> {
        let schema = self.select(schema, node);
        let value = match &node.kind {
            _ if node.is_null() => self.mismatch(schema, node, path),
            Kind::Mapping(entries) if kind(schema) == "object" => {
                match self.mapping(schema, entries, node, path) {
                    (values, true) => Some(Value::Mapping(values)),
                    (_, false) => None,
                }
            }
            Kind::Sequence(items) if kind(schema) == "array" => {
                self.sequence(schema, items, node, path)
            }
            Kind::Scalar { text, .. } if !["object", "array"].contains(&kind(schema)) => {
                self.scalar(schema, text, node, path)
            }
            _ => self.mismatch(schema, node, path),
        };
        if value.is_none() {
            self.unsound.push(path.to_owned());
        }
        value
    }

    /// Follows references, and chooses the branch of a union by the kind of node.
    fn select(&self, schema: &'a Schema, node: &Node) -> &'a Schema {
        let schema = resolve(self.root, schema);
        let Some(branches) = schema["anyOf"].as_array() else {
            return schema;
        };
        let mut fitting = branches
            .iter()
            .map(|branch| resolve(self.root, branch))
            .filter(|branch| match node.kind {
                Kind::Mapping(_) => kind(branch) == "object",
                Kind::Sequence(_) => kind(branch) == "array",
                Kind::Scalar { .. } => match kind(branch) {
                    "object" | "array" => false,
                    // `true` is a switch where there is one, and a word else.
                    "boolean" => node.boolean().is_some(),
                    _ => node.boolean().is_none() || !has_switch(branches),
                },
            });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => only,
            // Several words, or nothing that fits: the union as a whole is what is expected.
            _ => schema,
        }
    }

    /// Gives the sound entries of a mapping, and whether all that it needs are among them.
    fn mapping(
        &mut self,
        schema: &'a Schema,
        entries: &[Entry],
        node: &Node,
        path: &str,
    ) -> (Mapping, bool) {
        let mut values = Mapping::new();
        let mut sound = true;
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Schema::as_str)
            .collect();
        let section = Section {
            schema,
            path,
            entries,
            free: free_keys(schema, entries),
        };
        for entry in entries {
            let place = join(path, &entry.key);
            let Some(property) = self.property(&section, entry) else {
                continue;
            };
            match self.value(property, &entry.value, &place) {
                Some(value) => drop(values.insert(entry.key.as_str().into(), value)),
                None => sound &= !required.contains(&entry.key.as_str()),
            }
        }
        for key in required
            .iter()
            .filter(|key| entries.iter().all(|entry| entry.key != **key))
        {
            sound = false;
            // A misspelt key has been reported with the one that was meant.
            if !self.unsound.contains(&join(path, key)) {
                self.unsound.push(join(path, key));
                self.missing(schema, key, node, path);
            }
        }
        (values, sound)
    }

    /// Finds the schema of a key, or records that the key is unknown or malformed.
    fn property(&mut self, section: &Section<'a, '_>, entry: &Entry) -> Option<&'a Schema> {
        let schema = section.schema;
        if let Some(names) = schema.get("propertyNames") {
            let key = Node {
                span: entry.key_span,
                kind: Kind::Scalar {
                    text: entry.key.clone(),
                    plain: false,
                },
            };
            self.value(names, &key, &join(section.path, &entry.key))?;
        }
        let any = schema
            .get("additionalProperties")
            .filter(|any| any.is_object());
        let property = property_by_type(schema, &entry.key, written_type(section.entries));
        let property = property
            .or_else(|| schema["properties"].get(&entry.key))
            .or(any);
        if property.is_none() {
            self.unknown(section, entry);
        }
        property
    }

    fn sequence(
        &mut self,
        schema: &'a Schema,
        items: &[Node],
        node: &Node,
        path: &str,
    ) -> Option<Value> {
        if items.is_empty() && schema["minItems"].as_u64().is_some_and(|least| least > 0) {
            let summary = format!("{} is an empty list", section(path));
            return self.refuse(
                Problem::error(path, node.span, summary)
                    .with_label("nothing is listed")
                    .with_help("list at least one value"),
            );
        }
        let item = &schema["items"];
        let values = items
            .iter()
            .enumerate()
            .map(|(index, node)| self.value(item, node, &format!("{path}[{index}]")));
        // All items are looked at before the list is given up.
        let values: Vec<Option<Value>> = values.collect();
        values
            .into_iter()
            .collect::<Option<Vec<Value>>>()
            .map(Value::Sequence)
    }

    fn scalar(&mut self, schema: &'a Schema, text: &str, node: &Node, path: &str) -> Option<Value> {
        if let Some(format) = schema["format"].as_str().and_then(scalars::format) {
            let Err(error) = (format.check)(text) else {
                return Some(text.into());
            };
            let summary = format!("`{}` is not {}", shorten(text), format.noun);
            return self.refuse(
                Problem::error(path, node.span, summary)
                    .with_label(error.reason)
                    .with_help(error.help),
            );
        }
        if kind(schema) == "boolean" {
            let value = node.boolean().map(Value::from);
            return value.or_else(|| self.mismatch(schema, node, path));
        }
        let words = words(schema);
        if words.is_empty() || words.contains(&text) {
            return Some(text.into());
        }
        let help = match suggest::nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", suggest::list(words)),
        };
        let summary = format!("`{}` is not a value of {}", shorten(text), section(path));
        self.refuse(
            Problem::error(path, node.span, summary)
                .with_label("not one of the allowed words")
                .with_help(help),
        )
    }

    fn missing(&mut self, schema: &Schema, key: &str, node: &Node, path: &str) {
        let summary = format!("{} needs the key `{key}`", section(path));
        let help = format!("add `{key}`, {}", purpose(key, &schema["properties"][key]));
        self.refuse(
            Problem::error(path, node.span, summary)
                .with_label(format!("`{key}` is missing"))
                .with_help(help),
        );
    }

    fn unknown(&mut self, section: &Section<'a, '_>, entry: &Entry) {
        let Section {
            schema, path, free, ..
        } = section;
        let name = phrases::section(path);
        let help = match suggest::nearest(&entry.key, free.iter().copied()) {
            Some(near) => {
                self.unsound.push(join(path, near));
                format!("did you mean `{near}`?")
            }
            None if entry.value.is_null() && entry.key.contains(' ') => {
                "put a text with a comma into quotes".to_owned()
            }
            None => format!("the keys of {name} are {}", suggest::list(keys(schema))),
        };
        let summary = format!("`{}` is not a key of {name}", shorten(&entry.key));
        self.refuse(
            Problem::error(&join(path, &entry.key), entry.key_span, summary)
                .with_label("unknown key")
                .with_help(help),
        );
    }

    fn mismatch(&mut self, schema: &Schema, node: &Node, path: &str) -> Option<Value> {
        let (section, expected) = (section(path), expected(self.root, schema));
        let summary = match &node.kind {
            _ if node.is_null() => format!("{section} has no value"),
            Kind::Scalar { text, .. } => {
                format!("{section} must be {expected}, not `{}`", shorten(text))
            }
            Kind::Sequence(_) => format!("{section} must be {expected}, not a list"),
            Kind::Mapping(_) => format!("{section} must be {expected}, not a section of keys"),
        };
        let help = instead(schema, &expected, path, node.is_null());
        self.refuse(
            Problem::error(path, node.span, summary)
                .with_label(format!("expected {expected}"))
                .with_help(help),
        )
    }

    /// Records a problem; there is no value then.
    fn refuse(&mut self, problem: Problem) -> Option<Value> {
        self.problems.push(problem);
        None
    }
}

/// Whether one of the branches of a union is a switch.
fn has_switch(branches: &[Schema]) -> bool {
    branches.iter().any(|branch| kind(branch) == "boolean")
}

/// Lists the keys of a section that are not given.
fn free_keys<'a>(schema: &'a Schema, entries: &[Entry]) -> Vec<&'a str> {
    keys(schema)
        .into_iter()
        .filter(|key| entries.iter().all(|entry| entry.key != *key))
        .collect()
}

/// Gives the word of the key `type`.
fn written_type(entries: &[Entry]) -> Option<&str> {
    let entry = entries.iter().find(|entry| entry.key == "type")?;
    match &entry.value.kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}
