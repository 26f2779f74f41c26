//! The site document as text: `site.toml`, checked whole, every fault named with file and line.
//!
//! Limits are read from the digits of their literal, never through a float, so that what was written is what is
//! compared. A key that this version does not know is refused, for a rule that is ignored guards nothing.

use super::{Output, OutputKind, UnitType};
use crate::config::{ConfigError, content, line_of};
use crate::identity::IdentityError;
use crate::sources::{Address, Model};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::{Field, Severity, SilenceRule, ThermalRule, UnitRules};
use frostguard_shared::time::DurationMs;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::Spanned;

/// The site document cannot be used. Keep the one in force, and show the message: it names the place.
#[derive(Debug, Error)]
pub enum SiteError {
    /// The text is wrong.
    #[error(transparent)]
    Content(ConfigError),
    /// The ids of its keys could not be kept.
    #[error("the ids of the site's keys could not be kept")]
    Identity(#[source] IdentityError),
}

/// A checked document.
pub struct Document {
    pub(super) name: String,
    pub(super) zone: jiff::tz::TimeZone,
    pub(super) people: Vec<PersonEntry>,
    pub(super) units: Vec<UnitEntry>,
    pub(super) devices: Vec<DeviceEntry>,
    pub(super) outputs: Vec<Output>,
}

pub(super) struct PersonEntry {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) pin_hash: String,
}

pub(super) struct UnitEntry {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) kind: UnitType,
    pub(super) rules: UnitRules,
}

