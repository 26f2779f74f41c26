//! Owns what a story found: each check with expectation, observation and verdict, and how it is printed.
//! Takes lines as they happen; gives a table at the end and whether all is well.
//! Must never turn a failed check into a passed one, or pass a story without checks.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::clock::now;
use crate::error::SiteError;

/// One thing looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// What it should be.
    pub expected: String,
    /// What it was.
    pub seen: String,
    /// Whether they agree.
    pub ok: bool,
}

/// What a story has found so far.
pub struct Outcome<'o> {
    out: &'o mut dyn Write,
    begun: Instant,
    /// All checks, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl<'o> Outcome<'o> {
    /// A story that begins now and is printed to `out`.
    pub fn new(out: &'o mut dyn Write) -> Outcome<'o> {
        Outcome { out, begun: now(), checks: Vec::new() }
    }

    /// Prints a line with the time since the beginning.
    pub fn say(&mut self, text: &str) {
        let at = self.begun.elapsed().as_secs_f64();
        // A reader that has gone away does not change what the story finds.
        let _ = writeln!(self.out, "{at:7.1} s  {text}");
        let _ = self.out.flush();
    }

    /// Records a check and prints it.
    pub fn check(&mut self, name: &str, expected: &str, seen: &str, ok: bool) {
        let verdict = if ok { "ok   " } else { "WRONG" };
        self.say(&format!("{verdict} {name}: {seen} (expected: {expected})"));
        let (name, expected, seen) = (name.to_owned(), expected.to_owned(), seen.to_owned());
        self.checks.push(Check { name, expected, seen, ok });
    }

    /// Records that the story could not go on.
    pub fn broken(&mut self, error: &SiteError) {
        self.check("the story goes on to its end", "yes", &error.to_string(), false);
    }

    /// How long it has taken.
    pub fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Whether there were checks and all of them passed.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }

    /// Prints the table.
    pub fn print_table(&mut self) {
        let width = |column: fn(&Check) -> &str, title: &str| {
            self.checks.iter().map(|c| column(c).chars().count()).chain([title.len()]).max().unwrap_or(0)
        };
        let (name, expected, seen) =
            (width(|c| &c.name, "check"), width(|c| &c.expected, "expected"), width(|c| &c.seen, "seen"));
        let mut table = format!("\n{:name$}  {:expected$}  {:seen$}  ok\n", "check", "expected", "seen");
        for c in &self.checks {
            let verdict = if c.ok { "ok" } else { "WRONG" };
            table += &format!("{:name$}  {:expected$}  {:seen$}  {verdict}\n", c.name, c.expected, c.seen);
        }
        let failed = self.checks.iter().filter(|check| !check.ok).count();
        let took = self.took().as_secs();
        table += &format!("\n{} checks, {failed} wrong, {took} s\n", self.checks.len());
        let _ = self.out.write_all(table.as_bytes());
        let _ = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_without_checks_or_with_a_wrong_one_has_not_passed() {
        let mut printed = Vec::new();
        let mut outcome = Outcome::new(&mut printed);
        assert!(!outcome.passed());
        outcome.check("first", "1", "1", true);
        assert!(outcome.passed());
        outcome.check("second", "1", "2", false);
        assert!(!outcome.passed());
        outcome.print_table();
        let text = String::from_utf8(printed).unwrap();
        assert!(text.contains("second  1         2     WRONG"), "{text}");
        assert!(text.contains("2 checks, 1 wrong"), "{text}");
    }
}
