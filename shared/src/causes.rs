//! Causes: a fault in one line, with everything that led to it.

use std::error::Error;

/// The fault's text and those of its causes, outermost first.
pub fn with_causes(fault: &dyn Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
