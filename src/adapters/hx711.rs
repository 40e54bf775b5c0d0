//! The bit protocol of the load-cell converter HX711, written against `embedded-hal`, so that it runs on any board.
//!
//! One conversion is clocked out bit by bit, and nothing in it says whether it is right: a reading that fails any check is
//! refused. Grams, calibration and waiting live in [`super::load_cell`].

use crate::domain::units::Stamp;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{InputPin, OutputPin};
use thiserror::Error;

/// The input and amplification of the next conversion, chosen by the number of clock pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// Input A, amplified 128 times: the load cell.
    A128,
    /// Input B, amplified 32 times.
    B32,
    /// Input A, amplified 64 times.
    A64,
}

impl Gain {
    /// Clock pulses after the 24 bits.
    fn extra_pulses(self) -> u32 {
        match self {
            Gain::A128 => 1,
            Gain::B32 => 2,
            Gain::A64 => 3,
        }
    }
}

/// Why a conversion could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Hx711Error {
    /// No conversion waits to be read.
    #[error("no conversion is ready")]
    NotReady,
    /// The converter was powered up or reset: its first conversions are not settled.
    #[error("settling after a reset, {left} conversions to go")]
    Settling {
        /// How many more are void.
        left: u8,
    },
    /// A clock pulse took so long that the converter may have powered down.
    #[error("a clock pulse took {micros} us, and more than 60 us power the converter down")]
    ClockHeldHigh {
        /// How long the pulse was.
        micros: u64,
    },
    /// The read took so long that the next conversion may have overwritten it.
    #[error("reading took {micros} us, more than half a period")]
    TooSlow {
        /// How long it took.
        micros: u64,
    },
    /// The data line was low where the converter always holds it high.
    #[error("the bits are out of step (data low {place})")]
    OutOfStep {
        /// Where: at an extra pulse, or after the last one.
        place: &'static str,
    },
    /// A pattern that a line without a converter gives.
    #[error("the bits {bits:#08x} are what a disturbed line gives")]
    Implausible {
        /// The 24 bits.
        bits: u32,
    },
    /// The converter is at its upper limit.
    #[error("at the upper limit")]
    SaturatedHigh,
    /// The converter is at its lower limit.
    #[error("at the lower limit")]
    SaturatedLow,
    /// A pin could not be read or set.
    #[error("the pin {pin} failed")]
    Pin {
        /// `clock` or `data`.
        pin: &'static str,
    },
}

/// A clock pulse longer than this may have powered the chip down: 60 us by its datasheet, less a margin.
const LONGEST_PULSE_MICROS: u64 = 50;
/// Longer than the 60 us that power the chip down. Shorter resets than 10 ms leave a first value that cannot be trusted.
const RESET_MILLIS: u32 = 10;
/// Conversions until the output is settled after a power-up, a reset or a change of gain.
const SETTLING_CONVERSIONS: u8 = 4;
const BITS: u32 = 24;

/// An HX711 on two pins: `clock` is driven by us, `data` by the chip. `now` is the cart's steady clock.
pub struct Hx711<C, D, T, N> {
    clock: C,
    data: D,
    delay: T,
    now: N,
    gain: Gain,
    period_micros: u64,
    settling: u8,
    out_of_step: bool,
}

impl<C: OutputPin, D: InputPin, T: DelayNs, N: FnMut() -> Stamp> Hx711<C, D, T, N> {
    /// Takes the pins and resets the chip. `period_micros` is the time between two conversions: 100,000 or 12,500.
    ///
    /// # Errors
    /// [`Hx711Error::Pin`].
    pub fn new(
        clock: C,
        data: D,
        delay: T,
        now: N,
        gain: Gain,
        period_micros: u64,
    ) -> Result<Hx711<C, D, T, N>, Hx711Error> {
        let mut chip = Hx711 { clock, data, delay, now, gain, period_micros, settling: 0, out_of_step: false };
        chip.reset()?;
        Ok(chip)
    }

    /// Powers the chip down and up again. The conversions that follow are void until it has settled.
    ///
    /// # Errors
    /// [`Hx711Error::Pin`].
    pub fn reset(&mut self) -> Result<(), Hx711Error> {
        self.set_clock(true)?;
        self.delay.delay_ms(RESET_MILLIS);
        self.set_clock(false)?;
        self.delay.delay_us(1);
        // It wakes at gain A128; the first read chooses another, and from there it settles once more.
        self.settling = SETTLING_CONVERSIONS + u8::from(self.gain != Gain::A128);
        self.out_of_step = false;
        Ok(())
    }

    /// Powers the chip down until the next [`Hx711::reset`]: a cell that carries no current does not warm up.
    ///
    /// # Errors
    /// [`Hx711Error::Pin`].
    pub fn power_down(&mut self) -> Result<(), Hx711Error> {
        self.set_clock(true)?;
        self.delay.delay_us(70);
        self.out_of_step = true;
        Ok(())
    }

    /// Whether a conversion waits to be read.
    ///
    /// # Errors
    /// [`Hx711Error::Pin`].
    pub fn is_ready(&mut self) -> Result<bool, Hx711Error> {
        self.data.is_low().map_err(|_| Hx711Error::Pin { pin: "data" })
    }

