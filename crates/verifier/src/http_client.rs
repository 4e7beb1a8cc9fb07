//! How a verifier calls its issuer: TLS with the machine's own certificates, no redirects, a bound on connecting.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, Origin};

/// How long a connection may take to be there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for an issuer, with a pool of connections of its own. Fails with [`ErrorCode::KeysUnavailable`].
///
/// What goes to this machine goes nowhere else: a proxy that the environment names would get it in plain text.
pub(crate) fn http_client(issuer: &Origin) -> Result<reqwest::Client, Error> {
    build(issuer.is_loopback())
        .map_err(|_| Error::new(ErrorCode::KeysUnavailable, "this machine's certificate store cannot be used"))
}

/// TLS that trusts whom the machine trusts.
pub(crate) fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    // Ring, chosen here rather than for the whole process: the application may want another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?);
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn build(is_near: bool) -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    let builder = if is_near { reqwest::Client::builder().no_proxy() } else { reqwest::Client::builder() };
    Ok(builder
        .tls_backend_preconfigured(tls()?)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("doorkey-verifier/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::http_client;

    /// Runs in a process of its own, too, where the environment names a proxy at which nobody listens.
    #[tokio::test]
    async fn an_issuer_on_this_machine_is_called() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 16];
            stream.read_exact(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            head
        };
        let client = http_client(&url.parse().unwrap()).unwrap();
        let verifier = client.get(format!("{url}/here")).send();
        let (head, answer) = tokio::try_join!(async { Ok(issuer.await) }, verifier).unwrap();
        assert_eq!((&head[..], answer.status().as_u16()), (&b"GET /here HTTP/1"[..], 204));
    }

    #[test]
    fn the_way_to_this_machine_leads_through_no_proxy() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "http_client::tests::an_issuer_on_this_machine_is_called"]);
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            again.env(name, "http://127.0.0.1:1");
        }
        let output = again.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
