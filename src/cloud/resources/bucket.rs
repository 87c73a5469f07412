//! The bucket: the lab's storage, closed to the public.
//!
//! The name of a bucket is anybody's who makes it first, and tags and a policy are anybody's to
//! set. So every call but the one that makes it names the account that must own it (S3 User
//! Guide, "Verifying bucket ownership with bucket owner condition"), and S3 refuses the others.

use aws_sdk_s3::operation::create_bucket::CreateBucketInput;
use aws_sdk_s3::operation::delete_bucket::DeleteBucketInput;
use aws_sdk_s3::operation::get_bucket_tagging::GetBucketTaggingInput;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsInput;
use aws_sdk_s3::operation::put_bucket_tagging::PutBucketTaggingInput;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
use futures_util::try_join;

use crate::cloud::api::{CallError, Read};
use crate::cloud::resource::{Field, Live, Standing, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};
use crate::plan::Upload;

use super::context::{Handle, StepError};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Manage, tags};

mod empty;
mod model;
mod read;
mod settings;

/// The storage of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name, unique in the world.
    pub name: String,
    /// Whether it keeps old versions of objects.
    pub versioning: bool,
    /// Whether objects are encrypted when nothing else is said.
    pub encryption: bool,
    /// Whether all four ways of making objects public are shut.
    pub public_access_blocked: bool,
    /// The model that was uploaded from the laptop.
    pub model: Option<Upload>,
    /// Its tags.
    pub tags: Tags,
}

impl Bucket {
    /// Makes the bucket that a plan wants.
    pub fn new(name: &str, versioning: bool, tags: Tags) -> Self {
        Self {
            name: name.to_owned(),
            versioning,
            encryption: true,
            public_access_blocked: true,
            model: None,
            tags,
        }
    }

    async fn tags_now(&self, run: &Run<'_>) -> Result<Tags, CallError> {
        let input = GetBucketTaggingInput::builder()
            .bucket(&self.name)
            .expected_bucket_owner(run.shared.account);
        read::tags(run.cloud.get_bucket_tagging(input).await)
    }

    /// Brings the lab's tags to what they shall be. The call replaces all tags,
    /// so those of others are put back, as they are now: since the plan was made,
    /// others may have set some.
    async fn set_tags(&self, run: &Run<'_>) -> Result<(), CallError> {
        let mut all = self.tags_now(run).await?;
        let change = tags::change(&all, &self.tags, run.scope);
        if change == tags::TagChange::default() {
            return Ok(());
        }
        all.retain(|key, _| !change.remove.contains(key));
        all.extend(change.set);
        self.put_tags(&all, run).await
    }

    /// Sets up a bucket that was just made; says whether it is the lab's. It is not
    /// where somebody else has made it meanwhile: S3 answers the owner of a bucket
    /// who makes it again as if it were new. The lab's tags came with the call that
    /// made it, so one without them is not the lab's, also when it is empty.
    async fn set_up(&self, run: &Run<'_>) -> Result<bool, CallError> {
        if !tags::is_ours(&self.tags_now(run).await?, run.scope) {
            return Ok(false);
        }
        try_join!(
            self.set_tags(run),
            self.put_encryption(run),
            self.put_access_block(run),
            async {
                match self.versioning {
                    true => self.put_versioning(run).await,
                    false => Ok(()),
                }
            },
        )?;
        Ok(true)
    }

    async fn put_tags(&self, tags: &Tags, run: &Run<'_>) -> Result<(), CallError> {
        let tagging = Tagging::builder().set_tag_set(Some(write_tags(tags)));
        let Ok(tagging) = tagging.build() else {
            return Ok(());
        };
        let input = PutBucketTaggingInput::builder()
            .bucket(&self.name)
            .expected_bucket_owner(run.shared.account)
            .tagging(tagging);
        run.cloud.put_bucket_tagging(input).await.map(drop)
    }

    async fn put_model(&self, run: &Run<'_>) -> Result<(), CallError> {
        match &self.model {
            Some(model) => model::put(model, &self.name, run).await,
            None => Ok(()),
        }
    }
}

fn write_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}

