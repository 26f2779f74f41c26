//! What no document from afar may do unasked: take alarms away, or set limits past what such equipment is for. Pure.
//!
//! A unit counts as guarded when somebody would hear within a day that it is too warm, too cold or silent: some tier that
//! runs has a limit and takes at most a day to confirm an excursion, and silence is told of after at most a day. A unit
//! that had an upper limit and is left with a lower one alone has lost its guard too, for what spoils food is warmth.
//! A rule that is switched off guards as little as one without limits.

use super::kept::Rules;
use crate::site::{Site, Unit};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{ThermalRule, UnitRules};
use frostguard_shared::time::DurationMs;

/// What takes longer to be heard of guards nothing.
const HEARD_WITHIN: DurationMs = DurationMs::minutes(24 * 60);
/// Units named in a reason; the rest are counted.
const NAMED_MAX: usize = 5;

/// Why these rules would take the alarms of too many units away, if they would.
pub fn silences(site: &Site, proposed: &Rules) -> Option<String> {
    let guarded: Vec<&Unit> = site.units.iter().filter(|unit| is_guarded(&unit.rules)).collect();
    let lost: Vec<String> = guarded
        .iter()
        .filter_map(|unit| {
            let after = proposed.rules.get(&unit.id)?;
            loses(&unit.rules, after).map(|what| format!("\"{}\" {what}", unit.name))
        })
        .collect();
    if lost.len() * 2 <= guarded.len() {
        return None;
    }
    let more = lost.len().saturating_sub(NAMED_MAX);
    let named = lost.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    Some(format!(
        "it takes the alarms of {} of {} guarded units away: {named}{more}",
        lost.len(),
        guarded.len()
    ))
}

/// A side of the limits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Lower,
    Upper,
}

impl Side {
    const fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
        }
    }

    const fn of(self, tier: &ThermalRule) -> Option<CentiCelsius> {
        match self {
            Self::Lower => tier.min.value,
            Self::Upper => tier.max.value,
        }
    }
}

/// The first limit, of any tier, that lies further out than such equipment is for and is not in force already.
pub fn beyond(site: &Site, proposed: &Rules) -> Option<String> {
    site.units.iter().find_map(|unit| {
        let after = proposed.rules.get(&unit.id)?;
        after.limits.iter().enumerate().find_map(|(at, tier)| {
            let before = unit.rules.limits.get(at);
            let known = |side: Side| before.and_then(|before| side.of(before));
            let told = |side: Side| beyond_side(unit, side, side.of(tier)?, known(side));
            told(Side::Lower).or_else(|| told(Side::Upper))
        })
    })
}

fn beyond_side(unit: &Unit, side: Side, limit: CentiCelsius, known: Option<CentiCelsius>) -> Option<String> {
    let hard = unit.kind.hard_limits();
    if hard.allow(limit) || known == Some(limit) {
        return None;
    }
    let kind = unit.kind.word().replace('_', " ");
    Some(format!(
        "the {} limit {limit} °C of \"{}\" lies outside {} to {} °C, which is as far as a limit of a {kind} may be set from afar",
        side.word(),
        unit.name,
        hard.lowest,
        hard.highest
    ))
}

/// How long an excursion takes at most until somebody hears of it: the longest delay that a door or a defrost can make of
/// it, unless the longest excursion that anything can hold back is shorter.
fn heard_after(tier: &ThermalRule) -> DurationMs {
    let slowest = tier.closed().max(tier.open()).max(tier.defrosting());
    tier.cap().map_or(slowest, |cap| cap.min(slowest))
}

/// True if a limit on a side is heard of within a day in some tier.
fn is_heard(rules: &UnitRules, side: Side) -> bool {
    let heard = |tier: &&ThermalRule| {
        tier.telling.enabled.value && side.of(tier).is_some() && heard_after(tier) <= HEARD_WITHIN
    };
    rules.limits.iter().any(|tier| heard(&tier))
}

fn is_guarded(rules: &UnitRules) -> bool {
    (is_heard(rules, Side::Lower) || is_heard(rules, Side::Upper)) && hears_silence(rules)
}

fn hears_silence(rules: &UnitRules) -> bool {
    rules.silence.telling.enabled.value && rules.silence.lost_delay() <= HEARD_WITHIN
}

/// What a guarded unit would lose, in words.
fn loses(before: &UnitRules, after: &UnitRules) -> Option<String> {
    if !after.has_limits() {
        return Some("would have no limits".into());
    }
    let has_upper = after.limits.iter().any(|tier| tier.has_limits() && tier.max.value.is_some());
    if is_heard(before, Side::Upper) && !has_upper {
        return Some("would have no upper limit".into());
    }
    let side = if is_heard(before, Side::Upper) { Side::Upper } else { Side::Lower };
    if !(is_heard(after, side) || side == Side::Lower && is_heard(after, Side::Upper)) {
        let tiers = after.limits.iter().filter(|tier| tier.has_limits());
        let soonest = tiers.map(heard_after).min().unwrap_or_default();
        return Some(format!("would alarm only after {soonest} out of range"));
    }
    if !after.silence.telling.enabled.value {
        return Some("would not tell of silent sensors".into());
    }
    let silent = after.silence.lost_delay();
    (silent > HEARD_WITHIN).then(|| format!("would count as silent only after {silent}"))
}
