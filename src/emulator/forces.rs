//! What pulls and pushes on the basket over time: goods, hands, knocks, rolling, slopes. The load cell feels their sum.

use super::space::{noise, vec3};
use crate::domain::units::Stamp;

/// Gravity in metres per second squared.
pub const GRAVITY: f64 = 9.81;
/// The basket on the cell, in grams (SCALE.md section 7: 5 kg, an estimate).
pub const BASKET: f64 = 5000.0;

/// One thing that changes the force on the cell. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Force {
    /// Mass that comes (or goes, negative) smoothly from `from` to `to` and stays.
    Mass {
        /// Begin.
        from: f64,
        /// End.
        to: f64,
        /// Grams.
        grams: f64,
        /// What the cell feels of it, as a share: more or less than 1 away from the middle.
        felt: f64,
    },
    /// A hand that presses, or lifts (negative), and lets go, with its tremor.
    Press {
        /// Begin.
        from: f64,
        /// End.
        to: f64,
        /// Grams of force at most.
        grams: f64,
    },
    /// Momentum given up within a short contact.
    Impact {
        /// Begin.
        at: f64,
        /// Contact time.
        seconds: f64,
        /// Momentum over gravity, in gram-force seconds.
        gram_seconds: f64,
    },
    /// The cart is accelerated for a moment: felt by all that rests on the cell.
    Bump {
        /// Begin.
        at: f64,
        /// Length.
        seconds: f64,
        /// Peak, in metres per second squared.
        acceleration: f64,
    },
    /// The cart rolls over joints in the floor.
    Rolling {
        /// Begin.
        from: f64,
        /// End.
        to: f64,
        /// Effective acceleration, in metres per second squared.
        rms: f64,
        /// Speed, in metres per second.
        speed: f64,
    },
    /// The floor slopes from `from` on.
    Slope {
        /// When it begins to change; it takes a second.
        from: f64,
        /// The slope before.
        before: f64,
        /// The slope after, as a share (0.05 is 5 %).
        after: f64,
    },
}

