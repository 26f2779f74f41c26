//! The scene: what a unit needs beside itself while it takes a record, and what it leaves behind.
//!
//! Owns nothing; borrows the calendar and collects the effects.

use super::calendar::Calendar;
use super::effect::Effect;
use crate::time::RuleMs;

/// What surrounds a unit in one step.
pub(super) struct Scene<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) effects: &'a mut Vec<Effect>,
    /// The latest time since which some sensor of the site has turned three times.
    pub(super) cycled: Option<RuleMs>,
    /// Set if a temperature was confirmed to be out of its limits: others of the area may have to know.
    pub(super) alarmed: bool,
}
