//! The edge's operations, each served by the world's method of its name.

use labctl::cloud::api::{
    Call, CallError, CallFailure, Cloud, Object, PUT_OBJECT, Read, Reply, call, operations,
};
use {
    aws_sdk_ec2 as ec2, aws_sdk_iam as iam, aws_sdk_resourcegroupstagging as tagging,
    aws_sdk_route53 as route53, aws_sdk_s3 as s3, aws_sdk_sts as sts,
};

use super::Memory;

/// Says that a request lacks what the SDK needs to send it at all.
fn not_sent(call: Call, error: &dyn std::error::Error) -> CallError {
    CallError {
        call,
        failure: CallFailure::NotSent(error.to_string()),
        request_id: None,
    }
}

macro_rules! dispatch {
    (
        read { $($read_service:ident $read:ident($ReadInput:ident) -> $ReadOutput:ident;)* }
        write { $($write_service:ident $write:ident($WriteInput:ident) -> $WriteOutput:ident;)* }
    ) => {
        impl Read for Memory {
            $(dispatch!(@one $read_service $read $ReadInput $ReadOutput false);)*
        }

        impl Cloud for Memory {
            fn put_object(
                &self,
                object: Object,
            ) -> Reply<'_, s3::operation::put_object::PutObjectOutput> {
                Box::pin(async move {
                    self.serve(PUT_OBJECT, |world| world.put_object(&object))
                        .await
                })
            }

            $(dispatch!(@one $write_service $write $WriteInput $WriteOutput true);)*
        }
    };
    (@one $service:ident $method:ident $Input:ident $Output:ident $writes:literal) => {
        fn $method(
            &self,
            input: $service::operation::$method::builders::$Input,
        ) -> Reply<'_, $service::operation::$method::$Output> {
            let call = call(stringify!($service), stringify!($Output), $writes);
            Box::pin(async move {
                let input = input.build().map_err(|error| not_sent(call, &error))?;
                self.serve(call, |world| world.$method(&input)).await
            })
        }
    };
}
operations!(dispatch);
