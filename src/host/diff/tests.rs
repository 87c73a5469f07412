//! {facts, desired} → changes: each test changes one thing of a host that is as
//! it should be, and names what an apply would then do.

use std::sync::Arc;

use crate::host::fixture;
use crate::plan::LocalFolders;
use crate::plan::local_folder::{LocalFile, LocalFolder};

use super::super::facts::{LiveCertificate, LiveFile, LiveModel, LiveUnit, LiveUser, RootDisk};
use super::super::manifest::NotedUser;
use super::super::pieces::Inputs;
use super::*;

mod languages;
mod secrets;
mod vendors;

const WORKBENCH: &str = "  domain: lab.example
  https: { mode: lets-encrypt, email: me@example.org }
  users:
    - { name: anna, sudo: true }
    - { name: ben }
  jupyterhub: { memory_limit: 700M }
";
const KEY: &str = "ssh-ed25519 AAAA anna@laptop";
const CONFIGURATION: &str = "/etc/jupyterhub/jupyterhub_config.py";

fn wanted(workbench: &str) -> DesiredHost {
    let inputs = Inputs {
        authorized_keys: [("anna".to_owned(), vec![KEY.to_owned()])].into(),
        ..Inputs::default()
    };
    fixture::wanted(workbench, &inputs)
}

/// The facts of a host that is just so.
fn as_wanted(host: &DesiredHost) -> Facts {
    let mut facts = Facts {
        python: "3.12.3".to_owned(),
        memory_bytes: 8 << 30,
        ..Facts::empty()
    };
    facts.packages = host
        .packages
        .iter()
        .map(|name| (name.clone(), "1".to_owned()))
        .collect();
    for download in &host.downloads {
        facts
            .packages
            .insert(download.package.to_owned(), "1".to_owned());
    }
    let file = |mode: &str, sha256: Option<String>| LiveFile {
        sha256,
        mode: mode.to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        ..LiveFile::default()
    };
    let files = host.files.iter();
    facts.files = files
        .map(|(path, wanted)| (path.clone(), file(wanted.mode, Some(wanted.sha256()))))
        .collect();
    for secret in &host.secrets {
        facts
            .files
            .insert(secret.path.to_owned(), file(secret.mode, None));
    }
    for environment in &host.environments {
        let target = target(environment, &facts.python);
        facts.links.insert(environment.link.to_owned(), target);
    }
    for tree in &host.trees {
        facts.links.insert(tree.link.to_owned(), tree.target());
    }
    for (name, user) in &host.users {
        let groups = if user.sudo {
            vec!["sudo".to_owned()]
        } else {
            Vec::new()
        };
        let live = LiveUser {
            uid: 1001,
            groups,
            authorized_keys: user.keys.clone(),
            key_modes_ok: true,
            ..LiveUser::default()
        };
        facts.users.insert(name.clone(), live);
    }
    for unit in &host.units {
        let live = LiveUnit {
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            enabled: "enabled".to_owned(),
        };
        facts.units.insert(unit.name.to_owned(), live);
    }
    facts.nginx_live.clone_from(&host.nginx_hash);
    facts.certificate = Some(LiveCertificate {
        names: host.names.clone(),
        ..LiveCertificate::default()
    });
    facts.manifest = Some(manifest(host, &Facts::empty(), &Manifest::default()));
    if let Some(manifest) = &mut facts.manifest {
        let python = facts.python.clone();
        for environment in &host.environments {
            let target = target(environment, &python);
            manifest
                .environments
                .insert(environment.link.to_owned(), target);
        }
        manifest.units = super::units::noted(
            host,
            &Facts {
                python,
                ..Facts::empty()
            },
        );
    }
    facts
}

