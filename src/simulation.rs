//! Seeded shopping on a simulated clock: the emulated world, sight, and the real cart, on one thread.
//!
//! Truth comes from the world and never from the cart. Compute is measured and added to the time from drop to line; it
//! never decides the order of events, so a seed gives the same trips on every machine.

mod acts;
mod eyes;
mod shopper;
mod tally;

pub use eyes::{Eyes, Film};
use shopper::Lie;
pub use shopper::{Shopper, Shoppers};
pub use tally::{Report, Tally};

use crate::domain::basket::LineId;
use crate::domain::cart::{Cart, CartInput, CartOutput, CartSettings, JournalEntry, Notice, Page, Press};
use crate::domain::catalog::{Catalog, Price};
use crate::domain::pricing::Quantity;
use crate::domain::settle::SettleSettings;
use crate::domain::units::{Sku, Stamp};
use crate::emulator::load_cell::{CellSettings, LoadCell};
use crate::emulator::space::Chance;
use crate::emulator::stock::{Stock, StockError};
use crate::emulator::world::World;
use crate::runtime::recorder::Recorder;
use crate::runtime::scale::ScaleWatch;
use acts::Deed;
use eyes::Watching;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What trips are like. All shares are estimates.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationSettings {
    /// Items a trip, on average; a trip has from half to one and a half times as many.
    pub items: u32,
    /// Who shops.
    pub shoppers: Shoppers,
    /// Share of packed goods whose code is shown to the camera.
    pub codes: f32,
    /// Share of acts after which the cart is bumped, leant on, rolled or pushed up a ramp.
    pub faults: f32,
    /// Milliseconds between two pictures.
    pub frame_ms: u64,
    /// The load cell and its frame.
    pub cell: CellSettings,
    /// Where every trip leaves its recording.
    pub keep: Option<PathBuf>,
}

impl Default for SimulationSettings {
    fn default() -> SimulationSettings {
        SimulationSettings {
            items: 10,
            shoppers: Shoppers::default(),
            codes: 0.7,
            faults: 0.15,
            frame_ms: 50,
            cell: CellSettings::default(),
            keep: None,
        }
    }
}

/// Everything that trips are simulated with.
pub struct Simulation {
    /// The shelf.
    pub stock: Arc<dyn Stock>,
    /// What the store sells.
    pub catalog: Arc<Catalog>,
    /// What sees.
    pub eyes: Eyes,
    /// How trips are.
    pub settings: SimulationSettings,
    /// What the trips so far looked like, to be played again without model and camera.
    pub film: Film,
}

/// What the basket sells of a product.
#[derive(Debug, Clone, Copy, Default)]
struct Sold {
    pieces: u32,
    grams: f64,
    lines: u32,
}

/// What lies in the cart of a product.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    pieces: u32,
    grams: f64,
}

/// One trip under way.
struct Trip<'a> {
    simulation: &'a mut Simulation,
    shopper: Shopper,
    world: World,
    watching: Watching,
    cell: LoadCell,
    scale: ScaleWatch,
    cart: Cart,
    recorder: Option<Recorder>,
    chance: Chance,
    now: Stamp,
    /// What was done and is not yet seen to be booked.
    open: Vec<Deed>,
    /// Lines that were booked as something else than what they were opened for, with what that was.
    misnamed: BTreeMap<LineId, Sku>,
    /// Whether what happens now is a disturbance and nothing else.
    disturbing: bool,
    /// What the shopper answers who is just now trying to get away with something.
    lying: Option<Lie>,
    questions: u32,
    staff_called: bool,
    /// The value that lies kept, so far.
    kept: i64,
}

