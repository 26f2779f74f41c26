//! Replay: a history of lines through the rules, in virtual time, as fast as it can be read.
//!
//! Owns the way from a site document and lines of JSON to what would have happened: [`run`] for one set of rules,
//! [`compare`] for two over the same history. It runs the very engine that hub and cloud run, with nothing of its own
//! beside it, and reads no clock. Memory does not grow with the history: what comes late is folded at its place within the
//! last three days, and what came before cannot be changed any more.
//!
//! - `line` is what a line can say, `places` what it means on this site, `entry` what the engine is told.
//! - `course` folds it, `history` keeps what late data needs.
//! - `written` is the output, `form` the form of its lines, `differences` the output of a comparison.

mod course;
mod differences;
mod entry;
mod form;
mod history;
mod line;
mod lines;
mod number;
mod places;
mod time;
mod written;

pub use line::LineError;
pub use written::Counts;

use crate::comparison::Side;
use crate::site::derived::Derived;
use crate::site::document::Document;
use crate::site::{Site, SiteError};
use course::Course;
use differences::Differences;
use entry::{Act, Entry};
use frostguard_shared::rules::{Input, Record, SiteRules};
use frostguard_shared::time::{RuleMs, Trust};
use line::{Line, Said};
use lines::{Lines, Piece};
use places::Places;
use std::io::{BufRead, Write};
use std::path::Path;
use thiserror::Error;
use written::Written;

/// A replay that ended before its history did. What was written until then holds; show the message.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The site document is wrong.
    #[error("the site document cannot be used")]
    Site(#[source] SiteError),
    /// The rules to compare with lack a unit that the site has.
    #[error("the rules to compare with have no unit \"{0}\"")]
    Lacks(String),
    /// A line is wrong. It is named so that it can be mended, or left out on purpose.
    #[error("line {number}: {what}")]
    Line {
        /// Its number, from 1.
        number: u64,
        /// What is wrong with it.
        what: LineError,
    },
    /// The input cannot be read.
    #[error("the history cannot be read")]
    Read(#[source] std::io::Error),
    /// The output cannot be written.
    #[error("what follows cannot be written")]
    Write(#[source] std::io::Error),
}

/// A site document, as text; the name is for messages.
#[derive(Clone, Copy, Debug)]
pub struct SiteText<'a> {
    /// Where it is from.
    pub name: &'a Path,
    /// What it says.
    pub text: &'a str,
}

/// Whoever is told of a line that is wrong and left out: its number, and what is wrong with it.
pub type Tell<'a> = &'a mut dyn FnMut(u64, &LineError);

/// What to do with lines that are wrong, and what to write.
pub struct Options<'a> {
    /// Lines that are wrong are left out and told here; without it the first of them ends the replay.
    pub keep_going: Option<Tell<'a>>,
    /// Each move of each region is written as well.
    pub regions: bool,
}

/// What was replayed, in figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Lines that were taken.
    pub lines: u64,
    /// Lines that were wrong and left out.
    pub malformed: u64,
    /// Lines that came late and were folded at their place.
    pub late: u64,
    /// Lines that came too late for that, and were left out.
    pub beyond: u64,
    /// What was written.
    pub written: Counts,
}

impl Site {
    /// A site by its text alone, with ids that follow from its keys.
    ///
    /// # Errors
    /// The first fault, with file and line.
    pub fn without_a_hub(site: SiteText<'_>) -> Result<Self, SiteError> {
        let document = Document::parse(site.name, site.text)?;
        Ok(Self::resolve(document, &mut Derived).unwrap_or_else(|never| match never {}))
    }
}

/// Replays a history under one set of rules.
///
/// # Errors
/// See [`ReplayError`].
pub fn run(
    site: SiteText<'_>,
    from: impl BufRead,
    to: impl Write,
    options: Options<'_>,
) -> Result<Summary, ReplayError> {
    let site = Site::without_a_hub(site).map_err(ReplayError::Site)?;
    let written = Written::new(to, options.regions);
    let mut one = Single { course: Course::new(), written };
    let mut summary = replay(&site, from, &mut one, options.keep_going)?;
    summary.written = one.written.finish().map_err(ReplayError::Write)?;
    Ok(summary)
}

