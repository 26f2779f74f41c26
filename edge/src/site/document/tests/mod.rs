//! What a site document may say, and how a fault in it is named.

use super::*;
use frostguard_shared::alarm::AlertType;
use frostguard_shared::rules::field::{Kind, Slot};
use frostguard_shared::rules::{Field, Provenance, SilenceTrigger};

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
    let limits = &document.units[0].rules.limits;
    assert_eq!(limits[0].max, Field::unit(Some(CentiCelsius::literal(-1500))));
    assert_eq!(limits[0].min, Field::unit(Some(CentiCelsius::literal(-3000))));
    assert_eq!(limits.len(), 1);
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
        ("delay_minutes = 1", "delay_minutes = 20000", 10, "from 0 to 10080"),
        ("delay_minutes = 1", "delay_minutes = 1.5", 10, "1.5"),
        ("delay_minutes = 1", "hysteresis_c = 0.505", 10, "0 to 10.00"),
        ("temp_max_c = -15.0", "temp_mx_c = -15.0", 8, "did you mean temp_max_c"),
        ("alarm_active]", "alarm_activ]", 7, "did you mean alarm_active"),
        ("severity = \"critical\"", "severity = \"off\"", 11, "info, warning or critical"),
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
    let told = document.warnings();
    assert!(told.iter().any(|told| told.contains("\"fridge\" has no temperature limits")), "{told:?}");
    assert!(document.units.iter().any(|unit| unit.rules.is_unguarded()), "no template guards it unasked");
}

#[test]
fn the_documents_that_are_installed_are_right_and_show_the_defaults() {
    let etc = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/etc"));
    let document = Document::load(&etc.join("site.toml")).unwrap();
    assert_eq!(document.warnings(), [] as [String; 0]);
    let shown = crate::config::load(&etc.join("hub.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.toml"), "").unwrap();
    let defaults = crate::config::load(&folder.path().join("empty.toml")).unwrap();
    assert_eq!(format!("{shown:?}"), format!("{defaults:?}"));
}

#[test]
fn the_installed_document_names_every_field_with_what_it_is_unsaid() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/etc/site.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    // What is said to people has a blank behind its sign.
    let shown = |line: &str| match line.strip_prefix('#') {
        Some(rule) if !rule.starts_with(' ') => format!("{rule}\n"),
        _ => format!("{line}\n"),
    };
    let whole: String = text.lines().map(shown).collect();
    for field in RuleField::ALL {
        assert!(whole.contains(&format!("\n{} = ", field.word())), "{} is missing", field.word());
    }
    let document = Document::parse(path, &whole).unwrap();
    let (whole, plain) = (&document.units[0].rules, &Document::parse(path, &text).unwrap().units[0].rules);
    let value = |rules: &UnitRules| -> Vec<_> {
        let first = rules.fields().into_iter().filter(|(slot, _, _)| slot.tier == 0);
        first.map(|(slot, field, said)| (slot, field, said.value)).collect()
    };
    // Without being written the two confirmation times follow the delay, which is the value shown.
    let follows = [RuleField::ConfirmClosed, RuleField::ConfirmOpen];
    for (one, other) in value(whole).into_iter().zip(value(plain)) {
        assert!(one == other || follows.contains(&one.1), "{one:?} is shown, {other:?} it is");
    }
    assert_eq!(whole.limits.len(), 2);
    let calibration = document.devices[0].points[&Channel::Air].calibration;
    assert_eq!(calibration.map(|calibration| calibration.offset_centi_c), Some(-30));
}

fn unit(tables: &str) -> UnitRules {
    let text = format!("{GOOD}{tables}");
    match Document::parse(Path::new("site.toml"), &text) {
        Ok(document) => document.units.into_iter().find(|unit| unit.key == "freezer").unwrap().rules,
        Err(fault) => panic!("{fault}\n{text}"),
    }
}

/// Text of a value of a field that is not its default.
fn example(field: RuleField) -> &'static str {
    match field {
        RuleField::RangeMin | RuleField::TempMin => "-25.5",
        RuleField::RangeMax | RuleField::TempMax => "-12.5",
        RuleField::LateAfter => "2",
        RuleField::LostAfter => "7",
        RuleField::DoorWarning => "4",
        RuleField::ManualRequired | RuleField::Inclusive => "true",
        _ => match field.kind() {
            Kind::Celsius => "-12.5",
            Kind::Degrees { .. } => "0.75",
            Kind::Count { .. } => "9",
            Kind::Multiple { .. } => "2.75",
            Kind::Flag => "false",
            Kind::Severity => "\"info\"",
            Kind::Trigger => "\"cumulative\"",
            Kind::Schedule => "{ days = [1, 2], start_hour = 8, end_hour = 18 }",
            Kind::Times => "[\"02:00\", \"14:30\"]",
        },
    }
}

