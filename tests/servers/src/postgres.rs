//! Postgres, from Debian's package `postgresql` or another that puts its programs in the same place.

use std::fmt;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

/// Where Debian puts one folder for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";
const INSTALL: &str = "Postgres is missing; on a Debian-like system: sudo apt-get install -y postgresql";

/// A running server with as many databases as tests ask for, on a socket that only this account and root reach.
pub struct Postgres {
    guardian: Mutex<Guardian>,
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// The process that stops the server, and removes its folder, as soon as nobody holds `orders` any more.
struct Guardian {
    process: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

/// An empty database of a test's own.
pub struct PostgresDatabase {
    url: String,
    tls_url: String,
    dump: Vec<PathBuf>,
}

impl Postgres {
    /// A server that keeps what it has acknowledged, for tests that kill.
    pub fn start() -> Self {
        Self::start_with(&[], 5432)
    }

    /// A server that also listens on a free port of `localhost`, for whoever speaks TLS and has the password.
    pub fn start_with_tls() -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("there is a free port").port();
        let settings = [&format!("port = {port}"), "ssl = on", "listen_addresses = '127.0.0.1'", "fsync = off"];
        Self::start_with(&settings, port)
    }

    /// The server that all tests of one process share. It does not wait for the disk.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> = LazyLock::new(|| Postgres::start_with(&["fsync = off"], 5432));
        &SHARED
    }

    fn start_with(settings: &[&str], port: u16) -> Self {
        let programs = programs();
        let mut process =
            guardian(&programs, settings).spawn().expect("sh, or runuser of Debian's util-linux, is there");
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let folder = answers.next().expect("Postgres starts; stderr says why not").expect("it speaks UTF-8");
        let guardian = Mutex::new(Guardian { process, orders, answers });
        Self { guardian, programs, folder: folder.into(), port, databases: AtomicU32::new(0) }
    }

    /// Makes an empty database.
    pub fn create_database(&self) -> PostgresDatabase {
        let (folder, port) = (self.folder.display().to_string(), self.port);
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let options =
            [format!("--host={folder}"), format!("--port={port}"), "--username=postgres".into(), name.clone()];
        output(Command::new(self.programs.join("createdb")).args(&options));
        PostgresDatabase {
            url: format!("postgres://postgres@{}:{port}/{name}", folder.replace('/', "%2F")),
            tls_url: format!(
                "postgres://postgres:hunter2@localhost:{port}/{name}?sslrootcert={folder}/data/server.crt"
            ),
            dump: [self.programs.join("pg_dump")].into_iter().chain(options.map(PathBuf::from)).collect(),
        }
    }

    /// Stops the server, as an administrator does: every connection ends.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again; when this returns it accepts connections.
    pub fn start_again(&self) {
        self.order("start");
    }

    fn order(&self, order: &str) {
        let mut guardian = self.guardian.lock().expect("no order has failed before");
        let orders = guardian.orders.as_mut().expect("orders are taken until the end");
        writeln!(orders, "{order}").expect("the guardian listens");
        let answer = guardian.answers.next().expect("it answers; stderr says why not").expect("it speaks UTF-8");
        assert_eq!(answer, format!("{order}: done"));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let guardian = self.guardian.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        guardian.orders = None;
        drop(guardian.process.wait());
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.folder.display())
    }
}

impl PostgresDatabase {
    /// Where it is: on a socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is on a server that has TLS, its certificate included; whether it is checked is left open.
    pub fn tls_url(&self) -> &str {
        &self.tls_url
    }

    /// All that is in it as SQL, as `pg_dump` writes it.
    pub fn dump(&self) -> Vec<u8> {
        let (program, arguments) = self.dump.split_first().expect("a command has a program");
        output(Command::new(program).args(arguments)).stdout
    }
}

impl fmt::Debug for PostgresDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresDatabase({})", self.url)
    }
}

/// The command that runs a server for as long as somebody holds its stdin.
fn guardian(programs: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new("sh");
    // Postgres refuses to run as root.
    if std::fs::metadata("/proc/self").expect("this is Linux").uid() == 0 {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
    }
    command.args(["-c", include_str!("postgres.sh"), "postgres.sh"]).arg(programs).args(settings);
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    // In a group of its own: what ends the test by its group, a time limit or Ctrl-C, does not end this with it.
    command.process_group(0);
    command
}

/// The programs of the newest version.
fn programs() -> PathBuf {
    let versions = Path::new(VERSIONS).read_dir().into_iter().flatten().flatten();
    let number = |folder: &PathBuf| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest =
        versions.map(|entry| entry.path()).filter(|folder| folder.join("bin/initdb").exists()).max_by_key(number);
    newest.expect(INSTALL).join("bin")
}

fn output(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect(INSTALL);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[cfg(test)]
mod tests {
    use super::{guardian, programs};

    #[test]
    fn whoever_goes_away_before_the_server_runs_leaves_nothing() {
        let mut process = guardian(&programs(), &["fsync = off"]).spawn().unwrap();
        drop((process.stdin.take(), process.stdout.take()));
        // It has come to its end, where it stops the server and removes the folder.
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
}
