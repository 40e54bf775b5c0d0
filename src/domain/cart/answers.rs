//! The cart's answers: what the shopper presses, and how what is decided becomes an entry of the ledger.

use super::machine::{Cart, Named, OpenQuestion, Pending, Phase};
use super::paying::Staff;
use super::weighing::Decided;
use super::{CartOutput, JournalEntry, LastChange, Press, Question, QuestionKind, QuestionOption, Sound};
use crate::domain::basket::{Evidence, LedgerEntry, Movement, SettledBy};
use crate::domain::catalog::{Price, Product};
use crate::domain::checkout::Checkout;
use crate::domain::fusion::{ChangeEvidence, Hypothesis, Judgement, LEAST_REST, Sighting};
use crate::domain::pricing::{Quantity, price_line};
use crate::domain::settle::SettledChange;
use crate::domain::units::{Grams, Sku, Stamp, WeighedGrams};

/// What is named weighs at most so many deviations more or less than it should; beyond that something else moved with it (an
/// estimate). Wider, and a carton would hide behind a pineapple.
const OTHERWISE_LIKELY: f64 = 3.5;
/// What came in was seen to be what it is called where nothing looked more like it than by this (cosine, an estimate).
pub(super) const LOOKS_ALIKE: f32 = 0.1;
/// What goes out weighs what it weighed going in, give or take so many grams.
pub(super) const ALIKE: f64 = 4.0;