/// Replays a history under the rules of a site and under others, and writes in what they differ.
///
/// # Errors
/// See [`ReplayError`].
pub fn compare(
    site: SiteText<'_>,
    other: SiteText<'_>,
    from: impl BufRead,
    to: impl Write,
    options: Options<'_>,
) -> Result<Summary, ReplayError> {
    let site = Site::without_a_hub(site).map_err(ReplayError::Site)?;
    let other = Site::without_a_hub(other).map_err(ReplayError::Site)?;
    if let Some(lacking) = site.units.iter().find(|unit| other.unit(unit.id).is_none()) {
        return Err(ReplayError::Lacks(lacking.key.clone()));
    }
    let differences = Differences::new(to);
    let mut both = Both {
        site: Course::new(),
        other: Course::new(),
        theirs: Vec::new(),
        rules: other.rules(),
        differences,
    };
    let mut summary = replay(&site, from, &mut both, options.keep_going)?;
    summary.written = both.differences.counts;
    Ok(summary)
}

/// Who takes a history.
trait Taker {
    fn instant(&mut self, at: RuleMs, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<()>;
    /// False if it is too late even for that.
    fn late(&mut self, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<bool>;
    fn end(&mut self, at: RuleMs, places: &Places) -> std::io::Result<()>;
}

/// One set of rules.
struct Single<W> {
    course: Course,
    written: Written<W>,
}

impl<W: Write> Taker for Single<W> {
    fn instant(&mut self, at: RuleMs, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<()> {
        self.course.instant(at, entries, places, &mut self.written)
    }
    fn late(&mut self, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<bool> {
        self.course.late(entries, places, &mut self.written)
    }
    fn end(&mut self, at: RuleMs, places: &Places) -> std::io::Result<()> {
        self.course.end(at, places, &mut self.written)
    }
}

/// Two sets of rules over the same history. What the site document says of sensors holds for both.
struct Both<W> {
    site: Course,
    other: Course,
    /// The entries of an instant as the other rules take them.
    theirs: Vec<Entry>,
    rules: SiteRules,
    differences: Differences<W>,
}

/// What the other rules take: the same, but that their rules are their own, whatever the site changed meanwhile.
fn as_other(entry: &Entry, others: &SiteRules) -> Entry {
    let mut entry = entry.clone();
    if let Act::Record(Record { input: Input::RulesApplied(rules), .. }) = &mut entry.act {
        rules.units.clone_from(&others.units);
        rules.zone.clone_from(&others.zone);
    }
    entry
}

impl<W: Write> Taker for Both<W> {
    fn instant(&mut self, at: RuleMs, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<()> {
        self.theirs.extend(entries.iter().map(|entry| as_other(entry, &self.rules)));
        self.site.instant(at, entries, places, &mut self.differences.of(Side::Site))?;
        self.other.instant(at, &mut self.theirs, places, &mut self.differences.of(Side::Other))?;
        self.differences.settle(at, places)
    }

    fn late(&mut self, entries: &mut Vec<Entry>, places: &Places) -> std::io::Result<bool> {
        self.theirs.extend(entries.iter().map(|entry| as_other(entry, &self.rules)));
        let is_taken = self.site.late(entries, places, &mut self.differences.of(Side::Site))?;
        // Both keep the same history, so both reach as far.
        self.other.late(&mut self.theirs, places, &mut self.differences.of(Side::Other))?;
        Ok(is_taken)
    }

    fn end(&mut self, at: RuleMs, places: &Places) -> std::io::Result<()> {
        self.site.end(at, places, &mut self.differences.of(Side::Site))?;
        self.other.end(at, places, &mut self.differences.of(Side::Other))?;
        self.differences.finish(places)
    }
}

/// A history as it is read.
struct Reading<'a, T> {
    site: &'a Site,
    taker: &'a mut T,
    places: Places,
    /// The instant that is being read, and its entries so far.
    now: Option<RuleMs>,
    instant: Vec<Entry>,
    summary: Summary,
}

/// Why a line was not taken.
enum Refused {
    Line(LineError),
    Write(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(fault: std::io::Error) -> Self {
        Self::Write(fault)
    }
}

impl<T: Taker> Reading<'_, T> {
    /// What is there when the first line comes: a hub that runs, its rules, and its sensors.
    fn begin(&mut self, at: RuleMs) {
        let started = Input::Started { down_from: None, known: true, trust: Trust::Synced };
        self.instant.push(Entry::given(at, 0, started));
        self.places.apply(self.site, at, 0, &mut self.instant);
    }

    fn take(&mut self, number: u64, piece: Piece<'_>) -> Result<(), Refused> {
        let line = match piece {
            Piece::Line(bytes) => Line::parse(bytes).map_err(Refused::Line)?,
            Piece::TooLong => return Err(Refused::Line(LineError::TooLong)),
        };
        let at = line.at;
        let Some(now) = self.now else {
            self.begin(at);
            let mut entries = std::mem::take(&mut self.instant);
            if let Err(fault) = self.entries(line, number, &mut entries) {
                // It does not count, so the history does not begin with it.
                self.places = Places::default();
                return Err(Refused::Line(fault));
            }
            (self.now, self.instant) = (Some(at), entries);
            return Ok(());
        };
        if at < now {
            let mut entries = Vec::new();
            self.entries(line, number, &mut entries).map_err(Refused::Line)?;
            if self.taker.late(&mut entries, &self.places)? {
                self.summary.late += 1;
            } else {
                self.summary.beyond += 1;
            }
            return Ok(());
        }
        // A line that is wrong adds nothing to its instant.
        let mut instant = std::mem::take(&mut self.instant);
        if at > now {
            self.taker.instant(now, &mut instant, &self.places)?;
            self.now = Some(at);
        }
        let known = instant.len();
        let taken = self.entries(line, number, &mut instant);
        if taken.is_err() {
            instant.truncate(known);
        }
        self.instant = instant;
        taken.map_err(Refused::Line)
    }

    /// What a line tells the engine.
    fn entries(&mut self, line: Line<'_>, number: u64, entries: &mut Vec<Entry>) -> Result<(), LineError> {
        let at = line.at;
        let input = match line.said {
            Said::OfUnit(unit, said) => return self.places.take(&unit, said, (at, number), entries),
            Said::Rules(text) => {
                let text = SiteText { name: Path::new("rules"), text: &text };
                let site = Site::without_a_hub(text)
                    .map_err(|fault| LineError::Rules(frostguard_shared::causes::with_causes(&fault)))?;
                self.places.apply(&site, at, number, entries);
                return Ok(());
            }
            Said::Started { down_from, known, trust } => Input::Started { down_from, known, trust },
            Said::Clock { to, offset } => Input::ClockCorrected { to, offset },
            Said::Untrusted => Input::ClockUntrusted,
            Said::Tick => return Ok(()),
        };
        entries.push(Entry::given(at, number, input));
        Ok(())
    }
}

fn replay(
    site: &Site,
    from: impl BufRead,
    taker: &mut impl Taker,
    mut keep_going: Option<Tell<'_>>,
) -> Result<Summary, ReplayError> {
    let mut lines = Lines::new(from);
    let places = Places::default();
    let mut reading =
        Reading { site, taker, places, now: None, instant: Vec::new(), summary: Summary::default() };
    while let Some((number, piece)) = lines.next().map_err(ReplayError::Read)? {
        match reading.take(number, piece) {
            Ok(()) => reading.summary.lines += 1,
            Err(Refused::Write(fault)) => return Err(ReplayError::Write(fault)),
            Err(Refused::Line(what)) => {
                let Some(tell) = keep_going.as_mut() else {
                    return Err(ReplayError::Line { number, what });
                };
                tell(number, &what);
                reading.summary.malformed += 1;
            }
        }
    }
    let Reading { taker, places, now, mut instant, summary, .. } = reading;
    if let Some(now) = now {
        taker.instant(now, &mut instant, &places).map_err(ReplayError::Write)?;
        taker.end(now, &places).map_err(ReplayError::Write)?;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
