//! What the server is told: users, paths, addresses, versions, packages. Much of it ends up in configuration files and
//! command lines, so each type admits only characters that are harmless in all of them.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{BucketName, DomainName, Invalid, text};

text! {
    /// The name of a user on the server.
    UserName;
    /// A path under which NGINX offers a service, such as `/jupyter`.
    UrlPath;
    /// The address of a page or file: `https://…`, or `http://…` on the server itself.
    Url;
    /// The address of an archive whose packages are signed: `https://…` or `http://…`.
    ArchiveUrl;
    /// An email address.
    Email;
    /// A file or folder on the machine where labctl runs.
    FilePath;
    /// A SHA-256 sum in lower-case hexadecimal.
    Sha256;
}

/// Accounts and groups that the operating system, the image or labctl's services have already, or get with a package:
/// who is called like a group would belong to it, and `shadow` reads all passwords (Debian's "Users and Groups in the
/// Debian System" in base-passwd, systemd's `sysusers.d/basic.conf`, and Ubuntu's images).
const RESERVED_USERS: &str = "\
    _apt _chrony _ssh adm admin audio avahi backup bin bluetooth cdrom colord crontab daemon debian-tor \
    dhcpcd dialout dip disk dnsmasq docker ec2-instance-connect fax floppy fwupd-refresh games gdm geoclue \
    gnats gpio i2c input irc jupyterhub kernoops kmem kvm labctl labctl-shiny landscape list lp lpadmin lxd \
    mail man messagebus mlocate munge mysql netdev news nginx nobody nogroup ntp operator plocate plugdev \
    polkitd pollinate postdrop postfix postgres proxy pulse pulse-access rdma redis render root \
    rstudio-server rtkit sambashare saned sasl scanner sgx shadow shiny slurm spi src ssh sshd ssl-cert sssd staff \
    sudo sync sys syslog systemd-bus-proxy systemd-coredump systemd-journal systemd-network systemd-oom \
    systemd-resolve systemd-timesync tape tcpdump tss tty ubuntu usbmux users utmp uucp uuidd video voice \
    wheel whoopsie wireshark www-data";

impl FromStr for UserName {
    type Err = Invalid;

    /// The rules are those of useradd(8), without the `$` at the end that marks accounts of machines.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "use 1 to 32 of `a`-`z`, `0`-`9`, `_` and `-`, starting with a letter, such as `test-user`";
        let allowed = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter)
        };
        let reason = if let Some(refused) = text.chars().find(|letter| !allowed(*letter)) {
            format!("`{}` is not allowed", refused.escape_debug())
        } else if !text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') {
            "it does not start with a letter".to_owned()
        } else if text.len() > 32 {
            format!("it has {} characters, 32 are allowed", text.len())
        } else if RESERVED_USERS.split_whitespace().any(|name| name == text) {
            return Err(Invalid::new(
                "the server has an account or group of this name already",
                "choose another, such as `test-user`",
            ));
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(reason, help))
    }
}

/// The paths that the lab of the book uses, which are the defaults.
impl UrlPath {
    pub(in crate::plan) fn jupyter() -> Self {
        Self("/jupyter".to_owned())
    }

    pub(in crate::plan) fn rstudio() -> Self {
        Self("/rstudio".to_owned())
    }

    pub(in crate::plan) fn api() -> Self {
        Self("/penguins-api".to_owned())
    }

    pub(in crate::plan) fn shiny() -> Self {
        Self("/penguins".to_owned())
    }
}

impl FromStr for UrlPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_./~".contains(letter);
        let (reason, help) = if text == "/" {
            (
                "the landing page is there".to_owned(),
                "give the service a path of its own, such as `/jupyter`".to_owned(),
            )
        } else if !text.starts_with('/') {
            (
                "it does not start with `/`".to_owned(),
                format!("write `/{}`", text.trim_end_matches('/').escape_debug()),
            )
        } else if text.ends_with('/') {
            (
                "it ends with `/`".to_owned(),
                format!("write `{}`", text.trim_end_matches('/')),
            )
        } else if let Some(refused) = text.chars().find(|letter| !allowed(*letter)) {
            (
                format!("`{}` is not allowed", refused.escape_debug()),
                "use letters, digits and `- _ . ~`, such as `/jupyter`".to_owned(),
            )
        } else if text[1..]
            .split('/')
            .any(|part| ["", ".", ".."].contains(&part))
        {
            (
                "a part between its `/` is empty or made of dots".to_owned(),
                "write a plain path, such as `/jupyter`".to_owned(),
            )
        } else if text == "/.well-known" || text.starts_with("/.well-known/") {
            (
                "certificates are proven there".to_owned(),
                "choose another path, such as `/jupyter`".to_owned(),
            )
        } else if text == "/.labctl" || text.starts_with("/.labctl/") {
            (
                "labctl asks NGINX about itself there".to_owned(),
                "choose another path, such as `/jupyter`".to_owned(),
            )
        } else if text.len() > 200 {
            (
                "it is longer than 200 characters".to_owned(),
                "choose a short path, such as `/jupyter`".to_owned(),
            )
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Invalid::new(reason, help))
    }
}

impl FromStr for Url {
    type Err = Invalid;

