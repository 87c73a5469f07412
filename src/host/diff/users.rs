//! Users: who is missing, who differs, who has left the plan.

use std::collections::BTreeMap;

use crate::host::change::{HostChange, UserAction, UserChange};
use crate::host::desired::{DesiredHost, DesiredUser};
use crate::host::facts::{Facts, LiveUser};
use crate::host::manifest::{Manifest, NotedUser};

const ADMINISTRATORS: &str = "sudo";

/// Compares the users.
pub fn diff(desired: &DesiredHost, facts: &Facts, noted: &Manifest) -> Vec<HostChange> {
    let empty = NotedUser::default();
    let wanted = desired.users.iter().filter_map(|(name, user)| {
        let note = noted.users.get(name).unwrap_or(&empty);
        match facts.users.get(name) {
            None => Some(create(name, user)),
            Some(live) => update(name, user, live, note),
        }
    });
    let gone = noted
        .users
        .iter()
        .filter(|(name, _)| !desired.users.contains_key(*name));
    let gone = gone.filter_map(|(name, note)| leave(name, facts.users.get(name)?, note));
    wanted.chain(gone).map(HostChange::User).collect()
}

fn create(name: &str, user: &DesiredUser) -> UserChange {
    UserChange {
        name: name.to_owned(),
        action: UserAction::Create,
        sudo: user.sudo,
        add_keys: user.keys.clone(),
        remove_keys: Vec::new(),
        details: Vec::new(),
    }
}

fn update(name: &str, user: &DesiredUser, live: &LiveUser, note: &NotedUser) -> Option<UserChange> {
    let missing = |keys: &[String], among: &[String]| -> Vec<String> {
        let keys = keys.iter().filter(|key| !among.contains(key));
        keys.cloned().collect()
    };
    let add_keys = missing(&user.keys, &live.authorized_keys);
    let mut remove_keys = missing(&note.keys, &user.keys);
    remove_keys.retain(|key| live.authorized_keys.contains(key));
    let administers = administers(live);
    let mut details = Vec::new();
    if live.expired {
        details.push("the account is opened again".to_owned());
    }
    if administers != user.sudo {
        let verb = if user.sudo { "gets" } else { "loses" };
        details.push(format!("{verb} sudo"));
    }
    if !add_keys.is_empty() {
        details.push(format!("gets {} key(s)", add_keys.len()));
    }
    if !remove_keys.is_empty() {
        details.push(format!("loses {} key(s)", remove_keys.len()));
    }
    if !live.key_modes_ok && !user.keys.is_empty() && add_keys.is_empty() {
        details.push("`~/.ssh` gets the modes that sshd wants".to_owned());
    }
    (!details.is_empty()).then(|| UserChange {
        name: name.to_owned(),
        action: UserAction::Update,
        sudo: user.sudo,
        add_keys,
        remove_keys,
        details,
    })
}

fn administers(live: &LiveUser) -> bool {
    live.groups.iter().any(|group| group == ADMINISTRATORS)
}

/// A user who left the plan: an account of ours is closed, another only loses
/// the keys and the rights that we gave it.
fn leave(name: &str, live: &LiveUser, note: &NotedUser) -> Option<UserChange> {
    let keys = note.keys.iter();
    let remove_keys: Vec<_> = keys
        .filter(|key| live.authorized_keys.contains(key))
        .cloned()
        .collect();
    let is_open = note.created && !live.expired;
    let administers = administers(live);
    let loses_sudo = !note.created && note.gave_sudo && administers;
    let given = match loses_sudo {
        true => "the keys and the sudo",
        false => "the keys",
    };
    (is_open || loses_sudo || !remove_keys.is_empty()).then(|| UserChange {
        name: name.to_owned(),
        action: match note.created {
            true => UserAction::Lock,
            false => UserAction::Update,
        },
        sudo: administers && !note.created && !loses_sudo,
        add_keys: Vec::new(),
        remove_keys,
        details: vec![match note.created {
            true => "left the plan: the account is closed, its home is kept".to_owned(),
            false => format!("left the plan: loses {given} that labctl gave"),
        }],
    })
}

/// What labctl notes about users; those that it made stay noted when they leave.
pub fn noted(
    desired: &DesiredHost,
    facts: &Facts,
    noted: &Manifest,
) -> BTreeMap<String, NotedUser> {
    let gave_sudo = |name: &String| {
        let was_given = noted.users.get(name).is_some_and(|note| note.gave_sudo);
        let live = facts.users.get(name);
        was_given || live.is_some_and(|live| !administers(live))
    };
    let was_created = |name: &String| noted.users.get(name).is_some_and(|note| note.created);
    let mut users: BTreeMap<_, _> = noted
        .users
        .iter()
        .filter(|(name, note)| note.created && facts.users.contains_key(*name))
        .map(|(name, _)| {
            let note = NotedUser {
                created: true,
                ..NotedUser::default()
            };
            (name.clone(), note)
        })
        .collect();
    for (name, user) in &desired.users {
        let note = NotedUser {
            created: was_created(name) || !facts.users.contains_key(name),
            keys: user.keys.clone(),
            gave_sudo: user.sudo && gave_sudo(name),
        };
        users.insert(name.clone(), note);
    }
    users
}
