//! Whole runs of the agent on a server, past labctl: by its own tests, in Python.

use crate::support::unittest::classes;

classes! { "host/test_agent_runs.py":
    from_nothing = "FromNothing",
    started_twice = "StartedTwice",
    port_taken = "PortTaken",
    packages = "Packages",
    users = "Users",
    changes = "Changes",
    full_disk = "FullDisk",
    killed = "Killed",
}
