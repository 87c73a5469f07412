//! What strangers may take of a server, and how fast passwords can be guessed: by the real NGINX and JupyterHub, from
//! many addresses.

use std::time::Instant;

use serde_json::{Value, json};

use super::machine::{Bench, HUB, Machine, SMALL, done};

const PROGRAM: &str = include_str!("limits.py");
const PASSWORD: &str = "as-good-as-any-other";
const STUDENTS: usize = 40;
/// Where a whole class sits.
const CLASSROOM: &str = "127.0.0.40";
/// Where one of them lives.
const HOME: &str = "127.0.0.41";
const FORM: u64 = 302;

fn student(number: usize) -> String {
    format!("student{number}")
}

/// A small lab with JupyterHub and a class.
fn class() -> Bench {
    let students: String = (0..STUDENTS)
        .map(|number| format!("    - {{ name: {} }}\n", student(number)))
        .collect();
    let bench = Bench::applied(&format!("{SMALL}{students}{HUB}"));
    let lines: String = (0..STUDENTS)
        .map(|number| format!("{}:{PASSWORD}\\n", student(number)))
        .collect();
    let machine = &bench.machine;
    machine.sh(&format!("printf '{lines}guest:{PASSWORD}\\n' | chpasswd"));
    machine.sh("for try in $(seq 300); do \
         curl -sk -o /dev/null -f https://127.0.0.1/jupyter/hub/login -H 'Host: lab.example.org' \
         && exit; sleep 0.2; done; exit 1");
    bench
}

/// Runs one function of `limits.py` on the server.
#[track_caller]
fn run(machine: &Machine, request: &Value) -> Value {
    let mut command = machine.command("python3");
    let said = done(command.args(["-c", PROGRAM, &request.to_string()]));
    serde_json::from_str(&said).unwrap()
}

#[track_caller]
fn sign_in(machine: &Machine, source: &str, names: &[String], password: &str) -> Vec<Value> {
    let request =
        json!({ "do": "sign_in", "source": source, "names": names, "password": password });
    run(machine, &request).as_array().unwrap().clone()
}

fn statuses(answers: &[Value]) -> Vec<u64> {
    let status = |answer: &Value| answer["status"].as_u64().unwrap();
    answers.iter().map(status).collect()
}

/// Asks JupyterHub's API for a token with so many wrong passwords, each time with another forged address; gives how
/// many of them it has really tried.
fn guess_by_api(machine: &Machine, source: &str, path: &str, times: usize) -> usize {
    let passwords: Vec<_> = (0..times).map(|number| format!("guess{number}")).collect();
    let forged = json!({ "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.8", "Forwarded": "for=203.0.113.7" });
    let before = tried(machine);
    let request = json!({
        "do": "ask_for_tokens", "source": source, "path": path, "name": student(0), "passwords": passwords,
        "headers": forged,
    });
    let answers = run(machine, &request);
    let all_refused = |answer: &Value| [403, 429].contains(&answer["status"].as_u64().unwrap());
    assert!(
        answers.as_array().unwrap().iter().all(all_refused),
        "{answers}"
    );
    tried(machine) - before
}

/// How many wrong passwords PAM has seen in JupyterHub.
fn tried(machine: &Machine) -> usize {
    let count = "journalctl -u jupyterhub -o cat | grep -c 'PAM Authentication failed' || true";
    machine.sh(count).trim().parse().unwrap()
}

#[test]
fn a_class_signs_in_and_who_guesses_is_slowed() {
    let bench = class();
    let machine = &bench.machine;
    let all: Vec<_> = (0..STUDENTS).map(student).collect();

    // Forty people come at once, from one address.
    let start = Instant::now();
    let answers = sign_in(machine, CLASSROOM, &all, PASSWORD);
    let took = start.elapsed().as_secs_f64();
    assert_eq!(statuses(&answers), vec![FORM; STUDENTS], "{answers:?}");
    assert!(took < 20.0, "{took} s");

    // Somebody there guesses a password by the API, whatever its path looks like.
    let tokens = format!("/hub/api/users/{}/tokens", student(0));
    assert_eq!(guess_by_api(machine, CLASSROOM, &tokens, 20), 5);
    let escaped = "/hub/api/users/student%30/tokens";
    assert_eq!(guess_by_api(machine, CLASSROOM, escaped, 10), 0);
    // The form knows of it, and says so to the right user there too.
    let one = [student(0)];
    let refused = &sign_in(machine, CLASSROOM, &one, PASSWORD)[0];
    assert_eq!(refused["status"], 429, "{refused}");
    let said = refused["said"].as_str().unwrap();
    assert!(
        said.starts_with("too many failed sign-ins with this name from your address; wait "),
        "{said}"
    );
    // Everybody else there, and that user elsewhere, comes in at once.
    let others: Vec<_> = all[1..6].to_vec();
    let answers = sign_in(machine, CLASSROOM, &others, PASSWORD);
    assert_eq!(statuses(&answers), vec![FORM; 5], "{answers:?}");
    let home = &sign_in(machine, HOME, &one, PASSWORD)[0];
    assert_eq!(home["status"], FORM, "{home}");
    assert!(home["seconds"].as_f64().unwrap() < 5.0, "{home}");
    guesses_with_many_names(machine, &one);
}

