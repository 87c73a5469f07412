//! AWS itself, through its SDK.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use tokio::time::Instant;

use super::{Call, CallError, Cloud, Object, PUT_OBJECT, Read, Reply, call, http, operations};
use {
    aws_sdk_ec2 as ec2, aws_sdk_iam as iam, aws_sdk_resourcegroupstagging as tagging,
    aws_sdk_route53 as route53, aws_sdk_s3 as s3, aws_sdk_sts as sts,
};

/// Is told of each call that ended: how long it took, and its error, if any.
pub type CallLog<'a> = Box<dyn Fn(Call, Duration, Option<&CallError>) + 'a>;

/// The clients of all services that labctl uses.
pub struct Aws<'a> {
    ec2: ec2::Client,
    iam: iam::Client,
    route53: route53::Client,
    s3: s3::Client,
    sts: sts::Client,
    tagging: tagging::Client,
    log: Option<CallLog<'a>>,
}

/// How to find the account.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The region of the lab.
    pub region: String,
    /// The profile of the SDK's configuration files, where it is not the
    /// default or `AWS_PROFILE`.
    pub profile: Option<String>,
}

const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(30);
const OPERATION: Duration = Duration::from_secs(120);

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// Not the adaptive mode: once throttled, it would hold back all calls to that
/// service, a minute long for the few that labctl makes.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
}

impl<'a> Aws<'a> {
    /// Makes the clients; credentials come from the SDK's own chain and are
    /// looked for at the first call.
    pub async fn connect(access: &Access, log: Option<CallLog<'a>>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(access.region.clone()))
            .retry_config(retries())
            .timeout_config(timeouts())
            .http_client(http::client());
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        Self::with_config(&loader.load().await, log)
    }

    /// Makes clients of the sandbox on this laptop. Neither the environment nor any file is asked, so that nothing of
    /// this can go astray to an account.
    pub fn emulated(region: &str, endpoint: &str, log: Option<CallLog<'a>>) -> Self {
        let credentials = sts::config::Credentials::new("sandbox", "sandbox", None, None, "labctl");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(sts::config::SharedCredentialsProvider::new(credentials))
            .retry_config(retries())
            .timeout_config(timeouts())
            .http_client(http::local_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .build();
        Self::with_config(&config, log)
    }

    /// Makes the clients of a configuration that is ready.
    pub fn with_config(config: &SdkConfig, log: Option<CallLog<'a>>) -> Self {
        // Names of buckets are part of the host name in AWS; a server that
        // stands in for AWS has one host name only.
        let s3_config = s3::config::Builder::from(config)
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self {
            ec2: ec2::Client::new(config),
            iam: iam::Client::new(config),
            route53: route53::Client::new(config),
            s3: s3::Client::from_conf(s3_config),
            sts: sts::Client::new(config),
            tagging: tagging::Client::new(config),
            log,
        }
    }

    async fn logged<T>(
        &self,
        call: Call,
        reply: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let start = Instant::now();
        let result = reply.await;
        if let Some(log) = &self.log {
            log(call, start.elapsed(), result.as_ref().err());
        }
        result
    }
}

macro_rules! through_sdk {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        impl Read for Aws<'_> {
            $(
                fn $read(
                    &self,
                    input: $read_service::operation::$read::builders::$ReadInput,
                ) -> Reply<'_, $read_service::operation::$read::$ReadOutput> {
                    let call = call(stringify!($read_service), stringify!($ReadOutput), false);
                    Box::pin(self.logged(call, async move {
                        let result = input.send_with(&self.$read_service).await;
                        result.map_err(|error| CallError::from_sdk(call, error))
                    }))
                }
            )*
        }

        impl Cloud for Aws<'_> {
            fn put_object(
                &self,
                object: Object,
            ) -> Reply<'_, s3::operation::put_object::PutObjectOutput> {
                Box::pin(self.logged(PUT_OBJECT, async move {
                    let result = object.input().send_with(&self.s3).await;
                    result.map_err(|error| CallError::from_sdk(PUT_OBJECT, error))
                }))
            }

            $(
                fn $write(
                    &self,
                    input: $write_service::operation::$write::builders::$WriteInput,
                ) -> Reply<'_, $write_service::operation::$write::$WriteOutput> {
                    let call = call(stringify!($write_service), stringify!($WriteOutput), true);
                    Box::pin(self.logged(call, async move {
                        let result = input.send_with(&self.$write_service).await;
                        result.map_err(|error| CallError::from_sdk(call, error))
                    }))
                }
            )*
        }
    };
}
operations!(through_sdk);
