//! An organisation's own certificate and its key: read from the laptop, and
//! checked before anything is changed for them.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::scalars::Invalid;

/// RFC 7468, section 2: lines of just 64 characters.
const LINE: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    /// Gives the text, for those who need it and tell nobody.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("********")
    }
}

/// A certificate that was checked, with its chain and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and its chain, in PEM form, and nothing else that was in the file.
    pub chain: String,
    /// The key, in PEM form.
    pub key: Private,
    /// When it ends.
    pub not_after: SystemTime,
    /// What is doubtful, though it can be used.
    pub remarks: Vec<String>,
}

/// Which of the two files is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The certificate.
    Certificate,
    /// The key.
    Key,
}

impl CertificateFiles {
    /// Checks that the two belong together, are valid now and name the server.
    ///
    /// # Errors
    ///
    /// Says which file is wrong and in what; a key is never repeated.
    pub fn check(
        certificate: &[u8],
        key: &[u8],
        names: &[String],
        now: SystemTime,
    ) -> Result<Self, (Which, Invalid)> {
        let of = |which: Which| move |invalid| (which, invalid);
        let chain = chain(certificate).map_err(of(Which::Certificate))?;
        let leaf = &chain[0];
        let fields = fields(leaf).map_err(of(Which::Certificate))?;
        let private = private_key(key).map_err(of(Which::Key))?;
        check_pair(leaf, &private).map_err(of(Which::Key))?;
        check_time(&fields, now).map_err(of(Which::Certificate))?;
        let mut remarks = check_names(leaf, &fields, names).map_err(of(Which::Certificate))?;
        let tbs = &fields.tbs_certificate;
        if chain.len() == 1 && tbs.issuer != tbs.subject {
            remarks.push(
                "the certificate's file has no chain: browsers that do not know its issuer will \
                 warn; put the issuer's certificate behind it"
                    .to_owned(),
            );
        }
        let not_after = ends(&fields);
        remarks.extend(ends_soon(&fields, now));
        Ok(Self {
            chain: chain.iter().map(|one| pem("CERTIFICATE", one)).collect(),
            key: Private(pem(label(&private), private.secret_der())),
            not_after,
            remarks,
        })
    }
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(Invalid::new(
            "there is no `-----BEGIN CERTIFICATE-----` in it",
            "give the certificate in PEM form; `openssl x509 -inform der -in FILE` writes one from DER",
        )),
        Err(_) => Err(Invalid::new(
            "it is damaged or cut off",
            "copy the file again; `openssl x509 -noout -text -in FILE` reads a sound one",
        )),
    }
}

fn fields(leaf: &CertificateDer<'_>) -> Result<Certificate, Invalid> {
    Certificate::from_der(leaf).map_err(|_| {
        Invalid::new(
            "its first block is no X.509 certificate",
            "copy the file again; `openssl x509 -noout -text -in FILE` reads a sound one",
        )
    })
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Invalid> {
    let help =
        "give the key in PEM form, without a passphrase; `openssl pkey -in KEY` writes such a one";
    let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    // OpenSSL's own form keeps the label and says it in a header.
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(Invalid::new(
            "the key has a passphrase, which nobody could type on the server",
            help,
        ));
    }
    if has(b"BEGIN OPENSSH PRIVATE KEY") {
        return Err(Invalid::new("it is a key for SSH", help));
    }
    PrivateKeyDer::from_pem_slice(text)
        .map_err(|_| Invalid::new("there is no private key in it, or it is damaged", help))
}

fn check_pair(leaf: &CertificateDer<'_>, key: &PrivateKeyDer<'_>) -> Result<(), Invalid> {
    let signer = any_supported_type(key).map_err(|_| {
        Invalid::new(
            "it is of a kind that browsers do not use, or damaged",
            "use a key of RSA (2048 bits or more), ECDSA (P-256 or P-384) or Ed25519",
        )
    })?;
    let public = signer.public_key();
    let named = ParsedCertificate::try_from(leaf).ok();
    let named = named
        .as_ref()
        .map(ParsedCertificate::subject_public_key_info);
    match public.is_some() && public == named {
        true => Ok(()),
        false => Err(Invalid::new(
            "it is not the key of the certificate",
            "give the two that belong together; `openssl x509 -noout -pubkey -in CERTIFICATE` and \
             `openssl pkey -pubout -in KEY` then print the same",
        )),
    }
}

