//! Owns the end of the outage's story: records edited behind everybody's back, and how each edit is found.
//! Takes a hub that is stopped and a cloud that holds its whole record; gives a check for each edit.
//! Must never leave an edit behind: the next one must be found by itself.

use std::fs;
use std::path::Path;

use super::Outage;
use crate::error::SiteError;
use crate::oracle::expected::{EVENTS, READINGS};
use crate::oracle::journal::{Journal, spoil};
use crate::verifier::verify;

/// An edit, and its undoing.
struct Edit {
    what: &'static str,
    /// In SQL that psql or the sqlite3 shell understands.
    done: String,
    undone: String,
    /// How it must be named: from the spoiled bundle alone, and with the other side's bundle at hand.
    alone: String,
    against: String,
}

/// Exports, checks, edits, exports and checks again.
pub(super) fn tell(outage: &mut Outage<'_, '_>, bundles: &Path, journal: &Journal) -> Result<(), SiteError> {
    fs::create_dir_all(bundles).map_err(SiteError::io("make a folder for bundles"))?;
    let (hub, cloud) = (bundles.join("hub.jsonl"), bundles.join("cloud.jsonl"));
    let hub_id = journal.hub_id()?;
    outage.world.hub.export(&hub)?;
    outage.far.cloud.export(&hub_id, &cloud)?;
    outage.both_verify(&hub, &cloud)?;
    let spoiled = bundles.join("spoiled.jsonl");
    for edit in edits_by_psql(journal)? {
        outage.far.database.psql(&edit.done)?;
        outage.far.cloud.export(&hub_id, &spoiled)?;
        outage.far.database.psql(&edit.undone)?;
        found(outage, "psql", &edit, &spoiled, &hub)?;
    }
    for edit in edits_by_sqlite3(journal)? {
        let file = outage.world.hub.journal();
        spoil(&file, &edit.done)?;
        outage.world.hub.export(&spoiled)?;
        spoil(&file, &edit.undone)?;
        found(outage, "sqlite3", &edit, &spoiled, &cloud)?;
    }
    outage.far.cloud.export(&hub_id, &cloud)?;
    outage.world.hub.export(&hub)?;
    outage.both_verify(&hub, &cloud)
}

fn found(
    outage: &mut Outage<'_, '_>,
    shell: &str,
    edit: &Edit,
    spoiled: &Path,
    other: &Path,
) -> Result<(), SiteError> {
    for (with, against, expected) in
        [("alone", None, &edit.alone), ("with the other side's", Some(other), &edit.against)]
    {
        let judged = verify(spoiled, against)?;
        let bad = judged.bad();
        let ok = judged.code == Some(1) && bad == *expected;
        outage.outcome.check(&format!("{} edited with {shell}, found {with}", edit.what), expected, &bad, ok);
    }
    Ok(())
}

/// An event in the middle of the record, with its bytes as they are and as somebody would rather have them.
fn edited_event(journal: &Journal) -> Result<(u64, String, String), SiteError> {
    let raised = journal.events.iter().find(|row| text(&row.bytes).contains("\"alert.raised/1\""));
    let row = raised.ok_or_else(|| SiteError::Unexpected("the journal has no alarm to edit".to_owned()))?;
    let softer = text(&row.bytes).replace("\"critical\"", "\"warning\"");
    if softer == text(&row.bytes) {
        return Err(SiteError::Unexpected(format!("event {} has nothing to soften", row.seq)));
    }
    Ok((row.seq, hex::encode(&row.bytes), hex::encode(softer)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A reading of a sealed range, with the range.
fn edited_reading(journal: &Journal) -> Result<(u64, u64, u64), SiteError> {
    let facts = journal.facts()?;
    let seal = facts.iter().find(|fact| fact["type"] == "readings.sealed/1");
    let range = seal.and_then(|fact| Some((fact["data"]["first"].as_u64()?, fact["data"]["last"].as_u64()?)));
    let (first, last) =
        range.ok_or_else(|| SiteError::Unexpected("no readings were sealed in this story".to_owned()))?;
    Ok(((first + last) / 2, first, last))
}

fn edits_by_psql(journal: &Journal) -> Result<[Edit; 2], SiteError> {
    let (event, bytes, softer) = edited_event(journal)?;
    let (reading, first, last) = edited_reading(journal)?;
    let of = |stream: u8| {
        format!(
            "(SELECT id FROM hub_streams WHERE feed = '{}' AND epoch = '{}' AND stream = {stream} AND branch = 0)",
            journal.hub, journal.epoch
        )
    };
    let to_event = |bytes: &str| {
        format!(
            "UPDATE hub_events SET bytes = decode('{bytes}', 'hex') WHERE seq = {event} AND stream_id = {}",
            of(EVENTS)
        )
    };
    let to_reading = |change: &str| {
        format!(
            "UPDATE sensor_readings SET temperature = temperature {change} WHERE seq = {reading} AND stream_id = {}",
            of(READINGS)
        )
    };
    Ok([
        Edit {
            what: "an event in Postgres",
            done: to_event(&softer),
            undone: to_event(&bytes),
            alone: format!("event {event}"),
            against: format!("event {event}"),
        },
        Edit {
            what: "a reading in Postgres",
            done: to_reading("- 0.01"),
            undone: to_reading("+ 0.01"),
            alone: format!("readings {first} to {last}"),
            against: format!("reading {reading}"),
        },
    ])
}

fn edits_by_sqlite3(journal: &Journal) -> Result<[Edit; 2], SiteError> {
    let (event, bytes, softer) = edited_event(journal)?;
    let (reading, first, last) = edited_reading(journal)?;
    let to_event = |bytes: &str| format!("UPDATE events SET bytes = X'{bytes}' WHERE seq = {event}");
    let to_reading = |change: &str| {
        format!("UPDATE readings SET temperature = temperature {change} WHERE seq = {reading}")
    };
    Ok([
        Edit {
            what: "an event in the hub's file",
            done: to_event(&softer),
            undone: to_event(&bytes),
            alone: format!("event {event}"),
            against: format!("event {event}"),
        },
        Edit {
            what: "a reading in the hub's file",
            done: to_reading("- 1"),
            undone: to_reading("+ 1"),
            alone: format!("readings {first} to {last}"),
            against: format!("reading {reading}"),
        },
    ])
}
