//! The roles besides the server's: each is a [`Role`] of a kind of its own, and differs in who looks for it, and when.

use std::marker::PhantomData;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Field, Live, Reference, Tags};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::reader::{Reader, get_role};
use super::role::{Role, read_role};
use super::run::Run;
use super::{Kind, Manage, Scope};

/// What tells one such role from another.
pub(crate) trait Purpose {
    /// Its kind.
    const KIND: Kind;

    /// What it has besides a role's own: what must be there first.
    fn fields() -> Vec<Field>;

    /// Its name in IAM.
    fn name(scope: &Scope) -> String;

    /// Whether there is one to be looked for: in the plan, or of a former plan.
    async fn is_sought(reader: &Reader<'_>) -> Result<bool, CallError>;
}

/// A role for a purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideRole<P> {
    /// The role itself.
    pub role: Role,
    purpose: PhantomData<P>,
}

impl<P> SideRole<P> {
    /// Gives a role its purpose.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            purpose: PhantomData,
        }
    }
}

impl<P: Purpose> Manage for SideRole<P> {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let mut fields = self.role.fields();
        fields.extend(P::fields());
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
        if !P::is_sought(reader).await? {
            return Ok(Vec::new());
        }
        let name = P::name(reader.scope);
        let role = get_role(reader.cloud, &name);
        read_role(reader, (P::KIND, &name), role, Self::new).await
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
