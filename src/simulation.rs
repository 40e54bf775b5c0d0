//! Seeded shopping on a simulated clock: the emulated world, the real recogniser and the real cart, one thread.
//!
//! Truth comes from the world and never from the cart. Compute is measured and added to the time from drop to line; it
//! never decides the order of events, so a seed gives the same trips on every machine.

use crate::domain::basket::{LedgerEntry, Movement, SettledBy};
use crate::domain::cart::{
    Cart, CartInput, CartOutput, CartSettings, JournalEntry, Page, Press, Question, QuestionKind,
};
use crate::domain::catalog::{Catalog, Price};
use crate::domain::pricing::Quantity;
use crate::domain::settle::SettleSettings;
use crate::domain::units::{Sku, Stamp};
use crate::emulator::camera::{Camera, Setting};
use crate::emulator::load_cell::{CellSettings, LoadCell};
use crate::emulator::space::Chance;
use crate::emulator::stock::{Stock, StockError};
use crate::emulator::world::{Put, World};
use crate::ports::Frame;
use crate::runtime::Clock;
use crate::runtime::camera::CameraWatch;
use crate::runtime::scale::ScaleWatch;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How shoppers shop. All shares are estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulationSettings {
    /// Items a trip, on average; a trip has from half to one and a half times as many.
    pub items: u32,
    /// Share of acts in which two pieces of a thing sold each go in at once.
    pub two_at_once: f32,
    /// Share of acts after which something is taken out again.
    pub taken_out: f32,
    /// Share of acts after which the cart is bumped, leant on or rolled.
    pub disturbed: f32,
    /// Milliseconds between two pictures.
    pub frame_ms: u64,
}

impl Default for SimulationSettings {
    fn default() -> SimulationSettings {
        SimulationSettings { items: 10, two_at_once: 0.06, taken_out: 0.12, disturbed: 0.15, frame_ms: 50 }
    }
}

/// Counts over trips.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Trips made.
    pub trips: u32,
    /// Pieces and weighed lots put in.
    pub items: u32,
    /// Of those, booked without a question.
    pub booked_without_question: u32,
    /// Of those, with the right product and the right count or weight.
    pub booked_right: u32,
    /// Questions about what was put in.
    pub asked: u32,
    /// Of those, with the right product among the pictures.
    pub asked_holding_truth: u32,
    /// Things taken out.
    pub removals: u32,
    /// Of those, booked on the right product, with a question or without.
    pub removals_right: u32,
    /// Lines that are wrong at checkout.
    pub wrong: u32,
    /// Pieces and lots in the cart at checkout without a line.
    pub missed: u32,
    /// Changes of the basket when nothing was put in or taken out.
    pub phantom_changes: u32,
    /// Trips whose basket at checkout is what lies in the cart.
    pub receipts_exact: u32,
    /// Simulated time.
    pub simulated_seconds: f64,
    drop_to_line_ms: Vec<f64>,
}

/// What `simulate` prints.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are those of Tally")]
pub struct Report {
    pub trips: u32,
    pub items: u32,
    pub booked_without_question: u32,
    pub booked_right: u32,
    pub asked: u32,
    pub asked_holding_truth: u32,
    pub wrong: u32,
    pub missed: u32,
    pub phantom_changes: u32,
    pub receipts_exact: u32,
    pub removals: u32,
    pub removals_right: u32,
    pub drop_to_line_ms_p50: Option<f64>,
    pub drop_to_line_ms_p95: Option<f64>,
    pub simulated_seconds: f64,
}

impl Tally {
    /// The counts with their percentiles.
    pub fn report(&self) -> Report {
        let mut times = self.drop_to_line_ms.clone();
        times.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let last = times.len().checked_sub(1)?;
            times.get((share * last as f64).round() as usize).map(|millis| millis.round())
        };
        Report {
            trips: self.trips,
            items: self.items,
            booked_without_question: self.booked_without_question,
            booked_right: self.booked_right,
            asked: self.asked,
            asked_holding_truth: self.asked_holding_truth,
            wrong: self.wrong,
            missed: self.missed,
            phantom_changes: self.phantom_changes,
            receipts_exact: self.receipts_exact,
            removals: self.removals,
            removals_right: self.removals_right,
            drop_to_line_ms_p50: percentile(0.50),
            drop_to_line_ms_p95: percentile(0.95),
            simulated_seconds: self.simulated_seconds.round(),
        }
    }
}

