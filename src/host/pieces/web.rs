//! NGINX, the only thing that the world reaches, and the landing page.

use crate::host::desired::{Checker, DesiredHost, DesiredUnit, Effect, Gate, Input, NGINX, Port};
use crate::host::render::RenderError;
use crate::host::services::Service;
use crate::plan::{HTTP_PORT, HTTPS_PORT};
use crate::support::digest;

use super::{Definition, Piece};

/// NGINX's whole configuration.
const CONFIGURATION: &str = "/etc/nginx/nginx.conf";
const TEMPLATE: &str = "nginx/nginx.conf.j2";
/// What keeps NGINX's logs small: anybody can make it write them.
const ROTATION: &str = "/etc/labctl/logrotate.conf";
const ROTATE: &str = "/etc/systemd/system/labctl-logs.service";
const TIMER: &str = "/etc/systemd/system/labctl-logs.timer";
const PAGE: &str = "/var/www/labctl/index.html";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        log: Some("/var/log/nginx/error.log"),
        ..Service::new("nginx", &[NGINX])
    }],
};

/// Adds it, where there is anything to serve.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let landing_page = piece.variables.landing_page;
    if piece.variables.services.is_empty() && !landing_page {
        return Ok(());
    }
    host.https = Some(piece.workbench.https.mode);
    host.add_packages(&["logrotate", "nginx"]);
    let (configuration, hash) = configuration(piece)?;
    host.add_checked(CONFIGURATION, configuration, "0644", Some(Checker::Nginx));
    host.nginx_hash = Some(hash.clone());
    // NGINX reads a certificate that comes with the apply when it is told to.
    let certificate = super::certificate::files(piece).into_iter();
    let inputs = std::iter::once(CONFIGURATION).chain(certificate.map(|file| file.path));
    host.units.push(DesiredUnit {
        name: NGINX,
        inputs: inputs
            .map(|path| Input {
                path,
                effect: Effect::Reload,
            })
            .collect(),
    });
    logs(host)?;
    host.ports.push(Port {
        port: HTTP_PORT,
        unit: NGINX,
    });
    host.gates
        .extend([Gate::Active { unit: NGINX }, Gate::Nginx { hash }]);
    if piece.variables.tls {
        host.ports.push(Port {
            port: HTTPS_PORT,
            unit: NGINX,
        });
        host.gates.extend([
            Gate::Redirect {
                host: piece.variables.host().to_owned(),
            },
            Gate::Certificate {
                host: piece.variables.names.first().cloned(),
            },
        ]);
    }
    if landing_page {
        host.add_file(PAGE, piece.render("landing/index.html.j2")?, "0644");
        host.gates.push(Gate::Page {
            name: "landing page",
            url: piece.variables.url("/"),
            status: 200,
            contains: "</html>",
        });
    }
    Ok(())
}

fn logs(host: &mut DesiredHost) -> Result<(), RenderError> {
    host.add_file(ROTATION, Piece::plain("nginx/logrotate.conf")?, "0644");
    for (path, name) in [
        (ROTATE, "systemd/labctl-logs.service"),
        (TIMER, "systemd/labctl-logs.timer"),
    ] {
        host.add_checked(path, Piece::plain(name)?, "0644", Some(Checker::Unit));
    }
    host.units.push(DesiredUnit {
        name: "labctl-logs.timer",
        inputs: vec![Input {
            path: TIMER,
            effect: Effect::Restart,
        }],
    });
    Ok(())
}

/// Renders the configuration twice: its hash is part of it, so that NGINX can
/// tell which one is live.
fn configuration(piece: &Piece<'_>) -> Result<(String, String), RenderError> {
    let mut variables = piece.variables.clone();
    variables.config_hash = "unknown".to_owned();
    let unknown = piece.templates.render(TEMPLATE, &variables)?;
    let hash = digest::sha256(&unknown);
    variables.config_hash.clone_from(&hash);
    Ok((piece.templates.render(TEMPLATE, &variables)?, hash))
}
