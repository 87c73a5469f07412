//! What AWS's files and variables say of the chosen profile, beyond what the SDK itself does with it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::SystemTime;

use aws_config::profile::{self, ProfileSet};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sts as sts;
use aws_sdk_sts::config::Credentials;
use aws_types::os_shim_internal::{Env, Fs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Call, CallError, CallFailure, http};

/// Certificates to be trusted besides the system's, in PEM.
pub type Bundle = Vec<u8>;

/// A profile as it stands in `~/.aws/config` and `~/.aws/credentials`.
#[derive(Debug)]
pub struct Profile {
    name: String,
    set: Option<ProfileSet>,
}

/// A file of certificates that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{named}` names the file `{}`, which cannot be used: {why}", .file.display())]
pub struct UnusableBundle {
    /// What names it.
    pub named: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Profile {
    /// Reads the files; what is wrong with them the SDK says itself.
    pub async fn load(name: Option<&str>) -> Self {
        let chosen = name.map(|name| Cow::Owned(name.to_owned()));
        let set = profile::load(&Fs::real(), &Env::real(), &Default::default(), chosen).await;
        let set = set.ok();
        let selected = set.as_ref().map(|set| set.selected_profile().to_owned());
        Self {
            name: selected.unwrap_or_default(),
            set,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.set.as_ref()?.get(key)
    }

    /// The device whose code it takes to get the profile's role. The SDK does not ask for one.
    pub fn mfa_device(&self) -> Option<&str> {
        self.get("role_arn").and(self.get("mfa_serial"))
    }

    /// Gets the profile's role with a code of its device; an hour's worth, unless the profile says another time.
    ///
    /// # Errors
    /// Of the call: a wrong code, or no credentials to call with.
    pub async fn assume_role(
        &self,
        code: &str,
        region: &str,
        bundle: Option<&[u8]>,
    ) -> Result<Credentials, CallError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(http::client(bundle));
        if let Some(source) = self.get("source_profile") {
            loader = loader.profile_name(source);
        }
        let seconds = self
            .get("duration_seconds")
            .and_then(|text| text.parse().ok());
        let request = sts::Client::new(&loader.load().await)
            .assume_role()
            .role_session_name(self.get("role_session_name").unwrap_or("labctl"))
            .set_role_arn(self.get("role_arn").map(str::to_owned))
            .set_serial_number(self.get("mfa_serial").map(str::to_owned))
            .set_external_id(self.get("external_id").map(str::to_owned))
            .set_duration_seconds(seconds)
            .token_code(code);
        let call = Call {
            service: "sts",
            operation: "AssumeRole",
            writes: false,
        };
        let output = request
            .send()
            .await
            .map_err(|error| CallError::from_sdk(call, error))?;
        let credentials = output.credentials.ok_or_else(|| CallError {
            call,
            failure: CallFailure::Garbled {
                detail: "it gives no credentials".to_owned(),
                body: String::new(),
            },
            request_id: None,
        })?;
        let ends = SystemTime::try_from(credentials.expiration).ok();
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            ends,
            "labctl",
        ))
    }

    /// Reads the certificates that `AWS_CA_BUNDLE` or the profile's `ca_bundle` names (AWS SDKs and Tools Reference
    /// Guide, "General configuration").
    ///
    /// # Errors
    /// The file cannot be read, or holds no certificate.
    pub fn bundle(&self) -> Result<Option<Bundle>, UnusableBundle> {
        let variable = std::env::var_os("AWS_CA_BUNDLE").filter(|value| !value.is_empty());
        let (named, file) = match (variable, self.get("ca_bundle")) {
            (Some(file), _) => ("AWS_CA_BUNDLE", PathBuf::from(file)),
            (None, Some(file)) => ("ca_bundle", PathBuf::from(file)),
            (None, None) => return Ok(None),
        };
        let unusable = |why: String| UnusableBundle {
            named,
            file: file.clone(),
            why,
        };
        let text = std::fs::read(&file).map_err(|error| unusable(error.to_string()))?;
        check(&text).map_err(unusable)?;
        Ok(Some(text))
    }
}

/// The SDK takes for granted that it can read them all.
fn check(text: &[u8]) -> Result<(), String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(()),
    }
}
