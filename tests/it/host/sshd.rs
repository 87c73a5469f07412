//! A real sshd for each test, with keys of its own, and what a client needs of it.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use labctl::host::ssh::HostKey;
use labctl::plan::SshPublicKey;

/// A folder that goes with the test. Its path is short, because a socket's has to be.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one that only its owner may enter.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("labctl-ssh-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }

    /// Gives the path of a file in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program that has to succeed; gives what it prints.
pub fn succeed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a key pair; `options` are ssh-keygen's.
pub fn make_key(path: &Path, options: &[&str]) -> SshPublicKey {
    let mut command = Command::new("ssh-keygen");
    let has_passphrase = options.contains(&"-N");
    let passphrase: &[&str] = if has_passphrase { &[] } else { &["-N", ""] };
    succeed(
        command
            .args(["-q", "-C", "test", "-f"])
            .arg(path)
            .args(options)
            .args(passphrase),
    );
    read_key(&public_path(path))
}

/// Reads a `.pub` file.
pub fn read_key(path: &Path) -> SshPublicKey {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The `.pub` file beside a key.
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Reads a host's public key.
pub fn host_key(path: &Path) -> HostKey {
    let key = read_key(&public_path(path));
    HostKey::from_words(key.algorithm.as_str(), &key.blob).unwrap()
}

/// Sets a file's mode.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The user who runs the tests; sshd lets no other in.
pub fn user() -> String {
    succeed(Command::new("id").arg("-un"))
}

/// A real sshd: one process for each connection, as under inetd.
pub struct Sshd {
    /// Its port.
    pub port: u16,
    folder: Folder,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Sshd {
    /// Starts one with host keys of these types, which lets nobody in yet.
    pub fn start(types: &[&str]) -> Self {
        let sshd = Self::prepare(types);
        sshd.listen(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Makes all that one needs, but does not listen.
    pub fn prepare(types: &[&str]) -> Self {
        let folder = Folder::new();
        // Within a shell, as bash counts, it does not read the user's own start files.
        let mut settings = format!(
            "AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n\
             SetEnv SHLVL=2\n",
            folder.at("authorized_keys").display()
        );
        for kind in types {
            let path = folder.at(&format!("host_{kind}"));
            make_key(&path, &["-t", kind]);
            settings.push_str(&format!("HostKey {}\n", path.display()));
        }
        fs::write(folder.at("sshd_config"), settings).unwrap();
        // As root, sshd wants this folder; Debian's unit makes it.
        let _ = fs::create_dir("/run/sshd");
        Self {
            port: 0,
            folder,
            children: Arc::default(),
        }
    }

    /// Serves the connections of a listener.
    pub fn listen(mut self, listener: TcpListener) -> Self {
        self.port = listener.local_addr().unwrap().port();
        let (settings, log) = (self.folder.at("sshd_config"), self.log_path());
        let children = Arc::clone(&self.children);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                children
                    .lock()
                    .unwrap()
                    .push(serve(stream, &settings, &log));
            }
        });
        self
    }

    /// Lets a key in.
    pub fn let_in(&self, key: &SshPublicKey) {
        fs::write(self.folder.at("authorized_keys"), format!("{key}\n")).unwrap();
    }

    /// Adds a line to its settings, for the next connection.
    pub fn set(&self, line: &str) {
        let path = self.folder.at("sshd_config");
        let settings = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{settings}{line}\n")).unwrap();
    }

    /// Puts a line before its settings, where it counts: of several of a name the first does (sshd_config(5)).
    pub fn insist(&self, line: &str) {
        let path = self.folder.at("sshd_config");
        let settings = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{line}\n{settings}")).unwrap();
    }

    /// Its host key of a type.
    pub fn key(&self, kind: &str) -> HostKey {
        host_key(&self.folder.at(&format!("host_{kind}")))
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.at("log")
    }
}

fn serve(stream: TcpStream, settings: &Path, log: &Path) -> Child {
    stream.set_nodelay(true).unwrap();
    let log = File::options().create(true).append(true).open(log).unwrap();
    let ours = OwnedFd::from(stream.try_clone().unwrap());
    let mut command = Command::new("/usr/sbin/sshd");
    command.args(["-i", "-e", "-f"]).arg(settings);
    command
        .stdin(ours)
        .stdout(OwnedFd::from(stream))
        .stderr(log);
    command.spawn().expect("openssh-server is installed")
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for child in self.children.lock().unwrap().iter_mut() {
            // Most have ended with their connection.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An SSH agent.
pub struct Agent {
    /// Its socket.
    pub socket: PathBuf,
    child: Child,
    _folder: Folder,
}

impl Agent {
    /// Starts one without keys.
    pub fn start() -> Self {
        let folder = Folder::new();
        let socket = folder.at("agent");
        let mut command = Command::new("ssh-agent");
        command
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let waits = (0..500).take_while(|_| !socket.exists());
        waits.for_each(|_| thread::sleep(std::time::Duration::from_millis(10)));
        Self {
            socket,
            child,
            _folder: folder,
        }
    }

    /// Gives it a key; `options` are ssh-add's.
    pub fn add(&self, path: &Path, options: &[&str]) {
        let mut command = Command::new("ssh-add");
        command.env("SSH_AUTH_SOCK", &self.socket).arg("-q");
        succeed(command.args(options).arg(path));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
