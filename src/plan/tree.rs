//! YAML text → a tree whose every node knows its place.
//!
//! The parser's events are folded into nodes without recursion. What YAML allows and a plan does not need is refused
//! here, with its place: tags, several documents, keys that are not text, duplicate keys, and texts built to exhaust
//! memory. Scalars keep the text as written, so that a version `3.10` stays `3.10`.

mod builder;

use builder::Builder;

use super::problem::Problem;
use super::source::{Locator, Source, Span, join};

/// The largest file that is read; a plan is a few kilobytes.
pub(super) const MAXIMUM_BYTES: usize = 1 << 20;

/// A value of the plan file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Where a reader looks for it: a scalar itself, the key of a section or list, the first key of a list's item.
    pub span: Span,
    pub kind: Kind,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar { text: String, plain: bool },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping, with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    /// Says whether nothing is written here, or YAML's words for nothing.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if ["", "~", "null", "Null", "NULL"].contains(&text.as_str()))
    }

    /// Gives the truth value that YAML 1.2 sees here (section 10.3.2).
    pub fn boolean(&self) -> Option<bool> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Counts the nodes of this tree.
    fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::Sequence(items) => items.iter().map(Node::count).sum(),
            Kind::Mapping(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }

    /// Records the place of this node and of all below it.
    pub fn record_places(&self, path: &str, source: &mut Source) {
        source.places.insert(path.to_owned(), self.span);
        match &self.kind {
            Kind::Scalar { .. } => {}
            Kind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.record_places(&format!("{path}[{index}]"), source);
                }
            }
            Kind::Mapping(entries) => {
                for entry in entries {
                    entry.value.record_places(&join(path, &entry.key), source);
                }
            }
        }
    }
}

/// Reads the text of a source as one YAML document whose root is a mapping.
///
/// There may be problems beside a root: all stages go on as long as there is something to look at.
pub(super) fn read(source: &Source) -> (Option<Node>, Vec<Problem>) {
    let locator = Locator::new(&source.text);
    let first = locator.span(0, 0);
    if source.text.len() > MAXIMUM_BYTES {
        let problem = Problem::error("", first, "the plan file is larger than 1 MiB");
        return (
            None,
            vec![problem.with_help("a plan is a short text; is this the right file?")],
        );
    }
    let (root, mut problems) = Builder::new(locator).read(&source.text);
    match root {
        Some(Node { kind: Kind::Mapping(_), .. }) => return (root, problems),
        Some(root) if !root.is_null() => problems.push(
            Problem::error("", root.span, "a plan is made of keys and values, and this file is not")
                .with_label("expected a key such as `lab:`")
                .with_help("start with `lab: my-lab`, or let `labctl init` write the file"),
        ),
        _ if problems.is_empty() => problems.push(
            Problem::error("", first, "the plan file is empty")
                .with_label("nothing is written here")
                .with_help("let `labctl init` write a plan with comments; the least a plan has is `lab`, `region` and `instance`"),
        ),
        _ => {}
    }
    (None, problems)
}
