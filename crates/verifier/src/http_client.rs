//! How a verifier calls its issuer: TLS with the machine's own certificates, no redirects, a bound on connecting.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode};

/// How long a connection may take to be there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client with a pool of connections of its own. Fails with [`ErrorCode::KeysUnavailable`].
pub(crate) fn http_client() -> Result<reqwest::Client, Error> {
    build().map_err(|_| Error::new(ErrorCode::KeysUnavailable, "this machine's certificate store cannot be used"))
}

/// TLS that trusts whom the machine trusts.
pub(crate) fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    // Ring, chosen here rather than for the whole process: the application may want another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?);
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn build() -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("doorkey-verifier/", env!("CARGO_PKG_VERSION")))
        .build()?)
}
