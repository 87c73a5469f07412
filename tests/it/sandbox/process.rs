//! The sandbox's process, past labctl: by its own tests, in Python.

use crate::support::unittest::classes;

classes! { "sandbox/test_sandbox.py":
    without_servers = "WithoutServersTest",
    with_servers = "WithServersTest",
    lives = "LivesTest",
    state = "StateTest",
    authority = "AuthorityTest",
    engine = "EngineTest",
    storage = "StorageTest",
    signatures = "SignaturesTest",
    other_users = "OtherUsersTest",
}
