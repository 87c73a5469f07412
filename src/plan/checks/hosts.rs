//! Checks on the names of their own that public apps have, and on those that have none.

use crate::plan::model::{HttpsMode, Plan, Workbench};
use crate::plan::names::is_led;
use crate::plan::scalars::DomainName;

use super::{Check, Findings};

pub(super) const CHECKS: &[Check] = &[
    (
        &["workbench.shiny", "workbench.api", "workbench.domain"],
        own_names,
    ),
    (
        &[
            "workbench.shiny",
            "workbench.api",
            "workbench.domain",
            "workbench.https",
            "dns",
        ],
        records,
    ),
    (
        &[
            "workbench.shiny",
            "workbench.api",
            "workbench.jupyterhub",
            "workbench.rstudio",
        ],
        shared_origins,
    ),
];

/// An app that the world may reach, and its name, if it has one of its own.
struct App<'a> {
    key: &'static str,
    host: Option<&'a DomainName>,
}

impl App<'_> {
    fn path(&self) -> String {
        format!("workbench.{}", self.key)
    }

    fn host_path(&self) -> String {
        format!("workbench.{}.host", self.key)
    }
}

fn public_apps(workbench: &Workbench) -> Vec<App<'_>> {
    let shiny = workbench.shiny.iter().map(|shiny| App {
        key: "shiny",
        host: shiny.host.as_ref(),
    });
    let api = workbench.api.iter().filter(|api| api.public);
    let api = api.map(|api| App {
        key: "api",
        host: api.host.as_ref(),
    });
    shiny.chain(api).collect()
}

fn own_names(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(workbench) = &plan.workbench else {
        return;
    };
    if let Some(host) = workbench.api.as_ref().filter(|api| !api.public)
        && host.host.is_some()
    {
        findings.error(
            "workbench.api.host",
            "the API has a name for the world, which does not reach it",
            "`public` is not `true`",
            "write `public: true`, or remove `host`",
        );
    }
    let apps = public_apps(workbench);
    for (index, app) in apps.iter().enumerate() {
        let Some(host) = app.host else { continue };
        let first = apps[..index].iter().find(|other| other.host == Some(host));
        match (&workbench.domain, first) {
            (None, _) => findings.error(
                &app.host_path(),
                format!("`{}` has a name of its own, and the lab has none", app.key),
                "there is no `workbench.domain`",
                "add `domain: your-name.org` to `workbench`, for all that has no `host`",
            ),
            (Some(domain), _) if domain == host => findings.error(
                &app.host_path(),
                format!("`{host}` is the name of the lab itself"),
                "the same as `workbench.domain`",
                format!(
                    "take a name that nothing else has, such as `{}.{domain}`",
                    app.key
                ),
            ),
            (_, Some(first)) => findings.clash(
                &app.host_path(),
                &first.host_path(),
                format!("`{}` and `{}` have the same name", first.key, app.key),
                "give each a name of its own, so that they share no origin",
            ),
            _ => {}
        }
    }
}

/// A name leads to the server by a record of the plan, or somebody else has to see to it.
fn records(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(workbench) = &plan.workbench else {
        return;
    };
    for app in public_apps(workbench) {
        let Some(host) = app.host else { continue };
        let path = app.host_path();
        match &plan.dns {
            Some(dns) if dns.zone.contains(host) => {
                if !is_led(plan, host) {
                    let zone = dns.zone.as_str();
                    let inside = host.as_str().strip_suffix(zone).unwrap_or_default();
                    let name = match inside.trim_end_matches('.') {
                        "" => "\"@\"",
                        name => name,
                    };
                    findings.error(
                        &path,
                        format!("no record of the plan leads `{host}` to the server"),
                        "a name without a record",
                        format!("add `- {{ name: {name}, type: A, value: elastic-ip }}` to `dns.records`"),
                    );
                }
            }
            Some(dns) if workbench.https.mode == HttpsMode::Dns => findings.error(
                &path,
                format!(
                    "`dns` cannot prove `{host}`: it is not in the plan's zone `{}`",
                    dns.zone
                ),
                "the name is in another zone",
                "take a name in the zone, or write `mode: lets-encrypt`",
            ),
            _ => findings.warning(
                &path,
                format!("labctl makes no record for `{host}`"),
                "in no zone of the plan",
                "see to it yourself that the name points at the server, or use a name in the zone",
            ),
        }
    }
}

