//! Users' notebook servers on a real JupyterHub: when they are stopped, and what labctl shows them of its rights.

use std::time::{Duration, Instant};

use super::accidents::wait_until;
use super::machine::{Bench, HUB, Machine, SMALL};

const PYTHON: &str = "/opt/jupyterhub/bin/python";
const CULLER: &str = "/etc/jupyterhub/idle_culler_config.py";
const CONFIGURATION: &str = "/etc/jupyterhub/jupyterhub_config.py";
const DATABASE: &str = "/var/lib/jupyterhub/jupyterhub.sqlite";
const API: &str = "http://127.0.0.1:482/jupyter/hub/api";
const WORK: &str = include_str!("work.py");
const SPY: &str = include_str!("spy.py");
/// The time after which a server counts as idle here, where plans have a minute or more.
const IDLE: Duration = Duration::from_secs(8);
/// How long the work of these tests takes: several times that.
const WORKING: Duration = Duration::from_secs(32);

fn server_of(user: &str) -> String {
    format!("jupyter-{user}-singleuser.service")
}

fn write(machine: &Machine, path: &str, text: &str) {
    machine.sh(&format!(
        "mkdir -p $(dirname {path}); cat >{path} <<'END'\n{text}\nEND"
    ));
}

/// A lab with JupyterHub, where what takes hours takes seconds.
fn in_haste(more: &str) -> Bench {
    let bench = Bench::applied(&format!("{SMALL}{HUB}"));
    let machine = &bench.machine;
    let idle = IDLE.as_secs();
    machine.sh(&format!(
        "sed -i 's/timeout = 3600/timeout = {idle}/; s/cull_every = 300/cull_every = 1/' {CULLER}
         sed -i 's/\"JUPYTERHUB_ACTIVITY_INTERVAL\": str(300)/\"JUPYTERHUB_ACTIVITY_INTERVAL\": \"2\"/' {CONFIGURATION}
         grep -q 'timeout = {idle}' {CULLER} && grep -q 'cull_every = 1$' {CULLER} && grep -q '\"2\"' {CONFIGURATION}
         echo '{more}' >>{CULLER}"
    ));
    write(machine, "/srv/work.py", WORK);
    restart(machine);
    bench
}

/// A lab with JupyterHub, which answers.
fn lab() -> Bench {
    let bench = Bench::applied(&format!("{SMALL}{HUB}"));
    wait_for_hub(&bench.machine);
    bench
}

fn restart(machine: &Machine) {
    machine.sh("systemctl restart jupyterhub");
    wait_for_hub(machine);
}

fn wait_for_hub(machine: &Machine) {
    wait_until("the Hub answers", || {
        machine.try_sh(&format!("curl -sf {API}/")).status.success()
    });
}

/// Leaves work behind that nobody watches.
fn leave(machine: &Machine, user: &str, kind: &str, text: &str) {
    machine.sh(&format!("{PYTHON} /srv/work.py {user} {kind} '{text}'"));
    assert!(machine.is_active(&server_of(user)), "{user}");
}

/// The gate's own program, of the apply that set the server up.
fn gate(user: &str, kernel: &str) -> String {
    format!(
        "{PYTHON} -I $(ls -d /var/lib/labctl/runs/*/agent/kernel_gate.py | tail -1) \
         --user {user} --base https://lab.example.org/jupyter/ --kernel {kernel}"
    )
}

/// A kernel that takes its time to start, in which nothing is heard of it.
fn add_slow_kernel(machine: &Machine) {
    write(
        machine,
        "/usr/local/share/jupyter/kernels/slow/kernel.json",
        &format!(
            "{{\"argv\": [\"sh\", \"-c\", \"sleep 22; exec {PYTHON} -m ipykernel_launcher -f {{connection_file}}\"], \
             \"display_name\": \"slow\", \"language\": \"python\"}}"
        ),
    );
}

/// How many tokens of gates are valid.
fn gate_tokens(machine: &Machine) -> String {
    sql(
        machine,
        "select count(*) from api_tokens where note like \"made by labctl%\" \
         and expires_at > datetime(\"now\")",
    )
}

