//! GitHub as an identity provider: one for the whole account, shared by all.

use aws_sdk_iam::operation::create_open_id_connect_provider::CreateOpenIdConnectProviderInput;
use aws_sdk_iam::operation::delete_open_id_connect_provider::DeleteOpenIdConnectProviderInput;
use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderInput;
use aws_sdk_iam::operation::list_roles::ListRolesInput;
use aws_sdk_iam::operation::tag_open_id_connect_provider::TagOpenIdConnectProviderInput;
use aws_sdk_iam::operation::untag_open_id_connect_provider::UntagOpenIdConnectProviderInput;

use crate::cloud::api::CallError;
use crate::cloud::resource::{Address, Field, Live, Observed, Tags, Value};
use crate::cloud::stakes::{Charge, Lost};

use super::context::{Handle, StepError};
use super::pages::Pages;
use super::policy::{GITHUB_AUDIENCE, GITHUB_HOST};
use super::reader::Reader;
use super::run::{Run, gone_is_fine};
use super::{Kind, Manage, iam_tags, policy, tags};

/// GitHub as an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// Its host.
    pub url: String,
    /// Its tags.
    pub tags: Tags,
}

impl Manage for OidcProvider {
    const LOST: Lost = Lost::Nothing;

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            Field::replace("url", Value::text(&self.url)),
            Field::noted_on(Kind::KeyPair),
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
        if !reader.has_github().await? {
            return Ok(Vec::new());
        }
        let arn = policy::github_provider(&reader.scope.region, reader.account().await?);
        let input = GetOpenIdConnectProviderInput::builder().open_id_connect_provider_arn(&arn);
        let output = match reader.cloud.get_open_id_connect_provider(input).await {
            Ok(output) => output,
            Err(error) if error.code() == "NoSuchEntity" => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let observed = Observed {
            tags: iam_tags::read(output.tags()),
            arn: Some(arn.clone()),
            ..Observed::default()
        };
        let address = Address::of(Kind::OidcProvider);
        let live = tags::live(reader.scope, address, arn, observed, |tags| Self {
            url: GITHUB_HOST.to_owned(),
            tags,
        });
        Ok(vec![live])
    }

    async fn create(&self, run: &Run<'_>) -> Result<Handle, StepError> {
        let input = CreateOpenIdConnectProviderInput::builder()
            .url(format!("https://{}", self.url))
            .client_id_list(GITHUB_AUDIENCE)
            .set_tags(Some(iam_tags::write(&self.tags)));
        match run.cloud.create_open_id_connect_provider(input).await {
            Ok(output) => Ok(Handle::of(
                output.open_id_connect_provider_arn.unwrap_or_default(),
            )),
            // Another lab of the account was faster; there can be only one.
            Err(error) if error.code() == "EntityAlreadyExists" => Ok(Handle::of("")),
            Err(error) => Err(error.into()),
        }
    }

    async fn update(&self, live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        let change = tags::change(&live.observed.tags, &self.tags, run.scope);
        if !change.remove.is_empty() {
            let input = UntagOpenIdConnectProviderInput::builder()
                .open_id_connect_provider_arn(&live.id)
                .set_tag_keys(Some(change.remove));
            run.cloud.untag_open_id_connect_provider(input).await?;
        }
        if !change.set.is_empty() {
            let input = TagOpenIdConnectProviderInput::builder()
                .open_id_connect_provider_arn(&live.id)
                .set_tags(Some(iam_tags::write(&change.set)));
            run.cloud.tag_open_id_connect_provider(input).await?;
        }
        Ok(())
    }

    async fn delete(live: &Live<Self>, run: &Run<'_>) -> Result<(), StepError> {
        if is_trusted_by_a_role(&live.id, run).await? {
            (run.say)("kept: roles of others in this account trust it");
            return Ok(());
        }
        let input =
            DeleteOpenIdConnectProviderInput::builder().open_id_connect_provider_arn(&live.id);
        let result = run.cloud.delete_open_id_connect_provider(input).await;
        Ok(gone_is_fine(result, &["NoSuchEntity"])?)
    }
}

/// Looks through the trust policies of all roles of the account.
async fn is_trusted_by_a_role(arn: &str, run: &Run<'_>) -> Result<bool, CallError> {
    let mut marker = None;
    let mut pages = Pages::of("iam", "ListRoles");
    loop {
        let input = ListRolesInput::builder().set_marker(marker);
        let page = run.cloud.list_roles(input).await?;
        let trusts = |role: &aws_sdk_iam::types::Role| {
            let encoded = role.assume_role_policy_document().unwrap_or_default();
            policy::read(encoded).to_string().contains(arn)
        };
        if page.roles().iter().any(trusts) {
            return Ok(true);
        }
        marker = pages.next(page.marker.filter(|_| page.is_truncated))?;
        if marker.is_none() {
            return Ok(false);
        }
    }
}
