//! The model's API: a container as a unit of its own, and what brings its model and image.

use serde::Serialize;
use serde_json::json;

use crate::host::desired::{
    Checker, DesiredHost, DesiredUnit, Effect, Environment, Gate, Input, Model, Port, Tree,
};
use crate::host::render::RenderError;
use crate::host::services::{Link, Service, base};
use crate::plan::{self, ModelLocation, Workbench};
use crate::support::digest;

use super::{Definition, Piece};

/// AWS's library for Python, for root's programs.
pub const ENVIRONMENT: &str = "/opt/labctl-aws";
const CONTEXT: &str = "/opt/model-api";
const MODEL: &str = "/opt/labctl-model";
const PROGRAM: &str = "/usr/local/lib/labctl/model-api";
/// What looks at the API, as nobody.
const ASK: &str = "/usr/local/lib/labctl/ask-api";
const SETTINGS: &str = "/etc/labctl/api.json";
const SERVICE: &str = "/etc/systemd/system/model-api.service";
const UNIT: &str = "model-api.service";
const REFRESH: &str = "/etc/systemd/system/labctl-model.service";
const TIMER: &str = "/etc/systemd/system/labctl-model.timer";
const PORT: u16 = 485;
/// Docker's own process holds the ports that it publishes.
const HOLDER: &str = "docker.service";

/// What a small model needs, and a server of 1 GiB can give.
const API_MEMORY: u64 = 512 << 20;

/// What it says of itself.
pub const PIECE: Definition = Definition {
    add,
    services: &[Service {
        port: Some(PORT),
        key: "api",
        is_in: |workbench| workbench.api.is_some(),
        ..Service::new("api", &[UNIT, "labctl-model.service"])
    }],
};

/// The model's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Api {
    /// Where it is, such as `/penguins-api`.
    pub path: String,
    /// The same with a slash behind.
    pub base: String,
    /// The name of its own under which it answers the world, if it has one.
    pub host: Option<String>,
    /// Where it listens.
    pub port: u16,
    /// Whether the world reaches it.
    pub public: bool,
    /// The bytes of memory that it may use.
    pub memory_limit: u64,
    /// The image that it runs; known once what it is built from is.
    pub image: String,
}

impl Api {
    /// Takes it from the plan.
    pub fn of(workbench: &Workbench) -> Option<Self> {
        let api = workbench.api.as_ref()?;
        let path = api.path.to_string();
        let memory_limit = api.memory_limit.map(|limit| limit.bytes());
        Some(Self {
            port: PORT,
            base: base(&path),
            host: api.host.as_ref().map(ToString::to_string),
            path,
            public: api.public,
            memory_limit: memory_limit.unwrap_or(API_MEMORY),
            image: String::new(),
        })
    }

    /// What the landing page says of it, where the world reaches it.
    pub fn link(&self) -> Option<Link> {
        self.public.then(|| Link {
            title: "Model API",
            host: self.host.clone(),
            path: self.base.clone(),
            text: "What the model predicts, for programs",
        })
    }
}

/// Adds it, where the plan has it.
fn add(piece: &Piece<'_>, host: &mut DesiredHost) -> Result<(), RenderError> {
    let Some(section) = &piece.workbench.api else {
        return Ok(());
    };
    host.add_packages(&["docker.io"]);
    host.environments.push(environment(piece)?);
    let tree = section.build.as_ref().map(|_| Tree {
        name: "model-api",
        link: CONTEXT,
        reader: None,
        folder: piece.inputs.folders.api.clone().unwrap_or_default(),
    });
    let image = image(section, tree.as_ref());
    let is_built = tree.is_some();
    host.trees.extend(tree);
    model(piece, section, &image, host);
    service(piece, &image, host)?;
    units(is_built, host);
    gates(piece, section, host);
    Ok(())
}

/// The environment in which root's programs ask AWS.
pub fn environment(piece: &Piece<'_>) -> Result<Environment, RenderError> {
    let packages = Piece::locked("api/requirements", false)?;
    let mirrors = &piece.workbench.mirrors;
    Ok(Environment::python(
        "labctl-aws",
        ENVIRONMENT,
        packages,
        mirrors,
    ))
}

