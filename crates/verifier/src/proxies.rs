//! The proxies between callers and this server.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::network::canonical_network;

/// The proxies in front of a server, whose word on where a request came from is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The most that there may be.
    pub const MAX: usize = 100;

    /// Reads networks and single addresses; otherwise says which is wrong, and how.
    ///
    /// Of a network that is everybody nothing could be believed: it is refused.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, String> {
        if entries.len() > Self::MAX {
            return Err("at most 100 of them".to_owned());
        }
        let wrong = |i: usize, detail: &str| format!("entry {} {detail}", i + 1);
        let network = |(i, text): (usize, &S)| {
            let network = network(text.as_ref())
                .ok_or_else(|| wrong(i, "is neither an address nor a network like 10.0.0.0/8"))?;
            if network.prefix_len() == 0 {
                return Err(wrong(i, "is everybody: anyone could then say to be anywhere"));
            }
            Ok(network)
        };
        entries.iter().enumerate().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the address is one of theirs.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// A network, or a single address.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    canonical_network(network).map(|network| network.trunc())
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Vec::<String>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::TrustedProxies;

    #[test]
    fn a_proxy_is_trusted_however_its_address_is_written() {
        let proxies =
            TrustedProxies::parse(&["10.1.2.3/8", "192.0.2.1", "2001:db8::/32", "::ffff:198.51.100.0/120"]).unwrap();
        for (address, is_trusted) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("198.51.100.7", true),
            ("198.51.101.7", false),
        ] {
            assert_eq!(proxies.contains(address.parse().unwrap()), is_trusted, "{address}");
        }
        assert!(!TrustedProxies::default().contains("127.0.0.1".parse().unwrap()));
    }
}
