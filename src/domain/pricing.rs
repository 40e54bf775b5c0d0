//! Prices of lines and baskets: the same code prices the cart's screen and the store's receipt.

use super::catalog::{Catalog, Price, Product};
use super::units::{Money, Sku, WeighedGrams};
use super::weighing::WeighedBy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

/// How much of a product a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// So many pieces or packs.
    Pieces(u32),
    /// So many grams.
    Weighed(WeighedGrams),
}

impl Quantity {
    /// Whether it is nothing at all.
    pub fn is_zero(&self) -> bool {
        matches!(self, Quantity::Pieces(0) | Quantity::Weighed(WeighedGrams(0)))
    }
}

impl Quantity {
    /// This quantity, or `held` where that is less. A quantity of the other kind is left as it is.
    pub fn at_most(self, held: Quantity) -> Quantity {
        match (self, held) {
            (Quantity::Pieces(wanted), Quantity::Pieces(held)) => Quantity::Pieces(wanted.min(held)),
            (Quantity::Weighed(wanted), Quantity::Weighed(held)) => Quantity::Weighed(wanted.min(held)),
            (wanted, _) => wanted,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantity::Pieces(pieces) => write!(f, "{pieces} x"),
            Quantity::Weighed(WeighedGrams(grams)) => write!(f, "{}.{:03} kg", grams / 1000, grams % 1000),
        }
    }
}

/// One line with its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// The product.
    pub sku: Sku,
    /// How much of it.
    pub quantity: Quantity,
    /// Price of one piece, or of one kilogram.
    pub unit_price: Money,
    /// Price of the line, tax included.
    pub price: Money,
    /// Where the weight of goods sold by weight came from, as the cart said it at checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed_by: Option<WeighedBy>,
}

/// The tax contained in a total at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxShare {
    /// The rate in tenths of a percent.
    pub vat_permille: u16,
    /// What was sold at this rate, tax included.
    pub gross: Money,
    /// The tax in it.
    pub tax: Money,
}

/// A basket with its prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedBasket {
    /// The lines in their order.
    pub lines: Vec<PricedLine>,
    /// Their sum, tax included.
    pub total: Money,
    /// The tax in it, by rate, lowest rate first.
    pub taxes: Vec<TaxShare>,
}

/// Why a basket cannot be priced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PricingError {
    /// The catalogue does not hold the product.
    #[error("product {sku} is not in the catalogue")]
    UnknownProduct {
        /// Which one.
        sku: Sku,
    },
    /// A weighed product was given in pieces, or the other way round.
    #[error("product {sku} is not sold by {given}")]
    WrongQuantity {
        /// Which one.
        sku: Sku,
        /// `piece` or `weight`.
        given: &'static str,
    },
    /// More than any shop sells in one line.
    #[error("{quantity} of {sku} is more than a line can hold")]
    TooMuch {
        /// Which one.
        sku: Sku,
        /// How much.
        quantity: Quantity,
    },
}

/// The largest line: 999 pieces or 999 kg, far below what overflows an amount.
const LARGEST_PIECES: u32 = 999;
const LARGEST_GRAMS: u32 = 999_000;

/// Prices one line; a weighed line is rounded half up to the minor unit.
///
/// # Errors
/// [`PricingError`] when the quantity does not fit how the product is sold.
pub fn price_line(product: &Product, quantity: Quantity) -> Result<PricedLine, PricingError> {
    let sku = product.sku.clone();
    let unit_price = product.price.amount();
    let minor = match (product.price, quantity) {
        (Price::Each(_), Quantity::Pieces(pieces)) if pieces <= LARGEST_PIECES => unit_price.minor * i64::from(pieces),
        (Price::PerKg(_), Quantity::Weighed(WeighedGrams(grams))) if grams <= LARGEST_GRAMS => {
            (unit_price.minor * i64::from(grams) + 500).div_euclid(1000)
        }
        (Price::Each(_), Quantity::Weighed(_)) => return Err(PricingError::WrongQuantity { sku, given: "weight" }),
        (Price::PerKg(_), Quantity::Pieces(_)) => return Err(PricingError::WrongQuantity { sku, given: "piece" }),
        _ => return Err(PricingError::TooMuch { sku, quantity }),
    };
    let price = Money { minor, currency: unit_price.currency };
    Ok(PricedLine { sku, quantity, unit_price, price, weighed_by: None })
}

