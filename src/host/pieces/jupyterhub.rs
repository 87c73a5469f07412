//! JupyterHub with JupyterLab: the Hub, and its proxy as a unit of its own.

use crate::host::desired::{
    Checker, DesiredHost, DesiredUnit, Directory, Effect, Environment, EnvironmentKind, Gate,
    Input, Port, Secret,
};
use crate::host::render::RenderError;
use crate::host::variables::Hub;

use super::{Piece, languages};

const ENVIRONMENT: &str = "/opt/jupyterhub";
const PROXY_ENVIRONMENT: &str = "/opt/jupyterhub-proxy";
const CONFIGURATION: &str = "/etc/jupyterhub/jupyterhub_config.py";
/// What slows down who guesses passwords; the configuration imports them from its own folder.
const AUTHENTICATOR: &str = "/etc/jupyterhub/labctl_authenticator.py";
const SIGN_IN: &str = "/etc/jupyterhub/labctl_sign_in.py";
const CULLER: &str = "/etc/jupyterhub/idle_culler_config.py";
const NOTEBOOK_SERVER: &str = "/usr/local/lib/labctl/notebook_server.py";
const PROXY_SECRET: &str = "/etc/jupyterhub/proxy.env";
const HUB: &str = "/etc/systemd/system/jupyterhub.service";
const PROXY: &str = "/etc/systemd/system/jupyterhub-proxy.service";

/// Adds it, where the plan has it.
pub fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let (Some(hub), Some(section)) = (&piece.variables.hub, &piece.workbench.jupyterhub) else {
        return Ok(());
    };
    host.add_packages(&["python3-venv"]);
    let mirrors = &piece.workbench.mirrors;
    let registry = mirrors.npm.as_ref().map(ToString::to_string);
    let mut requirements = Piece::plain("jupyterhub/requirements.txt")?;
    for package in &section.packages {
        requirements.push_str(&format!("{package}\n"));
    }
    let environment = Environment::python("jupyterhub", ENVIRONMENT, requirements, mirrors);
    host.environments.push(environment);
    let packages = Piece::plain("jupyterhub/proxy-packages.txt")?;
    let requirements = Piece::plain("jupyterhub/proxy-requirements.txt")?;
    host.environments.push(Environment {
        kind: EnvironmentKind::Node,
        node_packages: packages.lines().map(str::to_owned).collect(),
        registry,
        ..Environment::python("jupyterhub-proxy", PROXY_ENVIRONMENT, requirements, mirrors)
    });
    secrets(host);
    files(piece, hub, host)?;
    units(hub, host);
    let base = piece.variables.url(&hub.base);
    host.gates.extend([
        Gate::Loopback {
            ports: vec![8000, 8001, 8081],
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
            name: "jupyterhub-proxy.service",
            inputs: inputs(&[PROXY, PROXY_ENVIRONMENT, PROXY_SECRET]),
        },
        DesiredUnit {
            name: "jupyterhub.service",
            inputs: inputs(&read),
        },
    ]);
    let port = |port, unit| Port { port, unit };
    host.ports.extend([
        port(8000, "jupyterhub-proxy.service"),
        port(8001, "jupyterhub-proxy.service"),
        port(8081, "jupyterhub.service"),
    ]);
    let active = |unit| Gate::Active { unit };
    host.gates.extend([
        active("jupyterhub-proxy.service"),
        active("jupyterhub.service"),
    ]);
}
