//! HTTP, for the SDK, for the one question that goes elsewhere, and for the sandbox on this laptop.
//!
//! Trusted are the system's certificates; `HTTPS_PROXY`, `HTTP_PROXY` and
//! `NO_PROXY` are respected, but not on the way to the sandbox.

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(30);
/// What is asked this way is an address, or the state of a sandbox.
const LONGEST: usize = 16 << 20;

/// Makes a connector of the SDK's clients, which goes through the system's proxies.
fn through_proxies(bundle: Option<&[u8]>) -> SharedHttpConnector {
    connector(ProxyConfig::from_env(), bundle, READ)
}

/// Makes a connector that goes where it is told, past every proxy.
fn straight(read: Duration) -> SharedHttpConnector {
    connector(ProxyConfig::disabled(), None, read)
}

/// Makes a connector, which keeps connections for the next request, and trusts a bundle of certificates besides the
/// system's.
fn connector(proxies: ProxyConfig, bundle: Option<&[u8]>, read: Duration) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT)
        .read_timeout(read)
        .build();
    let mut connector = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .proxy_config(proxies)
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ));
    if let Some(trust) = trust(bundle) {
        connector.set_tls_context(trust);
    }
    SharedHttpConnector::new(connector.build())
}

fn trust(bundle: Option<&[u8]>) -> Option<tls::TlsContext> {
    let store = tls::TrustStore::default().with_pem_certificate(bundle?);
    tls::TlsContext::builder()
        .with_trust_store(store)
        .build()
        .ok()
}

/// Makes a client of one connector for all services, which trusts a bundle of certificates too.
pub fn client(bundle: Option<&[u8]>) -> SharedHttpClient {
    let connector = through_proxies(bundle);
    http_client_fn(move |_, _| connector.clone())
}

/// Makes a client that goes where it is told, past every proxy.
pub fn local_client() -> SharedHttpClient {
    let connector = straight(READ);
    http_client_fn(move |_, _| connector.clone())
}

/// Asks a server of the world, and gives the text of its answer.
///
/// # Errors
///
/// What the system said, in words.
pub async fn get(url: &str) -> Result<String, String> {
    let request = HttpRequest::get(url).map_err(|error| error.to_string())?;
    send(&through_proxies(None), request).await
}

/// Asks a server of this laptop, and gives the text of its answer, which is to begin within a time.
///
/// # Errors
///
/// What the system said, in words; or the status and the text, where that is no success.
pub async fn local(
    method: &str,
    url: &str,
    headers: &[(&'static str, &str)],
    body: Option<String>,
    within: Duration,
) -> Result<String, String> {
    let mut request = HttpRequest::get(url).map_err(|error| error.to_string())?;
    let method = request.set_method(method).map(drop);
    method.map_err(|error| error.to_string())?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, (*value).to_owned());
    }
    if let Some(body) = body {
        let length = body.len().to_string();
        request.headers_mut().insert("Content-Length", length);
        *request.body_mut() = SdkBody::from(body);
    }
    send(&straight(within), request).await
}

async fn send(connector: &SharedHttpConnector, request: HttpRequest) -> Result<String, String> {
    let response = connector
        .call(request)
        .await
        .map_err(|error| root_cause(&error))?;
    let status = response.status();
    let text = text(ByteStream::new(response.into_body())).await?;
    match status.is_success() {
        true => Ok(text),
        false => Err(format!("{}: {}", status.as_u16(), text.trim())),
    }
}

/// Reads a body as text.
async fn text(mut body: ByteStream) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.try_next().await.map_err(|error| error.to_string())? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST {
            return Err(format!("the answer is longer than {LONGEST} bytes"));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last of a chain of errors: what the system itself said.
fn root_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root_cause(source),
        None => error.to_string(),
    }
}
