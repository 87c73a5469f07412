//! One user of a server against the others and against the services: attacks by a real second user.

use std::process::Stdio;

use serde_json::Value;

use super::super::accidents::wait_until;
use super::super::machine::{Bench, HUB, Machine, SMALL, done};

const PROGRAM: &str = include_str!("neighbour.py");
const WORK: &str = include_str!("../work.py");
const PYTHON: &str = "/opt/jupyterhub/bin/python";
const API: &str = "http://127.0.0.1:482/jupyter/hub/api";
const SERVER: &str = "jupyter-test-user-singleuser.service";
const FOLDER: &str = "/run/jupyter-test-user-singleuser";
const SECRET: &str = "what-only-test-user-may-see";
const PASSWORD: &str = "as-good-as-any-other";
const ATTACKER: &str = "guest";

/// Runs a function of `neighbour.py` as a user of the server.
#[track_caller]
fn tries(machine: &Machine, user: &str, arguments: &[&str]) -> Value {
    let mut command = machine.command("runuser");
    command.args(["-u", user, "--", "python3", "-c", PROGRAM]);
    serde_json::from_str(&done(command.args(arguments))).unwrap()
}

fn lab() -> Bench {
    let bench = Bench::applied(&format!("{SMALL}{HUB}"));
    let machine = &bench.machine;
    wait_for_hub(machine);
    machine.sh(&format!(
        "printf 'test-user:{PASSWORD}\\nguest:{PASSWORD}\\n' | chpasswd
         cat >/srv/work.py <<'END'\n{WORK}\nEND"
    ));
    bench
}

fn wait_for_hub(machine: &Machine) {
    wait_until("the Hub answers", || {
        machine.try_sh(&format!("curl -sf {API}/")).status.success()
    });
}

#[test]
fn neighbour_neither_takes_a_place_nor_listens() {
    let bench = lab();
    let machine = &bench.machine;
    takes_no_port_of_a_service(machine);
    passes_no_limit_on_passwords(&bench);
    sees_nothing_of_others(machine);
    answers_in_nobodys_place(machine);
}

/// Not even while the service is away.
fn takes_no_port_of_a_service(machine: &Machine) {
    let ports = ["480", "481", "482", "483", "484", "485"];
    machine.sh("systemctl stop jupyterhub jupyterhub-proxy");
    let listen = [&["listen"][..], &ports].concat();
    assert_eq!(
        tries(machine, ATTACKER, &listen),
        Value::from(Vec::<String>::new())
    );
    // A port that nobody keeps can be taken: the attack is a real one.
    let free = tries(machine, ATTACKER, &["listen", "8000"]);
    assert_ne!(free, Value::from(Vec::<String>::new()));
    machine.sh("systemctl start jupyterhub-proxy jupyterhub");
    wait_for_hub(machine);
    wait_until("the proxy answers", || {
        tries(machine, "root", &["connect", "480", "481"]) == Value::from(vec![480, 481])
    });
    let connect = [&["connect"][..], &ports].concat();
    // The Hub's own port is for the users' servers.
    assert_eq!(tries(machine, ATTACKER, &connect), Value::from(vec![482]));
    assert_eq!(
        tries(machine, "www-data", &connect),
        Value::from(vec![480, 482])
    );
    // An administrator has tunnels.
    assert_eq!(
        tries(machine, "ubuntu", &connect),
        Value::from(vec![480, 482])
    );
}

