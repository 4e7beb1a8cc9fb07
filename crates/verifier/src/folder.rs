//! A folder for data, for one process alone and for its account's eyes alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use doorkey_core::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// A folder in which nobody else holds the same lock as long as this is held.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
}

/// Which folder it is: a copy of it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderIdentity {
    device: u64,
    lock: u64,
}

impl Folder {
    /// Takes the file `lock` in the folder, and makes the folder (mode 0700) when it is absent.
    ///
    /// Fails with [`ErrorCode::StoreUnavailable`] if it cannot be written to and with [`ErrorCode::Conflict`] if another
    /// process has it, or this one has already: two would write over each other's counts.
    pub(crate) fn open(path: &Path, lock: &str) -> Result<Self, Error> {
        let unusable = |_| Error::new(ErrorCode::StoreUnavailable, "the data folder cannot be written to");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(unusable)?;
        let path = fs::canonicalize(path).map_err(unusable)?;
        let lock = writable(&path.join(lock)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(Error::new(ErrorCode::Conflict, "another process works in the data folder"))
            }
            Err(fs::TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Which folder it is, by the file that is held; `None` where files have no numbers.
    pub(crate) fn identity(&self) -> Option<FolderIdentity> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let lock = self.lock.metadata().ok()?;
            Some(FolderIdentity { device: lock.dev(), lock: lock.ino() })
        }
        #[cfg(not(unix))]
        None
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the file anew, empty, with mode 0600.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let file = self.append(name)?;
        file.set_len(0)?;
        Ok(file)
    }

    /// Opens the file to write at its end.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        writable(&self.file(name))
    }

    /// Puts a whole file in the place of another, for good.
    pub(crate) fn replace(&self, file: &File, from: &str, to: &str) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(self.file(from), self.file(to))?;
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }

    /// Writes a whole file beside its place and puts it there.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.new");
        let mut file = self.create(&draft)?;
        let written = file.write_all(content).and_then(|()| self.replace(&file, &draft, name));
        if written.is_err() {
            // On a full disk half a file would take what room there is.
            let _ = fs::remove_file(self.file(&draft));
        }
        written
    }
}

fn writable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
