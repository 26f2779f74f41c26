//! Owns the commands that a person types while the demo runs.
//! Takes a line; gives what there is to answer, having done to the site or to the line what was asked.
//! Must never do to a hub or the cloud what a person at the premises could not.

use super::Demo;
use super::furnishing;
use crate::error::SiteError;
use crate::site::simulation::Simulation;
use crate::site::thermal::{Compressor, Door, Evaporator};

/// What can be typed.
pub const HELP: &str = "\
break UNIT | repair UNIT      its compressor
open UNIT | close UNIT        its door, beside what the staff do
defrost UNIT                  its evaporator, for twenty of its minutes
silence UNIT | wake UNIT      its sensor's battery
cut link | mend link          the line between hubs and cloud
show                          the true temperatures";

/// What a line asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    CutLink,
    MendLink,
    Show,
    Break(&'static str),
    Repair(&'static str),
    Open(&'static str),
    Close(&'static str),
    Defrost(&'static str),
    Silence(&'static str),
    Wake(&'static str),
}

/// The keys of all units, those of the kitchen first.
pub fn units() -> Vec<&'static str> {
    let all = [furnishing::kitchen(), furnishing::warehouse()].concat();
    all.iter().map(|unit| unit.furnished.key).collect()
}

/// Does what a line asks for.
///
/// # Errors
/// When a unit that should be there is not.
pub fn obey(demo: &Demo, line: &str) -> Result<String, SiteError> {
    let wish = match wish(line) {
        Ok(wish) => wish,
        Err(answer) => return Ok(answer),
    };
    match wish {
        Wish::CutLink => demo.far.link.refuse(),
        Wish::MendLink => demo.far.link.mend(),
        Wish::Show => return show(demo),
        Wish::Break(unit) => place(demo, unit).compressor(unit, Compressor::Dead)?,
        Wish::Repair(unit) => place(demo, unit).compressor(unit, Compressor::Running)?,
        Wish::Open(unit) => place(demo, unit).door(unit, Door::Open)?,
        Wish::Close(unit) => place(demo, unit).door(unit, Door::Closed)?,
        Wish::Defrost(unit) => place(demo, unit).defrost(unit)?,
        Wish::Silence(unit) => place(demo, unit).silence(unit, true)?,
        Wish::Wake(unit) => place(demo, unit).silence(unit, false)?,
    }
    Ok("Done.".to_owned())
}

/// What a line asks for, or what to answer if it asks for nothing that there is.
fn wish(line: &str) -> Result<Wish, String> {
    let line = line.trim().to_lowercase();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
    let whom = rest.split_whitespace().collect::<Vec<_>>().join("_").replace('-', "_");
    let unit = || {
        let found = units().into_iter().find(|unit| *unit == whom);
        found.ok_or_else(|| format!("There is no unit \"{whom}\". There are {}.", units().join(", ")))
    };
    match (verb, whom.as_str()) {
        ("cut", "link") => Ok(Wish::CutLink),
        ("mend", "link") => Ok(Wish::MendLink),
        ("show", _) => Ok(Wish::Show),
        ("break", _) => unit().map(Wish::Break),
        ("repair", _) => unit().map(Wish::Repair),
        ("open", _) => unit().map(Wish::Open),
        ("close", _) => unit().map(Wish::Close),
        ("defrost", _) => unit().map(Wish::Defrost),
        ("silence", _) => unit().map(Wish::Silence),
        ("wake", _) => unit().map(Wish::Wake),
        _ => Err(HELP.to_owned()),
    }
}

/// The site in which a unit stands.
fn place<'a>(demo: &'a Demo, unit: &str) -> &'a Simulation {
    let in_kitchen = furnishing::kitchen().iter().any(|known| known.furnished.key == unit);
    if in_kitchen { &demo.kitchen.site } else { &demo.warehouse.site }
}

fn show(demo: &Demo) -> Result<String, SiteError> {
    let mut text = String::new();
    for unit in units() {
        let truth = place(demo, unit).truth(unit)?;
        let compressor = match truth.compressor {
            Compressor::Running => "",
            Compressor::Dead => ", compressor dead",
        };
        let door = match truth.door {
            Door::Open => ", door open",
            Door::Closed => "",
        };
        let evaporator = match truth.evaporator {
            Evaporator::Defrosting => ", defrosting",
            Evaporator::Cooling => "",
        };
        let (air, goods) = (truth.air_c, truth.product_c);
        text += &format!("{unit:<16} air {air:6.2} °C, goods {goods:6.2} °C{compressor}{door}{evaporator}\n");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_takes_every_command_however_its_name_is_joined() {
        for unit in units() {
            assert_eq!(wish(&format!("break {unit}")), Ok(Wish::Break(unit)));
            assert_eq!(wish(&format!("  Defrost  {} ", unit.replace('_', " "))), Ok(Wish::Defrost(unit)));
            assert_eq!(wish(&format!("wake {}", unit.replace('_', "-"))), Ok(Wish::Wake(unit)));
        }
        assert_eq!(wish("cut link"), Ok(Wish::CutLink));
        assert_eq!(wish("show"), Ok(Wish::Show));
        assert_eq!(units().len(), 8);
    }

    #[test]
    fn what_is_not_understood_is_answered_with_what_there_is() {
        let answer = wish("break pantry").unwrap_err();
        assert!(answer.contains("\"pantry\"") && answer.contains("walk_in_freezer"), "{answer}");
        assert!(wish("dance").unwrap_err().contains("silence UNIT"));
        assert!(wish("cut fridge").unwrap_err().contains("cut link"));
    }
}
