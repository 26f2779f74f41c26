//! The site document as text: `site.toml`, checked whole, every fault named with file and line.
//!
//! Temperatures are read from the digits of their literal, never through a float, so that what was written is what is
//! compared. A key that this version does not know is refused, for a rule that is ignored guards nothing. Rule tables are
//! read in [`rules`].

mod rules;

use super::{Output, OutputKind, UnitType};
use crate::config::{ConfigError, content, line_of};
use crate::identity::IdentityError;
use crate::sources::{Address, Model};
use frostguard_shared::point::{Channel, PointError, Role};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::field::RuleField;
use frostguard_shared::rules::inherit::{Said, Scopes, resolve_over};
use frostguard_shared::rules::template::believed;
use frostguard_shared::rules::{Calibration, UnitRules};
use frostguard_shared::time::{DurationMs, WallMs};
use rules::RulesText;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::Spanned;

/// The largest offset that a calibration can mean, in 0.01 °C.
const OFFSET_MAX: i32 = 1_000;

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
    pub(super) points: BTreeMap<Channel, PointEntry>,
}

pub(super) struct PointEntry {
    /// The key of the unit that it measures.
    pub(super) unit: String,
    pub(super) role: Role,
    pub(super) calibration: Option<Calibration>,
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
    /// What holds for every unit that does not say otherwise.
    #[serde(default)]
    rules: RulesText,
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
    area: Option<String>,
    manual_monitoring_required: Option<Spanned<toml::Value>>,
    manual_monitoring_interval: Option<Spanned<toml::Value>>,
    #[serde(default)]
    rules: RulesText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceText {
    model: Spanned<String>,
    address: Spanned<String>,
    points: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    calibration: BTreeMap<Spanned<String>, CalibrationText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalibrationText {
    offset_c: Option<Spanned<toml::Value>>,
    due: Option<Spanned<String>>,
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
        let everywhere = source.rules("rules", parsed.rules)?.said();
        let units: Vec<UnitEntry> = parsed
            .units
            .into_iter()
            .map(|(key, unit)| source.unit(key, unit, &everywhere))
            .collect::<Result<_, _>>()?;
        let devices = source.devices(parsed.devices, &units, &zone)?;
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

    /// What is allowed but guards less than somebody may think: whoever checks or loads the document says so.
    pub fn warnings(&self) -> Vec<String> {
        self.units.iter().flat_map(warnings).collect()
    }
}

fn warnings(unit: &UnitEntry) -> Vec<String> {
    let (key, rules) = (&unit.key, &unit.rules);
    let mut warnings = Vec::new();
    if !rules.has_limits() {
        warnings.push(format!("unit \"{key}\" has no temperature limits; nothing guards its temperature"));
    }
    let two = DurationMs(2 * rules.silence.interval().0);
    for (tier, limits) in rules.limits.iter().enumerate().filter(|(_, limits)| limits.has_limits()) {
        let shortest = limits.closed().min(limits.open());
        if shortest < two {
            warnings.push(format!(
                "unit \"{key}\": a delay of {shortest} in tier {tier} of its limits is shorter than two expected readings ({two}), so that a single reading decides"
            ));
        }
    }
    warnings
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

    fn unit(&self, key: String, unit: UnitText, everywhere: &Said) -> Result<UnitEntry, SiteError> {
        let place = unit.rules.keys().next().map(Spanned::span).unwrap_or(0..0);
        let mut words = self.rules(&format!("units.{key}.rules"), unit.rules)?;
        let required = unit.manual_monitoring_required.as_ref();
        self.shorthand(&mut words, "manual_monitoring_required", RuleField::ManualRequired, required)?;
        let interval = unit.manual_monitoring_interval.as_ref();
        self.shorthand(&mut words, "manual_monitoring_interval", RuleField::ManualInterval, interval)?;
        let scopes = Scopes { unit: words.said(), site: everywhere.clone(), ..Scopes::default() };
        // Here limits are only those that somebody has written: a unit without them is to be seen, not to be guarded by
        // a template that nobody has chosen.
        let rules = resolve_over(&believed(unit.kind), &scopes)
            .rules(unit.area)
            .map_err(|fault| self.fault(place, format!("units.{key}.rules: {fault}")))?;
        Ok(UnitEntry { key, name: unit.name, kind: unit.kind, rules })
    }

    fn devices(
        &self,
        texts: BTreeMap<String, DeviceText>,
        units: &[UnitEntry],
        zone: &jiff::tz::TimeZone,
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
                let name = self.channel(&channel)?;
                points.insert(name, self.target(name, &target, units)?);
            }
            for (channel, text) in text.calibration {
                let name = self.channel(&channel)?;
                let Some(point) = points.get_mut(&name).filter(|point| point.role != Role::Door) else {
                    let what = format!("devices.{key}.calibration: {name} measures no temperature here");
                    return Err(self.fault(channel.span(), what));
                };
                point.calibration = Some(self.calibration(&text, zone)?);
            }
            devices.push(DeviceEntry { key, model, address, points });
        }
        Ok(devices)
    }

    fn channel(&self, name: &Spanned<String>) -> Result<Channel, SiteError> {
        let read = name.get_ref().parse();
        read.map_err(|fault: PointError| self.fault(name.span(), fault.to_string()))
    }

    /// A calibration is due when its day begins at the site.
    fn calibration(
        &self,
        text: &CalibrationText,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Calibration, SiteError> {
        let offset = text.offset_c.as_ref().map(|literal| {
            let offset = self.celsius(literal)?.hundredths();
            if offset.abs() <= OFFSET_MAX {
                return Ok(offset);
            }
            let what = format!(
                "offset_c must be from -{0} to {0} °C: what is further off is broken",
                OFFSET_MAX / 100
            );
            Err(self.fault(literal.span(), what))
        });
        let due = text.due.as_ref().map(|due| {
            let day = due.get_ref().parse::<jiff::civil::Date>();
            let begins = day.and_then(|day| day.to_zoned(zone.clone()));
            let begins =
                begins.map_err(|_| self.fault(due.span(), "due must be a date of the form \"YYYY-MM-DD\""));
            begins.map(|begins| WallMs(begins.timestamp().as_millisecond()))
        });
        Ok(Calibration { offset_centi_c: offset.transpose()?.unwrap_or_default(), due: due.transpose()? })
    }

    /// What a point measures: `unit:role`.
    fn target(
        &self,
        channel: Channel,
        target: &Spanned<String>,
        units: &[UnitEntry],
    ) -> Result<PointEntry, SiteError> {
        let fault = |what: String| self.fault(target.span(), what);
        let Some((unit, role)) = target.get_ref().split_once(':') else {
            return Err(fault(format!("\"{}\" is not of the form unit:role", target.get_ref())));
        };
        if !units.iter().any(|known| known.key == unit) {
            return Err(fault(format!("there is no unit \"{unit}\"")));
        }
        let role: Role = role.parse().map_err(|refused: PointError| fault(refused.to_string()))?;
        if (channel == Channel::Door) != (role == Role::Door) {
            return Err(fault(format!("the channel {channel} cannot have the role {}", role.word())));
        }
        Ok(PointEntry { unit: unit.to_owned(), role, calibration: None })
    }
}

#[cfg(test)]
mod tests;
