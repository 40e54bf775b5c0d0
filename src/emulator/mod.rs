//! The small world behind the emulated cart: products with shape, look and mass, and a camera that draws them.
//!
//! Nothing here reads a clock or starts a thread; time and chance are arguments. The cart never asks it for an answer.

pub mod basket;
pub mod camera;
pub mod forces;
pub mod hand;
pub mod load_cell;
pub mod motion;
pub mod packs;
pub mod photos;
pub mod portrait;
pub mod produce;
pub mod raster;
pub mod scene;
pub mod shapes;
pub mod sheet;
pub mod shelf;
pub mod space;
pub mod stock;
pub mod world;

pub use camera::Camera;
pub use load_cell::LoadCell;
pub use photos::PhotoShelf;
pub use portrait::{Picture, Side, picture, render_product};
pub use shelf::Shelf;
pub use stock::{OwnThing, Stock, StockError};
pub use world::{ItemId, Put, World};
