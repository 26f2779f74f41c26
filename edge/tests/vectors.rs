//! Decoders against what other people's decoders make of the same bytes.
//!
//! Owns the judgement of vectors: one JSON object a line, an advertisement or an uplink with the values expected of it.
//! Some stand here, published by the vendors; `FROSTGUARD_VECTORS` names a folder of many more. A value that is
//! expected must come out, and where none is expected none may be invented.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_edge::sources::{ChannelValue, Decoded, Model, Payload, Refusal, Section};
use frostguard_shared::axis::Measured;
use frostguard_shared::reading::{Door, Quality};
use serde_json::Value;
use std::path::Path;

/// From the vendors' own descriptions.
const PUBLISHED: &str = r#"
{"id":"bthome.io","service_data":{"fcd2":"4002ca0903bf13"},"expected":{"temperature_c":25.06,"humidity_pct":50.55}}
{"id":"ruuvi valid","manufacturer_data":{"0499":"0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"},"expected":{"temperature_c":24.3,"humidity_pct":53.49,"voltage_mv":2977}}
{"id":"ruuvi invalid","manufacturer_data":{"0499":"058000ffffffff800080008000ffffffffffffffffffffff"}}
{"id":"govee","local_name":"GVH5075_2762","manufacturer_data":{"ec88":"00030fc93500"},"expected":{"temperature_c":20.0,"humidity_pct":64.9,"battery_pct":53}}
{"id":"dragino","codec_id":"dragino/lht65","fPort":2,"bytes_hex":"cbf60b0d0376010add7fff","expected_data":{"TempC_SHT":28.29,"Hum_SHT":88.6}}
{"id":"milesight","codec_id":"em300-mcs","fPort":85,"bytes_hex":"01755c03673401046865060001","expected_data":{"battery":92,"temperature":30.8,"humidity":50.5,"magnet_status":"open"}}
{"id":"milesight log","codec_id":"em300-mcs","fPort":85,"bytes_hex":"20ce9e74466310015d01","expected_data":{"history":[{"timestamp":1665561758,"temperature":27.2,"humidity":46.5}]}}
"#;

/// One vector: what is sent, to which model it belongs, and what it must say.
struct Vector {
    id: String,
    model: &'static str,
    payload: Payload,
    expected: Value,
}

/// What decoders of others call the same thing.
const TEMPERATURE: [&str; 4] = ["temperature_c", "temperature1_c", "temperature", "TempC_SHT"];
const HUMIDITY: [&str; 3] = ["humidity_pct", "humidity", "Hum_SHT"];

/// Where we hold on purpose with others than the one whose word a vector gives.
const HELD_OTHERWISE: [(&str, &str); 2] = [
    ("ble0578", "a frame that is cut may be wrong in any place: we refuse all of it"),
    (
        "ble1091",
        "of two temperatures in a frame the first is the air and the second a probe, not the other way",
    ),
];

