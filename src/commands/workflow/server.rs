//! The way to the lab's server, for all commands that go there.

use std::cell::Cell;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::cloud::api::Read;
use crate::cloud::api::aws::Aws;
use crate::cloud::resource::Power;
use crate::cloud::resources::LiveResource;
use crate::cloud::resources::instance::console_output;
use crate::cloud::resources::{self, Kind, LiveLab, Reader, Scope};
use crate::commands::arguments::{Endpoint, Global};
use crate::host::ssh::{
    Connection, Console, Deadlines, HostKey, HowTrusted, Identity, KnownHosts, Shell, Target,
    Trust, console_host_keys,
};
use crate::host::{HostError, Reach};
use crate::plan::{Parsed, SshPublicKey};
use crate::report::Out;
use crate::support::folders;
use crate::support::hint::Hint;

use super::Failure;
use super::route::Route;
use super::session;

pub use crate::host::pieces::LOGIN;

/// The way to one server.
pub struct Server<'a> {
    /// The cloud, which knows the server's console.
    pub cloud: &'a dyn Read,
    /// How to get there.
    pub route: &'a Route,
    /// The plan, which names the key.
    pub parsed: &'a Parsed,
    /// The public key.
    pub public_key: &'a SshPublicKey,
    /// Where to tell about the host's key.
    pub out: &'a Out,
    /// The server's id.
    pub id: String,
    /// The server's public address, if it has one.
    pub address: Option<IpAddr>,
    /// How long to try.
    pub deadlines: Cell<Deadlines>,
    /// Whether a host key is refused that cannot be compared with anything, `--strict-host-key`.
    pub is_strict: bool,
}

impl Server<'_> {
    /// Where to connect to: the server, or what stands in for it.
    pub async fn target(&self) -> Result<Target, HostError> {
        let Endpoint { address, port } = self.route.place(&self.id, self.address).await?;
        Ok(Target {
            address,
            port,
            user: LOGIN.to_owned(),
            pin: self.id.clone(),
        })
    }

    /// The file of the public key; the private one lies beside it.
    pub fn public_path(&self) -> PathBuf {
        public_path(self.parsed)
    }

    /// Opens a connection.
    pub async fn open(&self) -> Result<Connection, HostError> {
        let known_hosts = self.route.known_hosts();
        let trust = Trust {
            known_hosts: &known_hosts,
            console: self,
            is_strict: self.is_strict,
        };
        let deadlines = match self.route {
            // Whoever names another way has reached the server before.
            Route::Through(_) => Deadlines {
                console: Duration::ZERO,
                ..self.deadlines.get()
            },
            Route::Straight | Route::Sandbox(_) => self.deadlines.get(),
        };
        let path = self.public_path();
        let agent = agent();
        let ask = |question: &str| self.out.prompt_secret(question);
        let identity = Identity {
            public_key: self.public_key,
            public_path: &path,
            agent: agent.as_deref(),
            ask: &ask,
        };
        let target = self.target().await?;
        let opened = Connection::open(&target, &identity, &trust, deadlines).await?;
        match opened.trusted {
            HowTrusted::Pinned => {}
            HowTrusted::Console => self
                .out
                .say("the server's host key is the one on its console; it is remembered"),
            HowTrusted::Confirmed => self.out.say(
                "the server's host key, which was trusted on first use, is the one on its console",
            ),
            HowTrusted::FirstUse { fingerprint } => self.out.warning(&format!(
                "the server's console does not show its host key (yet), so it is trusted on \
                 first use, and remembered: {fingerprint}; it is compared as soon as the console \
                 shows it"
            )),
        }
        Ok(opened.connection)
    }
}

impl Console for Server<'_> {
    /// Reads them from EC2.
    fn host_keys(&self) -> LocalBoxFuture<'_, Result<Vec<HostKey>, String>> {
        async {
            let text = console_output(self.cloud, &self.id).await;
            text.map(|text| console_host_keys(&text))
                .map_err(|error| error.to_string())
        }
        .boxed_local()
    }

    fn is_awaited(&self) {
        self.out.say(
            "waiting for the new server to print its host keys on its console (up to 5 minutes)",
        );
    }

    /// The first connection is trusted then, and told: that AWS cannot be asked is no reason to fail.
    fn is_unreadable(&self, reason: &str) {
        self.out
            .warning(&format!("the server's console cannot be read: {reason}"));
    }
}

