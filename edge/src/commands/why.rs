//! `frostguard-edge why`: why a unit is as it is, or was at a time, said in words.
//!
//! Owns what is asked and where the answer comes from: the journal in the state folder, folded again by the same rules
//! that the hub runs. It writes nothing, and the hub may be running. The words are in [`words`].

mod words;

use super::{At, Failure};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::site::{Site, Unit};
use crate::store::{self, past::Past};
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::rules::{Explained, UnitRules};
use frostguard_shared::time::{RuleMs, WallMs};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned, civil};
use std::io::Write;
use thiserror::Error;

/// The latest moves that are told.
const MOVES: usize = 12;

/// What is asked.
#[derive(clap::Args)]
#[command(
    long_about = "Say in words why a unit is as it is: its status, each of its regions, every open alert with its life, \
the rule field that decided with its value and where it was set, how much of its time an excursion has used, how long an \
open door may still excuse warm air today, and what held back that people were told.

It folds the hub's journal again, by the same rules that the hub runs, and changes nothing; the hub may be running.
Without --at it tells how things stand at the last record. With --at it tells how they stood then, by everything that is \
recorded of that time by now, values that came late among it. What is older than three days cannot be folded again.",
    after_long_help = "Times: 14:05 (the last time it was 14:05 at the site), \"2026-11-23 14:05\" or 2026-11-23T14:05:30 \
(at the site), 2026-11-23T13:05:00Z.

Exit codes: 0 told, 1 not (the message says why), 2 wrong usage."
)]
pub(super) struct WhyArguments {
    #[command(flatten)]
    at: At,
    /// The unit's key in the site document, or its name
    unit: String,
    /// Tell how it was at this time
    #[arg(long = "at", value_name = "TIME")]
    time: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A question that cannot be answered. Show it.
#[derive(Debug, Error)]
enum WhyError {
    #[error("there is no journal in {0}: the hub has not run yet")]
    NeverRan(std::path::PathBuf),
    #[error("there is no unit \"{asked}\"; the units are {known}")]
    NoSuchUnit { asked: String, known: String },
    #[error("\"{0}\" is no time of the forms 14:05, \"2026-11-23 14:05\" or 2026-11-23T13:05:00Z")]
    NoTime(String),
    #[error("the rules knew nothing of the unit \"{0}\" then")]
    Unknown(String),
}

/// What is known of a unit at a time, for telling it.
struct Known<'a> {
    site: &'a Site,
    unit: &'a Unit,
    past: &'a Past,
    explained: Explained,
    rules: UnitRules,
    moves: Vec<Event>,
    /// Of each alert that people should see, what was recorded of it.
    lives: Vec<Vec<Event>>,
}

impl WhyArguments {
    /// Tells it.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.at.load()?;
        let path = config.state_dir.join(store::FILE);
        if !path.exists() || !config.state_dir.join(Identity::FILE).exists() {
            return Err(WhyError::NeverRan(config.state_dir).into());
        }
        let clock = Clock::new(WallMs(0), config.clock.kept_by_host).sample();
        // The ids of keys that are new here are made when the hub starts, not by looking.
        let mut identity = Identity::open(&config.state_dir, clock)?;
        let site = Site::load(&document(&config), &mut identity, clock)?;
        let unit = unit_of(&site, &self.unit)?;
        let past = Past::open(&path, identity.hub())?;
        let at = match &self.time {
            Some(text) => past.rule_of(time_of(text, &site.zone, clock.wall)?),
            None => past.last(),
        };
        let known = known(&site, unit, &past, at)?;
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", words::machine(&known))?;
        } else {
            out.write_all(words::people(&known).as_bytes())?;
        }
        Ok(())
    }
}

/// The site document in force, where one is kept; else the one that is to be.
fn document(config: &Config) -> std::path::PathBuf {
    let kept = config.state_dir.join(Site::IN_FORCE);
    if kept.exists() { kept } else { config.site.clone() }
}

fn unit_of<'a>(site: &'a Site, asked: &str) -> Result<&'a Unit, WhyError> {
    let by_key = site.units.iter().find(|unit| unit.key == asked);
    let by_name = || site.units.iter().find(|unit| unit.name.eq_ignore_ascii_case(asked));
    by_key.or_else(by_name).ok_or_else(|| WhyError::NoSuchUnit {
        asked: asked.into(),
        known: site.units.iter().map(|unit| unit.key.as_str()).collect::<Vec<_>>().join(", "),
    })
}

fn known<'a>(site: &'a Site, unit: &'a Unit, past: &'a Past, at: RuleMs) -> Result<Known<'a>, Failure> {
    let state = past.state_at(at)?;
    let unknown = || WhyError::Unknown(unit.key.clone());
    let explained = state.explain(unit.id).ok_or_else(unknown)?;
    let rules = state.unit_rules(unit.id).cloned().ok_or_else(unknown)?;
    let at = explained.at;
    let is_move = |event: &Event| matches!(event.fact(), Some(Fact::UnitTransition { .. }));
    let moves = past.of_unit(unit.id, at, MOVES, is_move)?;
    let lives = explained.alerts.iter().map(|(episode, _)| past.of_alert(episode, at));
    let lives = lives.collect::<Result<_, _>>()?;
    Ok(Known { site, unit, past, explained, rules, moves, lives })
}

/// A time as people write it, at the site.
fn time_of(text: &str, zone: &TimeZone, now: WallMs) -> Result<WallMs, WhyError> {
    let refused = || WhyError::NoTime(text.chars().take(64).collect());
    let wall = |at: &Zoned| WallMs(at.timestamp().as_millisecond());
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(WallMs(at.as_millisecond()));
    }
    if let Ok(at) = text.parse::<civil::DateTime>() {
        return at.to_zoned(zone.clone()).map(|at| wall(&at)).map_err(|_| refused());
    }
    let time: civil::Time = text.parse().map_err(|_| refused())?;
    let now = Timestamp::from_millisecond(now.0).map_err(|_| refused())?.to_zoned(zone.clone());
    let today = now.with().time(time).build().map_err(|_| refused())?;
    if today <= now {
        return Ok(wall(&today));
    }
    let day_before = now.checked_sub(SignedDuration::from_hours(24)).map_err(|_| refused())?;
    day_before.with().time(time).build().map(|at| wall(&at)).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_last_one_at_the_site_and_a_full_time_is_itself() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| WallMs(text.parse::<Timestamp>().unwrap().as_millisecond());
        let now = at("2026-11-23T13:00:00Z");
        let read = |text: &str| time_of(text, &berlin, now).unwrap();
        assert_eq!(read("13:30"), at("2026-11-23T12:30:00Z"));
        assert_eq!(read("14:30"), at("2026-11-22T13:30:00Z"), "today it is not yet half past two");
        assert_eq!(read("2026-11-20 08:15"), at("2026-11-20T07:15:00Z"));
        assert_eq!(read("2026-07-20T08:15:30"), at("2026-07-20T06:15:30Z"), "in summer time");
        assert_eq!(read("2026-11-20T08:15:00Z"), at("2026-11-20T08:15:00Z"));
        for text in ["", "noon", "25:00", "2026-13-01 00:00"] {
            assert!(time_of(text, &berlin, now).is_err(), "{text}");
        }
    }
}
