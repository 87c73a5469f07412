//! A sandbox as text: what runs, how to look at it, and what it cannot show.

use serde_json::{Value, json};

use crate::host::variables::Variables;
use crate::plan::Plan;
use crate::sandbox::{Authority, Machine, Port, Status};

use super::style::{CREATE, DANGER, DIM, STRONG, UPDATE, paint};
use super::words::harmless;

const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// What a sandbox is not: printed, so that nobody takes a rehearsal for the performance.
pub const LIMITS: [&str; 7] = [
    "prices, quotas, capacity and the time that AWS takes for things",
    "IAM's evaluation of permissions: the API's model is read with keys that nobody checks, and notebooks have none",
    "security groups: ports 22, 80 and 443 of each server are open to this laptop, and no other is",
    "instance types: a container has all of this laptop's processors and memory",
    "volumes: disks are folders of this laptop, and do not grow",
    "name servers: names lead to the lab on its own servers only, and certificates are nobody's",
    "Ubuntu itself, where no registry could be reached: servers are Debian 12 then",
];

/// What is known of the pages of a lab's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pages {
    /// Nothing: no plan is at hand.
    Unknown,
    /// There are none.
    None,
    /// They are served.
    Served {
        /// By HTTPS.
        tls: bool,
        /// To those who ask for one of these names; to everybody where there are none.
        names: Vec<String>,
    },
}

impl Pages {
    /// Reads off a plan what its server serves.
    pub fn of(plan: &Plan) -> Self {
        let workbench = plan.workbench.as_ref();
        let variables = workbench.map(|workbench| Variables::new(plan, workbench));
        match variables.filter(|variables| !variables.pages().is_empty()) {
            Some(Variables { tls, names, .. }) => Self::Served { tls, names },
            None => Self::None,
        }
    }

    /// The names that the server asks for, whether or not a record leads to it.
    fn names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Served { names, .. } => names.as_slice(),
            Self::Unknown | Self::None => &[],
        };
        names.iter().map(String::as_str)
    }
}

/// What AWS's other clients must be told to go to a sandbox.
pub fn environment(port: u16, region: &str) -> String {
    let endpoint = format!("http://127.0.0.1:{port}");
    let settings = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "sandbox"),
        ("AWS_SECRET_ACCESS_KEY", "sandbox"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    let lines = settings.map(|(name, value)| format!("export {name}={value}"));
    // A session's token would go with a key of its own.
    let unset = "unset AWS_PROFILE AWS_SESSION_TOKEN".to_owned();
    lines
        .into_iter()
        .chain([unset])
        .collect::<Vec<_>>()
        .join("\n")
}

/// Writes how a sandbox is; `None` for one that does not run.
pub fn status(lab: &str, status: Option<&Status>, pages: &Pages) -> String {
    let title = paint(STRONG, format!("sandbox of lab {}", harmless(lab)));
    let Some(status) = status else {
        return format!(
            "{title}\n\n  not running; `labctl sandbox up` starts it, with what was in its account"
        );
    };
    let mut sections = vec![title, parts(status).join("\n")];
    sections.extend(
        status
            .machines
            .iter()
            .map(|machine| server(machine).join("\n")),
    );
    sections.extend(ways(status, pages));
    let limits = LIMITS.map(|limit| format!("  - {limit}"));
    let limits = format!("what it cannot show:\n{}", limits.join("\n"));
    sections.push(paint(DIM, limits));
    sections.join("\n\n")
}

/// The same for programs.
pub fn document(statuses: &[(String, Option<Status>)]) -> Value {
    let sandboxes = statuses
        .iter()
        .map(|(lab, status)| json!({ "lab": lab, "running": status.is_some(), "status": status }));
    json!({ "format": 1, "sandboxes": sandboxes.collect::<Vec<_>>(), "limits": LIMITS })
}

fn parts(status: &Status) -> Vec<String> {
    let missing = |problem: &Option<String>| match problem {
        Some(problem) => paint(UPDATE, format!("none ({})", harmless(problem))),
        None => "none, for none is wanted".to_owned(),
    };
    let engine = match &status.engine {
        Some(engine) => format!("{} {}", harmless(&engine.name), harmless(&engine.version)),
        None => missing(&status.engine_problem),
    };
    let mut lines = vec![
        format!("  AWS        http://127.0.0.1:{}", status.port),
        format!("  engine     {engine}"),
    ];
    if status.engine.is_none() {
        lines.push("             install Docker or Podman to have servers".to_owned());
    }
    lines.extend(
        status
            .image
            .as_ref()
            .map(|image| format!("  image      {}", harmless(image))),
    );
    lines.push(match running_authority(status) {
        Some(authority) => format!(
            "  authority  pebble; its root: {}",
            harmless(&authority.root.display().to_string())
        ),
        None => format!("  authority  {}", missing(&status.authority_problem)),
    });
    let problems = status.problems.iter();
    lines.extend(problems.map(|problem| format!("  {}", paint(DANGER, harmless(problem)))));
    lines
}

