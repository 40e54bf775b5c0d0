//! From raw readings of the scale to "the load changed by N g, sure to +-M", "not still", or "faulty".
//!
//! Pure: readings with their stamps go in, events come out. A change is told only between two quiet states, so a bump, a
//! lean or a rolling cart ends where it began and tells a change of nothing.

use super::units::{Grams, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::f64::consts::TAU;

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
    /// How far below both the load before and the load now it stood for a moment in between: something went out before
    /// something else came in.
    #[serde(default, skip_serializing_if = "Grams::is_zero")]
    pub dip: Grams,
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

/// The settler's numbers. The defaults suit 80 to 95 readings a second; see [`SettleSettings::for_rate`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SettleSettings {
    /// How many readings a second the converter gives, about.
    pub per_second: f64,
    /// Length of the piece of readings that the ringing is fitted to. It spans two periods of the lowest mode of a stiff
    /// frame, and a little more than one of a soft one.
    pub fit_ms: u64,
    /// Natural frequencies of frame and load that are tried, lowest and highest, in Hz.
    pub hertz: [f64; 2],
    /// How far back an earlier fit must agree with the newest one.
    pub agree_ms: u64,
    /// The 95 % half-width below which the load counts as settled.
    pub sure: Grams,
    /// The same, as a share of the change.
    pub sure_share: f64,
    /// What a fit may leave unexplained (rms): noise of the cell and vibration of the room.
    pub noise: Grams,
    /// The same, as a share of the ringing: it has more than one mode.
    pub noise_share: f64,
    /// Length of the tapered mean that the quiet load is followed by.
    pub window_ms: u64,
    /// Deviation of single readings that ends a quiet state.
    pub onset: Grams,
    /// Deviation of the tapered mean that ends a quiet state: the smallest change that is noticed.
    pub slow_onset: Grams,
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
            per_second: 88.0,
            fit_ms: 340,
            hertz: [4.5, 14.0],
            agree_ms: 60,
            sure: Grams(4.0),
            sure_share: 0.006,
            noise: Grams(2.0),
            noise_share: 0.03,
            window_ms: 400,
            onset: Grams(8.0),
            slow_onset: Grams(3.0),
            drift_per_second: Grams(0.1),
            refine_ms: 2000,
            frozen_ms: 1500,
            silent_ms: 600,
        }
    }
}

impl SettleSettings {
    /// The settings for so many readings a second: a converter that gives 10 has averaged most of the ringing away, and
    /// what is left needs longer windows. Swings that it folds to waves slower than 2 Hz look like a load that drifts: those
    /// are waited out.
    pub fn for_rate(per_second: f64) -> SettleSettings {
        let settings = SettleSettings { per_second, ..SettleSettings::default() };
        if per_second >= 40.0 {
            return settings;
        }
        SettleSettings { fit_ms: 1000, hertz: [2.0, 5.2], agree_ms: 200, window_ms: 1000, ..settings }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Not enough readings yet, or after a fault.
    Starting,
    /// Nothing moves; `load` is the reference, `told` what was last told of it.
    Quiet { load: f64, told: f64, since: Stamp, ringing: Ringing },
    /// Something moves; `before` was the last quiet load, which still swung so far.
    Moving { before: f64, began: Stamp, swing: f64 },
    /// The readings are not to be believed.
    Faulty(ScaleFault),
}

/// What still swings around a settled load: how far at first, and how it dies.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ringing {
    amplitude: f64,
    decay_per_second: f64,
}

impl Ringing {
    fn after(&self, millis: u64) -> f64 {
        self.amplitude * (-self.decay_per_second * millis as f64 / 1000.0).exp()
    }
}

/// When readings were converted. A busy processor takes some of them late, and a swing fitted to late stamps is none.
#[derive(Debug, Clone)]
struct Conversions {
    /// Seconds from one to the next.
    period: f64,
    last: Option<Stamp>,
}

/// A reading that is taken later than this share of a period after its conversion counts as late.
const ON_TIME: f64 = 0.2;
/// And may come so much of a period earlier than thought.
const EARLY: f64 = 0.05;
/// How fast the conversions are taken to shift, and their period to change, for what readings are off; estimates.
const SHIFT: f64 = 0.1;
const STRETCH: f64 = 0.01;

