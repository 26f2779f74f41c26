//! Claim codes: what a person carries from the cloud to a hub, on a screen, on paper or in a QR code.
//!
//! Owns the code and the link around it, as text. A code is 20 bytes, the secret and then the fingerprint of the cloud's
//! key, written as 32 symbols of Crockford's base 32 and one check symbol of the same alphabet, in groups of four. The
//! check symbol is the remainder of the 32 symbols, first symbol highest, as a polynomial over GF(32) (x⁵ + x² + 1) times
//! x plus the check: one wrong symbol and two exchanged neighbours are always noticed, before anything is sent.
//! It makes no secret itself, and shows none in `Debug`.

use crate::signature::Fingerprint;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: usize = 32;
const LINK: &str = "/enrol#";

/// A text is no claim code. Show the message to whoever typed it; nothing was sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ClaimError {
    /// A symbol that no code has.
    #[error("\"{symbol}\" is in no claim code (letters and digits, but not U)")]
    Symbol {
        /// Which.
        symbol: char,
    },
    /// Too short or too long.
    #[error("a claim code has 33 letters and digits, this one has {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A symbol is wrong, or two are exchanged.
    #[error("the claim code is mistyped: its last symbol does not fit the others")]
    Check,
    /// A link whose first half is no address that a hub can ask.
    #[error("\"{address}\" is no address of a cloud (it begins with https:// or http://)")]
    Address {
        /// At most 64 characters of it.
        address: String,
    },
}

/// A claim code: proves to the cloud that its operator wants this hub, and tells the hub which cloud to trust.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimCode {
    /// Random, known to whoever was given the code; good for one hub.
    pub secret: [u8; 10],
    /// The cloud's key, pinned.
    pub cloud: Fingerprint,
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimCode(of the cloud {})", hex::encode(self.cloud.0))
    }
}

/// The check symbol's value: the symbols' polynomial at the generator of GF(32).
fn check_of(symbols: &[u8]) -> u8 {
    let times_x = |value: u8| (value << 1) ^ if value & 0x10 == 0 { 0 } else { 0b10_0101 };
    symbols.iter().fold(0, |sum, symbol| times_x(sum ^ symbol))
}

impl fmt::Display for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut symbols = Vec::with_capacity(SYMBOLS + 1);
        for half in [self.secret, self.cloud.0] {
            for five in half.chunks(5) {
                let bits = five.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
                symbols.extend((0..8).rev().map(|place| (bits >> (5 * place)) as u8 & 31));
            }
        }
        symbols.push(check_of(&symbols));
        for (place, symbol) in symbols.iter().enumerate() {
            let hyphen = if place > 0 && place % 4 == 0 { "-" } else { "" };
            write!(f, "{hyphen}{}", char::from(ALPHABET[usize::from(*symbol)]))?;
        }
        Ok(())
    }
}

/// The value of a symbol, read as people write: in either case, O as 0, I and L as 1.
fn value_of(symbol: char) -> Result<u8, ClaimError> {
    let read = match symbol.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let found = ALPHABET.iter().position(|known| char::from(*known) == read);
    found.map(|value| value as u8).ok_or(ClaimError::Symbol { symbol })
}

impl FromStr for ClaimCode {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let is_between = |symbol: &char| symbol.is_whitespace() || matches!(symbol, '-' | '–' | '_');
        let symbols = text.chars().filter(|symbol| !is_between(symbol)).collect::<Vec<_>>();
        let values = symbols.iter().map(|symbol| value_of(*symbol)).collect::<Result<Vec<_>, _>>()?;
        if values.len() != SYMBOLS + 1 {
            return Err(ClaimError::Length { found: values.len() });
        }
        if check_of(&values[..SYMBOLS]) != values[SYMBOLS] {
            return Err(ClaimError::Check);
        }
        let mut bytes = [0; 20];
        for (five, eight) in bytes.chunks_mut(5).zip(values.chunks(8)) {
            let bits = eight.iter().fold(0u64, |sum, value| sum << 5 | u64::from(*value));
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        let (mut secret, mut cloud) = ([0; 10], [0; 10]);
        secret.copy_from_slice(&bytes[..10]);
        cloud.copy_from_slice(&bytes[10..]);
        Ok(Self { secret, cloud: Fingerprint(cloud) })
    }
}

