//! The end of an apply or a destroy as text: what was done, what failed and
//! why, and what answers now.

use std::collections::BTreeSet;

use crate::cloud::apply::Outcome;
use crate::cloud::diff::Change;
use crate::cloud::graph::{Graph, Step};
use crate::cloud::resource::Power;

use super::explain::step_error;
use super::style::{DANGER, DIM, HELP, KEPT, STRONG, UPDATE, paint};
use super::words::{self, counted};
use super::{OutcomeView, Outputs};

/// Writes how an apply ended and what answers now.
pub fn applied(view: &OutcomeView<'_>) -> String {
    let mut sections = troubles(view);
    sections.push(vec![closing(view, "apply")]);
    let answers = answers(view.outputs);
    sections.extend((!answers.is_empty()).then_some(answers));
    sections.extend(name_servers(view.outputs));
    sections.extend(kept(view));
    joined(&sections)
}

/// Writes how the cloud's half ended, where the server's half follows.
pub fn cloud_done(view: &OutcomeView<'_>) -> String {
    format!("{} {}", paint(STRONG, "in AWS:"), counts(view))
}

/// Writes where the lab is, after its server was set up.
pub fn whereabouts(view: &OutcomeView<'_>) -> String {
    let mut sections = vec![answers(view.outputs)];
    sections.extend(name_servers(view.outputs));
    sections.extend(kept(view));
    joined(&sections)
}

/// Writes how a destroy ended and what was kept.
pub fn destroyed(view: &OutcomeView<'_>) -> String {
    let mut sections = troubles(view);
    sections.push(vec![closing(view, "destroy")]);
    sections.extend(kept(view));
    joined(&sections)
}

fn joined(sections: &[Vec<String>]) -> String {
    let sections: Vec<_> = sections.iter().map(|lines| lines.join("\n")).collect();
    sections.join("\n\n")
}

/// Finds the steps that were left out because `failed` failed.
pub fn left_out<'a>(graph: &Graph, outcome: &'a Outcome, failed: &Step) -> Vec<&'a Step> {
    let mut reached: BTreeSet<usize> = BTreeSet::new();
    let root = graph.steps.iter().position(|step| step == failed);
    reached.extend(root);
    loop {
        let more: Vec<usize> = (0..graph.steps.len())
            .filter(|index| {
                !reached.contains(index) && !graph.steps[*index].needs.is_disjoint(&reached)
            })
            .collect();
        if more.is_empty() {
            break;
        }
        reached.extend(more);
    }
    let is_reached = |step: &&Step| reached.iter().any(|index| graph.steps[*index] == **step);
    outcome.skipped.iter().filter(is_reached).collect()
}

/// One section for each failure, and one for what was not begun.
fn troubles(view: &OutcomeView<'_>) -> Vec<Vec<String>> {
    let mut sections: Vec<Vec<String>> = Vec::new();
    for (step, error) in &view.outcome.failed {
        let explanation = step_error(error);
        let mut lines = vec![format!(
            "{} {} {}: {}",
            paint(DANGER, "✗"),
            step.verb(),
            paint(STRONG, words::step_name(step)),
            explanation.summary
        )];
        lines.extend(
            explanation
                .help
                .map(|help| format!("  {} {help}", paint(HELP, "help:"))),
        );
        let skipped = left_out(view.graph, view.outcome, step);
        if !skipped.is_empty() {
            let text = format!("left out because of it: {}", names(skipped.into_iter()));
            lines.push(format!("  {}", paint(DIM, text)));
        }
        sections.push(lines);
    }
    if !view.outcome.withheld.is_empty() {
        let names = names(view.outcome.withheld.iter());
        sections.push(vec![format!("{} {names}", paint(UPDATE, "not begun:"))]);
    }
    sections
}