/// The right password of somebody else, at the Hub's own port and from an address of the attacker's choice.
fn passes_no_limit_on_passwords(bench: &Bench) {
    let machine = &bench.machine;
    let asked = || {
        let count =
            "journalctl -u jupyterhub -o cat | grep -c 'PAM Authentication\\|logged in' || true";
        machine.sh(count)
    };
    let before = asked();
    let answer = machine.sh(&format!(
        "runuser -u {ATTACKER} -- curl -s -w ' %{{http_code}}' -H 'X-Real-IP: 203.0.113.8' \
         -H 'X-Forwarded-For: 203.0.113.9' -H 'Content-Type: application/json' \
         -d '{{\"auth\": {{\"username\": \"test-user\", \"password\": \"{PASSWORD}\"}}}}' {API}/users/test-user/tokens"
    ));
    assert!(
        answer.ends_with(" 403") && !answer.contains("\"token\""),
        "{answer}"
    );
    assert_eq!(asked(), before, "PAM was asked");
    // The same by NGINX is a sign-in.
    let body =
        format!("{{\"auth\": {{\"username\": \"test-user\", \"password\": \"{PASSWORD}\"}}}}");
    let url = "https://lab.example.org/jupyter/hub/api/users/test-user/tokens";
    let token = bench.curl(&[
        "--insecure",
        "-H",
        "Content-Type: application/json",
        "-d",
        &body,
        url,
    ]);
    assert!(token.contains("\"token\""), "{token}");
}

/// Cells and what they print, processes, files, and what is in `/tmp`.
fn sees_nothing_of_others(machine: &Machine) {
    let cell = format!(
        "import subprocess, time; open('/tmp/mine', 'w').write('{SECRET}'); open('kept', 'w').write('{SECRET}'); \
         child = subprocess.Popen(['sh', '-c', 'sleep 600; : {SECRET}']); time.sleep(600)"
    );
    let leave = machine
        .command(PYTHON)
        .args(["/srv/work.py", "test-user", "cell", &cell])
        .status();
    assert!(leave.unwrap().success());
    wait_until("the cell runs", || {
        machine
            .try_sh("test -s /home/test-user/kept")
            .status
            .success()
    });
    let sockets = machine.sh(&format!("ls {FOLDER}"));
    assert!(sockets.matches("-ipc-").count() >= 5, "{sockets}");
    let uid = machine.sh("id -u test-user");
    let places = [
        "/home/test-user",
        "/home/test-user/kept",
        FOLDER,
        "/tmp/mine",
        "/tmp/systemd-private",
    ];
    let look = [&["look", uid.trim()][..], &places].concat();
    let found = tries(machine, ATTACKER, &look);
    assert_eq!(found["seen"], Value::from(Vec::<String>::new()), "{found}");
    // The server itself, which asks for a token, and of the kernel a socket that only takes what carries its secret: the
    // one for what forked processes print (ipykernel, `iostream.py`).
    for listens in found["listens"].as_array().unwrap() {
        let (host, port) = (listens[0].as_str().unwrap(), listens[1].to_string());
        let is_own_server = host == address(machine);
        assert!(
            is_own_server || tries(machine, ATTACKER, &["kind", host, &port]) == "PULL",
            "{found}"
        );
    }
    // Root sees all of it: there is something to be seen.
    let all = tries(machine, "root", &look);
    assert!(
        all.to_string().contains(SECRET) && all.to_string().contains("ipykernel"),
        "{all}"
    );
}

fn address(machine: &Machine) -> String {
    let line = machine.sh("grep '\"test-user\"' /etc/labctl/isolation.nft | grep saddr");
    line.split_whitespace().nth(2).unwrap().to_owned()
}

/// A server dies, and its neighbour stands there before anybody has noticed.
fn answers_in_nobodys_place(machine: &Machine) {
    let address = address(machine);
    let uid = machine.sh("id -u test-user");
    let found = tries(machine, ATTACKER, &["look", uid.trim()]);
    let mut listens = found["listens"].as_array().unwrap().iter();
    let own = listens.find(|listens| listens[0] == *address).unwrap();
    let listens = own[1].to_string();
    machine.sh(&format!("systemctl kill --signal KILL {SERVER}"));
    wait_until("the port is free", || {
        let found = tries(machine, ATTACKER, &["look", uid.trim()]);
        found["listens"].as_array().unwrap().is_empty()
    });
    assert_eq!(
        heard(machine, &address, &listens),
        Value::from(Vec::<String>::new())
    );
    // Without the rules, that is what it would have heard.
    machine.sh("nft delete table inet labctl_isolation");
    let heard = heard(machine, &address, &listens);
    assert!(heard.to_string().contains(SECRET), "{heard}");
    machine.sh("systemctl reload labctl-isolation");
}

