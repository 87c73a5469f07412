//! OIDC providers: one for each URL in an account.
//!
//! Source: IAM API Reference, "CreateOpenIDConnectProvider",
//! "GetOpenIDConnectProvider", "DeleteOpenIDConnectProvider".

use aws_sdk_iam::operation::{
    create_open_id_connect_provider::{
        CreateOpenIdConnectProviderInput, CreateOpenIdConnectProviderOutput,
    },
    delete_open_id_connect_provider::{
        DeleteOpenIdConnectProviderInput, DeleteOpenIdConnectProviderOutput,
    },
    get_open_id_connect_provider::{GetOpenIdConnectProviderInput, GetOpenIdConnectProviderOutput},
};

use super::super::refusal::{Answer, refuse, require};
use super::super::register::Kind;
use super::super::world::World;
use super::{already_exists, no_such_entity, tags};

/// The thumbprint that IAM fills in when none is given.
const THUMBPRINT: &str = "2b18947a6a9fc7764fd8b5fb18a863b0c6dac24f";

/// An OIDC provider.
pub struct Provider {
    /// The URL without its scheme.
    url: String,
    clients: Vec<String>,
    thumbprints: Vec<String>,
}

impl World {
    /// Finds a provider by its ARN.
    pub fn provider(&self, arn: Option<&str>) -> Answer<(String, &Provider)> {
        let arn = require(arn, "openIDConnectProviderArn")?;
        let provider = self.providers.get(arn).filter(|_| self.register.sees(arn));
        let provider = provider.map(|provider| (arn.to_owned(), provider));
        provider.ok_or_else(|| {
            no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}"))
        })
    }

    pub fn get_open_id_connect_provider(
        &self,
        input: &GetOpenIdConnectProviderInput,
    ) -> Answer<GetOpenIdConnectProviderOutput> {
        let (arn, provider) = self.provider(input.open_id_connect_provider_arn())?;
        let answer = GetOpenIdConnectProviderOutput::builder()
            .url(&provider.url)
            .set_client_id_list(Some(provider.clients.clone()))
            .set_thumbprint_list(Some(provider.thumbprints.clone()))
            .create_date(self.register.made(&arn))
            .set_tags(Some(self.register.iam_tags(&arn)?));
        Ok(answer.build())
    }

    pub fn create_open_id_connect_provider(
        &mut self,
        input: &CreateOpenIdConnectProviderInput,
    ) -> Answer<CreateOpenIdConnectProviderOutput> {
        let full = require(input.url(), "url")?;
        let tags = tags::read(input.tags())?;
        let Some(url) = full
            .strip_prefix("https://")
            .map(|url| url.trim_end_matches('/'))
        else {
            return Err(refuse(
                "ValidationError",
                "Invalid Open ID Connect Provider URL",
            ));
        };
        if input.client_id_list().is_empty() {
            return Err(refuse(
                "InvalidInput",
                "At least one client ID is required.",
            ));
        }
        let arn = format!("arn:aws:iam::{}:oidc-provider/{url}", self.register.account);
        if self.providers.contains_key(&arn) {
            return Err(already_exists(format!(
                "Provider with url {full} already exists."
            )));
        }
        let mut thumbprints = input.thumbprint_list().to_vec();
        if thumbprints.is_empty() {
            thumbprints.push(THUMBPRINT.to_owned());
        }
        self.register.enter(&arn, Kind::PROVIDER, "", tags);
        let provider = Provider {
            url: url.to_owned(),
            clients: input.client_id_list().to_vec(),
            thumbprints,
        };
        self.providers.insert(arn.clone(), provider);
        let answer = CreateOpenIdConnectProviderOutput::builder();
        let answer = answer.set_tags(Some(self.register.iam_tags(&arn)?));
        Ok(answer.open_id_connect_provider_arn(arn).build())
    }

    pub fn delete_open_id_connect_provider(
        &mut self,
        input: &DeleteOpenIdConnectProviderInput,
    ) -> Answer<DeleteOpenIdConnectProviderOutput> {
        let (arn, _) = self.provider(input.open_id_connect_provider_arn())?;
        self.providers.remove(&arn);
        self.register.remove(&arn);
        Ok(DeleteOpenIdConnectProviderOutput::builder().build())
    }
}
