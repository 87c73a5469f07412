//! What a service answers when it refuses a request.

use aws_smithy_types::error::operation::BuildError;
use labctl::cloud::api::{Call, CallError};

/// An error answer of a service.
#[derive(Debug)]
pub struct Refusal {
    status: u16,
    code: String,
    message: String,
}

/// What a service makes of a request.
pub type Answer<T> = Result<T, Refusal>;

impl Refusal {
    /// Names the call that was refused.
    pub fn of(self, call: Call) -> CallError {
        CallError::service(call, self.status, &self.code, self.message)
    }
}

impl From<BuildError> for Refusal {
    fn from(error: BuildError) -> Self {
        refuse_with(500, "InternalError", error.to_string())
    }
}

/// Refuses with HTTP status 400, which nearly all refusals have.
pub fn refuse(code: &str, message: impl Into<String>) -> Refusal {
    refuse_with(400, code, message)
}

/// Refuses with another HTTP status.
pub fn refuse_with(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code: code.to_owned(),
        message: message.into(),
    }
}

/// Refuses a value, in the words that EC2 has for most of them.
pub fn invalid_value(name: &str, value: &str, reason: &str) -> Refusal {
    refuse(
        "InvalidParameterValue",
        format!("Value ({value}) for parameter {name} is invalid. {reason}"),
    )
}

/// Demands a parameter; an empty text is as good as none.
pub fn require<'a>(value: Option<&'a str>, name: &str) -> Answer<&'a str> {
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing(name))
}

/// Refuses a request without a parameter that it needs.
pub fn missing(name: &str) -> Refusal {
    refuse(
        "MissingParameter",
        format!("The request must contain the parameter {name}"),
    )
}
