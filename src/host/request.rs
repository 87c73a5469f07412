//! Changes → what the agent on the host is given: one JSON document that says
//! everything, and a tar archive with the files.

use std::collections::BTreeMap;
use std::io;

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::local_folder::LocalFolder;
use crate::support::digest;

use super::change::{FileAction, HostChange, UnitAction, UserAction};
use super::desired::{
    self, Checker, DesiredHost, Directory, Download, EnvironmentKind, Gate, Model, NodePackages,
    Port, Secret,
};
use super::diff::HostDiff;
use super::manifest::Manifest;
use super::render::plain;
use super::room;

/// What uv is known by.
const INSTALLER: &str = "python/installer.lock";

/// Everything that one apply does, in the agent's words.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ApplyRequest<'a> {
    /// Marks the lines that are ours.
    pub nonce: &'a str,
    /// The name of this apply.
    pub run: &'a str,
    /// Whether the root partition and its file system grow.
    pub grow_root: bool,
    /// The room on the disk that it takes beside environments and swap, in bytes.
    pub room: u64,
    /// The swap file to make.
    pub swap: Option<Swap>,
    /// The packages to install.
    pub packages: Vec<&'a str>,
    /// Where packages come from instead of where the image says.
    pub apt_mirror: Option<&'a str>,
    /// The packages to download from their vendors and to install.
    pub downloads: Vec<&'a Download>,
    /// The users to change.
    pub users: Vec<User<'a>>,
    /// The wheels of uv, which builds environments, as sha256sum(1) writes their sums.
    pub installer: &'static str,
    /// The environments to build.
    pub environments: Vec<Environment<'a>>,
    /// The folders of the laptop to lay out; their files are in the archive.
    pub trees: Vec<Tree<'a>>,
    /// The model to fetch.
    pub model: Option<&'a Model>,
    /// The links of environments and trees to remove.
    pub remove_links: Vec<&'a str>,
    /// The secrets to draw where they are missing, or anew.
    pub secrets: Vec<DrawnSecret<'a>>,
    /// The folders to make where they are missing.
    pub directories: &'a [Directory],
    /// The files to write; their contents are in the archive.
    pub files: Vec<File<'a>>,
    /// The files to remove.
    pub remove: Vec<Remove<'a>>,
    /// How the files are checked before they go live.
    pub checks: Vec<Check<'a>>,
    /// The ports, and who may hold them.
    pub ports: &'a [Port],
    /// Whether the server has a certificate to look after.
    pub certificate: bool,
    /// The units, in order.
    pub units: Vec<Unit<'a>>,
    /// What must hold in the end.
    pub gates: &'a [Gate],
    /// What to note when it does.
    pub manifest: &'a Manifest,
}

/// A swap file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Swap {
    path: &'static str,
    bytes: u64,
}

/// A secret to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DrawnSecret<'a> {
    #[serde(flatten)]
    secret: &'a Secret,
    /// The units that read it, where all of them start in this run anyway: then it is drawn anew.
    renewed_with: Vec<&'a str>,
}

/// A user to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct User<'a> {
    name: &'a str,
    action: UserAction,
    sudo: bool,
    add_keys: &'a [String],
    remove_keys: &'a [String],
}

/// An environment to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Environment<'a> {
    name: &'a str,
    kind: EnvironmentKind,
    link: &'a str,
    target: &'a str,
    version: Option<&'a str>,
    requirements: &'a str,
    /// What of them labctl brings, with the sums of the files.
    lock: &'a str,
    /// Whether the requirements ask for more than the lock has.
    is_extended: bool,
    node: Option<&'a NodePackages>,
    interpreters: Option<&'a str>,
    index: Option<&'a str>,
    registry: Option<&'a str>,
    /// The room on the disk that it takes while it is built, in bytes.
    room: u64,
}

/// A folder of the laptop to lay out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tree<'a> {
    name: &'a str,
    link: &'a str,
    target: &'a str,
    reader: Option<&'a str>,
    files: Vec<TreeFile<'a>>,
    #[serde(skip)]
    folder: &'a LocalFolder,
}

