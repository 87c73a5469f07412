//! {desired host, facts} → changes: pure, no SSH needed.

mod units;
mod users;

use std::collections::BTreeMap;

use crate::support::digest;

use super::change::{FileAction, FileChange, HostChange};
use super::desired::{DesiredFile, DesiredHost, Environment, NodePackages, Packages, Tree};
use super::facts::{Facts, FileKind, LiveFile, REFUSED, RootDisk};
use super::manifest::{Applied, Manifest, NotedFile};

/// Below this, installing Python packages can run out of memory.
const SMALL_MEMORY: u64 = 3 << 30;
const SWAP: u64 = 2 << 30;
/// Alignment leaves less than this behind the last partition.
const WORTH_GROWING: u64 = 256 << 20;
/// What the agent can grow (`python/agent/agent/disk.py`).
const GROWABLE: [&str; 4] = ["ext2", "ext3", "ext4", "xfs"];

/// What is to be done on a host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostDiff {
    /// The differences, in the order in which they are dealt with.
    pub changes: Vec<HostChange>,
    /// What labctl will note on the host once all is done.
    pub manifest: Manifest,
    /// Whether an authority's certificate is still to come: not a difference,
    /// because it depends on the world, but each apply tries.
    pub awaits_certificate: bool,
    /// Where the model comes from that is still to come: no difference either,
    /// and each apply looks for it.
    pub awaits_model: Option<String>,
}

impl HostDiff {
    /// Says whether an apply has anything to do.
    pub fn has_work(&self) -> bool {
        !self.changes.is_empty() || self.awaits_certificate || self.awaits_model.is_some()
    }
}

/// Compares a host with what it is to be.
pub fn diff(desired: &DesiredHost, facts: &Facts) -> HostDiff {
    let noted = facts.noted();
    let mut changes = Vec::new();
    changes.extend(facts.root_disk.as_ref().and_then(grow));
    changes.extend(swap(facts).map(|bytes| HostChange::Swap { bytes }));
    let missing = desired
        .packages
        .iter()
        .filter(|name| !facts.has_package(name));
    changes.extend(missing.cloned().map(HostChange::Package));
    changes.extend(downloads(desired, facts, &noted));
    changes.extend(users::diff(desired, facts, &noted));
    let secrets = desired.secrets.iter();
    let absent = secrets.filter(|secret| !facts.files.contains_key(secret.path));
    changes.extend(absent.cloned().map(HostChange::Secret));
    changes.extend(environments(desired, facts));
    changes.extend(trees(desired, facts));
    changes.extend(gone_links(desired, &noted));
    changes.extend(files(desired, facts, &noted));
    let units = units::diff(desired, facts, &noted, &changes);
    attribute(&mut changes, desired, &units);
    changes.extend(units.into_iter().map(HostChange::Unit));
    HostDiff {
        manifest: manifest(desired, facts, &noted),
        awaits_certificate: desired.wants_authority && !has_authority(desired, facts),
        awaits_model: awaits_model(desired, facts),
        changes,
    }
}

/// The partition may end before the volume does, and the file system before
/// its partition; ext4 itself takes up to a tenth. What no apply can grow is no change.
fn grow(disk: &RootDisk) -> Option<HostChange> {
    if !can_grow(disk) {
        return None;
    }
    let behind = room_behind(disk);
    let partition = disk
        .partition_end_bytes
        .saturating_sub(disk.partition_start_bytes);
    let is_short = disk.filesystem_bytes < partition / 10 * 9;
    (disk.device_bytes > 0 && (behind >= WORTH_GROWING || is_short)).then_some(
        HostChange::GrowRoot {
            from: disk.filesystem_bytes,
            to: disk.limit_bytes,
        },
    )
}

fn can_grow(disk: &RootDisk) -> bool {
    GROWABLE.contains(&disk.filesystem.as_str())
}

fn room_behind(disk: &RootDisk) -> u64 {
    disk.limit_bytes.saturating_sub(disk.partition_end_bytes)
}

/// Says why the root file system leaves a part of its volume unused, where an apply cannot mend that.
pub fn unused_volume(disk: &RootDisk) -> Option<String> {
    let unused = disk.device_bytes.saturating_sub(disk.partition_end_bytes);
    let why = match can_grow(disk) {
        false => format!("labctl grows ext4 and xfs, and it is `{}`", disk.filesystem),
        true if room_behind(disk) < WORTH_GROWING && disk.limit_bytes < disk.device_bytes => {
            format!("another partition lies behind `{}`", disk.partition)
        }
        true => return None,
    };
    (unused >= WORTH_GROWING).then(|| {
        format!(
            "the root file system leaves {} MiB of its volume unused: {why}",
            unused >> 20
        )
    })
}

