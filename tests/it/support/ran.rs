//! What one run of labctl printed and how it ended.

use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use super::lab::{SECRET, TOKEN};

/// Tells a figure of a test, which `--no-capture` shows.
#[expect(clippy::print_stdout, reason = "the figures of a test are for people")]
pub fn tell(text: &str) {
    println!("{text}");
}

/// Says whether a test shall do all there is of its kind, and not only what one change is likely to break: `scripts/test
/// --all`.
pub fn is_exhaustive() -> bool {
    std::env::var_os("LABCTL_TEST_ALL").is_some()
}

/// One run that has ended. What holds for every run was checked then.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    arguments: String,
}

impl Ran {
    pub fn new(arguments: &[&str], output: &Output, took: Duration) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            took,
            arguments: arguments.join(" "),
        };
        ran.check_always();
        ran
    }

    /// Nothing secret, nothing that steers a terminal, no panic.
    fn check_always(&self) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains(SECRET) && !all.contains(TOKEN), "{self}");
        assert!(!all.contains('\u{1b}'), "{self}");
        assert!(!all.contains("panicked"), "{self}");
    }

    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// It failed with one sentence and at most one hint, and these hold all of `words`.
    pub fn refuses(self, words: &[&str]) -> Self {
        let ran = self.exits(1);
        let error = ran.error();
        let lines: Vec<_> = error.lines().collect();
        let is_plain = lines.len() == 1 || lines.len() == 2 && lines[1].starts_with("help: ");
        assert!(is_plain, "not one sentence and one hint\n{ran}");
        ran.says(words)
    }

    /// stdout and stderr together hold all of `words`.
    pub fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "`{word}` is missing\n{self}");
        }
        self
    }

    /// The end of stderr, from the word `error:` on.
    pub fn error(&self) -> String {
        match self.stderr.find("error: ") {
            Some(start) => self.stderr[start..].trim_end().to_owned(),
            None => String::new(),
        }
    }

    /// The result as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            took,
            arguments,
        } = self;
        write!(
            formatter,
            "labctl {arguments} (exit {code} after {took:?})\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}
