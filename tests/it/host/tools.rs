//! `tunnel` and `logs`, on a real server.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::support::Lab;

use super::accidents::{fresh, wait_until};
use super::machine::{Bench, HUB, SMALL, done};
use super::sshd::Agent;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A command that goes on until somebody ends it.
struct Lasting {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Lasting {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        Self::of(bench.lab.command(arguments))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it has ended").unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        done(Command::new("kill").args([&format!("-{name}"), &id]));
    }

    /// Its exit code, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (code, said)
    }
}

fn is_free(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err()
}

fn page(port: u16, path: &str) -> String {
    let url = format!("http://127.0.0.1:{port}{path}");
    done(Command::new("curl").args(["--silent", "--show-error", "--max-time", "10", &url]))
}

#[test]
fn a_tunnel_leads_to_what_the_world_does_not_see() {
    let bench = fresh(SMALL);
    bench.lab.edit(
        "    - { name: guest }\n",
        &format!("    - {{ name: guest }}\n{HUB}"),
    );
    bench
        .labctl(&[
            "tunnel",
            "jupyter",
            "--local-port",
            &free_port().to_string(),
        ])
        .refuses(&[
            "nobody listens on port 480",
            "labctl apply",
            "labctl logs jupyter",
        ]);

    bench.machine.sh(
        "mkdir -p /srv/page/jupyter; echo the-hub >/srv/page/jupyter/index.html; \
         systemd-run --unit=page python3 -m http.server 480 --bind 127.0.0.1 -d /srv/page",
    );
    wait_until("the page is served", || {
        bench
            .machine
            .try_sh("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 480))'")
            .status
            .success()
    });
    for signal in ["INT", "TERM"] {
        let port = free_port();
        let mut tunnel = Lasting::start(
            &bench,
            &["tunnel", "jupyter", "--local-port", &port.to_string()],
        );
        assert_eq!(tunnel.line(), format!("http://127.0.0.1:{port}/jupyter/"));
        assert_eq!(page(port, "/jupyter/"), "the-hub\n");
        tunnel.signal(signal);
        let (code, said) = tunnel.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("the tunnel is closed"), "{said}");
        assert!(is_free(port), "{signal}");
    }
    // A labctl that is killed leaves no tunnel behind, on neither side.
    let port = free_port();
    let mut tunnel = Lasting::start(
        &bench,
        &["tunnel", "480", "--local-port", &port.to_string()],
    );
    assert_eq!(tunnel.line(), format!("127.0.0.1:{port}"));
    tunnel.signal("KILL");
    tunnel.end();
    wait_until("the port is free again", || is_free(port));
    wait_until("nothing is left on the server", || {
        !bench.machine.try_sh("pgrep -x cat").status.success()
    });

    let port = free_port();
    let mut tunnel = Lasting::start(
        &bench,
        &["tunnel", "480", "--local-port", &port.to_string()],
    );
    tunnel.line();
    nothing_of_the_laptop_is_lent(&bench);
    bench.machine.sh("pkill -u ubuntu sshd");
    let (code, said) = tunnel.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("error: the tunnel has ended") && said.contains("labctl status"),
        "{said}"
    );
}

