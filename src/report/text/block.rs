//! One change → a block of lines: what happens to the resource, and why.

use anstyle::Style;

use crate::cloud::diff::{Change, Edit};
use crate::cloud::resource::{Address, Impact, OnChange, Power, Standing};
use crate::cloud::resources::Kind;
use crate::cloud::resources::{DesiredResource, LiveResource};

use super::super::style::{CREATE, DANGER, DELETE, DIM, KEPT, STRONG, UPDATE, paint};
use super::super::words::{self, Reason};
use super::rows;
use super::value::Known;

/// Writes a change; nothing for what stays as it is.
pub fn write(change: &Change, known: &Known<'_>) -> Option<Vec<String>> {
    Some(match change {
        Change::None(_) => return None,
        Change::Create(desired) => create(desired, known),
        Change::Update(edit) => {
            let mut lines = vec![head("~", UPDATE, change, &impact(change, edit, known))];
            lines.extend(rows::of_changes(&edit.fields, false, known));
            lines
        }
        Change::Replace(edit) => {
            let mut lines = vec![head("-/+", DANGER, change, &replacement(change))];
            lines.extend(rows::of_changes(&edit.fields, true, known));
            lines
        }
        Change::Delete(live) => vec![head("-", DELETE, change, &deletion(live))],
        Change::Conflict(conflict) => reasoned(
            head("!", DANGER, change, "in the way"),
            &words::conflict(conflict),
        ),
        Change::Kept(live) => reasoned(head("=", KEPT, change, "kept"), &words::kept(live)),
    })
}

fn create(desired: &DesiredResource, known: &Known<'_>) -> Vec<String> {
    let title = format!(
        "{} {}",
        paint(CREATE, format!("{:>3}", "+")),
        name(&desired.address)
    );
    let mut lines = vec![title];
    lines.extend(rows::of_new(&desired.body.fields(), known));
    if desired.address.kind() == Kind::Zone {
        lines.push(format!(
            "      {} its name servers have to be entered at the domain's registrar; \
             apply ends with them",
            paint(UPDATE, "then:")
        ));
    }
    lines
}

fn name(address: &Address) -> String {
    paint(STRONG, address)
}

/// The line that begins a block: symbol, address, id, and what it means.
fn head(symbol: &str, style: Style, change: &Change, meaning: &str) -> String {
    let id = change
        .live()
        .map(|live| paint(DIM, words::harmless(&live.id)));
    let meaning = Some(meaning).filter(|meaning| !meaning.is_empty());
    let parts = [
        Some(paint(style, format!("{symbol:>3}"))),
        Some(name(change.address())),
        id.map(|id| format!(" {id}")),
        meaning.map(|meaning| format!(" {}", paint(style, meaning))),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(" ")
}

fn reasoned(head: String, reason: &Reason) -> Vec<String> {
    let mut lines = vec![head, format!("      {}", words::harmless(&reason.why))];
    let ways = reason.ways.iter().map(|way| words::harmless(way));
    lines.extend(ways.map(|way| format!("      {} {way}", paint(KEPT, "→"))));
    lines
}

fn impact(change: &Change, edit: &Edit, known: &Known<'_>) -> String {
    let is_restart = |on_change: OnChange| on_change == OnChange::Restart;
    let has_restart = edit.fields.iter().any(|field| is_restart(field.on_change));
    if change.impact() == Impact::Restart {
        let address = match known.has(&Address::of(Kind::ElasticIp)) {
            true => "address kept",
            false => "its public address changes",
        };
        format!("restart: about 1 min down, {address}")
    } else if has_restart && edit.live.observed.power == Some(Power::Stopped) {
        "the server is stopped and stays so".to_owned()
    } else {
        String::new()
    }
}

fn replacement(change: &Change) -> String {
    let kind = change.address().kind();
    match kind {
        Kind::Instance => {
            "replace: the server and its disk are made anew, the data on it is lost".to_owned()
        }
        kind if kind.holds_data() => {
            format!("replace: {} is lost", words::loss(kind))
        }
        _ => "replace: deleted and made anew".to_owned(),
    }
}

/// What it means that a resource goes.
fn deletion(live: &LiveResource) -> String {
    let kind = live.address.kind();
    match live.standing {
        Standing::Duplicate => words::duplicate().to_owned(),
        Standing::Stale => "not the plan's any more".to_owned(),
        Standing::Current if kind.holds_data() => words::loss(kind).to_owned(),
        Standing::Current if kind == Kind::ElasticIp => "the address is given back".to_owned(),
        Standing::Current => String::new(),
    }
}
