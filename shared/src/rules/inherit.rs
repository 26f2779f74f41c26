//! Inheritance: what of all that is said for a unit is in force, slot by slot and field by field, and who has said it.
//!
//! Takes what unit, area, site and organization say, and the unit's kind; gives each field with its value and its
//! provenance, and what it would be without the unit's own word. What is nearer wins; what a place leaves unsaid is
//! inherited; a field can be switched off on purpose, which is not the same as saying nothing. A field that is locked
//! further out may only be made stricter nearer in: a looser word has no effect and is told of. Pure. It does not judge:
//! whether the whole can be run is for [`UnitRules::check`].

use super::config::{Field, Provenance, RulesError, SilenceTrigger, ThermalRule, UnitRules};
use super::field::{RuleField, Setting, Slot, TIERS};
use super::fields_of::{ADDITIONAL, MULTIPLIER, Said as Resolvable, default_of};
use super::template::template;
use crate::alarm::AlertType;
use crate::time::DurationMs;
use crate::unit::UnitType;
use std::collections::BTreeMap;

/// What one place says of one field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Saying {
    /// The value; none is off on purpose.
    pub value: Option<Setting>,
    /// Whether places nearer to the unit may only be stricter.
    pub locked: bool,
}

impl Saying {
    /// A word that others nearer in may replace.
    pub const fn open(value: Option<Setting>) -> Self {
        Self { value, locked: false }
    }
}

/// What one place says of the rules of a unit. What it leaves unsaid is inherited.
pub type Said = BTreeMap<(Slot, RuleField), Saying>;

/// What every place says, from the nearest to the furthest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scopes {
    /// The unit itself.
    pub unit: Said,
    /// Its area.
    pub area: Said,
    /// Its site.
    pub site: Said,
    /// Its organization.
    pub organization: Said,
}

/// A field that is resolved. A value that nobody has said and that has no default is none, and so is one that is off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// What is in force, and who has said it.
    pub in_force: Field<Option<Setting>>,
    /// What would be in force if the unit itself said nothing.
    pub inherited: Field<Option<Setting>>,
    /// Who has locked it, if somebody has: the strictest lock, if there are several.
    pub locked_by: Option<Provenance>,
}

/// A word without effect, because it is looser than what is locked further out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overruled {
    /// The slot.
    pub slot: Slot,
    /// The field.
    pub field: RuleField,
    /// Who has said it.
    pub by: Provenance,
    /// What was said.
    pub value: Option<Setting>,
    /// Whose lock stands against it.
    pub lock: Provenance,
}

/// All fields of a unit, resolved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolution {
    fields: BTreeMap<(Slot, RuleField), Resolved>,
    /// Everything that was said to no effect, from the furthest to the nearest place of each field.
    pub overruled: Vec<Overruled>,
}

impl Slot {
    /// The slots of a unit with so many tiers of limits, at least one.
    pub fn up_to(tiers: u8) -> impl Iterator<Item = Self> {
        AlertType::ALL.into_iter().flat_map(move |kind| {
            let tiers = if kind == AlertType::AlarmActive { tiers.clamp(1, TIERS) } else { 1 };
            (0..tiers).map(move |tier| Self { kind, tier })
        })
    }
}

impl RuleField {
    /// The slot that it is of when it stands in a rule of another one, for a rule has room for every field. None for a
    /// field that every rule has of its own, if this one has no use for it.
    pub fn slot_in(self, slot: Slot) -> Option<Slot> {
        if self.belongs_to(slot.kind) {
            return Some(slot);
        }
        self.home().filter(|_| self != Self::Delay).map(Slot::of)
    }
}

/// Resolves every field of a unit of a kind.
pub fn resolve(kind: UnitType, scopes: &Scopes) -> Resolution {
    resolve_over(&template(kind), scopes)
}

/// Resolves every field of a unit with a template that is not that of its kind.
pub fn resolve_over(template: &Said, scopes: &Scopes) -> Resolution {
    let stack = [
        (Provenance::Template, template),
        (Provenance::Organization, &scopes.organization),
        (Provenance::Site, &scopes.site),
        (Provenance::Area, &scopes.area),
        (Provenance::Unit, &scopes.unit),
    ];
    let said = stack.iter().flat_map(|(_, said)| said.keys());
    let limits = said.filter(|(slot, _)| slot.kind == AlertType::AlarmActive);
    let tiers = limits.map(|(slot, _)| slot.tier.saturating_add(1)).max().unwrap_or(1);
    let mut resolution = Resolution::default();
    for slot in Slot::up_to(tiers) {
        for field in RuleField::ALL.iter().copied().filter(|field| field.belongs_to(slot.kind)) {
            let resolved = resolution.field(slot, field, &stack);
            resolution.fields.insert((slot, field), resolved);
        }
    }
    resolution
}

