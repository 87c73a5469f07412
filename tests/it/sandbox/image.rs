//! The image of the sandbox's servers, past labctl: by its own tests, in Python.

use crate::support::unittest::classes;

classes! { "sandbox/test_image.py":
    refusals = "Refusals",
    servers = "Servers",
    passwords = "Passwords",
}
