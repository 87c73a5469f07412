//! How labctl and its programs on the host talk: a package of Python on standard input,
//! and lines that begin with a word nobody else can know.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::desired::{DesiredHost, Gate, Model};
use super::facts::{FORMAT, Facts};
use super::programs::Program;

/// Starts Python as root, without a question; it reads its program, a request,
/// and whatever follows from standard input. The program is a zip archive, which
/// Python imports from a file in memory: nothing is written to the host's disk.
pub const COMMAND: &str = "sudo -n python3 -I -c 'import sys,os,json,importlib
i=sys.stdin.buffer
n,l=i.readline().split()
f=os.memfd_create(\"labctl\")
os.write(f,i.read(int(l)))
sys.path.insert(0,\"/proc/self/fd/%d\"%f)
r=json.loads(i.read(int(i.readline())))
importlib.import_module(\"agent.\"+n.decode()).main(r,i)'";

/// Puts a program and its request together, as [`COMMAND`] reads them.
///
/// # Errors
///
/// See [`Program::archive`]; or the request is none that JSON can hold.
pub fn input(program: Program, request: &impl Serialize, payload: &[u8]) -> io::Result<Vec<u8>> {
    let archive = program.archive()?;
    let request = serde_json::to_vec(request)?;
    let mut input = format!("{} {}\n", program.module(), archive.len()).into_bytes();
    input.extend(archive);
    input.extend(format!("{}\n", request.len()).into_bytes());
    input.extend(request);
    input.extend_from_slice(payload);
    Ok(input)
}

/// Gives the part of a line that is ours. What a login shell prints may stand
/// before it, if it does not end its line.
pub fn ours<'a>(line: &'a [u8], nonce: &str) -> Option<&'a [u8]> {
    let nonce = nonce.as_bytes();
    let start = line.windows(nonce.len()).position(|part| part == nonce)?;
    line[start + nonce.len()..].strip_prefix(b" ")
}

/// What the probe is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProbeRequest<'a> {
    nonce: &'a str,
    files: Vec<AskedFile<'a>>,
    users: Vec<&'a str>,
    units: Vec<&'a str>,
    packages: Vec<&'a str>,
    links: Vec<&'a str>,
    ports: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct AskedFile<'a> {
    path: &'a str,
    sha256: Option<String>,
    secret: bool,
    /// The hash is told and the text is not.
    private: bool,
}

impl<'a> ProbeRequest<'a> {
    /// Asks for all that the desired host has.
    pub fn new(nonce: &'a str, desired: &'a DesiredHost) -> Self {
        let files = desired.files.iter().map(|(path, file)| AskedFile {
            path,
            sha256: Some(file.sha256()),
            secret: false,
            private: file.is_private(),
        });
        let secrets = desired.secrets.iter().map(|secret| AskedFile {
            path: secret.path,
            sha256: None,
            secret: true,
            private: true,
        });
        let packages = desired.packages.iter().map(String::as_str);
        let downloads = desired.downloads.iter().map(|download| download.package);
        Self {
            nonce,
            files: files.chain(secrets).collect(),
            users: desired.users.keys().map(String::as_str).collect(),
            units: desired.units.iter().map(|unit| unit.name).collect(),
            packages: packages.chain(downloads).collect(),
            links: desired.links().collect(),
            ports: desired.ports.iter().map(|port| port.port).collect(),
        }
    }

    /// Gives what [`COMMAND`] reads.
    ///
    /// # Errors
    ///
    /// See [`input`].
    pub fn input(&self) -> io::Result<Vec<u8>> {
        input(Program::Probe, self, &[])
    }
}

/// What the doctor looks at.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DoctorRequest<'a> {
    nonce: &'a str,
    /// The facts to tell, where there is a desired host to compare them with.
    probe: Option<ProbeRequest<'a>>,
    /// The gates of a host whose last apply recorded none.
    gates: &'a [Gate],
    /// The model of such a host.
    model: Option<&'a Model>,
    /// Whether slow gates are tried too.
    deep: bool,
}

