//! The sandbox: an AWS account and its servers on this laptop.
//!
//! A process of the sandbox's own answers as AWS does: moto, with what AWS refuses and moto does not put in front of
//! it. For each running instance it keeps a container with systemd and sshd, so that the server's half is real. The
//! process is written in Python, as moto is, and lies in `python/sandbox/`; labctl brings it along, gives it an
//! interpreter with all that it needs (`python`) and an image for the servers (`image`), starts it, and from then
//! on talks with it over HTTP on the loopback interface (`process`).
//!
//! Each lab has a sandbox of its own. What is in its account outlives the process.

pub mod engine;
mod error;
mod image;
mod place;
mod process;
mod programs;
mod python;
pub mod rendered;
mod shell;
mod status;

use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Https, HttpsMode, Image, Plan};
use crate::support::backoff::Backoff;

use engine::Found;
pub use error::SandboxError;
pub use place::{Place, all};
use process::Process;
pub use status::{Authority, Machine, Port, Site, Status};

/// Is told what takes a while.
pub type Tell<'a> = &'a dyn Fn(&str);

/// How long a process may take that was asked to leave.
const LEAVE: Duration = Duration::from_secs(60);

/// How long an authority may be on its way.
const AUTHORITY: Duration = Duration::from_secs(60);

/// A sandbox that runs.
#[derive(Debug)]
pub struct Sandbox {
    place: Place,
    process: Process,
}

impl Sandbox {
    /// Gives the lab's sandbox; starts it, and makes what it needs, where that is missing.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn up(plan: &Plan, tell: Tell<'_>) -> Result<Self, SandboxError> {
        let place = Place::of(&plan.lab);
        let image = &plan.instance.image;
        let _starting = place.lock_starting(tell).await?;
        let process = match Process::running(&place).await? {
            None => start(&place, image, tell).await?,
            Some(process) => match outdated(&process, tell).await? {
                None => process,
                Some(reason) => {
                    tell(reason);
                    process.leave(&place, LEAVE).await?;
                    start(&place, image, tell).await?
                }
            },
        };
        let sandbox = Self { place, process };
        let status = sandbox.status().await?;
        sandbox.offer_image(image, &status, tell).await?;
        if wants_authority(plan) && status.engine.is_some() && status.authority.is_none() {
            tell("starting pebble, which stands in for Let's Encrypt");
            sandbox.process.want_authority().await?;
            sandbox.repair().await?;
        }
        Ok(sandbox)
    }

    /// Gives the lab's sandbox if it runs.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn find(place: &Place) -> Result<Option<Status>, SandboxError> {
        match Process::running(place).await? {
            Some(process) => Ok(Some(explained(process.status().await?).await)),
            None => Ok(None),
        }
    }

    /// Where AWS's clients are to go.
    pub fn endpoint(&self) -> String {
        self.process.endpoint()
    }

    /// The access key of this sandbox's account, and its secret: another one is not answered.
    pub fn key(&self) -> (&str, &str) {
        self.process.key()
    }

    /// The files of this sandbox.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Asks how everything is.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn status(&self) -> Result<Status, SandboxError> {
        Ok(explained(self.process.status().await?).await)
    }

    /// Asks how everything is, as soon as it is known whether the plan's certificate can come from an authority: one
    /// that has just been started, or of which a part has ended, is on its way for a moment.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn settled(&self, plan: &Plan) -> Result<Status, SandboxError> {
        let deadline = Instant::now() + AUTHORITY;
        let mut backoff = Backoff::default();
        loop {
            let status = self.status().await?;
            let is_known = status.authority.is_some() || status.authority_problem.is_some();
            // Without servers nobody starts one.
            let is_coming = wants_authority(plan) && status.engine.is_some() && !is_known;
            if !is_coming || Instant::now() >= deadline {
                return Ok(status);
            }
            backoff.pause().await;
        }
    }

    /// Brings the containers in line with the account, and waits for it.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn repair(&self) -> Result<Status, SandboxError> {
        Ok(explained(self.process.repair().await?).await)
    }

    /// Keeps what was applied to a server for browsers; none where that is nothing.
    ///
    /// # Errors
    ///
    /// See [`SandboxError`].
    pub async fn note_site(&self, id: &str, site: Option<&Site>) -> Result<(), SandboxError> {
        self.process.note_site(id, site).await
    }

    /// Sees to it that there is an image for servers of this release.
    async fn offer_image(
        &self,
        image: &Image,
        status: &Status,
        tell: Tell<'_>,
    ) -> Result<(), SandboxError> {
        if status.engine.is_none() || self.place.offers(image) == status.image {
            return Ok(());
        }
        if let Some(engine) = engine::find(tell).await.engine {
            let tag = image::build(&engine, image, &self.place.settings(), tell).await?;
            self.process.offer(&tag).await?;
            self.place.remember_offer(image, &tag)?;
        }
        Ok(())
    }
}

