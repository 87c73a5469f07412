//! Container images: what they are called, and the arguments by which one is built.

use std::str::FromStr;

use super::{Invalid, text};

text! {
    /// The name of an argument of a Dockerfile.
    BuildArgument;
    /// The value of an argument of a Dockerfile.
    BuildValue;
    /// The name of a container image in a registry.
    ContainerImage;
}

impl FromStr for BuildArgument {
    type Err = Invalid;

    /// As names of variables are in the shells of a Dockerfile's `RUN`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let fits = text.len() <= 100
            && text.chars().all(allowed)
            && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "it is not the name of an argument",
                "write it as the Dockerfile's `ARG` has it, such as `BASE_IMAGE`",
            )),
        }
    }
}

impl FromStr for BuildValue {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = text.len() <= 1000 && !text.chars().any(char::is_control);
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "it is too long, or has a line break or another control character in it",
                "give at most 1000 letters in one line",
            )),
        }
    }
}

impl ContainerImage {
    /// Whether it names a version, by a tag other than `latest` or by a digest.
    pub fn has_version(&self) -> bool {
        let (name, digest) = split_digest(&self.0);
        let tag = split_tag(name).1;
        digest.is_some() || tag.is_some_and(|tag| tag != "latest")
    }
}

impl FromStr for ContainerImage {
    type Err = Invalid;

    /// The grammar is that of github.com/distribution/reference, by which Docker reads names.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write one as `docker pull` takes it, such as `ghcr.io/octocat/penguin-model:1`";
        let refused = |what| Err(Invalid::new(what, help));
        let (name, digest) = split_digest(text);
        let (name, tag) = split_tag(name);
        let path = match name.split_once('/') {
            Some((host, path)) if is_host(host) => path,
            _ => name,
        };
        if path.len() > 255 || !path.split('/').all(is_part) {
            return refused(
                match path.contains(|letter: char| letter.is_ascii_uppercase()) {
                    true => "it has capital letters, and the names of images have none",
                    false => "it is not an image's name",
                },
            );
        }
        if !tag.is_none_or(is_tag) {
            return refused("its tag, which is what follows the colon, is none");
        }
        if !digest.is_none_or(is_digest) {
            return refused("its digest is not `sha256:` and 64 hexadecimal digits");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Splits at the `@` of a digest.
fn split_digest(text: &str) -> (&str, Option<&str>) {
    match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    }
}

/// Splits at the colon of a tag, which is not that of a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// Whether what stands before the first `/` is a registry, and not a part of the name.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        label.chars().all(allowed)
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    let is_told = text.contains(['.', ':']) || host == "localhost";
    is_told && host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// Words of lower-case letters and digits, with a separator between each two: `.`, `_`, `__`, or hyphens.
fn is_part(text: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_separator = |text: &str| {
        matches!(text, "" | "." | "_" | "__") || text.bytes().all(|letter| letter == b'-')
    };
    text.starts_with(is_word) && text.ends_with(is_word) && text.split(is_word).all(is_separator)
}

fn is_tag(text: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let allowed = |letter: char| is_word(letter) || ".-".contains(letter);
    text.len() <= 128 && text.starts_with(is_word) && text.chars().all(allowed)
}

fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::ContainerImage;

    #[test]
    fn a_version_is_a_tag_or_a_digest() {
        let digest = "0123456789abcdef".repeat(4);
        for (name, has_version) in [
            ("penguins", false),
            ("penguins:latest", false),
            ("localhost:5000/penguins", false),
            ("localhost:5000/penguins:1", true),
            (&format!("penguins@sha256:{digest}"), true),
            (&format!("penguins:latest@sha256:{digest}"), true),
        ] {
            let image: ContainerImage = name.parse().unwrap();
            assert_eq!(image.has_version(), has_version, "{name}");
        }
    }
}
