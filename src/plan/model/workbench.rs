//! The `workbench` section: what is installed on the server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::scalars::{
    ArchiveUrl, BuildArgument, BuildValue, ContainerImage, CpuLimit, DomainName, DurationSetting,
    Email, FilePath, MemorySize, ModelLocation, PythonRequirement, PythonVersion, RVersion,
    RebootWindow, Sha256, Url, UrlPath, UserName,
};

use super::{Access, Bucket, OneOrMany, words};

/// What is installed on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workbench {
    /// The name under which the server is reached.
    pub domain: Option<DomainName>,
    /// How the connection is encrypted.
    pub https: Https,
    /// Who may log in.
    pub users: Vec<User>,
    /// Python for everyone.
    pub python: Option<Python>,
    /// R for everyone.
    pub r: Option<R>,
    /// JupyterHub with JupyterLab.
    pub jupyterhub: Option<Jupyterhub>,
    /// RStudio Server.
    pub rstudio: Option<Rstudio>,
    /// A model behind an HTTP interface, in a container.
    pub api: Option<Api>,
    /// A Shiny app.
    pub shiny: Option<Shiny>,
    /// When the server restarts by itself, if an update waits for that; never without it.
    pub reboot: Option<Reboot>,
    /// Puts a page with links to the services at `/`.
    pub landing_page: bool,
    /// Other places to download from, for networks without the internet.
    pub mirrors: Mirrors,
}

impl Default for Workbench {
    fn default() -> Self {
        Self {
            domain: None,
            https: Https::default(),
            users: Vec::new(),
            python: None,
            r: None,
            jupyterhub: None,
            rstudio: None,
            api: None,
            shiny: None,
            reboot: None,
            landing_page: true,
            mirrors: Mirrors::default(),
        }
    }
}

/// Where browsers ask for pages without encryption (RFC 9110, section 4.2.1).
pub const HTTP_PORT: u16 = 80;
/// Where browsers ask for pages with it (RFC 9110, section 4.2.2).
pub const HTTPS_PORT: u16 = 443;

/// The seconds for which browsers may insist on HTTPS at least, and do where there is an authority's certificate: a lab
/// that was just rebuilt has none for its first minutes.
pub const LEAST_HSTS: u32 = 24 * 3600;

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Https {
    /// Where the certificate comes from.
    pub mode: HttpsMode,
    /// The address that the certificate authority knows for its account. Let's Encrypt sends no warnings to it (its blog,
    /// "Ending Support for Expiration Notification Emails", January 2025).
    pub email: Option<Email>,
    /// The ACME directory of another certificate authority than Let's Encrypt.
    pub directory: Option<Url>,
    /// The certificate with its chain, in PEM form (mode `files`).
    pub certificate: Option<FilePath>,
    /// The certificate's private key, in PEM form (mode `files`).
    pub key: Option<FilePath>,
    /// How long browsers refuse to come without encryption, from one day (`1d`) up; a day where an authority's
    /// certificate is wanted and nothing is said (RFC 6797).
    pub hsts: Option<DurationSetting>,
}

words! {
    /// Where the certificate comes from.
    #[derive(Default)]
    HttpsMode {
        /// From Let's Encrypt, proven by a file on port 80.
        LetsEncrypt = "lets-encrypt",
        /// From Let's Encrypt, proven by a DNS record; allows wildcards, and port 80 can stay closed.
        Dns = "dns",
        /// Made by the server itself; browsers warn.
        #[default]
        SelfSigned = "self-signed",
        /// From files of your organisation.
        Files = "files",
        /// No encryption. Passwords travel in the open.
        Off = "off",
    }
}

impl HttpsMode {
    /// Whether the certificate comes from an authority that the server asks itself.
    pub const fn asks_an_authority(self) -> bool {
        matches!(self, Self::LetsEncrypt | Self::Dns)
    }
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name to log in with.
    pub name: UserName,
    /// Lets the user become root, by SSH and from all that runs as this user, notebooks among it.
    #[serde(default)]
    pub sudo: bool,
    /// Public keys (`.pub`) with which the user logs in by SSH.
    #[serde(default)]
    pub authorized_keys: Vec<FilePath>,
    /// What the user's own programs may do with the bucket, but for the API's model: `none`, `read` or `read-write`;
    /// `true` is what `bucket.instance_access` says.
    #[serde(default)]
    pub bucket_access: BucketGrant,
}

/// What somebody may do with the bucket, as a plan has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum BucketGrant {
    /// What the server may, or nothing.
    Switch(bool),
    /// Just this.
    Access(Access),
}

impl Default for BucketGrant {
    fn default() -> Self {
        Self::Switch(false)
    }
}

impl BucketGrant {
    /// Whether it says more than nothing.
    pub const fn is_given(self) -> bool {
        !matches!(self, Self::Switch(false) | Self::Access(Access::None))
    }

    /// What it comes to in a plan with this bucket.
    pub fn on(self, bucket: &Bucket) -> Access {
        match self {
            Self::Switch(true) => bucket.instance_access,
            Self::Switch(false) => Access::None,
            Self::Access(access) => access,
        }
    }
}

