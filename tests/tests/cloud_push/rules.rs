//! Setting rules: what is taken, what is refused, and what stays as it was.

use frostguard_cloud::store::doors::Role;
use frostguard_shared::quantity::CentiDegrees;
use frostguard_shared::rules::{Field, Provenance, UnitRules};
use frostguard_shared::time::DurationMs;
use frostguard_shared::wire::path;
use frostguard_tests::cloud::access_world::HandmadeHub;
use serde_json::{Value, json};

use crate::world::{World, key, manager};

const DOCUMENTS: &str = "SELECT count(*) FROM config_documents";

pub fn a_field_that_is_set_is_the_unit_s_own_until_it_is_taken_away(world: &World) {
    let hub = world.hub_with_two_units(11);
    let unit = hub.hub.site.units[1].id;
    let before = world.get(&format!("/units/{unit}/rules"));
    assert_eq!(
        before["fields"]["temp_max_centi_c"],
        json!({ "value": 500, "provenance": "template", "source_name": "fridge",
                "inherited": { "value": 500, "provenance": "template" } })
    );
    assert_eq!(before["configuration"][0]["state"], "none");
    let set =
        world.set(unit, json!({ "temp_max_centi_c": 700, "temp_min_centi_c": "off", "delay_minutes": 3 }));
    let field =
        |name: &str| (set["fields"][name]["value"].clone(), set["fields"][name]["provenance"].clone());
    assert_eq!(field("temp_max_centi_c"), (json!(700), json!("unit")));
    assert_eq!(field("temp_min_centi_c"), (Value::Null, json!("unit")), "off is a word of the unit's own");
    assert_eq!(field("delay_minutes"), (json!(3), json!("unit")));
    assert_eq!(field("severity"), (json!("critical"), json!("template")));
    assert_eq!(
        set["fields"]["temp_min_centi_c"]["inherited"],
        json!({ "value": 0, "provenance": "template" })
    );
    assert_eq!(world.get(&format!("/units/{unit}/rules")), set);
    let all = ["temp_max_centi_c", "temp_min_centi_c", "delay_minutes"];
    let nothing: Value = all.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    assert_eq!(world.set(unit, nothing)["fields"], before["fields"]);
}

