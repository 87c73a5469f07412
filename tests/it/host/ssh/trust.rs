//! Whether the server is the right one.

use std::fs;
use std::process::Command;
use std::time::Duration;

use labctl::host::ssh::{HowTrusted, SshError};
use labctl::support::hint::Hint;

use crate::host::sshd::{Agent, succeed};

use super::{Client, PIN, Sshd, block_on};

fn trusted(client: &Client, port: u16) -> HowTrusted {
    block_on(client.open(port)).unwrap().trusted
}

#[test]
fn the_first_use_is_said_and_pinned() {
    let sshd = Sshd::start(&["ed25519", "rsa"]);
    let client = Client::of(&sshd);
    let key = sshd.key("ed25519");
    let fingerprint = key.fingerprint();
    assert_eq!(
        trusted(&client, sshd.port),
        HowTrusted::FirstUse { fingerprint }
    );
    assert_eq!(client.pins(), format!("{PIN} {key}\n"));
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Pinned);
    assert_eq!(client.console.looks.get(), 2);
}

/// The first use is no verdict for ever: the console is asked until it can be compared, and not once more.
#[test]
fn a_pin_of_first_use_is_compared_with_the_console_later() {
    let sshd = Sshd::start(&["ed25519", "rsa"]);
    let mut client = Client::of(&sshd);
    let key = sshd.key("ed25519");
    assert!(matches!(
        trusted(&client, sshd.port),
        HowTrusted::FirstUse { .. }
    ));
    client.console.keys = vec![key.clone()];
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Confirmed);
    assert_eq!(client.pins(), format!("{PIN} {key} checked\n"));
    assert_eq!(client.console.looks.get(), 2);
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Pinned);
    assert_eq!(
        client.console.looks.get(),
        2,
        "a call for what is known already"
    );

    // Where the console shows keys of other types only, the server is asked for one of those.
    let mut client = Client::of(&sshd);
    trusted(&client, sshd.port);
    client.console.keys = vec![sshd.key("rsa")];
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Confirmed);
    assert_eq!(
        client.pins(),
        format!("{PIN} {} checked\n", sshd.key("rsa"))
    );
}

/// Somebody in between at the very first connection, who is still there: once the console shows the truth, it ends.
#[test]
fn a_pin_of_first_use_that_the_console_denies_is_refused() {
    let (sshd, middle) = (Sshd::start(&["ed25519"]), Sshd::start(&["ed25519", "rsa"]));
    for kind in ["ed25519", "rsa"] {
        let mut client = Client::of(&middle);
        trusted(&client, middle.port);
        let logins = middle.log().matches("Accepted").count();
        client.console.keys = vec![match kind {
            "rsa" => Sshd::start(&["rsa"]).key("rsa"),
            _ => sshd.key("ed25519"),
        }];
        let error = client.refused(middle.port);
        assert!(matches!(error, SshError::NotOnConsole { .. }), "{error}");
        assert!(error.may_be_impostor() && !error.is_transient());
        let hint = error.hint();
        assert!(hint.contains("known_hosts") && hint.contains(PIN), "{hint}");
        assert_eq!(middle.log().matches("Accepted").count(), logins);

        // The way out that the hint names, for who has made the server's keys anew.
        let line = hint.split('`').find(|part| part.ends_with(" checked"));
        fs::write(client.known_hosts().path(), format!("{}\n", line.unwrap())).unwrap();
        assert_eq!(trusted(&client, middle.port), HowTrusted::Pinned);
    }
}

/// Nothing is sent, a login least of all, before the console was given its time.
#[test]
fn a_new_server_is_waited_for_until_its_console_shows_it() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::of(&sshd);
    client.patience.console = Duration::from_secs(60);
    client.console.keys = vec![sshd.key("ed25519")];
    client.console.empty_looks = 2;
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Console);
    assert_eq!(client.console.looks.get(), 3);

    let mut client = Client::of(&sshd);
    client.patience.console = Duration::from_secs(60);
    client.console.keys = vec![Sshd::start(&["ed25519"]).key("ed25519")];
    client.console.empty_looks = 2;
    let logins = sshd.log().matches("Accepted").count();
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::NotOnConsole { .. }), "{error}");
    assert_eq!(sshd.log().matches("Accepted").count(), logins);

    // What never shows is waited for no longer than that, and nothing else is cut short by it.
    let mut client = Client::of(&sshd);
    client.patience.console = Duration::from_millis(600);
    client.patience.reach = Duration::from_millis(300);
    assert!(matches!(
        trusted(&client, sshd.port),
        HowTrusted::FirstUse { .. }
    ));
    assert!(client.console.looks.get() > 1);
    // Once it is pinned, nobody waits.
    let looks = client.console.looks.get();
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Pinned);
    assert_eq!(client.console.looks.get(), looks + 1);
}

#[test]
fn a_strict_client_trusts_no_first_use() {
    let sshd = Sshd::start(&["ed25519"]);
    let mut client = Client::of(&sshd);
    client.is_strict = true;
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::NotCompared { .. }), "{error}");
    assert!(error.may_be_impostor());
    assert!(
        error
            .to_string()
            .contains(&sshd.key("ed25519").fingerprint())
    );
    assert_eq!(client.pins(), "");
    assert!(!sshd.log().contains("Accepted"));
    // Nor one of an earlier run that was less strict.
    client.is_strict = false;
    trusted(&client, sshd.port);
    client.is_strict = true;
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::NotCompared { .. }), "{error}");
    client.console.keys = vec![sshd.key("ed25519")];
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Confirmed);
    client.console.keys.clear();
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Pinned);
}

