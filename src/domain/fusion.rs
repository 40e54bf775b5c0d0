//! Fusion: candidates by sight, the weight change and codes -> book, ask, or nothing.
//!
//! One probabilistic model for both directions. Every hypothesis (so many of this product came in, so much of that line
//! went out, it is the shopper's own thing, it is a product we do not know) is scored by
//! `log P(sight) + log P(change) + log P(code) + log prior`; the posterior decides between booking and asking.
//! Sight or weight alone never book.

use super::basket::{Basket, Line};
use super::catalog::{Catalog, Price, Product};
use super::gs1::Decimal;
use super::offer::options;
use super::pricing::Quantity;
use super::settle::SettledChange;
use super::units::{Grams, Gtin, Sku, Stamp, WeighedGrams};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A product and how much the picture looks like it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The product.
    pub sku: Sku,
    /// Cosine similarity of the pooled embedding to the product's nearest gallery entry, times that entry's weight, -1 to 1.
    pub similarity: f32,
}

/// What the camera saw change between two moments at which nothing moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// When the view was last seen still before something moved in it.
    pub began: Stamp,
    /// When the view was still again.
    pub ended: Stamp,
    /// What the changed region looks like now, best first: what came in.
    pub appeared: Vec<Candidate>,
    /// What the changed region looked like before, best first: what went out.
    pub vanished: Vec<Candidate>,
    /// Pictures that were pooled.
    pub frames: u32,
    /// Share of the view that changed, 0 to 1.
    pub area: f32,
    /// In how many places, well apart, it changed.
    #[serde(default = "one_place")]
    pub places: u32,
    /// Whether it changed in one place; otherwise what was seen is worth a picture in a question, and books nothing.
    #[serde(default = "in_one")]
    pub clear: bool,
}

impl Sighting {
    /// Something moved, and nothing of use was seen.
    pub fn of_nothing(began: Stamp, ended: Stamp) -> Sighting {
        let (appeared, vanished) = (Vec::new(), Vec::new());
        Sighting { began, ended, appeared, vanished, frames: 0, area: 0.0, places: 0, clear: false }
    }
}

fn in_one() -> bool {
    true
}

fn one_place() -> u32 {
    1
}

/// What the codes on a thing say, as read in the camera's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CodeSighting {
    /// When it was read.
    pub at: Stamp,
    /// The product; for a number of the store's own, with zeros where the weight or price stood.
    pub gtin: Gtin,
    /// Net weight of this very piece, where the code gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Grams>,
    /// Price of this very piece, where the code gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payable: Option<Decimal>,
}

impl CodeSighting {
    /// A code that says which product it is, and nothing more.
    pub fn plain(at: Stamp, gtin: Gtin) -> CodeSighting {
        CodeSighting { at, gtin, net: None, payable: None }
    }
}

/// The model's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FusionSettings {
    /// Log-likelihood per unit of similarity (the inverse temperature). This, `unknown_similarity` and `book_above` were
    /// chosen together, on films of validation photos in the emulated basket: see `benches/RESULTS.md`.
    pub sight_scale: f64,
    /// The same for what went out: other goods lay over it, so the picture of it says less.
    pub vanished_scale: f64,
    /// How much of a product's likeness beyond chance does not count where the region looked like it before, too: what
    /// came in may lie behind, and another piece of the same looks so as well.
    pub as_before: f64,
    /// The similarity at which a product we know and one we do not are equally likely.
    pub unknown_similarity: f64,
    /// How often the camera takes a product for one whose look-alike it is, against how often it knows that one; an
    /// estimate: any share that matters keeps a question where the weight does not tell them apart.
    pub look_alike: f64,
    /// Probability above which a line is booked without a question: 1 - cost of a question / cost of an error.
    pub book_above: f64,
    /// The same for a line that goes out and was not seen to; an estimate.
    pub book_unseen_above: f64,
    /// Probability that the right product is among the three of a question, below which the list of all is shown at once.
    pub offer_above: f64,
    /// Share of changes whose weight follows no model at all.
    pub outlier: f64,
    /// Likelihood ratio of a read code: large, not infinite, for the code may be a neighbour's.
    pub code_ratio: f64,
    /// Likelihood ratio of a product that the shopper named earlier in the trip; an estimate.
    pub named_ratio: f64,
    /// A product whose expected weight is further off than this many deviations is never booked without a question.
    pub veto_sigmas: f64,
    /// Prior of the shopper's own thing being put in.
    pub own_thing: f64,
    /// Prior of a product that the gallery does not hold.
    pub unknown: f64,
    /// Prior of something else coming in together with a product.
    pub beside: f64,
}