/// The name by which the server runs the image: it stands for what it is built from, or for the image that is pulled.
/// So labctl's own are told from others when another takes its place.
fn image(section: &plan::Api, tree: Option<&Tree>) -> String {
    let source = match tree {
        Some(tree) => format!("{} {:?}", tree.target(), section.build_args),
        None => format!("{:?}", section.image),
    };
    format!("labctl-model-api:{}", &digest::sha256(&source)[..12])
}

/// The settings of the program that gets the model and the image. Their order
/// is fixed, so that equal settings are equal texts.
fn model(piece: &Piece<'_>, section: &plan::Api, image: &str, host: &mut DesiredHost) {
    let (bucket, key) = match &section.model {
        ModelLocation::S3 { bucket, key } => (bucket.to_string(), key.clone()),
        ModelLocation::Local(_) => (
            piece.variables.bucket.clone().unwrap_or_default(),
            piece.inputs.folders.model_key(section).unwrap_or_default(),
        ),
    };
    let context = section.build.as_ref().map(|_| CONTEXT);
    let build = context.map(|context| {
        json!({
            "context": context,
            "arguments": section.build_args,
        })
    });
    let settings = json!({
        "model": {
            "bucket": bucket,
            "account": piece.inputs.account,
            "key": key,
            "region": piece.variables.region,
        },
        "link": MODEL,
        "image": image,
        "build": build,
        "pull": section.image.as_ref().map(ToString::to_string),
    });
    host.add_file(SETTINGS, format!("{settings:#}\n"), "0644");
    host.model = Some(Model {
        unit: UNIT,
        link: MODEL,
        source: format!("s3://{bucket}/{key}"),
        program: PROGRAM,
        settings: SETTINGS,
        environment: ENVIRONMENT,
        context,
    });
}

fn service(piece: &Piece<'_>, image: &str, host: &mut DesiredHost) -> Result<(), RenderError> {
    let program = Piece::plain("api/model_api.py")?;
    host.add_checked(PROGRAM, program, "0755", Some(Checker::Python));
    let ask = Piece::plain("api/ask_api.py")?;
    host.add_checked(ASK, ask, "0755", Some(Checker::Python));
    let mut variables = piece.variables.clone();
    if let Some(api) = &mut variables.api {
        image.clone_into(&mut api.image);
    }
    let name = "systemd/model-api.service.j2";
    let service = piece.templates.render(name, &variables)?;
    host.add_checked(SERVICE, service, "0644", Some(Checker::Unit));
    for (path, name) in [
        (REFRESH, "systemd/labctl-model.service"),
        (TIMER, "systemd/labctl-model.timer"),
    ] {
        host.add_checked(path, Piece::plain(name)?, "0644", Some(Checker::Unit));
    }
    Ok(())
}

fn units(is_built: bool, host: &mut DesiredHost) {
    let restart = |path| Input {
        path,
        effect: Effect::Restart,
    };
    let mut inputs = vec![restart(SERVICE)];
    inputs.extend(is_built.then(|| restart(CONTEXT)));
    host.units.extend([
        DesiredUnit { name: UNIT, inputs },
        DesiredUnit {
            name: "labctl-model.timer",
            inputs: vec![restart(TIMER)],
        },
    ]);
    host.ports.push(Port {
        port: PORT,
        unit: HOLDER,
    });
}

fn gates(piece: &Piece<'_>, section: &plan::Api, host: &mut DesiredHost) {
    host.gates.extend([
        Gate::Active { unit: UNIT },
        Gate::Loopback { ports: vec![PORT] },
        Gate::Predict {
            unit: UNIT,
            program: PROGRAM,
        },
    ]);
    let api = piece.variables.api.as_ref();
    host.gates.extend(api.filter(|_| section.public).map(|api| {
        Gate::PublicApi {
            unit: UNIT,
            url: piece
                .variables
                .url_at(api.host.as_ref(), &format!("{}ping", api.base)),
        }
    }));
}
