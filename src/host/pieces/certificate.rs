//! The certificate: made by the server itself at first, and by an authority as
//! soon as every name leads to the server.

use serde_json::json;

use crate::doctor::outside::RESOLVERS;
use crate::host::CERTIFICATE_SETTINGS;
use crate::host::desired::{
    Checker, DesiredHost, DesiredUnit, Directory, Effect, Input, PRIVATE_MODE,
};
use crate::host::render::RenderError;
use crate::host::services::Service;
use crate::plan::HttpsMode;

use super::{Definition, Piece};

const SCRIPT: &str = "/usr/local/lib/labctl/certificate";
const SERVICE: &str = "/etc/systemd/system/labctl-certificate.service";
const TIMER: &str = "/etc/systemd/system/labctl-certificate.timer";
const HOOK: &str = "/etc/letsencrypt/renewal-hooks/deploy/labctl";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        key: "https",
        is_in: |workbench| workbench.https.mode != HttpsMode::Off,
        ..Service::new(
            "certificate",
            &["labctl-certificate.service", "certbot.service"],
        )
    }],
};

/// Adds what makes and renews it, where there is HTTPS.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    if !piece.variables.tls || host.nginx_hash.is_none() {
        return Ok(());
    }
    host.add_packages(&["openssl"]);
    host.directories.push(Directory {
        path: "/var/www/labctl-acme",
        mode: "0755",
        owner: "root",
        group: "root",
    });
    host.add_file(CERTIFICATE_SETTINGS, settings(piece), "0644");
    for File {
        path,
        content,
        mode,
    } in files(piece)
    {
        host.add_file(path, content, mode);
    }
    let script = Piece::plain("certificate/certificate.py")?;
    host.add_checked(SCRIPT, script, "0755", Some(Checker::Python));
    let service = Piece::plain("systemd/labctl-certificate.service")?;
    host.add_checked(SERVICE, service, "0644", Some(Checker::Unit));
    let timer = Piece::plain("systemd/labctl-certificate.timer")?;
    host.add_checked(TIMER, timer, "0644", Some(Checker::Unit));
    host.units.push(DesiredUnit {
        name: "labctl-certificate.timer",
        inputs: vec![Input {
            path: TIMER,
            effect: Effect::Restart,
        }],
    });
    if piece.variables.acme {
        host.add_packages(&["certbot", "python3-dnspython"]);
        if piece.workbench.https.mode == HttpsMode::Dns {
            host.add_packages(&["python3-certbot-dns-route53"]);
        }
        host.add_file(HOOK, Piece::plain("certificate/deploy-hook")?, "0755");
        host.wants_authority = true;
        // Debian's own renewal; there is no second one.
        host.units.push(DesiredUnit {
            name: "certbot.timer",
            inputs: Vec::new(),
        });
    }
    Ok(())
}

/// A file with an organisation's own certificate, or its key.
pub struct File {
    /// Where it lies.
    pub path: &'static str,
    content: String,
    mode: &'static str,
}

/// The files of the mode `files`; the program above turns NGINX's link to their folder.
pub fn files(piece: &Piece<'_>) -> Vec<File> {
    let certificate = piece.inputs.certificate.as_ref();
    let is_wanted = piece.workbench.https.mode == HttpsMode::Files;
    let Some(certificate) = certificate.filter(|_| is_wanted) else {
        return Vec::new();
    };
    vec![
        File {
            path: "/etc/labctl/tls/files/fullchain.pem",
            content: certificate.chain.clone(),
            mode: "0644",
        },
        File {
            path: "/etc/labctl/tls/files/privkey.pem",
            content: certificate.key.reveal().to_owned(),
            mode: PRIVATE_MODE,
        },
    ]
}

/// The script's settings. Their order is fixed, so that equal settings are
/// equal texts.
fn settings(piece: &Piece<'_>) -> String {
    let https = &piece.workbench.https;
    let directory = https.directory.as_ref().map(ToString::to_string);
    let settings = json!({
        "mode": https.mode.as_str(),
        "names": piece.variables.certificate_names,
        "certificate_name": piece.variables.lab,
        "email": https.email.as_ref().map(ToString::to_string),
        "directory": directory,
        "resolvers": RESOLVERS,
    });
    format!("{settings:#}\n")
}
