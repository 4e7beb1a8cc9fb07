//! Running programs in the checkout, with a line on stderr for each long step.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A program to run in the checkout. Both of its outputs go to stderr.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // The caller's own Doorkey is none of the demo's or the tests' business.
    env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DOORKEY_")).for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).stdout(std::io::stderr());
    command
}

/// The cargo that runs this.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(&env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments)
}

/// Runs one step, says what it is and how long it took.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    eprintln!("▸ {name}");
    let start = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{name}: cannot run {program}"))?;
    if !status.success() {
        bail!("{name}: {program} ended with {status}");
    }
    let seconds = start.elapsed().as_secs_f64();
    if seconds >= 1.0 {
        eprintln!("  {seconds:.1} s");
    }
    Ok(())
}

/// Does `work` unless it was done before for the same inputs, and `outputs` are still there.
pub(crate) fn once(
    name: &str,
    inputs: &[PathBuf],
    outputs: &[PathBuf],
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stamp = target().join("xtask").join(name);
    let hash = hash_of(inputs)?.to_string();
    let is_done = fs::read_to_string(&stamp).is_ok_and(|known| known == hash);
    if is_done && outputs.iter().all(|output| output.exists()) {
        return Ok(());
    }
    work()?;
    fs::create_dir_all(target().join("xtask"))?;
    fs::write(stamp, hash)?;
    Ok(())
}

/// A hash over the contents of files and folders; build outputs inside of folders do not count.
fn hash_of(inputs: &[PathBuf]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut pending: Vec<PathBuf> = inputs.to_vec();
    while let Some(path) = pending.pop() {
        path.hash(&mut hasher);
        if path.is_dir() {
            let mut entries: Vec<_> =
                fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
            entries.retain(|entry| !entry.ends_with("node_modules") && !entry.ends_with("dist"));
            entries.sort();
            pending.extend(entries);
        } else {
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}
