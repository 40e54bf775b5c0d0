//! What shoppers do, how they answer, and how what was booked is held against what was done.

use super::eyes::{Eyes, Way};
use super::shopper::{Lie, Shopper, Trick};
use super::{Held, Sold, Tally, Trip};
use crate::domain::basket::{LedgerEntry, Movement, SettledBy};
use crate::domain::cart::{CameraFault, CartInput, Notice, Press, Question, QuestionKind, QuestionOption};
use crate::domain::catalog::Price;
use crate::domain::pricing::{Quantity, price_line};
use crate::domain::units::{Sku, Stamp, WeighedGrams};
use crate::emulator::portrait::Side;
use crate::emulator::stock::{OwnThing, StockError};
use crate::emulator::world::{Item, Put};

/// Stands for the product of a thing that is the shopper's own.
const OWN: &str = "";

/// Something that was done and that the cart has to find out.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    sku: Sku,
    /// How many pieces; 1 for a weighed lot.
    pieces: u32,
    /// The true mass, going out negative.
    grams: f64,
    weighed: bool,
    contact: Stamp,
    /// Whether some of it is booked, as the part that it is, and whether that was asked about: pieces may settle one after
    /// the other.
    begun: Option<SettledBy>,
    /// Whether the cart had it taken out again, to be put in once more: that was a question, too.
    again: bool,
}

impl Deed {
    fn is_out(&self) -> bool {
        self.grams < 0.0
    }

    fn items(&self) -> u32 {
        if self.weighed { 1 } else { self.pieces }
    }

    /// What is left of it where an entry holds a part of it, and just that part.
    fn without(&self, entry: &LedgerEntry) -> Option<Deed> {
        let (part, off) = (entry.evidence.change.0, 6.0 + 0.01 * self.grams);
        let begun = match self.begun {
            Some(SettledBy::Shopper) => self.begun,
            _ => Some(entry.evidence.settled_by),
        };
        let rest = Deed { grams: self.grams - part, begun, ..self.clone() };
        match &entry.movement {
            Movement::Added { quantity: Quantity::Pieces(count), .. } if *count < self.pieces => {
                let even = self.grams * f64::from(*count) / f64::from(self.pieces);
                let pieces = self.pieces - count;
                ((part - even).abs() <= off + 0.2 * even).then_some(Deed { pieces, ..rest })
            }
            Movement::Added { quantity: Quantity::Weighed(grams), .. } if self.pieces > 1 => {
                ((f64::from(grams.0) - part).abs() <= off && rest.grams > off).then_some(rest)
            }
            _ => None,
        }
    }
}

/// Whether a scale that says this may have weighed that.
fn is_near(said: f64, true_grams: f64) -> bool {
    (said - true_grams).abs() <= 6.0 + 0.01 * true_grams.abs()
}

