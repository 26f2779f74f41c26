//! Owns the worst that can happen between hub and cloud: deaths of hub, cloud and Postgres at named places, cut links.
//!
//! Takes a folder and a seed; gives a world in which sensors never rest, one blow at a time, and what was recorded in
//! the end beside what was sent. A blow is not over before what it killed runs again; the next may come before anything
//! has recovered. Must never strike where a real power cut or line fault could not, nor leave a victim dead.

pub mod feeder;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chance::Chance;
use crate::clock::wait_for;
use crate::cloud::cloud_world::CloudWorld;
use crate::cloud::proxy::{Cut, Direction, Proxy};
use crate::error::SiteError;
use crate::hub::Fault;
use crate::oracle::journal::Journal;
use crate::site::simulation::SentValue;
use crate::workbench::Workbench;
use feeder::Feeder;

/// For a place to be reached: long enough for a hub that waits before it tries its cloud again, and for the next live
/// word.
const REACHED_WITHIN: Duration = Duration::from_secs(90);
/// For so many bytes to pass over the link.
const CUT_WITHIN: Duration = Duration::from_secs(60);
/// How long a cut may wait for a hub that waits itself.
const PATIENCE: Duration = Duration::from_secs(3);
/// A place is struck at one of its first so many times.
const TIMES: u64 = 3;
/// A link is cut within so many bytes.
const CUT_BYTES: u64 = 6_000;

/// Who dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Victim {
    /// The hub, at a place of its own.
    Hub,
    /// The cloud, at a place of its own.
    Cloud,
    /// Postgres with all its processes, while the cloud stands at a place.
    Postgres,
}

/// A death.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blow {
    /// Whose.
    pub victim: Victim,
    /// Where.
    pub place: &'static str,
    /// When it comes there for which time.
    pub time: u64,
}

/// The names in a program's list of places.
fn places(source: &'static str) -> Vec<&'static str> {
    let list = source.split_once("PLACES: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
    let names = list.map_or("", |(list, _)| list);
    names.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect()
}

/// Every place at which the hub can be killed.
pub fn hub_places() -> Vec<&'static str> {
    places(include_str!("../../edge/src/faults.rs"))
}

/// Every place at which the cloud can be killed or held while it takes a record. Nobody here sets rules or asks for
/// anything, so that it never comes to the places of those.
pub fn cloud_places() -> Vec<&'static str> {
    let mut places = places(include_str!("../../cloud/src/faults.rs"));
    places.retain(|place| !place.starts_with("push."));
    places
}

