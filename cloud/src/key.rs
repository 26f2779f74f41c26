//! The cloud's key file: what hubs pin when they are enrolled.
//!
//! Owns the file: 32 bytes of seed in hex, readable by its owner alone, never overwritten. It is made once and whole:
//! temporary file, fsync, link, fsync of the folder. Whoever loses it has to enrol every hub anew, so it belongs in the
//! operator's backups, apart from the database.

use crate::entropy::{self, EntropyError};
use frostguard_shared::signature::SecretKey;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The key cannot be used. Stop: a cloud with another key is another cloud to every hub.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There is none.
    #[error("there is no key at {path}; `frostguard-cloud migrate` makes it")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("the key {path} cannot be {step}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Others than its owner can read it.
    #[error(
        "the key {path} can be read by others (mode {mode:o}): if nobody has, chmod 600 it; else it is spent"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not 64 digits of hex.
    #[error("the key {path} is damaged: restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// No randomness for a new key.
    #[error("no new key could be made")]
    Entropy(#[from] EntropyError),
}

/// Whether the key was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// It was there already.
    Found,
    /// It was made now.
    Now,
}

fn failed(path: &Path, step: &'static str) -> impl FnOnce(std::io::Error) -> KeyError {
    let path = path.to_path_buf();
    move |source| KeyError::File { path, step, source }
}

/// Opens the key.
///
/// # Errors
/// It is missing, unreadable, damaged, or open to others.
pub fn open(path: &Path) -> Result<SecretKey, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(missing) if missing.kind() == ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.into() });
        }
        Err(source) => return Err(failed(path, "opened")(source)),
    };
    let mode = file.metadata().map_err(failed(path, "looked at"))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.into(), mode });
    }
    let mut text = String::new();
    // A key has 64 digits and the end of a line: nothing that is longer needs to be read to the end.
    let read = file.take(100).read_to_string(&mut text);
    match read {
        Err(fault) if fault.kind() != ErrorKind::InvalidData => Err(failed(path, "read")(fault)),
        _ => {
            let mut seed = [0; 32];
            hex::decode_to_slice(text.trim_end(), &mut seed)
                .map_err(|_| KeyError::Damaged { path: path.into() })?;
            Ok(SecretKey::from_seed(&seed))
        }
    }
}

/// Opens the key, and makes it first if there is none. A key that is there is never replaced.
///
/// # Errors
/// It cannot be made, or what is there cannot be used.
pub fn open_or_make(path: &Path) -> Result<(SecretKey, Made), KeyError> {
    match open(path) {
        Err(KeyError::Missing { .. }) => make(path),
        found => found.map(|key| (key, Made::Found)),
    }
}

fn make(path: &Path) -> Result<(SecretKey, Made), KeyError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(path, "given a folder"))?;
    let seed: [u8; 32] = entropy::bytes()?;
    let temporary = path.with_extension(format!("new-{}", hex::encode(entropy::bytes::<4>()?)));
    let written = write(&temporary, &seed);
    // A link never replaces what is there: of two that make a key at once, one key stands and both use it.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    match linked {
        Ok(()) => {}
        Err(fault) if fault.kind() == ErrorKind::AlreadyExists => return Ok((open(path)?, Made::Found)),
        Err(fault) => return Err(failed(path, "made")(fault)),
    }
    removed.map_err(failed(path, "tidied up after"))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(path, "made durable"))?;
    Ok((open(path)?, Made::Now))
}

fn write(path: &Path, seed: &[u8; 32]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(hex::encode(seed).as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/cloud.key");
        assert!(matches!(open(&path), Err(KeyError::Missing { .. })));
        let (first, made) = open_or_make(&path).unwrap();
        assert_eq!(made, Made::Now);
        let (again, made) = open_or_make(&path).unwrap();
        assert_eq!((again.public(), made), (first.public(), Made::Found));
        assert_eq!(make(&path).unwrap().1, Made::Found, "of two at once, one key stands");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_and_a_damaged_one_are_refused_and_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.key");
        open_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open_or_make(&path), Err(KeyError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in [&b"abc"[..], b"", b"\xFF\xFE", &[b'0'; 99]] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(open_or_make(&path), Err(KeyError::Damaged { .. })), "{damaged:?}");
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }
}
