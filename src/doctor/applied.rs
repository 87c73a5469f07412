//! What was applied last, and what the plan has besides → findings.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::HttpsMode;

use super::Finding;

/// Changes that are named; the rest is counted.
const NAMED: usize = 3;

/// What the server knows of the last apply that succeeded there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub struct LastApply {
    /// How much it knows.
    pub state: Record,
    /// How many gates of the plan were left out, because they may hold only once the plan is applied.
    #[serde(default)]
    pub left_out: usize,
    /// The names under which it made the server reachable, the domain first.
    #[serde(default)]
    pub names: Vec<String>,
    /// Where its certificate comes from; none where it brought no web server.
    #[serde(default)]
    pub https: Option<HttpsMode>,
}

/// Whether there is a record of the last apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Record {
    /// There is one, with the gates that were tried.
    Recorded,
    /// A labctl that kept none has applied.
    Unrecorded,
    /// No apply has succeeded yet.
    #[default]
    None,
}

/// How a half of the lab compares with the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// What an apply would change, by name.
    Differs(Vec<String>),
    /// It could not be compared, and why.
    Unknown(String),
}

/// Says where the gates come from, where that is not the last apply's own record.
pub fn last_apply(last: &LastApply) -> Option<Finding> {
    match last.state {
        Record::Recorded => None,
        Record::Unrecorded => {
            let left_out = match last.left_out {
                0 => String::new(),
                count => format!(", but {count} that may hold only once the plan is applied"),
            };
            Some(Finding::skipped(
                "last apply",
                format!(
                    "an older labctl made it, which recorded no gates: the plan's are tried{left_out}"
                ),
            ))
        }
        Record::None => Some(Finding::failed(
            "last apply",
            "none has succeeded on this server yet, so there are no gates to try",
            "`labctl apply` sets the server up",
        )),
    }
}

/// Judges what an apply would change in one half of the lab: the plan may be ahead of it, and that is no illness.
pub fn plan(half: &str, comparison: &Comparison) -> Finding {
    let title = format!("plan: {half}");
    match comparison {
        Comparison::Unknown(why) => Finding::skipped(title, format!("not compared: {why}")),
        Comparison::Differs(changes) if changes.is_empty() => {
            Finding::ok(title, "nothing is left to apply")
        }
        Comparison::Differs(changes) => {
            let named = changes.iter().take(NAMED).map(String::as_str);
            let named = named.collect::<Vec<_>>().join(", ");
            let rest = match changes.len().saturating_sub(NAMED) {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            let count = match changes.len() {
                1 => "1 change is".to_owned(),
                count => format!("{count} changes are"),
            };
            Finding::warning(
                title,
                format!("{count} not applied: {named}{rest}"),
                "`labctl plan` shows what differs, and `labctl apply` brings it in line",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn differs(count: usize) -> Finding {
        let changes = (1..=count).map(|number| format!("/etc/{number}"));
        plan("server", &Comparison::Differs(changes.collect()))
    }

    #[test]
    fn a_plan_ahead_of_the_lab_is_a_warning() {
        let said = |finding: Finding| (finding.state, finding.detail);
        let nothing = "nothing is left to apply".to_owned();
        assert_eq!(said(differs(0)), (State::Ok, nothing));
        let one = "1 change is not applied: /etc/1".to_owned();
        assert_eq!(said(differs(1)), (State::Warning, one));
        let more = "5 changes are not applied: /etc/1, /etc/2, /etc/3 and 2 more".to_owned();
        assert_eq!(said(differs(5)), (State::Warning, more));
        let unknown = plan("AWS", &Comparison::Unknown("no network".to_owned()));
        let why = "not compared: no network".to_owned();
        assert_eq!(said(unknown), (State::Skipped, why));
    }

    #[test]
    fn only_a_server_without_any_apply_is_ill() {
        let state = |state| {
            let last = LastApply {
                state,
                ..LastApply::default()
            };
            last_apply(&last).map(|finding| finding.state)
        };
        assert_eq!(state(Record::Recorded), None);
        assert_eq!(state(Record::Unrecorded), Some(State::Skipped));
        assert_eq!(state(Record::None), Some(State::Failed));
    }
}
