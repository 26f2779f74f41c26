//! Places: which unit and which point a line means, and when the engine is told of a point.
//!
//! Owns the way from keys and channels to ids and back. Ids are derived from keys, so that two replays of one history, and
//! two rule sets over it, speak of the same things. A point that the site document lists is known from the first line on;
//! one that only the history speaks of is known from its first line on, so that a history needs no devices in the
//! document. Pure.

use super::entry::{Entry, Value};
use super::line::{LineError, OfUnit, Sensed, Text};
use crate::site::{Site, derived};
use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::point::{Assignment, Channel, Role};
use frostguard_shared::rules::{Input, SiteRules};
use frostguard_shared::time::RuleMs;
use std::collections::{BTreeMap, HashMap};

/// A point of a unit.
#[derive(Clone, Debug)]
struct PointPlace {
    /// Its channel, with its device before it if the unit has two of the name.
    name: String,
    /// The id of the hardware that the document lists, if it does.
    listed: Option<PointId>,
    id: PointId,
    role: Role,
    /// How often its sensor was replaced.
    replaced: u32,
    /// From when on the engine knows of it.
    known_from: Option<RuleMs>,
}

/// A unit.
#[derive(Clone, Debug)]
struct UnitPlace {
    key: String,
    id: UnitId,
    points: Vec<PointPlace>,
}

/// All units and points.
#[derive(Default)]
pub(super) struct Places {
    units: Vec<UnitPlace>,
    by_key: HashMap<String, usize>,
    names: HashMap<UnitId, String>,
    point_names: HashMap<PointId, String>,
    rules: SiteRules,
}

/// What kind of point is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Sensor,
    Door,
}

impl Wanted {
    fn fits(self, role: Role) -> bool {
        (self == Self::Door) == (role == Role::Door)
    }
}

/// How people name a unit, and a point in it.
impl Places {
    /// The unit's key.
    pub(super) fn unit(&self, id: UnitId) -> &str {
        self.names.get(&id).map_or("?", String::as_str)
    }

    /// The point's channel; what is of the unit itself has none.
    pub(super) fn point(&self, id: PointId) -> &str {
        self.point_names.get(&id).map_or("unit", String::as_str)
    }

    /// The key of each unit, in the order of the document.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, UnitId)> {
        self.units.iter().map(|unit| (unit.key.as_str(), unit.id))
    }

    fn unit_id(&self, key: &Text<'_>) -> Result<(usize, UnitId), LineError> {
        let place = self.by_key.get(&*key.0).copied();
        let found = place.and_then(|place| Some((place, self.units.get(place)?.id)));
        found.ok_or_else(|| LineError::UnknownUnit(key.0.chars().take(64).collect()))
    }
}

/// How the engine comes to know of units and points.
impl Places {
    /// A site document takes effect; what the engine is told.
    pub(super) fn apply(&mut self, site: &Site, at: RuleMs, line: u64, entries: &mut Vec<Entry>) {
        let mut old: BTreeMap<UnitId, UnitPlace> =
            std::mem::take(&mut self.units).into_iter().map(|unit| (unit.id, unit)).collect();
        for unit in &site.units {
            let known = old.remove(&unit.id).map(|unit| unit.points).unwrap_or_default();
            let points = points_of(site, unit.id, known);
            self.units.push(UnitPlace { key: unit.key.clone(), id: unit.id, points });
        }
        self.by_key = self.units.iter().enumerate().map(|(place, unit)| (unit.key.clone(), place)).collect();
        // Names of what is gone stay: its last alerts may still be told of.
        self.names.extend(self.units.iter().map(|unit| (unit.id, unit.key.clone())));
        self.rules = site.rules();
        self.tell(at, line, entries);
        for place in 0..self.units.len() {
            self.make_listed_known(place, at, line, entries);
        }
    }

    /// The rules as they are in force, with the points as they are by now.
    fn tell(&mut self, at: RuleMs, line: u64, entries: &mut Vec<Entry>) {
        let mut rules = self.rules.clone();
        for point in self.units.iter().flat_map(|unit| &unit.points) {
            self.point_names.insert(point.id, point.name.clone());
            if let Some(listed) = point.listed.filter(|listed| *listed != point.id) {
                rules.points.remove(&listed);
                rules.calibrations.remove(&listed);
            }
            rules.points.insert(point.id);
        }
        entries.push(Entry::given(at, line, Input::RulesApplied(Box::new(rules))));
    }

