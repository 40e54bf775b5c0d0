//! `dashcart calibrate`: a technician makes the calibration of a cart's load cell, step by step.
//!
//! Every step waits for counts that are still. What is not good enough is refused with what to do; only a good calibration
//! is written.

use super::Failure;
use crate::adapters::load_cell::Calibration;
use crate::cli::CalibrateArgs;
use crate::config::CartConfig;
use crate::domain::calibration::{
    CORNERS, CalibrationFigures, CalibrationReadings, CalibrationStep, StillCounts, calibrated,
};
use crate::domain::units::{Grams, Stamp};
use crate::domain::weighing::CertifiedScale;
use crate::ports::{CountsSource, ScaleError};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

/// How long counts are looked at in one step, and how long they may take to become still.
const LOOKED_AT_MS: u64 = 2000;
const PATIENCE_MS: u64 = 60_000;
/// Counts that wander by more than this within that time are not still, whatever the cell; what is left is judged in grams.
const STILL_COUNTS: f64 = 150.0;

/// The scale interval in grams where nothing names one: that of a scale up to 30 kg.
const USUAL_INTERVAL: f64 = 10.0;

/// Who puts the weights into the basket.
trait Technician {
    /// Returns when the step is prepared.
    fn prepare(&mut self, step: CalibrationStep) -> Result<(), Failure>;
}

/// A person who reads prompts and presses Enter.
struct Prompted<R, W> {
    answers: R,
    prompts: W,
}

