//! Problems as text: `file:line:col`, the source line, a caret with a label, and help.

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use crate::support::terminal_escapes::{harmless, harmless_lines, steers};

use super::problem::{Problem, Problems, Severity};
use super::source::{Source, Span};

/// The most problems that are drawn; a file with more is hardly a plan.
const MAXIMUM_DRAWN: usize = 200;
/// How the first line of a private key ends, and how its last one begins.
const KEY: &str = "PRIVATE KEY-----";
const END_OF_KEY: &str = "-----END";
/// What stands before the part of an address that names its server, and may hold a password.
const AUTHORITY: &str = "://";
/// The longest line that is drawn, in bytes.
const LONGEST_LINE: usize = 2000;
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
    let text = without_passwords(&without_keys(&source.text.replace("\r\n", " \n")));
    Source {
        name: harmless(&source.name),
        text: text.chars().map(stand_in).collect(),
        ..Source::default()
    }
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

/// Covers what stands before the `@` in addresses (RFC 3986, section 3.2.1): names, passwords, tokens.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split(AUTHORITY);
    let mut covered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |letter: char| letter.is_whitespace() || "/?#'\"`<>".contains(letter);
        let authority = part.split(ends).next().unwrap_or_default();
        let at = authority.rfind('@').unwrap_or_default();
        covered.push_str(AUTHORITY);
        covered.extend(part[..at].chars().map(cover));
        covered.push_str(&part[at..]);
    }
    covered
}

/// Gives one byte's cover for a letter of a secret, if it is ASCII.
fn cover(character: char) -> char {
    match character.is_ascii_graphic() {
        true => '*',
        false => character,
    }
}

/// The same for a problem's own words, which quote the file.
fn harmless_problem(problem: &Problem) -> Problem {
    let line = |text: &str| harmless(&without_passwords(text));
    Problem {
        summary: line(&problem.summary),
        label: line(&problem.label),
        help: problem
            .help
            .as_deref()
            .map(|help| harmless_lines(&without_passwords(help))),
        related: problem
            .related
            .as_ref()
            .map(|(span, label)| (*span, line(label))),
        ..problem.clone()
    }
}

/// Whether the lines of a problem, and those beside them, are for people: longer ones fill pages, and at 65,536 columns
/// the drawing fails.
fn is_drawable(problem: &Problem, source: &Source) -> bool {
    let related = problem.related.iter().map(|(span, _)| span.line);
    related.chain([problem.span.line]).all(|line| {
        let mut around = source.text.lines().skip(line.saturating_sub(2)).take(3);
        around.all(|line| line.len() <= LONGEST_LINE)
    })
}

/// A problem in words alone.
fn told(problem: &Problem, source: &Source) -> String {
    let Span { line, column, .. } = problem.span;
    let (name, label) = (&source.name, &problem.label);
    let mut text = format!("{name}:{line}:{column}: {problem}: {label}\n");
    if let Some(help) = &problem.help {
        text.push_str(&format!("  help: {help}\n"));
    }
    text
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
        if !is_drawable(problem, source)
            || handler
                .render_report(&mut text, &Located { problem, source })
                .is_err()
        {
            text.push_str(&told(problem, source));
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

#[cfg(test)]
mod tests {
    use super::without_passwords;
    use crate::plan;

    #[test]
    fn a_line_that_is_too_long_to_draw_is_told_in_words() {
        let found = plan::parse("lab.yaml", &format!("lab: {}", "x".repeat(70_000))).unwrap_err();
        let text = plan::render(&found.problems, &found.source, false);
        assert!(text.contains("lab.yaml:1:6: "), "{text}");
        assert!(text.contains("\n  help: ") && text.len() < 2000, "{text}");
    }

    #[test]
    fn what_stands_before_the_at_of_an_address_is_covered() {
        for (text, shown) in [
            (
                "a: https://me:pw@h/x@y # b@c",
                "a: https://*****@h/x@y # b@c",
            ),
            (
                "[http://token@h, ssh://h:22]",
                "[http://*****@h, ssh://h:22]",
            ),
            ("git+https://a:b@c@h.org", "git+https://*****@h.org"),
            (
                "me@h.org \"https://\" https://h/?a@b",
                "me@h.org \"https://\" https://h/?a@b",
            ),
            ("https://ü:pw@h\nx@y", "https://ü***@h\nx@y"),
        ] {
            assert_eq!(without_passwords(text), shown);
            assert_eq!(text.len(), shown.len());
        }
    }
}