/// What is left of a change is something else only above this.
pub const LEAST_REST: Grams = Grams(25.0);

impl Default for FusionSettings {
    fn default() -> FusionSettings {
        FusionSettings {
            sight_scale: 18.0,
            vanished_scale: 8.0,
            as_before: 0.5,
            unknown_similarity: 0.25,
            look_alike: 0.1,
            book_above: 0.96,
            book_unseen_above: 0.99,
            offer_above: 0.92,
            outlier: 0.002,
            code_ratio: 1000.0,
            named_ratio: 3.0,
            veto_sigmas: 4.0,
            own_thing: 0.01,
            unknown: 0.01,
            beside: 0.04,
        }
    }
}

/// Everything known of one change of the load.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeEvidence {
    /// The change.
    pub change: SettledChange,
    /// What the camera saw of it, where it saw it.
    pub sighting: Option<Sighting>,
    /// Codes read meanwhile.
    pub codes: Vec<Gtin>,
    /// Whether the sighting holds what was seen of two things.
    pub mixed: bool,
    /// Whether the sighting may show the next thing, held still over the basket: it then books nothing.
    pub held: bool,
}

impl ChangeEvidence {
    /// A change of which nothing was seen.
    pub fn of(change: SettledChange) -> ChangeEvidence {
        ChangeEvidence { change, sighting: None, codes: Vec::new(), mixed: false, held: false }
    }

    /// What the changed region looks like now, and what it looked like before; nothing where nothing was seen.
    pub(super) fn seen(&self) -> (&[Candidate], &[Candidate]) {
        let seen = self.sighting.as_ref();
        seen.map_or((&[], &[]), |sighting| (sighting.appeared.as_slice(), sighting.vanished.as_slice()))
    }
}

/// What may have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Hypothesis {
    /// So much of this product came in.
    Added {
        /// The product.
        sku: Sku,
        /// How much.
        quantity: Quantity,
    },
    /// So much of this line went out.
    Removed {
        /// The line.
        line: Line,
        /// How much.
        quantity: Quantity,
    },
    /// The shopper's own thing came in or went out.
    OwnThing,
    /// Something that we do not know.
    Unknown,
}

/// A hypothesis with its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What may have happened.
    pub hypothesis: Hypothesis,
    /// How probable it is among all.
    pub probability: f64,
    /// How many deviations the weight is off what it says.
    pub sigmas: f64,
}

/// What to do about a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is sure enough: book it.
    Book(Scored),
    /// Ask the shopper, offering these (at most three, best first).
    Ask(Vec<Scored>),
}

/// The verdict with all that was weighed, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What to do.
    pub verdict: Verdict,
    /// All hypotheses of note, best first.
    pub scored: Vec<Scored>,
    /// Whether a code spoke for the best.
    pub by_code: bool,
    /// Log-likelihood of the change under all hypotheses together, what was seen taken as given.
    pub likelihood: f64,
}