/// Everything that trips are simulated with.
pub struct Simulation {
    /// The shelf.
    pub stock: Arc<dyn Stock>,
    /// What the store sells.
    pub catalog: Arc<Catalog>,
    /// The recogniser.
    pub camera_watch: CameraWatch,
    /// How the load is settled.
    pub settle: SettleSettings,
    /// How shoppers shop.
    pub settings: SimulationSettings,
    /// Measures compute; simulated time is another.
    pub clock: Clock,
}

/// What the shopper does at the moment; the truth that bookings are held against.
#[derive(Debug, Clone)]
enum Act {
    Nothing,
    Puts { sku: Sku, pieces: u32, grams: f64, weighed: bool },
    Takes { sku: Sku },
}

/// One trip under way.
struct Trip<'a> {
    simulation: &'a mut Simulation,
    world: World,
    camera: Camera,
    cell: LoadCell,
    scale: ScaleWatch,
    cart: Cart,
    frame: Frame,
    now: Stamp,
    next_frame: Stamp,
    act: Act,
    contact: Stamp,
    booked: Vec<LedgerEntry>,
    /// Compute of the camera path in the last second, in milliseconds.
    compute_ms: f64,
}

impl Simulation {
    /// Makes one trip and counts it.
    ///
    /// # Errors
    /// [`StockError`] when the shelf cannot give a product, for example because a photo cannot be read.
    pub fn trip(&mut self, seed: u64, number: u32, tally: &mut Tally) -> Result<(), StockError> {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number));
        self.camera_watch.forget();
        let settings = self.settings;
        let skus: Vec<Sku> = self.catalog.products.keys().cloned().collect();
        let cart_settings = CartSettings { nonce: format!("simulated-{seed}"), ..CartSettings::default() };
        let mut chance = Chance::new(seed);
        let mut trip = Trip {
            world: World::new(self.stock.clone(), seed),
            camera: Camera::new(Setting::default()),
            cell: LoadCell::new(CellSettings::default(), seed),
            scale: ScaleWatch::new(self.settle),
            cart: Cart::new(cart_settings, self.catalog.clone()),
            frame: Frame::default(),
            now: Stamp(0),
            next_frame: Stamp(0),
            act: Act::Nothing,
            contact: Stamp(0),
            booked: Vec::new(),
            compute_ms: 0.0,
            simulation: self,
        };
        trip.pass(1500);
        trip.give(CartInput::Pressed(Press::Start));
        let acts = chance.between(0.5, 1.5) * settings.items as f32;
        for _ in 0..acts.round().max(1.0) as u32 {
            let sku = skus[(chance.between(0.0, skus.len() as f32) as usize).min(skus.len() - 1)].clone();
            let Some(product) = trip.cart.catalog().product(&sku) else { continue };
            let weighed = matches!(product.price, Price::PerKg(_));
            let pieces = match weighed {
                true => 1 + chance.between(0.0, 3.2) as u32,
                false => 1 + u32::from(chance.happens(settings.two_at_once)),
            };
            match trip.put(&sku, pieces, weighed, tally) {
                Ok(()) => {}
                // A split of photos need not hold every class.
                Err(StockError::NoPhoto { .. }) => continue,
                Err(error) => return Err(error),
            }
            trip.pass(chance.between(400.0, 2500.0) as u64);
            if chance.happens(settings.disturbed) {
                trip.disturb(&mut chance, tally);
            }
            if chance.happens(settings.taken_out) {
                trip.take(&mut chance, tally);
                trip.pass(chance.between(400.0, 2500.0) as u64);
            }
        }
        trip.check_out(tally);
        Ok(())
    }
}

