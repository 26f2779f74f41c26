//! Comparing: two bundles of one record, side by side, record for record, each walked on the way.
//!
//! Memory is bounded: what differs is counted in full and told up to a limit.

use crate::difference::Difference;
use crate::side::{Place, Record, Side, SideError};
use crate::words::Report;
use std::cmp::Ordering;

/// Differences, and ranges that one side lacks, that are told one by one.
const TOLD_MAX: usize = 100;

/// Records that only one of the bundles has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lacking {
    /// True if they are missing in the bundle, false if in the other.
    pub(crate) in_bundle: bool,
    /// The first.
    pub(crate) first: Place,
    /// The last.
    pub(crate) last: Place,
}

/// What comparing has found.
#[derive(Default)]
pub(crate) struct Compared {
    pub(crate) differences: Vec<Difference>,
    pub(crate) differing: u64,
    pub(crate) lacking: Vec<Lacking>,
    /// Records lacking beyond those told.
    pub(crate) lacking_untold: u64,
}

/// Reads both to their ends.
pub(crate) fn compare(mut bundle: Side, mut against: Side) -> Result<Report, SideError> {
    if !bundle.is_of_the_same_record_as(&against) {
        return Err(SideError::Other);
    }
    let mut compared = Compared::default();
    let (mut here, mut there) = (bundle.next_record()?, against.next_record()?);
    loop {
        let order = match (&here, &there) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(here), Some(there)) => here.place.cmp(&there.place),
        };
        compared.take(here.as_ref(), there.as_ref(), order);
        if order.is_le() {
            here = bundle.next_record()?;
        }
        if order.is_ge() {
            there = against.next_record()?;
        }
    }
    Ok(Report::compared(bundle.finish(), against.finish(), compared))
}

impl Compared {
    fn take(&mut self, here: Option<&Record>, there: Option<&Record>, order: Ordering) {
        match (here, there) {
            (Some(here), Some(there)) if order.is_eq() => self.both(here, there),
            (Some(here), _) if order.is_lt() => self.lacks(false, here.place),
            (_, Some(there)) => self.lacks(true, there.place),
            (_, None) => {}
        }
    }

    fn both(&mut self, here: &Record, there: &Record) {
        let after = here.place.seq().checked_sub(1).map(Place::Event);
        if let Some(before) = self.differences.last_mut().filter(|before| Some(before.place) == after)
            && matches!(here.place, Place::Event(_))
        {
            before.also_bad_after([here.is_bad, there.is_bad]);
        }
        let Some(difference) = Difference::of(here, there) else { return };
        self.differing += 1;
        if self.differences.len() < TOLD_MAX {
            self.differences.push(difference);
        }
    }

    fn lacks(&mut self, in_bundle: bool, place: Place) {
        let goes_on =
            |range: &&mut Lacking| range.in_bundle == in_bundle && range.last.follows() == Some(place);
        if let Some(range) = self.lacking.iter_mut().rev().take(2).find(goes_on) {
            range.last = place;
        } else if self.lacking.len() < TOLD_MAX {
            self.lacking.push(Lacking { in_bundle, first: place, last: place });
        } else {
            self.lacking_untold += 1;
        }
    }
}
