//! Times: the wall clock, the time since boot, the rule axis, and how far the wall clock is to be trusted.
//!
//! Owns the types and the one reading of all clocks together, [`ClockSample`], which the one clock file of a
//! daemon makes. Gives no time of its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

macro_rules! milliseconds {
    ($(#[$doc:meta])* $name:ident($raw:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $raw);
    };
}

milliseconds!(
    /// Wall clock: milliseconds since 1970 UTC. For people, partitions and reports; it may be wrong.
    WallMs(i64)
);
milliseconds!(
    /// Milliseconds since the kernel booted, suspend included.
    BoottimeMs(u64)
);
milliseconds!(
    /// The one axis that rules run on, in milliseconds: it never goes back.
    RuleMs(i64)
);
milliseconds!(
    /// A length of time in milliseconds; may be negative as the result of a subtraction.
    DurationMs(i64)
);

impl DurationMs {
    /// So many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }
    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }
}

impl fmt::Display for DurationMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        match seconds {
            0..=119 => write!(f, "{seconds} s"),
            120..=7_199 => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        }
    }
}

macro_rules! arithmetic {
    ($name:ident) => {
        impl Add<DurationMs> for $name {
            type Output = Self;
            fn add(self, length: DurationMs) -> Self {
                Self(self.0.saturating_add(length.0))
            }
        }
        impl Sub<DurationMs> for $name {
            type Output = Self;
            fn sub(self, length: DurationMs) -> Self {
                Self(self.0.saturating_sub(length.0))
            }
        }
        impl Sub for $name {
            type Output = DurationMs;
            fn sub(self, earlier: Self) -> DurationMs {
                DurationMs(self.0.saturating_sub(earlier.0))
            }
        }
    };
}
arithmetic!(WallMs);
arithmetic!(RuleMs);

impl Add for DurationMs {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The kernel's boots counted within one epoch, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boot(pub u32);

/// How far the wall clock of a record can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Nothing vouches for the wall clock.
    Untrusted,
    /// Synchronised earlier in this boot, or kept by a battery.
    HeldOver,
    /// The time service reported synchronisation in this boot.
    Synced,
}

impl Trust {
    /// True unless the clock is untrusted.
    pub fn is_trusted(self) -> bool {
        self != Self::Untrusted
    }
    /// The word in an event's envelope.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::HeldOver => "held_over",
            Self::Synced => "synced",
        }
    }
    /// The byte in a reading's form.
    pub const fn code(self) -> u8 {
        match self {
            Self::Untrusted => 0,
            Self::HeldOver => 1,
            Self::Synced => 2,
        }
    }
    /// The trust of a reading's byte; `None` for any byte but 0, 1, 2.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Untrusted),
            1 => Some(Self::HeldOver),
            2 => Some(Self::Synced),
            _ => None,
        }
    }
}

/// What the operating system says about its clock, before plausibility is weighed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockSource {
    /// The time service says that it is synchronised now.
    Synchronised,
    /// It was synchronised earlier in this boot, or a battery-backed clock set it.
    HeldOver,
    /// Nothing vouches for it.
    Unknown,
}

/// The bounds that a believable wall clock lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockBounds {
    /// When this program was built: no honest clock is earlier.
    pub built: WallMs,
    /// The latest trusted wall time seen in any earlier run.
    pub high_water: WallMs,
}

impl ClockBounds {
    /// Twenty years after the build a clock is not believed.
    const BELIEVED_FOR: DurationMs = DurationMs(20 * 31_556_952_000);

    /// The trust of a wall time from this source: always untrusted below the build time or the
    /// high-water mark, or twenty years past the build.
    pub fn judge(self, wall: WallMs, source: ClockSource) -> Trust {
        let floor = self.built.max(self.high_water);
        if wall < floor || wall > self.built + Self::BELIEVED_FOR {
            return Trust::Untrusted;
        }
        match source {
            ClockSource::Synchronised => Trust::Synced,
            ClockSource::HeldOver => Trust::HeldOver,
            ClockSource::Unknown => Trust::Untrusted,
        }
    }
}

/// All clocks, read together once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockSample {
    /// The wall clock.
    pub wall: WallMs,
    /// Time since boot.
    pub boottime: BoottimeMs,
    /// How far the wall clock is to be trusted.
    pub trust: Trust,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ClockBounds =
        ClockBounds { built: WallMs(1_764_000_000_000), high_water: WallMs(1_764_500_000_000) };

    #[test]
    fn a_clock_at_1970_below_the_mark_or_far_in_the_future_is_untrusted_whoever_vouches() {
        for wall in [0, 1_763_999_999_999, 1_764_499_999_999, 1_764_000_000_000 + 21 * 31_556_952_000] {
            assert_eq!(BOUNDS.judge(WallMs(wall), ClockSource::Synchronised), Trust::Untrusted, "{wall}");
        }
    }

    #[test]
    fn a_plausible_clock_is_trusted_as_far_as_its_source_vouches() {
        let now = WallMs(1_764_500_000_000);
        assert_eq!(BOUNDS.judge(now, ClockSource::Synchronised), Trust::Synced);
        assert_eq!(BOUNDS.judge(now, ClockSource::HeldOver), Trust::HeldOver);
        assert_eq!(BOUNDS.judge(now, ClockSource::Unknown), Trust::Untrusted);
    }
}
