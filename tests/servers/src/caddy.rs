//! Caddy, from Debian's package `caddy`.

use std::net::SocketAddr;

use crate::front::Front;

/// A running Caddy with sites of a test's own.
#[derive(Debug)]
pub struct Caddy(Front);

impl Caddy {
    /// Starts one. `sites` makes what stands behind the global options for the address to listen on.
    pub fn start(sites: impl FnOnce(SocketAddr) -> String) -> Self {
        let installed = std::path::Path::new("/usr/bin/caddy").exists();
        assert!(installed, "Caddy is missing; on a Debian-like system: sudo apt-get install -y caddy");
        // No certificates, and no port for administrators, which all of them would share.
        let options = "{\n\tadmin off\n\tauto_https off\n}\n";
        let configuration = |address, _: &std::path::Path| format!("{options}{}", sites(address));
        let start = ["caddy", "start", "--adapter", "caddyfile", "--config", "configuration", "--pidfile", "pid"];
        Self(Front::start(configuration, &start))
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
