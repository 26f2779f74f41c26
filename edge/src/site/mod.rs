//! The site: people, units with their rules, devices with their points, outputs.
//!
//! Owns the resolved form of `site.toml`: every key has its id, every rule field its value and provenance, every
//! point its unit. Reading and checking the text is in [`document`]; here it becomes types that cannot be wrong.

pub mod derived;
pub mod document;
mod message;

pub use document::SiteError;
pub use frostguard_shared::unit::UnitType;

use crate::identity::{Identity, IdentityError};
use crate::sources::Model;
use document::Document;
use frostguard_shared::chain::{Hash, leaf};
use frostguard_shared::ids::{DeviceId, PersonId, PointId, UnitId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::rules::{Calibration, SiteRules, UnitRules};
use frostguard_shared::time::ClockSample;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A person who may acknowledge at this hub.
#[derive(Clone, Debug)]
pub struct Person {
    /// Key in the document.
    pub key: String,
    /// Id.
    pub id: PersonId,
    /// Name; never hashed, never logged.
    pub name: String,
    /// Argon2id hash of the PIN, in PHC form.
    pub pin_hash: String,
}

/// A unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Key in the document.
    pub key: String,
    /// Id.
    pub id: UnitId,
    /// Name.
    pub name: String,
    /// Kind of equipment.
    pub kind: UnitType,
    /// Its rules.
    pub rules: UnitRules,
}

/// A point of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Id.
    pub id: PointId,
    /// The unit that it measures.
    pub unit: UnitId,
    /// What it measures there.
    pub role: Role,
    /// Its calibration, if it has one.
    pub calibration: Option<Calibration>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Key in the document.
    pub key: String,
    /// Id.
    pub id: DeviceId,
    /// Model.
    pub model: Model,
    /// Radio address as written.
    pub address: crate::sources::Address,
    /// Its channels that are used.
    pub points: BTreeMap<Channel, Point>,
}

/// Something that makes noise, light or a message.
#[derive(Clone, Debug)]
pub struct Output {
    /// Key in the document.
    pub key: String,
    /// What it is.
    pub kind: OutputKind,
}

/// The kinds of output.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputKind {
    /// The hub's log.
    Log,
    /// Topics on an MQTT broker.
    Mqtt {
        /// The broker.
        host: String,
        /// Its port.
        #[serde(default = "mqtt_port")]
        port: u16,
        /// The topic under which everything is published.
        topic: String,
        /// User name at the broker.
        username: Option<String>,
        /// File that holds the password.
        password_file: Option<PathBuf>,
    },
}

fn mqtt_port() -> u16 {
    1883
}

/// The whole site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name.
    pub name: String,
    /// Time zone.
    pub zone: jiff::tz::TimeZone,
    /// People.
    pub people: Vec<Person>,
    /// Units, in the document's order of keys.
    pub units: Vec<Unit>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Outputs.
    pub outputs: Vec<Output>,
}

/// Whoever gives the ids of a document's keys: a hub remembers them, a replay derives them.
pub trait Ids {
    /// Why there is none.
    type Fault;
    /// The id of a person.
    ///
    /// # Errors
    /// There is none.
    fn person(&mut self, key: &str) -> Result<PersonId, Self::Fault>;
    /// The id of a unit.
    ///
    /// # Errors
    /// There is none.
    fn unit(&mut self, key: &str) -> Result<UnitId, Self::Fault>;
    /// The id of a device, by its key and address.
    ///
    /// # Errors
    /// There is none.
    fn device(&mut self, hardware: &str) -> Result<DeviceId, Self::Fault>;
    /// The id of a channel of a device.
    ///
    /// # Errors
    /// There is none.
    fn point(&mut self, hardware: &str, channel: Channel) -> Result<PointId, Self::Fault>;
}

/// The ids that a hub remembers, and new ones for new keys.
struct Remembered<'a> {
    identity: &'a mut Identity,
    now: ClockSample,
}

impl Ids for Remembered<'_> {
    type Fault = IdentityError;

    fn person(&mut self, key: &str) -> Result<PersonId, IdentityError> {
        self.identity.person(key, self.now)
    }
    fn unit(&mut self, key: &str) -> Result<UnitId, IdentityError> {
        self.identity.unit(key, self.now)
    }
    fn device(&mut self, hardware: &str) -> Result<DeviceId, IdentityError> {
        self.identity.device(hardware, self.now)
    }
    fn point(&mut self, hardware: &str, channel: Channel) -> Result<PointId, IdentityError> {
        self.identity.point(hardware, channel, self.now)
    }
}

impl Site {
    /// The copy of the document in force, in the state folder.
    pub const IN_FORCE: &'static str = "site.in-force.toml";

    /// Loads and resolves a site document. New keys get ids in the identity file, which the caller saves.
    ///
    /// # Errors
    /// The document cannot be read or is wrong; the error names file and line.
    pub fn load(path: &Path, identity: &mut Identity, now: ClockSample) -> Result<Self, SiteError> {
        let document = Document::load(path)?;
        Self::resolve(document, &mut Remembered { identity, now }).map_err(SiteError::Identity)
    }

    /// Gives every key its id.
    ///
    /// # Errors
    /// Those of whoever gives the ids.
    pub fn resolve<I: Ids>(document: Document, ids: &mut I) -> Result<Self, I::Fault> {
        let mut site = Self {
            name: document.name,
            zone: document.zone,
            people: Vec::new(),
            units: Vec::new(),
            devices: Vec::new(),
            outputs: document.outputs,
        };
        for person in document.people {
            let id = ids.person(&person.key)?;
            site.people.push(Person { key: person.key, id, name: person.name, pin_hash: person.pin_hash });
        }
        for unit in document.units {
            let id = ids.unit(&unit.key)?;
            site.units.push(Unit { key: unit.key, id, name: unit.name, kind: unit.kind, rules: unit.rules });
        }
        for device in document.devices {
            // Another sensor under the same key is another device, with points of its own.
            let hardware = format!("{}@{}", device.key, device.address);
            let id = ids.device(&hardware)?;
            let mut points = BTreeMap::new();
            for (channel, entry) in device.points {
                let point = Point {
                    id: ids.point(&hardware, channel)?,
                    unit: ids.unit(&entry.unit)?,
                    role: entry.role,
                    calibration: entry.calibration,
                };
                points.insert(channel, point);
            }
            site.devices.push(Device {
                key: device.key,
                id,
                model: device.model,
                address: device.address,
                points,
            });
        }
        Ok(site)
    }

    /// The rules and points as the engine takes them.
    pub fn rules(&self) -> SiteRules {
        SiteRules {
            units: self.units.iter().map(|unit| (unit.id, unit.rules.clone())).collect(),
            points: self.points().map(|(_, _, point)| point.id).collect(),
            zone: self.zone_name().to_owned(),
            calibrations: self
                .points()
                .filter_map(|(_, _, point)| Some((point.id, point.calibration?)))
                .collect(),
        }
    }

    /// The name of its time zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A unit by its id.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.id == id)
    }

    /// Every point with its device and channel.
    pub fn points(&self) -> impl Iterator<Item = (&Device, Channel, Point)> {
        self.devices
            .iter()
            .flat_map(|device| device.points.iter().map(move |(channel, point)| (device, *channel, *point)))
    }
}

/// The content hash of resolved rules, as an event names them.
///
/// # Errors
/// The rules cannot be written as JSON, which their types exclude.
pub fn rules_hash(rules: &SiteRules) -> Result<Hash, serde_json::Error> {
    Ok(leaf(&serde_json::to_vec(rules)?))
}
