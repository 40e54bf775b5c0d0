//! The cart's checkout: one key from before the first post until the store's answer is known.

use super::machine::{Cart, Phase};
use super::{CartOutput, JournalEntry, Sound};
use crate::domain::basket::{LedgerEntry, Line, SettledBy};
use crate::domain::checkout::{Checkout, OrderLine, StoreAnswer, TripOrder};
use crate::domain::units::Stamp;

/// Waiting time before the store is asked again, by the number of attempts; the last one repeats.
const ASK_AGAIN_MS: [u64; 5] = [500, 1000, 2000, 4000, 8000];

impl Cart {
    /// Whether a trip is posted and its outcome is not known, or it is paid.
    pub(super) fn paying(&self) -> bool {
        matches!(self.checkout, Checkout::Pending { .. } | Checkout::Unknown { .. } | Checkout::Confirmed { .. })
    }

    /// Whether a member of staff has to look into the basket before it is paid.
    pub(super) fn needs_staff(&self) -> bool {
        let restricted = |sku| self.catalog.product(sku).is_some_and(|product| product.restriction.is_some());
        let by_word_alone = |entry: &LedgerEntry| entry.evidence.settled_by == SettledBy::WordAlone;
        !self.staff_approved
            && (self.basket.lines().iter().any(|line| restricted(&line.sku))
                || self.basket.entries().iter().any(by_word_alone))
    }

    pub(super) fn pay(&mut self, outputs: &mut Vec<CartOutput>) {
        let settled = self.question.is_none() && self.pending.is_empty();
        if self.phase != Phase::Checkout || self.paying() || !settled || self.scale_fault.is_some() {
            return;
        }
        if self.needs_staff() {
            self.staff_called = true;
            self.changed = true;
            return;
        }
        let Some(key) = self.key.clone() else { return };
        let lines = self.basket.lines();
        let Ok(priced) = self.basket.priced(&self.catalog) else { return };
        let order = TripOrder {
            key,
            cart: self.settings.cart.clone(),
            catalog_version: self.catalog.version.clone(),
            lines: lines.into_iter().map(order_line).collect(),
            shown_total: priced.total,
        };
        outputs.push(CartOutput::Journal(JournalEntry::CheckoutStarted(order.clone())));
        outputs.push(CartOutput::PostTrip(order.clone()));
        self.checkout = Checkout::Pending { order, attempts: 1 };
        self.changed = true;
    }

    pub(super) fn store_answered(&mut self, answer: StoreAnswer, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let (order, attempts) = match &self.checkout {
            Checkout::Pending { order, attempts } | Checkout::Unknown { order, attempts, .. } => {
                (order.clone(), *attempts)
            }
            // A late answer to what is already known changes nothing.
            Checkout::Idle | Checkout::Confirmed { .. } | Checkout::Refused { .. } => return,
        };
        self.changed = true;
        self.checkout = match answer {
            StoreAnswer::Booked(receipt) if receipt.key == order.key => {
                outputs.push(CartOutput::Journal(JournalEntry::CheckoutConfirmed(receipt.clone())));
                outputs.push(CartOutput::Play(Sound::Paid));
                Checkout::Confirmed { receipt }
            }
            StoreAnswer::Refused { reason } => {
                // A refusal is final for its key, and the store books nothing under it: the next attempt gets a new one.
                let next = self.next_key();
                self.key = Some(next.clone());
                outputs.push(CartOutput::Journal(JournalEntry::CheckoutRefused { reason: reason.clone(), next }));
                outputs.push(CartOutput::Play(Sound::Trouble));
                Checkout::Refused { reason }
            }
            StoreAnswer::NeverReceived => {
                outputs.push(CartOutput::PostTrip(order.clone()));
                Checkout::Pending { order, attempts: attempts + 1 }
            }
            StoreAnswer::Booked(_) | StoreAnswer::Silent { .. } => {
                let wait = ASK_AGAIN_MS[(attempts as usize).saturating_sub(1).min(ASK_AGAIN_MS.len() - 1)];
                Checkout::Unknown { order, attempts: attempts + 1, ask_at: now.plus_millis(wait) }
            }
        };
    }

    /// Asks the store what became of a trip whose outcome is unknown, when it is time.
    pub(super) fn ask_store_again(&mut self, now: Stamp, outputs: &mut Vec<CartOutput>) {
        if let Checkout::Unknown { order, ask_at, .. } = &mut self.checkout
            && *ask_at <= now
        {
            // Should the answer itself get lost, the question is repeated.
            *ask_at = now.plus_millis(15_000);
            outputs.push(CartOutput::AskTrip(order.key.clone()));
        }
    }
}

fn order_line(line: Line) -> OrderLine {
    OrderLine { sku: line.sku, quantity: line.quantity, weighed_by: line.weighed.map(|weighed| weighed.by) }
}