    /// The moment by the clock that was given.
    pub fn now(&mut self) -> Stamp {
        (self.now)()
    }

    /// Waits for so many microseconds.
    pub fn pause(&mut self, micros: u32) {
        self.delay.delay_us(micros);
    }

    /// Reads the waiting conversion: counts from -8,388,607 to 8,388,606. After a read that lost step the chip is reset
    /// first, and settles.
    ///
    /// # Errors
    /// [`Hx711Error`] when there is none or it fails a check. It is then gone: it is neither repeated nor replaced.
    pub fn read(&mut self) -> Result<i32, Hx711Error> {
        if self.out_of_step {
            self.reset()?;
            return Err(Hx711Error::Settling { left: self.settling });
        }
        if !self.is_ready()? {
            return Err(Hx711Error::NotReady);
        }
        let bits = self.clock_out().inspect_err(|error| {
            self.out_of_step = matches!(error, Hx711Error::ClockHeldHigh { .. } | Hx711Error::OutOfStep { .. });
        })?;
        if self.settling > 0 {
            self.settling -= 1;
            return Err(Hx711Error::Settling { left: self.settling });
        }
        plausible(bits)
    }

    /// Clocks out 24 bits and the pulses that choose the next gain, and checks the frame around the bits.
    fn clock_out(&mut self) -> Result<u32, Hx711Error> {
        let began = self.now();
        let mut bits = 0;
        for _ in 0..BITS {
            bits = bits << 1 | u32::from(self.pulse()?);
        }
        for _ in 0..self.gain.extra_pulses() {
            if !self.pulse()? {
                return Err(Hx711Error::OutOfStep { place: "at an extra pulse" });
            }
        }
        if self.is_ready()? {
            return Err(Hx711Error::OutOfStep { place: "after the last pulse" });
        }
        let micros = self.now().0.saturating_sub(began.0);
        if micros > self.period_micros / 2 {
            return Err(Hx711Error::TooSlow { micros });
        }
        Ok(bits)
    }

    /// One clock pulse, and the data line after it: the chip puts out a bit at the rising edge and holds it to the next.
    fn pulse(&mut self) -> Result<bool, Hx711Error> {
        // Both stamps lie outside the pulse, so a pulse that was held up is never measured too short.
        let before = self.now();
        self.set_clock(true)?;
        self.delay.delay_us(1);
        self.set_clock(false)?;
        let micros = self.now().0.saturating_sub(before.0);
        self.delay.delay_us(1);
        if micros > LONGEST_PULSE_MICROS {
            return Err(Hx711Error::ClockHeldHigh { micros });
        }
        self.data.is_high().map_err(|_| Hx711Error::Pin { pin: "data" })
    }

    fn set_clock(&mut self, high: bool) -> Result<(), Hx711Error> {
        self.clock.set_state(high.into()).map_err(|_| Hx711Error::Pin { pin: "clock" })
    }
}

/// The counts that 24 bits mean, unless they are a limit of the converter or what a disturbed line gives.
fn plausible(bits: u32) -> Result<i32, Hx711Error> {
    match bits {
        0x7F_FFFF => Err(Hx711Error::SaturatedHigh),
        0x80_0000 => Err(Hx711Error::SaturatedLow),
        // -1 and 2^n - 1: the line went high and stayed there. A right reading of this kind is rare and is only a gap.
        bits if bits & (bits + 1) == 0 => Err(Hx711Error::Implausible { bits }),
        bits => Ok((bits << 8) as i32 >> 8),
    }
}

#[cfg(test)]
#[path = "hx711_script.rs"]
pub(crate) mod script;

#[cfg(test)]
mod tests {
    use super::script::{Chip, Step, conversion, reset, script};
    use super::*;

    const PERIOD_MICROS: u64 = 12_500;

    fn chip(
        gain: Gain,
        steps: Vec<Step>,
    ) -> (Hx711<script::ClockPin, script::DataPin, script::Wait, impl FnMut() -> Stamp>, Chip) {
        let (chip, clock, data, wait, now) = script([reset(), steps].concat());
        (Hx711::new(clock, data, wait, now, gain, PERIOD_MICROS).expect("new"), chip)
    }

    /// Four conversions that are void because the chip was reset.
    fn settled(gain: Gain) -> Vec<Step> {
        let count = if gain == Gain::A128 { 4 } else { 5 };
        (0..count).flat_map(|_| conversion(123, gain.extra_pulses())).collect()
    }

    fn settle(chip: &mut Hx711<script::ClockPin, script::DataPin, script::Wait, impl FnMut() -> Stamp>, gain: Gain) {
        let count = if gain == Gain::A128 { 4 } else { 5 };
        for left in (0..count).rev() {
            assert_eq!(chip.read(), Err(Hx711Error::Settling { left }));
        }
    }