/// The changes in short: `update /etc/x [nginx]`, `restart nginx.service: why`.
fn changes(host: &DesiredHost, facts: &Facts) -> Vec<String> {
    let short = |change: &HostChange| match change {
        HostChange::Unit(unit) => {
            format!(
                "{} {}: {}",
                unit.action.as_str(),
                unit.name,
                unit.why.join(", ")
            )
        }
        HostChange::File(file) => {
            let copy = if file.is_foreign {
                " (a copy is kept)"
            } else {
                ""
            };
            format!(
                "{:?} {} {:?}{copy}",
                change.verb(),
                file.path,
                file.restarts
            )
        }
        HostChange::User(user) => {
            format!(
                "{:?} {}: {}",
                user.action,
                user.name,
                user.details.join(", ")
            )
        }
        other => format!("{:?} {}", other.verb(), other.path()),
    };
    diff(host, facts).changes.iter().map(short).collect()
}

#[test]
fn a_host_as_wanted_has_no_changes() {
    let host = wanted(WORKBENCH);
    let facts = as_wanted(&host);
    assert_eq!(changes(&host, &facts), [""; 0]);
    let diff = diff(&host, &facts);
    assert!(!diff.awaits_certificate);
    assert_eq!(Some(diff.manifest), facts.manifest);
}

#[test]
fn an_empty_host_gets_everything() {
    let host = wanted(WORKBENCH);
    let changes = diff(&host, &Facts::empty()).changes;
    let count = |wanted: fn(&HostChange) -> bool| changes.iter().filter(|c| wanted(c)).count();
    assert_eq!(
        count(|c| matches!(c, HostChange::File(_))),
        host.files.len()
    );
    assert_eq!(
        count(|c| matches!(c, HostChange::Unit(_))),
        host.units.len()
    );
    assert_eq!(count(|c| matches!(c, HostChange::User(_))), 2);
    assert_eq!(count(|c| matches!(c, HostChange::Environment { .. })), 2);
    assert_eq!(
        count(|c| matches!(c, HostChange::Package(_))),
        host.packages.len()
    );
}

#[test]
fn one_setting_restarts_one_unit_and_says_why() {
    let facts = as_wanted(&wanted(WORKBENCH));
    let host = wanted(&WORKBENCH.replace("700M", "900M"));
    let expected = [
        "Update /etc/jupyterhub/jupyterhub_config.py [\"jupyterhub\"]",
        "restart jupyterhub.service: `/etc/jupyterhub/jupyterhub_config.py` changes",
    ];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn a_restart_that_is_owed_is_remembered() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    let manifest = facts.manifest.as_mut().unwrap();
    manifest.units.remove("jupyterhub.service");
    let expected =
        ["restart jupyterhub.service: it was not started by labctl with this configuration"];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn what_was_edited_by_hand_is_put_right_and_kept() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.files.get_mut(CONFIGURATION).unwrap().sha256 = Some("other".to_owned());
    let expected = [
        "Update /etc/jupyterhub/jupyterhub_config.py [\"jupyterhub\"] (a copy is kept)",
        "restart jupyterhub.service: `/etc/jupyterhub/jupyterhub_config.py` changes",
    ];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn nginx_is_reloaded_when_it_serves_something_else() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.nginx_live = Some("an older one".to_owned());
    let expected = ["reload nginx.service: it serves another configuration than the file's"];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn a_unit_that_failed_or_would_not_come_back_is_mended() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.units.get_mut("nginx.service").unwrap().active = "failed".to_owned();
    facts.units.get_mut("jupyterhub.service").unwrap().enabled = "disabled".to_owned();
    let expected = [
        "enable jupyterhub.service: it would not start at boot",
        "restart nginx.service: it is `failed`",
    ];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn a_new_python_builds_the_environment_anew() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.python = "3.12.9".to_owned();
    assert_eq!(
        changes(&host, &facts),
        [""; 0],
        "a new patch release changes nothing"
    );
    facts.python = "3.13.1".to_owned();
    let expected = [
        "Update /opt/jupyterhub",
        "Update /opt/jupyterhub-proxy",
        "restart jupyterhub-proxy.service: `/opt/jupyterhub-proxy` changes",
        "restart jupyterhub.service: `/opt/jupyterhub` changes",
    ];
    assert_eq!(changes(&host, &facts), expected);
}