/// Judges a change of the load in the light of what the camera saw, the basket and the catalogue.
pub fn judge(settings: &FusionSettings, catalog: &Catalog, basket: &Basket, evidence: &ChangeEvidence) -> Judgement {
    let weighed = if evidence.change.change.0 > 0.0 {
        added(settings, catalog, &basket.named(), evidence)
    } else {
        removed(settings, catalog, &basket.lines(), basket.own_things(), evidence)
    };
    let (scored, likelihood) = posterior(weighed);
    let scored = same_goods(scored);
    let by_code = match scored.first().map(|best| &best.hypothesis) {
        Some(Hypothesis::Added { sku, .. }) => {
            catalog.product(sku).and_then(|product| product.gtin).is_some_and(|gtin| evidence.codes.contains(&gtin))
        }
        _ => false,
    };
    // A sighting without candidates says that something moved and nothing usable was seen: that is no evidence.
    let seen = by_code
        || evidence.sighting.as_ref().filter(|sighting| sighting.clear && !evidence.held).is_some_and(|sighting| {
            match evidence.change.change.0 > 0.0 {
                true => !sighting.appeared.is_empty(),
                false => !sighting.vanished.is_empty(),
            }
        });
    // What goes out from under other goods is not seen: then the weights must tell the lines apart the better.
    let is_shown = |best: &Scored| match &best.hypothesis {
        Hypothesis::Removed { line, .. } => evidence.seen().1.iter().any(|candidate| {
            candidate.sku == line.sku && f64::from(candidate.similarity) >= settings.unknown_similarity
        }),
        _ => true,
    };
    let enough = |best: &Scored| if is_shown(best) { settings.book_above } else { settings.book_unseen_above };
    let verdict = match scored.first() {
        Some(best)
            if seen
                && best.probability >= enough(best)
                && best.sigmas <= settings.veto_sigmas
                && !matches!(best.hypothesis, Hypothesis::Unknown) =>
        {
            Verdict::Book(best.clone())
        }
        _ => Verdict::Ask(options(&scored)),
    };
    Judgement { verdict, scored, by_code, likelihood }
}

/// Log-likelihood of what was seen, for every product of the catalogue and for one that it does not hold, against that of
/// the product that looks most like it.
pub(super) struct Sight<'a> {
    by_sku: BTreeMap<&'a str, f64>,
    floor: f64,
    /// The same of a product that we do not know.
    pub(super) unknown: f64,
}

impl<'a> Sight<'a> {
    /// `seen` is what the region looks like on the side of the change that is judged, `other` on the other side: what it
    /// looked like before, too, says little about what came in.
    pub(super) fn new(
        settings: &FusionSettings,
        catalog: &'a Catalog,
        scale: f64,
        seen: &'a [Candidate],
        other: &[Candidate],
    ) -> Sight<'a> {
        let as_before = |sku: &Sku| beyond_chance(settings, other, sku).unwrap_or(0.0);
        let candidates: Vec<(&'a str, f64)> = seen
            .iter()
            .map(|candidate| {
                let likeness = f64::from(candidate.similarity) - settings.as_before * as_before(&candidate.sku);
                (candidate.sku.as_str(), likeness)
            })
            .collect();
        match candidates {
            candidates if !candidates.is_empty() => {
                let similarities = candidates.iter().map(|(_, likeness)| *likeness);
                let weakest = similarities.clone().fold(f64::INFINITY, f64::min);
                let best = similarities.fold(settings.unknown_similarity, f64::max);
                let like = |similarity: f64| scale * (similarity - best);
                let mut by_sku: BTreeMap<&'a str, f64> =
                    candidates.iter().map(|(sku, likeness)| (*sku, like(*likeness))).collect();
                for (Candidate { sku, .. }, (_, likeness)) in seen.iter().zip(&candidates) {
                    for other in catalog.product(sku).iter().flat_map(|product| &product.look_alikes) {
                        let taken_for_it = like(*likeness) + settings.look_alike.ln();
                        let own = by_sku.entry(other.as_str()).or_insert(f64::NEG_INFINITY);
                        *own = own.max(taken_for_it);
                    }
                }
                Sight {
                    by_sku,
                    // A product that is not among the candidates looks at best as much like it as the weakest of them.
                    floor: like(weakest - 0.05),
                    unknown: like(settings.unknown_similarity),
                }
            }
            _ => Sight { by_sku: BTreeMap::new(), floor: 0.0, unknown: 0.0 },
        }
    }

    pub(super) fn of(&self, sku: &Sku) -> f64 {
        self.by_sku.get(sku.as_str()).map_or(self.floor, |known| known.max(self.floor))
    }
}

/// How much more a region looks like a product than like one that we do not know; nothing where that is no candidate.
fn beyond_chance(settings: &FusionSettings, seen: &[Candidate], sku: &Sku) -> Option<f64> {
    let there = seen.iter().find(|candidate| candidate.sku == *sku)?;
    Some((f64::from(there.similarity) - settings.unknown_similarity).max(0.0))
}

