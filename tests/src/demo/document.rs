//! Owns the site documents of the demo's premises.
//! Takes the units as they are furnished; gives the text of `site.toml`, with `{pin_hash}` and `{broker_port}` left open.
//! Must never name anything that the furnishing does not: limits, addresses and channels stand there alone.

use super::furnishing::{DELAY_MINUTES, Guarded};

/// The document of a site.
pub fn of(site: &str, topic: &str, units: &[Guarded]) -> String {
    let mut text = format!(
        r#"[site]
name = "{site}"
zone = "Europe/Berlin"

[people.maria]
name = "Maria"
language = "en"
pin_hash = "{{pin_hash}}"
"#
    );
    for unit in units {
        text += &of_unit(unit);
    }
    text += &format!(
        r#"
[outputs.building]
kind = "mqtt"
host = "127.0.0.1"
port = {{broker_port}}
topic = "{topic}"

[outputs.log]
kind = "log"
"#
    );
    text
}

fn of_unit(unit: &Guarded) -> String {
    let key = unit.furnished.key;
    let sensor = &unit.furnished.sensor;
    let points: Vec<String> =
        sensor.channels().iter().map(|(channel, role)| format!(r#"{channel} = "{key}:{role}""#)).collect();
    format!(
        r#"
[units.{key}]
name = "{name}"
type = "{kind}"

[units.{key}.rules.alarm_active]
temp_max_c = {max}
temp_min_c = {min}
delay_minutes = {DELAY_MINUTES}
hysteresis_c = 0.5
off_delay_minutes = 0
severity = "critical"

[units.{key}.rules.monitoring_interrupted]
offline_warning_missed_checkins = 1
offline_critical_missed_checkins = 5
severity = "warning"

[devices.{key}_sensor]
model = "{model}"
address = "{address}"
points = {{ {points} }}
"#,
        name = unit.name,
        kind = unit.kind,
        max = celsius(unit.limits_deci_c.1),
        min = celsius(unit.limits_deci_c.0),
        model = sensor.model(),
        address = sensor.address(),
        points = points.join(", "),
    )
}

fn celsius(tenths: i32) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::furnishing;

    #[test]
    fn limits_are_written_with_their_sign_and_tenths() {
        assert_eq!([-150, -5, 0, 80, 123].map(celsius), ["-15.0", "-0.5", "0.0", "8.0", "12.3"]);
    }

    #[test]
    fn every_unit_is_in_the_document_with_its_sensor() {
        let text = of("Kitchen", "frostguard/demo", &furnishing::kitchen());
        for words in [
            "[units.blast_chiller]",
            "type = \"display_case\"",
            "temp_max_c = -15.0",
            "model = \"govee-h5075\"\naddress = \"A4:C1:38:61:CB:9B\"\npoints = { air = \"freezer:air\" }",
            "points = { air = \"fridge:air\", probe1 = \"fridge:product\" }",
            "points = { air = \"walk_in_cooler:air\", door = \"walk_in_cooler:door\" }",
            "pin_hash = \"{pin_hash}\"",
            "port = {broker_port}",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
        assert_eq!(text.matches("[units.").count(), 3 * 6);
    }
}