#[test]
fn every_field_of_every_alert_type_is_read_at_the_unit_and_at_the_site() {
    for kind in AlertType::ALL {
        for field in RuleField::ALL.iter().copied().filter(|field| field.belongs_to(kind)) {
            let own = GOOD.replace(
                "temp_max_c = -15.0\ntemp_min_c = -30\ndelay_minutes = 1\nseverity = \"critical\"\n",
                "",
            );
            for (table, provenance) in
                [("units.freezer.rules", Provenance::Unit), ("rules", Provenance::Site)]
            {
                let header = format!("[{table}.{}]\n", kind.word());
                let own = own.replace("[units.freezer.rules.alarm_active]\n", "");
                let text = format!("{own}{header}{} = {}\n", field.word(), example(field));
                let document = Document::parse(Path::new("site.toml"), &text)
                    .unwrap_or_else(|fault| panic!("{fault}\n{text}"));
                let changed: Vec<_> = document.units[0]
                    .rules
                    .fields()
                    .into_iter()
                    .filter(|(_, _, said)| said.is_said())
                    .collect();
                let [(slot, told, said)] = changed[..] else { panic!("{field:?}: {changed:?}") };
                assert_eq!((slot, told, said.provenance), (Slot::of(kind), field, provenance), "{text}");
                assert_ne!(said.value, frostguard_shared::rules::default_of(slot, field), "{text}");
            }
        }
    }
}

#[test]
fn a_unit_s_own_word_stands_over_the_site_s_and_off_is_a_word() {
    let rules = unit(
        "[rules.door_open]\ndoor_open_warning_minutes = 5\ndoor_open_critical_minutes = 20\n\
         [rules.alarm_active]\nmax_excursion_minutes = 90\nhysteresis_c = 1\n\
         [units.freezer.rules.door_open]\ndoor_open_warning_minutes = \"off\"\n",
    );
    assert_eq!(rules.door.warning, Field::unit(None));
    let site = |minutes| Field { value: Some(DurationMs::minutes(minutes)), provenance: Provenance::Site };
    assert_eq!(rules.door.critical, site(20));
    assert_eq!(rules.limits[0].max_excursion, site(90));
}

#[test]
fn further_tiers_have_limits_delays_and_severities_of_their_own() {
    let rules = unit(
        "[units.freezer.rules.alarm_active.tiers.1]\ntemp_max_c = -12\ndelay_minutes = 0\n\
         [units.freezer.rules.alarm_active.tiers.2]\ntemp_max_c = -8.25\nseverity = \"critical\"\n",
    );
    let limits: Vec<_> = rules.limits.iter().map(|tier| tier.max.value.unwrap().hundredths()).collect();
    assert_eq!(limits, [-1_500, -1_200, -825]);
    assert_eq!(rules.limits[1].delay, Field::unit(DurationMs(0)));
    for table in ["alarm_active.tiers.4", "alarm_active.tiers.0", "door_open.tiers.1"] {
        let text = format!("{GOOD}[units.freezer.rules.{table}]\ntemp_max_c = -12\n");
        let fault = fault(&text);
        assert!(fault.starts_with("site.toml:18:") && fault.contains("1 to 3"), "{fault}");
    }
}

#[test]
fn a_field_may_stand_in_any_table_but_two_tables_may_not_say_it_differently() {
    let rules = unit("[units.freezer.rules.door_open]\nmax_excursion_minutes = 45\ntemp_max_c = -15.00\n");
    assert_eq!(rules.limits[0].max_excursion, Field::unit(Some(DurationMs::minutes(45))));
    let twice = format!("{GOOD}[units.freezer.rules.door_open]\nseverity = \"info\"\ntemp_max_c = -14\n");
    let told = fault(&twice);
    assert!(told.starts_with("site.toml:20:") && told.contains("line 8"), "{told}");
    let useless = fault(&format!("{GOOD}[units.freezer.rules.door_open]\ndelay_minutes = 3\n"));
    assert!(useless.starts_with("site.toml:19:") && useless.contains("delay_minutes"), "{useless}");
}

