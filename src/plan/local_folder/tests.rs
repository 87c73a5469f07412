//! Folders on the disk → values.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use crate::support::hint::Hint;

use super::*;

/// A folder that is removed at the end of its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(files: &[(&str, &str)]) -> Self {
        let name = format!(
            "labctl-folder-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        let root = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&root.0).unwrap();
        for (path, content) in files {
            let place = root.0.join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, content).unwrap();
        }
        root
    }

    fn read(&self) -> Result<LocalFolder, ReadError> {
        read(&self.0)
    }

    fn error(&self) -> String {
        self.read().unwrap_err().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn paths(folder: &LocalFolder) -> Vec<&str> {
    folder.files.keys().map(String::as_str).collect()
}

#[test]
fn a_folder_becomes_a_value() {
    let scratch = Scratch::new(&[
        ("app.py", "x"),
        ("www/a.css", "y"),
        ("run", "#!"),
        ("data/large.csv", "z"),
        ("data/small.csv", "z"),
        ("__pycache__/app.pyc", "z"),
        ("Dockerfile", "FROM x"),
        (".dockerignore", "data\n!data/small.csv\nDockerfile\n"),
    ]);
    let program = scratch.0.join("run");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("app.py", scratch.0.join("main.py")).unwrap();
    let folder = scratch.read().unwrap();
    assert_eq!(
        paths(&folder),
        [
            ".dockerignore",
            "Dockerfile",
            "app.py",
            "data/small.csv",
            "main.py",
            "run",
            "www/a.css"
        ]
    );
    assert!(folder.files["run"].executable && !folder.files["app.py"].executable);
    assert_eq!(folder.text("main.py"), Some("x"));
    let sum = folder.sha256();
    assert_eq!(sum, scratch.read().unwrap().sha256());
    for change in ["content", "mode", "name"] {
        let mut other = folder.clone();
        let mut file = other.files.remove("run").unwrap();
        match change {
            "content" => file.content.push(b'!'),
            "mode" => file.executable = false,
            _ => {}
        }
        let name = if change == "name" { "runs" } else { "run" };
        other.files.insert(name.to_owned(), file);
        assert_ne!(other.sha256(), sum, "{change}");
    }
}

#[test]
fn nothing_outside_of_it_is_read() {
    let outside = Scratch::new(&[("secret", "s")]);
    for target in [
        outside.0.join("secret"),
        PathBuf::from("../../etc/passwd"),
        PathBuf::from("/etc"),
    ] {
        let scratch = Scratch::new(&[("app.py", "x"), ("deep/x", "x")]);
        symlink(&target, scratch.0.join("deep/link")).unwrap();
        let error = scratch.error();
        assert!(error.contains("deep/link"), "{target:?}: {error}");
        fs::write(scratch.0.join(".dockerignore"), "deep/link").unwrap();
        assert!(scratch.read().is_ok());
    }
}

#[test]
fn what_cannot_be_sent_is_named() {
    let scratch = Scratch::new(&[("a/x", "x")]);
    symlink(".", scratch.0.join("round")).unwrap();
    assert_eq!(scratch.error(), "the link `round` leads to a folder");
    assert!(scratch.read().unwrap_err().hint().contains("copy"));
    let missing = read(&scratch.0.join("missing")).unwrap_err();
    assert!(matches!(missing, ReadError::Missing(_)));
    let file = read(&scratch.0.join("a/x")).unwrap_err();
    assert!(matches!(file, ReadError::NotAFolder(_)));
    let long = "x".repeat(201);
    let scratch = Scratch::new(&[(long.as_str(), "x")]);
    assert!(matches!(scratch.read(), Err(ReadError::Name(_))));
    assert!(matches!(Scratch::new(&[]).read(), Err(ReadError::Empty)));
    let many: Vec<_> = (0..2001).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
    assert!(matches!(
        Scratch::new(&many).read(),
        Err(ReadError::TooMany)
    ));
    assert!(Scratch::new(&many[..2000]).read().is_ok());
    let scratch = Scratch::new(&[("small", "x")]);
    let large = fs::File::create(scratch.0.join("large")).unwrap();
    large.set_len(24 << 20).unwrap();
    assert_eq!(scratch.error(), "the folder holds more than 24 MiB");
    let pipe = Scratch::new(&[("a", "x")]);
    let made = std::process::Command::new("mkfifo")
        .arg(pipe.0.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    assert!(matches!(pipe.read(), Err(ReadError::Odd(_))));
}

#[test]
fn what_looks_like_a_secret_is_named() {
    let scratch = Scratch::new(&[
        ("app.py", "x"),
        (".env", "TOKEN=1"),
        ("keys/server.pem", "x"),
        ("notes.txt", "aws_secret_access_key = x"),
        ("key.txt", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc"),
    ]);
    let folder = scratch.read().unwrap();
    assert_eq!(
        folder.secrets(),
        [".env", "key.txt", "keys/server.pem", "notes.txt"]
    );
    assert!(!format!("{folder:?}").contains("TOKEN"));
}
