//! One movement of a hand: putting something in, or taking it out, from the moment the hand appears to its leaving.
//!
//! A motion is planned whole; asking where things are at a time changes nothing.

use super::camera::Moving;
use super::portrait::grip;
use super::scene::{Body, Placed};
use super::space::{Chance, Turn, Vec3, vec3};
use std::sync::Arc;

/// Seconds that the shutter is open.
const EXPOSURE: f64 = 0.012;
/// Gravity in metres per second squared.
const GRAVITY: f32 = 9.81;

/// A smooth share of the way between two moments.
fn eased(from: f64, to: f64, t: f64) -> f32 {
    let share = ((t - from) / (to - from).max(1e-6)).clamp(0.0, 1.0) as f32;
    share * share * (3.0 - 2.0 * share)
}

/// The way of one thing.
#[derive(Debug, Clone)]
pub struct Flight {
    /// The thing as it rests: at its end when it is put in, at its begin when it is taken out.
    pub rest: Placed,
    /// Where it is held, relative to the hand's path.
    pub offset: Vec3,
    /// How it leans in the hand.
    pub lean: [f32; 2],
    /// Where it touches first, before it rolls to its rest.
    pub touch: Vec3,
    /// When it is let go; for a thing taken out, when it leaves its place.
    pub loose: f64,
    /// When it touches.
    pub lands: f64,
    /// When it is still.
    pub still: f64,
}

/// What a motion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the basket.
    In,
    /// Out of it.
    Out,
}

/// A planned movement; times are in seconds.
#[derive(Debug, Clone)]
pub struct Motion {
    /// Which way.
    pub direction: Direction,
    /// The things in the hand.
    pub flights: Vec<Flight>,
    /// The hand.
    pub hand: Arc<Body>,
    /// Turns the arm.
    pub angle: f32,
    /// When the hand appears.
    pub begin: f64,
    /// The hand's path: moments and the places of what it holds.
    pub path: Vec<(f64, Vec3)>,
    /// When the hand is gone.
    pub end: f64,
}

impl Motion {
    /// When the hand is gone and everything is still.
    pub fn over(&self) -> f64 {
        self.flights.iter().map(|flight| flight.still).fold(self.end, f64::max)
    }

    fn hand_at(&self, t: f64) -> Vec3 {
        let index = self.path.partition_point(|(when, _)| *when <= t);
        match (index.checked_sub(1).and_then(|i| self.path.get(i)), self.path.get(index)) {
            (Some((from, a)), Some((to, b))) => a.towards(*b, eased(*from, *to, t)),
            (Some((_, only)), None) | (None, Some((_, only))) => *only,
            (None, None) => Vec3::default(),
        }
    }

    /// Where a flight's thing is; `None` before the hand brought it or after the hand took it away.
    fn thing_at(&self, flight: &Flight, t: f64) -> Option<Placed> {
        let mut thing = flight.rest.clone();
        let lean_back = match self.direction {
            Direction::In => {
                if t < self.begin {
                    return None;
                }
                if t >= flight.lands {
                    thing.at = flight.touch.towards(flight.rest.at, eased(flight.lands, flight.still, t));
                    return Some(thing);
                }
                if t < flight.loose {
                    thing.at = self.hand_at(t) + flight.offset;
                    1.0
                } else {
                    // Free fall, sideways no further than it was held away from where it touches.
                    let start = self.hand_at(flight.loose) + flight.offset;
                    let span = (flight.lands - flight.loose).max(1e-3);
                    let share = ((t - flight.loose) / span) as f32;
                    let drop = start.z - flight.touch.z;
                    let fallen = (0.5 * GRAVITY * ((t - flight.loose) as f32).powi(2)).min(drop.max(0.0));
                    thing.at = start.towards(flight.touch, share);
                    thing.at.z = if drop > 0.0 { start.z - fallen } else { thing.at.z };
                    1.0 - share
                }
            }
            Direction::Out => {
                if t < flight.loose {
                    return Some(thing);
                }
                if t >= self.end {
                    return None;
                }
                let start = self.hand_at(flight.loose);
                thing.at = flight.rest.at + (self.hand_at(t) - start);
                eased(flight.loose, flight.loose + 0.4, t)
            }
        };
        let lean = Turn::about_x(flight.lean[0] * lean_back).after(&Turn::about_y(flight.lean[1] * lean_back));
        thing.turn = lean.after(&flight.rest.turn);
        Some(thing)
    }

    /// What moves at `t`, with its smear. Things that lie still are left out: they belong to the still picture.
    pub fn moving(&self, t: f64) -> Vec<Moving> {
        let mut groups = Vec::new();
        let mut held = Vec::new();
        let (a, b) = (t - EXPOSURE / 2.0, t + EXPOSURE / 2.0);
        for flight in &self.flights {
            let resting = match self.direction {
                Direction::In => t >= flight.still,
                Direction::Out => t < flight.loose,
            };
            let (false, Some(thing)) = (resting, self.thing_at(flight, t)) else { continue };
            let in_hand = match self.direction {
                Direction::In => t < flight.loose,
                Direction::Out => true,
            };
            if in_hand {
                held.push(thing);
            } else {
                let at = |t: f64| self.thing_at(flight, t).map_or(thing.at, |thing| thing.at);
                let smear = at(b) - at(a);
                groups.push(Moving { parts: vec![thing], smear });
            }
        }
        if t >= self.begin && t < self.end {
            // The hand's grip follows the first thing it holds or held.
            let first = &self.flights[0];
            let mut grasped = first.rest.clone();
            grasped.at = self.hand_at(t) + first.offset;
            let hand = grip(&grasped, self.angle, Arc::clone(&self.hand), u64::MAX);
            let smear = self.hand_at(b) - self.hand_at(a);
            held.push(hand);
            groups.push(Moving { parts: held, smear });
        }
        groups
    }
}

/// A place outside the picture from which the arm comes to `towards`.
pub fn outside(towards: Vec3, angle: f32, chance: &mut Chance) -> Vec3 {
    let back = Turn::about_z(angle).apply(vec3(0.0, -1.0, 0.0));
    vec3(towards.x, towards.y, 0.0) + back * 0.34 + vec3(0.0, 0.0, chance.between(0.24, 0.30))
}
