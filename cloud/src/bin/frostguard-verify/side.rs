//! One bundle, read line by line and walked as it is read.
//!
//! Owns the file and its lines, each bounded in length; gives the records that can be compared with those of another
//! bundle, in their order, and at the end the verdict. What is no line of a bundle is told to the walk and passed over.

use frostguard_shared::bundle::{self, BundledEvent, Header, LINE_MAX, Line, LineError};
use frostguard_shared::reading::{READING_BYTES, Reading};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::verify::{FormFault, Verdict, Walk};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A bundle cannot be judged at all. Say so; there is no verdict.
#[derive(Debug)]
pub(crate) enum SideError {
    /// The file cannot be read.
    Read { path: PathBuf, source: io::Error },
    /// The first line is none of a bundle.
    Header { path: PathBuf, source: LineError },
    /// Two bundles of different records.
    Other,
    /// The verdict cannot be written.
    Output { source: io::Error },
}

impl fmt::Display for SideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Header { path, .. } => write!(f, "{} is no bundle", path.display()),
            Self::Other => f.write_str("the two bundles are of different hubs or epochs"),
            Self::Output { .. } => f.write_str("the verdict cannot be written"),
        }
    }
}

impl std::error::Error for SideError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Output { source } => Some(source),
            Self::Header { source, .. } => Some(source),
            Self::Other => None,
        }
    }
}

/// Where a record stands in a bundle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    /// An event, by its number.
    Event(u64),
    /// A reading, by its number.
    Reading(u64),
}

impl Place {
    /// The number.
    pub(crate) fn seq(self) -> u64 {
        match self {
            Self::Event(seq) | Self::Reading(seq) => seq,
        }
    }
    /// The kind, as the verdict names it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Event(_) => "event",
            Self::Reading(_) => "reading",
        }
    }
    /// The place right after this one.
    pub(crate) fn follows(self) -> Option<Self> {
        Some(match self {
            Self::Event(seq) => Self::Event(seq.checked_add(1)?),
            Self::Reading(seq) => Self::Reading(seq.checked_add(1)?),
        })
    }
}

/// What stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// An event.
    Event(BundledEvent),
    /// A reading.
    Reading(Box<Reading>),
    /// Bytes that are none.
    Unreadable(Vec<u8>),
}

/// A record that can be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) content: Content,
    /// True if the walk found something bad as it took this record.
    pub(crate) is_bad: bool,
}

/// A bundle while it is read.
pub(crate) struct Side {
    path: PathBuf,
    header: Header,
    from: Box<dyn BufRead>,
    line: Vec<u8>,
    walk: Walk,
    last: Option<Place>,
}

/// A bundle after it was read.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) made_by: bundle::Side,
    pub(crate) verdict: Verdict,
}

