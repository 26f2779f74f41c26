//! What is asked: from the text of a request to values, or to a list of everything that is wrong with it.
//!
//! Owns parsing and bounds of parameters. All faults are told at once, each with what its parameter may be. A parameter
//! that a path does not know is a fault too: a filter with a slip in its name would show more than was asked for.

use super::cursor::Question;
use super::page::Wanted;
use super::problem::{ApiError, ParameterFault};
use crate::clock;
use crate::store::views::{At, AtError, Behind, Key, Range};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use std::str::FromStr;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Longest type of event.
const EVENT_TYPE_MAX: usize = 64;

/// How many rows a page has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// If nothing is said.
    pub usual: u16,
    /// At most.
    pub most: u16,
}

/// A page of most lists.
pub(super) const PAGE: Limits = Limits { usual: 100, most: 1_000 };

/// How long a range is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Days {
    /// If nothing is said.
    pub usual: i64,
    /// At most.
    pub most: i64,
}

/// The id in a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Named<I>(pub I);

impl<S: Send + Sync, I: FromStr> FromRequestParts<S> for Named<I> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let fault = |name: &str| {
            ApiError::Parameters(vec![ParameterFault {
                parameter: name.to_owned(),
                detail: "is no id".to_owned(),
                allowed: "a lower-case UUID with hyphens".to_owned(),
            }])
        };
        let given = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Path(given) = given.map_err(|_| fault("id"))?;
        let (name, text) = given.first().ok_or_else(|| fault("id"))?;
        text.parse().map(Self).map_err(|_| fault(name))
    }
}

/// The parameters of a request behind the question mark, and what is wrong with those read so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    path: String,
    given: Vec<(String, String)>,
    read: Vec<&'static str>,
    faults: Vec<ParameterFault>,
    now: At,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let given = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            ApiError::Parameters(vec![ParameterFault {
                parameter: "?".to_owned(),
                detail: "what stands behind the question mark cannot be read".to_owned(),
                allowed: "name=value&name=value, percent-encoded UTF-8".to_owned(),
            }])
        })?;
        let now = At::of_ms(clock::now().0);
        Ok(Self::of(parts.uri.path(), given.0, now))
    }
}

impl Asked {
    fn of(path: &str, given: Vec<(String, String)>, now: At) -> Self {
        Self { path: path.to_owned(), given, read: Vec::new(), faults: Vec::new(), now }
    }

    /// Reads what a path knows; whatever is wrong, or unknown to it, refuses the request.
    pub(super) fn read<V>(mut self, read: impl FnOnce(&mut Self) -> V) -> Result<V, ApiError> {
        let value = read(&mut self);
        let known = if self.read.is_empty() { "none".to_owned() } else { self.read.join(", ") };
        let mut faults = std::mem::take(&mut self.faults);
        for (name, _) in &self.given {
            if !self.read.contains(&name.as_str()) && !faults.iter().any(|fault| fault.parameter == *name) {
                faults.push(ParameterFault {
                    parameter: name.chars().take(64).collect(),
                    detail: "is not known here".to_owned(),
                    allowed: known.clone(),
                });
            }
        }
        if faults.is_empty() { Ok(value) } else { Err(ApiError::Parameters(faults)) }
    }

    fn fault(&mut self, name: &str, detail: impl Into<String>, allowed: impl Into<String>) {
        let (parameter, detail, allowed) = (name.to_owned(), detail.into(), allowed.into());
        self.faults.push(ParameterFault { parameter, detail, allowed });
    }

    /// The text of a parameter that may be given once.
    fn text(&mut self, name: &'static str) -> Option<String> {
        self.read.push(name);
        let mut given = self.given.iter().filter(|(given, _)| given == name);
        let (first, second) = (given.next().map(|(_, text)| text.clone()), given.next());
        if second.is_some() {
            self.fault(name, "is given twice", "once");
            return None;
        }
        first
    }

