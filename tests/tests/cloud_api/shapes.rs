//! What each route shows, to the last field.

use frostguard_tests::cloud::fixture::{ALFA, FROM, Kind, TO};
use serde_json::{Value, json};

use crate::world::World;

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn numbered(kind: Kind, numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| ALFA.id(kind, n)).collect()
}

fn range() -> String {
    format!("from={FROM}&to={TO}")
}

pub fn a_site_is_shown_whole(world: &World) {
    let page = world.good(ALFA, "/sites");
    assert_eq!(page.get("next"), None);
    assert_eq!(
        page["items"][0],
        json!({
            "id": ALFA.id(Kind::Site, 1),
            "name": "alfa Harbour",
            "timezone": "Europe/Berlin",
            "address": null,
            "city": "Hamburg",
            "state": null,
            "postal_code": null,
            "country": null,
            "is_active": true,
            "created_at": "2025-06-01T00:00:00.000Z",
        })
    );
}

pub fn a_unit_is_shown_with_its_latest_and_with_what_its_hub_says(world: &World) {
    let unit = json!({
        "id": ALFA.id(Kind::Unit, 1),
        "name": "alfa Freezer 1",
        "unit_type": "freezer",
        "site_id": ALFA.id(Kind::Site, 1),
        "site_name": "alfa Harbour",
        "area_id": ALFA.id(Kind::Area, 1),
        "area_name": "alfa Kitchen",
        "temp_min_centi_c": -2500,
        "temp_max_centi_c": -1500,
        "is_active": true,
        "created_at": "2025-06-01T00:00:00.000Z",
        "deleted_at": null,
        "status": "ok",
        "status_at": "2025-07-01T00:00:00.123Z",
        "last_reading_at": "2025-07-01T00:10:00.000Z",
        "temperature_centi_c": -1835,
        "humidity_centi_percent": 6125,
        "door": "closed",
        "door_at": "2025-07-01T00:05:00.000Z",
        "live_status": "excursion",
        "live_temperature_centi_c": -1790,
        "live_at": "2025-07-01T00:20:00.000Z",
    });
    assert_eq!(world.good(ALFA, "/units")["items"][0], unit);
    assert_eq!(world.good(ALFA, &format!("/units/{}", ALFA.id(Kind::Unit, 1))), unit);
}

pub fn a_unit_whose_temperature_was_never_heard_has_no_status(world: &World) {
    let unit = world.good(ALFA, &format!("/units/{}", ALFA.id(Kind::Unit, 3)));
    for field in ["status", "status_at", "last_reading_at", "temperature_centi_c", "live_status", "live_at"] {
        assert_eq!(unit[field], Value::Null, "{field}");
    }
    assert_eq!(unit["door"], "open");
    let ok = world.all(ALFA, "/units?status=ok");
    assert!(!ids(&ok).contains(&ALFA.id(Kind::Unit, 3).as_str()));
}

pub fn units_are_filtered_by_site_and_status(world: &World) {
    let of = |path: &str| world.all(ALFA, path);
    assert_eq!(ids(&of("/units")), numbered(Kind::Unit, 1..=6));
    let hill = ALFA.id(Kind::Site, 2);
    assert_eq!(ids(&of(&format!("/units?site={hill}"))), numbered(Kind::Unit, [5, 6]));
    assert_eq!(ids(&of("/units?status=alarm_active")), numbered(Kind::Unit, [2]));
    assert_eq!(of(&format!("/units?status=alarm_active&site={hill}")), [] as [Value; 0]);
}

pub fn a_reading_is_shown_with_its_exact_temperature(world: &World) {
    let rows = world.all(ALFA, &format!("/units/{}/readings?{}", ALFA.id(Kind::Unit, 1), range()));
    assert_eq!(rows.len(), 60);
    let hub = world.good(ALFA, &format!("/hubs/{}", ALFA.id(Kind::Hub, 1)));
    let stream = &hub["streams"][0]["stream"];
    assert_eq!(
        rows[0],
        json!({
            "stream": stream,
            "seq": 1,
            "recorded_at": "2025-06-30T23:50:00.000Z",
            "is_estimated": false,
            "received_at": "2025-07-01T01:00:00.000Z",
            "device_id": ALFA.id(Kind::Device, 1),
            "point_id": ALFA.id(Kind::Point, 1),
            "channel": "air",
            "temperature_centi_c": -1806,
            "humidity_centi_percent": 6125,
            "door": "open",
            "quality": 0,
            "trust": 2,
            "age_ms": 0,
            "battery_percent": 87,
            "battery_mv": 2980,
            "signal_dbm": -61,
        })
    );
    let exact: Vec<i64> = rows.iter().map(|row| row["temperature_centi_c"].as_i64().unwrap()).collect();
    let expected: Vec<i64> = rows.iter().map(|row| -1805 - row["seq"].as_i64().unwrap()).collect();
    assert_eq!(exact, expected);
}

