//! AWS itself, through its SDK.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use tokio::time::Instant;
use {
    aws_sdk_ec2 as ec2, aws_sdk_iam as iam, aws_sdk_resourcegroupstagging as tagging,
    aws_sdk_route53 as route53, aws_sdk_s3 as s3, aws_sdk_sts as sts,
};

use super::panics::caught;
use super::rate_limit::{RateLimit, counted, measured};
use super::retry::{Judge, retries, timeouts};
use super::{Call, CallError, Cloud, Object, PUT_OBJECT, Read, Reply, call, http, operations};

/// A call that ended.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The call.
    pub call: Call,
    /// How long it took, its pauses included.
    pub took: Duration,
    /// How often it was sent.
    pub requests: u32,
    /// Its error, if any.
    pub error: Option<&'a CallError>,
}

/// Is told of each call that ended.
pub type CallLog<'a> = Box<dyn Fn(Made<'_>) + 'a>;

/// The clients of all services that labctl uses.
pub struct Aws<'a> {
    ec2: Clients<ec2::Client>,
    iam: Clients<iam::Client>,
    route53: Clients<route53::Client>,
    s3: Clients<s3::Client>,
    sts: Clients<sts::Client>,
    tagging: Clients<tagging::Client>,
    log: Option<CallLog<'a>>,
}

/// The clients of one service.
struct Clients<C> {
    usual: C,
    /// For calls that must not arrive twice.
    once: C,
}

/// What AWS makes a second time if the call arrives a second time, or of which the second answer
/// would tell that somebody else was first: it knows them again by no token.
const ONCE: &[&str] = &[
    "AllocateAddress",
    "CreateInternetGateway",
    "CreateSubnet",
    "CreateVpc",
    "ImportKeyPair",
];

impl<C> Clients<C> {
    fn of(&self, call: Call) -> &C {
        match ONCE.contains(&call.operation) {
            true => &self.once,
            false => &self.usual,
        }
    }
}

/// How to find the account.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The region of the lab.
    pub region: String,
    /// The profile of the SDK's configuration files, where it is not the
    /// default or `AWS_PROFILE`.
    pub profile: Option<String>,
    /// Certificates to be trusted besides the system's; see [`super::profile`].
    pub bundle: Option<Vec<u8>>,
    /// Credentials that are at hand already, instead of the SDK's own chain.
    pub credentials: Option<sts::config::Credentials>,
}

/// Makes the clients of a service, each with the retries that are right for it.
macro_rules! clients {
    ($service:ident, $config:expr, $client:expr, $pace:expr, $sets_retries:expr) => {{
        let mut base = $config.http_client(measured($client, $pace));
        if $sets_retries {
            base = base.retry_config(retries(stringify!($service)));
        }
        let client = |base: $service::config::Builder, is_once| {
            $service::Client::from_conf(base.retry_classifier(Judge { is_once }).build())
        };
        Clients {
            usual: client(base.clone(), false),
            once: client(base, true),
        }
    }};
}

impl<'a> Aws<'a> {
    /// Makes the clients; credentials come from the SDK's own chain and are
    /// looked for at the first call.
    pub async fn connect(access: &Access, log: Option<CallLog<'a>>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(access.region.clone()))
            .timeout_config(timeouts())
            .http_client(http::client(access.bundle.as_deref()));
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(credentials) = &access.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        Self::build(&loader.load().await, true, log)
    }

    /// Makes clients of the sandbox on this laptop, with its access key and the secret of that. Neither the environment
    /// nor any file is asked, so that nothing of this can go astray to an account.
    pub fn emulated(
        region: &str,
        endpoint: &str,
        (id, secret): (&str, &str),
        log: Option<CallLog<'a>>,
    ) -> Self {
        let credentials = sts::config::Credentials::new(id, secret, None, None, "labctl");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(sts::config::SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts())
            .http_client(http::local_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new())
            .build();
        Self::build(&config, true, log)
    }

    /// Makes the clients of a configuration that is ready, its retries included.
    pub fn with_config(config: &SdkConfig, log: Option<CallLog<'a>>) -> Self {
        Self::build(config, false, log)
    }

    fn build(config: &SdkConfig, sets_retries: bool, log: Option<CallLog<'a>>) -> Self {
        let client = &config.http_client().unwrap_or_else(|| http::client(None));
        // Names of buckets are part of the host name in AWS; a server that
        // stands in for AWS has one host name only.
        let is_path_style = config.endpoint_url().is_some();
        let s3_config = s3::config::Builder::from(config).force_path_style(is_path_style);
        Self {
            ec2: clients!(
                ec2,
                ec2::config::Builder::from(config),
                client,
                None,
                sets_retries
            ),
            iam: clients!(
                iam,
                iam::config::Builder::from(config),
                client,
                None,
                sets_retries
            ),
            route53: clients!(
                route53,
                route53::config::Builder::from(config),
                client,
                Some(RateLimit::of_route53()),
                sets_retries
            ),
            s3: clients!(s3, s3_config, client, None, sets_retries),
            sts: clients!(
                sts,
                sts::config::Builder::from(config),
                client,
                None,
                sets_retries
            ),
            tagging: clients!(
                tagging,
                tagging::config::Builder::from(config),
                client,
                None,
                sets_retries
            ),
            log,
        }
    }

    async fn logged<T>(
        &self,
        call: Call,
        reply: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let start = Instant::now();
        let (result, requests) = counted(caught(call, reply)).await;
        if let Some(log) = &self.log {
            log(Made {
                call,
                took: start.elapsed(),
                requests,
                error: result.as_ref().err(),
            });
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
                        let result = input.send_with(self.$read_service.of(call)).await;
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
                    let result = object.input().send_with(&self.s3.usual).await;
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
                        let result = input.send_with(self.$write_service.of(call)).await;
                        result.map_err(|error| CallError::from_sdk(call, error))
                    }))
                }
            )*
        }
    };
}
operations!(through_sdk);
