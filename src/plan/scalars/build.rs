//! Arguments of a Dockerfile.

use std::str::FromStr;

use super::{Invalid, text};

text! {
    /// The name of an argument of a Dockerfile.
    BuildArgument;
    /// The value of an argument of a Dockerfile.
    BuildValue;
}

impl FromStr for BuildArgument {
    type Err = Invalid;

    /// As names of variables are in the shells of a Dockerfile's `RUN`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let fits = text.len() <= 100
            && text.chars().all(allowed)
            && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "it is not the name of an argument",
                "write it as the Dockerfile's `ARG` has it, such as `BASE_IMAGE`",
            )),
        }
    }
}

impl FromStr for BuildValue {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fits = text.len() <= 1000 && !text.chars().any(char::is_control);
        match fits {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "it is too long, or has a line break or another control character in it",
                "give at most 1000 letters in one line",
            )),
        }
    }
}
