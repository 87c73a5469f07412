//! IAM: roles, instance profiles and OIDC providers.

mod policies;
mod profiles;
mod providers;
mod role_policies;
mod roles;
mod tags;

pub use profiles::Profile;
pub use providers::Provider;
pub use roles::Role;

use super::refusal::{Answer, Refusal, refuse, refuse_with};
use super::world::World;

fn already_exists(message: String) -> Refusal {
    refuse_with(409, "EntityAlreadyExists", message)
}

fn no_such_entity(message: String) -> Refusal {
    refuse_with(404, "NoSuchEntity", message)
}

fn delete_conflict(message: &str) -> Refusal {
    refuse_with(409, "DeleteConflict", message)
}

fn limit_exceeded(message: impl Into<String>) -> Refusal {
    refuse_with(409, "LimitExceeded", message)
}

/// Checks a name: letters, digits and `_+=,.@-`, up to a length.
fn checked_name<'a>(name: Option<&'a str>, parameter: &str, most: usize) -> Answer<&'a str> {
    let name = super::refusal::require(name, parameter)?;
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    if name.len() > most || !name.chars().all(is_allowed) {
        let message = format!(
            "1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+ and have \
             length less than or equal to {most}"
        );
        return Err(refuse("ValidationError", message));
    }
    Ok(name)
}

impl World {
    /// Makes an id in IAM's form: four letters for the kind, then 17 characters.
    fn next_iam_id(&mut self, prefix: &str) -> String {
        format!("{prefix}{:017X}", self.register.count())
    }
}
