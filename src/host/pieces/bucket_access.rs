//! The bucket for the plan's users: a service of root's gives those who have `bucket_access` keys of a role of their
//! own, and AWS's programs are led to it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cloud::resources::context::{role_name, users_role_name};
use crate::cloud::resources::policy::role_arn;
use crate::host::desired::{Checker, DesiredHost, DesiredUnit, Effect, Gate, Input};
use crate::host::render::RenderError;
use crate::host::services::Service;
use crate::plan::bucket_users;

use super::api::{ENVIRONMENT, environment};
use super::{Definition, Piece};

const PROGRAM: &str = "/usr/local/lib/labctl/credentials";
const ASK: &str = "/usr/local/lib/labctl/ask-credentials";
const SETTINGS: &str = "/etc/labctl/credentials.json";
const PROFILE: &str = "/etc/profile.d/labctl-aws.sh";
const SOCKET: &str = "/etc/systemd/system/labctl-credentials.socket";
const SERVICE: &str = "/etc/systemd/system/labctl-credentials.service";
const SOCKET_UNIT: &str = "labctl-credentials.socket";

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        key: "users",
        is_in: |workbench| {
            let mut users = workbench.users.iter();
            users.any(|user| user.bucket_access.is_given())
        },
        ..Service::new("credentials", &[SOCKET_UNIT, "labctl-credentials.service"])
    }],
};

/// Adds it, where somebody has access.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let variables = piece.variables;
    let (Some(bucket), false) = (&variables.bucket, variables.bucket_users.is_empty()) else {
        return Ok(());
    };
    if !host.environments.iter().any(|one| one.link == ENVIRONMENT) {
        host.environments.push(environment(piece)?);
    }
    settings(piece, host);
    for (path, name, mode, checker) in [
        (PROGRAM, "aws/credentials.py", "0644", Checker::Python),
        (ASK, "aws/ask_credentials.py", "0755", Checker::Python),
        (
            SERVICE,
            "systemd/labctl-credentials.service",
            "0644",
            Checker::Unit,
        ),
        (
            SOCKET,
            "systemd/labctl-credentials.socket",
            "0644",
            Checker::Unit,
        ),
    ] {
        host.add_checked(path, Piece::plain(name)?, mode, Some(checker));
    }
    host.add_file(PROFILE, piece.render("profile/aws.sh.j2")?, "0644");
    let inputs = [SOCKET, SERVICE, PROGRAM, SETTINGS, ENVIRONMENT].map(|path| Input {
        path,
        effect: Effect::Restart,
    });
    host.units.push(DesiredUnit {
        name: SOCKET_UNIT,
        inputs: inputs.to_vec(),
    });
    let (users, others) = variables
        .users
        .iter()
        .map(|user| user.name.clone())
        .partition(|name| variables.bucket_users.contains(name));
    host.gates.push(Gate::BucketAccess {
        unit: SOCKET_UNIT,
        bucket: bucket.clone(),
        users,
        others,
    });
    Ok(())
}

/// Says who may have what. The order is fixed, so that equal settings are equal texts.
fn settings(piece: &Piece<'_>, host: &mut DesiredHost) {
    let users = bucket_users(piece.plan).into_iter();
    let users: BTreeMap<_, _> = users
        .map(|(name, access)| (name.as_str(), access.as_str()))
        .collect();
    let (lab, region) = (&piece.variables.lab, &piece.variables.region);
    let role = users_role_name(&role_name(lab, region));
    let account = piece.inputs.account.as_ref();
    let settings = json!({
        "region": region,
        "role": account.map(|account| role_arn(region, account, &role)),
        "users": users,
    });
    host.add_file(SETTINGS, format!("{settings:#}\n"), "0644");
}
