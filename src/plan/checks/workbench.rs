//! Checks on what is installed on the server.

use std::collections::HashMap;

use crate::plan::model::{Access, Api, HttpsMode, Plan, Workbench};
use crate::plan::scalars::{ModelLocation, UrlPath};

use super::{Check, Findings};

pub(super) const CHECKS: &[Check] = &[
    (&["workbench.domain", "workbench.https", "dns.zone"], domain),
    (&["workbench.users"], users),
    (&["workbench.users", "bucket"], users_and_bucket),
    (&["workbench.api"], api_source),
    (&["workbench.api", "bucket"], model),
    (
        &[
            "workbench.jupyterhub",
            "workbench.rstudio",
            "workbench.api",
            "workbench.shiny",
        ],
        paths,
    ),
    (&["workbench.jupyterhub"], ages),
    (&["workbench.rstudio", "workbench.r"], rstudio_needs_r),
    (
        &[
            "workbench.jupyterhub",
            "workbench.rstudio",
            "instance.instance_type",
        ],
        memory,
    ),
];

fn domain(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(Workbench {
        domain: Some(domain),
        https,
        ..
    }) = &plan.workbench
    else {
        return;
    };
    // What is proven in the zone has to be in it, which another check says.
    if https.mode == HttpsMode::Dns {
        return;
    }
    if let Some(dns) = &plan.dns
        && !dns.zone.contains(domain)
    {
        let summary = format!(
            "the domain `{domain}` is not in the plan's zone `{}`",
            dns.zone
        );
        findings.warning(
            "workbench.domain",
            summary,
            "outside the zone",
            "see to it yourself that the name points at the server, or use a name in the zone",
        );
    }
}

fn users(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(workbench) = &plan.workbench else {
        return;
    };
    let mut first_with = HashMap::new();
    for (index, user) in workbench.users.iter().enumerate() {
        let path = |index: usize| format!("workbench.users[{index}].name");
        if let Some(first) = first_with.insert(&user.name, index) {
            findings.clash(
                &path(index),
                &path(first),
                format!("two users are named `{}`", user.name),
                "remove one of them",
            );
        }
    }
    if workbench.users.is_empty() && (workbench.jupyterhub.is_some() || workbench.rstudio.is_some())
    {
        findings.warning(
            "workbench",
            "nobody can log in to JupyterHub or RStudio",
            "there are no `users`",
            "add `users: [{ name: test-user }]`",
        );
    }
}

/// The gate's own server, and whoever signs in, has to get as far as a notebook. In seconds.
const LEAST_IDLE: u32 = 60;
const LEAST_AGE: u32 = 600;

fn ages(plan: &Plan, findings: &mut Findings<'_>) {
    let workbench = plan.workbench.as_ref();
    let Some(hub) = workbench.and_then(|workbench| workbench.jupyterhub.as_ref()) else {
        return;
    };
    let limits = [
        ("idle_timeout", hub.idle_timeout, LEAST_IDLE, "1m"),
        ("max_age", hub.max_age, LEAST_AGE, "10m"),
    ];
    for (key, limit, least, shown) in limits {
        if let Some(limit) = limit.filter(|limit| limit.as_secs() < least) {
            findings.error(
                &format!("workbench.jupyterhub.{key}"),
                format!("servers would be stopped after {limit}, while they are being opened"),
                "too short",
                format!("write `{shown}` or more"),
            );
        }
    }
    if let Some((idle, age)) = hub.idle_timeout.zip(hub.max_age)
        && age <= idle
    {
        findings.error(
            "workbench.jupyterhub.max_age",
            format!("servers are stopped after {age}, so none can be idle for {idle}"),
            "not more than `idle_timeout`",
            "give `max_age` more time than `idle_timeout`, or leave one of them out",
        );
    }
}

fn users_and_bucket(plan: &Plan, findings: &mut Findings<'_>) {
    let users = plan
        .workbench
        .iter()
        .flat_map(|workbench| &workbench.users)
        .enumerate();
    for (index, user) in users.filter(|(_, user)| user.bucket_access.is_given()) {
        let (label, help) = match &plan.bucket {
            None => (
                "there is no `bucket`",
                "add a `bucket` section with a `name` and `instance_access: read`",
            ),
            Some(bucket) if user.bucket_access.on(bucket) == Access::None => (
                "`true` is what the server has, which is none",
                "write what the user may do: `read` or `read-write`",
            ),
            Some(_) => continue,
        };
        findings.error(
            &format!("workbench.users[{index}].bucket_access"),
            format!(
                "`{}` is given access to the bucket, which is not there to give",
                user.name
            ),
            label,
            help,
        );
    }
}

