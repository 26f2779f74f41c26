//! What belongs together under two sets of rules, and what is missed.

use super::*;
use frostguard_shared::ids::PointId;
use frostguard_shared::rules::{Page, Why};

const UNIT: UnitId = UnitId::from_bytes([1; 16]);
const MINUTE: i64 = 60_000;

fn at(minute: i64) -> RuleMs {
    RuleMs(minute * MINUTE)
}

fn episode(condition: Condition, since: i64) -> EpisodeKey {
    EpisodeKey { unit: UNIT, point: PointId::from_bytes([2; 16]), condition, since: at(since) }
}

fn why() -> Why {
    Why::because("so")
}

fn warm(since: i64) -> EpisodeKey {
    episode(Condition::TooWarm, since)
}

fn say(to: &mut Comparison, side: Side, minute: i64, episode: EpisodeKey, change: AlertChange, page: Page) {
    to.take(side, &Effect::Alert { at: at(minute), episode, change, page });
}

fn raise(to: &mut Comparison, side: Side, minute: i64, episode: EpisodeKey, page: Page) {
    say(to, side, minute, episode, AlertChange::Raised { severity: Severity::Warning, why: why() }, page);
}

fn clear(to: &mut Comparison, side: Side, minute: i64, episode: EpisodeKey) {
    say(to, side, minute, episode, AlertChange::Cleared { why: why() }, Page::NotNeeded);
}

#[test]
fn what_both_find_is_one_thing_and_how_much_later_is_reckoned_in_whole_tenths_of_a_minute() {
    let mut comparison = Comparison::default();
    raise(&mut comparison, Side::Site, 110, warm(100), Page::Sent);
    clear(&mut comparison, Side::Site, 140, warm(100));
    // It was over for the one when the other, which had waited since then, was sure.
    raise(&mut comparison, Side::Other, 145, warm(105), Page::Sent);
    clear(&mut comparison, Side::Other, 150, warm(105));
    let found = comparison.finish();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].later(), Some(DurationMs::minutes(35)));
    let figures = comparison.figures(UNIT);
    assert_eq!((figures.later_mean_tenths(), figures.later_max_tenths()), (Some(350), Some(350)));
    assert_eq!((figures.excursions, figures.missed_count), (Each { site: 1, other: 1 }, 0));
}

#[test]
fn what_only_the_site_finds_is_missed_and_what_only_the_others_find_is_not() {
    let mut comparison = Comparison::default();
    raise(&mut comparison, Side::Site, 110, warm(100), Page::Sent);
    clear(&mut comparison, Side::Site, 140, warm(100));
    raise(&mut comparison, Side::Other, 210, warm(200), Page::Sent);
    // A door is no excursion, whoever finds it.
    raise(&mut comparison, Side::Site, 100, episode(Condition::DoorOpen, 97), Page::Sent);
    let found = comparison.finish();
    assert_eq!(found.len(), 3);
    let figures = comparison.figures(UNIT);
    assert_eq!(figures.missed, [Missed { id: warm(100), until: Some(at(140)) }]);
    assert_eq!(figures.excursions, Each { site: 1, other: 1 });
    assert_eq!(figures.pages, Each { site: 2, other: 1 });
    assert_eq!(figures.later_mean_tenths(), None);
}

#[test]
fn what_is_the_same_under_both_is_no_difference_and_is_forgotten_a_day_after_it_is_over() {
    let mut comparison = Comparison::default();
    for side in [Side::Site, Side::Other] {
        raise(&mut comparison, side, 110, warm(100), Page::Sent);
        clear(&mut comparison, side, 140, warm(100));
    }
    raise(&mut comparison, Side::Site, 210, warm(200), Page::Sent);
    clear(&mut comparison, Side::Site, 240, warm(200));
    assert_eq!(comparison.settle(at(240 + 24 * 60)), []);
    assert_eq!(comparison.settle(at(240 + 24 * 60 + 1)).len(), 1);
    assert!(comparison.waiting.is_empty());
    assert_eq!(comparison.figures(UNIT).missed_count, 1);
}

#[test]
fn several_alerts_of_the_one_within_one_of_the_other_are_one_difference() {
    let mut comparison = Comparison::default();
    raise(&mut comparison, Side::Other, 105, warm(100), Page::Sent);
    for n in 0..3 {
        raise(&mut comparison, Side::Site, 105 + 20 * n, warm(100 + 20 * n), Page::Sent);
        clear(&mut comparison, Side::Site, 115 + 20 * n, warm(100 + 20 * n));
    }
    clear(&mut comparison, Side::Other, 160, warm(100));
    let found = comparison.finish();
    assert_eq!(found.len(), 1);
    let (site, other) = (found[0].spans.site.unwrap(), found[0].spans.other.unwrap());
    assert_eq!((site.alerts, site.pages, other.alerts, other.pages), (3, 3, 1, 1));
    assert_eq!(comparison.figures(UNIT).missed_count, 0);
}

#[test]
fn what_goes_on_is_never_decided_before_the_end_but_what_waits_is_bounded() {
    let mut comparison = Comparison::default();
    raise(&mut comparison, Side::Site, 10, warm(0), Page::Sent);
    assert_eq!(comparison.settle(at(100_000)), []);
    clear(&mut comparison, Side::Site, 20, warm(0));
    for n in 1..=100 {
        raise(&mut comparison, Side::Site, 100 * n, warm(100 * n), Page::Sent);
        clear(&mut comparison, Side::Site, 100 * n + 1, warm(100 * n));
    }
    let waiting: usize = comparison.waiting.values().map(Vec::len).sum();
    assert!(waiting <= WAITING_MAX, "{waiting}");
    assert_eq!(comparison.finish().len(), 101);
}

#[test]
fn tenths_of_minutes_are_rounded_half_away_from_zero() {
    for (ms, count, expected) in
        [(0, 1, 0), (2_999, 1, 0), (3_000, 1, 1), (-3_000, 1, -1), (60_000, 1, 10), (100_000, 3, 6)]
    {
        assert_eq!(tenths(ms, count), expected, "{ms} of {count}");
    }
}