impl Reach for Server<'_> {
    fn connect(&self) -> LocalBoxFuture<'_, Result<Box<dyn Shell>, HostError>> {
        async {
            let connection = self.open().await?;
            Ok(Box::new(connection) as Box<dyn Shell>)
        }
        .boxed_local()
    }
}

/// The socket of the SSH agent (ssh-agent(1)).
fn agent() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from)
}

fn public_path(parsed: &Parsed) -> PathBuf {
    let home = folders::home();
    let path = parsed.place(&parsed.plan.instance.key_pair, home.as_deref());
    path.unwrap_or_default()
}

/// Refuses a private key with which nobody can log in, before there is anything to log in to.
pub async fn check_key(
    parsed: &Parsed,
    public_key: &SshPublicKey,
    out: &Out,
) -> Result<(), Failure> {
    let agent = agent();
    let identity = Identity {
        public_key,
        public_path: &public_path(parsed),
        agent: agent.as_deref(),
        ask: &|_| None,
    };
    identity.check(out.is_terminal()).await.map_err(|error| {
        let hint = error.hint();
        Failure::said(
            error.to_string(),
            format!("nothing was changed; {hint}; `--only cloud` leaves the server alone"),
        )
    })
}

/// Refuses a user whom the plan does not name.
pub fn check_user(parsed: &Parsed, name: &str) -> Result<(), Failure> {
    let workbench = parsed.plan.workbench.as_ref();
    let users = workbench.map(|workbench| workbench.users.as_slice());
    let names: Vec<_> = users
        .unwrap_or_default()
        .iter()
        .map(|user| user.name.to_string())
        .collect();
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(Failure::said(
        format!("the plan has no user `{name}`"),
        match names.as_slice() {
            [] => "add users to `workbench.users`, and apply".to_owned(),
            names => format!("its users are: {}", names.join(", ")),
        },
    ))
}

/// The lab's server.
pub fn of(lab: &LiveLab) -> Result<&LiveResource, Failure> {
    let server = lab.current(Kind::Instance);
    server.ok_or_else(|| Failure::said("the lab has no server", "`labctl apply` makes one"))
}

/// The lab's running server, its id and address, for commands that only go there.
pub fn running(lab: &LiveLab, route: &Route) -> Result<(String, Option<IpAddr>), Failure> {
    let server = of(lab)?;
    if server.observed.power != Some(Power::Running) {
        return Err(Failure::said(
            "the server does not run",
            "`labctl start` starts it; `labctl status` shows the lab",
        ));
    }
    let address = lab.public_address().map(IpAddr::from);
    if address.is_none() && route.needs_address() {
        return Err(Failure::said(
            "the server has no public address",
            "write `elastic_ip: true` in the plan and apply it, or name another way by \
             `--connect-to`",
        ));
    }
    Ok((server.id.clone(), address))
}

/// What the commands hold that do nothing but go to the server.
pub struct Visit<'a> {
    route: Route,
    out: &'a Out,
    parsed: Parsed,
    public_key: SshPublicKey,
    aws: Aws<'a>,
    id: String,
    address: Option<IpAddr>,
    is_strict: bool,
}

impl<'a> Visit<'a> {
    /// Finds the server of a plan.
    pub async fn new(parsed: Parsed, global: &'a Global, out: &'a Out) -> Result<Self, Failure> {
        let public_key = session::laptop_without_address(&parsed)?.public_key;
        let (aws, route) = session::connect(&parsed, global, out).await?;
        let live = resources::read(&Reader::new(&aws, &Scope::of(&parsed.plan))).await?;
        let (id, address) = running(&live, &route)?;
        Ok(Self {
            route,
            out,
            parsed,
            public_key,
            aws,
            id,
            address,
            is_strict: global.strict_host_key,
        })
    }

    /// Where the server's host key is remembered.
    pub fn known_hosts(&self) -> KnownHosts {
        self.route.known_hosts()
    }

    /// The way there.
    pub fn server(&self) -> Server<'_> {
        Server {
            cloud: &self.aws,
            route: &self.route,
            parsed: &self.parsed,
            public_key: &self.public_key,
            out: self.out,
            id: self.id.clone(),
            address: self.address,
            deadlines: Deadlines::RUNNING.into(),
            is_strict: self.is_strict,
        }
    }
}
