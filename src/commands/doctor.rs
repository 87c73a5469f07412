//! `labctl doctor`: looks at everything on the way from a browser to the
//! server's services, and says what to do about what is wrong. It changes nothing.
//!
//! What is tried is what was applied last, as the server has recorded it; what the plan has besides is a remark.

use std::net::IpAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::SystemTime;

use clap::Args;
use futures_util::future::{join, join_all};

use crate::cloud::permissions;
use crate::cloud::planning::Laptop;
use crate::cloud::resource::Power;
use crate::cloud::resources::{self, Body, Kind, LiveLab, Reader, Scope};
use crate::doctor::outside::dns::{self, Resolver};
use crate::doctor::outside::{RESOLVERS, ports, tls};
use crate::doctor::{self, Door, Finding, LastApply, Record, Seen};
use crate::host::session::Examined;
use crate::host::site::{Page, Site};
use crate::host::ssh::Deadlines;
use crate::host::{DesiredHost, session as host_session};
use crate::plan::{self, DomainName, HTTP_PORT, HTTPS_PORT, HttpsMode, Parsed};
use crate::report::{Out, doctor as report, explain};
use crate::support::hint::Hint;

use super::Failure;
use super::arguments::{Endpoint, Global};
use super::workflow::pages::{self, RunningServer};
use super::workflow::route::Route;
use super::workflow::server::Server;
use super::workflow::{pending, session};

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Try what takes minutes too: a notebook server that starts, and a cell that runs in it
    #[arg(long)]
    deep: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Ask this resolver where names lead, instead of 1.1.1.1, 8.8.8.8 and 9.9.9.9; may be given again
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    resolver: Vec<Resolver>,
    /// Print instead the least IAM policy that this command needs for the plan [default: all commands]; asks nobody
    #[arg(long, value_name = "COMMAND", num_args = 0..=1)]
    iam_policy: Option<Option<permissions::Command>>,
    /// Look for a port of the server there, such as at a tunnel's end; may be given again
    #[arg(long, value_name = "PORT=ADDRESS[:PORT]")]
    at: Vec<Detour>,
}

/// Where a port of the server is found instead.
#[derive(Debug, Clone)]
pub struct Detour {
    port: u16,
    place: Endpoint,
}

impl FromStr for Detour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, place) = text
            .split_once('=')
            .ok_or("it is written like `443=127.0.0.1:8443`")?;
        let port = port
            .parse()
            .map_err(|_| "a port's number comes before `=`")?;
        let place = place.parse()?;
        Ok(Self { port, place })
    }
}

const SSH: u16 = 22;
/// What who gives the policy away has to know.
const ADMINISTRATORS: &str = "whoever holds this policy can become administrator of the account, \
     because it allows to write what roles may do; with a `permissions_boundary` in the plan it \
     allows that only for roles within the boundary";
/// More names than this are no lab's, whatever a server says of itself.
const MOST_NAMES: usize = 100;

/// All that looking takes.
struct Round<'a> {
    arguments: &'a Arguments,
    parsed: &'a Parsed,
    route: &'a Route,
    out: &'a Out,
    laptop: &'a Laptop,
    live: &'a LiveLab,
    /// The server's id and address.
    id: String,
    address: Option<IpAddr>,
}

/// What the server has said of itself.
#[derive(Default)]
struct Inside {
    findings: Vec<Finding>,
    /// Where it could be asked, and knows it.
    last: Option<LastApply>,
}

/// Looks, and tells.
pub async fn run(global: &Global, arguments: &Arguments, out: &Out) -> Result<ExitCode, Failure> {
    let parsed = session::load(global)?;
    if let Some(command) = arguments.iam_policy {
        let policy = permissions::policy(&parsed.plan, command);
        if permissions::makes_administrators(&parsed.plan, &policy) {
            out.warning(ADMINISTRATORS);
        }
        out.document(&policy);
        return Ok(ExitCode::SUCCESS);
    }
    let laptop = session::laptop_without_address(&parsed)?;
    let (aws, route) = session::connect(&parsed, global, out).await?;
    let scope = Scope::of(&parsed.plan);
    let live = resources::read(&Reader::new(&aws, &scope)).await;
    let pages = match live.as_ref().ok().and_then(RunningServer::of) {
        Some(server) => pages::pages(&route, &parsed.plan, server).await,
        None => Vec::new(),
    };
    let mut findings = vec![lab(&live, pages.first())];
    let running = live
        .as_ref()
        .ok()
        .and_then(|live| Some((live, running(live)?)));
    match running {
        None => findings.push(Finding::skipped(
            "everything else",
            "there is no server to look at",
        )),
        Some((live, (id, address))) => {
            let server = Server {
                cloud: &aws,
                route: &route,
                parsed: &parsed,
                public_key: &laptop.public_key,
                out,
                id: id.clone(),
                address,
                deadlines: Deadlines::RUNNING.into(),
                is_strict: global.strict_host_key,
            };
            let round = Round {
                arguments,
                parsed: &parsed,
                route: &route,
                out,
                laptop: &laptop,
                live,
                id,
                address,
            };
            let (inside, in_aws) = join(
                round.inside(&server),
                pending::in_aws(&parsed, &laptop, live, global),
            )
            .await;
            findings.extend(round.outside(inside.last.as_ref()).await);
            findings.extend(inside.findings);
            findings.push(doctor::plan("AWS", &in_aws));
        }
    }
    let (name, region) = (&scope.lab, &scope.region);
    match out.is_json() {
        true => out.document(&report::document(name, region, &findings)),
        false => out.result(&report::text(name, &findings)),
    }
    Ok(ExitCode::from(u8::from(!report::is_well(&findings))))
}

