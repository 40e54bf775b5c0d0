//! Whether an order can be booked, and at what price. Pure: the database and HTTP are elsewhere.

use crate::domain::catalog::Catalog;
use crate::domain::checkout::{OrderLine, TripOrder};
use crate::domain::pricing::{PricedBasket, PricingError, Quantity, price_basket};
use crate::domain::units::Money;
use crate::wire::is_catalog_version;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Why the store does not book an order. A refusal has no effect: the key stays free.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The key was used for another trip.
    #[error("trip {key} was booked before with other lines: a new trip needs a new key")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// The store never served the catalogue.
    #[error("catalogue version {version:?} was never served here: fetch the current one, {current:?}")]
    UnknownCatalog {
        /// What the order names.
        version: String,
        /// What is current.
        current: String,
    },
    /// A line cannot be priced.
    #[error("line {line}: {source}")]
    Unpriced {
        /// Its number, from 1; 0 where it is not known.
        line: usize,
        /// Why.
        source: PricingError,
    },
    /// A line holds nothing.
    #[error("line {line}: the quantity of {sku} is zero: leave the line out")]
    EmptyLine {
        /// Its number, from 1.
        line: usize,
        /// Its product.
        sku: String,
    },
    /// A line says how it was weighed and is sold by the piece.
    #[error("line {line}: {sku} is sold by the piece, so `weighed_by` must be left out")]
    WeighedPieces {
        /// Its number, from 1.
        line: usize,
        /// Its product.
        sku: String,
    },
    /// The screen showed another total.
    #[error(
        "the cart showed {shown}, but catalogue {version:?} gives {computed}: the cart and the store must price alike"
    )]
    TotalDiffers {
        /// What the cart showed.
        shown: Money,
        /// What the store computes.
        computed: Money,
        /// By which catalogue.
        version: String,
    },
}

/// Prices an order by the catalogue that the shopper saw.
///
/// A trip without lines is booked like any other, with a total of nothing: the shopper gets proof of having bought nothing.
///
/// # Errors
/// [`Refusal`] naming what differs.
pub fn price_order(catalog: &Catalog, order: &TripOrder) -> Result<PricedBasket, Refusal> {
    if let Some(at) = order.lines.iter().position(|line| line.quantity.is_zero()) {
        return Err(Refusal::EmptyLine { line: at + 1, sku: order.lines[at].sku.to_string() });
    }
    let weighed_pieces = |line: &OrderLine| line.weighed_by.is_some() && !matches!(line.quantity, Quantity::Weighed(_));
    if let Some(at) = order.lines.iter().position(weighed_pieces) {
        return Err(Refusal::WeighedPieces { line: at + 1, sku: order.lines[at].sku.to_string() });
    }
    let mut basket =
        price_basket(catalog, order.lines.iter().map(|line| (&line.sku, line.quantity))).map_err(|source| {
            let sku = match &source {
                PricingError::UnknownProduct { sku }
                | PricingError::WrongQuantity { sku, .. }
                | PricingError::TooMuch { sku, .. } => sku,
            };
            let line = order.lines.iter().position(|line| {
                line.sku == *sku && price_basket(catalog, [(&line.sku, line.quantity)]).as_ref() == Err(&source)
            });
            Refusal::Unpriced { line: line.map_or(0, |at| at + 1), source }
        })?;
    if basket.total != order.shown_total {
        return Err(Refusal::TotalDiffers {
            shown: order.shown_total,
            computed: basket.total,
            version: catalog.version.clone(),
        });
    }
    for (line, ordered) in basket.lines.iter_mut().zip(&order.lines) {
        line.weighed_by = ordered.weighed_by.clone();
    }
    Ok(basket)
}

/// What is wrong with a catalogue, its version included, which must be usable as an ETag.
pub fn catalog_faults(catalog: &Catalog) -> Vec<String> {
    let mut faults = catalog.faults();
    if !is_catalog_version(&catalog.version) {
        faults.push(format!(
            "its version {:?} is not 1 to 64 letters, digits, '-', '_', '.', '+' or '~'",
            catalog.version
        ));
    }
    faults
}

/// The fingerprint of an order: two orders that say the same have the same one, however their JSON was written.
///
/// # Errors
/// When the order cannot be written as JSON, which is a defect.
pub fn fingerprint(order: &TripOrder) -> Result<[u8; 32], serde_json::Error> {
    Ok(Sha256::digest(serde_json::to_vec(order)?).into())
}
