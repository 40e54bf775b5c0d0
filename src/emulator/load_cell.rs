//! The load cell under the basket, with its converter: rings, creeps, drifts, and is read with noise.
//!
//! The order of effects and the numbers follow the notes on scales in the design: what is marked (E) is an estimate
//! until it has been measured on a cart.

use super::forces::BASKET;
use super::space::Chance;
use super::world::{ScaleState, World};
use crate::domain::units::{Grams, Stamp};
use crate::ports::{ScaleError, WeightSample};
use std::f64::consts::TAU;

/// What a cell and its frame are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellSettings {
    /// Readings a second; an HX711 with its inner clock gives 88 to 94 where 80 are promised.
    pub rate: f64,
    /// Deviation of the period, as a share (E).
    pub rate_wander: f64,
    /// White noise, grams rms: one 40 kg, 2 mV/V cell on an HX711 at 80 readings a second.
    pub white: f64,
    /// Slow noise, grams rms.
    pub slow: f64,
    /// Vibration of the room between 5 and 30 Hz, grams rms (E).
    pub vibration: f64,
    /// First mode of the frame at 10 kg on the cell, Hz (E); it falls with the root of the mass.
    pub first_mode: f64,
    /// Damping of the first mode (E).
    pub first_damping: f64,
    /// Second mode, Hz (E); it has a tenth of the first one's size.
    pub second_mode: f64,
    /// Damping of the second mode (E).
    pub second_damping: f64,
    /// Creep as a share of the load, half of it within 20 s and half within 10 min.
    pub creep: f64,
    /// Zero drift in grams per degree; the temperature swings by 3 degrees in 40 minutes (E).
    pub drift: f64,
    /// Grams that the zero moves in the first ten minutes (E).
    pub warm_up: f64,
    /// Converter counts a gram, as measured for such a cell by others.
    pub counts_per_gram: f64,
    /// Share of readings that are corrupt.
    pub spikes: f64,
    /// Share of readings before which the converter was powered down by a long clock pulse; it then needs four conversions.
    pub power_downs: f64,
    /// The converter's limit, grams.
    pub limit: f64,
    /// How far an overload moves the zero for good, grams (E).
    pub overload_shift: f64,
}

impl Default for CellSettings {
    fn default() -> CellSettings {
        CellSettings {
            rate: 88.0,
            rate_wander: 0.005,
            white: 0.4,
            slow: 0.3,
            vibration: 0.5,
            first_mode: 9.0,
            first_damping: 0.05,
            second_mode: 22.0,
            second_damping: 0.03,
            creep: 0.0002,
            drift: 0.5,
            warm_up: 10.0,
            counts_per_gram: 107.0,
            spikes: 1e-5,
            power_downs: 1e-6,
            limit: 60_000.0,
            overload_shift: 20.0,
        }
    }
}

/// A damped oscillator that follows the force on it.
#[derive(Debug, Clone, Copy, Default)]
struct Mode {
    place: f64,
    speed: f64,
}

impl Mode {
    fn step(&mut self, force: f64, hertz: f64, damping: f64, dt: f64) {
        let omega = TAU * hertz;
        self.speed += dt * (omega * omega * (force - self.place) - 2.0 * damping * omega * self.speed);
        self.place += dt * self.speed;
    }
}

/// The cell: give it the world and a time that never goes back.
#[derive(Debug)]
pub struct LoadCell {
    settings: CellSettings,
    chance: Chance,
    time: f64,
    next: f64,
    first: Mode,
    second: Mode,
    /// The last four conversions; the converter's filter gives their mean.
    conversions: [f64; 4],
    creep: [f64; 2],
    slow: [f64; 3],
    phase: f64,
    last: Option<Grams>,
    /// Readings that are still lost after a power-down.
    lost: u32,
    /// How far overloads have moved the zero.
    shift: f64,
}

/// Length of an integration step: short against the second mode.
const STEP: f64 = 0.0012;

impl LoadCell {
    /// A cell whose noise replays from `seed`.
    pub fn new(settings: CellSettings, seed: u64) -> LoadCell {
        let mut chance = Chance::new(seed ^ 0x10ad_ce11);
        let phase = TAU * f64::from(chance.share());
        LoadCell {
            settings,
            chance,
            time: 0.0,
            next: 1.0 / settings.rate,
            first: Mode::default(),
            second: Mode::default(),
            conversions: [0.0; 4],
            creep: [0.0; 2],
            slow: [0.0; 3],
            phase,
            last: None,
            lost: 0,
            shift: 0.0,
        }
    }

