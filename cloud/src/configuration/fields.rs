//! Fields: what a person can set of the rules of a unit, one by one, and what each may be.
//!
//! Owns the names of fields, their reading, and what is plausible as a whole; what there is to set is the catalogue of the
//! rules. Pure. A limit beyond what may be set from afar is told of, not refused: somebody at the hub decides.

use crate::store::rule_row;
use frostguard_shared::alarm::AlertType;
use frostguard_shared::rules::field::{Kind, RuleField, Setting, Slot, TIERS};
use frostguard_shared::rules::inherit::{Overruled, Resolution, Resolved, Said as Words, Saying};
use frostguard_shared::rules::{Field, Provenance, RulesError, default_of};
use frostguard_shared::unit::UnitType;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The slot of temperature limits, and that of silent sensors.
const LIMITS: Slot = Slot::of(AlertType::AlarmActive);
const SILENCE: Slot = Slot::of(AlertType::MonitoringInterrupted);

/// What is wrong with a field, or to be known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The field's name, as it was told.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
    /// What it may be.
    pub allowed: String,
}

impl Fault {
    fn of(slot: Slot, field: RuleField, detail: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { field: name(slot, field), detail: detail.into(), allowed: allowed.into() }
    }
}

/// Every field of every slot that a unit can have.
pub fn all() -> impl Iterator<Item = (Slot, RuleField)> {
    Slot::up_to(TIERS).flat_map(|slot| {
        let fields = RuleField::ALL.iter().copied().filter(move |field| field.belongs_to(slot.kind));
        fields.map(move |field| (slot, field))
    })
}

/// The name of a field. Those that every rule has carry the alert type, except the limits' own; those of a further tier
/// carry its number.
pub fn name(slot: Slot, field: RuleField) -> String {
    let plain = match field {
        RuleField::Hysteresis => "hysteresis_centi".to_owned(),
        _ => match (field.kind(), field.word().strip_suffix("_c")) {
            (Kind::Celsius | Kind::Degrees { .. }, Some(stem)) => format!("{stem}_centi_c"),
            _ => field.word().replace("_c_per_", "_centi_c_per_"),
        },
    };
    let is_shared = field.home().is_none();
    match (slot.kind, slot.tier) {
        (AlertType::AlarmActive, 0) => plain,
        (AlertType::AlarmActive, tier) => format!("tier_{tier}_{plain}"),
        (AlertType::MonitoringInterrupted, _) if is_shared => format!("silence_{plain}"),
        (kind, _) if is_shared => format!("{}_{plain}", kind.word()),
        _ => plain,
    }
}

/// The name for people.
fn label(slot: Slot, field: RuleField) -> String {
    let words = |field: RuleField| {
        let word = field.word();
        let stem = ["_c", "_minutes", "_seconds", "_hours", "_days", "_percent"]
            .into_iter()
            .find_map(|unit| word.strip_suffix(unit));
        stem.unwrap_or(word).replace('_', " ")
    };
    let plain = match field {
        RuleField::TempMin => "lower limit".to_owned(),
        RuleField::TempMax => "upper limit".to_owned(),
        RuleField::Inclusive => "a value on the limit is out of range".to_owned(),
        RuleField::OffDelay => "delay until it is over".to_owned(),
        RuleField::Expected => "a reading is expected every".to_owned(),
        RuleField::LateAfter => "missed check-ins until a sensor is late".to_owned(),
        RuleField::LostAfter => "missed check-ins until a sensor is lost".to_owned(),
        RuleField::DoorMask => "time a day for which an open door excuses warm air".to_owned(),
        _ => words(field),
    };
    match (slot.kind, slot.tier) {
        (AlertType::AlarmActive, 0) => plain,
        (AlertType::AlarmActive, tier) => format!("{plain} of tier {tier}"),
        (AlertType::MonitoringInterrupted, _) if field.home().is_none() => format!("{plain} of silence"),
        (kind, _) if field.home().is_none() => format!("{plain} of {}", kind.word().replace('_', " ")),
        _ => plain,
    }
}

