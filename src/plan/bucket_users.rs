//! Which users reach the bucket, and what in it is not for them (pure).

use super::{Access, ModelLocation, Plan, UserName};

/// Below which key labctl puts the models that it uploads.
pub(super) const UPLOADS: &str = "labctl-models";

/// The users whose programs reach the bucket, each with what they may do there.
pub fn bucket_users(plan: &Plan) -> Vec<(&UserName, Access)> {
    let Some(bucket) = &plan.bucket else {
        return Vec::new();
    };
    let users = plan.workbench.iter().flat_map(|one| &one.users);
    users
        .map(|user| (&user.name, user.bucket_access.on(bucket)))
        .filter(|(_, access)| *access != Access::None)
        .collect()
}

/// The keys in the bucket below which nothing is for users: what lies there is run by the API, which is not theirs.
pub fn withheld_keys(plan: &Plan) -> Vec<String> {
    let api = plan.workbench.as_ref().and_then(|one| one.api.as_ref());
    let model = match api.map(|api| &api.model) {
        Some(ModelLocation::S3 { key, .. }) => Some(key.clone()),
        Some(ModelLocation::Local(_)) | None => None,
    };
    std::iter::once(UPLOADS.to_owned()).chain(model).collect()
}