impl<'a> DoctorRequest<'a> {
    /// Asks for all that the desired host has, if any.
    pub fn new(nonce: &'a str, desired: Option<&'a DesiredHost>, deep: bool) -> Self {
        Self {
            nonce,
            probe: desired.map(|desired| ProbeRequest::new(nonce, desired)),
            gates: desired.map_or(&[][..], |desired| &desired.gates),
            model: desired.and_then(|desired| desired.model.as_ref()),
            deep,
        }
    }
}

/// Which apply to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FollowRequest<'a> {
    /// Marks the lines that are ours.
    pub nonce: &'a str,
    /// Its name.
    pub run: &'a str,
}

/// Whose password to set; the password itself follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PasswordRequest<'a> {
    /// Marks the lines that are ours.
    pub nonce: &'a str,
    /// The user.
    pub user: &'a str,
}

/// What came of setting a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct PasswordAnswer {
    /// Why it was not set.
    pub error: Option<String>,
}

/// Why an answer of the probe is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nothing came, or something else.
    #[error("the server's answer is not in the form that was asked for: {0}")]
    Malformed(String),
    /// Another version wrote it.
    #[error("the server's answer has format {0}, and this version reads {FORMAT}")]
    Format(u32),
}

/// Reads the probe's answer.
///
/// # Errors
///
/// See [`AnswerError`].
pub fn facts(line: &[u8]) -> Result<Facts, AnswerError> {
    let facts: Facts =
        serde_json::from_slice(line).map_err(|error| AnswerError::Malformed(error.to_string()))?;
    match facts.format {
        FORMAT => Ok(facts),
        other => Err(AnswerError::Format(other)),
    }
}

/// The facts, as the doctor tells them among all else.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ToldFacts {
    facts: Facts,
}

/// Reads the facts that the doctor tells among all else; none where the line is another.
pub fn told_facts(line: &[u8]) -> Option<Facts> {
    let told: ToldFacts = serde_json::from_slice(line).ok()?;
    Some(told.facts).filter(|facts| facts.format == FORMAT)
}

/// What a running apply says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HostEvent {
    /// A step begins.
    Step {
        /// Its name.
        step: String,
        /// What it does.
        #[serde(default)]
        title: String,
    },
    /// A step has ended.
    Done {
        /// Its name.
        step: String,
        /// How long it took.
        #[serde(default)]
        seconds: f64,
    },
    /// A line that a tool printed.
    Line {
        /// The line.
        text: String,
    },
    /// Something that the user should know.
    Warning {
        /// What.
        text: String,
        /// What to do about it.
        #[serde(default)]
        help: Option<String>,
    },
    /// A gate was tried.
    Gate {
        /// Which.
        gate: String,
        /// Whether it holds.
        ok: bool,
        /// What was seen.
        #[serde(default)]
        detail: String,
    },
    /// Another apply is running, so that this one was not begun.
    Refused {
        /// Its name.
        running: String,
    },
    /// Nothing; it shows that the connection lives.
    Beat,
    /// How the apply ended.
    Verdict(Verdict),
}

/// Something that the user should know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Warning {
    /// What.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Verdict {
    /// Whether all is done, and every gate holds.
    pub ok: bool,
    /// The apply's name.
    pub run: String,
    /// How long it took.
    pub seconds: f64,
    /// What the user should know, though nothing failed.
    pub warnings: Vec<Warning>,
    /// Where the model comes from that the API still waits for.
    pub waiting_for_model: Option<String>,
    /// The step that failed.
    pub step: String,
    /// What failed.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The last lines of what failed.
    pub log: Vec<String>,
    /// Whether the old configuration was put back.
    pub rolled_back: bool,
    /// Whether the old configuration was seen to be live again.
    pub proved: bool,
    /// Whether it was killed, and somebody else tells of it.
    pub cut_off: bool,
}

/// Reads an event; what is no event is shown as a line.
pub fn event(line: &[u8]) -> HostEvent {
    serde_json::from_slice(line).unwrap_or_else(|_| HostEvent::Line {
        text: String::from_utf8_lossy(line).into_owned(),
    })
}