/// Adds why there is no engine, which a process that was started without one does not know.
async fn explained(mut status: Status) -> Status {
    if status.engine.is_none() && status.engine_problem.is_none() {
        let found = engine::find(&|_| {}).await;
        status.engine_problem = Some(match found.engine {
            Some(engine) => format!("{engine} is there now; `labctl sandbox up` uses it"),
            None => found.problem,
        });
    }
    status
}

/// Whether the plan's certificate is to come from Let's Encrypt.
fn wants_authority(plan: &Plan) -> bool {
    let workbench = plan.workbench.as_ref();
    workbench.is_some_and(|workbench| has_stand_in(&workbench.https))
}

/// Whether the authority that is to be asked has one in the sandbox that stands in for it.
pub fn has_stand_in(https: &Https) -> bool {
    match https.mode {
        HttpsMode::LetsEncrypt => https.directory.is_none(),
        mode => mode == HttpsMode::Dns,
    }
}

/// Why a process has to be started anew, if it has.
async fn outdated(process: &Process, tell: Tell<'_>) -> Result<Option<&'static str>, SandboxError> {
    if !process.is_current() {
        return Ok(Some(
            "the sandbox is of another version of labctl; starting it anew",
        ));
    }
    let has_engine = process.status().await?.engine.is_some();
    let found = !has_engine && engine::find(tell).await.engine.is_some();
    Ok(found.then_some("there is a container engine now; starting the sandbox anew"))
}

async fn start(place: &Place, image: &Image, tell: Tell<'_>) -> Result<Process, SandboxError> {
    let python = python::find(tell).await?;
    let Found { engine, .. } = engine::find(tell).await;
    let tag = match &engine {
        Some(engine) => Some(image::build(engine, image, &place.settings(), tell).await?),
        None => None,
    };
    if let Some(tag) = &tag {
        place.remember_offer(image, tag)?;
    }
    tell("starting the sandbox");
    Process::start(place, &python, engine.as_ref(), tag.as_deref()).await
}

/// Ends the lab's sandbox: its process, containers and network. Its account, and its servers' disks, are kept unless
/// they are to be forgotten.
///
/// # Errors
///
/// See [`SandboxError`].
pub async fn down(place: &Place, forget: bool, tell: Tell<'_>) -> Result<(), SandboxError> {
    if !place.exists() {
        return Ok(());
    }
    let _starting = place.lock_starting(tell).await?;
    tell("ending the sandbox's process");
    if let Some(process) = Process::running(place).await? {
        process.leave(place, LEAVE).await?;
    }
    let python = python::find(tell).await?;
    tell(match forget {
        true => "removing the containers and all that was kept",
        false => "keeping the servers' disks, and removing the containers",
    });
    let Found { engine, .. } = engine::find(tell).await;
    process::clean(place, &python, engine.as_ref(), forget).await?;
    if forget {
        place.remove()?;
    }
    Ok(())
}
