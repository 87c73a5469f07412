//! Taking an existing server into the lab.

use crate::cloud::api::CallError;
use crate::cloud::resource::Live;
use crate::cloud::resources::context::StepError;
use crate::cloud::resources::placement::DEFAULT;
use crate::cloud::resources::reader::Reader;
use crate::cloud::resources::run::Run;
use crate::cloud::resources::tags::{IMAGE_TAG, NETWORK_TAG};
use crate::cloud::resources::{ec2_tags, offers};

use super::{Instance, read};

/// Finds a server by its id.
pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Live<Instance>>, CallError> {
    let instance = match read::describe(reader.cloud, id).await {
        Err(error) if error.code() == "InvalidInstanceID.Malformed" => None,
        other => other?,
    };
    match instance.filter(|instance| read::power(instance).is_some()) {
        Some(instance) => Ok(Some(
            read::live(reader, &instance, &Default::default()).await?,
        )),
        None => Ok(None),
    }
}

/// Tags the server and its disk; the notes say what it really is, so that the
/// next plan shows where it differs.
pub async fn adopt(
    live: &Live<Instance>,
    wanted: &Instance,
    run: &Run<'_>,
) -> Result<(), StepError> {
    let mut tags = wanted.tags.clone();
    if let Some(instance) = read::describe(run.cloud, &live.id).await? {
        let ami = instance.image_id().unwrap_or_default();
        let image = offers::image(run.cloud, &run.scope.region, ami, "").await?;
        let release = image
            .as_ref()
            .and_then(|image| offers::release_of(&image.name));
        tags.insert(IMAGE_TAG.to_owned(), release.unwrap_or(ami).to_owned());
        let subnet = instance.subnet_id().unwrap_or_default().to_owned();
        let defaults = offers::default_subnets(run.cloud).await?;
        let is_default = defaults.values().any(|default| *default == subnet);
        let note = if is_default {
            DEFAULT.to_owned()
        } else {
            subnet
        };
        tags.insert(NETWORK_TAG.to_owned(), note);
    }
    Ok(ec2_tags::set(run.cloud, &ec2_tags::carriers(live), &tags).await?)
}
