//! Where the words of a plan file stand.
//!
//! The parser counts characters, editors want lines and columns, `miette` wants bytes: all three are joined here, once,
//! so that every later stage only hands [`Span`]s around. A [`Source`] also knows the place of every path of the plan,
//! which lets checks on typed values point at what the user wrote.

use std::collections::BTreeMap;

/// A part of one line of a plan file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// The first byte, counted from 0.
    pub offset: usize,
    /// The number of bytes.
    pub length: usize,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

/// A plan file's name and text, with the place of every path in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The name the user knows the file by.
    pub name: String,
    /// The whole text, without a byte order mark.
    pub text: String,
    pub(super) places: BTreeMap<String, Span>,
}

impl Source {
    /// Makes a source whose paths have no places yet.
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self {
            name: name.to_owned(),
            text,
            places: BTreeMap::new(),
        }
    }

    /// Says whether the file has a value at a path.
    pub fn has(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Finds the place of a path such as `dns.records[1].value`, or of the nearest section above it.
    pub fn place(&self, path: &str) -> Span {
        let mut path = path;
        loop {
            match self.places.get(path) {
                Some(span) => return *span,
                None if path.is_empty() => {
                    return Span {
                        line: 1,
                        column: 1,
                        ..Span::default()
                    };
                }
                None => path = parent(path),
            }
        }
    }
}

/// Names the section that holds a path: `a.b[1]` is in `a.b`, which is in `a`.
pub fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// Joins a section's path and a key.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Translates the parser's character positions into spans.
pub(super) struct Locator {
    /// The byte offset of each character, and of the end.
    offsets: Vec<usize>,
    /// The character position at which each line starts.
    lines: Vec<usize>,
}

impl Locator {
    pub(super) fn new(text: &str) -> Self {
        let mut offsets = Vec::with_capacity(text.len() + 1);
        let mut lines = vec![0];
        for (position, (offset, character)) in text.char_indices().enumerate() {
            offsets.push(offset);
            if character == '\n' {
                lines.push(position + 1);
            }
        }
        offsets.push(text.len());
        Self { offsets, lines }
    }

    /// Makes a span from two character positions; it ends at the latest with the line it starts in.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let last = self.offsets.len() - 1;
        let start = start.min(last);
        let line = self.lines.partition_point(|first| *first <= start);
        let line_end = self.lines.get(line).map_or(last, |next| next - 1);
        let end = end.min(line_end).max(start);
        Span {
            offset: self.offsets[start],
            length: self.offsets[end] - self.offsets[start],
            line,
            column: start - self.lines[line - 1] + 1,
        }
    }
}