/// So many deaths in turn of hub, cloud and Postgres, each place of a victim once before any comes twice.
pub fn blows(chance: &mut Chance, count: usize) -> Vec<Blow> {
    let (hub, cloud) = (hub_places(), cloud_places());
    let victims = [(Victim::Hub, hub), (Victim::Cloud, cloud.clone()), (Victim::Postgres, cloud)];
    let mut left: [Vec<&'static str>; 3] = Default::default();
    let mut blows = Vec::with_capacity(count);
    for n in 0..count {
        let (victim, all) = &victims[n % victims.len()];
        let left = &mut left[n % victims.len()];
        if left.is_empty() {
            left.clone_from(all);
        }
        let place = left.swap_remove(chance.below(left.len() as u64) as usize);
        // A hub logs in once a session, and speaks of now every half minute: waiting for a third time takes minutes.
        let is_rare = place.contains("login") || place.contains("challenge") || place.contains("live");
        let time = if is_rare || place == "sync.logged_in" { 1 } else { 1 + chance.below(TIMES) };
        blows.push(Blow { victim: *victim, place, time });
    }
    blows
}

/// The world, with the cloud's Postgres, and sensors that never rest.
pub struct Havoc {
    // Fields are dropped in this order: what speaks first, what it speaks to last.
    feeder: Feeder,
    bench: Workbench,
    /// The cloud and what is behind it.
    pub far: CloudWorld,
    hold: PathBuf,
}

impl Havoc {
    /// Makes everything in `state`, with an enrolled hub.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn begin(state: &Path, seed: u64) -> Result<Havoc, SiteError> {
        let mut far = CloudWorld::start(&state.join("far"))?;
        far.cloud.start(None)?;
        let mut bench = Workbench::lay_out(&state.join("near"), &feeder::site())?;
        // Readings are made durable, and with that sent, as soon as the hub can be told to.
        bench.hub.setting("FROSTGUARD_EDGE__JOURNAL__GROUP_SECONDS", "1");
        bench.start()?;
        bench.hub.enrol(&far.let_in.link)?;
        let feeder = Feeder::start(std::sync::Arc::clone(&bench.bluez), seed);
        Ok(Havoc { feeder, bench, far, hold: state.join("held") })
    }

    /// Strikes; gives how it went.
    ///
    /// # Errors
    /// When the place was not reached in time, or the victim does not come up again.
    pub fn strike(&mut self, blow: &Blow) -> Result<(), SiteError> {
        match blow.victim {
            Victim::Hub => self.strike_hub(blow),
            Victim::Cloud => self.strike_cloud(blow),
            Victim::Postgres => self.strike_postgres(blow),
        }
    }

    fn strike_hub(&mut self, blow: &Blow) -> Result<(), SiteError> {
        self.bench.hub.kill();
        self.bench.hub.launch(Some(Fault::Counted { place: blow.place, time: blow.time }))?;
        self.bench.hub.wait_end(REACHED_WITHIN)?;
        self.bench.hub.start(None).map(|_| ())
    }

    fn strike_cloud(&mut self, blow: &Blow) -> Result<(), SiteError> {
        self.far.cloud.kill();
        self.far.cloud.launch(Some(&format!("{}:{}", blow.place, blow.time)))?;
        self.hub_comes_at_once()?;
        self.far.cloud.wait_end(REACHED_WITHIN)?;
        self.far.cloud.start(None).map(|_| ())
    }

    fn strike_postgres(&mut self, blow: &Blow) -> Result<(), SiteError> {
        self.far.cloud.kill();
        let fault = format!("{}:{}:hold={}", blow.place, blow.time, self.hold.display());
        self.far.cloud.launch(Some(&fault))?;
        self.hub_comes_at_once()?;
        let held = wait_for(&format!("the cloud stands at {}", blow.place), REACHED_WITHIN, || {
            self.hold.exists().then_some(())
        });
        held?;
        self.far.cluster.kill();
        fs::remove_file(&self.hold).map_err(SiteError::io("release the cloud"))?;
        self.far.cluster.start_again()
    }

    /// A hub that has been refused for a while waits before it tries again; a fresh one does not.
    fn hub_comes_at_once(&mut self) -> Result<(), SiteError> {
        self.bench.hub.kill();
        self.bench.hub.start(None).map(|_| ())
    }

    /// Cuts the link after some bytes of one direction.
    ///
    /// # Errors
    /// When so many did not pass in time.
    pub fn cut(&mut self, chance: &mut Chance) -> Result<Cut, SiteError> {
        let direction = *chance.one_of(&[Direction::Up, Direction::Up, Direction::Down]);
        // Answers are short: a late cut would wait for many of them.
        let within = if direction == Direction::Up { CUT_BYTES } else { CUT_BYTES / 8 };
        let cut = Cut { direction, after: chance.below(within) };
        let before = self.far.link.cuts();
        self.far.link.cut_after(cut);
        let what = format!("{cut:?}");
        let came = |link: &Proxy| (link.cuts() > before).then_some(());
        if wait_for(&what, PATIENCE, || came(&self.far.link)).is_err() {
            self.hub_comes_at_once()?;
            wait_for(&what, CUT_WITHIN, || came(&self.far.link))?;
        }
        Ok(cut)
    }

    /// Stills the sensors, lets everything run until the cloud holds all, and ends the hub; gives what was recorded and
    /// what was sent.
    ///
    /// # Errors
    /// When the hub never comes to an end.
    pub fn settle(&mut self) -> Result<(Journal, Vec<SentValue>), SiteError> {
        let sent = self.feeder.still();
        let journal = self.far.settled(&mut self.bench.hub)?;
        Ok((journal, sent))
    }

    /// What hub and cloud have complained in the end, for a test's message.
    pub fn last_words(&self) -> String {
        let near = fs::read_to_string(self.bench.hub.state_dir().join("../hub.err")).unwrap_or_default();
        let far = self.far.cloud.stderr();
        let last = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(20)..].join("\n")
        };
        format!("the hub:\n{}\nthe cloud:\n{}", last(&near), last(&far))
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn clear_away(self) -> Result<(), SiteError> {
        let Havoc { feeder, bench, far, hold: _ } = self;
        drop(feeder);
        bench.clear_away()?;
        far.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_each_victim_is_struck_before_any_is_struck_again() {
        assert!(hub_places().len() >= 6 && cloud_places().len() >= 12);
        let count = 3 * cloud_places().len();
        let blows = blows(&mut Chance::of(1), count);
        for (victim, all) in [(Victim::Hub, hub_places()), (Victim::Cloud, cloud_places())] {
            let struck = |place: &str| blows.iter().any(|blow| blow.victim == victim && blow.place == place);
            assert!(all.iter().all(|place| struck(place)), "{victim:?}: {blows:?}");
        }
    }
}
