//! Owns chance for tests: numbers that look random and come again for the same seed.
//! Takes a seed, by `FROSTGUARD_SEED` or from the clock; gives choices, and the seed to print beside what they led to.
//! Must never be used for a secret.

use std::time::Duration;

use crate::clock::wall;

/// A source of choices (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// The choices of one seed.
    pub fn of(seed: u64) -> Chance {
        Chance { seed, state: seed }
    }

    /// The choices of the seed that `FROSTGUARD_SEED` names, or else of another one each time.
    pub fn from_environment() -> Chance {
        let named = std::env::var("FROSTGUARD_SEED").ok().and_then(|seed| seed.parse().ok());
        Chance::of(named.unwrap_or_else(|| wall().as_microsecond().unsigned_abs()))
    }

    /// The seed that leads to the same choices again.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of these, of which there is one at least.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// A time below `end`, in whole milliseconds.
    pub fn time_below(&mut self, end: Duration) -> Duration {
        Duration::from_millis(self.below(end.as_millis().max(1) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_leads_to_the_same_choices_and_another_to_others() {
        let choices = |seed| {
            let mut chance = Chance::of(seed);
            std::array::from_fn::<u64, 8, _>(|_| chance.below(1_000))
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
        assert!(choices(3).iter().all(|number| *number < 1_000));
    }
}