/// What is read off a screen or scanned: a code alone, or a link that also says where the cloud is.
///
/// The code stands behind the `#`, so that a browser that follows the link does not send it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitation {
    /// The cloud's address, without a slash at its end.
    pub cloud: Option<String>,
    /// The code.
    pub code: ClaimCode,
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cloud {
            Some(cloud) => write!(f, "{}{LINK}{}", cloud.trim_end_matches('/'), self.code),
            None => self.code.fmt(f),
        }
    }
}

impl FromStr for Invitation {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let text = text.trim();
        let Some((address, code)) = text.split_once(LINK) else {
            return Ok(Self { cloud: None, code: text.parse()? });
        };
        let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            return Err(ClaimError::Address { address: address.chars().take(64).collect() });
        }
        Ok(Self { cloud: Some(address.trim_end_matches('/').to_owned()), code: code.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code() -> ClaimCode {
        ClaimCode {
            secret: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            cloud: Fingerprint([0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF9, 0xF8, 0xF7, 0xF6]),
        }
    }

    #[test]
    fn a_code_has_its_known_text() {
        assert_eq!(code().to_string(), "000G-40R4-0M30-E209-ZZZF-VZ7V-ZBWZ-HXZP-S");
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let text = code().to_string();
        let lower = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(lower.parse(), Ok(code()));
        assert_eq!(text.replace('-', "").parse(), Ok(code()));
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said() {
        assert_eq!("ABC?".parse::<ClaimCode>(), Err(ClaimError::Symbol { symbol: '?' }));
        assert_eq!("ABCU".parse::<ClaimCode>(), Err(ClaimError::Symbol { symbol: 'U' }));
        assert_eq!("ABC".parse::<ClaimCode>(), Err(ClaimError::Length { found: 3 }));
        assert_eq!("0".repeat(900).parse::<ClaimCode>(), Err(ClaimError::Length { found: 900 }));
    }

    #[test]
    fn a_link_gives_the_address_and_the_code() {
        let invitation = Invitation { cloud: Some("https://cloud.example/base".into()), code: code() };
        assert_eq!(invitation.to_string().parse(), Ok(invitation));
        assert_eq!(code().to_string().parse(), Ok(Invitation { cloud: None, code: code() }));
        let wrong = format!("ftp://cloud.example/enrol#{}", code());
        assert!(matches!(wrong.parse::<Invitation>(), Err(ClaimError::Address { .. })));
    }

    #[test]
    fn the_secret_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", code()).contains("0001020304"));
    }

    proptest! {
        #[test]
        fn every_code_reads_back_and_every_slip_of_one_symbol_or_two_neighbours_is_noticed(
            secret: [u8; 10], cloud: [u8; 10], place in 0usize..33, other in 1u8..32,
        ) {
            let code = ClaimCode { secret, cloud: Fingerprint(cloud) };
            let text = code.to_string().replace('-', "");
            prop_assert_eq!(text.parse(), Ok(code));
            let mut slipped = text.clone().into_bytes();
            let value = value_of(char::from(slipped[place])).unwrap();
            slipped[place] = ALPHABET[usize::from(value ^ other)];
            prop_assert_eq!(String::from_utf8(slipped).unwrap().parse::<ClaimCode>(), Err(ClaimError::Check));
            let mut swapped = text.clone().into_bytes();
            swapped.swap(place, (place + 1).min(32));
            if swapped != text.as_bytes() {
                prop_assert_eq!(String::from_utf8(swapped).unwrap().parse::<ClaimCode>(), Err(ClaimError::Check));
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,60}") {
            let _ = text.parse::<Invitation>();
        }
    }
}
