//! Exporting: the whole record of a journal as the lines of a bundle, for whoever wants to check it.
//!
//! Owns the one reading of a journal from outside, without changing it: all of it as it stood at one moment, while a hub
//! may be writing on. Takes the file; gives [`Line`]s in a bundle's order, one at a time. Rows that are no reading any
//! more are given as they are, so that whoever checks finds them; nothing is checked here.

use super::{StoreError, open_read_only, rows};
use frostguard_shared::bundle::{Base64, BundledEvent, BundledGap, End, Line, Unreadable};
use frostguard_shared::chain::Hash;
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::ids::{EpochId, HubId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::Path;

/// A journal as it stood when it was opened.
pub struct Snapshot {
    connection: Connection,
    /// Whose it is.
    pub hub: HubId,
    /// Its epoch.
    pub epoch: EpochId,
}

impl Snapshot {
    /// Opens a journal for reading; `None` if nothing was ever written to it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let connection = open_read_only(path)?;
        // Everything below reads what was there when the first of it was read.
        connection.execute_batch("BEGIN").map_err(StoreError::sqlite("opened for reading"))?;
        let owner: Option<([u8; 16], [u8; 16])> = connection
            .query_row("SELECT epoch, hub FROM epoch", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        Ok(owner.map(|(epoch, hub)| Self {
            connection,
            hub: HubId::from_bytes(hub),
            epoch: EpochId::from_bytes(epoch),
        }))
    }

    /// Gives every line of the bundle after the first, in order.
    ///
    /// # Errors
    /// The file cannot be read, or whatever `take` refuses.
    pub fn each_line<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(&Line) -> Result<(), E>,
    ) -> Result<End, E> {
        let (events, checkpoints) = self.events(&mut take)?;
        let readings = self.readings(&mut take)?;
        let end = End { events, checkpoints, readings };
        take(&Line::End(end))?;
        Ok(end)
    }

    fn events<E: From<StoreError>>(
        &self,
        take: &mut impl FnMut(&Line) -> Result<(), E>,
    ) -> Result<(u64, u64), E> {
        let checkpoints = self.checkpoints()?;
        let mut unsaid = checkpoints.iter().peekable();
        let mut events = 0;
        self.each_row("SELECT seq, hash, bytes FROM events ORDER BY seq", |row| {
            let seq = whole(row, 0)?;
            while let Some((_, note)) = unsaid.next_if(|(size, _)| *size < seq) {
                take(&Line::Checkpoint(note.clone()))?;
            }
            // A hash of another length is none; as zeros it breaks the chain where it stands.
            let hash = <[u8; 32]>::try_from(bytes(row, 1)?).map_or(Hash([0; 32]), Hash);
            events += 1;
            let bytes = Some(Base64(bytes(row, 2)?.to_vec()));
            take(&Line::Event(BundledEvent { seq, hash, bytes }))
        })?;
        for (_, note) in unsaid {
            take(&Line::Checkpoint(note.clone()))?;
        }
        Ok((events, checkpoints.len() as u64))
    }

    /// What the hub's key has signed. A journal that was not opened since there are checkpoints has none.
    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError> {
        let mut notes = Vec::new();
        if self.connection.table_exists(None, "checkpoints").map_err(StoreError::sqlite("read"))? {
            self.each_row("SELECT size, note FROM checkpoints ORDER BY size", |row| {
                let note = String::from_utf8_lossy(bytes(row, 1)?).into_owned();
                notes.push((whole(row, 0)?, note));
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(notes)
    }

    fn readings<E: From<StoreError>>(&self, take: &mut impl FnMut(&Line) -> Result<(), E>) -> Result<u64, E> {
        let sealed_to = self.sealed_to()?;
        let (mut next, mut readings) = (1, 0);
        self.each_row(&format!("SELECT {} ORDER BY r.seq", rows::EVERY), |row| {
            let seq = whole(row, 0)?;
            // What a later seal leaves out the hub has found missing itself. Further on nobody has told of it.
            if seq > next && seq <= sealed_to {
                let cause = "damage".to_owned();
                take(&Line::Gap(BundledGap { first: next, last: seq - 1, cause }))?;
            }
            next = seq.saturating_add(1);
            readings += 1;
            take(&match rows::reading(row) {
                Ok(reading) => Line::Reading(Base64(reading.to_bytes().to_vec())),
                Err(_) => Line::Unreadable(Unreadable { seq, bytes: Base64(as_text(row)) }),
            })
        })?;
        Ok(readings)
    }

    /// The last sealed reading; seals come at least hourly, so the search back is short.
    fn sealed_to(&self) -> Result<u64, StoreError> {
        let step = || StoreError::sqlite("read");
        let mut select =
            self.connection.prepare("SELECT bytes FROM events ORDER BY seq DESC").map_err(step())?;
        let mut rows = select.query([]).map_err(step())?;
        while let Some(row) = rows.next().map_err(step())? {
            let event = Event::from_bytes(bytes(row, 0)?).ok();
            if let Some(Fact::ReadingsSealed { last, .. }) = event.as_ref().and_then(Event::fact) {
                return Ok(*last);
            }
        }
        Ok(0)
    }

    fn each_row<E: From<StoreError>>(
        &self,
        sql: &str,
        mut take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let step = || StoreError::sqlite("read");
        let mut select = self.connection.prepare(sql).map_err(step())?;
        let mut rows = select.query([]).map_err(step())?;
        while let Some(row) = rows.next().map_err(step())? {
            take(row)?;
        }
        Ok(())
    }
}

fn whole(row: &Row<'_>, column: usize) -> Result<u64, StoreError> {
    row.get::<_, i64>(column).map(|value| value as u64).map_err(StoreError::sqlite("read"))
}

/// Text or bytes, as they are stored.
fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], StoreError> {
    let value = row.get_ref(column).map_err(StoreError::sqlite("read"))?;
    value.as_bytes_or_null().map(Option::unwrap_or_default).map_err(StoreError::content("an event"))
}

/// A row that is no reading, as the SQLite shell would show it.
fn as_text(row: &Row<'_>) -> Vec<u8> {
    let mut text = String::new();
    for column in 0.. {
        let Ok(value) = row.get_ref(column) else { break };
        if column > 0 {
            text.push('|');
        }
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(value) => text.push_str(&value.to_string()),
            ValueRef::Real(value) => text.push_str(&value.to_string()),
            ValueRef::Text(value) | ValueRef::Blob(value) => text.push_str(&hex::encode(value)),
        }
    }
    text.into_bytes()
}
