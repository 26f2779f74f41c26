//! The site as the cloud is told of it. Pure; outputs stay out, they are the hub's own affair.

use super::Site;
use frostguard_shared::ids::SiteId;
use frostguard_shared::wire::site as wire;

impl Site {
    /// The site message.
    ///
    /// # Errors
    /// A unit's rules cannot be written as JSON, which their types exclude.
    pub fn message(&self, id: SiteId) -> Result<wire::Site, serde_json::Error> {
        let person = |person: &super::Person| wire::Person {
            id: person.id,
            name: person.name.clone(),
            pin_hash: person.pin_hash.clone(),
        };
        let unit = |unit: &super::Unit| {
            Ok(wire::Unit {
                id: unit.id,
                name: unit.name.clone(),
                kind: unit.kind.word().into(),
                rules: serde_json::to_string(&unit.rules)?,
            })
        };
        let device = |device: &super::Device| wire::Device {
            id: device.id,
            model: device.model.name().into(),
            address: device.address.to_string(),
            points: device
                .points
                .iter()
                .map(|(channel, point)| wire::Point {
                    id: point.id,
                    channel: *channel,
                    unit: point.unit,
                    role: point.role,
                })
                .collect(),
        };
        Ok(wire::Site {
            id,
            name: self.name.clone(),
            zone: self.zone_name().to_owned(),
            people: self.people.iter().map(person).collect(),
            units: self.units.iter().map(unit).collect::<Result<_, serde_json::Error>>()?,
            devices: self.devices.iter().map(device).collect(),
        })
    }
}
