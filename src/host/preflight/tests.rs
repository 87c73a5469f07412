//! {facts, desired} → refusals: each test changes one thing of a host on which all is well.

use crate::host::facts::{Disk, Listener, LiveFile, LiveUser};
use crate::host::{self, Inputs, UnitChange, fixture};

use super::*;

const WORKBENCH: &str = "  users: [{ name: anna }]\n  jupyterhub: {}\n";

fn wanted() -> DesiredHost {
    fixture::wanted(WORKBENCH, &Inputs::default())
}

/// An empty Ubuntu with room for everything.
fn fresh() -> Facts {
    let mut facts = Facts::empty();
    facts.os.id = "ubuntu".to_owned();
    facts.os.version = "24.04".to_owned();
    facts.os.name = "Ubuntu 24.04.1 LTS".to_owned();
    facts.architecture = "x86_64".to_owned();
    facts.memory_bytes = 8 << 30;
    facts.disk = Disk {
        total_bytes: 30 << 30,
        free_bytes: 20 << 30,
        free_inodes: 1 << 20,
    };
    facts
}

/// What is refused after a change of the facts, each as `summary; help`.
fn refused(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let (desired, mut facts) = (wanted(), fresh());
    change(&mut facts);
    let diff = host::diff(&desired, &facts);
    let refusals = refusals(&desired, &facts, &diff);
    let line = |refusal: HostRefusal| format!("{}; {}", refusal.summary, refusal.help);
    refusals.into_iter().map(line).collect()
}

#[track_caller]
fn assert_one(refused: &[String], words: &[&str]) {
    assert_eq!(refused.len(), 1, "{refused:#?}");
    for word in words {
        assert!(refused[0].contains(word), "`{word}`: {}", refused[0]);
    }
}

#[test]
fn a_fresh_server_is_good() {
    assert!(refused(|_| {}).is_empty());
}

#[test]
fn systems_that_the_templates_do_not_know() {
    let os = |id: &'static str, version: &'static str| {
        refused(move |facts| {
            facts.os.id = id.to_owned();
            facts.os.version = version.to_owned();
            facts.os.name = format!("{id} {version}");
        })
    };
    assert_one(&os("fedora", "40"), &["`fedora 40`", "ubuntu-24.04"]);
    assert_one(&os("ubuntu", "20.04"), &["`ubuntu 20.04`"]);
    assert!(os("debian", "12").is_empty());
    let refused = |name: &str| refused(|facts| facts.architecture = name.to_owned());
    assert_one(&refused("riscv64"), &["`riscv64`", "x86_64 or arm64"]);
    assert!(refused("aarch64").is_empty());
}

#[test]
fn a_disk_that_cannot_hold_it() {
    let disk = |free: u64| refused(move |facts| facts.disk.free_bytes = free << 20);
    assert_one(&disk(2000), &["2000 MiB free", "instance.root_volume.size"]);
    assert_one(
        &refused(|facts| facts.disk.free_inodes = 9),
        &["9 more files"],
    );
    // The swap file of a small server needs room too.
    let of_a_small_server = |free: u64| {
        refused(move |facts| {
            facts.memory_bytes = 1 << 30;
            facts.disk.free_bytes = free << 20;
        })
    };
    assert_one(&of_a_small_server(4000), &["4000 MiB free"]);
    assert!(of_a_small_server(5500).is_empty());
}

#[test]
fn a_server_too_small_to_build_on() {
    let without_swap = refused(|facts| {
        facts.memory_bytes = 512 << 20;
        facts.container = true;
    });
    assert_one(&without_swap, &["512 MiB", "700 MiB", "instance_type"]);
    let with_swap = refused(|facts| facts.memory_bytes = 512 << 20);
    assert!(with_swap.is_empty(), "it gets a swap file: {with_swap:?}");
}

#[test]
fn what_is_in_the_way_is_named() {
    let listener = |process: &str, unit: Option<&str>| Listener {
        process: process.to_owned(),
        unit: unit.map(str::to_owned),
    };
    let port = |port: &str, holder: Listener| {
        refused(|facts| {
            facts.ports.insert(port.to_owned(), holder);
        })
    };
    assert_one(
        &port("443", listener("apache2", Some("apache2.service"))),
        &[
            "port 443",
            "`apache2` (`apache2.service`)",
            "disable --now apache2.service",
        ],
    );
    assert_one(&port("80", listener("python3", None)), &["end `python3`"]);
    assert!(port("80", listener("nginx", Some("nginx.service"))).is_empty());

    let folder = refused(|facts| {
        let live = LiveFile {
            kind: FileKind::Directory,
            ..LiveFile::default()
        };
        facts.files.insert("/etc/nginx/nginx.conf".to_owned(), live);
    });
    assert_one(&folder, &["`/etc/nginx/nginx.conf`", "not a file"]);
    let user = |uid: u32| {
        refused(|facts| {
            let live = LiveUser {
                uid,
                ..LiveUser::default()
            };
            facts.users.insert("anna".to_owned(), live);
        })
    };
    assert_one(&user(999), &["`anna`", "another name"]);
    assert!(user(1000).is_empty());
}

/// Shiny Server takes the port of the app's own unit, which this apply stops, and nobody else's.
#[test]
fn a_port_is_handed_over_by_the_unit_that_stops() {
    let workbench = format!(
        "  shiny: {{ path: /p, app: app, language: r }}\n  r: {{ version: system }}\n  mirrors: {{ shiny_server: {{ \
         url: https://files.example/shiny-server.deb, sha256: {} }} }}\n",
        "0".repeat(64)
    );
    let desired = fixture::wanted(&workbench, &Inputs::default());
    let mut facts = fresh();
    let holder = Listener {
        process: "R".to_owned(),
        unit: Some("shiny-app.service".to_owned()),
    };
    facts.ports.insert("484".to_owned(), holder);
    let mut diff = host::diff(&desired, &facts);
    assert_one(
        &ports(&desired, &facts, &diff)
            .into_iter()
            .map(|refusal| refusal.summary)
            .collect::<Vec<_>>(),
        &["`R` (`shiny-app.service`); shiny-server needs it"],
    );
    diff.changes.push(HostChange::Unit(UnitChange {
        name: "shiny-app.service".to_owned(),
        action: UnitAction::Stop,
        why: Vec::new(),
    }));
    assert!(ports(&desired, &facts, &diff).is_empty());
}

#[test]
fn packages_in_a_bad_state_are_told_where_they_matter() {
    let mut facts = fresh();
    facts.dpkg.state = DpkgState::Locked;
    facts.dpkg.holder = Some("apt (pid 7)".to_owned());
    let diff = host::diff(&wanted(), &facts);
    assert!(remarks(&facts, &diff, 0.0)[0].contains("`apt (pid 7)`"));
    assert!(remarks(&facts, &HostDiff::default(), 0.0).is_empty());
    facts.dpkg.state = DpkgState::Broken;
    assert!(remarks(&facts, &diff, 0.0)[0].contains("cut off"));
    assert!(remarks(&facts, &HostDiff::default(), 0.0).is_empty());
}

#[test]
fn the_agent_asks_for_no_more_memory_and_files() {
    let agent = include_str!("../../../python/agent/agent/prepare.py");
    assert!(agent.contains(&format!(
        "MEMORY_FOR_AN_ENVIRONMENT = {MEMORY_MEBIBYTES} * MEBIBYTE\n"
    )));
    assert!(agent.contains(&format!(
        "ROOM_IN_INODES = {}_{:03}\n",
        INODES / 1000,
        INODES % 1000
    )));
}
