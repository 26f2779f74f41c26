//! Owns the proof that the random histories are worth comparing: every kind of outcome occurs in a good share of them.
//! Takes nothing; gives the shares, printed, and a failure if some kind never occurs.
//! Must never count what did not come of a history.

use crate::generate;
use crate::model::*;
use crate::reference::{Outcomes, outcomes};
use frostguard_tests::chance::Chance;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of things that come of a history.
fn kinds(came: &Outcomes) -> BTreeSet<String> {
    let mut kinds: BTreeSet<String> = came
        .outcomes
        .iter()
        .map(|outcome| match &outcome.came {
            Came::Status(status) => format!("status {status:?}"),
            Came::Raised(condition, _) => format!("raised {condition:?}"),
            Came::Upgraded(condition, _) => format!("upgraded {condition:?}"),
            Came::Relapsed(condition) => format!("relapsed {condition:?}"),
            Came::Cleared(condition) => format!("cleared {condition:?}"),
            Came::AckExpired(_) => "acknowledgement expired".to_owned(),
            Came::Escalated(_, level) => format!("escalated to {level}"),
            Came::Paged(_) => "paged".to_owned(),
        })
        .collect();
    if came.masked > 0 {
        kinds.insert("masked".to_owned());
    }
    if came.outcomes.iter().any(|outcome| match outcome.came {
        Came::Raised(condition, _) => !came.outcomes.contains(&Outcome {
            at: outcome.at,
            unit: outcome.unit.clone(),
            came: Came::Paged(condition),
        }),
        _ => false,
    }) {
        kinds.insert("raised without a page".to_owned());
    }
    kinds
}

const SEED: u64 = 20_260_601;
const HISTORIES: u64 = 80;

/// What has to occur, besides every status.
const WANTED: [&str; 26] = [
    "raised TooWarm",
    "raised TooCold",
    "raised Silent",
    "raised Unguarded",
    "raised SensorFault",
    "raised DoorOpen",
    "raised LowBattery",
    "raised ManualMissed",
    "raised CalibrationDue",
    "upgraded TooWarm",
    "upgraded Silent",
    "upgraded DoorOpen",
    "relapsed TooWarm",
    "cleared TooWarm",
    "cleared TooCold",
    "cleared Silent",
    "cleared SensorFault",
    "cleared DoorOpen",
    "cleared LowBattery",
    "cleared ManualMissed",
    "acknowledgement expired",
    "escalated to 1",
    "escalated to 3",
    "paged",
    "masked",
    "raised without a page",
];

#[test]
fn random_histories_hold_every_kind_of_outcome() {
    // Always the same histories: a kind of outcome that is rare must not fail the test now and then.
    let mut chance = Chance::of(SEED);
    eprintln!("FROSTGUARD_SEED={}", chance.seed());
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..HISTORIES {
        let came = outcomes(&generate::history(&mut chance));
        for kind in kinds(&came) {
            *shares.entry(kind).or_default() += 1;
        }
    }
    for (kind, count) in &shares {
        eprintln!("{:>4} % {kind}", count * 100 / HISTORIES);
    }
    let statuses = [
        Status::Ok,
        Status::Excursion,
        Status::AlarmActive,
        Status::MonitoringInterrupted,
        Status::ManualRequired,
        Status::Restoring,
        Status::Offline,
    ];
    let wanted = statuses.iter().map(|status| format!("status {status:?}"));
    for kind in wanted.chain(WANTED.map(str::to_owned)) {
        assert!(shares.contains_key(&kind), "no history of {HISTORIES} holds: {kind}");
    }
}
