//! What templates may say: the plan in the words of the host.

use serde::Serialize;

use crate::host::services::Link;
use crate::plan::{
    DurationSetting, HttpsMode, LEAST_HSTS, Plan, Workbench, bucket_users, certificate_names,
    main_names, server_names,
};

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
    /// Those under which all answers that has none of its own, wildcards among them.
    pub main_names: Vec<String>,
    /// The apps that have a name of their own.
    pub hosts: Vec<OwnHost>,
    /// Those that a certificate is to be for: these, and wildcards where they can be proven.
    pub certificate_names: Vec<String>,
    /// Whether there is HTTPS.
    pub tls: bool,
    /// Whether an authority's certificate is wanted.
    pub acme: bool,
    /// The seconds for which browsers are told to come by HTTPS alone.
    pub hsts: Option<u32>,
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
    /// When the server restarts by itself.
    pub reboot: Option<Reboot>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Whose programs reach the bucket.
    pub bucket_users: Vec<String>,
    /// Who administers the server, and may connect to its services past NGINX.
    pub administrators: Vec<String>,
    /// Whether there is a page at `/`.
    pub landing_page: bool,
    /// What the page leads to.
    pub services: Vec<Link>,
    /// Where the lab's names lead at once, where they have no page and there is a service.
    pub start: Option<String>,
    /// The hash of NGINX's configuration, which it answers.
    pub config_hash: String,
    /// Whether NGINX listens on IPv6.
    pub listen_ipv6: bool,
}

/// When the server restarts by itself, as systemd writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reboot {
    /// The days, such as `Sun`.
    pub days: &'static str,
    /// The time in UTC, such as `04:00`.
    pub time: String,
}

/// An app with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnHost {
    /// The name.
    pub host: String,
    /// Where the app is below it, with a slash behind.
    pub base: String,
}

/// How long browsers are told to come by HTTPS alone: where there is a certificate that they trust.
fn hsts(workbench: &Workbench) -> Option<u32> {
    let https = &workbench.https;
    let asked = https.hsts.map(DurationSetting::as_secs);
    match https.mode {
        HttpsMode::LetsEncrypt | HttpsMode::Dns => Some(asked.unwrap_or(LEAST_HSTS)),
        HttpsMode::Files => asked,
        HttpsMode::SelfSigned | HttpsMode::Off => None,
    }
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
        let services: Vec<Link> = [
            hub.as_ref().map(Hub::link),
            rstudio.as_ref().map(Rstudio::link),
            shiny.as_ref().map(Shiny::link),
            api.as_ref().and_then(Api::link),
        ]
        .into_iter()
        .flatten()
        .collect();
        let hosts = services.iter().filter_map(|link| {
            Some(OwnHost {
                host: link.host.clone()?,
                base: link.path.clone(),
            })
        });
        let start = services.iter().find(|link| link.host.is_none());
        Self {
            lab: plan.lab.to_string(),
            domain: workbench.domain.as_ref().map(ToString::to_string),
            names: server_names(plan, workbench),
            main_names: main_names(plan, workbench),
            hosts: hosts.collect(),
            hsts: hsts(workbench),
            start: start.map(|link| link.path.clone()),
            certificate_names: certificate_names(plan, workbench),
            tls: workbench.https.mode != HttpsMode::Off,
            acme: workbench.https.mode.asks_an_authority(),
            services,
            hub,
            rstudio,
            cran: workbench.mirrors.cran.as_ref().map(ToString::to_string),
            shiny,
            api,
            region: plan.region.to_string(),
            bucket: plan.bucket.as_ref().map(|bucket| bucket.name.to_string()),
            reboot: workbench.reboot.as_ref().map(|reboot| Reboot {
                days: reboot.window.days(),
                time: reboot.window.time(),
            }),
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
            landing_page: workbench.landing_page,
            config_hash: String::new(),
            listen_ipv6: true,
        }
    }

    /// The pages that people open: the start page, and what it leads to.
    pub fn pages(&self) -> Vec<Link> {
        let start = self.landing_page.then(|| Link {
            title: "start page",
            host: None,
            path: "/".to_owned(),
            text: "",
        });
        start.into_iter().chain(self.services.clone()).collect()
    }

    /// The URL of a path on the server, as gates ask for it on the server itself, over loopback.
    pub fn url(&self, path: &str) -> String {
        self.url_at(None, path)
    }

    /// The same for an app, which may have a name of its own.
    pub fn url_at(&self, host: Option<&String>, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let host = host.map_or(self.host(), String::as_str);
        format!("{scheme}://{host}{path}")
    }

    /// The name under which gates ask for pages.
    pub fn host(&self) -> &str {
        self.names.first().map_or("localhost", String::as_str)
    }
}
