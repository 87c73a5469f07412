//! Findings as text and as JSON.

use serde_json::{Value, json};

use crate::doctor::{Finding, State};

use super::style::{CREATE, DANGER, DIM, HELP, STRONG, UPDATE, paint};
use super::words::harmless;

/// Writes the findings, each with what to do about it.
pub fn text(lab: &str, findings: &[Finding]) -> String {
    let width = findings.iter().map(|one| one.name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut lines = vec![
        paint(STRONG, format!("lab {}", harmless(lab))),
        String::new(),
    ];
    for finding in findings {
        let mark = match finding.state {
            State::Ok => paint(CREATE, "     ok"),
            State::Warning => paint(UPDATE, "warning"),
            State::Failed => paint(DANGER, " FAILED"),
            State::Skipped => paint(DIM, "      -"),
        };
        let name = harmless(&finding.name);
        lines.push(
            format!("{mark}  {name:<width$}  {}", harmless(&finding.detail))
                .trim_end()
                .to_owned(),
        );
        let help = finding.help.as_ref();
        lines.extend(
            help.map(|help| format!("         {} {}", paint(HELP, "help:"), harmless(help))),
        );
    }
    lines.push(String::new());
    lines.push(summary(findings));
    lines.join("\n")
}

fn summary(findings: &[Finding]) -> String {
    let count = |state| findings.iter().filter(|one| one.state == state).count();
    let counts = [
        (count(State::Failed), "failed"),
        (count(State::Warning), "to look at"),
        (count(State::Ok), "as it should be"),
        (count(State::Skipped), "not looked at"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    parts.join(", ")
}

/// Gives the document of `doctor --json`.
pub fn document(lab: &str, region: &str, findings: &[Finding]) -> Value {
    json!({
        "format": 1,
        "lab": lab,
        "region": region,
        "ok": is_well(findings),
        "findings": findings,
    })
}

/// Whether nothing is broken.
pub fn is_well(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.state != State::Failed)
}
