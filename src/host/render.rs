//! Templates → texts. Each value is written for the kind of file that it goes
//! into, by the formatter and not by the template: what a plan says can never
//! become a second word, a directive or a command.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde::Serialize;

/// A template that could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("template `{name}` could not be rendered: {reason}")]
pub struct RenderError {
    /// Which.
    pub name: String,
    /// Why, with the innermost cause.
    pub reason: String,
}

/// The templates, which are part of the program.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

/// Names a template beside its text.
macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// All templates and plain files, by their path below `templates/`.
        const EMBEDDED: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../templates/", $name)))),*
        ];
    };
}

embedded![
    "api/ask_api.py",
    "api/model_api.py",
    "api/requirements.lock",
    "api/requirements.txt",
    "apt/52labctl-unattended-upgrades",
    "aws/ask_credentials.py",
    "aws/credentials.py",
    "certificate/certificate.py",
    "certificate/deploy-hook",
    "isolation/group.conf",
    "isolation/isolation.sh",
    "journald/10-labctl.conf",
    "jupyterhub/idle_culler_config.py.j2",
    "jupyterhub/jupyterhub_config.py.j2",
    "jupyterhub/labctl_authenticator.py",
    "jupyterhub/labctl_sign_in.py",
    "jupyterhub/notebook_server.py",
    "jupyterhub/page_config.json",
    "jupyterhub/proxy-requirements.lock",
    "jupyterhub/proxy-requirements.txt",
    "jupyterhub/proxy/package-lock.json",
    "jupyterhub/proxy/package.json",
    "jupyterhub/requirements.lock",
    "jupyterhub/requirements.txt",
    "landing/index.html.j2",
    "needrestart/labctl.conf",
    "nftables/isolation-closed.nft",
    "nftables/isolation.nft.j2",
    "nftables/metadata-closed.nft",
    "nftables/metadata.nft",
    "nginx/api.conf.j2",
    "nginx/logrotate.conf",
    "nginx/nginx.conf.j2",
    "nginx/shiny.conf.j2",
    "pam/rstudio.j2",
    "profile/aws.sh.j2",
    "profile/python.sh.j2",
    "python/installer.lock",
    "python/kernel-requirements.lock",
    "python/kernel-requirements.txt",
    "python/requirements.lock",
    "python/requirements.txt",
    "python/run.sh.j2",
    "r/Rprofile.R.j2",
    "reboot/reboot-if-due",
    "rstudio/rserver.conf.j2",
    "shiny/r.sh.j2",
    "shiny/requirements.lock",
    "shiny/requirements.txt",
    "shiny/shiny-server.conf.j2",
    "ssh/10-labctl.conf",
    "sudo/90-labctl.j2",
    "systemd/jupyterhub-proxy.service.j2",
    "systemd/jupyterhub.service",
    "systemd/labctl-certificate.service",
    "systemd/labctl-certificate.timer",
    "systemd/labctl-isolation.service",
    "systemd/labctl-credentials.service",
    "systemd/labctl-credentials.socket",
    "systemd/labctl-logs.service",
    "systemd/labctl-logs.timer",
    "systemd/labctl-metadata.service",
    "systemd/labctl-model.service",
    "systemd/labctl-model.timer",
    "systemd/labctl-reboot.service",
    "systemd/labctl-reboot.timer.j2",
    "systemd/model-api.service.j2",
    "systemd/sees-processes.conf",
    "systemd/shiny-app.service.j2",
    "systemd/shiny-server.conf.j2",
];

/// Gives a plain file of `templates/`, which is pushed as it is.
pub fn plain(name: &str) -> Option<&'static str> {
    let found = EMBEDDED.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text)
}

