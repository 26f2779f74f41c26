//! Cursors: a position in a list as a token that callers give back and never look into.
//!
//! Owns the token's form: 24 bytes of position and 8 of a digest over it and the question that it belongs to, in
//! unpadded URL-safe base64. The digest keeps no secret, for a position opens nothing: it tells a token that was
//! damaged, or given with another question, from a good one, so that nobody silently gets the wrong page.

use crate::store::views::{At, Key, Position};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const POSITION: usize = 24;
const CHECK: usize = 8;
/// 32 bytes in base64.
const TOKEN: usize = 43;

/// The question that a token belongs to: its path and its filters, the same on every page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Question([u8; 32]);

impl Question {
    /// The question of a path and its filters, in any order.
    pub(super) fn of(path: &str, filters: &[(String, String)]) -> Self {
        let mut sorted: Vec<_> = filters.iter().collect();
        sorted.sort();
        let mut digest = Sha256::new_with_prefix(b"frostguard/after/v1");
        let mut part = |text: &str| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        };
        part(path);
        for (name, value) in sorted {
            part(name);
            part(value);
        }
        Self(digest.finalize().into())
    }

    fn check(&self, position: &[u8]) -> [u8; CHECK] {
        let digest = Sha256::new_with_prefix(self.0).chain_update(position).finalize();
        let mut check = [0; CHECK];
        check.copy_from_slice(&digest[..CHECK]);
        check
    }

    /// The token of a position.
    pub(super) fn token<K: Key>(&self, position: Position<K>) -> String {
        let mut bytes = [0; POSITION + CHECK];
        bytes[..8].copy_from_slice(&position.at.ms().to_be_bytes());
        bytes[8..POSITION].copy_from_slice(&position.key.to_bytes());
        let check = self.check(&bytes[..POSITION]);
        bytes[POSITION..].copy_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a token; `None` if it is damaged or belongs to another question.
    pub(super) fn position<K: Key>(&self, token: &str) -> Option<Position<K>> {
        if token.len() != TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (position, check) = bytes.split_at_checked(POSITION)?;
        if check != self.check(position) {
            return None;
        }
        let (at, key) = position.split_at_checked(8)?;
        let at = At::of_ms(i64::from_be_bytes(at.try_into().ok()?));
        Some(Position { at, key: K::from_bytes(key.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn question(value: &str) -> Question {
        Question::of(
            "/units",
            &[("site".to_owned(), value.to_owned()), ("status".to_owned(), "ok".to_owned())],
        )
    }

    fn position() -> Position<Uuid> {
        Position { at: At::of_ms(1_795_439_100_123), key: Uuid::from_bytes([7; 16]) }
    }

    #[test]
    fn a_position_reads_back_from_its_token() {
        let token = question("a").token(position());
        assert_eq!(token.len(), TOKEN);
        assert_eq!(question("a").position(&token), Some(position()));
        let record = Position { at: At::of_ms(-5), key: (3_i64, 1_i64 << 50) };
        assert_eq!(question("a").position(&question("a").token(record)), Some(record));
    }

    #[test]
    fn the_order_of_the_filters_is_not_part_of_the_question() {
        let turned = [("status".to_owned(), "ok".to_owned()), ("site".to_owned(), "a".to_owned())];
        assert_eq!(Question::of("/units", &turned), question("a"));
    }

    #[test]
    fn a_token_of_another_question_is_refused() {
        let token = question("a").token(position());
        assert_eq!(question("b").position::<Uuid>(&token), None);
        assert_eq!(Question::of("/hubs", &[]).position::<Uuid>(&token), None);
    }

    #[test]
    fn every_damaged_token_is_refused() {
        let token = question("a").token(position());
        for at in 0..token.len() {
            let mut damaged = token.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert_eq!(question("a").position::<Uuid>(&damaged), None, "{damaged}");
        }
        assert_eq!(question("a").position::<Uuid>(&token[1..]), None);
        assert_eq!(question("a").position::<Uuid>(&format!("{token}A")), None);
        assert_eq!(question("a").position::<Uuid>(""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_or_is_taken(text in ".{0,60}") {
            prop_assert_eq!(question("a").position::<Uuid>(&text), None);
        }
    }
}
