//! A change set as text: a block for each change, then what it comes to.

mod block;
mod lines;
mod rows;
mod value;

use value::Known;

use crate::cloud::diff::{Change, Summary};
use crate::cloud::verdict;

use super::PlanView;
use super::style::{DANGER, DIM, HELP, STRONG, paint};
use super::words::{self, harmless};

/// Writes what an apply would do.
pub fn change_set(view: &PlanView<'_>) -> String {
    let known = Known::new(view.set, view.live);
    let verdict = verdict::of(view.region, view.set);
    let mut sections = vec![vec![super::verdict::line(&verdict), header("", view)]];
    let changes = view.set.changes.iter().zip(&verdict.changes);
    sections.extend(changes.filter_map(|(change, means)| {
        let mut lines = block::write(change, &known)?;
        if let Some(line) = super::verdict::change(means) {
            lines.insert(1, format!("      {line}"));
        }
        Some(lines)
    }));
    sections.extend(data_at_risk(view));
    sections.push(closing(view));
    sections.extend((verdict.has_work).then(|| vec![super::verdict::basis()]));
    sections.extend(notes(view));
    joined(&sections)
}

/// Writes what a destroy would do.
pub fn destroy(view: &PlanView<'_>) -> String {
    let known = Known::new(view.set, view.live);
    let (gone, kept): (Vec<_>, Vec<_>) = view
        .set
        .changes
        .iter()
        .partition(|change| matches!(change, Change::Delete(_)));
    let write = |change: &Change| block::write(change, &known);
    let verdict = verdict::of(view.region, view.set);
    let mut sections = vec![vec![
        super::verdict::line(&verdict),
        header("destroy ", view),
    ]];
    let gone: Vec<String> = gone.into_iter().filter_map(write).flatten().collect();
    if !gone.is_empty() {
        sections.push(gone);
    }
    sections.extend(kept.into_iter().filter_map(write));
    sections.push(vec![match view.set.summary().delete {
        0 => "nothing to delete: nothing of this lab is left".to_owned(),
        count => {
            let kept = count_kept(view);
            let rest = if kept > 0 {
                format!(", {kept} kept")
            } else {
                String::new()
            };
            format!("{} {count} to delete{rest}", paint(STRONG, "destroy:"))
        }
    }]);
    sections.extend(notes(view));
    joined(&sections)
}

fn joined(sections: &[Vec<String>]) -> String {
    let sections: Vec<_> = sections.iter().map(|lines| lines.join("\n")).collect();
    sections.join("\n\n")
}

fn header(title: &str, view: &PlanView<'_>) -> String {
    let PlanView {
        lab,
        region,
        account,
        ..
    } = view;
    let place = paint(DIM, format!("in {region}, account {account}"));
    format!("{} {place}", paint(STRONG, format!("{title}lab {lab}")))
}

fn count_kept(view: &PlanView<'_>) -> usize {
    let is_kept = |change: &&Change| matches!(change, Change::Kept(_));
    view.set.changes.iter().filter(is_kept).count()
}

/// What loses data, and what has to be said for it to happen.
fn data_at_risk(view: &PlanView<'_>) -> Option<Vec<String>> {
    let mut lines = vec![paint(DANGER, "what needs a word from you")];
    let is_open =
        |change: &&Change| change.loses_data() && !view.allowed.contains(change.address());
    for change in view.set.changes.iter().filter(is_open) {
        let address = change.address();
        let lost = words::loss(address.kind());
        let forcing = match change {
            Change::Replace(edit) => format!("; {}", rows::forcing(&edit.fields)),
            _ => String::new(),
        };
        lines.push(format!(
            "  {}: {lost} would be lost{forcing}",
            paint(STRONG, address)
        ));
        lines.push(format!(
            "  {} take the field back, or allow it by `labctl apply --replace {address}`",
            paint(HELP, "→")
        ));
    }
    (lines.len() > 1).then_some(lines)
}

fn closing(view: &PlanView<'_>) -> Vec<String> {
    let summary = view.set.summary();
    let is_unchanged = |change: &&Change| matches!(change, Change::None(_));
    let unchanged = view.set.changes.iter().filter(is_unchanged).count();
    if !view.set.has_work() && summary.conflict == 0 {
        return vec![paint(STRONG, "no changes: the lab is as the plan says")];
    }
    let mut lines = Vec::new();
    if unchanged > 0 {
        lines.push(paint(DIM, format!("{unchanged} unchanged")));
    }
    lines.push(format!(
        "{} {}",
        paint(STRONG, "plan:"),
        counts(&summary, count_kept(view))
    ));
    if summary.conflict > 0 {
        lines.push("nothing can be applied while something is in the way".to_owned());
    }
    lines
}

/// Writes how many changes there are of each action, in one line.
pub fn counted(view: &PlanView<'_>) -> String {
    counts(&view.set.summary(), count_kept(view))
}

fn counts(summary: &Summary, kept: usize) -> String {
    let Summary {
        create,
        update,
        replace,
        delete,
        conflict,
        restart,
    } = summary;
    let mut text =
        format!("{create} to create, {update} to update, {replace} to replace, {delete} to delete");
    if kept > 0 {
        text.push_str(&format!(", {kept} kept"));
    }
    if *conflict > 0 {
        text.push_str(&format!(", {conflict} in the way"));
    }
    if *restart > 0 {
        text.push_str(&format!("; {}", words::counted(*restart, "restart")));
    }
    text
}

fn notes(view: &PlanView<'_>) -> Option<Vec<String>> {
    let note = |note: &String| format!("{} {}", paint(HELP, "note:"), harmless(note));
    let notes: Vec<_> = view.notes.iter().map(note).collect();
    (!notes.is_empty()).then_some(notes)
}
