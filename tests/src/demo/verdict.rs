//! Owns the judgement of a demo that ran for a given time: quiet logs, and enough readings in the cloud.
//! Takes the logs and the counts; gives the figures, and what is wrong in words.
//! Must never take a line for quiet because it is known: what is no warning must not be logged as one.

use std::fs;
use std::path::PathBuf;

use crate::cloud::database::Database;
use crate::error::SiteError;

/// So many readings a minute must reach the cloud at least.
pub const READINGS_A_MINUTE: u64 = 60;

/// What the cloud holds of one unit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The site's and the unit's name.
    pub unit: String,
    /// Readings.
    pub readings: u64,
    /// Changes of its door.
    pub doors: u64,
    /// Alerts of any kind.
    pub alerts: u64,
}

/// What the cloud's database holds of every unit.
///
/// # Errors
/// When it cannot be asked.
pub fn held(database: &Database) -> Result<Vec<Held>, SiteError> {
    let rows = database.psql(
        "SELECT sites.name || ': ' || units.name,
                (SELECT count(*) FROM sensor_readings r WHERE r.unit_id = units.id),
                (SELECT count(*) FROM door_events d WHERE d.unit_id = units.id),
                (SELECT count(*) FROM alerts a WHERE a.unit_id = units.id)
         FROM units JOIN areas ON areas.id = units.area_id JOIN sites ON sites.id = areas.site_id
         ORDER BY 1",
    )?;
    rows.lines().map(|row| of_row(row).ok_or_else(|| SiteError::Unexpected(format!("psql: {row}")))).collect()
}

fn of_row(row: &str) -> Option<Held> {
    let mut columns = row.split('|');
    let unit = columns.next()?.to_owned();
    let mut number = || columns.next()?.trim().parse().ok();
    Some(Held { unit, readings: number()?, doors: number()?, alerts: number()? })
}

/// The lines of a log that are warnings, errors or worse.
fn complaints(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter(|line| {
        let level = line.split_whitespace().nth(1);
        matches!(level, Some("WARN" | "ERROR")) || line.contains("panicked at")
    })
}

/// What is wrong after so many minutes: lines of the logs, and readings that are missing.
///
/// # Errors
/// When a log cannot be read.
pub fn faults(logs: &[(&str, PathBuf)], held: &[Held], minutes: u64) -> Result<Vec<String>, SiteError> {
    let mut faults = Vec::new();
    for (part, path) in logs {
        let log = fs::read_to_string(path).map_err(SiteError::io(format!("read {}", path.display())))?;
        faults.extend(complaints(&log).map(|line| format!("the {part}: {line}")));
    }
    let readings: u64 = held.iter().map(|unit| unit.readings).sum();
    let wanted = READINGS_A_MINUTE * minutes;
    if readings < wanted {
        faults.push(format!("{readings} readings reached the cloud, fewer than {wanted}"));
    }
    Ok(faults)
}

/// The figures as a table.
pub fn table(held: &[Held]) -> String {
    let mut text = format!("{:<28} {:>8} {:>6} {:>7}\n", "in the cloud", "readings", "doors", "alerts");
    let mut row = |name: &str, readings: u64, doors: u64, alerts: u64| {
        text += &format!("{name:<28} {readings:>8} {doors:>6} {alerts:>7}\n");
    };
    for unit in held {
        row(&unit.unit, unit.readings, unit.doors, unit.alerts);
    }
    let sum = |of: fn(&Held) -> u64| held.iter().map(of).sum();
    row("all", sum(|unit| unit.readings), sum(|unit| unit.doors), sum(|unit| unit.alerts));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
2026-11-23T16:00:00.000001Z  INFO frostguard_edge::hub: rules are live
2026-11-23T16:00:01.000001Z  WARN frostguard_edge::watch: the output does not work
2026-11-23T16:00:02.000001Z  INFO frostguard_edge::hub: not an ERROR
2026-11-23T16:00:03.000001Z ERROR frostguard_edge::watch: the disk cannot be written
thread 'watch' panicked at edge/src/hub.rs:1:1:
";

    fn unit(readings: u64) -> Held {
        Held { unit: "Kitchen: Fridge".to_owned(), readings, doors: 2, alerts: 0 }
    }

    #[test]
    fn warnings_errors_and_panics_are_found_and_nothing_else() {
        let found: Vec<&str> = complaints(LOG).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("does not work") && found[1].contains("the disk"), "{found:?}");
    }

    #[test]
    fn a_quiet_log_with_enough_readings_has_no_fault_and_each_other_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [quiet, loud] = ["quiet", "loud"].map(|name| folder.path().join(name));
        fs::write(&quiet, LOG.lines().next().unwrap()).unwrap();
        fs::write(&loud, LOG).unwrap();
        let logs = |path: &PathBuf| [("cloud", path.clone())];
        assert_eq!(faults(&logs(&quiet), &[unit(50), unit(70)], 2).unwrap(), Vec::<String>::new());
        let few = faults(&logs(&quiet), &[unit(50), unit(69)], 2).unwrap();
        assert_eq!(few, ["119 readings reached the cloud, fewer than 120"]);
        let found = faults(&logs(&loud), &[unit(120)], 2).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("the cloud: 2026"), "{found:?}");
        assert!(faults(&logs(&folder.path().join("none")), &[unit(120)], 2).is_err());
    }

    #[test]
    fn rows_of_the_database_are_read_and_summed() {
        assert_eq!(of_row("Kitchen: Fridge|70|2|0"), Some(unit(70)));
        assert_eq!(of_row("Kitchen: Fridge|many|2|0"), None);
        let table = table(&[unit(70), unit(50)]);
        assert!(table.lines().last().unwrap().split_whitespace().eq(["all", "120", "4", "0"]), "{table}");
    }
}