impl Trip<'_> {
    /// The whole trip up to the checkout.
    pub(super) fn shop(&mut self, tally: &mut Tally) -> Result<(), StockError> {
        let habits = self.shopper.habits();
        let acts = self.chance.between(0.5, 1.5) * self.simulation.settings.items as f32;
        for _ in 0..acts.round().max(1.0) as u32 {
            if self.shopper == Shopper::Dishonest && self.chance.happens(0.3) {
                self.trick(tally)?;
            } else {
                self.put_something(tally)?;
            }
            if self.chance.happens(habits.at_once) {
                let pause = self.chance.between(0.0, 1200.0) as u64;
                let contact = self.open.last().map_or(self.now, |deed| deed.contact);
                self.pass(contact.millis_since(self.now).saturating_sub(300) + pause, tally);
                self.watching.spoil();
                continue;
            }
            self.settle_up(tally);
            self.pause(tally);
            if self.chance.happens(habits.restless * self.simulation.settings.faults) {
                self.disturb(tally);
                self.settle_up(tally);
            }
            if self.chance.happens(habits.own_things) {
                self.put_own(tally);
                self.pause(tally);
            }
            if self.chance.happens(habits.taken_out) {
                self.take_something(tally);
                self.settle_up(tally);
                self.pause(tally);
            }
            if self.chance.happens(habits.put_back) {
                self.put_back(tally)?;
                self.settle_up(tally);
                self.pause(tally);
            }
            if self.chance.happens(habits.exchanged) {
                self.take_something(tally);
                if self.chance.happens(0.3) {
                    // With both hands.
                    tracing::debug!("{:.2} s: exchanges with both hands {:?}", self.now.seconds(), self.open.last());
                    let pause = self.chance.between(0.0, 350.0) as u64;
                    self.pass(pause, tally);
                } else {
                    self.hand_over(tally);
                }
                self.put_something(tally)?;
                self.watching.spoil();
                self.settle_up(tally);
                self.pause(tally);
            }
        }
        Ok(())
    }

    fn pause(&mut self, tally: &mut Tally) {
        let millis = self.chance.between(400.0, 2500.0) as u64;
        self.pass(millis, tally);
    }

    fn something(&mut self) -> Sku {
        let products = &self.simulation.catalog.products;
        let place = self.chance.below(products.len());
        products.keys().nth(place).cloned().unwrap_or_else(|| Sku::new(""))
    }

    /// Puts something of their own in: a telephone, a bag, a coat.
    fn put_own(&mut self, tally: &mut Tally) {
        let thing = [OwnThing::Phone, OwnThing::Bag, OwnThing::Coat][self.chance.below(3)];
        let done = self.world.put_own(self.now, thing);
        let sku = self.something();
        // A film has no scene of it: something unlike all products is seen.
        self.watching.unknown(&self.simulation.eyes, sku, self.now, done.changes);
        let grams = self.world.coming(&done.items).0;
        self.open.push(Deed {
            sku: Sku::new(OWN),
            pieces: 1,
            grams,
            weighed: false,
            contact: done.changes,
            begun: None,
            again: false,
        });
        self.settle_up(tally);
    }

    /// Puts one of the products in.
    pub(super) fn put_something(&mut self, tally: &mut Tally) -> Result<(), StockError> {
        let sku = self.something();
        let pieces = match self.is_weighed(&sku) {
            true => 1 + self.chance.between(0.0, 3.2) as u32,
            false => 1 + u32::from(self.chance.happens(self.shopper.habits().two_pieces)),
        };
        self.put(&sku, pieces, tally)
    }

    fn put(&mut self, sku: &Sku, pieces: u32, tally: &mut Tally) -> Result<(), StockError> {
        let has_code = self.simulation.catalog.product(sku).is_some_and(|product| product.gtin.is_some());
        let shown = has_code && self.chance.happens(self.simulation.settings.codes);
        let side = if shown { Side::Code } else { Side::Any };
        let done = match self.world.put(self.now, sku, Put { pieces, side, ..Put::default() }) {
            Ok(done) => done,
            // A split of photos need not hold every class.
            Err(StockError::NoPhoto { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let way = if shown { Way::Code } else { Way::In };
        self.watching.act(&self.simulation.eyes, way, sku, self.now, done.changes);
        let grams = self.world.coming(&done.items).0;
        let (weighed, contact) = (self.is_weighed(sku), done.changes);
        let deed = Deed { sku: sku.clone(), pieces, grams, weighed, contact, begun: None, again: false };
        if self.shopper != Shopper::Dishonest {
            tally.items += deed.items();
        }
        self.open.push(deed);
        Ok(())
    }

    fn take_something(&mut self, tally: &mut Tally) -> Option<Item> {
        let contents = self.world.contents();
        let item = contents.get(self.chance.below(contents.len().max(1)))?.clone();
        let sku = item.sku.clone()?;
        let done = self.world.take(self.now, item.id)?;
        self.watching.act(&self.simulation.eyes, Way::Out, &sku, self.now, done.changes);
        let (weighed, grams, contact) = (self.is_weighed(&sku), -item.mass.0, done.changes);
        self.open.push(Deed { sku, pieces: 1, grams, weighed, contact, begun: None, again: false });
        if self.shopper != Shopper::Dishonest {
            tally.removals += 1;
        }
        Some(item)
    }

    /// Takes something out and puts it back, before or after the cart has found out.
    fn put_back(&mut self, tally: &mut Tally) -> Result<(), StockError> {
        let Some(sku) = self.take_something(tally).and_then(|item| item.sku) else { return Ok(()) };
        if self.chance.happens(0.5) {
            self.settle_up(tally);
            self.pause(tally);
        } else {
            self.hand_over(tally);
        }
        self.put(&sku, 1, tally)?;
        self.settle_up(tally);
        // A cart that books neither way is right, too: it lies where it lay.
        let still_open = |out: bool| self.open.iter().position(|deed| deed.is_out() == out && deed.sku == sku);
        if let (Some(first), Some(second)) = (still_open(true), still_open(false)) {
            self.open.remove(first.max(second));
            let back = self.open.remove(first.min(second));
            if self.shopper != Shopper::Dishonest {
                tally.removals_right += 1;
                tally.items -= back.items();
            }
        }
        Ok(())
    }

    /// The same hand goes on with the next thing: a moment after it has left.
    fn hand_over(&mut self, tally: &mut Tally) {
        self.watching.spoil();
        let pause = self.chance.between(0.0, 800.0) as u64;
        self.pass(self.world.still_at().millis_since(self.now) + pause, tally);
    }

    /// Bumps the cart, leans on it, lifts it, rolls it or pushes it up a ramp.
    pub(super) fn disturb(&mut self, tally: &mut Tally) {
        self.disturbing = true;
        tally.disturbances += 1;
        let chance = &mut self.chance;
        let now = self.now;
        match chance.below(10) {
            0..3 => self.world.bump(now),
            3..6 => {
                // Mostly short; now and then a child hangs on for long.
                let most = if chance.happens(0.15) { 12_000.0 } else { 3000.0 };
                let (newtons, millis) = (chance.between(2.0, 20.0), chance.between(300.0, most));
                self.world.lean(now, f64::from(newtons), millis as u64);
            }
            6..9 => self.world.roll(now, chance.between(2000.0, 6000.0) as u64),
            9 if chance.happens(0.5) => {
                let (newtons, millis) = (chance.between(2.0, 20.0), chance.between(300.0, 2000.0));
                self.world.lift(now, f64::from(newtons), millis as u64);
            }
            _ => self.world.slope(now, f64::from(chance.between(-0.05, 0.05))),
        }
        for _ in 0..140 {
            self.pass(100, tally);
            if self.cart.question().is_some() {
                self.answer(tally);
            }
        }
        self.disturbing = false;
    }

    /// Tries to get something without paying for it, and counts what came of it.
    fn trick(&mut self, tally: &mut Tally) -> Result<(), StockError> {
        self.settle_up(tally);
        self.open.clear();
        let (unpaid, questions) = (self.unpaid(), self.questions);
        self.lying = Some(Lie::any(&mut self.chance));
        // How much of what goes in is to be got for nothing.
        let mut share = 1.0;
        match Trick::any(&mut self.chance) {
            Trick::Hide => {
                self.put_something(tally)?;
                self.put_something(tally)?;
                share = 0.5;
            }
            Trick::Exchange => {
                self.take_something(tally);
                self.pass(500, tally);
                self.put_something(tally)?;
            }
            Trick::Blind => {
                self.cover(true, tally);
                self.put_something(tally)?;
            }
            Trick::Many => {
                let sku = self.something();
                let pieces = 2 + self.chance.below(3) as u32;
                self.put(&sku, pieces, tally)?;
                share = 1.0 - 1.0 / f64::from(pieces);
            }
            Trick::Lie => self.put_something(tally)?,
        }
        self.watching.spoil();
        let value: i64 = self.open.iter().map(|deed| self.value(deed)).sum();
        self.settle_up(tally);
        self.cover(false, tally);
        self.settle_up(tally);
        let taken = (self.unpaid() - unpaid).max(0);
        self.open.clear();
        self.lying = None;
        tally.dishonest_tried += ((value as f64 * share) as i64).max(taken).max(0);
        self.kept += taken;
        if self.questions == questions && !self.staff_called {
            if taken > 0 {
                tracing::debug!("{:.2} s: got away with {taken}", self.now.seconds());
            }
            tally.dishonest_taken += taken;
        }
        Ok(())
    }

    fn cover(&mut self, covered: bool, tally: &mut Tally) {
        if self.world.is_covered() == covered {
            return;
        }
        self.world.cover(covered);
        if let Eyes::Film(_) = self.simulation.eyes {
            let input = match covered {
                true => CartInput::CameraFaulted(CameraFault::Covered),
                false => CartInput::CameraRecovered,
            };
            self.give(input, tally);
        }
        self.pass(1500, tally);
    }

    /// What it costs, going out negative.
    fn value(&self, deed: &Deed) -> i64 {
        let quantity = match deed.weighed {
            true => Quantity::Weighed(WeighedGrams(deed.grams.abs().round() as u32)),
            false => Quantity::Pieces(deed.pieces),
        };
        let value = self.price(&deed.sku, quantity).unwrap_or(0);
        if deed.is_out() { -value } else { value }
    }

    fn price(&self, sku: &Sku, quantity: Quantity) -> Option<i64> {
        let product = self.cart.catalog().product(sku)?;
        Some(price_line(product, quantity).ok()?.price.minor)
    }

    /// The value of what lies in the cart less that of its lines.
    fn unpaid(&self) -> i64 {
        let value = |sku: &Sku, pieces: u32, grams: f64| {
            let product = self.cart.catalog().product(sku);
            product.map_or(0.0, |product| match product.price {
                Price::Each(price) => price.minor as f64 * f64::from(pieces),
                Price::PerKg(price) => price.minor as f64 * grams / 1000.0,
            })
        };
        let goods = self.sold_and_held();
        let unpaid = goods
            .iter()
            .map(|(sku, (sold, held))| value(sku, held.pieces, held.grams) - value(sku, sold.pieces, sold.grams));
        unpaid.sum::<f64>().round() as i64
    }

    /// Which open deed an entry is about: one of that product whose weight it has, whole or in part; else one that has
    /// begun and has its weight, under another name; else any of that product, or any that has begun.
    fn meant(&self, entry: &LedgerEntry, out: bool, sku: Option<&Sku>) -> Option<usize> {
        let change = entry.evidence.change.0;
        let rank = |deed: &Deed| {
            let same = Some(&deed.sku) == sku;
            let begun = deed.contact <= self.now;
            match (is_near(change, deed.grams), same) {
                (true, true) => Some(0),
                (false, true) if deed.without(entry).is_some() => Some(1),
                (true, false) if begun => Some(2),
                (false, true) => Some(3),
                (false, false) if begun => Some(4),
                _ => None,
            }
        };
        let open = self.open.iter().enumerate().filter(|(_, deed)| deed.is_out() == out);
        open.filter_map(|(place, deed)| Some((rank(deed)?, place))).min().map(|(_, place)| place)
    }

    /// Holds an entry against what was done.
    pub(super) fn booked(&mut self, entry: &LedgerEntry, tally: &mut Tally) {
        let by_shopper = entry.evidence.settled_by.is_answer();
        let out = matches!(entry.movement, Movement::Removed { .. });
        // Shoppers who take things apart do so in a disturbed cart, too: what has the weight of such a thing is no change by
        // the disturbance.
        let has_weight = |deed: &Deed| is_near(entry.evidence.change.0, deed.grams) || deed.without(entry).is_some();
        if self.disturbing && !by_shopper && !self.open.iter().any(has_weight) {
            tally.disturbance_changes += 1;
        }
        let sku = match &entry.movement {
            Movement::Added { sku, .. } => Some(sku.clone()),
            // What the line was opened for, whatever it is called there.
            Movement::Removed { line, .. } | Movement::Tared { line, .. } => {
                let called = || self.cart.basket().opened_for(*line).cloned();
                self.misnamed.get(line).cloned().or_else(called)
            }
            // It is counted as it was first booked; what it was put right to is in the receipt.
            Movement::Corrected { .. } => return,
            Movement::OwnThing { .. } => Some(Sku::new(OWN)),
        };
        let Some(place) = self.meant(entry, out, sku.as_ref()) else {
            if self.shopper != Shopper::Dishonest {
                tally.phantom_changes += 1;
            }
            return;
        };
        let deed = self.open.remove(place);
        if self.shopper == Shopper::Dishonest || (deed.sku.as_str() == OWN && by_shopper) {
            return;
        }
        let is_it = Some(&deed.sku) == sku.as_ref();
        let by_shopper = by_shopper || deed.again;
        if let Some(rest) = deed.without(entry).filter(|_| is_it) {
            // Each piece counts when it is booked; a lot counts once, with its last part.
            if !by_shopper && !deed.weighed {
                tally.booked_without_question += deed.pieces - rest.pieces;
                tally.booked_right += deed.pieces - rest.pieces;
            }
            self.open.insert(place, rest);
            return;
        }
        if let (Movement::Added { line, .. }, false) = (&entry.movement, is_it) {
            self.misnamed.insert(*line, deed.sku.clone());
        }
        let by_shopper = by_shopper || (deed.weighed && deed.begun == Some(SettledBy::Shopper));
        let right = match &entry.movement {
            _ if !is_it => false,
            Movement::Removed { .. } => true,
            Movement::Added { quantity: Quantity::Pieces(count), .. } => *count == deed.pieces,
            Movement::Added { quantity: Quantity::Weighed(grams), .. } => is_near(f64::from(grams.0), deed.grams),
            Movement::Tared { .. } | Movement::Corrected { .. } | Movement::OwnThing { .. } => false,
        };
        if out {
            tally.removals_right += u32::from(right);
        } else if !by_shopper {
            tally.booked_without_question += deed.items();
            tally.booked_right += if right { deed.items() } else { 0 };
            let waited = entry.at.millis_since(deed.contact) as f64 + self.watching.compute_ms;
            tally.drop_to_line_ms.push(waited);
        }
        if !right {
            tracing::debug!("{:.2} s: not right: {:?} for {deed:?}", self.now.seconds(), entry.movement);
        }
    }

    fn still_asks(&self, question: u32) -> bool {
        self.cart.question().is_some_and(|open| open.id == question)
    }

    /// The shopper looks at the question for a moment and answers: truthfully, or that it is theirs.
    pub(super) fn answer(&mut self, tally: &mut Tally) {
        let Some(question) = self.cart.question().cloned() else { return };
        self.pass(1500, tally);
        if !self.still_asks(question.id) {
            return;
        }
        tracing::debug!("{:.2} s: asked {question:?} for {:?}", self.now.seconds(), self.open);
        self.questions += 1;
        let Question { id, kind, change, options, likely, open, .. } = question;
        if let Some(lie) = self.lying {
            if kind == QuestionKind::TakeOutAgain {
                self.give(CartInput::Pressed(Press::Back), tally);
                return;
            }
            let press = match self.cheapest(&options).filter(|_| lie == Lie::Cheaper) {
                Some(option) => Press::Choose { question: id, option },
                None => Press::NotMine { question: id },
            };
            self.give(CartInput::Pressed(press), tally);
            return;
        }
        if kind == QuestionKind::TakeOutAgain {
            let came_in = self.open.iter().rfind(|deed| !deed.is_out() && deed.contact <= self.now).cloned();
            match came_in {
                Some(deed) => self.take_apart(&deed, tally),
                None => self.give(CartInput::Pressed(Press::Back), tally),
            }
            return;
        }
        let out = kind == QuestionKind::TakenOut;
        if let QuestionKind::HowMany(sku) = &kind {
            let pieces = self.open.iter().find(|deed| deed.sku == *sku && !deed.is_out()).map_or(1, |deed| deed.pieces);
            let option = options.iter().position(|option| option.quantity == Quantity::Pieces(pieces)).unwrap_or(0);
            self.give(CartInput::Pressed(Press::Choose { question: id, option }), tally);
            return;
        }
        // What was done and makes up the change; of several things that came in together the packs are named first.
        let done = self.behind(change.0, out);
        let merged = done.len() > 1;
        let deed = done.iter().find(|deed| merged && !deed.weighed).or(done.first()).cloned();
        let truth = deed.as_ref().map(|deed| deed.sku.clone()).or_else(|| self.missing(change.0));
        if truth.as_ref().is_some_and(|sku| sku.as_str() == OWN) {
            self.give(CartInput::Pressed(Press::NotMine { question: id }), tally);
            return;
        }
        let is_of = |option: &QuestionOption, sku: &Sku| {
            option.sku == *sku || option.line.is_some_and(|line| self.misnamed.get(&line) == Some(sku))
        };
        let place = truth.as_ref().and_then(|sku| options.iter().position(|option| is_of(option, sku)));
        if self.shopper != Shopper::Dishonest {
            match (&deed, out) {
                (Some(deed), false) if open => {
                    tally.listed += 1;
                    tally.listed_holding_truth += u32::from(likely.contains(&deed.sku));
                }
                (Some(_), false) => {
                    tally.asked += 1;
                    tally.asked_holding_truth += u32::from(place.is_some());
                }
                (None, _) => tally.phantom_questions += 1,
                _ => {}
            }
        }
        // Loose goods can only be weighed by themselves.
        if merged && !out && done.iter().any(|deed| deed.weighed) {
            self.give(CartInput::Pressed(Press::Several { question: id }), tally);
            self.take_apart(&done[done.len() - 1], tally);
            return;
        }
        // Who put two in does not press the picture that says one.
        let counted = |option: usize| match (&deed, options[option].quantity) {
            (Some(deed), Quantity::Pieces(pieces)) => deed.is_out() || pieces == deed.pieces,
            _ => true,
        };
        match (truth, place.filter(|option| counted(*option))) {
            (_, Some(option)) if !open => {
                self.give(CartInput::Pressed(Press::Choose { question: id, option }), tally);
                self.weigh_again(id, deed.as_ref(), tally);
            }
            (Some(sku), _) => {
                if !open {
                    self.give(CartInput::Pressed(Press::SomethingElse { question: id }), tally);
                }
                // What heads the list is found sooner.
                self.pass(if open && likely.contains(&sku) { 1000 } else { 3000 }, tally);
                self.give(CartInput::Pressed(Press::Pick { question: id, sku }), tally);
                self.weigh_again(id, deed.as_ref(), tally);
                if self.still_asks(id) {
                    // Nothing of that product can be taken out: the shopper gives up and says it was theirs.
                    self.give(CartInput::Pressed(Press::NotMine { question: id }), tally);
                }
            }
            (None, _) => self.give(CartInput::Pressed(Press::NotMine { question: id }), tally),
        }
    }

    /// Where the scale cannot weigh what the shopper answered, the screen says to take it out and put in once more, or more.
    fn weigh_again(&mut self, question: u32, deed: Option<&Deed>, tally: &mut Tally) {
        let refused = |notice: &Notice| matches!(notice, Notice::Unweighed(_));
        let stays = self.still_asks(question);
        if let Some(deed) = deed.filter(|deed| !deed.is_out() && stays)
            && self.cart.view(self.now).notices.iter().any(refused)
        {
            self.take_apart(deed, tally);
        }
    }

    /// The cheapest of what a question about something put in offers, where that is cheaper than what was done.
    fn cheapest(&self, options: &[QuestionOption]) -> Option<usize> {
        let done: i64 = self.open.iter().map(|deed| self.value(deed)).sum();
        let offered = options.iter().enumerate().filter(|(_, option)| option.line.is_none());
        let priced = offered.filter_map(|(place, option)| Some((self.price(&option.sku, option.quantity)?, place)));
        priced.min().filter(|(price, _)| *price < done).map(|(_, place)| place)
    }

    /// What is open and makes up a change, as the shopper knows it: the fewest things whose weights come to it, or else the
    /// one that comes nearest.
    fn behind(&self, grams: f64, out: bool) -> Vec<Deed> {
        let open: Vec<&Deed> =
            self.open.iter().filter(|deed| deed.is_out() == out && deed.contact <= self.now).take(6).collect();
        let sets = (1u32..1 << open.len()).map(|set| {
            let chosen: Vec<&Deed> =
                open.iter().enumerate().filter(|(place, _)| set & 1 << place != 0).map(|(_, deed)| *deed).collect();
            let off = (chosen.iter().map(|deed| deed.grams).sum::<f64>() - grams).abs();
            let apart = off > 0.03 * grams.abs() + 10.0;
            // What does not add up is one thing of which something is not known.
            let count = if apart && chosen.len() > 1 { usize::MAX } else { chosen.len() };
            ((apart, count, off), chosen)
        });
        let best = sets.min_by(|(a, _), (b, _)| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        best.map_or(Vec::new(), |(_, chosen)| chosen.into_iter().cloned().collect())
    }

    /// Lots of which a part is booked and the rest is not.
    pub(super) fn booked_in_part(&self) -> u32 {
        let in_part = |deed: &&Deed| deed.weighed && deed.begun.is_some_and(|by| by != SettledBy::Shopper);
        self.open.iter().filter(in_part).count() as u32
    }

    /// Takes the last of several things out again as bidden, and puts it back in.
    fn take_apart(&mut self, last: &Deed, tally: &mut Tally) {
        let place = self.open.iter().position(|deed| deed.contact == last.contact && deed.sku == last.sku);
        let Some(deed) = place.map(|place| self.open.remove(place)) else { return };
        for _ in 0..deed.pieces {
            let lying = self.world.contents().into_iter().rev().find(|item| item.sku.as_ref() == Some(&deed.sku));
            let Some(done) = lying.and_then(|item| self.world.take(self.now, item.id)) else { break };
            self.watching.act(&self.simulation.eyes, Way::Out, &deed.sku, self.now, done.changes);
            self.watching.spoil();
            self.hand_over(tally);
        }
        self.settle_up(tally);
        // A split of photos gave this product before, so it gives it again.
        let put_in = self.put(&deed.sku, deed.pieces, tally).is_ok();
        if let (true, Some(deed)) = (put_in, self.open.last_mut()) {
            deed.again = true;
        }
        if put_in && self.shopper != Shopper::Dishonest {
            tally.items -= deed.items();
        }
    }

    /// The product of which more lies in the cart than is sold, or less where something went out, and which weighs about
    /// as much as what is asked about: what an honest shopper finds on looking.
    fn missing(&self, change: f64) -> Option<Sku> {
        let goods = self.sold_and_held();
        let off = |sku: &Sku, sold: Sold, held: Held| {
            let product = self.cart.catalog().product(sku)?;
            let missing = match product.price {
                Price::Each(_) => (f64::from(held.pieces) - f64::from(sold.pieces)) * product.weight.mean.0,
                Price::PerKg(_) => held.grams - sold.grams,
            };
            (missing.abs() > 20.0).then_some((missing - change).abs())
        };
        let candidates = goods.iter().filter_map(|(sku, (sold, held))| Some((sku, off(sku, *sold, *held)?)));
        let best = candidates.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (best.1 < 0.2 * change.abs() + 20.0).then(|| best.0.clone())
    }
}
