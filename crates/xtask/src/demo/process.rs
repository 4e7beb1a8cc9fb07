use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// A server that was started here, and is stopped when this is dropped.
pub(super) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    /// Starts it and waits for its first line on stdout that says something: then it is ready.
    pub(super) fn start(name: &'static str, command: &mut Command) -> Result<(Self, String)> {
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        // Made before anything can fail, so that it is stopped then too.
        let process = Self { name, child };
        let ready = lines.find_map(|line| line.ok().filter(|line| !line.trim().is_empty()));
        // Whatever comes later is read away: a full pipe would stop the server.
        thread::spawn(move || lines.for_each(drop));
        match ready {
            Some(line) => Ok((process, line)),
            None => bail!("{name} ended before it was ready"),
        }
    }

    /// Fails if it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended with {status}", self.name),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The issuer's registry survives this by design; the rest has nothing to lose.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
