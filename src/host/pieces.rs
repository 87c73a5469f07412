//! The pieces that a host is made of. Each adds what it needs, or nothing; what
//! no piece adds any more is removed from the host by the diff.

mod access;
mod api;
mod certificate;
mod jupyterhub;
mod languages;
mod metadata;
mod rstudio;
mod shiny;
mod system;
pub(super) mod web;

use crate::plan::Workbench;

pub(super) use languages::program_of_r;

use super::desired::{DesiredHost, Inputs};
use super::render::{RenderError, Templates, plain};
use super::variables::Variables;

/// What a piece is made from.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The plan's section.
    pub workbench: &'a Workbench,
    /// The plan in the words of templates.
    pub variables: &'a Variables,
    /// What comes from elsewhere.
    pub inputs: &'a Inputs,
    /// The templates.
    pub templates: &'a Templates,
}

/// Adds a piece to a host.
pub type Add = fn(&Piece<'_>, &mut DesiredHost) -> Result<(), RenderError>;

/// All pieces. Units are started in this order.
pub const ALL: &[Add] = &[
    system::add,
    access::add,
    metadata::add,
    jupyterhub::add,
    languages::add,
    rstudio::add,
    api::add,
    shiny::add,
    web::add,
    certificate::add,
];

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
}