/// Prior of so many pieces of a product sold each coming in at once (index 0 is one piece); estimates.
const PIECES_EACH: [f64; 6] = [0.90, 0.07, 0.02, 0.005, 0.003, 0.002];
/// The same for loose produce sold by weight, which comes by the handful or bag; estimates.
pub(super) const PIECES_LOOSE: [f64; 10] = [0.40, 0.18, 0.13, 0.10, 0.07, 0.05, 0.03, 0.02, 0.01, 0.01];

/// How often one piece is seen in several places, against several pieces: in none of 271 simulated acts; an estimate.
const ONE_IN_PLACES: f64 = 0.02;

/// A hypothesis with its log score and its distance in deviations.
type Weighed = (Hypothesis, f64, f64);

fn added(
    settings: &FusionSettings,
    catalog: &Catalog,
    named: &BTreeSet<&Sku>,
    evidence: &ChangeEvidence,
) -> Vec<Weighed> {
    let change = evidence.change;
    let (appeared, vanished) = evidence.seen();
    let sight = Sight::new(settings, catalog, settings.sight_scale, appeared, vanished);
    let product_prior = ((1.0 - settings.own_thing - settings.unknown) / catalog.products.len().max(1) as f64).ln();
    let anything = (1.0 / 3000.0_f64).ln();
    let apart = evidence.sighting.as_ref().is_some_and(|sighting| sighting.places > 1);
    let prior_of = |index: usize, prior: f64| if apart && index == 0 { prior * ONE_IN_PLACES } else { prior };
    let mut weighed: Vec<Weighed> = Vec::new();
    for product in catalog.products.values() {
        let code = match product.gtin {
            Some(gtin) if evidence.codes.contains(&gtin) => settings.code_ratio.ln(),
            _ => 0.0,
        };
        // What the shopper has named once in this trip is likely to be what looks like it again.
        let known = if named.contains(&product.sku) { settings.named_ratio.ln() } else { 0.0 };
        let base = product_prior + sight.of(&product.sku) + code + known;
        let has_room = change.change.0 > product.weight.mean.0 + product.tare.0 + LEAST_REST.0;
        match product.price {
            Price::Each(_) => {
                for (index, prior) in PIECES_EACH.iter().enumerate() {
                    let pieces = index as u32 + 1;
                    let (density, sigmas) =
                        pieces_density(settings, product, pieces, change.change.abs(), change.margin);
                    let hypothesis = Hypothesis::Added { sku: product.sku.clone(), quantity: Quantity::Pieces(pieces) };
                    weighed.push((hypothesis, base + prior_of(index, *prior).ln() + density.ln(), sigmas));
                }
                // Something else may have come in with it. That is never booked, but worth a picture.
                if has_room {
                    let hypothesis = Hypothesis::Added { sku: product.sku.clone(), quantity: Quantity::Pieces(1) };
                    weighed.push((hypothesis, base + settings.beside.ln() + anything, f64::INFINITY));
                }
            }
            Price::PerKg(_) => {
                // The count does not matter for the price, so the counts are summed over.
                let (mut density, mut sigmas) = (0.0, f64::INFINITY);
                for (index, prior) in PIECES_LOOSE.iter().enumerate() {
                    let (one, off) =
                        pieces_density(settings, product, index as u32 + 1, change.change.abs(), change.margin);
                    density += prior_of(index, *prior) * one;
                    sigmas = sigmas.min(off);
                }
                let quantity = Quantity::Weighed(WeighedGrams::estimated(change.change - product.tare));
                if !quantity.is_zero() {
                    let hypothesis = Hypothesis::Added { sku: product.sku.clone(), quantity };
                    weighed.push((hypothesis.clone(), base + density.ln(), sigmas));
                    if has_room {
                        weighed.push((hypothesis, base + settings.beside.ln() + anything, f64::INFINITY));
                    }
                }
            }
        }
    }
    weighed.push((Hypothesis::OwnThing, settings.own_thing.ln() + sight.unknown + anything, 0.0));
    weighed.push((Hypothesis::Unknown, settings.unknown.ln() + sight.unknown + anything, 0.0));
    weighed
}