pub fn what_cannot_be_is_named_and_changes_nothing(world: &World) {
    let hub = world.hub(11);
    let unit = hub.hub.site.units[0].id;
    let path = format!("/units/{unit}/rules");
    let before = world.get(&path);
    let named = |body: Value| -> Vec<String> {
        let refused = world.api(&manager(), 422, "PATCH", &path, Some(body));
        assert_eq!(refused["type"], "urn:frostguard:problem:fields");
        let errors = refused["errors"].as_array().unwrap().iter();
        errors.map(|error| error["parameter"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(json!({ "delay_minutes": -1, "severity": "loud" })), ["delay_minutes", "severity"]);
    assert_eq!(
        named(json!({ "temp_min_centi_c": -1500 })),
        ["temp_min_centi_c", "temp_max_centi_c"],
        "a band of nothing"
    );
    assert_eq!(
        named(json!({ "temp_min_centi_c": -1600, "hysteresis_centi": 26 })),
        ["hysteresis_centi"],
        "a quarter of a degree is the most"
    );
    assert_eq!(named(json!({ "temp_max": 3 })), ["temp_max"]);
    assert_eq!(world.api(&manager(), 400, "PATCH", &path, Some(json!([])))["status"], 400);
    assert_eq!(world.get(&path), before);
    assert_eq!(world.access.ask(DOCUMENTS).unwrap(), "0");
    assert_eq!(world.access.ask("SELECT count(*) FROM alert_rules_history").unwrap(), "0");
    assert_eq!(world.set(unit, json!({})), before, "nothing was asked for");
    assert_eq!(world.access.ask(DOCUMENTS).unwrap(), "0");
}

pub fn a_limit_beyond_what_may_be_set_from_afar_is_told_of_and_still_desired(world: &World) {
    let hub = world.hub(11);
    let set = world.set_limit(&hub, 500);
    assert_eq!(set["hard_limits"], json!({ "min_centi_c": -6000, "max_centi_c": -500 }));
    let warnings = set["warnings"].as_array().unwrap();
    assert_eq!((warnings.len(), &warnings[0]["parameter"]), (1, &json!("temp_max_centi_c")));
    assert_eq!(world.document(&hub).version, 1, "the hub decides, and asks somebody there");
}

pub fn what_was_set_is_remembered_with_who_has_set_it(world: &World) {
    let hub = world.hub(11);
    let unit = hub.hub.site.units[0].id;
    let (person, olivia) = world.person("olivia", Role::Owner);
    let body = Some(json!({ "temp_max_centi_c": -1200 }));
    world.api(&olivia, 200, "PATCH", &format!("/units/{unit}/rules"), body);
    world.set(unit, json!({ "offline_critical_missed_checkins": 9 }));
    let history = "SELECT change_type, changed_by, old_values ->> 'temp_max', new_values ->> 'temp_max',
                       new_values ->> 'offline_critical_missed_checkins'
                   FROM alert_rules_history ORDER BY changed_at";
    assert_eq!(world.access.ask(history).unwrap(), format!("updated|{person}|-1500|-1200|\ncreated||||9"));
    let log = world.get("/event-log?type=rules.changed");
    let lines = log["items"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    let of = |line: &Value| {
        (line["actor_type"].clone(), line["actor_id"].clone(), line["title"].clone(), line["unit_id"].clone())
    };
    let title = json!("Freezer: upper limit -15.00 °C → -12.00 °C");
    assert_eq!(of(&lines[1]), (json!("user"), json!(person), title.clone(), json!(unit)));
    assert_eq!(of(&lines[0]).0, "api_key");
    assert_eq!((&lines[0]["actor_id"], lines[0]["event_data"]["key"].is_string()), (&Value::Null, true));
    let documents = world.get(&format!("/hubs/{}/configuration", hub.hub.hub));
    let first = &documents["items"][1];
    assert_eq!((&first["made_by"], &first["changes"][0]), (&json!("olivia"), &title));
    assert_eq!(lines[1]["event_data"]["documents"][0], json!({ "hub": hub.hub.hub, "version": 1 }));
}

pub fn who_may_not_configure_changes_nothing_and_another_organization_finds_nothing(world: &World) {
    let hub = world.hub(11);
    let path = format!("/units/{}/rules", hub.hub.site.units[0].id);
    let body = || Some(json!({ "temp_max_centi_c": -1000 }));
    for role in [Role::Viewer, Role::Staff] {
        world.api(&key(0, role), 403, "PATCH", &path, body());
        world.api(&key(0, role), 200, "GET", &path, None);
    }
    let stranger = key(1, Role::Owner);
    for path in [path.clone(), format!("/hubs/{}/configuration", hub.hub.hub)] {
        world.api(&stranger, 404, "GET", &path, None);
    }
    world.api(&stranger, 404, "PATCH", &path, body());
    assert_eq!(world.access.ask(DOCUMENTS).unwrap(), "0");
    world.api(&key(0, Role::Admin), 200, "PATCH", &path, body());
    assert_eq!(world.access.ask(DOCUMENTS).unwrap(), "1");
}

pub fn a_site_message_that_is_stale_changes_no_rule_that_was_set_here(world: &World) {
    let mut hub = world.hub_with_two_units(11);
    let limits = "SELECT u.name, r.temp_max FROM alert_rules r JOIN units u ON u.id = r.unit_id
                  WHERE r.is_enabled AND r.alert_type = 'alarm_active' ORDER BY 1";
    assert_eq!(world.access.ask(limits).unwrap(), "Freezer|-1500");
    let tell = |hub: &HandmadeHub, token| {
        assert_eq!(world.access.tell(token, path::SITE, &hub.site).unwrap(), Ok(()));
    };
    // Before there is any document, the hub's own word counts.
    let with_limit = |hub: &mut HandmadeHub, unit: usize, hundredths: i32| {
        let mut rules: Value = serde_json::from_str(&hub.site.units[0].rules).unwrap();
        rules["limits"][0]["max"] = json!({ "value": hundredths, "provenance": "unit" });
        hub.site.units[unit].rules = rules.to_string();
    };
    with_limit(&mut hub.hub, 0, -1_400);
    tell(&hub.hub, hub.token);
    assert_eq!(world.access.ask(limits).unwrap(), "Freezer|-1400");
    // From the first document on, it does not: not for the unit that was set, nor for any other that is known.
    world.set_limit(&hub, -1_200);
    with_limit(&mut hub.hub, 0, -900);
    with_limit(&mut hub.hub, 1, -800);
    hub.hub.site.units[0].name = "Renamed".into();
    tell(&hub.hub, hub.token);
    assert_eq!(world.access.ask(limits).unwrap(), "Renamed|-1200");
    // A unit that is new comes with its own rules.
    let mut third = hub.hub.site.units[1].clone();
    (third.id, third.name) = ("01990000-0000-7000-8000-000000000003".parse().unwrap(), "Third".into());
    hub.hub.site.units.push(third);
    tell(&hub.hub, hub.token);
    assert_eq!(world.access.ask(limits).unwrap(), "Renamed|-1200\nThird|-800");
    world.set_limit(&hub, -1_100);
    assert_eq!(world.document(&hub).units.len(), 3, "and is in the next document");
}

pub fn a_hub_s_own_rules_are_kept_field_by_field_when_its_site_is_adopted(world: &World) {
    let mut hub = HandmadeHub::new(11);
    let mut told: UnitRules = serde_json::from_str(&hub.site.units[0].rules).unwrap();
    let limits = &mut told.limits[0];
    limits.hysteresis = Field::unit(CentiDegrees::new(80).unwrap());
    limits.off_delay = Field::unit(DurationMs::minutes(3));
    limits.inclusive = Field::unit(true);
    limits.delay = Field { value: DurationMs::minutes(30), provenance: Provenance::Template };
    told.door.warning = Field::unit(None);
    told.battery.low_percent = Field { value: 35, provenance: Provenance::Site };
    told.area = Some("Cellar".to_owned());
    hub.site.units[0].rules = serde_json::to_string(&told).unwrap();
    let hub = world.enrolled(0, hub);
    let rule = "SELECT temp_min, off_fields, temp_max, inclusive, hysteresis_centi, delay_minutes, off_delay_minutes,
                    severity, battery_low_percent
                FROM alert_rules ORDER BY alert_type";
    let rows = "|{temp_min}|-1500|t|80||3|critical|\n|{}|||||||35\n|{door_open_warning_minutes}|||||||";
    assert_eq!(world.access.ask(rule).unwrap(), rows);
    // What is set of one field leaves every other as the hub had it.
    world.set_limit(&hub, -1_200);
    let document = world.document(&hub);
    told.battery.low_percent = Field::unit(35);
    let mut expected = serde_json::to_value(told).unwrap();
    expected["limits"][0]["max"]["value"] = json!(-1_200);
    assert_eq!(crate::world::rules(&document, hub.hub.site.units[0].id), expected);
}

/// A value of a field, by its name, that is neither its default nor a template's.
fn example(name: &str, default: &Value) -> Value {
    match (name, default) {
        ("temp_min_centi_c" | "range_min_centi_c", _) => json!(-2_900),
        ("temp_max_centi_c" | "range_max_centi_c", _) => json!(-1_300),
        ("trigger", _) => json!("cumulative"),
        ("defrost_times", _) => json!(["02:00", "14:30"]),
        ("offline_trigger_multiplier", _) => json!(2.75),
        ("hysteresis_centi", _) => json!(75),
        ("door_open_warning_minutes", _) => json!(4),
        ("offline_warning_missed_checkins", _) => json!(2),
        ("offline_critical_missed_checkins", _) => json!(6),
        (name, _) if name.ends_with("schedule") => json!({ "days": [1, 5], "start_hour": 8, "end_hour": 18 }),
        (_, Value::Bool(yes)) => json!(!yes),
        (_, Value::String(_)) => json!("info"),
        _ => json!(19),
    }
}

pub fn every_field_of_every_slot_is_set_shown_and_reaches_the_hub(world: &World) {
    let hub = world.hub(11);
    let unit = hub.hub.site.units[0].id;
    let before = world.get(&format!("/units/{unit}/rules"));
    let fields = before["fields"].as_object().unwrap();
    assert_eq!(fields.len(), 54);
    let body: serde_json::Map<String, Value> =
        fields.iter().map(|(name, field)| (name.clone(), example(name, &field["value"]))).collect();
    let set = world.set(unit, Value::Object(body.clone()));
    for (name, value) in &body {
        let shown = &set["fields"][name];
        assert_eq!((&shown["value"], &shown["provenance"]), (value, &json!("unit")), "{name}");
        assert_ne!(shown["inherited"]["provenance"], "unit", "{name}");
    }
    let told: UnitRules = serde_json::from_str(&world.document(&hub).units[0].rules).unwrap();
    let own = |(_, _, said): &&(_, _, Field<_>)| said.provenance == Provenance::Unit;
    // Of the trigger of silence the check-ins are in force; a multiple and its addition stand by.
    assert_eq!(told.fields().iter().filter(own).count(), 52);
    let tier = json!({ "tier_1_temp_max_centi_c": -1_100, "tier_1_severity": "critical", "tier_1_delay_minutes": 0 });
    let set = world.set(unit, tier);
    assert_eq!(set["fields"].as_object().unwrap().len(), 54 + 17);
    let told: UnitRules = serde_json::from_str(&world.document(&hub).units[0].rules).unwrap();
    assert_eq!(told.limits[1].delay, Field::unit(DurationMs(0)));
    let off = body.keys().map(|name| (name.clone(), Value::Null)).collect();
    let back = world.set(unit, Value::Object(off));
    assert_eq!(back["fields"]["severity"]["provenance"], "template");
    assert_eq!(back["fields"]["tier_1_severity"]["provenance"], "unit", "what was not named stays");
}

pub fn what_is_locked_further_out_can_only_be_made_stricter(world: &World) {
    let hub = world.hub(11);
    let unit = hub.hub.site.units[0].id;
    world.set(unit, json!({ "temp_max_centi_c": null }));
    let lock = "INSERT INTO alert_rules (id, organization_id, name, alert_type, temp_max, locked_fields)
                SELECT gen_random_uuid(), organization_id, 'Ours', 'alarm_active', -1400, '{temp_max}'
                FROM units ORDER BY created_at LIMIT 1";
    world.access.ask(lock).unwrap();
    let path = format!("/units/{unit}/rules");
    let shown = &world.get(&path)["fields"]["temp_max_centi_c"];
    assert_eq!((&shown["value"], &shown["locked_by"]), (&json!(-1_400), &json!("organization")));
    for loose in [json!(-1_300), json!("off")] {
        let refused = world.api(&manager(), 422, "PATCH", &path, Some(json!({ "temp_max_centi_c": loose })));
        assert_eq!(refused["errors"][0]["parameter"], "temp_max_centi_c");
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("locked"), "{refused}");
    }
    let set = world.set(unit, json!({ "temp_max_centi_c": -1_600 }));
    assert_eq!(set["fields"]["temp_max_centi_c"]["provenance"], "unit");
    // A lock that comes later than a looser word takes its effect, and hinders nobody who sets something else.
    world.access.ask("UPDATE alert_rules SET temp_max = -1700 WHERE name = 'Ours'").unwrap();
    let set = world.set(unit, json!({ "delay_minutes": 4 }));
    assert_eq!(set["fields"]["temp_max_centi_c"]["value"], -1_700);
    let told: UnitRules = serde_json::from_str(&world.document(&hub).units[0].rules).unwrap();
    assert_eq!(told.limits[0].max.provenance, Provenance::Organization);
}

pub fn what_stands_at_a_unit_in_short_is_its_own_word_and_has_one_home(world: &World) {
    let hub = world.hub_with_two_units(11);
    let fridge = hub.hub.site.units[1].id;
    let path = format!("/units/{fridge}/rules");
    let short =
        format!("UPDATE units SET temp_max = 700, manual_monitoring_interval = 120 WHERE id = '{fridge}'");
    world.access.ask(&short).unwrap();
    let fields = world.get(&path)["fields"].clone();
    assert_eq!(fields["temp_max_centi_c"]["value"], 700);
    let interval = &fields["manual_interval_minutes"];
    assert_eq!((&interval["value"], &interval["provenance"]), (&json!(120), &json!("unit")));
    world.set(fridge, json!({ "temp_min_centi_c": 100 }));
    let homes = format!("SELECT temp_max, manual_monitoring_interval FROM units WHERE id = '{fridge}'");
    assert_eq!(world.access.ask(&homes).unwrap(), "|120", "the rule of that slot says it now");
    assert_eq!(world.get(&path)["fields"]["temp_max_centi_c"]["value"], 700);
    assert!(world.access.ask(&short).is_err(), "the rule says it already");
    world.set(fridge, json!({ "temp_max_centi_c": null, "manual_interval_minutes": null }));
    let fields = world.get(&path)["fields"].clone();
    assert_eq!(fields["temp_max_centi_c"]["provenance"], "template");
    assert_eq!(fields["manual_interval_minutes"]["provenance"], "system");
}
