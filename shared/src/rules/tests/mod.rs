//! What the rules promise, told as small histories; what holds for every history is in `properties`.

#[cfg(test)]
mod properties;

use super::*;
use crate::ids::{PointId, UnitId};
use crate::point::{Assignment, Role};
use crate::quantity::{CentiCelsius, CentiDegrees};
use crate::reading::{Quality, Reading};
use crate::time::{Boot, BoottimeMs, DurationMs, Trust, WallMs};

const MINUTE: i64 = 60_000;
const T0: i64 = 1_764_000_000_000;

fn unit() -> UnitId {
    UnitId::from_bytes([1; 16])
}

fn point(n: u8) -> PointId {
    PointId::from_bytes([n; 16])
}

/// The rules of a freezer, with nothing but temperature, silence and belief in force, so that each story is about one thing.
fn freezer() -> UnitRules {
    let limits = ThermalRule {
        telling: Telling { severity: Field::unit(Severity::Critical), ..Telling::DEFAULT },
        min: Field::unit(Some(CentiCelsius::literal(-3000))),
        max: Field::unit(Some(CentiCelsius::literal(-1500))),
        off_delay: Field::unit(DurationMs::minutes(2)),
        max_excursion: Field::unit(None),
        ..ThermalRule::DEFAULT
    };
    let mut rules = UnitRules::of_limits(limits);
    rules.manual.interval = Field::unit(None);
    rules
}

/// A site under test: it folds what happens and keeps every effect.
struct Site {
    state: State,
    effects: Vec<Effect>,
    records: Vec<Record>,
}

impl Site {
    fn with(points: &[u8], rules: UnitRules) -> Self {
        let mut site = Self { state: State::default(), effects: vec![], records: vec![] };
        let points_there = points.iter().map(|n| point(*n)).collect();
        let rules =
            SiteRules { units: [(unit(), rules)].into(), points: points_there, ..SiteRules::default() };
        site.fold(Record::rules(RuleMs(T0), rules));
        for n in points {
            site.fold(record(
                T0,
                Input::Assigned(Assignment {
                    point: point(*n),
                    unit: unit(),
                    role: Role::Air,
                    from: RuleMs(T0),
                }),
            ));
        }
        site
    }

    fn freezer() -> Self {
        Self::with(&[7], freezer())
    }

    fn fold(&mut self, record: Record) -> Vec<Effect> {
        self.records.push(record.clone());
        let (state, effects) = step(std::mem::take(&mut self.state), &record);
        self.state = state;
        self.effects.extend(effects.clone());
        effects
    }

    fn value(&mut self, minute: i64, hundredths: i32) -> Vec<Effect> {
        self.fold(reading(7, T0 + minute * MINUTE, hundredths, Quality::Valid))
    }

    /// One value a minute over a stretch of minutes.
    fn values(&mut self, minutes: std::ops::Range<i64>, hundredths: i32) {
        for minute in minutes {
            self.value(minute, hundredths);
        }
    }

    fn tick(&mut self, at: i64) -> Vec<Effect> {
        self.fold(Record::tick(RuleMs(at)))
    }

    fn status(&self) -> UnitStatus {
        self.state.status(unit())
    }

    fn raised(&self) -> Vec<(EpisodeKey, RuleMs)> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Alert { at, episode, change: AlertChange::Raised { .. }, .. } => {
                    Some((*episode, *at))
                }
                _ => None,
            })
            .collect()
    }

    fn changes(&self) -> Vec<&'static str> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Alert { change, .. } => match change {
                    AlertChange::Raised { .. } => Some("raised"),
                    AlertChange::Upgraded { .. } => Some("upgraded"),
                    AlertChange::Cleared { .. } => Some("cleared"),
                    AlertChange::Relapsed { .. } => Some("relapsed"),
                    AlertChange::AckExpired => Some("ack expired"),
                    AlertChange::Escalated { .. } | AlertChange::Told { .. } => None,
                },
                _ => None,
            })
            .collect()
    }

    fn episode(&self) -> EpisodeKey {
        self.raised()[0].0
    }
}

fn record(at: i64, input: Input) -> Record {
    let mut record = Record::tick(RuleMs(at));
    record.input = input;
    record
}

fn late(mut record: Record) -> Record {
    if let Input::Reading { live, .. } = &mut record.input {
        *live = false;
    }
    record
}

