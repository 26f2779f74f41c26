//! A line: what somebody says happened at one time, read from JSON and checked by itself.
//!
//! Owns the forms of the input. Takes bytes, gives a [`Line`] that borrows from them, or what is wrong with it. It does
//! not know which units there are. A key that it does not know is refused, for what is ignored is not replayed.

use super::number::hundredths;
use super::time::At;
use frostguard_shared::quantity::{BatteryPercent, CentiCelsius};
use frostguard_shared::reading::Door;
use frostguard_shared::rules::Defrost;
use frostguard_shared::time::{DurationMs, RuleMs, Trust};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use thiserror::Error as ThisError;

/// A line that cannot be replayed. Name it with its number, and stop, or leave it out if that was asked for.
#[derive(Debug, ThisError)]
pub enum LineError {
    /// Longer than 64 KiB.
    #[error("it is longer than 64 KiB")]
    TooLong,
    /// Not JSON, an unknown key, a missing one, or a value of another kind.
    #[error("{0}")]
    Form(String),
    /// A number that its quantity cannot have.
    #[error("{field} {value} is not {expected}")]
    Value {
        /// The key.
        field: &'static str,
        /// What stands there, shortened.
        value: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// Nothing is said, or things that do not belong together.
    #[error("{0}")]
    Meaning(&'static str),
    /// A unit that the site document in force does not have.
    #[error("there is no unit \"{0}\" in the site document")]
    UnknownUnit(String),
    /// A point that can be none of the unit's.
    #[error(
        "\"{point}\" is no point of the unit \"{unit}\"; points are air, probe1 to probe8, door, or device:channel"
    )]
    UnknownPoint {
        /// The unit.
        unit: String,
        /// The point.
        point: String,
    },
    /// The site document in a line is wrong.
    #[error("its rules are wrong: {0}")]
    Rules(String),
}

/// A text that borrows from its line unless it has escapes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor)
    }
}

/// A form that is written with its keys, and not as a list in their order.
struct Keyed<T>(T);

