//! The cart's checkout: one key from before the first post until the store's answer is known.

use super::answers::ALIKE;
use super::machine::{Cart, Phase};
use super::{CartOutput, JournalEntry, LookAt, Sound};
use crate::domain::basket::{Evidence, LedgerEntry, Line, Movement, SettledBy};
use crate::domain::checkout::{Checkout, OrderLine, StoreAnswer, TripOrder};
use crate::domain::units::{Grams, Sku, Stamp};

/// Waiting time before the store is asked again, by the number of attempts; the last one repeats.
const ASK_AGAIN_MS: [u64; 5] = [500, 1000, 2000, 4000, 8000];

/// What staff have to do with a trip.
#[derive(Debug, Clone, Default)]
pub(super) struct Staff {
    /// They were called and have not said that it is dealt with.
    pub(super) called: bool,
    /// They have looked at the shopper's age.
    pub(super) checked_age: bool,
    /// How many entries the ledger had when they last looked into the basket.
    pub(super) saw: usize,
    /// The load that cannot be explained, where the shopper was asked often enough.
    pub(super) at_a_loss: Option<Grams>,
}

impl Cart {
    /// Whether a trip is posted and its outcome is not known, or it is paid.
    pub(super) fn paying(&self) -> bool {
        matches!(self.checkout, Checkout::Pending { .. } | Checkout::Unknown { .. } | Checkout::Confirmed { .. })
    }

    /// Whether a member of staff has to come before it is paid: to look into the basket, or at the shopper's age.
    pub(super) fn needs_staff(&self) -> bool {
        !self.look().is_empty()
    }

    /// Whether too much in the basket rests on the shopper's word for it to be paid before staff have looked into it.
    pub fn wants_a_look(&self) -> bool {
        self.look().iter().any(|at| !matches!(at, LookAt::Restricted { .. }))
    }

    /// What staff have to look at before it is paid.
    pub(super) fn look(&self) -> Vec<LookAt> {
        let unseen = self.basket.entries().get(self.staff.saw..).unwrap_or_default();
        let by_word_alone = |evidence: &Evidence| evidence.settled_by == SettledBy::WordAlone;
        let by_word = unseen.iter().filter(|entry| by_word_alone(&entry.evidence));
        let by_word = by_word.filter_map(|LedgerEntry { movement, evidence, .. }| match movement {
            Movement::Added { sku, quantity, .. } => Some(LookAt::CameIn { sku: sku.clone(), quantity: *quantity }),
            Movement::Removed { line, quantity } => {
                let sku = self.basket.opened_for(*line)?.clone();
                Some(LookAt::WentOut { sku, quantity: *quantity })
            }
            Movement::OwnThing { mass } => Some(LookAt::OwnThing { mass: *mass, like: looks_like(evidence) }),
            Movement::Tared { .. } | Movement::Corrected { .. } => None,
        });
        let own = own_still_in(unseen);
        let doubted = own.iter().map(|evidence| log_odds(evidence)).sum::<f64>() >= MOST_DOUBT;
        let own = own.into_iter().filter(|own| doubted && log_odds(own) > 0.0 && !by_word_alone(own));
        let own = own.map(|evidence| LookAt::OwnThing { mass: evidence.change, like: looks_like(evidence) });
        let lines = if self.staff.checked_age { Vec::new() } else { self.basket.lines() };
        let restricted = lines.into_iter().filter_map(|line| {
            let restriction = self.catalog.product(&line.sku)?.restriction?;
            Some(LookAt::Restricted { sku: line.sku, restriction })
        });
        let unexplained = self.staff.at_a_loss.map(LookAt::Unexplained);
        by_word.chain(own).chain(unexplained).chain(restricted).collect()
    }

    pub(super) fn pay(&mut self, outputs: &mut Vec<CartOutput>) {
        let settled = self.question.is_none() && self.pending.is_empty();
        if self.phase != Phase::Checkout || self.paying() || !settled || self.scale_fault.is_some() {
            return;
        }
        if self.needs_staff() {
            self.staff.called = true;
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

/// What the shopper's own things may look and weigh like goods, all together, before staff look into the basket: as much as
/// one thing that is goods with a probability of 98 %, or as two with 88 %.
const MOST_DOUBT: f64 = 3.9;

/// The shopper's own things that are still in.
fn own_still_in(entries: &[LedgerEntry]) -> Vec<&Evidence> {
    let mut own: Vec<&Evidence> = Vec::new();
    for LedgerEntry { movement, evidence, .. } in entries {
        match movement {
            Movement::OwnThing { mass } if mass.0 > 0.0 => own.push(evidence),
            Movement::OwnThing { .. } => {
                // Only what weighs as much has gone: another thing's going out is no word for this one.
                let off = |of: &Evidence| (of.change + evidence.change).abs() - (of.margin + evidence.margin);
                if let Some(place) = own.iter().position(|of| off(of).0 <= ALIKE) {
                    own.remove(place);
                }
            }
            _ => {}
        }
    }
    own
}

/// How much speaks for goods where the shopper says that it is their own: one such thing now and then is nothing, several of
/// them are, for these add up.
fn log_odds(evidence: &Evidence) -> f64 {
    let goods: f64 = evidence.candidates.iter().map(|(_, probability)| probability).sum();
    (goods / (1.0 - goods).max(1e-3)).ln().max(0.0)
}

/// The product that it most likely is, where it is more likely that one than all others together.
fn looks_like(evidence: &Evidence) -> Option<Sku> {
    evidence.candidates.first().filter(|(_, probability)| *probability > 0.5).map(|(sku, _)| sku.clone())
}

fn order_line(line: Line) -> OrderLine {
    OrderLine { sku: line.sku, quantity: line.quantity, weighed_by: line.weighed.map(|weighed| weighed.by) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(grams: f64, goods: f64) -> LedgerEntry {
        let (change, margin) = (Grams(grams), Grams(5.0));
        let evidence = Evidence {
            settled_by: SettledBy::Shopper,
            change,
            margin,
            candidates: vec![(Sku::new("milk"), goods)],
            began: Stamp(0),
        };
        LedgerEntry { at: Stamp(0), movement: Movement::OwnThing { mass: change }, evidence }
    }

    #[test]
    fn doubt_adds_up_over_what_is_still_in() {
        let table: [(&[LedgerEntry], bool); 6] = [
            (&[own(640.0, 0.5)], false),
            (&[own(640.0, 0.99)], true),
            (&[own(640.0, 0.89), own(1_030.0, 0.89)], true),
            (&[own(640.0, 0.89), own(1_030.0, 0.2)], false),
            (&[own(640.0, 0.99), own(-644.0, 0.0)], false),
            (&[own(640.0, 0.99), own(-300.0, 0.0)], true),
        ];
        for (entries, looked_at) in table {
            let doubt: f64 = own_still_in(entries).into_iter().map(log_odds).sum();
            assert_eq!(doubt >= MOST_DOUBT, looked_at, "{entries:?}");
        }
    }
}
