//! The SSH edge against real servers: OpenSSH's sshd and agent, and what is no SSH at all.

mod commands;
mod counts;
mod login;
mod lost;
mod reach;
mod trust;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use labctl::host::ssh::{
    Connection, Console, Deadlines, Finished, HostKey, Identity, KnownHosts, LinkError, Opened,
    Shell, SshError, Target, Trust,
};
use labctl::plan::SshPublicKey;

use super::sshd::{Folder, Sshd, make_key, public_path, user};

const PIN: &str = "i-0123456789abcdef0";

/// A console that shows these keys from some look on, and counts who looks.
#[derive(Default)]
struct FakeConsole {
    keys: Vec<HostKey>,
    empty_looks: u32,
    looks: Cell<u32>,
}

impl Console for FakeConsole {
    fn host_keys(&self) -> LocalBoxFuture<'_, Result<Vec<HostKey>, String>> {
        self.looks.set(self.looks.get() + 1);
        let is_there = self.looks.get() > self.empty_looks;
        let keys = is_there.then(|| self.keys.clone());
        std::future::ready(Ok(keys.unwrap_or_default())).boxed_local()
    }
}

/// A client: a key pair, a file of pins, and a user who answers.
struct Client {
    folder: Folder,
    public_key: SshPublicKey,
    private_path: PathBuf,
    agent: Option<PathBuf>,
    console: FakeConsole,
    answers: RefCell<VecDeque<&'static str>>,
    questions: RefCell<Vec<String>>,
    patience: Deadlines,
    is_strict: bool,
    user: String,
}

impl Client {
    /// Makes one with a key of these options of ssh-keygen.
    fn with_key(options: &[&str]) -> Self {
        let folder = Folder::new();
        let private_path = folder.at("id");
        Self {
            public_key: make_key(&private_path, options),
            private_path,
            agent: None,
            console: FakeConsole::default(),
            answers: RefCell::default(),
            questions: RefCell::default(),
            patience: Deadlines {
                reach: Duration::from_secs(5),
                denied: Duration::ZERO,
                silence: Duration::from_secs(20),
                console: Duration::ZERO,
            },
            is_strict: false,
            user: user(),
            folder,
        }
    }

    /// Makes one with a usual key, whom the server lets in.
    fn of(sshd: &Sshd) -> Self {
        let client = Self::with_key(&["-t", "ed25519"]);
        sshd.let_in(&client.public_key);
        client
    }

    fn known_hosts(&self) -> KnownHosts {
        KnownHosts::at(self.folder.at("state/known_hosts"))
    }

    fn pins(&self) -> String {
        fs::read_to_string(self.known_hosts().path()).unwrap_or_default()
    }

    async fn open(&self, port: u16) -> Result<Opened, SshError> {
        self.open_at("127.0.0.1", port).await
    }

    async fn open_at(&self, address: &str, port: u16) -> Result<Opened, SshError> {
        let target = Target {
            address: address.to_owned(),
            port,
            user: self.user.clone(),
            pin: PIN.to_owned(),
        };
        let public_path = public_path(&self.private_path);
        let identity = Identity {
            public_key: &self.public_key,
            public_path: &public_path,
            agent: self.agent.as_deref(),
            ask: &|question| {
                self.questions.borrow_mut().push(question.to_owned());
                self.answers.borrow_mut().pop_front().map(str::to_owned)
            },
        };
        let trust = Trust {
            known_hosts: &self.known_hosts(),
            console: &self.console,
            is_strict: self.is_strict,
        };
        Connection::open(&target, &identity, &trust, self.patience).await
    }

    /// Logs in, which has to fail.
    fn refused(&self, port: u16) -> SshError {
        block_on(self.open(port)).expect_err("it should not be let in")
    }

    /// Logs in, which has to succeed, and runs a command.
    fn run(&self, port: u16, command: &str) -> (Finished, Vec<String>) {
        block_on(async {
            let opened = self.open(port).await.unwrap();
            run(&opened.connection, command, Vec::new()).await.unwrap()
        })
    }
}

/// Runs a command; gives its end and its lines.
async fn run(
    connection: &Connection,
    command: &str,
    stdin: Vec<u8>,
) -> Result<(Finished, Vec<String>), LinkError> {
    let mut lines = Vec::new();
    let mut on_line = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let finished = connection.run(command, stdin, &mut on_line).await?;
    Ok((finished, lines))
}

/// Runs a future as labctl does, on one thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}