/// With an agent, a screen and a port that the user's settings of `ssh` lend to every server: a shell gets them, which is
/// the user's own; `tunnel` and `logs` do not. `ssh` finds the settings by the system's list of users, so they are put in
/// the place of the system's for one process.
fn nothing_of_the_laptop_is_lent(bench: &Bench) {
    let agent = Agent::start();
    agent.add(&bench.lab.folder.join("home/.ssh/id_ed25519"), &[]);
    let settings = "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  ForwardX11Trusted yes\n\
                    \x20 PermitLocalCommand yes\n  LocalCommand touch local-command\n";
    bench.lab.write("ssh_config", settings);
    let with_settings = |arguments: &[&str]| {
        let labctl = bench.lab.command(arguments);
        let script = "mount --bind ssh_config /etc/ssh/ssh_config && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]);
        command.arg(labctl.get_program()).args(labctl.get_args());
        command.current_dir(&bench.lab.folder).env_clear();
        for (name, value) in labctl.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("SSH_AUTH_SOCK", &agent.socket);
        command.env("DISPLAY", "127.0.0.1:99");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let lent = || bench.machine.sh("find /tmp -path '/tmp/ssh-*' -type s");
    let own = with_settings(&["ssh", "--", "ssh-add", "-l"])
        .output()
        .unwrap();
    let own = String::from_utf8_lossy(&own.stdout).into_owned();
    assert!(own.contains("SHA256:"), "a shell is the user's own: {own}");
    assert!(bench.lab.folder.join("local-command").exists());
    std::fs::remove_file(bench.lab.folder.join("local-command")).unwrap();
    wait_until("that shell is over", || lent().is_empty());

    let port = free_port().to_string();
    for arguments in [
        &["tunnel", "480", "--local-port", &port][..],
        &["logs", "page", "--follow"],
    ] {
        let mut lasting = Lasting::of(with_settings(arguments));
        lasting.line();
        assert_eq!(lent(), "", "{arguments:?}");
        lasting.signal("INT");
        let (code, said) = lasting.end();
        assert_eq!(code, Some(0), "{said}");
    }
    assert!(!bench.lab.folder.join("local-command").exists());
}

#[test]
fn a_tunnel_that_cannot_be_is_refused_before_anybody_is_asked() {
    let lab = Lab::offline();
    lab.write("lab.yaml", SMALL);
    lab.labctl(&["tunnel", "rstudio"]).refuses(&[
        "the plan has no `rstudio`",
        "none of the services",
        "labctl tunnel 483",
    ]);
    lab.edit(
        "    - { name: guest }\n",
        &format!("    - {{ name: guest }}\n{HUB}"),
    );
    lab.labctl(&["tunnel", "shiny"])
        .refuses(&["the plan has no `shiny`", "it has: jupyter;"]);
    for word in ["jupiter", "nginx", "0", "65536", "-1"] {
        let ran = lab.labctl(&["tunnel", word]).exits(1);
        assert!(ran.stderr.contains("error:"), "{ran}");
    }
    lab.labctl(&["tunnel", "jupiter"])
        .exits(1)
        .says(&["jupyter, rstudio, api, shiny, or a port"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    lab.labctl(&["tunnel", "jupyter", "--local-port", &port])
        .refuses(&[&format!("port {port}"), "another program", "--local-port"]);
    lab.cut("workbench");
    lab.labctl(&["tunnel", "jupyter"])
        .refuses(&["no `workbench`"]);
}

#[test]
fn logs_are_shown_as_they_are_written() {
    let bench = Bench::applied(SMALL);
    let ran = bench.labctl(&["logs", "nginx"]).ok();
    assert!(ran.stdout.contains("Started nginx.service"), "{ran}");
    // Lines that systemd keeps with an escape sequence must not steer the terminal.
    bench.machine.sh("printf 'a\\033[31mb\\n' | systemd-cat -t evil; systemd-run --wait --unit=evil printf 'x\\033[31my\\n'");
    let ran = bench.labctl(&["logs", "evil", "-n", "5"]).ok();
    assert!(
        ran.stdout.lines().count() <= 5 && ran.stdout.contains("evil"),
        "{ran}"
    );
    let ran = bench
        .labctl(&["logs", "certificate", "--since", "1 hour ago"])
        .ok();
    assert!(
        ran.stdout.contains("labctl-certificate") || ran.stdout.is_empty(),
        "{ran}"
    );
    bench
        .labctl(&["logs", "nginx", "--since", "half past tea"])
        .exits(1)
        .says(&["cannot be shown", "Failed to parse timestamp", "left out"]);
    bench
        .labctl(&["logs", "ngnix"])
        .refuses(&["no unit `ngnix.service`", "did you mean `nginx`?"]);
    bench.labctl(&["logs", "systemd-journal"]).refuses(&[
        "no unit `systemd-journal.service`",
        "did you mean `systemd-journald`?",
    ]);

    bench
        .machine
        .sh("systemd-run --unit=chatty sh -c 'while sleep 0.5; do date +%s%N; done'");
    let mut logs = Lasting::start(&bench, &["logs", "chatty", "--follow", "-n", "1"]);
    let first = logs.line();
    assert_ne!(first, logs.line(), "what is written later comes too");
    logs.signal("INT");
    let (code, said) = logs.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    wait_until("nobody follows on the server", || {
        !bench.machine.try_sh("pgrep -x journalctl").status.success()
    });
    let mut logs = Lasting::start(&bench, &["logs", "nginx", "--follow"]);
    logs.line();
    bench
        .machine
        .sh("echo a line of NGINX >>/var/log/nginx/error.log");
    while !logs.line().contains("a line of NGINX") {}
    logs.signal("KILL");
    logs.end();
    wait_until("nobody follows any more", || {
        !bench
            .machine
            .try_sh("pgrep -x 'journalctl|tail'")
            .status
            .success()
    });
}

#[test]
fn logs_that_cannot_be_are_refused() {
    let lab = Lab::offline();
    lab.write("lab.yaml", SMALL);
    lab.labctl(&["logs", "rstudio"]).refuses(&[
        "the plan has no `rstudio`",
        "it has: certificate, apply, ssh, nginx",
        "labctl logs rstudio-server.service",
    ]);
    for word in ["$(reboot)", "a b", "x;y"] {
        lab.labctl(&["logs", word])
            .refuses(&["is no unit's name", "short names are jupyter"]);
    }
}
