//! A scripted HX711 for tests: it knows each edge and each look at the data line in order, and what time may pass between.
//!
//! Anything that is not the next step fails the test, and so does a script that was not played to its end.

use crate::domain::units::Stamp;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, InputPin, OutputPin, PinState};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// One thing that happens between the program and the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The program sets the clock line.
    Clock(bool),
    /// The program looks at the data line and finds this.
    Data(bool),
    /// The program waits for at least so many microseconds, at the place of this step.
    Pause(u64),
    /// The program is held up for so many microseconds before its next step.
    Stall(u64),
}

struct Played {
    steps: VecDeque<Step>,
    now_nanos: u64,
    clock: bool,
    last_edge_nanos: u64,
    pulsed: bool,
}

/// The script while it is played.
#[derive(Clone)]
pub struct Chip(Arc<Mutex<Played>>);

/// The chip's clock line, as the program drives it.
pub struct ClockPin(Chip);
/// The chip's data line, as the program reads it.
pub struct DataPin(Chip);
/// The program's waiting.
pub struct Wait(Chip);

/// Makes a script and the program's ends of it.
pub fn script(steps: Vec<Step>) -> (Chip, ClockPin, DataPin, Wait, impl FnMut() -> Stamp + Send + 'static) {
    let chip = Chip(Arc::new(Mutex::new(Played {
        steps: steps.into(),
        now_nanos: 0,
        clock: false,
        last_edge_nanos: 0,
        pulsed: false,
    })));
    let clock = chip.clone();
    let now = move || clock.now();
    (chip.clone(), ClockPin(chip.clone()), DataPin(chip.clone()), Wait(chip), now)
}

/// Power down for 10 ms and up again.
pub fn reset() -> Vec<Step> {
    vec![Step::Clock(true), Step::Pause(10_000), Step::Clock(false)]
}

/// A conversion that is ready and is read whole: 24 bits, the extra pulses, and the line high at the end.
pub fn conversion(counts: i32, extra_pulses: u32) -> Vec<Step> {
    let mut steps = vec![Step::Data(false)];
    let bits = (0..24).rev().map(|place| counts >> place & 1 == 1);
    for bit in bits.chain((0..extra_pulses).map(|_| true)) {
        steps.extend([Step::Clock(true), Step::Clock(false), Step::Data(bit)]);
    }
    steps.push(Step::Data(true));
    steps
}

impl Chip {
    fn played(&self) -> MutexGuard<'_, Played> {
        self.0.lock().expect("no other thread fails")
    }

    /// The moment in the script's time.
    pub fn now(&self) -> Stamp {
        Stamp(self.played().now_nanos / 1000)
    }

    /// How many steps are still to come.
    pub fn left(&self) -> usize {
        self.played().steps.len()
    }

    /// Fails unless every step was played.
    pub fn finish(self) {
        let left = self.left();
        assert_eq!(left, 0, "{left} steps of the script were not played: {:?}", self.played().steps.front());
    }
}

impl Played {
    /// The next step that the program takes, after it was held up where the script says so.
    fn next(&mut self) -> Option<Step> {
        while let Some(Step::Stall(micros)) = self.steps.front() {
            self.now_nanos += micros * 1000;
            self.steps.pop_front();
        }
        self.steps.pop_front()
    }
}

impl ErrorType for ClockPin {
    type Error = embedded_hal::digital::ErrorKind;
}

impl OutputPin for ClockPin {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        self.set_state(PinState::Low)
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        self.set_state(PinState::High)
    }

    fn set_state(&mut self, state: PinState) -> Result<(), Self::Error> {
        let high = state == PinState::High;
        let mut played = self.0.played();
        assert_eq!(played.next(), Some(Step::Clock(high)), "the program set the clock line");
        let since_edge = played.now_nanos - played.last_edge_nanos;
        if played.clock != high && played.last_edge_nanos > 0 {
            assert!(since_edge >= 200, "the clock line must keep each level for 0.2 us, not {since_edge} ns");
        }
        played.pulsed = !high && since_edge < 60_000;
        (played.clock, played.last_edge_nanos) = (high, played.now_nanos);
        Ok(())
    }
}

impl ErrorType for DataPin {
    type Error = embedded_hal::digital::ErrorKind;
}

impl InputPin for DataPin {
    fn is_high(&mut self) -> Result<bool, Self::Error> {
        let mut played = self.0.played();
        match played.next() {
            Some(Step::Data(high)) => {
                let since_edge = played.now_nanos - played.last_edge_nanos;
                assert!(
                    !played.pulsed || since_edge >= 100,
                    "a bit is valid 0.1 us after the edge, not {since_edge} ns"
                );
                Ok(high)
            }
            other => panic!("the program looked at the data line where {other:?} comes"),
        }
    }

    fn is_low(&mut self) -> Result<bool, Self::Error> {
        self.is_high().map(|high| !high)
    }
}

impl DelayNs for Wait {
    fn delay_ns(&mut self, nanos: u32) {
        let mut played = self.0.played();
        if let Some(&Step::Pause(micros)) = played.steps.front() {
            assert!(u64::from(nanos) >= micros * 1000, "the program waited {nanos} ns instead of {micros} us");
            played.steps.pop_front();
        }
        played.now_nanos += u64::from(nanos);
    }
}
