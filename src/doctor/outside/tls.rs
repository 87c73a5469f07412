//! The certificate that is served under a name, and whether this laptop's
//! browsers would trust it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

const PATIENCE: Duration = Duration::from_secs(8);

/// A certificate that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// When it ends.
    pub not_after: SystemTime,
    /// Who issued it.
    pub issuer: String,
    /// Why it is not trusted; none if it is.
    pub distrust: Option<String>,
}

/// Asks for the certificate of a name at a place.
///
/// # Errors
///
/// Says why none was served.
pub async fn served(address: &str, port: u16, name: &str) -> Result<Served, String> {
    let server = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptsAny(Arc::clone(&provider))))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let handshake = async {
        let stream = TcpStream::connect((address, port)).await?;
        connector.connect(server.clone(), stream).await
    };
    let stream = timeout(PATIENCE, handshake)
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let [leaf, intermediates @ ..] = chain else {
        return Err("no certificate was served".to_owned());
    };
    let fields = Certificate::from_der(leaf).map_err(|error| error.to_string())?;
    let tbs = &fields.tbs_certificate;
    Ok(Served {
        not_after: tbs.validity.not_after.to_system_time(),
        issuer: tbs.issuer.to_string(),
        distrust: distrust(provider, leaf, intermediates, &server),
    })
}

/// Judges as a browser does, with the roots that this system trusts.
fn distrust(
    provider: Arc<CryptoProvider>,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    server: &ServerName<'_>,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = match verifier {
        Ok(verifier) => verifier,
        Err(_) => return Some("this laptop has no list of trusted authorities".to_owned()),
    };
    let judged = verifier.verify_server_cert(leaf, intermediates, server, &[], UnixTime::now());
    Some(match judged {
        Ok(_) => return None,
        Err(Error::InvalidCertificate(error)) => match error {
            CertificateError::UnknownIssuer => {
                "this laptop does not know the authority that issued it".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for other names".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "it has ended".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet".to_owned()
            }
            CertificateError::Other(_) => "it is the server's own, from no authority".to_owned(),
            other => other.to_string(),
        },
        Err(error) => error.to_string(),
    })
}

/// Takes every certificate, because it is to be looked at; nothing is sent over such a connection.
#[derive(Debug)]
struct AcceptsAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptsAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