/// The name's own region is the default and must not be named there (S3 API
/// Reference, `CreateBucket`).
fn configuration(region: &str, tags: &Tags) -> CreateBucketConfiguration {
    let location = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    CreateBucketConfiguration::builder()
        .set_location_constraint(location)
        .set_tags(Some(write_tags(tags)))
        .build()
}

impl Manage for Bucket {
    const LOST: Lost = Lost::Data;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::update("versioning", Value::Bool(self.versioning)),
            Field::update("encryption", Value::Bool(self.encryption)),
            Field::update(
                "public_access_blocked",
                Value::Bool(self.public_access_blocked),
            ),
        ];
        let model = self.model.iter();
        fields.extend(model.map(|model| Field::update("model", Value::text(&model.key))));
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn charges(&self) -> Vec<Charge> {
        vec![Charge::Storage, Charge::Use("requests")]
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let current = async {
            match &reader.scope.bucket {
                Some(name) => read::one(reader, name).await,
                None => Ok(None),
            }
        };
        let (current, tagged) = try_join!(current, reader.tagged())?;
        let mut found: Vec<Live<Self>> = current.into_iter().collect();
        for one in tagged {
            let name = one.arn.split_once(":s3:::").map(|(_, name)| name);
            let Some(name) = name.filter(|name| reader.scope.bucket.as_deref() != Some(name))
            else {
                continue;
            };
            if let Some(mut stale) = read::one(reader, name).await? {
                stale.standing = Standing::Stale;
                found.push(stale);
            }
        }
        Ok(found)
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let input = CreateBucketInput::builder()
            .bucket(&self.name)
            .create_bucket_configuration(configuration(&run.scope.region, &self.tags));
        let passing = &["OperationAborted", "ConditionalRequestConflict"];
        run.settled("S3 to free the bucket's name", passing, async || {
            let result = run.cloud.create_bucket(input.clone()).await;
            gone_is_fine(result, &["BucketAlreadyOwnedByYou"])
        })
        .await
        .map_err(|error| match error.code() {
            "BucketAlreadyExists" => StepError::blocked(
                format!(
                    "bucket `{}` belongs to another account, which has just made it",
                    self.name
                ),
                "choose another name in the plan's `bucket.name`",
            ),
            _ => error,
        })?;
        let set_up = async || self.set_up(run).await;
        if !run
            .settled("the bucket to be known", &["NoSuchBucket"], set_up)
            .await?
        {
            return Err(StepError::blocked(
                format!(
                    "a bucket `{}` that is not this lab's has just been made",
                    self.name
                ),
                "run `labctl plan`",
            ));
        }
        self.put_model(run).await?;
        Ok(Handle::of(&self.name))
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let before = &live.body;
        if before.versioning != self.versioning {
            self.put_versioning(run).await?;
        }
        if before.encryption != self.encryption {
            self.put_encryption(run).await?;
        }
        if before.public_access_blocked != self.public_access_blocked {
            self.put_access_block(run).await?;
        }
        if before.model != self.model {
            self.put_model(run).await?;
        }
        if before.tags != self.tags {
            self.set_tags(run).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        if run.shared.empty_bucket {
            empty::empty(&live.id, run).await?;
        }
        let input = DeleteBucketInput::builder()
            .bucket(&live.id)
            .expected_bucket_owner(run.shared.account);
        let result = run.cloud.delete_bucket(input).await;
        match gone_is_fine(result, &["NoSuchBucket"]) {
            Err(error) if error.code() == "BucketNotEmpty" => Err(StepError::blocked(
                format!("the bucket `{}` is not empty", live.id),
                "`labctl destroy --empty-bucket` deletes what is in it",
            )),
            other => Ok(other?),
        }
    }
}

/// Whether a live bucket of the account `owner` holds anything, old versions included.
pub async fn holds_anything<B>(
    cloud: &dyn Read,
    live: &Live<B>,
    owner: &str,
) -> Result<bool, CallError> {
    let input = ListObjectVersionsInput::builder()
        .bucket(&live.id)
        .expected_bucket_owner(owner)
        .max_keys(1);
    match cloud.list_object_versions(input).await {
        Ok(page) => Ok(!page.versions().is_empty() || !page.delete_markers().is_empty()),
        Err(error) if error.code() == "NoSuchBucket" => Ok(false),
        Err(error) => Err(error),
    }
}
