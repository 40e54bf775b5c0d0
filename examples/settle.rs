//! Ways of finding a settled change, side by side on the same readings: `cargo run --release --example settle -- [EVENTS] [SEED]`.
//!
//! Ours is `domain::settle`. The others are what is done elsewhere, written here from their descriptions: a motion band
//! (indicators of platform scales), a line fit, two windows (a published shelf system), and CUSUM on the quiet mean.

use dashcart::domain::settle::{LoadEvent, SettleSettings, Settler};
use dashcart::domain::units::{Grams, Sku, Stamp};
use dashcart::emulator::load_cell::{CellSettings, LoadCell};
use dashcart::emulator::shelf::Shelf;
use dashcart::emulator::space::Chance;
use dashcart::emulator::world::{Put, World};
use std::collections::VecDeque;

/// Takes readings and tells a change when it holds the load to be settled again.
trait Method {
    fn push(&mut self, at: Stamp, load: f64) -> Option<f64>;
}

struct Ours(Settler);

impl Method for Ours {
    fn push(&mut self, at: Stamp, load: f64) -> Option<f64> {
        match self.0.push(at, Grams(load)) {
            Some(LoadEvent::Settled(settled)) => Some(settled.change.0),
            _ => None,
        }
    }
}

/// The readings of the last second or so.
struct Window {
    readings: VecDeque<(f64, f64)>,
    seconds: f64,
}

impl Window {
    fn new(seconds: f64) -> Window {
        Window { readings: VecDeque::new(), seconds }
    }

    fn push(&mut self, at: f64, load: f64) -> bool {
        self.readings.push_back((at, load));
        while self.readings.front().is_some_and(|(oldest, _)| at - oldest > self.seconds) {
            self.readings.pop_front();
        }
        self.readings.len() >= 3 && at - self.readings[0].0 > 0.8 * self.seconds
    }

    fn mean(&self) -> f64 {
        self.readings.iter().map(|(_, load)| load).sum::<f64>() / self.readings.len() as f64
    }

    fn deviation(&self) -> f64 {
        let mean = self.mean();
        let sum: f64 = self.readings.iter().map(|(_, load)| (load - mean).powi(2)).sum();
        (sum / self.readings.len() as f64).sqrt()
    }

    fn range(&self) -> f64 {
        let most = self.readings.iter().map(|(_, load)| *load).fold(f64::MIN, f64::max);
        most - self.readings.iter().map(|(_, load)| *load).fold(f64::MAX, f64::min)
    }

    /// Slope a second, and the rms of what the line leaves.
    fn line(&self) -> (f64, f64) {
        let count = self.readings.len() as f64;
        let middle = self.readings.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = self.mean();
        let (mut above, mut below) = (0.0, 1e-9);
        for (at, load) in &self.readings {
            above += (at - middle) * (load - mean);
            below += (at - middle).powi(2);
        }
        let slope = above / below;
        let rest: f64 = self.readings.iter().map(|(at, load)| (load - mean - slope * (at - middle)).powi(2)).sum();
        (slope, (rest / count).sqrt())
    }
}

/// When a window is quiet; a change is told when it is quiet again elsewhere.
struct Windowed {
    window: Window,
    quiet: fn(&Window) -> bool,
    held_for: f64,
    quiet_since: Option<f64>,
    reference: Option<f64>,
    least: f64,
}

impl Windowed {
    fn new(seconds: f64, held_for: f64, least: f64, quiet: fn(&Window) -> bool) -> Windowed {
        Windowed { window: Window::new(seconds), quiet, held_for, quiet_since: None, reference: None, least }
    }
}

impl Method for Windowed {
    fn push(&mut self, at: Stamp, load: f64) -> Option<f64> {
        let now = at.seconds();
        if !self.window.push(now, load) || !(self.quiet)(&self.window) {
            self.quiet_since = None;
            return None;
        }
        if now - *self.quiet_since.get_or_insert(now) < self.held_for {
            return None;
        }
        let mean = self.window.mean();
        let Some(reference) = self.reference else {
            self.reference = Some(mean);
            return None;
        };
        if (mean - reference).abs() <= self.least {
            // Drift is followed.
            self.reference = Some(reference + 0.02 * (mean - reference));
            return None;
        }
        self.reference = Some(mean);
        Some(mean - reference)
    }
}