impl Simulation {
    /// Makes one trip and counts it.
    ///
    /// # Errors
    /// [`StockError`] when the shelf cannot give a product, for example because a photo cannot be read.
    pub fn trip(&mut self, seed: u64, number: u32, tally: &mut Tally) -> Result<(), StockError> {
        // Several are simulated at once: the log says of which a line is.
        let _span = tracing::info_span!("trip", number).entered();
        let mut trip = Trip::begin(self, seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
        trip.shop(tally)?;
        trip.check_out(tally);
        let film = std::mem::take(&mut trip.watching.film);
        self.film.add(film);
        Ok(())
    }

    /// Disturbs a cart with a few things in it so many times, and counts what that changes in the basket.
    ///
    /// # Errors
    /// As [`Simulation::trip`].
    pub fn disturb(&mut self, seed: u64, number: u32, times: u32, tally: &mut Tally) -> Result<(), StockError> {
        let mut trip = Trip::begin(self, seed.wrapping_mul(7_368_787).wrapping_add(u64::from(number)));
        trip.shopper = Shopper::Tidy;
        for _ in 0..3 {
            trip.put_something(&mut Tally::default())?;
            trip.settle_up(&mut Tally::default());
        }
        for _ in 0..times {
            trip.disturb(tally);
            trip.settle_up(tally);
        }
        tally.trips += 1;
        tally.simulated_seconds += trip.now.seconds();
        Ok(())
    }
}

impl<'a> Trip<'a> {
    fn begin(simulation: &'a mut Simulation, seed: u64) -> Trip<'a> {
        if let Eyes::Model(seeing, _) = &mut simulation.eyes {
            let (camera, watch) = &mut **seeing;
            camera.settle(&[]);
            watch.forget();
        }
        let mut chance = Chance::new(seed);
        let settings = &simulation.settings;
        let cart_settings = CartSettings { nonce: format!("simulated-{seed}"), ..CartSettings::default() };
        let cart = Cart::new(cart_settings.clone(), simulation.catalog.clone());
        let recorder = settings.keep.as_ref().and_then(|folder| {
            let path = folder.join(format!("trip-{seed}.jsonl"));
            let begun = Recorder::begin(&path, "simulated", &cart_settings, &cart, &[], Stamp(0));
            begun.inspect_err(|error| tracing::warn!("{error}")).ok()
        });
        let mut trip = Trip {
            shopper: settings.shoppers.next(&mut chance),
            world: World::new(simulation.stock.clone(), seed),
            watching: Watching::new(seed),
            cell: LoadCell::new(settings.cell, seed),
            scale: ScaleWatch::new(SettleSettings::for_rate(settings.cell.rate)),
            cart,
            recorder,
            chance,
            now: Stamp(0),
            open: Vec::new(),
            misnamed: BTreeMap::new(),
            disturbing: false,
            lying: None,
            questions: 0,
            staff_called: false,
            kept: 0,
            simulation,
        };
        if let Eyes::Film(_) = trip.simulation.eyes {
            trip.give(CartInput::CameraRecovered, &mut Tally::default());
        }
        trip.pass(1500, &mut Tally::default());
        trip.give(CartInput::Pressed(Press::Start), &mut Tally::default());
        trip
    }

    /// Lets simulated time pass: readings, pictures and the cart's own timeouts, in the order of their time.
    fn pass(&mut self, millis: u64, tally: &mut Tally) {
        let until = self.now.plus_millis(millis);
        loop {
            let reading = self.cell.next_at().max(self.now);
            let look = self.watching.next_at(&self.simulation.eyes).max(self.now);
            let next = reading.min(look);
            if let Some(tick) = self.cart.next_timeout().filter(|tick| *tick <= next.min(until)) {
                self.now = tick.max(self.now);
                self.give(CartInput::Ticked, tally);
                continue;
            }
            if next > until {
                break;
            }
            self.now = next;
            self.world.advance(self.now);
            if reading <= look {
                let sample = self.cell.sample(&self.world, self.now);
                if let Some(input) = self.scale.take(sample.as_ref().copied(), self.now) {
                    self.give(input, tally);
                }
            } else {
                let frame_ms = self.simulation.settings.frame_ms;
                for input in self.watching.look(&mut self.simulation.eyes, &self.world, self.now, frame_ms) {
                    self.give(input, tally);
                }
            }
        }
        self.now = until;
        self.world.advance(self.now);
    }

    fn give(&mut self, input: CartInput, tally: &mut Tally) {
        if input != CartInput::Ticked {
            tracing::trace!("{:.2} s: {input:?}", self.now.seconds());
        }
        let outputs = self.cart.handle(input.clone(), self.now);
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(self.now, &input, &outputs)
        {
            tracing::warn!("{error}");
            self.recorder = None;
        }
        for output in outputs {
            if let CartOutput::Journal(JournalEntry::Booked(entry)) = output {
                let disturbed = if self.disturbing { ", disturbed" } else { "" };
                tracing::debug!("{:.2} s: booked {entry:?} for {:?}{disturbed}", self.now.seconds(), self.open);
                self.booked(&entry, tally);
            }
        }
        if !self.staff_called && self.cart.view(self.now).notices.contains(&Notice::StaffCalled) {
            tracing::debug!("{:.2} s: staff called", self.now.seconds());
            self.staff_called = true;
        }
    }

    /// Waits until nothing is open any more and the shopper has answered what was asked.
    fn settle_up(&mut self, tally: &mut Tally) {
        let until = self.world.still_at().plus_millis(7000);
        let still = self.world.still_at();
        while self.now < until && (self.now < still || !self.open.is_empty() || self.cart.undecided()) {
            self.pass(50, tally);
            if self.cart.question().is_some() {
                self.answer(tally);
            }
        }
        self.watching.cut();
    }

    fn check_out(&mut self, tally: &mut Tally) {
        for _ in 0..20 {
            self.settle_up(tally);
            self.give(CartInput::Pressed(Press::ToCheckout), tally);
            if matches!(self.cart.view(self.now).page, Page::Checkout) || self.cart.basket().lines().is_empty() {
                break;
            }
            self.pass(500, tally);
        }
        // Staff look into the basket before it is paid.
        self.staff_called |= self.cart.wants_a_look();
        let at_checkout = matches!(self.cart.view(self.now).page, Page::Checkout) || self.world.contents().is_empty();
        let (wrong, missed) = self.differences();
        tracing::debug!("checked out: {wrong} wrong, {missed} missed, shopper {:?}, {:?}", self.shopper, self.open);
        tally.trips += 1;
        tally.simulated_seconds += self.now.seconds();
        tally.staff_calls += u32::from(self.staff_called);
        if self.shopper == Shopper::Dishonest {
            tally.dishonest_trips += 1;
            tally.dishonest_kept += if self.staff_called { 0 } else { self.kept };
            return;
        }
        tally.honest_accused += u32::from(self.staff_called);
        tally.booked_without_question += self.booked_in_part();
        tally.wrong += wrong;
        tally.missed += missed;
        tally.receipts_exact += u32::from(wrong == 0 && missed == 0 && at_checkout);
    }

    /// What is sold and what lies in the cart, by product.
    fn sold_and_held(&self) -> BTreeMap<Sku, (Sold, Held)> {
        let mut goods: BTreeMap<Sku, (Sold, Held)> = BTreeMap::new();
        for line in self.cart.basket().lines() {
            let (sold, _) = goods.entry(line.sku).or_default();
            sold.lines += 1;
            match line.quantity {
                Quantity::Pieces(pieces) => sold.pieces += pieces,
                Quantity::Weighed(grams) => sold.grams += f64::from(grams.0),
            }
        }
        for item in self.world.contents() {
            if let Some(sku) = item.sku {
                let (_, held) = goods.entry(sku).or_default();
                held.pieces += 1;
                held.grams += item.mass.0;
            }
        }
        goods
    }

    /// Lines that are wrong, and pieces or lots without a line.
    fn differences(&self) -> (u32, u32) {
        let (mut wrong, mut missed) = (0, 0);
        for (sku, (Sold { pieces, grams, lines }, held)) in self.sold_and_held() {
            let Held { pieces: held_pieces, grams: held_grams } = held;
            let (mut too_much, mut too_little) = (0, 0);
            if self.is_weighed(&sku) {
                let off = grams - held_grams;
                let tolerance = 6.0 * f64::from(lines.max(1)) + 0.01 * held_grams;
                too_much = u32::from(off > tolerance || (off < -tolerance && lines > 0));
                too_little = u32::from(lines == 0 && held_pieces > 0);
            } else {
                too_much += u32::from(pieces > held_pieces);
                too_little += held_pieces.saturating_sub(pieces);
            }
            if too_much + too_little > 0 {
                tracing::debug!("{sku}: sold {pieces} or {grams:.0} g, held {held_pieces} or {held_grams:.0} g");
            }
            (wrong, missed) = (wrong + too_much, missed + too_little);
        }
        (wrong, missed)
    }

    fn is_weighed(&self, sku: &Sku) -> bool {
        self.cart.catalog().product(sku).is_some_and(|product| matches!(product.price, Price::PerKg(_)))
    }
}
