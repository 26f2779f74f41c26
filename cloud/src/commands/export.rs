//! `frostguard-cloud export`: the record of one hub as a bundle, for whoever wants to check it.
//!
//! Owns which record is meant and where the bundle goes: a file that is there whole or not at all, or standard output.
//! Runs with an operator's login. What is said of it goes to standard error.

use super::{Failure, database};
use crate::clock;
use crate::config::Config;
use crate::store::export::{self, Held};
use crate::store::streams::Journal;
use crate::store::{Database, Duty, TenantTx, operators};
use frostguard_shared::bundle::{End, Header, Line, Side, to_line};
use frostguard_shared::ids::{EpochId, HubId};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Lines between two words on how far it is.
const SAY_EVERY: u64 = 500_000;

/// What to export, and where to.
#[derive(clap::Args)]
pub(super) struct Export {
    /// The hub
    #[arg(long, value_name = "ID")]
    hub: HubId,
    /// The short name of its organization; looked for if not given
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// The epoch of its journal; the newest if not given
    #[arg(long, value_name = "ID")]
    epoch: Option<EpochId>,
    /// The branch, where the hub's record was forked
    #[arg(long, value_name = "N", default_value_t = 0)]
    branch: i16,
    /// Write to this file instead of standard output; it is there whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    /// Writes the bundle.
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let database = database(config).await?;
        let (mut tx, held) = self.find(&database).await?;
        let chosen = self.choose(&held)?;
        let journal = Journal { hub: self.hub, epoch: chosen.epoch };
        let end = match &self.out {
            Some(out) => to_file(&mut tx, journal, chosen.branch, out).await?,
            None => write(&mut tx, journal, chosen.branch, std::io::stdout()).await?,
        };
        eprintln!(
            "exported {} events, {} checkpoints and {} readings of hub {}, epoch {}, branch {}",
            end.events, end.checkpoints, end.readings, journal.hub, journal.epoch, chosen.branch
        );
        Ok(())
    }

    /// The organization that holds something of the hub, seen as it stands now.
    async fn find(&self, database: &Database) -> Result<(TenantTx, Vec<Held>), Failure> {
        let mut tx = database.door(Duty::Operator).await?;
        let mut organizations = operators::organizations(&mut tx).await?;
        tx.commit().await?;
        organizations.retain(|known| self.organization.as_ref().is_none_or(|slug| known.slug == *slug));
        for organization in organizations {
            let mut tx = database.tenant_as_it_stands(organization.id, Duty::Operator).await?;
            let held = export::held(&mut tx, self.hub).await?;
            if !held.is_empty() {
                return Ok((tx, held));
            }
        }
        Err(format!("nothing of hub {} is held", self.hub).into())
    }

    fn choose(&self, held: &[Held]) -> Result<Held, Failure> {
        let newest = held.last().map(|held| held.epoch);
        let epoch = self.epoch.or(newest);
        for other in held.iter().filter(|held| Some(held.epoch) != epoch || held.branch != self.branch) {
            eprintln!(
                "there is also epoch {}, branch {}, with {} events",
                other.epoch, other.branch, other.events
            );
        }
        let chosen = held.iter().find(|held| Some(held.epoch) == epoch && held.branch == self.branch);
        chosen.copied().ok_or_else(|| "nothing is held of that epoch and branch".into())
    }
}

async fn to_file(tx: &mut TenantTx, journal: Journal, branch: i16, out: &Path) -> Result<End, Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    let end = write(tx, journal, branch, &mut file).await?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    Ok(end)
}

async fn write(tx: &mut TenantTx, journal: Journal, branch: i16, to: impl Write) -> Result<End, Failure> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    let header = Header::new(Side::Cloud, journal.hub, journal.epoch, clock::now().0);
    to.write_all(to_line(&header)?.as_bytes())?;
    let mut lines = 0;
    let end = export::each_line(tx, journal, branch, |line: &Line| {
        lines += 1;
        if lines % SAY_EVERY == 0 {
            eprintln!("{lines} lines …");
        }
        to.write_all(to_line(line)?.as_bytes())?;
        Ok::<_, Failure>(())
    })
    .await?;
    to.flush()?;
    Ok(end)
}
