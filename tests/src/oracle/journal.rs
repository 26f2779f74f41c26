//! Owns the hub's record as the sqlite3 shell shows it: every event and every reading of the journal file.
//! Takes the file of a hub that does not run; gives rows.
//! Must never open the file by any code of ours, nor change it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::error::SiteError;
use crate::programs::answer_of;

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its number.
    pub seq: u64,
    /// Its hash, in hex.
    pub hash: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A reading as it is stored.
#[derive(Clone, Debug)]
pub struct ReadingRow {
    /// Its number.
    pub seq: u64,
    /// Its point, in hex.
    pub point: String,
    /// The boot.
    pub boot: u32,
    /// Its place on the rule axis.
    pub rule_ms: i64,
    /// How old it was on arrival.
    pub age_ms: u64,
    /// In 0.01 °C.
    pub temperature: i64,
    /// Whether it is to be believed: 0 if so.
    pub quality: u8,
    /// In 0.01 %.
    pub humidity: Option<i64>,
    /// All fields as one line: `seq|point|boot|at|boottime|rule|age|trust|temperature|quality|humidity|battery|battery
    /// mV|signal|door`.
    pub line: String,
}

/// A journal.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The hub, in hex without hyphens.
    pub hub: String,
    /// The epoch, in hex without hyphens.
    pub epoch: String,
    /// All events in order.
    pub events: Vec<EventRow>,
    /// All readings in order.
    pub readings: Vec<ReadingRow>,
}

impl Journal {
    /// Reads a journal file.
    ///
    /// # Errors
    /// When the shell cannot read it, or it is no journal.
    pub fn read(file: &Path) -> Result<Journal, SiteError> {
        let epoch = sqlite(file, "SELECT lower(hex(hub)), lower(hex(epoch)) FROM epoch")?;
        let (hub, epoch) = epoch.trim().split_once('|').ok_or_else(|| odd("epoch", &epoch))?;
        let events = sqlite(file, "SELECT seq, lower(hex(hash)), hex(bytes) FROM events ORDER BY seq")?;
        let readings = sqlite(
            file,
            "SELECT r.seq, lower(hex(p.point)), r.boot, r.at_ms, r.boottime_ms, r.rule_ms, r.age_ms, r.trust,
                 r.temperature, r.quality, r.humidity, r.battery_percent, r.battery_mv, r.rssi_dbm, r.door
             FROM readings r JOIN points p ON p.n = r.point ORDER BY r.seq",
        )?;
        Ok(Journal {
            hub: hub.to_owned(),
            epoch: epoch.to_owned(),
            events: events.lines().map(event).collect::<Result<_, _>>()?,
            readings: readings.lines().map(reading).collect::<Result<_, _>>()?,
        })
    }

    /// The hub's id as people write it.
    ///
    /// # Errors
    /// When the journal's is none.
    pub fn hub_id(&self) -> Result<String, SiteError> {
        let bytes = hex::decode(&self.hub).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or_else(|| odd("hub", &self.hub))?;
        Ok(frostguard_shared::ids::HubId::from_bytes(bytes).to_string())
    }

    /// The events as lines `seq|hash|bytes`, in hex.
    pub fn event_lines(&self) -> Vec<String> {
        let line = |row: &EventRow| format!("{}|{}|{}", row.seq, row.hash, hex::encode(&row.bytes));
        self.events.iter().map(line).collect()
    }

    /// The hash of each event.
    pub fn hashes(&self) -> Vec<String> {
        self.events.iter().map(|row| row.hash.clone()).collect()
    }

    /// The readings as lines.
    pub fn reading_lines(&self) -> Vec<String> {
        self.readings.iter().map(|row| row.line.clone()).collect()
    }

    /// The events as JSON.
    ///
    /// # Errors
    /// When an event is none.
    pub fn facts(&self) -> Result<Vec<Value>, SiteError> {
        let parse = |row: &EventRow| {
            serde_json::from_slice(&row.bytes)
                .map_err(|source| SiteError::Json { what: format!("event {}", row.seq), source })
        };
        self.events.iter().map(parse).collect()
    }
}

/// The last event and the last reading of a journal, as `events|readings`; its hub may be running.
///
/// # Errors
/// When the shell cannot read it.
pub fn heads(file: &Path) -> Result<String, SiteError> {
    let heads = sqlite(
        file,
        "SELECT (SELECT coalesce(max(seq), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM readings)",
    )?;
    Ok(heads.trim().to_owned())
}

/// The epoch of a journal in hex; its hub may be running.
///
/// # Errors
/// When the shell cannot read it.
pub fn epoch(file: &Path) -> Result<String, SiteError> {
    Ok(sqlite(file, "SELECT lower(hex(epoch)) FROM epoch")?.trim().to_owned())
}

/// What the sqlite3 shell prints for this without changing the file: one line a row, `|` between columns.
///
/// # Errors
/// When the shell refuses.
pub fn sqlite(file: &Path, sql: &str) -> Result<String, SiteError> {
    shell(file, &["-readonly"], sql)
}

/// Has the sqlite3 shell change the file, as somebody would who wants to hide something.
///
/// # Errors
/// When the shell refuses.
pub fn spoil(file: &Path, sql: &str) -> Result<String, SiteError> {
    shell(file, &[], sql)
}

fn shell(file: &Path, options: &[&str], sql: &str) -> Result<String, SiteError> {
    let mut command = Command::new("sqlite3");
    command.args(["-batch", "-init", "/dev/null", "-bail"]).args(options).arg(file).arg(sql);
    let answer = answer_of(command, None)?;
    if !answer.status.success() {
        return Err(SiteError::Unexpected(format!("sqlite3: {}", answer.stderr)));
    }
    Ok(answer.stdout)
}

fn odd(what: &str, line: &str) -> SiteError {
    SiteError::Unexpected(format!("the journal's {what} reads {line:?}"))
}

fn event(line: &str) -> Result<EventRow, SiteError> {
    let mut columns = line.split('|');
    let (seq, hash, bytes) = (columns.next(), columns.next(), columns.next());
    let row = (|| {
        let bytes = hex::decode(bytes?).ok()?;
        Some(EventRow { seq: seq?.parse().ok()?, hash: hash?.to_owned(), bytes })
    })();
    row.ok_or_else(|| odd("event", line))
}

fn reading(line: &str) -> Result<ReadingRow, SiteError> {
    let columns: Vec<&str> = line.split('|').collect();
    let row = (|| {
        let [seq, point, boot, _, _, rule, age, _, temperature, quality, humidity, _, _, _, _] = columns[..]
        else {
            return None;
        };
        Some(ReadingRow {
            seq: seq.parse().ok()?,
            point: point.to_owned(),
            boot: boot.parse().ok()?,
            rule_ms: rule.parse().ok()?,
            age_ms: age.parse().ok()?,
            temperature: temperature.parse().ok()?,
            quality: quality.parse().ok()?,
            humidity: if humidity.is_empty() { None } else { Some(humidity.parse().ok()?) },
            line: line.to_owned(),
        })
    })();
    row.ok_or_else(|| odd("reading", line))
}