impl<R: BufRead, W: Write> Technician for Prompted<R, W> {
    fn prepare(&mut self, step: CalibrationStep) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::Failed(format!("the technician cannot be asked: {error}"));
        write!(self.prompts, "{} Then press Enter. ", prompt(step))
            .and_then(|()| self.prompts.flush())
            .map_err(failed)?;
        let mut answer = String::new();
        match self.answers.read_line(&mut answer).map_err(failed)? {
            0 => Err(Failure::Failed(
                "the calibration was broken off: nobody answers, and nothing was written".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

fn prompt(step: CalibrationStep) -> String {
    match step {
        CalibrationStep::Empty => "Empty the basket and let nothing touch it.".to_owned(),
        CalibrationStep::Middle(weight) => format!("Put {weight} into the middle of the basket."),
        CalibrationStep::Corner(weight, corner) => format!("Move {weight} over the corner at the {}.", CORNERS[corner]),
    }
}

/// Calibrates the load cell of this cart, or an emulated one.
///
/// # Errors
/// [`Failure`] with what to do.
pub fn run(args: CalibrateArgs) -> Result<(), Failure> {
    let (smaller, larger) = args.weights;
    if larger > args.capacity {
        return Err(Failure::Usage(format!(
            "{larger} g is more than the cell bears, {} g: name --capacity",
            args.capacity
        )));
    }
    let plan_for = |plate: Option<&CertifiedScale>| {
        let plate = plate.map(|scale| scale.interval().0);
        let interval = Grams(args.interval.or(plate).unwrap_or(USUAL_INTERVAL));
        Plan { smaller: Grams(smaller), larger: Grams(larger), interval }
    };
    let (out, plan, figures) = if args.emulated {
        let out = args.out.clone().unwrap_or_else(|| PathBuf::from("target/calibration.toml"));
        let plan = plan_for(None);
        let figures = emulated(&plan)?;
        (out, plan, figures)
    } else {
        let config = CartConfig::read(&args.config).map_err(Failure::usage)?;
        let plan = plan_for(config.certified_scale.as_ref());
        let out = args.out.clone().unwrap_or_else(|| config.scale.calibration.clone());
        let mut technician = Prompted { answers: std::io::stdin().lock(), prompts: std::io::stderr() };
        let figures = real(&plan, &config, &mut technician)?;
        (out, plan, figures)
    };
    let calibration = Calibration {
        zero_counts: figures.zero_counts,
        counts_per_gram: figures.counts_per_gram,
        capacity_grams: args.capacity,
        date: today(),
        serial: args.serial.clone(),
        made_by: args.by.clone(),
        weights: format!("{smaller} g and {larger} g, {}", args.weights_name),
        interval_grams: plan.interval.0,
        linearity_error_grams: figures.linearity_error_grams,
        corner_errors_grams: figures.corner_errors_grams,
        return_error_grams: figures.return_error_grams,
    };
    write(&out, &calibration)?;
    report(&args, &out, &calibration)
}

/// What is to be measured.
struct Plan {
    smaller: Grams,
    larger: Grams,
    interval: Grams,
}

/// Goes through all steps and computes the calibration.
fn calibrate(
    plan: &Plan,
    source: &mut dyn CountsSource,
    technician: &mut dyn Technician,
) -> Result<CalibrationFigures, Failure> {
    let mut read = |step| -> Result<StillCounts, Failure> {
        technician.prepare(step)?;
        still_counts(source)
    };
    let zero = read(CalibrationStep::Empty)?;
    let smaller = (plan.smaller, read(CalibrationStep::Middle(plan.smaller))?);
    let mut corners = [smaller.1; 4];
    for (corner, reading) in corners.iter_mut().enumerate() {
        *reading = read(CalibrationStep::Corner(plan.smaller, corner))?;
    }
    let larger = (plan.larger, read(CalibrationStep::Middle(plan.larger))?);
    let zero_again = read(CalibrationStep::Empty)?;
    let readings = CalibrationReadings { zero, smaller, larger, corners, zero_again };
    calibrated(&readings, plan.interval)
        .map_err(|fault| Failure::Failed(format!("the calibration is refused and nothing was written: {fault}")))
}

/// Waits until the counts are still for a while and takes their mean; single gaps are passed over.
fn still_counts(source: &mut dyn CountsSource) -> Result<StillCounts, Failure> {
    let mut window: Vec<(Stamp, i32)> = Vec::new();
    let mut began = None;
    let mut gaps = 0_u32;
    loop {
        let (at, counts) = match source.next_counts() {
            Ok(reading) => reading,
            Err(ScaleError::Gap { reason }) => {
                gaps += 1;
                if gaps > MOST_GAPS {
                    return Err(Failure::Failed(format!(
                        "the scale gives too few valid readings: {reason}; check its wires"
                    )));
                }
                continue;
            }
            Err(error) => return Err(Failure::from_error(error)),
        };
        let began = *began.get_or_insert(at);
        window.push((at, counts));
        window.retain(|(then, _)| at.millis_since(*then) <= LOOKED_AT_MS);
        let whole = at.millis_since(window[0].0) + 200 >= LOOKED_AT_MS;
        let counts: Vec<i32> = window.iter().map(|(_, counts)| *counts).collect();
        let still = StillCounts::of(&counts).filter(|still| whole && still.wander <= STILL_COUNTS);
        if let Some(still) = still {
            return Ok(still);
        }
        if at.millis_since(began) > PATIENCE_MS {
            return Err(Failure::Failed(
                "the scale did not come to rest within a minute and nothing was written: put the cart on firm level ground, \
                 out of draughts, let nobody touch it, and start again"
                    .to_owned(),
            ));
        }
    }
}

/// After so many invalid readings in one step something is wrong with the wires.
const MOST_GAPS: u32 = 200;

#[cfg(feature = "load-cell")]
fn real(plan: &Plan, config: &CartConfig, technician: &mut dyn Technician) -> Result<CalibrationFigures, Failure> {
    use crate::adapters::load_cell::{PiLoadCell, Wiring};
    let wiring = Wiring {
        clock_gpio: config.scale.clock_gpio,
        data_gpio: config.scale.data_gpio,
        conversions_per_second: config.scale.conversions_per_second,
    };
    let clock = crate::runtime::Clock::start();
    let mut cell = PiLoadCell::open(wiring, None, move || clock.now()).map_err(Failure::from_error)?;
    calibrate(plan, &mut cell, technician)
}

#[cfg(not(feature = "load-cell"))]
fn real(_plan: &Plan, _config: &CartConfig, _technician: &mut dyn Technician) -> Result<CalibrationFigures, Failure> {
    Err(Failure::Failed(
        "this program was built without a cart's scale: build it with `--no-default-features --features cart`, or try \
         `dashcart calibrate --emulated`"
            .to_owned(),
    ))
}

#[cfg(feature = "emulator")]
fn emulated(plan: &Plan) -> Result<CalibrationFigures, Failure> {
    use crate::adapters::emulated::EmulatedCounts;
    let counts = EmulatedCounts::new(1, [0.0; 4]);
    let mut technician = Scripted { basket: counts.basket(), told: Box::new(std::io::stderr()) };
    calibrate(plan, &mut { counts }, &mut technician)
}

#[cfg(not(feature = "emulator"))]
fn emulated(_plan: &Plan) -> Result<CalibrationFigures, Failure> {
    Err(Failure::Failed("this program was built without the emulated cell: calibrate the cart's own".to_owned()))
}

/// A technician who does at once what the prompts say, in the emulated basket.
#[cfg(feature = "emulator")]
struct Scripted {
    basket: crate::adapters::emulated::EmulatedBasket,
    told: Box<dyn Write>,
}

#[cfg(feature = "emulator")]
impl Technician for Scripted {
    fn prepare(&mut self, step: CalibrationStep) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::Failed(format!("the steps cannot be told: {error}"));
        writeln!(self.told, "{}", prompt(step)).map_err(failed)?;
        match step {
            CalibrationStep::Empty => self.basket.lay(Grams(0.0), None),
            CalibrationStep::Middle(weight) => self.basket.lay(weight, None),
            CalibrationStep::Corner(weight, corner) => self.basket.lay(weight, Some(corner)),
        }
        Ok(())
    }
}

/// Writes the file beside its place first, so that a pulled battery leaves the old calibration or the new one.
fn write(path: &Path, calibration: &Calibration) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file("the calibration file", path, &error);
    let text = calibration.to_toml().map_err(Failure::Failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        super::setup::folder(folder)?;
    }
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

fn report(args: &CalibrateArgs, out: &Path, calibration: &Calibration) -> Result<(), Failure> {
    if args.json {
        let mut told = serde_json::to_value(calibration).map_err(Failure::from_error)?;
        told["file"] = out.display().to_string().into();
        println!("{told}");
        return Ok(());
    }
    println!(
        "calibrated: {} counts at zero, {:.3} counts a gram",
        calibration.zero_counts, calibration.counts_per_gram
    );
    println!(
        "off the line: {:+.1} g; back to zero: {:+.1} g",
        calibration.linearity_error_grams, calibration.return_error_grams
    );
    for (corner, off) in CORNERS.iter().zip(calibration.corner_errors_grams) {
        println!("corner {corner}: {off:+.1} g");
    }
    println!("written to {}", out.display());
    Ok(())
}

/// Today in UTC, as `YYYY-MM-DD`.
fn today() -> String {
    #[allow(clippy::disallowed_methods, reason = "a calibration carries the day it was made")]
    let now = std::time::SystemTime::now();
    let seconds = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    date_of((seconds / 86_400) as u32)
}

/// The date so many days after 1970-01-01.
fn date_of(days: u32) -> String {
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u32::from(leap(year)) {
        left -= 365 + u32::from(leap(year));
        year += 1;
    }
    let february = 28 + u32::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "emulator")]
    fn plan() -> Plan {
        Plan { smaller: Grams(2000.0), larger: Grams(10_000.0), interval: Grams(10.0) }
    }

    #[cfg(feature = "emulator")]
    fn emulated_with(corners: [f64; 4], plan: &Plan) -> Result<CalibrationFigures, Failure> {
        let mut counts = crate::adapters::emulated::EmulatedCounts::new(3, corners);
        let mut technician = Scripted { basket: counts.basket(), told: Box::new(std::io::sink()) };
        calibrate(plan, &mut counts, &mut technician)
    }

    #[cfg(feature = "emulator")]
    #[test]
    fn the_emulated_cell_is_calibrated_to_what_it_is() {
        let figures = emulated_with([0.001, 0.0, -0.001, 0.0], &plan()).expect("it is good");
        assert!((figures.counts_per_gram - 107.0).abs() < 0.1, "{figures:?}");
        assert!((f64::from(figures.zero_counts) - 84_000.0).abs() < 300.0, "{figures:?}");
        assert!((figures.corner_errors_grams[0] - 2.0).abs() < 1.5, "{figures:?}");
    }

    #[cfg(feature = "emulator")]
    #[test]
    fn a_corner_that_carries_too_little_is_refused_by_name() {
        let Err(Failure::Failed(text)) = emulated_with([0.0, 0.0, 0.0, -0.005], &plan()) else {
            panic!("it is refused")
        };
        assert!(text.contains("nothing was written") && text.contains("back right"), "{text}");
    }

    /// Counts that follow one after the other, 80 a second, and then no more.
    struct Counted(std::vec::IntoIter<i32>, u64);

    impl CountsSource for Counted {
        fn next_counts(&mut self) -> Result<(Stamp, i32), ScaleError> {
            self.1 += 12_500;
            Ok((Stamp(self.1), self.0.next().ok_or(ScaleError::Ended)?))
        }
    }

    fn said(failure: Result<impl std::fmt::Debug, Failure>) -> String {
        failure.expect_err("it fails").to_string()
    }

    #[test]
    fn a_step_waits_for_still_counts_and_gives_up_after_a_minute() {
        let swings = |count: i32| (0..count).map(|place| 90_000 + 40 * (place % 80)).collect::<Vec<_>>();
        let settles = [swings(400), vec![90_000; 400]].concat();
        let still = still_counts(&mut Counted(settles.into_iter(), 0)).map_err(|failure| failure.to_string());
        assert_eq!(still.map(|still| still.wander <= STILL_COUNTS), Ok(true));
        let ramp: Vec<i32> = (0..6000).map(|place| 90_000 + 10 * place).collect();
        assert!(said(still_counts(&mut Counted(ramp.into_iter(), 0))).contains("come to rest"));
        assert!(said(still_counts(&mut Counted(vec![1; 20].into_iter(), 0))).contains("no more readings"));
    }

    #[test]
    fn a_person_is_told_each_step_and_may_break_off() {
        let mut prompts = Vec::new();
        let mut technician = Prompted { answers: &b"\n\n"[..], prompts: &mut prompts };
        technician.prepare(CalibrationStep::Empty).expect("answered");
        technician.prepare(CalibrationStep::Corner(Grams(2000.0), 3)).expect("answered");
        assert!(said(technician.prepare(CalibrationStep::Empty)).contains("broken off"));
        let prompts = String::from_utf8(prompts).expect("text");
        assert!(prompts.contains("Empty the basket") && prompts.contains("2000 g over the corner at the back right"));
    }

    #[test]
    fn days_are_dates() {
        for (days, date) in [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_781, "2026-11-24"), (20_453, "2025-12-31")]
        {
            assert_eq!(date_of(days), date);
        }
    }

    #[test]
    fn a_written_calibration_is_the_one_that_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/calibration.toml");
        let calibration = Calibration {
            zero_counts: 84_000,
            counts_per_gram: 107.25,
            capacity_grams: 40_000.0,
            date: "2026-11-24".into(),
            serial: "CELL-7".into(),
            made_by: "A. Technician".into(),
            weights: "2000 g and 10000 g, M1 no. 4".into(),
            interval_grams: 10.0,
            linearity_error_grams: 0.3,
            corner_errors_grams: [1.0, -1.5, 0.1, 0.0],
            return_error_grams: 0.2,
        };
        write(&path, &calibration).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(Calibration::read(&path).expect("is read"), Some(calibration));
    }
}
