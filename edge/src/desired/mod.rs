//! What a cloud desires of this hub: a signed document of its units' rules, and signed commands.
//!
//! Everything here but [`kept`] is pure: [`decide`] judges a document, [`safety`] and [`rehearsal`] say what of it needs
//! somebody at the hub, [`trial`] says whether a hub that has taken one is healthy, [`command`] judges a command and
//! remembers which were done, [`self_test`] gathers what a self-test has seen. The watch does what they decide.

pub mod command;
pub mod decide;
pub mod kept;
pub mod rehearsal;
pub mod safety;
pub mod self_test;
pub mod trial;

use crate::site::{Site, Unit};
use frostguard_shared::ids::CommandId;
use kept::Kept;
use std::sync::Arc;

/// How it stands, as the line to the cloud, the page and a decision see it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Grows with every change in this run, for telling the newer of two.
    pub serial: u64,
    /// What is kept.
    pub kept: Arc<Kept>,
    /// The site with the rules in force.
    pub site: Arc<Site>,
    /// Commands that were received and that the cloud may not know of yet.
    pub received: Vec<CommandId>,
    /// Why what was kept before could not be used, if it could not.
    pub fault: Option<String>,
}

/// Where a unit's rules come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RulesFrom {
    /// The site document.
    Site,
    /// This version of the cloud's document.
    Cloud(u64),
}

impl Standing {
    /// A hub of which nothing was desired yet.
    pub fn of(site: Arc<Site>, kept: Kept) -> Self {
        Self { serial: 0, kept: Arc::new(kept), site, received: Vec::new(), fault: None }
    }

    /// Where a unit's rules come from.
    pub fn rules_from(&self, unit: &Unit) -> RulesFrom {
        let document = self.kept.in_force.as_ref().filter(|document| document.rules.contains_key(&unit.id));
        document.map_or(RulesFrom::Site, |document| RulesFrom::Cloud(document.version))
    }
}
