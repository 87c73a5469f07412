//! What templates may say: the plan in the words of the host.

use serde::Serialize;

use crate::plan::{
    HttpsMode, Jupyterhub, Language, Plan, R, RVersion, Workbench, certificate_names, server_names,
};

/// What a small model needs, and a server of 1 GiB can give.
const API_MEMORY: u64 = 512 << 20;

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
    /// Who may reach the instance metadata.
    pub metadata_allowed: Vec<String>,
    /// Whether there is a page at `/`.
    pub landing_page: bool,
    /// What the page leads to.
    pub services: Vec<Service>,
    /// The hash of NGINX's configuration, which it answers.
    pub config_hash: String,
    /// Whether NGINX listens on IPv6.
    pub listen_ipv6: bool,
}

/// JupyterHub.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hub {
    /// Where it is, such as `/jupyter`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// The bytes of memory that one user's server may use.
    pub memory_limit: Option<u64>,
    /// The cores that one user's server may use.
    pub cpu_limit: Option<f64>,
    /// What stops users' servers, where the plan wants that.
    pub culler: Option<Culler>,
    /// Who may log in.
    pub users: Vec<String>,
    /// Who may administer it.
    pub admins: Vec<String>,
}

/// When users' servers are stopped; all in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Culler {
    /// After which time of idleness.
    pub idle_timeout: Option<u32>,
    /// After which time, however busy.
    pub max_age: Option<u32>,
    /// From one look at all servers to the next.
    pub check_every: u32,
    /// From one report of a server that is at work to the next.
    pub report_every: u32,
}

/// RStudio Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rstudio {
    /// Where it is, such as `/rstudio`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// The R that sessions run.
    pub r: &'static str,
    /// Who may sign in, with colons between.
    pub users: String,
}

/// The Shiny app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shiny {
    /// Where it is, such as `/penguins`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// Whether it is written in Python; else in R.
    pub python: bool,
}

/// The model's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Api {
    /// Where it is, such as `/penguins-api`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// Whether the world reaches it.
    pub public: bool,
    /// The bytes of memory that it may use.
    pub memory_limit: u64,
    /// The image that it runs; known once what it is built from is.
    pub image: String,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// Whether the user administers the server.
    pub sudo: bool,
}

/// Something that the landing page leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its name.
    pub title: String,
    /// Where it is, with a slash behind.
    pub path: String,
    /// What it is for.
    pub text: String,
}

