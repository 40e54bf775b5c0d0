//! Sight: from camera pictures to what came into view and what left it.
//!
//! Pure over pixels: no clock, thread, file of its own accord or network. [`Sight`] is the whole chain, one picture a
//! step; the other modules are its links and can be used alone.

pub mod change;
pub mod codes;
pub mod crop;
mod dots;
pub mod gallery;
pub mod grid;
pub mod recogniser;
pub mod region;
pub mod resize;
pub mod sight;
#[cfg(test)]
pub(crate) mod testing;

pub use change::{ChangeFinder, ChangeSettings, SceneEvent};
pub use crop::{Cropper, Rectangle};
pub use gallery::{Gallery, GalleryError};
pub use recogniser::{Look, Recogniser};
pub use sight::{Sight, SightSettings};