/// Who takes another name each time is slowed by NGINX, and holds up nobody elsewhere; failures look alike.
fn guesses_with_many_names(machine: &Machine, one: &[String]) {
    let names: Vec<_> = (0..150).map(|number| format!("nobody{number}")).collect();
    let flood = sign_in(machine, "127.0.0.66", &names, "guess");
    let statuses = statuses(&flood);
    let refused = statuses.iter().filter(|status| **status == 429).count();
    let tried = statuses.iter().filter(|status| **status == 403).count();
    assert!(refused >= 30 && tried >= 100, "{statuses:?}");
    let fastest = |status: u64| {
        let of = flood.iter().filter(|answer| answer["status"] == status);
        of.map(|answer| answer["seconds"].as_f64().unwrap())
            .fold(f64::MAX, f64::min)
    };
    assert!(
        fastest(403) >= 1.0,
        "the time tells who is known: {} s",
        fastest(403)
    );
    let home = &sign_in(machine, HOME, one, PASSWORD)[0];
    assert_eq!(home["status"], FORM, "{home}");
}

#[test]
fn strangers_fill_no_disk_and_users_upload() {
    let bench = class();
    let machine = &bench.machine;
    let before = peak(machine);
    let post = |path: &str, headers: &Value, is_chunked: bool| {
        run(
            machine,
            &json!({
                "do": "post", "source": "127.0.0.67", "path": path, "megabytes": 200, "headers": headers,
                "is_chunked": is_chunked,
            }),
        )
    };
    for path in [
        "/",
        "/nothing",
        "/jupyter/",
        "/jupyter/hub/login",
        "/jupyter/hub/api/users/guest/tokens",
        "/jupyter/services/labctl/",
        "/jupyter/user/guest/api/contents/x",
        "/jupyter/user/nobody/api/contents/x",
        "/jupyter/hub/../user/guest/api/contents/x",
        "/%6aupyter/user/guest/api/contents/x",
    ] {
        for is_chunked in [false, true] {
            is_refused(&post(path, &json!({}), is_chunked), path);
        }
    }
    let grown = peak(machine) - before;
    assert!(grown < 50_000, "the Hub has taken {grown} kB of it");
    let done = run(
        machine,
        &json!({
            "do": "upload", "source": HOME, "name": "guest", "password": PASSWORD, "megabytes": 300,
            "megabytes_a_part": 20,
        }),
    );
    assert_eq!(done["kept"], 0, "NGINX has kept something");
    assert_eq!(
        machine.sh("stat -c '%s %U' /home/guest/large.bin"),
        "300000000 guest\n"
    );
    // His server runs now; others are no more welcome there than before, with a cookie of another or a made-up one.
    let path = "/jupyter/user/guest/api/contents/x";
    let stolen = done["cookies"]
        .as_str()
        .unwrap()
        .replace("jupyterhub-user-guest=", "jupyterhub-user-guest=x");
    for headers in [
        json!({}),
        json!({ "Cookie": stolen }),
        json!({ "Authorization": "token made-up" }),
    ] {
        for is_chunked in [false, true] {
            is_refused(&post(path, &headers, is_chunked), path);
        }
        is_refused(
            &post(&format!("{path}?token=made-up"), &headers, false),
            path,
        );
    }
    half_open_requests_stop_nobody(machine);
    logs_stay_small(machine);
}

/// A log that somebody has filled is put away within minutes, and NGINX writes to a new one.
fn logs_stay_small(machine: &Machine) {
    assert!(machine.is_active("labctl-logs.timer"));
    let long = "for flag in -A -H; do curl -sk -o /dev/null $flag \"X: $(printf %7000s | tr ' ' y)\" \
                https://127.0.0.1/$(printf %6000s | tr ' ' z); done; tail -n 2 /var/log/nginx/access.log | wc -c";
    let bytes: usize = machine.sh(long).trim().parse().unwrap();
    assert!(bytes < 2000, "two lines have {bytes} bytes");
    let left = machine.sh(
        "head -c 60000000 /dev/zero >>/var/log/nginx/access.log
         for try in $(seq 120); do
             sleep 1; test $(stat -c %s /var/log/nginx/access.log) -lt 1000000 && break
         done
         curl -sk -o /dev/null https://127.0.0.1/after; sleep 0.5; grep -c /after /var/log/nginx/access.log
         stat -c '%a %U %G' /var/log/nginx/access.log",
    );
    assert_eq!(left, "1\n640 www-data adm\n");
}

/// The most memory that the Hub and its proxy have had, in kilobytes.
fn peak(machine: &Machine) -> u64 {
    let peaks = machine.sh("for unit in jupyterhub jupyterhub-proxy; do \
         sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' \
         /proc/$(systemctl show -p MainPID --value $unit)/status; done");
    peaks.lines().map(|line| line.parse::<u64>().unwrap()).sum()
}

/// Refused, and nothing of it in a file.
#[track_caller]
fn is_refused(answer: &Value, path: &str) {
    // It answers, or closes the connection under what is still sent.
    let status = &answer["status"];
    let is_refusal = status.is_null() || [403, 404, 405, 413].contains(&status.as_u64().unwrap());
    assert!(is_refusal, "{path}: {answer}");
    assert_eq!(answer["kept"], 0, "{path}: {answer}");
    assert!(
        answer["seconds"].as_f64().unwrap() < 10.0,
        "{path}: {answer}"
    );
}

fn half_open_requests_stop_nobody(machine: &Machine) {
    let request = json!({ "do": "hold", "source": "127.0.0.68", "count": 2000, "other": HOME });
    let seen = run(machine, &request);
    assert_eq!(seen["status"], 200, "{seen}");
    assert!(seen["seconds"].as_f64().unwrap() < 5.0, "{seen}");
    assert_eq!(seen["closed"], 2000, "{seen}");
}
