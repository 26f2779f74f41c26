//! Placing: which unit a reading belongs to, when it was made for people, and what cannot be used.
//!
//! Pure. Takes the rows of a batch, the timeline of the epoch, the assignments of its points and the months that have a
//! partition; gives readings with their place, and rows for the quarantine with the reason. Every number of the batch
//! becomes exactly one of the two.

use frostguard_shared::ids::{DeviceId, PointId, UnitId};
use frostguard_shared::point::Role;
use frostguard_shared::reading::{READING_BYTES, Reading};
use frostguard_shared::time::{RuleMs, WallMs};
use frostguard_shared::timeline::Timeline;
use std::collections::HashMap;

/// What a point measures from when to when, and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Assigned {
    /// From when on the rule axis.
    pub from: RuleMs,
    /// Until when, while another has followed.
    pub to: Option<RuleMs>,
    /// The unit.
    pub unit: UnitId,
    /// What it measures there.
    pub role: Role,
}

/// A point of the organization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownPoint {
    /// Its small number.
    pub number: i32,
    /// Its device.
    pub device: DeviceId,
    /// Its assignments.
    pub assignments: Vec<Assigned>,
}

/// A stretch of wall time that has a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// From here,
    pub from: WallMs,
    /// to before here.
    pub to: WallMs,
}

/// A reading in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The reading.
    pub reading: Reading,
    /// The number of its point.
    pub point: i32,
    /// The device.
    pub device: DeviceId,
    /// The unit.
    pub unit: UnitId,
    /// What it measures there.
    pub role: Role,
    /// When it was made, for people.
    pub recorded: WallMs,
    /// True if that is only an estimate.
    pub is_estimated: bool,
}

/// Why a row is in quarantine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The bytes are no reading of a known version.
    Unreadable,
    /// The number inside is not the one that its place in the batch has.
    Misnumbered,
    /// Its point is no point of the organization.
    UnknownPoint,
    /// Its point measured no unit then.
    Unassigned,
    /// There is no partition for its time.
    OutOfRange,
}

impl Reason {
    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Misnumbered => "misnumbered",
            Self::UnknownPoint => "unknown_point",
            Self::Unassigned => "unassigned",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A row that cannot be used as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub reason: Reason,
    /// Its bytes.
    pub bytes: [u8; READING_BYTES],
    /// When it was made, if that could be told.
    pub recorded: Option<WallMs>,
}

/// What is known of the organization's world.
#[derive(Debug)]
pub struct World<'a> {
    /// When a record was made.
    pub timeline: &'a Timeline,
    /// The points.
    pub points: &'a HashMap<PointId, KnownPoint>,
    /// The partitions, ascending.
    pub partitions: &'a [Stretch],
}

/// A batch, split.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Split {
    /// For the readings' table.
    pub placed: Vec<Placed>,
    /// For the quarantine.
    pub aside: Vec<SetAside>,
}

/// The points that a batch names.
pub fn points_named(rows: &[(u64, [u8; READING_BYTES])]) -> Vec<PointId> {
    let mut points: Vec<PointId> = rows
        .iter()
        .filter_map(|(_, bytes)| Reading::from_bytes(bytes).ok())
        .map(|reading| reading.point)
        .collect();
    points.sort_unstable();
    points.dedup();
    points
}

/// Splits numbered rows into readings with their place and rows for the quarantine.
pub fn split(rows: &[(u64, [u8; READING_BYTES])], world: &World<'_>) -> Split {
    let mut split = Split { placed: Vec::with_capacity(rows.len()), aside: Vec::new() };
    for (seq, bytes) in rows {
        match place(*seq, bytes, world) {
            Ok(placed) => split.placed.push(placed),
            Err((reason, recorded)) => {
                split.aside.push(SetAside { seq: *seq, reason, bytes: *bytes, recorded })
            }
        }
    }
    split
}

