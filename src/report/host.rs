//! The host's half: its changes and the end of an apply, as text and JSON.

mod ending;
mod follow;
mod masked;

pub use ending::{Answers, ended, failed};
pub use follow::HostProgress;

use serde_json::{Value, json};
use similar::TextDiff;

use crate::host::{FileChange, HostChange, HostDiff, UnitAction, UserAction, Verb};

use super::style::{CREATE, DELETE, DIM, HELP, KEPT, STRONG, UPDATE, paint};
use super::words::{counted, harmless};
use masked::masked;

/// Lines of a file's difference that are shown unless all are wanted; the rest is counted.
const MOST_LINES: usize = 20;
const CONTEXT: usize = 2;

/// The host's half of a plan.
#[derive(Debug, Clone, Copy)]
pub struct HostView<'a> {
    /// What is to be done; nothing where the host was not looked at.
    pub diff: Option<&'a HostDiff>,
    /// Whether the host answered.
    pub reached: bool,
    /// Remarks, such as why it was not reached.
    pub notes: &'a [String],
}

/// Gives the `host` of `plan --json`.
pub fn document(view: &HostView<'_>) -> Value {
    let changes = view.diff.map_or(&[][..], |diff| &diff.changes);
    let change = |change: &HostChange| {
        json!({
            "path": change.path(),
            "action": change.verb(),
            "restarts": change.restarts(),
            "reasons": reasons(change),
        })
    };
    json!({
        "reached": view.reached,
        "awaits_certificate": view.diff.is_some_and(|diff| diff.awaits_certificate),
        "awaits_model": view.diff.and_then(|diff| diff.awaits_model.as_ref()),
        "changes": changes.iter().map(change).collect::<Vec<_>>(),
        "notes": view.notes,
    })
}

fn reasons(change: &HostChange) -> Vec<String> {
    match change {
        HostChange::Unit(unit) => unit.why.clone(),
        HostChange::User(user) => user.details.clone(),
        _ => Vec::new(),
    }
}

/// Writes the host's half, with the differences of files whole or cut.
pub fn text(view: &HostView<'_>, full: bool) -> String {
    let mut lines = vec![paint(STRONG, "on the server")];
    if let Some(diff) = view.diff {
        lines.extend(packages(diff));
        let rest = diff.changes.iter();
        let most = if full { usize::MAX } else { MOST_LINES };
        lines.extend(rest.flat_map(|one| change(one, most)));
        lines.push(closing(diff));
    }
    let notes = view.notes.iter();
    lines.extend(notes.map(|note| format!("{} {}", paint(HELP, "note:"), harmless(note))));
    lines.join("\n")
}

fn closing(diff: &HostDiff) -> String {
    if diff.changes.is_empty() {
        return match (diff.awaits_certificate, &diff.awaits_model) {
            (true, _) => {
                "  no changes; the certificate is still to come, and apply asks for it".into()
            }
            (_, Some(source)) => {
                let source = harmless(source);
                format!(
                    "  no changes; the API is waiting for model {source}, and apply looks for it"
                )
            }
            _ => paint(DIM, "  no changes: the server is as the plan says"),
        };
    }
    let count = |verb: Verb| {
        let changes = diff.changes.iter();
        changes.filter(|change| change.verb() == verb).count()
    };
    let units = diff.changes.iter().filter(
        |change| matches!(change, HostChange::Unit(unit) if unit.action == UnitAction::Restart),
    );
    let restarts = match units.count() {
        0 => String::new(),
        count => format!("; {}", counted(count, "restart")),
    };
    format!(
        "{} {} to create, {} to update, {} to delete{restarts}",
        paint(STRONG, "server:"),
        count(Verb::Create),
        count(Verb::Update),
        count(Verb::Delete)
    )
}

