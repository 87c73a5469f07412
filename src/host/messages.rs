//! All that the laptop and its programs on the host say to each other, as one schema, from the types themselves.
//!
//! The programs' own types (`python/agent/agent/messages.py`) are compared with it by a test.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::doctor::Seen;

use super::Facts;
use super::protocol::{
    DoctorRequest, FollowRequest, HostEvent, PasswordAnswer, PasswordRequest, ProbeRequest,
    ToldFacts,
};
use super::request::ApplyRequest;

/// Gives the JSON Schema of each request as it is written, and of each answer as it is read, by the names of the types.
pub fn schema() -> Value {
    json!({
        "requests": {
            "ApplyRequest": written::<ApplyRequest<'_>>(),
            "DoctorRequest": written::<DoctorRequest<'_>>(),
            "FollowRequest": written::<FollowRequest<'_>>(),
            "PasswordRequest": written::<PasswordRequest<'_>>(),
            "ProbeRequest": written::<ProbeRequest<'_>>(),
        },
        "answers": {
            "Event": read::<HostEvent>(),
            "Facts": read::<Facts>(),
            "PasswordAnswer": read::<PasswordAnswer>(),
            "Seen": read::<Seen>(),
            "ToldFacts": read::<ToldFacts>(),
        },
    })
}

fn written<T: JsonSchema>() -> Schema {
    of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn read<T: JsonSchema>() -> Schema {
    of::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Each type where it is used, so that whoever reads it has no references to follow.
fn of<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}