/// Browsers keep apart what has another origin (RFC 6454), and nothing else.
fn shared_origins(plan: &Plan, findings: &mut Findings<'_>) {
    let Some(workbench) = &plan.workbench else {
        return;
    };
    let with = match (&workbench.jupyterhub, &workbench.rstudio) {
        (Some(_), Some(_)) => "JupyterHub and RStudio",
        (Some(_), None) => "JupyterHub",
        (None, Some(_)) => "RStudio",
        (None, None) => return,
    };
    for app in public_apps(workbench) {
        if app.host.is_some() {
            continue;
        }
        let domain = workbench.domain.as_ref();
        let domain = domain.map_or("your-name.org", DomainName::as_str);
        findings.warning(
            &app.path(),
            format!(
                "`{}` shares its origin with {with}: what its pages run in a browser can act there \
                 as whoever is signed in",
                app.key
            ),
            "open to everybody, without a `host` of its own",
            format!(
                "add a name that leads to the server, such as `host: {}.{domain}`; or leave it, \
                 where you trust the app as much as those who sign in",
                app.key
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan;

    /// What is said of the apps' names in a plan with these lines of `dns` and `workbench`.
    fn said(dns: &str, workbench: &str) -> Vec<String> {
        let text = format!(
            "
lab: lab
region: us-east-1
instance: {{ image: ubuntu-24.04, instance_type: t3.micro, key_pair: k.pub }}
elastic_ip: true
security_group: {{ ingress: [{{ port: 22, from: [my-ip] }}, {{ port: 80, from: [anywhere] }}, {{ port: 443, from: [anywhere] }}] }}
bucket: {{ name: ours-and-ours, instance_access: read }}
{dns}
workbench:
  users: [{{ name: ada }}]
{workbench}
"
        );
        let problems = match plan::parse("lab.yaml", &text) {
            Ok(parsed) => parsed.warnings,
            Err(found) => found.problems,
        };
        problems
            .into_iter()
            .map(|problem| problem.summary)
            .collect()
    }

    fn zone(records: &str) -> String {
        format!("dns: {{ zone: example.org, records: [{records}] }}")
    }

    fn shiny(host: &str) -> String {
        format!(
            "  domain: example.org\n  https: {{ mode: self-signed }}\n  shiny: {{ app: a, language: r, host: {host} }}"
        )
    }

    const HERE: &str = "{ name: \"@\", type: A, value: elastic-ip }";

    #[test]
    fn a_name_is_led_by_its_own_record_or_by_a_wildcards() {
        let app = "no record of the plan leads `app.example.org` to the server";
        for (records, expected) in [
            ("{ name: app, type: A, value: elastic-ip }", &[][..]),
            ("{ name: app, type: CNAME, value: \"@\" }", &[]),
            ("{ name: \"*\", type: A, value: elastic-ip }", &[]),
            ("{ name: \"*\", type: A, value: 192.0.2.1 }", &[app]),
            (
                "{ name: \"*\", type: A, value: elastic-ip }, { name: app, type: TXT, value: x }",
                &[app],
            ),
            ("{ name: www, type: CNAME, value: \"@\" }", &[app]),
        ] {
            let found = said(
                &zone(&format!("{HERE}, {records}")),
                &shiny("app.example.org"),
            );
            assert_eq!(found, expected, "{records}");
        }
        // Something is below `deep`, so that the wildcard above it does not answer there.
        let deep = "{ name: \"*\", type: A, value: elastic-ip }, { name: x.deep, type: A, value: 192.0.2.1 }";
        let found = said(
            &zone(&format!("{HERE}, {deep}")),
            &shiny("app.deep.example.org"),
        );
        assert_eq!(
            found,
            ["no record of the plan leads `app.deep.example.org` to the server"]
        );
    }

    #[test]
    fn a_name_of_ones_own_is_nobody_elses() {
        let here = zone(HERE);
        let same = said(&here, &shiny("example.org"));
        assert_eq!(same, ["`example.org` is the name of the lab itself"]);
        let elsewhere = said(&here, &shiny("app.example.com"));
        assert_eq!(elsewhere, ["labctl makes no record for `app.example.com`"]);
        let by_dns = shiny("app.example.com").replace("self-signed", "dns");
        let found = said(&here, &by_dns);
        assert_eq!(
            found,
            ["`dns` cannot prove `app.example.com`: it is not in the plan's zone `example.org`"]
        );
        let without = shiny("app.example.org").replace("  domain: example.org\n", "");
        let found = said("", &without);
        assert!(
            found.contains(&"`shiny` has a name of its own, and the lab has none".to_owned()),
            "{found:?}"
        );
        let both = format!(
            "{}\n  api: {{ image: \"a:1\", public: true, model: s3://ours-and-ours/m, host: app.example.org }}",
            shiny("app.example.org")
        );
        let found = said("", &both);
        assert!(
            found.contains(&"`shiny` and `api` have the same name".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn public_apps_beside_sign_ins_are_remarked() {
        let hub = "  jupyterhub: {}";
        let shared = |found: &[String]| {
            found
                .iter()
                .filter(|line| line.contains("shares its origin"))
                .count()
        };
        let plain = "  https: { mode: self-signed }\n  shiny: { app: a, language: r }";
        assert_eq!(shared(&said("", &format!("{plain}\n{hub}"))), 1);
        assert_eq!(shared(&said("", plain)), 0);
        assert_eq!(
            shared(&said("", &format!("{}\n{hub}", shiny("app.example.org")))),
            0
        );
        let api = |public| {
            format!(
                "  api: {{ image: \"a:1\", public: {public}, model: s3://ours-and-ours/m }}\n{hub}"
            )
        };
        assert_eq!(
            [true, false].map(|public| shared(&said("", &api(public)))),
            [1, 0]
        );
    }
}