/// What a field may be, as a body says it.
pub fn allowed(field: RuleField) -> String {
    let what = match field.kind() {
        Kind::Celsius => "an integer of 0.01 °C from -27315 to 100000".to_owned(),
        Kind::Degrees { highest } => format!("an integer of 0.01 °C from 0 to {highest}"),
        Kind::Count { lowest, highest } => format!("{lowest} to {highest}"),
        Kind::Multiple { lowest, highest } => {
            format!("{} to {}, with at most two decimals", lowest / 100, highest / 100)
        }
        Kind::Flag => "true, false".to_owned(),
        Kind::Severity => "info, warning, critical".to_owned(),
        Kind::Trigger => "consecutive, cumulative".to_owned(),
        Kind::Schedule => {
            "{\"days\": [0 to 6, 0 is Sunday], \"start_hour\": 0 to 24, \"end_hour\": 0 to 24}".to_owned()
        }
        Kind::Times => "a list of at most 8 times of the day as \"HH:MM\"".to_owned(),
    };
    let off = if field.may_be_off() { ", \"off\" for none" } else { "" };
    format!("{what}{off}, or null to inherit")
}

/// What a unit says after what was told: fields that are not named stay as they are; null takes its own word away.
///
/// # Errors
/// Everything that cannot be read, each with what it may be.
pub fn told(body: &Map<String, Value>, now: &Words) -> Result<Words, Vec<Fault>> {
    let (mut words, mut faults) = (now.clone(), Vec::new());
    for (told, value) in body {
        let Some((slot, field)) = all().find(|(slot, field)| name(*slot, *field) == *told) else {
            let known = Slot::up_to(1).flat_map(|slot| all().filter(move |(of, _)| *of == slot));
            let known: Vec<String> = known.map(|(slot, field)| name(slot, field)).collect();
            let allowed = format!(
                "{}, and those of alarm_active with tier_1_ to tier_3_ before them",
                known.join(", ")
            );
            let field = told.chars().take(64).collect();
            faults.push(Fault { field, detail: "is not known here".to_owned(), allowed });
            continue;
        };
        if value.is_null() {
            words.remove(&(slot, field));
            continue;
        }
        match rule_row::read(field, value) {
            Ok(value) => {
                // Whoever changes a word at the unit does not undo who may change it.
                let locked = words.get(&(slot, field)).is_some_and(|saying| saying.locked);
                words.insert((slot, field), Saying { value, locked });
            }
            Err(_) => faults.push(Fault::of(slot, field, "is not what it may be", allowed(field))),
        }
    }
    if faults.is_empty() { Ok(words) } else { Err(faults) }
}

/// What was told to no effect, because it is looser than what is locked further out.
pub fn locked(body: &Map<String, Value>, resolution: &Resolution) -> Vec<Fault> {
    let own = resolution.overruled.iter().filter(|word| word.by == Provenance::Unit);
    let told = own.filter(|word| body.contains_key(&name(word.slot, word.field)));
    told.map(|Overruled { slot, field, lock, .. }| {
        let demanded = resolution.get(*slot, *field).and_then(|resolved| resolved.in_force.value);
        let allowed = format!("{}, anything stricter, or null to inherit", field.in_words(demanded));
        Fault::of(*slot, *field, format!("is looser than what the {} has locked", lock.word()), allowed)
    })
    .collect()
}

/// What cannot be of rules as a whole: every field is good by itself, but they do not go together.
pub fn implausible(resolution: &Resolution) -> Vec<Fault> {
    let mut faults = match resolution.rules(None) {
        Ok(_) => Vec::new(),
        Err(fault) => faults_of(&fault, resolution),
    };
    let tiers = resolution.fields().filter(|(_, field, _)| *field == RuleField::Hysteresis);
    faults.extend(tiers.filter_map(|(slot, field, resolved)| {
        let own = resolved.in_force;
        let (min, max) = band(resolution, slot)?;
        let Some(Setting::Degrees(margin)) = own.value else { return None };
        let most = (max - min) / 4;
        (own.provenance == Provenance::Unit && min < max && margin.hundredths() > most).then(|| {
            let detail = "is more than a quarter of the band";
            Fault::of(slot, field, detail, format!("0 to {most} between these limits"))
        })
    }));
    faults
}

/// The limits of a tier that has both, in 0.01 °C.
fn band(resolution: &Resolution, slot: Slot) -> Option<(i32, i32)> {
    let limit = |field| match resolution.get(slot, field)?.in_force.value? {
        Setting::Celsius(limit) => Some(limit.hundredths()),
        _ => None,
    };
    Some((limit(RuleField::TempMin)?, limit(RuleField::TempMax)?))
}

