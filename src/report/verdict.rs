//! What a change set means, in one line, and as JSON.

use serde_json::{Value, json};

use crate::cloud::prices;
use crate::cloud::verdict::{Cause, ChangeVerdict, Cost, Downtime, Verdict};
use crate::support::money::Money;

use super::style::{DANGER, DIM, STRONG, UPDATE, paint};
use super::words::harmless;

const DOT: &str = " · ";

/// Writes the line that stands before every plan and every question.
pub fn line(verdict: &Verdict) -> String {
    let cost = &verdict.cost;
    if verdict.is_refused {
        return format!("cannot be applied{DOT}{}", paint(STRONG, unchanged(cost)));
    }
    if !verdict.has_work {
        return format!(
            "{}{DOT}nothing changes in AWS",
            paint(STRONG, unchanged(cost))
        );
    }
    let difference = match cost.before.cents() == cost.after.cents() {
        true => format!("{} as before", unchanged(cost)),
        false => format!(
            "{} USD a month {}",
            signed(cost.before, cost.after),
            both(cost)
        ),
    };
    let parts = [
        paint(STRONG, difference),
        downtime(verdict.downtime),
        data(verdict),
        undone(&verdict.irreversible),
    ];
    parts.join(DOT)
}

/// Writes a question with the line before it.
pub fn question(verdict: &Verdict, question: &str) -> String {
    format!("{}\n{question}", line(verdict))
}

fn unchanged(cost: &Cost) -> String {
    format!("{} USD a month{}", cost.before, without(cost))
}

fn both(cost: &Cost) -> String {
    format!("({} → {}){}", cost.before, cost.after, without(cost))
}

/// Names what is charged and has no known price, so that nobody takes the sum for the whole.
fn without(cost: &Cost) -> String {
    match cost.unknown.as_slice() {
        [] => String::new(),
        unknown => format!(" and what is not known ({})", harmless(&unknown.join(", "))),
    }
}

/// The difference of what is shown, which is rounded to cents.
fn signed(before: Money, after: Money) -> String {
    Money::of_cents(after.cents() - before.cents()).signed()
}

fn downtime(downtime: Downtime) -> String {
    match downtime {
        Downtime::None => "no downtime".to_owned(),
        Downtime::Restart => paint(UPDATE, "server down about 1 min"),
        Downtime::UntilStarted => paint(UPDATE, "server down until `labctl start`"),
        Downtime::UntilSetUp => paint(DANGER, "server down until a new one is set up"),
        Downtime::ForGood => paint(DANGER, "server gone"),
    }
}

fn data(verdict: &Verdict) -> String {
    let addresses = verdict.data_at_risk.iter();
    let addresses: Vec<_> = addresses
        .map(|address| harmless(&address.to_string()))
        .collect();
    match addresses.as_slice() {
        [] => "no data at risk".to_owned(),
        addresses => paint(DANGER, format!("data at risk: {}", addresses.join(", "))),
    }
}

fn undone(causes: &[Cause]) -> String {
    match causes {
        [] => "can be undone".to_owned(),
        causes => {
            let causes: Vec<_> = causes.iter().map(cause).collect();
            paint(UPDATE, format!("cannot be undone: {}", causes.join(", ")))
        }
    }
}

/// The resource and its field, such as `instance.root_volume.size`.
fn cause(cause: &Cause) -> String {
    let path = cause.path.as_ref().map(|path| format!(".{path}"));
    harmless(&format!("{}{}", cause.address, path.unwrap_or_default()))
}

/// Writes what one change means, where it means anything, with the fields that force it.
pub fn change(change: &ChangeVerdict) -> Option<String> {
    let by = |paths: &[String]| match paths {
        [] => String::new(),
        paths => format!(" by `{}`", paths.join("`, `")),
    };
    let mut parts = Vec::new();
    if change.before.cents() != change.after.cents() {
        let difference = signed(change.before, change.after);
        parts.push(format!("{difference} USD a month{}", by(&change.priced)));
    }
    if change.downtime != Downtime::None {
        let down = match change.downtime {
            Downtime::Restart => "down about 1 min",
            Downtime::ForGood => "gone",
            _ => "down until a new one is set up",
        };
        parts.push(format!("server {down}{}", by(&change.restarting)));
    }
    let final_paths = change.irreversible.iter();
    let final_paths: Vec<String> = final_paths.filter_map(|cause| cause.path.clone()).collect();
    if !change.irreversible.is_empty() {
        parts.push(format!("cannot be undone{}", by(&final_paths)));
    }
    (!parts.is_empty()).then(|| paint(DIM, harmless(&parts.join(DOT))))
}

/// Says of which day the prices are, and what they leave out.
pub fn basis() -> String {
    let text = format!(
        "prices of {}, without traffic and other use",
        prices::date()
    );
    paint(DIM, text)
}

/// Gives the key `cost` of a document.
pub fn cost(cost: &Cost) -> Value {
    let unknown: Vec<_> = cost.unknown.iter().chain(&cost.uncounted).collect();
    json!({
        "currency": "USD",
        "before": cost.before.dollars(),
        "after": cost.after.dollars(),
        "unknown": unknown,
        "prices": prices::date(),
    })
}

/// Gives the key `verdict` of a document; what cannot be applied has no consequences.
pub fn document(verdict: &Verdict) -> Value {
    json!({
        "downtime_s": verdict.downtime.seconds(),
        "data_at_risk": verdict.data_at_risk,
        "reversible": verdict.irreversible.is_empty(),
        "refused": verdict.is_refused,
    })
}

/// Adds to a change's document what it means.
pub fn add(document: &mut Value, change: &ChangeVerdict) {
    document["cost"] = json!({
        "before": change.before.dollars(),
        "after": change.after.dollars(),
    });
    document["downtime_s"] = json!(change.downtime.seconds());
    document["data"] = json!(match change.loses_data {
        true => "lost",
        false => "kept",
    });
    document["reversible"] = json!(change.irreversible.is_empty());
    let causes = change.irreversible.iter();
    let causes: Vec<_> = causes.filter_map(|cause| cause.path.as_ref()).collect();
    document["forced_by"] = json!({
        "cost": change.priced,
        "downtime": change.restarting,
        "irreversible": causes,
    });
}
