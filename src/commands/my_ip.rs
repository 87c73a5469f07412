//! Which public address this laptop has, as the world sees it.

use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

use crate::cloud::http;

use super::Failure;

/// AWS's own service for the question; it answers with the address alone
/// (Amazon EC2 User Guide, "Security group rules for different use cases").
const SERVICE: &str = "https://checkip.amazonaws.com/";
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks which address this laptop has.
pub async fn ask() -> Result<IpAddr, Failure> {
    let answer = tokio::time::timeout(PATIENCE, get()).await;
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

async fn get() -> Result<String, String> {
    let request = HttpRequest::get(SERVICE).map_err(|error| error.to_string())?;
    let response = http::connector()
        .call(request)
        .await
        .map_err(|error| root_cause(&error))?;
    let body = ByteStream::new(response.into_body()).collect().await;
    let bytes = body.map_err(|error| error.to_string())?.into_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last of a chain of errors: what the system itself said.
fn root_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root_cause(source),
        None => error.to_string(),
    }
}