#[test]
fn the_old_form_of_a_schedule_is_read_too() {
    let of = |form: &str| {
        let rules = unit(&format!("[units.freezer.rules.door_open]\nschedule = {form}\n"));
        rules.door.telling.schedule.value.unwrap()
    };
    let new = of("{ days = [1, 2, 3, 4, 5], start_hour = 8, end_hour = 18 }");
    assert_eq!(of("{ days = [1, 2, 3, 4, 5], startHour = 8, endHour = 18 }"), new);
    assert!(new.contains(1, 8) && !new.contains(1, 18) && !new.contains(0, 12));
}

#[test]
fn check_ins_stand_over_a_multiple_of_the_interval() {
    let table = "[units.freezer.rules.monitoring_interrupted]\noffline_trigger_multiplier = 2.5\n";
    let SilenceTrigger::Multiple { multiplier, .. } = unit(table).silence.trigger else {
        panic!("check-ins")
    };
    assert_eq!(multiplier.value.0, 250);
    let both = format!("{table}offline_critical_missed_checkins = 9\n");
    assert!(matches!(unit(&both).silence.trigger, SilenceTrigger::Checkins { .. }));
}

#[test]
fn logs_by_hand_have_short_forms_at_the_unit_which_stand_against_a_rule_that_says_the_same() {
    let short = GOOD.replace(
        "type = \"freezer\"\n",
        "type = \"freezer\"\narea = \"cellar\"\nmanual_monitoring_required = true\nmanual_monitoring_interval = 120\n",
    );
    let document = Document::parse(Path::new("site.toml"), &short).unwrap();
    let rules = &document.units[0].rules;
    assert_eq!(rules.manual.required, Field::unit(true));
    assert_eq!(rules.manual.interval, Field::unit(Some(DurationMs::minutes(120))));
    assert_eq!(rules.area.as_deref(), Some("cellar"));
    for field in ["manual_monitoring_required = true", "manual_interval_minutes = 120"] {
        let both = format!("{short}[units.freezer.rules.missed_manual_entry]\n{field}\n");
        let told = fault(&both);
        assert!(told.contains("set one of them") && told.contains("line 22"), "{told}");
    }
}

#[test]
fn a_calibration_has_an_offset_and_is_due_when_its_day_begins_at_the_site() {
    let text = format!("{GOOD}[devices.tag.calibration.air]\noffset_c = -0.3\ndue = \"2027-01-31\"\n");
    let document = Document::parse(Path::new("site.toml"), &text).unwrap();
    let calibration = document.devices[0].points[&Channel::Air].calibration.unwrap();
    assert_eq!(calibration.offset_centi_c, -30);
    let due = "2027-01-31T00:00:00[Europe/Berlin]".parse::<jiff::Zoned>().unwrap();
    assert_eq!(calibration.due, Some(WallMs(due.timestamp().as_millisecond())));
    for (table, line, what) in [
        ("calibration.door]\noffset_c = 0", 18, "no temperature"),
        ("calibration.probe1]\noffset_c = 0", 18, "no temperature"),
        ("calibration.air]\noffset_c = 10.01", 19, "-10 to 10"),
        ("calibration.air]\ndue = \"31.1.2027\"", 19, "YYYY-MM-DD"),
        ("calibration.air]\noffset = 1", 19, "offset"),
    ] {
        let told = fault(&format!("{GOOD}[devices.tag.{table}\n"));
        assert!(told.starts_with(&format!("site.toml:{line}:")) && told.contains(what), "{told}");
    }
}

#[test]
fn a_delay_that_one_reading_decides_and_limits_that_are_off_are_warned_of() {
    let warned = |text: &str| Document::parse(Path::new("site.toml"), text).unwrap().warnings();
    let told = warned(GOOD);
    assert!(told.len() == 1 && told[0].contains("two expected readings"), "{told:?}");
    assert_eq!(warned(&GOOD.replace("delay_minutes = 1\n", "delay_minutes = 2\n")), [] as [String; 0]);
    let slow = "[units.freezer.rules.monitoring_interrupted]\nexpected_reading_interval_seconds = 600\n";
    let slow = format!("{}{slow}", GOOD.replace("delay_minutes = 1\n", "delay_minutes = 19\n"));
    assert!(warned(&slow)[0].contains("20 min"), "{:?}", warned(&slow));
    let off = GOOD.replace("-15.0", "\"off\"").replace("-30", "\"off\"");
    assert!(warned(&off)[0].contains("no temperature limits"));
}
