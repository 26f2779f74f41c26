//! Fields: what a person can set of the rules of a unit, one by one, and what each may be.
//!
//! Owns the names, the reading of what was told, and what is plausible as a whole. Pure. A limit beyond what may be set
//! from afar is told of, not refused: somebody at the hub decides.

use frostguard_shared::alarm::Severity;
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::inherit::{Bound, Resolution, Values};
use frostguard_shared::rules::{Provenance, RulesError};
use frostguard_shared::time::DurationMs;
use frostguard_shared::unit::UnitType;
use serde_json::{Map, Value};

/// The longest delay, in minutes: a week.
const MINUTES_MAX: i64 = 10_080;
/// The most missed check-ins.
const CHECKINS_MAX: i64 = 1_000;
/// The shortest and the longest interval in which a reading can be expected, in seconds: a point records one a minute.
const EXPECTED_S: (i64, i64) = (60, 604_800);
/// The largest hysteresis that can be meant, in 0.01 °C.
const HYSTERESIS_MAX: i64 = 1_000;

/// The word that switches a limit off.
const OFF: &str = "off";

/// A field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Field {
    /// Lowest temperature.
    TempMin,
    /// Highest temperature.
    TempMax,
    /// Whether the limit itself already violates.
    Inclusive,
    /// How far inside the limit counts as recovered.
    Hysteresis,
    /// How long out of range before an episode is confirmed.
    Delay,
    /// How long in range before it clears.
    OffDelay,
    /// How urgent a confirmed episode is.
    Severity,
    /// The interval at which a reading is expected.
    Expected,
    /// Missed check-ins after which a point is late.
    LateAfter,
    /// Missed check-ins after which a point is lost.
    LostAfter,
    /// How urgent it is when all points are lost.
    SilenceSeverity,
}

/// What is wrong with a field, or to be known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The field's name, as it was told.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
    /// What it may be.
    pub allowed: String,
}

impl Fault {
    fn of(field: Field, detail: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { field: field.word().to_owned(), detail: detail.into(), allowed: allowed.into() }
    }
}

fn number(told: &Value, low: i64, high: i64) -> Option<i64> {
    told.as_i64().filter(|value| (low..=high).contains(value))
}

