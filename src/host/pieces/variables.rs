//! What templates may say: the plan in the words of the host.

use serde::Serialize;

use crate::host::services::Link;
use crate::plan::{HttpsMode, Plan, Workbench, bucket_users, certificate_names, server_names};

use super::api::Api;
use super::isolation;
use super::jupyterhub::Hub;
use super::rstudio::Rstudio;
use super::shiny::Shiny;

/// All variables; a template that names another is an error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variables {
    /// The lab's name.
    pub lab: String,
    /// The name under which the server is reached.
    pub domain: Option<String>,
    /// All names that point at the server, the domain first.
    pub names: Vec<String>,
    /// Those that a certificate is to be for: these, and wildcards where they can be proven.
    pub certificate_names: Vec<String>,
    /// Whether there is HTTPS.
    pub tls: bool,
    /// Whether an authority's certificate is wanted.
    pub acme: bool,
    /// JupyterHub.
    pub hub: Option<Hub>,
    /// RStudio Server.
    pub rstudio: Option<Rstudio>,
    /// Where R's packages come from, where the plan says so.
    pub cran: Option<String>,
    /// The Shiny app.
    pub shiny: Option<Shiny>,
    /// The model's API.
    pub api: Option<Api>,
    /// The region.
    pub region: String,
    /// The bucket's name.
    pub bucket: Option<String>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Whose programs reach the bucket.
    pub bucket_users: Vec<String>,
    /// Who may reach the instance metadata: root, whose programs fetch the model and answer challenges.
    pub metadata_allowed: Vec<String>,
    /// Who administers the server, and may connect to its services past NGINX.
    pub administrators: Vec<String>,
    /// Whether there is a page at `/`.
    pub landing_page: bool,
    /// What the page leads to.
    pub services: Vec<Link>,
    /// The hash of NGINX's configuration, which it answers.
    pub config_hash: String,
    /// Whether NGINX listens on IPv6.
    pub listen_ipv6: bool,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// Whether the user administers the server.
    pub sudo: bool,
}

impl Variables {
    /// Takes them from the plan.
    pub fn new(plan: &Plan, workbench: &Workbench) -> Self {
        let hub = Hub::of(workbench);
        let rstudio = Rstudio::of(workbench);
        let shiny = Shiny::of(workbench);
        let api = Api::of(workbench);
        let users = workbench.users.iter();
        Self {
            lab: plan.lab.to_string(),
            domain: workbench.domain.as_ref().map(ToString::to_string),
            names: server_names(plan, workbench),
            certificate_names: certificate_names(plan, workbench),
            tls: workbench.https.mode != HttpsMode::Off,
            acme: workbench.https.mode.asks_an_authority(),
            services: [
                hub.as_ref().map(Hub::link),
                rstudio.as_ref().map(Rstudio::link),
                shiny.as_ref().map(Shiny::link),
                api.as_ref().and_then(Api::link),
            ]
            .into_iter()
            .flatten()
            .collect(),
            hub,
            rstudio,
            cran: workbench.mirrors.cran.as_ref().map(ToString::to_string),
            shiny,
            api,
            region: plan.region.to_string(),
            bucket: plan.bucket.as_ref().map(|bucket| bucket.name.to_string()),
            users: users
                .map(|user| User {
                    name: user.name.to_string(),
                    sudo: user.sudo,
                })
                .collect(),
            administrators: isolation::administrators(workbench),
            bucket_users: bucket_users(plan)
                .into_iter()
                .map(|(name, _)| name.to_string())
                .collect(),
            metadata_allowed: vec!["root".to_owned()],
            landing_page: workbench.landing_page,
            config_hash: String::new(),
            listen_ipv6: true,
        }
    }

    /// The pages that people open: the start page, and what it leads to; each with its path.
    pub fn pages(&self) -> Vec<(String, String)> {
        let start = self.landing_page;
        let start = start.then(|| ("start page".to_owned(), "/".to_owned()));
        let services = self.services.iter();
        let services = services.map(|service| (service.title.to_owned(), service.path.clone()));
        start.into_iter().chain(services).collect()
    }

    /// The URL of a path on the server, as gates ask for it on the server itself, over loopback.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host())
    }

    /// The name under which gates ask for pages.
    pub fn host(&self) -> &str {
        self.names.first().map_or("localhost", String::as_str)
    }
}
