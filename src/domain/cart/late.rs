//! Weight that belongs to the line that was booked last and came, or went, after it was booked.

use super::answers::{LOOKS_ALIKE, may_be_off};
use super::changes::CLEAR;
use super::machine::{Cart, Pending};
use super::{CartOutput, JournalEntry, LastChange};
use crate::domain::basket::{Evidence, LedgerEntry, Line, LineId, Movement, SettledBy};
use crate::domain::fusion::{Candidate, ChangeEvidence, Hypothesis, Judgement, Verdict};
use crate::domain::pricing::Quantity;
use crate::domain::settle::SettledChange;
use crate::domain::units::{Grams, Sku, Stamp};
use crate::domain::weighing::{Weighed, WeighedBy};

/// Who puts a thing down in parts is done with it so soon after it was booked (an estimate).
const REST_COMES_MS: u64 = 6000;
/// A hand that lay on loose goods lets go at most so long after they were booked, for one that takes something out has to come
/// back first, and takes at most this share of what was felt with it (estimates).
const LETS_GO_MS: u64 = 300;
const HAND_SHARE: f64 = 0.6;

impl Cart {
    /// Whether pieces were felt at a wrong weight that `rest` puts right.
    pub(super) fn is_their_rest(&self, sku: &Sku, pieces: u32, felt: Grams, rest: &SettledChange) -> bool {
        self.own_weight(sku, pieces).is_some_and(|(own, deviation)| {
            let is_off = |load: Grams| (load - own).abs().0 > may_be_off(deviation, rest.margin);
            is_off(felt) && !is_off(felt + rest.change)
        })
    }

    /// The last line as it has to be, where `pending` is no event of its own but the rest of the goods that the line was
    /// booked for, the weight of the hand that lay on them, or no more than the two measurements are unsure of.
    pub(super) fn put_right(&self, pending: &Pending, judgement: &Judgement) -> Option<Line> {
        let LedgerEntry { at, movement: Movement::Added { line, sku, .. }, evidence } = self.basket.entries().last()?
        else {
            return None;
        };
        let change = pending.evidence.change;
        let after_ms = change.began.millis_since(*at);
        let is_sure = matches!(&judgement.verdict, Verdict::Book(scored)
            if !matches!(&scored.hypothesis, Hypothesis::Removed { line: gone, .. } if gone.id == *line));
        if pending.beside.is_some() || pending.left_over || is_sure || shows_other(&pending.evidence, sku) {
            return None;
        }
        let held = self.basket.line(*line)?;
        // A heavy load goes on settling: what both margins allow for is the same load, known better.
        let soon = after_ms <= REST_COMES_MS;
        let settles_on = soon && change.change.abs() <= evidence.margin + change.margin;
        match held.quantity {
            Quantity::Pieces(pieces) => {
                let is_rest = settles_on || soon && self.is_their_rest(sku, pieces, evidence.change, &change);
                is_rest.then_some(held)
            }
            Quantity::Weighed(_) => {
                let share = -change.change.0 / evidence.change.0;
                let lets_go = after_ms <= LETS_GO_MS && share > 0.0 && share <= HAND_SHARE;
                let is_of_it = lets_go || settles_on;
                let by_scale = held.weighed.as_ref().filter(|how| is_of_it && how.by != WeighedBy::Label)?;
                let tare = Grams(f64::from(by_scale.tare.0));
                let felt = evidence.change + change.change;
                let weighed = Weighed { change: felt, margin: change.margin, load: change.load, tare };
                let weight = self.settings.weighing.weigh(weighed).ok()?;
                Some(Line { quantity: Quantity::Weighed(weight.grams()), ..held })
            }
        }
    }

    /// Books a line's weight as it turned out to be, without a sound: nothing has happened that the shopper did not know.
    pub(super) fn book_rest(
        &mut self,
        line: &Line,
        evidence: &ChangeEvidence,
        now: Stamp,
        outputs: &mut Vec<CartOutput>,
    ) {
        let change = evidence.change;
        let entry = LedgerEntry {
            at: now,
            movement: Movement::Corrected { line: line.id, quantity: line.quantity },
            evidence: Evidence {
                settled_by: SettledBy::SightAndWeight,
                change: change.change,
                margin: change.margin,
                candidates: Vec::new(),
                began: change.began,
            },
        };
        self.amend(line.id, entry, outputs);
    }

    /// Books an entry that changes the line that was booked last, and shows the line as it is now.
    pub(super) fn amend(&mut self, line: LineId, entry: LedgerEntry, outputs: &mut Vec<CartOutput>) {
        self.basket.append(entry.clone());
        let shown = self.basket.line(line).and_then(|line| self.line_view(line)).map(LastChange::Added);
        self.last_change = shown.map(|last| (last, entry.at.plus_millis(self.settings.last_change_ms)));
        self.changed = true;
        outputs.push(CartOutput::Journal(JournalEntry::Booked(entry)));
    }
}

/// Whether what came into view is clearly another product.
fn shows_other(evidence: &ChangeEvidence, sku: &Sku) -> bool {
    let Some(sighting) = &evidence.sighting else { return false };
    let best = sighting.appeared.first().map_or(0.0, |candidate| candidate.similarity);
    let is_it = |candidate: &Candidate| candidate.sku == *sku && candidate.similarity >= best - LOOKS_ALIKE;
    best > CLEAR && !sighting.appeared.iter().any(is_it)
}
