//! Events of a running apply → lines that come and go.
//!
//! On a terminal every running step has a line with a spinner; what has ended
//! stays as a line above them. Elsewhere there are plain lines only, and few:
//! what is new, and every half a minute what is still being waited for.

pub(super) mod narrator;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use narrator::Narrator;

use crate::cloud::apply::{Event, Listener};
use crate::cloud::graph::Step;

use super::words::{doing, harmless, step_name};
use super::{Out, json};

const TICK: Duration = Duration::from_millis(120);
const TICKS: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", " "];
const TEMPLATE: &str = "  {spinner} {prefix} {wide_msg} {elapsed}";

/// Shows a running apply: bars on a terminal, else lines, or JSON.
#[derive(Debug)]
pub struct Progress<'a> {
    out: &'a Out,
    narrator: RefCell<Narrator>,
    bars: RefCell<BTreeMap<String, ProgressBar>>,
}

impl<'a> Progress<'a> {
    /// Starts to show.
    pub fn new(out: &'a Out) -> Self {
        Self {
            out,
            narrator: RefCell::new(Narrator::new(out.has_bars(), out.is_verbose())),
            bars: RefCell::default(),
        }
    }

    /// Says that the user has interrupted.
    pub fn interrupted(&self) {
        self.out
            .say("interrupted: finishing what runs; a second Ctrl-C leaves at once");
    }

    /// Takes the running lines away.
    pub fn finish(&self) {
        for bar in std::mem::take(&mut *self.bars.borrow_mut()).into_values() {
            bar.finish_and_clear();
        }
    }

    fn draw(&self, event: &Event<'_>) {
        let mut bars = self.bars.borrow_mut();
        match event {
            Event::Started(step) => {
                bars.insert(key(step), self.bar(step));
            }
            Event::Progress(step, text) => {
                if let Some(bar) = bars.get(&key(step)) {
                    bar.set_message(format!("{}: {}", doing(step), harmless(text)));
                }
            }
            Event::Finished(step, _) | Event::Failed(step, _) => {
                if let Some(bar) = bars.remove(&key(step)) {
                    bar.finish_and_clear();
                }
            }
            Event::Skipped(..) | Event::Withheld(_) => {}
        }
    }

    fn bar(&self, step: &Step) -> ProgressBar {
        let bar = spinner(self.out, step_name(step));
        bar.set_message(doing(step));
        bar
    }
}

/// Shows what has to be done before a command can begin.
#[derive(Debug)]
pub struct Stages<'a> {
    out: &'a Out,
    bar: RefCell<Option<ProgressBar>>,
}

impl<'a> Stages<'a> {
    /// Starts to show.
    pub const fn new(out: &'a Out) -> Self {
        Self {
            out,
            bar: RefCell::new(None),
        }
    }

    /// Says what is done now; what was said before is over.
    pub fn tell(&self, text: &str) {
        let text = harmless(text.trim());
        if !self.out.has_bars() {
            return self.out.say(&text);
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| spinner(self.out, "sandbox".to_owned()));
        bar.set_message(text);
    }
}

impl Drop for Stages<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// A line that shows that something is going on.
pub(super) fn spinner(out: &Out, prefix: String) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_strings(TICKS);
    let bar = ProgressBar::new_spinner().with_style(style);
    let bar = out.bars().add(bar);
    bar.set_prefix(prefix);
    bar.enable_steady_tick(TICK);
    bar
}

/// A resource that is replaced has two steps, of which one runs at a time.
fn key(step: &Step) -> String {
    format!("{} {}", step.verb(), step.name())
}

impl Listener for Progress<'_> {
    fn notice(&self, event: &Event<'_>) {
        if self.out.is_json() {
            self.out.json(&json::event(event));
            return;
        }
        if self.out.has_bars() {
            self.draw(event);
        }
        let line = self.narrator.borrow_mut().line(event, Instant::now());
        if let Some(line) = line {
            self.out.say(&line);
        }
    }
}
