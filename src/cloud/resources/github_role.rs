//! What GitHub Actions of one branch of one repository may do in AWS, by a
//! short-lived sign-in instead of keys that lie about.

use crate::cloud::api::CallError;
use crate::cloud::resource::{Field, Live};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::Run;
use super::key_pair::GITHUB_NOTE;
use super::role::{self, Role, read_role};
use super::{Body, Kind, Manage, key_pair};

/// The role of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRole {
    /// The role itself.
    pub role: Role,
}

/// Whether there is one to be looked for: in the plan, or of a former plan.
pub async fn is_wanted(reader: &Reader<'_>) -> Result<bool, CallError> {
    if reader.scope.github {
        return Ok(true);
    }
    let notes = key_pair::notes(reader).await?;
    Ok(notes.is_none_or(|notes| notes.contains_key(GITHUB_NOTE)))
}

impl Manage for GithubRole {
    fn fields(&self) -> Vec<Field> {
        let mut fields = self.role.fields();
        // The notes on the key pair lead to the role: they come first, go last.
        fields.push(Field::noted_on(Kind::KeyPair));
        fields.push(Field::after("provider", Kind::OidcProvider));
        fields
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live>, CallError> {
        if !is_wanted(reader).await? {
            return Ok(Vec::new());
        }
        let name = reader.scope.github_role_name();
        let wrap = |role| Body::GithubRole(Self { role });
        let role = role::get(reader.cloud, &name);
        read_role(reader, (Kind::GithubRole, &name), role, wrap).await
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        self.role.create(run).await
    }

    async fn update(
        &self,
        live: &Live,
        changed: &[String],
        run: &Run<'_>,
    ) -> Result<(), StepError> {
        self.role.update(live, changed, run).await
    }

    async fn delete(live: &Live, run: &Run<'_>) -> Result<(), StepError> {
        Role::delete(live, run).await
    }
}