/// The resources of some steps, each once.
fn names<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut names: Vec<String> = Vec::new();
    for step in steps {
        let name = words::step_name(step);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn closing(view: &OutcomeView<'_>, command: &str) -> String {
    let Outcome {
        finished,
        failed,
        skipped,
        withheld,
        ..
    } = view.outcome;
    if failed.is_empty() && skipped.is_empty() && withheld.is_empty() {
        return format!("{} {}", paint(STRONG, "done:"), counts(view));
    }
    let all = finished + failed.len() + skipped.len() + withheld.len();
    let ends = [
        (failed.len(), "failed"),
        (skipped.len(), "left out"),
        (withheld.len(), "not begun"),
    ];
    let ends: Vec<_> = ends
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let title = match (failed.is_empty(), view.outcome.is_late) {
        (_, true) => paint(DANGER, "not done by the deadline:"),
        (true, false) => paint(UPDATE, "interrupted:"),
        (false, false) => paint(DANGER, "failed:"),
    };
    format!(
        "{title} {finished} of {} done, {}; what is done stays, and `labctl {command}` goes on \
         from here",
        counted(all, "step"),
        ends.join(", ")
    )
}

fn counts(view: &OutcomeView<'_>) -> String {
    let summary = view.set.summary();
    let counts = [
        (summary.create, "created"),
        (summary.update, "updated"),
        (summary.replace, "replaced"),
        (summary.delete, "deleted"),
    ];
    let counts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    match counts.as_slice() {
        [] => "there was nothing to do".to_owned(),
        counts => counts.join(", "),
    }
}

fn answers(outputs: &Outputs) -> Vec<String> {
    let server = match (outputs.public_ip, outputs.power) {
        (_, Some(power @ (Power::Stopped | Power::Stopping))) => {
            let state = power_word(power);
            Some(format!("{state}; `labctl start` starts it"))
        }
        (Some(address), _) => Some(address.to_string()),
        (None, Some(_)) => Some("has a new address; `labctl status` shows it".to_owned()),
        (None, None) => None,
    };
    let is_up = outputs.power != Some(Power::Stopped);
    let rows = [
        ("server", server),
        (
            "names",
            (!outputs.names.is_empty()).then(|| outputs.names.join(", ")),
        ),
        (
            "bucket",
            outputs
                .bucket
                .as_ref()
                .map(|bucket| format!("s3://{bucket}")),
        ),
        ("shell", outputs.ssh.clone().filter(|_| is_up)),
    ];
    let rows = rows.into_iter();
    rows.filter_map(|(name, value)| Some(format!("  {name:<7} {}", paint(STRONG, value?))))
        .collect()
}

/// The word for a power state.
pub const fn power_word(power: Power) -> &'static str {
    match power {
        Power::Pending => "starting",
        Power::Running => "running",
        Power::Stopping => "stopping",
        Power::Stopped => "stopped",
    }
}

fn name_servers(outputs: &Outputs) -> Option<Vec<String>> {
    let (zone, servers) = outputs.name_servers.as_ref()?;
    let mut lines = vec![format!(
        "{} enter these name servers at the registrar of `{zone}`; the names answer once it \
         has taken them:",
        paint(UPDATE, "next:")
    )];
    lines.extend(
        servers
            .iter()
            .map(|server| format!("  {}", paint(STRONG, server))),
    );
    Some(lines)
}

fn kept(view: &OutcomeView<'_>) -> Vec<Vec<String>> {
    let mut sections = Vec::new();
    for change in &view.set.changes {
        let Change::Kept(live) = change else {
            continue;
        };
        let reason = words::kept(live);
        let id = paint(DIM, &live.id);
        let mut lines = vec![format!(
            "{} {} {id}",
            paint(KEPT, "= kept"),
            paint(STRONG, &live.address)
        )];
        lines.push(format!("  {}", reason.why));
        lines.extend(
            reason
                .ways
                .iter()
                .map(|way| format!("  {} {way}", paint(HELP, "→"))),
        );
        sections.push(lines);
    }
    sections
}
