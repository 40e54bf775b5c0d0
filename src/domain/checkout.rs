//! Checkout: a trip is posted under one key until its outcome is known.
//!
//! The key is made and journaled before the first post and reused by every retry and restart. "Already done" is success;
//! no answer is *unknown*, and is resolved by asking the store, never by a second key.

use super::pricing::{PricedBasket, Quantity};
use super::units::{Money, Sku, Stamp};
use super::weighing::WeighedBy;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one trip towards the store, for ever (a UUID in text form).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TripKey(pub String);

impl fmt::Display for TripKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of what the shopper takes home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The product.
    pub sku: Sku,
    /// How much of it.
    pub quantity: Quantity,
    /// Where the weight of goods sold by weight came from; where it is missing, not from a scale that is legal for trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed_by: Option<WeighedBy>,
}

/// What the cart posts: products and quantities. The store computes the price; `shown_total` lets it notice a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripOrder {
    /// The trip's key.
    pub key: TripKey,
    /// Which cart.
    pub cart: String,
    /// The catalogue that the shopper saw prices of.
    pub catalog_version: String,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// The total that the screen showed.
    pub shown_total: Money,
}

/// The store's receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The store's number of it.
    pub number: u64,
    /// The trip it is for.
    pub key: TripKey,
    /// When the store booked it, RFC 3339 in UTC.
    pub booked_at: String,
    /// What was bought and its prices, as the store computed them.
    pub basket: PricedBasket,
    /// Where people can read it.
    pub url: String,
}

/// Where the checkout stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Checkout {
    /// The shopper is still shopping.
    #[default]
    Idle,
    /// The trip has been posted, or is about to be.
    Pending {
        /// What is posted.
        order: TripOrder,
        /// How often it was sent.
        attempts: u32,
    },
    /// No answer came: the store may or may not have booked it.
    Unknown {
        /// What was posted.
        order: TripOrder,
        /// How often it was sent.
        attempts: u32,
        /// When to ask next.
        ask_at: Stamp,
    },
    /// The store booked it.
    Confirmed {
        /// What the store gave.
        receipt: Receipt,
    },
    /// The store will not book it; the shopper can go on shopping.
    Refused {
        /// The store's reason, for people.
        reason: String,
    },
}

/// What came of one exchange with the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreAnswer {
    /// The trip is booked, now or earlier.
    Booked(Receipt),
    /// The store says no.
    Refused {
        /// Why, for people.
        reason: String,
    },
    /// The store has never seen the key.
    NeverReceived,
    /// No usable answer.
    Silent {
        /// What the network said.
        reason: String,
    },
}