impl Conversions {
    /// The time of the conversion that was taken at `taken`: the converter keeps the newest until it is fetched, so a
    /// reading comes late and never early.
    fn time_of(&mut self, taken: Stamp) -> Stamp {
        let Some(last) = self.last else {
            self.last = Some(taken);
            return taken;
        };
        let apart = taken.0.saturating_sub(last.0) as f64 / 1e6;
        let periods = (apart / self.period + EARLY).floor().max(1.0);
        let off = apart - periods * self.period;
        let on_time = off <= ON_TIME * self.period;
        let shift = if off < 0.0 {
            off
        } else if on_time {
            SHIFT * off
        } else {
            0.0
        };
        let at = Stamp(last.0 + ((periods * self.period + shift).max(0.0) * 1e6) as u64);
        if periods == 1.0 && on_time {
            self.period += STRETCH * off;
        }
        self.last = Some(at);
        at
    }
}

/// Watches the readings of one scale.
#[derive(Debug, Clone)]
pub struct Settler {
    settings: SettleSettings,
    conversions: Conversions,
    state: State,
    /// The last three raw readings: a single corrupt one among them is passed over.
    raw: VecDeque<(Stamp, f64)>,
    /// Readings after the median, oldest first, a little longer than all windows.
    window: VecDeque<(Stamp, f64)>,
    /// The last raw reading, and since when it has been the same; a fault does not make it forgotten.
    last_reading: Option<f64>,
    same_since: Stamp,
    last_at: Stamp,
    /// Where readings first left the quiet load, while it is not yet sure that they did.
    left_at: Option<(Stamp, u32)>,
    /// The last few loads that were fitted while something moved.
    fits: VecDeque<(Stamp, f64)>,
    /// The lowest load that it stood at for [`DIP_MS`] since it moves.
    lowest: f64,
}

