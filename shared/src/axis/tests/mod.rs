//! The time table: what the rule axis does when clocks start wrong, stop, step, or come back.

use super::*;
use proptest::prelude::*;

const NOV: i64 = 1_764_000_000_000;
const DAY: i64 = 86_400_000;

fn sample(wall: i64, boottime: u64, trust: Trust) -> ClockSample {
    ClockSample { wall: WallMs(wall), boottime: BoottimeMs(boottime), trust }
}

fn past(last: i64, offset: i64) -> AxisPast {
    AxisPast { last: Some(RuleMs(last)), offset: DurationMs(offset) }
}

#[test]
fn a_process_restart_thirty_days_into_a_boot_goes_on_where_the_axis_was() {
    let mut first = Axis::at_boot(
        Boot(1),
        sample(NOV, 10_000, Trust::Synced),
        AxisPast { last: None, offset: DurationMs(0) },
    );
    let stamp = first.stamp(sample(NOV, 10_000, Trust::Synced));
    assert_eq!(stamp.rule, RuleMs(NOV));
    let last = first.stamp(sample(NOV + 30 * DAY, 10_000 + 30 * DAY as u64, Trust::Synced)).rule;

    let mut again = Axis::resume(Boot(1), first.anchor_ms(), first.boot_began(), past(last.0, 0), true);
    let restarted = sample(NOV + 30 * DAY + 5_000, 15_000 + 30 * DAY as u64, Trust::Synced);
    assert_eq!(again.correction(restarted), None);
    assert_eq!(
        again.stamp(restarted).rule,
        RuleMs(NOV + 30 * DAY + 5_000),
        "five seconds of downtime are five seconds"
    );
}

#[test]
fn off_three_days_and_woken_at_1970_the_axis_goes_on_from_its_last_record_and_jumps_when_the_time_comes() {
    let mut axis = Axis::at_boot(Boot(2), sample(4_000, 4_000, Trust::Untrusted), past(NOV, 0));
    let early = axis.stamp(sample(4_000, 4_000, Trust::Untrusted));
    assert_eq!(early.rule, RuleMs(NOV + 1));
    assert_eq!(axis.correction(sample(60_000, 60_000, Trust::Untrusted)), None);

    let synced = sample(NOV + 3 * DAY, 64_000, Trust::Synced);
    let correction = axis.correction(synced).unwrap();
    assert_eq!(
        correction,
        Correction { from: RuleMs(NOV + 60_001), to: RuleMs(NOV + 3 * DAY), offset: DurationMs(0) }
    );
    let stamp = axis.correct(correction, synced);
    assert_eq!(stamp.rule, RuleMs(NOV + 60_001), "its own record stands before the jump");
    assert_eq!(axis.peek(synced).rule, RuleMs(NOV + 3 * DAY));
    assert_eq!(axis.correction(synced), None, "a correction that was taken is not called for again");
}

#[test]
fn off_three_days_and_woken_with_the_saved_clock_is_untrusted_until_the_service_says_synchronised() {
    let saved = sample(NOV + 1_000, 4_000, Trust::Untrusted);
    let mut axis = Axis::at_boot(Boot(2), saved, past(NOV, 0));
    assert_eq!(axis.stamp(saved).rule, RuleMs(NOV + 1));
    let synced = sample(NOV + 3 * DAY, 34_000, Trust::Synced);
    assert_eq!(axis.correction(synced).unwrap().to, RuleMs(NOV + 3 * DAY));
}

#[test]
fn a_wall_that_turns_out_to_be_behind_the_axis_moves_only_the_offset() {
    let mut axis = Axis::at_boot(Boot(2), sample(9_000, 4_000, Trust::Untrusted), past(NOV + DAY, 0));
    axis.stamp(sample(9_000, 4_000, Trust::Untrusted));
    let synced = sample(NOV, 5_000, Trust::Synced);
    let correction = axis.correction(synced).unwrap();
    assert_eq!((correction.to - correction.from).0, 0);
    let stamp = axis.correct(correction, synced);
    assert_eq!(axis.wall_of(stamp.rule), WallMs(NOV));
    assert_eq!(axis.correction(sample(NOV + 1_000, 6_000, Trust::Synced)), None);
}

#[test]
fn a_step_of_the_wall_below_two_seconds_is_no_correction_and_above_is_one() {
    let start = sample(NOV, 1_000, Trust::Synced);
    let mut axis = Axis::at_boot(Boot(1), start, AxisPast { last: None, offset: DurationMs(0) });
    axis.stamp(start);
    assert_eq!(axis.correction(sample(NOV + 11_999, 11_000, Trust::Synced)), None);
    assert_eq!(axis.correction(sample(NOV + 8_001, 11_000, Trust::Synced)), None);
    assert_eq!(
        axis.correction(sample(NOV + 12_100, 11_000, Trust::Synced)).unwrap().to,
        RuleMs(NOV + 12_100)
    );
    let behind = axis.correction(sample(NOV + 7_000, 11_000, Trust::Synced)).unwrap();
    assert_eq!(
        (behind.from, behind.to, behind.offset),
        (RuleMs(NOV + 10_000), RuleMs(NOV + 10_000), DurationMs(3_000))
    );
}

