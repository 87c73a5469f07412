//! JupyterHub with JupyterLab: the Hub, and its proxy as a unit of its own.

use serde::Serialize;

use crate::host::desired::{
    Checker, DesiredHost, DesiredUnit, Directory, Effect, Environment, EnvironmentKind, Gate,
    Input, NodePackages, Port, Secret,
};
use crate::host::render::RenderError;
use crate::host::services::{Link, Service, base};
use crate::plan::{Jupyterhub, Workbench};

use super::isolation::{UserAddress, address_of};
use super::{Definition, Piece, languages};

const ENVIRONMENT: &str = "/opt/jupyterhub";
const PROXY_ENVIRONMENT: &str = "/opt/jupyterhub-proxy";
const CONFIGURATION: &str = "/etc/jupyterhub/jupyterhub_config.py";
/// What slows down who guesses passwords; the configuration imports them from its own folder.
const AUTHENTICATOR: &str = "/etc/jupyterhub/labctl_authenticator.py";
const SIGN_IN: &str = "/etc/jupyterhub/labctl_sign_in.py";
const CULLER: &str = "/etc/jupyterhub/idle_culler_config.py";
const NOTEBOOK_SERVER: &str = "/usr/local/lib/labctl/notebook_server.py";
/// What JupyterLab reads before the users' own settings ("JupyterLab", page configuration).
const PAGE: &str = "/etc/jupyter/labconfig/page_config.json";
const PROXY_SECRET: &str = "/etc/jupyterhub/proxy.env";
const HUB: &str = "/etc/systemd/system/jupyterhub.service";
const PROXY: &str = "/etc/systemd/system/jupyterhub-proxy.service";

// Services listen below 512, where the kernel lets nobody but root listen, and where no outgoing connection of root's
// begins either (bindresvport(3) takes 512 to 1023). `isolation.rs` sees to it, and says who may connect.
const PORT: u16 = 480;
const API_PORT: u16 = 481;
const HUB_PORT: u16 = 482;
const HUB_UNIT: &str = "jupyterhub.service";
const PROXY_UNIT: &str = "jupyterhub-proxy.service";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[
        Service {
            port: Some(PORT),
            key: KEY,
            is_in,
            // It alone knows the prefix that the world sees; NGINX takes it off for the others.
            path: |workbench| {
                let hub = workbench.jupyterhub.as_ref();
                hub.map_or_else(|| "/".to_owned(), |hub| base(&hub.path.to_string()))
            },
            ..Service::new("jupyter", &[HUB_UNIT, PROXY_UNIT])
        },
        Service {
            key: KEY,
            is_in,
            ..Service::new("notebooks", &["jupyter-*.service"])
        },
    ],
};

const KEY: &str = "jupyterhub";

fn is_in(workbench: &Workbench) -> bool {
    workbench.jupyterhub.is_some()
}

/// JupyterHub.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hub {
    /// Where it is, such as `/jupyter`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// Where its proxy listens.
    pub port: u16,
    /// Where the proxy takes its routes.
    pub api_port: u16,
    /// Where the Hub itself listens.
    pub hub_port: u16,
    /// The bytes of memory that one user's server may use.
    pub memory_limit: Option<u64>,
    /// The cores that one user's server may use.
    pub cpu_limit: Option<f64>,
    /// What stops users' servers, where the plan wants that.
    pub culler: Option<Culler>,
    /// Who may log in.
    pub users: Vec<String>,
    /// At which address each user's server listens.
    pub addresses: Vec<UserAddress>,
    /// The same as pairs.
    pub address_pairs: Vec<[String; 2]>,
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

impl Hub {
    /// Takes it from the plan.
    pub fn of(workbench: &Workbench) -> Option<Self> {
        let hub = workbench.jupyterhub.as_ref()?;
        let path = hub.path.to_string();
        let names = |all: bool| {
            let users = workbench.users.iter().filter(move |user| all || user.sudo);
            users.map(|user| user.name.to_string()).collect::<Vec<_>>()
        };
        let addresses = || names(true).into_iter().map(address_of);
        Some(Self {
            base: base(&path),
            port: PORT,
            api_port: API_PORT,
            hub_port: HUB_PORT,
            path,
            memory_limit: hub.memory_limit.map(|limit| limit.bytes()),
            cpu_limit: hub.cpu_limit.map(|limit| limit.cores()),
            culler: culler(hub),
            users: names(true),
            address_pairs: addresses()
                .map(|server| [server.user, server.address])
                .collect(),
            addresses: addresses().collect(),
            admins: names(false),
        })
    }

