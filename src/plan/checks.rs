//! What only makes sense together: the meaning of a plan whose every value is sound.
//!
//! Each check names the paths it reads. Where one of them is unsound the check is left out, because it would judge a
//! stand-in; all others run, so that one run reports as much as can be known.

mod cloud;
mod dns;
mod downloads;
mod hosts;
mod https;
mod workbench;

use super::model::Plan;
use super::problem::{Problem, Severity};
use super::source::Source;

/// The paths whose values a question about a plan needs, and the question.
type Check = (&'static [&'static str], fn(&Plan, &mut Findings<'_>));

/// Collects what checks find.
struct Findings<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    /// Records what makes the plan unusable.
    fn error(
        &mut self,
        path: &str,
        summary: impl Into<String>,
        label: &str,
        help: impl Into<String>,
    ) {
        let problem = Problem::error(path, self.source.place(path), summary);
        self.problems
            .push(problem.with_label(label).with_help(help));
    }

    /// Records what is perhaps not meant.
    fn warning(
        &mut self,
        path: &str,
        summary: impl Into<String>,
        label: &str,
        help: impl Into<String>,
    ) {
        let problem = Problem::error(path, self.source.place(path), summary);
        self.problems.push(Problem {
            severity: Severity::Warning,
            ..problem.with_label(label).with_help(help)
        });
    }

    /// Records that two places do not go together; the second is the wrong one.
    fn clash(
        &mut self,
        path: &str,
        first: &str,
        summary: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Problem::error(path, self.source.place(path), summary)
            .with_label("the second is here")
            .with_help(help);
        self.problems
            .push(problem.with_related(self.source.place(first), "the first is here"));
    }
}

/// Runs every check whose paths are sound.
pub(super) fn check(plan: &Plan, source: &Source, unsound: &[String]) -> Vec<Problem> {
    let mut findings = Findings {
        source,
        problems: Vec::new(),
    };
    let checks = [
        cloud::CHECKS,
        dns::CHECKS,
        hosts::CHECKS,
        https::CHECKS,
        workbench::CHECKS,
        downloads::CHECKS,
    ];
    for (reads, run) in checks.into_iter().flatten() {
        let touches = |path: &String| {
            reads
                .iter()
                .any(|read| within(path, read) || within(read, path))
        };
        if !unsound.iter().any(touches) {
            run(plan, &mut findings);
        }
    }
    findings.problems
}

/// Says whether a path is a section or lies in it.
fn within(path: &str, section: &str) -> bool {
    path.strip_prefix(section)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
