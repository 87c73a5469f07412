//! AWS's answers, recorded once from the emulator and given again, whole or changed.
//!
//! They stand in for HTTP below the real SDK, so that what is tested is all that labctl runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use fastrand::Rng;
use labctl::cloud::api::aws::Aws;
use labctl::cloud::api::http;
use serde::{Deserialize, Serialize};

use crate::fuzz::json;

use super::xml;

/// No run of labctl needs so many calls; one that does goes round.
const MOST_CALLS: usize = 20_000;

/// One request and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exchange {
    pub operation: String,
    /// All that tells it from others.
    pub request: String,
    pub status: u16,
    /// The type of its content.
    pub kind: String,
    pub body: String,
}

/// What was asked, in a form that does not depend on where AWS is.
#[derive(Debug, Clone)]
pub struct Asked {
    pub operation: String,
    pub request: String,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let body = request.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        let path = request.uri().splitn(4, '/').nth(3).unwrap_or_default();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let method = request.method();
        let action = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("Action="));
        let operation = match (action, target.rsplit_once('.')) {
            (Some(action), _) => action.to_owned(),
            (None, Some((_, name))) => name.to_owned(),
            (None, None) => rest_name(method, path),
        };
        Self {
            request: format!("{method} /{path} {body}"),
            operation,
        }
    }

    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        let reads = ["Describe", "Get", "List", "GET ", "HEAD "];
        !reads.iter().any(|word| self.operation.starts_with(word))
    }
}

/// `DELETE 2013-04-01/hostedzone/ID`: the path's fixed words, and the keys of the query.
fn rest_name(method: &str, path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_fixed = |word: &&str| word.chars().all(|sign| sign.is_ascii_lowercase());
    let words: Vec<&str> = path.split('/').filter(is_fixed).collect();
    let keys: Vec<&str> = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or(""))
        .collect();
    format!("{method} {}?{}", words.join("/"), keys.join("&"))
}

/// Makes clients of AWS that send everything to a connector.
pub fn clients(endpoint: &str, account: &str, http: SharedHttpClient) -> Aws<'static> {
    let credentials = aws_sdk_sts::config::Credentials::new(account, "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(
            credentials,
        ))
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .http_client(http)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .build();
    Aws::with_config(&config, None)
}

/// Notes what goes over the wire.
#[derive(Debug, Clone)]
pub struct Recorder {
    inner: Arc<Mutex<Option<SharedHttpConnector>>>,
    pub noted: Arc<Mutex<Vec<Exchange>>>,
}

impl Recorder {
    /// A client that notes, and the notes.
    pub fn client() -> (SharedHttpClient, Self) {
        let recorder = Self {
            inner: Arc::default(),
            noted: Arc::default(),
        };
        let (shared, real) = (recorder.clone(), http::local_client());
        let client = http_client_fn(move |settings, components| {
            let inner = real.http_connector(settings, components);
            *shared.inner.lock().unwrap() = Some(inner);
            SharedHttpConnector::new(shared.clone())
        });
        (client, recorder)
    }
}

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (asked, noted) = (Asked::of(&request), Arc::clone(&self.noted));
        let inner = self.inner.lock().unwrap().clone().unwrap();
        HttpConnectorFuture::new(async move {
            let response = inner.call(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = ByteStream::new(response.into_body())
                .collect()
                .await
                .unwrap()
                .into_bytes();
            noted.lock().unwrap().push(Exchange {
                operation: asked.operation,
                request: asked.request,
                status: status.as_u16(),
                kind: headers.get("content-type").unwrap_or_default().to_owned(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            let mut again = HttpResponse::new(status, SdkBody::from(body));
            *again.headers_mut() = headers;
            Ok(again)
        })
    }
}

/// How the answers of one run are changed.
#[derive(Debug, Clone)]
pub struct Changing {
    pub chance: Rng,
    /// Of a hundred answers, how many.
    pub percent: u32,
}

/// Gives recorded answers again.
#[derive(Debug, Clone)]
pub struct Replay {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    exchanges: Arc<Vec<Exchange>>,
    given: HashMap<String, usize>,
    changing: Option<Changing>,
    asked: Vec<Asked>,
    changed: usize,
}

impl Replay {
    /// Starts at the beginning of a recording.
    pub fn new(exchanges: Arc<Vec<Exchange>>, changing: Option<Changing>) -> Self {
        let state = State {
            exchanges,
            given: HashMap::new(),
            changing,
            asked: Vec::new(),
            changed: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Makes clients that hear it.
    pub fn clients(&self) -> Aws<'static> {
        let connector = SharedHttpConnector::new(self.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        clients("http://aws.test", "123456789012", client)
    }

    /// All that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many answers were changed.
    pub fn changed(&self) -> usize {
        self.state.lock().unwrap().changed
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.state.lock().unwrap();
        let asked = Asked::of(&request);
        let (status, kind, body) = state.answer(&asked);
        state.asked.push(asked);
        assert!(state.asked.len() < MOST_CALLS, "labctl asks without an end");
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        response.headers_mut().insert("content-type", kind);
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> (u16, String, String) {
        let Some(Exchange {
            status, kind, body, ..
        }) = self.recorded(asked)
        else {
            let text = "<Response><Errors><Error><Code>UnsupportedOperation</Code><Message>never \
                        seen</Message></Error></Errors></Response>";
            return (400, "text/xml".to_owned(), text.to_owned());
        };
        let Some(Changing { chance, percent }) = &mut self.changing else {
            return (status, kind, body);
        };
        if chance.u32(0..100) >= *percent {
            return (status, kind, body);
        }
        self.changed += 1;
        if chance.u32(0..40) == 0 {
            let others = [200, 204, 301, 400, 403, 500, 503];
            return (others[chance.usize(0..others.len())], kind, body);
        }
        let body = match kind.contains("json") {
            true => changed_json(&body, chance),
            false => xml::mutated(&body, chance),
        };
        (status, kind, body)
    }

    /// The next answer to the same request, or to the same operation; the last one again and again.
    fn recorded(&mut self, asked: &Asked) -> Option<Exchange> {
        let same = |one: &&Exchange| one.request == asked.request;
        let alike = |one: &&Exchange| one.operation == asked.operation;
        let exact: Vec<&Exchange> = self.exchanges.iter().filter(same).collect();
        let (key, found) = match exact.is_empty() {
            false => (&asked.request, exact),
            true => (
                &asked.operation,
                self.exchanges.iter().filter(alike).collect(),
            ),
        };
        let given = self.given.entry(key.clone()).or_default();
        let exchange = found.get(*given).or(found.last()).copied().cloned();
        *given += 1;
        exchange
    }
}

fn changed_json(body: &str, chance: &mut Rng) -> String {
    let Ok(mut document) = serde_json::from_str(body) else {
        return body.to_owned();
    };
    json::mutate(&mut document, chance);
    document.to_string()
}

fn place(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fuzz/corpus/answers")
        .join(format!("{scenario}.json"))
}

/// Reads a recording.
pub fn recording(scenario: &str) -> Arc<Vec<Exchange>> {
    let text = std::fs::read_to_string(place(scenario)).unwrap();
    Arc::new(serde_json::from_str(&text).unwrap())
}

/// Writes a recording.
pub fn keep(scenario: &str, exchanges: &[Exchange]) {
    let text = serde_json::to_string_pretty(exchanges).unwrap();
    std::fs::write(place(scenario), text + "\n").unwrap();
}
