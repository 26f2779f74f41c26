//! Owns the live demo: two premises of one organization, each with a hub of its own, and the cloud that they report to.
//! Takes an empty folder; gives all of it running on free ports, ended in order when stopped or dropped.
//! Must never write outside that folder, nor hand anything to a hub but by its radios.

pub mod commands;
pub mod document;
pub mod furnishing;
pub mod verdict;

use std::fs;
use std::path::{Path, PathBuf};

use crate::cloud::cloud_world::CloudWorld;
use crate::cloud::service::{Invitation, Newcomer};
use crate::error::SiteError;
use crate::hub::{Ears, Hub, Surroundings};
use crate::site::chirpstack::NetworkServer;
use crate::site::simulation::{Furnished, Radios, Simulation};
use crate::world::{Furnishing, PIN, TOPIC, World};
use furnishing::{Guarded, PACE};

/// The organization.
pub const ORGANIZATION: &str = "Nord GmbH";
/// The site with the six units.
pub const KITCHEN: &str = "Kitchen";
/// The site that hears LoRa alone.
pub const WAREHOUSE: &str = "Warehouse";

/// Who may sign in at the cloud's dashboard: somebody who may do everything, and somebody who may only look.
pub const PEOPLE: [Newcomer<'_>; 2] = [
    Newcomer {
        name: "Olivia Owner",
        email: "olivia@nord.example",
        role: "owner",
        password: "keep the cold chain",
    },
    Newcomer {
        name: "Victor Viewer",
        email: "victor@nord.example",
        role: "viewer",
        password: "only here to look",
    },
];

const WAREHOUSE_TOPIC: &str = "frostguard/warehouse";
const WAREHOUSE_APPLICATION: &str = "3b1a2f0e-6a52-4d7c-9a27-5d0b8c1f7e64";

/// Everything that runs.
pub struct Demo {
    // Fields are dropped in this order: what speaks first, what it speaks to last.
    /// The hub of the warehouse and its units, on the kitchen's broker.
    pub warehouse: Annex,
    /// The kitchen with its hub, and the broker and bus of both.
    pub kitchen: World,
    /// The cloud.
    pub far: CloudWorld,
    state: PathBuf,
}

/// A hub with a site of its own, in a world that is already there.
pub struct Annex {
    /// The hub.
    pub hub: Hub,
    /// The units and their sensors.
    pub site: Simulation,
}

impl Demo {
    /// Starts everything in `state`, which is emptied first, with both hubs enrolled.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start(state: &Path) -> Result<Demo, SiteError> {
        if state.exists() {
            fs::remove_dir_all(state).map_err(SiteError::io(format!("empty {}", state.display())))?;
        }
        let (mut far, second) = organization(&state.join("far"))?;
        far.cloud.start(None)?;
        let mut kitchen = kitchen(&state.join("kitchen"))?;
        kitchen.hub.start(None)?;
        kitchen.hub.enrol(&far.let_in.link)?;
        let mut warehouse = warehouse(&state.join("warehouse"), &kitchen)?;
        warehouse.hub.start(None)?;
        warehouse.hub.enrol(&second.link)?;
        Ok(Demo { warehouse, kitchen, far, state: state.to_owned() })
    }

    /// The premises by name, each with its hub.
    pub fn hubs(&self) -> [(&'static str, &Hub); 2] {
        [(KITCHEN, &self.kitchen.hub), (WAREHOUSE, &self.warehouse.hub)]
    }

    /// Looks whether everything still runs.
    ///
    /// # Errors
    /// When a part has ended by itself, or a sensor could not speak.
    pub fn look_after(&mut self) -> Result<(), SiteError> {
        let ended = [
            ("the kitchen's hub", self.kitchen.hub.ended()),
            ("the warehouse's hub", self.warehouse.hub.ended()),
            ("the cloud", self.far.cloud.ended()),
        ];
        if let Some((what, status)) = ended.into_iter().find_map(|(what, ended)| Some((what, ended?))) {
            return Err(SiteError::Unexpected(format!("{what} has ended: {status}")));
        }
        match self.kitchen.site.trouble().or_else(|| self.warehouse.site.trouble()) {
            Some(trouble) => Err(SiteError::Unexpected(format!("a sensor cannot speak: {trouble}"))),
            None => Ok(()),
        }
    }

    /// Where hubs and cloud write what they have to say, by the name of the part.
    pub fn logs(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("kitchen's hub", self.state.join("kitchen/hub/hub.err")),
            ("warehouse's hub", self.state.join("warehouse/hub/hub.err")),
            ("cloud", self.state.join("far/cloud/cloud.err")),
        ]
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn stop(self) -> Result<(), SiteError> {
        let Demo { mut warehouse, mut kitchen, far, state: _ } = self;
        warehouse.hub.stop()?;
        kitchen.hub.stop()?;
        drop(warehouse);
        kitchen.stop()?;
        far.stop()
    }
}

/// A cloud with the organization, its sites and whoever may look at them; with it what lets a hub into the warehouse.
fn organization(state: &Path) -> Result<(CloudWorld, Invitation), SiteError> {
    let far = CloudWorld::start_for(state, ORGANIZATION, KITCHEN)?;
    let warehouse = far.cloud.invite(&far.let_in.organization, WAREHOUSE)?;
    for person in PEOPLE {
        far.cloud.add_person(&far.let_in.organization, &person)?;
    }
    Ok((far, warehouse))
}

fn furnished(units: &[Guarded]) -> Vec<Furnished> {
    units.iter().map(|unit| unit.furnished.clone()).collect()
}

fn kitchen(state: &Path) -> Result<World, SiteError> {
    let units = furnishing::kitchen();
    let document = document::of(KITCHEN, TOPIC, &units);
    World::furnish(
        state,
        Furnishing {
            document: &document,
            units: furnished(&units),
            pace: PACE,
            application: NetworkServer::APPLICATION,
            topic: TOPIC,
        },
    )
}

fn warehouse(state: &Path, beside: &World) -> Result<Annex, SiteError> {
    let units = furnishing::warehouse();
    let document = document::of(WAREHOUSE, WAREHOUSE_TOPIC, &units);
    let (broker_port, bus_address) = (beside.broker.port(), beside.bus.address());
    let around = Surroundings { broker_port, bus_address, site: &document, pin: PIN };
    let hub = Hub::prepare(&state.join("hub"), &around)?;
    hub.listen_to(Ears::Lora { application: WAREHOUSE_APPLICATION })?;
    let network = NetworkServer::connect_for(broker_port, WAREHOUSE_APPLICATION);
    let site = Simulation::start(PACE, Radios { bluez: None, network }, furnished(&units));
    Ok(Annex { hub, site })
}
