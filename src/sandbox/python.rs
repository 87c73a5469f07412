//! The interpreter that runs the sandbox: one that has all that is pinned already, or a virtual environment in the
//! cache that labctl makes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::digest::sha256;
use crate::support::{folders, private_files};

use super::{SandboxError, Tell, place, programs, shell};

/// Names an interpreter to use.
const VARIABLE: &str = "LABCTL_SANDBOX_PYTHON";
const OWN: [&str; 2] = ["python3", "python"];
/// What the pins need.
const OLDEST: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";

/// Finds an interpreter, or makes one.
pub async fn find(tell: Tell<'_>) -> Result<PathBuf, SandboxError> {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return match missing(&named).await? {
            None => Ok(named),
            Some(lack) => Err(SandboxError::NoPython(format!(
                "`{}`, which {VARIABLE} names, lacks {lack}",
                named.display()
            ))),
        };
    }
    let folder = folders::cache().join("sandbox");
    private_files::create_own_folder(&folder, &folders::cache())
        .map_err(SandboxError::file(&folder))?;
    let venv = venv_folder();
    let python = venv.join("bin/python");
    if is_complete(&venv) {
        return Ok(python);
    }
    if let Some(of_moto) = of_moto_server()
        && missing(&of_moto).await?.is_none()
    {
        return Ok(of_moto);
    }
    let _lock = place::lock(folder.join("lock"), || {
        tell("waiting for another labctl, which makes the Python environment");
    })
    .await?;
    if !is_complete(&venv) {
        make(&venv, tell).await?;
    }
    Ok(python)
}

/// Environments are named by what is in them.
fn venv_folder() -> PathBuf {
    let hash = sha256(programs::text("requirements.txt"));
    let name = format!("python-{}", &hash[..16]);
    folders::cache().join("sandbox").join(name)
}

/// The stamp is written last.
fn is_complete(venv: &Path) -> bool {
    venv.join("complete").is_file() && venv.join("bin/python").exists()
}

/// Says what an interpreter lacks of what is pinned, if anything.
async fn missing(python: &Path) -> Result<Option<String>, SandboxError> {
    let mut command = Command::new(python);
    command
        .args(["-I", "-B"])
        .arg(programs::path("sandbox/pins.py")?);
    command.arg(programs::path("requirements.txt")?);
    Ok(match shell::quietly(command).await {
        Ok(ended) if ended.is_ok() => None,
        Ok(ended) => Some(ended.last()),
        Err(error) => Some(error.to_string()),
    })
}

/// The interpreter of a `moto_server` on the path, which its first line names.
fn of_moto_server() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join("moto_server"));
    let script = candidates.find_map(|candidate| fs::read_to_string(candidate).ok())?;
    let first = script.lines().next()?.strip_prefix("#!")?.trim();
    Some(PathBuf::from(first)).filter(|python| python.is_file())
}

async fn make(venv: &Path, tell: Tell<'_>) -> Result<(), SandboxError> {
    let own = own_python().await?;
    tell("making a Python environment with moto (once; some 100 MB from PyPI)");
    if venv.exists() {
        fs::remove_dir_all(venv).map_err(SandboxError::file(venv))?;
    }
    let mut create = Command::new(own);
    create.args(["-I", "-m", "venv"]).arg(venv);
    run(create).await?;
    let mut install = Command::new(venv.join("bin/python"));
    // Not `-I`: pip's own settings, such as a mirror's address, count.
    install.args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"]);
    install.args(["--disable-pip-version-check", "--requirement"]);
    install.arg(programs::path("requirements.txt")?);
    run(install).await?;
    let stamp = venv.join("complete");
    fs::write(&stamp, "").map_err(SandboxError::file(stamp))
}

async fn run(command: Command) -> Result<(), SandboxError> {
    let ended = shell::quietly(command).await;
    let ended = ended.map_err(|error| SandboxError::Install(error.to_string()))?;
    match ended.is_ok() {
        true => Ok(()),
        false => Err(SandboxError::Install(ended.last())),
    }
}

/// A Python of the laptop that can make environments.
async fn own_python() -> Result<&'static str, SandboxError> {
    let mut reason = "there is no `python3`".to_owned();
    for name in OWN {
        let mut command = Command::new(name);
        command.args(["-I", "-c", OLDEST]);
        match shell::quietly(command).await {
            Ok(ended) if ended.is_ok() => return Ok(name),
            Ok(ended) if ended.stderr.is_empty() => reason = format!("`{name}` is older"),
            Ok(ended) => reason = format!("`{name}` says: {}", ended.last()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => reason = format!("`{name}`: {error}"),
        }
    }
    Err(SandboxError::NoPython(reason))
}
