//! What can be known before anything is changed on the host: each refusal is a
//! plain sentence with the way out.

use super::change::{HostChange, UnitAction};
use super::desired::{DesiredHost, Environment};
use super::diff::{self, HostDiff};
use super::facts::{CloudInit, DpkgState, Facts, FileKind, LiveModel, REFUSED};
use super::room::{self, MEBIBYTE};

/// The systems that the templates were written for.
const SYSTEMS: [(&str, &str); 5] = [
    ("ubuntu", "22.04"),
    ("ubuntu", "24.04"),
    ("ubuntu", "26.04"),
    ("debian", "12"),
    ("debian", "13"),
];
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];
// What the agent asks for too (`python/agent/agent/prepare.py`), and a test compares:
// the one must not begin what the other then refuses.
/// The memory and swap that it takes to build an environment.
const MEMORY_MEBIBYTES: u64 = 700;
const INODES: u64 = 20_000;
const INODES_FOR_ENVIRONMENT: u64 = 40_000;
/// Ordinary users begin here (login.defs(5), `UID_MIN`).
const FIRST_USER: u32 = 1000;
/// Certificates and package lists are refused with a clock that is further off.
const CLOCK_SECONDS: f64 = 300.0;

/// A reason why nothing is changed on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRefusal {
    /// What is in the way.
    pub summary: String,
    /// What to do about it.
    pub help: String,
}

/// Finds everything that an apply would founder on.
pub fn refusals(desired: &DesiredHost, facts: &Facts, diff: &HostDiff) -> Vec<HostRefusal> {
    let mut refusals: Vec<_> = [system(facts), space(facts, diff), memory(facts, diff)]
        .into_iter()
        .flatten()
        .collect();
    refusals.extend(ports(desired, facts, diff));
    refusals.extend(paths(desired, facts));
    refusals.extend(names(desired, facts));
    refusals
}

/// Finds what the user should know, though it stops nothing.
pub fn remarks(facts: &Facts, diff: &HostDiff, now: f64) -> Vec<String> {
    let mut remarks = Vec::new();
    let off = facts.clock - now;
    if facts.clock > 0.0 && off.abs() > CLOCK_SECONDS {
        let direction = if off > 0.0 { "ahead of" } else { "behind" };
        let minutes = off.abs() / 60.0;
        remarks.push(format!(
            "the server's clock is {minutes:.0} minutes {direction} this laptop's; certificates \
             may be refused until one of them is set"
        ));
    }
    if let Some(unfinished) = &facts.unfinished {
        remarks.push(format!(
            "the last apply on the server was cut off at `{}`; this one completes it",
            unfinished.phase
        ));
    }
    match facts.cloud_init {
        CloudInit::Running => {
            remarks.push("the server is still at its first boot; apply waits for it".to_owned());
        }
        CloudInit::Error => {
            remarks
                .push("cloud-init ended with errors; see `cloud-init status --long` there".into());
        }
        CloudInit::Done | CloudInit::Absent => {}
    }
    remarks.extend(facts.root_disk.as_ref().and_then(diff::unused_volume));
    remarks.extend(facts.model.as_ref().and_then(refused_model));
    let mut changes = diff.changes.iter();
    let installs = changes
        .any(|change| matches!(change, HostChange::Package(_) | HostChange::Download { .. }));
    match (&facts.dpkg.state, &facts.dpkg.holder) {
        // Then it is not in the way of an apply.
        _ if !installs => {}
        (DpkgState::Locked, Some(holder)) => remarks.push(format!(
            "`{holder}` is installing packages on the server; apply waits for it"
        )),
        (DpkgState::Interrupted | DpkgState::Broken, _) => remarks.push(
            "an installation of packages was cut off on the server; apply ends it first".into(),
        ),
        _ => {}
    }
    remarks
}

/// A model that is not tried again, though it lies in the bucket.
fn refused_model(model: &LiveModel) -> Option<String> {
    let LiveModel { source, state, why } = model;
    (state == REFUSED).then(|| {
        format!(
            "the API refused the model at {source}, and tries it no more until that changes: {why}"
        )
    })
}

fn refusal(summary: impl Into<String>, help: impl Into<String>) -> Option<HostRefusal> {
    Some(HostRefusal {
        summary: summary.into(),
        help: help.into(),
    })
}

fn system(facts: &Facts) -> Option<HostRefusal> {
    if facts.os.id.is_empty() {
        return None;
    }
    let is_known = SYSTEMS
        .iter()
        .any(|(id, version)| *id == facts.os.id && *version == facts.os.version);
    if !is_known {
        return refusal(
            format!(
                "the server runs `{}`, which labctl does not set up",
                facts.os.name
            ),
            "choose `image: ubuntu-24.04` in the plan, or an image of Ubuntu 22.04 to 26.04 or \
             Debian 12 or 13",
        );
    }
    match ARCHITECTURES.contains(&facts.architecture.as_str()) {
        true => None,
        false => refusal(
            format!("the server's architecture is `{}`", facts.architecture),
            "choose an instance type with x86_64 or arm64",
        ),
    }
}