/// A file of such a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TreeFile<'a> {
    path: &'a str,
    sha256: String,
    executable: bool,
}

impl<'a> Tree<'a> {
    fn new(tree: &'a desired::Tree, target: &'a str) -> Self {
        let files = tree.folder.files.iter().map(|(path, file)| TreeFile {
            path,
            sha256: digest::sha256_of(&file.content),
            executable: file.executable,
        });
        Self {
            name: tree.name,
            link: tree.link,
            target,
            reader: tree.reader,
            files: files.collect(),
            folder: &tree.folder,
        }
    }
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File<'a> {
    path: &'a str,
    sha256: String,
    mode: &'static str,
    owner: &'static str,
    group: &'static str,
    backup: bool,
    /// No copy of it stays behind on the server.
    private: bool,
}

/// A file to remove, or to put back as it was before labctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Remove<'a> {
    path: &'a str,
    restore: Option<&'a str>,
    backup: bool,
}

/// A check of one kind of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Check<'a> {
    /// All units at once, because they name each other.
    Unit {
        /// The files.
        paths: Vec<&'a str>,
    },
    /// `nginx -t`.
    Nginx {
        /// The file.
        path: &'a str,
    },
    /// `python3 -m py_compile`.
    Python {
        /// The file.
        path: &'a str,
    },
    /// `visudo -c`.
    Sudoers {
        /// The file.
        path: &'a str,
    },
    /// `sshd -t`.
    Sshd {
        /// The file.
        path: &'a str,
    },
    /// `nft --check`.
    Nft {
        /// The file.
        path: &'a str,
    },
}

/// A unit to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unit<'a> {
    name: &'a str,
    action: &'static str,
    enable: bool,
}

impl<'a> ApplyRequest<'a> {
    /// Puts together what the changes come to.
    pub fn new(nonce: &'a str, run: &'a str, desired: &'a DesiredHost, diff: &'a HostDiff) -> Self {
        let mut request = Self {
            nonce,
            run,
            grow_root: false,
            room: room::without_environments(diff),
            swap: None,
            packages: Vec::new(),
            apt_mirror: desired.apt_mirror.as_deref(),
            downloads: Vec::new(),
            users: Vec::new(),
            installer: plain(INSTALLER).unwrap_or_default(),
            environments: Vec::new(),
            trees: Vec::new(),
            model: desired.model.as_ref(),
            remove_links: Vec::new(),
            secrets: drawn(desired, diff),
            directories: &desired.directories,
            files: Vec::new(),
            remove: Vec::new(),
            checks: Vec::new(),
            ports: &desired.ports,
            certificate: desired.files.contains_key(super::CERTIFICATE_SETTINGS),
            units: Vec::new(),
            gates: &desired.gates,
            manifest: &diff.manifest,
        };
        for change in &diff.changes {
            request.add(change, desired);
        }
        request.checks = checks(&request.files, desired);
        request
    }