fn starts(fields: &Certificate) -> SystemTime {
    fields.tbs_certificate.validity.not_before.to_system_time()
}

fn ends(fields: &Certificate) -> SystemTime {
    fields.tbs_certificate.validity.not_after.to_system_time()
}

fn check_time(fields: &Certificate, now: SystemTime) -> Result<(), Invalid> {
    let validity = &fields.tbs_certificate.validity;
    if ends(fields) <= now {
        return Err(Invalid::new(
            format!("it has ended, on {}", validity.not_after),
            "give the renewed certificate; the next apply takes it to the server",
        ));
    }
    match starts(fields) > now {
        true => Err(Invalid::new(
            format!("it begins to be valid only on {}", validity.not_before),
            "give one that is valid now, or set this laptop's clock",
        )),
        false => Ok(()),
    }
}

/// A month for a certificate of a year, and less for one that is shorter: the last sixth.
fn ends_soon(fields: &Certificate, now: SystemTime) -> Option<String> {
    let (start, end) = (starts(fields), ends(fields));
    let life = end.duration_since(start).unwrap_or_default();
    let left = end.duration_since(now).unwrap_or_default();
    let days = left.as_secs() / DAY.as_secs();
    (left < (life / 6).min(30 * DAY)).then(|| {
        format!("the certificate of `https` ends in {days} days; replace its files, and apply")
    })
}

/// The first name must be covered; that others are not is told.
fn check_names(
    leaf: &CertificateDer<'_>,
    fields: &Certificate,
    names: &[String],
) -> Result<Vec<String>, Invalid> {
    let parsed = ParsedCertificate::try_from(leaf);
    let covers = |name: &String| {
        let server = ServerName::try_from(name.as_str());
        let both = parsed.as_ref().ok().zip(server.ok());
        both.is_some_and(|(parsed, server)| verify_server_name(parsed, &server).is_ok())
    };
    let Some((first, others)) = names.split_first() else {
        return Ok(Vec::new());
    };
    if !covers(first) {
        let subject = fields.tbs_certificate.subject.to_string();
        return Err(Invalid::new(
            format!("it is not for `{first}`, the workbench's domain; its subject is `{subject}`"),
            "give a certificate whose subject alternative names hold the domain",
        ));
    }
    let left: Vec<_> = others.iter().filter(|name| !covers(name)).collect();
    let remark = |name: &&String| {
        format!("the certificate of `https` is not for `{name}`, which leads to the server too")
    };
    Ok(left.iter().map(remark).collect())
}

const fn label(key: &PrivateKeyDer<'_>) -> &'static str {
    match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    }
}

/// Writes a block of RFC 7468.
fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(LINE));
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{line}");
        rest = behind;
    }
    let _ = writeln!(text, "-----END {label}-----");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_lines_of_64() {
        let text = pem("CERTIFICATE", &[0; 100]);
        let lengths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [27, 64, 64, 8, 25]);
    }

    #[test]
    fn a_private_text_is_not_shown() {
        assert_eq!(format!("{:?}", Private("key".to_owned())), "********");
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        let now = SystemTime::now();
        let check = |certificate: &str, key: &str| {
            let checked = CertificateFiles::check(certificate.as_bytes(), key.as_bytes(), &[], now);
            checked.unwrap_err()
        };
        let (which, invalid) = check("", "");
        assert_eq!(which, Which::Certificate);
        assert!(invalid.reason.contains("BEGIN CERTIFICATE"));
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB";
        assert!(
            check(cut, "").1.reason.contains("damaged") || check(cut, "").1.reason.contains("no")
        );
        let (_, invalid) = check(&pem("CERTIFICATE", b"no certificate"), "");
        assert!(invalid.reason.contains("X.509"), "{}", invalid.reason);
    }
}
