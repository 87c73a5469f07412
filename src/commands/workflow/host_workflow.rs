//! The host's half of `plan` and `apply`: look at the server, compare, converge.

use std::net::IpAddr;

use crate::cloud::diff::{Change, ChangeSet};
use crate::cloud::planning::{Laptop, Planned};
use crate::cloud::resource::{Impact, Power};
use crate::cloud::resources::{Kind, LiveLab, instance};
use crate::commands::arguments::Half;
use crate::host::pieces::Variables;
use crate::host::session as host_session;
use crate::host::site::{Dns, Page};
use crate::host::ssh::Deadlines;
use crate::host::{self, DesiredHost, Facts, HostDiff, HostError, Inputs, Verdict};
use crate::plan::{Plan, Workbench};
use crate::report::{Answers, HostProgress, Out};
use crate::support::hint::Hint;

use super::Failure;
use super::host_plan::{HostPlan, compared, refuse, see, taken};
use super::pages::{self, RunningServer};
use super::route::Route;
use super::server::Server;
use super::{cloud_apply, interrupt, rehearsal};

/// The plan's half that is about the host.
#[derive(Clone, Copy)]
pub struct HostWorkflow<'a> {
    /// The way there, with all that a command knows.
    pub context: Context<'a>,
    /// The plan's section.
    pub workbench: &'a Workbench,
    /// The half that is to be done alone.
    only: Option<Half>,
}

/// What a command knows anyway.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The cloud.
    pub cloud: &'a dyn crate::cloud::api::Read,
    /// The way to the server.
    pub route: &'a Route,
    /// The plan.
    pub parsed: &'a crate::plan::Parsed,
    /// The laptop's part.
    pub laptop: &'a Laptop,
    /// Where to say things.
    pub out: &'a Out,
    /// Whether a host key is refused that cannot be compared with anything.
    pub is_strict: bool,
}

impl<'a> Context<'a> {
    /// The plan as the server can have it.
    fn plan(&self) -> &'a Plan {
        self.route.host_plan(&self.parsed.plan)
    }
}

impl<'a> HostWorkflow<'a> {
    /// Gives the host's half, where the plan has one, and it is wanted. Where no server can ever be reached, its files
    /// are rendered and checked, and that is told.
    pub async fn of(context: Context<'a>, only: Option<Half>) -> Result<Option<Self>, Failure> {
        let workbench = context.plan().workbench.as_ref();
        let workbench = workbench.filter(|_| only != Some(Half::Cloud));
        let Some(workbench) = workbench else {
            return Ok(None);
        };
        let workflow = Self {
            context,
            workbench,
            only,
        };
        match context.route.obstacle() {
            None => Ok(Some(workflow)),
            Some(obstacle) => {
                rehearsal::check(&workflow.desired(None)?, obstacle, context.out).await?;
                Ok(None)
            }
        }
    }

    /// Looks at the server as far as it can be, and compares.
    ///
    /// That it does not answer is an error for those who insist on it.
    pub async fn plan(&self, planned: &Planned, insists: bool) -> Result<HostPlan, Failure> {
        let address = planned.live.public_address().map(IpAddr::from);
        let desired = self.desired(Some(&planned.live.account))?;
        let without = |notes: &[&str]| HostPlan {
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            desired: desired.clone(),
            seen: None,
            diff: None,
        };
        let mut host = match (planned.live.current(Kind::Instance), is_new(&planned.set)) {
            (Some(live), false) if live.observed.power != Some(Power::Running) => without(&[
                "the server does not run, so it was not looked at; `labctl start` starts it",
            ]),
            (Some(_), false) if address.is_none() && self.context.route.needs_address() => {
                without(&["the server has no public address, so it was not looked at"])
            }
            (Some(live), false) => {
                let server = self.server(live.id.clone(), address, Deadlines::RUNNING);
                self.look(&server, desired, insists).await?
            }
            _ => HostPlan {
                diff: Some(host::diff(&desired, &Facts::empty())),
                notes: vec!["compared with an empty server, for there is none yet".to_owned()],
                desired,
                seen: None,
            },
        };
        host.notes.extend(self.context.route.note());
        Ok(host)
    }

    fn desired(&self, account: Option<&str>) -> Result<DesiredHost, Failure> {
        let inputs = Inputs {
            authorized_keys: self.context.laptop.authorized_keys.clone(),
            folders: self.context.laptop.folders.clone(),
            certificate: self.context.laptop.certificate.clone(),
            account: account.map(str::to_owned),
        };
        Ok(host::desired(self.context.plan(), self.workbench, &inputs)?)
    }