fn removed(
    settings: &FusionSettings,
    catalog: &Catalog,
    lines: &[Line],
    own_things: Grams,
    evidence: &ChangeEvidence,
) -> Vec<Weighed> {
    let change = evidence.change;
    let gone = change.change.abs();
    let (appeared, vanished) = evidence.seen();
    let sight = Sight::new(settings, catalog, settings.vanished_scale, vanished, appeared);
    // Where it still looks like the only line of a product, all of that has hardly gone: then the likeness that is left does
    // not count at all.
    let still_there = |line: &Line| match beyond_chance(settings, appeared, &line.sku) {
        Some(likeness) if lines.iter().filter(|other| other.sku == line.sku).count() == 1 => {
            settings.vanished_scale * (1.0 - settings.as_before) * likeness
        }
        _ => 0.0,
    };
    let line_prior = (1.0 / (lines.len().max(1) as f64)).ln();
    let mut weighed: Vec<Weighed> = Vec::new();
    for line in lines {
        let Some(product) = catalog.product(&line.sku) else { continue };
        let base = line_prior + sight.of(&line.sku);
        let base_of_all = base - still_there(line);
        match line.quantity {
            Quantity::Pieces(held) => {
                for pieces in 1..=held {
                    // What went in weighed `line.mass`: the same pieces weigh the same going out.
                    let share = f64::from(pieces) / f64::from(held);
                    let expected = line.mass.0 * share;
                    let rest = f64::from(held - pieces) * share;
                    let spread =
                        (product.weight.spread.0.powi(2) * rest + (change.margin.0 / 2.0).powi(2) + 4.0).sqrt();
                    let (density, sigmas) = normal(settings, gone.0, expected, spread);
                    let quantity = Quantity::Pieces(pieces);
                    let base = if pieces == held { base_of_all } else { base };
                    weighed.push((
                        Hypothesis::Removed { line: line.clone(), quantity },
                        base + taken_of(pieces, held).ln() + density.ln(),
                        sigmas,
                    ));
                }
            }
            Quantity::Weighed(WeighedGrams(held)) => {
                let (lot, sum) = pieces_in_lot(settings, product, line.mass);
                let spread = ((change.margin.0 / 2.0).powi(2) + 4.0).sqrt();
                let (whole, whole_sigmas) = normal(settings, gone.0, line.mass.0, spread);
                let all: f64 = (1..).zip(lot).map(|(count, suits)| suits / sum * taken_of(count, count)).sum();
                let quantity = Quantity::Weighed(WeighedGrams(held));
                weighed.push((
                    Hypothesis::Removed { line: line.clone(), quantity },
                    base_of_all + all.ln() + whole.ln(),
                    whole_sigmas,
                ));
                let part = WeighedGrams::estimated(gone);
                if part.0 > 0 && part.0 < held && gone.0 < line.mass.0 - 2.0 * spread {
                    let (density, sigmas) = part_of_lot(settings, product, line.mass, gone, change.margin);
                    let quantity = Quantity::Weighed(part);
                    weighed.push((
                        Hypothesis::Removed { line: line.clone(), quantity },
                        base + (density / sum).ln(),
                        sigmas,
                    ));
                }
            }
        }
    }
    if own_things.0 > 0.0 {
        let (density, sigmas) = normal(settings, gone.0, own_things.0, change.margin.0 / 2.0 + 2.0);
        weighed.push((Hypothesis::OwnThing, line_prior + sight.unknown + density.ln(), sigmas));
    }
    weighed.push((Hypothesis::Unknown, settings.unknown.ln() + sight.unknown + (1.0 / 3000.0_f64).ln(), 0.0));
    weighed
}

/// Prior of `pieces` of a line's `held` being taken out: mostly one or all; estimates.
fn taken_of(pieces: u32, held: u32) -> f64 {
    match (pieces, held) {
        (1, 1) => 1.0,
        (1, 2) => 0.6,
        (2, 2) => 0.4,
        (1, _) => 0.5,
        (all, held) if all == held => 0.3,
        (_, held) => 0.2 / f64::from(held - 2),
    }
}