    /// A parameter of a type that reads itself.
    fn parsed<V: FromStr>(&mut self, name: &'static str, detail: &str, allowed: &str) -> Option<V> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, detail, allowed);
        }
        value
    }

    /// An id to filter by.
    pub(super) fn id<I: FromStr>(&mut self, name: &'static str) -> Option<I> {
        self.parsed(name, "is no id", "a lower-case UUID with hyphens")
    }

    /// A word of a list.
    pub(super) fn word<W: FromStr>(&mut self, name: &'static str, words: &[&str]) -> Option<W> {
        self.parsed(name, "is not in the list", &words.join(", "))
    }

    /// A yes or no.
    pub(super) fn yes_or_no(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, "is neither yes nor no", "true or false")
    }

    /// A type of event: letters, digits, dot, underscore, hyphen, slash.
    pub(super) fn event_type(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if text.is_empty() || text.len() > EVENT_TYPE_MAX || !text.bytes().all(is_plain) {
            self.fault(
                name,
                "is no type of event",
                format!("1 to {EVENT_TYPE_MAX} of letters, digits, dot, underscore, hyphen, slash"),
            );
            return None;
        }
        Some(text)
    }

    /// A point in time.
    pub(super) fn at(&mut self, name: &'static str) -> Option<At> {
        self.parsed(name, &format!("is {AtError}"), "2026-11-23T13:05:00Z or 2026-11-23T13:05:00.000Z")
    }

    /// The range from `from` to `to`: by default it ends now and has its usual length.
    pub(super) fn range(&mut self, days: Days) -> Range {
        let (from, to) = (self.at("from"), self.at("to"));
        let to = to.unwrap_or_else(|| match from {
            Some(from) => At::of_ms(self.now.ms().min(from.ms().saturating_add(days.most * DAY_MS))),
            None => self.now,
        });
        let from = from.unwrap_or_else(|| to.before_ms(days.usual * DAY_MS));
        let length = to.ms().saturating_sub(from.ms());
        let has_faults = self.faults.iter().any(|fault| fault.parameter == "from" || fault.parameter == "to");
        if !has_faults && !(1..=days.most * DAY_MS).contains(&length) {
            let detail = if length < 1 { "is not before to" } else { "is too long before to" };
            self.fault("from", detail, format!("before to, at most {} days", days.most));
        }
        Range { from, to }
    }

    /// The page behind `after` with at most `limit` rows. Read it last: the other parameters are its question.
    pub(super) fn page<K: Key>(&mut self, limits: Limits) -> Wanted<K> {
        let allowed = format!("1 to {}", limits.most);
        let limit = self.parsed("limit", "is no number of rows", &allowed).unwrap_or(limits.usual);
        if !(1..=limits.most).contains(&limit) {
            self.fault("limit", "is outside its range", allowed);
        }
        let filters: Vec<_> =
            self.given.iter().filter(|(name, _)| name != "limit" && name != "after").cloned().collect();
        let question = Question::of(&self.path, &filters);
        let token = self.text("after");
        let after = token.as_deref().and_then(|token| question.position(token));
        if token.is_some() && after.is_none() {
            self.fault(
                "after",
                "does not belong to this list",
                "next of the page before, with the same parameters",
            );
        }
        Wanted { behind: Behind { after, limit }, question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::views::{Position, UnitStatus};
    use frostguard_shared::ids::UnitId;
    use uuid::Uuid;

    const NOW: At = At::of_ms(1_795_439_100_000);
    const WEEK: Days = Days { usual: 1, most: 7 };

    fn asked(query: &str) -> Asked {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let given = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Asked::of("/units", given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), NOW)
    }

    fn faults<V: std::fmt::Debug>(query: &str, read: impl FnOnce(&mut Asked) -> V) -> Vec<(String, String)> {
        match asked(query).read(read) {
            Err(ApiError::Parameters(faults)) => {
                faults.into_iter().map(|fault| (fault.parameter, fault.allowed)).collect()
            }
            other => panic!("{query} was taken: {other:?}"),
        }
    }

    #[test]
    fn a_range_is_by_default_the_last_day() {
        let range = asked("").read(|asked| asked.range(WEEK)).unwrap();
        assert_eq!(range, Range { from: NOW.before_ms(DAY_MS), to: NOW });
    }

    #[test]
    fn a_range_with_one_end_gets_the_other() {
        let begun = asked("from=2026-11-20T00:00:00Z").read(|asked| asked.range(WEEK)).unwrap();
        assert_eq!(begun.to, NOW);
        let long_ago = asked("from=2020-01-01T00:00:00Z").read(|asked| asked.range(WEEK)).unwrap();
        assert_eq!(long_ago.to.to_string(), "2020-01-08T00:00:00.000Z");
        let ended = asked("to=2026-11-20T00:00:00Z").read(|asked| asked.range(WEEK)).unwrap();
        assert_eq!(ended.from.to_string(), "2026-11-19T00:00:00.000Z");
    }

    #[test]
    fn a_range_that_is_too_long_empty_or_no_time_names_what_it_may_be() {
        let week = ("from".to_owned(), "before to, at most 7 days".to_owned());
        for query in [
            "from=2026-11-01T00:00:00Z&to=2026-11-08T00:00:00.001Z",
            "from=2026-11-01T00:00:00Z&to=2026-11-01T00:00:00Z",
            "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
            "from=2030-01-01T00:00:00Z",
        ] {
            assert_eq!(faults(query, |asked| asked.range(WEEK)), std::slice::from_ref(&week), "{query}");
        }
        let both = faults("from=yesterday&to=", |asked| asked.range(WEEK));
        assert_eq!(both.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["from", "to"]);
        let longest = asked("from=2026-11-01T00:00:00Z&to=2026-11-08T00:00:00Z");
        assert!(longest.read(|asked| asked.range(WEEK)).is_ok());
    }

    #[test]
    fn a_limit_has_its_range() {
        let limit =
            |query: &str| asked(query).read(|asked| asked.page::<Uuid>(PAGE)).map(|page| page.behind.limit);
        assert_eq!(limit("").ok(), Some(100));
        assert_eq!(limit("limit=1").ok(), Some(1));
        assert_eq!(limit("limit=1000").ok(), Some(1_000));
        for query in ["limit=0", "limit=1001", "limit=-1", "limit=", "limit=many", "limit=99999999999"] {
            let named = faults(query, |asked| asked.page::<Uuid>(PAGE));
            assert_eq!(named, [("limit".to_owned(), "1 to 1000".to_owned())], "{query}");
        }
    }

    #[test]
    fn a_token_goes_with_its_question_alone() {
        let first = asked("status=ok&limit=5").read(|asked| {
            asked.word::<UnitStatus>("status", UnitStatus::WORDS);
            asked.page::<Uuid>(PAGE)
        });
        let position = Position { at: NOW, key: Uuid::from_bytes([3; 16]) };
        let token = first.unwrap().question.token(position);
        let read = |asked: &mut Asked| {
            asked.word::<UnitStatus>("status", UnitStatus::WORDS);
            asked.page::<Uuid>(PAGE).behind.after
        };
        let next = asked(&format!("after={token}&limit=7&status=ok")).read(read).unwrap();
        assert_eq!(next, Some(position), "another limit is the same question");
        for query in [format!("after={token}"), format!("after={token}&status=offline"), "after=".to_owned()]
        {
            assert_eq!(faults(&query, read)[0].0, "after", "{query}");
        }
    }

    #[test]
    fn unknown_doubled_and_foreign_words_are_all_named_at_once() {
        let read = |asked: &mut Asked| {
            (asked.id::<UnitId>("unit"), asked.word::<UnitStatus>("status", UnitStatus::WORDS))
        };
        let named = faults("unit=7&status=ok&status=ok&stauts=ok", read);
        assert_eq!(
            named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["unit", "status", "stauts"]
        );
        assert_eq!(named[2].1, "unit, status");
        assert!(faults("status=fine", read)[0].1.starts_with("ok, excursion, "));
    }

    #[test]
    fn a_type_of_event_is_plain_and_short() {
        let read = |query: &str| asked(query).read(|asked| asked.event_type("type"));
        assert_eq!(read("type=alert.raised/1").unwrap().as_deref(), Some("alert.raised/1"));
        for query in ["type=".to_owned(), "type=a b".to_owned(), format!("type={}", "a".repeat(65))] {
            assert!(read(&query).is_err(), "{query}");
        }
    }
}
