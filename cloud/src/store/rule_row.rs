//! The row of a rule: which column a field is kept in, and the JSON of its value there and in the API.
//!
//! Owns the table of columns and the statement that writes them. A column without a value is unsaid; what is off on purpose
//! is named in `off_fields`, what others may only make stricter in `locked_fields`. What a value may be says the catalogue
//! of the rules. It asks no database.

use frostguard_shared::alarm::AlertType;
use frostguard_shared::rules::field::{Hundredths, Kind, RuleField, Setting, Slot};
use frostguard_shared::rules::inherit::{Said, Saying};
use frostguard_shared::rules::schedule::ScheduleForm;
use frostguard_shared::rules::setting::{Raw, SettingError};
use serde_json::{Map, Value, json};
use thiserror::Error;

/// A row that holds no rule. The database was changed by other hands: say so to whoever looks after it.
#[derive(Debug, Error)]
pub(super) enum RowError {
    /// Not an alert type.
    #[error("\"{0}\" is no alert type")]
    Kind(String),
    /// Not a tier.
    #[error("{0} is no tier")]
    Tier(i64),
    /// A field has a value that it cannot have.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

macro_rules! columns {
    ($($name:literal: $type:literal,)+) => {
        /// The columns of fields.
        #[cfg(test)]
        const COLUMNS: &[&str] = &[$($name),+];

        /// Puts rules in or over those of their slots, each whole: $1 is the organization, $2 an array of rows.
        pub(super) const KEEP: &str = concat!(
            "INSERT INTO alert_rules AS r (id, organization_id, unit_id, name, alert_type, tier",
            $(", ", $name,)+
            ")
             SELECT new.id, $1, new.unit, new.kind, new.kind::alert_type, new.tier",
            $(", new.", $name,)+
            "
             FROM jsonb_to_recordset($2) AS new (id uuid, unit uuid, kind text, tier smallint",
            $(", ", $name, " ", $type,)+
            ")
             ON CONFLICT (organization_id, site_id, area_id, unit_id, alert_type, tier) WHERE is_enabled
             DO UPDATE SET updated_at = now()",
            $(", ", $name, " = excluded.", $name,)+
        );
    };
}

columns! {
    "off_fields": "text[]",
    "locked_fields": "text[]",
    "runs": "boolean",
    "severity": "alert_severity",
    "schedule": "jsonb",
    "delay_minutes": "integer",
    "temp_min": "integer",
    "temp_max": "integer",
    "inclusive": "boolean",
    "hysteresis_centi": "integer",
    "off_delay_minutes": "integer",
    "excursion_confirm_minutes_door_closed": "integer",
    "excursion_confirm_minutes_door_open": "integer",
    "max_excursion_minutes": "integer",
    "hard_limit_centi_c": "integer",
    "trigger": "text",
    "product_tau_minutes": "integer",
    "defrost_times": "jsonb",
    "defrost_minutes": "integer",
    "door_open_warning_minutes": "integer",
    "door_open_critical_minutes": "integer",
    "door_open_max_mask_minutes_per_day": "integer",
    "expected_reading_interval_seconds": "integer",
    "offline_warning_missed_checkins": "integer",
    "offline_critical_missed_checkins": "integer",
    "offline_trigger_multiplier": "numeric",
    "offline_trigger_additional_minutes": "integer",
    "manual_interval_minutes": "integer",
    "manual_grace_minutes": "integer",
    "manual_log_missed_checkins_threshold": "integer",
    "manual_monitoring_required": "boolean",
    "battery_low_percent": "integer",
    "range_min_centi_c": "integer",
    "range_max_centi_c": "integer",
    "rate_centi_c_per_minute": "integer",
    "stuck_hours": "integer",
    "calibration_lead_days": "integer",
}

/// The column of a field.
pub(super) const fn column(field: RuleField) -> &'static str {
    match field {
        // The row itself is switched on and off by another column.
        RuleField::Enabled => "runs",
        RuleField::TempMin => "temp_min",
        RuleField::TempMax => "temp_max",
        RuleField::Hysteresis => "hysteresis_centi",
        RuleField::HardLimit => "hard_limit_centi_c",
        RuleField::RangeMin => "range_min_centi_c",
        RuleField::RangeMax => "range_max_centi_c",
        RuleField::Rate => "rate_centi_c_per_minute",
        _ => field.word(),
    }
}

/// A value as JSON: temperatures are integers of 0.01 °C.
pub fn json_of(value: Setting) -> Value {
    match value {
        Setting::Celsius(value) => json!(value.hundredths()),
        Setting::Degrees(value) => json!(value.hundredths()),
        Setting::Count(value) => json!(value),
        Setting::Multiple(Hundredths(value)) => json!(f64::from(value) / 100.0),
        Setting::Flag(value) => json!(value),
        Setting::Severity(value) => json!(value.word()),
        Setting::Trigger(value) => json!(value.word()),
        Setting::Schedule(value) => {
            let ScheduleForm { days, start_hour, end_hour } = value.into();
            json!({ "days": days, "start_hour": start_hour, "end_hour": end_hour })
        }
        Setting::Times(value) => json!(Vec::from(value)),
    }
}

/// Reads a value from its JSON; none is off on purpose.
///
/// # Errors
/// It is none of this field.
pub fn read(field: RuleField, value: &Value) -> Result<Option<Setting>, SettingError> {
    let refused = || SettingError { field, expected: field.expected() };
    let text;
    let raw = match value {
        Value::Number(number) if matches!(field.kind(), Kind::Celsius | Kind::Degrees { .. }) => {
            Raw::Hundredths(number.as_i64().ok_or_else(refused)?)
        }
        Value::Number(number) => {
            text = number.to_string();
            Raw::Literal(&text)
        }
        Value::Bool(flag) => Raw::Flag(*flag),
        Value::String(word) => Raw::Word(word),
        Value::Object(_) => Raw::Hours(serde_json::from_value(value.clone()).map_err(|_| refused())?),
        Value::Array(_) => Raw::Times(serde_json::from_value(value.clone()).map_err(|_| refused())?),
        Value::Null => return Err(refused()),
    };
    field.read(raw)
}

/// The slot of a row.
pub(super) fn slot_of(row: &Value) -> Result<Slot, RowError> {
    let word = row["alert_type"].as_str().unwrap_or_default();
    let kind = AlertType::ALL.into_iter().find(|kind| kind.word() == word);
    let tier = row["tier"].as_i64().unwrap_or_default();
    Ok(Slot {
        kind: kind.ok_or_else(|| RowError::Kind(word.to_owned()))?,
        tier: u8::try_from(tier).map_err(|_| RowError::Tier(tier))?,
    })
}

/// Whether a row has a list of columns with this one in it.
fn lists(row: &Value, list: &str, column: &str) -> bool {
    row[list].as_array().is_some_and(|names| names.iter().any(|name| name == column))
}

/// What a row says, by fields. It has room for fields of every alert type: one that is not of its own is of the slot that it
/// belongs to, and left out where no rule would have a use for it.
pub(super) fn words(row: &Value) -> Result<Said, RowError> {
    let slot = slot_of(row)?;
    let mut said = Said::new();
    for field in RuleField::ALL.iter().copied() {
        let column = column(field);
        let value = match &row[column] {
            _ if lists(row, "off_fields", column) => None,
            Value::Null => continue,
            value => read(field, value)?,
        };
        if let Some(of) = field.slot_in(slot) {
            said.insert((of, field), Saying { value, locked: lists(row, "locked_fields", column) });
        }
    }
    Ok(said)
}

/// What is said in a slot, by the names of its columns; what is unsaid is left out.
pub(super) fn row_of(slot: Slot, said: &Said) -> Map<String, Value> {
    let (mut off, mut locked) = (Vec::new(), Vec::new());
    let mut row = Map::new();
    for ((_, field), saying) in said.iter().filter(|((of, _), _)| *of == slot) {
        let column = column(*field);
        match saying.value {
            Some(value) => {
                row.insert(column.to_owned(), json_of(value));
            }
            None => off.push(column),
        }
        if saying.locked {
            locked.push(column);
        }
    }
    row.insert("off_fields".to_owned(), json!(off));
    row.insert("locked_fields".to_owned(), json!(locked));
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::rules::default_of;
    use std::collections::BTreeSet;

    const LIMITS: Slot = Slot::of(AlertType::AlarmActive);

    #[test]
    fn every_field_has_a_column_and_no_column_is_of_none() {
        let of_fields: BTreeSet<&str> = RuleField::ALL.iter().map(|field| column(*field)).collect();
        let lists = ["off_fields", "locked_fields"];
        let known: BTreeSet<&str> =
            COLUMNS.iter().copied().filter(|column| !lists.contains(column)).collect();
        assert_eq!(of_fields, known);
        assert_eq!(of_fields.len(), RuleField::ALL.len(), "each has a column of its own");
    }

    #[test]
    fn what_is_said_reads_back_from_its_row() {
        for slot in Slot::up_to(4) {
            let mut said = Said::new();
            for (at, field) in
                RuleField::ALL.iter().enumerate().filter(|(_, field)| field.belongs_to(slot.kind))
            {
                let value = default_of(slot, *field).filter(|_| !field.may_be_off() || at % 2 == 0);
                if value.is_some() || field.may_be_off() {
                    said.insert((slot, *field), Saying { value, locked: at % 3 == 0 });
                }
            }
            let mut row = Value::Object(row_of(slot, &said));
            row["alert_type"] = json!(slot.kind.word());
            row["tier"] = json!(slot.tier);
            assert_eq!(words(&row).unwrap(), said);
        }
    }

    #[test]
    fn a_field_of_another_alert_type_counts_where_it_belongs() {
        let row = json!({ "alert_type": "door_open", "tier": 0, "temp_max": 400, "delay_minutes": 7, "severity": "info" });
        let said = words(&row).unwrap();
        let door = Slot::of(AlertType::DoorOpen);
        assert_eq!(
            said.keys().copied().collect::<Vec<_>>(),
            [(LIMITS, RuleField::TempMax), (door, RuleField::Severity)]
        );
    }

    #[test]
    fn a_value_that_its_field_cannot_have_is_told() {
        let row =
            |column: &str, value: Value| json!({ "alert_type": "alarm_active", "tier": 0, column: value });
        for (column, value) in [
            ("temp_max", json!(4.5)),
            ("trigger", json!("never")),
            ("defrost_times", json!(["25:00"])),
            ("schedule", json!({ "days": [9], "start_hour": 1, "end_hour": 2 })),
            ("offline_trigger_multiplier", json!(2.555)),
        ] {
            assert!(words(&row(column, value)).is_err(), "{column}");
        }
        assert!(words(&json!({ "alert_type": "flood", "tier": 0 })).is_err());
        assert!(words(&json!({ "alert_type": "door_open", "tier": 300 })).is_err());
        let said = words(&row("offline_trigger_multiplier", json!(2.5))).unwrap();
        let silence = Slot::of(AlertType::MonitoringInterrupted);
        let told = said[&(silence, RuleField::Multiplier)].value;
        assert_eq!(told, Some(Setting::Multiple(Hundredths(250))));
        assert_eq!(json_of(told.unwrap()), json!(2.5));
    }
}