fn place(
    seq: u64,
    bytes: &[u8; READING_BYTES],
    world: &World<'_>,
) -> Result<Placed, (Reason, Option<WallMs>)> {
    let reading = Reading::from_bytes(bytes).map_err(|_| (Reason::Unreadable, None))?;
    if reading.seq != seq {
        return Err((Reason::Misnumbered, None));
    }
    let recorded = world.timeline.recorded(reading.boot, reading.rule, reading.age_ms);
    let aside = |reason| (reason, Some(recorded.at));
    let point = world.points.get(&reading.point).ok_or(aside(Reason::UnknownPoint))?;
    let valid = |assigned: &&Assigned| {
        assigned.from <= reading.rule && assigned.to.is_none_or(|to| reading.rule < to)
    };
    // Branches of one epoch may have told of overlapping assignments: then the one that began last holds.
    let assigned = point.assignments.iter().filter(valid).max_by_key(|assigned| assigned.from);
    let assigned = assigned.ok_or(aside(Reason::Unassigned))?;
    let in_range = |stretch: &Stretch| stretch.from <= recorded.at && recorded.at < stretch.to;
    if !world.partitions.iter().any(in_range) {
        return Err(aside(Reason::OutOfRange));
    }
    Ok(Placed {
        reading,
        point: point.number,
        device: point.device,
        unit: assigned.unit,
        role: assigned.role,
        recorded: recorded.at,
        is_estimated: recorded.is_estimated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::reading::Quality;
    use frostguard_shared::time::{Boot, BoottimeMs, Trust};
    use frostguard_shared::timeline::ClockFact;

    const NOV: Stretch = Stretch { from: WallMs(1_000), to: WallMs(2_000) };

    fn reading(seq: u64, rule: i64, point: u8) -> [u8; READING_BYTES] {
        let reading = Reading {
            seq,
            at: WallMs(rule),
            boot: Boot(1),
            boottime: BoottimeMs(5),
            rule: RuleMs(rule),
            age_ms: 0,
            trust: Trust::Synced,
            point: PointId::from_bytes([point; 16]),
            temperature: CentiCelsius::literal(-1800),
            humidity: None,
            battery_percent: None,
            battery: None,
            signal: None,
            door: None,
            quality: Quality::Valid,
        };
        reading.to_bytes()
    }

    fn assigned(from: i64, to: Option<i64>, unit: u8) -> Assigned {
        let unit = UnitId::from_bytes([unit; 16]);
        Assigned { from: RuleMs(from), to: to.map(RuleMs), unit, role: Role::Air }
    }

    type Units = Vec<(u64, u8)>;
    type Reasons = Vec<(u64, Reason)>;

    fn reasons(rows: &[(u64, [u8; READING_BYTES])]) -> (Units, Reasons) {
        of(&[assigned(1_100, Some(1_500), 1), assigned(1_500, None, 2)], rows)
    }

    fn of(assignments: &[Assigned], rows: &[(u64, [u8; READING_BYTES])]) -> (Units, Reasons) {
        let mut timeline = Timeline::default();
        timeline.take(Boot(1), ClockFact::Started { trusted: true });
        let known = KnownPoint {
            number: 7,
            device: DeviceId::from_bytes([3; 16]),
            assignments: assignments.to_vec(),
        };
        let points = HashMap::from([(PointId::from_bytes([1; 16]), known)]);
        let split = split(rows, &World { timeline: &timeline, points: &points, partitions: &[NOV] });
        let placed = split.placed.iter().map(|placed| (placed.reading.seq, placed.unit.as_bytes()[0]));
        (placed.collect(), split.aside.iter().map(|aside| (aside.seq, aside.reason)).collect())
    }

    #[test]
    fn a_reading_goes_to_the_unit_that_its_point_measured_then() {
        let rows = [(1, reading(1, 1_499, 1)), (2, reading(2, 1_500, 1))];
        assert_eq!(reasons(&rows), (vec![(1, 1), (2, 2)], vec![]));
    }

    #[test]
    fn of_two_assignments_that_overlap_the_later_one_holds() {
        let overlapping = [assigned(1_600, None, 2), assigned(1_100, None, 1)];
        let rows = [(1, reading(1, 1_599, 1)), (2, reading(2, 1_600, 1))];
        assert_eq!(of(&overlapping, &rows), (vec![(1, 1), (2, 2)], vec![]));
    }

    #[test]
    fn every_row_that_cannot_be_used_is_set_aside_with_its_reason_and_nothing_else_is() {
        let mut garbled = reading(6, 1_200, 1);
        garbled[0] = 9;
        let rows = [
            (1, reading(1, 1_200, 1)),
            (2, reading(2, 1_050, 1)),
            (3, reading(3, 1_200, 9)),
            (4, reading(4, 4_133_980_800_000, 1)),
            (5, reading(50, 1_200, 1)),
            (6, garbled),
            (7, reading(7, 1_300, 1)),
        ];
        let aside = vec![
            (2, Reason::Unassigned),
            (3, Reason::UnknownPoint),
            (4, Reason::OutOfRange),
            (5, Reason::Misnumbered),
            (6, Reason::Unreadable),
        ];
        assert_eq!(reasons(&rows), (vec![(1, 1), (7, 1)], aside));
    }
}
