//! What GitHub Actions of one branch of one repository may do in AWS, by a
//! short-lived sign-in instead of keys that lie about.

use crate::cloud::api::CallError;
use crate::cloud::resource::{Field, Live, Reference, Tags};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::role::{self, Role, read_role};
use super::run::Run;
use super::{Kind, Manage};

/// The role of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRole {
    /// The role itself.
    pub role: Role,
}

impl Manage for GithubRole {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let mut fields = self.role.fields();
        // The notes on the key pair lead to the role: they come first, go last.
        fields.push(Field::noted_on(Kind::KeyPair));
        fields.push(Field::after("provider", Kind::OidcProvider));
        fields
    }

    fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        self.role.each_reference(visit);
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        self.role.tags()
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        if !reader.has_github().await? {
            return Ok(Vec::new());
        }
        let name = reader.scope.github_role_name();
        let wrap = |role| Self { role };
        let role = role::get(reader.cloud, &name);
        read_role(reader, (Kind::GithubRole, &name), role, wrap).await
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        self.role.create(run).await
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        self.role
            .update(&live.with(live.body.role.clone()), run)
            .await
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        Role::delete(&live.with(live.body.role.clone()), run).await
    }
}
