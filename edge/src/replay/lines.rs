//! Lines: the input cut at its line ends, each with its number, none longer than the bound.
//!
//! Owns the one buffer that all lines share, so that memory does not grow with the input. A line that is too long is
//! passed over to its end and named, never kept.

use std::io::{BufRead, Read};

/// A line is at most so long, in bytes, without its end.
pub(super) const LINE_MAX: usize = 64 * 1024;

/// The lines of an input.
pub(super) struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    number: u64,
}

/// One line.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Piece<'a> {
    /// Its bytes.
    Line(&'a [u8]),
    /// It is longer than [`LINE_MAX`].
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: Vec::with_capacity(512), number: 0 }
    }

    /// The next line that is not blank, with its number from 1.
    pub(super) fn next(&mut self) -> std::io::Result<Option<(u64, Piece<'_>)>> {
        loop {
            self.buffer.clear();
            let room = u64::try_from(LINE_MAX).unwrap_or(u64::MAX).saturating_add(2);
            if (&mut self.from).take(room).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_ended = self.buffer.last() == Some(&b'\n');
            if self.line().len() > LINE_MAX {
                if !is_ended {
                    self.from.skip_until(b'\n')?;
                }
                return Ok(Some((self.number, Piece::TooLong)));
            }
            if !self.line().iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.number, Piece::Line(self.line()))));
            }
        }
    }

    fn line(&self) -> &[u8] {
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_from_one_and_blank_ones_count_but_are_passed_over() {
        let mut lines = Lines::new(&b"one\r\n\n  \t\ntwo"[..]);
        assert_eq!(lines.next().unwrap(), Some((1, Piece::Line(b"one"))));
        assert_eq!(lines.next().unwrap(), Some((4, Piece::Line(b"two"))));
        assert_eq!(lines.next().unwrap(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_whole() {
        let longest = "x".repeat(LINE_MAX);
        let text = format!("{longest}\n{longest}\r\n{longest}x\n{longest}{longest}{longest}\nafter\n");
        let mut lines = Lines::new(text.as_bytes());
        for number in 1..=2 {
            assert_eq!(lines.next().unwrap(), Some((number, Piece::Line(longest.as_bytes()))));
        }
        assert_eq!(lines.next().unwrap(), Some((3, Piece::TooLong)));
        assert_eq!(lines.next().unwrap(), Some((4, Piece::TooLong)));
        assert_eq!(lines.next().unwrap(), Some((5, Piece::Line(b"after"))));
        assert_eq!(lines.next().unwrap(), None);
    }
}
