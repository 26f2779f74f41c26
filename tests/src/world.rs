//! Owns one complete world: broker, message bus, Bluetooth double, simulated site, a subscriber and a hub.
//! Takes an empty folder; gives all of it on free ports, ended in order when stopped or dropped.
//! Must never write outside that folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::SiteError;
use crate::hub::{Ears, Hub, Surroundings};
use crate::site::bluez::BluezDouble;
use crate::site::broker::Broker;
use crate::site::chirpstack::NetworkServer;
use crate::site::dbus::PrivateBus;
use crate::site::sensor::Sensor;
use crate::site::simulation::{Furnished, Pace, Radios, Simulation};
use crate::site::subscriber::Subscriber;
use crate::site::thermal::Plant;

/// Key of the freezer in the site document.
pub const FREEZER: &str = "walk_in_freezer";
/// Name of the freezer in the site document.
pub const FREEZER_NAME: &str = "Walk-in freezer";
/// Key of the fridge in the site document.
pub const FRIDGE: &str = "fridge";
/// Name of the fridge in the site document.
pub const FRIDGE_NAME: &str = "Kitchen fridge";
/// The freezer's upper limit in 0.01 °C.
pub const FREEZER_MAX_CENTI_C: i16 = -1_500;
/// The fridge's upper limit in 0.01 °C.
pub const FRIDGE_MAX_CENTI_C: i16 = 800;
/// How long a limit must be exceeded before an alarm.
pub const DELAY: Duration = Duration::from_secs(60);
/// Key of the person who may acknowledge.
pub const PERSON: &str = "maria";
/// That person's PIN.
pub const PIN: &str = "246810";
/// Where the hub's MQTT output speaks.
pub const TOPIC: &str = "frostguard/demo";

/// The demo's site document.
pub const DEMO_SITE: &str = include_str!("demo_site.toml");

const PACE: Pace =
    Pace { physics: 60, advert_every: Duration::from_secs(1), uplink_every: Duration::from_secs(5) };

/// What is put into a world.
pub struct Furnishing<'a> {
    /// The text of the hub's site document.
    pub document: &'a str,
    /// The units with their sensors.
    pub units: Vec<Furnished>,
    /// How fast the site lives.
    pub pace: Pace,
    /// The application of the site's LoRaWAN devices.
    pub application: &'a str,
    /// Where the hub's MQTT output speaks.
    pub topic: &'a str,
}

/// Everything around the hub and the hub itself, which is prepared but not started.
pub struct World {
    // Fields are dropped in this order: the hub first, what it depends on last.
    /// The hub.
    pub hub: Hub,
    /// The units and their sensors.
    pub site: Simulation,
    /// Hears the hub's MQTT output from before its first start.
    pub subscriber: Subscriber,
    /// The Bluetooth daemon.
    pub bluez: Arc<BluezDouble>,
    /// The message bus.
    pub bus: PrivateBus,
    /// The MQTT broker.
    pub broker: Broker,
}

impl World {
    /// Makes a world in `state`, which is emptied first.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start(state: &Path) -> Result<World, SiteError> {
        World::start_with(state, DEMO_SITE)
    }

    /// The same world under another site document, with the same units and sensors.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start_with(state: &Path, site: &str) -> Result<World, SiteError> {
        World::build(state, site, None)
    }

    /// The same world with one more unit beside the others.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start_beside(state: &Path, site: &str, more: Furnished) -> Result<World, SiteError> {
        World::build(state, site, Some(more))
    }

    fn build(state: &Path, site: &str, more: Option<Furnished>) -> Result<World, SiteError> {
        let tag = Sensor::Bthome { mac: "A4:C1:38:00:00:01".to_owned() };
        let node = Sensor::Lht65 { dev_eui: "a84041ffff123456".to_owned() };
        let mut units = vec![
            Furnished::plain(FREEZER, Plant::WALK_IN_FREEZER, tag),
            Furnished::plain(FRIDGE, Plant::FRIDGE, node),
        ];
        units.extend(more);
        let application = NetworkServer::APPLICATION;
        World::furnish(state, Furnishing { document: site, units, pace: PACE, application, topic: TOPIC })
    }

    /// Makes a world with these units in `state`, which is emptied first.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn furnish(state: &Path, furnishing: Furnishing<'_>) -> Result<World, SiteError> {
        if state.exists() {
            fs::remove_dir_all(state).map_err(SiteError::io(format!("empty {}", state.display())))?;
        }
        let Furnishing { document, units, pace, application, topic } = furnishing;
        let broker = Broker::start(&state.join("broker"))?;
        let bus = PrivateBus::start(&state.join("bus"))?;
        let bluez = Arc::new(BluezDouble::start(bus.address())?);
        let subscriber = Subscriber::connect(broker.port(), "building", &[&format!("{topic}/#")])?;
        let (broker_port, bus_address) = (broker.port(), bus.address());
        let around = Surroundings { broker_port, bus_address, site: document, pin: PIN };
        let hub = Hub::prepare(&state.join("hub"), &around)?;
        hub.listen_to(Ears::Both { application })?;
        let network = NetworkServer::connect_for(broker_port, application);
        let site = Simulation::start(pace, Radios { bluez: Some(Arc::clone(&bluez)), network }, units);
        Ok(World { hub, site, subscriber, bluez, bus, broker })
    }

    /// Ends everything but the hub, in order; the hub has been stopped before.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn stop(self) -> Result<(), SiteError> {
        let World { hub, site, subscriber, bluez, mut bus, mut broker } = self;
        drop((hub, site, subscriber, bluez));
        bus.stop()?;
        broker.stop()
    }
}
