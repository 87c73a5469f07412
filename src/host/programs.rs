//! The programs that labctl sends to the host; nothing is installed there.
//!
//! They lie in `remote/` as they are, in pieces that more than one of them uses;
//! `remote/common.py` says what belongs together.

const COMMON: &str = include_str!("remote/common.py");
const MACHINE: &str = include_str!("remote/machine.py");
const PROBE: &str = include_str!("remote/probe.py");
const FOLLOW: &str = include_str!("remote/follow.py");
const PASSWORD: &str = include_str!("remote/password.py");
const DOCTOR: &str = include_str!("remote/doctor.py");
const PUSH: &str = include_str!("remote/push.py");

/// Names the modules of the agent beside their texts.
macro_rules! agent {
    ($($name:literal),* $(,)?) => {
        /// The modules of the agent, which is sent with each apply.
        pub const AGENT: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("remote/agent/", $name)))),*
        ];
    };
}

agent![
    "__init__.py",
    "__main__.py",
    "certificate.py",
    "checks.py",
    "disk.py",
    "downloads.py",
    "dpkg.py",
    "environments.py",
    "examine.py",
    "failure.py",
    "gates.py",
    "gates_of_apps.py",
    "gates_of_host.py",
    "gates_of_web.py",
    "job.py",
    "journal.py",
    "kernel_gate.py",
    "keys.py",
    "languages.py",
    "listeners.py",
    "manifest.py",
    "model.py",
    "packages.py",
    "prepare.py",
    "private.py",
    "record.py",
    "rollback.py",
    "snapshot.py",
    "staging.py",
    "swap.py",
    "switch.py",
    "systemd.py",
    "tokens.py",
    "tools.py",
    "trees.py",
    "units.py",
    "users.py",
    "web.py",
    "websocket.py",
];

/// Gives the program that reads the facts.
pub fn probe() -> String {
    [COMMON, MACHINE, PROBE].concat()
}

/// Gives the program that tells the events of an apply.
pub fn follow() -> String {
    [COMMON, FOLLOW].concat()
}

/// Gives the program that receives an apply, starts it, and tells its events.
pub fn push() -> String {
    [COMMON, PUSH, FOLLOW].concat()
}

/// Gives the program that looks at the server and tries the gates.
pub fn doctor() -> String {
    [COMMON, MACHINE, DOCTOR, PROBE].concat()
}

/// Gives the program that sets a password.
pub fn password() -> String {
    [COMMON, PASSWORD].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_agent_is_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/host/remote/agent");
        let files = std::fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<_> = names.filter(|name| name.ends_with(".py")).collect();
        let known: BTreeSet<_> = super::AGENT
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        assert_eq!(there, known);
    }
}
