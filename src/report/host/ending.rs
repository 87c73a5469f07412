//! The end of an apply on the host: what answers now, or what failed and why.

use crate::host::Verdict;
use crate::host::site::Page;

use super::super::status::pages;
use super::super::style::{DANGER, DIM, HELP, STRONG, UPDATE, paint};
use super::super::words::{harmless, time};

/// The steps in which new files are live already.
const SWITCHED: [&str; 7] = [
    "switch",
    "units",
    "leavers",
    "certificate",
    "gates",
    "record",
    "rollback",
];

/// Where the lab answers, once its host is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// The pages that people open.
    pub pages: Vec<Page>,
    /// Users who have no password yet, with which JupyterHub asks to sign in.
    pub without_password: Vec<String>,
}

/// Writes that the host is as the plan says, and what answers there.
pub fn ended(verdict: Option<&Verdict>, answers: &Answers) -> String {
    let mut lines = vec![match verdict {
        Some(verdict) => {
            let seconds = std::time::Duration::try_from_secs_f64(verdict.seconds);
            let elapsed = time(seconds.unwrap_or_default());
            let elapsed = paint(DIM, format!("in {elapsed}"));
            format!(
                "{} the server is as the plan says {elapsed}",
                paint(STRONG, "done:")
            )
        }
        None => format!("{} the server was as the plan says", paint(STRONG, "done:")),
    }];
    lines.extend(pages(&answers.pages));
    if let Some(source) = verdict.and_then(|verdict| verdict.waiting_for_model.as_ref()) {
        lines.push(format!(
            "{} the API is waiting for model {}; it starts within five minutes once that is there, \
             or by the next `labctl apply`",
            paint(UPDATE, "next:"),
            paint(STRONG, harmless(source))
        ));
    }
    if !answers.without_password.is_empty() {
        lines.push(format!(
            "{} a password is needed to sign in to JupyterHub; set it by",
            paint(UPDATE, "next:")
        ));
        let users = answers.without_password.iter();
        lines.extend(
            users.map(|user| format!("  {}", paint(STRONG, format!("labctl passwd {user}")))),
        );
    }
    lines.join("\n")
}

/// Writes what failed on the host, and in which state it is now.
pub fn failed(verdict: &Verdict) -> String {
    let mut lines = vec![format!(
        "{} {}: {}",
        paint(DANGER, "✗"),
        paint(STRONG, harmless(&verdict.step)),
        harmless(&verdict.what)
    )];
    if let Some(help) = verdict.help.as_ref().filter(|help| !help.is_empty()) {
        lines.push(format!("  {} {}", paint(HELP, "help:"), harmless(help)));
    }
    // Below the help, which speaks of `the lines below`.
    let log = verdict.log.iter();
    lines.extend(log.map(|line| paint(DIM, format!("    | {}", harmless(line)))));
    lines.push(format!("{} {}", paint(DANGER, "failed:"), state(verdict)));
    lines.join("\n")
}

/// Says what runs now.
fn state(verdict: &Verdict) -> &'static str {
    let has_switched = SWITCHED.contains(&verdict.step.as_str());
    match (verdict.rolled_back, verdict.proved) {
        (true, true) => "the configuration from before was put back, and is live again",
        (true, false) => {
            "the configuration from before was put back, but not everything that ran before was \
             seen to run again; the next `labctl apply` starts it, and `labctl ssh` leads there"
        }
        (false, _) if verdict.cut_off && has_switched => {
            "it was cut off after new files had gone live; services may still run on the old ones \
             until the next `labctl apply` restarts them"
        }
        (false, _) => "the configuration was not switched: what ran before still runs",
    }
}
