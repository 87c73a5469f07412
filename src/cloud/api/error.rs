//! What can go wrong in one call to AWS.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Call;

/// A call that failed: which one, how, and AWS's id of the request.
///
/// One type for all operations, because most of AWS's error codes are not
/// modelled in the SDK at all (every EC2 code, for one) and because the code is
/// what decides; the SDK's own error type adds nothing to it here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {failure}")]
pub struct CallError {
    /// The call that failed.
    pub call: Call,
    /// How it failed.
    pub failure: CallFailure,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// AWS answered with an error.
    #[error("{code}: {message}")]
    Service {
        /// AWS's error code, such as `InvalidGroup.Duplicate`.
        code: String,
        /// AWS's sentence.
        message: String,
        /// The HTTP status, 0 where there was none.
        status: u16,
    },
    /// No answer: no connection, or it broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// An answer that is not AWS's.
    #[error("not an answer of AWS: {detail}")]
    Garbled {
        /// What is wrong with it.
        detail: String,
        /// The beginning of its body.
        body: String,
    },
    /// The certificate of what answers is not trusted, so that nothing was sent.
    #[error("the certificate is not trusted: {0}")]
    Untrusted(String),
    /// The request could not be built or signed: no credentials, for one.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The SDK panicked, with these words.
    #[error("the AWS SDK failed: {0}")]
    Panicked(String),
}

impl CallError {
    /// An error that AWS answered with.
    pub fn service(call: Call, status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            call,
            failure: CallFailure::Service {
                code: code.to_owned(),
                message: message.into(),
                status,
            },
            request_id: None,
        }
    }

    /// AWS's error code, or an empty text where AWS did not answer.
    pub fn code(&self) -> &str {
        match &self.failure {
            CallFailure::Service { code, .. } => code,
            _ => "",
        }
    }

    /// The HTTP status of AWS's answer, 0 where AWS did not answer.
    pub fn status(&self) -> u16 {
        match &self.failure {
            CallFailure::Service { status, .. } => *status,
            _ => 0,
        }
    }

    /// Whether it is not known if the call has had its effect.
    pub fn is_unclear(&self) -> bool {
        match &self.failure {
            CallFailure::Service { code, status, .. } => is_unclear(code, *status),
            CallFailure::Unreachable(_)
            | CallFailure::TimedOut
            | CallFailure::Garbled { .. }
            | CallFailure::Panicked(_) => true,
            CallFailure::Untrusted(_) | CallFailure::NotSent(_) => false,
        }
    }

    /// Takes what counts from an error of the SDK.
    pub(crate) fn from_sdk<E>(call: Call, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let header = |name: &str| {
            error
                .raw_response()
                .and_then(|response| response.headers().get(name))
                .map(str::to_owned)
        };
        let request_id = header("x-amzn-requestid")
            .or_else(|| header("x-amz-request-id"))
            .or_else(|| {
                let service = error.as_service_error()?;
                service.meta().extra("aws_request_id").map(str::to_owned)
            });
        Self {
            call,
            failure: failure(error),
            request_id,
        }
    }
}

/// Whether AWS says that it has none left of what was asked for: no is its answer, whatever the
/// HTTP status.
pub fn is_out_of_stock(code: &str) -> bool {
    code.starts_with("Insufficient") && code.contains("Capacity")
}

/// Whether an answer leaves open if the call has had its effect: there is none, or AWS speaks of
/// trouble of its own (EC2 API Reference, "Error codes": server errors).
pub fn is_unclear(code: &str, status: u16) -> bool {
    const REFUSED: &[&str] = &[
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceUnavailable",
        "Unavailable",
    ];
    match status {
        0 => code.is_empty(),
        200..300 => true,
        500.. => !is_out_of_stock(code) && !REFUSED.contains(&code),
        _ => false,
    }
}

fn failure<E>(error: SdkError<E, HttpResponse>) -> CallFailure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let detail = DisplayErrorContext(&error).to_string();
    match &error {
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            match context.err().code() {
                Some(code) => CallFailure::Service {
                    code: code.to_owned(),
                    message: context.err().message().unwrap_or_default().to_owned(),
                    status,
                },
                None => garbled(
                    &format!("HTTP status {status} without an error code"),
                    context.raw(),
                ),
            }
        }
        SdkError::TimeoutError(_) => CallFailure::TimedOut,
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => CallFailure::TimedOut,
        SdkError::DispatchFailure(_) if is_untrusted(&detail) => CallFailure::Untrusted(detail),
        // The connection ended in the middle of an answer, or before it.
        SdkError::DispatchFailure(dispatch)
            if dispatch.is_io() || dispatch.as_other().is_some() =>
        {
            CallFailure::Unreachable(detail)
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            CallFailure::NotSent(detail)
        }
        SdkError::ResponseError(context) => garbled(&detail, context.raw()),
        _ => CallFailure::NotSent(detail),
    }
}

/// Whether the words of an error are those of a TLS handshake that ended at the certificate (rustls, `Error`).
pub fn is_untrusted(detail: &str) -> bool {
    detail.contains("invalid peer certificate")
}

fn garbled(detail: &str, response: &HttpResponse) -> CallFailure {
    const ENOUGH: usize = 500;
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(ENOUGH)]);
    CallFailure::Garbled {
        detail: detail.to_owned(),
        body: body.into_owned(),
    }
}
