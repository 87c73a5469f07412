//! The sandbox's process: start it, talk with it, end it.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cloud::api::http;
use crate::support::private_files;

use super::engine::Engine;
use super::{Place, SandboxError, Site, Status, programs, shell};

/// A cold start takes some seconds: Python has a lot to import.
const START: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(50);
const QUICK: Duration = Duration::from_secs(10);
/// Containers are started one after the other.
const REPAIR: Duration = Duration::from_secs(300);
const TOKEN: &str = "X-Labctl-Sandbox";

/// A process that answers.
#[derive(Deserialize)]
pub struct Process {
    port: u16,
    pid: u32,
    program: String,
    token: String,
    // A process of before there were keys is found, and started anew.
    #[serde(default)]
    access_key: String,
    #[serde(default)]
    secret_key: String,
}

impl fmt::Debug for Process {
    /// Leaves the secrets out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = formatter.debug_struct("Process");
        written.field("port", &self.port).field("pid", &self.pid);
        written.finish_non_exhaustive()
    }
}

impl Process {
    /// Finds the process of a sandbox, if it lives.
    pub async fn running(place: &Place) -> Result<Option<Self>, SandboxError> {
        if !place.is_held() {
            return Ok(None);
        }
        // A process that is just starting holds the lock already.
        let end = Instant::now() + START;
        loop {
            let text = fs::read_to_string(place.at("process.json")).unwrap_or_default();
            if let Ok(process) = serde_json::from_str::<Self>(&text)
                && process.is_itself().await
            {
                return Ok(Some(process));
            }
            match (place.is_held(), Instant::now() < end) {
                (false, _) => return Ok(None),
                (true, true) => sleep(LOOK).await,
                (true, false) => {
                    return Err(SandboxError::Silent(
                        "it lives, and says nothing".to_owned(),
                    ));
                }
            }
        }
    }

    /// Whether what listens on the port is this process.
    async fn is_itself(&self) -> bool {
        let health = self
            .ask::<Value>("GET", "health", &Value::Null, QUICK)
            .await;
        health.is_ok_and(|health| health["pid"] == self.pid)
    }

    /// Starts one, and waits until it listens.
    pub async fn start(
        place: &Place,
        python: &Path,
        engine: Option<&Engine>,
        image: Option<&str>,
    ) -> Result<Self, SandboxError> {
        let path = place.at("log");
        let file = private_files::create(&path).map_err(SandboxError::file(&path))?;
        let other = file.try_clone().map_err(SandboxError::file(&path))?;
        let mut command = command(python, "serve", place, engine)?;
        command.args(["--program", &programs::hash()]);
        command.args(image.map(|image| ["--image", image]).into_iter().flatten());
        command.stdin(Stdio::null()).stdout(file).stderr(other);
        // A Ctrl-C is for labctl, not for what outlives it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .spawn()
            .map_err(|error| not_started(place, error.to_string()))?;
        Self::wait(place, &mut child).await
    }

