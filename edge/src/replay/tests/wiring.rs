//! Which point a line means: those of the site document, those that only the history speaks of, and replaced ones.

use super::*;

const TAG: &str = r#"
[devices.tag]
model = "dragino-lht65"
address = "a84041ffff123456"
points = { air = "freezer:air", probe1 = "freezer:product" }
"#;

fn ids(site: &str, lines: &[String]) -> Vec<String> {
    let (written, _) = replayed(site, lines);
    let mut ids: Vec<String> = written
        .iter()
        .filter(|line| line["why"]["change"] == "raised")
        .map(|line| line["alert"]["id"].as_str().unwrap().rsplit_once('/').unwrap().0.to_owned())
        .collect();
    ids.dedup();
    ids
}

fn named(line: String, point: &str) -> String {
    line.replace(r#","temp"#, &format!(r#","point":"{point}","temp"#))
}

#[test]
fn a_sensor_that_the_document_lists_is_missed_from_the_first_line_on() {
    let lines = values(0..20, "fridge", "4");
    let site = format!("{SITE}{TAG}");
    assert_eq!(ids(&site, &lines), ["freezer/air/silence/-"]);
    assert_eq!(ids(SITE, &lines), Vec::<String>::new(), "without a device there is nobody to be missed");
}

#[test]
fn a_value_is_of_the_air_unless_it_names_its_point() {
    let site = format!("{SITE}{TAG}");
    let air: Vec<String> = values(0..20, "freezer", "-9");
    assert!(ids(&site, &air).contains(&"freezer/air/temperature/warm".to_owned()));
    let product: Vec<String> = air.iter().map(|line| named(line.clone(), "probe1")).collect();
    assert!(ids(&site, &product).contains(&"freezer/probe1/temperature/warm".to_owned()));
    let by_role: Vec<String> = air.iter().map(|line| named(line.clone(), "product")).collect();
    assert_eq!(ids(&site, &by_role), ids(&site, &product));
}

#[test]
fn two_devices_with_the_same_channel_are_told_apart_by_their_names() {
    let second = TAG.replace("devices.tag", "devices.other").replace("123456", "123457");
    let site = format!("{SITE}{TAG}{second}");
    let lines: Vec<String> =
        values(0..20, "freezer", "-9").into_iter().map(|line| named(line, "other:air")).collect();
    assert!(ids(&site, &lines).contains(&"freezer/other:air/temperature/warm".to_owned()));
}

#[test]
fn points_that_only_the_history_speaks_of_are_known_from_their_first_line_on() {
    let lines: Vec<String> =
        values(0..20, "freezer", "-9").into_iter().map(|line| named(line, "probe2")).collect();
    assert_eq!(ids(SITE, &lines), ["freezer/probe2/temperature/warm"]);
    let mut door = vec![format!(r#"{{"at":{},"unit":"fridge","door":"open"}}"#, at(0))];
    door.push(format!(r#"{{"at":{},"tick":true}}"#, at(5)));
    assert_eq!(ids(SITE, &door), ["fridge/door/door/-"]);
}

#[test]
fn what_can_be_no_point_is_refused() {
    for point in ["lid", "probe9", "door", "other:air"] {
        let line = named(value(0, "freezer", "-18"), point);
        let options = Options { keep_going: None, regions: false };
        let fault = run(text(SITE), line.as_bytes(), std::io::sink(), options).unwrap_err();
        assert!(fault.to_string().contains(point), "{fault}");
    }
}

#[test]
fn what_a_replaced_sensor_had_alarmed_about_ends_and_the_new_one_begins_anew() {
    let mut lines = values(0..15, "freezer", "-9");
    lines.push(format!(r#"{{"at":{},"unit":"freezer","replaced":true}}"#, at(15)));
    lines.extend(values(16..30, "freezer", "-9"));
    assert_eq!(
        told(&freezer_alone(), &lines),
        [
            "0:00 freezer excursion",
            "10:00 freezer alarm_active air/temperature/warm critical raised PAGE",
            "15:00 freezer ok air/temperature/warm critical cleared",
            "16:00 freezer excursion",
            "26:00 freezer alarm_active air/temperature/warm critical raised PAGE",
        ]
    );
}

#[test]
fn other_rules_take_effect_where_their_line_stands() {
    let looser = freezer_alone().replacen("-15.0", "-5.0", 1);
    let mut lines = values(0..15, "freezer", "-9");
    let quoted = serde_json::to_string(&looser).unwrap();
    lines.push(format!(r#"{{"at":{},"rules":{quoted}}}"#, at(15)));
    lines.extend(values(15..20, "freezer", "-9"));
    let told = told(&freezer_alone(), &lines);
    assert!(told[2].starts_with("15:00 freezer ok air/temperature/warm critical cleared"), "{told:#?}");
    lines.push(format!(r#"{{"at":{},"rules":"[site]"}}"#, at(30)));
    let options = Options { keep_going: None, regions: false };
    let fault = run(text(SITE), lines.join("\n").as_bytes(), std::io::sink(), options).unwrap_err();
    assert!(fault.to_string().starts_with("line 22: its rules are wrong"), "{fault}");
}

#[test]
fn a_unit_of_which_nothing_is_heard_is_told_of_at_once_and_is_well_with_its_first_value() {
    let lines = [values(0..2, "freezer", "-18"), vec![value(2, "fridge", "4")]].concat();
    assert_eq!(told(SITE, &lines), ["0:00 fridge monitoring_interrupted", "2:00 fridge ok"]);
}

#[test]
fn a_battery_without_a_name_is_of_the_door_if_the_unit_has_nothing_else() {
    let contact = TAG
        .replace("dragino-lht65", "milesight-em300-mcs")
        .replace(r#"air = "freezer:air", probe1 = "freezer:product""#, r#"door = "fridge:door""#);
    let mut lines = vec![format!(r#"{{"at":{},"unit":"fridge","battery_pct":12}}"#, at(0))];
    lines.push(format!(r#"{{"at":{},"tick":true}}"#, at(10)));
    assert_eq!(ids(&format!("{SITE}{contact}"), &lines), ["fridge/door/battery/-"]);
}

#[test]
fn a_battery_and_a_fault_are_of_the_sensor_and_a_log_is_of_the_unit() {
    let battery =
        |minute, percent| format!(r#"{{"at":{},"unit":"fridge","battery_pct":{percent}}}"#, at(minute));
    let mut lines = vec![value(0, "fridge", "4"), battery(1, 12)];
    lines.extend(values(2..10, "fridge", "4"));
    assert_eq!(ids(SITE, &lines), ["fridge/air/battery/-"]);
    let fault = |minute: i64| format!(r#"{{"at":{},"unit":"fridge","fault":true}}"#, at(minute));
    let lines: Vec<String> = std::iter::once(value(0, "fridge", "4")).chain((1..4).map(fault)).collect();
    assert_eq!(ids(SITE, &lines), ["fridge/air/fault/-"]);
    let log =
        format!(r#"{{"at":{},"unit":"fridge","manual_log":{{"temperature_c":9.5,"by":"Maria"}}}}"#, at(0));
    assert_eq!(ids(SITE, &[log]), ["fridge/unit/temperature/warm"]);
}
