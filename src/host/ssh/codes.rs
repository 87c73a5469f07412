//! What the library's answers mean: numbers and words become errors of ours.

use std::io;

use super::error::DialError;
use super::orders::LoginError;

// By the library's header file.
pub const KEX_FAILURE: i32 = -5;
pub const SOCKET_SEND: i32 = -7;
pub const HOSTKEY_INIT: i32 = -10;
pub const HOSTKEY_SIGN: i32 = -11;
pub const SOCKET_DISCONNECT: i32 = -13;
pub const BANNER_RECEIVE: i32 = -2;
pub const AUTHENTICATION_FAILED: i32 = -18;
pub const PUBLICKEY_UNVERIFIED: i32 = -19;
pub const CHANNEL_FAILURE: i32 = -21;
pub const CHANNEL_REQUEST_DENIED: i32 = -22;
pub const METHOD_NOT_SUPPORTED: i32 = -33;
pub const EAGAIN: i32 = -37;
pub const SOCKET_RECEIVE: i32 = -43;

/// Why a step of the session failed.
pub enum Broken {
    /// The library says so.
    Said { code: i32, message: String },
    /// Nothing was heard for too long.
    Silent,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::WouldBlock => EAGAIN,
            _ => 0,
        };
        let message = error.to_string();
        Self::Said { code, message }
    }
}

impl Broken {
    pub const fn is_waiting(&self) -> bool {
        matches!(self, Self::Said { code: EAGAIN, .. })
    }
}

/// Reads why no SSH came about, given the last line that the other side said first.
pub fn dial_error(greeting: &str, error: Broken) -> DialError {
    let greeting = greeting.trim();
    let is_ssh = greeting.is_empty() || greeting.starts_with("SSH-");
    match error {
        // What OpenSSH says when it is overrun, or has seen too many failures (sshd_config(5)).
        _ if greeting.contains("MaxStartups") || greeting.starts_with("Not allowed") => {
            DialError::Busy(greeting.to_owned())
        }
        _ if !is_ssh => DialError::NotSsh,
        Broken::Silent => DialError::Silent,
        Broken::Said { code, message } => match code {
            BANNER_RECEIVE => DialError::NotSsh,
            KEX_FAILURE | METHOD_NOT_SUPPORTED => DialError::NoCommonAlgorithm(message),
            HOSTKEY_INIT | HOSTKEY_SIGN => DialError::Unproven,
            SOCKET_DISCONNECT | SOCKET_RECEIVE | SOCKET_SEND => DialError::Closed,
            _ => DialError::Network(message),
        },
    }
}

/// Reads why a login failed.
pub fn login_error(error: Broken) -> LoginError {
    let (code, message) = match error {
        Broken::Said { code, message } => (code, message),
        Broken::Silent => return LoginError::Lost(DialError::Silent),
    };
    match code {
        AUTHENTICATION_FAILED => LoginError::Denied,
        // One code for three events; only the words differ.
        PUBLICKEY_UNVERIFIED if message.starts_with("Callback") => LoginError::NotSigned,
        PUBLICKEY_UNVERIFIED if !message.starts_with("Waiting") => LoginError::BadSignature,
        PUBLICKEY_UNVERIFIED | SOCKET_DISCONNECT | SOCKET_RECEIVE | SOCKET_SEND => {
            LoginError::Lost(DialError::Network("it hung up during the login".to_owned()))
        }
        METHOD_NOT_SUPPORTED => LoginError::Lost(DialError::NoCommonAlgorithm(message)),
        _ => LoginError::NotSigned,
    }
}

/// The exit status that a shell would give (POSIX, "Exit Status for Commands"; names of RFC 4254, section 6.10).
pub fn status_of_signal(name: &str) -> i32 {
    let numbers = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("ABRT", 6),
        ("FPE", 8),
        ("KILL", 9),
        ("SEGV", 11),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    let number = numbers.iter().find(|(known, _)| *known == name);
    128 + number.map_or(0, |(_, number)| *number)
}