    fn make_listed_known(&mut self, unit: usize, at: RuleMs, line: u64, entries: &mut Vec<Entry>) {
        let Some(unit) = self.units.get_mut(unit) else { return };
        for point in unit.points.iter_mut().filter(|point| point.listed.is_some()) {
            // A door is known when it first moves; until then it has no state.
            if point.role != Role::Door && point.known_from.is_none() {
                entries.push(assigned(unit.id, point, at, line));
            }
        }
    }

    /// The point that is meant, which the engine knows of by then.
    fn place(
        &mut self,
        unit: usize,
        point: Option<&Text<'_>>,
        wanted: Wanted,
        when: (RuleMs, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<PointId, LineError> {
        let (at, line) = when;
        let Some(unit) = self.units.get_mut(unit) else { return Err(LineError::UnknownUnit(String::new())) };
        let place = match find(&unit.points, point.map(|text| &*text.0), wanted) {
            Some(place) => place,
            None => {
                let added = unlisted(unit, point.map(|text| &*text.0), wanted)?;
                self.point_names.insert(added.id, added.name.clone());
                unit.points.push(added);
                unit.points.len() - 1
            }
        };
        let Some(point) = unit.points.get_mut(place) else {
            return Err(LineError::UnknownUnit(String::new()));
        };
        if point.known_from.is_none_or(|known| at < known) {
            entries.push(assigned(unit.id, point, at, line));
        }
        Ok(point.id)
    }

    /// What a line about a unit tells the engine.
    pub(super) fn take(
        &mut self,
        unit: &Text<'_>,
        said: OfUnit<'_>,
        when: (RuleMs, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<(), LineError> {
        let (place, id) = self.unit_id(unit)?;
        let (at, line) = when;
        let input = match said {
            OfUnit::Sensed(sensed) => return self.sensed(place, &sensed, when, entries),
            OfUnit::Replaced { point } => return self.replaced(place, point.as_ref(), when, entries),
            OfUnit::ManualLog { temperature, taken } => Input::ManualLog { unit: id, temperature, taken },
            OfUnit::Defrost(defrost) => Input::Defrost { unit: id, defrost },
            OfUnit::Shelve { length } => Input::Shelved { unit: id, until: at + length },
            OfUnit::Unshelve => Input::Unshelved { unit: id },
            OfUnit::Ack { by } => {
                let by = by.map(|by| Box::from(&*by.0));
                entries.push(Entry { at, line, act: super::entry::Act::Ack(id, by) });
                return Ok(());
            }
            OfUnit::Quiet => {
                entries.push(Entry { at, line, act: super::entry::Act::Quiet(id) });
                return Ok(());
            }
            OfUnit::Resolve => {
                entries.push(Entry { at, line, act: super::entry::Act::Resolve(id) });
                return Ok(());
            }
        };
        entries.push(Entry::given(at, line, input));
        Ok(())
    }

    fn sensed(
        &mut self,
        unit: usize,
        sensed: &Sensed<'_>,
        when: (RuleMs, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<(), LineError> {
        let (at, line) = when;
        let named = sensed.point.as_ref();
        let has_sensor = sensed.temperature.is_some() || sensed.fault || sensed.battery.is_some();
        if let Some(door) = sensed.door {
            // Beside a value, the point that is named is the value's.
            let named = named.filter(|_| !has_sensor);
            let point = self.place(unit, named, Wanted::Door, when, entries)?;
            entries.push(Entry::given(at, line, Input::Door { point, door }));
        }
        if !has_sensor {
            return Ok(());
        }
        let is_door = sensed.temperature.is_none() && self.is_door(unit, named);
        let wanted = if is_door { Wanted::Door } else { Wanted::Sensor };
        let point = self.place(unit, named, wanted, when, entries)?;
        if let Some(temperature) = sensed.temperature {
            let value = Value { point, temperature, battery: sensed.battery, live: sensed.live };
            entries.push(Entry::value(at, line, value));
        } else if let Some(percent) = sensed.battery {
            entries.push(Entry::given(at, line, Input::Battery { point, percent }));
        }
        if sensed.fault {
            entries.push(Entry::given(at, line, Input::Fault { point }));
        }
        Ok(())
    }

    /// True if a battery, a fault or a replacement is of the door: it is named, or the unit has nothing else.
    fn is_door(&self, unit: usize, named: Option<&Text<'_>>) -> bool {
        let points = self.units.get(unit).map(|unit| unit.points.as_slice()).unwrap_or_default();
        let door = find(points, named.map(|named| &*named.0), Wanted::Door);
        match named {
            Some(named) => door.is_some() || &*named.0 == "door",
            None => door.is_some() && find(points, None, Wanted::Sensor).is_none(),
        }
    }

    /// Another sensor stands in the place of the old one: the old one is gone, with all that it had alarmed about.
    fn replaced(
        &mut self,
        unit: usize,
        point: Option<&Text<'_>>,
        when: (RuleMs, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<(), LineError> {
        let (at, line) = when;
        let is_door = self.is_door(unit, point);
        let wanted = if is_door { Wanted::Door } else { Wanted::Sensor };
        self.place(unit, point, wanted, when, entries)?;
        let Some(unit) = self.units.get_mut(unit) else { return Ok(()) };
        let found = find(&unit.points, point.map(|text| &*text.0), wanted);
        let Some(place) = found.and_then(|place| unit.points.get_mut(place)) else { return Ok(()) };
        place.replaced += 1;
        place.known_from = None;
        place.id = derived::point(&unit.key, &format!("{}/{}", place.name, place.replaced));
        let known = assigned(unit.id, place, at, line);
        self.tell(at, line, entries);
        entries.push(known);
        Ok(())
    }
}

fn assigned(unit: UnitId, point: &mut PointPlace, at: RuleMs, line: u64) -> Entry {
    point.known_from = Some(at);
    let assignment = Assignment { point: point.id, unit, role: point.role, from: at };
    Entry::given(at, line, Input::Assigned(assignment))
}

/// The point of that name; else of that role; without a name the first that is meant, of the air if there is one.
fn find(points: &[PointPlace], name: Option<&str>, wanted: Wanted) -> Option<usize> {
    let fits = |point: &PointPlace| wanted.fits(point.role);
    let Some(name) = name else {
        let first = |role: Option<Role>| {
            points.iter().position(|point| fits(point) && role.is_none_or(|role| point.role == role))
        };
        return first(Some(Role::Air)).or_else(|| first(Some(Role::Product))).or_else(|| first(None));
    };
    let by_name = points.iter().position(|point| fits(point) && point.name == name);
    let bare = |point: &PointPlace| point.name.rsplit(':').next() == Some(name);
    by_name
        .or_else(|| points.iter().position(|point| fits(point) && bare(point)))
        .or_else(|| points.iter().position(|point| fits(point) && point.role.word() == name))
}

/// A point that only the history speaks of.
fn unlisted(unit: &UnitPlace, name: Option<&str>, wanted: Wanted) -> Result<PointPlace, LineError> {
    let role = match (wanted, name) {
        (Wanted::Door, None | Some("door")) => Some((Channel::Door, Role::Door)),
        (Wanted::Sensor, None) => Some((Channel::Air, Role::Air)),
        (Wanted::Sensor, Some(name)) => match name.parse() {
            Ok(Channel::Air) => Some((Channel::Air, Role::Air)),
            Ok(channel @ Channel::Probe(_)) => Some((channel, Role::Product)),
            Ok(Channel::Door) | Err(_) => None,
        },
        (Wanted::Door, Some(_)) => None,
    };
    let Some((channel, role)) = role else {
        let point = name.unwrap_or_default().chars().take(64).collect();
        return Err(LineError::UnknownPoint { unit: unit.key.clone(), point });
    };
    let name = channel.to_string();
    let id = derived::point(&unit.key, &name);
    Ok(PointPlace { name, listed: None, id, role, replaced: 0, known_from: None })
}

/// The points of a unit by a document: those it lists, and those that the history has spoken of without it.
fn points_of(site: &Site, unit: UnitId, known: Vec<PointPlace>) -> Vec<PointPlace> {
    let of_unit = || site.points().filter(|(_, _, point)| point.unit == unit);
    let mut points: Vec<PointPlace> = of_unit()
        .map(|(device, channel, point)| {
            let is_only = of_unit().filter(|(_, other, _)| *other == channel).count() == 1;
            let name = if is_only { channel.to_string() } else { format!("{}:{channel}", device.key) };
            let same = known.iter().find(|known| known.listed == Some(point.id));
            PointPlace {
                name,
                listed: Some(point.id),
                id: same.map_or(point.id, |same| same.id),
                role: point.role,
                replaced: same.map_or(0, |same| same.replaced),
                known_from: same.and_then(|same| same.known_from),
            }
        })
        .collect();
    points.extend(known.into_iter().filter(|known| known.listed.is_none()));
    points
}
