//! The machine: its state, and which input goes where. No clock, no I/O: time is an argument, deeds are outputs.

use super::paying::Staff;
use super::{CameraFault, CartInput, CartOutput, JournalEntry, LastChange, Question, Sound};
use crate::domain::basket::{Basket, LedgerEntry, Movement};
use crate::domain::catalog::Catalog;
use crate::domain::checkout::{Checkout, TripKey};
use crate::domain::fusion::{ChangeEvidence, CodeSighting, FusionSettings, Judgement, Sighting};
use crate::domain::pricing::Quantity;
use crate::domain::settle::{ScaleFault, SettledChange};
use crate::domain::units::{Grams, Sku, Stamp, WeighedGrams};
use crate::domain::weighing::{HowWeighed, Unweighed, WeighedBy, Weighing};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use thiserror::Error;

/// The cart's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CartSettings {
    /// The cart's name towards the store.
    pub cart: String,
    /// Makes trip keys unique: differs at every start of the program.
    pub nonce: String,
    /// How evidence is weighed.
    pub fusion: FusionSettings,
    /// Changes no larger than this, or than their own margin, are no events.
    pub dead_band: Grams,
    /// How long a settled change waits while something moves in view: what moves may still change the load.
    pub moving_wait_ms: u64,
    /// How long a change that the weight does not prove waits for more evidence before it is booked or asked about.
    pub hold_ms: u64,
    /// The same before a question: asking too early is worse than asking a little later.
    pub ask_hold_ms: u64,
    /// How soon after a change a smaller one is the hand that lets go.
    pub hand_ms: u64,
    /// How long a load that no line explains must last before the cart asks.
    pub patience_ms: u64,
    /// How large such a load must be; it grows with the number of lines and with time, for errors and drift add up.
    pub unexplained: Grams,
    /// How long the last change stays large on the screen.
    pub last_change_ms: u64,
    /// By whose weight goods sold by weight are priced.
    pub weighing: Weighing,
}

impl Default for CartSettings {
    fn default() -> CartSettings {
        CartSettings {
            cart: "cart-1".to_owned(),
            nonce: "test".to_owned(),
            fusion: FusionSettings::default(),
            dead_band: Grams(8.0),
            moving_wait_ms: 4000,
            hold_ms: 100,
            ask_hold_ms: 900,
            hand_ms: 1500,
            patience_ms: 12_000,
            unexplained: Grams(40.0),
            last_change_ms: 4000,
            weighing: Weighing::Demonstration,
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

/// What the shopper named that leaves a load over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Something that came in.
    CameIn,
    /// Something that went out, which nobody saw.
    WentOut,
    /// Something that was seen to go out.
    SeenToGo,
}

/// Changes of the load that are not yet booked, with what was seen meanwhile: one happening, until it proves to be more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pending {
    /// The sum of the parts.
    pub(super) evidence: ChangeEvidence,
    /// What settled while the same movement went on in view: one thing lowered by hand, or several things.
    pub(super) parts: Vec<SettledChange>,
    /// Whether it is what was left when one of several things was taken out again.
    pub(super) left_over: bool,
    /// Beside what it shall have happened, where the scale did not feel it by itself: it is what that answer leaves over.
    pub(super) beside: Option<Named>,
    /// What was still open when as much load came back as that had taken: it was put back, or something else was put in.
    pub(super) back: Option<Box<Pending>>,
}

impl Pending {
    /// One change by itself.
    pub(super) fn of(evidence: ChangeEvidence) -> Pending {
        Pending { evidence, parts: Vec::new(), left_over: false, beside: None, back: None }
    }

    /// By how much the load has changed in all that is open here.
    pub(super) fn load(&self) -> Grams {
        self.back.iter().fold(self.evidence.change.change, |load, before| load + before.load())
    }
}

/// The question on the screen and the change it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenQuestion {
    pub(super) question: Question,
    pub(super) pending: Pending,
    pub(super) judgement: Judgement,
    pub(super) browsing: bool,
    /// Why the last answer could not be booked.
    pub(super) unweighed: Option<Unweighed>,
}

impl OpenQuestion {
    /// Leaves the list of all, whoever opened it.
    pub(super) fn close_list(&mut self) {
        self.question.open = false;
        self.browsing = false;
    }
}

/// Where the shopper is, apart from questions and payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Welcome,
    Shopping,
    Checkout,
}

/// What the camera gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eyes {
    /// No picture has come yet.
    Opening,
    /// No picture that can be used.
    AtFault(CameraFault),
    /// Pictures, from this moment on.
    SeeSince(Stamp),
}

impl Eyes {
    pub(super) fn see(self) -> bool {
        matches!(self, Eyes::SeeSince(_))
    }

