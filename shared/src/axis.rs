//! The rule axis: turns clock samples into stamps that never go back, and clock corrections into recorded steps.
//!
//! Owns the arithmetic of the axis: its anchor at boot, its strictly increasing stamps, its corrections, and where a
//! frame that arrives late belongs on it. Takes clock samples; gives stamps, corrections and placements. It never
//! moves the axis by itself: the shell records a correction first and then calls [`Axis::correct`].

use crate::time::{Boot, BoottimeMs, ClockSample, DurationMs, RuleMs, Trust, WallMs};

/// A lag up to this counts as live; a time further ahead than this is refused.
pub const LIVE_LAG: DurationMs = DurationMs(120_000);
/// A trusted wall clock that departs by more than this from what the axis says is recorded as a correction.
pub const CORRECTION_FROM: DurationMs = DurationMs(2_000);

/// All times of one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Wall clock, may be wrong.
    pub at: WallMs,
    /// The boot.
    pub boot: Boot,
    /// Time since that boot.
    pub boottime: BoottimeMs,
    /// Place on the rule axis.
    pub rule: RuleMs,
    /// Trust in the wall clock.
    pub trust: Trust,
}

/// A step of the axis or of its distance from the wall clock, to be recorded as `clock.corrected`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Correction {
    /// Where the axis stood.
    pub from: RuleMs,
    /// Where it stands after the step; never earlier than `from`.
    pub to: RuleMs,
    /// Rule time minus corrected wall time from here on.
    pub offset: DurationMs,
}

/// When a frame says that its values were measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measured {
    /// Just now: a broadcast, heard as it was sent.
    Now,
    /// Just now by the path it came; a server on the way wrote this wall time on it.
    NowBy(WallMs),
    /// So long before it was heard.
    Ago(DurationMs),
    /// At this wall time, by the device's or a server's clock.
    At(WallMs),
}

/// Where a frame belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// At its arrival.
    Live,
    /// Earlier on the axis.
    Late {
        /// Where on the axis.
        rule: RuleMs,
        /// Arrival minus measurement.
        age: DurationMs,
    },
    /// Not known before the clock is corrected: keep it in the durable waiting table.
    Waits,
    /// More than two minutes in the future: refuse it and count it.
    Future {
        /// How far ahead.
        ahead: DurationMs,
    },
}

/// The rule axis of one boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Axis {
    boot: Boot,
    anchor_ms: i64,
    last: RuleMs,
    offset: DurationMs,
    /// Where the axis stood when this boot began.
    boot_began: RuleMs,
    trusted_before: bool,
}

/// What earlier records say about the axis: where it was left and how far from the wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AxisPast {
    /// The last durable rule time, or the identity file's mark if that is later.
    pub last: Option<RuleMs>,
    /// The offset last recorded, zero if none.
    pub offset: DurationMs,
}

impl Axis {
    /// The axis of a boot that has no record yet: the anchor is the wall clock if it is not untrusted, else the
    /// last durable rule time plus one, whichever is later, counted back to the start of the boot.
    pub fn at_boot(boot: Boot, sample: ClockSample, past: AxisPast) -> Self {
        let after_last = past.last.map_or(0, |last| last.0.saturating_add(1));
        let start = if sample.trust.is_trusted() { sample.wall.0.max(after_last) } else { after_last };
        let anchor_ms = start - sample.boottime.0 as i64;
        Self {
            boot,
            anchor_ms,
            last: RuleMs(start - 1),
            offset: past.offset,
            boot_began: RuleMs(start),
            trusted_before: sample.trust.is_trusted(),
        }
    }

    /// The axis of a boot that a former run of the process has begun: its stored anchor, where its axis began, and
    /// whether the clock was trusted in the last record.
    pub fn resume(boot: Boot, anchor_ms: i64, began: RuleMs, past: AxisPast, trusted_before: bool) -> Self {
        let last = past.last.unwrap_or(RuleMs(began.0 - 1));
        Self { boot, anchor_ms, last, offset: past.offset, boot_began: began, trusted_before }
    }

