//! How often AWS is asked again, and which answers are worth that.
//!
//! The SDK's standard mode, not the adaptive one: that measures the rate at which a service takes
//! calls, from the calls before. labctl makes three dozen in all, so there is nothing to measure,
//! and once throttled it would hold back all calls to that service, a minute long. What adaptive
//! mode would find out is known for the one service where it counts: see [`super::rate_limit`].

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use aws_smithy_types::error::display::DisplayErrorContext;

use super::error;

/// How often a call is sent at most. With three of ten throttled, one in 15,000 fails for good.
const ATTEMPTS: u32 = 8;
/// Before the second attempt; doubled each time. All pauses are shortened at random.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// Route 53 counts by the second, all other services refill more often.
const FIRST_PAUSE_OF_ROUTE53: Duration = Duration::from_millis(500);
/// The longest pause: all together a call that is always throttled takes 10 s, at worst 25 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(30);
const OPERATION: Duration = Duration::from_secs(120);

/// How long to wait for a connection, for an answer, and for all attempts of a call.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// How often a service is asked again, and after which pauses.
pub fn retries(service: &str) -> RetryConfig {
    let first = match service {
        "route53" => FIRST_PAUSE_OF_ROUTE53,
        _ => FIRST_PAUSE,
    };
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(first)
        .with_max_backoff(LONGEST_PAUSE)
}

/// What passes by itself and the SDK does not know: somebody else is at work on the same thing (IAM
/// and S3 API References, "Common errors").
const PASSING: &[&str] = &[
    "ConcurrentModification",
    "ConcurrentModificationException",
    "EntityTemporarilyUnmodifiable",
    "OperationAborted",
    "ConditionalRequestConflict",
];

/// Corrects the SDK's judgement of which answers are worth another attempt.
///
/// It goes by the HTTP status where it does not know the code, and so asks again for what AWS
/// has none of: EC2 says 500 then. And it sends again what got no answer. Where a call has no token
/// by which AWS knows it again (`is_once`), that may make a second thing; so it is not done here,
/// and who called looks first what there is.
#[derive(Debug)]
pub struct Judge {
    /// Whether the call would make two things if it arrived twice.
    pub is_once: bool,
}

impl ClassifyRetry for Judge {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if !matches!(context.output_or_error(), Some(Err(_))) {
            return RetryAction::NoActionIndicated;
        }
        if let Some(Err(error)) = context.output_or_error()
            && let Some(error) = error.as_connector_error()
            && error::is_untrusted(&DisplayErrorContext(error).to_string())
        {
            return RetryAction::RetryForbidden;
        }
        let status = context
            .response()
            .map_or(0, |response| response.status().as_u16());
        let code = context.response().and_then(code).unwrap_or_default();
        if error::is_out_of_stock(&code) {
            RetryAction::RetryForbidden
        } else if PASSING.contains(&code.as_str()) {
            RetryAction::throttling_error()
        } else if self.is_once && error::is_unclear(&code, status) {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "labctl"
    }

    /// After all of the SDK's own, which it overrides.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// The error code in an answer in XML, as all services but one give it.
fn code(response: &HttpResponse) -> Option<String> {
    let text = std::str::from_utf8(response.body().bytes()?).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.to_owned())
}
