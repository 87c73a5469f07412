//! Events → the lines that stay. Pure: it is told the time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cloud::apply::Event;

use super::super::explain::step_error;
use super::super::style::{CREATE, DANGER, DIM, STRONG, UPDATE, paint};
use super::super::words::{doing, done, harmless, step_name, time};
use super::key;

const HEARTBEAT: Duration = Duration::from_secs(30);

/// Remembers what was said of the running steps, so as not to repeat it.
#[derive(Debug)]
pub struct Narrator {
    has_bars: bool,
    is_verbose: bool,
    running: BTreeMap<String, Told>,
}

/// What was said of a step, and when.
#[derive(Debug)]
struct Told {
    start: Instant,
    last: Instant,
    text: String,
}

impl Narrator {
    /// Starts; where there are bars, they tell what is going on.
    pub const fn new(has_bars: bool, is_verbose: bool) -> Self {
        Self {
            has_bars,
            is_verbose,
            running: BTreeMap::new(),
        }
    }

    /// The line to write for an event, if any.
    pub fn line(&mut self, event: &Event<'_>, now: Instant) -> Option<String> {
        let mark = |style, mark, step| {
            format!("{} {}", paint(style, mark), paint(STRONG, step_name(step)))
        };
        match event {
            Event::Started(step) => {
                let told = Told {
                    start: now,
                    last: now,
                    text: doing(step).to_owned(),
                };
                self.running.insert(key(step), told);
                None
            }
            Event::Progress(step, text) => {
                let told = self.running.get_mut(&key(step))?;
                let news = told.news(text, now)?;
                let line = format!("  {}: {news}", step_name(step));
                (!self.has_bars).then_some(line)
            }
            Event::Finished(step, elapsed) => {
                self.running.remove(&key(step));
                let mark = mark(CREATE, "✓", step);
                let elapsed = paint(DIM, format!("in {}", time(*elapsed)));
                Some(format!("{mark} {} {elapsed}", done(step)))
            }
            Event::Failed(step, error) => {
                self.running.remove(&key(step));
                let explanation = step_error(error);
                let mark = mark(DANGER, "✗", step);
                let mut line = format!("{mark} failed: {}", explanation.summary);
                if let Some(detail) = explanation.detail.filter(|_| self.is_verbose) {
                    line.push_str(&format!("\n  {}", paint(DIM, detail)));
                }
                Some(line)
            }
            Event::Skipped(step, because) => {
                let mark = mark(UPDATE, "-", step);
                Some(format!(
                    "{mark} left out, because {} failed",
                    step_name(because)
                ))
            }
            Event::Withheld(step) => Some(format!("{} not begun", mark(UPDATE, "-", step))),
        }
    }
}

impl Told {
    /// What is new, or after a while that it is still the same.
    fn news(&mut self, text: &str, now: Instant) -> Option<String> {
        let text = harmless(text);
        if self.text != text {
            self.text.clone_from(&text);
            self.last = now;
            return Some(text);
        }
        if now.duration_since(self.last) < HEARTBEAT {
            return None;
        }
        self.last = now;
        let seconds = now.duration_since(self.start).as_secs();
        Some(format!("still {text} ({seconds} s)"))
    }
}