fn bound(told: &Value) -> Option<Bound> {
    if told.as_str() == Some(OFF) {
        return Some(Bound::Off);
    }
    let hundredths = i32::try_from(told.as_i64()?).ok()?;
    CentiCelsius::new(hundredths).ok().map(Bound::At)
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::TempMin,
        Self::TempMax,
        Self::Inclusive,
        Self::Hysteresis,
        Self::Delay,
        Self::OffDelay,
        Self::Severity,
        Self::Expected,
        Self::LateAfter,
        Self::LostAfter,
        Self::SilenceSeverity,
    ];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TempMin => "temp_min_centi_c",
            Self::TempMax => "temp_max_centi_c",
            Self::Inclusive => "inclusive",
            Self::Hysteresis => "hysteresis_centi",
            Self::Delay => "delay_minutes",
            Self::OffDelay => "off_delay_minutes",
            Self::Severity => "severity",
            Self::Expected => "expected_reading_interval_seconds",
            Self::LateAfter => "offline_warning_missed_checkins",
            Self::LostAfter => "offline_critical_missed_checkins",
            Self::SilenceSeverity => "silence_severity",
        }
    }

    /// Its name for people.
    const fn label(self) -> &'static str {
        match self {
            Self::TempMin => "lower limit",
            Self::TempMax => "upper limit",
            Self::Inclusive => "a value on the limit is out of range",
            Self::Hysteresis => "hysteresis",
            Self::Delay => "delay",
            Self::OffDelay => "delay until it is over",
            Self::Severity => "severity",
            Self::Expected => "a reading is expected every",
            Self::LateAfter => "missed check-ins until a sensor is late",
            Self::LostAfter => "missed check-ins until a sensor is lost",
            Self::SilenceSeverity => "severity of silence",
        }
    }

    fn allowed(self) -> String {
        match self {
            Self::TempMin | Self::TempMax => {
                "an integer of 0.01 °C from -27315 to 100000, \"off\" for no limit, or null to inherit"
                    .to_owned()
            }
            Self::Inclusive => "true, false, or null to inherit".to_owned(),
            Self::Hysteresis => {
                format!("an integer of 0.01 °C from 0 to {HYSTERESIS_MAX}, or null to inherit")
            }
            Self::Delay | Self::OffDelay => format!("0 to {MINUTES_MAX}, or null to inherit"),
            Self::Severity | Self::SilenceSeverity => {
                "info, warning, critical, or null to inherit".to_owned()
            }
            Self::Expected => format!("{} to {}, or null to inherit", EXPECTED_S.0, EXPECTED_S.1),
            Self::LateAfter | Self::LostAfter => format!("1 to {CHECKINS_MAX}, or null to inherit"),
        }
    }

    /// Takes what was told of this field into what the unit says; null takes its own word away. `None` if it can be none.
    fn take(self, told: &Value, into: &mut Values) -> Option<()> {
        /// What was told, if it can be read; nothing, if nothing is to be said.
        fn read<T>(told: &Value, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
            if told.is_null() { Some(None) } else { read(told).map(Some) }
        }
        let minutes = |told: &Value| number(told, 0, MINUTES_MAX).map(DurationMs::minutes);
        let checkins =
            |told: &Value| number(told, 1, CHECKINS_MAX).and_then(|value| u32::try_from(value).ok());
        let severity = |told: &Value| serde_json::from_value::<Severity>(told.clone()).ok();
        match self {
            Self::TempMin => into.min = read(told, bound)?,
            Self::TempMax => into.max = read(told, bound)?,
            Self::Inclusive => into.inclusive = read(told, Value::as_bool)?,
            Self::Hysteresis => {
                into.hysteresis = read(told, |told| {
                    let hundredths = number(told, 0, HYSTERESIS_MAX)?;
                    CentiDegrees::new(i32::try_from(hundredths).ok()?).ok()
                })?;
            }
            Self::Delay => into.delay = read(told, minutes)?,
            Self::OffDelay => into.off_delay = read(told, minutes)?,
            Self::Severity => into.severity = read(told, severity)?,
            Self::Expected => {
                let seconds = |told: &Value| number(told, EXPECTED_S.0, EXPECTED_S.1);
                into.expected = read(told, |told| seconds(told).map(DurationMs::seconds))?;
            }
            Self::LateAfter => into.late_after = read(told, checkins)?,
            Self::LostAfter => into.lost_after = read(told, checkins)?,
            Self::SilenceSeverity => into.silence_severity = read(told, severity)?,
        }
        Some(())
    }

    /// Its value for people, and who has said it.
    fn shown(self, resolution: &Resolution) -> (String, Provenance) {
        fn limit(value: Option<CentiCelsius>) -> String {
            value.map_or_else(|| "none".to_owned(), |limit| format!("{limit} °C"))
        }
        fn minutes(length: DurationMs) -> String {
            format!("{} min", length.0 / 60_000)
        }
        macro_rules! told {
            ($field:ident, $show:expr) => {{
                let of = resolution.$field.in_force;
                ($show(of.value), of.provenance)
            }};
        }
        match self {
            Self::TempMin => told!(min, limit),
            Self::TempMax => told!(max, limit),
            Self::Inclusive => told!(inclusive, |yes| if yes { "yes" } else { "no" }.to_owned()),
            Self::Hysteresis => told!(hysteresis, |margin: CentiDegrees| {
                format!("{}.{:02} °C", margin.hundredths() / 100, margin.hundredths() % 100)
            }),
            Self::Delay => told!(delay, minutes),
            Self::OffDelay => told!(off_delay, minutes),
            Self::Severity => told!(severity, |severity: Severity| severity.word().to_owned()),
            Self::Expected => told!(expected, |length: DurationMs| format!("{} s", length.0 / 1_000)),
            Self::LateAfter => told!(late_after, |count: u32| count.to_string()),
            Self::LostAfter => told!(lost_after, |count: u32| count.to_string()),
            Self::SilenceSeverity => told!(silence_severity, |severity: Severity| severity.word().to_owned()),
        }
    }
}