/// Whether there is a server that runs, and where browsers find the first of its pages.
fn lab(live: &Result<LiveLab, crate::cloud::api::CallError>, page: Option<&Page>) -> Finding {
    let live = match live {
        Ok(live) => live,
        Err(error) => {
            let explanation = explain::call_error(error);
            let help = explanation.help.unwrap_or_default();
            return Finding::failed("AWS", explanation.summary, help);
        }
    };
    match live.current(Kind::Instance) {
        None => Finding::failed(
            "server",
            "the lab has no server",
            "`labctl apply` makes one",
        ),
        Some(server) if server.observed.power != Some(Power::Running) => Finding::failed(
            "server",
            format!("`{}` does not run", server.id),
            "`labctl start` starts it",
        ),
        Some(server) => {
            let place = match live.public_address() {
                Some(address) => format!("at {address}"),
                None => "without a public address".to_owned(),
            };
            let page = page.map(|page| format!("; its {} is {}", page.title, page.url));
            let page = page.unwrap_or_default();
            Finding::ok("server", format!("`{}` runs, {place}{page}", server.id))
        }
    }
}

fn running(live: &LiveLab) -> Option<(String, Option<IpAddr>)> {
    let server = live.current(Kind::Instance)?;
    let runs = server.observed.power == Some(Power::Running);
    runs.then(|| (server.id.clone(), live.public_address().map(IpAddr::from)))
}

