//! The cart's scale: a load cell behind an HX711, calibrated to grams.
//!
//! Only this file knows the crate `rppal`. It waits for conversions and turns counts into grams; it never invents a
//! reading: without a calibration there is no weight, and a failed check is a gap. Filtering lives in `domain::settle`.

use super::hx711::{Hx711, Hx711Error};
use crate::domain::units::{Grams, Stamp};
use crate::ports::{CountsSource, ScaleError, WeightSample, WeightSource};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use thiserror::Error;

/// How counts of the converter become grams: one for each load cell, made with known weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Counts with nothing on the cell.
    pub zero_counts: i32,
    /// Counts for each gram more; negative where the cell is mounted upside down.
    pub counts_per_gram: f64,
    /// The load that the cell bears. More is reported as overload long before the converter notices.
    pub capacity_grams: f64,
    /// The day it was made, as `YYYY-MM-DD`.
    pub date: String,
    /// The serial number of the load cell.
    pub serial: String,
    /// Who made it.
    pub made_by: String,
    /// Which weights it was made with.
    pub weights: String,
    /// The scale interval that it was held to.
    pub interval_grams: f64,
    /// How far the smaller weight was off the line through zero and the larger one.
    pub linearity_error_grams: f64,
    /// How far each corner was off the middle: front left, front right, back left, back right.
    pub corner_errors_grams: [f64; 4],
    /// How far the scale was from zero when it was empty again.
    pub return_error_grams: f64,
}

/// Why a calibration cannot be used.
#[derive(Debug, Error)]
pub enum CalibrationError {
    /// The file exists and cannot be read.
    #[error("cannot read the calibration {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no calibration.
    #[error("{path} is no calibration of a scale: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Calibration {
    /// Reads a calibration from a TOML file; `None` where there is no such file, that is an uncalibrated scale.
    ///
    /// # Errors
    /// [`CalibrationError`] when the file is there and is of no use.
    pub fn read(path: &Path) -> Result<Option<Calibration>, CalibrationError> {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CalibrationError::Unreadable { path: name, source }),
        };
        Calibration::from_toml(&text).map(Some).map_err(|reason| CalibrationError::Malformed { path: name, reason })
    }

    /// Reads the calibration that a cart runs with. A file that is missing, damaged or edited is said and gives none: then
    /// there is no weight, never a wrong one.
    pub fn read_to_run(path: &Path) -> Option<Calibration> {
        match Calibration::read(path) {
            Ok(Some(calibration)) => Some(calibration),
            Ok(None) => {
                tracing::error!("there is no calibration {}: run `dashcart calibrate`", path.display());
                None
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                tracing::error!(
                    "{error}{cause}; the cart does not weigh until `dashcart calibrate` has made a new one"
                );
                None
            }
        }
    }

    /// Writes the calibration as TOML text with its checksum.
    ///
    /// # Errors
    /// What cannot be written, as text.
    pub fn to_toml(&self) -> Result<String, String> {
        let body = toml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!(
            "# Made by `dashcart calibrate`. Whoever edits it makes it void: calibrate anew instead.\nchecksum = \"{}\"\n{body}",
            checksum(&body)
        ))
    }

    /// Reads a calibration from TOML text, checks that it is as it was made and that its numbers can be those of a load cell.
    ///
    /// # Errors
    /// What is wrong, as text.
    pub fn from_toml(text: &str) -> Result<Calibration, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let Some(made) = table.remove("checksum") else {
            return Err("its checksum is missing: it was not made by `dashcart calibrate`".to_owned());
        };
        let calibration: Calibration = table.try_into().map_err(|error| error.to_string())?;
        let body = toml::to_string(&calibration).map_err(|error| error.to_string())?;
        if made.as_str() != Some(checksum(&body).as_str()) {
            return Err("it was edited or damaged after it was made: its checksum does not fit".to_owned());
        }
        let slope = calibration.counts_per_gram.abs();
        // Four bathroom sensors give 11 counts a gram, a kitchen scale a thousand.
        if !(1.0..=100_000.0).contains(&slope) {
            return Err(format!("counts_per_gram is {}: a cell gives 1 to 100000", calibration.counts_per_gram));
        }
        if !(-0x80_0000..=0x7F_FFFF).contains(&calibration.zero_counts) {
            return Err(format!("zero_counts is {}: the converter has 24 bits", calibration.zero_counts));
        }
        if !(100.0..=1_000_000.0).contains(&calibration.capacity_grams) {
            return Err(format!(
                "capacity_grams is {}: a cart's cell bears 100 to 1000000",
                calibration.capacity_grams
            ));
        }
        Ok(calibration)
    }

    /// The load that these counts mean.
    pub fn load(&self, counts: i32) -> Grams {
        Grams((f64::from(counts) - f64::from(self.zero_counts)) / self.counts_per_gram)
    }
}

