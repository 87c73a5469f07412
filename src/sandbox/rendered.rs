//! Checks the server's files where there is no server.

use std::process::Command;

use serde::Deserialize;
use serde_json::{Map, json};

use crate::host::DesiredHost;

use super::{SandboxError, Tell, programs, python, shell};

/// What came of it.
#[derive(Debug, Deserialize)]
pub struct Checked {
    /// The files that were checked.
    pub checked: Vec<String>,
    /// What is wrong with them.
    pub problems: Vec<String>,
}

/// Checks the files as far as a laptop can.
///
/// # Errors
///
/// See [`SandboxError`]; a file that is wrong is none.
pub async fn check(host: &DesiredHost, tell: Tell<'_>) -> Result<Checked, SandboxError> {
    // What nobody may see has no check either.
    let files = host.files.iter().filter(|(_, file)| !file.is_private());
    let files = files.map(|(path, file)| {
        let file = json!({ "content": file.content, "check": file.check });
        (path.to_string(), file)
    });
    let files = serde_json::Value::Object(files.collect::<Map<_, _>>());
    let mut command = Command::new(python::find(tell).await?);
    command
        .args(["-I", "-B"])
        .arg(programs::path("sandbox/check_files.py")?);
    let broke = |reason: String| SandboxError::Silent(format!("`check_files.py`: {reason}"));
    let ended = shell::run(command, &files.to_string(), &|_| {}).await;
    let ended = ended.map_err(|error| broke(error.to_string()))?;
    serde_json::from_str(&ended.stdout).map_err(|_| broke(ended.last()))
}
