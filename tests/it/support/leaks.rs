//! Planted secrets, and how they are found again: as they are, in halves, and as they come out of what encodes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What is shorter is found everywhere, and so in no place that tells something.
const LEAST: usize = 8;
/// The least length of half a secret.
const HALF: usize = 16;

/// Secrets, each with a name and the texts that would give it away.
#[derive(Default)]
pub struct Secrets(Vec<(String, BTreeSet<String>)>);

impl Secrets {
    pub fn plant(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= LEAST, "`{name}` is too short");
        let mut forms = forms_of(secret);
        if secret.is_ascii() && secret.len() >= 2 * HALF {
            let (first, second) = secret.split_at(secret.len() / 2);
            forms.extend(forms_of(first).into_iter().chain(forms_of(second)));
        }
        self.0.push((name.to_owned(), forms));
    }

    /// Plants each line of a private key that is part of the key, and not of its public half.
    pub fn plant_key(&mut self, name: &str, pem: &str) {
        // The header and the public half of an Ed25519 key of OpenSSH (its PROTOCOL.key), in lines of 70; and what
        // all PKCS #8 keys of one kind begin with (RFC 5958; 36 bytes where it is P-256).
        let (lines, letters) = match pem.contains("OPENSSH") {
            true => (3, 0),
            false => (0, 48),
        };
        let inside = pem.lines().map(str::trim);
        let mut own: Vec<&str> = inside
            .filter(|line| !line.contains("-----"))
            .skip(lines)
            .filter(|line| line.len() >= HALF)
            .collect();
        if let Some(first) = own.first_mut() {
            *first = first.get(letters..).unwrap_or(first);
        }
        assert!(!own.is_empty(), "`{name}` is no key");
        for line in own {
            self.plant(name, line);
        }
    }

    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Every text to look for, one a line, as `grep -F -f` takes them.
    pub fn patterns(&self) -> String {
        let all: BTreeSet<&String> = self.0.iter().flat_map(|(_, forms)| forms).collect();
        all.into_iter().map(|form| format!("{form}\n")).collect()
    }

    /// The names of those that a text gives away.
    pub fn found_in(&self, text: &str) -> Vec<&str> {
        let given = |forms: &BTreeSet<String>| forms.iter().any(|form| text.contains(form));
        let found = self.0.iter().filter(|(_, forms)| given(forms));
        found.map(|(name, _)| name.as_str()).collect()
    }

    #[track_caller]
    pub fn assert_absent(&self, place: &str, text: &str) {
        for line in text.lines() {
            let found = self.found_in(line);
            assert!(found.is_empty(), "{place} gives {found:?} away: {line}");
        }
    }

    /// The files below a folder that give one of them away, in order; their names count too.
    pub fn files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                    continue;
                }
                let bytes = fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                let name = path.display().to_string();
                if !self.found_in(&text).is_empty() || !self.found_in(&name).is_empty() {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

fn forms_of(secret: &str) -> BTreeSet<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let url = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut forms = BTreeSet::from([secret.to_owned(), hex.to_uppercase(), hex]);
    // AWS leaves these four as they are (RFC 3986, section 2.3), others do not.
    let mild = [("%2D", "-"), ("%2E", "."), ("%5F", "_"), ("%7E", "~")]
        .iter()
        .fold(url.clone(), |text, (code, sign)| text.replace(code, sign));
    forms.extend([url, mild]);
    for before in 0..3 {
        let base64 = base64_behind(secret, before);
        forms.insert(base64.replace('+', "-").replace('/', "_"));
        forms.insert(base64);
    }
    forms
}

/// The part of a longer text's base64 that a secret behind `before` other bytes decides alone.
fn base64_behind(secret: &str, before: usize) -> String {
    let bytes = [&vec![0; before][..], secret.as_bytes()].concat();
    let text = BASE64_STANDARD.encode(&bytes);
    let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    text[first..last].to_owned()
}

#[test]
fn a_secret_is_found_in_each_form() {
    let secret = "planted/secret+of ~32_letters-and-more?";
    let mut secrets = Secrets::default();
    secrets.plant("it", secret);
    let encoded = |prefix: &str| BASE64_STANDARD.encode(format!("{prefix}{secret} and more"));
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let whole = [
        secret.to_owned(),
        encoded(""),
        encoded("1"),
        encoded("12"),
        encoded("12").replace('+', "-").replace('/', "_"),
        hex.to_uppercase(),
        hex,
        "planted%2Fsecret%2Bof%20~32_letters-and-more%3F".to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
    ];
    let halves = [
        secret[..20].to_owned(),
        secret[19..].to_owned(),
        BASE64_STANDARD.encode(&secret[19..]),
    ];
    for text in whole.iter().chain(&halves) {
        let line = format!("a line with {text} in it");
        assert_eq!(secrets.found_in(&line), ["it"], "{line}");
        assert!(secrets.patterns().lines().any(|form| line.contains(form)));
    }
    for harmless in [
        "a line",
        "planted",
        &secret[..16],
        &BASE64_STANDARD.encode("planted/"),
    ] {
        assert!(secrets.found_in(harmless).is_empty(), "{harmless}");
    }
}

#[test]
fn files_that_hold_a_secret_are_found() {
    let lab = super::Lab::offline();
    let mut secrets = Secrets::default();
    secrets.plant("it", "planted-secret");
    assert!(secrets.files_below(&lab.folder).is_empty());
    lab.write("deep/er/file", "x planted-secret y");
    lab.write("deep/706c616e7465642d736563726574", "a name in hex");
    let found = secrets.files_below(&lab.folder.join("deep"));
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["706c616e7465642d736563726574", "file"]);
    let caught = std::panic::catch_unwind(|| {
        let mut secrets = Secrets::default();
        secrets.plant("it", "planted-secret");
        secrets.assert_absent("a text", "one\nplanted-secret\n");
    });
    assert!(caught.is_err());
}