fn space(facts: &Facts, diff: &HostDiff) -> Option<HostRefusal> {
    let mut changes = diff.changes.iter();
    let grows = changes.any(|change| matches!(change, HostChange::GrowRoot { .. }));
    let built = environments(diff).map(room::environment).sum::<u64>();
    let needed = room::without_environments(diff) + built + swap(diff);
    let (free, total) = (facts.disk.free_bytes, facts.disk.total_bytes);
    if total == 0 || grows || diff.changes.is_empty() {
        return None;
    }
    if free < needed {
        return refusal(
            format!(
                "the server's disk has {} MiB free, and this apply needs {} MiB",
                free / MEBIBYTE,
                needed / MEBIBYTE
            ),
            "make room on it, or raise `instance.root_volume.size` in the plan",
        );
    }
    let inodes = INODES.max(environments(diff).count() as u64 * INODES_FOR_ENVIRONMENT);
    (facts.disk.free_inodes < inodes).then_some(())?;
    refusal(
        format!(
            "the server's file system can hold {} more files, and this apply needs {inodes}",
            facts.disk.free_inodes
        ),
        "delete what is not needed there, or raise `instance.root_volume.size` in the plan",
    )
}

/// A small server gets swap before anything is built; this is about one whose
/// swap is there and small, or that cannot have any.
fn memory(facts: &Facts, diff: &HostDiff) -> Option<HostRefusal> {
    let has = (facts.memory_bytes + facts.swap_bytes + swap(diff)) / MEBIBYTE;
    let is_short =
        facts.memory_bytes > 0 && environments(diff).next().is_some() && has < MEMORY_MEBIBYTES;
    is_short.then_some(())?;
    refusal(
        format!(
            "the server has {has} MiB of memory and swap, and building an environment of Python \
             needs {MEMORY_MEBIBYTES} MiB"
        ),
        "choose a larger `instance.instance_type` in the plan, such as `t3.small`",
    )
}

fn environments(diff: &HostDiff) -> impl Iterator<Item = &Environment> {
    diff.changes.iter().filter_map(|change| match change {
        HostChange::Environment { environment, .. } => Some(environment),
        _ => None,
    })
}

fn swap(diff: &HostDiff) -> u64 {
    let bytes = diff.changes.iter().map(|change| match change {
        HostChange::Swap { bytes } => *bytes,
        _ => 0,
    });
    bytes.sum()
}

/// A port may go from one unit of the lab to another: that which this apply stops gives it back.
fn ports(desired: &DesiredHost, facts: &Facts, diff: &HostDiff) -> Vec<HostRefusal> {
    let is_stopped = |name: &str| {
        diff.changes.iter().any(|change| {
            matches!(change, HostChange::Unit(unit) if unit.name == name && unit.action == UnitAction::Stop)
        })
    };
    let taken = desired.ports.iter().filter_map(|port| {
        let holder = facts.ports.get(&port.port.to_string())?;
        let holding = holder.unit.as_deref();
        if holding == Some(port.unit) || holding.is_some_and(is_stopped) {
            return None;
        }
        let unit = match &holder.unit {
            Some(unit) => format!(" (`{unit}`)"),
            None => String::new(),
        };
        let name = port.unit.trim_end_matches(".service");
        refusal(
            format!(
                "port {} on the server is taken by `{}`{unit}; {name} needs it",
                port.port, holder.process
            ),
            match &holder.unit {
                Some(unit) => format!("stop it there by `sudo systemctl disable --now {unit}`"),
                None => format!("end `{}` there", holder.process),
            },
        )
    });
    taken.collect()
}

fn paths(desired: &DesiredHost, facts: &Facts) -> Vec<HostRefusal> {
    let blocked = desired.files.keys().filter_map(|path| {
        let live = facts.files.get(path)?;
        matches!(live.kind, FileKind::Directory | FileKind::Other).then_some(())?;
        refusal(
            format!("`{path}` on the server is not a file, and labctl writes one there"),
            "move it away; labctl does not remove what it did not write",
        )
    });
    blocked.collect()
}

fn names(desired: &DesiredHost, facts: &Facts) -> Vec<HostRefusal> {
    let taken = desired.users.keys().filter_map(|name| {
        let live = facts.users.get(name)?;
        (live.uid < FIRST_USER).then_some(())?;
        refusal(
            format!("`{name}` is a user of the system itself on this server"),
            "give the user another name in the plan",
        )
    });
    taken.collect()
}

#[cfg(test)]
mod tests;