    fn add(&mut self, change: &'a HostChange, desired: &'a DesiredHost) {
        match change {
            HostChange::GrowRoot { .. } => self.grow_root = true,
            HostChange::Swap { bytes } => {
                self.swap = Some(Swap {
                    path: super::SWAP_FILE,
                    bytes: *bytes,
                });
            }
            HostChange::Package(name) => self.packages.push(name),
            HostChange::Download { download, .. } => self.downloads.push(download),
            HostChange::User(user) => self.users.push(User {
                name: &user.name,
                action: user.action,
                sudo: user.sudo,
                add_keys: &user.add_keys,
                remove_keys: &user.remove_keys,
            }),
            // The agent makes whichever is missing.
            HostChange::Secret(_) => {}
            HostChange::Environment {
                environment,
                target,
                ..
            } => self.environments.push(Environment {
                name: &environment.name,
                kind: environment.kind,
                link: &environment.link,
                target,
                version: environment.version.as_deref(),
                requirements: &environment.packages.requirements,
                lock: &environment.packages.lock,
                is_extended: environment.packages.is_extended,
                node: environment.node.as_ref(),
                interpreters: environment.interpreters.as_deref(),
                index: environment.index.as_deref(),
                registry: environment.registry.as_deref(),
                room: room::environment(environment),
            }),
            HostChange::Tree { tree, target, .. } => self.trees.push(Tree::new(tree, target)),
            HostChange::RemoveEnvironment { link } => self.remove_links.push(link),
            HostChange::File(file) => match &file.action {
                FileAction::Delete { original } => self.remove.push(Remove {
                    path: &file.path,
                    restore: original.as_deref(),
                    backup: file.is_foreign,
                }),
                FileAction::Create | FileAction::Update => {
                    let known = desired.files.get(&file.path);
                    self.files.extend(known.map(|known| File {
                        path: &file.path,
                        sha256: known.sha256(),
                        mode: known.mode,
                        owner: "root",
                        group: "root",
                        backup: file.is_foreign,
                        private: known.is_private(),
                    }));
                }
            },
            HostChange::Unit(unit) => self.units.push(Unit {
                name: &unit.name,
                action: match unit.action {
                    UnitAction::Enable => "none",
                    action => action.as_str(),
                },
                enable: unit.action != UnitAction::Stop,
            }),
        }
    }

    /// Packs the contents of the files, as tar(5) does.
    ///
    /// # Errors
    ///
    /// A path is longer than the format can hold.
    pub fn archive(&self, desired: &DesiredHost) -> io::Result<Vec<u8>> {
        let files = self.files.iter().filter_map(|file| {
            let content = &desired.files.get(file.path)?.content;
            Some((format!("files{}", file.path), content.as_bytes()))
        });
        let trees = self.trees.iter().flat_map(|tree| {
            let files = tree.folder.files.iter();
            files.map(|(path, file)| {
                let name = format!("trees/{}/{path}", tree.name);
                (name, file.content.as_slice())
            })
        });
        pack(files.chain(trees))
    }
}

/// A secret is as old as the oldest program that knows it: it changes when none keeps running that does.
fn drawn<'a>(desired: &'a DesiredHost, diff: &HostDiff) -> Vec<DrawnSecret<'a>> {
    let starts = |name: &str| {
        diff.changes.iter().any(|change| {
            matches!(change, HostChange::Unit(unit) if unit.name == name
                && matches!(unit.action, UnitAction::Start | UnitAction::Restart))
        })
    };
    let drawn = desired.secrets.iter().map(|secret| {
        let readers = desired.units.iter().filter(|unit| {
            let mut inputs = unit.inputs.iter();
            inputs.any(|input| input.path == secret.path)
        });
        let readers: Vec<_> = readers.map(|unit| unit.name).collect();
        let is_renewed = readers.iter().all(|name| starts(name));
        DrawnSecret {
            secret,
            renewed_with: if is_renewed { readers } else { Vec::new() },
        }
    });
    drawn.collect()
}

fn pack<'a>(files: impl Iterator<Item = (String, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, name, content)?;
    }
    archive.into_inner()
}

fn checks<'a>(files: &[File<'a>], desired: &DesiredHost) -> Vec<Check<'a>> {
    let mut kinds: BTreeMap<Checker, Vec<&'a str>> = BTreeMap::new();
    for file in files {
        let checker = desired.files.get(file.path).and_then(|file| file.check);
        if let Some(checker) = checker {
            kinds.entry(checker).or_default().push(file.path);
        }
    }
    let each = |(checker, paths): (Checker, Vec<&'a str>)| -> Vec<Check<'a>> {
        let one = |make: fn(&'a str) -> Check<'a>| paths.iter().map(|path| make(path)).collect();
        match checker {
            Checker::Unit => vec![Check::Unit { paths }],
            Checker::Nginx => one(|path| Check::Nginx { path }),
            Checker::Python => one(|path| Check::Python { path }),
            Checker::Sudoers => one(|path| Check::Sudoers { path }),
            Checker::Sshd => one(|path| Check::Sshd { path }),
            Checker::Nft => one(|path| Check::Nft { path }),
        }
    };
    kinds.into_iter().flat_map(each).collect()
}
