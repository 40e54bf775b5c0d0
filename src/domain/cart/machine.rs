//! The machine: how each input changes the cart. No clock, no I/O: time is an argument, deeds are outputs.

use super::{
    CameraFault, CartInput, CartOutput, JournalEntry, LastChange, LineView, Press, Question, QuestionKind,
    QuestionOption, Sound,
};
use crate::domain::basket::{Basket, Evidence, LedgerEntry, Movement, SettledBy};
use crate::domain::catalog::{Catalog, Price};
use crate::domain::checkout::{Checkout, TripKey};
use crate::domain::fusion::{
    ChangeEvidence, CodeSighting, FusionSettings, Hypothesis, Judgement, Scored, Sighting, Verdict, judge,
};
use crate::domain::pricing::{Quantity, price_line};
use crate::domain::settle::{ScaleFault, SettledChange};
use crate::domain::units::{Grams, Sku, Stamp, WeighedGrams};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// The cart's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CartSettings {
    /// The cart's name towards the store.
    pub cart: String,
    /// Makes trip keys unique: differs at every start of the program.
    pub nonce: String,
    /// How evidence is weighed.
    pub fusion: FusionSettings,
    /// Changes no larger than this, or than their own margin, are no events.
    pub dead_band: Grams,
    /// How long a settled change waits for the camera when nothing moves in view.
    pub sight_wait_ms: u64,
    /// How long it waits while something moves in view.
    pub moving_wait_ms: u64,
    /// How long a change that the weight does not prove waits for more evidence before it is booked or asked about.
    pub hold_ms: u64,
    /// The same before a question: asking too early is worse than asking a little later.
    pub ask_hold_ms: u64,
    /// How soon after a change a smaller one is the hand that lets go.
    pub hand_ms: u64,
    /// How long the last change stays large on the screen.
    pub last_change_ms: u64,
    /// Whether goods are weighed for price by a scale that is not legal for trade.
    pub demo_weighing: bool,
}

impl Default for CartSettings {
    fn default() -> CartSettings {
        CartSettings {
            cart: "cart-1".to_owned(),
            nonce: "test".to_owned(),
            fusion: FusionSettings::default(),
            dead_band: Grams(4.0),
            sight_wait_ms: 3500,
            moving_wait_ms: 4000,
            hold_ms: 400,
            ask_hold_ms: 900,
            hand_ms: 1500,
            last_change_ms: 4000,
            demo_weighing: true,
        }
    }
}

/// Why a journaled trip cannot be taken up again.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// The catalogue no longer sells what lies in the basket.
    #[error("the open trip holds product {sku}, which the catalogue does not: staff must settle it")]
    UnknownProduct {
        /// Which one.
        sku: Sku,
    },
    /// The journal does not begin with a trip.
    #[error("the journal of the open trip does not begin with its start")]
    NoStart,
}

/// A hand that lowers an item carries at most this share of it when the load first looks settled (an estimate).
const CARRIED: f64 = 0.2;

/// A settled change that is not yet booked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pending {
    pub(super) evidence: ChangeEvidence,
}

/// The question on the screen and the change it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenQuestion {
    pub(super) question: Question,
    pub(super) pending: Pending,
    pub(super) judgement: Judgement,
    pub(super) browsing: bool,
}

/// Where the shopper is, apart from questions and payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Welcome,
    Shopping,
    Checkout,
}

/// The cart.
#[derive(Debug, Clone)]
pub struct Cart {
    pub(super) settings: CartSettings,
    pub(super) catalog: Arc<Catalog>,
    pub(super) phase: Phase,
    pub(super) key: Option<TripKey>,
    trips: u32,
    pub(super) basket: Basket,
    pub(super) pending: VecDeque<Pending>,
    pub(super) question: Option<OpenQuestion>,
    questions: u32,
    sightings: VecDeque<Sighting>,
    codes: VecDeque<CodeSighting>,
    pub(super) load: Option<Grams>,
    pub(super) disturbed_since: Option<Stamp>,
    view_moving_since: Option<Stamp>,
    pub(super) scale_fault: Option<ScaleFault>,
    pub(super) camera_fault: Option<CameraFault>,
    pub(super) last_change: Option<(LastChange, Stamp)>,
    pub(super) staff_called: bool,
    pub(super) staff_approved: bool,
    pub(super) checkout: Checkout,
    pub(super) changed: bool,
}

