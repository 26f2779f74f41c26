//! The engine's state: all units with their points, regions and alerts, and the rules in force.
//!
//! Owns what is known and where it is found. Its serialised form is a snapshot that can always be made again from the
//! record; it is no frozen form.

use super::alert::Alert;
use super::calendar::Calendar;
use super::config::{SiteRules, UnitRules};
use super::dues::Dues;
use super::effect::{EpisodeKey, UnitStatus};
use super::manual::Manual;
use super::point_state::PointState;
use super::unit_state::UnitState;
use crate::alarm::Sounding;
use crate::ids::{PointId, UnitId};
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// Where a point is: its unit's place and its own place there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) unit: usize,
    pub(super) point: usize,
}

/// The whole state of a site's rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct State {
    pub(super) frontier: RuleMs,
    pub(super) rules: SiteRules,
    pub(super) calendar: Calendar,
    /// By id.
    pub(super) units: Vec<UnitState>,
    /// The latest time since which some sensor of the site has turned three times.
    pub(super) cycled: Option<RuleMs>,
    /// Points by id; made from the units.
    #[serde(skip)]
    places: Vec<(PointId, Place)>,
    /// Made from the units.
    #[serde(skip)]
    pub(super) dues: Dues,
}

/// What a snapshot keeps: all that cannot be made from the rest.
#[derive(Deserialize)]
struct Kept {
    frontier: RuleMs,
    rules: SiteRules,
    calendar: Calendar,
    units: Vec<UnitState>,
    cycled: Option<RuleMs>,
}

impl From<Kept> for State {
    fn from(kept: Kept) -> Self {
        let mut state = Self {
            frontier: kept.frontier,
            rules: kept.rules,
            calendar: kept.calendar,
            units: kept.units,
            cycled: kept.cycled,
            places: Vec::new(),
            dues: Dues::default(),
        };
        for unit in &mut state.units {
            unit.rules = state.rules.units.get(&unit.id).cloned().unwrap_or_default();
        }
        state.index();
        state
    }
}

impl State {
    /// The latest rule time folded.
    pub fn frontier(&self) -> RuleMs {
        self.frontier
    }
    /// The rules in force.
    pub fn rules(&self) -> &SiteRules {
        &self.rules
    }
    /// The rules of a unit in force.
    pub fn unit_rules(&self, unit: UnitId) -> Option<&UnitRules> {
        self.unit(unit).map(|unit| &unit.rules)
    }
    /// All points.
    pub fn points(&self) -> impl Iterator<Item = &PointState> {
        self.units.iter().flat_map(|unit| &unit.points)
    }
    /// One point.
    pub fn point(&self, point: PointId) -> Option<&PointState> {
        let place = self.place(point)?;
        self.units.get(place.unit)?.points.get(place.point)
    }
    /// All alerts that people should see, by unit.
    pub fn alerts(&self) -> impl Iterator<Item = (&EpisodeKey, &Alert)> {
        let alerts = self.units.iter().flat_map(|unit| &unit.alerts);
        alerts.filter(|(_, alert)| !alert.is_done()).map(|(key, alert)| (key, alert))
    }
    /// One alert that people should see.
    pub fn alert(&self, episode: &EpisodeKey) -> Option<&Alert> {
        let mut alerts = self.unit(episode.unit)?.alerts.iter().rev();
        alerts.find(|(key, alert)| key == episode && !alert.is_done()).map(|(_, alert)| alert)
    }
    /// What an annunciator should show of an alert: its own facts, its unit's silence and the hours of its rule.
    pub fn sounding(&self, episode: &EpisodeKey) -> Option<Sounding> {
        self.alert(episode).map(Alert::sounding)
    }
    /// The status of a unit, projected from its regions; the first that applies.
    pub fn status(&self, unit: UnitId) -> UnitStatus {
        self.unit(unit).map_or(UnitStatus::Ok, UnitState::status)
    }
    /// Until when a unit's alerts are silenced, while they are.
    pub fn shelved_until(&self, unit: UnitId) -> Option<RuleMs> {
        self.unit(unit)?.shelved
    }
    /// How long an open door may still excuse warm air today.
    pub fn mask_left(&self, unit: UnitId) -> Option<DurationMs> {
        let unit = self.unit(unit)?;
        let mut mask = unit.mask;
        if unit.is_masking() {
            mask.spend((self.frontier - unit.banked.max(unit.mask_from)).max(DurationMs(0)));
        }
        mask.renew(self.frontier, &self.calendar);
        Some(mask.left(&unit.rules.door))
    }
    /// What is known of a unit's logs by hand.
    pub fn manual(&self, unit: UnitId) -> Option<&Manual> {
        self.unit(unit).map(|unit| &unit.manual)
    }

    fn unit(&self, unit: UnitId) -> Option<&UnitState> {
        self.units.get(self.unit_place(unit)?)
    }

    pub(super) fn unit_place(&self, unit: UnitId) -> Option<usize> {
        self.units.binary_search_by_key(&unit, |unit| unit.id).ok()
    }

    pub(super) fn place(&self, point: PointId) -> Option<Place> {
        let found = self.places.binary_search_by_key(&point, |(id, _)| *id).ok()?;
        self.places.get(found).map(|(_, place)| *place)
    }

    /// Makes again what is made from the units: they, or their points, are others than before.
    pub(super) fn index(&mut self) {
        self.places.clear();
        for (at, unit) in self.units.iter().enumerate() {
            let points = unit.points.iter().enumerate();
            self.places.extend(points.map(|(point, state)| (state.id(), Place { unit: at, point })));
        }
        self.places.sort_unstable_by_key(|(id, _)| *id);
        self.dues = Dues::of(self.units.len());
        for (place, unit) in self.units.iter().enumerate() {
            self.dues.set(place, unit.next_due(&self.calendar).map(|(at, _)| at));
        }
    }
}