fn reading(n: u8, at: i64, hundredths: i32, quality: Quality) -> Record {
    Record::of_reading(&Reading {
        seq: 1,
        at: WallMs(at),
        boot: Boot(1),
        boottime: BoottimeMs(1),
        rule: RuleMs(at),
        age_ms: 0,
        trust: Trust::Synced,
        point: point(n),
        temperature: CentiCelsius::new(hundredths).unwrap(),
        humidity: None,
        battery_percent: None,
        battery: None,
        signal: None,
        door: None,
        quality,
    })
}

#[test]
fn a_freezer_too_warm_for_its_delay_is_pending_first_and_raises_one_alert_when_the_delay_has_passed() {
    let mut site = Site::freezer();
    site.values(0..3, -1800);
    assert_eq!(site.status(), UnitStatus::Ok);
    site.values(3..8, -1400);
    assert_eq!(site.status(), UnitStatus::Excursion);
    assert!(site.raised().is_empty());
    site.value(8, -1400);
    assert!(site.raised().is_empty(), "a deadline fires after every record of its own instant");
    site.tick(T0 + 8 * MINUTE + 1);
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    let expected = EpisodeKey {
        unit: unit(),
        point: point(7),
        condition: Condition::TooWarm,
        since: RuleMs(T0 + 3 * MINUTE),
    };
    assert_eq!(site.raised(), vec![(expected, RuleMs(T0 + 8 * MINUTE))]);
    site.values(9..40, -1400);
    assert_eq!(site.raised().len(), 1);
}

#[test]
fn a_value_on_the_limit_is_in_range_unless_the_rule_is_inclusive() {
    let mut site = Site::freezer();
    site.values(0..20, -1500);
    assert_eq!(site.status(), UnitStatus::Ok);
    let mut rules = freezer();
    rules.limits[0].inclusive = Field::unit(true);
    let mut strict = Site::with(&[7], rules);
    strict.values(0..20, -1500);
    assert_eq!(strict.status(), UnitStatus::AlarmActive);
}

#[test]
fn too_cold_is_an_episode_of_its_own() {
    let mut site = Site::freezer();
    site.values(0..8, -3100);
    assert_eq!(site.episode().condition, Condition::TooCold);
}

#[test]
fn an_excursion_that_ends_before_its_delay_raises_nothing_and_pauses_while_values_are_in_range() {
    let mut site = Site::freezer();
    site.values(0..4, -1400);
    site.values(4..6, -1600);
    assert_eq!(site.status(), UnitStatus::Ok);
    site.values(6..30, -1600);
    assert!(site.raised().is_empty());

    let mut flapping = Site::freezer();
    for minute in 0..40 {
        flapping.value(minute, if minute % 2 == 0 { -1400 } else { -1600 });
    }
    assert_eq!(flapping.raised().len(), 1, "time out of range adds up while the excursion goes on");
}

#[test]
fn a_value_between_the_limit_and_its_hysteresis_clears_nothing() {
    let mut site = Site::freezer();
    site.values(0..10, -1400);
    site.values(10..40, -1530);
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    site.values(40..43, -1550);
    assert_eq!(site.status(), UnitStatus::Restoring);
    assert_eq!(site.changes(), ["raised", "cleared"]);
}

#[test]
fn the_hysteresis_is_capped_to_a_quarter_of_the_band_so_that_there_is_a_way_back() {
    let mut rules = freezer();
    rules.limits[0].min = Field::unit(Some(CentiCelsius::literal(-1700)));
    rules.limits[0].hysteresis = Field::unit(CentiDegrees::new(500).unwrap());
    let mut site = Site::with(&[7], rules);
    site.values(0..10, -1400);
    site.values(10..14, -1560);
    assert_eq!(site.changes(), ["raised", "cleared"]);
}

#[test]
fn after_clearing_a_relapse_is_the_same_alert_and_no_state_is_blind_afterwards() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    site.values(8..12, -1700);
    site.values(12..14, -1400);
    assert_eq!(site.changes(), ["raised", "cleared", "relapsed"]);
    site.values(14..40, -1700);
    assert_eq!(site.status(), UnitStatus::Ok);
    site.values(40..48, -1400);
    assert_eq!(site.changes(), ["raised", "cleared", "relapsed", "cleared", "raised"]);
}

#[test]
fn silence_makes_a_point_late_then_lost_and_two_readings_bring_it_back() {
    let mut site = Site::freezer();
    site.value(0, -1800);
    site.tick(T0 + 90_001);
    assert_eq!(site.status(), UnitStatus::Offline);
    site.tick(T0 + 330_001);
    assert_eq!(site.status(), UnitStatus::MonitoringInterrupted);
    assert_eq!(site.raised()[0].1, RuleMs(T0 + 330_000));
    assert_eq!(site.episode().condition, Condition::Silent);
    site.value(10, -1800);
    assert_eq!(site.status(), UnitStatus::Restoring);
    site.value(11, -1800);
    assert_eq!(site.status(), UnitStatus::Ok);
    assert_eq!(site.changes(), ["raised", "cleared"]);
}

