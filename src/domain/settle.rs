//! From raw readings of the scale to "the load changed by N g, sure to +-M", "not still", or "faulty".
//!
//! Pure: readings with their stamps go in, events come out. A change is told only between two quiet states, so a bump, a
//! lean or a rolling cart ends where it began and tells a change of nothing.

use super::units::{Grams, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

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

/// What the settler has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum LoadEvent {
    /// The first quiet load after the start or after a fault.
    Ready {
        /// The load.
        load: Grams,
    },
    /// The load began to move.
    Disturbed,
    /// The load is quiet again.
    Settled(SettledChange),
    /// The readings cannot be used.
    Faulted(ScaleFault),
}

/// The settler's numbers. The defaults suit a stiff cart (first mode >= 8 Hz) read at 80 to 95 samples a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SettleSettings {
    /// Length of the tapered mean. Spans two periods of the lowest mode; 0.4 s leaves 1.0 g (p50) to 3.6 g (p95) of
    /// error half a second after a 500 g drop on a stiff cart, where a plain mean leaves 21 to 41 g (our derivation).
    pub window_ms: u64,
    /// Offsets at which earlier means must agree with the newest one.
    pub agree_ms: [u64; 2],
    /// How far those means may lie apart.
    pub agree: Grams,
    /// The same, as a share of the change.
    pub agree_share: f64,
    /// Deviation of single readings that ends a quiet state.
    pub onset: Grams,
    /// Deviation of the tapered mean that ends a quiet state: the smallest change that is noticed.
    pub slow_onset: Grams,
    /// Ripple (rms) that a quiet state may have.
    pub ripple: Grams,
    /// The same, as a share of the change: an item's own ring-down grows with it.
    pub ripple_share: f64,
    /// How fast drift is followed while quiet.
    pub drift_per_second: Grams,
    /// Time after a change in which its size is still refined as the ringing dies.
    pub refine_ms: u64,
    /// Time of identical readings after which the cell counts as frozen.
    pub frozen_ms: u64,
    /// Time without a reading after which the scale counts as silent.
    pub silent_ms: u64,
}

