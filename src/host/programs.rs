//! The programs that labctl sends to the host; nothing is installed there.
//!
//! They are modules of one Python package, `python/agent`. A command takes with it the modules that it imports, as a zip
//! archive that Python imports them from: the probe is sent at every look, and must be small.

use std::io;

use super::package;

/// Names the modules beside their texts.
macro_rules! package {
    ($($name:literal),* $(,)?) => {
        const PACKAGE: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../python/agent/agent/", $name, ".py")))),*
        ];
    };
}

package![
    "__init__",
    "__main__",
    "certificate",
    "checks",
    "common",
    "disk",
    "doctor",
    "downloads",
    "dpkg",
    "environments",
    "examine",
    "failure",
    "follow",
    "gates",
    "gates_of_apps",
    "gates_of_bucket",
    "gates_of_host",
    "gates_of_web",
    "job",
    "journal",
    "kernel_gate",
    "keys",
    "languages",
    "leavers",
    "listeners",
    "locks",
    "machine",
    "manifest",
    "messages",
    "model",
    "node",
    "packages",
    "password",
    "prepare",
    "private",
    "probe",
    "push",
    "record",
    "rollback",
    "snapshot",
    "staging",
    "swap",
    "switch",
    "systemd",
    "tokens",
    "tools",
    "trees",
    "units",
    "users",
    "uv",
    "web",
    "websocket",
];

/// A command to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Reads the facts.
    Probe,
    /// Receives an apply, starts it, and tells its events.
    Push,
    /// Tells the events of an apply.
    Follow,
    /// Looks at the server and tries the gates.
    Doctor,
    /// Sets a password.
    Password,
}

impl Program {
    /// The module of the package that is run.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Push => "push",
            Self::Follow => "follow",
            Self::Doctor => "doctor",
            Self::Password => "password",
        }
    }

    /// The modules that it needs; none if it takes all of them, because it leaves the agent there or lets it try gates.
    const fn needs(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Probe => Some(&["__init__", "common", "machine", "probe"]),
            Self::Follow => Some(&["__init__", "common", "follow"]),
            Self::Password => Some(&["__init__", "common", "password"]),
            Self::Push | Self::Doctor => None,
        }
    }

    /// Gives the archive that Python imports it from.
    ///
    /// # Errors
    ///
    /// The programs are larger than the format can hold, which they are not.
    pub fn archive(self) -> io::Result<Vec<u8>> {
        let needs = self.needs();
        let is_needed = |name: &str| needs.is_none_or(|needs| needs.contains(&name));
        let modules = PACKAGE.iter().filter(|(name, _)| is_needed(name));
        package::zip(modules.map(|(name, text)| (format!("agent/{name}.py"), text.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{PACKAGE, Program};

    #[test]
    fn package_is_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/python/agent/agent");
        let files = std::fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let present: BTreeSet<_> = names.filter(|name| name != "__pycache__").collect();
        let known = PACKAGE.iter().map(|(name, _)| format!("{name}.py"));
        assert_eq!(present, known.collect());
    }

    /// It is sent at every look, and a connection begins with ten packets at once (RFC 6928): 14 KB.
    #[test]
    fn probe_fits_into_the_first_packets() {
        let length = Program::Probe.archive().unwrap().len();
        assert!(length < 14_000, "{length} bytes");
    }
}
