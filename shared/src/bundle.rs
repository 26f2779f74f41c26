//! The bundle: a record as it is handed to whoever wants to check it, by the hub or by the cloud.
//!
//! Owns the export's form: JSON Lines, one object a line, in this order:
//! - `{"format":"frostguard-bundle/1","side":"hub"|"cloud","hub":…,"epoch":…,"made_ms":…}`, the first line;
//! - `{"event":{"seq":n,"hash":"<hex>","bytes":"<base64>"}}`, ascending; without `bytes` if a bound has dropped them;
//! - `{"checkpoint":"<signed note>"}`, anywhere among the events, after the last event that it covers;
//! - `{"reading":"<base64 of the 80 bytes>"}`, ascending by the number inside;
//! - `{"unreadable":{"seq":n,"bytes":"<base64>"}}` for stored bytes that are no reading, in a reading's place;
//! - `{"gap":{"first":n,"last":n,"cause":"bound"|"damage"}}` in the place of the readings that are missing;
//! - `{"end":{"events":n,"readings":n}}`, the last line, so that a cut file is seen.
//!
//! Streams: a writer and a reader need one line of memory at a time.

use crate::chain::Hash;
use crate::ids::{EpochId, HubId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name and version of the form.
pub const FORMAT: &str = "frostguard-bundle/1";
/// A line longer than this is none: the longest event and its dressing are far shorter.
pub const LINE_MAX: usize = 4 << 20;

/// Who made a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The hub, from its journal.
    Hub,
    /// The cloud, from its database.
    Cloud,
}

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// Who made it.
    pub side: Side,
    /// Whose record it is.
    pub hub: HubId,
    /// Of which epoch.
    pub epoch: EpochId,
    /// When it was made, by its maker's wall clock; nothing is proved by it.
    pub made_ms: i64,
}

/// Bytes in standard base64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        STANDARD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// An event of a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BundledEvent {
    /// The number it is stored under.
    pub seq: u64,
    /// The hash it is stored with.
    pub hash: Hash,
    /// Its exact bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Base64>,
}

/// Stored bytes that are no reading.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unreadable {
    /// The number they are stored under.
    pub seq: u64,
    /// The bytes.
    pub bytes: Base64,
}

/// Readings that are missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BundledGap {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// Why: `bound` or `damage`.
    pub cause: String,
}

/// The last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// Lines with an event.
    pub events: u64,
    /// Lines with a reading or something unreadable in its place.
    pub readings: u64,
}

/// A line after the first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// An event.
    Event(BundledEvent),
    /// A signed note.
    Checkpoint(String),
    /// A reading's 80 bytes.
    Reading(Base64),
    /// Bytes in a reading's place.
    Unreadable(Unreadable),
    /// Missing readings.
    Gap(BundledGap),
    /// The end.
    End(End),
}

impl Header {
    /// The header of a bundle that is made now.
    pub fn new(side: Side, hub: HubId, epoch: EpochId, made_ms: i64) -> Self {
        Self { format: FORMAT.into(), side, hub, epoch, made_ms }
    }
}

/// One line with its newline.
///
/// # Errors
/// The value cannot be written as JSON, which its types exclude.
pub fn to_line<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_one_form() {
        let event = BundledEvent { seq: 3, hash: Hash([1; 32]), bytes: Some(Base64(b"{}".to_vec())) };
        let line = to_line(&Line::Event(event.clone())).unwrap();
        let hash = "01".repeat(32);
        assert_eq!(line, format!("{{\"event\":{{\"seq\":3,\"hash\":\"{hash}\",\"bytes\":\"e30=\"}}}}\n"));
        assert_eq!(serde_json::from_str::<Line>(&line).unwrap(), Line::Event(event));
        assert_eq!(to_line(&Line::Reading(Base64(vec![0; 3]))).unwrap(), "{\"reading\":\"AAAA\"}\n");
        let end = Line::End(End { events: 1, readings: 2 });
        assert_eq!(to_line(&end).unwrap(), "{\"end\":{\"events\":1,\"readings\":2}}\n");
        assert!(serde_json::from_str::<Line>("{\"reading\":\"A\"}").is_err());
        assert!(serde_json::from_str::<Line>("{\"other\":1}").is_err());
    }
}