struct KeyedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for KeyedVisitor<T> {
    type Value = Keyed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Keyed<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Keyed)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(KeyedVisitor(PhantomData))
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Switch {
    On,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    at: At,
    #[serde(borrow, default)]
    unit: Option<Text<'a>>,
    #[serde(borrow, default)]
    point: Option<Text<'a>>,
    #[serde(borrow, default)]
    temperature_c: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "humidity_pct")]
    _humidity_pct: Option<&'a RawValue>,
    #[serde(borrow, default)]
    battery_pct: Option<&'a RawValue>,
    #[serde(borrow, default)]
    door: Option<Text<'a>>,
    #[serde(default)]
    late: Option<bool>,
    #[serde(default)]
    fault: Option<bool>,
    #[serde(default)]
    replaced: Option<bool>,
    #[serde(default)]
    tick: Option<bool>,
    #[serde(default)]
    untrusted: Option<bool>,
    #[serde(default)]
    defrost: Option<Switch>,
    #[serde(borrow, default)]
    manual_log: Option<Keyed<ManualForm<'a>>>,
    #[serde(borrow, default)]
    ack: Option<Keyed<AckForm<'a>>>,
    #[serde(borrow, default)]
    shelve: Option<Keyed<ShelveForm<'a>>>,
    #[serde(borrow, default)]
    unshelve: Option<Keyed<AckForm<'a>>>,
    #[serde(borrow, default)]
    quiet: Option<Keyed<AckForm<'a>>>,
    #[serde(borrow, default)]
    resolve: Option<Keyed<AckForm<'a>>>,
    #[serde(default)]
    started: Option<Keyed<StartedForm>>,
    #[serde(default)]
    clock: Option<Keyed<ClockForm>>,
    #[serde(borrow, default)]
    rules: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManualForm<'a> {
    #[serde(borrow, default)]
    temperature_c: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "by")]
    _by: Option<Text<'a>>,
    #[serde(default)]
    taken: Option<At>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckForm<'a> {
    #[serde(borrow)]
    unit: Text<'a>,
    #[serde(borrow, default)]
    by: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShelveForm<'a> {
    #[serde(borrow)]
    unit: Text<'a>,
    minutes: u32,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow, default, rename = "by")]
    _by: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedForm {
    #[serde(default)]
    down_from: Option<At>,
    #[serde(default)]
    known: Option<bool>,
    #[serde(default)]
    trusted: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockForm {
    to: At,
    #[serde(default)]
    offset_ms: i64,
}

/// What a line says.
#[derive(PartialEq, Debug)]
pub(super) enum Said<'a> {
    /// Something about a unit.
    OfUnit(Text<'a>, OfUnit<'a>),
    /// A run of the hub began.
    Started { down_from: Option<RuleMs>, known: bool, trust: Trust },
    /// The axis jumped, or its distance from the wall clock changed.
    Clock { to: RuleMs, offset: DurationMs },
    /// Nobody vouches for the wall clock any more.
    Untrusted,
    /// Another site document took effect; its text.
    Rules(Cow<'a, str>),
    /// Time passed.
    Tick,
}

/// What a line says about a unit.
#[derive(PartialEq, Debug)]
pub(super) enum OfUnit<'a> {
    /// What its sensors said.
    Sensed(Sensed<'a>),
    /// Another sensor stands in the place of this point's.
    Replaced { point: Option<Text<'a>> },
    /// A log by hand.
    ManualLog { temperature: Option<CentiCelsius>, taken: RuleMs },
    /// A defrost began or is over.
    Defrost(Defrost),
    /// Somebody is on its alerts.
    Ack { by: Option<Text<'a>> },
    /// Nobody is told for so long.
    Shelve { length: DurationMs },
    /// That is over.
    Unshelve,
    /// This beep is silenced.
    Quiet,
    /// What has ended is closed.
    Resolve,
}

/// What a device said at one time.
#[derive(PartialEq, Debug)]
pub(super) struct Sensed<'a> {
    /// Which point; none is the unit's usual one.
    pub(super) point: Option<Text<'a>>,
    /// Its value.
    pub(super) temperature: Option<CentiCelsius>,
    /// True if it was heard when it was measured.
    pub(super) live: bool,
    /// Its battery.
    pub(super) battery: Option<BatteryPercent>,
    /// Its door.
    pub(super) door: Option<Door>,
    /// True if it is there without a value.
    pub(super) fault: bool,
}

/// A line, read.
#[derive(PartialEq, Debug)]
pub(super) struct Line<'a> {
    pub(super) at: RuleMs,
    pub(super) said: Said<'a>,
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn celsius(raw: &RawValue) -> Result<CentiCelsius, LineError> {
    let value = hundredths(raw.get()).and_then(|value| CentiCelsius::new(value).ok());
    value.ok_or_else(|| LineError::Value {
        field: "temperature_c",
        value: shortened(raw.get()),
        expected: "a number from -273.15 to 1000",
    })
}

fn battery(raw: &RawValue) -> Result<BatteryPercent, LineError> {
    let percent = hundredths(raw.get()).map(|value| i64::from(value).saturating_add(50).div_euclid(100));
    percent.and_then(|percent| BatteryPercent::new(percent).ok()).ok_or_else(|| LineError::Value {
        field: "battery_pct",
        value: shortened(raw.get()),
        expected: "a number from 0 to 100",
    })
}

fn door(text: &Text<'_>) -> Result<Door, LineError> {
    match &*text.0 {
        "open" => Ok(Door::Open),
        "closed" => Ok(Door::Closed),
        other => Err(LineError::Value {
            field: "door",
            value: format!("\"{}\"", shortened(other)),
            expected: "\"open\" or \"closed\"",
        }),
    }
}

/// Something that can only be said or left unsaid.
fn is_said(flag: Option<bool>) -> Result<bool, LineError> {
    match flag {
        Some(false) => Err(LineError::Meaning("fault, replaced, tick and untrusted are true or not there")),
        said => Ok(said.is_some()),
    }
}

impl<'a> Line<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, LineError> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(LineError::Form("it is not a JSON object".to_owned()));
        }
        let form: Form<'a> = serde_json::from_slice(bytes).map_err(|fault| {
            // The line's own number is known better elsewhere.
            LineError::Form(fault.to_string().replace(" at line 1 column ", " at column "))
        })?;
        let at = form.at.0;
        Ok(Self { at, said: form.said()? })
    }
}

