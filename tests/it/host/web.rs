//! What strangers get of NGINX and sshd, and what labctl's own programs still can: on one server, by the real ones.

use std::process::Command;

use super::machine::{Bench, Machine, SMALL};

const PAGE: &str = "https://lab.example.org/";

/// Asks under any name, on port 443 or 80; gives curl's exit code and the answer's head.
fn ask(machine: &Machine, scheme: &str, name: &str, path: &str) -> (Option<i32>, String) {
    let (port, published) = match scheme {
        "https" => (443, machine.https_port),
        _ => (80, machine.http_port),
    };
    let output = Command::new("curl")
        .args(["--silent", "--insecure", "--head", "--max-time", "10"])
        .args(["--connect-to", &format!(":{port}:127.0.0.1:{published}")])
        .arg(format!("{scheme}://{name}{path}"))
        .output()
        .unwrap();
    let head = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), head.to_ascii_lowercase())
}

#[test]
fn strangers_get_little_and_programs_of_root_still_work() {
    let bench = Bench::applied(SMALL);
    unknown_names_are_not_answered(&bench.machine);
    every_answer_says_nosniff_once(&bench.machine);
    ssh_forwards_nothing(&bench.machine);
    programs_of_root_still_work(&bench);
    adopted_users_lose_what_they_were_given(&bench);
    server_restarts_in_its_window_if_due(&bench);
}

fn unknown_names_are_not_answered(machine: &Machine) {
    const EMPTY_REPLY: i32 = 52;
    for scheme in ["http", "https"] {
        for name in [
            "evil.example",
            "lab.example.org.evil.example",
            "example.org",
        ] {
            let (code, head) = ask(machine, scheme, name, "/");
            assert_eq!(
                (code, head.as_str()),
                (Some(EMPTY_REPLY), ""),
                "{scheme} {name}"
            );
        }
    }
    // The lab's own name, and addresses, by which labctl and people without DNS come.
    for name in [
        "lab.example.org",
        "LAB.example.org",
        "127.0.0.1",
        "198.51.100.7",
        "[::1]",
        "localhost",
    ] {
        let (code, head) = ask(machine, "https", name, "/");
        assert!(
            code == Some(0) && head.starts_with("http/1.1 200"),
            "{name}: {head}"
        );
    }
}

fn every_answer_says_nosniff_once(machine: &Machine) {
    for (scheme, path, status) in [
        ("https", "/", "200"),
        ("https", "/nothing", "404"),
        ("http", "/", "301"),
        ("http", "/.labctl/config", "404"),
    ] {
        let (_, head) = ask(machine, scheme, "lab.example.org", path);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        assert_eq!(
            head.matches("x-content-type-options: nosniff").count(),
            1,
            "{head}"
        );
        // The server made the certificate itself: whoever believed this would be shut out.
        assert!(!head.contains("strict-transport-security"), "{head}");
    }
}

fn ssh_forwards_nothing(machine: &Machine) {
    let settings = machine.sh("sshd -T");
    for line in [
        "allowagentforwarding no",
        "x11forwarding no",
        "maxauthtries 4",
    ] {
        assert!(settings.lines().any(|found| found == line), "{line}");
    }
}

/// What systemd takes from them, they do not need.
fn programs_of_root_still_work(bench: &Bench) {
    let machine = &bench.machine;
    machine.sh("rm -r /etc/labctl/tls/self-signed && systemctl start labctl-certificate.service");
    bench.curl(&["--insecure", "--fail", PAGE]);
    machine.sh("head -c 60M /dev/zero >>/var/log/nginx/access.log; chown www-data:adm /var/log/nginx/access.log; \
         systemctl start labctl-logs.service");
    bench.curl(&["--insecure", "--fail", PAGE]);
    let sizes =
        machine.sh("stat -c '%s %U' /var/log/nginx/access.log; ls /var/log/nginx/access.log.1");
    let (size, owner) = sizes.lines().next().unwrap().split_once(' ').unwrap();
    assert!(
        owner == "www-data" && size.parse::<u64>().unwrap() < 100_000,
        "{sizes}"
    );
    // NGINX has opened the new one.
    assert!(size != "0", "{sizes}");
    machine.sh("systemctl restart labctl-metadata.service && nft list table inet labctl_metadata >/dev/null");
    let left = machine.sh("systemctl list-units --state=failed --plain --no-legend 'labctl*'");
    assert_eq!(left, "");
}

/// Accounts that were there before: one that labctl makes an administrator, and one that was.
fn adopted_users_lose_what_they_were_given(bench: &Bench) {
    let machine = &bench.machine;
    machine.sh("useradd -m adele; useradd -m -G sudo boris");
    let users = "    - { name: adele, sudo: true }\n    - { name: boris, sudo: true }\n";
    let guest = "    - { name: guest }\n";
    bench.lab.edit(guest, &format!("{guest}{users}"));
    bench.apply();
    let groups = || {
        machine.sh(
            "id -nG adele; id -nG boris; grep -cE 'adele|boris' /etc/sudoers.d/90-labctl || true",
        )
    };
    assert_eq!(groups(), "adele sudo labctl\nboris sudo\n2\n");
    bench.lab.edit(users, "");
    bench.apply();
    assert_eq!(groups(), "adele\nboris sudo\n0\n");
}

fn server_restarts_in_its_window_if_due(bench: &Bench) {
    let machine = &bench.machine;
    bench.lab.edit(
        "  users:\n",
        "  reboot: { window: \"sun 04:00\" }\n  users:\n",
    );
    bench.apply();
    let next = machine.sh("systemctl show -p NextElapseUSecRealtime labctl-reboot.timer");
    assert!(
        next.contains("=Sun ") && next.contains(" 04:00:00 UTC"),
        "{next}"
    );
    let said = || {
        machine.sh("journalctl --sync; journalctl -u labctl-reboot.service -o cat -n 3 --no-pager")
    };
    machine.sh("systemctl start labctl-reboot.service");
    assert!(
        said().contains("no update waits for a restart"),
        "{}",
        said()
    );
    machine.sh("touch /run/reboot-required; flock /var/lib/labctl/lock systemctl start labctl-reboot.service");
    assert!(said().contains("an apply is running"), "{}", said());
    bench
        .labctl(&["doctor"])
        .says(&["a security update takes effect at the next restart"]);
    machine.sh("systemctl start --no-block labctl-reboot.service");
    let mut inspect = Command::new("docker");
    inspect.args(["inspect", "--format", "{{.State.Running}}", &machine.name]);
    let is_down = || inspect.output().unwrap().stdout == b"false\n";
    let mut tries = std::iter::repeat_with(is_down).take(600);
    let has_stopped = tries.any(|is_down| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        is_down
    });
    assert!(has_stopped, "it has not restarted");
}