/// What a unit says after what was told: fields that are not named stay as they are.
///
/// # Errors
/// Everything that cannot be read, each with what it may be.
pub fn told(body: &Map<String, Value>, now: &Values) -> Result<Values, Vec<Fault>> {
    let (mut values, mut faults) = (*now, Vec::new());
    for (name, told) in body {
        let Some(field) = Field::ALL.into_iter().find(|field| field.word() == name) else {
            let known = Field::ALL.map(Field::word).join(", ");
            let field = name.chars().take(64).collect();
            faults.push(Fault { field, detail: "is not known here".to_owned(), allowed: known });
            continue;
        };
        if field.take(told, &mut values).is_none() {
            faults.push(Fault::of(field, "is not what it may be", field.allowed()));
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// What cannot be of rules as a whole: every field is good by itself, but they do not go together.
pub fn implausible(resolution: &Resolution) -> Vec<Fault> {
    let mut faults = Vec::new();
    match resolution.rules().check() {
        Ok(()) => {}
        Err(RulesError::NoBand { min, max }) => {
            let detail = format!("there is no band between {min} °C and {max} °C");
            faults.push(Fault::of(Field::TempMin, detail.clone(), format!("below {max} °C")));
            faults.push(Fault::of(Field::TempMax, detail, format!("above {min} °C")));
        }
        Err(RulesError::Checkins { late, lost }) => {
            let detail = format!("a sensor cannot be late after {late} and lost after {lost}");
            faults.push(Fault::of(Field::LateAfter, detail.clone(), format!("1 to {lost}")));
            faults.push(Fault::of(Field::LostAfter, detail, format!("{late} to {CHECKINS_MAX}")));
        }
        Err(RulesError::Minutes { field }) => {
            let named = Field::ALL.into_iter().find(|known| known.word() == field);
            let named = named.unwrap_or(Field::Delay);
            faults.push(Fault::of(named, "is outside its range", named.allowed()));
        }
    }
    let (min, max) = (resolution.min.in_force.value, resolution.max.in_force.value);
    let own = resolution.hysteresis.in_force;
    if let (Some(min), Some(max)) = (min, max)
        && own.provenance == Provenance::Unit
        && min < max
    {
        let most = (max.hundredths() - min.hundredths()) / 4;
        if own.value.hundredths() > most {
            let detail = "is more than a quarter of the band";
            faults.push(Fault::of(Field::Hysteresis, detail, format!("0 to {most} between these limits")));
        }
    }
    faults
}

/// Limits that may not be set from afar unasked: somebody at the hub has to confirm them.
pub fn beyond_hard_limits(kind: UnitType, resolution: &Resolution) -> Vec<Fault> {
    let hard = kind.hard_limits();
    let limits = [(Field::TempMin, resolution.min), (Field::TempMax, resolution.max)];
    let beyond = limits.into_iter().filter_map(|(field, limit)| {
        let limit = limit.in_force.value.filter(|limit| !hard.allow(*limit))?;
        let allowed = format!("{} °C to {} °C", hard.lowest, hard.highest);
        let detail = format!("{limit} °C takes effect only when somebody at the hub confirms it");
        Some(Fault::of(field, detail, allowed))
    });
    beyond.collect()
}

/// What differs between two resolutions, a sentence for each field.
pub fn changes(unit: &str, old: &Resolution, new: &Resolution) -> Vec<String> {
    let of = |field: Field| {
        let (before, after) = (field.shown(old), field.shown(new));
        let label = field.label();
        if before.0 != after.0 {
            Some(format!("{unit}: {label} {} → {}", before.0, after.0))
        } else if before.1 != after.1 {
            Some(format!("{unit}: {label} stays {}, now of the {}", after.0, after.1.word()))
        } else {
            None
        }
    };
    Field::ALL.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::rules::inherit::{Scopes, resolve};
    use serde_json::json;

    fn patched(body: &Value, now: &Values) -> Result<Values, Vec<String>> {
        let faults = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.field).collect();
        told(body.as_object().unwrap(), now).map_err(faults)
    }

    fn resolved(kind: UnitType, unit: Values) -> Resolution {
        resolve(kind, &Scopes { unit, ..Scopes::default() })
    }

    #[test]
    fn what_is_named_is_set_and_everything_else_stays() {
        let body = json!({ "temp_max_centi_c": -1200, "delay_minutes": 7, "severity": "warning" });
        let now = Values { off_delay: Some(DurationMs::minutes(3)), ..Values::default() };
        let values = patched(&body, &now).unwrap();
        let expected = Values {
            max: Some(Bound::At(CentiCelsius::literal(-1_200))),
            delay: Some(DurationMs::minutes(7)),
            severity: Some(Severity::Warning),
            ..now
        };
        assert_eq!(values, expected);
        let back = json!({ "temp_max_centi_c": null, "delay_minutes": null, "severity": null });
        assert_eq!(patched(&back, &values), Ok(now));
    }

    #[test]
    fn every_field_reads_its_largest_and_smallest_and_refuses_what_is_beyond() {
        let cases = [
            (
                "temp_min_centi_c",
                vec![json!(-27315), json!(100_000), json!("off")],
                vec![json!(-27316), json!("on"), json!(1.5), json!(true)],
            ),
            ("temp_max_centi_c", vec![json!("off"), json!(0)], vec![json!(100_001), json!({})]),
            ("inclusive", vec![json!(true), json!(false)], vec![json!(1), json!("off")]),
            ("hysteresis_centi", vec![json!(0), json!(1000)], vec![json!(-1), json!(1001)]),
            ("delay_minutes", vec![json!(0), json!(10_080)], vec![json!(-1), json!(10_081), json!("off")]),
            ("off_delay_minutes", vec![json!(0), json!(10_080)], vec![json!(10_081)]),
            ("severity", vec![json!("info"), json!("critical")], vec![json!("loud"), json!(3)]),
            (
                "expected_reading_interval_seconds",
                vec![json!(60), json!(604_800)],
                vec![json!(59), json!(604_801)],
            ),
            ("offline_warning_missed_checkins", vec![json!(1), json!(1000)], vec![json!(0), json!(1001)]),
            ("offline_critical_missed_checkins", vec![json!(1), json!(1000)], vec![json!(0), json!(1001)]),
            ("silence_severity", vec![json!("warning")], vec![json!("Warning")]),
        ];
        assert_eq!(cases.each_ref().map(|case| case.0), Field::ALL.map(Field::word));
        for (name, good, bad) in cases {
            for value in good {
                let set = patched(&json!({ name: value }), &Values::default()).unwrap();
                assert_ne!(set, Values::default(), "{name} {value}");
                assert_eq!(patched(&json!({ name: null }), &set), Ok(Values::default()), "{name}");
            }
            for value in bad {
                assert_eq!(
                    patched(&json!({ name: value }), &Values::default()),
                    Err(vec![name.to_owned()]),
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn everything_that_cannot_be_read_is_named_at_once() {
        let body = json!({ "delay_minutes": "soon", "temp_max": 3, "severity": "loud", "inclusive": true });
        let mut named = patched(&body, &Values::default()).unwrap_err();
        named.sort();
        assert_eq!(named, ["delay_minutes", "severity", "temp_max"]);
    }

    #[test]
    fn limits_without_a_band_and_check_ins_out_of_order_are_implausible() {
        let fields = |unit: Values| -> Vec<String> {
            let faults = implausible(&resolved(UnitType::Fridge, unit));
            faults.into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(fields(Values::default()), [] as [&str; 0]);
        let upper = |hundredths| Some(Bound::At(CentiCelsius::literal(hundredths)));
        let inverted = Values { max: upper(-100), ..Values::default() };
        assert_eq!(fields(inverted), ["temp_min_centi_c", "temp_max_centi_c"], "the lower one is inherited");
        assert_eq!(fields(Values { min: Some(Bound::Off), ..inverted }), [] as [&str; 0]);
        let checkins = Values { late_after: Some(9), ..Values::default() };
        let both = ["offline_warning_missed_checkins", "offline_critical_missed_checkins"];
        assert_eq!(fields(checkins), both);
        let wide = Values { hysteresis: CentiDegrees::new(126).ok(), ..Values::default() };
        assert_eq!(fields(wide), ["hysteresis_centi"], "a band of five degrees has room for 1.25");
        let narrow = Values { max: upper(100), ..Values::default() };
        assert_eq!(fields(narrow), [] as [&str; 0], "an inherited hysteresis is capped, not refused");
    }

    #[test]
    fn a_limit_beyond_the_hard_ones_is_told_of() {
        let upper = |hundredths| Values {
            max: Some(Bound::At(CentiCelsius::literal(hundredths))),
            ..Values::default()
        };
        let told = |unit| beyond_hard_limits(UnitType::Freezer, &resolved(UnitType::Freezer, unit));
        assert_eq!(told(upper(-500)), []);
        let warned = told(upper(-499));
        assert_eq!(warned.len(), 1);
        assert_eq!(
            (warned[0].field.as_str(), warned[0].allowed.as_str()),
            ("temp_max_centi_c", "-60.00 °C to -5.00 °C")
        );
    }

    #[test]
    fn a_change_is_told_in_words() {
        let old = resolved(UnitType::Freezer, Values::default());
        let new = resolved(
            UnitType::Freezer,
            Values {
                min: Some(Bound::Off),
                max: Some(Bound::At(CentiCelsius::literal(-1_200))),
                delay: Some(DurationMs::minutes(30)),
                ..Values::default()
            },
        );
        assert_eq!(
            changes("Cold", &old, &new),
            [
                "Cold: lower limit -30.00 °C → none",
                "Cold: upper limit -15.00 °C → -12.00 °C",
                "Cold: delay stays 30 min, now of the unit",
            ]
        );
        assert_eq!(changes("Cold", &new, &new), [] as [&str; 0]);
    }
}
