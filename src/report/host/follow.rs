//! A running apply on the host → lines that come and go.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::json;

use crate::host::HostEvent;

use super::super::Out;
use super::super::progress::spinner;
use super::super::style::{CREATE, DANGER, DIM, HELP, STRONG, UPDATE, paint};
use super::super::words::{harmless, time};

/// Shows an apply on the host: a bar on a terminal, else lines, or JSON.
#[derive(Debug)]
pub struct HostProgress<'a> {
    out: &'a Out,
    step: RefCell<Option<Running>>,
    /// Whether an apply was heard of.
    has_begun: Cell<bool>,
}

/// The step that runs now.
#[derive(Debug)]
struct Running {
    title: String,
    bar: Option<ProgressBar>,
}

impl<'a> HostProgress<'a> {
    /// Starts to show.
    pub const fn new(out: &'a Out) -> Self {
        Self {
            out,
            step: RefCell::new(None),
            has_begun: Cell::new(false),
        }
    }

    /// Says what is going on outside the host, such as waiting for it.
    pub fn waiting(&self, text: &str) {
        if !self.out.is_json() {
            self.out.say(&format!("  {}", harmless(text)));
        }
    }

    /// Says that the user has interrupted, which does not reach the server.
    pub fn interrupted(&self) {
        self.out.say(match self.has_begun.get() {
            true => {
                "interrupted: the apply on the server goes on by itself; `labctl apply` follows \
                 it, or takes up what is left"
            }
            false => {
                "interrupted: the server has not been heard to begin; should it have begun, the \
                 apply goes on there by itself, and `labctl apply` follows it"
            }
        });
    }

    /// Takes the running line away.
    pub fn finish(&self) {
        if let Some(Running { bar: Some(bar), .. }) = self.step.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }

    /// Takes note of an event.
    pub fn notice(&self, event: &HostEvent) {
        if matches!(event, HostEvent::Step { .. }) {
            self.has_begun.set(true);
        }
        if self.out.is_json() {
            return self.as_json(event);
        }
        match event {
            HostEvent::Step { title, .. } => {
                self.finish();
                self.step.replace(Some(Running {
                    bar: self.bar(title),
                    title: title.clone(),
                }));
            }
            HostEvent::Done { seconds, .. } => {
                let title = self.step.borrow().as_ref().map(|step| step.title.clone());
                self.finish();
                let elapsed = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
                let elapsed = paint(DIM, format!("in {}", time(elapsed)));
                if let Some(title) = title {
                    let title = paint(STRONG, harmless(&title));
                    self.out
                        .say(&format!("{} {title} {elapsed}", paint(CREATE, "✓")));
                }
            }
            HostEvent::Line { text } => self.line(text),
            HostEvent::Warning { text, help } => {
                self.out.warning(&harmless(text));
                if let Some(help) = help {
                    self.out
                        .say(&format!("{} {}", paint(HELP, "help:"), harmless(help)));
                }
            }
            HostEvent::Gate { gate, ok, detail } => {
                let mark = match ok {
                    true => paint(CREATE, "  ✓"),
                    false => paint(DANGER, "  ✗"),
                };
                let detail = paint(DIM, harmless(detail));
                self.out.say(&format!("{mark} {} {detail}", harmless(gate)));
            }
            HostEvent::Refused { running } => {
                let text = format!("another apply is running on the server: {running}");
                self.out.say(&paint(UPDATE, harmless(&text)));
            }
            HostEvent::Verdict(_) => self.finish(),
            HostEvent::Beat => {}
        }
    }

    fn line(&self, text: &str) {
        let text = harmless(text);
        if let Some(Running { bar: Some(bar), .. }) = &*self.step.borrow() {
            bar.set_message(paint(DIM, &text));
        }
        if self.out.is_verbose() {
            self.out.say(&paint(DIM, format!("    {text}")));
        }
    }

    fn as_json(&self, event: &HostEvent) {
        if matches!(event, HostEvent::Beat) {
            return;
        }
        self.out.json(&json!({ "event": "host", "host": event }));
    }

    fn bar(&self, title: &str) -> Option<ProgressBar> {
        let has_bars = self.out.has_bars();
        has_bars.then(|| spinner(self.out, harmless(title)))
    }
}
