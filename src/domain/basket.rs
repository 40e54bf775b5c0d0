//! The basket: an append-only ledger of what went in and out. Lines and totals are computed from it, never stored.

use super::catalog::Catalog;
use super::pricing::{PricedBasket, PricingError, Quantity, price_basket};
use super::units::{Grams, Sku, Stamp, WeighedGrams};
use super::weighing::HowWeighed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Names one line of the basket for the length of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LineId(pub u32);

/// Who settled what was put in or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettledBy {
    /// Sight and weight agreed.
    SightAndWeight,
    /// A code and the weight agreed.
    CodeAndWeight,
    /// The shopper answered a question.
    Shopper,
    /// The shopper's word for two things at once, and neither scale nor camera bears it out: staff look into the basket.
    WordAlone,
}

impl SettledBy {
    /// Whether the shopper was asked.
    pub fn is_answer(self) -> bool {
        matches!(self, SettledBy::Shopper | SettledBy::WordAlone)
    }
}

/// Why an entry stands in the ledger: kept so that a person can see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who or what decided.
    pub settled_by: SettledBy,
    /// The settled change of the load.
    pub change: Grams,
    /// Its 95 % half-width.
    pub margin: Grams,
    /// The best products by all evidence, with their probabilities, best first.
    pub candidates: Vec<(Sku, f64)>,
    /// When the item touched the basket.
    pub began: Stamp,
}

/// What one ledger entry does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Movement {
    /// Goods came in and open a line.
    Added {
        /// The new line.
        line: LineId,
        /// The product.
        sku: Sku,
        /// How much.
        quantity: Quantity,
        /// How it was weighed, where it is sold by weight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weighed: Option<HowWeighed>,
    },
    /// The shopper named a container that had been weighed with a line: its price goes down.
    Tared {
        /// The line.
        line: LineId,
        /// The mass of the container.
        tare: WeighedGrams,
        /// How much less the line holds for it.
        less: WeighedGrams,
    },
    /// The line that was booked last holds so much: the load settled in parts, or a hand had lain on the goods.
    Corrected {
        /// The line.
        line: LineId,
        /// How much it holds in all.
        quantity: Quantity,
    },
    /// Goods of a line went out.
    Removed {
        /// The line.
        line: LineId,
        /// How much.
        quantity: Quantity,
    },
    /// The shopper's own thing lies in the basket (positive) or left it (negative): not sold.
    OwnThing {
        /// Its mass.
        mass: Grams,
    },
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// When it was booked.
    pub at: Stamp,
    /// What it does.
    pub movement: Movement,
    /// Why.
    pub evidence: Evidence,
}

#[cfg(test)]
impl Movement {
    /// What opens a line in a demonstration, where grams are weighed by a scale that is not legal for trade.
    pub(crate) fn added(line: LineId, sku: Sku, quantity: Quantity) -> Movement {
        let demonstration = || HowWeighed { by: super::weighing::WeighedBy::Demonstration, tare: WeighedGrams(0) };
        let weighed = matches!(quantity, Quantity::Weighed(_)).then(demonstration);
        Movement::Added { line, sku, quantity, weighed }
    }
}

/// A line as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub id: LineId,
    /// The product.
    pub sku: Sku,
    /// How much of it is in the basket.
    pub quantity: Quantity,
    /// How it was weighed, where it is sold by weight.
    pub weighed: Option<HowWeighed>,
    /// The mass that the scale felt for it.
    pub mass: Grams,
    /// When it last changed.
    pub changed_at: Stamp,
}

impl Line {
    /// The mass of one of its pieces, or of the whole lot where it is sold by weight.
    pub fn one(&self) -> Grams {
        match self.quantity {
            Quantity::Pieces(held) => Grams(self.mass.0 / f64::from(held.max(1))),
            Quantity::Weighed(_) => self.mass,
        }
    }
}

/// The ledger of one trip.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Basket {
    entries: Vec<LedgerEntry>,
}

