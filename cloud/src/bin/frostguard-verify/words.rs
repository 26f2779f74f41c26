//! Words: the verdict for people, and the same as one JSON object.

use crate::compare::Compared;
use crate::difference::Difference;
use crate::side::{Judged, Place};
use frostguard_shared::bundle::Side;
use frostguard_shared::verify::{Bad, EventFault, ReadingFault, Verdict};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Everything that is to be said.
pub(crate) struct Report {
    bundle: Judged,
    other: Option<(Judged, Compared)>,
}

impl Report {
    /// Of one bundle.
    pub(crate) fn alone(bundle: Judged) -> Self {
        Self { bundle, other: None }
    }
    /// Of two.
    pub(crate) fn compared(bundle: Judged, against: Judged, compared: Compared) -> Self {
        Self { bundle, other: Some((against, compared)) }
    }

    /// True if nothing bad was found in any bundle, and no record differs.
    pub(crate) fn passes(&self) -> bool {
        let other = self.other.as_ref();
        self.bundle.verdict.passes()
            && other.is_none_or(|(against, compared)| against.verdict.passes() && compared.differing == 0)
    }

    /// What is bad first, and where: in the bundle, else in the other, else between them. A reading is named rather than
    /// its range where the two show which it is.
    fn first_bad(&self) -> Option<(&'static str, Bad)> {
        let Some((against, compared)) = &self.other else {
            return self.bundle.verdict.bad.clone().map(|bad| ("bundle", bad));
        };
        let verdicts = [&self.bundle.verdict, &against.verdict];
        for (at, name) in ["bundle", "against"].into_iter().enumerate() {
            let Some(bad) = &verdicts[at].bad else { continue };
            let changed = |difference: &Difference| {
                let fails = difference.fails_in(verdicts);
                difference.is_within(bad) && fails[at] && !fails[1 - at]
            };
            let named = compared.differences.iter().find(|difference| changed(difference));
            let why = ReadingFault::Changed;
            return Some((name, named.map_or(bad.clone(), |it| Bad::Reading { seq: it.place.seq(), why })));
        }
        let forked = compared.differences.first()?;
        Some((
            "both",
            match forked.place {
                Place::Event(seq) => Bad::Event { seq, why: EventFault::Forked },
                Place::Reading(seq) => Bad::Reading { seq, why: ReadingFault::Forked },
            },
        ))
    }

