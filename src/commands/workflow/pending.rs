//! What of the plan is not applied, in AWS and on the server: for commands that look at the lab as it is.

use crate::cloud::diff::Change;
use crate::cloud::planning::{self, Laptop};
use crate::cloud::resources::{LiveLab, Scope};
use crate::commands::arguments::Global;
use crate::doctor::Comparison;
use crate::host::{self, DesiredHost, Facts, HostChange};
use crate::plan::Parsed;
use crate::report::Out;

use super::Failure;
use super::route::Route;
use super::session;

/// Names what an apply would change in AWS.
pub async fn in_aws(
    parsed: &Parsed,
    laptop: &Laptop,
    live: &LiveLab,
    global: &Global,
) -> Comparison {
    let my_ip = match session::my_ip(parsed, global).await {
        Ok(my_ip) => my_ip,
        Err(failure) => return Comparison::Unknown(failure.summary()),
    };
    let laptop = Laptop {
        my_ip,
        ..laptop.clone()
    };
    let scope = Scope::of(&parsed.plan);
    let set = planning::compare(&parsed.plan, &scope, &laptop, live);
    let changes = set.changes.iter();
    let left = changes.filter(|change| change.is_work() || matches!(change, Change::Conflict(_)));
    Comparison::Differs(left.map(|change| change.address().to_string()).collect())
}

/// Gives the server as the plan would have it; none where the plan is not about it.
///
/// # Errors
///
/// A file or a folder that the plan names cannot be read, or a template cannot be rendered.
pub fn desired(
    parsed: &Parsed,
    laptop: &Laptop,
    route: &Route,
    account: &str,
    out: &Out,
) -> Result<Option<DesiredHost>, Failure> {
    let plan = route.host_plan(&parsed.plan);
    let Some(workbench) = &plan.workbench else {
        return Ok(None);
    };
    let inputs = host::Inputs {
        authorized_keys: laptop.authorized_keys.clone(),
        folders: session::folders(parsed, out)?,
        certificate: session::certificate(parsed, out)?,
        account: Some(account.to_owned()),
    };
    Ok(Some(host::desired(plan, workbench, &inputs)?))
}

/// Names what an apply would change on the server.
pub fn on_server(
    desired: &Result<Option<DesiredHost>, Failure>,
    facts: Option<&Facts>,
) -> Comparison {
    match (desired, facts) {
        (Err(failure), _) => Comparison::Unknown(failure.summary()),
        (Ok(None), _) => Comparison::Unknown("the plan has no `workbench`".to_owned()),
        (Ok(Some(_)), None) => Comparison::Unknown("the server did not say how it is".to_owned()),
        (Ok(Some(desired)), Some(facts)) => {
            let changes = host::diff(desired, facts).changes;
            Comparison::Differs(changes.iter().map(HostChange::path).collect())
        }
    }
}