fn sql(machine: &Machine, query: &str) -> String {
    machine.sh(&format!(
        "python3 -c 'import sqlite3, sys
print(*sqlite3.connect(\"{DATABASE}\").execute(sys.argv[1]).fetchone())' '{query}'"
    ))
}

/// What the Hub's API answers to a token.
fn status(machine: &Machine, token: &str, path: &str) -> String {
    machine.sh(&format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -H 'Authorization: token {token}' {API}/{path}"
    ))
}

#[test]
fn silent_work_is_spared_by_the_culler_until_it_ends() {
    let bench = in_haste("");
    let machine = &bench.machine;
    let seconds = WORKING.as_secs();
    leave(machine, "guest", "terminal", &format!("sleep {seconds} &"));
    let begun = Instant::now();
    let cell = format!("import time; time.sleep({seconds})");
    leave(machine, "test-user", "cell", &cell);
    while begun.elapsed() < IDLE * 3 {
        for user in ["guest", "test-user"] {
            assert!(machine.is_active(&server_of(user)), "{user} lost its work");
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    for user in ["guest", "test-user"] {
        wait_until("what is idle is stopped", || {
            !machine.is_active(&server_of(user))
        });
    }
    let elapsed = begun.elapsed();
    assert!(elapsed > WORKING, "stopped after {elapsed:?}");
}

#[test]
fn busy_server_is_stopped_at_its_greatest_age() {
    // Longer than a busy machine takes to start a kernel.
    let bench = in_haste("c.IdleCuller.max_age = 60");
    let machine = &bench.machine;
    let begun = Instant::now();
    let cell = "import time; time.sleep(300)";
    leave(machine, "guest", "cell", cell);
    wait_until("what is old is stopped", || {
        !machine.is_active(&server_of("guest"))
    });
    assert!(begun.elapsed() > IDLE + Duration::from_secs(5));
    machine.sh("journalctl -u jupyterhub --no-pager | grep -q 'Culling server guest (age: 00:01:'");
}

#[test]
fn server_of_a_gate_is_not_stopped_as_idle() {
    let bench = in_haste("");
    let machine = &bench.machine;
    add_slow_kernel(machine);
    let said = machine.sh(&gate("guest", "slow"));
    assert!(said.contains("6 * 7 = 42"), "{said}");
    assert!(!machine.is_active(&server_of("guest")), "left behind");
}

#[test]
fn gate_shows_a_user_no_token_for_others() {
    let bench = lab();
    let machine = &bench.machine;
    // What every user can do: their server's configuration is theirs.
    write(
        machine,
        "/home/test-user/.jupyter/jupyter_server_config.py",
        SPY,
    );
    machine.sh("chown -R test-user: /home/test-user/.jupyter");
    let ran = bench.labctl(&["doctor", "--deep", "--resolver", "127.0.0.1:1"]);
    let ran = ran.says(&["gate: notebook of test-user"]);
    let seen = machine.sh("sort -u /home/test-user/seen");
    assert!(!seen.is_empty(), "{ran}");
    for line in seen.lines() {
        let mut words = line.split(' ');
        let token = words.next().unwrap();
        let found: Vec<_> = words.collect();
        assert_eq!(
            found,
            ["access:servers!user=test-user", "guest:404", "start:403"],
            "what the token could do"
        );
        assert_eq!(status(machine, token, "user"), "403", "it still works");
    }
    assert_eq!(gate_tokens(machine), "0\n");
    // No service of labctl's, whose token nobody would revoke.
    assert_eq!(
        sql(machine, "select group_concat(name) from services"),
        "idle-culler\n"
    );
}

#[test]
fn gate_revokes_its_tokens_however_it_ends() {
    let bench = lab();
    let machine = &bench.machine;
    let failed = machine.try_sh(&gate("guest", "nonsense"));
    let said = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert!(
        !failed.status.success() && said.contains("api/kernels answers"),
        "{said}"
    );
    assert_eq!(gate_tokens(machine), "0\n");
    // The Hub takes the next gate's tokens for what they are.
    let said = machine.sh(&gate("guest", "python3"));
    assert!(said.contains("6 * 7 = 42"), "{said}");
    let unknown = machine.try_sh(&gate("nobody-here", "python3"));
    let said = String::from_utf8_lossy(&unknown.stdout).into_owned();
    assert!(said.contains("does not know the user"), "{said}");

    add_slow_kernel(machine);
    machine.sh(&format!(
        "systemd-run --quiet --unit gate --property StandardOutput=file:/srv/said sh -c 'exec {}'",
        gate("guest", "slow")
    ));
    // Both of them: it is in the middle of its kernel.
    wait_until("it has its tokens", || gate_tokens(machine) == "2\n");
    machine.sh("systemctl stop gate");
    let said = machine.sh("cat /srv/said");
    assert!(said.contains("it was told to stop"), "{said}");
    assert_eq!(gate_tokens(machine), "0\n");
    assert!(!machine.is_active(&server_of("guest")), "left behind");
}

/// The Hub as labctl once set it up: a service whose token opened every server, for good.
const EARLIER: &str = r#"
import json
from pathlib import Path

def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text, path
    Path(path).write_text(text.replace(old, new, 1))

edit("/etc/jupyterhub/jupyterhub_config.py", "services = [", 'services = [{"name": "labctl", "api_token": os.environ["LABCTL_GATE_TOKEN"]},')
edit(
    "/etc/jupyterhub/jupyterhub_config.py",
    "load_roles = [",
    'load_roles = [{"name": "labctl-gate", "scopes": ["servers", "access:servers"], "services": ["labctl"]},',
)
unit = "/etc/systemd/system/jupyterhub.service"
edit(unit, "[Service]\n", "[Service]\nEnvironmentFile=/etc/jupyterhub/hub.env\n")
noted = Path("/var/lib/labctl/manifest.json")
manifest = json.loads(noted.read_text())
manifest["files"]["/etc/jupyterhub/hub.env"] = manifest["files"]["/etc/jupyterhub/proxy.env"]
noted.write_text(json.dumps(manifest))
"#;

#[test]
fn token_of_an_earlier_labctl_is_revoked_by_an_apply() {
    let bench = lab();
    let machine = &bench.machine;
    let token = "5eed".repeat(16);
    machine.sh(&format!(
        "umask 077; echo LABCTL_GATE_TOKEN={token} >/etc/jupyterhub/hub.env"
    ));
    write(machine, "/srv/earlier.py", EARLIER);
    machine.sh("python3 /srv/earlier.py && systemctl daemon-reload");
    restart(machine);
    assert_eq!(status(machine, &token, "users/guest"), "200");
    bench.apply();
    assert_eq!(status(machine, &token, "users/guest"), "403");
    let left = machine.sh(&format!(
        "grep -rlF {token} /etc /var/lib /home /root /run /srv 2>/dev/null || true"
    ));
    assert_eq!(left, "");
}
