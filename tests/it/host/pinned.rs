//! The server's host key: trusted on first use and said so, then pinned.

use super::machine::{Bench, SMALL};

#[test]
fn a_host_key_is_pinned_and_another_one_stops_everything() {
    let bench = Bench::applied(SMALL);
    // The emulated console shows nothing: who insists on more than a first use gets no further, on any way there.
    for arguments in [
        &["plan", "--strict-host-key"][..],
        &["apply", "--yes", "--strict-host-key"],
        &["ssh", "--strict-host-key", "--", "true"],
    ] {
        let ran = bench.labctl(arguments).exits(1);
        ran.says(&["cannot be compared", "help:", "checked", "known_hosts"]);
    }
    let first = bench.labctl(&["apply", "--yes"]).ok();
    let key = bench
        .machine
        .sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    let fingerprint = key.split(' ').nth(1).unwrap();
    first.says(&["trusted on first use", fingerprint]);
    let second = bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    assert!(!second.stderr.contains("first use"), "{second}");

    let user = bench.labctl(&["ssh", "--", "id", "-un"]).ok();
    assert_eq!(user.stdout, "ubuntu\n");
    let status = bench.labctl(&["ssh", "--", "exit", "7"]);
    assert_eq!(status.code, 7, "{status}");

    bench
        .machine
        .sh("rm /etc/ssh/ssh_host_*; ssh-keygen -qA; systemctl restart ssh");
    let state = "find /etc /var/lib/labctl -type f -newer /etc/ssh/ssh_host_rsa_key.pub | sort; \
                 ls /var/lib/labctl/runs";
    let before = bench.machine.sh(state);
    bench.lab.edit("mode: self-signed", "mode: off");
    // A change in the cloud too, to see that it is not made either.
    bench
        .lab
        .edit("port: 80, from: [anywhere]", "port: 80, from: [my-ip]");
    bench.lab.forget_requests();
    for arguments in [&["apply", "--yes"][..], &["plan"]] {
        let ran = bench.labctl(arguments).exits(1);
        ran.says(&["host key", "help:", "known_hosts"]);
    }
    assert_eq!(bench.lab.writes(), 0);
    assert_eq!(before, bench.machine.sh(state));
    // Nor does the system's own ssh go there.
    let ssh = bench.labctl(&["ssh", "--", "id", "-un"]);
    assert!(ssh.code != 0 && ssh.stdout.is_empty(), "{ssh}");
}
