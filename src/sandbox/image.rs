//! The image that the sandbox's servers start from.

use std::path::Path;
use std::process::Command;

use crate::plan;

use super::engine::Engine;
use super::{SandboxError, Tell, programs, shell};

/// Names an image to use instead of making one.
const VARIABLE: &str = "LABCTL_SANDBOX_IMAGE";

/// Makes the image if it is missing, and gives its tag.
///
/// Ubuntu's own from Docker Hub with what a server has beyond it; where no registry can be reached, a Debian made of
/// packages. The passwords of the laptop's package managers are not in it: what has some goes to the folder `settings`.
pub async fn build(
    engine: &Engine,
    image: &plan::Image,
    settings: &Path,
    tell: Tell<'_>,
) -> Result<String, SandboxError> {
    if let Ok(named) = std::env::var(VARIABLE) {
        return Ok(named);
    }
    let mut command = Command::new("bash");
    command.arg(programs::path("image")?);
    command.args(["--engine", engine.program(), "--release", release(image)]);
    command.arg("--settings").arg(settings);
    let ended = shell::run(command, "", tell).await;
    let ended = ended.map_err(|error| SandboxError::Image(format!("bash: {error}")))?;
    let tag = ended.stdout.trim();
    match ended.is_ok() && !tag.is_empty() {
        true => Ok(tag.to_owned()),
        false => Err(SandboxError::Image(ended.last())),
    }
}

/// An image that is named by its id can be anything.
const fn release(image: &plan::Image) -> &'static str {
    match image {
        plan::Image::Ubuntu2204 => "22.04",
        plan::Image::Ubuntu2404 | plan::Image::Ami(_) => "24.04",
        plan::Image::Ubuntu2604 => "26.04",
    }
}
