//! Errors that say what to do about them.

use std::borrow::Cow;
use std::error::Error;

/// An error with a way out.
pub trait Hint: Error {
    /// Says what to do about it.
    fn hint(&self) -> Cow<'static, str>;
}
