//! The fold of the parser's events into nodes.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::{Entry, Kind, Node};
use crate::plan::problem::Problem;
use crate::plan::source::{Locator, Span, join};

/// The most nodes a plan may have once its aliases are expanded.
const MAXIMUM_NODES: usize = 20_000;
/// The deepest nesting; the plan's own is six.
const MAXIMUM_DEPTH: usize = 24;

/// The usual slips: what the parser's message holds, what it means, and what to do.
const SYNTAX: [(&str, &str, &str); 4] = [
    (
        "tab",
        "a tab stands where YAML wants spaces",
        "indent with spaces",
    ),
    (
        "simple key expect",
        "a key has no `:` behind it",
        "write `key: value`, with a space behind the `:`; look at the line above too",
    ),
    (
        "expected ',' or ']'",
        "a list in brackets is not closed",
        "add the missing `]`, or a `,` between its values",
    ),
    (
        "expected ',' or '}'",
        "a section in braces is not closed",
        "add the missing `}`, or a `,` between its keys",
    ),
];

/// A sequence or mapping whose end has not been seen.
struct Open {
    span: Span,
    anchor: usize,
    children: Children,
}

enum Children {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        key: Option<(String, Span)>,
    },
}

/// Folds the parser's events into a tree.
pub(super) struct Builder {
    locator: Locator,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

/// Ends the reading: what follows cannot be understood. The problem has been recorded.
struct Stop;

impl Builder {
    pub(super) fn new(locator: Locator) -> Self {
        Self {
            locator,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            problems: Vec::new(),
        }
    }

    /// Gives the root, unless there is none or the text cannot be read to its end, and what is wrong.
    pub(super) fn read(mut self, text: &str) -> (Option<Node>, Vec<Problem>) {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let outcome = match event {
                Ok((event, span)) => {
                    let span = self.locator.span(span.start.index(), span.end.index());
                    self.event(event, span)
                }
                Err(error) => self.syntax(&error),
            };
            if outcome.is_err() {
                break;
            }
        }
        (self.root, self.problems)
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        if let Event::Scalar(_, _, _, Some(_))
        | Event::SequenceStart(_, Some(_))
        | Event::MappingStart(_, Some(_)) = &event
        {
            self.problem(
                span,
                "YAML tags are not used in a plan",
                "a tag",
                "leave out the word that starts with `!`",
            );
        }
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_none() => Ok(()),
            Event::DocumentStart(_) => self.stop(
                span,
                "a plan file holds one document",
                "a second one starts here",
                "write each lab into its own file",
            ),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                self.add(
                    Node {
                        span,
                        kind: Kind::Scalar {
                            text: text.into_owned(),
                            plain,
                        },
                    },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => {
                self.push(span, anchor, Children::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => self.push(
                span,
                anchor,
                Children::Mapping {
                    entries: Vec::new(),
                    key: None,
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.pop(),
        }
    }

    fn push(&mut self, span: Span, anchor: usize, children: Children) -> Result<(), Stop> {
        if self.open.len() == MAXIMUM_DEPTH {
            return self.stop(
                span,
                "the plan is nested too deeply",
                "too deep",
                "no key of a plan lies deeper than six levels",
            );
        }
        self.open.push(Open {
            span,
            anchor,
            children,
        });
        Ok(())
    }

    fn pop(&mut self) -> Result<(), Stop> {
        let Some(Open {
            span,
            anchor,
            children,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let (span, kind) = match children {
            Children::Sequence(items) => (span, Kind::Sequence(items)),
            Children::Mapping { entries, .. } => (
                entries.first().map_or(span, |entry| entry.key_span),
                Kind::Mapping(entries),
            ),
        };
        self.add(Node { span, kind }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return self.stop(
                span,
                "an alias stands inside the value it names",
                "this repeats itself forever",
                "write the value out",
            );
        };
        self.nodes += node.count();
        // The value is written at the anchor, but used here: problems show where it is used.
        self.add(Node { span, ..node }, 0)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > MAXIMUM_NODES {
            return self.stop(
                node.span,
                "the plan has too many values",
                "the limit is reached here",
                "check the aliases (`*name`)",
            );
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(node),
            Some(Children::Sequence(items)) => items.push(node),
            Some(Children::Mapping { key, .. }) => match (key.take(), node.kind) {
                (Some((name, key_span)), kind) => {
                    let written = matches!(kind, Kind::Scalar { .. }) && node.span.length > 0;
                    let span = if written { node.span } else { key_span };
                    self.entry(Entry {
                        key: name,
                        key_span,
                        value: Node { span, kind },
                    });
                }
                (None, Kind::Scalar { text, .. }) => *key = Some((text, node.span)),
                (None, _) => {
                    return self.stop(
                        node.span,
                        "a key must be text",
                        "not a key",
                        "write `key: value`",
                    );
                }
            },
        }
        Ok(())
    }

    /// Adds a key with its value to the innermost mapping, unless the key is there already.
    fn entry(&mut self, entry: Entry) {
        let Some(Open {
            children: Children::Mapping { entries, .. },
            ..
        }) = self.open.last_mut()
        else {
            return;
        };
        match entries
            .iter()
            .find(|earlier| earlier.key == entry.key)
            .map(|earlier| earlier.key_span)
        {
            None => entries.push(entry),
            Some(earlier) => {
                let path = join(&self.path(), &entry.key);
                let summary = format!("the key `{}` is given twice", entry.key);
                let problem = Problem::error(&path, entry.key_span, summary)
                    .with_label("given again here")
                    .with_help(format!(
                        "remove one of them; the first is on line {}",
                        earlier.line
                    ))
                    .with_related(earlier, "first given here");
                self.problems.push(problem);
            }
        }
    }

    /// Names the innermost section that is open.
    fn path(&self) -> String {
        self.open
            .iter()
            .fold(String::new(), |path, open| match &open.children {
                Children::Sequence(items) => format!("{path}[{}]", items.len()),
                Children::Mapping {
                    key: Some((key, _)),
                    ..
                } => join(&path, key),
                Children::Mapping { key: None, .. } => path,
            })
    }

    fn syntax(&mut self, error: &ScanError) -> Result<(), Stop> {
        let position = error.marker().index();
        let span = self.locator.span(position, position + 1);
        let found = SYNTAX.iter().find(|(sign, ..)| error.info().contains(sign));
        let (summary, help) = match found {
            Some((_, summary, help)) => ((*summary).to_owned(), *help),
            None => (
                format!("this is not YAML: {}", error.info()),
                "check the indentation, the space behind each `:`, and quotes and brackets that are not closed",
            ),
        };
        self.stop(span, summary, "the text cannot be read from here on", help)
    }

    fn problem(&mut self, span: Span, summary: impl Into<String>, label: &str, help: &str) {
        let problem = Problem::error(&self.path(), span, summary);
        self.problems
            .push(problem.with_label(label).with_help(help));
    }

    fn stop(
        &mut self,
        span: Span,
        summary: impl Into<String>,
        label: &str,
        help: &str,
    ) -> Result<(), Stop> {
        self.problem(span, summary, label, help);
        Err(Stop)
    }
}
