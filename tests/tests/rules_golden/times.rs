//! Times of a story: as people write them, in the site's own time, and as milliseconds.
//!
//! Takes text and the day that it stands under; gives instants, and the text of instants. Must never guess: a local time
//! that does not exist, or exists twice and says no offset, is refused.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp};

/// The day that lines stand under, and the zone in which they are meant.
#[derive(Clone)]
pub struct Calendar {
    pub zone: TimeZone,
    pub day: Option<Date>,
}

/// Text that is read from the left.
pub struct Reader<'a> {
    pub rest: &'a str,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// The next word, up to a space.
    pub fn word(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let end = text.find(' ').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Takes `token` if it comes next.
    pub fn take(&mut self, token: &str) -> bool {
        let taken = self.rest.strip_prefix(token);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn digits(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let place = self.rest;
        let digits = self.digits().and_then(|digits| digits.parse().ok());
        digits.ok_or_else(|| format!("a number is missing before \"{place}\""))
    }

    /// An instant: `[+N ]HH:MM[:SS[.mmm]][±HH:MM]`, or with its own date `YYYY-MM-DDTHH:MM…`.
    pub fn moment(&mut self, calendar: &Calendar) -> Result<i64, String> {
        self.rest = self.rest.trim_start();
        let date = self.date(calendar)?;
        let time = self.time()?;
        let offset = self.offset()?;
        let local = DateTime::from_parts(date, time);
        let instant = match offset {
            Some(offset) => offset.to_timestamp(local),
            None => calendar.zone.to_ambiguous_timestamp(local).unambiguous(),
        };
        instant.map(Timestamp::as_millisecond).map_err(|fault| format!("{local}: {fault}"))
    }

    fn date(&mut self, calendar: &Calendar) -> Result<Date, String> {
        let bytes = self.rest.as_bytes();
        if bytes.get(4) == Some(&b'-') && bytes.get(10) == Some(&b'T') {
            let (date, rest) = self.rest.split_at(10);
            self.rest = &rest[1..];
            return date.parse().map_err(|fault| format!("{date}: {fault}"));
        }
        let day = calendar.day.ok_or("a time before the first date")?;
        if !self.take("+") {
            return Ok(day);
        }
        let days: i64 = self.number()?;
        self.rest = self.rest.trim_start();
        day.checked_add(Span::new().days(days)).map_err(|fault| fault.to_string())
    }

    fn time(&mut self) -> Result<Time, String> {
        let place = self.rest;
        let hour: i8 = self.number()?;
        if !self.take(":") {
            return Err(format!("\"{place}\" is no time"));
        }
        let minute: i8 = self.number()?;
        let second: i8 = if self.take(":") { self.number()? } else { 0 };
        let mut millis: i32 = 0;
        if self.rest.starts_with('.') && !self.rest.starts_with("..") {
            self.rest = &self.rest[1..];
            millis = self.number()?;
        }
        Time::new(hour, minute, second, millis * 1_000_000).map_err(|fault| format!("\"{place}\": {fault}"))
    }

    fn offset(&mut self) -> Result<Option<Offset>, String> {
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        self.rest = &self.rest[1..];
        let hours: i32 = self.number()?;
        let minutes: i32 = if self.take(":") { self.number()? } else { 0 };
        Offset::from_seconds(sign * (hours * 3_600 + minutes * 60))
            .map(Some)
            .map_err(|fault| fault.to_string())
    }

    /// A length such as `10m`, `30s`, `2h`, in milliseconds.
    pub fn length(&mut self) -> Result<i64, String> {
        let word = self.word().ok_or("a length is missing")?;
        let (number, unit) = word.split_at(word.len() - 1);
        let unit = match unit {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(format!("\"{word}\" is no length like 10m")),
        };
        number.parse::<i64>().map(|n| n * unit).map_err(|fault| format!("\"{word}\": {fault}"))
    }
}

impl Calendar {
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, day: None }
    }

    /// True if the line is a date alone, which then is the day of the lines below it.
    pub fn turns(&mut self, line: &str) -> bool {
        let day = line.parse::<Date>().ok().filter(|_| line.len() == 10);
        self.day = day.or(self.day);
        day.is_some()
    }

    /// The local date of an instant.
    pub fn date_of(&self, at: i64) -> Date {
        self.local(at).date()
    }

    fn local(&self, at: i64) -> DateTime {
        self.zone.to_datetime(Timestamp::from_millisecond(at).expect("an instant of a story"))
    }

    /// The time of an instant, with an offset where the local time alone would say too little.
    pub fn time_text(&self, at: i64) -> String {
        let local = self.local(at);
        let mut text = format!("{:02}:{:02}", local.hour(), local.minute());
        if local.second() != 0 || local.subsec_nanosecond() != 0 {
            text += &format!(":{:02}", local.second());
        }
        if local.subsec_nanosecond() != 0 {
            text += &format!(".{:03}", local.subsec_nanosecond() / 1_000_000);
        }
        if let AmbiguousOffset::Fold { .. } = self.zone.to_ambiguous_timestamp(local).offset() {
            let instant = Timestamp::from_millisecond(at).expect("an instant of a story");
            let seconds = self.zone.to_offset(instant).seconds();
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.abs() / 60;
            text += &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
        text
    }

    /// The same with its date where that is not the day of the line.
    pub fn moment_text(&self, at: i64, day: Date) -> String {
        let date = self.date_of(at);
        let time = self.time_text(at);
        if date == day { time } else { format!("{date}T{time}") }
    }
}
