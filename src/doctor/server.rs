//! What the server says of itself → findings.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Finding;
use super::applied::LastApply;
use super::machine::{Awaited, Condition, machine};

/// What the server's doctor says, line by line.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Seen {
    /// How the machine is.
    Machine(Condition),
    /// What was applied last.
    Applied(LastApply),
    /// A gate was tried.
    Gate {
        /// Which.
        gate: String,
        /// Whether it holds; none if it was left out.
        ok: Option<bool>,
        /// What was seen.
        #[serde(default)]
        detail: String,
        /// The unit that it needs.
        #[serde(default)]
        unit: Option<String>,
    },
    /// The gates could not be tried.
    Broken {
        /// Why.
        reason: String,
    },
    /// All was looked at.
    Done,
}

/// Judges all that the server said. `now` is this laptop's clock when the machine's was read.
pub fn findings(seen: &[Seen], now: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let awaited = seen.iter().find_map(|line| match line {
        Seen::Machine(condition) => condition.awaits.as_ref(),
        _ => None,
    });
    for line in seen {
        match line {
            Seen::Machine(condition) => findings.extend(machine(condition, now)),
            Seen::Gate {
                gate,
                ok,
                detail,
                unit,
            } => {
                let unit = unit.as_deref();
                let awaited = awaited.filter(|model| unit == Some(&model.unit));
                findings.push(match (ok, awaited) {
                    (Some(false), Some(model)) => without_model(gate, model),
                    _ => self::gate(gate, *ok, detail, unit),
                });
            }
            Seen::Broken { reason } => findings.push(Finding::failed(
                "gates",
                format!("they could not be tried: {reason}"),
                "this is a defect of labctl: please report it with what stands above",
            )),
            // Judged by those who know whether the plan wants one.
            Seen::Applied(_) | Seen::Done => {}
        }
    }
    if !seen.contains(&Seen::Done) {
        findings.push(Finding::failed(
            "server",
            "the connection ended before all was looked at",
            "run `labctl doctor` again",
        ));
    }
    findings
}

fn gate(name: &str, ok: Option<bool>, detail: &str, unit: Option<&str>) -> Finding {
    let title = format!("gate: {name}");
    match ok {
        Some(true) => Finding::ok(title, detail),
        None if detail.is_empty() => {
            Finding::skipped(title, "it takes its time; `--deep` tries it too")
        }
        None => Finding::skipped(title, detail),
        Some(false) => {
            let logs = unit.map(|unit| format!("`labctl logs {unit}` shows its log; "));
            let help = format!(
                "{}`labctl plan` shows what differs from the plan, and `labctl apply` mends that",
                logs.unwrap_or_default()
            );
            Finding::failed(title, detail, help)
        }
    }
}

/// A unit that cannot run yet is not ill, but somebody has to bring what it waits for.
fn without_model(gate: &str, model: &Awaited) -> Finding {
    let title = format!("gate: {gate}");
    let Awaited { source, why, .. } = model;
    match model.state.as_str() {
        "waiting" => Finding::warning(
            title,
            format!("it waits for model {source}: {why}"),
            "put the model there: a timer on the server takes it up within five minutes, and \
             `labctl apply` at once",
        ),
        "refused" => Finding::failed(
            title,
            format!("it refused the model at {source}: {why}"),
            "put another one there: a timer on the server tries it within five minutes",
        ),
        _ => Finding::failed(title, why, "`labctl apply` tries it again, and shows more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::machine::tests::healthy;
    use super::*;

    #[test]
    fn an_api_without_its_model_is_told_by_what_it_lacks() {
        let gate = |unit: &str| Seen::Gate {
            gate: format!("{unit} runs"),
            ok: Some(false),
            detail: "it is inactive".to_owned(),
            unit: Some(unit.to_owned()),
        };
        let found = |state: &str, why: &str| {
            let awaits = Some(Awaited {
                unit: "model-api.service".to_owned(),
                source: "s3://ours/model".to_owned(),
                state: state.to_owned(),
                why: why.to_owned(),
            });
            let machine = Seen::Machine(Condition {
                awaits,
                ..healthy()
            });
            let seen = [
                machine,
                gate("model-api.service"),
                gate("nginx.service"),
                Seen::Done,
            ];
            let mut found = findings(&seen, 1001.0).split_off(4);
            assert_eq!(
                found.pop().map(|other| other.detail).as_deref(),
                Some("it is inactive")
            );
            found.remove(0)
        };
        let waits = found("waiting", "there is nothing");
        assert_eq!(waits.state, State::Warning);
        assert_eq!(
            waits.detail,
            "it waits for model s3://ours/model: there is nothing"
        );
        let broken = found("broken", "the image cannot be built");
        assert_eq!(
            (broken.state, broken.detail.as_str()),
            (State::Failed, "the image cannot be built")
        );
    }

    #[test]
    fn a_look_that_was_cut_off_is_no_clean_bill() {
        let found = findings(&[Seen::Machine(healthy())], 1001.0);
        assert_eq!(found.last().map(|last| last.state), Some(State::Failed));
    }
}