impl Resolution {
    /// One field, from the furthest place to the nearest.
    fn field(&mut self, slot: Slot, field: RuleField, stack: &[(Provenance, &Said); 5]) -> Resolved {
        let mut in_force = Field::system(default_of(slot, field));
        let mut inherited = in_force;
        let mut lock: Option<(Provenance, Option<Setting>)> = None;
        for (by, said) in stack {
            inherited = in_force;
            let Some(Saying { value, locked }) = said.get(&(slot, field)).copied() else { continue };
            match lock {
                // The lock is what counts, not what an open word in between has made of it.
                Some((lock, demanded)) if !field.is_as_strict(value, demanded) => {
                    self.overruled.push(Overruled { slot, field, by: *by, value, lock });
                }
                _ => {
                    in_force = Field { value, provenance: *by };
                    if locked {
                        lock = Some((*by, value));
                    }
                }
            }
        }
        Resolved { in_force, inherited, locked_by: lock.map(|(by, _)| by) }
    }

    /// Every field, by slot.
    pub fn fields(&self) -> impl Iterator<Item = (Slot, RuleField, &Resolved)> {
        self.fields.iter().map(|((slot, field), resolved)| (*slot, *field, resolved))
    }

    /// One field. None of a tier of which nobody says anything.
    pub fn get(&self, slot: Slot, field: RuleField) -> Option<&Resolved> {
        self.fields.get(&(slot, field))
    }

    /// The rules as the engine takes them. A limit that nobody has said, and that no template has, shows as missing.
    ///
    /// # Errors
    /// They cannot be run.
    pub fn rules(&self, area: Option<String>) -> Result<UnitRules, RulesError> {
        let rules = self.typed(area)?;
        rules.check()?;
        Ok(rules)
    }

    fn typed(&self, area: Option<String>) -> Result<UnitRules, RulesError> {
        let tiers = self.fields.keys().map(|(slot, _)| usize::from(slot.tier) + 1).max().unwrap_or(1);
        let limits = vec![ThermalRule::DEFAULT; tiers];
        let mut rules = UnitRules { limits, area, ..UnitRules::default() };
        rules.silence.trigger = self.trigger()?;
        for ((slot, field), resolved) in &self.fields {
            let is_trigger = matches!(
                field,
                RuleField::LateAfter | RuleField::LostAfter | RuleField::Multiplier | RuleField::Additional
            );
            // What nobody has said is the default already.
            if !is_trigger && resolved.in_force.is_said() {
                rules.put(*slot, *field, resolved.in_force)?;
            }
        }
        Ok(rules)
    }

    /// Check-ins if somebody counts them; else the multiple of the interval, if somebody has said that; else check-ins.
    fn trigger(&self) -> Result<SilenceTrigger, RulesError> {
        let slot = Slot::of(AlertType::MonitoringInterrupted);
        let said = |field: RuleField| -> Resolvable {
            let unsaid = || Field::system(default_of(slot, field));
            self.get(slot, field).map_or_else(unsaid, |resolved| resolved.in_force)
        };
        let counts = |field| said(field).is_said() && said(field).value.is_some();
        let is_multiple = said(RuleField::Multiplier).is_said() || said(RuleField::Additional).is_said();
        if is_multiple && !counts(RuleField::LateAfter) && !counts(RuleField::LostAfter) {
            return multiple(said(RuleField::Multiplier), said(RuleField::Additional));
        }
        let checkins = |field: RuleField| {
            // One of the two may be off while the other counts: then it is what it is when nobody has said it.
            let of = Some(said(field)).filter(|of| of.value.is_some());
            let of = of.unwrap_or_else(|| Field::system(default_of(slot, field)));
            match of.value {
                Some(Setting::Count(value)) => Ok(Field { value, provenance: of.provenance }),
                _ => Err(RulesError::Kind { field: field.word() }),
            }
        };
        let (late_after, lost_after) = (checkins(RuleField::LateAfter)?, checkins(RuleField::LostAfter)?);
        Ok(SilenceTrigger::Checkins { late_after, lost_after })
    }
}

fn multiple(multiplier: Resolvable, additional: Resolvable) -> Result<SilenceTrigger, RulesError> {
    let multiplier = match multiplier.value {
        Some(Setting::Multiple(value)) => Field { value, provenance: multiplier.provenance },
        None => Field::system(MULTIPLIER),
        Some(_) => return Err(RulesError::Kind { field: RuleField::Multiplier.word() }),
    };
    let additional = match additional.value {
        Some(Setting::Count(value)) => {
            Field { value: DurationMs::minutes(i64::from(value)), provenance: additional.provenance }
        }
        None => Field::system(ADDITIONAL),
        Some(_) => return Err(RulesError::Kind { field: RuleField::Additional.word() }),
    };
    Ok(SilenceTrigger::Multiple { multiplier, additional })
}

#[cfg(test)]
mod tests;
