//! Which public address this laptop has, as the world sees it.

use std::net::IpAddr;
use std::time::Duration;

use crate::cloud::api::http;

use super::Failure;

/// AWS's own service for the question; it answers with the address alone
/// (Amazon EC2 User Guide, "Security group rules for different use cases").
const SERVICE: &str = "https://checkip.amazonaws.com/";
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks which address this laptop has.
pub async fn ask() -> Result<IpAddr, Failure> {
    let answer = tokio::time::timeout(PATIENCE, http::get(SERVICE)).await;
    let text = match answer {
        Ok(Ok(text)) => text,
        Ok(Err(reason)) => return Err(unknown(&reason)),
        Err(_) => return Err(unknown("no answer in time")),
    };
    let address = text.trim().parse();
    address.map_err(|_| unknown("the answer is no address; is there a sign-in page in between?"))
}

fn unknown(reason: &str) -> Failure {
    Failure::said(
        format!("cannot find out which address `my-ip` is ({SERVICE}: {reason})"),
        "name it: `--my-ip ADDRESS`",
    )
}
