//! What a line can say, and what is refused with a word that helps.

use super::*;

fn parse(text: &str) -> Result<Line<'_>, LineError> {
    Line::parse(text.as_bytes())
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn text(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}

fn of_unit<'a>(line: &'a str) -> OfUnit<'a> {
    match parse(line).unwrap().said {
        Said::OfUnit(unit, said) => {
            assert_eq!(unit.0, "f");
            said
        }
        other => panic!("{other:?}"),
    }
}

const NOTHING: Sensed<'_> =
    Sensed { point: None, temperature: None, live: true, battery: None, door: None, fault: false };

#[test]
fn each_form_of_a_unit_is_read() {
    let value = |hundredths| Some(CentiCelsius::literal(hundredths));
    let battery = |percent| Some(BatteryPercent::new(percent).unwrap());
    for (line, expected) in [
        (r#"{"at":1,"unit":"f","temperature_c":-18.0}"#, Sensed { temperature: value(-1_800), ..NOTHING }),
        (
            r#"{"temperature_c":4.256,"point":"probe1","late":true,"humidity_pct":40.1,"battery_pct":87.5,"unit":"f","at":1}"#,
            Sensed {
                point: Some(text("probe1")),
                temperature: value(426),
                live: false,
                battery: battery(88),
                ..NOTHING
            },
        ),
        (r#"{"at":1,"unit":"f","door":"open"}"#, Sensed { door: Some(Door::Open), ..NOTHING }),
        (r#"{"at":1,"unit":"f","door":"closed"}"#, Sensed { door: Some(Door::Closed), ..NOTHING }),
        (r#"{"at":1,"unit":"f","battery_pct":0}"#, Sensed { battery: battery(0), ..NOTHING }),
        (r#"{"at":1,"unit":"f","fault":true}"#, Sensed { fault: true, ..NOTHING }),
    ] {
        assert_eq!(of_unit(line), OfUnit::Sensed(expected), "{line}");
    }
    for (line, expected) in [
        (
            r#"{"at":9,"unit":"f","manual_log":{"temperature_c":1e1,"by":"Maria"}}"#,
            OfUnit::ManualLog { temperature: value(1_000), taken: RuleMs(9) },
        ),
        (
            r#"{"at":9,"unit":"f","manual_log":{"taken":5}}"#,
            OfUnit::ManualLog { temperature: None, taken: RuleMs(5) },
        ),
        (r#"{"at":1,"unit":"f","defrost":"on"}"#, OfUnit::Defrost(Defrost::Running)),
        (r#"{"at":1,"unit":"f","defrost":"off"}"#, OfUnit::Defrost(Defrost::Over)),
        (r#"{"at":1,"unit":"f","replaced":true}"#, OfUnit::Replaced { point: None }),
        (r#"{"at":1,"ack":{"unit":"f","by":"M\u00e9"}}"#, OfUnit::Ack { by: Some(text("Mé")) }),
        (
            r#"{"at":1,"shelve":{"unit":"f","minutes":60,"reason":"cleaning","by":"Maria"}}"#,
            OfUnit::Shelve { length: DurationMs::minutes(60) },
        ),
        (r#"{"at":1,"unshelve":{"unit":"f"}}"#, OfUnit::Unshelve),
        (r#"{"at":1,"quiet":{"unit":"f"}}"#, OfUnit::Quiet),
        (r#"{"at":1,"resolve":{"unit":"f"}}"#, OfUnit::Resolve),
    ] {
        assert_eq!(of_unit(line), expected, "{line}");
    }
}

#[test]
fn each_form_of_the_site_is_read() {
    let known = |known, trust| Said::Started { down_from: Some(RuleMs(2)), known, trust };
    for (line, expected) in [
        (r#"{"at":5,"tick":true}"#, Said::Tick),
        (r#"{"at":5,"untrusted":true}"#, Said::Untrusted),
        (r#"{"at":5,"started":{"down_from":2,"known":true}}"#, known(true, Trust::Synced)),
        (r#"{"at":5,"started":{"down_from":2,"known":false}}"#, known(false, Trust::Untrusted)),
        (r#"{"at":5,"started":{"down_from":2,"known":false,"trusted":true}}"#, known(false, Trust::Synced)),
        (
            r#"{"at":5,"clock":{"to":"1970-01-01T00:00:01Z","offset_ms":-3}}"#,
            Said::Clock { to: RuleMs(1_000), offset: DurationMs(-3) },
        ),
        (r#"{"at":5,"rules":"[site]\n"}"#, Said::Rules(Cow::Borrowed("[site]\n"))),
    ] {
        assert_eq!(parse(line).unwrap(), Line { at: RuleMs(5), said: expected }, "{line}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (line, part) in [
        ("", "not a JSON object"),
        ("[1]", "not a JSON object"),
        (r#"{"at":1,"ack":["f","Maria"]}"#, "an object"),
        ("{\"at\":1", "EOF"),
        (r#"{"unit":"f","temperature_c":1}"#, "missing field `at`"),
        (r#"{"at":1,"unit":"f","temprature_c":1}"#, "temprature_c"),
        (r#"{"at":1,"at":2,"tick":true}"#, "duplicate field `at`"),
        (r#"{"at":1,"unit":"f","temperature_c":"-15"}"#, "temperature_c \"-15\" is not a number"),
        (r#"{"at":1,"unit":"f","temperature_c":1001}"#, "1001 is not a number from -273.15"),
        (r#"{"at":1,"unit":"f","temperature_c":true}"#, "true is not a number"),
        (r#"{"at":1,"unit":"f","temperature_c":null}"#, "says nothing"),
        (r#"{"at":1,"unit":"f","battery_pct":101}"#, "from 0 to 100"),
        (r#"{"at":1,"unit":"f","battery_pct":-1}"#, "from 0 to 100"),
        (r#"{"at":1,"unit":"f","door":"ajar"}"#, "\"ajar\" is not \"open\" or \"closed\""),
        (r#"{"at":1,"unit":7,"door":"open"}"#, "a text"),
        (r#"{"at":1,"temperature_c":1}"#, "which unit"),
        (r#"{"at":1,"unit":"f"}"#, "says nothing"),
        (r#"{"at":1}"#, "says nothing"),
        (r#"{"at":1,"tick":false}"#, "true or not there"),
        (r#"{"at":1,"unit":"f","tick":true}"#, "unit does not belong"),
        (r#"{"at":1,"unit":"f","temperature_c":1,"tick":true}"#, "belong together"),
        (r#"{"at":1,"unit":"f","temperature_c":1,"fault":true}"#, "a fault has no value"),
        (r#"{"at":1,"unit":"f","door":"open","late":true}"#, "only a value can be late"),
        (r#"{"at":1,"unit":"f","defrost":"on","point":"air"}"#, "no point"),
        (r#"{"at":1,"ack":{"by":"Maria"}}"#, "missing field `unit`"),
        (r#"{"at":1,"shelve":{"unit":"f","minutes":60}}"#, "missing field `reason`"),
        (r#"{"at":1,"shelve":{"unit":"f","minutes":0,"reason":"x"}}"#, "a minute or more"),
        (r#"{"at":1,"shelve":{"unit":"f","minutes":60,"reason":" "}}"#, "a reason"),
        (r#"{"at":1,"shelve":{"unit":"f","minutes":1.5,"reason":"x"}}"#, "invalid"),
        (r#"{"at":9,"clock":{"to":8}}"#, "never goes back"),
        (r#"{"at":9,"started":{"down_from":10}}"#, "after at"),
        (r#"{"at":1,"tick":true} {}"#, "trailing characters"),
    ] {
        assert!(refusal(line).contains(part), "{line}: {}", refusal(line));
    }
    let number = refusal(r#"{"at":1,"tick":true,"what":1}"#);
    assert!(number.contains("column") && !number.contains("line 1"), "{number}");
    assert!(Line::parse(b"{\"at\":1,\"unit\":\"\xff\",\"door\":\"open\"}").is_err());
}

#[test]
fn a_value_a_door_and_a_battery_of_one_device_can_share_a_line() {
    let said = of_unit(r#"{"at":1,"unit":"f","temperature_c":4,"door":"open","battery_pct":50}"#);
    let OfUnit::Sensed(Sensed { temperature, door, battery, .. }) = said else { panic!("{said:?}") };
    assert!(temperature.is_some() && door.is_some() && battery.is_some());
}