/// The SHA-256 of a calibration's lines without it.
fn checksum(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// After so long without a conversion the scale is missing, not late: the kernel's own driver waits as long.
const SILENCE_MILLIS: u64 = 1000;
/// How often the data line is looked at while waiting.
const LOOK_MICROS: u32 = 400;

/// A load cell on two pins.
pub struct LoadCell<C, D, T, N> {
    hx711: Hx711<C, D, T, N>,
    calibration: Option<Calibration>,
    period_micros: u64,
    last_conversion: Stamp,
    was_missing: bool,
}

impl<C: OutputPin, D: InputPin, T: DelayNs, N: FnMut() -> Stamp> LoadCell<C, D, T, N> {
    /// Puts a load cell together. `period_micros` is the time between two conversions: 100,000 or 12,500.
    pub fn new(
        mut hx711: Hx711<C, D, T, N>,
        calibration: Option<Calibration>,
        period_micros: u64,
    ) -> LoadCell<C, D, T, N> {
        let last_conversion = hx711.now();
        LoadCell { hx711, calibration, period_micros, last_conversion, was_missing: false }
    }

    /// Reads the next valid conversion in counts: what a calibration is made from.
    ///
    /// # Errors
    /// [`ScaleError::Gap`], [`ScaleError::Saturated`] or [`ScaleError::Missing`].
    pub fn next_counts(&mut self) -> Result<(Stamp, i32), ScaleError> {
        if std::mem::take(&mut self.was_missing) {
            // Whatever was unplugged, the converter has to settle again.
            self.hx711.reset().map_err(gap)?;
            self.last_conversion = self.hx711.now();
        }
        let began = self.hx711.now();
        loop {
            let ready = self.hx711.is_ready().map_err(gap)?;
            let now = self.hx711.now();
            if ready {
                self.last_conversion = now;
                return self.hx711.read().map(|counts| (now, counts)).map_err(gap);
            }
            let silent_millis = now.millis_since(self.last_conversion);
            if silent_millis >= SILENCE_MILLIS {
                self.was_missing = true;
                return Err(ScaleError::Missing {
                    reason: format!(
                        "the converter has given nothing for {silent_millis} ms; check its supply and both of its wires"
                    ),
                });
            }
            if now.0.saturating_sub(began.0) >= 2 * self.period_micros {
                return Err(ScaleError::Gap { reason: "two conversions did not come".to_owned() });
            }
            self.hx711.pause(LOOK_MICROS);
        }
    }
}

impl<C, D, T, N> WeightSource for LoadCell<C, D, T, N>
where
    C: OutputPin + Send,
    D: InputPin + Send,
    T: DelayNs + Send,
    N: FnMut() -> Stamp + Send,
{
    fn next_sample(&mut self) -> Result<WeightSample, ScaleError> {
        if self.calibration.is_none() {
            return Err(ScaleError::Uncalibrated);
        }
        let (at, counts) = self.next_counts()?;
        let calibration = self.calibration.as_ref().ok_or(ScaleError::Uncalibrated)?;
        let load = calibration.load(counts);
        if load.0 > calibration.capacity_grams {
            return Err(ScaleError::Saturated { side: "high" });
        }
        Ok(WeightSample { at, load })
    }
}

impl<C, D, T, N> CountsSource for LoadCell<C, D, T, N>
where
    C: OutputPin + Send,
    D: InputPin + Send,
    T: DelayNs + Send,
    N: FnMut() -> Stamp + Send,
{
    fn next_counts(&mut self) -> Result<(Stamp, i32), ScaleError> {
        LoadCell::next_counts(self)
    }
}

/// A conversion that failed a check is a gap; one at the converter's limit is an overload or a broken wire.
fn gap(error: Hx711Error) -> ScaleError {
    match error {
        Hx711Error::SaturatedHigh => ScaleError::Saturated { side: "high" },
        Hx711Error::SaturatedLow => ScaleError::Saturated { side: "low" },
        error => ScaleError::Gap { reason: error.to_string() },
    }
}

/// The scale of a cart with a Raspberry Pi.
#[cfg(feature = "load-cell")]
pub type PiLoadCell = LoadCell<rppal::gpio::OutputPin, rppal::gpio::InputPin, rppal::hal::Delay, Clock>;

/// The cart's steady clock, as the scale's thread takes it along.
#[cfg(feature = "load-cell")]
pub type Clock = Box<dyn FnMut() -> Stamp + Send>;

/// Where the converter is connected and how fast it converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// The GPIO number (BCM) of the clock line.
    pub clock_gpio: u8,
    /// The GPIO number (BCM) of the data line.
    pub data_gpio: u8,
    /// Conversions a second, as its RATE pin is wired: 10 or 80.
    pub conversions_per_second: u32,
}

