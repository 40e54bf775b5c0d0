//! Fusion: candidates by sight, the weight change and codes -> added, removed, own thing, nothing, ask or unknown.

use super::units::{Gtin, Sku, Stamp};
use serde::{Deserialize, Serialize};

/// A product and how much the picture looks like it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The product.
    pub sku: Sku,
    /// Cosine similarity of the pooled embedding to the product's nearest gallery entry, -1 to 1.
    pub similarity: f32,
}

/// What the camera saw change between two moments at which nothing moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// When something began to move in view.
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
}

/// A code read in the camera's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSighting {
    /// When it was first read.
    pub at: Stamp,
    /// The number in it.
    pub gtin: Gtin,
}
