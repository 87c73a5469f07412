//! What GitHub Actions of one branch of one repository may do in AWS, by a
//! short-lived sign-in instead of keys that lie about.

use crate::cloud::api::CallError;
use crate::cloud::resource::Field;

use super::reader::Reader;
use super::side_role::{Purpose, SideRole};
use super::{Kind, Scope};

/// The role of GitHub Actions.
pub type GithubRole = SideRole<Github>;

/// What it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github;

impl Purpose for Github {
    const KIND: Kind = Kind::GithubRole;

    fn fields() -> Vec<Field> {
        // The notes on the key pair lead to the role: they come first, go last.
        vec![
            Field::noted_on(Kind::KeyPair),
            Field::after("provider", Kind::OidcProvider),
        ]
    }

    fn name(scope: &Scope) -> String {
        scope.github_role_name()
    }

    async fn is_sought(reader: &Reader<'_>) -> Result<bool, CallError> {
        reader.has_github().await
    }
}
