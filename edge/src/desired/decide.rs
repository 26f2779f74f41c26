//! The decision on a document, as far as it needs no readings. Pure.
//!
//! Owns the order of the questions: is it the cloud's, can it be read, is it for this hub, is it newer than what was
//! decided on, does it name exactly this hub's units, can its rules be run. What it would take away is asked in
//! [`super::safety`], what the last day says of it in [`super::rehearsal`].

use super::kept::Rules;
use super::{Standing, safety};
use crate::site::Site;
use frostguard_shared::event::RefusalCode;
use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::UnitRules;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::wire::desired::{Document, NotSigned, Signed, UNITS_MAX};
use frostguard_shared::wire::from_bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The highest version that an event can name.
const VERSION_MAX: u64 = (1 << 53) - 1;
/// Characters of a reason.
const REASON_MAX: usize = 600;

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It takes effect.
    Apply(Rules),
    /// It does not.
    Refuse(Refusal),
}

/// A document that is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The version that it claims, if that can be read.
    pub claimed: Option<u64>,
    /// The version that is decided by this; a document that is not for this hub or not the cloud's decides nothing.
    pub decides: Option<u64>,
    /// Why, as a word.
    pub code: RefusalCode,
    /// Why, for people.
    pub reason: String,
    /// Its rules, if somebody at the hub may let them take effect all the same.
    pub proposed: Option<Rules>,
}

impl Refusal {
    /// A document held back for somebody at the hub.
    pub fn held(proposed: Rules, code: RefusalCode, reason: String) -> Self {
        let version = Some(proposed.version);
        Self { claimed: version, decides: version, code, reason, proposed: Some(proposed) }
    }

    fn undecided(claimed: Option<u64>, code: RefusalCode, reason: String) -> Self {
        Self { claimed, decides: None, code, reason: shortened(reason), proposed: None }
    }

    fn decided(version: u64, code: RefusalCode, reason: String) -> Self {
        Self {
            claimed: Some(version),
            decides: Some(version),
            code,
            reason: shortened(reason),
            proposed: None,
        }
    }
}

/// A reason may quote what came, which may be long.
fn shortened(reason: String) -> String {
    if reason.chars().count() <= REASON_MAX {
        return reason;
    }
    reason.chars().take(REASON_MAX).chain(['…']).collect()
}

/// The rules of a document that is the cloud's, for this hub, new, and that can be run.
///
/// # Errors
/// It is not; the refusal says why.
pub fn rules_of(standing: &Standing, signed: &Signed, cloud: &PublicKey) -> Result<Rules, Refusal> {
    let document = signed.document(cloud).map_err(|fault| not_signed(signed, &fault))?;
    let version = document.version;
    let hub = standing.kept.hub;
    if version > VERSION_MAX {
        let reason = format!("its version {version} is none that can be recorded");
        return Err(Refusal::undecided(None, RefusalCode::Unreadable, reason));
    }
    if document.hub != hub {
        let reason = format!("it is for hub {}, and this is hub {hub}", document.hub);
        return Err(Refusal::undecided(Some(version), RefusalCode::ForeignHub, reason));
    }
    if version <= standing.kept.decided {
        let reason = format!(
            "version {version} is not newer than version {}, on which this hub has decided",
            standing.kept.decided
        );
        return Err(Refusal::undecided(Some(version), RefusalCode::Stale, reason));
    }
    let rules = read_units(&document, &standing.site)
        .map_err(|(code, reason)| Refusal::decided(version, code, reason))?;
    Ok(Rules { version, rules })
}

/// What of these rules needs somebody at the hub, before any reading is looked at.
pub fn held(standing: &Standing, proposed: &Rules) -> Vec<(RefusalCode, String)> {
    let silences = safety::silences(&standing.site, proposed);
    let beyond = safety::beyond(&standing.site, proposed);
    let silences = silences.map(|reason| (RefusalCode::Silences, reason));
    silences.into_iter().chain(beyond.map(|reason| (RefusalCode::HardLimit, reason))).collect()
}

/// What becomes of rules that these reasons speak against: whoever lets them take effect must know all of them.
pub fn weighed(proposed: Rules, against: Vec<(RefusalCode, String)>) -> Decision {
    let Some(code) = against.first().map(|(code, _)| *code) else { return Decision::Apply(proposed) };
    let reasons: Vec<String> = against.into_iter().map(|(_, reason)| reason).collect();
    Decision::Refuse(Refusal::held(proposed, code, shortened(reasons.join("; and "))))
}

/// Whether rules name exactly the units of a site; else what does not fit.
pub fn fits(site: &Site, named: &BTreeSet<UnitId>) -> Result<(), String> {
    let strange = named.iter().find(|unit| site.unit(**unit).is_none());
    if let Some(unit) = strange {
        return Err(format!("it names unit {unit}, which this hub does not have"));
    }
    match site.units.iter().find(|unit| !named.contains(&unit.id)) {
        Some(unit) => Err(format!("it leaves out unit \"{}\"", unit.name)),
        None => Ok(()),
    }
}

fn not_signed(signed: &Signed, fault: &NotSigned) -> Refusal {
    let claimed = from_bytes::<Document>(&signed.bytes).ok().map(|document| document.version);
    let claimed = claimed.filter(|version| *version <= VERSION_MAX);
    let code = match fault {
        NotSigned::Signature(_) => RefusalCode::Unsigned,
        NotSigned::Unreadable(_) => RefusalCode::Unreadable,
    };
    Refusal::undecided(claimed, code, fault.to_string())
}

fn read_units(
    document: &Document,
    site: &Site,
) -> Result<BTreeMap<UnitId, UnitRules>, (RefusalCode, String)> {
    let named: BTreeSet<UnitId> = document.units.iter().map(|unit| unit.unit).collect();
    if document.units.len() > UNITS_MAX || named.len() != document.units.len() {
        let what = format!("it names {} units, of which {} differ", document.units.len(), named.len());
        return Err((RefusalCode::Units, what));
    }
    fits(site, &named).map_err(|reason| (RefusalCode::Units, reason))?;
    let mut rules = BTreeMap::new();
    for unit in &document.units {
        let name = site.unit(unit.unit).map_or_else(|| unit.unit.to_string(), |known| known.name.clone());
        let refused = |what: String| (RefusalCode::Rules, format!("the rules of unit \"{name}\": {what}"));
        let read: UnitRules =
            serde_json::from_str(&unit.rules).map_err(|fault| refused(fault.to_string()))?;
        read.check().map_err(|fault| refused(fault.to_string()))?;
        rules.insert(unit.unit, read);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