impl Default for SettleSettings {
    fn default() -> SettleSettings {
        SettleSettings {
            window_ms: 400,
            agree_ms: [50, 100],
            agree: Grams(1.5),
            agree_share: 0.004,
            onset: Grams(8.0),
            slow_onset: Grams(3.0),
            ripple: Grams(6.0),
            ripple_share: 0.4,
            drift_per_second: Grams(0.1),
            refine_ms: 2000,
            frozen_ms: 1500,
            silent_ms: 600,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Not enough readings yet, or after a fault.
    Starting,
    /// Nothing moves; `load` is the reference.
    Quiet { load: f64, since: Stamp, ringing: f64 },
    /// Something moves; `before` was the last quiet load.
    Moving { before: f64, began: Stamp },
    /// The readings are not to be believed.
    Faulty(ScaleFault),
}

/// Watches the readings of one scale.
#[derive(Debug, Clone)]
pub struct Settler {
    settings: SettleSettings,
    state: State,
    /// The last three raw readings: their median removes single corrupt reads.
    raw: VecDeque<f64>,
    /// Readings after the median, oldest first, a little longer than all windows.
    window: VecDeque<(Stamp, f64)>,
    /// The last raw reading, and since when it has been the same; a fault does not make it forgotten.
    last_reading: Option<f64>,
    same_since: Stamp,
    last_at: Stamp,
    /// Where readings first left the quiet load, while it is not yet sure that they did.
    left_at: Option<(Stamp, u32)>,
}

impl Settler {
    /// A settler that has seen nothing.
    pub fn new(settings: SettleSettings) -> Settler {
        Settler {
            settings,
            state: State::Starting,
            raw: VecDeque::with_capacity(4),
            window: VecDeque::with_capacity(128),
            last_reading: None,
            same_since: Stamp(0),
            last_at: Stamp(0),
            left_at: None,
        }
    }

    /// The quiet load, where the load is quiet.
    pub fn quiet_load(&self) -> Option<Grams> {
        match self.state {
            State::Quiet { load, .. } => Some(Grams(load)),
            _ => None,
        }
    }

    /// Takes one reading and tells what it shows, if anything.
    pub fn push(&mut self, at: Stamp, load: Grams) -> Option<LoadEvent> {
        if self.last_reading.replace(load.0) != Some(load.0) {
            self.same_since = at;
        }
        self.last_at = at;
        self.raw.push_back(load.0);
        if self.raw.len() > 3 {
            self.raw.pop_front();
        }
        if at.millis_since(self.same_since) >= self.settings.frozen_ms {
            return self.fault(ScaleFault::Frozen);
        }
        if let State::Faulty(_) = self.state {
            // Any live reading ends a fault; the load is learned anew.
            self.state = State::Starting;
            self.window.clear();
        }
        let filtered = median(&self.raw);
        self.window.push_back((at, filtered));
        let keep = self.settings.window_ms + self.settings.agree_ms.iter().max().copied().unwrap_or(0) + 100;
        while self.window.front().is_some_and(|(oldest, _)| at.millis_since(*oldest) > keep) {
            self.window.pop_front();
        }
        match self.state {
            State::Starting => self.start(at),
            State::Quiet { load, since, ringing } => self.watch(at, filtered, load, since, ringing),
            State::Moving { before, began } => self.settle(at, before, began),
            State::Faulty(_) => None,
        }
    }

    /// Tells a fault that the source reported; repeated reports of the same fault are told once.
    pub fn fault(&mut self, fault: ScaleFault) -> Option<LoadEvent> {
        if self.state == State::Faulty(fault) {
            return None;
        }
        self.state = State::Faulty(fault);
        self.window.clear();
        self.raw.clear();
        self.left_at = None;
        Some(LoadEvent::Faulted(fault))
    }

    /// Tells that time has passed without a reading.
    pub fn gap(&mut self, now: Stamp) -> Option<LoadEvent> {
        if now.millis_since(self.last_at) >= self.settings.silent_ms { self.fault(ScaleFault::Silent) } else { None }
    }

    fn start(&mut self, at: Stamp) -> Option<LoadEvent> {
        let quiet = self.quiet_at(at, None)?;
        self.state = State::Quiet { load: quiet.load, since: at, ringing: 0.0 };
        Some(LoadEvent::Ready { load: Grams(quiet.load) })
    }

    fn watch(&mut self, at: Stamp, reading: f64, load: f64, since: Stamp, ringing: f64) -> Option<LoadEvent> {
        let settings = self.settings;
        let age = at.millis_since(since);
        // What still rings from the last change may not be taken for a new one: its envelope decays with about 0.4 s.
        let envelope = 2.5 * ringing * (-(age as f64) / 400.0).exp();
        if (reading - load).abs() > settings.onset.0 + envelope {
            let (first, count) = self.left_at.map_or((at, 1), |(first, count)| (first, count + 1));
            self.left_at = Some((first, count));
            if count >= 3 {
                self.left_at = None;
                self.state = State::Moving { before: load, began: first };
                return Some(LoadEvent::Disturbed);
            }
            return None;
        }
        self.left_at = None;
        let mean = self.tapered_mean(at, settings.window_ms)?;
        let deviation = mean - load;
        if age < settings.refine_ms && deviation.abs() <= 4.0 + 0.1 * ringing {
            self.state = State::Quiet { load: load + 0.1 * deviation, since, ringing };
        } else if deviation.abs() > settings.slow_onset.0 + 0.1 * envelope {
            self.state = State::Moving { before: load, began: at.minus_millis(settings.window_ms / 2) };
            return Some(LoadEvent::Disturbed);
        } else {
            let step = settings.drift_per_second.0 * 0.0125;
            self.state = State::Quiet { load: load + deviation.clamp(-step, step), since, ringing };
        }
        None
    }

    fn settle(&mut self, at: Stamp, before: f64, began: Stamp) -> Option<LoadEvent> {
        let quiet = self.quiet_at(at, Some((before, began)))?;
        let change = quiet.load - before;
        let margin =
            (4.0 + (0.001 * change).powi(2) + (2.0 * quiet.apart).powi(2) + (0.03 * quiet.ripple).powi(2)).sqrt();
        self.state = State::Quiet { load: quiet.load, since: at, ringing: quiet.ripple };
        Some(LoadEvent::Settled(SettledChange {
            change: Grams(change),
            margin: Grams(margin),
            load: Grams(quiet.load),
            began,
            settled: at,
        }))
    }

    /// Says whether the load is quiet now: tapered means that end now and a little earlier agree, and the ripple is no
    /// more than noise and the change's own ringing.
    fn quiet_at(&self, at: Stamp, change_from: Option<(f64, Stamp)>) -> Option<Quiet> {
        let settings = self.settings;
        let load = self.tapered_mean(at, settings.window_ms)?;
        let (change, began) = match change_from {
            Some((before, began)) => ((load - before).abs(), began),
            None => (0.0, Stamp(0)),
        };
        if at.millis_since(began) < settings.window_ms {
            return None;
        }
        let allowed = settings.agree.0 + settings.agree_share * change;
        let mut apart: f64 = 0.0;
        for offset in settings.agree_ms {
            let earlier = self.tapered_mean(at.minus_millis(offset), settings.window_ms)?;
            apart = apart.max((earlier - load).abs());
        }
        let ripple = self.ripple(at, load, 200);
        let quiet = apart <= allowed && ripple <= settings.ripple.0 + settings.ripple_share * change;
        quiet.then_some(Quiet { load, apart, ripple })
    }

    /// The mean of the readings of the `span_ms` before `end`, weighted by a raised cosine (Hann): it suppresses ringing
    /// far better than a plain mean of the same length. None where the readings do not reach that far back.
    fn tapered_mean(&self, end: Stamp, span_ms: u64) -> Option<f64> {
        let begin = end.minus_millis(span_ms);
        if self.window.front().is_none_or(|(oldest, _)| *oldest > begin.plus_millis(30)) {
            return None;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for (at, reading) in self.window.iter().rev().skip_while(|(at, _)| *at > end).take_while(|(at, _)| *at >= begin)
        {
            let phase = at.0.saturating_sub(begin.0) as f64 / (span_ms as f64 * 1000.0);
            let weight = (std::f64::consts::PI * phase).sin().powi(2);
            sum += weight * reading;
            weights += weight;
        }
        (weights > 5.0).then(|| sum / weights)
    }

    fn ripple(&self, at: Stamp, around: f64, span_ms: u64) -> f64 {
        let begin = at.minus_millis(span_ms);
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, reading) in self.window.iter().rev().take_while(|(stamp, _)| *stamp >= begin) {
            sum += (reading - around).powi(2);
            count += 1.0;
        }
        if count > 0.0 { (sum / count).sqrt() } else { f64::INFINITY }
    }
}

struct Quiet {
    load: f64,
    apart: f64,
    ripple: f64,
}

fn median(readings: &VecDeque<f64>) -> f64 {
    let mut sorted = [0.0_f64; 3];
    let count = readings.len().min(3);
    for (place, reading) in sorted.iter_mut().zip(readings.iter()) {
        *place = *reading;
    }
    sorted[..count].sort_by(f64::total_cmp);
    sorted[count / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings at 88 a second: `load(t)` plus a small deterministic noise that never repeats a value.
    fn play(seconds: f64, load: impl Fn(f64) -> f64) -> Vec<LoadEvent> {
        let mut settler = Settler::new(SettleSettings::default());
        let mut noise: u64 = 1;
        let mut events = Vec::new();
        for sample in 0..(seconds * 88.0) as u64 {
            noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let jitter = ((noise >> 33) as f64 / 2f64.powi(31) - 0.5) * 1.4;
            let t = sample as f64 / 88.0;
            events.extend(settler.push(Stamp((t * 1e6) as u64), Grams(load(t) + jitter)));
        }
        events
    }

    fn changes(events: &[LoadEvent]) -> Vec<SettledChange> {
        events
            .iter()
            .filter_map(|event| match event {
                LoadEvent::Settled(change) => Some(*change),
                _ => None,
            })
            .collect()
    }

    /// A damped ring of `amplitude` grams at 9 Hz, 5 % damping, from `t0` on.
    fn ring(t: f64, t0: f64, amplitude: f64) -> f64 {
        if t < t0 {
            return 0.0;
        }
        let omega = std::f64::consts::TAU * 9.0;
        amplitude * (-0.05 * omega * (t - t0)).exp() * (omega * (t - t0)).cos()
    }

    #[test]
    fn a_drop_is_told_once_with_its_mass_in_under_0_8_seconds() {
        for mass in [25.0, 150.0, 500.0, 2000.0] {
            let events = play(6.0, |t| if t < 2.0 { 5000.0 } else { 5000.0 + mass + ring(t, 2.0, -mass) });
            let changes: Vec<_> = changes(&events).into_iter().filter(|change| change.change.abs().0 > 4.0).collect();
            assert_eq!(changes.len(), 1, "{mass} g: {events:?}");
            let change = changes[0];
            assert!((change.change.0 - mass).abs() <= change.margin.0.max(3.0), "{mass} g: {change:?}");
            assert!(change.settled.millis() < 2800, "{mass} g settled at {} ms", change.settled.millis());
        }
    }

    #[test]
    fn a_bump_tells_a_change_of_nothing() {
        let events = play(6.0, |t| 8000.0 + ring(t, 2.0, 900.0));
        for change in changes(&events) {
            assert!(change.change.abs().0 < 3.0, "{change:?}");
        }
        assert!(matches!(events[0], LoadEvent::Ready { .. }));
    }

    #[test]
    fn a_rolling_cart_is_not_quiet() {
        let events = play(12.0, |t| {
            let rolling = (2.0..10.0).contains(&t);
            let sway =
                300.0 * (std::f64::consts::TAU * 1.8 * t).sin() + 200.0 * (std::f64::consts::TAU * 2.7 * t).sin();
            15000.0 + if rolling { sway } else { 0.0 }
        });
        let changes = changes(&events);
        assert!(changes.iter().all(|change| change.change.abs().0 < 3.0), "{changes:?}");
        assert!(changes.iter().any(|change| change.settled.seconds() > 10.0), "{changes:?}");
    }

    #[test]
    fn slow_drift_is_followed_and_small_steps_are_not() {
        let drift = play(60.0, |t| 9000.0 + 0.03 * t);
        assert!(changes(&drift).is_empty(), "{drift:?}");
        let steps = play(30.0, |t| 9000.0 + 5.0 * (t / 5.0).floor());
        let sum: f64 = changes(&steps).iter().map(|change| change.change.0).sum();
        assert!((sum - 25.0).abs() < 5.0, "steps of 5 g sum to {sum}");
    }

    #[test]
    fn a_frozen_cell_is_a_fault_and_recovers() {
        let mut settler = Settler::new(SettleSettings::default());
        let mut events = Vec::new();
        for sample in 0..400_u64 {
            let live = !(100..300).contains(&sample);
            let load = if live { 500.0 + (sample % 7) as f64 * 0.1 } else { 500.3 };
            events.extend(settler.push(Stamp(sample * 11_364), Grams(load)));
        }
        assert_eq!(events.iter().filter(|event| **event == LoadEvent::Faulted(ScaleFault::Frozen)).count(), 1);
        assert!(matches!(events.last(), Some(LoadEvent::Ready { .. })), "{events:?}");
    }

    #[test]
    fn a_cell_that_stays_frozen_stays_at_fault() {
        let mut settler = Settler::new(SettleSettings::default());
        let reading = |sample: u64| if sample < 100 { 500.0 + (sample % 7) as f64 * 0.1 } else { 500.3 };
        let events: Vec<LoadEvent> =
            (0..2000_u64).filter_map(|sample| settler.push(Stamp(sample * 11_364), Grams(reading(sample)))).collect();
        assert_eq!(events.len(), 2, "ready once, frozen once, and nothing in the 20 seconds after: {events:?}");
        assert_eq!(events[1], LoadEvent::Faulted(ScaleFault::Frozen));
    }

    #[test]
    fn silence_is_a_fault_and_not_a_weight_of_zero() {
        let mut settler = Settler::new(SettleSettings::default());
        settler.push(Stamp(0), Grams(500.0));
        assert_eq!(settler.gap(Stamp::from_millis(300)), None);
        assert_eq!(settler.gap(Stamp::from_millis(700)), Some(LoadEvent::Faulted(ScaleFault::Silent)));
        assert_eq!(settler.gap(Stamp::from_millis(800)), None);
    }

    #[test]
    fn one_corrupt_reading_changes_nothing() {
        let events = play(4.0, |t| if (t - 2.0).abs() < 0.005 { -3.0e6 } else { 700.0 });
        assert_eq!(events.len(), 1, "{events:?}");
    }
}