/// What the attacker is sent in that place, when somebody's browser asks JupyterHub's proxy for the user's server.
fn heard(machine: &Machine, address: &str, port: &str) -> Value {
    machine.sh("rm -f /tmp/stands");
    let mut command = machine.command("runuser");
    command.args(["-u", ATTACKER, "--", "python3", "-c", PROGRAM]);
    command.args(["stand_in", address, port, "6"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the attacker stands there", || {
        machine.try_sh("test -e /tmp/stands").status.success()
    });
    machine.try_sh(&format!(
        "curl -sk -m 4 -o /dev/null -H 'Host: lab.example.org' -H 'Cookie: mine={SECRET}' \
         https://127.0.0.1/jupyter/user/test-user/api/status"
    ));
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Who leaves keeps nothing that runs or starts again, however hard somebody tries meanwhile.
#[test]
fn who_leaves_keeps_nothing_running() {
    let bench = lab();
    let machine = &bench.machine;
    let token = machine.sh(&format!(
        "{PYTHON} -c 'from jupyterhub import orm
session = orm.new_session_factory(\"sqlite:////var/lib/jupyterhub/jupyterhub.sqlite\")()
print(orm.User.find(session, \"guest\").new_api_token(note=\"test\"))'"
    ));
    let token = token.trim();
    let start =
        format!("curl -s -X POST -H \"Authorization: token {token}\" {API}/users/guest/server");
    let status = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -H 'Authorization: token {token}' {API}/user"
    );
    assert_eq!(machine.sh(&status), "200");
    // Who has the token asks for a server again and again, from elsewhere.
    machine.sh(&format!(
        "systemd-run --quiet --unit insists sh -c 'while :; do {start}; sleep 0.5; done'"
    ));
    wait_until("the server runs", || {
        machine.is_active("jupyter-guest-singleuser.service")
    });
    // It starts again what is ended: in the user's own systemd, and by itself.
    machine.sh(
        "loginctl enable-linger guest; mkdir -p /var/spool/cron/crontabs /var/spool/cron/atjobs
         echo '* * * * * sleep 59' >/var/spool/cron/crontabs/guest
         install -o guest -m 700 /dev/null /var/spool/cron/atjobs/a0000101
         install -d -o guest -g guest /home/guest/.config/systemd/user/default.target.wants
         printf '[Service]\\nExecStart=/bin/sleep 777\\nRestart=always\\nRestartSec=0\\n' \
             >/home/guest/.config/systemd/user/stays.service
         ln -s ../stays.service /home/guest/.config/systemd/user/default.target.wants/
         systemctl restart user@$(id -u guest).service
         runuser -u guest -- setsid sh -c '(trap \"\" TERM HUP; while :; do sleep 778 & wait; done) >/dev/null 2>&1 &'",
    );
    wait_until("all of it runs", || {
        let both = "pgrep -u guest -f 'sleep 777' && pgrep -u guest -f 'sleep 778'";
        machine.try_sh(both).status.success()
    });

    bench.lab.edit("    - { name: guest }\n", "");
    bench.apply();

    for _ in 0..5 {
        assert_eq!(machine.sh("ps -u guest -o pid=,args= || true"), "");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert_eq!(machine.sh(&status), "403");
    machine.sh("systemctl stop insists");
    let left = "ls /var/lib/systemd/linger /var/spool/cron/crontabs /var/spool/cron/atjobs /var/lib/labctl/leaving | grep -v :";
    assert_eq!(machine.sh(left).trim(), "");
    // What people have made is kept.
    machine
        .sh("grep -q 'sleep 59' /var/lib/labctl/left/guest.crontab && test -d /home/guest/.config");
    let users = "python3 -c 'import sqlite3
print(sqlite3.connect(\"/var/lib/jupyterhub/jupyterhub.sqlite\").execute(\"select name from users\").fetchall())'";
    assert_eq!(machine.sh(users), "[('test-user',)]\n");
}
