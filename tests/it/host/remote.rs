//! The programs that labctl sends to a server, on a server, past labctl: by their own tests, in Python.

use crate::support::unittest::classes;

classes! { "host/test_remote_on_server.py":
    probe = "TestProbe",
    apply = "TestApply",
}
