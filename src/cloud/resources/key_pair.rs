//! The key pair: an SSH public key of the user's, imported into EC2.
//!
//! Every lab has one, and it is read by name on every run. So it also carries
//! the notes that lead to parts which no listing shows once their section has
//! left the plan: the name of the zone, and that there is a role for GitHub.

use aws_sdk_ec2::operation::delete_key_pair::DeleteKeyPairInput;
use aws_sdk_ec2::operation::describe_key_pairs::DescribeKeyPairsInput;
use aws_sdk_ec2::operation::import_key_pair::ImportKeyPairInput;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};

use futures_util::future::try_join_all;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Owner, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError, required};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, ec2_tags, tags};

/// An SSH public key, imported into EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name: the lab's.
    pub name: String,
    /// Algorithm and key, without the comment, which AWS rewrites.
    pub public_key: String,
    /// Its tags.
    pub tags: Tags,
}

/// Takes algorithm and key of an OpenSSH line and drops comment and newline.
pub fn normal_form(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().take(2).collect();
    words.join(" ")
}

fn live(info: &KeyPairInfo, reader: &Reader<'_>) -> Live<KeyPair> {
    let tags = ec2_tags::read(info.tags());
    let observed = Observed {
        tags,
        ..Observed::default()
    };
    let id = info.key_pair_id().unwrap_or_default();
    tags::live(
        reader.scope,
        Address::of(Kind::KeyPair),
        id,
        observed,
        |tags| KeyPair {
            name: info.key_name().unwrap_or_default().to_owned(),
            public_key: normal_form(info.public_key().unwrap_or_default()),
            tags,
        },
    )
}

impl Manage for KeyPair {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("name", Value::text(&self.name)),
            Field::replace("public_key", Value::text(&self.public_key)),
        ];
        fields.extend(tags::fields(&self.tags));
        fields
    }

    fn charges(&self) -> Vec<Charge> {
        Vec::new()
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        Some(&mut self.tags)
    }

    async fn read(reader: &Reader<'_>) -> Result<Vec<Live<Self>>, CallError> {
        let read = |pairs: &[KeyPairInfo]| -> Vec<Live<Self>> {
            pairs.iter().map(|info| live(info, reader)).collect()
        };
        let found = read(reader.key_pairs().await?.key_pairs());
        let strays = reader.strays("key-pair", &found).await?;
        let filters = ec2_tags::filters("key-pair-id", &strays).into_iter();
        let outputs = filters.map(|filter| {
            let input = DescribeKeyPairsInput::builder()
                .filters(filter)
                .include_public_key(true);
            reader.cloud.describe_key_pairs(input)
        });
        let outputs = try_join_all(outputs).await?;
        let strays = outputs.iter().flat_map(|output| read(output.key_pairs()));
        Ok(tags::with_strays(found, strays.collect()))
    }

    /// Imports the key; of several runs at once the one that does it goes on.
    ///
    /// The name is there once, so AWS itself decides who is first, and leaves
    /// nothing behind that would have to be unlocked. What AWS would make twice
    /// comes after the key pair.
    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let import = async || -> Result<Handle, StepError> {
            let input = ImportKeyPairInput::builder()
                .key_name(&self.name)
                .public_key_material(Blob::new(self.public_key.as_bytes()))
                .tag_specifications(ec2_tags::specification(ResourceType::KeyPair, &self.tags));
            let output = run.cloud.import_key_pair(input).await?;
            Ok(Handle::of(required(
                output.key_pair_id,
                "ImportKeyPair",
                "key pair id",
            )?))
        };
        match run
            .unless_made("the key pair", async || self.look(run).await, import)
            .await
        {
            Err(error) if error.code() == "InvalidKeyPair.Duplicate" => {
                self.found(run).await?;
                Err(StepError::LostRace)
            }
            result => result,
        }
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        ec2_tags::update(live, &self.tags, run).await
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let name = required(Some(live.body.name.clone()), "DescribeKeyPairs", "key name")?;
        let input = DeleteKeyPairInput::builder().key_name(name);
        let result = run.cloud.delete_key_pair(input).await;
        Ok(gone_is_fine(result, &["InvalidKeyPair.NotFound"])?)
    }
}

impl KeyPair {
    /// Finds what another run of the same lab has imported meanwhile.
    async fn found(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let what = format!("a key pair `{}`", self.name);
        run.made_meanwhile(&what, async || self.look(run).await)
            .await
    }

    /// Looks for the lab's key pair of this key.
    async fn look(&self, run: &Run<'_>) -> Result<Option<Handle>, CallError> {
        let reader = Reader::new(run.cloud, run.scope);
        let pairs = reader.key_pairs().await?.key_pairs().iter();
        let is_this = |live: &Live<Self>| live.body.public_key == self.public_key;
        let ours = pairs
            .map(|info| live(info, &reader))
            .find(|live| live.owner == Owner::Lab && is_this(live));
        Ok(ours.map(|live| Handle::of(live.id)))
    }
}
