//! Owns the comparison: what the reference and the real engine make of the same history, and the smallest one on which
//! they differ.
//! Takes seeds, kept ones and fresh ones; gives a pass, or the history with both answers and their first difference.
//! Must never look away from a kind of outcome.

use crate::model::{Event, History, MINUTE, Ms, Outcome, Rules, Tier, What};
use crate::{generate, real, reference};
use frostguard_tests::chance::Chance;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds of histories on which the two once differed.
const KEPT: [u64; 9] = [
    4_777_500_763_444_316_665,
    1_097_853_867_808_128_537,
    4_060_564_174_057_426_247,
    5_543_364_541_675_010_011,
    7_118_661_897_941_734_156,
    10_051_936_953_668_677_948,
    10_657_890_743_922_276_067,
    13_063_148_255_645_458_887,
    15_115_726_137_774_644_018,
];
/// How many fresh histories are compared, unless `FROSTGUARD_HISTORIES` says otherwise.
const HISTORIES: u64 = 40;
/// How many smaller histories are tried at most.
const TRIES: usize = 3_000;

/// Both answers, where they differ.
struct Difference {
    reference: Vec<Outcome>,
    real: Vec<Outcome>,
    which: &'static str,
}

fn difference(history: &History) -> Option<Difference> {
    let expected = reference::outcomes(history).outcomes;
    let Ok(real) = catch_unwind(AssertUnwindSafe(|| real::outcomes(history))) else {
        return Some(Difference { reference: expected, real: Vec::new(), which: "the engine panicked" });
    };
    if real.stepped != expected {
        return Some(Difference { reference: expected, real: real.stepped, which: "told record by record" });
    }
    real.refolded.map(|refolded| Difference {
        reference: real.stepped,
        real: refolded,
        which: "the engine with itself: the first told record by record, the second all at once",
    })
}

/// The smallest history found that still shows a difference: with fewer units, fewer events, plainer rules.
fn smallest(mut history: History) -> History {
    let mut tries = 0;
    loop {
        let before = history.clone();
        let mut share = 2;
        while share <= 2 * history.events.len() && tries < TRIES {
            let size = (history.events.len() / share).max(1);
            let mut from = 0;
            while from < history.events.len() && tries < TRIES {
                let mut smaller = history.clone();
                let to = (from + size).min(smaller.events.len());
                let dropped = smaller.events.drain(from..to).filter(|event| !is_needed(event));
                let dropped = dropped.count();
                smaller.events.extend(history.events[from..to].iter().filter(|one| is_needed(one)).cloned());
                smaller.events = smaller.in_order();
                tries += 1;
                if dropped > 0 && difference(&smaller).is_some() {
                    history = smaller;
                } else {
                    from = to;
                }
            }
            share *= 2;
        }
        for plainer in plainer(&history) {
            tries += 1;
            if difference(&plainer).is_some() {
                history = plainer;
                break;
            }
        }
        if history == before || tries >= TRIES {
            return history;
        }
    }
}

fn is_needed(event: &Event) -> bool {
    matches!(event.what, What::Rules { .. } | What::Tick | What::Started { down_from: None, .. })
}

/// The history with one unit less, or with one thing less in its rules.
fn plainer(history: &History) -> Vec<History> {
    let mut all = Vec::new();
    for unit in history.units.iter().filter(|_| history.units.len() > 1) {
        let mut fewer = history.clone();
        fewer.units.retain(|one| one.name != unit.name);
        let own = |name: &String| unit.points.contains(name) || unit.doors.contains(name);
        fewer.events.retain(|event| match &event.what {
            What::Rules { unit: of, .. }
            | What::Defrost { unit: of, .. }
            | What::Manual { unit: of, .. }
            | What::Quiet { unit: of, .. }
            | What::Acknowledge { unit: of, .. }
            | What::Shelve { unit: of, .. }
            | What::Resolve { unit: of, .. } => *of != unit.name,
            What::Door { point, .. }
            | What::Reading { point, .. }
            | What::Fault { point }
            | What::Battery { point, .. } => !own(point),
            What::Started { .. } | What::Clock { .. } | What::Tick => true,
        });
        all.push(fewer);
    }
    for (index, event) in history.events.iter().enumerate() {
        let What::Rules { unit, rules } = &event.what else { continue };
        let first = !history.events[..index]
            .iter()
            .any(|one| matches!(&one.what, What::Rules { unit: of, .. } if of == unit));
        if !first {
            let mut fewer = history.clone();
            fewer.events.remove(index);
            all.push(fewer);
        }
        if first {
            all.extend(plainer_everywhere(history, unit, rules.tiers.len()));
        }
    }
    all
}

type Simplify = fn(&mut Rules);
type SimplifyTier = fn(&mut Tier);

