//! The connection below SSH.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Target;
use super::error::DialError;

/// A try to connect takes no longer, so that a fresh one can follow; see `deadlines`.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// Connects to the first of a name's addresses that answers.
pub async fn connect(target: &Target, limit: Duration) -> Result<TcpStream, DialError> {
    let limit = limit.min(LONGEST_CONNECT);
    let unresolved = |error: io::Error| DialError::Unresolved(error.to_string());
    let addresses = lookup_host((target.address.as_str(), target.port)).await;
    let mut last = DialError::Unresolved("no address".to_owned());
    for address in addresses.map_err(unresolved)? {
        last = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionRefused => DialError::Refused,
                io::ErrorKind::ConnectionReset => DialError::Closed,
                io::ErrorKind::TimedOut => DialError::NoAnswer,
                _ => DialError::Network(error.to_string()),
            },
            Err(_) => DialError::NoAnswer,
        };
    }
    Err(last)
}