impl Variables {
    /// Takes them from the plan.
    pub fn new(plan: &Plan, workbench: &Workbench) -> Self {
        let hub = hub(workbench);
        let rstudio = rstudio(workbench);
        let shiny = shiny(workbench);
        let api = api(workbench);
        let users = workbench.users.iter();
        let allowed = users
            .clone()
            .filter(|user| user.sudo || user.bucket_access)
            .map(|user| user.name.to_string());
        Self {
            lab: plan.lab.to_string(),
            domain: workbench.domain.as_ref().map(ToString::to_string),
            names: server_names(plan, workbench),
            certificate_names: certificate_names(plan, workbench),
            tls: workbench.https.mode != HttpsMode::Off,
            acme: workbench.https.mode.asks_an_authority(),
            services: services(hub.as_ref(), rstudio.as_ref(), shiny.as_ref(), api.as_ref()),
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
            metadata_allowed: std::iter::once("root".to_owned()).chain(allowed).collect(),
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
        let services = services.map(|service| (service.title.clone(), service.path.clone()));
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

fn hub(workbench: &Workbench) -> Option<Hub> {
    let hub = workbench.jupyterhub.as_ref()?;
    let path = hub.path.to_string();
    let names = |all: bool| {
        let users = workbench.users.iter().filter(move |user| all || user.sudo);
        users.map(|user| user.name.to_string()).collect()
    };
    Some(Hub {
        base: base(&path),
        path,
        memory_limit: hub.memory_limit.map(|limit| limit.bytes()),
        cpu_limit: hub.cpu_limit.map(|limit| limit.cores()),
        culler: culler(hub),
        users: names(true),
        admins: names(false),
    })
}

/// The longest time between two looks, and between two reports: JupyterHub's own.
const LONGEST_INTERVAL: u32 = 300;

fn culler(hub: &Jupyterhub) -> Option<Culler> {
    let idle_timeout = hub.idle_timeout.map(|timeout| timeout.as_secs());
    let max_age = hub.max_age.map(|age| age.as_secs());
    let shortest = idle_timeout.into_iter().chain(max_age).min()?;
    // A report may come late, or get lost, and the server still counts as active.
    let often = |limit: u32| (limit / 4).clamp(1, LONGEST_INTERVAL);
    Some(Culler {
        idle_timeout,
        max_age,
        check_every: often(shortest),
        report_every: often(idle_timeout.unwrap_or(u32::MAX)),
    })
}

const SYSTEM_R: &str = "/usr/bin/R";
const RIG_R: &str = "/opt/labctl-r/bin/R";

/// Says which R everybody runs.
pub const fn program_of_r(r: &R) -> &'static str {
    match r.version {
        RVersion::System => SYSTEM_R,
        RVersion::Release | RVersion::Exact(_) => RIG_R,
    }
}

fn rstudio(workbench: &Workbench) -> Option<Rstudio> {
    let path = workbench.rstudio.as_ref()?.path.to_string();
    let users = workbench.users.iter().map(|user| user.name.to_string());
    Some(Rstudio {
        base: format!("{path}/"),
        path,
        r: program_of_r(workbench.r.as_ref()?),
        users: users.collect::<Vec<_>>().join(":"),
    })
}

fn shiny(workbench: &Workbench) -> Option<Shiny> {
    let shiny = workbench.shiny.as_ref()?;
    let path = shiny.path.to_string();
    Some(Shiny {
        base: base(&path),
        path,
        python: shiny.language == Language::Python,
    })
}

fn api(workbench: &Workbench) -> Option<Api> {
    let api = workbench.api.as_ref()?;
    let path = api.path.to_string();
    let memory_limit = api.memory_limit.map(|limit| limit.bytes());
    Some(Api {
        base: base(&path),
        path,
        public: api.public,
        memory_limit: memory_limit.unwrap_or(API_MEMORY),
        image: String::new(),
    })
}

fn base(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

fn services(
    hub: Option<&Hub>,
    rstudio: Option<&Rstudio>,
    shiny: Option<&Shiny>,
    api: Option<&Api>,
) -> Vec<Service> {
    let hub = hub.map(|hub| Service {
        title: "JupyterHub".to_owned(),
        path: hub.base.clone(),
        text: "Notebooks and terminals in JupyterLab, one server for each user".to_owned(),
    });
    let rstudio = rstudio.map(|rstudio| Service {
        title: "RStudio".to_owned(),
        path: rstudio.base.clone(),
        text: "R with its editor, plots and help, for each user".to_owned(),
    });
    let shiny = shiny.map(|shiny| Service {
        title: "Shiny app".to_owned(),
        path: shiny.base.clone(),
        text: "An app that everybody may use, without signing in".to_owned(),
    });
    let api = api.filter(|api| api.public).map(|api| Service {
        title: "Model API".to_owned(),
        path: api.base.clone(),
        text: "What the model predicts, for programs".to_owned(),
    });
    let services = [hub, rstudio, shiny, api];
    services.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn culler_of(idle_timeout: &str, max_age: &str) -> Option<Culler> {
        let time = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        culler(&Jupyterhub {
            idle_timeout: time(idle_timeout),
            max_age: time(max_age),
            ..Jupyterhub::default()
        })
    }

    #[test]
    fn work_is_reported_several_times_within_the_idle_timeout() {
        for (idle, age, check_every, report_every) in [
            ("1m", "", 15, 15),
            ("1h", "48h", 300, 300),
            ("", "10m", 150, 300),
        ] {
            let culler = culler_of(idle, age).unwrap();
            let found = (culler.check_every, culler.report_every);
            assert_eq!(found, (check_every, report_every), "{idle} {age}");
        }
        assert_eq!(culler_of("", ""), None);
    }
}