impl Cart {
    /// A cart between trips.
    pub fn new(settings: CartSettings, catalog: Arc<Catalog>) -> Cart {
        Cart {
            settings,
            catalog,
            phase: Phase::Welcome,
            key: None,
            trips: 0,
            basket: Basket::default(),
            pending: VecDeque::new(),
            question: None,
            questions: 0,
            sightings: VecDeque::new(),
            codes: VecDeque::new(),
            load: None,
            disturbed_since: None,
            view_moving_since: None,
            scale_fault: None,
            camera_fault: None,
            last_change: None,
            staff_called: false,
            staff_approved: false,
            checkout: Checkout::Idle,
            changed: true,
        }
    }

    /// A cart that takes up the trip in `entries` where a pulled battery left it; an empty journal gives a new cart.
    ///
    /// # Errors
    /// [`RestoreError`] when the trip cannot be sold any more.
    pub fn restore(
        settings: CartSettings,
        catalog: Arc<Catalog>,
        entries: &[JournalEntry],
        now: Stamp,
    ) -> Result<Cart, RestoreError> {
        let mut cart = Cart::new(settings, catalog);
        for entry in entries {
            match entry {
                JournalEntry::TripStarted { key } => {
                    cart.key = Some(key.clone());
                    cart.phase = Phase::Shopping;
                }
                _ if cart.key.is_none() => return Err(RestoreError::NoStart),
                JournalEntry::Booked(entry) => {
                    if let Movement::Added { sku, .. } = &entry.movement
                        && cart.catalog.product(sku).is_none()
                    {
                        return Err(RestoreError::UnknownProduct { sku: sku.clone() });
                    }
                    cart.basket.append(entry.clone());
                }
                JournalEntry::CheckoutStarted(order) => {
                    cart.phase = Phase::Checkout;
                    cart.checkout = Checkout::Unknown { order: order.clone(), attempts: 1, ask_at: now };
                }
                JournalEntry::CheckoutConfirmed(receipt) => {
                    cart.checkout = Checkout::Confirmed { receipt: receipt.clone() };
                }
                JournalEntry::CheckoutRefused { reason, next } => {
                    cart.key = Some(next.clone());
                    cart.checkout = Checkout::Refused { reason: reason.clone() };
                }
                JournalEntry::TripEnded => cart.end_trip(),
            }
        }
        Ok(cart)
    }

    /// The ledger of the running trip.
    pub fn basket(&self) -> &Basket {
        &self.basket
    }

    /// The catalogue that the trip is priced with.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Whether the load is moving right now.
    pub fn load_moves(&self) -> bool {
        self.disturbed_since.is_some()
    }

    /// The question on the screen, where there is one.
    pub fn question(&self) -> Option<&Question> {
        self.question.as_ref().map(|open| &open.question)
    }

    /// Whether a change of the load or a question is still open.
    pub fn undecided(&self) -> bool {
        self.question.is_some() || !self.pending.is_empty() || self.disturbed_since.is_some()
    }

    /// Where the checkout stands.
    pub fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// Whether nobody shops, so that catalogue and gallery may be exchanged.
    pub fn between_trips(&self) -> bool {
        self.phase == Phase::Welcome && self.key.is_none()
    }

    /// Takes a new catalogue. Ignored during a trip: the shopper keeps the prices that were shown.
    pub fn take_catalog(&mut self, catalog: Arc<Catalog>) {
        if self.between_trips() {
            self.catalog = catalog;
            self.changed = true;
        }
    }

