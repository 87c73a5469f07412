//! The file of pinned host keys, in OpenSSH's form.
//!
//! A line's host is the pin, the instance's id, because an Elastic IP outlives
//! its instance. So `ssh -o HostKeyAlias=<pin> -o UserKnownHostsFile=<file>`
//! takes the same file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). The comment
//! of a key that was compared with the server's console is `checked`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::support::{bounded, private_files};

use super::HostKey;

/// Some hundred thousand lines.
const MAXIMUM_BYTES: usize = 64 << 20;

/// The comment of a key that was compared with what the server's console shows.
pub(super) const CHECKED: &str = "checked";

/// What the file says of one pin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pinned {
    /// The keys that are trusted.
    pub keys: Vec<HostKey>,
    /// Those of them that were compared with the server's console.
    pub checked: Vec<HostKey>,
    /// The keys that are refused, marked `@revoked`.
    pub revoked: Vec<HostKey>,
}

/// The file of pinned host keys.
#[derive(Debug, Clone)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// Names the file; it need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Gives the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what is known of a pin.
    pub fn read(&self, pin: &str) -> io::Result<Pinned> {
        Ok(pinned(&self.bytes()?, pin))
    }

    /// Adds a key, unless it is there.
    pub fn add(&self, pin: &str, key: &HostKey) -> io::Result<()> {
        self.rewrite(|bytes| match pinned(&bytes, pin).keys.contains(key) {
            true => bytes,
            false => with_line(bytes, &format!("{pin} {key}")),
        })
    }

    /// Adds a key that was compared with the server's console, in the place of those that were not.
    pub fn add_checked(&self, pin: &str, key: &HostKey) -> io::Result<()> {
        self.rewrite(|bytes| {
            if pinned(&bytes, pin).checked.contains(key) {
                return bytes;
            }
            let is_superseded = |entry: &Entry<'_>| {
                entry.is_pin_of(pin) && !entry.is_checked && entry.key.is_some()
            };
            let bytes = without(&bytes, is_superseded);
            with_line(bytes, &format!("{pin} {key} {CHECKED}"))
        })
    }

    /// Removes all that is known of a pin.
    pub fn forget(&self, pin: &str) -> io::Result<()> {
        self.rewrite(|bytes| without(&bytes, |entry| entry.is_for(pin)))
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        match bounded::read(&self.path, MAXIMUM_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            result => result,
        }
    }

    /// Changes the file at once, one labctl after the other.
    fn rewrite(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_files::create_folder(folder)?;
        // The lock is a file of its own, since the other is replaced; it is let go when closed.
        let lock = private_files::open(&self.beside("lock"))?;
        match lock.lock() {
            // Some network file systems have no locks; then the last one wins.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
        let before = self.bytes()?;
        let after = change(before.clone());
        if after == before {
            return Ok(());
        }
        let new = self.beside("new");
        let mut file = private_files::create(&new)?;
        file.write_all(&after)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.path.with_file_name(name)
    }
}

/// One line of the file.
struct Entry<'a> {
    is_revoked: bool,
    is_checked: bool,
    hosts: &'a str,
    key: Option<HostKey>,
}

impl Entry<'_> {
    /// Whether the line is about a pin. Hashed names and wildcards are not labctl's.
    fn is_for(&self, pin: &str) -> bool {
        self.hosts.split(',').any(|host| host == pin)
    }

    /// Whether the line names a trusted key of a pin alone, as labctl writes it.
    fn is_pin_of(&self, pin: &str) -> bool {
        self.hosts == pin && !self.is_revoked
    }
}

/// A file with one more line.
fn with_line(mut bytes: Vec<u8>, line: &str) -> Vec<u8> {
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend(line.as_bytes());
    bytes.push(b'\n');
    bytes
}

/// A file without the lines that are so.
fn without(bytes: &[u8], is_dropped: impl Fn(&Entry<'_>) -> bool) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let is_kept = |line: &&[u8]| {
        let line = String::from_utf8_lossy(line);
        !entry(&line).is_some_and(|entry| is_dropped(&entry))
    };
    lines.filter(is_kept).flatten().copied().collect()
}

/// Reads a line; none where there is nothing to read.
fn entry(line: &str) -> Option<Entry<'_>> {
    let line = line.trim();
    let mut words = line.split_whitespace().peekable();
    let marker = words.next_if(|word| word.starts_with('@'));
    let hosts = words.next().filter(|word| !word.starts_with('#'))?;
    let key = words.next().zip(words.next());
    Some(Entry {
        is_checked: words.next() == Some(CHECKED),
        is_revoked: marker == Some("@revoked"),
        hosts,
        // A certification authority's key is no host's key.
        key: key
            .filter(|_| marker.is_none_or(|marker| marker == "@revoked"))
            .and_then(|(algorithm, blob)| HostKey::from_words(algorithm, blob)),
    })
}

