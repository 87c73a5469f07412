//! Passwords of users: they go to the host and are neither kept nor shown.

use std::fmt;

/// A little more than the eight characters that NIST asks for at least (SP 800-63B, 5.1.1.1).
const LEAST: usize = 10;
/// What every scheme of crypt(5) takes whole.
const MOST: usize = 72;
/// 32 letters and digits that are not taken for each other, so that each is as
/// likely as the others: five bits of a random byte choose one.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GENERATED: usize = 24;

/// A password.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Makes one up, from what the system calls random: 120 bits.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn generate() -> std::io::Result<Self> {
        let mut bytes = [0_u8; GENERATED];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        Ok(Self(letters.iter().collect()))
    }

    /// Takes one that a user has typed.
    ///
    /// # Errors
    ///
    /// Says why it cannot be used.
    pub fn typed(text: String) -> Result<Self, String> {
        if text.chars().count() < LEAST {
            return Err(format!("it has fewer than {LEAST} characters"));
        }
        if text.len() > MOST {
            return Err(format!("it has more than {MOST} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err("it has characters that cannot be typed at a sign-in".to_owned());
        }
        Ok(Self(text))
    }

    /// Gives the text, for the host and for the user who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn generated_ones_are_long_and_differ() {
        let (one, other) = (Password::generate().unwrap(), Password::generate().unwrap());
        assert_ne!(one, other);
        assert!(Password::typed(one.reveal().to_owned()).is_ok());
        assert_eq!(format!("{one:?}"), "Password(…)");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for text in ["short", &"x".repeat(73), "with\na line more"] {
            assert!(Password::typed(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
