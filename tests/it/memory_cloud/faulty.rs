//! A cloud around another that counts its calls and can make them fail.

use std::future::pending;
use std::time::Duration;

use labctl::cloud::api::{
    Call, CallError, Cloud, Object, PUT_OBJECT, Read, Reply, call, operations,
};
use {
    aws_sdk_ec2 as ec2, aws_sdk_iam as iam, aws_sdk_resourcegroupstagging as tagging,
    aws_sdk_route53 as route53, aws_sdk_s3 as s3, aws_sdk_sts as sts,
};

/// What is to happen to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call goes through.
    Pass,
    /// The call fails and has no effect.
    Fail(CallError),
    /// The call has its effect, and its answer is lost.
    Lose(CallError),
    /// The caller dies before the call.
    DieBefore,
    /// The caller dies after the call had its effect.
    DieAfter,
    /// The request arrives twice, as one does that is sent again because its
    /// answer was lost; the second answer counts.
    Repeat,
}

/// Decides what happens to each call; it is asked in the order of the calls.
pub trait Faults {
    /// Decides on one call.
    fn decide(&self, call: Call) -> Fault;

    /// How long a request is on its way, and then its answer.
    fn delays(&self, _call: Call) -> (Duration, Duration) {
        (Duration::ZERO, Duration::ZERO)
    }

    /// Is told that a call has had its effect.
    fn done(&self, _call: Call) {}
}

impl<F: Fn(Call) -> Fault> Faults for F {
    fn decide(&self, call: Call) -> Fault {
        self(call)
    }
}

/// Wraps a cloud; each call is first shown to the faults.
///
/// A caller that "dies" waits for ever: whoever drives it drops it then, as a
/// killed process would be.
pub struct Faulty<C, F> {
    inner: C,
    faults: F,
}

impl<C, F: Faults> Faulty<C, F> {
    /// Puts `faults` in front of `inner`.
    pub const fn new(inner: C, faults: F) -> Self {
        Self { inner, faults }
    }

    async fn through<'a, I: Clone, T>(
        &'a self,
        call: Call,
        input: I,
        send: impl Fn(&'a C, I) -> Reply<'a, T>,
    ) -> Result<T, CallError> {
        let fault = self.faults.decide(call);
        let (there, back) = self.faults.delays(call);
        rest(there).await;
        let result = match fault {
            Fault::Fail(error) => Err(error),
            Fault::DieBefore => pending().await,
            Fault::Pass => self.delivered(call, send(&self.inner, input)).await,
            Fault::Lose(error) => {
                let result = self.delivered(call, send(&self.inner, input)).await;
                result.and(Err(error))
            }
            Fault::Repeat => {
                let first = send(&self.inner, input.clone());
                self.delivered(call, first).await.ok();
                self.delivered(call, send(&self.inner, input)).await
            }
            Fault::DieAfter => {
                self.delivered(call, send(&self.inner, input)).await?;
                pending().await
            }
        };
        rest(back).await;
        result
    }

    async fn delivered<T>(&self, call: Call, reply: Reply<'_, T>) -> Result<T, CallError> {
        let result = reply.await;
        self.faults.done(call);
        result
    }
}

async fn rest(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

macro_rules! forward {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        impl<C: Read, F: Faults> Read for Faulty<C, F> {
            $(
                fn $read(
                    &self,
                    input: $read_service::operation::$read::builders::$ReadInput,
                ) -> Reply<'_, $read_service::operation::$read::$ReadOutput> {
                    let call = call(stringify!($read_service), stringify!($ReadOutput), false);
                    Box::pin(self.through(call, input, |inner, input| inner.$read(input)))
                }
            )*
        }

        impl<C: Cloud, F: Faults> Cloud for Faulty<C, F> {
            fn put_object(
                &self,
                object: Object,
            ) -> Reply<'_, s3::operation::put_object::PutObjectOutput> {
                Box::pin(self.through(PUT_OBJECT, object, |inner, object| {
                    inner.put_object(object)
                }))
            }

            $(
                fn $write(
                    &self,
                    input: $write_service::operation::$write::builders::$WriteInput,
                ) -> Reply<'_, $write_service::operation::$write::$WriteOutput> {
                    let call = call(stringify!($write_service), stringify!($WriteOutput), true);
                    Box::pin(self.through(call, input, |inner, input| inner.$write(input)))
                }
            )*
        }
    };
}
operations!(forward);
