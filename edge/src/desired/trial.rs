//! The trial: whether a hub is healthy under a document that it has just applied. Pure.
//!
//! Owns which sources are steady enough to be expected back, and the verdict over what was seen since. Healthy means:
//! the journal has committed, every source that delivered steadily before has delivered again, and every output that
//! worked before has answered. Contact to the cloud does not count: a document of rules changes no network.

use super::kept::Expected;
use frostguard_shared::time::{BoottimeMs, DurationMs};
use std::collections::{BTreeMap, BTreeSet};

/// The time in which a hub has to prove itself.
pub const LASTS: DurationMs = DurationMs::seconds(75);
/// A source is steady if it delivered in each of so many equal parts of the time before. Then it speaks often enough to
/// be missed within the trial; one that speaks once in a while may be silent by chance.
const PARTS: u64 = 4;

/// When each source delivered lately.
#[derive(Debug, Default)]
pub struct Pulses(BTreeMap<&'static str, BTreeSet<u64>>);

impl Pulses {
    /// A source delivered.
    pub fn beat(&mut self, source: &'static str, now: BoottimeMs, lasts: DurationMs) {
        let part = part_of(now, lasts);
        let parts = self.0.entry(source).or_default();
        parts.insert(part);
        parts.retain(|known| *known + PARTS >= part);
    }

    /// The sources that delivered in each part of the time before.
    pub fn steady(&self, now: BoottimeMs, lasts: DurationMs) -> BTreeSet<String> {
        let part = part_of(now, lasts);
        let steady = |parts: &BTreeSet<u64>| (1..=PARTS).all(|back| parts.contains(&part.wrapping_sub(back)));
        self.0.iter().filter(|(_, parts)| steady(parts)).map(|(source, _)| (*source).to_owned()).collect()
    }
}

fn part_of(at: BoottimeMs, lasts: DurationMs) -> u64 {
    at.0 / (lasts.0.max(1) as u64 / PARTS).max(1)
}

/// What was seen since a document was applied, or since the hub started under it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Something became durable, the event of the document among it.
    pub committed: bool,
    /// Sources that delivered.
    pub sources: BTreeSet<String>,
    /// Outputs that answered.
    pub outputs: BTreeSet<String>,
}

/// How a trial stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It goes on.
    Runs,
    /// The hub is healthy.
    Proven,
    /// It is not, for this reason: take the document back.
    Unhealthy(String),
}

/// How a trial stands that has run for so long.
pub fn judge(expected: &Expected, seen: &Seen, ran: DurationMs, lasts: DurationMs) -> Verdict {
    let mut missing = Vec::new();
    if !seen.committed {
        missing.push("the record could not be written".to_owned());
    }
    missing.extend(
        expected
            .sources
            .difference(&seen.sources)
            .map(|source| format!("the source {source} has not delivered")),
    );
    missing.extend(
        expected
            .outputs
            .difference(&seen.outputs)
            .map(|output| format!("the output {output} has not answered")),
    );
    if missing.is_empty() {
        Verdict::Proven
    } else if ran < lasts {
        Verdict::Runs
    } else {
        Verdict::Unhealthy(format!("within {lasts}: {}", missing.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_source_that_speaks_all_the_time_is_steady_and_one_that_spoke_once_is_not() {
        let mut pulses = Pulses::default();
        for second in 0..200 {
            pulses.beat("ble", BoottimeMs(second * 1_000), LASTS);
        }
        pulses.beat("lorawan", BoottimeMs(199_000), LASTS);
        assert_eq!(pulses.steady(BoottimeMs(200_000), LASTS), set(&["ble"]));
        assert_eq!(pulses.steady(BoottimeMs(260_000), LASTS), set(&[]), "it has been silent for a while");
    }

    #[test]
    fn a_trial_is_proven_when_everything_that_worked_works_again_and_not_before() {
        let expected = Expected { sources: set(&["ble"]), outputs: set(&["log", "mqtt"]) };
        let mut seen = Seen { committed: true, sources: set(&["ble", "lorawan"]), outputs: set(&["log"]) };
        assert_eq!(judge(&expected, &seen, DurationMs(0), LASTS), Verdict::Runs);
        seen.outputs.insert("mqtt".into());
        assert_eq!(judge(&expected, &seen, DurationMs(0), LASTS), Verdict::Proven);
        seen.committed = false;
        assert_eq!(judge(&expected, &seen, DurationMs(0), LASTS), Verdict::Runs);
    }

    #[test]
    fn a_trial_that_ran_out_names_everything_that_is_missing() {
        let expected = Expected { sources: set(&["ble"]), outputs: set(&["siren"]) };
        let verdict = judge(&expected, &Seen::default(), LASTS, LASTS);
        let Verdict::Unhealthy(reason) = verdict else { panic!("{verdict:?}") };
        for part in ["75 s", "record", "source ble", "output siren"] {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn a_hub_whose_parts_were_all_broken_before_is_not_blamed_on_the_document() {
        let seen = Seen { committed: true, ..Seen::default() };
        assert_eq!(judge(&Expected::default(), &seen, DurationMs(0), LASTS), Verdict::Proven);
    }
}
