//! Servers that boot, and what is no server.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use labctl::host::ssh::{DialError, SshError};
use labctl::support::hint::Hint;

use super::{Client, Sshd, block_on};

/// A port on which nothing listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A port where each connection is handled so.
fn port_with(handle: impl Fn(TcpStream) + Send + Copy + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || handle(stream));
        }
    });
    port
}

#[track_caller]
fn assert_unreachable(port: u16, seconds: u64, expected: impl Fn(&DialError) -> bool) -> String {
    let mut client = Client::with_key(&["-t", "ed25519"]);
    client.patience.reach = Duration::from_secs(2);
    let started = Instant::now();
    let error = client.refused(port);
    let text = format!("{error}; {}", error.hint());
    let SshError::Unreachable { cause, .. } = &error else {
        panic!("{text}");
    };
    assert!(expected(cause), "{text}");
    assert!(
        started.elapsed().as_secs() <= seconds,
        "{text}: {:?}",
        started.elapsed()
    );
    assert!(
        text.contains("127.0.0.1") && text.contains(&port.to_string()),
        "{text}"
    );
    text
}

#[test]
fn a_server_that_boots_is_waited_for() {
    let sshd = Sshd::prepare(&["ed25519"]);
    let client = Client::of(&sshd);
    let port = closed_port();
    let started = Instant::now();
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        sshd.listen(TcpListener::bind(("127.0.0.1", port)).unwrap())
    });
    let opened = block_on(client.open(port));
    assert!(opened.is_ok(), "{:?}", opened.err());
    assert!(started.elapsed() >= Duration::from_secs(2));
    drop(later.join());
}

#[test]
fn a_port_without_listener_is_told() {
    let text = assert_unreachable(closed_port(), 3, |cause| *cause == DialError::Refused);
    assert!(text.contains("booting") && text.contains("tried"), "{text}");
}

#[test]
fn a_web_server_is_no_ssh_server() {
    let port = port_with(|mut stream| {
        let answer =
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nno";
        let _ = stream.write_all(answer);
    });
    assert_unreachable(port, 1, |cause| *cause == DialError::NotSsh);
}

#[test]
fn a_server_that_speaks_otherwise_and_waits_is_no_ssh_server() {
    let port = port_with(|mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        thread::sleep(Duration::from_secs(30));
    });
    assert_unreachable(port, 4, |cause| *cause == DialError::NotSsh);
}

#[test]
fn a_port_that_accepts_and_is_silent_is_told() {
    let port = port_with(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    assert_unreachable(port, 4, |cause| *cause == DialError::Silent);
}

#[test]
fn a_port_that_hangs_up_is_tried_again() {
    let port = port_with(drop);
    assert_unreachable(port, 3, |cause| {
        matches!(cause, DialError::Closed | DialError::Network(_))
    });
}

#[test]
fn a_server_that_turns_away_is_tried_again() {
    let port = port_with(|mut stream| {
        let _ = stream.write_all(b"Not allowed at this time\r\n");
    });
    assert_unreachable(port, 3, |cause| matches!(cause, DialError::Busy(_)));
}

#[test]
fn garbage_is_no_ssh_server() {
    let port = port_with(|mut stream| {
        let _ = stream.write_all(&[b"SSH-2.0-x\r\n", &[0x41; 4096][..]].concat());
    });
    assert_unreachable(port, 4, |cause| *cause != DialError::Refused);
}

#[test]
fn a_server_with_other_algorithms_is_told_at_once() {
    let sshd = Sshd::start(&["ed25519"]);
    sshd.set("KexAlgorithms diffie-hellman-group14-sha1");
    assert_unreachable(sshd.port, 1, |cause| {
        matches!(cause, DialError::NoCommonAlgorithm(_))
    });
}

#[test]
fn a_name_that_leads_nowhere_is_told_at_once() {
    let client = Client::with_key(&["-t", "ed25519"]);
    let error = block_on(client.open_at("no-such-host.invalid", 22)).unwrap_err();
    let is_expected = matches!(
        &error,
        SshError::Unreachable {
            cause: DialError::Unresolved(_),
            tries: 1,
            ..
        }
    );
    assert!(is_expected, "{error}");
}

#[test]
fn a_dropped_wait_ends_at_once() {
    let mut client = Client::with_key(&["-t", "ed25519"]);
    client.patience.reach = Duration::from_secs(60);
    let started = Instant::now();
    block_on(async {
        let limit = Duration::from_millis(300);
        let open = client.open(closed_port());
        assert!(tokio::time::timeout(limit, open).await.is_err());
    });
    assert!(started.elapsed() < Duration::from_secs(2));
}