impl<'a> Form<'a> {
    fn said(self) -> Result<Said<'a>, LineError> {
        let sensed = self.temperature_c.is_some() || self.battery_pct.is_some() || self.door.is_some();
        let sensed = sensed | is_said(self.fault)?;
        let replaced = is_said(self.replaced)?;
        let of_unit = [sensed, replaced, self.manual_log.is_some(), self.defrost.is_some()];
        let others = [
            self.ack.is_some(),
            self.shelve.is_some(),
            self.unshelve.is_some(),
            self.quiet.is_some(),
            self.resolve.is_some(),
            self.started.is_some(),
            self.clock.is_some(),
            is_said(self.untrusted)?,
            self.rules.is_some(),
            is_said(self.tick)?,
        ];
        let count = |list: &[bool]| list.iter().filter(|said| **said).count();
        let refused = match (count(&of_unit), count(&others)) {
            (0, 0) => "it says nothing: neither a value nor anything else that can be replayed",
            (1, 0) if self.unit.is_none() => "it does not say which unit",
            (0, 1) if self.unit.is_some() => "unit does not belong beside what it says",
            _ if self.point.is_some() && !sensed && !replaced => "what it says has no point",
            (1, 0) | (0, 1) => return if sensed { self.sensed() } else { self.other() },
            _ => "it says things that do not belong together: give each a line of its own",
        };
        Err(LineError::Meaning(refused))
    }

    fn sensed(self) -> Result<Said<'a>, LineError> {
        let fault = self.fault.is_some();
        if (fault && self.temperature_c.is_some()) || (self.late.is_some() && self.temperature_c.is_none()) {
            return Err(LineError::Meaning("a fault has no value, and only a value can be late"));
        }
        let Some(unit) = self.unit else { return Err(LineError::Meaning("it does not say which unit")) };
        let sensed = Sensed {
            point: self.point,
            temperature: self.temperature_c.map(celsius).transpose()?,
            live: self.late != Some(true),
            battery: self.battery_pct.map(battery).transpose()?,
            door: self.door.as_ref().map(door).transpose()?,
            fault,
        };
        Ok(Said::OfUnit(unit, OfUnit::Sensed(sensed)))
    }

    /// Everything that is not sensed; exactly one of it is there.
    fn other(self) -> Result<Said<'a>, LineError> {
        let at = self.at.0;
        if self.late.is_some() {
            return Err(LineError::Meaning("only a value can be late"));
        }
        if let Some(unit) = self.unit {
            let of_unit = if let Some(Keyed(log)) = self.manual_log {
                let temperature = log.temperature_c.map(celsius).transpose()?;
                OfUnit::ManualLog { temperature, taken: log.taken.map_or(at, |taken| taken.0) }
            } else {
                match self.defrost {
                    Some(Switch::On) => OfUnit::Defrost(Defrost::Running),
                    Some(Switch::Off) => OfUnit::Defrost(Defrost::Over),
                    None => OfUnit::Replaced { point: self.point },
                }
            };
            return Ok(Said::OfUnit(unit, of_unit));
        }
        if let Some(Keyed(ack)) = self.ack {
            return Ok(Said::OfUnit(ack.unit, OfUnit::Ack { by: ack.by }));
        }
        if let Some(Keyed(shelve)) = self.shelve {
            return shelve.said();
        }
        let simple =
            [(self.unshelve, OfUnit::Unshelve), (self.quiet, OfUnit::Quiet), (self.resolve, OfUnit::Resolve)];
        if let Some((Keyed(form), said)) = simple.into_iter().find_map(|(form, said)| Some((form?, said))) {
            return Ok(Said::OfUnit(form.unit, said));
        }
        if let Some(Keyed(started)) = self.started {
            return started.said(at);
        }
        if let Some(Keyed(clock)) = self.clock {
            if clock.to.0 < at {
                return Err(LineError::Meaning("the axis never goes back: clock.to is before at"));
            }
            return Ok(Said::Clock { to: clock.to.0, offset: DurationMs(clock.offset_ms) });
        }
        match self.rules {
            Some(rules) => Ok(Said::Rules(rules.0)),
            None if self.untrusted.is_some() => Ok(Said::Untrusted),
            None => Ok(Said::Tick),
        }
    }
}

impl<'a> ShelveForm<'a> {
    fn said(self) -> Result<Said<'a>, LineError> {
        if self.minutes == 0 || self.reason.0.trim().is_empty() {
            return Err(LineError::Meaning("a shelve has a minute or more and a reason"));
        }
        Ok(Said::OfUnit(self.unit, OfUnit::Shelve { length: DurationMs::minutes(i64::from(self.minutes)) }))
    }
}

impl StartedForm {
    fn said<'a>(self, at: RuleMs) -> Result<Said<'a>, LineError> {
        let down_from = self.down_from.map(|from| from.0);
        if down_from.is_some_and(|from| from > at) {
            return Err(LineError::Meaning("started.down_from is after at"));
        }
        let known = self.known.unwrap_or(true);
        // A hub that does not know how long it was off has a clock that nobody vouches for.
        let trust = if self.trusted.unwrap_or(known) { Trust::Synced } else { Trust::Untrusted };
        Ok(Said::Started { down_from, known, trust })
    }
}

#[cfg(test)]
mod tests;
