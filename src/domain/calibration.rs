//! What a calibration of the load cell is made of, and when it is good enough: zero, two known weights, four corners.
//!
//! Pure: counts that were still go in, the numbers of the calibration or what to do about them come out. The limits are
//! those of OIML R 76 for class III.

use super::units::Grams;
use super::weighing::allowed_intervals;
use serde::Serialize;
use thiserror::Error;

/// The places where a weight stands during a calibration.
pub const CORNERS: [&str; 4] = ["front left", "front right", "back left", "back right"];

/// One step of a calibration: what has to lie in the basket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CalibrationStep {
    /// Nothing.
    Empty,
    /// This weight, in the middle.
    Middle(Grams),
    /// This weight, over the corner with this number in [`CORNERS`].
    Corner(Grams, usize),
}

/// The mean of counts while nothing moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StillCounts {
    /// The mean.
    pub mean: f64,
    /// The largest difference between means of parts of that time.
    pub wander: f64,
}

/// Into how many parts a time is cut to tell whether the counts were still.
const PARTS: usize = 4;

impl StillCounts {
    /// The mean of these counts and how far it wandered meanwhile; `None` for too few of them.
    pub fn of(counts: &[i32]) -> Option<StillCounts> {
        let part = counts.len() / PARTS;
        if part < 2 {
            return None;
        }
        let mean = |counts: &[i32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>() / counts.len() as f64;
        let means = counts.chunks_exact(part).map(mean);
        let most = means.clone().fold(f64::NEG_INFINITY, f64::max);
        let least = means.fold(f64::INFINITY, f64::min);
        Some(StillCounts { mean: mean(counts), wander: most - least })
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationReadings {
    /// With nothing in the basket.
    pub zero: StillCounts,
    /// With the smaller weight in the middle.
    pub smaller: (Grams, StillCounts),
    /// With the larger weight in the middle.
    pub larger: (Grams, StillCounts),
    /// With the smaller weight over each corner.
    pub corners: [StillCounts; 4],
    /// With nothing again.
    pub zero_again: StillCounts,
}

/// What a calibration comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationFigures {
    /// Counts with nothing in the basket.
    pub zero_counts: i32,
    /// Counts for each gram more.
    pub counts_per_gram: f64,
    /// How far the smaller weight is off the line through zero and the larger one, in grams.
    pub linearity_error_grams: f64,
    /// How far each corner is off the middle, in grams, in the order of [`CORNERS`].
    pub corner_errors_grams: [f64; 4],
    /// How far the scale is from zero when it is empty again, in grams.
    pub return_error_grams: f64,
}

/// Why a calibration is refused, and what to do.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalibrationFault {
    /// The weights make no difference that could be told.
    #[error(
        "{counts_per_gram:.2} counts for each gram are too few: an interval of {interval} needs {LEAST_COUNTS_AN_INTERVAL}; \
         check that the weights were in the basket, that nothing props it up, and the cell's wires"
    )]
    TooFewCounts {
        /// What was measured.
        counts_per_gram: f64,
        /// The scale interval.
        interval: Grams,
    },
    /// The smaller weight is off the line.
    #[error(
        "the scale is not linear: {weight} shows {off:+.1} g off, allowed are {allowed:.1} g; check both weights, and that \
         basket and cables touch nothing beside the cell"
    )]
    NotLinear {
        /// The smaller weight.
        weight: Grams,
        /// How far it is off, in grams.
        off: f64,
        /// How far it may be off, in grams.
        allowed: f64,
    },
    /// A corner shows another weight than the middle.
    #[error(
        "the corner {corner} shows {off:+.1} g off, allowed are {allowed:.1} g; tighten the cell's screws, level the basket, \
         and look whether it touches the frame there"
    )]
    CornerOff {
        /// Which one.
        corner: &'static str,
        /// How far it is off, in grams.
        off: f64,
        /// How far it may be off, in grams.
        allowed: f64,
    },
    /// The empty scale does not come back to zero.
    #[error(
        "the empty scale comes back to {off:+.1} g, allowed are {allowed:.1} g; let it warm up for half an hour, empty the \
         basket and start again"
    )]
    NotBackToZero {
        /// How far it is off, in grams.
        off: f64,
        /// How far it may be off, in grams.
        allowed: f64,
    },
    /// A reading wandered by more than its error limit leaves room for.
    #[error(
        "the scale wandered by {wander:.1} g in a reading, allowed are {allowed:.1} g; put the cart on firm level ground, out \
         of draughts, and start again"
    )]
    Wandered {
        /// By how much, in grams.
        wander: f64,
        /// How much it may be, in grams.
        allowed: f64,
    },
}

/// A scale interval needs so many counts: the scale must tell a tenth of it.
pub const LEAST_COUNTS_AN_INTERVAL: u32 = 10;