impl Round<'_> {
    /// What the world sees of what was applied last; of the plan where that is not known.
    async fn outside(&self, last: Option<&LastApply>) -> Vec<Finding> {
        let (names, mode) = match last {
            Some(last) if last.state == Record::Recorded => (applied_names(last), last.https),
            _ => self.planned(),
        };
        let named = join_all(names.iter().map(|name| self.name(name)));
        let doors = self.doors(mode);
        let ports = join_all(doors.into_iter().map(|door| self.port(door)));
        let (mut findings, ports) = join(named, ports).await;
        findings.extend(ports);
        if let Some(mode) = mode {
            findings.push(
                self.certificate(names.first().map(String::as_str), mode)
                    .await,
            );
        }
        findings
    }

    /// The names by which the plan's server is reached, and where its certificate comes from.
    fn planned(&self) -> (Vec<String>, Option<HttpsMode>) {
        let plan = &self.parsed.plan;
        let Some(workbench) = &plan.workbench else {
            return (Vec::new(), None);
        };
        let host_plan = self.route.host_plan(plan);
        let mode = host_plan.workbench.as_ref();
        let mode = mode.map(|workbench| workbench.https.mode);
        let mode = mode.filter(|_| Site::of(host_plan).is_some());
        (plan::server_names(plan, workbench), mode)
    }

    async fn name(&self, name: &str) -> Finding {
        // Nobody but this laptop knows a sandbox's names.
        if matches!(self.route, Route::Sandbox(_)) && self.arguments.resolver.is_empty() {
            return Finding::skipped(
                format!("DNS of {name}"),
                "a sandbox's names are not the world's",
            );
        }
        let public = || {
            RESOLVERS
                .iter()
                .filter_map(|resolver| resolver.parse().ok())
                .collect()
        };
        let resolvers: Vec<Resolver> = match self.arguments.resolver.as_slice() {
            [] => public(),
            given => given.to_vec(),
        };
        let asked = resolvers.iter().map(|resolver| async move {
            let answer = dns::addresses(*resolver, name).await;
            (resolver.to_string(), answer)
        });
        doctor::name(name, self.address, &join_all(asked).await)
    }

    fn doors(&self, mode: Option<HttpsMode>) -> Vec<Door<'static>> {
        let group = self.live.current(Kind::SecurityGroup);
        let group = group.and_then(|live| match &live.body {
            Body::SecurityGroup(group) => Some(group),
            _ => None,
        });
        let doors = [(SSH, "ssh"), (HTTP_PORT, "nginx"), (HTTPS_PORT, "nginx")];
        let doors = doors.into_iter().filter(|(port, _)| match *port {
            HTTP_PORT => mode.is_some(),
            HTTPS_PORT => mode.is_some_and(|mode| mode != HttpsMode::Off),
            _ => true,
        });
        doors
            .map(|(port, unit)| {
                let mut rules = group.iter().flat_map(|group| &group.ingress);
                Door {
                    port,
                    unit,
                    is_open: rules.any(|rule| rule.opens(port)),
                }
            })
            .collect()
    }

    /// Where a port of the server is to be looked for.
    async fn place(&self, port: u16) -> Option<Endpoint> {
        let detour = self.arguments.at.iter().find(|detour| detour.port == port);
        if let Some(detour) = detour {
            return Some(detour.place.clone());
        }
        match port {
            SSH => self.route.place(&self.id, self.address).await.ok(),
            _ => self.route.web_place(&self.id, self.address, port).await,
        }
        .filter(|place| !place.address.is_empty())
    }

    async fn port(&self, door: Door<'_>) -> Finding {
        match self.place(door.port).await {
            Some(place) => {
                let knock = ports::knock(&place.address, place.port).await;
                doctor::port(door, &knock)
            }
            None => no_way(format!("port {}", door.port), door.port),
        }
    }

    /// The certificate for a name; for the address where there is none.
    async fn certificate(&self, name: Option<&str>, mode: HttpsMode) -> Finding {
        let title = doctor::certificate_title(name);
        if mode == HttpsMode::Off {
            return Finding::skipped(title, "there is none: `https` is `off`");
        }
        let Some(Endpoint { address, port }) = self.place(HTTPS_PORT).await else {
            return no_way(title, HTTPS_PORT);
        };
        let served = tls::served(&address, port, name.unwrap_or(&address)).await;
        // Whose authority is a rehearsal's own is trusted by nobody.
        let mode = match self.route {
            Route::Sandbox(_) => HttpsMode::SelfSigned,
            _ => mode,
        };
        doctor::certificate(name, mode, &served, SystemTime::now())
    }

    /// What the server says of itself, and how it compares with the plan.
    async fn inside(&self, server: &Server<'_>) -> Inside {
        if let Some(obstacle) = self.route.obstacle() {
            return Inside::only(Finding::skipped("SSH", obstacle));
        }
        if self.address.is_none() && self.route.needs_address() {
            let why = "the server has no public address; `--connect-to` names another way";
            return Inside::only(Finding::skipped("SSH", why));
        }
        if self.arguments.deep && !self.out.is_json() {
            self.out
                .say("trying the gates on the server; this takes a few minutes");
        }
        let desired = pending::desired(
            self.parsed,
            self.laptop,
            self.route,
            &self.live.account,
            self.out,
        );
        let wanted = desired.as_ref().ok().and_then(Option::as_ref);
        let looked = async {
            let connection = server.open().await?;
            host_session::examine(&connection, wanted, self.arguments.deep).await
        };
        match looked.await {
            Ok(examined) => said(&examined, &desired),
            Err(error) => Inside::only(Finding::failed("SSH", error.to_string(), error.hint())),
        }
    }
}

fn no_way(title: String, port: u16) -> Finding {
    let why = format!("nothing leads there; `--at {port}=ADDRESS:PORT` names a way");
    Finding::skipped(title, why)
}

impl Inside {
    fn only(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            last: None,
        }
    }
}

/// Judges what the server said.
fn said(examined: &Examined, desired: &Result<Option<DesiredHost>, Failure>) -> Inside {
    let last = examined.seen.iter().find_map(|line| match line {
        Seen::Applied(last) => Some(last.clone()),
        _ => None,
    });
    let comparison = pending::on_server(desired, examined.facts.as_ref());
    // A plan that is not about the server misses no apply there.
    let judged = last.as_ref().filter(|_| !matches!(desired, Ok(None)));
    let mut findings: Vec<_> = judged.and_then(doctor::last_apply).into_iter().collect();
    findings.extend(doctor::server_findings(&examined.seen, examined.now));
    findings.push(doctor::plan("server", &comparison));
    Inside { findings, last }
}

/// The names of the last apply, as far as they can be names: a server is not believed everything.
fn applied_names(last: &LastApply) -> Vec<String> {
    let names = last.names.iter();
    let names = names.filter(|name| name.parse::<DomainName>().is_ok());
    names.take(MOST_NAMES).cloned().collect()
}