/// All packages in one line.
fn packages(diff: &HostDiff) -> Option<String> {
    let names: Vec<_> = diff
        .changes
        .iter()
        .filter_map(|change| match change {
            HostChange::Package(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    (!names.is_empty()).then(|| line(Verb::Create, "packages", &names.join(", ")))
}

/// The line that begins a change: symbol, name, and what it means.
fn line(verb: Verb, name: &str, meaning: &str) -> String {
    let (symbol, style) = match verb {
        Verb::Create => ("+", CREATE),
        Verb::Update => ("~", UPDATE),
        Verb::Delete => ("-", DELETE),
    };
    let name = paint(STRONG, harmless(name));
    let line = format!("{} {name}", paint(style, format!("{symbol:>3}")));
    match meaning {
        "" => line,
        meaning => format!("{line}  {}", harmless(meaning)),
    }
}

fn change(change: &HostChange, most: usize) -> Vec<String> {
    let verb = change.verb();
    let path = change.path();
    match change {
        HostChange::Package(_) => Vec::new(),
        HostChange::Download { download, .. } => {
            vec![line(
                verb,
                &path,
                &format!("from {}", harmless(&download.url)),
            )]
        }
        HostChange::GrowRoot { from, to } => {
            let meaning = format!("file system {} → {}", size(*from), size(*to));
            vec![line(verb, &path, &meaning)]
        }
        HostChange::Swap { bytes } => vec![line(verb, &path, &size(*bytes))],
        HostChange::User(user) => {
            let meaning = match user.action {
                UserAction::Create => {
                    let sudo = if user.sudo {
                        "administers the server, "
                    } else {
                        ""
                    };
                    format!("{sudo}{}", counted(user.add_keys.len(), "key"))
                }
                UserAction::Update | UserAction::Lock => user.details.join("; "),
            };
            vec![line(verb, &path, &meaning)]
        }
        HostChange::Secret(_) => vec![line(verb, &path, "drawn by the server itself")],
        HostChange::Environment { environment, .. } => {
            let version = environment.version.as_ref();
            let version =
                version.map_or_else(String::new, |version| format!("version {version}, "));
            let packages = counted(environment.package_count(), "package");
            vec![line(
                verb,
                &path,
                &format!("{version}{packages} and what they need"),
            )]
        }
        HostChange::Tree { tree, .. } => {
            let count = counted(tree.folder.files.len(), "file");
            let kibibytes = tree.folder.bytes().div_ceil(1 << 10);
            let meaning = format!("{count}, {kibibytes} KiB, from this laptop");
            vec![line(verb, &path, &meaning)]
        }
        HostChange::RemoveEnvironment { .. } => vec![line(verb, &path, "")],
        HostChange::File(file) => file_lines(verb, file, most),
        HostChange::Unit(unit) => {
            let meaning = format!("{}: {}", unit.action.as_str(), unit.why.join(", "));
            vec![line(verb, &path, &meaning)]
        }
    }
}

fn file_lines(verb: Verb, file: &FileChange, most: usize) -> Vec<String> {
    let mut meaning = Vec::new();
    if file.is_foreign {
        meaning.push("not as labctl wrote it; a copy is kept".to_owned());
    }
    if let Some((before, after)) = &file.mode {
        meaning.push(format!("{before} → {after}"));
    }
    let mut lines = vec![line(verb, &file.path, &meaning.join("; "))];
    if let (Some(before), Some(after)) = (&file.before, &file.after) {
        lines.extend(difference(before, after, most));
    }
    lines
}

/// The unified difference of two texts, without what looks like a secret.
fn difference(before: &str, after: &str, most: usize) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(CONTEXT).to_string();
    let all: Vec<_> = text.lines().collect();
    let shown = all.iter().take(most).map(|line| {
        let style = match line.as_bytes().first() {
            Some(b'+') => CREATE,
            Some(b'-') => DELETE,
            Some(b'@') => KEPT,
            _ => DIM,
        };
        format!("      {}", paint(style, harmless(&masked(line))))
    });
    let mut lines: Vec<_> = shown.collect();
    if let Some(rest) = all.len().checked_sub(most).filter(|rest| *rest > 0) {
        lines.push(paint(
            DIM,
            format!(
                "      … {}; `labctl plan --full` shows all",
                counted(rest, "more line")
            ),
        ));
    }
    lines
}

fn size(bytes: u64) -> String {
    let gibibytes = bytes as f64 / f64::from(1 << 30);
    format!("{gibibytes:.1} GiB")
}

#[cfg(test)]
mod tests {
    use super::{MOST_LINES, difference};

    #[test]
    fn a_long_difference_is_cut_unless_all_is_wanted() {
        let after: String = (0..50).map(|line| format!("line {line}\n")).collect();
        let cut = difference("", &after, MOST_LINES);
        assert_eq!(cut.len(), MOST_LINES + 1);
        let last = cut.last().map(String::as_str).unwrap_or_default();
        assert!(
            last.contains("31 more lines; `labctl plan --full`"),
            "{last}"
        );
        let whole = difference("", &after, usize::MAX);
        // The line before the first says which lines are meant.
        assert_eq!(whole.len(), 51);
    }
}