    /// Whether all that happened from `moment` on lies in pictures.
    pub(super) fn saw(self, moment: Stamp) -> bool {
        matches!(self, Eyes::SeeSince(since) if since <= moment)
    }
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
    /// Changes too small to be a thing, that settled one after the other in the present movement.
    pub(super) crumbs: Option<SettledChange>,
    /// Changes of the load in the last while during which nothing moved in view, as far as the camera has told.
    pub(super) unseen: Vec<SettledChange>,
    pub(super) question: Option<OpenQuestion>,
    pub(super) questions: u32,
    pub(super) sightings: VecDeque<Sighting>,
    pub(super) codes: VecDeque<CodeSighting>,
    pub(super) load: Option<Grams>,
    pub(super) disturbed_since: Option<Stamp>,
    pub(super) view_moving_since: Option<Stamp>,
    /// The load that the trip began with, where it is known: what the lines are reconciled against.
    pub(super) base: Option<Grams>,
    /// Since when the load has differed from base and lines by more than can be.
    pub(super) unexplained_since: Option<Stamp>,
    /// How often the cart has asked about such a difference in this trip.
    pub(super) reconciled: u32,
    pub(super) scale_fault: Option<ScaleFault>,
    pub(super) eyes: Eyes,
    pub(super) last_change: Option<(LastChange, Stamp)>,
    pub(super) staff: Staff,
    pub(super) checkout: Checkout,
    pub(super) changed: bool,
    pub(super) handled_at: Stamp,
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
            crumbs: None,
            unseen: Vec::new(),
            question: None,
            questions: 0,
            sightings: VecDeque::new(),
            codes: VecDeque::new(),
            load: None,
            disturbed_since: None,
            view_moving_since: None,
            base: None,
            unexplained_since: None,
            reconciled: 0,
            scale_fault: None,
            eyes: Eyes::Opening,
            last_change: None,
            staff: Staff::default(),
            checkout: Checkout::Idle,
            changed: true,
            handled_at: Stamp(0),
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
                    cart.basket.append(with_source(entry.clone()));
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
            CartInput::LoadSettled(change) => {
                self.load = Some(change.load);
                self.disturbed_since = None;
                self.changed = true;
                self.note_change(change, &mut outputs);
            }
            CartInput::ScaleFaulted(fault) => {
                self.scale_fault = Some(fault);
                self.disturbed_since = None;
                self.changed = true;
                outputs.push(CartOutput::Play(Sound::Trouble));
            }
            CartInput::ScaleRecovered { load } => self.scale_recovered(load, now, &mut outputs),
            CartInput::ViewMoved => self.view_moved(now),
            CartInput::ViewStilled => self.view_stilled(now, &mut outputs),
            CartInput::Sighted(sighting) => self.sighted(sighting, now, &mut outputs),
            CartInput::CodeSeen(code) => {
                self.code_seen(code);
                self.label_shown(&code, now, &mut outputs);
            }
            CartInput::CameraFaulted(fault) => {
                let before = std::mem::replace(&mut self.eyes, Eyes::AtFault(fault));
                self.changed |= before != self.eyes;
                self.view_moving_since = None;
            }
            CartInput::CameraRecovered => {
                self.changed |= matches!(self.eyes, Eyes::AtFault(_));
                if !self.eyes.see() {
                    self.eyes = Eyes::SeeSince(now);
                }
            }
            CartInput::Pressed(press) => self.pressed(press, now, &mut outputs),
            CartInput::StoreAnswered(answer) => self.store_answered(answer, now, &mut outputs),
            CartInput::Ticked => {}
        }
        self.decide(now, &mut outputs);
        self.reconcile(now, &mut outputs);
        self.ask_store_again(now, &mut outputs);
        if self.last_change.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.last_change = None;
            self.changed = true;
        }
        if std::mem::take(&mut self.changed) {
            outputs.push(CartOutput::Show);
        }
        self.handled_at = now;
        outputs
    }

    /// When the cart wants [`CartInput::Ticked`], if at all: the next moment after the last input at which it would do
    /// something. A moment that has passed unnoticed is still named.
    pub fn next_timeout(&self) -> Option<Stamp> {
        let decisions = self.pending.iter().flat_map(|pending| self.decision_times(pending));
        let last_change = self.last_change.as_ref().map(|(_, until)| *until);
        let ask_store = match &self.checkout {
            Checkout::Unknown { ask_at, .. } => Some(*ask_at),
            _ => None,
        };
        let times = decisions.chain(self.reconcile_at());
        times.filter(|at| *at > self.handled_at).chain(last_change).chain(ask_store).min()
    }

    pub(super) fn begin_trip(&mut self, outputs: &mut Vec<CartOutput>) {
        if !self.between_trips() {
            return;
        }
        let key = self.next_key();
        self.key = Some(key.clone());
        self.phase = Phase::Shopping;
        self.base = self.load;
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
        self.unseen.clear();
        self.question = None;
        self.base = None;
        self.unexplained_since = None;
        self.reconciled = 0;
        self.last_change = None;
        self.staff = Staff::default();
        self.checkout = Checkout::Idle;
        self.changed = true;
    }
}

/// An entry that says how its goods were weighed: a journal that names no source is of a scale that is not legal for trade.
fn with_source(mut entry: LedgerEntry) -> LedgerEntry {
    if let Movement::Added { quantity: Quantity::Weighed(_), weighed, .. } = &mut entry.movement {
        weighed.get_or_insert(HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(0) });
    }
    entry
}