#[test]
fn what_leaves_the_plan_leaves_the_host() {
    let mut facts = as_wanted(&wanted(WORKBENCH));
    let without = WORKBENCH.replace("  jupyterhub: { memory_limit: 700M }\n", "");
    let host = wanted(&without);
    let changes = changes(&host, &facts);
    let gone: Vec<_> = changes
        .iter()
        .filter(|change| change.contains("left the plan"))
        .collect();
    assert_eq!(
        gone,
        [
            "stop jupyterhub.service: it left the plan",
            "stop jupyterhub-proxy.service: it left the plan",
        ]
    );
    for path in [CONFIGURATION, "/etc/systemd/system/jupyterhub.service"] {
        assert!(
            changes.contains(&format!("Delete {path} []")),
            "{path}: {changes:#?}"
        );
    }
    assert!(changes.contains(&"Delete /opt/jupyterhub".to_owned()));
    // The token goes too, and no copy of it is kept.
    assert!(changes.contains(&"Delete /etc/jupyterhub/proxy.env []".to_owned()));
    // The state below /var/lib/jupyterhub and the homes are in no change at all.
    assert!(
        !changes
            .iter()
            .any(|change| change.contains("/var/lib") || change.contains("/home"))
    );
    // A file that was there before labctl comes back.
    let manifest = facts.manifest.as_mut().unwrap();
    manifest.files.get_mut(CONFIGURATION).unwrap().original = Some("/kept".to_owned());
    let restored = diff(&host, &facts).changes.into_iter().any(|change| {
        matches!(change, HostChange::File(FileChange {
            action: FileAction::Delete { original: Some(kept) }, ..
        }) if kept == "/kept")
    });
    assert!(restored);
}

#[test]
fn users_come_change_and_go() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.users.remove("ben");
    let anna = facts.users.get_mut("anna").unwrap();
    anna.groups.clear();
    anna.authorized_keys = vec!["ssh-ed25519 OWN anna@elsewhere".to_owned()];
    let gone = NotedUser {
        created: true,
        keys: vec!["ssh-ed25519 OLD carl".to_owned()],
        gave_sudo: false,
    };
    let adopted = NotedUser {
        created: false,
        ..gone.clone()
    };
    let manifest = facts.manifest.as_mut().unwrap();
    manifest.users.insert("carl".to_owned(), gone);
    manifest.users.insert("dora".to_owned(), adopted.clone());
    let promoted = NotedUser {
        gave_sudo: true,
        keys: Vec::new(),
        ..adopted
    };
    manifest.users.insert("emil".to_owned(), promoted);
    for name in ["carl", "dora", "emil"] {
        // Who was an administrator before stays one.
        let live = LiveUser {
            authorized_keys: vec!["ssh-ed25519 OLD carl".to_owned()],
            groups: vec!["sudo".to_owned()],
            ..LiveUser::default()
        };
        facts.users.insert(name.to_owned(), live);
    }
    let changes = changes(&host, &facts);
    let expected = [
        "Update anna: gets sudo, gets 1 key(s)",
        "Create ben: ",
        "Lock carl: left the plan: the account is closed, its home is kept",
        "Update dora: left the plan: loses the keys that labctl gave",
        "Update emil: left the plan: loses the keys and the sudo that labctl gave",
    ];
    assert_eq!(changes, expected);
    let gave = |facts: &Facts| diff(&host, facts).manifest.users["anna"].gave_sudo;
    assert!(gave(&facts), "she is made an administrator now");
    facts.users.get_mut("anna").unwrap().groups = vec!["sudo".to_owned()];
    assert!(!gave(&facts), "she is one, by somebody else");
    let note = facts.manifest.as_mut().unwrap().users.get_mut("anna");
    note.unwrap().gave_sudo = true;
    assert!(gave(&facts), "she is one, by an apply of before");
}

