//! The strings that SSH puts into its packets and key files (RFC 4251, section 5).

/// Reads fields one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the beginning.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes a number.
    pub fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// Takes a string, which has its length in front; a string cut off is left where it is.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let length = usize::try_from(ahead.number()?).ok()?;
        let (string, rest) = ahead.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(string)
    }

    /// Whether nothing is left.
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_where_they_say() {
        let mut reader = Reader::new(b"\0\0\0\x02ab\0\0\0\x05ab");
        assert_eq!(reader.string(), Some(&b"ab"[..]));
        assert_eq!(reader.string(), None);
        assert!(!reader.is_at_end());
    }
}
