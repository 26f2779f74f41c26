//! Owns the conservation oracle: whether the cloud's database holds a hub's record, all of it and each thing once.
//!
//! Takes the hub's journal file, read by the sqlite3 shell, the simulator's log of frames sent, and a database, read by
//! psql; gives checks. What should be stored is computed here from the file alone: [`journal`] reads it, [`expected`]
//! says what follows from it, [`stored`] reads what the cloud made of it.
//! Must never take an expectation from the database, nor call any code of the hub or the cloud.

pub mod expected;
pub mod journal;
pub mod stored;

use crate::cloud::database::Database;
use crate::error::SiteError;
use crate::outcome::Check;
use crate::site::simulation::SentValue;
use expected::Expected;
use journal::Journal;
use stored::Stored;

/// What both sides are held against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Everything that the site's sensors sent; empty if nobody kept account.
    pub sent: &'a [SentValue],
    /// Numbers of readings that must be in quarantine, ascending.
    pub set_aside: &'a [u64],
}

/// Holds a database against a journal. The hub must not run, and must have sent everything.
///
/// # Errors
/// When one of the two cannot be read; what does not agree is a failed check.
pub fn compare(journal: &Journal, database: &Database, known: Known<'_>) -> Result<Vec<Check>, SiteError> {
    let expected = Expected::of(journal)?;
    let stored = Stored::read(database, journal)?;
    let set_aside: Vec<String> = known.set_aside.iter().map(u64::to_string).collect();
    let mut checks = vec![
        same("events in Postgres, byte for byte", &journal.event_lines(), &stored.events),
        same("the chain, hashed anew", &expected.chain, &journal.hashes()),
        same("readings in Postgres, field for field", &journal.reading_lines(), &stored.readings),
        same("readings in quarantine", &set_aside, &stored.set_aside),
        same("the place and time of each reading", &expected.places(known.set_aside), &stored.places),
        same("cursors", &expected.cursors, &stored.cursors),
        same("alerts", &expected.alerts, &stored.alerts),
        same("door events", &expected.doors, &stored.doors),
        same("logs by hand", &expected.by_hand, &stored.by_hand),
        same("hours rolled up", &expected.hours(known.set_aside), &stored.hours),
        same("the latest of each unit", &expected.latest(known.set_aside), &stored.latest),
        same("seals compared", &expected.seals, &stored.seals),
    ];
    if !known.sent.is_empty() {
        checks.push(was_sent(journal, &expected, known.sent));
    }
    Ok(checks)
}

/// Whether two lists are the same; names the first place at which they are not.
fn same(name: &str, expected: &[String], seen: &[String]) -> Check {
    let differ = expected.iter().zip(seen).position(|(a, b)| a != b);
    let differ = differ.or((expected.len() != seen.len()).then_some(expected.len().min(seen.len())));
    let shown = |lines: &[String], at: usize| match lines.get(at) {
        Some(line) if line.len() > 160 => format!("{}…", line.chars().take(160).collect::<String>()),
        Some(line) => line.clone(),
        None => "nothing".to_owned(),
    };
    let (wanted, had) = match differ {
        None => (format!("{} of the journal", expected.len()), format!("{}, the same", seen.len())),
        Some(at) => (
            format!("{} of the journal", expected.len()),
            format!("{}; at {}: {} instead of {}", seen.len(), at + 1, shown(seen, at), shown(expected, at)),
        ),
    };
    Check { name: name.to_owned(), expected: wanted, seen: had, ok: differ.is_none() }
}

/// Whether every recorded temperature was sent, each point's in the order in which its sensor sent them.
fn was_sent(journal: &Journal, expected: &Expected, sent: &[SentValue]) -> Check {
    let mut unsent = Vec::new();
    for (point, of) in expected.points() {
        let mut frames = sent.iter().filter(|frame| {
            frame.delivered && frame.address.eq_ignore_ascii_case(&of.address) && frame.channel == of.channel
        });
        let recorded = journal.readings.iter().filter(|reading| reading.point == *point);
        let missing = recorded.filter(|reading| !frames.any(|f| i64::from(f.centi_c) == reading.temperature));
        unsent.extend(missing.map(|reading| reading.seq));
    }
    let seen = match unsent.first() {
        None => format!("{} of {} frames' values", journal.readings.len(), sent.len()),
        Some(first) => format!("{} were not, the first is {first}", unsent.len()),
    };
    let name = "every reading was sent by its sensor, in its order".to_owned();
    Check { name, expected: "all".to_owned(), seen, ok: unsent.is_empty() && !journal.readings.is_empty() }
}

/// The checks that failed, for a test's message.
pub fn wrong(checks: &[Check]) -> Vec<String> {
    let failed = checks.iter().filter(|check| !check.ok);
    failed.map(|check| format!("{}: {} (expected: {})", check.name, check.seen, check.expected)).collect()
}
