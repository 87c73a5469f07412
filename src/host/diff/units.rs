//! Units: what is started, reloaded, restarted or stopped, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::change::{HostChange, UnitAction, UnitChange};
use crate::host::desired::{self, DesiredHost, DesiredUnit, Effect, Input, Tree};
use crate::host::facts::{Facts, LiveUnit};
use crate::host::manifest::{Manifest, NotedUnit};

/// The folder of the units that are ours (systemd.unit(5), "Unit File Load Path").
const FOLDER: &str = "/etc/systemd/system/";
/// What stands for a secret's content, which never leaves the host.
const SECRET: &str = "secret";

/// Compares the units. `changes` are the changes of all else: a file that is
/// written again is taken up again, even if it is as it was last time.
pub fn diff(
    desired: &DesiredHost,
    facts: &Facts,
    noted: &Manifest,
    changes: &[HostChange],
) -> Vec<UnitChange> {
    let written: BTreeSet<_> = changes.iter().map(HostChange::path).collect();
    let wanted = desired.units.iter().filter_map(|unit| {
        let live = facts.units.get(unit.name);
        let known = Known {
            live,
            note: noted.units.get(unit.name),
            inputs: inputs(unit, desired, facts),
            written: &written,
        };
        let served = match (unit.name, &facts.nginx_live) {
            (desired::NGINX, Some(live)) => Some(desired.nginx_hash.as_ref() == Some(live)),
            _ => None,
        };
        let waits = desired
            .model
            .as_ref()
            .is_some_and(|model| model.unit == unit.name && !facts.links.contains_key(model.link));
        change(unit, &known, served, waits)
    });
    stopped(desired, facts, noted).chain(wanted).collect()
}

/// What is known of one unit.
struct Known<'a> {
    live: Option<&'a LiveUnit>,
    note: Option<&'a NotedUnit>,
    inputs: BTreeMap<String, String>,
    written: &'a BTreeSet<String>,
}

/// Compares one unit. One that waits for its model does not run, and is not to.
fn change(
    unit: &DesiredUnit,
    known: &Known<'_>,
    served: Option<bool>,
    waits: bool,
) -> Option<UnitChange> {
    let of = |action, why| {
        Some(UnitChange {
            name: unit.name.to_owned(),
            action,
            why,
        })
    };
    let live = match known.live {
        Some(live) if live.load == "loaded" || live.load == "masked" => live,
        _ => return of(UnitAction::Start, vec!["it is new".to_owned()]),
    };
    let mut effects: Vec<(Effect, String)> = unit
        .inputs
        .iter()
        .filter_map(|input| effect(input, known))
        .collect();
    if known.note.is_none() {
        let why = match live.active.as_str() {
            "active" => "it was not started by labctl with this configuration",
            _ => "it does not run",
        };
        // Where all that it is started with is read anew by a reload, that is enough, and nobody is cut off.
        let strongest = unit.inputs.iter().map(|input| input.effect).max();
        effects = vec![(strongest.unwrap_or(Effect::Restart), why.to_owned())];
    }
    if served == Some(false) && effects.is_empty() {
        let why = "it serves another configuration than the file's".to_owned();
        effects.push((Effect::Reload, why));
    }
    let strongest = effects.iter().map(|(effect, _)| *effect).max();
    let mut why: Vec<_> = effects.into_iter().map(|(_, why)| why).collect();
    let runs = waits || matches!(live.active.as_str(), "active" | "activating" | "reloading");
    if !runs {
        why.insert(0, format!("it is `{}`", live.active));
        return of(UnitAction::Restart, why);
    }
    match strongest {
        Some(effect) => of(effect.into(), why),
        None if live.enabled == "disabled" || live.load == "masked" => of(
            UnitAction::Enable,
            vec!["it would not start at boot".to_owned()],
        ),
        None => None,
    }
}

/// What a changed input takes, and the words for it.
fn effect(input: &Input, known: &Known<'_>) -> Option<(Effect, String)> {
    let before = known.note?.inputs.get(input.path);
    let after = known.inputs.get(input.path);
    let is_written = known.written.contains(input.path);
    let why = match (before == after, is_written) {
        (true, false) => return None,
        (_, true) => format!("`{}` changes", input.path),
        (false, false) => format!("`{}` has changed since its last start", input.path),
    };
    Some((input.effect, why))
}

/// Units of ours that left the plan, in the reverse order of starting.
fn stopped<'a>(
    desired: &'a DesiredHost,
    facts: &'a Facts,
    noted: &'a Manifest,
) -> impl Iterator<Item = UnitChange> + 'a {
    let files = noted.files.keys();
    let ours = files.filter_map(|path| path.strip_prefix(FOLDER));
    let ours = ours.filter(|name| !name.contains('/'));
    let names: BTreeSet<&str> = noted.units.keys().map(String::as_str).chain(ours).collect();
    let is_wanted = |name: &str| {
        let mut files = desired.files.keys();
        desired.units.iter().any(|unit| unit.name == name)
            || files.any(|path| path.strip_prefix(FOLDER) == Some(name))
    };
    let gone = names.into_iter().rev().filter(move |name| !is_wanted(name));
    gone.filter_map(|name| {
        let live = facts.units.get(name)?;
        let is_there =
            live.load != "not-found" && (live.active != "inactive" || live.enabled == "enabled");
        is_there.then(|| UnitChange {
            name: name.to_owned(),
            action: UnitAction::Stop,
            why: vec!["it left the plan".to_owned()],
        })
    })
}

fn inputs(unit: &DesiredUnit, desired: &DesiredHost, facts: &Facts) -> BTreeMap<String, String> {
    let inputs = unit.inputs.iter().map(|input| {
        let file = desired.files.get(input.path).map(|file| file.sha256());
        let environment = desired
            .environments
            .iter()
            .find(|environment| environment.link == input.path)
            .map(|environment| super::target(environment, &facts.python));
        let tree = desired.trees.iter().find(|tree| tree.link == input.path);
        let tree = tree.map(Tree::target);
        let mut downloads = desired.downloads.iter();
        let download = downloads.find(|download| download.path() == input.path);
        let download = download.map(|download| download.sha256.clone());
        let value = file.or(environment).or(tree).or(download);
        let value = value.unwrap_or_else(|| SECRET.to_owned());
        (input.path.to_owned(), value)
    });
    inputs.collect()
}

/// What labctl notes about units.
pub fn noted(desired: &DesiredHost, facts: &Facts) -> BTreeMap<String, NotedUnit> {
    let units = desired.units.iter().map(|unit| {
        let inputs = inputs(unit, desired, facts);
        (unit.name.to_owned(), NotedUnit { inputs })
    });
    units.collect()
}