impl Side {
    /// Opens a bundle and reads its first line.
    pub(crate) fn open(path: &Path, key: Option<PublicKey>) -> Result<Self, SideError> {
        let unreadable = |source| SideError::Read { path: path.to_owned(), source };
        let from: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(BufReader::with_capacity(1 << 18, io::stdin()))
        } else {
            Box::new(BufReader::with_capacity(1 << 18, File::open(path).map_err(unreadable)?))
        };
        Self::over(path, from, key)
    }

    pub(crate) fn over(
        path: &Path,
        mut from: Box<dyn BufRead>,
        key: Option<PublicKey>,
    ) -> Result<Self, SideError> {
        let mut line = Vec::new();
        // The rest of a first line that is too long is read as a line of its own: it is no bundle either way.
        read_line(&mut from, &mut line)
            .map_err(|source| SideError::Read { path: path.to_owned(), source })?;
        let header =
            Header::parse(&line).map_err(|source| SideError::Header { path: path.to_owned(), source })?;
        let walk = Walk::new(header.hub, header.epoch, key);
        Ok(Self { path: path.to_owned(), header, from, line, walk, last: None })
    }

    pub(crate) fn is_of_the_same_record_as(&self, other: &Self) -> bool {
        (self.header.hub, self.header.epoch) == (other.header.hub, other.header.epoch)
    }

    /// The next record that can be compared; `None` at the end.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, SideError> {
        loop {
            let before = self.walk.bad_count();
            let Some(line) = self.next_line()? else { return Ok(None) };
            let is_bad = self.walk.bad_count() > before;
            let Some((place, content)) = comparable(line) else { continue };
            // What stands out of order is bad already; it has no place among the others.
            if self.last.is_none_or(|last| last < place) {
                self.last = Some(place);
                return Ok(Some(Record { place, content, is_bad }));
            }
        }
    }

    /// Walks over all that is left, with nothing to compare it with.
    pub(crate) fn read_to_end(&mut self) -> Result<(), SideError> {
        while self.next_line()?.is_some() {}
        Ok(())
    }

    /// The next line that is one of a bundle, after the walk has taken it.
    fn next_line(&mut self) -> Result<Option<Line>, SideError> {
        loop {
            let read = read_line(&mut self.from, &mut self.line);
            match read.map_err(|source| SideError::Read { path: self.path.clone(), source })? {
                Ended::Nothing => return Ok(None),
                Ended::TooLong => self.walk.take_unreadable(FormFault::Long),
                Ended::Whole => match Line::parse(&self.line) {
                    Ok(line) => {
                        self.walk.take(&line);
                        return Ok(Some(line));
                    }
                    Err(fault) => {
                        let why = frostguard_shared::causes::with_causes(&fault);
                        self.walk.take_unreadable(FormFault::Line(why));
                    }
                },
            }
        }
    }

    /// The verdict, after the last record.
    pub(crate) fn finish(self) -> Judged {
        let name = self.path.display().to_string();
        Judged { name, made_by: self.header.side, verdict: self.walk.finish() }
    }
}

fn comparable(line: Line) -> Option<(Place, Content)> {
    match line {
        Line::Event(event) => Some((Place::Event(event.seq), Content::Event(event))),
        Line::Reading(bytes) => {
            let form = <&[u8; READING_BYTES]>::try_from(bytes.0.as_slice()).ok()?;
            let reading = Reading::from_bytes(form).ok()?;
            Some((Place::Reading(reading.seq), Content::Reading(Box::new(reading))))
        }
        Line::Unreadable(row) => Some((Place::Reading(row.seq), Content::Unreadable(row.bytes.0))),
        Line::Checkpoint(_) | Line::Gap(_) | Line::End(_) => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    Whole,
    TooLong,
    Nothing,
}

/// Reads a line; of one that is too long, all of it is passed over.
fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Ended> {
    line.clear();
    let mut ended = Ended::Whole;
    loop {
        let read = from.by_ref().take(LINE_MAX as u64).read_until(b'\n', line)?;
        let at_end = read == 0 || line.ends_with(b"\n");
        if at_end && line.is_empty() && ended == Ended::Whole {
            return Ok(Ended::Nothing);
        }
        if at_end {
            return Ok(ended);
        }
        if line.len() >= LINE_MAX {
            ended = Ended::TooLong;
            line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let mut text = vec![b'x'; 2 * LINE_MAX + 17];
        text.extend_from_slice(b"\nnext\nlast");
        let mut from = io::Cursor::new(text);
        let mut line = Vec::new();
        assert_eq!(read_line(&mut from, &mut line).unwrap(), Ended::TooLong);
        assert_eq!(read_line(&mut from, &mut line).unwrap(), Ended::Whole);
        assert_eq!(line, b"next\n");
        assert_eq!(read_line(&mut from, &mut line).unwrap(), Ended::Whole);
        assert_eq!(line, b"last");
        assert_eq!(read_line(&mut from, &mut line).unwrap(), Ended::Nothing);
    }
}