impl Templates {
    /// Parses all templates.
    ///
    /// # Errors
    ///
    /// A template is malformed.
    pub fn new() -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .lstrip_blocks(true)
            .trim_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|error| failure("templates", &error))?);
        environment.set_auto_escape_callback(target);
        environment.set_formatter(write);
        for (name, text) in EMBEDDED.iter().filter(|(name, _)| name.ends_with(".j2")) {
            let added = environment.add_template(name, text);
            added.map_err(|error| failure(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// Renders one.
    ///
    /// # Errors
    ///
    /// A variable is missing, or a value cannot be written in this kind of file.
    pub fn render(&self, name: &str, variables: &impl Serialize) -> Result<String, RenderError> {
        let template = self.environment.get_template(name);
        template
            .and_then(|template| template.render(Serde(variables)))
            .map_err(|error| failure(name, &error))
    }
}

fn failure(name: &str, error: &Error) -> RenderError {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    RenderError {
        name: name.to_owned(),
        reason,
    }
}

const PYTHON: &str = "python";
const TOKEN: &str = "token";
const SHELL: &str = "shell";

/// The kind of file that a template makes.
fn target(name: &str) -> AutoEscape {
    match name.trim_end_matches(".j2").rsplit('.').next() {
        Some("html") => AutoEscape::Html,
        // A string of R is one of Python, as far as it is written here.
        Some("py" | "R") => AutoEscape::Custom(PYTHON.into()),
        Some("sh") => AutoEscape::Custom(SHELL.into()),
        _ => AutoEscape::Custom(TOKEN.into()),
    }
}

fn write(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match state.auto_escape() {
        AutoEscape::Custom(target) => match target.as_ref() {
            PYTHON => python(value)?,
            SHELL => shell(value)?,
            _ => token(value)?,
        },
        _ => return minijinja::escape_formatter(output, state, value),
    };
    output.write_str(&text).map_err(Error::from)
}

/// Writes a value as a Python literal.
fn python(value: &Value) -> Result<String, Error> {
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool if value.is_true() => "True".to_owned(),
        ValueKind::Bool => "False".to_owned(),
        ValueKind::Number => value.to_string(),
        ValueKind::String => python_string(&value.to_string()),
        ValueKind::Seq => {
            let items: Vec<_> = value
                .try_iter()?
                .map(|item| python(&item))
                .collect::<Result<_, _>>()?;
            format!("[{}]", items.join(", "))
        }
        other => return Err(unfit(&format!("a {other} has no place in Python"))),
    })
}

/// JSON's strings are Python's as well, where all but ASCII is escaped ("The
/// Python Language Reference", string literals), surrogate pairs excepted.
fn python_string(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            ' '..='~' => literal.push(character),
            other => literal.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    literal.push('"');
    literal
}

fn shell(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    shlex::try_quote(&text)
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| unfit(&error.to_string()))
}

/// Writes a value as one bare word, which means the same in NGINX, systemd,
/// nftables and sudoers; none of them has a way to quote everything.
fn token(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "._/:@*=+-".contains(character);
    // At the beginning of a word, NGINX takes a tilde for a pattern's mark.
    let is_word = text.starts_with(is_plain)
        && text
            .chars()
            .all(|character| is_plain(character) || character == '~');
    match is_word {
        true => Ok(text),
        false => Err(unfit(&format!(
            "`{}` is not one plain word",
            text.escape_debug()
        ))),
    }
}

fn scalar(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        other => Err(unfit(&format!("a {other} has no place here"))),
    }
}

fn unfit(reason: &str) -> Error {
    Error::new(ErrorKind::BadEscape, reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "x\"; rm -rf / #'\n{{ lab }}\\ $HOME %n é";

    fn rendered(name: &str, text: &str, value: &str) -> Result<String, Error> {
        let mut environment = Templates::new().unwrap().environment;
        environment.add_template_owned(name.to_owned(), text.to_owned())?;
        let template = environment.get_template(name)?;
        template.render(minijinja::context! { value })
    }

    #[test]
    fn a_hostile_value_stays_data() {
        let python = rendered("a.py.j2", "x = {{ value }}", HOSTILE).unwrap();
        let expected = "x = \"x\\\"; rm -rf / #'\\U0000000a{{ lab }}\\\\ $HOME %n \\U000000e9\"";
        assert_eq!(python, expected);
        let shell = rendered("a.sh.j2", "echo {{ value }}", HOSTILE).unwrap();
        assert_eq!(shlex::split(&shell).unwrap(), ["echo", HOSTILE]);
        let html = rendered("a.html.j2", "<p>{{ value }}</p>", "<b>&").unwrap();
        assert_eq!(html, "<p>&lt;b&gt;&amp;</p>");
        for name in ["nginx/a.conf.j2", "systemd/a.service.j2", "a.nft.j2"] {
            assert!(rendered(name, "{{ value }}", HOSTILE).is_err(), "{name}");
            assert!(rendered(name, "{{ value }}", "").is_err(), "{name}");
            assert!(rendered(name, "{{ value }}", "a;b").is_err(), "{name}");
            assert_eq!(
                rendered(name, "{{ value }}", "/jupyter").unwrap(),
                "/jupyter"
            );
        }
    }

    #[test]
    fn what_is_missing_is_an_error() {
        for name in ["a.py.j2", "a.conf.j2", "a.html.j2"] {
            let error = rendered(name, "{{ nothing }}", "").unwrap_err();
            assert!(error.to_string().contains("undefined"), "{name}: {error}");
        }
    }

    #[test]
    fn python_gets_its_literals() {
        let text = "{{ [1, 2.5, none, true, 'a'] }}";
        let written = rendered("a.py.j2", text, "").unwrap();
        assert_eq!(written, "[1, 2.5, None, True, \"a\"]");
    }
}
