//! A plan as Markdown, for a comment on a pull request: what it means above the fold, the whole text folded below.

use anstream::adapter::strip_str;

use crate::cloud::verdict;

use super::{PlanView, text, verdict as report_verdict};

/// GitHub takes no longer comment (GitHub REST API, "Body is too long (maximum is 65536 characters)").
const MOST_CHARACTERS: usize = 65_536;
/// What is kept free for the note that something was cut.
const NOTE: usize = 200;

/// Writes a plan; `host` is the text of the server's half.
///
/// What is not labctl's own stands in fenced blocks, whose fences are longer than any that it holds.
pub fn plan(view: Option<&PlanView<'_>>, host: Option<&str>) -> String {
    let mut sections = Vec::new();
    if let Some(view) = view {
        let verdict = verdict::of(view.region, view.set);
        let line = strip_str(&report_verdict::line(&verdict)).to_string();
        sections.push(format!("### labctl plan: {}", view.lab));
        sections.push(fenced(&line));
        sections.push(strip_str(&text::counted(view)).to_string());
    }
    let cloud = view.map(text::change_set);
    let details = [("In AWS", cloud.as_deref()), ("On the server", host)];
    for (title, details) in details {
        let Some(details) = details else { continue };
        let details = strip_str(details).to_string();
        let used: usize = sections.iter().map(|one| one.chars().count() + 2).sum();
        let room = MOST_CHARACTERS.saturating_sub(used + NOTE);
        sections.push(folded(title, &details, room));
    }
    sections.join("\n\n")
}

fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|letter| letter != '`').map(str::len);
    runs.max().unwrap_or_default()
}

/// Folds a text away, and cuts it at a line where there is no room for all of it.
fn folded(title: &str, text: &str, room: usize) -> String {
    let fold = |text: &str| {
        format!(
            "<details><summary>{title}</summary>\n\n{}\n\n</details>",
            fenced(text)
        )
    };
    let whole = fold(text);
    if whole.chars().count() <= room {
        return whole;
    }
    let lines: Vec<&str> = text.lines().collect();
    let cut = |count: usize| fold(&lines[..count].join("\n"));
    let fitting = (0..=lines.len()).collect::<Vec<_>>();
    let kept = fitting.partition_point(|count| cut(*count).chars().count() <= room);
    let kept = kept.saturating_sub(1);
    let left = lines.len() - kept;
    format!(
        "{}\n\n{left} more lines do not fit here; `labctl plan` shows them.",
        cut(kept)
    )
}

#[cfg(test)]
mod tests {
    use super::{MOST_CHARACTERS, fenced, folded, plan};

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        let text = "name: ```\n</details> `````` <script>";
        let fenced = fenced(text);
        let fence = "`".repeat(7);
        assert_eq!(fenced, format!("{fence}text\n{text}\n{fence}"));
    }

    #[test]
    fn a_long_plan_is_cut_at_a_line_within_githubs_limit() {
        let line = "größe ".repeat(30);
        let host = vec![line.as_str(); 2_000].join("\n");
        let shown = plan(None, Some(&host));
        assert!(shown.chars().count() <= MOST_CHARACTERS);
        assert!(shown.chars().count() > MOST_CHARACTERS - 500);
        assert!(shown.contains("\n```\n\n</details>\n\n"), "it is closed");
        assert!(shown.ends_with("more lines do not fit here; `labctl plan` shows them."));
        assert!(folded("x", "short", 1_000).ends_with("</details>"));
    }
}
