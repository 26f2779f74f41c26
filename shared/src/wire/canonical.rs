//! The one spelling: refuses CBOR that is not deterministic, before anything else looks at it.
//!
//! Owns the check of RFC 8949, section 4.2.1, narrowed to what the wire uses: definite lengths, shortest heads, map
//! keys ascending and unique, no tags, no floats, no simple values but false, true and null. It needs no memory beyond
//! a fixed depth, so that hostile bytes cost no more than their length.

use thiserror::Error;

/// Deeper nesting than any message has.
const DEPTH_MAX: usize = 8;

/// The bytes are not in the one spelling. Refuse them.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("at byte {at}: {what}")]
pub struct NotCanonical {
    /// Where.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Checks one item that takes all bytes.
pub(super) fn check(bytes: &[u8]) -> Result<(), NotCanonical> {
    let mut walk = Walk { bytes, at: 0 };
    walk.item(DEPTH_MAX)?;
    if walk.at == bytes.len() { Ok(()) } else { Err(walk.wrong("something follows the message")) }
}

impl Walk<'_> {
    fn wrong(&self, what: &'static str) -> NotCanonical {
        NotCanonical { at: self.at, what }
    }

    fn take(&mut self, length: u64) -> Result<(), NotCanonical> {
        let left = (self.bytes.len() - self.at) as u64;
        if length > left {
            return Err(self.wrong("it is cut short"));
        }
        self.at += length as usize;
        Ok(())
    }

    /// A head's major type and argument, in its shortest form.
    fn head(&mut self) -> Result<(u8, u64), NotCanonical> {
        let at = self.at;
        self.take(1)?;
        let (major, short) = (self.bytes[at] >> 5, self.bytes[at] & 0x1F);
        let extra = match short {
            0..=23 => return Ok((major, u64::from(short))),
            24..=27 => 1usize << (short - 24),
            _ => return Err(self.wrong("an indefinite length or a reserved head")),
        };
        if major == 7 {
            return Err(self.wrong("a float or an unknown simple value"));
        }
        self.take(extra as u64)?;
        let argument = self.bytes[at + 1..self.at].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let least = [24, 1 << 8, 1 << 16, 1 << 32][usize::from(short - 24)];
        if argument < least {
            return Err(self.wrong("a number that is not in its shortest form"));
        }
        Ok((major, argument))
    }

    fn item(&mut self, depth: usize) -> Result<(), NotCanonical> {
        if depth == 0 {
            return Err(self.wrong("it is nested too deep"));
        }
        let (major, argument) = self.head()?;
        match major {
            0 | 1 => Ok(()),
            2 => self.take(argument),
            3 => {
                let from = self.at;
                self.take(argument)?;
                let text = std::str::from_utf8(&self.bytes[from..self.at]);
                text.map(|_| ()).map_err(|_| self.wrong("a text that is not UTF-8"))
            }
            4 => (0..argument).try_for_each(|_| self.item(depth - 1)),
            5 => self.map(argument, depth),
            7 if (20..=22).contains(&argument) => Ok(()),
            7 => Err(self.wrong("a float or an unknown simple value")),
            _ => Err(self.wrong("a tag")),
        }
    }

    fn map(&mut self, entries: u64, depth: usize) -> Result<(), NotCanonical> {
        let mut before: Option<(usize, usize)> = None;
        for _ in 0..entries {
            let from = self.at;
            self.item(depth - 1)?;
            let key = (from, self.at);
            if before.is_some_and(|(a, b)| self.bytes[a..b] >= self.bytes[key.0..key.1]) {
                return Err(self.wrong("map keys that do not ascend"));
            }
            before = Some(key);
            self.item(depth - 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_other_spelling_is_refused() {
        for (hex, what) in [
            ("1801", "a long one"),
            ("a2020101 01", "keys that descend"),
            ("a201010102", "a key twice"),
            ("9fff", "an indefinite array"),
            ("5fff", "an indefinite byte string"),
            ("c101", "a tag"),
            ("f93c00", "a float"),
            ("f8ff", "a simple value"),
            ("61ff", "bytes as text"),
            ("0101", "two items"),
            ("", "nothing"),
            ("5bffffffffffffffff00", "a length beyond the end"),
            ("818181818181818181818101", "too deep"),
        ] {
            let bytes = hex::decode(hex.replace(' ', "")).unwrap();
            assert!(check(&bytes).is_err(), "{what}");
        }
        for hex in ["00", "1818", "a2010118ff02", "8301f5f6", "43010203"] {
            assert_eq!(check(&hex::decode(hex).unwrap()), Ok(()), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }
    }
}