/// The history with one thing less in all rules of a unit.
fn plainer_everywhere(history: &History, of: &str, tiers: usize) -> Vec<History> {
    let whole: [Simplify; 12] = [
        |rules| rules.tiers.truncate(rules.tiers.len().max(2) - 1),
        |rules| rules.thermal_schedule = None,
        |rules| rules.defrosts.clear(),
        |rules| rules.door = Rules::of(Vec::new()).door,
        |rules| rules.silence = Rules::of(Vec::new()).silence,
        |rules| rules.manual = Rules::of(Vec::new()).manual,
        |rules| rules.battery = Rules::of(Vec::new()).battery,
        |rules| rules.fault = Rules::of(Vec::new()).fault,
        |rules| rules.calibrations.clear(),
        |rules| rules.offsets.clear(),
        |rules| (rules.door_warning, rules.door_critical) = (None, None),
        |rules| rules.manual_interval = 100 * 60 * MINUTE,
    ];
    let tier: [SimplifyTier; 7] = [
        |tier| tier.hard = None,
        |tier| tier.tau = None,
        |tier| tier.cumulative = false,
        |tier| tier.inclusive = false,
        |tier| tier.open = tier.closed,
        |tier| tier.min = tier.min.filter(|_| tier.max.is_none()),
        |tier| tier.cap = tier.cap.filter(|_| tier.tau.is_some()),
    ];
    let everywhere = |simplify: &dyn Fn(&mut Rules)| {
        let mut plainer = history.clone();
        for event in &mut plainer.events {
            match &mut event.what {
                What::Rules { unit, rules } if unit == of => simplify(rules),
                _ => {}
            }
        }
        plainer
    };
    let mut all: Vec<History> = whole.iter().map(|simplify| everywhere(&|rules| simplify(rules))).collect();
    for index in 0..tiers {
        all.extend(
            tier.iter().map(|simplify| {
                everywhere(&|rules| rules.tiers.get_mut(index).into_iter().for_each(simplify))
            }),
        );
    }
    all.retain(|plainer| plainer != history);
    all
}

/// A date in minutes and seconds since the history began.
fn dated(at: Ms, begin: Ms) -> String {
    let after = at - begin;
    format!("{:>4}:{:06.3}", after / MINUTE, (after % MINUTE) as f64 / 1_000.0)
}

/// The rules without what is as usual.
fn unusual(rules: &Rules) -> String {
    let usual = format!("{:#?}", Rules::of(rules.tiers.iter().map(|_| Tier::below(500)).collect()));
    let usual: Vec<&str> = usual.lines().collect();
    let said = format!("{rules:#?}");
    let unusual = said.lines().filter(|line| !usual.contains(line) || line.contains("Tier {"));
    unusual.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn show(history: &History, difference: &Difference) -> String {
    let begin = history.events.first().map_or(0, |first| first.at);
    let mut text = format!("{} from {begin} ({})\n", history.zone, difference.which);
    for unit in &history.units {
        writeln!(text, "  {unit:?}").unwrap();
    }
    for event in &history.events {
        let what = match &event.what {
            What::Rules { unit, rules } => format!("Rules of {unit}: {}", unusual(rules)),
            what => format!("{what:?}"),
        };
        writeln!(text, "  {} {what}", dated(event.at, begin)).unwrap();
    }
    for (who, outcomes) in [("reference", &difference.reference), ("real engine", &difference.real)] {
        writeln!(text, "{who}:").unwrap();
        for outcome in outcomes {
            writeln!(text, "  {} {} {:?}", dated(outcome.at, begin), outcome.unit, outcome.came).unwrap();
        }
    }
    let only = |some: &[Outcome], others: &[Outcome]| some.iter().find(|one| !others.contains(one)).cloned();
    let missing = only(&difference.reference, &difference.real);
    let extra = only(&difference.real, &difference.reference);
    for (who, outcome) in [("only the reference", missing), ("only the real engine", extra)] {
        if let Some(outcome) = outcome {
            let at = dated(outcome.at, begin);
            writeln!(text, "first of {who}: {at} {} {:?}", outcome.unit, outcome.came).unwrap();
        }
    }
    text
}

/// Compares the history of one seed.
fn compare(seed: u64) -> Result<(), String> {
    let history = generate::history(&mut Chance::of(seed));
    if difference(&history).is_none() {
        return Ok(());
    }
    let history = smallest(history);
    let difference = difference(&history).unwrap();
    Err(format!("FROSTGUARD_SEED={seed}\n{}", show(&history, &difference)))
}

fn shortest(found: &[String]) -> &str {
    found.iter().min_by_key(|text| text.len()).map_or("", |text| text)
}

#[test]
fn the_engine_agrees_with_the_reference_on_random_histories() {
    let mut seeds = Chance::from_environment();
    let first = seeds.seed();
    let histories = std::env::var("FROSTGUARD_HISTORIES").ok().and_then(|count| count.parse().ok());
    let fresh = (0..histories.unwrap_or(HISTORIES))
        .map(|index| if index == 0 { first } else { seeds.below(u64::MAX) });
    let found: Vec<String> = KEPT.into_iter().chain(fresh).filter_map(|seed| compare(seed).err()).collect();
    for text in &found {
        let lines = text.lines().filter(|line| line.starts_with("first of") || line.starts_with("FROST"));
        eprintln!("{}", lines.collect::<Vec<_>>().join("; "));
    }
    assert!(found.is_empty(), "{} histories differ; the smallest:\n{}", found.len(), shortest(&found));
}