    /// What the landing page says of it.
    pub fn link(&self) -> Link {
        Link {
            title: "JupyterHub",
            host: None,
            path: self.base.clone(),
            text: "Notebooks and terminals in JupyterLab, one server for each user",
        }
    }
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

/// Adds it, where the plan has it.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let (Some(hub), Some(section)) = (&piece.variables.hub, &piece.workbench.jupyterhub) else {
        return Ok(());
    };
    host.add_packages(&["python3-venv"]);
    let mirrors = &piece.workbench.mirrors;
    let registry = mirrors.npm.as_ref().map(ToString::to_string);
    let packages = Piece::locked("jupyterhub/requirements", true)?.with(&section.packages);
    let environment = Environment::python("jupyterhub", ENVIRONMENT, packages, mirrors);
    host.environments.push(environment);
    let packages = Piece::locked("jupyterhub/proxy-requirements", false)?;
    let node = NodePackages {
        manifest: Piece::plain("jupyterhub/proxy/package.json")?,
        lock: Piece::plain("jupyterhub/proxy/package-lock.json")?,
    };
    host.environments.push(Environment {
        kind: EnvironmentKind::Node,
        node: Some(node),
        registry,
        ..Environment::python("jupyterhub-proxy", PROXY_ENVIRONMENT, packages, mirrors)
    });
    secrets(host);
    files(piece, hub, host)?;
    units(hub, host);
    let base = piece.variables.url(&hub.base);
    host.gates.extend([
        Gate::Loopback {
            ports: vec![PORT, API_PORT, HUB_PORT],
        },
        Gate::HubApi {
            url: format!("{base}hub/api/"),
        },
        Gate::Page {
            name: "hub login page",
            url: format!("{base}hub/login"),
            status: 200,
            contains: "name=\"username\"",
        },
    ]);
    let user = hub.users.first().cloned();
    let kernels = languages::kernels(piece.workbench);
    host.gates.extend(user.map(|user| Gate::Kernel {
        user,
        kernels,
        base,
    }));
    Ok(())
}

fn secrets(host: &mut DesiredHost) {
    host.secrets.push(Secret {
        path: PROXY_SECRET,
        key: "CONFIGPROXY_AUTH_TOKEN",
        mode: "0600",
        owner: "root",
        group: "root",
    });
    host.directories.push(Directory {
        path: "/var/lib/jupyterhub",
        mode: "0700",
        owner: "root",
        group: "root",
    });
}

fn files(piece: &Piece<'_>, hub: &Hub, host: &mut DesiredHost) -> Result<(), RenderError> {
    let configuration = piece.render("jupyterhub/jupyterhub_config.py.j2")?;
    host.add_checked(CONFIGURATION, configuration, "0644", Some(Checker::Python));
    for (path, name) in [
        (AUTHENTICATOR, "jupyterhub/labctl_authenticator.py"),
        (SIGN_IN, "jupyterhub/labctl_sign_in.py"),
    ] {
        host.add_checked(path, Piece::plain(name)?, "0644", Some(Checker::Python));
    }
    if hub.culler.is_some() {
        let culler = piece.render("jupyterhub/idle_culler_config.py.j2")?;
        host.add_checked(CULLER, culler, "0644", Some(Checker::Python));
    }
    let server = Piece::plain("jupyterhub/notebook_server.py")?;
    host.add_checked(NOTEBOOK_SERVER, server, "0644", Some(Checker::Python));
    host.add_file(PAGE, Piece::plain("jupyterhub/page_config.json")?, "0644");
    let hub = Piece::plain("systemd/jupyterhub.service")?;
    host.add_checked(HUB, hub, "0644", Some(Checker::Unit));
    let proxy = piece.render("systemd/jupyterhub-proxy.service.j2")?;
    host.add_checked(PROXY, proxy, "0644", Some(Checker::Unit));
    Ok(())
}

fn units(hub: &Hub, host: &mut DesiredHost) {
    let inputs = |paths: &[&'static str]| {
        let restart = |path: &&'static str| Input {
            path,
            effect: Effect::Restart,
        };
        paths.iter().map(restart).collect()
    };
    let mut read = vec![
        HUB,
        ENVIRONMENT,
        CONFIGURATION,
        AUTHENTICATOR,
        SIGN_IN,
        PROXY_SECRET,
    ];
    read.extend(hub.culler.is_some().then_some(CULLER));
    host.units.extend([
        DesiredUnit {
            name: PROXY_UNIT,
            inputs: inputs(&[PROXY, PROXY_ENVIRONMENT, PROXY_SECRET]),
        },
        DesiredUnit {
            name: HUB_UNIT,
            inputs: inputs(&read),
        },
    ]);
    let port = |port, unit| Port { port, unit };
    host.ports.extend([
        port(PORT, PROXY_UNIT),
        port(API_PORT, PROXY_UNIT),
        port(HUB_PORT, HUB_UNIT),
    ]);
    let active = |unit| Gate::Active { unit };
    host.gates.extend([active(PROXY_UNIT), active(HUB_UNIT)]);
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
