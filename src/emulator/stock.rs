//! What a shopper can take from a shelf: drawn products or photos, behind one trait, and the shopper's own things.

use super::portrait::{Side, lying, piece};
use super::scene::Body;
use super::shapes::Shape;
use super::sheet::Brush;
use super::shelf::{Look, Shelf};
use super::space::{Chance, Turn};
use crate::domain::catalog::{Catalog, UnitWeight};
use crate::domain::units::{Grams, Sku};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why a thing cannot be taken from the shelf.
#[derive(Debug, Error)]
pub enum StockError {
    /// The range does not sell it.
    #[error("there is no product {sku} on this shelf: it holds {some} and others")]
    Unknown {
        /// What was asked for.
        sku: Sku,
        /// A few that it holds.
        some: String,
    },
    /// A folder or a list of photos cannot be read.
    #[error("cannot read {}: {hint}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of a list, or of the names of classes, makes no sense.
    #[error("{}, line {line}: {reason}", path.display())]
    BadLine {
        /// The list.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A photo cannot be decoded.
    #[error("{} is not a photo that can be read (WebP, JPEG or PNG)", path.display())]
    BadPhoto {
        /// The photo.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
    /// The product is on the shelf, but there is no photo of it.
    #[error("the list {} names no photo of {sku}", list.display())]
    NoPhoto {
        /// The product.
        sku: Sku,
        /// The list.
        list: PathBuf,
    },
}

/// One piece taken from the shelf.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The product; `None` for the shopper's own thing.
    pub sku: Option<Sku>,
    /// What it weighs.
    pub mass: Grams,
    /// What it looks like.
    pub body: Arc<Body>,
    /// How it will lie.
    pub turn: Turn,
    /// Whether it may roll when it lands.
    pub rolls: bool,
    /// Width of a module of the code that looks up, in metres.
    pub module: Option<f32>,
}

/// A shelf to take pieces from.
pub trait Stock: Send + Sync + std::fmt::Debug {
    /// What it sells.
    fn catalog(&self) -> &Catalog;

    /// Takes one piece; `chance` decides which, what it weighs and how it lies.
    ///
    /// # Errors
    /// [`StockError`] when the shelf does not hold the product or cannot show it.
    fn take(&self, sku: &Sku, side: Side, chance: &mut Chance) -> Result<Piece, StockError>;
}

/// Draws a mass: normal, cut off at three deviations, never below a fifth of the mean.
pub fn weigh(weight: UnitWeight, chance: &mut Chance) -> Grams {
    let deviation = f64::from(chance.normal().clamp(-3.0, 3.0));
    Grams((weight.mean.0 + weight.spread.0 * deviation).max(weight.mean.0 * 0.2))
}

/// The error for a product that `catalog` does not hold.
pub fn unknown(sku: &Sku, catalog: &Catalog) -> StockError {
    let some: Vec<&str> = catalog.products.keys().take(4).map(Sku::as_str).collect();
    StockError::Unknown { sku: sku.clone(), some: some.join(", ") }
}

impl Stock for Shelf {
    fn catalog(&self) -> &Catalog {
        Shelf::catalog(self)
    }

    fn take(&self, sku: &Sku, side: Side, chance: &mut Chance) -> Result<Piece, StockError> {
        let good = self.good(sku).ok_or_else(|| unknown(sku, Shelf::catalog(self)))?;
        let weight = good.product.weight;
        let mass = weigh(weight, chance);
        let body = Arc::new(piece(good, chance.bits() as u32, (mass.0 / weight.mean.0) as f32));
        let side = if good.has_code() { side } else { Side::Any };
        Ok(Piece {
            sku: Some(sku.clone()),
            mass,
            body,
            turn: lying(&good.shape, side, chance),
            rolls: matches!(good.look, Look::Grown(_)) || matches!(good.shape, Shape::Turned { .. }),
            module: match &good.look {
                Look::Printed(print, _) if side == Side::Code => Some(print.module(&good.shape)),
                _ => None,
            },
        })
    }
}

/// Things that are the shopper's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnThing {
    /// A telephone.
    Phone,
    /// A cloth bag with something in it.
    Bag,
    /// A folded coat.
    Coat,
}

impl OwnThing {
    /// The thing; sizes and masses are estimates.
    pub fn piece(self, chance: &mut Chance) -> Piece {
        let (shape, mass, spread, colour) = match self {
            OwnThing::Phone => (Shape::Box { size: [0.074, 0.152, 0.009] }, 190.0, 25.0, [26, 27, 30]),
            OwnThing::Bag => (Shape::Pouch { size: [0.24, 0.26, 0.06] }, 620.0, 180.0, [112, 96, 74]),
            OwnThing::Coat => (Shape::Pouch { size: [0.32, 0.26, 0.09] }, 900.0, 250.0, [52, 62, 84]),
        };
        let (width, height) = shape.sheet_mm();
        let mut brush = Brush::new(width, height, 0.5, colour);
        if self != OwnThing::Phone {
            brush.fill(|x, y| {
                let weave = ((x * 160.0).sin() * (y * 160.0).sin() * 9.0) as i16;
                colour.map(|part| (i16::from(part) + weave).clamp(0, 255) as u8)
            });
        }
        let weight = UnitWeight { mean: Grams(mass), spread: Grams(spread), unsure: Grams(0.0) };
        let mesh = Arc::new(shape.mesh(chance.bits() as u32));
        let gloss = if self == OwnThing::Phone { 0.8 } else { 0.0 };
        Piece {
            sku: None,
            mass: weigh(weight, chance),
            body: Arc::new(Body { mesh, sheet: Arc::new(brush.done()), gloss, tint: [1.0; 3] }),
            turn: lying(&shape, Side::Front, chance),
            rolls: false,
            module: None,
        }
    }
}
