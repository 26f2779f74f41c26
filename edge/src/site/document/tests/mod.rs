//! What a site document may say, and how a fault in it is named.

use super::*;

const GOOD: &str = r#"[site]
name = "Corner shop"
zone = "Europe/Berlin"
[units.freezer]
name = "Freezer"
type = "freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
temp_min_c = -30
delay_minutes = 1
severity = "critical"
[devices.tag]
model = "bthome"
address = "A4:C1:38:00:00:01"
points = { air = "freezer:air", door = "freezer:door" }
[outputs.log]
kind = "log"
"#;

fn fault(text: &str) -> String {
    match Document::parse(Path::new("site.toml"), text) {
        Ok(_) => panic!("taken:\n{text}"),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_good_document_is_taken_with_its_limits_digit_by_digit() {
    let document = Document::parse(Path::new("site.toml"), GOOD).unwrap();
    let thermal = document.units[0].rules.thermal.unwrap();
    assert_eq!(thermal.max.unwrap().value, CentiCelsius::literal(-1500));
    assert_eq!(thermal.min.unwrap().value, CentiCelsius::literal(-3000));
    assert_eq!(document.devices[0].points.len(), 2);
}

#[test]
fn every_fault_is_named_with_its_line() {
    for (from, to, line, what) in [
        ("temp_max_c = -15.0", "temp_max_c = nan", 8, "nan"),
        ("temp_max_c = -15.0", "temp_max_c = inf", 8, "inf"),
        ("temp_max_c = -15.0", "temp_max_c = -15.005", 8, "two decimals"),
        ("temp_max_c = -15.0", "temp_max_c = -1e1", 8, "-1e1"),
        ("temp_max_c = -15.0", "temp_max_c = -31.0", 7, "not below"),
        ("temp_max_c = -15.0", "temp_mx_c = -15.0", 8, "temp_mx_c"),
        ("delay_minutes = 1", "delay_minutes = 20000", 7, "delay_minutes"),
        ("Europe/Berlin", "Europe/Berln", 3, "Berln"),
        ("\"freezer\"\n", "\"frezer\"\n", 6, "frezer"),
        ("\"bthome\"", "\"bthom\"", 13, "bthom"),
        ("A4:C1:38:00:00:01", "A4:C1:38:00:00", 14, "A4:C1:38:00:00"),
        ("freezer:air", "fridge:air", 15, "fridge"),
        ("freezer:air", "freezer:lid", 15, "lid"),
        ("air = ", "air9 = ", 15, "air9"),
        ("door = \"freezer:door\"", "door = \"freezer:air\"", 15, "door"),
        ("kind = \"log\"", "kind = \"smoke\"", 17, "smoke"),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        let fault = fault(&text);
        assert!(fault.starts_with(&format!("site.toml:{line}:")) && fault.contains(what), "{to}: {fault}");
    }
}

#[test]
fn a_topic_that_cannot_be_published_to_is_refused_with_its_line() {
    let text = format!("{GOOD}[outputs.building]\nkind = \"mqtt\"\nhost = \"h\"\ntopic = \"all/#\"\n");
    let fault = fault(&text);
    assert!(fault.starts_with("site.toml:18:") && fault.contains("all/#"), "{fault}");
}

#[test]
fn two_devices_cannot_have_one_address() {
    let twice = format!(
        "{GOOD}[devices.other]\nmodel = \"bthome\"\naddress = \"a4:c1:38:00:00:01\"\npoints = {{}}\n"
    );
    assert!(fault(&twice).contains("same address"));
}

#[test]
fn a_unit_without_limits_is_allowed_and_told() {
    let text = format!("{GOOD}[units.fridge]\nname = \"Fridge\"\ntype = \"fridge\"\n");
    let document = Document::parse(Path::new("site.toml"), &text).unwrap();
    assert_eq!(document.unlimited().collect::<Vec<_>>(), ["fridge"]);
}

#[test]
fn the_documents_that_are_installed_are_right_and_show_the_defaults() {
    let etc = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/etc"));
    let document = Document::load(&etc.join("site.toml")).unwrap();
    assert_eq!(document.unlimited().count(), 0);
    let shown = crate::config::load(&etc.join("hub.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.toml"), "").unwrap();
    let defaults = crate::config::load(&folder.path().join("empty.toml")).unwrap();
    assert_eq!(format!("{shown:?}"), format!("{defaults:?}"));
}
