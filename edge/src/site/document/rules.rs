//! Rule tables: `[units.KEY.rules.ALERT_TYPE]`, its `tiers`, and `[rules.ALERT_TYPE]` for the whole site.
//!
//! Takes the tables with the places of their keys; gives what they say, field by field. A table has room for every field of
//! every alert type, as the database's row has: one that two tables of a place say differently is refused, for either
//! could be meant. Names and ranges are the catalogue's. It resolves nothing.

use super::{SiteError, Source};
use frostguard_shared::alarm::AlertType;
use frostguard_shared::rules::field::{Kind, RuleField, Setting, Slot, TIERS};
use frostguard_shared::rules::inherit::{Said, Saying};
use frostguard_shared::rules::schedule::ScheduleForm;
use frostguard_shared::rules::setting::Raw;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;

type Fields = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// The tables of one place, by alert type.
pub(super) type RulesText = BTreeMap<Spanned<String>, TableText>;

/// One table: its fields, and those of its further tiers.
#[derive(Default)]
pub(super) struct TableText {
    fields: Fields,
    tiers: BTreeMap<Spanned<String>, Fields>,
}

impl<'de> Deserialize<'de> for TableText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = TableText;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a table of rule fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<TableText, A::Error> {
                let mut table = TableText::default();
                while let Some(key) = entries.next_key::<Spanned<String>>()? {
                    if key.get_ref() == "tiers" {
                        table.tiers = entries.next_value()?;
                    } else {
                        table.fields.insert(key, entries.next_value()?);
                    }
                }
                Ok(table)
            }
        }
        from.deserialize_map(Table)
    }
}

/// What one place says, and where each word stands.
#[derive(Default)]
pub(super) struct Words {
    /// Field by field.
    said: BTreeMap<(Slot, RuleField), (Option<Setting>, Range<usize>)>,
}

impl Words {
    /// What is said.
    pub(super) fn said(&self) -> Said {
        self.said.iter().map(|(at, (value, _))| (*at, Saying::open(*value))).collect()
    }

    /// Where a field is said.
    pub(super) fn place(&self, slot: Slot, field: RuleField) -> Option<Range<usize>> {
        self.said.get(&(slot, field)).map(|(_, place)| place.clone())
    }
}