/// One that has not started yet has no root to be trusted.
fn running_authority(status: &Status) -> Option<&Authority> {
    let authority = status.authority.as_ref();
    authority.filter(|_| status.authority_problem.is_none())
}

fn server(machine: &Machine) -> Vec<String> {
    let state = match machine.state.as_str() {
        "running" => paint(CREATE, "running"),
        state => paint(UPDATE, harmless(state)),
    };
    let mut lines = vec![format!("  server     {} {state}", harmless(&machine.id))];
    let mut add = |title: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("    {title:<10} {}", harmless(&text))));
    };
    add("container", machine.container.clone());
    add("ssh", machine.ssh.as_ref().map(place));
    add("http", machine.http.as_ref().map(place));
    add("https", machine.https.as_ref().map(place));
    add("problem", machine.problem.clone());
    lines
}

fn place(port: &Port) -> String {
    format!("{}:{}", port.address, port.port)
}

/// How to look at the names that lead to servers: the emulated addresses lead nowhere.
pub fn ways(status: &Status, pages: &Pages) -> Option<String> {
    if *pages == Pages::None {
        return None;
    }
    let machines = status.machines.iter();
    let lines: Vec<_> = machines
        .flat_map(|machine| {
            let way_by = |name| way(status, machine, name, pages);
            let named = status.names_of(&machine.id).filter(|name| is_one(name));
            let mut lines: Vec<_> = named.filter_map(way_by).collect();
            if lines.is_empty() {
                lines.extend(pages.names().filter(|name| is_one(name)).filter_map(way_by));
            }
            if lines.is_empty() {
                lines.extend(plain_way(machine, pages));
            }
            lines
        })
        .collect();
    (!lines.is_empty()).then(|| format!("to look at it from this laptop:\n{}", lines.join("\n")))
}

/// A wildcard is no name that anybody could ask for.
fn is_one(name: &str) -> bool {
    !name.contains('*')
}

/// Where a server that no name leads to answers: NGINX asks for no name.
fn plain_way(machine: &Machine, pages: &Pages) -> Option<String> {
    let url = |scheme: &str, port: &Port, usual: u16| match port.port == usual {
        true => format!("{scheme}://{}/", harmless(&port.address)),
        false => format!("{scheme}://{}/", harmless(&place(port))),
    };
    let https = url("https", machine.https.as_ref()?, HTTPS);
    let http = url("http", machine.http.as_ref()?, HTTP);
    Some(match pages {
        Pages::Served { tls: false, .. } => format!("  curl {http}\n  {http} in a browser"),
        Pages::Served { .. } => format!("  curl --insecure {https}\n  {https} in a browser"),
        Pages::Unknown | Pages::None => format!(
            "  curl --insecure {https}\n  {https} in a browser, or {http} where `https` is off"
        ),
    })
}

fn way(status: &Status, machine: &Machine, name: &str, pages: &Pages) -> Option<String> {
    let name = harmless(name);
    let (http, https) = (machine.http.as_ref()?, machine.https.as_ref()?);
    let trust = match running_authority(status) {
        Some(authority) => format!(
            "--cacert {}",
            harmless(&authority.root.display().to_string())
        ),
        None => "--insecure".to_owned(),
    };
    // curl(1): `--resolve` for another address, `--connect-to` for another port too.
    let (curl, browser) = match (http.port, https.port) {
        (HTTP, HTTPS) => {
            let address = harmless(&https.address);
            (
                format!("--resolve {name}:443:{address} --resolve {name}:80:{address}"),
                format!("MAP {name} {address}"),
            )
        }
        _ => {
            let (http, https) = (place(http), place(https));
            let (http, https) = (harmless(&http), harmless(&https));
            (
                format!("--connect-to {name}:443:{https} --connect-to {name}:80:{http}"),
                format!("MAP {name}:443 {https}, MAP {name}:80 {http}"),
            )
        }
    };
    let (options, url) = match pages {
        Pages::Served { tls: false, .. } => (curl, format!("http://{name}/")),
        _ => (format!("{curl} {trust}"), format!("https://{name}/")),
    };
    Some(format!(
        "  curl {options} {url}\n  chromium --host-resolver-rules='{browser}' {url}"
    ))
}