pub fn a_metric_is_shown_in_hundredths(world: &World) {
    let path = format!("/units/{}/metrics?granularity=hourly&{}", ALFA.id(Kind::Unit, 1), range());
    let rows = world.all(ALFA, &path);
    assert_eq!(rows.len(), 30);
    assert_eq!(
        rows[29],
        json!({
            "unit_id": ALFA.id(Kind::Unit, 1),
            "period_start": "2025-07-01T05:00:00.000Z",
            "period_end": "2025-07-01T06:00:00.000Z",
            "temp_min_centi_c": -1820,
            "temp_max_centi_c": -1795,
            "temp_avg_centi_c": -1807,
            "humidity_min_centi_percent": 6010,
            "humidity_max_centi_percent": 6100,
            "humidity_avg_centi_percent": 6050,
            "reading_count": 60,
            "anomaly_count": 0,
        })
    );
}

pub fn a_door_event_an_alert_an_entry_and_a_reading_set_aside_are_shown_whole(world: &World) {
    let unit = ALFA.id(Kind::Unit, 1);
    let doors = world.all(ALFA, &format!("/units/{unit}/door-events?{}", range()));
    let device = ALFA.id(Kind::Device, 1);
    assert_eq!(
        doors[1],
        json!({ "id": ALFA.id(Kind::DoorEvent, 2), "unit_id": unit, "device_id": device, "state": "closed",
                "at": "2025-07-01T00:00:00.000Z", "duration_seconds": 40 })
    );
    let alert = json!({
        "id": ALFA.id(Kind::Alert, 2), "unit_id": unit, "unit_name": "alfa Freezer 1",
        "site_id": ALFA.id(Kind::Site, 1), "site_name": "alfa Harbour", "hub_id": ALFA.id(Kind::Hub, 1),
        "alert_type": "alarm_active", "severity": "critical", "status": "acknowledged", "condition": "too_warm",
        "episode": "alfa episode 2", "message": "alfa too warm", "trigger_temperature_centi_c": -1210,
        "threshold_violated": "max", "triggered_at": "2025-07-01T00:00:00.000Z",
        "acknowledged_at": "2025-07-01T00:10:00.250Z", "acknowledged_by": ALFA.id(Kind::Person, 1),
        "acknowledged_until": null, "quiet_until": null, "cleared_at": null, "resolved_at": null,
        "resolved_by": null, "escalated_at": null, "escalation_level": 0, "is_retro": false,
        "metadata": { "value_centi_c": -1210 }, "pending_acknowledgement": null,
    });
    assert_eq!(world.good(ALFA, &format!("/alerts/{}", ALFA.id(Kind::Alert, 2))), alert);
    assert!(world.all(ALFA, "/alerts").contains(&alert));
    let hash = world.database.psql("SELECT encode(sha256('aaaaaaaa event'), 'hex')").unwrap();
    let entries = world.all(ALFA, &format!("/event-log?{}", range()));
    assert_eq!(
        entries[0],
        json!({
            "id": ALFA.id(Kind::Entry, 12), "recorded_at": "2025-07-01T00:00:00.000Z",
            "event_type": "alert.raised", "category": null, "severity": null, "title": "alfa entry 12",
            "actor_type": "hub", "actor_id": null, "site_id": null, "area_id": null, "unit_id": unit,
            "hub_id": ALFA.id(Kind::Hub, 1), "event_data": { "of": "alfa" },
            "event_hash": hash.trim(), "previous_hash": null,
        })
    );
    let aside = world.all(ALFA, &format!("/quarantine?{}", range()));
    let mut row = aside[0].clone();
    assert!(row["stream"].take().is_i64());
    assert_eq!(
        row,
        json!({ "stream": null, "seq": 109, "reason": "unassigned", "bytes": "0102",
                "recorded_at_ms": 4_291_747_200_000_i64, "received_at": "2025-07-01T00:00:00.000Z" })
    );
}

