//! Somebody in the middle: a real sshd with a key of its own stands where the server is.

use super::super::machine::{Bench, SMALL};
use super::super::sshd::Sshd;

/// What a stranger may see of a client: its version and how it agrees on keys, and nothing of a user.
#[track_caller]
fn has_learnt_nothing(middle: &Sshd) {
    let log = middle.log();
    assert!(
        log.contains("SSH2_MSG_NEWKEYS"),
        "labctl was not there: {log}"
    );
    for word in [
        "userauth-request",
        "Accepted",
        "Postponed",
        "Failed",
        "ubuntu",
        "session opened",
    ] {
        assert!(!log.contains(word), "it has learnt `{word}`: {log}");
    }
}

fn stands_in(bench: &mut Bench) -> Sshd {
    let middle = Sshd::start(&["ed25519", "rsa", "ecdsa"]);
    middle.insist("LogLevel DEBUG3");
    let place = format!("127.0.0.1:{}", middle.port);
    bench.lab.set("LABCTL_CONNECT_TO", &place);
    middle
}

#[test]
fn nobody_in_the_middle_learns_or_gets_anything() {
    let mut bench = Bench::applied(SMALL);
    // The first use of the real one's key.
    bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    let real = format!("127.0.0.1:{}", bench.machine.ssh_port);
    let runs = bench.machine.runs();

    // The key is pinned: whatever is asked for, the other one is refused.
    let middle = stands_in(&mut bench);
    for arguments in [
        &["plan"][..],
        &["apply", "--yes"],
        &["apply", "--yes", "--only", "host"],
    ] {
        let ran = bench.labctl(arguments).exits(1);
        ran.says(&[
            "host key",
            &middle.key("ed25519").fingerprint(),
            "known_hosts",
        ]);
    }
    let ssh = bench.labctl(&["ssh", "--", "id", "-un"]);
    assert!(ssh.code != 0 && ssh.stdout.is_empty(), "{ssh}");
    has_learnt_nothing(&middle);

    // The pin is the server's: a resize changes neither, and gives nobody a first use.
    bench.lab.set("LABCTL_CONNECT_TO", &real);
    bench.labctl(&["stop"]).ok();
    bench
        .lab
        .edit("instance_type: t3.medium", "instance_type: t3.large");
    let middle = stands_in(&mut bench);
    let resized = bench.labctl(&["apply", "--yes"]);
    assert!(!resized.stderr.contains("first use"), "{resized}");
    let started = bench.labctl(&["start"]);
    assert!(!started.stderr.contains("first use"), "{started}");
    let ran = bench.labctl(&["apply", "--yes"]).exits(1);
    ran.says(&["host key", "known_hosts"]);
    has_learnt_nothing(&middle);
    assert_eq!(
        bench.machine.runs(),
        runs,
        "something has run on the server"
    );

    bench.lab.set("LABCTL_CONNECT_TO", &real);
    bench.apply();
}
