//! Lists that AWS gives page by page, each with a token for the next.

use std::collections::BTreeSet;

use crate::cloud::api::{Call, CallError, CallFailure};

/// No list that labctl reads comes near so many pages.
const MOST: usize = 1000;

/// Follows the tokens of one list to its end, which has to come.
#[derive(Debug)]
pub struct Pages {
    call: Call,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Begins with the first page of an operation.
    pub const fn of(service: &'static str, operation: &'static str) -> Self {
        Self {
            call: Call {
                service,
                operation,
                writes: false,
            },
            seen: BTreeSet::new(),
        }
    }

    /// Gives the token of the next page; none at the end.
    ///
    /// # Errors
    ///
    /// A token that was there before would lead round for ever, and fill the memory.
    pub fn next(&mut self, token: Option<String>) -> Result<Option<String>, CallError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if self.seen.len() < MOST && self.seen.insert(token.clone()) {
            return Ok(Some(token));
        }
        Err(CallError {
            call: self.call,
            failure: CallFailure::Garbled {
                detail: "its list has no end: a page leads back to one before".to_owned(),
                body: String::new(),
            },
            request_id: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends() {
        let mut pages = Pages::of("ec2", "DescribeVolumes");
        let mut next = |token: &str| pages.next(Some(token.to_owned()));
        assert_eq!(next("a").unwrap().as_deref(), Some("a"));
        assert_eq!(next("b").unwrap().as_deref(), Some("b"));
        assert_eq!(next("").unwrap(), None);
        let error = next("a").unwrap_err().to_string();
        assert!(
            error.contains("ec2:DescribeVolumes") && error.contains("no end"),
            "{error}"
        );
        let mut pages = Pages::of("ec2", "DescribeVolumes");
        let endless = (0..=MOST).map(|page| pages.next(Some(page.to_string())));
        assert_eq!(endless.filter(Result::is_err).count(), 1);
    }
}