pub fn a_hub_is_shown_with_its_streams_and_what_waits_at_it(world: &World) {
    let mut hub = world.good(ALFA, &format!("/hubs/{}", ALFA.id(Kind::Hub, 1)));
    assert_eq!(world.good(ALFA, "/hubs")["items"][0], hub);
    let head = world.database.psql("SELECT encode(sha256('aaaaaaaa head'), 'hex')").unwrap();
    let streams = hub["streams"].take();
    let kinds: Vec<_> =
        streams.as_array().unwrap().iter().map(|stream| (&stream["kind"], &stream["epoch"])).collect();
    assert_eq!(
        json!(kinds),
        json!([
            ["readings", ALFA.epoch(1)],
            ["events", ALFA.epoch(1)],
            ["readings", ALFA.epoch(2)],
            ["events", ALFA.epoch(2)]
        ])
    );
    let mut events = streams[1].clone();
    assert!(events["stream"].take().is_i64());
    assert_eq!(
        events,
        json!({ "stream": null, "epoch": ALFA.epoch(1), "kind": "events", "branch": 0, "parent": null,
                "fork_seq": null, "last_seq": 30, "sealed_to": 0, "head": head.trim(),
                "updated_at": "2025-07-01T00:00:00.000Z" })
    );
    assert!(hub["last_seen_at"].take().is_string());
    assert_eq!(
        hub,
        json!({
            "id": ALFA.id(Kind::Hub, 1), "name": "alfa Hub", "site_id": ALFA.id(Kind::Site, 1),
            "site_name": "alfa Harbour", "mac_address": "b8:27:eb:00:00:01", "firmware_version": "0.1.0",
            "is_active": true, "enrolled_at": "2025-06-01T00:00:00.000Z",
            "created_at": "2025-06-01T00:00:00.000Z", "deleted_at": null, "last_seen_at": null, "is_online": true,
            "live": { "epoch": ALFA.epoch(2), "at": "2025-07-01T00:20:00.000Z",
                      "received_at": "2025-07-01T00:20:01.000Z", "events_waiting": 3, "readings_waiting": 1200,
                      "alarms": [{ "condition": "too_warm" }] },
            "streams": null,
            "configuration": {
                "hub_id": ALFA.id(Kind::Hub, 1), "hub_name": "alfa Hub", "desired_version": 2,
                "desired_at": "2025-07-01T01:00:00.000Z", "desired_by": "alfa Person", "applied_version": 1,
                "applied_at": "2025-07-01T00:00:02.000Z", "state": "pending", "reason_code": null, "reason": null,
            },
        })
    );
}

pub fn a_hub_s_documents_and_commands_are_shown_newest_first(world: &World) {
    let hub = ALFA.id(Kind::Hub, 1);
    let documents = world.all(ALFA, &format!("/hubs/{hub}/configuration"));
    let versions: Vec<_> = documents.iter().map(|document| &document["version"]).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(
        documents[1],
        json!({ "version": 1, "made_at": "2025-07-01T00:00:00.000Z", "made_by": "alfa Person", "state": "applied",
                "reason_code": null, "reason": null, "decided_at": "2025-07-01T00:00:02.000Z",
                "changes": ["alfa change 1"] })
    );
    let commands = world.all(ALFA, &format!("/hubs/{hub}/commands"));
    assert_eq!(commands.len(), 2);
    let shown = json!({
        "id": ALFA.id(Kind::Command, 2), "hub_id": hub, "kind": "identify", "alert_id": null, "state": "done",
        "outcome": "alfa shows itself", "asked_at": "2025-07-01T00:01:00.000Z", "asked_by": null,
        "decided_at": "2025-07-01T00:01:01.000Z",
    });
    assert_eq!(commands[1], shown);
    assert_eq!(world.good(ALFA, &format!("/commands/{}", ALFA.id(Kind::Command, 2))), shown);
    let under_way = world.good(ALFA, &format!("/alerts/{}", ALFA.id(Kind::Alert, 1)));
    assert_eq!(
        under_way["pending_acknowledgement"],
        json!({ "command_id": ALFA.id(Kind::Command, 1), "asked_by": "alfa Person",
                "asked_at": "2025-07-01T00:02:00.000Z" })
    );
    assert_eq!(commands[0]["state"], "pending");
}