impl Wiring {
    /// The time between two conversions in microseconds.
    pub fn period_micros(self) -> u64 {
        1_000_000 / u64::from(self.conversions_per_second.max(1))
    }
}

#[cfg(feature = "load-cell")]
impl PiLoadCell {
    /// Opens the scale on a Raspberry Pi's pins and resets its converter.
    ///
    /// # Errors
    /// [`ScaleError::Missing`] with what the system said, for example when this machine has no such pins.
    pub fn open(
        wiring: Wiring,
        calibration: Option<Calibration>,
        clock: impl FnMut() -> Stamp + Send + 'static,
    ) -> Result<PiLoadCell, ScaleError> {
        let missing = |pin: &str, error: &dyn std::fmt::Display| ScaleError::Missing {
            reason: format!("{pin} cannot be used: {error}"),
        };
        let gpio = rppal::gpio::Gpio::new().map_err(|error| missing("the GPIO of this machine", &error))?;
        let named = |number: u8| {
            gpio.get(number).map_err(|error| missing(&format!("GPIO {number} (is another program using it?)"), &error))
        };
        let clock_pin = named(wiring.clock_gpio)?.into_output_low();
        let data_pin = named(wiring.data_gpio)?.into_input();
        let now: Clock = Box::new(clock);
        let period = wiring.period_micros();
        let gain = super::hx711::Gain::A128;
        let hx711 = Hx711::new(clock_pin, data_pin, rppal::hal::Delay::new(), now, gain, period)
            .map_err(|error| missing("the HX711", &error))?;
        Ok(LoadCell::new(hx711, calibration, period))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hx711::Gain;
    use super::super::hx711::script::{Chip, ClockPin, DataPin, Step, Wait, conversion, reset, script};
    use super::*;

    const PERIOD_MICROS: u64 = 12_500;

    fn calibration() -> Calibration {
        Calibration {
            zero_counts: 84_000,
            counts_per_gram: 107.0,
            capacity_grams: 40_000.0,
            date: "2026-11-22".to_owned(),
            serial: "CELL-7".to_owned(),
            made_by: "A. Technician".to_owned(),
            weights: "2000 g and 10000 g, M1 no. 4".to_owned(),
            interval_grams: 10.0,
            linearity_error_grams: 0.5,
            corner_errors_grams: [1.0, -1.0, 0.5, 0.0],
            return_error_grams: 0.5,
        }
    }

    type ScriptedCell<N> = LoadCell<ClockPin, DataPin, Wait, N>;

    /// A cell whose chip has settled, and then does `steps`.
    fn settled_cell(
        calibration: Option<Calibration>,
        steps: Vec<Step>,
    ) -> (ScriptedCell<impl FnMut() -> Stamp + Send>, Chip) {
        // Ready is looked at twice: by the cell that waits, and by the chip's driver that reads.
        let settling = (0..4).flat_map(|_| ready(5000)).collect();
        let (chip, clock, data, wait, now) = script([reset(), settling, steps].concat());
        let hx711 = Hx711::new(clock, data, wait, now, Gain::A128, PERIOD_MICROS).expect("new");
        let mut cell = LoadCell::new(hx711, calibration, PERIOD_MICROS);
        for _ in 0..4 {
            let error = cell.next_counts().expect_err("not settled");
            assert!(error.to_string().contains("settling"), "{error}");
        }
        (cell, chip)
    }

    fn ready(counts: i32) -> Vec<Step> {
        [vec![Step::Data(false)], conversion(counts, 1)].concat()
    }

    #[test]
    fn counts_become_grams_by_the_calibration() {
        let steps = [ready(84_000 + 107 * 1500), ready(84_000), ready(84_000 - 107 * 20)].concat();
        let (mut cell, script) = settled_cell(Some(calibration()), steps);
        let mut last = Stamp(0);
        for wanted in [1500.0, 0.0, -20.0] {
            let sample = cell.next_sample().expect("a sample");
            assert!((sample.load.0 - wanted).abs() < 1e-9, "{sample:?}");
            assert!(sample.at > last);
            last = sample.at;
        }
        script.finish();
    }

    #[test]
    fn a_scale_without_calibration_gives_no_weight_but_its_counts() {
        let (mut cell, script) = settled_cell(None, ready(7777));
        assert_eq!(cell.next_sample(), Err(ScaleError::Uncalibrated));
        assert_eq!(cell.next_counts().map(|(_, counts)| counts), Ok(7777));
        script.finish();
    }

    #[test]
    fn an_overloaded_cell_and_a_converter_at_its_limit_are_saturated() {
        for (counts, side) in [(84_000 + 107 * 40_100, "high"), (0x7F_FFFF, "high"), (-0x80_0000, "low")] {
            let (mut cell, script) = settled_cell(Some(calibration()), ready(counts));
            assert_eq!(cell.next_sample(), Err(ScaleError::Saturated { side }), "{counts}");
            script.finish();
        }
    }

    #[test]
    fn a_disturbed_reading_is_a_gap_and_the_next_one_counts() {
        let (mut cell, script) = settled_cell(Some(calibration()), [ready(-1), ready(84_107)].concat());
        assert!(matches!(cell.next_sample(), Err(ScaleError::Gap { .. })));
        assert_eq!(cell.next_sample().map(|sample| sample.load), Ok(Grams(1.0)));
        script.finish();
    }

    #[test]
    fn two_missed_periods_are_a_gap_and_a_second_of_silence_is_a_missing_scale() {
        let silence = |looks| vec![Step::Data(true); looks];
        let (mut cell, script) = settled_cell(Some(calibration()), silence(4000));
        let began = script.now();
        assert_eq!(cell.next_sample(), Err(ScaleError::Gap { reason: "two conversions did not come".to_owned() }),);
        assert!((20..=30).contains(&script.now().millis_since(began)));
        let mut gaps = 1;
        let missing = loop {
            match cell.next_sample() {
                Err(ScaleError::Gap { .. }) => gaps += 1,
                other => break other,
            }
        };
        assert!(matches!(missing, Err(ScaleError::Missing { .. })), "{missing:?}");
        assert!((38..=40).contains(&gaps), "{gaps} gaps of 25 ms in the first second");

        // The same silence again, and then the scale comes back: it is reset, takes its time, and settles before it counts.
        let comes_back = [reset(), silence(30), (0..5).flat_map(|_| ready(84_107)).collect()].concat();
        let steps = [silence(4000 - script.left()), comes_back].concat();
        let (mut cell, script) = settled_cell(Some(calibration()), steps);
        let is_gap = |sample: &Result<WeightSample, ScaleError>| matches!(sample, Err(ScaleError::Gap { .. }));
        let samples: Vec<_> = (0..gaps + 6).map(|_| cell.next_sample()).collect();
        assert!(samples[..gaps].iter().all(is_gap), "{samples:?}");
        assert!(matches!(samples[gaps], Err(ScaleError::Missing { .. })), "{samples:?}");
        assert!(samples[gaps + 1..gaps + 5].iter().all(is_gap), "{samples:?}");
        assert_eq!(samples[gaps + 5].clone().map(|sample| sample.load), Ok(Grams(1.0)));
        script.finish();
    }

    #[test]
    fn a_calibration_is_read_from_its_file_and_one_that_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scale.toml");
        assert!(matches!(Calibration::read(&path), Ok(None)), "no file is no calibration");
        assert_eq!(Calibration::read_to_run(&path), None);
        let good = calibration().to_toml().expect("TOML");
        std::fs::write(&path, &good).expect("writes");
        assert_eq!(Calibration::read(&path).expect("reads"), Some(calibration()));
        assert_eq!(Calibration::read_to_run(&path), Some(calibration()));
        for (from, to, reason) in [
            ("counts_per_gram = 107.0", "counts_per_gram = 107.5", "edited"),
            ("CELL-7", "CELL-8", "edited"),
            ("checksum", "summe", "checksum is missing"),
            ("zero_counts = 84000\n", "", "zero_counts"),
            ("=", "", "TOML"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from} stands in the file");
            std::fs::write(&path, &bad).expect("writes");
            let error = Calibration::read(&path).expect_err(to).to_string();
            assert!(error.contains("scale.toml is no calibration") && error.contains(reason), "{to}: {error}");
            assert_eq!(Calibration::read_to_run(&path), None, "{to}");
        }
        // What makes no sense is refused even where its checksum fits.
        for (from, to, reason) in [
            ("counts_per_gram = 107.0", "counts_per_gram = 0.0", "counts_per_gram is 0"),
            ("counts_per_gram = 107.0", "counts_per_gram = nan", "counts_per_gram is NaN"),
            ("zero_counts = 84000", "zero_counts = 9000000", "24 bits"),
            ("capacity_grams = 40000.0", "capacity_grams = -1.0", "capacity_grams is -1"),
        ] {
            let body = toml::to_string(&calibration()).expect("TOML");
            let bad = body.replacen(from, to, 1);
            assert_ne!(bad, body, "{from} stands in the file");
            let error = Calibration::from_toml(&format!("checksum = \"{}\"\n{bad}", checksum(&bad))).expect_err(to);
            assert!(error.contains(reason), "{to}: {error}");
        }
        assert!(matches!(Calibration::read(folder.path()), Err(CalibrationError::Unreadable { .. })));
    }

    #[cfg(feature = "load-cell")]
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_machine_without_pins_has_no_scale() {
        let wiring = Wiring { clock_gpio: 6, data_gpio: 5, conversions_per_second: 80 };
        match PiLoadCell::open(wiring, Some(calibration()), || Stamp(0)) {
            Err(ScaleError::Missing { reason }) => assert!(reason.contains("GPIO of this machine"), "{reason}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("there are pins"),
        }
    }
}
