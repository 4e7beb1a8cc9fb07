//! Redis, from Debian's package `redis-server` or another that puts `redis-server` and `redis-cli` into the path.

use std::fmt;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// A running server, on a socket that only this account reaches. It saves nothing unless it is told to.
pub struct Redis {
    guardian: Mutex<Guardian>,
    url: String,
}

/// The process that kills the server, and removes its folder, as soon as nobody holds `orders` any more.
struct Guardian {
    process: Child,
    orders: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Redis {
    /// A server without data.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with further lines in its `redis.conf`.
    pub fn start_with(settings: &[&str]) -> Self {
        let mut process = guardian(settings).spawn().expect("there is a shell");
        let orders = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let folder = answers.next().expect("Redis starts; stderr says why not").expect("it speaks UTF-8");
        Self { guardian: Mutex::new(Guardian { process, orders, answers }), url: format!("unix://{folder}/socket") }
    }

    /// Where it is: on a socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server: what it has not saved is lost.
    pub fn kill(&self) {
        self.order("stop");
    }

    /// Starts it again with what it had saved; when this returns it accepts connections.
    pub fn start_again(&self) {
        self.order("start");
    }

    /// Starts it again without any data.
    pub fn start_again_empty(&self) {
        self.order("empty");
        self.order("start");
    }

    /// Writes all data to the disk.
    pub fn save(&self) {
        self.order("save");
    }

    /// Deletes all data.
    pub fn flush(&self) {
        self.order("flush");
    }

    /// Stops the process without ending it: it holds its connections and answers nothing.
    pub fn freeze(&self) {
        self.order("freeze");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.order("thaw");
    }

    fn order(&self, order: &str) {
        let mut guardian = self.guardian.lock().expect("no order has failed before");
        let orders = guardian.orders.as_mut().expect("orders are taken until the end");
        writeln!(orders, "{order}").expect("the guardian listens");
        let answer = guardian.answers.next().expect("it answers; stderr says why not").expect("it speaks UTF-8");
        assert_eq!(answer, format!("{order}: done"));
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let guardian = self.guardian.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        guardian.orders = None;
        drop(guardian.process.wait());
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.url)
    }
}

/// The command that runs a server for as long as somebody holds its stdin.
fn guardian(settings: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", include_str!("redis.sh"), "redis.sh"]).args(settings);
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    // In a group of its own: what ends the test by its group, a time limit or Ctrl-C, does not end this with it.
    command.process_group(0);
    command
}

#[cfg(test)]
mod tests {
    use super::guardian;

    #[test]
    fn whoever_goes_away_before_the_server_runs_leaves_nothing() {
        let mut process = guardian(&[]).spawn().unwrap();
        drop((process.stdin.take(), process.stdout.take()));
        // It has come to its end, where it kills the server and removes the folder.
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
}
