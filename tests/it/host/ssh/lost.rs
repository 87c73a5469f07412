//! Links that break, fall silent, or are listened in on.

use std::time::{Duration, Instant};

use labctl::host::ssh::LinkError;

use super::{Client, Sshd, block_on, run};
use crate::host::counting_proxy::CountingProxy;

fn through_a_proxy() -> (Sshd, Client, CountingProxy) {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    let proxy = CountingProxy::start(sshd.port, Duration::ZERO);
    (sshd, client, proxy)
}

#[track_caller]
fn assert_lost(error: &LinkError, reason: &str) {
    let text = error.to_string();
    assert!(matches!(error, LinkError::Lost { .. }), "{text}");
    assert!(
        text.contains(reason) && text.contains("127.0.0.1"),
        "{text}"
    );
}

#[test]
fn a_link_cut_within_a_command_is_seen_at_once() {
    let (_sshd, client, proxy) = through_a_proxy();
    block_on(async {
        let opened = client.open(proxy.port).await.unwrap();
        let cut = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            proxy.cut();
            Instant::now()
        };
        let work = run(&opened.connection, "echo begun; sleep 30", Vec::new());
        let (at, result) = futures_util::future::join(cut, work).await;
        assert_lost(&result.unwrap_err(), "it broke");
        assert!(at.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_link_cut_within_bulk_is_no_success() {
    for bytes in [200_000, 1_000_000, 3_000_000] {
        let (_sshd, client, proxy) = through_a_proxy();
        proxy.cut_after(bytes);
        block_on(async {
            let opened = client.open(proxy.port).await.unwrap();
            let input = vec![b'x'; 5 << 20];
            let error = run(&opened.connection, "cat", input).await.unwrap_err();
            assert_lost(&error, "it broke");
        });
    }
}

#[test]
fn a_link_that_falls_silent_is_given_up() {
    let (_sshd, mut client, proxy) = through_a_proxy();
    client.patience.silence = Duration::from_secs(3);
    block_on(async {
        let opened = client.open(proxy.port).await.unwrap();
        let started = Instant::now();
        proxy.freeze();
        let error = run(&opened.connection, "echo hello", Vec::new())
            .await
            .unwrap_err();
        assert_lost(&error, "nothing was heard for 3 s");
        assert!((3..6).contains(&started.elapsed().as_secs()));
    });
}

#[test]
fn a_quiet_command_is_not_given_up() {
    let (_sshd, mut client, proxy) = through_a_proxy();
    client.patience.silence = Duration::from_secs(6);
    block_on(async {
        let opened = client.open(proxy.port).await.unwrap();
        let work = run(&opened.connection, "sleep 9; echo done", Vec::new()).await;
        assert_eq!(work.unwrap().1, ["done"]);
    });
}

#[test]
fn an_idle_link_that_was_cut_says_so() {
    let (_sshd, client, proxy) = through_a_proxy();
    block_on(async {
        let opened = client.open(proxy.port).await.unwrap();
        proxy.cut();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let error = run(&opened.connection, "true", Vec::new())
            .await
            .unwrap_err();
        assert_lost(&error, "");
        let error = run(&opened.connection, "true", Vec::new())
            .await
            .unwrap_err();
        assert_lost(&error, "closed before");
    });
}