#[test]
fn a_closed_account_stays_known_and_is_opened_again() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.users.get_mut("ben").unwrap().expired = true;
    assert_eq!(
        changes(&host, &facts),
        ["Update ben: the account is opened again"]
    );
    let without = wanted(&WORKBENCH.replace("    - { name: ben }\n", ""));
    let diff = diff(&without, &facts);
    assert!(
        !diff
            .changes
            .iter()
            .any(|change| matches!(change, HostChange::User(_)))
    );
    assert_eq!(
        diff.manifest.users.get("ben").map(|note| note.created),
        Some(true)
    );
}

#[test]
fn a_small_machine_gets_swap_and_a_container_none() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    facts.memory_bytes = 1 << 30;
    assert_eq!(changes(&host, &facts), ["Create swap"]);
    assert_eq!(
        diff(&host, &facts).manifest.swap.as_deref(),
        Some("/swapfile")
    );
    facts.container = true;
    assert_eq!(changes(&host, &facts), [""; 0]);
    facts.container = false;
    facts.swap_bytes = 1 << 30;
    assert_eq!(
        changes(&host, &facts),
        [""; 0],
        "somebody's own swap is enough"
    );
}

#[test]
fn a_volume_that_grew_is_filled() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    let mut disk = RootDisk {
        device_bytes: 30 << 30,
        limit_bytes: 30 << 30,
        partition_start_bytes: 1 << 30,
        partition_end_bytes: 30 << 30,
        filesystem: "ext4".to_owned(),
        filesystem_bytes: 28 << 30,
        ..RootDisk::default()
    };
    facts.root_disk = Some(disk.clone());
    assert_eq!(changes(&host, &facts), [""; 0]);
    let live = facts.root_disk.as_mut().unwrap();
    (live.device_bytes, live.limit_bytes) = (60 << 30, 60 << 30);
    assert_eq!(changes(&host, &facts), ["Update root_volume"]);
    // The partition has grown, and then something went wrong.
    (disk.device_bytes, disk.limit_bytes) = (60 << 30, 60 << 30);
    disk.partition_end_bytes = 60 << 30;
    facts.root_disk = Some(disk);
    assert_eq!(changes(&host, &facts), ["Update root_volume"]);
}

/// What an apply cannot grow would be a change again right after it.
#[test]
fn a_volume_that_cannot_be_filled_is_a_remark() {
    let host = wanted(WORKBENCH);
    let grown = RootDisk {
        device_bytes: 60 << 30,
        limit_bytes: 60 << 30,
        partition: "/dev/nvme0n1p1".to_owned(),
        partition_end_bytes: 30 << 30,
        filesystem: "ext4".to_owned(),
        filesystem_bytes: 30 << 30,
        ..RootDisk::default()
    };
    assert_eq!(unused_volume(&grown), None);
    let of_others = RootDisk {
        filesystem: "btrfs".to_owned(),
        ..grown.clone()
    };
    let shut_in = RootDisk {
        limit_bytes: 30 << 30,
        ..grown
    };
    for (disk, why) in [
        (of_others, "it is `btrfs`"),
        (shut_in, "another partition lies behind `/dev/nvme0n1p1`"),
    ] {
        let mut facts = as_wanted(&host);
        facts.root_disk = Some(disk);
        let diff = diff(&host, &facts);
        assert_eq!(diff.changes, []);
        let remarks = crate::host::preflight::remarks(&facts, &diff, facts.clock);
        assert!(remarks.concat().contains(why), "{remarks:?}");
    }
}

#[test]
fn the_certificate_is_awaited_until_an_authority_gave_it() {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    let certificate = facts.certificate.as_mut().unwrap();
    certificate.self_signed = true;
    let waiting = diff(&host, &facts);
    assert!(waiting.awaits_certificate && waiting.changes.is_empty() && waiting.has_work());
    facts.certificate = Some(LiveCertificate::default());
    assert!(
        diff(&host, &facts).awaits_certificate,
        "a name is missing in it"
    );
}

