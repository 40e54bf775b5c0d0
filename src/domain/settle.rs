//! From raw readings of the scale to "the load changed by N g, sure to +-M", "not still", or "faulty".

use super::units::{Grams, Stamp};
use serde::{Deserialize, Serialize};

/// A change of the load between two quiet states.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SettledChange {
    /// Load after minus load before.
    pub change: Grams,
    /// The 95 % half-width of `change`.
    pub margin: Grams,
    /// The load now, whole.
    pub load: Grams,
    /// When the load began to move.
    pub began: Stamp,
    /// When it was quiet again.
    pub settled: Stamp,
}

/// Why the scale's readings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScaleFault {
    /// No reading comes.
    Silent,
    /// The same reading comes again and again: a live cell always moves a little.
    Frozen,
    /// The converter is at its limit.
    Saturated,
    /// There is no calibration.
    Uncalibrated,
}
