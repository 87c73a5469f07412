//! The streams: the one place that prints and asks.
//!
//! Results go to stdout, everything else to stderr. Styles are dropped where a
//! stream is no terminal or `NO_COLOR` is set. A reader that went away (`| head`)
//! is no error.

use std::cell::Cell;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use indicatif::MultiProgress;
use serde_json::Value;

use crate::plan::{Problem, Problems, Source, render};
use crate::support::terminal_escapes::{harmless_but_styles, harmless_json, harmless_lines};

use super::Explanation;
use super::style::{ERROR, HELP, WARNING, paint};

/// How to print.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutOptions {
    /// Whether the result is JSON.
    pub json: bool,
    /// Whether to say what only helps in asking others.
    pub verbose: bool,
    /// Whether to style: by default where a stream is a terminal.
    pub colour: ColorChoice,
}

/// Prints to the two streams, and asks.
///
/// It also owns the lines of a running apply, which have to make room for all
/// that is printed meanwhile.
#[derive(Debug, Default)]
pub struct Out {
    options: OutOptions,
    has_lost: Cell<bool>,
    bars: MultiProgress,
}

impl Out {
    /// Makes the printer of one run.
    pub fn new(options: OutOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Whether the result is JSON.
    pub const fn is_json(&self) -> bool {
        self.options.json
    }

    /// Whether to say what only helps in asking others.
    pub const fn is_verbose(&self) -> bool {
        self.options.verbose
    }

    /// Whether a part of the result could not be written, a full disk for one.
    pub fn has_lost(&self) -> bool {
        self.has_lost.get()
    }

    /// Whether somebody is there to be asked.
    pub fn is_terminal(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Prints a part of the result, as text.
    pub fn result(&self, text: &str) {
        let stream = AutoStream::new(io::stdout(), self.options.colour);
        match self.bars.suspend(|| write_line(stream, text)) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.has_lost.set(true);
                self.failure(&format!("cannot write the result: {error}"));
            }
            _ => {}
        }
    }

    /// Prints a part of the result, as JSON on one line.
    pub fn json(&self, value: &Value) {
        self.result(&harmless_json(&value.to_string()));
    }

    /// Prints the whole result, as JSON for people to read too.
    pub fn document(&self, value: &Value) {
        self.result(&harmless_json(&format!("{value:#}")));
    }

    /// Prints what is no result: progress, remarks, questions.
    pub fn say(&self, text: &str) {
        // There is no other place to tell that stderr is gone.
        let _ = self.bars.suspend(|| write_line(self.stderr(), text));
    }

    /// Prints an error and the way out.
    pub fn error(&self, explanation: &Explanation) {
        self.failure(&explanation.summary);
        if let Some(help) = &explanation.help {
            let help = harmless_lines(help);
            self.say(&format!("{} {help}", paint(HELP, "help:")));
        }
        if let Some(detail) = explanation.detail.as_ref().filter(|_| self.options.verbose) {
            let detail = harmless_lines(detail);
            self.say(&format!("{} {detail}", paint(HELP, "detail:")));
        }
    }

    /// Prints what is wrong with a plan file.
    pub fn problems(&self, problems: &Problems) {
        self.drawn(&problems.problems, &problems.source);
        self.failure(&problems.to_string());
    }

    /// Prints what may be wrong with a plan file.
    pub fn warnings(&self, warnings: &[Problem], source: &Source) {
        if !warnings.is_empty() {
            self.drawn(warnings, source);
        }
    }

    /// Prints a warning that has no place in a file.
    pub fn warning(&self, text: &str) {
        let text = harmless_lines(text);
        self.say(&format!("{} {text}", paint(WARNING, "warning:")));
    }

    /// Asks whether to go on; only exactly `yes` is a yes.
    pub fn confirm(&self, question: &str) -> bool {
        self.say(&format!("{question} only `yes` is taken as a yes"));
        self.prompt("answer:").as_deref() == Some("yes")
    }

    /// Asks for one line; none when the input has ended.
    pub fn prompt(&self, question: &str) -> Option<String> {
        let mut stream = self.stderr();
        let asked = write!(stream, "{question} ").and_then(|()| stream.flush());
        let mut line = String::new();
        match asked.and_then(|()| io::stdin().lock().read_line(&mut line)) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// Asks for something that is not shown while it is typed; none where nobody answers.
    pub fn prompt_secret(&self, question: &str) -> Option<String> {
        if !self.is_terminal() {
            return None;
        }
        self.bars
            .suspend(|| rpassword::prompt_password(format!("{question} ")))
            .ok()
    }

    /// Whether running steps can have lines that come and go.
    pub(super) fn has_bars(&self) -> bool {
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        !self.options.json && !is_dumb && io::stderr().is_terminal()
    }

    /// The lines of running steps.
    pub(super) const fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    fn failure(&self, summary: &str) {
        let summary = harmless_lines(summary);
        self.say(&format!("{} {summary}", paint(ERROR, "error:")));
    }

    fn drawn(&self, problems: &[Problem], source: &Source) {
        let has_colour = self.stderr().current_choice() != ColorChoice::Never;
        self.say(render(problems, source, has_colour).trim_end());
    }

    fn stderr(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), self.options.colour)
    }
}

fn write_line(mut stream: impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{}", harmless_but_styles(text))?;
    stream.flush()
}
