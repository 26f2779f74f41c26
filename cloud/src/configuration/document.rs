//! Documents: what a hub is told of the rules that it should run.
//!
//! Pure. A document is a whole: it names every unit that its hub guards, with all of its rules. Two that ask for the same
//! have the same content, whatever their number and time.

use crate::store::rules::Said;
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::HubId;
use frostguard_shared::rules::RulesError;
use frostguard_shared::rules::inherit::resolve;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired::{Document, UnitDocument};
use frostguard_shared::wire::to_bytes;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// No document can be made of what is said. Refuse what was asked for, and name the unit: its rules must be set right first.
#[derive(Debug, Error)]
pub enum ComposeError {
    /// The rules of a unit do not go together.
    #[error("the rules of {unit} cannot be run: {source}")]
    Rules {
        /// The unit's name.
        unit: String,
        /// Why not.
        #[source]
        source: RulesError,
    },
    /// The rules cannot be written as JSON, which their types exclude.
    #[error("the rules of {unit} cannot be written")]
    Json {
        /// The unit's name.
        unit: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

/// What a document says, without number and time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    hub: HubId,
    units: Vec<UnitDocument>,
}

impl Content {
    /// What is said for the units of a hub, resolved.
    ///
    /// # Errors
    /// The rules of a unit cannot be run.
    pub fn of(hub: HubId, said: &[Said]) -> Result<Self, ComposeError> {
        let mut units = said.iter().map(unit).collect::<Result<Vec<_>, _>>()?;
        units.sort_by_key(|unit| unit.unit);
        Ok(Self { hub, units })
    }

    /// The same for the same content, and for no other.
    pub fn hash(&self) -> Hash {
        Hash(Sha256::digest(to_bytes(&self.clone().numbered(0, WallMs(0)))).into())
    }

    /// The document of this content.
    pub fn numbered(self, version: u64, made: WallMs) -> Document {
        Document { hub: self.hub, version, made, units: self.units }
    }
}

fn unit(said: &Said) -> Result<UnitDocument, ComposeError> {
    let rules = resolve(said.kind, &said.scopes).rules(said.names.shared_area());
    let rules = rules.map_err(|source| ComposeError::Rules { unit: said.name.clone(), source })?;
    let json = serde_json::to_string(&rules);
    let rules = json.map_err(|source| ComposeError::Json { unit: said.name.clone(), source })?;
    Ok(UnitDocument { unit: said.unit, rules })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rules::{Names, UNDIVIDED};
    use frostguard_shared::ids::UnitId;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::rules::field::{RuleField, Setting, Slot};
    use frostguard_shared::rules::inherit::{Saying, Scopes};
    use frostguard_shared::rules::{AlertType, Field, Provenance, UnitRules};
    use frostguard_shared::time::DurationMs;
    use frostguard_shared::unit::UnitType;

    const HUB: HubId = HubId::from_bytes([1; 16]);

    fn said(number: u8, upper: Option<i32>) -> Said {
        let mut scopes = Scopes::default();
        if let Some(limit) = upper {
            let at = (Slot::of(AlertType::AlarmActive), RuleField::TempMax);
            scopes.unit.insert(at, Saying::open(Some(Setting::Celsius(CentiCelsius::literal(limit)))));
        }
        Said {
            unit: UnitId::from_bytes([number; 16]),
            name: format!("Freezer {number}"),
            kind: UnitType::Freezer,
            scopes,
            names: Names { area: UNDIVIDED.to_owned(), site: String::new(), organization: String::new() },
        }
    }

    #[test]
    fn a_document_has_all_units_in_the_order_of_their_ids_with_values_and_provenance() {
        let content = Content::of(HUB, &[said(2, None), said(1, Some(-1_200))]).unwrap();
        let document = content.numbered(7, WallMs(5));
        assert_eq!((document.hub, document.version, document.made), (HUB, 7, WallMs(5)));
        let rules: Vec<UnitRules> =
            document.units.iter().map(|unit| serde_json::from_str(&unit.rules).unwrap()).collect();
        let upper = rules.iter().map(|rules| rules.limits[0].max);
        let upper: Vec<_> =
            upper.map(|limit| (limit.value.unwrap().hundredths(), limit.provenance)).collect();
        assert_eq!(upper, [(-1_200, Provenance::Unit), (-1_500, Provenance::Template)]);
    }

    #[test]
    fn every_kind_of_field_reaches_the_document_with_who_has_said_it() {
        let mut said = said(1, None);
        let site = |kind, field, value| (((Slot::of(kind), field)), Saying { value, locked: true });
        said.scopes.site.extend([
            site(AlertType::DoorOpen, RuleField::DoorWarning, None),
            site(AlertType::LowBattery, RuleField::BatteryLow, Some(Setting::Count(35))),
            site(AlertType::SensorFault, RuleField::Stuck, Some(Setting::Count(12))),
        ]);
        let tier = Slot { kind: AlertType::AlarmActive, tier: 1 };
        let limit = Some(Setting::Celsius(CentiCelsius::literal(-1_000)));
        said.scopes.organization.insert((tier, RuleField::TempMax), Saying::open(limit));
        said.names.area = "Cellar".to_owned();
        let document = Content::of(HUB, &[said]).unwrap().numbered(1, WallMs(0));
        let rules: UnitRules = serde_json::from_str(&document.units[0].rules).unwrap();
        let provenance = Provenance::Site;
        assert_eq!(rules.door.warning, Field { value: None, provenance });
        assert_eq!(rules.battery.low_percent, Field { value: 35, provenance });
        assert_eq!(rules.instrument.stuck.value, Some(DurationMs::minutes(12 * 60)));
        assert_eq!(rules.limits[1].max.provenance, Provenance::Organization);
        assert_eq!(rules.area.as_deref(), Some("Cellar"));
    }

    #[test]
    fn content_is_the_same_by_what_it_says_alone() {
        let one = Content::of(HUB, &[said(1, None), said(2, None)]).unwrap();
        let other = Content::of(HUB, &[said(2, None), said(1, None)]).unwrap();
        assert_eq!(one.hash(), other.hash());
        // The value is that of the template, but somebody has set it: it no longer follows the template.
        let set = Content::of(HUB, &[said(1, Some(-1_500)), said(2, None)]).unwrap();
        assert_ne!(one.hash(), set.hash());
        let elsewhere = Content::of(HubId::from_bytes([2; 16]), &[said(1, None), said(2, None)]).unwrap();
        assert_ne!(one.hash(), elsewhere.hash());
    }

    #[test]
    fn a_unit_whose_rules_cannot_be_run_is_named() {
        let fault = Content::of(HUB, &[said(1, None), said(2, Some(-3_500))]).unwrap_err();
        assert!(fault.to_string().contains("Freezer 2"), "{fault}");
    }
}
