//! Owns what stands in the two premises of the demo: six units of all kinds in a kitchen, two in a warehouse.
//! Takes nothing; gives the units with their physics, their day, their sensors and the limits that guard them.
//! Must never alarm by itself: what goes on in a sound unit stays within its limits, or is over before the delay is.

use std::time::Duration;

use crate::site::routine::{Batches, Routine, Timetable};
use crate::site::sensor::Sensor;
use crate::site::simulation::{Damp, Furnished, Pace};
use crate::site::thermal::Plant;

/// One second is a minute for the units; every sensor speaks twelve times in a real minute, of which each may be a
/// reading of its own.
pub const PACE: Pace =
    Pace { physics: 60, advert_every: Duration::from_secs(5), uplink_every: Duration::from_secs(5) };

/// How long a limit must be exceeded before an alarm, in real minutes.
pub const DELAY_MINUTES: u32 = 1;

/// A unit with what a site document says of it.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The unit with its sensor.
    pub furnished: Furnished,
    /// Its name.
    pub name: &'static str,
    /// The kind of equipment.
    pub kind: &'static str,
    /// The lowest and the highest temperature allowed, in 0.1 °C.
    pub limits_deci_c: (i32, i32),
}

const MINUTE: Duration = Duration::from_secs(60);

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Staff who come every so many minutes, at uneven times, and stay so many.
const fn visits(first: u64, every: u64, stay: u64) -> Option<Timetable> {
    let spread = minutes(every - stay - every / 3);
    Some(Timetable { first: minutes(first), every: minutes(every), spread, lasts: minutes(stay) })
}

fn unit(key: &'static str, plant: Plant, routine: Routine, humid_pct: f64, sensor: Sensor) -> Furnished {
    let damp = Damp { at_setpoint_pct: humid_pct, per_k: 1.5 };
    Furnished { key, plant, routine, damp, sensor, lag: MINUTE }
}

/// The kitchen.
pub fn kitchen() -> Vec<Guarded> {
    vec![fridge(), freezer(), display_case(), walk_in_cooler(), walk_in_freezer(), blast_chiller()]
}

fn fridge() -> Guarded {
    let plant = Plant {
        air_j_per_k: 50_000.0,
        product_j_per_k: 200_000.0,
        walls_w_per_k: 6.0,
        open_door_w_per_k: 30.0,
        exchange_w_per_k: 6.0,
        cooling_w: 260.0,
        setpoint_c: 4.0,
        half_band_c: 1.25,
        defrost_w: 0.0,
    };
    let routine = Routine { visits: visits(9, 18, 1), ..Routine::NONE };
    let sensor = Sensor::Lht65 { dev_eui: "a84041ffff123456".to_owned() };
    Guarded {
        furnished: unit("fridge", plant, routine, 68.0, sensor),
        name: "Kitchen fridge",
        kind: "fridge",
        limits_deci_c: (0, 80),
    }
}

fn freezer() -> Guarded {
    let plant = Plant {
        air_j_per_k: 60_000.0,
        product_j_per_k: 400_000.0,
        walls_w_per_k: 3.0,
        open_door_w_per_k: 14.0,
        exchange_w_per_k: 5.0,
        cooling_w: 330.0,
        setpoint_c: -20.0,
        half_band_c: 1.25,
        defrost_w: 60.0,
    };
    let routine = Routine { visits: visits(20, 45, 2), ..Routine::NONE };
    let sensor = Sensor::Govee { mac: "A4:C1:38:61:CB:9B".to_owned() };
    Guarded {
        furnished: unit("freezer", plant, routine, 52.0, sensor),
        name: "Upright freezer",
        kind: "freezer",
        limits_deci_c: (-300, -150),
    }
}

fn display_case() -> Guarded {
    let plant = Plant {
        air_j_per_k: 220_000.0,
        product_j_per_k: 300_000.0,
        walls_w_per_k: 25.0,
        open_door_w_per_k: 40.0,
        exchange_w_per_k: 12.0,
        cooling_w: 1_000.0,
        setpoint_c: 3.0,
        half_band_c: 1.0,
        defrost_w: 0.0,
    };
    let routine = Routine { visits: visits(12, 25, 2), ..Routine::NONE };
    let sensor = Sensor::Ruuvi { mac: "CB:B8:33:4C:88:4F".to_owned() };
    Guarded {
        furnished: unit("display_case", plant, routine, 74.0, sensor),
        name: "Display case",
        kind: "display_case",
        limits_deci_c: (-10, 70),
    }
}

