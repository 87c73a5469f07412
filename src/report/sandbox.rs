//! A sandbox as text: what runs, how to look at it, and what it cannot show.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plan::{HTTP_PORT, HTTPS_PORT};
use crate::sandbox::{Authority, Machine, Port, Site, Status};

use super::style::{CREATE, DANGER, DIM, STRONG, UPDATE, paint};
use super::words::harmless;

/// What a sandbox is not: printed, so that nobody takes a rehearsal for the performance.
pub const LIMITS: [&str; 7] = [
    "prices, quotas, capacity and the time that AWS takes for things",
    "IAM's evaluation of permissions: every key may do everything, the API's may in S3, and notebooks have none",
    "security groups: ports 22, 80 and 443 of each server are open to this laptop, and no other is",
    "instance types: a container has all of this laptop's processors and memory",
    "volumes: disks are folders of this laptop, and do not grow",
    "name servers: names lead to the lab on its own servers only, and certificates are nobody's",
    "Ubuntu itself, where no registry could be reached: servers are Debian 12 then",
];

/// What AWS's other clients must be told to go to a sandbox; `credentials` is the file with its access key.
///
/// # Errors
///
/// The path has a character that no shell takes.
pub fn environment(
    port: u16,
    credentials: &str,
    region: &str,
) -> Result<String, shlex::QuoteError> {
    let endpoint = format!("http://127.0.0.1:{port}");
    let settings = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials),
        // A role or an endpoint of the user's own would come first.
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    let mut lines = Vec::new();
    for (name, value) in settings {
        lines.push(format!("export {name}={}", shlex::try_quote(value)?));
    }
    // These come before the file.
    lines.push(
        "unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN".to_owned(),
    );
    Ok(lines.join("\n"))
}

/// Writes how a sandbox is; `None` for one that does not run.
pub fn status(lab: &str, status: Option<&Status>) -> String {
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
    sections.extend(ways(status));
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

/// How to look at servers, whose emulated addresses lead nowhere: at what was applied for browsers, else by SSH.
pub fn ways(status: &Status) -> Option<String> {
    let machines = status.machines.iter();
    let running = machines.filter(|machine| machine.state == "running");
    let lines: Vec<_> = running
        .filter_map(|machine| {
            let web = machine
                .site
                .as_ref()
                .map(|site| web_ways(status, machine, site));
            web.unwrap_or_else(|| shell_way(machine))
        })
        .collect();
    (!lines.is_empty()).then(|| format!("to look at it from this laptop:\n{}", lines.join("\n")))
}

/// A server that has nothing for browsers has a shell.
fn shell_way(machine: &Machine) -> Option<String> {
    let ssh = machine.ssh.as_ref();
    ssh.map(|_| "  labctl --sandbox ssh".to_owned())
}

/// By each of the names of a site, or at its place where it has none.
fn web_ways(status: &Status, machine: &Machine, site: &Site) -> Option<String> {
    let doors = Doors {
        http: machine.http.as_ref()?,
        https: machine.https.as_ref().filter(|_| site.https),
    };
    if site.https && doors.https.is_none() {
        return None;
    }
    let mut names: Vec<_> = site.names.iter().map(String::as_str).collect();
    names.extend(
        status
            .names_of(&machine.id)
            .filter(|name| !name.contains('*')),
    );
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    if names.is_empty() {
        return Some(doors.plain_way());
    }
    let root = running_authority(status).filter(|_| site.by_authority);
    let way = |name: &&str| {
        // The authority issues for the names that it can find.
        let root = root.filter(|_| status.names.contains_key(*name));
        doors.way(&harmless(name), root)
    };
    Some(names.iter().map(way).collect::<Vec<_>>().join("\n"))
}

/// Where a site is found on this laptop.
#[derive(Clone, Copy)]
struct Doors<'a> {
    http: &'a Port,
    /// Where it has HTTPS.
    https: Option<&'a Port>,
}

impl Doors<'_> {
    /// The ports of the site that a browser may be led to, each with the one that it asks for.
    fn ports(&self) -> impl Iterator<Item = (u16, &Port)> {
        let https = self.https.map(|port| (HTTPS_PORT, port));
        https.into_iter().chain([(HTTP_PORT, self.http)])
    }

    fn scheme(&self) -> &'static str {
        self.https.map_or("http", |_| "https")
    }

    /// By address: NGINX asks for no name where the lab has none.
    fn plain_way(&self) -> String {
        let (usual, port) = self
            .https
            .map_or((HTTP_PORT, self.http), |port| (HTTPS_PORT, port));
        let host = match port.port == usual {
            true => port.address.clone(),
            false => place(port),
        };
        let url = format!("{}://{}/", self.scheme(), harmless(&host));
        let trust = self.https.map_or("", |_| "--insecure ");
        format!("  curl {trust}{url}\n  {url} in a browser")
    }

    /// By a name, whose certificate is verified where an authority has issued it.
    fn way(&self, name: &str, authority: Option<&Authority>) -> String {
        let url = format!("{}://{name}/", self.scheme());
        let trust = match (self.https, authority) {
            (None, _) => String::new(),
            (Some(_), None) => "--insecure ".to_owned(),
            (Some(_), Some(authority)) => {
                let root = authority.root.display().to_string();
                format!("--cacert {} ", harmless(&root))
            }
        };
        // curl(1): `--resolve` for another address, `--connect-to` for another port too.
        let is_usual = self.ports().all(|(usual, port)| port.port == usual);
        let (curl, browser): (Vec<_>, Vec<_>) = match is_usual {
            true => {
                let address = harmless(&self.http.address);
                let resolve = |(usual, _)| format!("--resolve {name}:{usual}:{address}");
                let map = format!("MAP {name} {address}");
                (self.ports().map(resolve).collect(), vec![map])
            }
            false => {
                let lead = |(usual, port): (u16, &Port)| {
                    let place = place(port);
                    let place = harmless(&place);
                    let curl = format!("--connect-to {name}:{usual}:{place}");
                    (curl, format!("MAP {name}:{usual} {place}"))
                };
                self.ports().map(lead).unzip()
            }
        };
        format!(
            "  curl {} {trust}{url}\n  chromium --host-resolver-rules='{}' {url}",
            curl.join(" "),
            browser.join(", ")
        )
    }
}
