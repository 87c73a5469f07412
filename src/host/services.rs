//! The services of a server by the short names under which people ask for
//! them: which port each listens on there, and which units write its log.

use crate::plan::{HttpsMode, Workbench};

/// Something on the server that people ask for by a short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The short name.
    pub name: &'static str,
    /// The port that it listens on, on the server's loopback address alone.
    pub port: Option<u16>,
    /// The units whose log is its own; systemd's patterns are allowed (journalctl(1), `--unit`).
    pub units: &'static [&'static str],
    /// A file that it writes besides.
    pub log: Option<&'static str>,
    /// The section of the plan that it comes from.
    section: Section,
}

/// Where in the plan a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Jupyterhub,
    Rstudio,
    Api,
    Shiny,
    Https,
    /// It is on every server.
    None,
}

impl Section {
    const fn key(self) -> &'static str {
        match self {
            Self::Jupyterhub => "jupyterhub",
            Self::Rstudio => "rstudio",
            Self::Api => "api",
            Self::Shiny => "shiny",
            Self::Https => "https",
            Self::None => "workbench",
        }
    }

    fn is_in(self, workbench: &Workbench) -> bool {
        match self {
            Self::Jupyterhub => workbench.jupyterhub.is_some(),
            Self::Rstudio => workbench.rstudio.is_some(),
            Self::Api => workbench.api.is_some(),
            Self::Shiny => workbench.shiny.is_some(),
            Self::Https => workbench.https.mode != HttpsMode::Off,
            Self::None => true,
        }
    }
}

/// All services. What has a port can be the end of a tunnel.
pub const SERVICES: &[Service] = &[
    Service {
        name: "jupyter",
        port: Some(8000),
        units: &["jupyterhub.service", "jupyterhub-proxy.service"],
        log: None,
        section: Section::Jupyterhub,
    },
    Service {
        name: "rstudio",
        port: Some(8787),
        units: &["rstudio-server.service"],
        log: None,
        section: Section::Rstudio,
    },
    Service {
        name: "api",
        port: Some(8080),
        units: &["model-api.service", "labctl-model.service"],
        log: None,
        section: Section::Api,
    },
    Service {
        name: "shiny",
        port: Some(3838),
        units: &["shiny-app.service", "shiny-server.service"],
        log: None,
        section: Section::Shiny,
    },
    Service {
        name: "nginx",
        port: None,
        units: &["nginx.service"],
        log: Some("/var/log/nginx/error.log"),
        section: Section::None,
    },
    Service {
        name: "certificate",
        port: None,
        units: &["labctl-certificate.service", "certbot.service"],
        log: None,
        section: Section::Https,
    },
    Service {
        name: "notebooks",
        port: None,
        units: &["jupyter-*.service"],
        log: None,
        section: Section::Jupyterhub,
    },
    Service {
        name: "ssh",
        port: None,
        units: &["ssh.service"],
        log: None,
        section: Section::None,
    },
    Service {
        name: "apply",
        port: None,
        units: &["labctl-apply.service"],
        log: None,
        section: Section::None,
    },
];

/// Finds a service by its name; `jupyterhub` is what the plan calls JupyterHub.
pub fn named(name: &str) -> Option<&'static Service> {
    let name = if name == "jupyterhub" {
        "jupyter"
    } else {
        name
    };
    SERVICES.iter().find(|service| service.name == name)
}

impl Service {
    /// Whether the plan has it.
    pub fn is_in(&self, workbench: &Workbench) -> bool {
        self.section.is_in(workbench)
    }

    /// The key of the plan that brings it.
    pub const fn key(&self) -> &'static str {
        self.section.key()
    }

    /// The path of its start page, without NGINX in front of it.
    pub fn path(&self, workbench: &Workbench) -> String {
        let hub = workbench.jupyterhub.as_ref().map(|hub| &hub.path);
        match (self.section, hub) {
            // JupyterHub alone knows the prefix that the world sees; NGINX takes it off for the others.
            (Section::Jupyterhub, Some(path)) => {
                format!("{}/", path.to_string().trim_end_matches('/'))
            }
            _ => "/".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_are_no_ports() {
        assert_eq!(named("jupyterhub"), named("jupyter"));
        assert_eq!(named("shiny").and_then(|service| service.port), Some(3838));
        assert_eq!(named("shiny-server"), None);
        for service in SERVICES {
            assert!(service.name.parse::<u16>().is_err());
            assert!(!service.units.is_empty());
        }
    }
}