impl Settler {
    /// A settler that has seen nothing.
    pub fn new(settings: SettleSettings) -> Settler {
        Settler {
            conversions: Conversions { period: 1.0 / settings.per_second, last: None },
            settings,
            state: State::Starting,
            raw: VecDeque::with_capacity(4),
            window: VecDeque::with_capacity(128),
            last_reading: None,
            same_since: Stamp(0),
            last_at: Stamp(0),
            left_at: None,
            fits: VecDeque::with_capacity(32),
            lowest: 0.0,
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
    pub fn push(&mut self, taken: Stamp, load: Grams) -> Option<LoadEvent> {
        let at = self.conversions.time_of(taken);
        if self.last_reading.replace(load.0) != Some(load.0) {
            self.same_since = at;
        }
        self.last_at = at;
        self.raw.push_back((at, load.0));
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
        let (then, filtered) = without_spike(&self.raw);
        self.window.push_back((then, filtered));
        let keep = self.settings.window_ms.max(self.settings.fit_ms) + 200;
        while self.window.front().is_some_and(|(oldest, _)| at.millis_since(*oldest) > keep) {
            self.window.pop_front();
        }
        match self.state {
            State::Starting => self.start(at),
            State::Quiet { .. } => self.watch(at, filtered),
            State::Moving { before, began, swing } => self.settle(at, before, began, swing),
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
        let settled = self.settled_at(at, 0.0)?;
        self.state = Settler::quiet(&settled, at);
        Some(LoadEvent::Ready { load: Grams(settled.load) })
    }

    fn quiet(settled: &Fit, since: Stamp) -> State {
        let load = settled.load;
        State::Quiet { load, told: load, since, ringing: Settler::ringing(settled) }
    }

    fn watch(&mut self, at: Stamp, reading: f64) -> Option<LoadEvent> {
        let State::Quiet { load, told, since, ringing } = self.state else { return None };
        let settings = self.settings;
        let age = at.millis_since(since);
        // What still rings from the last change may not be taken for a new one.
        let envelope = 1.5 * ringing.after(age);
        if (reading - load).abs() > settings.onset.0 + envelope {
            let (first, count) = self.left_at.map_or((at, 1), |(first, count)| (first, count + 1));
            self.left_at = Some((first, count));
            return if count >= 3 { self.leave(told, first, envelope) } else { None };
        }
        self.left_at = None;
        let (mean, refining) = match envelope > settings.onset.0 {
            true => (self.fit(at)?.load, true),
            false => (self.tapered_mean(at, settings.window_ms)?, age < settings.refine_ms),
        };
        let deviation = mean - load;
        if refining && deviation.abs() <= settings.sure.0 + 0.2 * envelope {
            let load = load + 0.1 * deviation;
            // What was told too early is put right, as a change of its own and once: what goes on is something new.
            let off = load - told;
            let put_right = off.abs() > settings.sure.0;
            self.state = match put_right {
                true => State::Quiet { load, told: load, since: at.minus_millis(settings.refine_ms), ringing },
                false => State::Quiet { load, told, since, ringing },
            };
            return put_right.then(|| {
                let margin = Grams(settings.sure.0);
                LoadEvent::Settled(SettledChange {
                    change: Grams(off),
                    margin,
                    load: Grams(load),
                    began: since,
                    settled: at,
                    dip: Grams(0.0),
                })
            });
        }
        if deviation.abs() > settings.slow_onset.0 + 0.2 * envelope {
            return self.leave(told, at.minus_millis(settings.window_ms / 2), envelope);
        }
        let most = settings.drift_per_second.0 * 0.0125;
        let step = deviation.clamp(-most, most);
        self.state = State::Quiet { load: load + step, told: told + step, since, ringing };
        None
    }

    fn leave(&mut self, before: f64, began: Stamp, swing: f64) -> Option<LoadEvent> {
        self.left_at = None;
        self.fits.clear();
        self.lowest = before;
        self.state = State::Moving { before, began, swing };
        Some(LoadEvent::Disturbed)
    }

    fn settle(&mut self, at: Stamp, before: f64, began: Stamp, swing: f64) -> Option<LoadEvent> {
        if at.millis_since(began) >= DIP_MS {
            self.lowest = self.tapered_mean(at, DIP_MS).map_or(self.lowest, |mean| mean.min(self.lowest));
        }
        let settled = self.settled_at(at, before)?;
        let change = settled.load - before;
        let margin = (4.0 + (0.001 * change).powi(2) + settled.margin.powi(2)).sqrt();
        self.state = Settler::quiet(&settled, at);
        // A heavy load that has just landed goes on swinging: the mean of such a moment may be low, too.
        let dip = before.min(settled.load) - self.lowest;
        let dip = if dip > SWING_LEFT * swing { dip } else { 0.0 };
        Some(LoadEvent::Settled(SettledChange {
            change: Grams(change),
            margin: Grams(margin),
            load: Grams(settled.load),
            began,
            settled: at,
            dip: Grams(dip),
        }))
    }

    fn ringing(fit: &Fit) -> Ringing {
        // A little less damping than fitted: to wait too long is better than to take the ringing for a change.
        let decay_per_second = 0.7 * fit.damping * TAU * fit.hertz;
        Ringing { amplitude: fit.amplitude, decay_per_second }
    }

    /// The load, where it is settled: the fit explains the readings, is sure, and agrees with those of a moment ago.
    fn settled_at(&mut self, at: Stamp, before: f64) -> Option<Fit> {
        let settings = self.settings;
        let mut fit = self.fit(at)?;
        let earlier = at.minus_millis(settings.agree_ms);
        self.fits.push_back((at, fit.load));
        while self.fits.get(1).is_some_and(|(second, _)| *second <= earlier) {
            self.fits.pop_front();
        }
        if self.fits.front().is_none_or(|(oldest, _)| *oldest > earlier) {
            return None;
        }
        let apart = self.fits.iter().map(|(_, load)| (load - fit.load).abs()).fold(0.0, f64::max);
        fit.margin = fit.margin.hypot(apart);
        let sure = settings.sure.0 + settings.sure_share * (fit.load - before).abs();
        let explained = fit.rest <= settings.noise.0 + settings.noise_share * fit.amplitude;
        (explained && fit.margin <= sure).then_some(fit)
    }

    /// Fits a load and a dying swing around it to the last readings: averaging waits for the swing to die, this does not.
    fn fit(&self, at: Stamp) -> Option<Fit> {
        let settings = self.settings;
        let begin = at.minus_millis(settings.fit_ms);
        if self.window.front().is_none_or(|(oldest, _)| *oldest > begin.plus_millis(settings.fit_ms / 10)) {
            return None;
        }
        let readings: Vec<(f64, f64)> = self
            .window
            .iter()
            .rev()
            .take_while(|(stamp, _)| *stamp >= begin)
            .map(|(stamp, load)| (stamp.0 as f64 / 1e6 - at.0 as f64 / 1e6, *load))
            .collect();
        let swing = |hertz: f64, damping: f64| fit_swing(&readings, hertz, damping);
        let better = |best: Fit, tried: [Option<Fit>; 2]| {
            tried.into_iter().flatten().fold(best, |best, next| if next.rest < best.rest { next } else { best })
        };
        let [lowest, highest] = settings.hertz;
        let mut hertz = lowest;
        let mut best = swing(hertz, DAMPING)?;
        while hertz < highest {
            hertz *= 1.1;
            best = better(best, [swing(hertz, DAMPING), None]);
        }
        // Between the frequencies tried, ever closer; the damping with it.
        let mut step: f64 = 1.05;
        while step > 1.004 {
            let Fit { hertz, damping, .. } = best;
            best = better(best, [swing(hertz * step, damping), swing(hertz / step, damping)]);
            let Fit { hertz, damping, .. } = best;
            let bent = [damping * step.powi(8), damping / step.powi(8)];
            best = better(best, bent.map(|damping| swing(hertz, damping.clamp(0.02, 0.12))));
            step = step.sqrt();
        }
        Some(best)
    }

    /// The mean of the readings of the `span_ms` before `end`, weighted by a raised cosine (Hann): it suppresses ringing
    /// far better than a plain mean of the same length. None where the readings do not reach that far back.
    fn tapered_mean(&self, end: Stamp, span_ms: u64) -> Option<f64> {
        let begin = end.minus_millis(span_ms);
        if self.window.front().is_none_or(|(oldest, _)| *oldest > begin.plus_millis(span_ms / 8)) {
            return None;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for (at, reading) in self.window.iter().rev().take_while(|(at, _)| *at >= begin) {
            let phase = at.0.saturating_sub(begin.0) as f64 / (span_ms as f64 * 1000.0);
            let weight = (std::f64::consts::PI * phase).sin().powi(2);
            sum += weight * reading;
            weights += weight;
        }
        (weights > 2.0).then(|| sum / weights)
    }
}

/// Over so long a mean tells a load that stood for a moment from one that swings.
const DIP_MS: u64 = 250;
/// How much of a swing of 4 Hz and more such a mean may hold.
const SWING_LEFT: f64 = 0.25;

/// The damping that the fit begins with, as a share of the critical one.
const DAMPING: f64 = 0.045;

/// A load and a swing around it, as fitted to a piece of readings.
#[derive(Debug, Clone)]
struct Fit {
    load: f64,
    /// The 95 % half-width of the load.
    margin: f64,
    /// How far it swings now.
    amplitude: f64,
    hertz: f64,
    /// As a share of the critical one.
    damping: f64,
    /// What the fit leaves unexplained, rms.
    rest: f64,
}

/// Least squares for `load + e^(-decay t) (a cos + b sin)` at one frequency; `readings` are seconds (0 is now) and grams.
fn fit_swing(readings: &[(f64, f64)], hertz: f64, damping: f64) -> Option<Fit> {
    let count = readings.len() as f64;
    if readings.len() < 6 {
        return None;
    }
    let omega = TAU * hertz;
    let origin = readings[0].1;
    let basis = |t: f64| {
        let envelope = (-damping * omega * t).exp();
        let (sin, cos) = (omega * t).sin_cos();
        [1.0, envelope * cos, envelope * sin]
    };
    let rows: Vec<[f64; 3]> = readings.iter().map(|(t, _)| basis(*t)).collect();
    let mut normal = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for ((_, load), row) in readings.iter().zip(&rows) {
        for i in 0..3 {
            right[i] += row[i] * (load - origin);
            for j in 0..3 {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    let cofactor = |i: usize, j: usize| {
        let (a, b) = ((i + 1) % 3, (i + 2) % 3);
        let (c, d) = ((j + 1) % 3, (j + 2) % 3);
        normal[a][c] * normal[b][d] - normal[a][d] * normal[b][c]
    };
    let determinant: f64 = (0..3).map(|j| normal[0][j] * cofactor(0, j)).sum();
    if determinant.abs() < 1e-9 {
        return None;
    }
    // The matrix is symmetric, so its cofactors need no turning.
    let solve = |i: usize| (0..3).map(|j| cofactor(i, j) * right[j]).sum::<f64>() / determinant;
    let [load, a, b] = [solve(0), solve(1), solve(2)];
    let left: f64 = readings
        .iter()
        .zip(&rows)
        .map(|((_, reading), [_, cos, sin])| (reading - origin - load - a * cos - b * sin).powi(2))
        .sum();
    let rest = (left / (count - 3.0)).sqrt();
    // The converter gives running means, so neighbouring readings tell less than so many of their own.
    let margin = 2.0 * rest * (2.0 * cofactor(0, 0) / determinant).sqrt();
    Some(Fit { load: load + origin, margin, amplitude: a.hypot(b), hertz, damping, rest })
}

/// The middle one of the last three readings, or a neighbour where it stands far off both: a lost bit does that, no mass
/// does. A median would also cut the tips off every swing.
fn without_spike(readings: &VecDeque<(Stamp, f64)>) -> (Stamp, f64) {
    const LONE: f64 = 500.0;
    match (readings.front(), readings.get(1), readings.get(2)) {
        (Some((_, before)), Some((then, middle)), Some((_, after))) => {
            let (off_before, off_after) = (middle - before, middle - after);
            let lone = off_before.signum() == off_after.signum() && off_before.abs().min(off_after.abs()) > LONE;
            (*then, if lone { *after } else { *middle })
        }
        (Some(first), _, _) => *first,
        _ => (Stamp(0), 0.0),
    }
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
        swing(t, t0, amplitude, 9.0, 0.05)
    }

    fn swing(t: f64, t0: f64, amplitude: f64, hertz: f64, damping: f64) -> f64 {
        if t < t0 {
            return 0.0;
        }
        let omega = TAU * hertz;
        amplitude * (-damping * omega * (t - t0)).exp() * (omega * (t - t0)).cos()
    }

    #[test]
    fn a_drop_is_told_once_with_its_mass_while_it_still_rings_on_stiff_and_soft_carts() {
        for (hertz, damping) in [(12.0, 0.05), (9.0, 0.05), (6.0, 0.03), (5.0, 0.08)] {
            for mass in [25.0, 150.0, 500.0, 2000.0] {
                let ringing = |t: f64| swing(t, 2.0, -mass, hertz, damping);
                let events = play(6.0, |t| if t < 2.0 { 5000.0 } else { 5000.0 + mass + ringing(t) });
                let changes: Vec<_> = changes(&events);
                assert_eq!(changes.len(), 1, "{mass} g, {hertz} Hz: {events:?}");
                let change = changes[0];
                assert!((change.change.0 - mass).abs() <= change.margin.0, "{mass} g, {hertz} Hz: {change:?}");
                let settled = change.settled.millis();
                assert!(settled < 2500, "{mass} g, {hertz} Hz: settled at {settled} ms");
            }
        }
    }

    #[test]
    fn a_load_that_stood_lower_for_a_moment_is_told_with_its_dip() {
        // So much goes out, and after so many seconds so much comes in.
        for (out, seconds, into, least, most) in [
            (200.0, 0.33, 550.0, 170.0, 205.0),
            (500.0, 0.33, 520.0, 430.0, 510.0),
            (200.0, 0.20, 550.0, 60.0, 205.0),
            (0.0, 0.33, 550.0, 0.0, 5.0),
            (0.0, 0.33, 2000.0, 0.0, 5.0),
        ] {
            let gone = |t: f64| if t < 2.0 { 0.0 } else { -out + ring(t, 2.0, out) };
            let come = |t: f64| if t < 2.0 + seconds { 0.0 } else { into + ring(t, 2.0 + seconds, -into) };
            let events = play(6.0, |t| 5000.0 + gone(t) + come(t));
            let changes = changes(&events);
            assert_eq!(changes.len(), 1, "{out} g out, {into} g in: {events:?}");
            let dip = changes[0].dip.0;
            assert!((least..=most).contains(&dip), "{out} g out, {into} g in after {seconds} s: {dip} g");
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

    #[test]
    fn a_reading_that_is_taken_late_has_the_time_of_its_conversion() {
        let mut conversions = Conversions { period: 0.0125, last: None };
        let mut worst: f64 = 0.0;
        for reading in 0..2000u64 {
            let converted = Stamp(reading * 11_300);
            // One in fifty is taken up to a period late, and what was converted meanwhile is lost.
            let late = if reading % 50 == 49 { 1_000 * (reading % 11) } else { reading % 3 * 100 };
            let at = conversions.time_of(Stamp(converted.0 + late));
            if reading > 500 {
                worst = worst.max((at.0 as f64 - converted.0 as f64).abs());
            }
        }
        assert!(worst < 400.0, "{worst} us");
    }
}