impl Basket {
    /// Appends an entry.
    ///
    /// # Panics
    /// When the entry takes out more than its line holds, or opens a line twice: the ledger is money, so a defect here
    /// must stop the cart rather than sell wrongly.
    pub fn append(&mut self, entry: LedgerEntry) {
        match &entry.movement {
            Movement::Added { line, quantity, weighed, .. } => {
                assert!(self.line(*line).is_none(), "line {line:?} is opened twice");
                assert!(!quantity.is_zero(), "an empty line is opened");
                let by_weight = matches!(quantity, Quantity::Weighed(_));
                assert!(by_weight == weighed.is_some(), "{quantity} of line {line:?} is weighed by {weighed:?}");
            }
            Movement::Tared { line, less, .. } => {
                let held = self.line(*line).map(|held| held.quantity);
                let enough = matches!(held, Some(Quantity::Weighed(held)) if held > *less);
                assert!(enough, "a container of {less:?} is taken off line {line:?}, which holds {held:?}");
            }
            Movement::Corrected { line, quantity } => {
                let held = self.line(*line).map(|held| held.quantity);
                let alike = match (held, quantity) {
                    (Some(Quantity::Pieces(held)), Quantity::Pieces(holds)) => held == *holds,
                    (Some(Quantity::Weighed(_)), Quantity::Weighed(_)) => !quantity.is_zero(),
                    _ => false,
                };
                assert!(alike, "line {line:?}, which holds {held:?}, is put right to {quantity}");
            }
            Movement::Removed { line, quantity } => {
                let held = self.line(*line).map(|held| held.quantity);
                let enough = match (held, quantity) {
                    (Some(Quantity::Pieces(held)), Quantity::Pieces(out)) => *out <= held,
                    (Some(Quantity::Weighed(held)), Quantity::Weighed(out)) => *out <= held,
                    _ => false,
                };
                assert!(enough, "{quantity} taken out of line {line:?}, which holds {held:?}");
            }
            Movement::OwnThing { .. } => {}
        }
        self.entries.push(entry);
    }

    /// The ledger, oldest first.
    pub fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }

    /// The name of the next new line.
    pub fn next_line(&self) -> LineId {
        let opened = self.entries.iter().filter(|entry| matches!(entry.movement, Movement::Added { .. })).count();
        LineId(opened as u32 + 1)
    }

    /// The lines that hold something, in the order they were opened.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for entry in &self.entries {
            match &entry.movement {
                Movement::Added { line, sku, quantity, weighed } => lines.push(Line {
                    id: *line,
                    sku: sku.clone(),
                    quantity: *quantity,
                    weighed: weighed.clone(),
                    mass: entry.evidence.change,
                    changed_at: entry.at,
                }),
                Movement::Tared { line, tare, less } => {
                    if let Some(held) = lines.iter_mut().find(|held| held.id == *line)
                        && let (Quantity::Weighed(grams), Some(weighed)) = (&mut held.quantity, &mut held.weighed)
                    {
                        grams.0 -= less.0;
                        weighed.tare.0 += tare.0;
                    }
                }
                Movement::Corrected { line, quantity } => {
                    if let Some(held) = lines.iter_mut().find(|held| held.id == *line) {
                        held.quantity = *quantity;
                        held.mass = held.mass + entry.evidence.change;
                    }
                }
                Movement::Removed { line, quantity } => {
                    if let Some(held) = lines.iter_mut().find(|held| held.id == *line) {
                        held.quantity = match (held.quantity, quantity) {
                            (Quantity::Pieces(held), Quantity::Pieces(out)) => Quantity::Pieces(held - out),
                            (Quantity::Weighed(held), Quantity::Weighed(out)) => {
                                Quantity::Weighed(WeighedGrams(held.0 - out.0))
                            }
                            (held, _) => held,
                        };
                        held.mass = held.mass + entry.evidence.change;
                        held.changed_at = entry.at;
                    }
                }
                Movement::OwnThing { .. } => {}
            }
        }
        lines.retain(|line| !line.quantity.is_zero());
        lines
    }

    /// The line named `id`, where it holds something.
    pub fn line(&self, id: LineId) -> Option<Line> {
        self.lines().into_iter().find(|line| line.id == id)
    }

    /// The product that the line named `id` was opened for, whether it still holds something or not.
    pub fn opened_for(&self, id: LineId) -> Option<&Sku> {
        self.entries.iter().find_map(|entry| match &entry.movement {
            Movement::Added { line, sku, .. } if *line == id => Some(sku),
            _ => None,
        })
    }

    /// The mass of the shopper's own things in the basket.
    pub fn own_things(&self) -> Grams {
        Grams(
            self.entries
                .iter()
                .map(|entry| match entry.movement {
                    Movement::OwnThing { mass } => mass.0,
                    _ => 0.0,
                })
                .sum(),
        )
    }

    /// What all entries together changed the load by.
    pub fn mass(&self) -> Grams {
        Grams(self.entries.iter().map(|entry| entry.evidence.change.0).sum())
    }

    /// The products that the shopper has named in this trip, each once.
    pub fn named(&self) -> BTreeSet<&Sku> {
        let by_shopper = self.entries.iter().filter(|entry| entry.evidence.settled_by.is_answer());
        by_shopper
            .filter_map(|entry| match &entry.movement {
                Movement::Added { sku, .. } => Some(sku),
                Movement::Tared { .. }
                | Movement::Corrected { .. }
                | Movement::Removed { .. }
                | Movement::OwnThing { .. } => None,
            })
            .collect()
    }

    /// The basket with its prices.
    ///
    /// # Errors
    /// [`PricingError`] when a line's product left the catalogue.
    pub fn priced(&self, catalog: &Catalog) -> Result<PricedBasket, PricingError> {
        let lines = self.lines();
        price_basket(catalog, lines.iter().map(|line| (&line.sku, line.quantity)))
    }
}
