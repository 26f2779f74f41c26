//! Owns the physics of one refrigerated unit: two heat masses, air and product, a thermostat, a defrost, a door.
//! Takes a span of time; gives the unit as it is after it, the same for the same inputs on every machine.
//! Must never read a clock, draw a random number or know what a sensor or the hub makes of it.

use std::time::Duration;

/// The longest step that the integration takes at once, in seconds; far below every time constant used.
const LARGEST_STEP_S: f64 = 1.0;

/// What a unit is built like: heat capacities in J/K, conductances in W/K, power in W.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// Heat capacity of the air, shelves and inner skin.
    pub air_j_per_k: f64,
    /// Heat capacity of the goods.
    pub product_j_per_k: f64,
    /// Heat let in through walls and gaskets.
    pub walls_w_per_k: f64,
    /// Heat let in by air exchange through the open door.
    pub open_door_w_per_k: f64,
    /// Heat exchanged between air and goods.
    pub exchange_w_per_k: f64,
    /// Heat that the evaporator takes while the compressor runs.
    pub cooling_w: f64,
    /// Air temperature that the thermostat holds.
    pub setpoint_c: f64,
    /// The compressor starts this far above the setpoint and stops this far below.
    pub half_band_c: f64,
    /// Heat that a defrost lets into the air: what its heater has left after melting the ice, or nothing if the
    /// evaporator thaws by itself while the compressor rests.
    pub defrost_w: f64,
}

impl Plant {
    /// A walk-in freezer kept at -19 °C.
    pub const WALK_IN_FREEZER: Plant = Plant {
        air_j_per_k: 60_000.0,
        product_j_per_k: 3_000_000.0,
        walls_w_per_k: 30.0,
        open_door_w_per_k: 250.0,
        exchange_w_per_k: 100.0,
        cooling_w: 4_000.0,
        setpoint_c: -19.0,
        half_band_c: 0.75,
        defrost_w: 600.0,
    };

    /// A kitchen refrigerator kept at 4 °C.
    pub const FRIDGE: Plant = Plant {
        air_j_per_k: 8_000.0,
        product_j_per_k: 200_000.0,
        walls_w_per_k: 4.0,
        open_door_w_per_k: 40.0,
        exchange_w_per_k: 6.0,
        cooling_w: 250.0,
        setpoint_c: 4.0,
        half_band_c: 0.75,
        defrost_w: 0.0,
    };
}

/// Whether the compressor can do its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compressor {
    /// It runs whenever the thermostat asks.
    Running,
    /// It never runs, whatever the thermostat asks.
    Dead,
}

/// What the evaporator is at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evaporator {
    /// It cools whenever the compressor runs.
    Cooling,
    /// Its ice is being melted, and the compressor waits.
    Defrosting,
}

/// Where the door stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Door {
    /// Air of the room comes in.
    Open,
    /// Only the walls let heat in.
    Closed,
}

/// One unit at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Refrigeration {
    /// What it is built like.
    pub plant: Plant,
    /// Temperature of the room around it.
    pub ambient_c: f64,
    /// Temperature of its air.
    pub air_c: f64,
    /// Temperature of its goods.
    pub product_c: f64,
    /// The fault switch.
    pub compressor: Compressor,
    /// The door.
    pub door: Door,
    /// The evaporator.
    pub evaporator: Evaporator,
    wants_cold: bool,
}

impl Refrigeration {
    /// A unit that has long been at its setpoint, door closed, compressor sound.
    pub fn settled(plant: Plant, ambient_c: f64) -> Refrigeration {
        Refrigeration {
            plant,
            ambient_c,
            air_c: plant.setpoint_c,
            product_c: plant.setpoint_c,
            compressor: Compressor::Running,
            door: Door::Closed,
            evaporator: Evaporator::Cooling,
            wants_cold: false,
        }
    }

    /// The unit after `span`, with door and compressor left as they are.
    #[must_use]
    pub fn step(mut self, span: Duration) -> Refrigeration {
        let mut left = span.as_secs_f64();
        while left > 0.0 {
            let dt = left.min(LARGEST_STEP_S);
            self = self.small_step(dt);
            left -= dt;
        }
        self
    }

    /// The unit with its goods changed for a batch of this temperature.
    #[must_use]
    pub fn loaded(mut self, goods_c: f64) -> Refrigeration {
        self.product_c = goods_c;
        self
    }

    fn small_step(mut self, dt: f64) -> Refrigeration {
        let plant = &self.plant;
        if self.air_c >= plant.setpoint_c + plant.half_band_c {
            self.wants_cold = true;
        } else if self.air_c <= plant.setpoint_c - plant.half_band_c {
            self.wants_cold = false;
        }
        let cooling = match (self.evaporator, self.compressor) {
            (Evaporator::Defrosting, _) => -plant.defrost_w,
            (Evaporator::Cooling, Compressor::Running) if self.wants_cold => plant.cooling_w,
            (Evaporator::Cooling, Compressor::Running | Compressor::Dead) => 0.0,
        };
        let leak_w_per_k = match self.door {
            Door::Open => plant.walls_w_per_k + plant.open_door_w_per_k,
            Door::Closed => plant.walls_w_per_k,
        };
        let from_goods = plant.exchange_w_per_k * (self.product_c - self.air_c);
        let from_room = leak_w_per_k * (self.ambient_c - self.air_c);
        self.air_c += dt * (from_room + from_goods - cooling) / plant.air_j_per_k;
        self.product_c -= dt * from_goods / plant.product_j_per_k;
        self
    }
}