    #[test]
    fn the_number_of_pulses_chooses_the_gain_and_the_bits_are_read_with_their_sign() {
        for gain in [Gain::A128, Gain::B32, Gain::A64] {
            for counts in [2, -2, 84_213, -84_213, 8_388_606, -8_388_607, 0x55_5555, -0x2A_AAAA] {
                let (mut hx711, script) = chip(gain, [settled(gain), conversion(counts, gain.extra_pulses())].concat());
                settle(&mut hx711, gain);
                assert_eq!(hx711.read(), Ok(counts), "{gain:?}");
                script.finish();
            }
        }
    }

    #[test]
    fn a_converter_at_its_limit_and_a_disturbed_line_are_no_readings() {
        for (counts, error) in [
            (0x7F_FFFF, Hx711Error::SaturatedHigh),
            (-0x80_0000, Hx711Error::SaturatedLow),
            (-1, Hx711Error::Implausible { bits: 0xFF_FFFF }),
            (0x3F_FFFF, Hx711Error::Implausible { bits: 0x3F_FFFF }),
            (1, Hx711Error::Implausible { bits: 1 }),
            (0, Hx711Error::Implausible { bits: 0 }),
        ] {
            let (mut hx711, script) = chip(Gain::A128, [settled(Gain::A128), conversion(counts, 1)].concat());
            settle(&mut hx711, Gain::A128);
            assert_eq!(hx711.read(), Err(error));
            script.finish();
        }
    }

    #[test]
    fn without_a_conversion_no_pulse_is_sent() {
        let (mut hx711, script) = chip(Gain::A128, vec![Step::Data(true)]);
        assert_eq!(hx711.read(), Err(Hx711Error::NotReady));
        script.finish();
    }

    #[test]
    fn a_low_extra_pulse_is_out_of_step_and_the_chip_is_reset_before_the_next_read() {
        let mut broken = conversion(5000, 1);
        // ready, 24 x (up, down, data), then the extra pulse's (up, down, data) and the last look.
        let extra = 1 + 24 * 3 + 2;
        assert_eq!(broken[extra], Step::Data(true));
        broken[extra] = Step::Data(false);
        broken.truncate(extra + 1);
        let (mut hx711, script) =
            chip(Gain::A128, [settled(Gain::A128), broken, reset(), settled(Gain::A128), conversion(6000, 1)].concat());
        settle(&mut hx711, Gain::A128);
        assert_eq!(hx711.read(), Err(Hx711Error::OutOfStep { place: "at an extra pulse" }));
        assert_eq!(hx711.read(), Err(Hx711Error::Settling { left: 4 }));
        settle(&mut hx711, Gain::A128);
        assert_eq!(hx711.read(), Ok(6000));
        script.finish();
    }

    #[test]
    fn a_line_that_falls_after_the_last_pulse_is_out_of_step() {
        let mut broken = conversion(5000, 1);
        let last = broken.len() - 1;
        broken[last] = Step::Data(false);
        let (mut hx711, script) = chip(Gain::A128, [settled(Gain::A128), broken].concat());
        settle(&mut hx711, Gain::A128);
        assert_eq!(hx711.read(), Err(Hx711Error::OutOfStep { place: "after the last pulse" }));
        script.finish();
    }

    #[test]
    fn a_pulse_that_was_held_up_powers_the_chip_down_so_the_reading_is_refused_and_the_chip_reset() {
        for (held_micros, refused) in [(40, false), (55, true), (5000, true)] {
            let mut held = conversion(5000, 1);
            // Within the high half of the seventh pulse.
            held.insert(1 + 6 * 3 + 1, Step::Stall(held_micros));
            if refused {
                held.truncate(1 + 6 * 3 + 3);
                held.extend(reset());
            }
            let (mut hx711, script) = chip(Gain::A128, [settled(Gain::A128), held].concat());
            settle(&mut hx711, Gain::A128);
            match hx711.read() {
                Ok(counts) => assert!(!refused && counts == 5000),
                Err(Hx711Error::ClockHeldHigh { micros }) => {
                    assert!(refused && micros >= held_micros);
                    assert_eq!(hx711.read(), Err(Hx711Error::Settling { left: 4 }));
                }
                Err(error) => panic!("{error}"),
            }
            script.finish();
        }
    }

    #[test]
    fn a_read_that_takes_more_than_half_a_period_is_refused() {
        let mut slow = conversion(5000, 1);
        // After the tenth pulse, while the clock is low: harmless to the chip, but the next conversion is near.
        slow.insert(1 + 10 * 3 - 1, Step::Stall(6300));
        let (mut hx711, script) = chip(Gain::A128, [settled(Gain::A128), slow, conversion(5001, 1)].concat());
        settle(&mut hx711, Gain::A128);
        assert!(matches!(hx711.read(), Err(Hx711Error::TooSlow { micros: 6300.. })));
        assert_eq!(hx711.read(), Ok(5001));
        script.finish();
    }

    #[test]
    fn a_powered_down_chip_is_reset_before_it_is_read() {
        let (mut hx711, script) = chip(Gain::A128, [vec![Step::Clock(true), Step::Pause(70)], reset()].concat());
        hx711.power_down().expect("powers down");
        assert_eq!(hx711.read(), Err(Hx711Error::Settling { left: 4 }));
        script.finish();
    }
}
