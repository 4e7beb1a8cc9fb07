//! What servers that stand in front of others have in common: a folder, a port, and a process that ends with the test.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// A running server.
#[derive(Debug)]
pub(crate) struct Front {
    guardian: Child,
    orders: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Front {
    /// Starts a server with the configuration that `configuration` makes for an address and a folder. `command` starts
    /// it in the background, and returns once it listens.
    pub(crate) fn start(configuration: impl FnOnce(SocketAddr, &Path) -> String, command: &[&str]) -> Self {
        let folder =
            Command::new("mktemp").args(["-d", "/tmp/doorkey-front.XXXXXX"]).output().expect("mktemp is there");
        let folder = PathBuf::from(String::from_utf8(folder.stdout).expect("a path of ours").trim_end());
        let address = free_address();
        std::fs::write(folder.join("configuration"), configuration(address, &folder)).expect("the folder is ours");

        let mut guardian = Command::new("sh");
        guardian.args(["-c", include_str!("front.sh"), "front.sh"]).arg(&folder).args(command);
        // Servers that keep state of their own keep it here.
        guardian.env("HOME", &folder).env("XDG_DATA_HOME", &folder).env("XDG_CONFIG_HOME", &folder);
        // In a group of its own: what ends the test by its group, a time limit or Ctrl-C, does not end this with it.
        guardian.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut guardian = guardian.spawn().expect("sh is there");
        let orders = guardian.stdin.take();
        let mut answer = String::new();
        let stdout = guardian.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut answer).expect("it speaks UTF-8");
        assert_eq!(answer, "started\n", "{} starts; stderr says why not", command[0]);
        Self { guardian, orders, address, log: folder.join("log") }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A free port below those that the system hands out by itself: nobody who takes any port gets this one meanwhile.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() % 20_000;
    let ports = std::iter::repeat_with(|| {
        let port = 10_000 + (first + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 20_000;
        SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("it is below 30000")))
    });
    ports.take(1000).find(|address| TcpListener::bind(address).is_ok()).expect("there is a free port")
}

impl Drop for Front {
    fn drop(&mut self) {
        self.orders = None;
        drop(self.guardian.wait());
    }
}