/// How well a lot's mass suits so many pieces (index 0 is one), and the sum of all, by which that becomes a probability.
fn pieces_in_lot(settings: &FusionSettings, product: &Product, mass: Grams) -> ([f64; PIECES_LOOSE.len()], f64) {
    let mut lot = PIECES_LOOSE;
    for (pieces, suits) in (1..).zip(&mut lot) {
        *suits *= pieces_density(settings, product, pieces, mass, Grams(0.0)).0;
    }
    (lot, lot.iter().sum())
}

/// How well `gone` suits some of a lot's pieces, what is left being the others, on the scale of [`pieces_in_lot`]; and the
/// distance in deviations.
fn part_of_lot(settings: &FusionSettings, product: &Product, lot: Grams, gone: Grams, margin: Grams) -> (f64, f64) {
    let most = PIECES_LOOSE.len() as u32;
    let by_pieces = |mass: Grams| -> Vec<(f64, f64)> {
        (1..most).map(|pieces| pieces_density(settings, product, pieces, mass, margin)).collect()
    };
    let (out, left) = (by_pieces(gone), by_pieces(lot - gone));
    let (mut density, mut sigmas) = (0.0, f64::INFINITY);
    for (taken, (one, off)) in (1..).zip(&out) {
        for (held, (other, rest_off)) in (taken + 1..=most).zip(&left) {
            density += PIECES_LOOSE[held as usize - 1] * taken_of(taken, held) * one * other;
            sigmas = sigmas.min(off.max(*rest_off));
        }
    }
    (density, sigmas)
}

/// Takes together what comes to the same: as much of one product, out of whichever of its lines.
fn same_goods(scored: Vec<Scored>) -> Vec<Scored> {
    let mut kept: Vec<Scored> = Vec::new();
    for next in scored {
        let twin = kept.iter_mut().find(|held| match (&held.hypothesis, &next.hypothesis) {
            (Hypothesis::Removed { line: a, quantity: held }, Hypothesis::Removed { line: b, quantity: next }) => {
                a.sku == b.sku
                    && match (held, next) {
                        (Quantity::Weighed(held), Quantity::Weighed(next)) => held.0.abs_diff(next.0) <= 5,
                        (held, next) => held == next,
                    }
            }
            _ => false,
        });
        match twin {
            Some(held) => held.probability += next.probability,
            None => kept.push(next),
        }
    }
    kept
}

/// Density of a change, and its distance in deviations, if `pieces` of `product` made it.
pub(super) fn pieces_density(
    settings: &FusionSettings,
    product: &Product,
    pieces: u32,
    change: Grams,
    margin: Grams,
) -> (f64, f64) {
    let n = f64::from(pieces);
    let weight = product.weight;
    let variance = weight.variance_of(n) + (margin.0 / 2.0).powi(2) + 1.0;
    normal(settings, change.0, n * weight.mean.0 + product.tare.0, variance.sqrt())
}

/// A normal density with a floor for what follows no model, and the distance in deviations.
fn normal(settings: &FusionSettings, value: f64, mean: f64, deviation: f64) -> (f64, f64) {
    if cfg!(feature = "broken-fusion") {
        return (0.01, 0.0);
    }
    let sigmas = (value - mean).abs() / deviation;
    let bell = (-0.5 * sigmas * sigmas).exp() / (deviation * std::f64::consts::TAU.sqrt());
    ((1.0 - settings.outlier) * bell + settings.outlier / 40_000.0, sigmas)
}

