//! Durable files: a small file is replaced whole, or not at all.
//!
//! Owns the one order in which that is safe: a temporary file beside it, fsync, rename, fsync of the folder. Only the
//! owner can read what is written so, for keys are among it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use thiserror::Error;

/// A file was not replaced; the old one is still whole. Say so and try again later.
#[derive(Debug, Error)]
#[error("the file cannot be {step}")]
pub struct ReplaceError {
    /// What was tried.
    pub step: &'static str,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Replaces a file's content, or makes the file.
///
/// # Errors
/// A step failed; the old file is still whole.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), ReplaceError> {
    let failed = |step| move |source| ReplaceError { step, source };
    let extension = path.extension().map_or("new".into(), |old| format!("{}.new", old.to_string_lossy()));
    let temporary = path.with_extension(extension);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary).map_err(failed("made"))?;
    file.write_all(content).map_err(failed("written"))?;
    file.sync_all().map_err(failed("made durable"))?;
    fs::rename(&temporary, path).map_err(failed("put in place"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("made durable in its folder"))
}
