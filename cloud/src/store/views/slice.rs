//! Slices: how a list of any length is given in pieces of bounded size.
//!
//! Owns positions. A list has one fixed order that ends in something unique, and a slice begins behind a position in
//! it: rows that share a time are neither repeated nor left out, whatever comes in meanwhile.

use super::At;
use uuid::Uuid;

/// What tells rows of the same time apart, in 16 bytes.
pub trait Key: Copy + Send + Sync + 'static {
    /// Its bytes.
    fn to_bytes(self) -> [u8; 16];
    /// The key of the bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;
}

impl Key for Uuid {
    fn to_bytes(self) -> [u8; 16] {
        self.into_bytes()
    }
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }
}

/// A record of a stream: the stream's number and the record's.
impl Key for (i64, i64) {
    fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.0.cast_unsigned()) << 64) | u128::from(self.1.cast_unsigned())).to_be_bytes()
    }
    fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        (((both >> 64) as u64).cast_signed(), (both as u64).cast_signed())
    }
}

/// A row's place in its list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position<K> {
    /// Its time.
    pub at: At,
    /// Which of those with this time.
    pub key: K,
}

/// Which piece of a list is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Behind<K> {
    /// The last row that is known already.
    pub after: Option<Position<K>>,
    /// Rows at most.
    pub limit: u16,
}

impl<K: Copy> Behind<K> {
    pub(super) fn at(&self) -> Option<At> {
        self.after.map(|after| after.at)
    }
    pub(super) fn key(&self) -> Option<K> {
        self.after.map(|after| after.key)
    }
    /// One row more than wanted: it tells whether there is a next slice.
    pub(super) fn fetched(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

/// A row that knows its place.
pub trait Placed {
    /// What tells rows of the same time apart.
    type Key: Key;
    /// Its place.
    fn place(&self) -> Position<Self::Key>;
}

/// A piece of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice<R> {
    /// The rows.
    pub items: Vec<R>,
    /// Whether there are more behind them.
    pub more: bool,
}

impl<R> Slice<R> {
    pub(super) fn of<K: Copy>(mut fetched: Vec<R>, behind: &Behind<K>) -> Self {
        let more = fetched.len() > usize::from(behind.limit);
        fetched.truncate(usize::from(behind.limit));
        Self { items: fetched, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_bytes() {
        for key in [(0, 0), (1, -1), (i64::MIN, i64::MAX), (-7, 1 << 40)] {
            assert_eq!(<(i64, i64)>::from_bytes(key.to_bytes()), key);
        }
    }

    #[test]
    fn a_slice_has_as_many_rows_as_asked_and_knows_of_more() {
        let behind = Behind::<Uuid> { after: None, limit: 2 };
        assert_eq!(Slice::of(vec![1, 2, 3], &behind), Slice { items: vec![1, 2], more: true });
        assert_eq!(Slice::of(vec![1, 2], &behind), Slice { items: vec![1, 2], more: false });
        assert_eq!(Slice::of(Vec::<u8>::new(), &behind), Slice { items: vec![], more: false });
    }
}