/// A sensor's own small heat mass: it follows what is around it with a delay.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    /// What the sensor has, and therefore reports.
    pub reads_c: f64,
    /// Time in which the difference to the surroundings falls to 37 %.
    pub lag: Duration,
}

impl Tag {
    /// The sensor after `span` in surroundings of `around_c`.
    #[must_use]
    pub fn follow(self, around_c: f64, span: Duration) -> Tag {
        let kept = (-span.as_secs_f64() / self.lag.as_secs_f64()).exp();
        Tag { reads_c: around_c + (self.reads_c - around_c) * kept, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: u64 = 3_600;

    fn both() -> [Refrigeration; 2] {
        [Plant::WALK_IN_FREEZER, Plant::FRIDGE].map(|plant| Refrigeration::settled(plant, 22.0))
    }

    #[test]
    fn a_healthy_unit_stays_near_its_band_all_day() {
        for mut unit in both() {
            for _ in 0..24 * HOUR {
                unit = unit.step(SECOND);
                assert!((unit.air_c - unit.plant.setpoint_c).abs() < unit.plant.half_band_c + 0.1);
                assert!((unit.product_c - unit.plant.setpoint_c).abs() < 0.5);
            }
        }
    }

    #[test]
    fn a_door_open_for_a_minute_moves_the_air_and_hardly_the_goods() {
        for mut unit in both() {
            let before = unit;
            unit.door = Door::Open;
            let after = unit.step(Duration::from_secs(60));
            assert!(after.air_c - before.air_c >= 2.0, "air moved by {}", after.air_c - before.air_c);
            assert!((after.product_c - before.product_c).abs() <= 0.3);
        }
    }

    #[test]
    fn a_dead_compressor_warms_the_freezer_past_its_limit_and_a_repair_cools_it_again() {
        let mut unit = Refrigeration::settled(Plant::WALK_IN_FREEZER, 22.0);
        unit.compressor = Compressor::Dead;
        let warm = unit.step(Duration::from_secs(HOUR));
        assert!(warm.air_c > -15.0, "the air is at {}", warm.air_c);
        assert!(warm.product_c < -18.0, "the goods are at {}", warm.product_c);
        let mut repaired = warm;
        repaired.compressor = Compressor::Running;
        assert!(repaired.step(Duration::from_secs(HOUR)).air_c < -18.0);
    }

    #[test]
    fn a_dead_compressor_warms_the_fridge_past_its_limit_and_a_repair_cools_it_again() {
        let mut unit = Refrigeration::settled(Plant::FRIDGE, 22.0);
        unit.compressor = Compressor::Dead;
        let mut warm = unit.step(Duration::from_secs(2 * HOUR));
        assert!(warm.air_c > 9.0, "the air is at {}", warm.air_c);
        warm.compressor = Compressor::Running;
        assert!(warm.step(Duration::from_secs(HOUR)).air_c < 5.0);
    }

    #[test]
    fn a_defrost_warms_the_air_by_degrees_and_the_compressor_takes_them_out_again() {
        let mut unit = Refrigeration::settled(Plant::WALK_IN_FREEZER, 22.0);
        unit.evaporator = Evaporator::Defrosting;
        let mut warm = unit.step(Duration::from_secs(20 * 60));
        assert!(warm.air_c - unit.air_c > 5.0, "the air is at {}", warm.air_c);
        assert!(warm.product_c - unit.product_c < 1.0, "the goods are at {}", warm.product_c);
        warm.evaporator = Evaporator::Cooling;
        assert!(warm.step(Duration::from_secs(20 * 60)).air_c < -18.0);
    }

    #[test]
    fn a_warm_batch_warms_the_air_and_is_chilled() {
        let unit = Refrigeration::settled(Plant::FRIDGE, 22.0).loaded(60.0);
        let soon = unit.step(Duration::from_secs(20 * 60));
        assert!(soon.air_c > 6.0 && soon.product_c < 59.0, "{} and {}", soon.air_c, soon.product_c);
        assert!(soon.step(Duration::from_secs(24 * HOUR)).product_c < 10.0);
    }

    #[test]
    fn the_same_hour_gives_the_same_temperatures_bit_for_bit() {
        let run = || {
            let mut unit = Refrigeration::settled(Plant::FRIDGE, 22.0);
            for minute in 0..60 {
                unit.door = if minute % 7 == 0 { Door::Open } else { Door::Closed };
                unit = unit.step(Duration::from_secs(60));
            }
            (unit.air_c.to_bits(), unit.product_c.to_bits())
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_tag_with_a_lag_of_minutes_hides_the_cycles_of_the_compressor() {
        let mut unit = Refrigeration::settled(Plant::WALK_IN_FREEZER, 22.0);
        let mut tag = Tag { reads_c: unit.air_c, lag: Duration::from_secs(300) };
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for second in 0..4 * HOUR {
            unit = unit.step(SECOND);
            tag = tag.follow(unit.air_c, SECOND);
            if second > HOUR {
                low = low.min(tag.reads_c);
                high = high.max(tag.reads_c);
            }
        }
        assert!(high - low < 0.2, "the tag swings by {}", high - low);
    }
}