/// Computes a calibration for a scale of interval `interval` and refuses it where it is not good enough.
///
/// # Errors
/// [`CalibrationFault`] with what to do.
pub fn calibrated(readings: &CalibrationReadings, interval: Grams) -> Result<CalibrationFigures, CalibrationFault> {
    let (smaller, larger) = (readings.smaller, readings.larger);
    let zero = readings.zero.mean;
    let counts_per_gram = (larger.1.mean - zero) / larger.0.0;
    if counts_per_gram.abs() * interval.0 < f64::from(LEAST_COUNTS_AN_INTERVAL) {
        return Err(CalibrationFault::TooFewCounts { counts_per_gram, interval });
    }
    let grams = |counts: f64| (counts - zero) / counts_per_gram;
    let allowed = |load: Grams| interval.0 * allowed_intervals(load.0 / interval.0);
    let still = [readings.zero, smaller.1, larger.1, readings.zero_again].into_iter().chain(readings.corners);
    for reading in still {
        let (wander, allowed) = (reading.wander / counts_per_gram.abs(), 0.25 * interval.0);
        if wander > allowed {
            return Err(CalibrationFault::Wandered { wander, allowed });
        }
    }
    let off = grams(smaller.1.mean) - smaller.0.0;
    if off.abs() > allowed(smaller.0) {
        return Err(CalibrationFault::NotLinear { weight: smaller.0, off, allowed: allowed(smaller.0) });
    }
    let corners = readings.corners.map(|corner| grams(corner.mean) - smaller.0.0);
    for (corner, off) in CORNERS.into_iter().zip(corners) {
        if off.abs() > allowed(smaller.0) {
            return Err(CalibrationFault::CornerOff { corner, off, allowed: allowed(smaller.0) });
        }
    }
    let back = grams(readings.zero_again.mean);
    if back.abs() > 0.5 * interval.0 {
        return Err(CalibrationFault::NotBackToZero { off: back, allowed: 0.5 * interval.0 });
    }
    Ok(CalibrationFigures {
        zero_counts: zero.round() as i32,
        counts_per_gram,
        linearity_error_grams: off,
        corner_errors_grams: corners,
        return_error_grams: back,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(mean: f64) -> StillCounts {
        StillCounts { mean, wander: 20.0 }
    }

    /// What a cell of 107 counts a gram shows: 84,000 counts empty, 2 kg and 10 kg.
    fn good() -> CalibrationReadings {
        let at = |grams: f64| still(84_000.0 + 107.0 * grams);
        CalibrationReadings {
            zero: at(0.0),
            smaller: (Grams(2000.0), at(2001.0)),
            larger: (Grams(10_000.0), at(10_000.0)),
            corners: [at(2002.0), at(1998.0), at(2000.0), at(2004.0)],
            zero_again: at(1.0),
        }
    }

    #[test]
    fn a_good_cell_is_calibrated_with_its_errors() {
        let figures = calibrated(&good(), Grams(10.0)).expect("it is good");
        assert_eq!((figures.zero_counts, figures.counts_per_gram), (84_000, 107.0));
        let round = |grams: f64| (grams * 10.0).round() / 10.0;
        assert_eq!(figures.corner_errors_grams.map(round), [2.0, -2.0, 0.0, 4.0]);
        assert_eq!((round(figures.linearity_error_grams), round(figures.return_error_grams)), (1.0, 1.0));
    }

    #[test]
    fn a_cell_that_is_mounted_upside_down_counts_downwards() {
        let turned = |reading: StillCounts| still(168_000.0 - reading.mean);
        let good = good();
        let readings = CalibrationReadings {
            zero: turned(good.zero),
            smaller: (good.smaller.0, turned(good.smaller.1)),
            larger: (good.larger.0, turned(good.larger.1)),
            corners: good.corners.map(turned),
            zero_again: turned(good.zero_again),
        };
        assert_eq!(calibrated(&readings, Grams(10.0)).map(|figures| figures.counts_per_gram), Ok(-107.0));
    }

    #[test]
    fn a_bad_result_is_refused_with_what_to_do() {
        let at = |grams: f64| still(84_000.0 + 107.0 * grams);
        let weak = |reading: StillCounts| still(84_000.0 + (reading.mean - 84_000.0) / 200.0);
        let good = good();
        for (readings, said) in [
            (
                CalibrationReadings { larger: (good.larger.0, weak(good.larger.1)), ..good.clone() },
                "0.54 counts for each gram are too few",
            ),
            (
                CalibrationReadings { smaller: (Grams(2000.0), at(2006.0)), ..good.clone() },
                "not linear: 2000 g shows +6.0 g",
            ),
            (
                CalibrationReadings { corners: [at(2000.0), at(2000.0), at(1994.0), at(2000.0)], ..good.clone() },
                "the corner back left shows -6.0 g off",
            ),
            (CalibrationReadings { zero_again: at(-8.0), ..good.clone() }, "comes back to -8.0 g"),
            (
                CalibrationReadings { zero: StillCounts { mean: 84_000.0, wander: 500.0 }, ..good.clone() },
                "wandered by 4.7 g",
            ),
        ] {
            let fault = calibrated(&readings, Grams(10.0)).expect_err(said).to_string();
            assert!(fault.contains(said), "{fault}");
        }
    }

    #[test]
    fn counts_are_still_when_their_mean_does_not_wander() {
        let still = StillCounts::of(&[100, 102, 98, 100, 101, 99, 100, 100]).expect("enough");
        assert_eq!((still.mean, still.wander), (100.0, 2.0));
        let moving = StillCounts::of(&[100, 110, 120, 130, 140, 150, 160, 170]).expect("enough");
        assert_eq!(moving.wander, 60.0);
        assert_eq!(StillCounts::of(&[100; 7]), None);
    }
}
