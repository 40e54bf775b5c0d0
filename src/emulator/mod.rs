//! The small world behind the emulated cart: products with shape, look and mass, and a camera that draws them.
//!
//! Nothing here reads a clock or starts a thread; time and chance are arguments. The cart never asks it for an answer.

pub mod basket;
pub mod camera;
pub mod hand;
pub mod packs;
pub mod portrait;
pub mod produce;
pub mod raster;
pub mod scene;
pub mod shapes;
pub mod sheet;
pub mod shelf;
pub mod space;

pub use portrait::{Picture, picture, render_product};
pub use shelf::Shelf;
