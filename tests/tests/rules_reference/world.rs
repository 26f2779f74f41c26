//! Owns the change of a condition at a point, which is all that an alert is made of, and which rules were in force when.
//! Takes the rules that were applied; gives those in force, and the words that the parts of the reference say to each other.
//! Must never hold a decision.

use crate::axis::Happened;
use crate::model::{Ms, Rules, Severity, What};

/// A point's condition changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub at: Ms,
    pub point: String,
    pub turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// It holds, this urgently.
    Begins(Severity),
    /// It has held for as long as anything may be held back.
    Capped,
    /// It holds no more; the point is not yet well.
    Clears,
    /// It holds no more, and the point is well.
    Ends,
}

/// The rules of one unit, from when on.
pub struct RuleBook<'e>(Vec<(Ms, &'e Rules)>);

impl<'e> RuleBook<'e> {
    pub fn of(events: &'e [Happened], unit: &str) -> RuleBook<'e> {
        let rules = events.iter().filter_map(|event| match &event.what {
            What::Rules { unit: of, rules } if of == unit => Some((event.at, &**rules)),
            _ => None,
        });
        RuleBook(rules.collect())
    }

    /// True if rules took effect at this instant.
    pub fn is_new(&self, at: Ms) -> bool {
        self.0.iter().any(|(from, _)| *from == at)
    }

    /// The rules in force at an instant; before the first, the first.
    pub fn at(&self, at: Ms) -> &'e Rules {
        self.0.iter().rfind(|(from, _)| *from <= at).unwrap_or(&self.0[0]).1
    }
}