    /// Takes one input and says what is to be done, in order.
    pub fn handle(&mut self, input: CartInput, now: Stamp) -> Vec<CartOutput> {
        let mut outputs = Vec::new();
        match input {
            CartInput::LoadDisturbed => {
                self.disturbed_since.get_or_insert(now);
                self.changed = true;
            }
            CartInput::LoadSettled(change) => self.load_settled(change, now, &mut outputs),
            CartInput::ScaleFaulted(fault) => {
                self.scale_fault = Some(fault);
                self.disturbed_since = None;
                self.changed = true;
                outputs.push(CartOutput::Play(Sound::Trouble));
            }
            CartInput::ScaleRecovered { load } => self.scale_recovered(load, now, &mut outputs),
            CartInput::ViewMoved => {
                self.view_moving_since.get_or_insert(now);
            }
            CartInput::ViewStilled => self.view_moving_since = None,
            CartInput::Sighted(sighting) => self.sighted(sighting, now, &mut outputs),
            CartInput::CodeSeen(code) => self.code_seen(code),
            CartInput::CameraFaulted(fault) => {
                self.camera_fault = Some(fault);
                self.view_moving_since = None;
                self.changed = true;
            }
            CartInput::CameraRecovered => {
                self.camera_fault = None;
                self.changed = true;
            }
            CartInput::Pressed(press) => self.pressed(press, now, &mut outputs),
            CartInput::StoreAnswered(answer) => self.store_answered(answer, now, &mut outputs),
            CartInput::Ticked => {}
        }
        self.decide(now, &mut outputs);
        self.ask_store_again(now, &mut outputs);
        if self.last_change.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.last_change = None;
            self.changed = true;
        }
        if std::mem::take(&mut self.changed) {
            outputs.push(CartOutput::Show);
        }
        outputs
    }

    /// When the cart wants [`CartInput::Ticked`], if at all.
    pub fn next_timeout(&self, now: Stamp) -> Option<Stamp> {
        let decisions = self
            .pending
            .iter()
            .flat_map(|pending| [self.decide_at(pending), self.ripe_at(pending, true), self.ripe_at(pending, false)]);
        let decisions = decisions.filter(|at| *at > now);
        let last_change = self.last_change.as_ref().map(|(_, until)| *until);
        let ask_store = match &self.checkout {
            Checkout::Unknown { ask_at, .. } => Some(*ask_at),
            _ => None,
        };
        decisions.chain(last_change).chain(ask_store).min()
    }

    fn load_settled(&mut self, change: SettledChange, now: Stamp, outputs: &mut Vec<CartOutput>) {
        self.load = Some(change.load);
        self.disturbed_since = None;
        self.changed = true;
        self.note_change(change, now, outputs);
    }

    /// Files a settled change as an event, unless it is nothing or undoes one that is still open.
    fn note_change(&mut self, change: SettledChange, now: Stamp, outputs: &mut Vec<CartOutput>) {
        if change.change.abs().0 <= self.settings.dead_band.0.max(change.margin.0) {
            return;
        }
        // A hand that pressed and let go, or a thing put in and taken back before anyone answered: nothing happened.
        let undoes = |open: &SettledChange| {
            let rest = (open.change + change.change).abs();
            rest.0 <= self.settings.dead_band.0.max(open.margin.0 + change.margin.0)
        };
        if let Some(index) = self.pending.iter().rposition(|pending| undoes(&pending.evidence.change)) {
            self.pending.remove(index);
            return;
        }
        if self.question.as_ref().is_some_and(|open| undoes(&open.pending.evidence.change)) {
            self.question = None;
            return;
        }
        // A hand still lay on the goods when the first change settled: what remains when it lets go is the event.
        if let Some(pressed) = self.take_pressed(change) {
            self.pending.push_back(pressed);
            return;
        }
        let evidence = ChangeEvidence {
            change,
            sighting: self.find_sighting(change.began, change.settled),
            codes: self.find_codes(change.began, change.settled),
        };
        self.begin_trip(now, outputs);
        self.pending.push_back(Pending { evidence });
    }

    /// Takes the open change that `change` corrects, if any, and corrects it: soon after, and what a hand does.
    fn take_pressed(&mut self, change: SettledChange) -> Option<Pending> {
        let settings = &self.settings;
        let corrects = |pending: &Pending| {
            let open = &pending.evidence.change;
            // A hand that pressed leaves less behind; one that still carried a part leaves a little more.
            let share = change.change.0 / open.change.0;
            change.began.millis_since(open.settled) <= settings.hand_ms && share > -1.0 && share < CARRIED
        };
        let mut pressed = match self.pending.pop_back_if(|pending| corrects(pending)) {
            Some(pending) => pending,
            None => {
                let asked = self.question.take_if(|open| !open.browsing && corrects(&open.pending))?;
                self.changed = true;
                asked.pending
            }
        };
        let open = &mut pressed.evidence.change;
        open.change = open.change + change.change;
        open.margin = Grams(open.margin.0.hypot(change.margin.0));
        open.load = change.load;
        open.settled = change.settled;
        let seen = self.find_sighting(pressed.evidence.change.began, change.settled);
        if let Some(seen) = seen {
            prefer(&mut pressed.evidence, &seen);
        }
        Some(pressed)
    }

    fn scale_recovered(&mut self, load: Grams, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let was_faulty = self.scale_fault.take().is_some();
        self.disturbed_since = None;
        self.changed = true;
        let before = self.load.replace(load);
        // What went in or out while the scale was blind has to be asked about; it may not be lost.
        if let (true, Some(before)) = (was_faulty, before) {
            let change = SettledChange { change: load - before, margin: Grams(8.0), load, began: now, settled: now };
            self.note_change(change, now, outputs);
        }
    }

    fn sighted(&mut self, sighting: Sighting, now: Stamp, outputs: &mut Vec<CartOutput>) {
        self.view_moving_since = None;
        if sighting.appeared.is_empty() && sighting.vanished.is_empty() {
            // Something passed through the view and left it as it was: no evidence for any change of the load.
            return;
        }
        for pending in &mut self.pending {
            if covers(&sighting, &pending.evidence.change) {
                prefer(&mut pending.evidence, &sighting);
            }
        }
        // What the camera saw late may answer the question before the shopper does; it never changes a line.
        if let Some(open) = &mut self.question
            && !open.browsing
            && covers(&sighting, &open.pending.evidence.change)
        {
            prefer(&mut open.pending.evidence, &sighting);
            let pending = open.pending.clone();
            let judgement = self.judge(&pending);
            if let Verdict::Book(scored) = judgement.verdict.clone() {
                self.question = None;
                self.book(&pending, &judgement, &scored, now, outputs);
            }
        }
        self.sightings.push_back(sighting);
        while self.sightings.len() > 8 {
            self.sightings.pop_front();
        }
    }

    fn code_seen(&mut self, code: CodeSighting) {
        for pending in &mut self.pending {
            let change = &pending.evidence.change;
            if code.at.plus_millis(1500) >= change.began && !pending.evidence.codes.contains(&code.gtin) {
                pending.evidence.codes.push(code.gtin);
            }
        }
        self.codes.push_back(code);
        while self.codes.len() > 16 {
            self.codes.pop_front();
        }
    }

    fn find_sighting(&self, began: Stamp, settled: Stamp) -> Option<Sighting> {
        let about = SettledChange { change: Grams(0.0), margin: Grams(0.0), load: Grams(0.0), began, settled };
        self.sightings.iter().rev().find(|sighting| covers(sighting, &about)).cloned()
    }

    /// Codes are shown while the item is carried in, at most a moment before it lands.
    fn find_codes(&self, began: Stamp, settled: Stamp) -> Vec<crate::domain::units::Gtin> {
        let fresh = |code: &&CodeSighting| code.at.plus_millis(1500) >= began && code.at <= settled.plus_millis(500);
        self.codes.iter().filter(fresh).map(|code| code.gtin).collect()
    }

    /// When a pending change is judged, whether or not the camera has spoken.
    fn decide_at(&self, pending: &Pending) -> Stamp {
        let change = &pending.evidence.change;
        if pending.evidence.sighting.is_some() || self.camera_fault.is_some() {
            change.settled
        } else if self.view_moving_since.is_some() {
            change.settled.plus_millis(self.settings.moving_wait_ms)
        } else {
            change.settled.plus_millis(self.settings.sight_wait_ms)
        }
    }

    fn judge(&self, pending: &Pending) -> Judgement {
        judge(&self.settings.fusion, &self.catalog, &self.basket.lines(), self.basket.own_things(), &pending.evidence)
    }

    /// Books what is sure and asks about the first change that is not. With the scale at fault nothing is decided.
    fn decide(&mut self, now: Stamp, outputs: &mut Vec<CartOutput>) {
        if self.scale_fault.is_some() || self.paying() {
            return;
        }
        let mut index = 0;
        while index < self.pending.len() {
            if self.decide_at(&self.pending[index]) > now {
                index += 1;
                continue;
            }
            let pending = self.pending[index].clone();
            let judgement = self.judge(&pending);
            match judgement.verdict.clone() {
                Verdict::Book(scored) if self.proven(&scored) || self.ripe_at(&pending, true) <= now => {
                    self.pending.remove(index);
                    self.book(&pending, &judgement, &scored, now, outputs);
                }
                Verdict::Ask(options) if self.question.is_none() && self.ripe_at(&pending, false) <= now => {
                    self.pending.remove(index);
                    self.ask(pending, judgement, &options, outputs);
                }
                Verdict::Book(_) | Verdict::Ask(_) => index += 1,
            }
        }
    }

    /// Whether the weight itself proves that no hand lies on the goods: pieces have a known mass, loose goods have none.
    fn proven(&self, scored: &Scored) -> bool {
        let by_piece = match &scored.hypothesis {
            Hypothesis::Added { quantity, .. } => matches!(quantity, Quantity::Pieces(_)),
            Hypothesis::Removed { .. } => true,
            Hypothesis::OwnThing | Hypothesis::Unknown => false,
        };
        by_piece && scored.sigmas <= 2.5
    }

    /// When a change that is not proven has waited long enough for a hand to let go.
    fn ripe_at(&self, pending: &Pending, sure: bool) -> Stamp {
        let hold = if sure { self.settings.hold_ms } else { self.settings.ask_hold_ms };
        let evidence = &pending.evidence;
        let seen = evidence.sighting.as_ref().map_or(Stamp(0), |sighting| sighting.ended);
        let moving = if self.view_moving_since.is_some() { self.settings.moving_wait_ms } else { 0 };
        evidence.change.settled.max(seen).plus_millis(hold).max(evidence.change.settled.plus_millis(moving))
    }

    fn ask(&mut self, pending: Pending, judgement: Judgement, options: &[Scored], outputs: &mut Vec<CartOutput>) {
        self.questions += 1;
        let change = pending.evidence.change.change;
        let kind = if change.0 > 0.0 { QuestionKind::PutIn } else { QuestionKind::TakenOut };
        let options = options.iter().filter_map(|scored| self.option(&scored.hypothesis)).collect();
        let question = Question { id: self.questions, kind, change, options };
        self.question = Some(OpenQuestion { question, pending, judgement, browsing: false });
        if self.phase == Phase::Checkout {
            self.phase = Phase::Shopping;
        }
        self.changed = true;
        outputs.push(CartOutput::Play(Sound::Question));
    }

    fn option(&self, hypothesis: &Hypothesis) -> Option<QuestionOption> {
        let (sku, quantity, line) = match hypothesis {
            Hypothesis::Added { sku, quantity } => (sku, *quantity, None),
            Hypothesis::Removed { line, quantity } => (&line.sku, *quantity, Some(line.id)),
            Hypothesis::OwnThing | Hypothesis::Unknown => return None,
        };
        let priced = price_line(self.catalog.product(sku)?, quantity).ok()?;
        Some(QuestionOption { sku: sku.clone(), quantity, price: priced.price, line })
    }

    fn book(
        &mut self,
        pending: &Pending,
        judgement: &Judgement,
        scored: &Scored,
        now: Stamp,
        outputs: &mut Vec<CartOutput>,
    ) {
        let settled_by = if judgement.by_code { SettledBy::CodeAndWeight } else { SettledBy::SightAndWeight };
        self.book_as(pending, judgement, &scored.hypothesis, settled_by, now, outputs);
    }

    fn book_as(
        &mut self,
        pending: &Pending,
        judgement: &Judgement,
        hypothesis: &Hypothesis,
        settled_by: SettledBy,
        now: Stamp,
        outputs: &mut Vec<CartOutput>,
    ) {
        let change = pending.evidence.change;
        let (movement, sound) = match hypothesis {
            Hypothesis::Added { sku, quantity } => {
                let line = self.basket.next_line();
                (Movement::Added { line, sku: sku.clone(), quantity: *quantity }, Sound::Booked)
            }
            Hypothesis::Removed { line, quantity } => {
                (Movement::Removed { line: line.id, quantity: *quantity }, Sound::Removed)
            }
            Hypothesis::OwnThing => (Movement::OwnThing { mass: change.change }, Sound::Booked),
            Hypothesis::Unknown => return,
        };
        let last_change = self.last_change_of(hypothesis);
        let entry = LedgerEntry {
            at: now,
            movement,
            evidence: Evidence {
                settled_by,
                change: change.change,
                margin: change.margin,
                candidates: by_product(judgement),
                began: change.began,
            },
        };
        self.basket.append(entry.clone());
        self.last_change = last_change.map(|last| (last, now.plus_millis(self.settings.last_change_ms)));
        self.changed = true;
        outputs.push(CartOutput::Journal(JournalEntry::Booked(entry)));
        outputs.push(CartOutput::Play(sound));
    }

    fn last_change_of(&self, hypothesis: &Hypothesis) -> Option<LastChange> {
        match hypothesis {
            Hypothesis::Added { sku, quantity } => {
                let priced = price_line(self.catalog.product(sku)?, *quantity).ok()?;
                let id = self.basket.next_line();
                let (unit_price, price) = (priced.unit_price, priced.price);
                Some(LastChange::Added(LineView { id, sku: sku.clone(), quantity: *quantity, unit_price, price }))
            }
            Hypothesis::Removed { line, quantity } => {
                let priced = price_line(self.catalog.product(&line.sku)?, *quantity).ok()?;
                Some(LastChange::Removed { sku: line.sku.clone(), quantity: *quantity, price: priced.price })
            }
            Hypothesis::OwnThing => Some(LastChange::OwnThing),
            Hypothesis::Unknown => None,
        }
    }

    fn pressed(&mut self, press: Press, now: Stamp, outputs: &mut Vec<CartOutput>) {
        match press {
            Press::Start => self.begin_trip(now, outputs),
            Press::Choose { question, option } => self.choose(question, option, now, outputs),
            Press::SomethingElse { question } => {
                if let Some(open) = self.question.as_mut().filter(|open| open.question.id == question) {
                    open.browsing = true;
                    self.changed = true;
                }
            }
            Press::Pick { question, sku } => self.pick(question, &sku, now, outputs),
            Press::NotMine { question } => {
                if let Some(open) = self.question.take_if(|open| open.question.id == question) {
                    let hypothesis = Hypothesis::OwnThing;
                    self.book_as(&open.pending, &open.judgement, &hypothesis, SettledBy::Shopper, now, outputs);
                }
            }
            Press::ToCheckout => {
                let settled = self.question.is_none() && self.pending.is_empty();
                if self.phase == Phase::Shopping && settled && !self.basket.lines().is_empty() {
                    self.phase = Phase::Checkout;
                    self.changed = true;
                }
            }
            Press::Back => {
                if let Some(open) = &mut self.question {
                    open.browsing = false;
                } else if self.phase == Phase::Checkout && !self.paying() {
                    self.phase = Phase::Shopping;
                    if matches!(self.checkout, Checkout::Refused { .. }) {
                        self.checkout = Checkout::Idle;
                    }
                }
                self.changed = true;
            }
            Press::Pay => self.pay(outputs),
            Press::Finish => {
                if matches!(self.checkout, Checkout::Confirmed { .. }) {
                    outputs.push(CartOutput::Journal(JournalEntry::TripEnded));
                    self.end_trip();
                }
            }
            Press::CallStaff => {
                self.staff_called = true;
                self.changed = true;
            }
            Press::StaffDone => {
                self.staff_called = false;
                self.staff_approved = true;
                self.changed = true;
            }
        }
    }

    fn choose(&mut self, question: u32, option: usize, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let chosen = |open: &OpenQuestion| -> Option<Hypothesis> {
            let chosen = open.question.options.get(option)?;
            match chosen.line {
                None => Some(Hypothesis::Added { sku: chosen.sku.clone(), quantity: chosen.quantity }),
                Some(line) => {
                    // Since the question was asked another change may have taken something out of the same line.
                    let line = self.basket.line(line)?;
                    let quantity = chosen.quantity.at_most(line.quantity);
                    Some(Hypothesis::Removed { line, quantity })
                }
            }
        };
        let Some(open) = self.question.as_ref().filter(|open| open.question.id == question) else { return };
        let Some(hypothesis) = chosen(open) else { return };
        self.answer(&hypothesis, now, outputs);
    }

    /// Answers with a product from the list of all: its quantity is what the weight says.
    fn pick(&mut self, question: u32, sku: &Sku, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let Some(open) = self.question.as_ref().filter(|open| open.question.id == question) else { return };
        let Some(product) = self.catalog.product(sku) else { return };
        let change = open.pending.evidence.change.change;
        let pieces = (change.abs().0 / product.weight.mean.0).round().max(1.0) as u32;
        let hypothesis = if change.0 > 0.0 {
            let quantity = match product.price {
                Price::Each(_) => Quantity::Pieces(pieces),
                Price::PerKg(_) => Quantity::Weighed(WeighedGrams::from_measured(change - product.tare)),
            };
            Hypothesis::Added { sku: sku.clone(), quantity }
        } else {
            let Some(line) = self.basket.lines().into_iter().rev().find(|line| line.sku == *sku) else { return };
            let gone = match line.quantity {
                Quantity::Pieces(_) => Quantity::Pieces(pieces),
                Quantity::Weighed(_) => Quantity::Weighed(WeighedGrams::from_measured(change.abs())),
            };
            let quantity = gone.at_most(line.quantity);
            Hypothesis::Removed { line, quantity }
        };
        self.answer(&hypothesis, now, outputs);
    }

    fn answer(&mut self, hypothesis: &Hypothesis, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let empty = matches!(hypothesis, Hypothesis::Added { quantity, .. } if quantity.is_zero());
        if empty {
            return;
        }
        if let Some(open) = self.question.take() {
            self.book_as(&open.pending, &open.judgement, hypothesis, SettledBy::Shopper, now, outputs);
        }
    }

    fn begin_trip(&mut self, _now: Stamp, outputs: &mut Vec<CartOutput>) {
        if !self.between_trips() {
            return;
        }
        let key = self.next_key();
        self.key = Some(key.clone());
        self.phase = Phase::Shopping;
        self.changed = true;
        outputs.push(CartOutput::Journal(JournalEntry::TripStarted { key }));
    }

    /// A key that no trip or attempt has had: the nonce differs at every start of the program.
    pub(super) fn next_key(&mut self) -> TripKey {
        self.trips += 1;
        TripKey(format!("{}-{}-{}", self.settings.cart, self.settings.nonce, self.trips))
    }

    pub(super) fn end_trip(&mut self) {
        self.phase = Phase::Welcome;
        self.key = None;
        self.basket = Basket::default();
        self.pending.clear();
        self.question = None;
        self.last_change = None;
        self.staff_called = false;
        self.staff_approved = false;
        self.checkout = Checkout::Idle;
        self.changed = true;
    }
}

