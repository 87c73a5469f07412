//! `labctl graph`: in which order the plan's resources are made.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cloud::diff;
use crate::cloud::graph;
use crate::cloud::lower::{self, Inputs};
use crate::cloud::resources::Scope;
use crate::plan;
use crate::report::{Out, graph as graph_text};
use crate::support::folders;

use super::Failure;
use super::arguments::Global;
use super::workflow::session;

/// Stands for the account, which the order does not depend on.
const ANY_ACCOUNT: &str = "000000000000";

/// What `graph` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How to print it: in waves, for Graphviz, or for Mermaid, which GitHub draws
    #[arg(long, value_name = "text|dot|mermaid", hide_possible_values = true)]
    #[arg(default_value = "text", hide_default_value = true)]
    format: Format,
}

/// How a graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// In waves.
    Text,
    /// In Graphviz's language.
    Dot,
    /// In Mermaid's language.
    Mermaid,
}

/// Shows the steps of a first apply; AWS is not asked.
pub fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    let keys = plan::read_keys(&parsed, folders::home().as_deref())
        .map_err(|problems| Failure::problems(parsed.source.clone(), problems))?;
    let inputs = Inputs {
        public_key: keys.key_pair,
        my_ip: global.my_ip,
        account: ANY_ACCOUNT.to_owned(),
    };
    let scope = Scope::of(&parsed.plan);
    let set = diff::diff(&lower::lower(&parsed.plan, &scope, &inputs), &[]);
    let graph = graph::build(&set)
        .map_err(|error| Failure::said(error.to_string(), "please report this"))?;
    out.result(&match arguments.format {
        Format::Text => graph_text::text(&graph),
        Format::Dot => graph_text::dot(&graph),
        Format::Mermaid => graph_text::mermaid(&graph),
    });
    Ok(ExitCode::SUCCESS)
}
