//! Who is let in: keys of all kinds, the agent, passphrases.

use std::fs;
use std::process::Command;
use std::time::Duration;

use labctl::host::ssh::{KeyFileProblem, SshError};
use labctl::support::hint::Hint;

use crate::host::sshd::{Agent, make_key, public_path, read_key, set_mode, succeed};

use super::{Client, Sshd, block_on};

const PASSPHRASE: &str = "open sesame";

#[track_caller]
fn assert_enters(client: &Client, sshd: &Sshd) {
    let (finished, lines) = client.run(sshd.port, "echo in");
    assert_eq!((finished.status, lines), (0, vec!["in".to_owned()]));
}

#[test]
fn keys_of_all_kinds_are_let_in() {
    let sshd = Sshd::start(&["ed25519"]);
    let kinds: [&[&str]; 7] = [
        &["-t", "ed25519"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "4096", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384", "-m", "PEM"],
        &["-t", "ecdsa", "-b", "521", "-m", "PKCS8"],
    ];
    for options in kinds {
        let client = Client::with_key(options);
        sshd.let_in(&client.public_key);
        assert_enters(&client, &sshd);
        assert!(client.questions.borrow().is_empty(), "{options:?}");
    }
}

#[test]
fn encrypted_keys_of_all_kinds_ask_once() {
    let sshd = Sshd::start(&["ed25519"]);
    let kinds: [&[&str]; 5] = [
        &["-t", "ed25519"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
        &["-t", "ecdsa", "-b", "256"],
    ];
    for options in kinds {
        let client = Client::with_key(&[options, &["-N", PASSPHRASE]].concat());
        sshd.let_in(&client.public_key);
        client.answers.borrow_mut().push_back(PASSPHRASE);
        assert_enters(&client, &sshd);
        let questions = client.questions.borrow();
        assert_eq!(questions.len(), 1, "{options:?}");
        assert!(questions[0].contains(client.private_path.to_str().unwrap()));
    }
}

#[test]
fn a_wrong_passphrase_may_be_corrected() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::with_key(&["-t", "ed25519", "-N", PASSPHRASE]);
    sshd.let_in(&client.public_key);
    client.answers.borrow_mut().extend(["no", "", PASSPHRASE]);
    assert_enters(&client, &sshd);
    assert_eq!(client.questions.borrow().len(), 3);
}

#[test]
fn three_wrong_passphrases_are_enough() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::with_key(&["-t", "ed25519", "-N", PASSPHRASE]);
    sshd.let_in(&client.public_key);
    client
        .answers
        .borrow_mut()
        .extend(["one", "two", "three", PASSPHRASE]);
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::WrongPassphrase(_)), "{error}");
    assert!(error.hint().contains("ssh-add"));
    assert!(!format!("{error:?} {error}").contains("three\""));
}

#[test]
fn nobody_to_answer_is_said() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::with_key(&["-t", "ed25519", "-N", PASSPHRASE]);
    sshd.let_in(&client.public_key);
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::NoPassphrase(_)), "{error}");
}

#[test]
fn no_passphrase_is_asked_for_a_key_that_the_server_does_not_take() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::with_key(&["-t", "ed25519", "-N", PASSPHRASE]);
    client.answers.borrow_mut().push_back(PASSPHRASE);
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::Denied { .. }), "{error}");
    assert!(client.questions.borrow().is_empty());
}

#[test]
fn the_agent_is_asked_before_the_user() {
    let sshd = Sshd::start(&["ed25519"]);
    for options in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"]] {
        let mut client = Client::with_key(options);
        sshd.let_in(&client.public_key);
        let agent = Agent::start();
        agent.add(&client.private_path, &[]);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-p", "-N", PASSPHRASE, "-f"]);
        succeed(command.arg(&client.private_path));
        client.agent = Some(agent.socket.clone());
        assert_enters(&client, &sshd);
        assert!(client.questions.borrow().is_empty());
        fs::remove_file(&client.private_path).unwrap();
        assert_enters(&client, &sshd);
    }
}

#[test]
fn an_agent_that_does_not_sign_is_passed_over() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::with_key(&["-t", "ed25519"]);
    sshd.let_in(&client.public_key);
    let agent = Agent::start();
    // It wants a confirmation, and there is no terminal to give one.
    agent.add(&client.private_path, &["-c"]);
    client.agent = Some(agent.socket.clone());
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-p", "-N", PASSPHRASE, "-f"]);
    succeed(command.arg(&client.private_path));
    client.answers.borrow_mut().push_back(PASSPHRASE);
    assert_enters(&client, &sshd);
    fs::remove_file(&client.private_path).unwrap();
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::AgentRefused(_)), "{error}");
}

