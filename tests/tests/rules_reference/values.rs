//! Owns what a believed value means against limits: evaluated, simulated as product, and placed in a zone per tier.
//! Takes the believed values of a point and the rules in force at each; gives them judged, in order.
//! Must never use a float: the product's temperature is in 0.00001 °C, and division cuts off.

use crate::gate::Value;
use crate::model::{Ms, Rules, Side, Tier};
use crate::world::RuleBook;

/// Parts of 0.01 °C in which the product's temperature is computed.
const FINE: i64 = 1_000;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Zone {
    Violates,
    Between,
    Recovered,
}

/// A value in the eyes of one tier and side, if that tier has a limit there.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judged {
    pub zone: Zone,
    /// The zone of what counts as time out of range: of the product, if one is simulated.
    pub counts: Zone,
    /// True if it is beyond the limit by so much that nobody waits.
    pub hard: bool,
}

/// A believed value with what it means; one entry per tier.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub at: Ms,
    pub known: Ms,
    pub air: i32,
    pub warm: Vec<Option<Judged>>,
    pub cold: Vec<Option<Judged>>,
}

impl Evaluated {
    pub fn side(&self, side: Side) -> &[Option<Judged>] {
        match side {
            Side::Warm => &self.warm,
            Side::Cold => &self.cold,
        }
    }
}

/// All believed values of a point, evaluated.
pub fn evaluated(point: &str, values: &[Value], rules: &RuleBook<'_>) -> Vec<Evaluated> {
    let mut all: Vec<Evaluated> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let now = rules.at(value.known);
        let air = value.raw + now.offsets.get(point).copied().unwrap_or(0);
        let judge = |side| {
            let tier = |(number, tier): (usize, &Tier)| {
                let product = tier.tau.map(|tau| simulated(point, &values[..=index], tau, number, rules));
                judged(tier, side, air, product)
            };
            now.tiers.iter().enumerate().map(tier).collect()
        };
        let (warm, cold) = (judge(Side::Warm), judge(Side::Cold));
        all.push(Evaluated { at: value.at, known: value.known, air, warm, cold });
    }
    all
}

/// The product's temperature after these values: it begins with the first of the values for which the tier asked for it
/// without a break, and follows the rest.
fn simulated(point: &str, values: &[Value], tau: Ms, number: usize, rules: &RuleBook<'_>) -> i64 {
    let asked =
        |value: &&Value| rules.at(value.known).tiers.get(number).and_then(|tier| tier.tau) == Some(tau);
    let run = values.iter().rev().take_while(asked).count();
    let mut product: Option<(Ms, i64)> = None;
    for value in &values[values.len() - run..] {
        let offset = rules.at(value.known).offsets.get(point).copied().unwrap_or(0);
        let air = i64::from(value.raw + offset) * FINE;
        let now = product
            .map_or(air, |(before, product)| product + (air - product) * (value.at - before).min(tau) / tau);
        product = Some((value.at, now));
    }
    product.map_or(0, |(_, product)| product)
}

fn judged(tier: &Tier, side: Side, air: i32, product: Option<i64>) -> Option<Judged> {
    let by_air = zone(tier, side, i64::from(air) * FINE)?;
    let by_product = product.map_or(Some(by_air), |product| zone(tier, side, outwards(product, side)))?;
    let both = [by_air, by_product];
    let zone = if both.contains(&Zone::Violates) {
        Zone::Violates
    } else if both == [Zone::Recovered; 2] {
        Zone::Recovered
    } else {
        Zone::Between
    };
    let beyond = match side {
        Side::Warm => air - tier.max?,
        Side::Cold => tier.min? - air,
    };
    Some(Judged { zone, counts: by_product, hard: tier.hard.is_some_and(|hard| beyond > hard) })
}

/// To 0.01 °C, towards the side on which it is bad.
fn outwards(fine: i64, side: Side) -> i64 {
    match side {
        Side::Warm => -(-fine).div_euclid(FINE) * FINE,
        Side::Cold => fine.div_euclid(FINE) * FINE,
    }
}

/// Where a temperature in 0.00001 °C lies; `None` without a limit on this side.
fn zone(tier: &Tier, side: Side, fine: i64) -> Option<Zone> {
    let beyond = match side {
        Side::Warm => fine - i64::from(tier.max?) * FINE,
        Side::Cold => i64::from(tier.min?) * FINE - fine,
    };
    let back = match (tier.min, tier.max) {
        (Some(min), Some(max)) => tier.hysteresis.min((max - min) / 4),
        _ => tier.hysteresis,
    };
    Some(if beyond > 0 || (tier.inclusive && beyond == 0) {
        Zone::Violates
    } else if beyond <= -i64::from(back) * FINE {
        Zone::Recovered
    } else {
        Zone::Between
    })
}

/// True if a value of this air temperature, a typed one for instance, violates a limit of this side.
pub fn violates(rules: &Rules, side: Side, air: i32) -> bool {
    rules
        .tiers
        .iter()
        .any(|tier| judged(tier, side, air, None).is_some_and(|judged| judged.zone == Zone::Violates))
}

/// What a typed value means: one entry per tier.
pub fn typed(rules: &Rules, side: Side, air: i32) -> Vec<Option<Judged>> {
    rules.tiers.iter().map(|tier| judged(tier, side, air, None)).collect()
}
