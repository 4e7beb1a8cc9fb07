//! Where things are kept: the database, and the data folder for the master key. For the operator's eyes alone.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use doorkey_core::{parse_base64url_array, to_base64url};
use doorkey_issuer::{Database, Vault};
use doorkey_verifier::{SystemEntropy, random};
use zeroize::Zeroizing;

use crate::Global;

type MasterKey = Zeroizing<[u8; Vault::KEY_LEN]>;

const MASTER_KEY: &str = "DOORKEY_MASTER_KEY";

/// The database that was named, else the file in the data folder.
pub(crate) fn database(global: &Global) -> anyhow::Result<Database> {
    match &global.database {
        Some(url) => url.parse().context("--database"),
        None => Ok(Database::file(global.data.join("doorkey.db"))),
    }
}

/// The data folder.
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Takes the folder, and makes it (mode 0700) when it is absent.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let path = fs::canonicalize(path).with_context(|| format!("cannot find the data folder {}", path.display()))?;
        Ok(Self(path))
    }

    /// The folder's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file of the master key.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The master key: from the environment, else from its file, which is made when there is no database yet that
    /// needs another one.
    pub(crate) fn master_key(&self, is_first: bool) -> anyhow::Result<MasterKey> {
        #[expect(clippy::disallowed_methods, reason = "a key on the command line would show in the list of processes")]
        if let Some(text) = std::env::var_os(MASTER_KEY) {
            let text = Zeroizing::new(text.into_string().unwrap_or_default());
            return parse(&text).with_context(|| format!("{MASTER_KEY} is not base64url of 32 bytes"));
        }
        let file = self.master_key_file();
        if !file.exists() {
            if !is_first {
                bail!("{} is missing: restore it, or set {MASTER_KEY}", file.display());
            }
            self.make_master_key(&file).with_context(|| format!("cannot make {}", file.display()))?;
        }
        check_mode(&file)?;
        let text =
            Zeroizing::new(fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?);
        parse(text.trim_end()).with_context(|| format!("{} is not base64url of 32 bytes", file.display()))
    }

    /// Writes a new key beside its place and links it there: whoever reads the file finds a whole key, and of two that
    /// make one at once, both go on with the first.
    fn make_master_key(&self, file: &Path) -> std::io::Result<()> {
        let key = Zeroizing::new(random::<{ Vault::KEY_LEN }>(&SystemEntropy));
        // A name of its own: a draft that a killed process left behind must not stand in the way of the next.
        let draft = self.0.join(format!("master.key.{}", to_base64url(&random::<9>(&SystemEntropy))));
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&draft)?;
        let line = Zeroizing::new(to_base64url(&*key) + "\n");
        let linked = out.write_all(line.as_bytes()).and_then(|()| out.sync_all()).and_then(|()| {
            fs::hard_link(&draft, file)
                .or_else(|error| if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
        });
        fs::remove_file(&draft)?;
        linked?;
        // The database that needs this key must not outlive it in a power cut.
        #[cfg(unix)]
        fs::File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}

fn parse(text: &str) -> Option<MasterKey> {
    parse_base64url_array(text).map(Zeroizing::new)
}

/// Refuses a key that other accounts of the machine can read.
pub(crate) fn check_mode(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("{} has mode {:o}, so others can read it: chmod 600 it", file.display(), mode & 0o777);
        }
    }
    Ok(())
}