#[test]
fn one_point_lost_of_two_is_a_warning_and_the_unit_is_not_lost() {
    let mut rules = freezer();
    rules.silence.telling.severity = Field::unit(Severity::Critical);
    let mut site = Site::with(&[7, 8], rules);
    for minute in 0..10 {
        site.fold(reading(8, T0 + minute * MINUTE, -1800, Quality::Valid));
    }
    assert_eq!(site.status(), UnitStatus::Offline);
    assert_eq!(site.state.alert(&site.episode()).unwrap().severity, Severity::Warning);
    site.tick(T0 + 20 * MINUTE);
    assert_eq!(site.status(), UnitStatus::MonitoringInterrupted);
    assert_eq!(site.changes(), ["raised", "upgraded"], "one alert of a unit for one condition");
    assert_eq!(site.state.alert(&site.episode()).unwrap().severity, Severity::Critical);
}

#[test]
fn a_sensor_that_goes_silent_in_an_excursion_alarms_all_the_same_and_says_that_it_is_unverified() {
    let mut site = Site::freezer();
    site.value(0, -1400);
    site.tick(T0 + 5 * MINUTE + 1);
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    let unverified = site.effects.iter().any(|effect| match effect {
        Effect::Alert { change: AlertChange::Raised { why, .. }, .. } => why.text.contains("unverified"),
        _ => false,
    });
    assert!(unverified);
}

#[test]
fn an_alarm_outlives_the_silence_of_its_sensor() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    site.tick(T0 + 24 * 60 * MINUTE);
    assert_eq!(
        site.status(),
        UnitStatus::AlarmActive,
        "a sensor that says nothing does not say that it is cold"
    );
    assert_eq!(site.changes(), ["raised", "raised"], "the silence is an alarm beside it");
    site.values(1_441..1_443, -1400);
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    assert_eq!(site.changes(), ["raised", "raised", "cleared"], "and the silence alone is over");
}

#[test]
fn codes_of_a_broken_probe_clear_nothing_and_become_a_sensor_fault() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    for (minute, value, quality) in
        [(8, -12_700, Quality::ProbeUnreadable), (9, 8_500, Quality::PowerOnDefault)]
    {
        site.fold(reading(7, T0 + minute * MINUTE, value, quality));
    }
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    site.fold(reading(7, T0 + 12 * MINUTE, -12_700, Quality::ProbeUnreadable));
    assert_eq!(site.changes(), ["raised", "raised"]);
    assert_eq!(site.raised()[1].0.condition, Condition::SensorFault);
    site.value(13, -1400);
    site.value(14, -1400);
    assert_eq!(site.changes(), ["raised", "raised", "cleared"], "the fault clears, the temperature does not");
}

#[test]
fn a_known_downtime_counts_for_the_excursion_but_is_no_silence_of_the_sensor() {
    let mut site = Site::freezer();
    site.value(0, -1800);
    site.value(1, -1400);
    site.fold(record(
        T0 + 61 * MINUTE,
        Input::Started { down_from: Some(RuleMs(T0 + MINUTE + 1)), known: true, trust: Trust::Synced },
    ));
    assert_eq!(site.raised()[0].1, RuleMs(T0 + 6 * MINUTE), "it was confirmed while nobody looked");
    assert_eq!(site.changes(), ["raised"], "and no point is lost by the start");
    site.tick(T0 + 62 * MINUTE);
    assert_eq!(site.changes(), ["raised"]);
    site.tick(T0 + 70 * MINUTE);
    assert_eq!(site.changes(), ["raised", "raised"], "but it is when nothing is heard afterwards");
}

#[test]
fn a_lost_point_stays_lost_over_a_restart() {
    let mut site = Site::freezer();
    site.value(0, -1800);
    site.tick(T0 + 10 * MINUTE);
    site.fold(record(
        T0 + 60 * MINUTE,
        Input::Started { down_from: Some(RuleMs(T0 + 10 * MINUTE)), known: true, trust: Trust::Synced },
    ));
    assert_eq!(site.status(), UnitStatus::MonitoringInterrupted);
}

