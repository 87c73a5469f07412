//! S3: buckets, their settings, and the versions of their objects.

mod buckets;
mod objects;
mod settings;

pub use buckets::{Bucket, arn};
pub use objects::Version;

use super::refusal::{Refusal, refuse};

fn malformed() -> Refusal {
    let message = "The XML you provided was not well-formed or did not validate against our \
                   published schema";
    refuse("MalformedXML", message)
}
