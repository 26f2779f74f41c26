//! The bundle: a record as it is handed to whoever wants to check it, by the hub or by the cloud.
//!
//! Owns the export's form: JSON Lines, one object a line, in this order:
//! - `{"format":"frostguard-bundle/1","side":"hub"|"cloud","hub":…,"epoch":…,"made_ms":…}`, the first line;
//! - `{"event":{"seq":n,"hash":"<hex>","bytes":"<base64>"}}`, ascending; without `bytes` if a bound has dropped them;
//! - `{"checkpoint":"<signed note>"}`, right after the last event that it covers; one that covers more than there is, after
//!   the last event of all;
//! - `{"reading":"<base64 of the 80 bytes>"}`, ascending by the number inside;
//! - `{"unreadable":{"seq":n,"bytes":"<base64>"}}` for stored bytes that are no reading, in a reading's place;
//! - `{"gap":{"first":n,"last":n,"cause":"bound"|"damage"}}` in the place of the readings that are missing;
//! - `{"end":{"events":n,"checkpoints":n,"readings":n}}`, the last line, so that a cut file is seen.
//!
//! A line has these keys and no others, so that no misspelt key passes for an absent one. Streams: a writer and a reader
//! need one line of memory at a time.

use crate::chain::Hash;
use crate::ids::{EpochId, HubId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use thiserror::Error;

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

/// Bytes that are no line of a bundle. Say which line, and that the bundle is damaged.
#[derive(Debug, Error)]
pub enum LineError {
    /// Not an object of the form.
    #[error("not a line of a bundle")]
    Form(#[from] serde_json::Error),
    /// Another format or version.
    #[error("its format is \"{0}\", not \"frostguard-bundle/1\"")]
    Format(String),
}

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
        from.deserialize_str(Encoded)
    }
}

/// Decodes where the text stands: there are millions of readings in a bundle.
struct Encoded;

impl Visitor<'_> for Encoded {
    type Value = Base64;
    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("bytes in standard base64")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64, E> {
        STANDARD.decode(text.as_bytes()).map(Base64).map_err(E::custom)
    }
}

/// An event of a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// The number they are stored under.
    pub seq: u64,
    /// The bytes.
    pub bytes: Base64,
}

/// Readings that are missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
pub struct End {
    /// Lines with an event.
    pub events: u64,
    /// Lines with a checkpoint.
    pub checkpoints: u64,
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

    /// Reads the first line of a bundle, with or without its newline.
    ///
    /// # Errors
    /// Something else, or another format.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let header: Self = serde_json::from_slice(line)?;
        if header.format == FORMAT { Ok(header) } else { Err(LineError::Format(header.format)) }
    }
}

impl Line {
    /// Reads a line after the first, with or without its newline.
    ///
    /// # Errors
    /// Something else.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        Ok(serde_json::from_slice(line)?)
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
        assert_eq!(Line::parse(line.as_bytes()).unwrap(), Line::Event(event));
        assert_eq!(to_line(&Line::Reading(Base64(vec![0; 3]))).unwrap(), "{\"reading\":\"AAAA\"}\n");
        let end = Line::End(End { events: 1, checkpoints: 0, readings: 2 });
        assert_eq!(to_line(&end).unwrap(), "{\"end\":{\"events\":1,\"checkpoints\":0,\"readings\":2}}\n");
        assert!(Line::parse(b"{\"reading\":\"A\"}").is_err());
        assert!(Line::parse(b"{\"other\":1}").is_err());
    }

    #[test]
    fn a_misspelt_key_is_no_absent_one() {
        let misspelt =
            format!("{{\"event\":{{\"seq\":3,\"hash\":\"{}\",\"bytez\":\"e30=\"}}}}", "01".repeat(32));
        assert!(Line::parse(misspelt.as_bytes()).is_err());
    }

    #[test]
    fn a_first_line_of_another_format_is_refused_by_name() {
        let ids = (HubId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]));
        let header = Header::new(Side::Cloud, ids.0, ids.1, 5);
        let line = to_line(&header).unwrap();
        assert_eq!(Header::parse(line.as_bytes()).unwrap(), header);
        let newer = line.replace("bundle/1", "bundle/2");
        assert!(matches!(Header::parse(newer.as_bytes()), Err(LineError::Format(_))));
    }
}
