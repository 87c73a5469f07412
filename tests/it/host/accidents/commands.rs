//! `render`, `ssh` and `passwd` where all is well, and where it is not.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::machine::{Bench, SMALL};
use crate::support::{Lab, at_terminal};

#[test]
fn render_writes_what_apply_pushes() {
    let bench = Bench::applied(SMALL);
    let ran = bench.labctl(&["render", "--out", "out"]).ok();
    let mut count = 0;
    for line in ran.stdout.lines() {
        let path = line.strip_prefix("out").unwrap();
        // Only the host's knows the server's addresses.
        if path == "/etc/labctl/certificate.json" {
            continue;
        }
        let live = bench.machine.sh(&format!("cat {path}"));
        assert_eq!(live, bench.lab.read(line), "{path}");
        count += 1;
    }
    assert!(count >= 10, "{ran}");
}

#[test]
fn render_says_why_it_cannot() {
    let lab = Lab::offline();
    lab.write("lab.yaml", SMALL);
    lab.labctl(&["render", "--out", "lab.yaml/below"])
        .refuses(&["cannot write `lab.yaml/below/", "--out"]);
    lab.cut("workbench");
    lab.labctl(&["render", "--out", "out"])
        .refuses(&["no `workbench`", "labctl init"]);
    assert!(!lab.folder.join("out").exists());
}

#[test]
fn a_server_that_is_not_there_or_does_not_run() {
    let bench = Bench::new(SMALL);
    let no_server = ["the lab has no server", "labctl apply"];
    bench.labctl(&["ssh"]).refuses(&no_server);
    bench
        .labctl(&["apply", "--only", "host"])
        .refuses(&no_server);
    let (code, screen) = at_terminal(&bench.lab, "passwd guest", "");
    assert!(code == 1 && screen.contains(no_server[0]), "{screen}");

    bench.labctl(&["apply", "--yes", "--only", "cloud"]).ok();
    bench.labctl(&["stop"]).ok();
    let stopped = ["the server does not run", "labctl start"];
    bench.labctl(&["ssh"]).refuses(&stopped);
    bench.labctl(&["apply", "--only", "host"]).refuses(&stopped);
    bench
        .labctl(&["plan"])
        .ok()
        .says(&["does not run", "labctl start"]);
    // There is nothing that could be done, so nobody is asked.
    bench
        .labctl(&["apply"])
        .ok()
        .says(&["does not run", "was not set up"]);

    let plan = bench.lab.read("lab.yaml");
    bench.lab.cut("workbench");
    bench
        .labctl(&["apply", "--only", "host"])
        .refuses(&["no `workbench`"]);
    bench.lab.write("lab.yaml", &plan);
}

/// Whether PAM lets a user in, as JupyterHub asks it.
fn lets_in(bench: &Bench, user: &str, password: &str) -> bool {
    let line = format!("echo '{password}' | su {user} -c 'id -un'");
    // Not by runuser, whose command line would stand in the journal.
    let mut command = bench.machine.command("setpriv");
    let ubuntu = ["--reuid=ubuntu", "--regid=ubuntu", "--init-groups"];
    command.args(ubuntu).args(["sh", "-c", &line]);
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim() == user
}

#[test]
fn shells_and_passwords() {
    let bench = Bench::applied(SMALL);
    bench.lab.edit(
        "    - { name: guest }\n",
        "    - { name: guest }\n    - { name: newcomer }\n",
    );
    let (code, screen) = at_terminal(&bench.lab, "passwd newcomer --generate", "");
    assert!(
        code == 1 && screen.contains("no user `newcomer` on the server yet"),
        "{screen}"
    );
    bench.lab.edit("    - { name: newcomer }\n", "");

    bench.labctl(&["ssh", "id", "-un"]).ok().says(&["ubuntu\n"]);
    let ran = bench
        .labctl(&["ssh", "--login", "test-user", "id", "-un"])
        .ok();
    assert_eq!(ran.stdout, "test-user\n");
    for login in ["nobody", "-oProxyCommand=touch x"] {
        bench
            .labctl(&["ssh", &format!("--login={login}"), "true"])
            .refuses(&[&format!("no user `{login}`"), "test-user, guest"]);
    }
    assert!(!Path::new(&bench.lab.folder).join("x").exists());

    let unknown = ["the plan has no user `ada`", "test-user, guest"];
    bench.labctl(&["passwd", "ada"]).refuses(&unknown);
    bench
        .labctl(&["passwd", "guest"])
        .refuses(&["on a terminal only", "chpasswd"]);
    let (code, screen) = at_terminal(&bench.lab, "passwd guest --generate", "");
    assert_eq!(code, 0, "{screen}");
    let made = screen.split("password of `guest` is: ").nth(1).unwrap();
    let made = made.split_whitespace().next().unwrap();
    assert!(lets_in(&bench, "guest", made), "{screen}");
    assert!(!lets_in(&bench, "guest", "another one"));

    // It is written down nowhere.
    let found = bench
        .machine
        .try_sh(&format!("grep -rlF -e '{made}' /etc /var /home /tmp /root"));
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let state = bench.lab.folder.join("home");
    let local = Command::new("grep")
        .arg("-rlF")
        .arg(made)
        .arg(&state)
        .output()
        .unwrap();
    assert!(local.stdout.is_empty() && fs::exists(&state).unwrap());
}