    /// When the next reading is due.
    pub fn next_at(&self) -> Stamp {
        Stamp((self.next * 1e6) as u64)
    }

    /// Reads the cell at `at`, to which the world must have been advanced.
    ///
    /// # Errors
    /// [`ScaleError::Missing`] while the world has the scale disconnected, [`ScaleError::Gap`] for a reading whose
    /// check fails, [`ScaleError::Saturated`] beyond the converter's limit.
    pub fn sample(&mut self, world: &World, at: Stamp) -> Result<WeightSample, ScaleError> {
        let now = at.seconds();
        let conversion = self.follow(world, now);
        let wander = 1.0 + self.settings.rate_wander * f64::from(self.chance.normal());
        self.next = now + wander / self.settings.rate;
        self.conversions.rotate_left(1);
        self.conversions[3] = conversion;
        let mean = self.conversions.iter().sum::<f64>() / 4.0;
        let grams = mean + self.shift + self.slow_parts(now) + self.settings.white * f64::from(self.chance.normal());
        let corrupt = self.chance.share() < self.settings.spikes as f32;
        match world.scale() {
            ScaleState::Disconnected => {
                return Err(ScaleError::Missing { reason: "the converter's data line stays high".into() });
            }
            ScaleState::Frozen => {
                let load = *self.last.get_or_insert(Grams(grams));
                return Ok(WeightSample { at, load });
            }
            ScaleState::Working => {}
        }
        if self.lost == 0 && self.chance.happens(self.settings.power_downs as f32) {
            self.lost = 4;
        }
        if self.lost > 0 {
            self.lost -= 1;
            return Err(ScaleError::Gap { reason: "the converter starts again after a long clock pulse".into() });
        }
        if grams > self.settings.limit {
            self.shift = self.settings.overload_shift;
            return Err(ScaleError::Saturated { side: "high" });
        }
        if corrupt {
            // What a lost clock pulse does: all ones (its check fails), or a first bit that is lost (it does not).
            if self.chance.happens(0.5) {
                return Err(ScaleError::Gap { reason: "the converter's word is all ones".into() });
            }
            return Ok(WeightSample { at, load: Grams(2.0 * grams + BASKET) });
        }
        let counts = self.settings.counts_per_gram;
        let load = Grams((grams * counts).round() / counts);
        self.last = Some(load);
        Ok(WeightSample { at, load })
    }

    /// Lets the frame ring up to `now` and returns the mean force during the last conversion.
    fn follow(&mut self, world: &World, now: f64) -> f64 {
        let settings = self.settings;
        let forces = world.forces();
        // After a long silence only the last half second can still be felt.
        if now - self.time > 1.0 {
            self.time = now - 0.5;
            let resting = forces.felt(self.time);
            self.first = Mode { place: resting, speed: 0.0 };
            self.second = self.first;
            self.conversions = [resting; 4];
        }
        let steps = ((now - self.time) / STEP).ceil().max(1.0);
        let dt = (now - self.time) / steps;
        let gross = (forces.mass(now) + BASKET).max(500.0);
        let first_hertz = settings.first_mode * (10_000.0 / gross).sqrt();
        let mut sum = 0.0;
        for step in 1..=steps as usize {
            let force = forces.felt(self.time + dt * step as f64);
            self.first.step(force, first_hertz, settings.first_damping, dt);
            self.second.step(force, settings.second_mode, settings.second_damping, dt);
            sum += (10.0 * self.first.place + self.second.place) / 11.0;
        }
        let elapsed = now - self.time;
        self.time = now;
        let load = forces.mass(now);
        for (creep, seconds) in self.creep.iter_mut().zip([20.0, 600.0]) {
            *creep += (load * settings.creep / 2.0 - *creep) * (1.0 - (-elapsed / seconds).exp());
        }
        for (slow, seconds) in self.slow.iter_mut().zip([0.3, 3.0, 30.0]) {
            let keep = (-elapsed / seconds).exp();
            let fresh = (1.0 - keep * keep).max(0.0).sqrt() * f64::from(self.chance.normal());
            *slow = *slow * keep + fresh;
        }
        sum / steps + self.creep[0] + self.creep[1]
    }