    fn server(&self, id: String, address: Option<IpAddr>, deadlines: Deadlines) -> Server<'a> {
        let Context {
            cloud,
            route,
            parsed,
            laptop,
            out,
            is_strict,
        } = self.context;
        Server {
            cloud,
            route,
            parsed,
            public_key: &laptop.public_key,
            out,
            id,
            address,
            deadlines: deadlines.into(),
            is_strict,
        }
    }

    /// Probes a server that ought to answer. That it does not is a remark, and
    /// that it is another one an error.
    async fn look(
        &self,
        server: &Server<'_>,
        desired: DesiredHost,
        insists: bool,
    ) -> Result<HostPlan, Failure> {
        let mut seen = see(server, &desired).await;
        if insists && seen.as_ref().is_err_and(HostError::is_transient) {
            let progress = HostProgress::new(self.context.out);
            progress.waiting("the server does not let labctl in (yet); trying for a minute");
            server.deadlines.set(Deadlines::STARTED);
            seen = see(server, &desired).await;
        }
        match seen {
            Ok(seen) => Ok(compared(desired, seen)),
            Err(error @ (HostError::Ssh(_) | HostError::NoWay { .. }))
                if !insists && !error.may_be_impostor() =>
            {
                let hint = error.hint();
                Ok(HostPlan {
                    notes: vec![format!("the server was not looked at: {error}; {hint}")],
                    desired,
                    seen: None,
                    diff: None,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the server to the plan and waits for the verdict; none where there
    /// was nothing to do. Ctrl-C leaves the server to itself.
    pub async fn converge(
        &self,
        before: HostPlan,
        reached: Reached,
        account: &str,
    ) -> Result<(Option<Verdict>, Facts), Failure> {
        let progress = HostProgress::new(self.context.out);
        let ended = interrupt::leaving(self.bring(before, reached, account, &progress)).await;
        progress.finish();
        ended.unwrap_or_else(|| {
            progress.interrupted();
            Err(Failure::Interrupted)
        })
    }

    async fn bring(
        &self,
        before: HostPlan,
        reached: Reached,
        account: &str,
        progress: &HostProgress<'_>,
    ) -> Result<(Option<Verdict>, Facts), Failure> {
        let out = self.context.out;
        let Reached {
            id,
            address,
            is_same,
            ..
        } = reached;
        let deadlines = match is_same {
            true => Deadlines::RUNNING,
            false => Deadlines::BOOTING,
        };
        let server = self.server(id, address, deadlines);
        let mut host = match before {
            // Nothing has happened since it was looked at.
            HostPlan { seen: Some(_), .. } if is_same => before,
            before => {
                progress.waiting("waiting for the server to answer by SSH");
                let desired = self.desired(Some(account))?;
                let host = compared(desired.clone(), see(&server, &desired).await?);
                // The plan was made against an empty server: this one is hardly another.
                let is_news = before.diff.is_none();
                if is_news && !out.is_json() {
                    out.result(&crate::report::host::text(&host.view(), false));
                }
                host
            }
        };
        let listener = |event: &host::HostEvent| progress.notice(event);
        let mut followed = None;
        let running = host.seen.as_ref();
        if let Some(running) = running.and_then(|seen| seen.facts.running.clone()) {
            let seen = taken(&mut host)?;
            progress.waiting("an apply is running on the server; following it");
            let verdict =
                host_session::follow(seen.shell.as_ref(), &server, &running.run, &listener);
            let verdict = verdict.await?;
            if !verdict.ok {
                return Ok((Some(verdict), seen.facts));
            }
            followed = Some(verdict);
            host = compared(host.desired.clone(), see(&server, &host.desired).await?);
        }
        refuse(&host.refusals())?;
        let seen = taken(&mut host)?;
        let Some(diff) = host.diff.filter(HostDiff::has_work) else {
            return Ok((followed, seen.facts));
        };
        let shell = seen.shell.as_ref();
        let verdict = host_session::apply(shell, &server, &host.desired, &diff, &listener);
        Ok((Some(verdict.await?), seen.facts))
    }

    /// Finds the address of a server that has got a new one.
    pub async fn find(&self, id: &str) -> Result<Option<Reached>, Failure> {
        let instance = instance::describe(self.context.cloud, id).await?;
        let instance = instance.as_ref();
        let address = instance.and_then(|instance| instance.public_ip_address()?.parse().ok());
        let private = instance.and_then(|instance| instance.private_ip_address()?.parse().ok());
        let is_reachable = address.is_some() || !self.context.route.needs_address();
        Ok(is_reachable.then(|| Reached {
            id: id.to_owned(),
            address,
            private,
            is_same: false,
        }))
    }

    /// The lab's pages, once both halves are done as far as they were to be; `live` is the lab as it was before.
    pub async fn pages(&self, live: &LiveLab, reached: &Reached) -> Vec<Page> {
        let server = RunningServer {
            id: &reached.id,
            public: reached.address,
            private: reached.private,
            dns: match self.only {
                Some(Half::Host) => Dns::Live(live),
                Some(Half::Cloud) | None => Dns::Planned,
            },
        };
        pages::pages(self.context.route, &self.context.parsed.plan, server).await
    }

    /// What answers on the server once it is set up.
    pub fn answers(&self, facts: &Facts, pages: Vec<Page>) -> Answers {
        let variables = Variables::new(self.context.plan(), self.workbench);
        let has_password = |name: &str| {
            let user = facts.users.get(name);
            user.is_some_and(|user| user.has_password)
        };
        let hub = variables.hub.as_ref().map(|hub| hub.users.clone());
        let users = hub.unwrap_or_default().into_iter();
        Answers {
            pages,
            without_password: users.filter(|name| !has_password(name)).collect(),
        }
    }
}

/// Where the server is after the cloud's half.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Its id.
    pub id: String,
    /// Its public address.
    pub address: Option<IpAddr>,
    /// Its address in its network, where the server was asked for anew.
    pub private: Option<IpAddr>,
    /// Whether it is as it was when it was looked at.
    pub is_same: bool,
}

/// Whether the apply makes the server anew.
fn is_new(set: &ChangeSet) -> bool {
    set.changes.iter().any(|change| match change {
        Change::Create(desired) => desired.address.kind() == Kind::Instance,
        Change::Replace(edit) => edit.live.address.kind() == Kind::Instance,
        _ => false,
    })
}

/// Whether the cloud's half leaves the server running, as it was looked at.
pub fn stays_up(set: &ChangeSet) -> bool {
    cloud_apply::keeps_address(set)
        && !is_new(set)
        && !set
            .changes
            .iter()
            .any(|change| change.impact() == Impact::Restart)
}
