//! The serial console, on which a server shows its SSH host keys.

use labctl::cloud::resources::instance::console_output;
use labctl::host::ssh::console_host_keys;

use super::harness::{Lab, SMALL};
use super::inspection::server;

const KEYS: &str = "\
[    3.1] cloud-init: done\r
-----BEGIN SSH HOST KEY KEYS-----\r
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f root@server\r
-----END SSH HOST KEY KEYS-----\r
";

/// Both kinds of servers: those that show the console at once, and older ones.
#[tokio::test(start_paused = true)]
async fn host_keys_are_found_on_the_console_of_any_type() {
    for instance_type in ["t3.micro", "t2.micro"] {
        let lab = Lab::new(&SMALL.replace("t3.micro", instance_type));
        lab.apply().await;
        let id = server(&lab).id;
        let empty = console_output(&lab.memory, &id).await.unwrap();
        assert_eq!(empty, "", "nothing is there in the first minutes");
        lab.memory.print_on_console(&id, KEYS);
        let text = console_output(&lab.memory, &id).await.unwrap();
        assert_eq!(text, KEYS);
        assert_eq!(console_host_keys(&text).len(), 1, "{instance_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_console_of_no_server_is_an_error() {
    let lab = Lab::new(SMALL);
    let error = console_output(&lab.memory, "i-0123456789abcdef0")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "InvalidInstanceID.NotFound");
}
