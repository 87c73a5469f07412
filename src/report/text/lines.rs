//! Two documents → the lines that differ, with a little of what is around.

use serde_json::Value;

use super::super::style::{CREATE, DELETE, DIM, paint};

const CONTEXT: usize = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Compares two documents line by line.
pub fn difference(before: &Value, after: &Value) -> Vec<String> {
    let before = format!("{before:#}");
    let after = format!("{after:#}");
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    let lines = compare(&before, &after);
    let is_near = |index: usize| {
        let first = index.saturating_sub(CONTEXT);
        let last = (index + CONTEXT).min(lines.len().saturating_sub(1));
        lines[first..=last]
            .iter()
            .any(|line| !matches!(line, Line::Same(_)))
    };
    let mut shown = Vec::new();
    let mut has_gap = false;
    for (index, line) in lines.iter().enumerate() {
        if is_near(index) {
            shown.push(write(*line));
            has_gap = false;
        } else if !has_gap {
            shown.push(paint(DIM, "  …"));
            has_gap = true;
        }
    }
    shown
}

fn write(line: Line<'_>) -> String {
    match line {
        Line::Same(text) => paint(DIM, format!("  {text}")),
        Line::Gone(text) => paint(DELETE, format!("- {text}")),
        Line::New(text) => paint(CREATE, format!("+ {text}")),
    }
}

/// Finds the longest common subsequence; documents are small enough for its
/// quadratic table.
fn compare<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let width = after.len() + 1;
    let mut common = vec![0_usize; (before.len() + 1) * width];
    for row in (0..before.len()).rev() {
        for column in (0..after.len()).rev() {
            common[row * width + column] = if before[row] == after[column] {
                common[(row + 1) * width + column + 1] + 1
            } else {
                common[(row + 1) * width + column].max(common[row * width + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < before.len() || column < after.len() {
        let is_same = row < before.len() && column < after.len() && before[row] == after[column];
        let is_gone = row < before.len()
            && (column == after.len()
                || common[(row + 1) * width + column] >= common[row * width + column + 1]);
        if is_same {
            lines.push(Line::Same(before[row]));
            (row, column) = (row + 1, column + 1);
        } else if is_gone {
            lines.push(Line::Gone(before[row]));
            row += 1;
        } else {
            lines.push(Line::New(after[column]));
            column += 1;
        }
    }
    lines
}