    async fn wait(place: &Place, child: &mut Child) -> Result<Self, SandboxError> {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if let Ok(Some(status)) = child.try_wait() {
                let log = fs::read_to_string(place.at("log")).unwrap_or_default();
                let last = log.lines().rfind(|line| !line.trim().is_empty());
                let reason = last.map_or_else(|| status.to_string(), str::to_owned);
                return Err(not_started(place, reason));
            }
            let text = fs::read_to_string(place.at("process.json")).unwrap_or_default();
            if let Ok(process) = serde_json::from_str::<Self>(&text)
                && process.pid == child.id()
            {
                return Ok(process);
            }
            sleep(LOOK).await;
        }
        Err(not_started(
            place,
            format!("not within {} s", START.as_secs()),
        ))
    }

    /// Whether it is of this labctl.
    pub fn is_current(&self) -> bool {
        self.program == programs::hash()
    }

    /// Where it answers as AWS.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The access key that it takes, and its secret.
    pub fn key(&self) -> (&str, &str) {
        (&self.access_key, &self.secret_key)
    }

    /// Asks how everything is.
    pub async fn status(&self) -> Result<Status, SandboxError> {
        self.ask("GET", "status", &Value::Null, QUICK).await
    }

    /// Brings the containers in line with the account.
    pub async fn repair(&self) -> Result<Status, SandboxError> {
        self.ask("POST", "repair", &json!({}), REPAIR).await
    }

    /// Names the image for servers to be made.
    pub async fn offer(&self, image: &str) -> Result<(), SandboxError> {
        self.set(&json!({ "image": image })).await
    }

    /// Lets it issue certificates.
    pub async fn want_authority(&self) -> Result<(), SandboxError> {
        self.set(&json!({ "authority": true })).await
    }

    /// Tells what was applied to a server for browsers.
    pub async fn note_site(&self, id: &str, site: Option<&Site>) -> Result<(), SandboxError> {
        let note = json!({ "instance": id, "site": site });
        let answer = self.ask::<Value>("POST", "site", &note, QUICK);
        answer.await.map(drop)
    }

    async fn set(&self, settings: &Value) -> Result<(), SandboxError> {
        let answer = self.ask::<Value>("POST", "settings", settings, QUICK);
        answer.await.map(drop)
    }

    /// Asks it to leave, and waits until it has; the containers stay.
    pub async fn leave(&self, place: &Place, timeout: Duration) -> Result<(), SandboxError> {
        let asked = self
            .ask::<Value>("POST", "shutdown", &json!({}), timeout)
            .await;
        let end = Instant::now() + timeout;
        while place.is_held() && Instant::now() < end && asked.is_ok() {
            sleep(LOOK).await;
        }
        if place.is_held() {
            let mut kill = Command::new("kill");
            kill.args(["-9", &self.pid.to_string()]);
            let _ = shell::quietly(kill).await;
            sleep(LOOK * 4).await;
        }
        match place.is_held() {
            true => Err(SandboxError::Silent(format!(
                "process {} does not end",
                self.pid
            ))),
            false => Ok(()),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        timeout: Duration,
    ) -> Result<T, SandboxError> {
        let url = format!("{}/labctl-sandbox/{path}", self.endpoint());
        let body = (!body.is_null()).then(|| body.to_string());
        let headers = [(TOKEN, self.token.as_str())];
        let answer = http::local(method, &url, &headers, body, timeout);
        let answer = tokio::time::timeout(timeout, answer).await;
        let silent = |reason: String| SandboxError::Silent(format!("`{path}`: {reason}"));
        let text = answer
            .map_err(|_| silent(format!("no answer within {} s", timeout.as_secs())))?
            .map_err(silent)?;
        serde_json::from_str(&text).map_err(|error| silent(error.to_string()))
    }
}

/// Removes what a sandbox has besides its process, which must have ended.
pub async fn clean(
    place: &Place,
    python: &Path,
    engine: Option<&Engine>,
    forget: bool,
) -> Result<(), SandboxError> {
    let mut command = command(python, "clean", place, engine)?;
    command.args(forget.then_some("--forget"));
    let ended = shell::quietly(command).await;
    let ended = ended.map_err(|error| SandboxError::Left(error.to_string()))?;
    match ended.is_ok() {
        true => Ok(()),
        false => Err(SandboxError::Left(ended.last())),
    }
}

fn command(
    python: &Path,
    what: &str,
    place: &Place,
    engine: Option<&Engine>,
) -> Result<Command, SandboxError> {
    let mut command = Command::new(python);
    command.args(["-I", "-B"]).arg(programs::path("sandbox")?);
    command.arg(what).arg("--folder").arg(place.folder());
    command.args(["--lab", place.lab(), "--engine"]);
    command.arg(engine.map_or("none", |engine| engine.program()));
    // What the user has set for AWS is not meant for this one.
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    Ok(command)
}

fn not_started(place: &Place, reason: String) -> SandboxError {
    SandboxError::NotStarted {
        reason,
        log: place.at("log"),
    }
}