/// Prices a basket. The tax is taken out of the gross sum of each rate, rounded half up.
///
/// # Errors
/// [`PricingError`] for the first line that cannot be priced.
pub fn price_basket<'a>(
    catalog: &Catalog,
    lines: impl IntoIterator<Item = (&'a Sku, Quantity)>,
) -> Result<PricedBasket, PricingError> {
    let mut total = Money::zero(catalog.currency);
    let mut gross_by_rate: BTreeMap<u16, Money> = BTreeMap::new();
    let mut priced = Vec::new();
    for (sku, quantity) in lines {
        let product = catalog.product(sku).ok_or_else(|| PricingError::UnknownProduct { sku: sku.clone() })?;
        let line = price_line(product, quantity)?;
        total += line.price;
        *gross_by_rate.entry(product.vat_permille).or_insert(Money::zero(catalog.currency)) += line.price;
        priced.push(line);
    }
    let taxes = gross_by_rate
        .into_iter()
        .map(|(vat_permille, gross)| {
            let rate = i64::from(vat_permille);
            let tax = (2 * gross.minor * rate + 1000 + rate).div_euclid(2 * (1000 + rate));
            TaxShare { vat_permille, gross, tax: Money { minor: tax, currency: catalog.currency } }
        })
        .collect();
    Ok(PricedBasket { lines: priced, total, taxes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::{Names, UnitWeight};
    use crate::domain::units::{Currency, Grams};

    fn product(price: Price) -> Product {
        Product {
            sku: Sku::new("thing"),
            names: Names { de: "Ding".into(), en: "Thing".into() },
            gtin: None,
            plu: None,
            price,
            weight: UnitWeight { mean: Grams(100.0), spread: Grams(1.0), unsure: Grams(0.0) },
            tare: Grams(0.0),
            vat_permille: 70,
            group: "things".into(),
            look_alikes: Vec::new(),
            restriction: None,
        }
    }

    #[test]
    fn a_line_costs_its_quantity_times_its_price() {
        let each = Price::Each(Money::eur_cents(129));
        let per_kg = Price::PerKg(Money::eur_cents(299));
        let grams = |grams| Quantity::Weighed(WeighedGrams(grams));
        for (price, quantity, cents) in [
            (each, Quantity::Pieces(1), Some(129)),
            (each, Quantity::Pieces(3), Some(387)),
            (each, Quantity::Pieces(0), Some(0)),
            (per_kg, grams(1000), Some(299)),
            (per_kg, grams(500), Some(150)),
            (per_kg, grams(1), Some(0)),
            (per_kg, grams(2), Some(1)),
            (each, grams(100), None),
            (per_kg, Quantity::Pieces(1), None),
            (each, Quantity::Pieces(1000), None),
        ] {
            let line = price_line(&product(price), quantity).ok();
            assert_eq!(line.map(|line| line.price.minor), cents, "{price:?} {quantity:?}");
        }
    }

    #[test]
    fn the_tax_in_a_total_is_taken_out_of_the_gross_sum() {
        let catalog = Catalog {
            version: "1".into(),
            currency: Currency::EUR,
            products: [(Sku::new("thing"), product(Price::Each(Money::eur_cents(107))))].into(),
            containers: Vec::new(),
        };
        let basket = price_basket(&catalog, [(&Sku::new("thing"), Quantity::Pieces(3))]).expect("prices");
        assert_eq!(basket.total, Money::eur_cents(321));
        assert_eq!(basket.taxes[0].tax, Money::eur_cents(21));
    }
}
