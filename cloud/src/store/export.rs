//! Exporting: the record of one hub, as the database holds it, as the lines of a bundle.
//!
//! Owns the way back from rows to the exact bytes. Takes a transaction that sees the database as it stood at one moment;
//! gives [`Line`]s in a bundle's order, a bounded number of rows at a time. Rows that are no reading any more are given
//! as they are, so that whoever checks finds them; nothing is checked here.

use super::events::lineage;
use super::streams::{self, EventsCursor, Journal, sealed_before};
use super::{StoreError, TenantTx, query, uuid};
use frostguard_shared::bundle::{Base64, BundledEvent, BundledGap, End, Line, Unreadable};
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::{EpochId, HubId, PointId};
use frostguard_shared::quantity::{
    BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts, QuantityError,
};
use frostguard_shared::reading::{Door, Quality, READING_BYTES, Reading};
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use sqlx::Row;
use sqlx::postgres::PgRow;

/// A stream of events that was taken from a hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Its epoch.
    pub epoch: EpochId,
    /// Its branch.
    pub branch: i16,
    /// Its last event.
    pub events: u64,
}

/// What is held of a hub, oldest first.
///
/// # Errors
/// The database cannot be asked.
pub async fn held(tx: &mut TenantTx, hub: HubId) -> Result<Vec<Held>, StoreError> {
    let step = "list what is held of the hub";
    let rows = query(
        "SELECT epoch, branch, last_seq FROM hub_streams WHERE feed = $1 AND stream = 2
         ORDER BY min(id) OVER (PARTITION BY epoch), branch",
    )
    .bind(uuid(hub.as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    let read = |row: &PgRow| {
        Ok(Held {
            epoch: EpochId::from_bytes(row.try_get::<uuid::Uuid, _>("epoch")?.into_bytes()),
            branch: row.try_get("branch")?,
            events: row.try_get::<i64, _>("last_seq")? as u64,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::step(step))
}

/// Gives every line of the bundle after the first, in order.
///
/// # Errors
/// The database cannot be asked, or whatever `take` refuses.
pub async fn each_line<E: From<StoreError>>(
    tx: &mut TenantTx,
    journal: Journal,
    branch: i16,
    mut take: impl FnMut(&Line) -> Result<(), E>,
) -> Result<End, E> {
    let cursors = streams::events(tx, journal).await?;
    let mut end = End { events: 0, checkpoints: 0, readings: 0 };
    let mut events = lineage(&cursors, branch);
    events.reverse();
    for part in events {
        query(DECLARE_EVENTS)
            .bind(part.0)
            .bind(stored(part.1))
            .bind(stored(part.2))
            .execute(tx.connection())
            .await
            .map_err(StoreError::step("read the events"))?;
        each_row(tx, |row| {
            let line = event_line(row)?;
            match &line {
                Line::Event(_) => end.events += 1,
                _ => end.checkpoints += 1,
            }
            take(&line)
        })
        .await?;
    }
    let mut next = 1;
    for part in reading_parts(tx, journal, &cursors, branch).await? {
        query(DECLARE_READINGS)
            .bind(part.0)
            .bind(stored(part.1))
            .bind(stored(part.2))
            .execute(tx.connection())
            .await
            .map_err(StoreError::step("read the readings"))?;
        each_row(tx, |row| {
            let Some((line, last)) = reading_line(row, next)? else { return Ok(()) };
            if !matches!(line, Line::Gap(_)) {
                end.readings += 1;
            }
            next = last.saturating_add(1);
            take(&line)
        })
        .await?;
    }
    take(&Line::End(end))?;
    Ok(end)
}

/// Events with the checkpoints right after the last event that each covers.
const DECLARE_EVENTS: &str = "DECLARE export NO SCROLL CURSOR FOR
    SELECT seq, hash, bytes, NULL::text AS note FROM hub_events WHERE stream_id = $1 AND seq BETWEEN $2 AND $3
    UNION ALL
    SELECT size, NULL, NULL, note FROM hub_checkpoints WHERE stream_id = $1 AND size BETWEEN $2 AND $3
    ORDER BY 1, 4 NULLS FIRST";

/// Every number of a stream of readings, wherever it was put. Not a number is what no reading can hold.
const DECLARE_READINGS: &str = "DECLARE export NO SCROLL CURSOR FOR
    SELECT r.seq, NULL::bytea AS bytes, NULL::bigint AS gap_to, NULL::text AS cause, p.id AS point, r.at_ms, r.boottime_ms,
        r.rule_ms, r.age_ms, r.boot, r.battery, r.signal_strength, r.battery_mv, r.trust, r.quality, r.door,
        (nullif(r.temperature, 'NaN') * 100)::integer AS temperature,
        (nullif(r.humidity, 'NaN') * 100)::integer AS humidity
    FROM sensor_readings r LEFT JOIN points p ON p.n = r.point_n
    WHERE r.stream_id = $1 AND r.seq BETWEEN $2 AND $3 AND r.unit_id IN (SELECT id FROM units)
    UNION ALL
    SELECT seq, bytes, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM readings_quarantine WHERE stream_id = $1 AND seq BETWEEN $2 AND $3
    UNION ALL
    SELECT first_seq, NULL, last_seq, cause, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM reading_gaps WHERE stream_id = $1 AND first_seq BETWEEN $2 AND $3
    ORDER BY 1";

fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Takes the rows of the open cursor, a bounded number of them at a time, and closes it.
async fn each_row<E: From<StoreError>>(
    tx: &mut TenantTx,
    mut take: impl FnMut(&PgRow) -> Result<(), E>,
) -> Result<(), E> {
    loop {
        let rows = query("FETCH FORWARD 2000 FROM export")
            .fetch_all(tx.connection())
            .await
            .map_err(StoreError::step("read the record"))?;
        if rows.is_empty() {
            break;
        }
        rows.iter().try_for_each(&mut take)?;
    }
    query("CLOSE export").execute(tx.connection()).await.map_err(StoreError::step("read the record"))?;
    Ok(())
}

fn event_line(row: &PgRow) -> Result<Line, StoreError> {
    let read = || {
        if let Some(note) = row.try_get("note")? {
            return Ok(Line::Checkpoint(note));
        }
        let hash: Vec<u8> = row.try_get("hash")?;
        let bytes: Option<Vec<u8>> = row.try_get("bytes")?;
        Ok(Line::Event(BundledEvent {
            seq: row.try_get::<i64, _>("seq")? as u64,
            // A hash of another length is none; as zeros it breaks the chain where it stands.
            hash: <[u8; 32]>::try_from(hash.as_slice()).map_or(Hash([0; 32]), Hash),
            bytes: bytes.map(Base64),
        }))
    };
    read().map_err(StoreError::step("read an event"))
}

/// The rows of a branch's readings and of its parents' before they forked, as `(stream row, first, last)`, in order.
async fn reading_parts(
    tx: &mut TenantTx,
    journal: Journal,
    cursors: &[EventsCursor],
    branch: i16,
) -> Result<Vec<(i64, u64, u64)>, StoreError> {
    let mut parts = Vec::new();
    let (mut number, mut to) = (branch, u64::MAX);
    while let Some(cursor) = cursors.iter().find(|cursor| cursor.branch.number == number) {
        let fork = cursor.branch.forked.filter(|(parent, _)| *parent < number);
        let from = match fork {
            Some((parent, at)) => sealed_before(tx, journal, parent, at).await? as u64 + 1,
            None => 1,
        };
        let row =
            query("SELECT id FROM hub_streams WHERE feed = $1 AND epoch = $2 AND stream = 1 AND branch = $3")
                .bind(uuid(journal.hub.as_bytes()))
                .bind(uuid(journal.epoch.as_bytes()))
                .bind(number)
                .fetch_optional(tx.connection())
                .await
                .map_err(StoreError::step("find the readings"))?;
        parts.extend(row.map(|row| (row.get("id"), from, to)));
        let Some((parent, _)) = fork else { break };
        (number, to) = (parent, to.min(from - 1));
    }
    parts.reverse();
    Ok(parts)
}

/// The line of a row and the last number that it stands for; nothing for a gap that is known already.
fn reading_line(row: &PgRow, next: u64) -> Result<Option<(Line, u64)>, StoreError> {
    let step = || StoreError::step("read a reading");
    let seq = row.try_get::<i64, _>("seq").map_err(step())? as u64;
    if let Some(last) = row.try_get::<Option<i64>, _>("gap_to").map_err(step())? {
        // Told once more with what followed it: only what is new of it is a gap.
        let (first, last) = (seq.max(next), last as u64);
        let cause = row.try_get("cause").map_err(step())?;
        return Ok((first <= last).then_some((Line::Gap(BundledGap { first, last, cause }), last)));
    }
    let unreadable = |bytes| Line::Unreadable(Unreadable { seq, bytes: Base64(bytes) });
    let line = match row.try_get::<Option<Vec<u8>>, _>("bytes").map_err(step())? {
        Some(bytes) if is_numbered(&bytes, seq) => Line::Reading(Base64(bytes)),
        Some(bytes) => unreadable(bytes),
        None => {
            let columns = Columns::of(row).map_err(step())?;
            match columns.reading(seq) {
                Ok(reading) => Line::Reading(Base64(reading.to_bytes().to_vec())),
                Err(_) => unreadable(format!("{columns:?}").into_bytes()),
            }
        }
    };
    Ok(Some((line, seq)))
}

fn is_numbered(bytes: &[u8], seq: u64) -> bool {
    let form = <&[u8; READING_BYTES]>::try_from(bytes).ok();
    form.and_then(|form| Reading::from_bytes(form).ok()).is_some_and(|reading| reading.seq == seq)
}

/// A row of the readings' table; its `Debug` is what is shown of one that is no reading.
#[derive(Debug)]
struct Columns {
    point: Option<uuid::Uuid>,
    at_ms: i64,
    boottime_ms: i64,
    rule_ms: i64,
    age_ms: i64,
    boot: i32,
    battery: Option<i32>,
    signal_strength: Option<i32>,
    battery_mv: Option<i32>,
    trust: i16,
    quality: i16,
    door: Option<i16>,
    temperature: Option<i32>,
    humidity: Option<i32>,
}

/// A row that is no reading.
#[derive(Debug, thiserror::Error)]
enum ColumnError {
    #[error("a quantity is out of its range")]
    Quantity(#[from] QuantityError),
    #[error("{0} is not known")]
    Code(&'static str),
}

impl Columns {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            point: row.try_get("point")?,
            at_ms: row.try_get("at_ms")?,
            boottime_ms: row.try_get("boottime_ms")?,
            rule_ms: row.try_get("rule_ms")?,
            age_ms: row.try_get("age_ms")?,
            boot: row.try_get("boot")?,
            battery: row.try_get("battery")?,
            signal_strength: row.try_get("signal_strength")?,
            battery_mv: row.try_get("battery_mv")?,
            trust: row.try_get("trust")?,
            quality: row.try_get("quality")?,
            door: row.try_get("door")?,
            temperature: row.try_get("temperature")?,
            humidity: row.try_get("humidity")?,
        })
    }

    fn reading(&self, seq: u64) -> Result<Reading, ColumnError> {
        let code = ColumnError::Code;
        let byte = |value: i16, what| u8::try_from(value).map_err(|_| code(what));
        let point = self.point.ok_or(code("point"))?;
        Ok(Reading {
            seq,
            at: WallMs(self.at_ms),
            boot: Boot(self.boot as u32),
            boottime: BoottimeMs(self.boottime_ms as u64),
            rule: RuleMs(self.rule_ms),
            age_ms: self.age_ms as u64,
            trust: Trust::from_code(byte(self.trust, "trust")?).ok_or(code("trust"))?,
            point: PointId::from_bytes(point.into_bytes()),
            temperature: CentiCelsius::new(self.temperature.ok_or(code("temperature"))?)?,
            humidity: quantity(self.humidity, BasisPointsRh::new)?,
            battery_percent: quantity(self.battery, BatteryPercent::new)?,
            battery: quantity(self.battery_mv, Millivolts::new)?,
            signal: quantity(self.signal_strength, Dbm::new)?,
            door: match self.door {
                None => None,
                Some(0) => Some(Door::Closed),
                Some(1) => Some(Door::Open),
                Some(_) => return Err(code("door")),
            },
            quality: Quality::from_code(byte(self.quality, "quality")?).ok_or(code("quality"))?,
        })
    }
}

fn quantity<T>(
    value: Option<i32>,
    make: fn(i64) -> Result<T, QuantityError>,
) -> Result<Option<T>, QuantityError> {
    value.map(|value| make(i64::from(value))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        Columns {
            point: Some(uuid::Uuid::from_bytes([4; 16])),
            at_ms: 1,
            boottime_ms: 2,
            rule_ms: 3,
            age_ms: 0,
            boot: -1,
            battery: Some(97),
            signal_strength: Some(-71),
            battery_mv: None,
            trust: 2,
            quality: 0,
            door: Some(1),
            temperature: Some(-1_842),
            humidity: Some(8_860),
        }
    }

    #[test]
    fn a_row_becomes_the_bytes_that_it_was_made_of() {
        let reading = columns().reading(7).unwrap();
        assert_eq!((reading.boot, reading.door), (Boot(u32::MAX), Some(Door::Open)));
        assert_eq!(Reading::from_bytes(&reading.to_bytes()).unwrap(), reading);
        assert!(is_numbered(&reading.to_bytes(), 7) && !is_numbered(&reading.to_bytes(), 8));
    }

    #[test]
    fn a_row_that_no_reading_can_be_is_none() {
        for change in [
            |row: &mut Columns| row.point = None,
            |row: &mut Columns| row.temperature = None,
            |row: &mut Columns| row.temperature = Some(9_999_999),
            |row: &mut Columns| row.humidity = Some(-1),
            |row: &mut Columns| row.trust = 300,
            |row: &mut Columns| row.quality = 9,
            |row: &mut Columns| row.door = Some(2),
        ] {
            let mut row = columns();
            change(&mut row);
            assert!(row.reading(7).is_err(), "{row:?}");
        }
    }
}