fn faults_of(fault: &RulesError, resolution: &Resolution) -> Vec<Fault> {
    let both = |slot: Slot, [one, other]: [RuleField; 2], [below, above]: [String; 2]| {
        let detail = fault.to_string();
        vec![Fault::of(slot, one, detail.clone(), below), Fault::of(slot, other, detail, above)]
    };
    match fault {
        RulesError::NoBand { min, max } => {
            let limits = (min.hundredths(), max.hundredths());
            let slot = Slot::up_to(TIERS).find(|slot| band(resolution, *slot) == Some(limits));
            let fields = [RuleField::TempMin, RuleField::TempMax];
            both(slot.unwrap_or(LIMITS), fields, [format!("below {max} °C"), format!("above {min} °C")])
        }
        RulesError::Checkins { late, lost } => {
            let fields = [RuleField::LateAfter, RuleField::LostAfter];
            both(SILENCE, fields, [format!("1 to {lost}"), format!("{late} to 1000")])
        }
        RulesError::Door => {
            let slot = Slot::of(AlertType::DoorOpen);
            let fields = [RuleField::DoorWarning, RuleField::DoorCritical];
            both(slot, fields, ["less than the other".to_owned(), "more than the other".to_owned()])
        }
        RulesError::Range => {
            let slot = Slot::of(AlertType::SensorFault);
            let fields = [RuleField::RangeMin, RuleField::RangeMax];
            both(slot, fields, ["below the other".to_owned(), "above the other".to_owned()])
        }
        RulesError::Unbounded => {
            let (off, tau) = (|slot| value(resolution, slot, RuleField::MaxExcursion), RuleField::ProductTau);
            let is_it = |slot: &Slot| off(*slot).is_none() && value(resolution, *slot, tau).is_some();
            let slot = Slot::up_to(TIERS).find(is_it).unwrap_or(LIMITS);
            both(
                slot,
                [tau, RuleField::MaxExcursion],
                ["\"off\"".to_owned(), allowed(RuleField::MaxExcursion)],
            )
        }
        RulesError::Minutes { field } | RulesError::Kind { field } => {
            let (slot, field) =
                all().find(|(_, known)| known.word() == *field).unwrap_or((LIMITS, RuleField::Delay));
            vec![Fault::of(slot, field, fault.to_string(), allowed(field))]
        }
        RulesError::Tiers => vec![Fault::of(LIMITS, RuleField::TempMax, fault.to_string(), "fewer tiers")],
    }
}

fn value(resolution: &Resolution, slot: Slot, field: RuleField) -> Option<Setting> {
    resolution.get(slot, field).and_then(|resolved| resolved.in_force.value)
}

/// Limits that may not be set from afar unasked: somebody at the hub has to confirm them.
pub fn beyond_hard_limits(kind: UnitType, resolution: &Resolution) -> Vec<Fault> {
    let hard = kind.hard_limits();
    let limits =
        resolution.fields().filter(|(_, field, _)| matches!(field, RuleField::TempMin | RuleField::TempMax));
    let beyond = limits.filter_map(|(slot, field, resolved)| {
        let Some(Setting::Celsius(limit)) = resolved.in_force.value else { return None };
        let allowed = format!("{} °C to {} °C", hard.lowest, hard.highest);
        let detail = format!("{limit} °C takes effect only when somebody at the hub confirms it");
        (!hard.allow(limit)).then(|| Fault::of(slot, field, detail, allowed))
    });
    beyond.collect()
}

/// What differs between two resolutions, a sentence for each field: of each slot what only it has, then what all have.
pub fn changes(unit: &str, old: &Resolution, new: &Resolution) -> Vec<String> {
    let keys: BTreeSet<(Slot, bool, RuleField)> = old
        .fields()
        .chain(new.fields())
        .map(|(slot, field, _)| (slot, field.home().is_none(), field))
        .collect();
    let of = |(slot, _, field): (Slot, bool, RuleField)| {
        // A tier that is not there has what nobody has said.
        let unsaid = Field::system(default_of(slot, field));
        let in_force =
            |of: &Resolution| of.get(slot, field).map_or(unsaid, |Resolved { in_force, .. }| *in_force);
        let (before, after) = (in_force(old), in_force(new));
        let (label, now) = (label(slot, field), field.in_words(after.value));
        if before.value != after.value {
            Some(format!("{unit}: {label} {} → {now}", field.in_words(before.value)))
        } else if before.provenance != after.provenance {
            Some(format!("{unit}: {label} stays {now}, now of the {}", after.provenance.word()))
        } else {
            None
        }
    };
    keys.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
