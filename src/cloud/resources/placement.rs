//! Where in the network something is.

use crate::cloud::resource::{Reference, Tags, Value};

use super::tags::NETWORK_TAG;

/// Its value, and the word of the plan.
pub const DEFAULT: &str = "default";

/// The network or subnet that something is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// The account's default one, whichever that is.
    Default,
    /// A particular one.
    In(Reference),
    /// Not known: the note of it was taken off.
    Unknown,
}

impl Placement {
    /// Reads it: the tag tells what the plan said, so that nothing has to be
    /// looked up to know whether an id is the default's.
    pub fn read(tags: &Tags, id: Option<&str>) -> Self {
        match tags.get(NETWORK_TAG).map(String::as_str) {
            None => Self::Unknown,
            Some(DEFAULT) => Self::Default,
            Some(_) => Self::In(Reference::Id(id.unwrap_or_default().to_owned())),
        }
    }

    /// The value in the field table.
    pub fn value(&self) -> Value {
        match self {
            Self::Default => Value::text(DEFAULT),
            Self::In(reference) => reference.into(),
            Self::Unknown => Value::Absent,
        }
    }

    /// Shows the reference, where there is one, to `visit`.
    pub fn each_reference(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        if let Self::In(reference) = self {
            visit(reference);
        }
    }
}
