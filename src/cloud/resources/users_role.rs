//! What the server's users may do with the lab's bucket: a role that the server takes on for them, and they never reach
//! the server's own.

use crate::cloud::api::CallError;
use crate::cloud::resource::Field;

use super::reader::Reader;
use super::side_role::{Purpose, SideRole};
use super::{Kind, Scope};

/// The role of the server's users.
pub type UsersRole = SideRole<Users>;

/// What it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users;

impl Purpose for Users {
    const KIND: Kind = Kind::UsersRole;

    fn fields() -> Vec<Field> {
        // The server's role is in its trust policy, and has the note that leads to it: that comes first, goes last.
        vec![Field::noted_on(Kind::Role)]
    }

    fn name(scope: &Scope) -> String {
        scope.users_role_name()
    }

    async fn is_sought(reader: &Reader<'_>) -> Result<bool, CallError> {
        reader.has_users_role().await
    }
}