fn swap(facts: &Facts) -> Option<u64> {
    let is_small = facts.memory_bytes > 0 && facts.memory_bytes < SMALL_MEMORY;
    (is_small && facts.swap_bytes == 0 && !facts.container).then_some(SWAP)
}

/// Where an environment is built: the same requirements and locks for the same
/// Python give the same folder. A virtual environment does not outlive the minor
/// version that it was made with (PEP 405).
pub fn target(environment: &Environment, python: &str) -> String {
    let minor: Vec<_> = python.splitn(3, '.').take(2).collect();
    let minor = minor.join(".");
    let Packages {
        requirements, lock, ..
    } = &environment.packages;
    let mut inputs = vec![requirements.as_str(), lock, &minor];
    inputs.extend(environment.version.as_deref());
    if let Some(NodePackages { manifest, lock }) = &environment.node {
        inputs.extend([manifest.as_str(), lock]);
    }
    let hash = digest::sha256(&inputs.join("\0"));
    format!("/opt/labctl/{}-{}", environment.name, &hash[..12])
}

/// A package whose sum is not noted may be any version of it.
fn downloads<'a>(
    desired: &'a DesiredHost,
    facts: &'a Facts,
    noted: &'a Manifest,
) -> impl Iterator<Item = HostChange> + 'a {
    let wanted = desired.downloads.iter().map(|download| {
        let is_there = facts.has_package(download.package);
        (download, is_there)
    });
    let missing = wanted.filter(|(download, is_there)| {
        !is_there || noted.downloads.get(download.package) != Some(&download.sha256)
    });
    missing.map(|(download, replaces)| HostChange::Download {
        download: download.clone(),
        replaces,
    })
}

fn environments(desired: &DesiredHost, facts: &Facts) -> Vec<HostChange> {
    let mut changes = Vec::new();
    for environment in &desired.environments {
        let target = target(environment, &facts.python);
        let before = facts.links.get(&environment.link);
        if before != Some(&target) {
            changes.push(HostChange::Environment {
                environment: environment.clone(),
                before: before.cloned(),
                target,
            });
        }
    }
    changes
}

fn trees(desired: &DesiredHost, facts: &Facts) -> Vec<HostChange> {
    let change = |tree: &Tree| {
        let target = tree.target();
        let before = facts.links.get(tree.link);
        (before != Some(&target)).then(|| HostChange::Tree {
            tree: tree.clone(),
            before: before.cloned(),
            target,
        })
    };
    desired.trees.iter().filter_map(change).collect()
}

/// Links of environments and trees that left the plan.
fn gone_links(desired: &DesiredHost, noted: &Manifest) -> Vec<HostChange> {
    let wanted: Vec<_> = desired.links().collect();
    let gone = noted.environments.keys();
    let gone = gone.filter(|link| !wanted.contains(&link.as_str()));
    gone.map(|link| HostChange::RemoveEnvironment { link: link.clone() })
        .collect()
}

fn files(desired: &DesiredHost, facts: &Facts, noted: &Manifest) -> Vec<HostChange> {
    let mut changes = Vec::new();
    for (path, file) in &desired.files {
        let change = file_change(path, file, facts.files.get(path), noted.files.get(path));
        changes.extend(change.map(HostChange::File));
    }
    let is_secret = |path: &str| desired.secrets.iter().any(|secret| secret.path == path);
    let gone = noted
        .files
        .iter()
        .filter(|(path, _)| !desired.files.contains_key(*path) && !is_secret(path));
    for (path, note) in gone {
        let live = facts.files.get(path);
        if live.is_none() && note.original.is_none() {
            continue;
        }
        changes.push(HostChange::File(FileChange {
            path: path.clone(),
            action: FileAction::Delete {
                original: note.original.clone(),
            },
            before: live.and_then(|live| live.content.clone()),
            after: None,
            mode: None,
            is_foreign: live.is_some_and(|live| is_foreign(live, Some(note))),
            restarts: Vec::new(),
        }));
    }
    changes
}