impl Trip<'_> {
    /// Lets simulated time pass: readings, pictures and the cart's own timeouts, in the order of their time.
    fn pass(&mut self, millis: u64) {
        let until = self.now.plus_millis(millis);
        loop {
            let reading = self.cell.next_at().max(self.now);
            let next = reading.min(self.next_frame);
            if let Some(tick) = self.cart.next_timeout(self.now).filter(|tick| *tick < next.min(until)) {
                self.now = tick.max(self.now);
                self.give(CartInput::Ticked);
                continue;
            }
            if next > until {
                break;
            }
            self.now = next;
            self.world.advance(self.now);
            if reading <= self.next_frame {
                let sample = self.cell.sample(&self.world, self.now);
                if let Some(input) = self.scale.take(sample.as_ref().copied(), self.now) {
                    self.give(input);
                }
            } else {
                self.camera.render(&self.world, self.now, &mut self.frame);
                self.next_frame = self.now.plus_millis(self.simulation.settings.frame_ms);
                let begin = self.simulation.clock.now();
                let inputs = self.simulation.camera_watch.take(&self.frame);
                self.compute_ms = (self.simulation.clock.now().0 - begin.0) as f64 / 1000.0;
                for input in inputs {
                    self.give(input);
                }
            }
        }
        self.now = until;
        self.world.advance(self.now);
    }

    fn give(&mut self, input: CartInput) {
        tracing::trace!("{:.2} s: {input:?}", self.now.seconds());
        for output in self.cart.handle(input, self.now) {
            if let CartOutput::Journal(JournalEntry::Booked(entry)) = output {
                tracing::debug!("{:.2} s: booked {:?} for {:?}", self.now.seconds(), entry, self.act);
                self.booked.push(entry);
            }
        }
    }

    /// Waits until the cart has reacted to an act, at most so long after everything is still.
    fn await_reaction(&mut self, tally: &mut Tally) {
        let until = self.world.still_at().plus_millis(7000);
        while self.now < until && self.booked.is_empty() {
            self.pass(50);
            if self.cart.question().is_some() {
                self.answer(tally);
            }
        }
    }

    fn put(&mut self, sku: &Sku, pieces: u32, weighed: bool, tally: &mut Tally) -> Result<(), StockError> {
        let done = self.world.put(self.now, sku, Put { pieces, ..Put::default() })?;
        self.contact = done.changes;
        self.booked.clear();
        let items = if weighed { 1 } else { pieces };
        tally.items += items;
        let mass = |world: &World| -> f64 {
            let contents = world.contents();
            contents.iter().filter(|item| done.items.contains(&item.id)).map(|item| item.mass.0).sum()
        };
        self.act = Act::Puts { sku: sku.clone(), pieces, grams: 0.0, weighed };
        self.await_reaction(tally);
        // The world counts a piece in when it lands, and the cart may be faster than the last one.
        self.pass(done.over.millis_since(self.now));
        let act = Act::Puts { sku: sku.clone(), pieces, grams: mass(&self.world), weighed };
        if let Some(entry) = self.booked.first().filter(|entry| entry.evidence.settled_by != SettledBy::Shopper) {
            tally.booked_without_question += items;
            tally.booked_right += if right(entry, &act) { items } else { 0 };
            tally.drop_to_line_ms.push(entry.at.millis_since(self.contact) as f64 + self.compute_ms);
        }
        tally.phantom_changes += self.booked.len().saturating_sub(1) as u32;
        self.rest();
        Ok(())
    }

    fn take(&mut self, chance: &mut Chance, tally: &mut Tally) {
        let contents = self.world.contents();
        if contents.is_empty() {
            return;
        }
        let item = &contents[(chance.between(0.0, contents.len() as f32) as usize).min(contents.len() - 1)];
        let Some(sku) = item.sku.clone() else { return };
        let Some(done) = self.world.take(self.now, item.id) else { return };
        self.contact = done.changes;
        self.booked.clear();
        self.act = Act::Takes { sku: sku.clone() };
        tally.removals += 1;
        let lines = self.cart.basket().clone();
        self.await_reaction(tally);
        let right = self.booked.first().is_some_and(|entry| match &entry.movement {
            Movement::Removed { line, .. } => lines.line(*line).is_some_and(|line| line.sku == sku),
            _ => false,
        });
        tally.removals_right += u32::from(right);
        tally.phantom_changes += self.booked.len().saturating_sub(1) as u32;
        self.rest();
    }

    fn disturb(&mut self, chance: &mut Chance, tally: &mut Tally) {
        self.booked.clear();
        match chance.between(0.0, 3.0) as u32 {
            0 => self.world.bump(self.now),
            1 => self.world.lean(self.now, f64::from(chance.between(2.0, 20.0)), chance.between(300.0, 3000.0) as u64),
            _ => self.world.roll(self.now, chance.between(2000.0, 6000.0) as u64),
        }
        for _ in 0..80 {
            self.pass(100);
            if self.cart.question().is_some() {
                self.answer(tally);
            }
        }
        tally.phantom_changes += self.booked.len() as u32;
        self.rest();
    }

    fn rest(&mut self) {
        self.act = Act::Nothing;
        self.booked.clear();
    }

    /// The shopper looks at the question for a moment and answers truthfully.
    fn answer(&mut self, tally: &mut Tally) {
        let Some(question) = self.cart.question().cloned() else { return };
        self.pass(1500);
        if self.cart.question().map(|open| open.id) != Some(question.id) {
            return;
        }
        tracing::debug!("{:.2} s: asked {question:?} for {:?}", self.now.seconds(), self.act);
        let Question { id, kind, options, .. } = question;
        let truth = match &self.act {
            Act::Puts { sku, .. } | Act::Takes { sku } => Some(sku.clone()),
            Act::Nothing => None,
        };
        let place = truth.as_ref().and_then(|sku| options.iter().position(|option| option.sku == *sku));
        if kind == QuestionKind::PutIn && matches!(self.act, Act::Puts { .. }) {
            tally.asked += 1;
            tally.asked_holding_truth += u32::from(place.is_some());
        }
        match (truth, place) {
            (_, Some(option)) => self.give(CartInput::Pressed(Press::Choose { question: id, option })),
            (Some(sku), None) => {
                self.give(CartInput::Pressed(Press::SomethingElse { question: id }));
                self.pass(3000);
                self.give(CartInput::Pressed(Press::Pick { question: id, sku }));
                if self.cart.question().map(|open| open.id) == Some(id) {
                    // Nothing of that product can be taken out: the shopper gives up and says it was theirs.
                    self.give(CartInput::Pressed(Press::NotMine { question: id }));
                }
            }
            (None, None) => self.give(CartInput::Pressed(Press::NotMine { question: id })),
        }
    }

    fn check_out(&mut self, tally: &mut Tally) {
        self.booked.clear();
        for _ in 0..60 {
            self.pass(100);
            if self.cart.question().is_some() {
                self.answer(tally);
            } else if !self.cart.undecided() {
                break;
            }
        }
        tally.phantom_changes += self.booked.len() as u32;
        self.give(CartInput::Pressed(Press::ToCheckout));
        let at_checkout = matches!(self.cart.view(self.now).page, Page::Checkout);
        let (wrong, missed) = self.differences();
        tracing::debug!("checked out: {wrong} wrong, {missed} missed");
        tally.wrong += wrong;
        tally.missed += missed;
        let nothing = self.world.contents().is_empty();
        tally.receipts_exact += u32::from(wrong == 0 && missed == 0 && (at_checkout || nothing));
        tally.trips += 1;
        tally.simulated_seconds += self.now.seconds();
    }

    /// Lines that are wrong, and pieces or lots without a line.
    fn differences(&self) -> (u32, u32) {
        let mut sold: BTreeMap<Sku, (u32, f64, u32)> = BTreeMap::new();
        for line in self.cart.basket().lines() {
            let entry = sold.entry(line.sku).or_default();
            entry.2 += 1;
            match line.quantity {
                Quantity::Pieces(pieces) => entry.0 += pieces,
                Quantity::Weighed(grams) => entry.1 += f64::from(grams.0),
            }
        }
        let mut held: BTreeMap<Sku, (u32, f64)> = BTreeMap::new();
        for item in self.world.contents() {
            if let Some(sku) = item.sku {
                let entry = held.entry(sku).or_default();
                entry.0 += 1;
                entry.1 += item.mass.0;
            }
        }
        let (mut wrong, mut missed) = (0, 0);
        for sku in sold.keys().chain(held.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (pieces, grams, lines) = sold.get(sku).copied().unwrap_or_default();
            let (truth_pieces, truth_grams) = held.get(sku).copied().unwrap_or_default();
            let weighed =
                self.cart.catalog().product(sku).is_some_and(|product| matches!(product.price, Price::PerKg(_)));
            if weighed {
                let off = grams - truth_grams;
                let tolerance = 6.0 * f64::from(lines.max(1)) + 0.01 * truth_grams;
                wrong += u32::from(off > tolerance || (off < -tolerance && lines > 0));
                missed += u32::from(lines == 0 && truth_pieces > 0);
            } else {
                wrong += u32::from(pieces > truth_pieces);
                missed += truth_pieces.saturating_sub(pieces);
            }
        }
        (wrong, missed)
    }
}

/// Whether a booked entry says what was truly put in.
fn right(entry: &LedgerEntry, act: &Act) -> bool {
    let (Act::Puts { sku, pieces, grams, weighed }, Movement::Added { sku: booked, quantity, .. }) =
        (act, &entry.movement)
    else {
        return false;
    };
    sku == booked
        && match quantity {
            Quantity::Pieces(count) => !weighed && count == pieces,
            Quantity::Weighed(measured) => *weighed && (f64::from(measured.0) - grams).abs() <= 6.0 + 0.01 * grams,
        }
}