    /// What comes by it is installed and run, so nobody on the way may change it: HTTPS, or the server itself.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let host = host_of(text)?;
        if text.starts_with("http://") && !is_loopback(host) {
            return Err(Invalid::new(
                "whoever is on the way can change what comes over `http://`",
                "write `https://`; without it are only addresses of the server itself, such as \
                 `http://127.0.0.1:8080/`, and `apt`, whose packages are signed",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for ArchiveUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        host_of(text).map(|_| Self(text.to_owned()))
    }
}

/// Gives the host and port of an address. Admits the characters of RFC 3986 except quotes, brackets and `$`, which
/// shells and configuration files read.
fn host_of(text: &str) -> Result<&str, Invalid> {
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || "-._~:/?#@!&*+,=%".contains(letter);
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let reason = match host {
        None => "it does not start with `https://`".to_owned(),
        Some(host) if host.contains('@') => {
            "it holds a user name or password, which a plan must not".to_owned()
        }
        Some(host) if host.is_empty() || host.starts_with(':') => "it names no server".to_owned(),
        Some(host) => match text.chars().find(|letter| !allowed(*letter)) {
            Some(refused) => format!("`{}` is not allowed", refused.escape_debug()),
            None => return Ok(host),
        },
    };
    Err(Invalid::new(
        reason,
        "write a full address, such as `https://cran.example.org/`",
    ))
}

/// Whether a host is the one that asks (RFC 1122, section 3.2.1.3; RFC 6761, section 6.3).
fn is_loopback(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

impl FromStr for Email {
    type Err = Invalid;

    /// The part before the `@` is the dot-atom of RFC 5322, at most 64 characters (RFC 5321).
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help =
            "write an address such as `you@example.com`; warnings about certificates go there";
        let Some((local, domain)) = text.rsplit_once('@') else {
            return Err(Invalid::new("it has no `@`", help));
        };
        let atom =
            |letter: char| letter.is_ascii_alphanumeric() || "!#%&*+-/=?^_{|}~.".contains(letter);
        if !(1..=64).contains(&local.len())
            || !local.chars().all(atom)
            || local.split('.').any(str::is_empty)
            || local.starts_with('-')
        {
            return Err(Invalid::new(
                format!("`{local}` cannot stand before the `@`"),
                help,
            ));
        }
        let domain: DomainName = domain
            .parse()
            .map_err(|error: Invalid| Invalid::new(error.reason, help))?;
        Ok(Self(format!("{local}@{domain}")))
    }
}

impl FromStr for FilePath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write a path as in a terminal, such as `~/.ssh/id_ed25519.pub` or `app/` beside this file";
        if text.trim().is_empty() {
            Err(Invalid::new("it is empty", help))
        } else if text.chars().any(char::is_control) {
            Err(Invalid::new(
                "it holds a line break or another control character",
                help,
            ))
        } else if text.starts_with('~') && text != "~" && !text.starts_with("~/") {
            Err(Invalid::new(
                "only your own home folder can be written as `~`",
                help,
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl FilePath {
    /// Gives the real path: `~` is the home folder, and other relative paths start at the plan file's folder.
    /// Without a home folder there is no answer for `~`.
    pub fn resolve(&self, home: Option<&Path>, folder: &Path) -> Option<PathBuf> {
        match self.0.strip_prefix('~') {
            Some(rest) => home.map(|home| home.join(rest.trim_start_matches('/'))),
            None => Some(folder.join(&self.0)),
        }
    }
}

impl FromStr for Sha256 {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Invalid::new(
            "it is not 64 hexadecimal digits",
            "copy the SHA-256 sum from the page that offers the file",
        ))
    }
}

/// Where the API's model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLocation {
    /// In a bucket, below a key.
    S3 {
        /// The bucket, which must be the plan's own.
        bucket: BucketName,
        /// The folder or object in it.
        key: String,
    },
    /// In a local folder, which labctl uploads to the bucket.
    Local(FilePath),
}

impl FromStr for ModelLocation {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let help = "write `s3://bucket/folder`, or a local folder such as `models/penguin_model`";
        let Some(place) = text.strip_prefix("s3://") else {
            if text.contains("://") {
                return Err(Invalid::new("it is neither in S3 nor a local folder", help));
            }
            return text.parse().map(Self::Local);
        };
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        let bucket = bucket.parse().map_err(|error: Invalid| {
            Invalid::new(format!("of its bucket: {}", error.reason), error.help)
        })?;
        let key = key.trim_end_matches('/');
        let allowed =
            |letter: char| letter.is_ascii_alphanumeric() || "!-_.*'()/=".contains(letter);
        if key.is_empty() || key.starts_with('/') {
            return Err(Invalid::new("it names no folder in the bucket", help));
        }
        if let Some(refused) = key.chars().find(|letter| !allowed(*letter)) {
            return Err(Invalid::new(
                format!(
                    "`{}` is not safe in the key of an object",
                    refused.escape_debug()
                ),
                help,
            ));
        }
        Ok(Self::S3 {
            bucket,
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for ModelLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, key } => write!(formatter, "s3://{bucket}/{key}"),
            Self::Local(path) => path.fmt(formatter),
        }
    }
}