pub fn a_unit_without_rules_of_its_own_shows_where_each_field_comes_from(world: &World) {
    let rules = world.good(ALFA, &format!("/units/{}/rules", ALFA.id(Kind::Unit, 1)));
    let fields = &rules["fields"];
    assert_eq!(
        fields["temp_max_centi_c"],
        json!({ "value": -1500, "provenance": "unit", "inherited": { "value": -1500, "provenance": "template" } })
    );
    assert_eq!(
        fields["delay_minutes"],
        json!({ "value": 30, "provenance": "template", "source_name": "freezer",
                "inherited": { "value": 30, "provenance": "template" } })
    );
    assert_eq!(fields["inclusive"]["provenance"], "system");
    assert_eq!(fields.as_object().unwrap().len(), 54, "every field of the first tier");
    assert_eq!(rules["hard_limits"], json!({ "min_centi_c": -6000, "max_centi_c": -500 }));
    assert_eq!((&rules["warnings"], &rules["unit_type"]), (&json!([]), &json!("freezer")));
    assert_eq!(rules["configuration"][0]["hub_id"], json!(ALFA.id(Kind::Hub, 1)));
    assert_eq!(rules["configuration"].as_array().unwrap().len(), 1);
}

pub fn a_hub_is_online_while_it_was_seen_within_two_minutes(world: &World) {
    let silent = world.good(ALFA, &format!("/hubs/{}", ALFA.id(Kind::Hub, 2)));
    assert_eq!((&silent["is_online"], &silent["live"]), (&json!(false), &Value::Null));
    assert!(silent["last_seen_at"].is_string());
    assert_eq!(silent["streams"], json!([]));
}

pub fn open_alerts_are_those_that_are_not_over(world: &World) {
    let of = |open: &str| -> Vec<String> {
        let alerts = world.all(ALFA, &format!("/alerts?open={open}"));
        alerts.iter().map(|alert| alert["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("true").len(), 6);
    assert!(!of("true").contains(&"resolved".to_owned()));
    assert_eq!(of("false"), ["resolved", "resolved"]);
}

pub fn alerts_are_filtered_by_status_unit_and_time(world: &World) {
    let of = |query: &str| world.all(ALFA, &format!("/alerts?{query}"));
    assert_eq!(ids(&of("")), numbered(Kind::Alert, (1..=8).rev()));
    assert_eq!(ids(&of("status=active")), numbered(Kind::Alert, [5, 1]));
    assert_eq!(ids(&of(&format!("unit={}", ALFA.id(Kind::Unit, 2)))), numbered(Kind::Alert, [8, 7]));
    assert_eq!(ids(&of("from=2025-07-01T00:03:00Z")), numbered(Kind::Alert, [8, 7]));
    assert_eq!(ids(&of("to=2025-07-01T00:01:00Z")), numbered(Kind::Alert, [2, 1]));
    assert_eq!(of("from=2025-07-01T00:03:00.001Z"), [] as [Value; 0]);
}

pub fn the_log_is_filtered_by_type_and_unit(world: &World) {
    let of = |query: &str| world.all(ALFA, &format!("/event-log?{query}&{}", range()));
    assert_eq!(ids(&of("type=hub.enrolled")), numbered(Kind::Entry, [11, 8, 5, 2]));
    assert_eq!(of("type=hub.enrolled&unit=00000000-0000-7000-8000-000000000000"), [] as [Value; 0]);
    assert_eq!(of(&format!("unit={}", ALFA.id(Kind::Unit, 1))).len(), 8);
}

pub fn what_is_given_up_is_in_no_list_but_keeps_its_record(world: &World) {
    assert_eq!(ids(&world.all(ALFA, "/sites")), numbered(Kind::Site, [1, 2]));
    let gone = ALFA.id(Kind::Unit, 7);
    assert!(!ids(&world.all(ALFA, "/units")).contains(&gone.as_str()));
    assert_eq!(world.good(ALFA, &format!("/units/{gone}"))["deleted_at"], "2025-06-02T00:00:00.000Z");
    assert_eq!(world.good(ALFA, &format!("/units/{gone}/readings"))["items"], json!([]));
}

pub fn what_was_set_aside_is_counted_by_reason_over_the_whole_range(world: &World) {
    let page = world.good(ALFA, &format!("/quarantine?limit=1&{}", range()));
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        page["counts"],
        json!([{ "reason": "out_of_range", "count": 6 }, { "reason": "unassigned", "count": 3 }])
    );
}

pub fn without_a_range_the_last_day_is_shown(world: &World) {
    let readings = world.all(ALFA, &format!("/units/{}/readings", ALFA.id(Kind::Unit, 1)));
    let numbers: Vec<_> = readings.iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [33, 32, 31], "the oldest first");
    assert_eq!(
        (&readings[0]["point_id"], &readings[0]["humidity_centi_percent"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(ids(&world.all(ALFA, "/event-log")), numbered(Kind::Entry, [13]));
    assert_eq!(world.good(ALFA, "/quarantine")["counts"], json!([{ "reason": "unassigned", "count": 1 }]));
}