    fn slow_parts(&self, now: f64) -> f64 {
        let settings = &self.settings;
        let flicker = settings.slow * self.slow.iter().sum::<f64>() / 3f64.sqrt();
        let warm = settings.warm_up * ((-now / 600.0).exp() - 1.0);
        let drift = settings.drift * 3.0 * ((TAU * now / 2400.0 + self.phase).sin() - self.phase.sin());
        let hum = (TAU * 11.3 * now).sin() + (TAU * 17.9 * now + self.phase).sin();
        flicker + drift + warm + settings.vibration * hum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Sku;
    use crate::emulator::shelf::Shelf;
    use crate::emulator::world::Put;

    fn readings(world: &mut World, cell: &mut LoadCell, until: Stamp) -> Vec<Result<WeightSample, ScaleError>> {
        let mut readings = Vec::new();
        while cell.next_at() <= until {
            let due = cell.next_at();
            world.advance(due);
            readings.push(cell.sample(world, due));
        }
        readings
    }

    fn loads(readings: &[Result<WeightSample, ScaleError>]) -> Vec<f64> {
        readings.iter().flatten().map(|sample| sample.load.0).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn quiet() -> CellSettings {
        CellSettings { warm_up: 0.0, ..CellSettings::default() }
    }

    #[test]
    fn a_thing_that_was_dropped_is_felt_with_its_mass_when_the_ringing_is_over() {
        for seed in 1..6 {
            let mut world = World::new(Shelf::own(), seed);
            let mut cell = LoadCell::new(quiet(), seed);
            let before = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(1000))));
            let put =
                world.put(Stamp::from_millis(1000), &Sku::new("coffee"), Put::default()).expect("is on the shelf");
            readings(&mut world, &mut cell, put.over.plus_millis(2500));
            let after = mean(&loads(&readings(&mut world, &mut cell, put.over.plus_millis(3500))));
            let felt = after - before;
            assert!((felt - world.mass().0).abs() < 1.0, "seed {seed}: {felt} for {}", world.mass());
            assert!((world.mass().0 - 511.0).abs() < 12.0);
        }
    }

    #[test]
    fn a_drop_rings_at_first_and_dies_away() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        let how = Put { drop: Some(0.12), ..Put::default() };
        let put = world.put(Stamp::from_millis(1000), &Sku::new("tomatoes-can"), how).expect("is on the shelf");
        readings(&mut world, &mut cell, put.changes.plus_millis(30));
        let spread = |values: &[f64]| {
            values.iter().fold(f64::MIN, |a, b| a.max(*b)) - values.iter().fold(f64::MAX, |a, b| a.min(*b))
        };
        let early = spread(&loads(&readings(&mut world, &mut cell, put.changes.plus_millis(300))));
        readings(&mut world, &mut cell, put.changes.plus_millis(3000));
        let late = spread(&loads(&readings(&mut world, &mut cell, put.changes.plus_millis(3500))));
        assert!(early > 300.0 && late < 8.0, "early {early}, late {late}");
    }

    #[test]
    fn the_noise_of_a_quiet_cell_is_as_large_as_its_parts_say() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        let values = loads(&readings(&mut world, &mut cell, Stamp::from_millis(10_000)));
        let middle = mean(&values);
        let rms = (values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!((0.5..1.0).contains(&rms), "{rms}");
        assert!((870..=890).contains(&values.len()), "{} readings in 10 s", values.len());
    }

    #[test]
    fn a_frozen_scale_repeats_itself_and_a_disconnected_one_says_so() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        readings(&mut world, &mut cell, Stamp::from_millis(500));
        world.set_scale(ScaleState::Frozen);
        world.put(Stamp::from_millis(500), &Sku::new("water"), Put::default()).expect("is on the shelf");
        let frozen = loads(&readings(&mut world, &mut cell, Stamp::from_millis(4000)));
        assert!(frozen.len() > 200 && frozen.iter().all(|value| *value == frozen[0]));
        world.set_scale(ScaleState::Disconnected);
        let silent = readings(&mut world, &mut cell, Stamp::from_millis(4100));
        assert!(silent.iter().all(|reading| matches!(reading, Err(ScaleError::Missing { .. }))) && !silent.is_empty());
        world.set_scale(ScaleState::Working);
        readings(&mut world, &mut cell, Stamp::from_millis(4200));
        let back = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(5000))));
        assert!((back - world.mass().0).abs() < 3.0, "{back}");
    }

    #[test]
    fn bumps_leaning_and_rolling_leave_the_load_as_it_was() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        let before = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(1000))));
        world.bump(Stamp::from_millis(1000));
        world.lean(Stamp::from_millis(2000), 20.0, 1500);
        world.roll(Stamp::from_millis(4000), 3000);
        let during = loads(&readings(&mut world, &mut cell, Stamp::from_millis(7000)));
        assert!(during.iter().any(|value| *value > 1500.0));
        readings(&mut world, &mut cell, Stamp::from_millis(9500));
        let after = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(10_500))));
        assert!((after - before).abs() < 1.0, "{before} then {after}");
    }

    #[test]
    fn too_much_load_is_saturation_and_not_a_weight() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        world.lean(Stamp::from_millis(100), 700.0, 2000);
        let readings = readings(&mut world, &mut cell, Stamp::from_millis(1500));
        assert!(readings.iter().any(|reading| matches!(reading, Err(ScaleError::Saturated { side: "high" }))));
    }

    #[test]
    fn an_overload_moves_the_zero_and_a_power_down_is_a_gap() {
        let mut world = World::new(Shelf::own(), 1);
        let mut cell = LoadCell::new(quiet(), 1);
        let before = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(1000))));
        world.lean(Stamp::from_millis(1000), 700.0, 1000);
        readings(&mut world, &mut cell, Stamp::from_millis(4500));
        let after = mean(&loads(&readings(&mut world, &mut cell, Stamp::from_millis(5500))));
        assert!((after - before - 20.0).abs() < 1.5, "{before} then {after}");
        let mut cell = LoadCell::new(CellSettings { power_downs: 0.01, ..quiet() }, 1);
        let readings = readings(&mut world, &mut cell, Stamp::from_millis(20_000));
        let gaps = readings.iter().filter(|reading| matches!(reading, Err(ScaleError::Gap { .. }))).count();
        assert!(gaps >= 12 && gaps % 4 == 0, "{gaps} readings lost");
    }

    #[test]
    fn a_corner_a_lift_and_the_rim_change_what_is_felt_and_only_the_corner_lasts() {
        let felt = |spot: (f32, f32)| {
            let mut world = World::new(Shelf::own(), 3);
            let mut cell = LoadCell::new(quiet(), 3);
            let how = Put { spot: Some(spot), drop: Some(0.0), ..Put::default() };
            let put = world.put(Stamp::from_millis(500), &Sku::new("water"), how).expect("is on the shelf");
            readings(&mut world, &mut cell, put.over.plus_millis(3000));
            let rests = mean(&loads(&readings(&mut world, &mut cell, put.over.plus_millis(4000))));
            world.lift(put.over.plus_millis(4000), 10.0, 1000);
            world.rest_on_rim(put.over.plus_millis(4000), put.over.plus_millis(5000), Grams(300.0));
            readings(&mut world, &mut cell, put.over.plus_millis(4400));
            let lifted = mean(&loads(&readings(&mut world, &mut cell, put.over.plus_millis(4800))));
            readings(&mut world, &mut cell, put.over.plus_millis(8000));
            let after = mean(&loads(&readings(&mut world, &mut cell, put.over.plus_millis(9000))));
            assert!(lifted < rests - 1000.0 && (after - rests).abs() < 1.0, "{rests}, {lifted}, {after}");
            rests - world.mass().0
        };
        let off = felt((0.15, 0.12)) - felt((-0.15, -0.12));
        assert!((0.3..2.0).contains(&off), "{off}");
    }

    #[test]
    fn the_same_seed_gives_the_same_readings() {
        let trip = |seed: u64| {
            let mut world = World::new(Shelf::own(), 9);
            let mut cell = LoadCell::new(CellSettings::default(), seed);
            world.put(Stamp::from_millis(300), &Sku::new("kiwi"), Put::default()).expect("is on the shelf");
            loads(&readings(&mut world, &mut cell, Stamp::from_millis(3000)))
        };
        assert_eq!(trip(1), trip(1));
        assert_ne!(trip(1), trip(2));
    }
}