#[test]
fn an_agent_without_the_key_or_without_life_does_not_matter() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::with_key(&["-t", "ed25519", "-N", PASSPHRASE]);
    sshd.let_in(&client.public_key);
    let agent = Agent::start();
    for socket in [agent.socket.clone(), client.folder.at("nothing")] {
        client.agent = Some(socket);
        client.answers.borrow_mut().push_back(PASSPHRASE);
        assert_enters(&client, &sshd);
    }
}

#[test]
fn no_private_key_at_all_is_said_before_any_wait() {
    let client = Client::with_key(&["-t", "ed25519"]);
    fs::remove_file(&client.private_path).unwrap();
    // Nothing listens on port 1: it must not matter.
    let error = client.refused(1);
    assert!(matches!(error, SshError::NoPrivateKey { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(client.private_path.to_str().unwrap())
    );
}

#[track_caller]
fn assert_file_refused(client: &Client, expected: impl Fn(&KeyFileProblem) -> bool) -> String {
    let error = client.refused(1);
    let SshError::KeyFile { problem, .. } = &error else {
        panic!("{error}");
    };
    assert!(expected(problem), "{problem}");
    error.hint().into_owned()
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let client = Client::with_key(&["-t", "ed25519"]);
    set_mode(&client.private_path, 0o644);
    let hint = assert_file_refused(&client, |problem| {
        matches!(problem, KeyFileProblem::TooOpen(0o644))
    });
    assert!(hint.contains("chmod 600"), "{hint}");
}

#[test]
fn a_file_with_another_key_is_refused() {
    for options in [
        &["-t", "ed25519"][..],
        &["-t", "ed25519", "-N", PASSPHRASE],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
    ] {
        let mut client = Client::with_key(options);
        let other = client.folder.at("other");
        let kind = &options[..2];
        client.public_key = make_key(&other, kind);
        fs::copy(public_path(&other), public_path(&client.private_path)).unwrap();
        assert_eq!(
            read_key(&public_path(&client.private_path)),
            client.public_key
        );
        assert_file_refused(&client, |problem| {
            matches!(problem, KeyFileProblem::OtherKey)
        });
    }
}

#[test]
fn an_encrypted_file_with_another_key_is_found_out_by_the_server() {
    let sshd = Sshd::start(&["ed25519"]);
    let options = ["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", PASSPHRASE];
    let mut client = Client::with_key(&options);
    let other = client.folder.at("other");
    client.public_key = make_key(&other, &["-t", "rsa", "-b", "2048"]);
    fs::copy(public_path(&other), public_path(&client.private_path)).unwrap();
    sshd.let_in(&client.public_key);
    client.answers.borrow_mut().push_back(PASSPHRASE);
    let error = client.refused(sshd.port);
    assert!(error.to_string().contains("another key"), "{error}");
}

#[test]
fn a_key_file_written_by_windows_is_read() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    let text = fs::read_to_string(&client.private_path).unwrap();
    fs::write(&client.private_path, text.trim().replace('\n', "\r\n")).unwrap();
    assert_enters(&client, &sshd);
}

#[test]
fn a_key_that_is_not_there_yet_is_waited_for() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::with_key(&["-t", "ed25519"]);
    client.patience.denied = Duration::from_secs(20);
    let port = sshd.port;
    let opened = block_on(async {
        let later = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            sshd.let_in(&client.public_key);
        };
        futures_util::future::join(client.open(port), later).await.0
    });
    assert!(opened.is_ok(), "{:?}", opened.err());
}

#[test]
fn a_key_that_is_not_taken_is_told_with_its_fingerprint() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::with_key(&["-t", "ed25519"]);
    client.patience.denied = Duration::from_secs(3);
    let error = client.refused(sshd.port);
    let mut command = Command::new("ssh-keygen");
    let fingerprint = succeed(command.arg("-lf").arg(&client.private_path));
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    let text = error.to_string();
    assert!(
        matches!(error, SshError::Denied { tries: 2.., .. }),
        "{text}"
    );
    assert!(
        text.contains(fingerprint) && text.contains(&client.user),
        "{text}"
    );
    assert!(error.hint().contains("key_pair"));
    assert_eq!(client.pins(), "", "a server that let nobody in was pinned");
}

#[test]
fn a_user_that_is_not_there_is_denied() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::of(&sshd);
    client.user = "no-such-user".to_owned();
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::Denied { .. }), "{error}");
}