impl Cart {
    pub(super) fn pressed(&mut self, press: Press, now: Stamp, outputs: &mut Vec<CartOutput>) {
        match press {
            Press::Start => self.begin_trip(outputs),
            Press::Choose { question, option } => self.choose(question, option, now, outputs),
            Press::SomethingElse { question } => {
                if let Some(open) = self.question.as_mut().filter(|open| open.question.id == question) {
                    open.browsing = true;
                    let Question { likely, options, .. } = &mut open.question;
                    likely.retain(|sku| options.iter().all(|option| option.sku != *sku));
                    self.changed = true;
                }
            }
            Press::Several { question } => {
                let put_in = |open: &&mut OpenQuestion| {
                    open.question.id == question && open.question.kind == QuestionKind::PutIn
                };
                if let Some(open) = self.question.as_mut().filter(put_in) {
                    open.question.kind = QuestionKind::TakeOneOut;
                    open.close_list();
                    self.changed = true;
                }
            }
            Press::Pick { question, sku } => self.pick(question, &sku, now, outputs),
            Press::NotMine { question } => {
                if let Some(open) = self.question.take_if(|open| open.question.id == question) {
                    let decided = Decided { hypothesis: Hypothesis::OwnThing, weighed: None };
                    let settled_by = self.word_for(&Hypothesis::OwnThing, &open.pending);
                    self.book_as(&open.pending.evidence, &open.judgement, &decided, settled_by, now, outputs);
                }
            }
            Press::Container { question, container } => {
                let known = container.is_none_or(|index| index < self.catalog.containers.len());
                if let Some(open) = self.question.as_mut().filter(|open| open.question.id == question && known) {
                    open.question.container = container;
                    open.unweighed = None;
                    self.changed = true;
                }
            }
            Press::TakeOff { line, container } => self.take_off(line, container, now, outputs),
            Press::ToCheckout => {
                let settled = self.question.is_none() && self.pending.is_empty();
                if self.phase == Phase::Shopping && settled && !self.ask_for_rest(outputs) {
                    if !self.basket.lines().is_empty() {
                        self.phase = Phase::Checkout;
                    }
                    self.changed = true;
                }
            }
            Press::Back => {
                if let Some(open) = &mut self.question {
                    open.close_list();
                    if open.question.kind.is_bidding() {
                        let put_in = open.question.change.0 > 0.0;
                        open.question.kind = if put_in { QuestionKind::PutIn } else { QuestionKind::TakenOut };
                    }
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
                self.staff.called = true;
                self.changed = true;
            }
            Press::StaffDone => {
                self.staff =
                    Staff { called: false, checked_age: true, saw: self.basket.entries().len(), at_a_loss: None };
                self.reconciled = 0;
                self.changed = true;
            }
        }
    }

    fn choose(&mut self, question: u32, option: usize, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let Some(open) = self.question.as_ref().filter(|open| open.question.id == question) else { return };
        let Some(hypothesis) = open.question.options.get(option).and_then(|chosen| self.hypothesis_of(chosen)) else {
            return;
        };
        self.answer(&hypothesis, now, outputs);
    }

    /// What an option says has happened.
    pub(super) fn hypothesis_of(&self, chosen: &QuestionOption) -> Option<Hypothesis> {
        match chosen.line {
            None => Some(Hypothesis::Added { sku: chosen.sku.clone(), quantity: chosen.quantity }),
            Some(line) => {
                // Since the question was asked another change may have taken something out of the same line.
                let line = self.basket.line(line)?;
                let quantity = chosen.quantity.at_most(line.quantity);
                Some(Hypothesis::Removed { line, quantity })
            }
        }
    }

    /// Answers with a product from the list of all: its quantity is what the weight says; where that is or may be more than
    /// one piece the shopper is asked, for it may be something else beside one.
    fn pick(&mut self, question: u32, sku: &Sku, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let Some(open) = self.question.as_ref().filter(|open| open.question.id == question) else { return };
        let Some(product) = self.catalog.product(sku) else { return };
        let change = open.pending.evidence.change.change;
        let pieces = pieces_within(product, change.abs());
        let is_about = |pieces: u32| product.weight.is_about(pieces, change.abs() - product.tare);
        // One more where they may be light ones.
        let most = pieces + u32::from(is_about(pieces + 1));
        if change.0 > 0.0 && most > 1 && matches!(product.price, Price::Each(_)) {
            let counts = if is_about(pieces) { [pieces, most, 1, 2] } else { [1, 2, pieces, most] };
            self.ask_how_many(sku, counts.into_iter().filter(|count| *count <= most));
            return;
        }
        let hypothesis = if change.0 > 0.0 {
            let quantity = match product.price {
                Price::Each(_) => Quantity::Pieces(pieces),
                Price::PerKg(_) => Quantity::Weighed(WeighedGrams::estimated(change)),
            };
            Hypothesis::Added { sku: sku.clone(), quantity }
        } else {
            let Some(line) = self.basket.lines().into_iter().rev().find(|line| line.sku == *sku) else { return };
            let gone = match line.quantity {
                Quantity::Pieces(_) => Quantity::Pieces(pieces),
                Quantity::Weighed(_) => Quantity::Weighed(WeighedGrams::estimated(change.abs())),
            };
            let quantity = gone.at_most(line.quantity);
            Hypothesis::Removed { line, quantity }
        };
        self.answer(&hypothesis, now, outputs);
    }

    fn answer(&mut self, hypothesis: &Hypothesis, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let empty = matches!(hypothesis, Hypothesis::Added { quantity, .. } if quantity.is_zero());
        let Some(open) = self.question.as_ref().filter(|_| !empty) else { return };
        let decided = match self.weighed(hypothesis, &open.pending.evidence.change, self.container_mass(open)) {
            Ok(decided) => decided,
            Err(reason) => {
                // The question stays: the shopper takes the goods out, shows their label, or calls staff.
                if let Some(open) = &mut self.question {
                    open.unweighed = Some(reason);
                }
                self.changed = true;
                outputs.push(CartOutput::Play(Sound::Trouble));
                return;
            }
        };
        if let Some(OpenQuestion { mut pending, judgement, .. }) = self.question.take() {
            let settled_by = self.word_for(hypothesis, &pending);
            let beside = match hypothesis {
                Hypothesis::Removed { .. } if self.was_seen(hypothesis, &pending.evidence) => Named::SeenToGo,
                Hypothesis::Removed { .. } => Named::WentOut,
                _ => Named::CameIn,
            };
            let rest = self.rest_beside(hypothesis, &mut pending.evidence);
            self.book_as(&pending.evidence, &judgement, &decided, settled_by, now, outputs);
            self.pending.extend(rest.map(|rest| Pending { beside: Some(beside), ..Pending::of(rest) }));
        }
    }

    /// On whose word an answer stands: where something shall have gone out that the scale did not feel by itself, either that or
    /// what came in beside it has to have been seen, or staff look into the basket.
    fn word_for(&mut self, hypothesis: &Hypothesis, pending: &Pending) -> SettledBy {
        let is_removal = matches!(hypothesis, Hypothesis::Removed { .. });
        let needs_sight = match pending.beside {
            Some(Named::WentOut) => true,
            Some(Named::CameIn) => is_removal,
            Some(Named::SeenToGo) | None => false,
        };
        if needs_sight && !self.was_seen(hypothesis, &pending.evidence) {
            self.staff.called = true;
            return SettledBy::WordAlone;
        }
        SettledBy::Shopper
    }

    /// What the answer does not explain: the load of something else that came in, or of a line that went out, at the same
    /// time, to be asked about next.
    fn rest_beside(&self, hypothesis: &Hypothesis, evidence: &mut ChangeEvidence) -> Option<ChangeEvidence> {
        let (sku, own, deviation) = match hypothesis {
            Hypothesis::Added { sku, quantity: Quantity::Pieces(pieces) } => {
                let felt = evidence.change.change;
                let is_rest = |pending: &Pending| self.is_their_rest(sku, *pieces, felt, &pending.evidence.change);
                if self.pending.iter().any(is_rest) {
                    return None;
                }
                let (own, deviation) = self.own_weight(sku, *pieces)?;
                (sku, own.0, deviation)
            }
            Hypothesis::Removed { line, quantity: Quantity::Pieces(pieces) } => {
                let Quantity::Pieces(held) = line.quantity else { return None };
                let (product, n) = (self.catalog.product(&line.sku)?, f64::from(*pieces));
                let spread = if *pieces < held { product.weight.variance_of(n).sqrt() } else { 0.0 };
                (&line.sku, -line.mass.0 * n / f64::from(held.max(1)), spread)
            }
            _ => return None,
        };
        let change = evidence.change;
        let margin = Grams(change.margin.0.hypot(2.0 * deviation));
        let rest = Grams(change.change.0 - own);
        let is_its_own = rest.abs().0 <= may_be_off(deviation, change.margin);
        if is_its_own || (rest.0 < 0.0 && !self.may_have_gone(rest.abs(), margin)) {
            return None;
        }
        evidence.change.change = Grams(own);
        let rest = SettledChange { change: rest, margin, ..change };
        // What else was seen is worth a picture, and proves nothing of the rest.
        let sighting = evidence.sighting.clone().map(|mut seen| {
            seen.appeared.retain(|candidate| candidate.sku != *sku);
            seen.vanished.retain(|candidate| candidate.sku != *sku);
            Sighting { clear: false, ..seen }
        });
        let own = self.catalog.product(sku).and_then(|product| product.gtin);
        let codes = evidence.codes.iter().copied().filter(|code| Some(*code) != own).collect();
        Some(ChangeEvidence { sighting, codes, ..ChangeEvidence::of(rest) })
    }

    /// What pieces of a product weigh, and the deviation of that in grams.
    pub(super) fn own_weight(&self, sku: &Sku, pieces: u32) -> Option<(Grams, f64)> {
        let (product, n) = (self.catalog.product(sku)?, f64::from(pieces));
        Some((Grams(n * product.weight.mean.0 + product.tare.0), product.weight.variance_of(n).sqrt()))
    }

    /// Whether the place that changed looked like this before, where it went out, or about as much like it as like anything
    /// now, where it came in.
    fn was_seen(&self, hypothesis: &Hypothesis, evidence: &ChangeEvidence) -> bool {
        let Some(sighting) = &evidence.sighting else { return false };
        let (sku, seen, below_best) = match hypothesis {
            Hypothesis::Added { sku, .. } => (sku, &sighting.appeared, LOOKS_ALIKE),
            Hypothesis::Removed { line, .. } => (&line.sku, &sighting.vanished, f32::INFINITY),
            Hypothesis::OwnThing | Hypothesis::Unknown => return false,
        };
        let best = seen.first().map_or(0.0, |candidate| candidate.similarity);
        let least = (self.settings.fusion.unknown_similarity as f32).max(best - below_best);
        seen.iter().any(|candidate| candidate.sku == *sku && candidate.similarity >= least)
    }

    /// Whether a line, or a piece of one, weighs so much.
    fn may_have_gone(&self, gone: Grams, margin: Grams) -> bool {
        self.basket.lines().iter().any(|line| (line.one() - gone).abs().0 <= margin.0 + ALIKE)
    }

    pub(super) fn book_as(
        &mut self,
        evidence: &ChangeEvidence,
        judgement: &Judgement,
        decided: &Decided,
        settled_by: SettledBy,
        now: Stamp,
        outputs: &mut Vec<CartOutput>,
    ) {
        let change = evidence.change;
        let line = self.basket.next_line();
        let (movement, sound) = match &decided.hypothesis {
            Hypothesis::Added { sku, quantity } => {
                let (sku, quantity, weighed) = (sku.clone(), *quantity, decided.weighed.clone());
                (Movement::Added { line, sku, quantity, weighed }, Sound::Booked)
            }
            Hypothesis::Removed { line, quantity } => {
                (Movement::Removed { line: line.id, quantity: *quantity }, Sound::Removed)
            }
            Hypothesis::OwnThing => (Movement::OwnThing { mass: change.change }, Sound::Booked),
            Hypothesis::Unknown => return,
        };
        self.forget_code(&decided.hypothesis);
        let removed = self.last_removal(&decided.hypothesis);
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
        let last_change = match &decided.hypothesis {
            Hypothesis::Added { .. } => {
                self.basket.line(line).and_then(|line| self.line_view(line)).map(LastChange::Added)
            }
            _ => removed,
        };
        // Choosing a container takes longer than reading.
        let chooses = matches!(&last_change, Some(LastChange::Added(line)) if line.takes_container);
        let shown_ms = self.settings.last_change_ms * if chooses { 2 } else { 1 };
        self.last_change = last_change.map(|last| (last, now.plus_millis(shown_ms)));
        self.changed = true;
        outputs.push(CartOutput::Journal(JournalEntry::Booked(entry)));
        outputs.push(CartOutput::Play(sound));
    }

    /// What goes out, as the screen tells it.
    fn last_removal(&self, hypothesis: &Hypothesis) -> Option<LastChange> {
        match hypothesis {
            Hypothesis::Removed { line, quantity } => {
                let priced = price_line(self.catalog.product(&line.sku)?, *quantity).ok()?;
                Some(LastChange::Removed { sku: line.sku.clone(), quantity: *quantity, price: priced.price })
            }
            Hypothesis::OwnThing => Some(LastChange::OwnThing),
            Hypothesis::Added { .. } | Hypothesis::Unknown => None,
        }
    }
}

/// By how many grams what is named may be off its weight before something else must have moved with it.
pub(super) fn may_be_off(deviation: f64, margin: Grams) -> f64 {
    LEAST_REST.0.max(OTHERWISE_LIKELY * deviation + margin.0)
}

/// How many pieces of a product a load holds: as many as fit, one less where they would have to be far too light, for then
/// something else is with them.
fn pieces_within(product: &Product, load: Grams) -> u32 {
    let weight = product.weight;
    let pieces = (load.0 / weight.mean.0).round().max(1.0);
    let deviation = weight.variance_of(pieces).sqrt();
    let too_light = pieces > 1.0 && load.0 < pieces * weight.mean.0 - 5.0 * deviation - 5.0;
    (if too_light { pieces - 1.0 } else { pieces }) as u32
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
