//! How often the client waits for the server.

use std::time::Duration;

use crate::host::counting_proxy::CountingProxy;

use super::{Client, Sshd, block_on, run};

/// One more is TCP's own, which a proxy does not see.
#[test]
fn connecting_and_one_command_take_few_round_trips() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    // With the way taking its time, what is sent together arrives together.
    let proxy = CountingProxy::start(sshd.port, Duration::from_millis(100));
    block_on(async {
        let opened = client.open(proxy.port).await.unwrap();
        assert!(
            proxy.created_after() <= 5,
            "{} to log in",
            proxy.created_after()
        );
        let input = b"hello\n".to_vec();
        let (_, lines) = run(&opened.connection, "cat", input).await.unwrap();
        assert_eq!(lines, ["hello"]);
        assert!(
            proxy.created_after() <= 9,
            "{} with a command",
            proxy.created_after()
        );
    });
    assert_eq!(proxy.connections(), 1);
}
