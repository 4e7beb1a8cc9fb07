//! Whom an address stands for.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// The address itself, or an IPv6 network of 64 bits: a customer has at least that many to choose addresses from.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The network as addresses are compared with it: IPv4 that is written as IPv6 (`::ffff:10.0.0.0/104`) is IPv4. `None` if
/// it is written so and has a prefix below 96, which would be IPv4 and something else.
pub fn canonical_network(network: IpNet) -> Option<IpNet> {
    match (network, network.addr().to_canonical()) {
        (IpNet::V6(of), IpAddr::V4(address)) => {
            Ipv4Net::new(address, of.prefix_len().checked_sub(96)?).ok().map(IpNet::V4)
        }
        (network, _) => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{canonical_network, network};

    #[test]
    fn a_network_of_ipv4_has_one_form() {
        for (written, canonical) in [
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::ffff:127.0.0.1/128", Some("127.0.0.1/32")),
            ("::ffff:10.1.2.3/104", Some("10.1.2.3/8")),
            ("::ffff:0:0/95", None),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::/0", Some("::/0")),
        ] {
            let found = canonical_network(written.parse().unwrap());
            assert_eq!(found, canonical.map(|text| text.parse().unwrap()), "{written}");
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_caller() {
        let of = |text: &str| network(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
