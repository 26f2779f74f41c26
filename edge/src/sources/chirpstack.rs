//! ChirpStack version 4: the JSON of an uplink event, as its MQTT integration publishes it.
//!
//! Pure. Fields at their default may be left out by older servers; unknown ones are ignored. The server's time says
//! when a gateway heard the uplink: for a message that came as it was heard it only names the moment.

use super::{Address, Frame, Payload, Refusal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use frostguard_shared::axis::Measured;
use frostguard_shared::quantity::Dbm;
use frostguard_shared::time::WallMs;
use serde::Deserialize;

/// Larger messages are refused unread: an uplink has at most 242 bytes, its wrapping a few kilobytes.
pub const LARGEST: usize = 32 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Uplink {
    device_info: DeviceInfo,
    time: Option<String>,
    #[serde(default)]
    f_port: u32,
    #[serde(default)]
    data: String,
    #[serde(default)]
    rx_info: Vec<Reception>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceInfo {
    dev_eui: String,
}

#[derive(Deserialize)]
struct Reception {
    rssi: Option<i64>,
}

/// How a message came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// As it was heard.
    Live,
    /// Possibly kept by the broker while the hub was away.
    MayBeOld,
}

/// Reads an uplink event.
///
/// # Errors
/// Too large, not JSON of an uplink, or a field that cannot be.
pub fn uplink(message: &[u8], delivery: Delivery) -> Result<Frame, Refusal> {
    if message.len() > LARGEST {
        return Err(Refusal::Oversize(message.len(), LARGEST));
    }
    let uplink: Uplink = serde_json::from_slice(message).map_err(|fault| Refusal::Json(fault.to_string()))?;
    let address = Address::eui(&uplink.device_info.dev_eui)
        .map_err(|_| Refusal::Field("deviceInfo.devEui", shortened(&uplink.device_info.dev_eui)))?;
    let port = u8::try_from(uplink.f_port).map_err(|_| Refusal::Field("fPort", uplink.f_port.to_string()))?;
    let bytes = STANDARD.decode(&uplink.data).map_err(|fault| Refusal::Field("data", fault.to_string()))?;
    let at = uplink.time.as_deref().map(wall).transpose()?;
    let measured = match (at, delivery) {
        (Some(at), Delivery::MayBeOld) => Measured::At(at),
        (Some(at), Delivery::Live) => Measured::NowBy(at),
        (None, _) => Measured::Now,
    };
    let signal = uplink.rx_info.iter().filter_map(|reception| Dbm::new(reception.rssi?).ok()).max();
    Ok(Frame { address, signal, measured, payload: Payload::Uplink { port, bytes } })
}

fn wall(text: &str) -> Result<WallMs, Refusal> {
    let at: jiff::Timestamp = text.parse().map_err(|_| Refusal::Field("time", shortened(text)))?;
    Ok(WallMs(at.as_millisecond()))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"time":"2026-03-02T10:11:12.77+00:00","deviceInfo":{"devEui":"a84041ffff123456","tags":{}},"fPort":2,"data":"y/YLDQN2AQrdf/8=","rxInfo":[{"rssi":-90},{"rssi":-71,"snr":8.2}]}"#;

    #[test]
    fn an_uplink_gives_its_device_port_bytes_best_signal_and_time() {
        let frame = uplink(GOOD.as_bytes(), Delivery::Live).unwrap();
        let bytes = hex::decode("cbf60b0d0376010add7fff").unwrap();
        assert_eq!(frame.payload, Payload::Uplink { port: 2, bytes });
        assert_eq!(frame.signal, Some(Dbm::new(-71).unwrap()));
        assert_eq!(frame.measured, Measured::NowBy(WallMs(1_772_446_272_770)));
        let old = uplink(GOOD.as_bytes(), Delivery::MayBeOld).unwrap();
        assert_eq!(old.measured, Measured::At(WallMs(1_772_446_272_770)));
    }

    #[test]
    fn fields_at_their_default_may_be_missing() {
        let frame = uplink(br#"{"deviceInfo":{"devEui":"a84041ffff123456"}}"#, Delivery::Live).unwrap();
        assert_eq!(frame.payload, Payload::Uplink { port: 0, bytes: vec![] });
        assert_eq!((frame.measured, frame.signal), (Measured::Now, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused =
            |from: &str, to: &str| uplink(GOOD.replace(from, to).as_bytes(), Delivery::Live).unwrap_err();
        assert!(matches!(refused("a84041ffff123456", "zz"), Refusal::Field("deviceInfo.devEui", _)));
        assert!(matches!(refused("\"fPort\":2", "\"fPort\":256"), Refusal::Field("fPort", _)));
        assert!(matches!(refused("y/YL", "y*YL"), Refusal::Field("data", _)));
        assert!(matches!(refused("2026-03-02T", "yesterday "), Refusal::Field("time", _)));
        assert!(matches!(uplink(b"{", Delivery::Live), Err(Refusal::Json(_))));
        assert!(matches!(uplink(&[b' '; LARGEST + 1], Delivery::Live), Err(Refusal::Oversize(..))));
    }

    proptest! {
        #[test]
        fn no_message_panics(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = uplink(&message, Delivery::Live);
        }
    }
}