/// CUSUM on the quiet mean (k = 0.5, h = 5 deviations) says when it left; a second one on the new mean when it is quiet.
struct Cusum {
    window: Window,
    reference: Option<f64>,
    sums: [f64; 2],
    moving: bool,
}

impl Method for Cusum {
    fn push(&mut self, at: Stamp, load: f64) -> Option<f64> {
        const DEVIATION: f64 = 1.0;
        if !self.window.push(at.seconds(), load) {
            return None;
        }
        let Some(reference) = self.reference else {
            self.reference = (self.window.deviation() < 2.0).then(|| self.window.mean());
            return None;
        };
        if !self.moving {
            let off = (load - reference) / DEVIATION;
            self.sums = [(self.sums[0] + off - 0.5).max(0.0), (self.sums[1] - off - 0.5).max(0.0)];
            self.moving = self.sums.iter().any(|sum| *sum > 5.0);
            if !self.moving {
                self.reference = Some(reference + 0.002 * (load - reference));
            }
            return None;
        }
        if self.window.deviation() > 3.0 * DEVIATION {
            return None;
        }
        let mean = self.window.mean();
        (self.moving, self.sums, self.reference) = (false, [0.0; 2], Some(mean));
        ((mean - reference).abs() > 4.0).then_some(mean - reference)
    }
}

fn methods(per_second: f64) -> Vec<(&'static str, Box<dyn Method>)> {
    let slow = per_second < 40.0;
    let stretch = if slow { 2.5 } else { 1.0 };
    vec![
        ("ours", Box::new(Ours(Settler::new(SettleSettings::for_rate(per_second))))),
        (
            "motion band 0.25 s held 0.5 s",
            Box::new(Windowed::new(0.25 * stretch, 0.5, 4.0, |window| window.range() <= 6.0)),
        ),
        (
            "line fit 0.4 s",
            Box::new(Windowed::new(0.4 * stretch, 0.0, 4.0, |window| {
                let (slope, rest) = window.line();
                (slope * window.seconds).abs() <= 3.0 && rest <= 3.0
            })),
        ),
        ("two windows 1 s", Box::new(Windowed::new(1.0, 0.0, 10.0, |window| window.deviation() <= 20.0))),
        (
            "CUSUM, 0.3 s mean",
            Box::new(Cusum { window: Window::new(0.3 * stretch), reference: None, sums: [0.0; 2], moving: false }),
        ),
    ]
}

