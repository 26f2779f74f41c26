//! Owns the translation of rules: from the reference's plain numbers to the fields that the real engine takes.
//! Takes the rules of one unit; gives the rules of the site with them in it.
//! Must never give rules that the real engine's own check refuses.

use crate::model::{History, Manual, Ms, Rules, SECOND, Schedule as Plain, Severity as Urgency, Slot, Tier};
use crate::real::Names;
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::field::{Hundredths, Trigger};
use frostguard_shared::rules::schedule::{Schedule, ScheduleForm, TimesOfDay};
use frostguard_shared::rules::{
    BatteryRule, Calibration, CalibrationRule, DoorRule, Field, InstrumentRule, ManualRule, Severity,
    SilenceRule, SilenceTrigger, SiteRules, Telling, ThermalRule, UnitRules,
};
use frostguard_shared::time::{DurationMs, WallMs};

/// Puts the rules of one unit into those of the site.
pub fn apply(site: &mut SiteRules, history: &History, names: &Names, unit: &str, rules: &Rules) {
    let told = history.units.iter().find(|known| known.name == unit).unwrap();
    let translated = unit_rules(rules, told.area.clone());
    translated.check().unwrap();
    site.units.insert(names.unit(unit), translated);
    for point in &told.points {
        let offset_centi_c = rules.offsets.get(point).copied().unwrap_or(0);
        let due = rules.calibrations.get(point).map(|due| WallMs(*due));
        site.calibrations.insert(names.point(point), Calibration { offset_centi_c, due });
    }
}

fn unit_rules(rules: &Rules, area: Option<String>) -> UnitRules {
    let limits = if rules.tiers.is_empty() {
        vec![ThermalRule::DEFAULT]
    } else {
        rules.tiers.iter().map(|tier| limits(tier, rules)).collect()
    };
    UnitRules {
        limits,
        door: DoorRule {
            telling: telling(&rules.door),
            warning: Field::unit(rules.door_warning.map(DurationMs)),
            critical: Field::unit(rules.door_critical.map(DurationMs)),
            mask_per_day: Field::unit(DurationMs(rules.mask)),
        },
        silence: SilenceRule {
            telling: telling(&rules.silence),
            expected: Field::unit(DurationMs(rules.expected)),
            trigger: silence(rules),
        },
        manual: ManualRule {
            telling: telling(&rules.manual),
            required: Field::unit(rules.manual_mode == Manual::Scheduled),
            interval: Field::unit(Some(DurationMs(rules.manual_interval))),
            grace: Field::unit(DurationMs(rules.manual_grace)),
            missed_threshold: Field::unit(u32::try_from(rules.manual_missed).unwrap()),
        },
        battery: BatteryRule {
            telling: telling(&rules.battery),
            low_percent: Field::unit(u32::try_from(rules.battery_low).unwrap()),
            delay: Field::unit(DurationMs(rules.battery_delay)),
        },
        instrument: InstrumentRule {
            telling: telling(&rules.fault),
            range_min: Field::unit(celsius(rules.range.0)),
            range_max: Field::unit(celsius(rules.range.1)),
            rate: Field::unit(Some(degrees(i32::try_from(rules.rate).unwrap()))),
            stuck: Field::unit(Some(DurationMs(rules.stuck))),
        },
        calibration: CalibrationRule {
            telling: telling(&rules.calibration),
            lead: Field::unit(DurationMs(rules.calibration_lead)),
        },
        area,
    }
}

fn limits(tier: &Tier, rules: &Rules) -> ThermalRule {
    let limit = |value: Option<i32>| match value {
        Some(value) => Field::unit(Some(celsius(value))),
        None if rules.unlimited_on_purpose => Field::unit(None),
        None => Field::system(None),
    };
    let slot = Slot { severity: tier.severity, schedule: rules.thermal_schedule.clone() };
    let times: Vec<String> =
        rules.defrosts.iter().map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60)).collect();
    ThermalRule {
        telling: telling(&slot),
        min: limit(tier.min),
        max: limit(tier.max),
        inclusive: Field::unit(tier.inclusive),
        hysteresis: Field::unit(degrees(tier.hysteresis)),
        delay: Field::unit(DurationMs(tier.closed)),
        confirm_closed: Field::unit(Some(DurationMs(tier.closed))),
        confirm_open: Field::unit(Some(DurationMs(tier.open))),
        off_delay: Field::unit(DurationMs(tier.off_delay)),
        max_excursion: Field::unit(tier.cap.map(DurationMs)),
        hard_limit: Field::unit(tier.hard.map(degrees)),
        trigger: Field::unit(if tier.cumulative { Trigger::Cumulative } else { Trigger::Consecutive }),
        product_tau: Field::unit(tier.tau.map(DurationMs)),
        defrost_times: Field::unit((!times.is_empty()).then(|| TimesOfDay::try_from(times).unwrap())),
        defrost_length: Field::unit(DurationMs(rules.defrost_for)),
    }
}

/// Check-ins, if the times can be said in check-ins, else a multiple and what is beyond it.
fn silence(rules: &Rules) -> SilenceTrigger {
    let checkins = |time: Ms| {
        let whole = (time - 30 * SECOND) % rules.expected == 0;
        whole.then(|| u32::try_from((time - 30 * SECOND) / rules.expected).unwrap())
    };
    match (checkins(rules.late_after), checkins(rules.lost_after)) {
        (Some(late), Some(lost)) => {
            SilenceTrigger::Checkins { late_after: Field::unit(late), lost_after: Field::unit(lost) }
        }
        _ => {
            let multiple = 100 * rules.late_after / rules.expected;
            let rest = rules.late_after - rules.expected * multiple / 100;
            SilenceTrigger::Multiple {
                multiplier: Field::unit(Hundredths(u32::try_from(multiple).unwrap())),
                additional: Field::unit(DurationMs(rest)),
            }
        }
    }
}

fn telling(slot: &Slot) -> Telling {
    Telling {
        enabled: Field::unit(true),
        severity: Field::unit(severity(slot.severity)),
        schedule: Field::unit(slot.schedule.as_ref().map(schedule)),
    }
}

fn schedule(plain: &Plain) -> Schedule {
    let days = plain.days.iter().map(|day| i64::from(*day)).collect();
    let form = ScheduleForm { days, start_hour: plain.start.into(), end_hour: plain.end.into() };
    Schedule::try_from(form).unwrap()
}

fn severity(urgency: Urgency) -> Severity {
    match urgency {
        Urgency::Info => Severity::Info,
        Urgency::Warning => Severity::Warning,
        Urgency::Critical => Severity::Critical,
    }
}

fn celsius(hundredths: i32) -> CentiCelsius {
    CentiCelsius::new(hundredths).unwrap()
}

fn degrees(hundredths: i32) -> CentiDegrees {
    CentiDegrees::new(hundredths).unwrap()
}
