//! Trip files: what a scripted shopper does, one deed a line. `dashcart emulate --headless --trip FILE` plays them.

use crate::domain::catalog::Catalog;
use crate::domain::units::Sku;
use crate::emulator::stock::OwnThing;
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

/// One deed of a scripted shopper, or of fate.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Puts so many pieces of a product into the cart with one hand.
    Put {
        /// The product.
        sku: Sku,
        /// How many pieces.
        pieces: u32,
    },
    /// Takes one piece of a product out again.
    Take {
        /// The product.
        sku: Sku,
    },
    /// Puts the shopper's own thing into the cart.
    Own(OwnThing),
    /// Answers the question on the screen with what is true.
    Answer,
    /// Answers with this product, true or not.
    AnswerWith {
        /// The product.
        sku: Sku,
    },
    /// Answers that the thing is the shopper's own.
    AnswerOwn,
    /// Something covers the camera, or no longer.
    CoverCamera(bool),
    /// The scale repeats itself, or no longer.
    FreezeScale(bool),
    /// The scale's wire is out, or in again.
    UnplugScale(bool),
    /// Somebody bumps into the cart.
    Bump,
    /// Somebody leans on the basket.
    Lean,
    /// The cart rolls over tiles for a while.
    Roll,
    /// The store's server stops and comes back after so many seconds, whatever the shopper does meanwhile.
    StopStore {
        /// Seconds.
        seconds: f64,
    },
    /// Nothing, for so many seconds.
    Wait {
        /// Seconds.
        seconds: f64,
    },
}

/// A scripted trip; at its end the shopper checks out.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// The deeds with the line each stands on.
    pub deeds: Vec<(usize, Deed)>,
}

/// Why a trip file cannot be played.
#[derive(Debug, Error)]
pub enum TripError {
    /// The file cannot be read.
    #[error("cannot read the trip {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not a deed.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// The deeds, for messages and help.
pub const DEEDS: &str = "put SKU [PIECES], take SKU, own phone|bag|coat, answer [SKU|own], cover, uncover, freeze, thaw, unplug, plug, \
                         bump, lean, roll, stop-store SECONDS, wait SECONDS";

impl Trip {
    /// Reads a trip file and checks every product in it against the catalogue.
    ///
    /// # Errors
    /// [`TripError`] naming the line.
    pub fn read(path: &Path, catalog: &Catalog) -> Result<Trip, TripError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|source| TripError::Unreadable { path: name.clone(), source })?;
        Trip::parse(&name, &text, catalog)
    }

    /// Reads a trip from text; `name` is used in messages.
    ///
    /// # Errors
    /// [`TripError::Line`].
    pub fn parse(name: &str, text: &str, catalog: &Catalog) -> Result<Trip, TripError> {
        let mut deeds = Vec::new();
        let mut inside: BTreeMap<Sku, u32> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            let deed = deed(&words, catalog).and_then(|deed| keep_count(&deed, &mut inside).map(|()| deed));
            let deed = deed.map_err(|reason| TripError::Line { path: name.to_owned(), line: index + 1, reason })?;
            deeds.push((index + 1, deed));
        }
        Ok(Trip { deeds })
    }
}

fn deed(words: &[&str], catalog: &Catalog) -> Result<Deed, String> {
    let product = |text: &str| {
        let sku = Sku::new(text);
        if catalog.product(&sku).is_some() { Ok(sku) } else { Err(unknown_product(text, catalog)) }
    };
    let number = |text: &str, least: f64, most: f64| match text.parse::<f64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is not a number from {least} to {most}")),
    };
    Ok(match words {
        ["put", sku] => Deed::Put { sku: product(sku)?, pieces: 1 },
        ["put", sku, pieces] => Deed::Put { sku: product(sku)?, pieces: number(pieces, 1.0, 9.0)? as u32 },
        ["take", sku] => Deed::Take { sku: product(sku)? },
        ["own", "phone"] => Deed::Own(OwnThing::Phone),
        ["own", "bag"] => Deed::Own(OwnThing::Bag),
        ["own", "coat"] => Deed::Own(OwnThing::Coat),
        ["answer"] => Deed::Answer,
        ["answer", "own"] => Deed::AnswerOwn,
        ["answer", sku] => Deed::AnswerWith { sku: product(sku)? },
        ["cover"] => Deed::CoverCamera(true),
        ["uncover"] => Deed::CoverCamera(false),
        ["freeze"] => Deed::FreezeScale(true),
        ["thaw"] => Deed::FreezeScale(false),
        ["unplug"] => Deed::UnplugScale(true),
        ["plug"] => Deed::UnplugScale(false),
        ["bump"] => Deed::Bump,
        ["lean"] => Deed::Lean,
        ["roll"] => Deed::Roll,
        ["stop-store", seconds] => Deed::StopStore { seconds: number(seconds, 0.0, 600.0)? },
        ["wait", seconds] => Deed::Wait { seconds: number(seconds, 0.0, 600.0)? },
        _ => return Err(format!("{:?} is not a deed; deeds are: {DEEDS}", words.join(" "))),
    })
}

/// A thing can only be taken out after it was put in.
fn keep_count(deed: &Deed, inside: &mut BTreeMap<Sku, u32>) -> Result<(), String> {
    match deed {
        Deed::Put { sku, pieces } => *inside.entry(sku.clone()).or_default() += pieces,
        Deed::Take { sku } => match inside.get_mut(sku) {
            Some(pieces) if *pieces > 0 => *pieces -= 1,
            _ => return Err(format!("no {sku} is in the cart at this point, so none can be taken out")),
        },
        _ => {}
    }
    Ok(())
}

fn unknown_product(text: &str, catalog: &Catalog) -> String {
    let wanted = text.to_lowercase();
    let like: Vec<&str> = catalog
        .products
        .keys()
        .map(Sku::as_str)
        .filter(|sku| sku.to_lowercase().split('-').any(|part| part.len() > 2 && wanted.contains(part)))
        .take(3)
        .collect();
    let hint = if like.is_empty() { String::new() } else { format!("; did you mean {}?", like.join(" or ")) };
    format!("the catalogue does not hold a product {text:?}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Currency;

    fn problem(text: &str) -> String {
        let catalog =
            Catalog { version: "1".into(), currency: Currency::EUR, products: BTreeMap::new(), containers: Vec::new() };
        Trip::parse("test.trip", text, &catalog)
            .map(|trip| format!("{trip:?}"))
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_line_is_named_with_its_place() {
        for (text, expected) in [
            ("bump\n\n  # only words\nput melon", "test.trip, line 4: the catalogue does not hold a product \"melon\""),
            ("wait long", "test.trip, line 1: \"long\" is not a number from 0 to 600"),
            ("juggle", "test.trip, line 1: \"juggle\" is not a deed; deeds are: put SKU"),
        ] {
            assert!(problem(text).starts_with(expected), "{}", problem(text));
        }
    }
}