fn file_change(
    path: &str,
    file: &DesiredFile,
    live: Option<&LiveFile>,
    note: Option<&NotedFile>,
) -> Option<FileChange> {
    let after = (!file.is_private()).then(|| file.content.clone());
    let Some(live) = live else {
        return Some(FileChange {
            path: path.to_owned(),
            action: FileAction::Create,
            before: None,
            after,
            mode: None,
            is_foreign: false,
            restarts: Vec::new(),
        });
    };
    let same_content =
        live.kind == FileKind::File && live.sha256.as_deref() == Some(&file.sha256());
    let live_mode = format!("{} {}:{}", live.mode, live.owner, live.group);
    let mode = format!("{} root:root", file.mode);
    if same_content && live_mode == mode {
        return None;
    }
    Some(FileChange {
        path: path.to_owned(),
        action: FileAction::Update,
        before: match same_content {
            true => after.clone(),
            false => live.content.clone().filter(|_| after.is_some()),
        },
        after,
        mode: (live_mode != mode).then_some((live_mode, mode)),
        is_foreign: !same_content && is_foreign(live, note),
        restarts: Vec::new(),
    })
}

/// Says whether what lies there is not what labctl wrote.
fn is_foreign(live: &LiveFile, note: Option<&NotedFile>) -> bool {
    let is_as_noted =
        |note: &NotedFile| note.is_secret() || live.sha256.as_ref() == Some(&note.sha256);
    live.kind != FileKind::File || !note.is_some_and(is_as_noted)
}

/// Tells each file's change which units take it up.
fn attribute(
    changes: &mut [HostChange],
    desired: &DesiredHost,
    units: &[super::change::UnitChange],
) {
    for change in changes {
        let HostChange::File(file) = change else {
            continue;
        };
        let takers = desired.units.iter().filter(|unit| {
            let acts = units.iter().any(|change| change.name == unit.name);
            acts && unit.inputs.iter().any(|input| input.path == file.path)
        });
        file.restarts = takers
            .map(|unit| unit.name.trim_end_matches(".service"))
            .collect();
    }
}

/// A model that another source has brought does not count. Where the plan's was refused, the one before serves on, and
/// an apply brings no other.
fn awaits_model(desired: &DesiredHost, facts: &Facts) -> Option<String> {
    let model = desired.model.as_ref()?;
    let live = facts.model.as_ref();
    let is_decided = |state: &str| matches!(state, "ready" | REFUSED);
    let is_known = live.is_some_and(|live| live.source == model.source && is_decided(&live.state));
    let is_there = is_known && facts.links.contains_key(model.link);
    (!is_there).then(|| model.source.clone())
}

fn has_authority(desired: &DesiredHost, facts: &Facts) -> bool {
    facts.certificate.as_ref().is_some_and(|certificate| {
        let covers = |name: &String| certificate.names.contains(name);
        !certificate.self_signed && desired.names.iter().all(covers)
    })
}

/// What labctl notes: all of this plan, and the users that it once made.
fn manifest(desired: &DesiredHost, facts: &Facts, noted: &Manifest) -> Manifest {
    let files = desired.files.iter().map(|(path, file)| {
        let original = noted.files.get(path).and_then(|note| note.original.clone());
        let note = NotedFile {
            sha256: file.sha256(),
            original,
        };
        (path.clone(), note)
    });
    let secrets = desired.secrets.iter();
    let secrets = secrets.map(|secret| (secret.path.to_owned(), NotedFile::default()));
    let missing = desired
        .packages
        .iter()
        .filter(|name| !facts.has_package(name) && !noted.packages.contains(name));
    let environments = desired.environments.iter().map(|environment| {
        let target = target(environment, &facts.python);
        (environment.link.clone(), target)
    });
    let downloads = desired.downloads.iter();
    let downloads =
        downloads.map(|download| (download.package.to_owned(), download.sha256.clone()));
    let trees = desired.trees.iter();
    let trees = trees.map(|tree| (tree.link.to_owned(), tree.target()));
    let model = desired.model.iter().filter_map(|model| {
        let target = facts.links.get(model.link)?;
        Some((model.link.to_owned(), target.clone()))
    });
    let makes_swap = swap(facts).map(|_| super::SWAP_FILE.to_owned());
    Manifest {
        format: 1,
        lab: desired.lab.clone(),
        files: files.chain(secrets).collect(),
        users: users::noted(desired, facts, noted),
        packages: noted.packages.iter().chain(missing).cloned().collect(),
        downloads: noted
            .downloads
            .clone()
            .into_iter()
            .chain(downloads)
            .collect(),
        environments: environments
            .chain(trees)
            .chain(model)
            .collect::<BTreeMap<_, _>>(),
        units: units::noted(desired, facts),
        swap: noted.swap.clone().or(makes_swap),
        applied: Some(Applied::of(desired)),
    }
}

#[cfg(test)]
mod tests;
