//! One thing out and another in, felt as one change of the load.
//!
//! The view shows both; and where what went out went first, the load stood lower for a moment ([`SettledChange::dip`]).

use super::basket::{Basket, Line};
use super::catalog::{Catalog, Price, Product};
use super::fusion::{ChangeEvidence, FusionSettings, Judgement, LEAST_REST, PIECES_LOOSE, Sight, pieces_density};
use super::pricing::Quantity;
use super::settle::SettledChange;
use super::units::Grams;

/// What a change is that was an exchange.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Exchange {
    /// So much went out, and the rest came in.
    Gone(Grams),
    /// Something went out and something came in, and nobody can say how much of each.
    Unweighed,
}

/// How often one thing goes out and another comes in as one change of the load; an estimate.
const EXCHANGED: f64 = 0.02;
/// The load stood no lower than what went out weighs, give or take so many grams.
const DIP_OFF: f64 = 4.0;
/// How often it stood there long enough to be felt whole, rather than in part; an estimate. In 28 simulated exchanges it was
/// felt within 5 g in 8, and to at least three quarters in 22.
const FELT_WHOLE: f64 = 0.5;

/// What at least went out before something came in, where the load shows that.
pub(super) fn went_out(change: &SettledChange) -> Option<Grams> {
    let fell = Grams(change.dip.0 + (-change.change.0).max(0.0));
    (change.dip.0 > LEAST_REST.0.max(2.0 * change.margin.0)).then_some(fell)
}

/// How probable it is per gram that the load stood so low when so much had gone out.
fn dip_density(fell: Grams, gone: Grams) -> f64 {
    let off = (fell.0 - gone.0) / DIP_OFF;
    let whole = (-0.5 * off * off).exp() / (DIP_OFF * std::f64::consts::TAU.sqrt());
    let in_part = if off < 1.0 { 1.0 / gone.0.max(1.0) } else { 0.0 };
    FELT_WHOLE * whole + (1.0 - FELT_WHOLE) * in_part
}

/// One thing out and another in at once, where that explains a change so much better than all else that it may be taken for
/// two changes. Where the load does not show it, both must have been seen; `judgement` is that of the change as one thing.
pub(super) fn exchanged(
    settings: &FusionSettings,
    catalog: &Catalog,
    basket: &Basket,
    evidence: &ChangeEvidence,
    judgement: &Judgement,
) -> Option<Exchange> {
    let change = evidence.change;
    if let Some(fell) = went_out(&change) {
        return Some(felt(settings, catalog, basket, evidence, fell));
    }
    let sighting = evidence.sighting.as_ref().filter(|sighting| sighting.clear)?;
    let came_in = Sight::new(settings, catalog, settings.sight_scale, &sighting.appeared, &sighting.vanished);
    let went_out = Sight::new(settings, catalog, settings.vanished_scale, &sighting.vanished, &sighting.appeared);
    let lines = basket.lines();
    // What was seen on the side that a single change would not explain counts as far as it names something.
    let named_in: f64 = catalog.products.keys().map(|sku| came_in.of(sku).exp()).sum::<f64>() + came_in.unknown.exp();
    let named_out: f64 = lines.iter().map(|line| went_out.of(&line.sku).exp()).sum::<f64>() + went_out.unknown.exp();
    let prior = match change.change.0 > 0.0 {
        true => EXCHANGED / catalog.products.len().max(1) as f64 / named_out,
        false => EXCHANGED / lines.len().max(1) as f64 / named_in,
    };
    let mut sum = 0.0;
    let mut best: Option<(f64, Grams)> = None;
    for line in &lines {
        let gone = line.one();
        if went_out.of(&line.sku) <= went_out.unknown {
            continue;
        }
        for product in catalog.products.values() {
            if product.sku == line.sku || came_in.of(&product.sku) <= came_in.unknown {
                continue;
            }
            let (density, _) = pieces_density(settings, product, 1, change.change + gone, change.margin);
            let score = prior * (came_in.of(&product.sku) + went_out.of(&line.sku)).exp() * density;
            sum += score;
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, gone));
            }
        }
    }
    let (most, gone) = best?;
    (most >= settings.book_above * (sum + judgement.likelihood.exp())).then_some(Exchange::Gone(gone))
}

