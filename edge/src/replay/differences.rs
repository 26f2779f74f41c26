//! Differences as they are written: one line of JSON for each thing that two sets of rules see differently, and the figures
//! of each unit and of all at the end.
//!
//! Owns the form of a comparison's output. What counts as a difference is in [`crate::comparison`].

use super::course::{Instant, Late, Outcome};
use super::places::Places;
use super::time;
use super::written::Counts;
use crate::comparison::{Comparison, Difference, Each, Figures, Side, Span};
use frostguard_shared::alarm::{Condition, Severity};
use frostguard_shared::rules::EpisodeKey;
use frostguard_shared::time::{DurationMs, RuleMs};
use serde::{Serialize, Serializer};
use std::io::Write;

/// How often it is looked what is decided.
const SETTLE_EVERY: DurationMs = DurationMs::minutes(60);

/// Minutes with one decimal.
struct Minutes(i64);

impl Serialize for Minutes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, tenth) = (self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10);
        let text = format!("{sign}{whole}.{tenth}");
        serde_json::value::RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(to)
    }
}

#[derive(Serialize)]
struct SpanForm {
    id: String,
    alerts: u32,
    since: String,
    raised: String,
    cleared: Option<String>,
    severity: Severity,
    pages: u32,
}

#[derive(Serialize)]
struct DifferenceForm<'a> {
    difference: &'static str,
    unit: &'a str,
    condition: Condition,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes_later: Option<Minutes>,
    site: Option<SpanForm>,
    other: Option<SpanForm>,
}

#[derive(Serialize)]
struct PagesForm {
    site: u64,
    other: u64,
    saved: i64,
}

#[derive(Serialize)]
struct MissedForm {
    id: String,
    from: String,
    to: Option<String>,
}

#[derive(Serialize)]
struct ExcursionsForm {
    site: u64,
    other: u64,
    missed_count: u64,
    missed: Vec<MissedForm>,
}

#[derive(Serialize)]
struct LaterForm {
    mean: Option<Minutes>,
    max: Option<Minutes>,
}

#[derive(Serialize)]
struct FiguresForm<'a> {
    /// None for all units together.
    unit: Option<&'a str>,
    pages: PagesForm,
    excursions: ExcursionsForm,
    minutes_later: LaterForm,
}

#[derive(Serialize)]
struct SummaryForm<'a> {
    summary: FiguresForm<'a>,
}

fn id(episode: &EpisodeKey, places: &Places) -> String {
    let (unit, point) = (places.unit(episode.unit), places.point(episode.point));
    format!("{unit}/{point}/{}/{}", episode.condition.key(), episode.since.0)
}

fn span(span: &Span, places: &Places) -> SpanForm {
    SpanForm {
        id: id(&span.id, places),
        alerts: span.alerts,
        since: time::written(span.id.since),
        raised: time::written(span.raised),
        cleared: span.cleared.map(time::written),
        severity: span.severity,
        pages: span.pages,
    }
}

/// The one word for a difference.
fn word(difference: &Difference) -> &'static str {
    match (&difference.spans, difference.later().map(|later| later.0)) {
        (Each { other: None, .. }, _) => "missed",
        (Each { site: None, .. }, _) => "added",
        (_, Some(1..)) => "later",
        (_, Some(..=-1)) => "earlier",
        _ => "otherwise",
    }
}

fn figures<'a>(unit: Option<&'a str>, figures: &Figures, places: &Places) -> SummaryForm<'a> {
    let Each { site, other } = figures.pages;
    let signed = |pages: u64| i64::try_from(pages).unwrap_or(i64::MAX);
    let missed = figures.missed.iter().map(|missed| MissedForm {
        id: id(&missed.id, places),
        from: time::written(missed.id.since),
        to: missed.until.map(time::written),
    });
    SummaryForm {
        summary: FiguresForm {
            unit,
            pages: PagesForm { site, other, saved: signed(site) - signed(other) },
            excursions: ExcursionsForm {
                site: figures.excursions.site,
                other: figures.excursions.other,
                missed_count: figures.missed_count,
                missed: missed.collect(),
            },
            minutes_later: LaterForm {
                mean: figures.later_mean_tenths().map(Minutes),
                max: figures.later_max_tenths().map(Minutes),
            },
        },
    }
}

/// The writer of differences.
pub(super) struct Differences<W> {
    to: W,
    comparison: Comparison,
    settled: Option<RuleMs>,
    pub(super) counts: Counts,
}

impl<W: Write> Differences<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, comparison: Comparison::default(), settled: None, counts: Counts::default() }
    }

    /// What happens under one of the two sets of rules.
    pub(super) fn of(&mut self, side: Side) -> OfSide<'_> {
        OfSide { side, comparison: &mut self.comparison }
    }

    /// Writes what is decided by now.
    pub(super) fn settle(&mut self, now: RuleMs, places: &Places) -> std::io::Result<()> {
        if self.settled.is_some_and(|last| now - last < SETTLE_EVERY) {
            return Ok(());
        }
        self.settled = Some(now);
        let decided = self.comparison.settle(now);
        self.write_all(&decided, places)
    }

    fn write_all(&mut self, decided: &[Difference], places: &Places) -> std::io::Result<()> {
        for difference in decided {
            let form = DifferenceForm {
                difference: word(difference),
                unit: places.unit(difference.unit),
                condition: difference.condition,
                minutes_later: difference.later_tenths().map(Minutes),
                site: difference.spans.site.as_ref().map(|it| span(it, places)),
                other: difference.spans.other.as_ref().map(|it| span(it, places)),
            };
            self.write(&form)?;
        }
        Ok(())
    }

    fn write(&mut self, form: &impl Serialize) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.to, form)?;
        self.counts.lines += 1;
        self.to.write_all(b"\n")
    }

    /// The history is over: everything is decided, and the figures are written.
    pub(super) fn finish(&mut self, places: &Places) -> std::io::Result<()> {
        let decided = self.comparison.finish();
        self.write_all(&decided, places)?;
        let mut all = Figures::default();
        for (key, unit) in places.keys() {
            let of_unit = self.comparison.figures(unit);
            self.write(&figures(Some(key), &of_unit, places))?;
            all.add(&of_unit);
        }
        self.write(&figures(None, &all, places))?;
        self.to.flush()
    }
}

/// One of the two sides of a comparison.
pub(super) struct OfSide<'a> {
    side: Side,
    comparison: &'a mut Comparison,
}

impl Outcome for OfSide<'_> {
    fn instant(&mut self, instant: &Instant<'_>) -> std::io::Result<()> {
        for effect in instant.effects {
            self.comparison.take(self.side, effect);
        }
        Ok(())
    }

    fn late(&mut self, late: &Late<'_>) -> std::io::Result<()> {
        for (revealed, is_page) in late.calls() {
            let (at, episode) = (revealed.at, revealed.episode);
            self.comparison.change(self.side, at, episode, &revealed.change, is_page);
        }
        for unit in late.found().into_keys() {
            self.comparison.page(self.side, unit);
        }
        Ok(())
    }
}