    /// As one JSON object.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut report = serde_json::to_value(&self.bundle.verdict)?;
        if let Some((at, bad)) = self.first_bad() {
            report["bad"] = serde_json::to_value(bad)?;
            report["bad"]["in"] = at.into();
        }
        if let Some((against, compared)) = &self.other {
            let verdicts = [&self.bundle.verdict, &against.verdict];
            report["verdict"] = if self.passes() { "PASS" } else { "FAIL" }.into();
            report["against"] = serde_json::to_value(&against.verdict)?;
            report["differing"] = compared.differing.into();
            let differences = compared.differences.iter().map(|difference| difference.json(verdicts));
            report["differences"] = Value::Array(differences.collect());
            let lacking = compared.lacking.iter().map(|range| {
                let side = if range.in_bundle { "bundle" } else { "against" };
                json!({ "in": side, "kind": range.first.kind(), "first": range.first.seq(), "last": range.last.seq() })
            });
            report["lacking"] = Value::Array(lacking.collect());
        }
        writeln!(out, "{report}")
    }

    /// For people.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", if self.passes() { "PASS" } else { "FAIL" })?;
        self.write_bundle(out, &self.bundle)?;
        if let Some((against, compared)) = &self.other {
            self.write_bundle(out, against)?;
            self.write_compared(out, against, compared)?;
        }
        if let Some((at, bad)) = self.first_bad() {
            let (name, made_by) = match (at, &self.other) {
                ("against", Some((against, _))) => (against.name.as_str(), against.made_by),
                ("both", _) => ("both", self.bundle.made_by),
                _ => (self.bundle.name.as_str(), self.bundle.made_by),
            };
            writeln!(out, "first bad record, in {name}: {bad}")?;
            if matches!(bad, Bad::Readings { .. }) && made_by == Side::Cloud {
                writeln!(out, "  (if the hub was still sending when this was exported, export it again)")?;
            }
        }
        writeln!(out, "what this cannot prove:")?;
        for unproved in &self.bundle.verdict.unproved {
            writeln!(out, "  - {unproved}")?;
        }
        Ok(())
    }

    fn write_bundle(&self, out: &mut impl Write, judged: &Judged) -> io::Result<()> {
        let Verdict { hub, epoch, events, head, readings_sealed, readings_unsealed, .. } = &judged.verdict;
        let made_by = match judged.made_by {
            Side::Hub => "by the hub",
            Side::Cloud => "from the cloud",
        };
        writeln!(out, "{}: exported {made_by}", judged.name)?;
        writeln!(out, "  hub        {hub}")?;
        writeln!(out, "  epoch      {epoch}")?;
        writeln!(out, "  events     {events}, head {head}")?;
        writeln!(
            out,
            "  readings   {readings_sealed} whose seals hold, {readings_unsealed} that no seal covers"
        )?;
        if let (Some(checkpoint), Some(key)) = (&judged.verdict.checkpoint, &judged.verdict.key) {
            writeln!(out, "  checkpoint {} events, signed by key {key}", checkpoint.size)?;
        } else {
            writeln!(out, "  checkpoint none that holds")?;
        }
        match &judged.verdict.bad {
            None => writeln!(out, "  verdict    PASS"),
            Some(bad) => match judged.verdict.bad_count - 1 {
                0 => writeln!(out, "  verdict    FAIL: {bad}"),
                more => writeln!(out, "  verdict    FAIL: {bad} (and {more} more)"),
            },
        }
    }

    fn write_compared(&self, out: &mut impl Write, against: &Judged, compared: &Compared) -> io::Result<()> {
        let names = [self.bundle.name.as_str(), against.name.as_str()];
        let verdicts = [&self.bundle.verdict, &against.verdict];
        writeln!(out, "records that differ: {}", compared.differing)?;
        for difference in &compared.differences {
            writeln!(out, "  {}", difference.text(names))?;
            let what = match difference.place {
                Place::Event(_) => "the chain is broken there".to_owned(),
                Place::Reading(_) => match difference.seal(verdicts) {
                    Some(seal) => format!(
                        "the seal in event {} (readings {} to {}) fails",
                        seal.event, seal.first, seal.last
                    ),
                    None => "no seal covers it".to_owned(),
                },
            };
            let fails: Vec<&str> = names
                .into_iter()
                .zip(difference.fails_in(verdicts))
                .filter_map(|(name, fails)| fails.then_some(name))
                .collect();
            match (fails.as_slice(), difference.seal(verdicts)) {
                ([], None) if matches!(difference.place, Place::Reading(_)) => writeln!(out, "    {what}")?,
                ([], _) => {
                    writeln!(out, "    each bundle is consistent in itself there: the record was forked")?
                }
                (fails, _) => writeln!(out, "    {what} in {}", fails.join(" and in "))?,
            }
        }
        if compared.differing > compared.differences.len() as u64 {
            writeln!(out, "  … and more that are not listed")?;
        }
        for range in &compared.lacking {
            let name = names[usize::from(!range.in_bundle)];
            let (kind, first, last) = (range.first.kind(), range.first.seq(), range.last.seq());
            match first == last {
                true => writeln!(out, "{name} does not have {kind} {first}")?,
                false => writeln!(out, "{name} does not have {kind}s {first} to {last}")?,
            }
        }
        if compared.lacking_untold > 0 {
            writeln!(out, "… and {} more records that only one of them has", compared.lacking_untold)?;
        }
        Ok(())
    }
}