/// A smooth rise from 0 to 1 between two moments.
fn eased(from: f64, to: f64, t: f64) -> f64 {
    let share = ((t - from) / (to - from).max(1e-4)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// All forces of a trip.
#[derive(Debug, Clone, Default)]
pub struct Forces {
    /// Grams that rest on the basket for good and need no further look.
    settled: f64,
    /// The same as the cell feels it.
    settled_felt: f64,
    slope: f64,
    active: Vec<Force>,
}

impl Forces {
    /// Adds a force.
    pub fn push(&mut self, force: Force) {
        self.active.push(force);
    }

    /// The slope at the end of all known changes.
    pub fn last_slope(&self) -> f64 {
        let last = self.active.iter().rev().find_map(|force| match force {
            Force::Slope { after, .. } => Some(*after),
            _ => None,
        });
        last.unwrap_or(self.slope)
    }

    /// Forgets what ended more than a second ago, and keeps what it left behind.
    pub fn fold(&mut self, now: Stamp) {
        let before = now.seconds() - 1.0;
        let (mut settled, mut settled_felt, mut slope) = (self.settled, self.settled_felt, self.slope);
        self.active.retain(|force| match *force {
            Force::Mass { to, grams, felt, .. } if to < before => {
                settled += grams;
                settled_felt += grams * felt;
                false
            }
            Force::Slope { from, after, .. } if from + 1.0 < before => {
                slope = after;
                false
            }
            Force::Press { to, .. } | Force::Rolling { to, .. } => to >= before,
            Force::Impact { at, seconds, .. } | Force::Bump { at, seconds, .. } => at + seconds >= before,
            _ => true,
        });
        self.settled = settled;
        self.settled_felt = settled_felt;
        self.slope = slope;
    }

    /// The mass of the goods at `t`, in grams.
    pub fn mass(&self, t: f64) -> f64 {
        let coming = self.active.iter().map(|force| match *force {
            Force::Mass { from, to, grams, .. } => grams * eased(from, to, t),
            _ => 0.0,
        });
        self.settled + coming.sum::<f64>()
    }

    /// The force on the cell at `t` in grams, the empty level basket counted as nothing.
    pub fn felt(&self, t: f64) -> f64 {
        let coming = self.active.iter().map(|force| match *force {
            Force::Mass { from, to, grams, felt } => grams * felt * eased(from, to, t),
            _ => 0.0,
        });
        let resting = self.settled_felt + coming.sum::<f64>() + BASKET;
        let (mut push, mut acceleration, mut slope) = (0.0, 0.0, self.slope);
        for force in &self.active {
            match *force {
                Force::Press { from, to, grams } if t > from && t < to => {
                    let edge = 0.08f64.min((to - from) / 2.0);
                    let tremor = 1.0 + 0.06 * f64::from(noise(vec3(t as f32 * 7.0, from as f32, 0.5), 3));
                    push += grams * eased(from, from + edge, t) * (1.0 - eased(to - edge, to, t)) * tremor;
                }
                Force::Impact { at, seconds, gram_seconds } if t > at && t < at + seconds => {
                    let share = (t - at) / seconds;
                    push += gram_seconds / seconds * std::f64::consts::FRAC_PI_2 * (share * std::f64::consts::PI).sin();
                }
                Force::Bump { at, seconds, acceleration: peak } if t > at && t < at + seconds => {
                    acceleration += peak * ((t - at) / seconds * std::f64::consts::PI).sin();
                }
                Force::Rolling { from, to, rms, speed } if t > from && t < to => {
                    let swell = eased(from, from + 0.6, t) * (1.0 - eased(to - 0.6, to, t));
                    // Joints every 0.3 m, a walking step of 1.8 Hz, and the grain of the floor (estimates).
                    let joint = (std::f64::consts::TAU * speed / 0.3 * (t - from)).sin();
                    let step = (std::f64::consts::TAU * 1.8 * (t - from)).sin();
                    let grain = f64::from(noise(vec3(t as f32 * 31.0, from as f32, 2.5), 11));
                    acceleration += rms * swell * (0.9 * joint + 0.6 * step + 1.2 * grain);
                }
                Force::Slope { from, before, after } => slope = before + (after - before) * eased(from, from + 1.0, t),
                _ => {}
            }
        }
        // On a slope the cell feels only the part of the weight along its axis.
        let upright = 1.0 / (1.0 + slope * slope).sqrt();
        resting * upright - BASKET + push + resting * acceleration / GRAVITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_five_percent_ramp_takes_an_eighth_of_a_percent_off_the_gross_load() {
        let mut forces = Forces::default();
        forces.push(Force::Mass { from: 0.0, to: 0.1, grams: 10_000.0, felt: 1.0 });
        forces.push(Force::Slope { from: 1.0, before: 0.0, after: 0.05 });
        assert!((forces.felt(0.9) - 10_000.0).abs() < 1e-6);
        assert!((forces.felt(3.0) - 10_000.0 + 18.7).abs() < 0.2, "{}", forces.felt(3.0));
    }

    #[test]
    fn a_hand_leaves_nothing_behind() {
        let mut forces = Forces::default();
        forces.push(Force::Press { from: 1.0, to: 2.0, grams: 800.0 });
        assert!(forces.felt(1.5) > 600.0);
        assert_eq!(forces.felt(2.5), 0.0);
        forces.fold(Stamp::from_millis(5000));
        assert_eq!(forces.felt(5.0), 0.0);
    }

    #[test]
    fn folding_changes_nothing_that_is_felt() {
        let mut forces = Forces::default();
        forces.push(Force::Mass { from: 0.0, to: 0.1, grams: 300.0, felt: 1.0 });
        forces.push(Force::Mass { from: 1.0, to: 1.1, grams: -100.0, felt: 1.0 });
        forces.push(Force::Slope { from: 1.0, before: 0.0, after: 0.02 });
        let before = forces.felt(9.0);
        forces.fold(Stamp::from_millis(9000));
        assert!((forces.felt(9.0) - before).abs() < 1e-9);
    }
}
