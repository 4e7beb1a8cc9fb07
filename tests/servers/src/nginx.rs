//! nginx, from Debian's package `nginx`.

use std::net::SocketAddr;

use crate::front::Front;

/// Where Debian, and most other systems, put it: not on the path of ordinary accounts.
const PROGRAM: &str = "/usr/sbin/nginx";

/// A running nginx with servers of a test's own.
#[derive(Debug)]
pub struct Nginx(Front);

impl Nginx {
    /// Starts one. `servers` makes what stands inside `http { }` for the address to listen on, and nothing else is
    /// configured but where files go.
    pub fn start(servers: impl FnOnce(SocketAddr) -> String) -> Self {
        let installed = std::path::Path::new(PROGRAM).exists();
        assert!(installed, "nginx is missing; on a Debian-like system: sudo apt-get install -y nginx");
        let configuration = |address, folder: &std::path::Path| {
            let (servers, folder) = (servers(address), folder.display());
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            let temporary = temporary.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).join(" ");
            // As root its workers would be another account, which cannot reach the folder.
            let user = if is_root() { "user root;" } else { "" };
            format!(
                "{user} pid {folder}/pid; error_log {folder}/log info; worker_processes 1;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log off; {temporary}\n{servers}\n}}\n"
            )
        };
        Self(Front::start(configuration, &[PROGRAM, "-p", ".", "-e", "log", "-c", "configuration"]))
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

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
