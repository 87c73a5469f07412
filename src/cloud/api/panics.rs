//! Panics inside the SDK, as errors of the call: a signature cannot be made of every text, for one.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Once;

use futures_util::FutureExt;

use super::{Call, CallError, CallFailure};

thread_local! {
    /// Whether this thread is inside of a call.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Carries a call out; a panic in it is its error, and is not printed.
pub async fn caught<T>(
    call: Call,
    reply: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    keep_quiet_inside();
    let mut reply = pin!(AssertUnwindSafe(reply).catch_unwind());
    let ended = poll_fn(|context| {
        let before = IS_INSIDE.replace(true);
        let polled = reply.as_mut().poll(context);
        IS_INSIDE.set(before);
        polled
    });
    ended.await.unwrap_or_else(|panic| {
        Err(CallError {
            call,
            failure: CallFailure::Panicked(words(panic.as_ref())),
            request_id: None,
        })
    })
}

/// Lets nothing be printed of a panic inside of a call; all others are told as before.
fn keep_quiet_inside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_INSIDE.get() {
                before(panic);
            }
        }));
    });
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call {
        service: "ec2",
        operation: "DescribeVpcs",
        writes: false,
    };

    #[tokio::test]
    async fn panic_in_a_call_is_its_error() {
        let reply = async {
            tokio::task::yield_now().await;
            panic!("header is not a {}", "text");
        };
        let error = caught::<()>(CALL, reply).await.unwrap_err();
        let words = "header is not a text".to_owned();
        assert_eq!(error.failure, CallFailure::Panicked(words));
        assert!(error.is_unclear(), "nobody knows how far it came");
    }

    #[tokio::test]
    async fn answer_of_a_call_passes() {
        assert_eq!(caught(CALL, async { Ok(7) }).await, Ok(7));
    }
}