impl Source<'_> {
    /// Reads the tables of one place; `at` is its name in the document, for messages.
    pub(super) fn rules(&self, at: &str, tables: RulesText) -> Result<Words, SiteError> {
        let mut words = Words::default();
        for (name, table) in tables {
            let kinds = AlertType::ALL.map(AlertType::word);
            let kind =
                AlertType::ALL.into_iter().find(|kind| kind.word() == name.get_ref()).ok_or_else(|| {
                    let nearest = nearest(name.get_ref(), &kinds);
                    self.fault(
                        name.span(),
                        format!("{at}.{}: no alert type; did you mean {nearest}?", name.get_ref()),
                    )
                })?;
            let slot = Slot::of(kind);
            self.fields(&format!("{at}.{}", kind.word()), slot, table.fields, &mut words)?;
            for (tier, fields) in table.tiers {
                let place = format!("{at}.{}.tiers.{}", kind.word(), tier.get_ref());
                let number = tier.get_ref().parse::<u8>().ok().filter(|tier| (1..TIERS).contains(tier));
                let Some(number) = number.filter(|_| kind == AlertType::AlarmActive) else {
                    let last = TIERS - 1;
                    let what = format!("{place}: only alarm_active has further tiers, which are 1 to {last}");
                    return Err(self.fault(tier.span(), what));
                };
                self.fields(&place, Slot { kind, tier: number }, fields, &mut words)?;
            }
        }
        Ok(words)
    }

    fn fields(&self, at: &str, slot: Slot, fields: Fields, words: &mut Words) -> Result<(), SiteError> {
        for (name, value) in fields {
            let word = name.get_ref();
            let fault = |what: String| self.fault(name.span(), format!("{at}.{word}: {what}"));
            let field: RuleField = word.parse().map_err(|_| {
                let known: Vec<&str> = RuleField::ALL.iter().map(|field| field.word()).collect();
                fault(format!("no field of a rule; did you mean {}?", nearest(word, &known)))
            })?;
            let of = field.slot_in(slot).ok_or_else(|| fault("such a rule has no use for it".to_owned()))?;
            let value = self.setting(at, field, &value)?;
            match words.said.get(&(of, field)) {
                Some((other, place)) if *other != value => {
                    let (first, second) =
                        (place.start.min(name.span().start), place.start.max(name.span().start));
                    let line = crate::config::line_of(self.text, first);
                    let what = format!("{at}.{word}: line {line} says otherwise of the same unit's {word}");
                    return Err(self.fault(second..second, what));
                }
                _ => {
                    words.said.insert((of, field), (value, name.span()));
                }
            }
        }
        Ok(())
    }

    /// Reads a value; temperatures from the digits of their literal.
    fn setting(
        &self,
        at: &str,
        field: RuleField,
        value: &Spanned<toml::Value>,
    ) -> Result<Option<Setting>, SiteError> {
        let literal = self.text.get(value.span()).unwrap_or_default();
        let fault = |expected: String| {
            let shown: String = literal.chars().take(64).collect();
            self.fault(value.span(), format!("{at}.{} must be {expected}, not {shown}", field.word()))
        };
        let whole;
        let raw = match value.get_ref() {
            // An integer may be written in more than one way; a temperature may not.
            toml::Value::Integer(number) if matches!(field.kind(), Kind::Count { .. }) => {
                whole = number.to_string();
                Raw::Literal(&whole)
            }
            toml::Value::Integer(_) | toml::Value::Float(_) => Raw::Literal(literal),
            toml::Value::Boolean(flag) => Raw::Flag(*flag),
            toml::Value::String(word) => Raw::Word(word),
            toml::Value::Table(table) => {
                let form = toml::Value::Table(table.clone()).try_into::<ScheduleForm>();
                Raw::Hours(form.map_err(|_| fault(field.expected()))?)
            }
            toml::Value::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
                Raw::Times(texts.ok_or_else(|| fault(field.expected()))?)
            }
            toml::Value::Datetime(_) => return Err(fault(field.expected())),
        };
        field.read(raw).map_err(|refused| fault(refused.expected))
    }

    /// Adds what the unit says in short of its logs by hand; a rule that says the same field stands against it.
    pub(super) fn shorthand(
        &self,
        words: &mut Words,
        name: &str,
        field: RuleField,
        value: Option<&Spanned<toml::Value>>,
    ) -> Result<(), SiteError> {
        let Some(value) = value else { return Ok(()) };
        let slot = Slot::of(AlertType::MissedManualEntry);
        if let Some(place) = words.place(slot, field) {
            let line = crate::config::line_of(self.text, place.start);
            let what =
                format!("{name} is short for {}, which line {line} sets; set one of them", field.word());
            return Err(self.fault(value.span(), what));
        }
        let setting = self.setting(name, field, value)?;
        words.said.insert((slot, field), (setting, value.span()));
        Ok(())
    }
}

/// The known name that a word is the fewest changed letters away from.
fn nearest<'a>(word: &str, known: &[&'a str]) -> &'a str {
    known.iter().copied().min_by_key(|name| distance(word, name)).unwrap_or_default()
}

/// Letters to insert, leave out or replace to get from one word to another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // Names are short; what is longer than any of them is far from all.
    let one = one.chars().take(64);
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        for (above, known) in row.iter_mut().skip(1).zip(&other) {
            let here = (diagonal + usize::from(letter != *known)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_changed_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        let names: Vec<&str> = RuleField::ALL.iter().map(|field| field.word()).collect();
        assert_eq!(nearest("temp_mx_c", &names), "temp_max_c");
        assert_eq!(nearest("max_excursion_minuts", &names), "max_excursion_minutes");
        assert_eq!(nearest("door_opened", &AlertType::ALL.map(AlertType::word)), "door_open");
    }
}