/// The load fell by `fell` and more before it rose: what went out, where that is a line, or all of it, beyond doubt.
fn felt(
    settings: &FusionSettings,
    catalog: &Catalog,
    basket: &Basket,
    evidence: &ChangeEvidence,
    fell: Grams,
) -> Exchange {
    let change = evidence.change;
    let (appeared, vanished) = evidence.seen();
    let came_in = Sight::new(settings, catalog, settings.sight_scale, appeared, vanished);
    let gone = Sight::new(settings, catalog, settings.vanished_scale, vanished, appeared);
    let likely: Vec<(f64, &Product)> =
        catalog.products.values().map(|product| (came_in.of(&product.sku).exp(), product)).collect();
    let comes_in = |mass: Grams, margin: Grams| -> f64 {
        likely.iter().map(|(seen, product)| seen * density(settings, product, mass, margin)).sum()
    };
    // How probable it is that a line, or all of it, went out; and that part of a lot did, whose mass nobody knows.
    let whole = |line: &Line| {
        let mass = line.one();
        gone.of(&line.sku).exp() * dip_density(fell, mass) * comes_in(change.change + mass, change.margin)
    };
    let part = |line: &Line| {
        let is_lot = matches!(line.quantity, Quantity::Weighed(_)) && line.mass.0 > fell.0 + LEAST_REST.0;
        let Some(product) = catalog.product(&line.sku).filter(|_| is_lot) else { return 0.0 };
        let pieces = (1..=PIECES_LOOSE.len() as u32).map(|pieces| Grams(product.weight.mean.0 * f64::from(pieces)));
        let spread = Grams(2.0 * product.weight.spread.0);
        let each = pieces.take_while(|mass| mass.0 < line.mass.0).map(|mass| {
            // The piece itself may weigh more or less than most.
            let felt = dip_density(fell, Grams(mass.0.max(fell.0)));
            let off = (mass.0 - fell.0).min(0.0) / product.weight.spread.0.max(1.0);
            felt * (-0.5 * off * off).exp() * comes_in(change.change + mass, spread)
        });
        gone.of(&line.sku).exp() * each.sum::<f64>()
    };
    let lines = basket.lines();
    let unknown =
        gone.unknown.exp() * settings.unknown * dip_density(fell, fell) * comes_in(change.change + fell, fell);
    let wholes: Vec<(Grams, f64)> = lines.iter().map(|line| (line.one(), whole(line))).collect();
    let all: f64 = unknown + lines.iter().zip(&wholes).map(|(line, (_, whole))| whole + part(line)).sum::<f64>();
    let best = wholes.iter().max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(mass, _)| *mass);
    let alike = |mass: Grams| {
        let same = wholes.iter().filter(|(other, _)| (*other - mass).abs().0 <= DIP_OFF);
        same.map(|(_, whole)| whole).sum::<f64>()
    };
    match best.filter(|mass| alike(*mass) >= settings.book_above * all) {
        Some(mass) => Exchange::Gone(mass),
        None => Exchange::Unweighed,
    }
}

/// How probable a mass is per gram as one piece of a product, or some of it where it is loose.
fn density(settings: &FusionSettings, product: &Product, mass: Grams, margin: Grams) -> f64 {
    match product.price {
        Price::Each(_) => pieces_density(settings, product, 1, mass, margin).0,
        Price::PerKg(_) => (1..)
            .zip(PIECES_LOOSE)
            .map(|(pieces, prior)| prior * pieces_density(settings, product, pieces, mass, margin).0)
            .sum(),
    }
}
