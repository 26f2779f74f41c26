//! Differences: one record as two bundles have it, field by field.

use crate::side::{Content, Place, Record};
use frostguard_shared::reading::Reading;
use frostguard_shared::verify::{Bad, Seal, SealState, Verdict};
use serde_json::{Value, json};

/// A field that differs, as each bundle has it.
pub(crate) struct Field {
    name: &'static str,
    here: String,
    there: String,
}

/// A record that is not the same in both bundles.
pub(crate) struct Difference {
    pub(crate) place: Place,
    fields: Vec<Field>,
    /// Whether the walk over either bundle found it, or the link after it, bad.
    is_bad: [bool; 2],
}

impl Difference {
    /// Compares a record; `None` if both bundles have the same. An event of which one has only the hash differs by
    /// nothing but what was dropped.
    pub(crate) fn of(here: &Record, there: &Record) -> Option<Self> {
        let fields = match (&here.content, &there.content) {
            (Content::Event(a), Content::Event(b)) => {
                let mut fields = Vec::new();
                if a.hash != b.hash {
                    fields.push(field("hash", a.hash, b.hash));
                }
                if let (Some(a), Some(b)) = (&a.bytes, &b.bytes)
                    && a != b
                {
                    let (a, b) = where_they_differ(&a.0, &b.0);
                    fields.push(field("bytes", shown(a), shown(b)));
                }
                fields
            }
            (Content::Reading(a), Content::Reading(b)) => fields_of(a, b),
            (Content::Unreadable(a), Content::Unreadable(b)) if a == b => Vec::new(),
            (a, b) => vec![field("bytes", kind(a), kind(b))],
        };
        let is_bad = [here.is_bad, there.is_bad];
        (!fields.is_empty()).then_some(Self { place: here.place, fields, is_bad })
    }

    /// The link after an event tells of a change to it as well as its own does.
    pub(crate) fn also_bad_after(&mut self, is_bad: [bool; 2]) {
        self.is_bad = [self.is_bad[0] || is_bad[0], self.is_bad[1] || is_bad[1]];
    }

    /// The bundles in which chain or seal shows the change: this one, the other.
    pub(crate) fn fails_in(&self, verdicts: [&Verdict; 2]) -> [bool; 2] {
        match self.place {
            Place::Event(_) => self.is_bad,
            Place::Reading(seq) => verdicts
                .map(|verdict| verdict.seal_of(seq).is_some_and(|seal| seal.state == SealState::Fails)),
        }
    }

    /// True for a reading of a sealed range that is bad.
    pub(crate) fn is_within(&self, bad: &Bad) -> bool {
        match (self.place, bad) {
            (Place::Reading(seq), Bad::Readings { first, last, .. }) => (*first..=*last).contains(&seq),
            _ => false,
        }
    }

    /// The seal over it, if it is a reading that either bundle has sealed.
    pub(crate) fn seal(&self, verdicts: [&Verdict; 2]) -> Option<Seal> {
        match self.place {
            Place::Event(_) => None,
            Place::Reading(seq) => verdicts.iter().find_map(|verdict| verdict.seal_of(seq)),
        }
    }

    /// One line: what differs.
    pub(crate) fn text(&self, names: [&str; 2]) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|field| {
                format!(
                    "{} is {} in {} and {} in {}",
                    field.name, field.here, names[0], field.there, names[1]
                )
            })
            .collect();
        format!("{} {}: {}", self.place.kind(), self.place.seq(), fields.join("; "))
    }

    /// The same for programs.
    pub(crate) fn json(&self, verdicts: [&Verdict; 2]) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| json!({ "field": field.name, "bundle": field.here, "against": field.there }))
            .collect();
        let seal = self
            .seal(verdicts)
            .map(|seal| json!({ "first": seal.first, "last": seal.last, "event": seal.event }));
        let fails_in: Vec<&str> = ["bundle", "against"]
            .into_iter()
            .zip(self.fails_in(verdicts))
            .filter_map(|(name, fails)| fails.then_some(name))
            .collect();
        json!({ "kind": self.place.kind(), "seq": self.place.seq(), "fields": fields, "seal": seal, "fails_in": fails_in })
    }
}

fn field(name: &'static str, here: impl ToString, there: impl ToString) -> Field {
    Field { name, here: here.to_string(), there: there.to_string() }
}

fn kind(content: &Content) -> String {
    match content {
        Content::Event(_) => "an event".into(),
        Content::Reading(reading) => format!("a reading ({})", reading.temperature),
        Content::Unreadable(bytes) => format!("no reading ({})", shown(bytes)),
    }
}

/// What is not the same at the beginning of both, with a little before it.
fn where_they_differ<'a>(a: &'a [u8], b: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(40);
    (&a[from..], &b[from..])
}

/// Bytes for people, cut to what fits in a line.
fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
    if text.chars().count() <= 120 { text } else { text.chars().take(120).chain("…".chars()).collect() }
}

fn fields_of(a: &Reading, b: &Reading) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut add = |name, here: String, there: String| {
        if here != there {
            fields.push(Field { name, here, there });
        }
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "absent".into());
    let known = |value: Option<i64>| or_none(value.map(|value| value.to_string()));
    let each = |reading: &Reading| {
        [
            ("temperature", format!("{} °C", reading.temperature)),
            ("humidity", known(reading.humidity.map(|it| i64::from(it.basis_points())))),
            ("quality", format!("{:?}", reading.quality)),
            ("door", or_none(reading.door.map(|door| format!("{door:?}")))),
            ("battery_percent", known(reading.battery_percent.map(|it| i64::from(it.percent())))),
            ("battery_mv", known(reading.battery.map(|it| i64::from(it.millivolts())))),
            ("signal_dbm", known(reading.signal.map(|it| i64::from(it.dbm())))),
            ("point", reading.point.to_string()),
            ("at_ms", reading.at.0.to_string()),
            ("rule_ms", reading.rule.0.to_string()),
            ("age_ms", reading.age_ms.to_string()),
            ("boot", reading.boot.0.to_string()),
            ("boottime_ms", reading.boottime.0.to_string()),
            ("trust", reading.trust.word().to_owned()),
        ]
    };
    if a != b {
        for ((name, here), (_, there)) in each(a).into_iter().zip(each(b)) {
            add(name, here, there);
        }
    }
    fields
}