/// The best products with their probabilities, counts taken together, best first.
fn by_product(judgement: &Judgement) -> Vec<(Sku, f64)> {
    let mut products: Vec<(Sku, f64)> = Vec::new();
    for scored in &judgement.scored {
        let sku = match &scored.hypothesis {
            Hypothesis::Added { sku, .. } => sku,
            Hypothesis::Removed { line, .. } => &line.sku,
            Hypothesis::OwnThing | Hypothesis::Unknown => continue,
        };
        match products.iter_mut().find(|(known, _)| known == sku) {
            Some((_, probability)) => *probability += scored.probability,
            None => products.push((sku.clone(), scored.probability)),
        }
    }
    products.truncate(5);
    products
}

/// Keeps the sighting that shows more of the item: a hand may have lain over it when the view was first still.
fn prefer(evidence: &mut ChangeEvidence, sighting: &Sighting) {
    let came_in = evidence.change.change.0 > 0.0;
    let clearness = |sighting: &Sighting| {
        let candidates = if came_in { &sighting.appeared } else { &sighting.vanished };
        candidates.first().map_or(-1.0, |best| best.similarity)
    };
    if evidence.sighting.as_ref().is_none_or(|held| clearness(sighting) > clearness(held)) {
        evidence.sighting = Some(sighting.clone());
    }
}

/// Whether a sighting and a change of the load are of one event: the view moves from before the item lands until the
/// hand has left, so the two overlap, give or take the sensors' delays.
fn covers(sighting: &Sighting, change: &SettledChange) -> bool {
    sighting.ended.plus_millis(150) >= change.began && sighting.began <= change.settled.plus_millis(300)
}