fn pinned(bytes: &[u8], pin: &str) -> Pinned {
    let text = String::from_utf8_lossy(bytes);
    let mut pinned = Pinned::default();
    for entry in text.lines().filter_map(entry) {
        if !entry.is_for(pin) {
            continue;
        }
        match entry.is_revoked {
            true => pinned.revoked.extend(entry.key),
            false => {
                let checked = entry.key.clone().filter(|_| entry.is_checked);
                pinned.checked.extend(checked);
                pinned.keys.extend(entry.key);
            }
        }
    }
    pinned
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhrMXX3HLBhAAbqbZBYxgBNpQsJ+2GBbOPAJ9LVJZfl";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn key(text: &str) -> HostKey {
        let (algorithm, blob) = text.split_once(' ').unwrap();
        HostKey::from_words(algorithm, blob).unwrap()
    }

    /// A file in a folder of its own, which goes with it.
    struct Sealed(KnownHosts);

    impl Sealed {
        fn new(name: &str) -> Self {
            let folder = format!("labctl-known-hosts-{name}-{}", std::process::id());
            Self(KnownHosts::at(
                std::env::temp_dir().join(folder).join("state/known_hosts"),
            ))
        }

        fn text(&self) -> String {
            fs::read_to_string(self.0.path()).unwrap()
        }
    }

    impl Drop for Sealed {
        fn drop(&mut self) {
            let folder = self.0.path().ancestors().nth(2).unwrap();
            let _ = fs::remove_dir_all(folder);
        }
    }

    #[test]
    fn keys_are_added_once_and_forgotten() {
        let file = Sealed::new("added");
        assert_eq!(file.0.read("i-1").unwrap(), Pinned::default());
        file.0.add("i-1", &key(ED25519)).unwrap();
        file.0.add("i-1", &key(ED25519)).unwrap();
        file.0.add("i-2", &key(OTHER)).unwrap();
        assert_eq!(file.text(), format!("i-1 {ED25519}\ni-2 {OTHER}\n"));
        assert_eq!(file.0.read("i-1").unwrap().keys, [key(ED25519)]);
        file.0.forget("i-1").unwrap();
        assert_eq!(file.text(), format!("i-2 {OTHER}\n"));
    }

    #[test]
    fn a_checked_key_takes_the_place_of_those_that_were_not() {
        let file = Sealed::new("checked");
        file.0.add("i-1", &key(OTHER)).unwrap();
        file.0.add("i-2", &key(OTHER)).unwrap();
        assert_eq!(file.0.read("i-1").unwrap().checked, []);
        file.0.add_checked("i-1", &key(ED25519)).unwrap();
        file.0.add_checked("i-1", &key(ED25519)).unwrap();
        assert_eq!(file.text(), format!("i-2 {OTHER}\ni-1 {ED25519} checked\n"));
        assert_eq!(file.0.read("i-1").unwrap().checked, [key(ED25519)]);
        file.0.add("i-1", &key(ED25519)).unwrap();
        assert_eq!(file.text().lines().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let file = Sealed::new("private");
        file.0.add("i-1", &key(ED25519)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.0.path()), 0o600);
        assert_eq!(mode(file.0.path().parent().unwrap()), 0o700);
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let file = Sealed::new("many");
        std::thread::scope(|scope| {
            for number in 0..16 {
                let known_hosts = file.0.clone();
                scope.spawn(move || known_hosts.add(&format!("i-{number}"), &key(ED25519)));
            }
        });
        assert_eq!(file.text().lines().count(), 16);
    }

    #[test]
    fn lines_of_others_stay_as_they_are() {
        let file = Sealed::new("others");
        let folder = file.0.path().parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        let before = b"# mine \xff\n\n|1|abc=|def= ssh-rsa AAAA\n*.example ssh-rsa".to_vec();
        fs::write(file.0.path(), &before).unwrap();
        file.0.add("i-1", &key(ED25519)).unwrap();
        file.0.forget("i-1").unwrap();
        assert_eq!(
            fs::read(file.0.path()).unwrap(),
            [&before[..], b"\n"].concat()
        );
    }

    #[test]
    fn markers_are_heeded() {
        let text =
            format!("@revoked i-1 {ED25519}\n@cert-authority i-1 {OTHER}\na,i-1 {OTHER} c\n");
        let found = pinned(text.as_bytes(), "i-1");
        assert_eq!(found.revoked, [key(ED25519)]);
        assert_eq!(found.keys, [key(OTHER)]);
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = pinned(&bytes, "i-1");
        }

        #[test]
        fn no_line_is_too_strange(line in "(@revoked |@|#)?(i-1|,)?[ \t]*(ssh-ed25519|ssh-rsa)?[ =]{0,2}[A-Za-z0-9+/]{0,40}={0,3}") {
            let _ = pinned(line.as_bytes(), "i-1");
        }
    }
}
