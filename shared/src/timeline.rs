//! The timeline: the wall time of a record, once the corrections of its epoch are known.
//!
//! Owns the arithmetic from the rule axis to `recorded_at`. Takes what an epoch's events say of its boots and
//! corrections; gives the corrected wall time of a record and whether it is only estimated. Records between the start
//! of a boot without a trusted clock and its first correction keep their early place on the axis, so their wall time is
//! rule time plus the correction's jump minus its offset. A boot that was never corrected takes the last offset before
//! it, and its wall times are estimates.

use crate::event::{Event, Fact};
use crate::time::{Boot, DurationMs, RuleMs, WallMs};
use std::collections::BTreeMap;

/// What an event says of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockFact {
    /// A run of the hub's process began; the first of a boot says whether the boot began with a trusted clock.
    Started {
        /// Whether the clock was trusted.
        trusted: bool,
    },
    /// The axis or its offset was corrected.
    Corrected {
        /// Where the axis stood.
        from: RuleMs,
        /// Where it stands now.
        to: RuleMs,
        /// Rule time minus wall time from here on.
        offset: DurationMs,
    },
}

impl ClockFact {
    /// What an event says of the clock, if it does, with its boot.
    pub fn of_event(event: &Event) -> Option<(Boot, Self)> {
        let boot = event.envelope.boot;
        match event.fact()? {
            Fact::HubStarted { .. } => {
                Some((boot, Self::Started { trusted: event.envelope.trust.is_trusted() }))
            }
            Fact::ClockCorrected { from_ms, to_ms, offset_ms, .. } => {
                Some((boot, Self::Corrected { from: *from_ms, to: *to_ms, offset: DurationMs(*offset_ms) }))
            }
            _ => None,
        }
    }
}

/// When a record was made, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Corrected wall time.
    pub at: WallMs,
    /// True if the boot's clock was never corrected, so that it may be far off.
    pub is_estimated: bool,
}

#[derive(Clone, Copy, Debug)]
struct Correction {
    from: RuleMs,
    to: RuleMs,
    offset: DurationMs,
}

#[derive(Clone, Debug)]
struct BootClock {
    trusted_at_start: bool,
    offset_before: DurationMs,
    corrections: Vec<Correction>,
}

/// The boots of one epoch and their corrections.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    boots: BTreeMap<Boot, BootClock>,
    offset: DurationMs,
}

impl Timeline {
    /// A timeline that begins in the middle of an epoch, with the offset then in force.
    pub fn with_offset(offset: DurationMs) -> Self {
        Self { boots: BTreeMap::new(), offset }
    }

    /// Takes the next fact, in the order of the events.
    pub fn take(&mut self, boot: Boot, fact: ClockFact) {
        let offset_before = self.offset;
        let clock = self.boots.entry(boot).or_insert(BootClock {
            trusted_at_start: matches!(fact, ClockFact::Started { trusted: true }),
            offset_before,
            corrections: Vec::new(),
        });
        if let ClockFact::Corrected { from, to, offset } = fact {
            clock.corrections.push(Correction { from, to, offset });
            self.offset = offset;
        }
    }

    /// The offset after everything taken.
    pub fn offset(&self) -> DurationMs {
        self.offset
    }

    /// When a record was made that arrived in a boot, stands at `rule`, and was `age_ms` old on arrival.
    pub fn recorded(&self, boot: Boot, rule: RuleMs, age_ms: u64) -> Recorded {
        // What arrived late was placed by the offset at its arrival.
        let arrival = RuleMs(rule.0.saturating_add_unsigned(age_ms));
        let Some(clock) = self.boots.get(&boot) else {
            return Recorded { at: shifted(rule, -self.offset.0), is_estimated: true };
        };
        let passed = clock.corrections.iter().rfind(|correction| correction.from <= arrival);
        let (shift, is_estimated) = match (passed, clock.corrections.first()) {
            (Some(passed), _) => (-passed.offset.0, false),
            (None, Some(first)) if !clock.trusted_at_start => {
                ((first.to - first.from).0.saturating_sub(first.offset.0), false)
            }
            (None, _) => (-clock.offset_before.0, !clock.trusted_at_start),
        };
        Recorded { at: shifted(rule, shift), is_estimated }
    }
}

fn shifted(rule: RuleMs, shift: i64) -> WallMs {
    WallMs(rule.0.saturating_add(shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Boot = Boot(1);

    fn corrected(from: i64, to: i64, offset: i64) -> ClockFact {
        ClockFact::Corrected { from: RuleMs(from), to: RuleMs(to), offset: DurationMs(offset) }
    }

    fn at(timeline: &Timeline, boot: Boot, rule: i64) -> (i64, bool) {
        let recorded = timeline.recorded(boot, RuleMs(rule), 0);
        (recorded.at.0, recorded.is_estimated)
    }

    #[test]
    fn records_before_the_first_correction_of_an_untrusted_boot_move_by_its_jump() {
        let mut timeline = Timeline::default();
        timeline.take(BOOT, ClockFact::Started { trusted: false });
        assert_eq!(at(&timeline, BOOT, 40), (40, true), "not corrected yet: an estimate");
        timeline.take(BOOT, corrected(100, 1_000, 0));
        assert_eq!(at(&timeline, BOOT, 40), (940, false));
        assert_eq!(at(&timeline, BOOT, 1_010), (1_010, false));
    }

    #[test]
    fn a_wall_clock_behind_the_axis_changes_the_offset_alone() {
        let mut timeline = Timeline::default();
        timeline.take(BOOT, ClockFact::Started { trusted: false });
        timeline.take(BOOT, corrected(5_000, 5_000, 3_000));
        assert_eq!(at(&timeline, BOOT, 4_000), (1_000, false));
        assert_eq!(at(&timeline, BOOT, 6_000), (3_000, false));
    }

    #[test]
    fn a_step_in_a_boot_that_knew_the_time_leaves_what_came_before_it() {
        let mut timeline = Timeline::default();
        timeline.take(BOOT, ClockFact::Started { trusted: true });
        timeline.take(BOOT, corrected(5_000, 9_000, 0));
        assert_eq!(at(&timeline, BOOT, 4_000), (4_000, false));
        assert_eq!(at(&timeline, BOOT, 9_001), (9_001, false));
    }

    #[test]
    fn a_boot_never_corrected_takes_the_last_offset_before_it_as_an_estimate() {
        let mut timeline = Timeline::default();
        timeline.take(BOOT, ClockFact::Started { trusted: true });
        timeline.take(BOOT, corrected(5_000, 5_000, 3_000));
        timeline.take(Boot(2), ClockFact::Started { trusted: false });
        assert_eq!(at(&timeline, Boot(2), 8_000), (5_000, true));
        assert_eq!(at(&timeline, Boot(3), 8_000), (5_000, true), "a boot nobody told of");
        timeline.take(Boot(2), ClockFact::Started { trusted: true });
        assert_eq!(at(&timeline, Boot(2), 8_000), (5_000, true), "only a boot's first start counts");
    }

    #[test]
    fn a_late_record_goes_by_the_offset_at_its_arrival() {
        let mut timeline = Timeline::default();
        timeline.take(BOOT, ClockFact::Started { trusted: true });
        timeline.take(BOOT, corrected(5_000, 5_000, 3_000));
        let late = timeline.recorded(BOOT, RuleMs(4_000), 2_000);
        assert_eq!(late.at, WallMs(1_000), "it arrived at 6,000, when 3,000 lay between");
    }
}
