//! The catalogue: what the store sells, as the cart and the store both see it.
//!
//! Prices are the store's. Weights are gross, as the cart's load cell feels them.

use super::units::{Currency, Grams, Gtin, Money, Plu, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The languages that the cart speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// German.
    #[default]
    De,
    /// English.
    En,
}

/// A product's name in every language of the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

impl Names {
    /// The name in `language`.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::De => &self.de,
            Language::En => &self.en,
        }
    }
}

/// How a product is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// So much a piece or pack.
    Each(Money),
    /// So much a kilogram.
    PerKg(Money),
}

impl Price {
    /// The amount, whatever it is for.
    pub fn amount(&self) -> Money {
        match self {
            Price::Each(amount) | Price::PerKg(amount) => *amount,
        }
    }
}

/// What one piece weighs, packaging included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UnitWeight {
    /// Mean gross mass of one piece.
    pub mean: Grams,
    /// Standard deviation from piece to piece.
    pub spread: Grams,
    /// Standard deviation of our knowledge of the mean.
    #[serde(default)]
    pub unsure: Grams,
}

impl UnitWeight {
    /// Variance of the mass of so many pieces, in square grams: each differs by itself, and all by what we do not know of
    /// their mean.
    pub fn variance_of(&self, pieces: f64) -> f64 {
        pieces * self.spread.0.powi(2) + (pieces * self.unsure.0).powi(2)
    }

    /// Whether so many pieces weigh about so much: within three deviations and what a scale may be off.
    pub fn is_about(&self, pieces: u32, load: Grams) -> bool {
        let n = f64::from(pieces);
        (load.0 - n * self.mean.0).abs() <= 3.0 * self.variance_of(n).sqrt() + 5.0
    }
}

/// Why a product needs a member of staff before it is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    /// The shopper must be at least this many years old.
    MinimumAge(u8),
    /// A security tag must be taken off.
    SecurityTag,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// The store's name of it.
    pub sku: Sku,
    /// Names for people.
    pub names: Names,
    /// The code printed on the pack, where there is one.
    #[serde(default)]
    pub gtin: Option<Gtin>,
    /// The produce number, where there is one.
    #[serde(default)]
    pub plu: Option<Plu>,
    /// Price, tax included.
    pub price: Price,
    /// Mass of one piece.
    pub weight: UnitWeight,
    /// Mass of the container that is not sold with a weighed product.
    #[serde(default)]
    pub tare: Grams,
    /// Value-added tax contained in the price, in tenths of a percent (190 is 19 %).
    pub vat_permille: u16,
    /// The group it is shown in, for example `fruit`.
    pub group: String,
    /// What the camera takes for this product: they look alike to it, so that their weight, a code or the shopper decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub look_alikes: Vec<Sku>,
    /// What staff must do first, where anything.
    #[serde(default)]
    pub restriction: Option<Restriction>,
}

/// Something that goods sold by weight are put into and that is not sold with them, for example a bag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Names for people.
    pub names: Names,
    /// What it weighs.
    pub mass: Grams,
}

/// The heaviest container: more is no bag or box for loose goods.
const HEAVIEST_CONTAINER: Grams = Grams(2000.0);

/// Everything the store sells at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Changes with every change of content.
    pub version: String,
    /// The currency of every price in it.
    pub currency: Currency,
    /// The products by SKU.
    pub products: BTreeMap<Sku, Product>,
    /// The containers that a shopper can name for goods sold by weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
}

impl Catalog {
    /// The product named `sku`, where the store sells it.
    pub fn product(&self, sku: &Sku) -> Option<&Product> {
        self.products.get(sku)
    }

    /// The product whose pack carries `gtin`.
    pub fn by_gtin(&self, gtin: Gtin) -> Option<&Product> {
        self.products.values().find(|product| product.gtin == Some(gtin))
    }

    /// Says what is wrong with the catalogue, one sentence for each product at fault; empty when it can be sold from.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (sku, product) in &self.products {
            if *sku != product.sku {
                faults.push(format!("product {} is filed under {sku}", product.sku));
            }
            if product.price.amount().currency != self.currency {
                faults.push(format!("{sku}: its price is not in {}", self.currency.code()));
            }
            if product.price.amount().minor <= 0 {
                faults.push(format!("{sku}: its price {} is not positive", product.price.amount()));
            }
            let weight = product.weight;
            if !(weight.mean.0 > 0.0 && weight.spread.0 >= 0.0 && weight.unsure.0 >= 0.0) {
                faults.push(format!("{sku}: its weight {} +- {} is not possible", weight.mean, weight.spread));
            }
            for other in &product.look_alikes {
                if other == sku || !self.products.contains_key(other) {
                    faults.push(format!("{sku}: its look-alike {other} is not another product of this catalogue"));
                }
            }
            if product.names.de.is_empty() || product.names.en.is_empty() {
                faults.push(format!("{sku}: it lacks a German or an English name"));
            }
        }
        for Container { names, mass } in &self.containers {
            let name = &names.en;
            if names.de.is_empty() || name.is_empty() {
                faults.push(format!("the container of {mass} lacks a German or an English name"));
            }
            if !(mass.0 > 0.0 && mass.0 <= HEAVIEST_CONTAINER.0) {
                faults
                    .push(format!("container {name}: its mass {mass} is not above 0 g and up to {HEAVIEST_CONTAINER}"));
            }
        }
        faults
    }
}