/// Normalises log scores to probabilities, best first, and drops what is of no account; with the log of their sum.
fn posterior(mut weighed: Vec<Weighed>) -> (Vec<Scored>, f64) {
    weighed.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some(best) = weighed.first().map(|(_, score, _)| *score) else { return (Vec::new(), f64::NEG_INFINITY) };
    let sum: f64 = weighed.iter().map(|(_, score, _)| (score - best).exp()).sum();
    let scored = weighed
        .into_iter()
        .map(|(hypothesis, score, sigmas)| Scored { hypothesis, probability: (score - best).exp() / sum, sigmas })
        .take(40)
        .collect();
    (scored, best + sum.ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::basket::{Evidence, LedgerEntry, Movement, SettledBy};
    use crate::domain::catalog::{Names, UnitWeight};
    use crate::domain::units::{Currency, Money};

    fn product(sku: &str, price: Price, mean: f64, spread: f64) -> Product {
        Product {
            sku: Sku::new(sku),
            names: Names { de: sku.into(), en: sku.into() },
            gtin: (sku == "milk").then(|| "4006381333931".parse().expect("a valid GTIN")),
            plu: None,
            price,
            weight: UnitWeight { mean: Grams(mean), spread: Grams(spread), unsure: Grams(0.0) },
            tare: Grams(0.0),
            vat_permille: 70,
            group: "test".into(),
            look_alikes: Vec::new(),
            restriction: None,
        }
    }

    fn catalog() -> Catalog {
        let each = Price::Each(Money::eur_cents(100));
        let per_kg = Price::PerKg(Money::eur_cents(200));
        let products = [
            product("milk", each, 1030.0, 5.0),
            product("oat-drink", each, 1032.0, 5.0),
            product("soup", each, 460.0, 5.0),
            product("apple", per_kg, 180.0, 20.0),
            product("pear", per_kg, 175.0, 25.0),
        ];
        Catalog {
            version: "test".into(),
            currency: Currency::EUR,
            products: products.into_iter().map(|product| (product.sku.clone(), product)).collect(),
            containers: Vec::new(),
        }
    }

    fn evidence(grams: f64, seen: &[(&str, f32)], code: Option<&str>) -> ChangeEvidence {
        let seen: Vec<Candidate> =
            seen.iter().map(|(sku, similarity)| Candidate { sku: Sku::new(sku), similarity: *similarity }).collect();
        ChangeEvidence {
            change: SettledChange {
                change: Grams(grams),
                margin: Grams(3.0),
                load: Grams(5000.0 + grams),
                began: Stamp::from_millis(1000),
                settled: Stamp::from_millis(1600),
                dip: Grams(0.0),
            },
            sighting: (!seen.is_empty()).then(|| Sighting {
                began: Stamp::from_millis(900),
                ended: Stamp::from_millis(1500),
                appeared: if grams > 0.0 { seen.clone() } else { Vec::new() },
                vanished: if grams > 0.0 { Vec::new() } else { seen },
                frames: 3,
                area: 0.1,
                places: 1,
                clear: true,
            }),
            codes: code.map(|code| code.parse().expect("a valid GTIN")).into_iter().collect(),
            mixed: false,
            held: false,
        }
    }

    /// A basket that holds these products, each booked with the mass that the scale felt.
    fn basket(lines: &[(&str, Quantity, f64)]) -> Basket {
        let mut basket = Basket::default();
        for (sku, quantity, mass) in lines {
            let line = basket.next_line();
            basket.append(LedgerEntry {
                at: Stamp(0),
                movement: Movement::added(line, Sku::new(sku), *quantity),
                evidence: Evidence {
                    settled_by: SettledBy::SightAndWeight,
                    change: Grams(*mass),
                    margin: Grams(3.0),
                    candidates: Vec::new(),
                    began: Stamp(0),
                },
            });
        }
        basket
    }

    fn told(judgement: &Judgement) -> String {
        let name = |scored: &Scored| match &scored.hypothesis {
            Hypothesis::Added { sku, quantity } => format!("+{sku} {quantity}"),
            Hypothesis::Removed { line, quantity } => format!("-{} {quantity}", line.sku),
            Hypothesis::OwnThing => "own".to_owned(),
            Hypothesis::Unknown => "unknown".to_owned(),
        };
        match &judgement.verdict {
            Verdict::Book(scored) => format!("book {}", name(scored)),
            Verdict::Ask(options) => format!("ask {}", options.first().map(name).unwrap_or_default()),
        }
    }

    #[test]
    fn what_comes_in_is_booked_only_when_sight_or_code_agrees_with_the_weight() {
        let clear = [("soup", 0.85), ("milk", 0.3), ("apple", 0.2)];
        let twins = [("milk", 0.80), ("oat-drink", 0.79), ("soup", 0.2)];
        for (grams, seen, code, expected) in [
            (462.0, &clear[..], None, "book +soup 1 x"),
            (921.0, &clear[..], None, "book +soup 2 x"),
            (1031.0, &twins[..], None, "ask +milk 1 x"),
            (1031.0, &twins[..], Some("4006381333931"), "book +milk 1 x"),
            (1031.0, &[][..], Some("4006381333931"), "book +milk 1 x"),
            (462.0, &[][..], None, "ask +soup 1 x"),
            (700.0, &clear[..], None, "ask +soup 2 x"),
        ] {
            let judgement = judge(&FusionSettings::default(), &catalog(), &basket(&[]), &evidence(grams, seen, code));
            assert!(told(&judgement).starts_with(&expected[..4]), "{grams} g {seen:?} {code:?}: {}", told(&judgement));
            if expected.starts_with("book") {
                assert_eq!(told(&judgement), expected, "{grams} g {seen:?} {code:?}");
            }
        }
    }

    #[test]
    fn loose_produce_is_booked_by_the_gram_unless_something_else_may_be_with_it() {
        let seen = [("apple", 0.63), ("pear", 0.3), ("milk", 0.1)];
        for (grams, places, expected) in [
            (541.0, 1, "book +apple 0.541 kg"),
            (181.0, 1, "book +apple 0.181 kg"),
            (541.0, 2, "book +apple 0.541 kg"),
            // One apple, and it is seen in two places: perhaps a large one and something small.
            (226.0, 1, "book +apple 0.226 kg"),
            (226.0, 2, "ask +apple 0.226 kg"),
            // Eight apples at once, or two and a carton.
            (1475.0, 1, "ask +apple 1.475 kg"),
        ] {
            let mut evidence = evidence(grams, &seen, None);
            evidence.sighting.as_mut().expect("it was seen").places = places;
            let judgement = judge(&FusionSettings::default(), &catalog(), &basket(&[]), &evidence);
            assert_eq!(told(&judgement), expected, "{grams} g in {places} places: {:?}", judgement.scored.first());
        }
    }

    #[test]
    fn what_goes_out_is_one_of_the_lines() {
        let lines = basket(&[
            ("milk", Quantity::Pieces(1), 1031.0),
            ("soup", Quantity::Pieces(2), 920.0),
            ("apple", Quantity::Weighed(WeighedGrams(541)), 541.0),
        ]);
        for (grams, seen, expected) in [
            (-1030.0, &[("milk", 0.8), ("oat-drink", 0.8)][..], "book -milk 1 x"),
            (-461.0, &[("soup", 0.7), ("pear", 0.4)][..], "book -soup 1 x"),
            (-541.0, &[("apple", 0.8), ("pear", 0.5)][..], "book -apple 0.541 kg"),
            (-180.0, &[("apple", 0.8), ("pear", 0.5)][..], "book -apple 0.180 kg"),
            (-1030.0, &[][..], "ask -milk 1 x"),
        ] {
            let judgement = judge(&FusionSettings::default(), &catalog(), &lines, &evidence(grams, seen, None));
            assert_eq!(told(&judgement), expected, "{grams} g {seen:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_lot_must_be_of_its_kind() {
        // The whole of the second lot, a little off, or the most of the first: then the slice left would be a lot, too.
        let mut catalog = catalog();
        let cabbage = product("cabbage", Price::PerKg(Money::eur_cents(129)), 2800.0, 504.0);
        catalog.products.insert(cabbage.sku.clone(), cabbage);
        let lines = basket(&[
            ("cabbage", Quantity::Weighed(WeighedGrams(3004)), 3004.0),
            ("cabbage", Quantity::Weighed(WeighedGrams(2663)), 2663.0),
        ]);
        let judgement =
            judge(&FusionSettings::default(), &catalog, &lines, &evidence(-2671.0, &[("cabbage", 0.8)], None));
        assert_eq!(told(&judgement), "book -cabbage 2.663 kg", "{:?}", judgement.scored.first());
    }

    #[test]
    fn two_lines_that_fit_are_asked_about() {
        let lines = basket(&[("milk", Quantity::Pieces(1), 1031.0), ("oat-drink", Quantity::Pieces(1), 1032.0)]);
        let seen = [("milk", 0.80), ("oat-drink", 0.79)];
        let judgement = judge(&FusionSettings::default(), &catalog(), &lines, &evidence(-1031.5, &seen, None));
        assert!(matches!(&judgement.verdict, Verdict::Ask(options) if options.len() == 2), "{judgement:?}");
    }
}
