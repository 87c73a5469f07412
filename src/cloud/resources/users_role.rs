//! What the server's users may do with the lab's bucket: a role that the server takes on for them, and they never reach
//! the server's own.

use crate::cloud::api::CallError;
use crate::cloud::resource::{Field, Live, Reference, Tags};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::role::{self, Role, read_role};
use super::run::Run;
use super::{Kind, Manage};

/// The role of the server's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersRole {
    /// The role itself.
    pub role: Role,
}

impl Manage for UsersRole {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let mut fields = self.role.fields();
        // The server's role is in its trust policy, and has the note that leads to it: that comes first, goes last.
        fields.push(Field::noted_on(Kind::Role));
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
        if !reader.has_users_role().await? {
            return Ok(Vec::new());
        }
        let name = reader.scope.users_role_name();
        let wrap = |role| Self { role };
        let role = role::get(reader.cloud, &name);
        read_role(reader, (Kind::UsersRole, &name), role, wrap).await
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
