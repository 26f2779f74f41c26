//! The gate: which values of a sensor are believed, before any rule looks at them.
//!
//! Owns the memory that takes: the last value and the one that is held back because it jumped, how long one and the same
//! value has been sent, and the turns that show that a compressor cycles. A value that is not believed clears nothing and
//! begins nothing. A jump that the next value confirms is believed in hindsight, from its own time on, so that an alarm
//! is never later for it.

use super::config::InstrumentRule;
use crate::quantity::CentiCelsius;
use crate::reading::Quality;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// Codes that probes send instead of a value: −127.00, 85.00, 327.67 and −327.68 °C.
const CODES: [i32; 4] = [-12_700, 8_500, 32_767, -32_768];
/// A move of so many 0.01 °C against the last direction is a turn.
const TURN: i32 = 30;
/// Turns after which a sensor shows that its compressor cycles.
const TURNS: usize = 3;

/// A value and its rule time.
pub(super) type Sample = (RuleMs, CentiCelsius);

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Belief {
    /// It is believed.
    Yes,
    /// It is believed, and so is the one that was held back before it.
    WithHeld(Sample),
    /// It is held back until the next one speaks for or against it.
    Held,
    /// It is not believed.
    No(Disbelief),
}

/// Why a value is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disbelief {
    /// The hub or the sensor said so, or it is a code.
    Code,
    /// It is outside what the unit's sensors can mean.
    Range,
    /// It is one and the same for hours while others move.
    Stuck,
}

/// The memory of a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Gate {
    /// The last value at all.
    seen: Option<Sample>,
    /// The last value that was no code and in range.
    previous: Option<Sample>,
    /// The last one that was believed.
    believed: Option<Sample>,
    held: Option<Sample>,
    /// Since when the believed value is the same.
    same_since: Option<RuleMs>,
    /// The outermost value since the last turn, and whether it is going up, once that is known.
    extreme: Option<(CentiCelsius, Option<bool>)>,
    turns: [Option<RuleMs>; TURNS],
}

impl Gate {
    /// True if this very value has been judged already: a record that came twice is one record.
    pub(super) fn has_seen(&self, at: RuleMs, value: CentiCelsius) -> bool {
        self.seen == Some((at, value))
    }

    /// Judges a value. `cycled` is the latest time since which some sensor of the site has turned three times.
    pub(super) fn judge(
        &mut self,
        at: RuleMs,
        value: CentiCelsius,
        quality: Quality,
        rule: &InstrumentRule,
        cycled: Option<RuleMs>,
    ) -> Belief {
        self.seen = Some((at, value));
        if !quality.is_valid() || CODES.contains(&value.hundredths()) {
            return Belief::No(Disbelief::Code);
        }
        if value < rule.range_min.value || value > rule.range_max.value {
            return Belief::No(Disbelief::Range);
        }
        let belief = self.jump(at, value, rule);
        self.previous = Some((at, value));
        if belief == Belief::Held {
            self.held = Some((at, value));
            return belief;
        }
        self.held = None;
        if let Some(stuck) = rule.stuck.value
            && self.is_stuck(at, value, stuck, cycled)
        {
            return Belief::No(Disbelief::Stuck);
        }
        if let Belief::WithHeld((at, value)) = belief {
            self.believe(at, value);
        }
        self.believe(at, value);
        belief
    }

    fn jump(&self, at: RuleMs, value: CentiCelsius, rule: &InstrumentRule) -> Belief {
        let jumps = |from: Option<Sample>| {
            from.zip(rule.rate.value).is_some_and(|((since, from), rate)| {
                let moved = i64::from(from.hundredths().abs_diff(value.hundredths()));
                let length = (at - since).0.max(60_000);
                moved.saturating_mul(60_000) > i64::from(rate.hundredths()).saturating_mul(length)
            })
        };
        match self.held {
            Some(held) if !jumps(Some(held)) => Belief::WithHeld(held),
            Some(_) if !jumps(self.believed) => Belief::Yes,
            None if !jumps(self.previous) => Belief::Yes,
            _ => Belief::Held,
        }
    }

    fn is_stuck(&self, at: RuleMs, value: CentiCelsius, length: DurationMs, cycled: Option<RuleMs>) -> bool {
        let same = self.believed.is_some_and(|(_, last)| last == value);
        match self.same_since {
            Some(since) => same && at - since >= length && cycled.is_some_and(|cycled| cycled >= since),
            None => false,
        }
    }

    fn believe(&mut self, at: RuleMs, value: CentiCelsius) {
        if self.believed.is_none_or(|(_, last)| last != value) {
            self.same_since = Some(at);
        }
        self.believed = Some((at, value));
        let Some((extreme, up)) = self.extreme else {
            self.extreme = Some((value, None));
            return;
        };
        let risen = value.hundredths() - extreme.hundredths();
        match up {
            None if risen.abs() >= TURN => self.extreme = Some((value, Some(risen > 0))),
            None => {}
            Some(up) => {
                let back = if up { -risen } else { risen };
                if back >= TURN {
                    self.extreme = Some((value, Some(!up)));
                    self.turns = [self.turns[1], self.turns[2], Some(at)];
                } else if back < 0 {
                    self.extreme = Some((value, Some(up)));
                }
            }
        }
    }

    /// Since when it has turned so often that its compressor cycles.
    pub(super) fn cycled(&self) -> Option<RuleMs> {
        self.turns[0]
    }

    /// The axis jumped: the distance to what was before it is not elapsed time.
    pub(super) fn shift(&mut self, jump: DurationMs) {
        for sample in
            [&mut self.seen, &mut self.previous, &mut self.believed, &mut self.held].into_iter().flatten()
        {
            sample.0 = sample.0 + jump;
        }
        for time in self.turns.iter_mut().chain([&mut self.same_since]).flatten() {
            *time = *time + jump;
        }
    }
}