fn walk_in_cooler() -> Guarded {
    let plant = Plant {
        air_j_per_k: 250_000.0,
        product_j_per_k: 4_000_000.0,
        walls_w_per_k: 30.0,
        open_door_w_per_k: 180.0,
        exchange_w_per_k: 60.0,
        cooling_w: 1_400.0,
        setpoint_c: 3.0,
        half_band_c: 1.25,
        defrost_w: 0.0,
    };
    let routine = Routine { visits: visits(4, 22, 3), ..Routine::NONE };
    let sensor = Sensor::Em300Mcs { dev_eui: "24e124136b502301".to_owned() };
    Guarded {
        furnished: unit("walk_in_cooler", plant, routine, 82.0, sensor),
        name: "Walk-in cooler",
        kind: "walk_in_cooler",
        limits_deci_c: (0, 80),
    }
}

fn walk_in_freezer() -> Guarded {
    let plant = Plant {
        air_j_per_k: 500_000.0,
        product_j_per_k: 6_000_000.0,
        walls_w_per_k: 30.0,
        open_door_w_per_k: 200.0,
        exchange_w_per_k: 60.0,
        cooling_w: 5_000.0,
        setpoint_c: -19.5,
        half_band_c: 1.25,
        defrost_w: 2_400.0,
    };
    // An electric defrost four times a day, and nobody goes in before the cold is back.
    let defrost =
        Timetable { first: minutes(110), every: minutes(360), spread: Duration::ZERO, lasts: minutes(20) };
    let routine = Routine { visits: visits(15, 60, 3), defrosts: Some(defrost), batches: None };
    let sensor = Sensor::BthomeDoor { mac: "A4:C1:38:00:00:01".to_owned() };
    Guarded {
        furnished: unit("walk_in_freezer", plant, routine, 60.0, sensor),
        name: "Walk-in freezer",
        kind: "walk_in_freezer",
        limits_deci_c: (-300, -150),
    }
}

fn blast_chiller() -> Guarded {
    let plant = Plant {
        air_j_per_k: 90_000.0,
        product_j_per_k: 70_000.0,
        walls_w_per_k: 10.0,
        open_door_w_per_k: 70.0,
        exchange_w_per_k: 29.0,
        cooling_w: 1_900.0,
        setpoint_c: -4.0,
        half_band_c: 1.5,
        defrost_w: 0.0,
    };
    let loading =
        Timetable { first: minutes(35), every: minutes(170), spread: minutes(30), lasts: minutes(4) };
    let routine = Routine { batches: Some(Batches { loading, goods_c: 70.0 }), ..Routine::NONE };
    let sensor = Sensor::BthomeDoor { mac: "A4:C1:38:00:00:02".to_owned() };
    Guarded {
        furnished: unit("blast_chiller", plant, routine, 70.0, sensor),
        name: "Blast chiller",
        kind: "blast_chiller",
        limits_deci_c: (-120, 120),
    }
}