/// Python for everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Python {
    /// `system`, a full version, or a list of them.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany<PythonVersion>")]
    pub version: Vec<PythonVersion>,
    /// Packages to install for everyone.
    pub packages: Vec<PythonRequirement>,
}

impl Default for Python {
    fn default() -> Self {
        Self {
            version: vec![PythonVersion::System],
            packages: Vec::new(),
        }
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    OneOrMany::deserialize(deserializer).map(Vec::from)
}

/// R for everyone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct R {
    /// `release`, `system`, or a full version.
    pub version: RVersion,
}

/// JupyterHub with JupyterLab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jupyterhub {
    /// Where it is reached.
    pub path: UrlPath,
    /// The memory that one user's server may use.
    pub memory_limit: Option<MemorySize>,
    /// The processor cores that one user's server may use.
    pub cpu_limit: Option<CpuLimit>,
    /// Stops a user's server that has been idle for this long: no busy kernel, no program in a terminal, nobody at it.
    pub idle_timeout: Option<DurationSetting>,
    /// Stops a user's server that has run for this long, however busy it is.
    pub max_age: Option<DurationSetting>,
    /// Packages to install beside JupyterLab.
    pub packages: Vec<PythonRequirement>,
}

impl Default for Jupyterhub {
    fn default() -> Self {
        Self {
            path: UrlPath::jupyter(),
            memory_limit: None,
            cpu_limit: None,
            idle_timeout: None,
            max_age: None,
            packages: Vec::new(),
        }
    }
}

/// RStudio Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rstudio {
    /// Where it is reached.
    pub path: UrlPath,
}

impl Default for Rstudio {
    fn default() -> Self {
        Self {
            path: UrlPath::rstudio(),
        }
    }
}

/// A model behind an HTTP interface, in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where it is reached.
    #[serde(default = "UrlPath::api")]
    pub path: UrlPath,
    /// Opens it to the world; otherwise only the server itself reaches it.
    #[serde(default)]
    pub public: bool,
    /// A name of its own for a public API, where nothing else answers.
    pub host: Option<DomainName>,
    /// The folder with the `Dockerfile` to build it from.
    pub build: Option<FilePath>,
    /// Arguments of the build, such as another `BASE_IMAGE`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "type": "string", "format": "build-argument", "maxLength": 100 }))]
    pub build_args: BTreeMap<BuildArgument, BuildValue>,
    /// The container image to run instead of building one.
    pub image: Option<ContainerImage>,
    /// The model: `s3://bucket/folder`, or a local folder that labctl uploads to the bucket.
    pub model: ModelLocation,
    /// The memory it may use.
    pub memory_limit: Option<MemorySize>,
}

/// A Shiny app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shiny {
    /// Where it is reached.
    #[serde(default = "UrlPath::shiny")]
    pub path: UrlPath,
    /// A name of its own for the app, where nothing else answers.
    pub host: Option<DomainName>,
    /// The folder with the app.
    pub app: FilePath,
    /// The language it is written in.
    pub language: Language,
    /// The memory it may use; half of the server's where nothing is said.
    pub memory_limit: Option<MemorySize>,
}

/// When the server restarts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reboot {
    /// A day and a time in UTC, such as `sun 04:00`. Who works then is cut off: the window is the announcement.
    pub window: RebootWindow,
}

words! {
    /// A language of apps.
    Language {
        /// Python: `app.py`.
        Python = "python",
        /// R: `app.R`.
        R = "r",
    }
}

/// Other places to download from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mirrors {
    /// Ubuntu's packages; the only place that may be `http://`, because they are signed.
    pub apt: Option<ArchiveUrl>,
    /// Python's packages: an index as pip takes it.
    pub pip: Option<Url>,
    /// Node's packages: a registry as npm takes it.
    pub npm: Option<Url>,
    /// R's packages.
    pub cran: Option<Url>,
    /// Versions of Python: the releases of python-build-standalone, or a list of downloads (`….json`) as uv takes it.
    pub python: Option<Url>,
    /// The package of RStudio Server.
    pub rstudio: Option<Download>,
    /// The package of Shiny Server, which then runs the Shiny app in R; without it the app is a unit of its own.
    pub shiny_server: Option<Download>,
    /// The archive of rig, which installs R.
    pub rig: Option<Download>,
}

/// A file to download, and the sum that proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenDownload")]
pub struct Download {
    /// Where it is.
    pub url: Url,
    /// Its SHA-256 sum.
    pub sha256: Option<Sha256>,
}

/// A download as a plan has it: the address alone, or with its sum.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "Download")]
enum WrittenDownload {
    Url(Url),
    Proven {
        /// Where it is.
        url: Url,
        /// Its SHA-256 sum.
        sha256: Option<Sha256>,
    },
}

impl From<WrittenDownload> for Download {
    fn from(written: WrittenDownload) -> Self {
        match written {
            WrittenDownload::Url(url) => Self { url, sha256: None },
            WrittenDownload::Proven { url, sha256 } => Self { url, sha256 },
        }
    }
}