/// What came of one method.
#[derive(Default)]
struct Score {
    delays: Vec<f64>,
    errors: Vec<f64>,
    early: u32,
    missed: u32,
    split: u32,
    left_behind: u32,
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// How late a reading is taken on a processor with other work, in milliseconds: mostly hardly, one in a hundred by 20 to 100
/// (an estimate). The converter then gives its newest conversion; those before it are lost.
fn lateness(busy: bool, chance: &mut Chance) -> f64 {
    match busy {
        false => 0.0,
        true if chance.happens(0.01) => f64::from(chance.between(20.0, 100.0)),
        true => f64::from(chance.between(0.0, 0.4)),
    }
}

fn measure(settings: CellSettings, busy: bool, events: u32, seed: u64, name: usize) -> (&'static str, Score) {
    let mut method = methods(settings.rate).swap_remove(name);
    let mut score = Score::default();
    let skus: Vec<Sku> = Shelf::own().catalog().products.keys().cloned().collect();
    let mut chance = Chance::new(seed);
    let mut scheduler = Chance::new(seed ^ 0xb05);
    let mut event = 0;
    for trip in 0.. {
        if event >= events {
            break;
        }
        method = methods(settings.rate).swap_remove(name);
        let mut world = World::new(Shelf::own(), seed * 7919 + trip);
        let mut cell = LoadCell::new(settings, seed * 7919 + trip);
        let mut now = Stamp::from_millis(3000);
        // Runs up to a moment and gives the changes told, with their times.
        let mut run = |world: &mut World, method: &mut Box<dyn Method>, until: Stamp| {
            let mut told = Vec::new();
            // The conversion that waits to be read, and when that is.
            let mut waiting: Option<(Stamp, f64)> = None;
            while cell.next_at() <= until {
                let due = cell.next_at();
                if let Some((taken, load)) = waiting.take_if(|(taken, _)| *taken < due) {
                    told.extend(method.push(taken, load).map(|change| (taken, change)));
                }
                world.advance(due);
                if let Ok(sample) = cell.sample(world, due) {
                    let taken = match waiting {
                        Some((taken, _)) => taken,
                        None => Stamp(due.0 + (lateness(busy, &mut scheduler) * 1000.0) as u64),
                    };
                    waiting = Some((taken, sample.load.0));
                }
            }
            told
        };
        run(&mut world, &mut method.1, now);
        for _ in 0..12 {
            event += 1;
            let sku = &skus[chance.below(skus.len())];
            let before = world.mass().0;
            let put = world.put(now, sku, Put::default()).expect("is on the shelf");
            let end = put.over.plus_millis(2500);
            let told = run(&mut world, &mut method.1, end);
            let truth = world.mass().0 - before;
            // The pressing hand before the contact is no error of settling: the sum counts.
            let (mut sum, mut right_at, mut after) = (0.0, None, 0);
            for (at, change) in &told {
                sum += change;
                let right = (sum - truth).abs() <= 4.0f64.max(0.01 * truth);
                if *at > put.changes {
                    after += 1;
                    if right && right_at.is_none() {
                        right_at = Some(*at);
                    }
                    if !right {
                        score.early += 1;
                        right_at = None;
                    }
                }
            }
            match right_at {
                Some(at) => score.delays.push(at.0.saturating_sub(put.changes.0) as f64 / 1000.0),
                None => score.missed += 1,
            }
            score.split += u32::from(after > 1);
            score.errors.push((sum - truth).abs());
            now = end;
            // A disturbance, too: it must leave nothing behind.
            match chance.below(4) {
                0 => world.bump(now),
                1 => world.lean(now, f64::from(chance.between(2.0, 20.0)), chance.between(300.0, 3000.0) as u64),
                2 => world.roll(now, chance.between(1000.0, 3000.0) as u64),
                _ => {}
            }
            now = now.plus_millis(6000);
            let sum: f64 = run(&mut world, &mut method.1, now).iter().map(|(_, change)| change).sum();
            score.left_behind += u32::from(sum.abs() > 4.0);
        }
    }
    (method.0, score)
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let events = arguments.next().unwrap_or(240) as u32;
    let seed = arguments.next().unwrap_or(1);
    let stiff = CellSettings::default();
    let soft = CellSettings { first_mode: 6.0, first_damping: 0.04, ..stiff };
    let slow = |settings: CellSettings| CellSettings { rate: 10.5, ..settings };
    // With other work on the processor the converter is read wrongly or switched off more often.
    let busy = |settings: CellSettings| CellSettings { spikes: 1e-3, power_downs: 1e-3, ..settings };
    for (cart, settings, is_busy) in [
        ("stiff, 88 a second", stiff, false),
        ("soft, 88 a second", soft, false),
        ("stiff, 88 a second, busy", busy(stiff), true),
        ("soft, 88 a second, busy", busy(soft), true),
        ("stiff, 10.5 a second", slow(stiff), false),
        ("soft, 10.5 a second", slow(soft), false),
        ("stiff, 10.5 a second, busy", busy(slow(stiff)), true),
        ("soft, 10.5 a second, busy", busy(slow(soft)), true),
    ] {
        println!("\n{cart}: {events} events, seed {seed}");
        println!(
            "| method | delay p50 / p95 ms | error p50 / p95 g | wrong first | missed | in parts | disturbances that left a change |"
        );
        println!("|---|---|---|---|---|---|---|");
        for name in 0..methods(settings.rate).len() {
            let (name, mut score) = measure(settings, is_busy, events, seed, name);
            println!(
                "| {name} | {:.0} / {:.0} | {:.1} / {:.1} | {} | {} | {} | {} |",
                percentile(&mut score.delays, 0.5),
                percentile(&mut score.delays, 0.95),
                percentile(&mut score.errors, 0.5),
                percentile(&mut score.errors, 0.95),
                score.early,
                score.missed,
                score.split,
                score.left_behind
            );
        }
    }
}