#[test]
fn two_boots_within_a_second_keep_their_order_on_the_axis() {
    let mut first = Axis::at_boot(
        Boot(1),
        sample(NOV, 100, Trust::Synced),
        AxisPast { last: None, offset: DurationMs(0) },
    );
    let a = first.stamp(sample(NOV, 100, Trust::Synced));
    let mut second = Axis::at_boot(Boot(2), sample(NOV + 400, 80, Trust::Synced), past(a.rule.0, 0));
    let b = second.stamp(sample(NOV + 400, 80, Trust::Synced));
    let mut third = Axis::at_boot(Boot(3), sample(0, 70, Trust::Untrusted), past(b.rule.0, 0));
    let c = third.stamp(sample(0, 70, Trust::Untrusted));
    assert!(a.rule < b.rule && b.rule < c.rule);
    assert_eq!((a.boot, b.boot, c.boot), (Boot(1), Boot(2), Boot(3)));
}

#[test]
fn datalog_frames_with_ages_are_placed_by_their_age_and_across_a_power_cut_only_once_the_clock_is_known() {
    let mut axis = Axis::at_boot(Boot(2), sample(4_000, 4_000, Trust::Untrusted), past(NOV, 0));
    let began = axis.stamp(sample(4_000, 4_000, Trust::Untrusted)).rule;
    let now = began + DurationMs::minutes(30);
    let within = axis.place(Measured::Ago(DurationMs::minutes(10)), now, Trust::Untrusted);
    assert_eq!(within, Placement::Late { rule: now - DurationMs::minutes(10), age: DurationMs::minutes(10) });
    assert_eq!(axis.place(Measured::Ago(DurationMs::minutes(90)), now, Trust::Untrusted), Placement::Waits);
    let known = axis.place(Measured::Ago(DurationMs::minutes(90)), now, Trust::Synced);
    assert_eq!(known, Placement::Late { rule: now - DurationMs::minutes(90), age: DurationMs::minutes(90) });
}

#[test]
fn datalog_frames_with_absolute_times_wait_for_the_clock_and_are_placed_by_the_offset() {
    let mut axis = Axis::at_boot(Boot(2), sample(4_000, 4_000, Trust::Untrusted), past(NOV, 0));
    axis.stamp(sample(4_000, 4_000, Trust::Untrusted));
    let measured = Measured::At(WallMs(NOV + DAY));
    assert_eq!(axis.place(measured, RuleMs(NOV + 5), Trust::Untrusted), Placement::Waits);
    let synced = sample(NOV + 3 * DAY, 9_000, Trust::Synced);
    let correction = axis.correction(synced).unwrap();
    axis.correct(correction, synced);
    let now = axis.peek(synced).rule;
    assert_eq!(
        axis.place(measured, now, Trust::Synced),
        Placement::Late { rule: RuleMs(NOV + DAY), age: DurationMs(2 * DAY) }
    );
}

#[test]
fn a_time_more_than_two_minutes_ahead_is_refused_and_a_lag_of_two_minutes_is_live() {
    let start = sample(NOV, 1_000, Trust::Synced);
    let mut axis = Axis::at_boot(Boot(1), start, AxisPast { last: None, offset: DurationMs(0) });
    let now = axis.stamp(start).rule;
    let at = |wall| axis.place(Measured::At(WallMs(wall)), now, Trust::Synced);
    assert_eq!(at(NOV + 120_001), Placement::Future { ahead: DurationMs(120_001) });
    assert_eq!(at(NOV + 120_000), Placement::Live);
    assert_eq!(at(NOV - 120_000), Placement::Live);
    assert_eq!(at(NOV - 120_001), Placement::Late { rule: RuleMs(NOV - 120_001), age: DurationMs(120_001) });
    assert_eq!(at(i64::MAX), Placement::Future { ahead: DurationMs(i64::MAX - NOV) });
}

#[test]
fn a_server_time_on_a_frame_heard_live_does_not_blind_a_hub_without_a_clock() {
    let axis = Axis::at_boot(Boot(2), sample(4_000, 4_000, Trust::Untrusted), past(NOV, 0));
    assert_eq!(axis.place(Measured::NowBy(WallMs(NOV)), RuleMs(NOV + 9), Trust::Untrusted), Placement::Live);
}

proptest! {
    #[test]
    fn whatever_the_clocks_do_the_axis_strictly_increases_and_ends_at_a_trusted_wall_plus_offset(
        steps in prop::collection::vec((0i64..4_000_000_000_000, 0u64..100_000, 0u8..3, any::<bool>()), 1..60)
    ) {
        let mut boottime = 1_000;
        let mut boot = 1;
        let first = sample(NOV, boottime, Trust::Untrusted);
        let mut axis = Axis::at_boot(Boot(boot), first, AxisPast { last: None, offset: DurationMs(0) });
        let mut last = axis.stamp(first).rule;
        for (wall, passed, trust, reboot) in steps {
            let trust = Trust::from_code(trust).unwrap();
            boottime += passed;
            if reboot {
                boottime = passed;
                boot += 1;
                let past = AxisPast { last: Some(last), offset: axis.offset() };
                axis = Axis::at_boot(Boot(boot), sample(wall, boottime, trust), past);
            }
            let now = sample(wall, boottime, trust);
            if let Some(correction) = axis.correction(now) {
                prop_assert!(correction.to >= correction.from);
                let own = axis.correct(correction, now).rule;
                prop_assert!(own > last, "{own:?} after {last:?}");
                last = own;
            }
            let rule = axis.stamp(now).rule;
            prop_assert!(rule > last, "{rule:?} after {last:?}");
            if trust.is_trusted() {
                prop_assert!((axis.wall_of(rule) - WallMs(wall)).0.abs() <= CORRECTION_FROM.0 + 1);
            }
            last = rule;
        }
    }
}