pub(super) struct DeviceEntry {
    pub(super) key: String,
    pub(super) model: Model,
    pub(super) address: Address,
    pub(super) points: BTreeMap<Channel, (String, Role)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    site: SiteText,
    #[serde(default)]
    people: BTreeMap<String, PersonText>,
    #[serde(default)]
    units: BTreeMap<String, UnitText>,
    #[serde(default)]
    devices: BTreeMap<String, DeviceText>,
    #[serde(default)]
    outputs: BTreeMap<String, Spanned<OutputKind>>,
    /// What stays with the hub when a cloud rules the rest; it has no keys yet.
    #[serde(default, rename = "local")]
    _local: LocalText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteText {
    name: String,
    zone: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonText {
    name: String,
    pin_hash: Spanned<String>,
    #[serde(default, rename = "language")]
    _language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitText {
    name: String,
    #[serde(rename = "type")]
    kind: UnitType,
    #[serde(default)]
    rules: RulesText,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RulesText {
    alarm_active: Option<Spanned<ThermalText>>,
    monitoring_interrupted: Option<Spanned<SilenceText>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ThermalText {
    temp_min_c: Option<Spanned<toml::Value>>,
    temp_max_c: Option<Spanned<toml::Value>>,
    inclusive: bool,
    hysteresis_c: Option<Spanned<toml::Value>>,
    delay_minutes: Option<u32>,
    off_delay_minutes: Option<u32>,
    severity: Option<Severity>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SilenceText {
    expected_reading_interval_seconds: Option<u32>,
    offline_warning_missed_checkins: Option<u32>,
    offline_critical_missed_checkins: Option<u32>,
    severity: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceText {
    model: Spanned<String>,
    address: Spanned<String>,
    points: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LocalText {}

/// The text under check, for naming places in it.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn fault(&self, at: std::ops::Range<usize>, what: impl Into<String>) -> SiteError {
        let line = line_of(self.text, at.start);
        SiteError::Content(ConfigError::Content { path: PathBuf::from(self.path), line, what: what.into() })
    }

    /// A temperature from the digits of its literal.
    fn celsius(&self, literal: &Spanned<toml::Value>) -> Result<CentiCelsius, SiteError> {
        let digits = self.text.get(literal.span()).unwrap_or_default();
        CentiCelsius::parse(digits).map_err(|fault| self.fault(literal.span(), fault.to_string()))
    }
}

impl Document {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// The first fault, with file and line.
    pub fn load(path: &Path) -> Result<Self, SiteError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SiteError::Content(ConfigError::Read { path: path.into(), source }))?;
        Self::parse(path, &text)
    }

    /// Checks a document's text; `path` is for messages.
    ///
    /// # Errors
    /// The first fault, with file and line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SiteError> {
        let parsed: Text =
            toml::from_str(text).map_err(|fault| SiteError::Content(content(path, text, &fault)))?;
        let source = Source { path, text };
        let zone = jiff::tz::TimeZone::get(parsed.site.zone.get_ref())
            .map_err(|fault| source.fault(parsed.site.zone.span(), fault.to_string()))?;
        let people = parsed
            .people
            .into_iter()
            .map(|(key, person)| source.person(key, person))
            .collect::<Result<_, _>>()?;
        let units: Vec<UnitEntry> =
            parsed.units.into_iter().map(|(key, unit)| source.unit(key, unit)).collect::<Result<_, _>>()?;
        let devices = source.devices(parsed.devices, &units)?;
        let outputs = parsed
            .outputs
            .into_iter()
            .map(|(key, kind)| source.output(key, kind))
            .collect::<Result<_, _>>()?;
        Ok(Self { name: parsed.site.name, zone, people, units, devices, outputs })
    }

    /// What it describes, in figures.
    pub fn summary(&self) -> String {
        let points: usize = self.devices.iter().map(|device| device.points.len()).sum();
        let (units, devices, people) = (self.units.len(), self.devices.len(), self.people.len());
        format!(
            "{units} units, {devices} devices with {points} points, {people} people, {} outputs",
            self.outputs.len()
        )
    }

    /// Units without temperature limits: allowed, but nothing guards their temperature, so whoever loads the document
    /// says so.
    pub fn unlimited(&self) -> impl Iterator<Item = &str> {
        self.units.iter().filter(|unit| unit.rules.thermal.is_none()).map(|unit| unit.key.as_str())
    }
}

impl Source<'_> {
    fn output(&self, key: String, kind: Spanned<OutputKind>) -> Result<Output, SiteError> {
        if let OutputKind::Mqtt { topic, .. } = kind.get_ref()
            && (topic.is_empty() || topic.len() > 200 || topic.contains(['+', '#', '\0']))
        {
            let what =
                format!("outputs.{key}: the topic \"{topic}\" has not 1 to 200 characters, or + or # in it");
            return Err(self.fault(kind.span(), what));
        }
        Ok(Output { key, kind: kind.into_inner() })
    }

    fn person(&self, key: String, person: PersonText) -> Result<PersonEntry, SiteError> {
        let hash = person.pin_hash;
        if argon2::password_hash::phc::PasswordHash::new(hash.get_ref()).is_err() {
            return Err(self.fault(hash.span(), "pin_hash is no hash; make one with `frostguard-edge pin`"));
        }
        Ok(PersonEntry { key, name: person.name, pin_hash: hash.into_inner() })
    }

    fn unit(&self, key: String, unit: UnitText) -> Result<UnitEntry, SiteError> {
        let places: Vec<_> = [
            unit.rules.alarm_active.as_ref().map(Spanned::span),
            unit.rules.monitoring_interrupted.as_ref().map(Spanned::span),
        ]
        .into_iter()
        .flatten()
        .collect();
        let thermal = unit.rules.alarm_active.map(|text| self.thermal(text.into_inner())).transpose()?;
        let rules = UnitRules {
            thermal: thermal.filter(|rule| rule.min.is_some() || rule.max.is_some()),
            silence: silence(unit.rules.monitoring_interrupted.map(Spanned::into_inner).unwrap_or_default()),
        };
        let place = places.into_iter().next().unwrap_or(0..0);
        rules.check().map_err(|fault| self.fault(place, format!("units.{key}.rules: {fault}")))?;
        Ok(UnitEntry { key, name: unit.name, kind: unit.kind, rules })
    }

    fn thermal(&self, text: ThermalText) -> Result<ThermalRule, SiteError> {
        let limit = |literal: &Option<Spanned<toml::Value>>| {
            literal.as_ref().map(|literal| self.celsius(literal).map(Field::unit)).transpose()
        };
        let hysteresis = match &text.hysteresis_c {
            None => ThermalRule::DEFAULT.hysteresis,
            Some(literal) => {
                let value = CentiDegrees::new(self.celsius(literal)?.hundredths())
                    .map_err(|fault| self.fault(literal.span(), fault.to_string()))?;
                Field::unit(value)
            }
        };
        Ok(ThermalRule {
            min: limit(&text.temp_min_c)?,
            max: limit(&text.temp_max_c)?,
            inclusive: text.inclusive,
            hysteresis,
            delay: set(text.delay_minutes.map(minutes), ThermalRule::DEFAULT.delay),
            off_delay: set(text.off_delay_minutes.map(minutes), ThermalRule::DEFAULT.off_delay),
            severity: set(text.severity, ThermalRule::DEFAULT.severity),
        })
    }

    fn devices(
        &self,
        texts: BTreeMap<String, DeviceText>,
        units: &[UnitEntry],
    ) -> Result<Vec<DeviceEntry>, SiteError> {
        let mut devices: Vec<DeviceEntry> = Vec::new();
        for (key, text) in texts {
            let model: Model =
                text.model.get_ref().parse().map_err(|fault: crate::sources::ModelError| {
                    self.fault(text.model.span(), fault.to_string())
                })?;
            let address = model
                .address(text.address.get_ref())
                .map_err(|fault| self.fault(text.address.span(), fault.to_string()))?;
            if let Some(other) = devices.iter().find(|other| other.address == address) {
                return Err(self.fault(text.address.span(), format!("{} has the same address", other.key)));
            }
            let mut points = BTreeMap::new();
            for (channel, target) in text.points {
                let name: Channel =
                    channel.get_ref().parse().map_err(|fault: frostguard_shared::point::PointError| {
                        self.fault(channel.span(), fault.to_string())
                    })?;
                points.insert(name, self.target(name, &target, units)?);
            }
            devices.push(DeviceEntry { key, model, address, points });
        }
        Ok(devices)
    }

    /// What a point measures: `unit:role`.
    fn target(
        &self,
        channel: Channel,
        target: &Spanned<String>,
        units: &[UnitEntry],
    ) -> Result<(String, Role), SiteError> {
        let fault = |what: String| self.fault(target.span(), what);
        let Some((unit, role)) = target.get_ref().split_once(':') else {
            return Err(fault(format!("\"{}\" is not of the form unit:role", target.get_ref())));
        };
        if !units.iter().any(|known| known.key == unit) {
            return Err(fault(format!("there is no unit \"{unit}\"")));
        }
        let role: Role = role
            .parse()
            .map_err(|refused: frostguard_shared::point::PointError| fault(refused.to_string()))?;
        if (channel == Channel::Door) != (role == Role::Door) {
            return Err(fault(format!("the channel {channel} cannot have the role {}", role.word())));
        }
        Ok((unit.to_owned(), role))
    }
}

fn minutes(minutes: u32) -> DurationMs {
    DurationMs::minutes(i64::from(minutes))
}

fn set<T>(given: Option<T>, default: Field<T>) -> Field<T> {
    given.map_or(default, Field::unit)
}

fn silence(text: SilenceText) -> SilenceRule {
    let default = SilenceRule::DEFAULT;
    // A point makes one record a slot, so a shorter interval than the slot of a minute is never expected.
    let expected =
        text.expected_reading_interval_seconds.map(|seconds| DurationMs::seconds(i64::from(seconds.max(60))));
    SilenceRule {
        expected: set(expected, default.expected),
        late_after: set(text.offline_warning_missed_checkins, default.late_after),
        lost_after: set(text.offline_critical_missed_checkins, default.lost_after),
        severity: set(text.severity, default.severity),
    }
}

#[cfg(test)]
mod tests;