const SHINY: &str = "  shiny: { app: app, language: python }\n";

/// A host with an app of this text and these requirements.
fn with_app(text: &str, requirements: &str) -> DesiredHost {
    let file = |content: &str| LocalFile {
        content: content.into(),
        executable: false,
    };
    let files = [
        ("app.py".to_owned(), file(text)),
        ("requirements.txt".to_owned(), file(requirements)),
    ];
    let app = LocalFolder {
        files: files.into(),
    };
    let inputs = Inputs {
        folders: LocalFolders {
            app: Some(Arc::new(app)),
            ..LocalFolders::default()
        },
        ..Inputs::default()
    };
    fixture::wanted(&format!("{WORKBENCH}{SHINY}"), &inputs)
}

#[test]
fn a_folder_is_sent_only_when_it_has_changed() {
    let host = with_app("one", "requests");
    let facts = as_wanted(&host);
    assert_eq!(changes(&host, &facts), [""; 0]);
    assert_eq!(
        changes(&with_app("two", "requests"), &facts),
        [
            "Update /opt/shiny-app",
            "restart shiny-app.service: `/opt/shiny-app` changes"
        ]
    );
    assert_eq!(
        changes(&with_app("one", "httpx"), &facts),
        [
            "Update /opt/shiny",
            "Update /opt/shiny-app",
            "restart shiny-app.service: `/opt/shiny-app` changes, `/opt/shiny` changes"
        ]
    );
    let gone = changes(&wanted(WORKBENCH), &facts);
    for change in [
        "Delete /opt/shiny",
        "Delete /opt/shiny-app",
        "stop shiny-app.service: it left the plan",
    ] {
        assert!(gone.iter().any(|one| one == change), "{change}: {gone:#?}");
    }
}

const API: &str = "  api: { image: ours/model:1, model: s3://penguins-of-ours/penguin_model }\n";
const SOURCE: &str = "s3://penguins-of-ours/penguin_model";

#[test]
fn a_model_that_is_not_there_yet_is_no_difference() {
    let host = wanted(&format!("{WORKBENCH}{API}"));
    let mut facts = as_wanted(&host);
    facts.units.get_mut("model-api.service").unwrap().active = "inactive".to_owned();
    assert_eq!(changes(&host, &facts), [""; 0]);
    let found = diff(&host, &facts);
    assert_eq!(found.awaits_model.as_deref(), Some(SOURCE));
    assert!(found.has_work());
    // It has come, and the unit does not run: that is one.
    let link = "/opt/labctl-model".to_owned();
    facts
        .links
        .insert(link.clone(), "/opt/labctl/model-1".to_owned());
    facts.model = Some(LiveModel {
        source: SOURCE.to_owned(),
        state: "ready".to_owned(),
        why: String::new(),
    });
    let expected = ["restart model-api.service: it is `inactive`"];
    assert_eq!(changes(&host, &facts), expected);
    facts.units.get_mut("model-api.service").unwrap().active = "active".to_owned();
    let found = diff(&host, &facts);
    assert!(!found.has_work(), "{found:?}");
    assert_eq!(found.manifest.environments[&link], "/opt/labctl/model-1");
    // One that was refused leaves the one before where it is.
    facts.model.as_mut().unwrap().state = "refused".to_owned();
    assert!(!diff(&host, &facts).has_work());
    // A model of another place does not count.
    facts.model.as_mut().unwrap().source = "s3://penguins-of-ours/older".to_owned();
    assert_eq!(diff(&host, &facts).awaits_model.as_deref(), Some(SOURCE));
    facts.manifest = Some(found.manifest);
    let gone = changes(&wanted(WORKBENCH), &facts);
    for change in [
        "Delete /opt/labctl-model",
        "stop model-api.service: it left the plan",
    ] {
        assert!(gone.iter().any(|one| one == change), "{change}: {gone:#?}");
    }
}
