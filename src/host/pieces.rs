//! Plan → the host as it is to be: pure, the same input gives the same host.
//!
//! A host is made of pieces. Each adds what it needs, or nothing; what
//! no piece adds any more is removed from the host by the diff.

mod access;
mod api;
mod bucket_access;
mod certificate;
mod isolation;
mod jupyterhub;
mod languages;
mod metadata;
mod rstudio;
mod shiny;
mod system;
mod variables;
mod web;

use std::collections::BTreeMap;

use crate::plan::{CertificateFiles, KeyFiles, LocalFolders, Plan, Workbench};

use super::desired::{DesiredHost, Packages};
use super::render::{RenderError, Templates, plain};
use super::services::{self, Service};

pub use access::LOGIN;
pub use variables::Variables;

/// What the host's configuration depends on besides the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// The users' public keys, as the plan's files have them.
    pub authorized_keys: BTreeMap<String, Vec<String>>,
    /// The folders of the laptop that the plan names.
    pub folders: LocalFolders,
    /// The organisation's own certificate, in the mode `files`.
    pub certificate: Option<CertificateFiles>,
    /// The AWS account's id, to which the bucket must belong; unknown where AWS is not asked.
    pub account: Option<String>,
}

impl Inputs {
    /// Takes what was read from the laptop.
    pub fn new(keys: &KeyFiles) -> Self {
        let lines = keys.authorized_keys.iter().map(|(user, keys)| {
            let keys = keys.iter().map(ToString::to_string).collect();
            (user.clone(), keys)
        });
        Self {
            authorized_keys: lines.collect(),
            folders: LocalFolders::default(),
            certificate: None,
            account: None,
        }
    }
}

/// What a piece is made from.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The whole plan.
    pub plan: &'a Plan,
    /// The plan's section.
    pub workbench: &'a Workbench,
    /// The plan in the words of templates.
    pub variables: &'a Variables,
    /// What comes from elsewhere.
    pub inputs: &'a Inputs,
    /// The templates.
    pub templates: &'a Templates,
}

/// What a piece says of itself, in its own file; [`Variables`] take up what its templates may say.
#[derive(Clone, Copy)]
pub struct Definition {
    /// Adds what the plan wants of it to a host.
    add: fn(&Piece<'_>, &mut DesiredHost) -> Result<(), RenderError>,
    /// What people ask for by a short name.
    services: &'static [Service],
}

/// All pieces. Units are started in this order.
const ALL: &[Definition] = &[
    system::PIECE,
    access::PIECE,
    metadata::PIECE,
    isolation::PIECE,
    jupyterhub::PIECE,
    languages::PIECE,
    rstudio::PIECE,
    api::PIECE,
    bucket_access::PIECE,
    shiny::PIECE,
    web::PIECE,
    certificate::PIECE,
];

/// What people ask for by a short name, of all pieces: what a plan brings first, what every server has last.
pub fn services() -> impl Iterator<Item = &'static Service> + Clone {
    services_of(ALL)
}

fn services_of(pieces: &[Definition]) -> impl Iterator<Item = &'static Service> + Clone + use<'_> {
    let all = move || pieces.iter().flat_map(|piece| piece.services);
    let is_everywhere = |service: &&Service| service.key == services::EVERYWHERE;
    let brought = all().filter(move |service| !is_everywhere(service));
    brought.chain(all().filter(is_everywhere))
}

/// Finds a service by its name; `jupyterhub` is what the plan calls JupyterHub.
pub fn service(name: &str) -> Option<&'static Service> {
    let name = if name == "jupyterhub" {
        "jupyter"
    } else {
        name
    };
    services().find(|service| service.name == name)
}

/// Lowers the workbench to the host that it needs.
///
/// # Errors
///
/// A template could not be rendered, or a value cannot be written in it.
pub fn desired(
    plan: &Plan,
    workbench: &Workbench,
    inputs: &Inputs,
) -> Result<DesiredHost, RenderError> {
    desired_of(ALL, plan, workbench, inputs)
}

fn desired_of(
    pieces: &[Definition],
    plan: &Plan,
    workbench: &Workbench,
    inputs: &Inputs,
) -> Result<DesiredHost, RenderError> {
    let variables = Variables::new(plan, workbench);
    let piece = Piece {
        plan,
        workbench,
        variables: &variables,
        inputs,
        templates: &Templates::new()?,
    };
    let mut host = DesiredHost {
        lab: plan.lab.to_string(),
        apt_mirror: workbench.mirrors.apt.as_ref().map(ToString::to_string),
        names: variables.names.clone(),
        ..DesiredHost::default()
    };
    for known in pieces {
        (known.add)(&piece, &mut host)?;
    }
    Ok(host)
}

impl Piece<'_> {
    /// Renders a template with the plan's variables.
    fn render(&self, name: &str) -> Result<String, RenderError> {
        self.templates.render(name, self.variables)
    }

    /// Gives a plain file of `templates/`.
    fn plain(name: &str) -> Result<String, RenderError> {
        plain(name).map(str::to_owned).ok_or_else(|| RenderError {
            name: name.to_owned(),
            reason: "there is no such file".to_owned(),
        })
    }

    /// Gives packages that labctl has locked: `name` is that of the requirements, without its ending. Users' own
    /// Pythons, and those of their notebooks, have pip too.
    fn locked(name: &str, has_pip: bool) -> Result<Packages, RenderError> {
        let mut requirements = Self::plain(&format!("{name}.txt"))?;
        if has_pip {
            requirements.push_str(&Self::plain("python/requirements.txt")?);
        }
        Ok(Packages {
            requirements,
            lock: Self::plain(&format!("{name}.lock"))?,
            is_extended: false,
        })
    }
}

#[cfg(test)]
mod tests {
    mod example;

    use super::*;

    #[test]
    fn names_are_found_and_are_no_ports() {
        let name = |word| service(word).map(|service| service.name);
        assert_eq!(name("jupyterhub"), Some("jupyter"));
        assert_eq!(service("shiny").and_then(|service| service.port), Some(484));
        assert_eq!(name("shiny-server"), None);
        for service in services() {
            assert!(service.name.parse::<u16>().is_err());
            assert!(!service.units.is_empty());
        }
    }
}
