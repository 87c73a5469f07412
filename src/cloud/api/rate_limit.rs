//! How fast requests go out, and how many of them a call takes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use tokio::time::Instant;

tokio::task_local! {
    static REQUESTS: Cell<u32>;
}

/// Lets so many requests begin within a time, and others wait for their turn.
#[derive(Debug)]
pub struct RateLimit {
    most: usize,
    within: Duration,
    begun: Mutex<VecDeque<Instant>>,
}

impl RateLimit {
    /// Route 53 takes five requests a second of an account, whatever they ask (Route 53 Developer
    /// Guide, "Quotas").
    pub const fn of_route53() -> Self {
        Self::new(5, Duration::from_secs(1))
    }

    const fn new(most: usize, within: Duration) -> Self {
        Self {
            most,
            within,
            begun: Mutex::new(VecDeque::new()),
        }
    }

    /// Waits for the next turn.
    pub async fn turn(&self) {
        while let Err(free_at) = self.take() {
            tokio::time::sleep_until(free_at).await;
        }
    }

    /// Takes a turn, or says when there may be one.
    fn take(&self) -> Result<(), Instant> {
        let now = Instant::now();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        while begun
            .front()
            .is_some_and(|first| *first + self.within <= now)
        {
            begun.pop_front();
        }
        match begun.front() {
            Some(first) if begun.len() >= self.most => Err(*first + self.within),
            _ => {
                begun.push_back(now);
                Ok(())
            }
        }
    }
}

/// A connector that counts what a call sends, and keeps to a pace.
#[derive(Debug)]
struct Measured {
    connector: SharedHttpConnector,
    pace: Option<Arc<RateLimit>>,
}

impl HttpConnector for Measured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // A request outside of any call is one for credentials.
        let _ = REQUESTS.try_with(|requests| requests.set(requests.get() + 1));
        let Some(pace) = self.pace.clone() else {
            return self.connector.call(request);
        };
        let connector = self.connector.clone();
        HttpConnectorFuture::new(async move {
            pace.turn().await;
            connector.call(request).await
        })
    }
}

/// Makes a client that counts the requests of [`counted`] calls and keeps to a pace.
pub fn measured(client: &SharedHttpClient, pace: Option<RateLimit>) -> SharedHttpClient {
    let (client, pace) = (client.clone(), pace.map(Arc::new));
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Measured {
            connector: client.http_connector(settings, components),
            pace: pace.clone(),
        })
    })
}

/// Runs a call and gives the number of requests that it sent.
pub async fn counted<T>(call: impl Future<Output = T>) -> (T, u32) {
    let run = async {
        let result = call.await;
        (result, REQUESTS.with(Cell::get))
    };
    REQUESTS.scope(Cell::new(0), run).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_requests_than_allowed() {
        let pace = RateLimit::of_route53();
        let start = Instant::now();
        let mut begun = Vec::new();
        for _ in 0..17 {
            pace.turn().await;
            begun.push(start.elapsed());
        }
        assert!(begun[4] < Duration::from_millis(10), "{begun:?}");
        for window in begun.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_secs(1), "{begun:?}");
        }
        assert!(begun[16] < Duration::from_millis(3100), "{begun:?}");
    }
}
