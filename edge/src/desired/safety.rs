//! What no document from afar may do unasked: take alarms away, or set limits past what such equipment is for. Pure.
//!
//! A unit counts as guarded when somebody would hear within a day that it is too warm, too cold or silent: it has at
//! least one limit, the delay of its limits is at most a day, and its sensors count as lost after at most a day. A unit
//! that had an upper limit and is left with a lower one alone has lost its guard too, for what spoils food is warmth.

use super::kept::Rules;
use crate::site::{Site, Unit};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Field, ThermalRule, UnitRules};
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

/// One limit of a thermal rule.
type Side = fn(&ThermalRule) -> Option<Field<CentiCelsius>>;

/// The first limit that lies further out than such equipment is for and is not in force already.
pub fn beyond(site: &Site, proposed: &Rules) -> Option<String> {
    site.units.iter().find_map(|unit| {
        let after = proposed.rules.get(&unit.id)?.thermal?;
        let before = unit.rules.thermal;
        let sides: [(&str, Side); 2] = [("lower", |rule| rule.min), ("upper", |rule| rule.max)];
        let hard = unit.kind.hard_limits();
        sides.into_iter().find_map(|(side, of)| {
            let limit = of(&after)?.value;
            let known = before.as_ref().and_then(of).map(|field| field.value);
            if hard.allow(limit) || known == Some(limit) {
                return None;
            }
            Some(format!(
                "the {side} limit {limit} °C of \"{}\" lies outside {} to {} °C, which is as far as a limit of a {} may be set from afar",
                unit.name, hard.lowest, hard.highest, unit.kind.word().replace('_', " ")
            ))
        })
    })
}

fn is_guarded(rules: &UnitRules) -> bool {
    rules
        .thermal
        .is_some_and(|rule| (rule.min.is_some() || rule.max.is_some()) && rule.delay.value <= HEARD_WITHIN)
        && rules.silence.lost_delay() <= HEARD_WITHIN
}

/// What a guarded unit would lose, in words.
fn loses(before: &UnitRules, after: &UnitRules) -> Option<String> {
    let had_upper = before.thermal.is_some_and(|rule| rule.max.is_some());
    let Some(rule) = after.thermal.filter(|rule| rule.min.is_some() || rule.max.is_some()) else {
        return Some("would have no limits".into());
    };
    if had_upper && rule.max.is_none() {
        return Some("would have no upper limit".into());
    }
    if rule.delay.value > HEARD_WITHIN {
        return Some(format!("would alarm only after {} out of range", rule.delay.value));
    }
    let silent = after.silence.lost_delay();
    (silent > HEARD_WITHIN).then(|| format!("would count as silent only after {silent}"))
}