#[test]
fn after_a_downtime_of_unknown_length_the_first_bad_value_confirms_and_acknowledgements_are_over() {
    let mut site = Site::freezer();
    site.value(0, -1400);
    site.fold(record(
        T0 + 2,
        Input::Started { down_from: Some(RuleMs(T0 + 1)), known: false, trust: Trust::Synced },
    ));
    assert!(site.raised().is_empty());
    site.fold(reading(7, T0 + 1_000, -1400, Quality::Valid));
    assert_eq!(site.raised().len(), 1);

    let episode = site.episode();
    site.fold(record(T0 + 2_000, Input::Acknowledged { episode, until: RuleMs(T0 + 900_000) }));
    assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Acknowledged);
    site.fold(record(
        T0 + 3_000,
        Input::Started { down_from: Some(RuleMs(T0 + 2_999)), known: false, trust: Trust::Synced },
    ));
    assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Sounding);
    assert_eq!(site.changes(), ["raised", "ack expired"]);
}

#[test]
fn a_clock_that_is_corrected_forward_in_an_episode_is_no_elapsed_time() {
    let mut site = Site::freezer();
    site.value(0, -1400);
    let day = 86_400_000;
    site.fold(record(
        T0 + 2 * MINUTE,
        Input::ClockCorrected { to: RuleMs(T0 + 2 * MINUTE + 3 * day), offset: DurationMs(0) },
    ));
    site.tick(T0 + 2 * MINUTE + 3 * day);
    assert!(site.raised().is_empty());
    assert_eq!(
        site.state.point(point(7)).unwrap().data.heard,
        Heard::Late,
        "two minutes of silence are silence, three days on the axis are not"
    );
    site.fold(reading(7, T0 + 3 * MINUTE + 3 * day, -1400, Quality::Valid));
    site.tick(T0 + 5 * MINUTE + 3 * day + 1);
    let (episode, at) = site.raised()[0];
    assert_eq!(
        (episode.since, at),
        (RuleMs(T0), RuleMs(T0 + 5 * MINUTE + 3 * day)),
        "the episode keeps its name"
    );
}

#[test]
fn values_placed_in_a_downtime_or_in_a_jump_of_the_axis_make_no_other_sensor_silent() {
    let day = 86_400_000;
    let begin = || {
        let mut site = Site::with(&[7, 8], freezer());
        site.value(0, -1800);
        site.fold(reading(8, T0 + 1, -1800, Quality::Valid));
        site
    };
    let started = record(
        T0 + day,
        Input::Started { down_from: Some(RuleMs(T0 + 1)), known: true, trust: Trust::Synced },
    );
    let corrected = record(T0 + 2, Input::ClockCorrected { to: RuleMs(T0 + day), offset: DurationMs(0) });
    for hole in [started, corrected] {
        let site = begin();
        let records: Vec<Record> = (1..20)
            .map(|minute| late(reading(8, T0 + minute * MINUTE, -1400, Quality::Valid)))
            .chain([hole, Record::tick(RuleMs(T0 + day + 1))])
            .collect();
        let (_, effects) = refold(site.state, records);
        let raised: Vec<Condition> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Alert { episode, change: AlertChange::Raised { .. }, .. } => Some(episode.condition),
                _ => None,
            })
            .collect();
        assert_eq!(raised, [Condition::TooWarm]);
    }
}

#[test]
fn an_acknowledgement_holds_the_sound_back_until_it_expires() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    let episode = site.episode();
    let until = RuleMs(T0 + 20 * MINUTE);
    site.fold(record(T0 + 7 * MINUTE, Input::Acknowledged { episode, until }));
    site.values(8..20, -1400);
    assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Acknowledged);
    site.values(20..22, -1400);
    assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Sounding);
    assert_eq!(site.changes(), ["raised", "ack expired"]);
}

#[test]
fn quiet_ends_by_itself_and_can_be_asked_for_four_times() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    let episode = site.episode();
    for n in 0..4 {
        let minute = 8 + n * 20;
        assert!(site.state.alert(&episode).unwrap().can_be_quieted());
        let at = RuleMs(T0 + minute * MINUTE);
        site.fold(record(at.0, Input::Quieted { episode, until: at + QUIET_LENGTH }));
        assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Quiet);
        site.values(minute + 1..minute + 20, -1400);
        assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Sounding);
    }
    assert!(!site.state.alert(&episode).unwrap().can_be_quieted());
}

#[test]
fn a_cleared_alert_is_shown_until_someone_acknowledges_it() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    site.values(8..30, -1700);
    let episode = site.episode();
    assert_eq!(site.status(), UnitStatus::Ok);
    assert_eq!(site.state.alert(&episode).unwrap().sounding(), Sounding::Cleared);
    site.fold(record(T0 + 31 * MINUTE, Input::Acknowledged { episode, until: RuleMs(T0 + 60 * MINUTE) }));
    assert_eq!(site.state.alert(&episode), None);
}

