//! STS: who the caller is.

use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentityInput, GetCallerIdentityOutput,
};

use super::refusal::Answer;
use super::world::World;

impl World {
    pub fn get_caller_identity(
        &self,
        _input: &GetCallerIdentityInput,
    ) -> Answer<GetCallerIdentityOutput> {
        let account = &self.register.account;
        let answer = GetCallerIdentityOutput::builder()
            .account(account)
            .user_id("AIDA0000000000000001")
            .arn(format!("arn:aws:iam::{account}:user/labctl"));
        Ok(answer.build())
    }
}