/// The warehouse.
pub fn warehouse() -> Vec<Guarded> {
    let cold_store = Plant {
        air_j_per_k: 400_000.0,
        product_j_per_k: 9_000_000.0,
        walls_w_per_k: 45.0,
        open_door_w_per_k: 220.0,
        exchange_w_per_k: 120.0,
        cooling_w: 2_200.0,
        setpoint_c: 2.5,
        half_band_c: 1.25,
        defrost_w: 0.0,
    };
    let stock_freezer = Plant {
        air_j_per_k: 80_000.0,
        product_j_per_k: 900_000.0,
        walls_w_per_k: 4.0,
        open_door_w_per_k: 18.0,
        exchange_w_per_k: 8.0,
        cooling_w: 420.0,
        setpoint_c: -20.5,
        half_band_c: 1.5,
        defrost_w: 80.0,
    };
    let deliveries = Routine { visits: visits(11, 50, 4), ..Routine::NONE };
    let picking = Routine { visits: visits(30, 90, 2), ..Routine::NONE };
    let door = Sensor::Em300Mcs { dev_eui: "24e124136b502302".to_owned() };
    let probe = Sensor::Lht65 { dev_eui: "a84041ffff654321".to_owned() };
    vec![
        Guarded {
            furnished: unit("cold_store", cold_store, deliveries, 84.0, door),
            name: "Cold store",
            kind: "walk_in_cooler",
            limits_deci_c: (0, 80),
        },
        Guarded {
            furnished: unit("stock_freezer", stock_freezer, picking, 50.0, probe),
            name: "Stock freezer",
            kind: "freezer",
            limits_deci_c: (-300, -150),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::simulation::Unit;
    use crate::site::thermal::Compressor;

    const DAY: u64 = 24 * 60;
    /// A hub's delay in minutes of the units, of which less than this much may pass beyond a limit.
    const LONGEST_BEYOND: u64 = DELAY_MINUTES as u64 * 60 * 3 / 4;

    fn all() -> Vec<Guarded> {
        [kitchen(), warehouse()].concat()
    }

    /// What the sensor says, every five minutes of a day; the unit's own state with it.
    fn day(unit: &Guarded) -> Vec<(i32, Unit)> {
        let mut living = Unit::settled(unit.furnished.clone());
        (0..DAY / 5)
            .map(|_| {
                living.live_for(minutes(5));
                let said = unit.furnished.sensor.say(&living.around(1));
                (i32::from(said.temperatures[0].1), living.clone())
            })
            .collect()
    }

    #[test]
    fn all_six_kinds_of_equipment_stand_in_the_kitchen() {
        let kinds: Vec<&str> = kitchen().iter().map(|unit| unit.kind).collect();
        let expected =
            ["fridge", "freezer", "display_case", "walk_in_cooler", "walk_in_freezer", "blast_chiller"];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_day_of_staff_batches_and_defrosts_alarms_nowhere() {
        for unit in all() {
            let (low, high) = (unit.limits_deci_c.0 * 10, unit.limits_deci_c.1 * 10);
            let (mut beyond, mut longest) = (0, 0);
            for (said, _) in day(&unit) {
                // Half a degree inside the limit counts as recovered.
                let out =
                    if beyond == 0 { said > high || said < low } else { said > high - 50 || said < low + 50 };
                beyond = if out { beyond + 5 } else { 0 };
                longest = longest.max(beyond);
            }
            assert!(longest < LONGEST_BEYOND, "{} is beyond for {longest} minutes", unit.furnished.key);
        }
    }

    #[test]
    fn most_of_what_a_sensor_says_is_a_reading_of_its_own() {
        let all = all();
        for unit in &all {
            let said: Vec<i32> = day(unit).into_iter().map(|(said, _)| said).collect();
            let changes = said.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) >= 20).count();
            assert!(changes * 10 >= said.len() * 7, "{}: {changes} of {}", unit.furnished.key, said.len());
        }
    }

    #[test]
    fn the_defrost_warms_the_walk_in_freezer_past_its_limit_for_some_minutes() {
        let unit = walk_in_freezer();
        let day = day(&unit);
        let warmest = day.iter().map(|(said, _)| *said).max();
        assert!(warmest > Some(-1_450), "{warmest:?}");
        let beyond = day.iter().filter(|(said, _)| *said > -1_500).count() * 5;
        assert!((20..=160).contains(&beyond), "{beyond} minutes of a day with four defrosts");
    }

    #[test]
    fn each_batch_is_chilled_before_the_next_comes() {
        let states = day(&blast_chiller());
        let goods: Vec<f64> = states.iter().map(|(_, unit)| unit.truth().product_c).collect();
        let loaded: Vec<usize> = (1..goods.len()).filter(|at| goods[*at] > goods[*at - 1] + 20.0).collect();
        assert!(loaded.len() >= 7, "{loaded:?}");
        for at in &loaded {
            assert!(goods[at - 1] < 5.0, "the goods before batch {at} are at {}", goods[at - 1]);
        }
    }

    #[test]
    fn every_unit_whose_compressor_dies_is_past_its_limit_within_two_hours() {
        for unit in all() {
            let mut living = Unit::settled(unit.furnished.clone());
            living.compressor(Compressor::Dead);
            living.live_for(minutes(120));
            let said = i32::from(unit.furnished.sensor.say(&living.around(1)).temperatures[0].1);
            assert!(said > unit.limits_deci_c.1 * 10, "{} is at {said}", unit.furnished.key);
        }
    }
}
