//! The touchscreen: a pure view model, and the bridge that puts it into Slint windows.
//!
//! [`present()`] turns what the cart shows into ready strings in one language; it knows no window. `window` and `headless`
//! (feature `screen`) draw it. Nothing here decides anything about the basket: a touch becomes a
//! [`crate::domain::cart::Press`] and the cart does the rest.

pub mod format;
mod present;
#[cfg(feature = "screen")]
mod staff;
mod view;
mod words;

#[cfg(feature = "screen")]
mod models;
#[cfg(all(feature = "screen", feature = "emulator"))]
pub mod panel;
#[cfg(feature = "screen")]
pub mod pictures;
#[cfg(feature = "screen")]
mod ui;

#[cfg(feature = "screen")]
pub mod headless;
#[cfg(feature = "screen")]
pub mod window;

pub use present::present;
pub use view::*;
pub use words::Words;
