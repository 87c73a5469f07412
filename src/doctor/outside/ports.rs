//! Whether somebody answers on a port, as seen from this laptop.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

/// What came of knocking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// Somebody listens.
    Open,
    /// The machine answers that nobody listens there.
    Closed,
    /// Nothing came back: something on the way drops what is sent.
    Silent,
    /// This laptop has no way there.
    NoWay(String),
}

/// Knocks.
pub async fn knock(address: &str, port: u16) -> Knock {
    match timeout(PATIENCE, TcpStream::connect((address, port))).await {
        Ok(Ok(_)) => Knock::Open,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Knock::Closed,
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => Knock::Silent,
        Ok(Err(error)) => Knock::NoWay(error.to_string()),
        Err(_) => Knock::Silent,
    }
}