fn lines() -> Vec<Value> {
    let mut text = PUBLISHED.to_owned();
    if let Some(folder) = std::env::var_os("FROSTGUARD_VECTORS") {
        for entry in std::fs::read_dir(Path::new(&folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(hex: &Value) -> Vec<u8> {
    hex::decode(hex.as_str().unwrap()).unwrap()
}

/// The vector of a line, if it is of a model that the hub knows and stands for itself.
fn vector(line: &Value) -> Option<Vector> {
    let id = line["id"].as_str().unwrap().to_owned();
    if !line["bytes_hex"].is_null() {
        let codec = line["codec_id"].as_str().unwrap_or_default();
        let model = match codec.rsplit('/').next()? {
            "lht65" | "lht65-codec" => "dragino-lht65",
            // The other sensors of the series say the same things in the same way, and other things besides.
            name if name.starts_with("em300-") => "milesight-em300-mcs",
            _ => return None,
        };
        let port = u8::try_from(line["fPort"].as_u64()?).unwrap();
        let payload = Payload::Uplink { port, bytes: bytes(&line["bytes_hex"]) };
        return Some(Vector { id, model, payload, expected: line["expected_data"].clone() });
    }
    // What depends on frames before it, or on a key, is no matter of one frame.
    if line["stateful_seq"].as_u64().unwrap_or(0) > 0 || !line["bindkey"].is_null() {
        return None;
    }
    let section = |name: &str, number: &str| Some(bytes(line[name].get(number)?));
    let (model, section, bytes) = if let Some(bytes) = section("service_data", "fcd2") {
        ("bthome", Section::Service(0xFCD2), bytes)
    } else if let Some(bytes) = section("manufacturer_data", "0499") {
        ("ruuvitag", Section::Manufacturer(0x0499), bytes)
    } else {
        ("govee-h5075", Section::Manufacturer(0xEC88), section("manufacturer_data", "ec88")?)
    };
    let payload = Payload::Advert { section, bytes };
    Some(Vector { id, model, payload, expected: line["expected"].clone() })
}

/// True for a frame that the model's decoder is to refuse: another format of the same vendor.
fn is_of_another(vector: &Vector) -> bool {
    match (vector.model, &vector.payload) {
        ("ruuvitag", Payload::Advert { bytes, .. }) => bytes[0] != 5,
        ("govee-h5075", Payload::Advert { bytes, .. }) => bytes.len() != 6,
        (_, Payload::Uplink { port, .. }) => ![2, 85].contains(port),
        _ => false,
    }
}

fn number(expected: &Value, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| expected[name].as_f64())
}

fn is_near(found: Option<f64>, expected: Option<f64>, within: f64) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= within,
        (None, None) => true,
        _ => false,
    }
}

/// The first believable temperature of a frame with its humidity, in °C and %.
fn climate(decoded: &Decoded) -> (Option<f64>, Option<f64>) {
    let found = decoded.channels.iter().find_map(|(_, value)| match value {
        ChannelValue::Temperature { temperature, quality: Quality::Valid, humidity } => Some((
            f64::from(temperature.hundredths()) / 100.0,
            humidity.map(|humidity| f64::from(humidity.basis_points()) / 100.0),
        )),
        _ => None,
    });
    found.map_or((None, None), |(temperature, humidity)| (Some(temperature), humidity))
}

fn door(decoded: &Decoded) -> Option<bool> {
    decoded.channels.iter().find_map(|(_, value)| match value {
        ChannelValue::Door(door) => Some(*door == Door::Open),
        _ => None,
    })
}

/// What is wrong with a record; tenths are as fine as some of the others give a value.
fn difference(decoded: &Decoded, expected: &Value) -> Option<String> {
    let (temperature, humidity) = climate(decoded);
    let beyond = |value: f64| value.abs() > 150.0;
    let wanted = number(expected, &TEMPERATURE).filter(|value| !beyond(*value));
    if !is_near(temperature.filter(|value| !beyond(*value)), wanted, 0.051) {
        return Some(format!("temperature {temperature:?}, expected {wanted:?}"));
    }
    let wanted = number(expected, &HUMIDITY).filter(|value| *value <= 100.0);
    if temperature.is_some() && humidity.is_some() && !is_near(humidity, wanted, 0.1) {
        return Some(format!("humidity {humidity:?}, expected {wanted:?}"));
    }
    let open =
        expected["door_open"].as_bool().or_else(|| Some(expected["magnet_status"].as_str()? == "open"));
    if open.is_some() && door(decoded) != open {
        return Some(format!("door {:?}, expected {open:?}", door(decoded)));
    }
    None
}

fn judge(vector: &Vector) -> Option<String> {
    let model: Model = vector.model.parse().unwrap();
    let answer: Result<Vec<Decoded>, Refusal> = model.decode(&vector.payload);
    if is_of_another(vector) {
        return answer.is_ok().then(|| "another model's frame is decoded".to_owned());
    }
    let records = match answer {
        Ok(records) => records,
        Err(refusal) if number(&vector.expected, &TEMPERATURE).is_some() => {
            return Some(format!("refused: {refusal}"));
        }
        Err(_) => return None,
    };
    let empty = Decoded::default();
    let (logged, live): (Vec<&Decoded>, Vec<&Decoded>) = records
        .iter()
        .partition(|record| matches!(record.measured, Some(Measured::At(_))) && vector.model != "bthome");
    let history = vector.expected["history"].as_array().cloned().unwrap_or_default();
    let pairs = logged.iter().copied().zip(&history);
    if vector.model == "milesight-em300-mcs"
        && history.iter().any(|entry| !entry["temperature"].is_null())
        && logged.len() != history.len()
    {
        return Some(format!("{} logged records, expected {}", logged.len(), history.len()));
    }
    let in_log = pairs.filter(|(_, entry)| !entry["temperature"].is_null()).find_map(|(record, entry)| {
        let at = Some(Measured::At(frostguard_shared::time::WallMs(entry["timestamp"].as_i64()? * 1_000)));
        let misplaced = (record.measured != at).then(|| format!("logged at {:?}", record.measured));
        misplaced.or_else(|| difference(record, entry))
    });
    in_log.or_else(|| difference(live.first().copied().unwrap_or(&empty), &vector.expected))
}

#[test]
fn every_vector_of_a_known_model_gives_what_is_expected_and_nothing_that_is_not() {
    let mut vectors: Vec<Vector> = lines().iter().filter_map(vector).collect();
    vectors.retain(|vector| !HELD_OTHERWISE.iter().any(|(id, _)| *id == vector.id));
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| Some(format!("{} ({}): {}", vector.id, vector.model, judge(vector)?)))
        .collect();
    for model in Model::ALL {
        let count = vectors.iter().filter(|vector| vector.model == model.name()).count();
        assert!(count > 0, "no vector of {model:?}");
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}
