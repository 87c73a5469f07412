//! What the kinds are given to read with: the read-only cloud, and the answers
//! that several kinds share, asked for once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aws_sdk_ec2::operation::describe_key_pairs::DescribeKeyPairsOutput;
use aws_sdk_ec2::operation::describe_key_pairs::builders::DescribeKeyPairsInputBuilder;
use aws_sdk_iam::operation::get_role::GetRoleOutput;
use aws_sdk_resourcegroupstagging::operation::get_resources::builders::GetResourcesInputBuilder;
use aws_sdk_resourcegroupstagging::types::TagFilter as ResourceTagFilter;
use aws_sdk_sts::operation::get_caller_identity::builders::GetCallerIdentityInputBuilder;
use tokio::sync::OnceCell;

use crate::cloud::{CallError, Read};
use crate::resource::{Live, Tags};

use super::context::Scope;
use super::pages::Pages;
use super::tags;
use super::zone::Zones;

/// What reading has: the read-only cloud, and answers that kinds share.
pub struct Reader<'a> {
    /// The cloud.
    pub cloud: &'a dyn Read,
    /// The lab.
    pub scope: &'a Scope,
    account: RefCell<Option<String>>,
    asked_account: OnceCell<String>,
    github_role: OnceCell<Option<GetRoleOutput>>,
    key_pairs: OnceCell<DescribeKeyPairsOutput>,
    tagged: OnceCell<Vec<Tagged>>,
    zones: OnceCell<Zones>,
    name_servers: RefCell<BTreeMap<String, Vec<String>>>,
    ended_instances: Cell<u32>,
}

/// A resource that carries the lab's tags, as the tagging service lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// Its ARN.
    pub arn: String,
    /// Its tags.
    pub tags: Tags,
}

impl<'a> Reader<'a> {
    /// Starts reading the lab of `scope`.
    pub fn new(cloud: &'a dyn Read, scope: &'a Scope) -> Self {
        Self {
            cloud,
            scope,
            account: RefCell::new(None),
            asked_account: OnceCell::new(),
            github_role: OnceCell::new(),
            key_pairs: OnceCell::new(),
            tagged: OnceCell::new(),
            zones: OnceCell::new(),
            name_servers: RefCell::default(),
            ended_instances: Cell::new(0),
        }
    }

    /// The account's id, once an answer has told it.
    pub fn account(&self) -> Option<String> {
        self.account.borrow().clone()
    }

    /// Notes the account's id from an answer.
    pub fn note_account(&self, account: Option<&str>) {
        if let Some(account) = account.filter(|account| !account.is_empty()) {
            *self.account.borrow_mut() = Some(account.to_owned());
        }
    }

    /// Notes the name servers that a zone's own record lists.
    pub fn note_name_servers(&self, zone_id: &str, servers: Vec<String>) {
        self.name_servers
            .borrow_mut()
            .insert(zone_id.to_owned(), servers);
    }

    /// The name servers that were noted for a zone.
    pub fn name_servers(&self, zone_id: &str) -> Vec<String> {
        self.name_servers
            .borrow()
            .get(zone_id)
            .cloned()
            .unwrap_or_default()
    }

    /// Notes how many servers of the lab have ended and are still listed.
    pub fn note_ended_instances(&self, count: usize) {
        self.ended_instances
            .set(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// How many servers of the lab have ended and are still listed.
    pub fn ended_instances(&self) -> u32 {
        self.ended_instances.get()
    }

    /// The lab's zones, of the plan and of a plan before.
    pub async fn zones(&self) -> Result<&Zones, CallError> {
        self.zones
            .get_or_try_init(|| super::zone::find_all(self))
            .await
    }

    /// Asks for the account's id, once.
    pub async fn ask_account(&self) -> Result<String, CallError> {
        let ask = async || {
            let input = GetCallerIdentityInputBuilder::default();
            let identity = self.cloud.get_caller_identity(input).await?;
            Ok(identity.account.unwrap_or_default())
        };
        self.asked_account.get_or_try_init(ask).await.cloned()
    }

    /// The role of GitHub Actions, if there is one.
    pub async fn github_role(&self) -> Result<Option<GetRoleOutput>, CallError> {
        let ask = async || super::role::get(self.cloud, &self.scope.github_role_name()).await;
        self.github_role.get_or_try_init(ask).await.cloned()
    }

    /// The account's id, from the role of GitHub Actions where there is one.
    pub async fn account_of_github_role(&self) -> Result<String, CallError> {
        let role = self.github_role().await?.and_then(|output| output.role);
        let account = role.and_then(|role| role.arn.split(':').nth(4).map(str::to_owned));
        match account {
            Some(account) => Ok(account),
            None => self.ask_account().await,
        }
    }

    /// The key pairs of the lab's name, the public key included.
    pub async fn key_pairs(&self) -> Result<&DescribeKeyPairsOutput, CallError> {
        let ask = || {
            let by_name = super::key_pair::name_filter(&self.scope.lab);
            let input = DescribeKeyPairsInputBuilder::default()
                .filters(by_name)
                .include_public_key(true);
            self.cloud.describe_key_pairs(input)
        };
        self.key_pairs.get_or_try_init(ask).await
    }

    /// What else carries the lab's tags in its region, whatever its kind.
    ///
    /// AWS's tagging service covers EC2 and S3 but not IAM roles, and hosted
    /// zones only in us-east-1 (Resource Groups Tagging API Reference,
    /// "Services that support the Resource Groups Tagging API").
    pub async fn tagged(&self) -> Result<&[Tagged], CallError> {
        let all = self.tagged.get_or_try_init(|| self.ask_tagged()).await?;
        Ok(all)
    }

    async fn ask_tagged(&self) -> Result<Vec<Tagged>, CallError> {
        let mut all = Vec::new();
        let mut token = None;
        let mut pages = Pages::of("tagging", "GetResources");
        loop {
            let filter = |key: &str, value: &str| {
                ResourceTagFilter::builder().key(key).values(value).build()
            };
            let input = GetResourcesInputBuilder::default()
                .tag_filters(filter(tags::LAB_TAG, &self.scope.lab))
                .tag_filters(filter(tags::REGION_TAG, &self.scope.region))
                .set_pagination_token(token);
            let page = self.cloud.get_resources(input).await?;
            for mapping in page.resource_tag_mapping_list.unwrap_or_default() {
                let tags = mapping.tags.unwrap_or_default().into_iter();
                all.push(Tagged {
                    arn: mapping.resource_arn.unwrap_or_default(),
                    tags: tags.map(|tag| (tag.key, tag.value)).collect(),
                });
            }
            token = pages.next(page.pagination_token)?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The resources of one ARN type that carry the lab's tags: `vpc`, `subnet`.
    pub async fn tagged_of_type(&self, arn_type: &str) -> Result<Vec<&Tagged>, CallError> {
        let marker = format!(":{arn_type}/");
        let all = self.tagged().await?.iter();
        Ok(all
            .filter(|one| one.arn.contains(&marker) && one.tags.contains_key(tags::RESOURCE_TAG))
            .collect())
    }

    /// The ids of what carries the lab's tags and was not found by its name.
    pub async fn strays(&self, arn_type: &str, found: &[Live]) -> Result<Vec<String>, CallError> {
        let tagged = self.tagged_of_type(arn_type).await?.into_iter();
        let ids = tagged.filter_map(|one| one.arn.rsplit('/').next());
        let is_new = |id: &&str| found.iter().all(|live| live.id != *id);
        Ok(ids.filter(is_new).map(str::to_owned).collect())
    }
}
