//! Which addresses a name stands for, and which of them are near enough for plain text.

use std::net::{IpAddr, SocketAddr};

use redis::io::AsyncDNSResolver;
use redis::{ErrorKind, RedisError, RedisFuture};

/// Looks names up, and leaves out what plain text must not be sent to.
pub(super) struct Lookup {
    pub(super) is_plain: bool,
}

impl AsyncDNSResolver for Lookup {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let found = tokio::net::lookup_host((host, port)).await.map_err(RedisError::from)?;
            let near: Vec<_> = found.filter(|address| !self.is_plain || is_near(address.ip())).collect();
            if near.is_empty() {
                return Err((ErrorKind::InvalidClientConfig, "an address that is not private needs TLS").into());
            }
            Ok(Box::new(near.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}

/// Whether a host can be connected to without TLS: a name may, until it has been looked up.
pub(super) fn may_be_near(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().map_or(true, is_near)
}

/// Whether an address is of this machine or of a network that the Internet does not reach.
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use redis::io::AsyncDNSResolver;

    use super::Lookup;

    #[tokio::test]
    async fn a_name_has_to_stand_for_a_near_address() {
        let near = async |host, is_plain| Lookup { is_plain }.resolve(host, 1).await.is_ok();
        assert!(near("localhost", true).await);
        assert!(near("169.254.1.1", true).await);
        assert!(!near("192.0.2.1", true).await);
        assert!(near("192.0.2.1", false).await);
        assert!(!near("::ffff:192.0.2.1", true).await);
    }
}
