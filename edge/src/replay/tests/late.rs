//! Lines that come late: folded at their place, told in retrospect, bounded.

use super::*;

fn late(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| line.replace('}', r#","late":true}"#)).collect()
}

const QUIET: &str = "\n[units.freezer.rules.monitoring_interrupted]\noffline_warning_missed_checkins = 500\noffline_critical_missed_checkins = 600\n";

fn site() -> String {
    format!("{}{QUIET}", freezer_alone())
}

#[test]
fn an_excursion_in_an_outage_is_shown_in_retrospect_and_told_once() {
    let mut lines = values(0..10, "freezer", "-18.0");
    lines.extend(values(200..205, "freezer", "-18.0"));
    lines.extend(late(values(50..80, "freezer", "-9.0")));
    lines.extend(late(values(80..100, "freezer", "-18.0")));
    lines.push(value(205, "freezer", "-18.0"));
    let told = told(&site(), &lines);
    assert_eq!(
        told,
        [
            "60:00 freezer alarm_active air/temperature/warm critical raised retro",
            "90:00 freezer restoring air/temperature/warm critical cleared retro",
            "204:00 freezer ok summary PAGE retro",
        ]
    );
    assert_eq!(replayed(&site(), &lines).1.late, 50);
}

#[test]
fn an_excursion_that_late_values_show_to_go_on_is_raised_and_calls_somebody_once() {
    let mut lines = values(0..10, "freezer", "-18.0");
    lines.push(value(200, "freezer", "-9.0"));
    lines.push(value(201, "freezer", "-9.0"));
    lines.extend(late(values(150..200, "freezer", "-9.0")));
    lines.push(value(202, "freezer", "-9.0"));
    let told = told(&site(), &lines);
    assert_eq!(told.iter().filter(|line| line.contains("PAGE")).count(), 1, "{told:#?}");
    assert!(told.iter().any(|line| line.contains("raised") && !line.contains("retro")), "{told:#?}");
    assert!(told.last().unwrap().contains("alarm_active"), "{told:#?}");
}

#[test]
fn an_alert_keeps_its_id_if_late_values_show_that_it_began_earlier() {
    let mut lines = values(100..112, "freezer", "-9.0");
    lines.extend(values(99..100, "freezer", "-9.0"));
    lines.extend(values(112..130, "freezer", "-18.0"));
    let (written, _) = replayed(&site(), &lines);
    let ids: std::collections::BTreeSet<&str> = written
        .iter()
        .filter_map(|line| line.get("alert"))
        .map(|alert| alert["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [format!("freezer/air/temperature/warm/{}", at(100))]);
    assert_eq!(written.iter().filter(|line| line["page"] == true).count(), 1);
}

#[test]
fn the_end_is_the_same_in_whatever_order_the_lines_come() {
    let sorted = [history(), values(70..90, "freezer", "-9.0"), values(70..90, "fridge", "4")].concat();
    let last = |lines: &[String]| {
        let site = Site::without_a_hub(text(SITE)).unwrap();
        let mut one = Single { course: Course::new(), written: Written::new(std::io::sink(), false) };
        replay(&site, lines.join("\n").as_bytes(), &mut one, None).unwrap();
        let state = one.course.state();
        let alerts: Vec<_> =
            state.alerts().map(|(key, alert)| (*key, alert.severity, alert.cleared)).collect();
        let status = site.units.iter().map(|unit| state.status(unit.id)).collect::<Vec<_>>();
        (alerts, status, state.frontier())
    };
    let expected = last(&sorted);
    assert_eq!(expected.0.len(), 2, "one that is over and one that goes on");
    for step in [7, 11, 37, 89] {
        let count = sorted.len();
        let shuffled: Vec<String> = (0..count).map(|n| sorted[(n * step + 31) % count].clone()).collect();
        assert_ne!(shuffled, sorted);
        assert_eq!(last(&shuffled), expected, "every {step}th line");
    }
}

#[test]
fn an_acknowledgement_stands_among_late_values_where_it_was_given() {
    let mut lines = values(0..10, "freezer", "-18.0");
    lines.extend(values(10..40, "freezer", "-9.0"));
    lines.insert(35, format!(r#"{{"at":{},"ack":{{"unit":"freezer","by":"Maria"}}}}"#, at(30)));
    let in_order = told(&freezer_alone(), &lines);
    assert_eq!(in_order.iter().filter(|line| line.contains("PAGE")).count(), 1, "{in_order:#?}");
    let late = lines.remove(15);
    lines.push(late);
    lines.extend(values(40..44, "freezer", "-9.0"));
    let told = told(&freezer_alone(), &lines);
    assert_eq!(told, in_order, "it is taken once, and again where it belongs");
}

#[test]
fn what_comes_from_before_all_that_is_kept_is_counted_and_left_out() {
    let fortnight = 14 * 24 * 60;
    let mut lines = Vec::new();
    for minute in 0..fortnight {
        lines.push(value(minute, "fridge", "4"));
    }
    lines.push(value(10, "fridge", "9"));
    lines.push(value(fortnight - 60, "freezer", "-18.0"));
    let (_, summary) = replayed(SITE, &lines);
    assert_eq!((summary.late, summary.beyond), (1, 1));
}

#[test]
fn nobody_is_silent_while_nobody_listens() {
    let mut lines = values(0..10, "freezer", "-18.0");
    let back = at(120);
    lines.push(format!(r#"{{"at":{back},"started":{{"down_from":{},"known":true}}}}"#, at(9)));
    lines.extend(values(121..123, "freezer", "-18.0"));
    assert_eq!(told(&freezer_alone(), &lines), Vec::<String>::new());
    let without: Vec<String> = lines.into_iter().filter(|line| !line.contains("started")).collect();
    assert!(
        told(&freezer_alone(), &without).iter().any(|line| line.contains("silence")),
        "and otherwise it is"
    );
}