#[test]
fn fingerprints_are_those_of_openssh() {
    let client = Client::with_key(&["-t", "ecdsa"]);
    let key = crate::host::sshd::host_key(&client.private_path);
    let printed = succeed(
        Command::new("ssh-keygen")
            .arg("-lf")
            .arg(&client.private_path),
    );
    assert!(
        printed.contains(&format!(" {} ", key.fingerprint())),
        "{printed}"
    );
}

#[test]
fn openssh_takes_the_same_file() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    trusted(&client, sshd.port);
    let known_hosts = client.known_hosts().path().display().to_string();
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-F",
        "/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=yes",
    ]);
    ssh.args(["-o", &format!("HostKeyAlias={PIN}")]);
    ssh.args(["-o", &format!("UserKnownHostsFile={known_hosts}")]);
    ssh.args(["-p", &sshd.port.to_string(), "-l", &client.user, "-i"]);
    ssh.arg(&client.private_path).args(["127.0.0.1", "echo in"]);
    assert_eq!(succeed(&mut ssh), "in");
}

#[test]
fn the_console_vouches_for_a_new_server() {
    let sshd = Sshd::start(&["ed25519", "ecdsa"]);
    let mut client = Client::of(&sshd);
    client.console.keys = vec![sshd.key("ecdsa"), sshd.key("ed25519")];
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Console);
    let key = sshd.key("ed25519");
    assert_eq!(client.pins(), format!("{PIN} {key} checked\n"));
}

#[test]
fn a_console_with_other_types_is_compared_by_those() {
    let sshd = Sshd::start(&["ed25519", "rsa"]);
    let mut client = Client::of(&sshd);
    client.console.keys = vec![sshd.key("rsa")];
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Console);
    let key = sshd.key("rsa");
    assert_eq!(client.pins(), format!("{PIN} {key} checked\n"));
    assert_eq!(client.console.looks.get(), 1);
    // From now on the server is asked for the type that is pinned.
    assert_eq!(trusted(&client, sshd.port), HowTrusted::Pinned);
}

#[test]
fn a_server_that_is_not_on_its_console_is_refused() {
    let (sshd, other) = (Sshd::start(&["ed25519"]), Sshd::start(&["ed25519", "rsa"]));
    for kind in ["ed25519", "rsa"] {
        let mut client = Client::of(&sshd);
        client.console.keys = vec![other.key(kind)];
        let error = client.refused(sshd.port);
        assert!(matches!(error, SshError::NotOnConsole { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&other.key(kind).fingerprint()), "{text}");
        assert!(text.contains(&sshd.key("ed25519").fingerprint()), "{text}");
        assert_eq!(client.pins(), "");
    }
    assert!(
        !sshd.log().contains("Accepted"),
        "a key was offered to a stranger"
    );
}

#[test]
fn a_changed_key_is_refused() {
    let (sshd, middle) = (Sshd::start(&["ed25519"]), Sshd::start(&["ed25519", "rsa"]));
    let client = Client::of(&sshd);
    middle.let_in(&client.public_key);
    trusted(&client, sshd.port);
    let error = client.refused(middle.port);
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&sshd.key("ed25519").fingerprint()), "{text}");
    assert!(
        text.contains(&middle.key("ed25519").fingerprint()),
        "{text}"
    );
    let hint = error.hint();
    assert!(hint.contains(PIN) && hint.contains("known_hosts"), "{hint}");
    assert!(!middle.log().contains("Postponed") && !middle.log().contains("Accepted"));

    // The way out that the hint names.
    client.known_hosts().forget(PIN).unwrap();
    assert!(matches!(
        trusted(&client, middle.port),
        HowTrusted::FirstUse { .. }
    ));
}

#[test]
fn a_pinned_type_that_is_gone_is_a_changed_key() {
    let (sshd, middle) = (Sshd::start(&["ed25519"]), Sshd::start(&["rsa"]));
    let client = Client::of(&sshd);
    trusted(&client, sshd.port);
    let error = client.refused(middle.port);
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error}");
}

#[test]
fn a_revoked_key_is_refused() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    trusted(&client, sshd.port);
    let line = format!("@revoked {PIN} {}\n", sshd.key("ed25519"));
    fs::write(client.known_hosts().path(), line).unwrap();
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::HostKeyRevoked { .. }), "{error}");
}

#[test]
fn pins_that_cannot_be_kept_are_no_success() {
    let sshd = Sshd::start(&["ed25519"]);
    let client = Client::of(&sshd);
    fs::write(client.folder.at("state"), "in the way").unwrap();
    let error = client.refused(sshd.port);
    assert!(matches!(error, SshError::KnownHosts { .. }), "{error}");
}

#[test]
fn an_agent_is_not_shown_to_a_stranger() {
    let (sshd, middle) = (Sshd::start(&["ed25519"]), Sshd::start(&["ed25519"]));
    let mut client = Client::of(&sshd);
    trusted(&client, sshd.port);
    let agent = Agent::start();
    agent.add(&client.private_path, &[]);
    fs::remove_file(&client.private_path).unwrap();
    client.agent = Some(agent.socket.clone());
    let error = client.refused(middle.port);
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error}");
}
