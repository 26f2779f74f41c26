//! The rule engine: the only way in which a rule ever runs, on the hub, in the cloud, and in a replay.
//!
//! Owns the fold: [`step`] takes a state and one record and gives the next state and the effects;
//! [`refold`] folds many from a snapshot, in the one fold order. Pure: no clock, no randomness, no I/O. Whoever
//! calls it persists the effects first and performs them then.
//!
//! - A deadline fires at its own rule time, after every record of that instant, whichever tick or record finds it:
//!   results do not depend on how often one ticks.
//! - Only believable values clear anything. Silence, doubt, downtime, a wrong clock or a rule change never
//!   improves a status by itself.
//! - A record that belongs before what is folded is not folded: the caller is asked for the history.

mod accrual;
mod alert;
mod calendar;
mod changes;
mod conditions;
mod config;
mod door;
mod dues;
mod effect;
mod excursions;
mod explain;
pub mod field;
mod fields_of;
mod fold;
mod gate;
pub mod inherit;
mod limits;
mod listening;
mod logs;
mod manual;
mod point_state;
mod provenance;
mod raising;
pub mod reconcile;
mod record;
mod rule;
mod scene;
pub mod schedule;
pub mod setting;
mod state;
mod strict;
pub mod template;
mod thermal;
mod unit_state;
mod why;

pub use crate::alarm::{AlertType, Condition, Severity, Sounding};
pub use alert::{
    Acknowledgement, Alert, AlertStatus, Held, QUIET_LENGTH, QUIET_TIMES, Quiet, SHELVE_MAX,
    acknowledgement_length,
};
pub use config::*;
pub use door::{DoorState, Stage};
pub use effect::*;
pub use explain::{Explained, Mask, Progress, RegionNow};
pub use fields_of::default_of;
pub use limits::{Limit, Place};
pub use listening::{Data, Heard, Instrument};
pub use manual::{Manual, Pressing};
pub use point_state::{Battery, PointState};
pub use record::{Defrost, Input, Record};
pub use state::State;
pub use thermal::{Excursion, Phase};

use crate::time::RuleMs;
use fold::Fold;

/// Folds one record. The caller records the effects before it performs them.
pub fn step(state: State, record: &Record) -> (State, Vec<Effect>) {
    let mut fold = Fold::new(state);
    fold.take(record);
    fold.finish()
}

/// Folds records on top of a snapshot, in fold order whatever order they are given in. Of two values for one point
/// and rule time the worse is kept: the larger distance outside the limits; if equal, the larger bytes.
pub fn refold(snapshot: State, mut records: Vec<Record>) -> (State, Vec<Effect>) {
    records.sort_by(Record::order);
    // A record that was given twice is one record.
    records.dedup_by(|next, last| next.order(last).is_eq() && next.input == last.input);
    let downtimes: Vec<Record> =
        records.iter().filter_map(|record| record.downtime(snapshot.frontier())).collect();
    records.extend(downtimes);
    records.sort_by(Record::order);
    let mut fold = Fold::new(snapshot);
    let mut records = records.into_iter().peekable();
    while let Some(mut record) = records.next() {
        while let Some(next) = records.next_if(|next| same_instant(&record, next)) {
            if !fold.is_worse(&record, &next) {
                record = next;
            }
        }
        fold.take(&record);
    }
    fold.finish()
}

fn same_instant(one: &Record, other: &Record) -> bool {
    match (&one.input, &other.input) {
        (Input::Reading { point, .. }, Input::Reading { point: same, .. }) => {
            one.at == other.at && point == same
        }
        _ => false,
    }
}

/// When the next deadline is due, if any: a tick later than this finds it.
pub fn next_deadline(state: &State) -> Option<RuleMs> {
    state.dues.next()
}

#[cfg(test)]
mod tests;
