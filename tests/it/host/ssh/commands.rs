//! Commands over an open connection.

use std::time::{Duration, Instant};

use labctl::host::ssh::{LinkError, Shell};

use super::{Client, Sshd, block_on, run};

fn both() -> (Sshd, Client) {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    (sshd, client)
}

#[test]
fn a_command_ends_with_its_status_and_what_it_printed() {
    let (sshd, client) = both();
    let (finished, lines) = client.run(
        sshd.port,
        "echo one; echo; echo oops >&2; printf two; exit 7",
    );
    assert_eq!(finished.status, 7);
    assert_eq!(finished.signal, None);
    assert_eq!(finished.stderr, "oops\n");
    assert_eq!(lines, ["one", "", "two"]);
}

#[test]
fn one_connection_runs_many_commands() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        for number in 0..5 {
            let command = format!("echo {number}");
            let (finished, lines) = run(&opened.connection, &command, Vec::new()).await.unwrap();
            assert_eq!((finished.status, lines), (0, vec![number.to_string()]));
        }
    });
}

#[test]
fn a_signal_is_named() {
    let (sshd, client) = both();
    let (finished, _) = client.run(sshd.port, "kill -KILL $$");
    assert_eq!(finished.signal.as_deref(), Some("KILL"));
    assert_eq!(finished.status, 137);
}

#[test]
fn lines_come_as_they_are_printed() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let started = Instant::now();
        let mut first = None;
        let mut on_line = |_: &[u8]| {
            first.get_or_insert_with(|| started.elapsed());
        };
        let command = "echo now; sleep 2; echo later";
        opened
            .connection
            .run(command, Vec::new(), &mut on_line)
            .await
            .unwrap();
        assert!(first.unwrap() < Duration::from_secs(1), "{first:?}");
        assert!(started.elapsed() >= Duration::from_secs(2));
    });
}

/// Some megabytes without order, in lines.
fn megabytes(count: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..count << 20)
        .map(|_| fastrand::alphanumeric() as u8)
        .collect();
    bytes.iter_mut().step_by(97).for_each(|byte| *byte = b'\n');
    bytes
}

fn check_bulk(command: &str, megabytes_in: usize, expected: impl Fn(&[u8]) -> Vec<u8>) {
    let (sshd, client) = both();
    check_bulk_with(&sshd, &client, command, megabytes(megabytes_in), expected);
}

fn check_bulk_with(
    sshd: &Sshd,
    client: &Client,
    command: &str,
    input: Vec<u8>,
    expected: impl Fn(&[u8]) -> Vec<u8>,
) {
    let expected = expected(&input);
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let mut found = Vec::new();
        let mut on_line = |line: &[u8]| {
            found.extend(line);
            found.push(b'\n');
        };
        let finished = opened
            .connection
            .run(command, input, &mut on_line)
            .await
            .unwrap();
        assert_eq!(finished.status, 0, "{finished:?}");
        found.truncate(expected.len());
        assert!(found == expected, "{} bytes", found.len());
    });
}

#[test]
fn much_goes_in() {
    check_bulk("wc -c", 5, |input| {
        format!("{}\n", input.len()).into_bytes()
    });
}

#[test]
fn much_comes_out() {
    let zeros = |_: &[u8]| b"0123456789\n".repeat(500_000);
    check_bulk("yes 0123456789 | head -500000", 0, zeros);
}

#[test]
fn much_goes_in_while_much_comes_out() {
    check_bulk("cat", 5, <[u8]>::to_vec);
}

#[test]
fn much_comes_out_before_anything_is_read() {
    let command = "yes 0123456789 | head -500000; wc -c";
    check_bulk(command, 5, |input| {
        let mut expected = b"0123456789\n".repeat(500_000);
        expected.extend(format!("{}\n", input.len()).bytes());
        expected
    });
}

#[test]
fn keys_may_be_changed_on_the_way() {
    let (sshd, client) = both();
    sshd.set("RekeyLimit 1M");
    sshd.set("Banner /etc/passwd");
    check_bulk_with(&sshd, &client, "cat", megabytes(8), <[u8]>::to_vec);
}

#[test]
fn a_flood_on_stderr_blocks_nothing_and_its_end_is_kept() {
    let (sshd, client) = both();
    let command = "cat >/dev/null & yes error | head -800000 >&2; echo done; echo last >&2";
    let (finished, lines) = client.run(sshd.port, command);
    assert_eq!(lines, ["done"]);
    assert!(finished.stderr.ends_with("error\nlast\n"));
    assert!(finished.stderr.len() <= 64 << 10);
}

#[test]
fn stdin_that_nobody_reads_does_not_matter() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let (finished, lines) = run(&opened.connection, "echo done; exit 3", megabytes(5))
            .await
            .unwrap();
        assert_eq!((finished.status, lines), (3, vec!["done".to_owned()]));
        let (finished, _) = run(&opened.connection, "true", Vec::new()).await.unwrap();
        assert_eq!(finished.status, 0);
    });
}

#[test]
fn output_may_end_before_stdin() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let command = "exec >&- 2>&-; sleep 1; test $(wc -c) = 5242880 || exit 9";
        let (finished, _) = run(&opened.connection, command, megabytes(5))
            .await
            .unwrap();
        assert_eq!(finished.status, 0);
    });
}

#[test]
fn a_command_that_cannot_be_started_is_said() {
    let (sshd, client) = both();
    sshd.set("MaxSessions 0");
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let error = run(&opened.connection, "true", Vec::new())
            .await
            .unwrap_err();
        assert!(matches!(error, LinkError::NotStarted { .. }), "{error}");
    });
}

#[test]
fn the_runtime_goes_on_meanwhile() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let mut ticks = 0;
        let mut on_line = |_: &[u8]| {};
        let work = opened.connection.run("sleep 1", Vec::new(), &mut on_line);
        let tick = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                ticks += 1;
            }
        };
        tokio::select! {
            finished = work => assert_eq!(finished.unwrap().status, 0),
            () = tick => {}
        }
        assert!(ticks >= 10, "{ticks}");
    });
}

#[test]
fn a_dropped_command_ends_the_connection_soon() {
    let (sshd, client) = both();
    block_on(async {
        let opened = client.open(sshd.port).await.unwrap();
        let work = run(&opened.connection, "sleep 60", Vec::new());
        let dropped = tokio::time::timeout(Duration::from_millis(300), work).await;
        assert!(dropped.is_err());
        let error = run(&opened.connection, "true", Vec::new())
            .await
            .unwrap_err();
        assert!(matches!(error, LinkError::Lost { .. }), "{error}");
    });
    let started = Instant::now();
    while !sshd.log().contains("Disconnected") && !sshd.log().contains("Connection closed") {
        assert!(started.elapsed() < Duration::from_secs(5), "{}", sshd.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
