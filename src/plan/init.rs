//! The text of a first plan, from a few answers.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use super::scalars::{BucketName, DomainName, Email, FilePath, LabName, Region};

const TEMPLATE: &str = include_str!("../../templates/init.yaml.j2");

/// What `labctl init` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitAnswers {
    /// The lab's name.
    pub lab: LabName,
    /// The region.
    pub region: Region,
    /// The public key to log in with.
    pub key_pair: FilePath,
    /// A bucket's name that nobody has.
    pub bucket: BucketName,
    /// The domain, if there is one.
    pub domain: Option<DomainName>,
    /// The address for the certificate authority's account, if it is to have one.
    pub email: Option<Email>,
}

/// Writes a plan with comments.
///
/// # Errors
///
/// Fails only if the template and this function disagree.
pub fn init_text(answers: &InitAnswers) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .trim_blocks(true)
            .build()?,
    );
    environment.render_str(
        TEMPLATE,
        context! {
            lab => answers.lab.as_str(),
            region => answers.region.as_str(),
            // A JSON string is a YAML string, whatever the path holds.
            key_pair => serde_json::Value::from(answers.key_pair.as_str()).to_string(),
            bucket => answers.bucket.as_str(),
            domain => answers.domain.as_ref().map(DomainName::as_str),
            email => answers.email.as_ref().map(Email::as_str),
        },
    )
}
