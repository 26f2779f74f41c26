//! `frostguard-edge export`: the record as a bundle, for whoever wants to check it.
//!
//! Owns where the bundle goes: a file that is there whole or not at all, or standard output; and what is said of it on
//! standard error.

use super::{At, Failure};
use crate::clock::Clock;
use crate::store::{self, export::Snapshot, inspect::VerifyError};
use frostguard_shared::bundle::{End, Header, Line, Side, to_line};
use frostguard_shared::time::WallMs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Lines between two words on how far it is.
const SAY_EVERY: u64 = 500_000;

/// What to export, and where to.
#[derive(clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    at: At,
    /// Write to this file instead of standard output; it is there whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A journal that was set aside, instead of the present one
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

impl Export {
    /// Writes the bundle.
    pub(super) fn run(self) -> Result<(), Failure> {
        let path = match self.journal {
            Some(journal) => journal,
            None => self.at.load()?.state_dir.join(store::FILE),
        };
        let snapshot = Snapshot::open(&path)?.ok_or(VerifyError::Empty)?;
        let end = match &self.out {
            Some(out) => to_file(&snapshot, out)?,
            None => write(&snapshot, std::io::stdout().lock())?,
        };
        eprintln!(
            "exported {} events, {} checkpoints and {} readings of hub {}, epoch {}",
            end.events, end.checkpoints, end.readings, snapshot.hub, snapshot.epoch
        );
        if end.checkpoints == 0 {
            eprintln!(
                "the hub has signed no checkpoint of it yet, so the bundle does not prove who wrote it"
            );
        }
        Ok(())
    }
}

fn to_file(snapshot: &Snapshot, out: &Path) -> Result<End, Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    let end = write(snapshot, &mut file)?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    Ok(end)
}

fn write(snapshot: &Snapshot, to: impl Write) -> Result<End, Failure> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    let made = Clock::new(WallMs(0), false).sample().wall;
    let header = Header::new(Side::Hub, snapshot.hub, snapshot.epoch, made.0);
    to.write_all(to_line(&header)?.as_bytes())?;
    let mut lines = 0;
    let end = snapshot.each_line(|line: &Line| {
        lines += 1;
        if lines % SAY_EVERY == 0 {
            eprintln!("{lines} lines …");
        }
        to.write_all(to_line(line)?.as_bytes())?;
        Ok::<_, Failure>(())
    })?;
    to.flush()?;
    Ok(end)
}
