//! What is wrong with a plan file, as values.
//!
//! Every stage of [`parse`](super::parse) collects problems instead of stopping at the first, and nothing here prints:
//! `diagnostics` turns problems into text.

use super::source::{Source, Span};

/// Says whether a problem stops the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The plan cannot be used.
    Error,
    /// The plan can be used, and is perhaps not what its author wants.
    Warning,
}

/// One thing that is wrong with a plan file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the run.
    pub severity: Severity,
    /// The path in the plan, such as `dns.records[1].value`; empty for the whole file.
    pub path: String,
    /// The place in the file.
    pub span: Span,
    /// What is wrong, in one line.
    pub summary: String,
    /// The few words to write below the underlined place.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// A second place that has to do with it, and why.
    pub related: Option<(Span, String)>,
}

impl Problem {
    pub(super) fn error(path: &str, span: Span, summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.to_owned(),
            span,
            summary: summary.into(),
            label: "here".to_owned(),
            help: None,
            related: None,
        }
    }

    pub(super) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }
}

/// All problems of one plan file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file they are in.
    pub source: Source,
    /// The problems; at least one is an error.
    pub problems: Vec<Problem>,
}

impl Problems {
    /// Sorts problems by their places and joins them with their file.
    pub fn new(source: Source, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span);
        Self { source, problems }
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let errors = self
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        let noun = if errors == 1 { "problem" } else { "problems" };
        write!(
            formatter,
            "the plan file `{}` has {errors} {noun}",
            self.source.name
        )
    }
}

impl std::error::Error for Problems {}