    /// The anchor: rule time minus boottime.
    pub fn anchor_ms(&self) -> i64 {
        self.anchor_ms
    }
    /// Where the axis stood when this boot began.
    pub fn boot_began(&self) -> RuleMs {
        self.boot_began
    }
    /// Rule time minus corrected wall time.
    pub fn offset(&self) -> DurationMs {
        self.offset
    }
    /// Corrected wall time of a place on the axis.
    pub fn wall_of(&self, rule: RuleMs) -> WallMs {
        WallMs(rule.0 - self.offset.0)
    }
    /// The rule time now, without giving it to a record: for ticks and deadlines.
    pub fn now(&self, sample: ClockSample) -> RuleMs {
        RuleMs((self.anchor_ms + sample.boottime.0 as i64).max(self.last.0))
    }
    /// The stamp that the next live record would get.
    pub fn peek(&self, sample: ClockSample) -> Stamp {
        let rule = RuleMs((self.anchor_ms + sample.boottime.0 as i64).max(self.last.0 + 1));
        Stamp { at: sample.wall, boot: self.boot, boottime: sample.boottime, rule, trust: sample.trust }
    }
    /// The stamp of a live record: at least one millisecond after the last one given.
    pub fn stamp(&mut self, sample: ClockSample) -> Stamp {
        let stamp = self.peek(sample);
        self.last = stamp.rule;
        stamp
    }

    /// The correction that this sample calls for: trust gained, or a trusted wall that departs by more than 2 s.
    pub fn correction(&self, sample: ClockSample) -> Option<Correction> {
        if !sample.trust.is_trusted() {
            return None;
        }
        let from = RuleMs(self.now(sample).0.max(self.last.0 + 1));
        let departs = (sample.wall - self.wall_of(from)).0.abs() > CORRECTION_FROM.0;
        if self.trusted_before && !departs {
            return None;
        }
        Some(if sample.wall.0 > from.0 {
            Correction { from, to: RuleMs(sample.wall.0), offset: DurationMs(0) }
        } else {
            Correction { from, to: from, offset: DurationMs(from.0 - sample.wall.0) }
        })
    }

    /// Takes a correction and gives the stamp of its own record, which stands at the near end of the jump: what is
    /// placed inside the jump later is folded after it, and finds every running deadline moved along already.
    pub fn correct(&mut self, correction: Correction, sample: ClockSample) -> Stamp {
        let stamp = Stamp {
            at: sample.wall,
            boot: self.boot,
            boottime: sample.boottime,
            rule: correction.from,
            trust: sample.trust,
        };
        self.anchor_ms += (correction.to - correction.from).0;
        self.offset = correction.offset;
        self.trusted_before = true;
        self.last = self.last.max(correction.from);
        stamp
    }

    /// True when the clock has just lost the trust it had; the shell records it once, then calls [`Axis::distrust`].
    pub fn lost_trust(&self, sample: ClockSample) -> bool {
        self.trusted_before && !sample.trust.is_trusted()
    }
    /// Notes that the clock is no longer trusted.
    pub fn distrust(&mut self) {
        self.trusted_before = false;
    }

    /// Where a frame heard at `now` belongs that says when it was measured.
    pub fn place(&self, measured: Measured, now: RuleMs, trust: Trust) -> Placement {
        let by_wall = |wall: WallMs| {
            let rule = RuleMs(wall.0.saturating_add(self.offset.0));
            self.place_at(rule, now)
        };
        match measured {
            Measured::Now => Placement::Live,
            Measured::NowBy(wall) if trust.is_trusted() => by_wall(wall),
            Measured::NowBy(_) => Placement::Live,
            Measured::Ago(age) => {
                let rule = now - age;
                if rule < self.boot_began && age > LIVE_LAG && !trust.is_trusted() {
                    Placement::Waits
                } else {
                    self.place_at(rule, now)
                }
            }
            Measured::At(_) if !trust.is_trusted() => Placement::Waits,
            Measured::At(wall) => by_wall(wall),
        }
    }

    fn place_at(&self, rule: RuleMs, now: RuleMs) -> Placement {
        let age = now - rule;
        if age.0 < -LIVE_LAG.0 {
            Placement::Future { ahead: DurationMs(-age.0) }
        } else if age <= LIVE_LAG {
            Placement::Live
        } else {
            Placement::Late { rule, age }
        }
    }
}

#[cfg(test)]
mod tests;
