//! Units: the kinds of equipment that are guarded, and the limits beyond which no document from afar may go unasked.
//!
//! Owns the words of the database's list. The hard limits are not food law: they are the borders past which a limit
//! would no longer guard what such a unit is for, so that only somebody standing before it may set one.

use crate::quantity::CentiCelsius;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use thiserror::Error;

/// The kinds of equipment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitType {
    /// A reach-in fridge.
    Fridge,
    /// A reach-in freezer.
    Freezer,
    /// A display case.
    DisplayCase,
    /// A walk-in cooler.
    WalkInCooler,
    /// A walk-in freezer.
    WalkInFreezer,
    /// A blast chiller.
    BlastChiller,
}

/// A word that names no kind of equipment. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is none of fridge, freezer, display_case, walk_in_cooler, walk_in_freezer, blast_chiller")]
pub struct UnknownUnitType(String);

/// The lowest lower limit and the highest upper limit that may be set from afar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HardLimits {
    /// No limit lies lower.
    pub lowest: CentiCelsius,
    /// No limit lies higher.
    pub highest: CentiCelsius,
}

impl HardLimits {
    /// True if a limit may be set from afar.
    pub fn allow(&self, limit: CentiCelsius) -> bool {
        (self.lowest..=self.highest).contains(&limit)
    }
}

impl UnitType {
    /// All kinds, in the order of the database's list.
    pub const ALL: [Self; 6] = [
        Self::Fridge,
        Self::Freezer,
        Self::DisplayCase,
        Self::WalkInCooler,
        Self::WalkInFreezer,
        Self::BlastChiller,
    ];

    /// The word of the database's list.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fridge => "fridge",
            Self::Freezer => "freezer",
            Self::DisplayCase => "display_case",
            Self::WalkInCooler => "walk_in_cooler",
            Self::WalkInFreezer => "walk_in_freezer",
            Self::BlastChiller => "blast_chiller",
        }
    }

    /// How far limits of such a unit may be set from afar: what is chilled neither freezes hard nor warms to a room, and what is
    /// frozen stays frozen. A blast chiller takes hot goods in.
    pub const fn hard_limits(self) -> HardLimits {
        let (lowest, highest) = match self {
            Self::Fridge | Self::DisplayCase | Self::WalkInCooler => (-1_000, 1_500),
            Self::Freezer | Self::WalkInFreezer => (-6_000, -500),
            Self::BlastChiller => (-6_000, 9_500),
        };
        HardLimits { lowest: CentiCelsius::literal(lowest), highest: CentiCelsius::literal(highest) }
    }
}

impl FromStr for UnitType {
    type Err = UnknownUnitType;
    fn from_str(text: &str) -> Result<Self, UnknownUnitType> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == text);
        known.ok_or_else(|| UnknownUnitType(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_word_and_other_words_are_refused() {
        for kind in UnitType::ALL {
            assert_eq!(kind.word().parse::<UnitType>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        assert!("Fridge".parse::<UnitType>().is_err());
        assert!("".parse::<UnitType>().is_err());
    }

    #[test]
    fn a_freezer_may_not_be_left_to_thaw_from_afar() {
        let freezer = UnitType::Freezer.hard_limits();
        assert!(freezer.allow(CentiCelsius::literal(-1_500)));
        assert!(freezer.allow(CentiCelsius::literal(-500)));
        assert!(!freezer.allow(CentiCelsius::literal(-499)));
        assert!(!freezer.allow(CentiCelsius::literal(-6_001)));
    }
}