#[test]
fn a_changed_rule_ends_an_episode_only_if_the_last_value_is_inside_the_new_limits() {
    let with_max = |max| {
        let mut rules = freezer();
        rules.limits[0].max = Field::unit(Some(CentiCelsius::literal(max)));
        SiteRules { units: [(unit(), rules)].into(), points: [point(7)].into(), ..SiteRules::default() }
    };
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    site.fold(Record::rules(RuleMs(T0 + 8 * MINUTE), with_max(-1450)));
    assert_eq!(site.status(), UnitStatus::AlarmActive, "still outside: it goes on under the new rule");
    site.fold(Record::rules(RuleMs(T0 + 9 * MINUTE), with_max(-1000)));
    assert_eq!(site.changes(), ["raised", "cleared"]);
}

#[test]
fn values_that_are_not_to_be_believed_end_no_silence_and_are_not_ok() {
    let mut site = Site::freezer();
    site.value(0, -1800);
    site.tick(T0 + 10 * MINUTE);
    for minute in 11..13 {
        site.fold(reading(7, T0 + minute * MINUTE, -12_700, Quality::ProbeUnreadable));
    }
    assert_eq!(site.changes(), ["raised"]);
    assert_ne!(site.status(), UnitStatus::Ok);
    let mut doubtful = Site::freezer();
    doubtful.value(0, -1800);
    doubtful.fold(reading(7, T0 + MINUTE, -12_700, Quality::ProbeUnreadable));
    assert_ne!(doubtful.status(), UnitStatus::Ok);
}

#[test]
fn a_point_that_changes_its_role_keeps_its_excursion_and_one_that_moves_ends_it_visibly() {
    let assigned = |role, to| Assignment { point: point(7), unit: to, role, from: RuleMs(T0 + 9 * MINUTE) };
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    site.fold(record(T0 + 9 * MINUTE, Input::Assigned(assigned(Role::Product, unit()))));
    assert_eq!(site.status(), UnitStatus::AlarmActive);
    let elsewhere = UnitId::from_bytes([9; 16]);
    site.fold(record(T0 + 9 * MINUTE, Input::Assigned(assigned(Role::Air, elsewhere))));
    assert_eq!(
        site.changes(),
        ["raised", "cleared", "raised"],
        "and the unit that it came to has no limits, which is told"
    );
}

#[test]
fn a_unit_with_limits_and_no_sensor_is_not_ok() {
    let site = Site::with(&[], freezer());
    assert_eq!(site.status(), UnitStatus::MonitoringInterrupted);
}

#[test]
fn a_record_from_before_the_frontier_asks_for_history_and_changes_nothing() {
    let mut site = Site::freezer();
    site.values(0..10, -1800);
    let before = site.state.clone();
    let effects = site.fold(reading(7, T0 + 4 * MINUTE + 5, -1400, Quality::Valid));
    assert_eq!(effects, vec![Effect::NeedHistory { unit: unit(), from: RuleMs(T0 + 4 * MINUTE + 5) }]);
    assert_eq!(site.state, before);
}

#[test]
fn of_two_values_at_one_instant_the_worse_is_kept() {
    for order in [[-1400, -1800], [-1800, -1400]] {
        let site = Site::freezer();
        let records = order.map(|value| reading(7, T0 + MINUTE, value, Quality::Valid)).to_vec();
        let (state, _) = refold(site.state, records);
        assert_eq!(state.status(unit()), UnitStatus::Excursion);
    }
}

#[test]
fn a_snapshot_reads_back_and_goes_on_like_the_original() {
    let mut site = Site::freezer();
    site.values(0..8, -1400);
    let text = serde_json::to_string(&site.state).unwrap();
    let restored: State = serde_json::from_str(&text).unwrap();
    assert_eq!(restored, site.state);
}

#[test]
fn a_record_that_comes_twice_is_one_record() {
    let mut site = Site::freezer();
    site.values(0..10, -1400);
    site.value(10, -1700);
    let once = site.state.clone();
    site.value(10, -1700);
    assert_eq!(site.state, once, "one value in range is not two");
}

#[test]
fn a_snapshot_of_a_calm_unit_is_small() {
    let mut site = Site::freezer();
    site.values(0..10, -1800);
    let rules = serde_json::to_string(site.state.rules()).unwrap().len();
    let kept = serde_json::to_string(&site.state).unwrap().len();
    assert!(kept - rules < 2_000, "{} bytes beside {rules} bytes of rules", kept - rules);
}