fn api(plan: &Plan) -> Option<&Api> {
    plan.workbench.as_ref()?.api.as_ref()
}

fn api_source(plan: &Plan, findings: &mut Findings<'_>) {
    match api(plan).map(|api| (&api.build, &api.image)) {
        Some((None, None)) => findings.error(
            "workbench.api",
            "the API has nothing to run",
            "`build` or `image` is missing",
            "add `build: path/to/folder` with a `Dockerfile`, or the name of an `image`",
        ),
        Some((Some(_), Some(_))) => findings.error(
            "workbench.api",
            "the API has both a `build` and an `image`",
            "one is too many",
            "keep `build` to build it on the server, or `image` to download it",
        ),
        Some((None, Some(image))) if !image.has_version() => findings.warning(
            "workbench.api.image",
            "what the API runs is what was newest when it was downloaded",
            "this names no version",
            "give each version a tag of its own, such as `:1`, or write the image's digest; another name is downloaded, the same one is not again",
        ),
        _ => {}
    }
}

fn model(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(api) = api(plan) else { return };
    let path = "workbench.api.model";
    match (&plan.bucket, &api.model) {
        (None, _) => findings.error(
            path,
            "the model comes to the server by the bucket, and the plan has none",
            "there is no `bucket`",
            "add a `bucket` section with a `name` and `instance_access: read`",
        ),
        (Some(own), ModelLocation::S3 { bucket, .. }) if own.name != *bucket => {
            let help = format!(
                "write `s3://{}/…`; the server's role opens no other bucket",
                own.name
            );
            findings.error(
                path,
                format!(
                    "the model is in `{bucket}`, and the plan's bucket is `{}`",
                    own.name
                ),
                "another bucket",
                help,
            );
        }
        (Some(own), _) if own.instance_access == Access::None => {
            findings.error(
                path,
                "the server may not read the bucket that the model is in",
                "`bucket.instance_access` is `none`",
                "write `instance_access: read` in `bucket`",
            );
        }
        _ => {}
    }
}

/// Lists the services that NGINX offers under the lab's own names: name and path.
fn services(workbench: &Workbench) -> Vec<(&'static str, &UrlPath)> {
    let jupyterhub = workbench
        .jupyterhub
        .as_ref()
        .map(|service| ("jupyterhub", &service.path));
    let rstudio = workbench
        .rstudio
        .as_ref()
        .map(|service| ("rstudio", &service.path));
    let api = workbench
        .api
        .as_ref()
        .filter(|api| api.public && api.host.is_none())
        .map(|service| ("api", &service.path));
    let shiny = workbench
        .shiny
        .as_ref()
        .filter(|shiny| shiny.host.is_none())
        .map(|service| ("shiny", &service.path));
    [jupyterhub, rstudio, api, shiny]
        .into_iter()
        .flatten()
        .collect()
}

fn paths(plan: &Plan, findings: &mut Findings<'_>) {
    let services = plan.workbench.as_ref().map(services).unwrap_or_default();
    for (index, (name, path)) in services.iter().enumerate() {
        let inside = |inner: &UrlPath, outer: &UrlPath| {
            inner
                .as_str()
                .strip_prefix(outer.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some((first, other)) = services[..index]
            .iter()
            .find(|(_, other)| inside(path, other) || inside(other, path))
        {
            let summary = format!(
                "`{first}` at `{other}` and `{name}` at `{path}` stand in each other's way"
            );
            findings.clash(
                &format!("workbench.{name}.path"),
                &format!("workbench.{first}.path"),
                summary,
                "give each a path outside the other's",
            );
        }
    }
}

fn rstudio_needs_r(plan: &Plan, findings: &mut Findings<'_>) {
    let workbench = plan.workbench.as_ref();
    if workbench.is_some_and(|workbench| workbench.rstudio.is_some() && workbench.r.is_none()) {
        findings.error(
            "workbench.rstudio",
            "RStudio needs R, and the plan has none",
            "there is no `r`",
            "add `r: { version: system }` to `workbench`",
        );
    }
}

fn memory(plan: &Plan, findings: &mut Findings<'_>) {
    let both = plan
        .workbench
        .as_ref()
        .is_some_and(|workbench| workbench.jupyterhub.is_some() && workbench.rstudio.is_some());
    let instance_type = &plan.instance.instance_type;
    if both && instance_type.is_tiny() {
        findings.warning(
            "instance.instance_type",
            format!("JupyterHub and RStudio together are slow on `{instance_type}`, which has 1 GiB of memory or less"),
            "little memory",
            "enough to look around; write `t3.small` or `t3.medium` before working with data (the server restarts, and keeps its disk)",
        );
    }
}
