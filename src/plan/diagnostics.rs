//! Problems as text: `file:line:col`, the source line, a caret with a label, and help.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use crate::steering::{harmless, harmless_lines, steers};

use super::problem::{Problem, Problems, Severity};
use super::source::{Source, Span};

/// The most problems that are drawn; a file with more is hardly a plan.
const MAXIMUM_DRAWN: usize = 200;
/// How the first line of a private key ends, and how its last one begins.
const KEY: &str = "PRIVATE KEY-----";
const END_OF_KEY: &str = "-----END";
/// The width of the text, whatever the terminal's is.
const WIDTH: usize = 100;

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.summary)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = |span: Span| (span.offset, span.length);
        let primary =
            LabeledSpan::new_primary_with_span(Some(self.label.clone()), place(self.span));
        let related = self.related.iter().map(move |(span, label)| {
            LabeledSpan::new_with_span(Some(label.clone()), place(*span))
        });
        Some(Box::new(std::iter::once(primary).chain(related)))
    }
}

impl Diagnostic for Problems {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}

/// One problem beside the file it is in.
#[derive(Debug)]
struct Located<'a> {
    problem: &'a Problem,
    source: &'a Source,
}

impl std::fmt::Display for Located<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(formatter)
    }
}

impl std::error::Error for Located<'_> {}

impl Diagnostic for Located<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        self.problem.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.problem.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }
}

/// Puts something visible in the place of what would steer a terminal, or turn
/// the writing round: of as many bytes, so that all places stay where they are.
fn harmless_source(source: &Source) -> Source {
    let stand_in = |character: char| match character {
        '\n' | '\t' => character,
        _ if !steers(character) => character,
        _ => match character.len_utf8() {
            1 => '?',
            2 => '¿',
            _ => '\u{fffd}',
        },
    };
    let text = without_keys(&source.text.replace("\r\n", " \n"));
    Source::new(
        &harmless(&source.name),
        &text.chars().map(stand_in).collect::<String>(),
    )
}

/// Covers what private keys are made of (RFC 7468): a key's file is soon named where a plan was meant, and the reader
/// may be the log of a machine. As many bytes stay as there were.
fn without_keys(text: &str) -> String {
    let mut is_key = false;
    let mut covered = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        is_key &= !line.contains(END_OF_KEY);
        match is_key {
            true => covered.extend(line.chars().map(cover)),
            false => covered.push_str(line),
        }
        is_key |= line.contains(KEY) && !line.contains(END_OF_KEY);
    }
    covered
}

/// Gives one byte's cover for a letter of a key, which is ASCII.
fn cover(character: char) -> char {
    match character.is_ascii_graphic() {
        true => '*',
        false => character,
    }
}

/// The same for a problem's own words, which quote the file.
fn harmless_problem(problem: &Problem) -> Problem {
    Problem {
        summary: harmless(&problem.summary),
        label: harmless(&problem.label),
        help: problem.help.as_deref().map(harmless_lines),
        related: problem
            .related
            .as_ref()
            .map(|(span, label)| (*span, harmless(label))),
        ..problem.clone()
    }
}

/// Draws problems for a reader, one below the other.
pub fn render(problems: &[Problem], source: &Source, colour: bool) -> String {
    let source = &harmless_source(source);
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false)
        .with_urls(false);
    let mut text = String::new();
    for problem in problems.iter().take(MAXIMUM_DRAWN) {
        let problem = &harmless_problem(problem);
        // Writing to a string fails only when a label lies outside the text, which spans cannot.
        if handler
            .render_report(&mut text, &Located { problem, source })
            .is_err()
        {
            let Span { line, column, .. } = problem.span;
            text.push_str(&format!("{}:{line}:{column}: {problem}\n", source.name));
        }
    }
    if let Some(more) = problems
        .len()
        .checked_sub(MAXIMUM_DRAWN)
        .filter(|more| *more > 0)
    {
        text.push_str(&format!("and {more} more problems\n"));
    }
    text
}
