//! The same views as JSON. `format` 1 is a promise: keys may be added, but
//! none is renamed or taken away.

use serde_json::{Value, json};

use crate::cloud::apply::Event;
use crate::cloud::diff::{Change, FieldChange};
use crate::cloud::estimate::{self, Estimate};
use crate::cloud::graph::{Graph, Step};
use crate::cloud::prices;
use crate::cloud::resource::{Field, OnChange, Owner, Standing};
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::{Body, Kind};
use crate::cloud::verdict;
use crate::host::Verdict;

use super::explain::step_error;
use super::outcome::left_out;
use super::{OutcomeView, Outputs, PlanView, StatusView, words};

const FORMAT: u32 = 1;

/// Gives the document of `plan --json`.
pub fn plan(view: &PlanView<'_>, host: Value) -> Value {
    let means = verdict::of(view.region, view.set);
    let changes = view.set.changes.iter().zip(&means.changes);
    let changes: Vec<Value> = changes
        .map(|(one, means)| {
            let mut document = change(one);
            super::verdict::add(&mut document, means);
            document
        })
        .collect();
    json!({
        "format": FORMAT,
        "lab": view.lab,
        "region": view.region,
        "account": view.account,
        "changes": changes,
        "host": host,
        "summary": view.set.summary(),
        "cost": super::verdict::cost(&means.cost),
        "verdict": super::verdict::document(&means),
    })
}

fn change(change: &Change) -> Value {
    let address = change.address();
    let mut value = json!({
        "address": address,
        "kind": address.kind().name(),
        "action": words::action(change),
        "impact": change.impact(),
        "fields": fields(change),
        "id": change.live().map(|live| &live.id),
    });
    match change {
        Change::Conflict(conflict) => {
            value["reason"] = json!(words::conflict(conflict).sentence());
            value["ids"] = json!(conflict.ids);
        }
        Change::Kept(live) => value["reason"] = json!(words::kept(live).sentence()),
        Change::Delete(live) if live.standing == Standing::Duplicate => {
            value["reason"] = json!(words::duplicate());
        }
        _ => {}
    }
    value
}

/// A resource that does not exist differs in every field from nothing.
fn fields(change: &Change) -> Vec<Value> {
    let of_new =
        |field: &Field| json!({ "path": field.path, "before": null, "after": field.value });
    let of_changed = |field: &FieldChange| json!({ "path": field.path, "before": field.before, "after": field.after });
    match change {
        Change::Create(desired) => {
            let fields = desired.body.fields();
            let set = fields.iter().filter(|field| {
                field.on_change != OnChange::Ignore
                    && field.value != crate::cloud::resource::Value::Absent
            });
            set.map(of_new).collect()
        }
        _ => change.fields().iter().map(of_changed).collect(),
    }
}

/// Gives one line of `apply --json`.
pub fn event(event: &Event<'_>) -> Value {
    match event {
        Event::Started(step) => about("started", step),
        Event::Progress(step, text) => {
            let mut value = about("progress", step);
            value["message"] = json!(text);
            value
        }
        Event::Finished(step, elapsed) => {
            let mut value = about("finished", step);
            value["seconds"] = json!((elapsed.as_secs_f64() * 1000.0).round() / 1000.0);
            value
        }
        Event::Failed(step, error) => {
            let explanation = step_error(error);
            let mut value = about("failed", step);
            value["error"] = json!(explanation.summary);
            value["help"] = json!(explanation.help);
            value
        }
        Event::Skipped(step, because) => {
            let mut value = about("skipped", step);
            value["because"] = json!(because.addresses.first());
            value
        }
        Event::Withheld(step) => about("withheld", step),
    }
}

fn about(event: &str, step: &Step) -> Value {
    json!({
        "event": event,
        "address": step.addresses.first(),
        "addresses": step.addresses,
        "action": step.verb(),
    })
}

/// Gives the last line of `apply --json`; `host` is how the server's part ended.
pub fn outcome(view: &OutcomeView<'_>, host: Option<&Verdict>) -> Value {
    let OutcomeView {
        graph,
        outcome,
        outputs,
        ..
    } = view;
    let failed: Vec<Value> = outcome
        .failed
        .iter()
        .map(|(step, error)| failure(graph, view, step, error))
        .collect();
    let kept = view.set.changes.iter().filter_map(|change| match change {
        Change::Kept(live) => Some(json!({
            "address": live.address,
            "id": live.id,
            "reason": words::kept(live).sentence(),
        })),
        _ => None,
    });
    json!({
        "event": "done",
        "counts": {
            "finished": outcome.finished,
            "failed": outcome.failed.len(),
            "skipped": outcome.skipped.len(),
            "withheld": outcome.withheld.len(),
        },
        "failed": failed,
        "withheld": outcome.withheld.iter().map(named).collect::<Vec<_>>(),
        "kept": kept.collect::<Vec<_>>(),
        "host": host,
        "outputs": outputs_of(outputs),
    })
}

fn failure(
    graph: &Graph,
    view: &OutcomeView<'_>,
    step: &Step,
    error: &crate::cloud::resources::StepError,
) -> Value {
    let explanation = step_error(error);
    let skipped = left_out(graph, view.outcome, step);
    let mut value = named(step);
    value["error"] = json!(explanation.summary);
    value["help"] = json!(explanation.help);
    value["skipped"] = skipped.into_iter().map(named).collect();
    value
}

fn named(step: &Step) -> Value {
    json!({
        "address": step.addresses.first(),
        "addresses": step.addresses,
        "action": step.verb(),
    })
}

fn outputs_of(outputs: &Outputs) -> Value {
    let servers = outputs.name_servers.as_ref();
    json!({
        "public_ip": outputs.public_ip,
        "power": outputs.power,
        "urls": outputs.names,
        "name_servers": servers.map(|(zone, servers)| json!({ "zone": zone, "servers": servers })),
        "ssh": outputs.ssh,
        "bucket": outputs.bucket,
    })
}

/// Gives the document of `status --json`.
pub fn status(view: &StatusView<'_>) -> Value {
    let server = view
        .live
        .current(Kind::Instance)
        .map(|live| server(view, live));
    let resources: Vec<Value> = view.live.resources.iter().map(resource).collect();
    json!({
        "format": FORMAT,
        "lab": view.lab,
        "region": view.region,
        "account": view.account,
        "server": server,
        "pages": view.pages,
        "resources": resources,
        "cost": status_cost(view),
    })
}

fn status_cost(view: &StatusView<'_>) -> Value {
    let estimate = Estimate::of_lab(view.region, &view.live.resources);
    let mut unknown = estimate.unknown();
    unknown.extend(estimate.uncounted());
    json!({
        "currency": "USD",
        "monthly": estimate.monthly().dollars(),
        "unknown": unknown,
        "idle": estimate::idle(view.live),
        "prices": prices::date(),
    })
}

fn server(view: &StatusView<'_>, live: &LiveResource) -> Value {
    let instance_type = match &live.body {
        Body::Instance(instance) => Some(&instance.instance_type),
        _ => None,
    };
    json!({
        "id": live.id,
        "power": live.observed.power,
        "instance_type": instance_type,
        "public_ip": view.live.public_address(),
        "private_ip": live.observed.private_ip,
    })
}

fn resource(live: &LiveResource) -> Value {
    let standing = match live.standing {
        Standing::Current => "current",
        // Format 1 keeps these two words.
        Standing::Duplicate => "spare",
        Standing::Stale => "former",
    };
    json!({
        "address": live.address,
        "kind": live.address.kind().name(),
        "id": live.id,
        "owned": live.owner == Owner::Lab,
        "standing": standing,
    })
}
