//! The onboard application of a smart shopping cart.
//!
//! The life of an item:
//! 1. A shopper drops it; the load cell rings and the camera sees something move.
//! 2. `runtime::scale` turns samples into one settled change ([`domain::settle`]).
//! 3. `runtime::camera` finds what changed in view, crops it, and asks the model and the gallery what it looks like.
//! 4. Both post a [`domain::cart::CartInput`] to one bounded channel.
//! 5. [`domain::cart::Cart::handle`] lets [`domain::fusion`] weigh the evidence and books a line, asks, or does nothing.
//! 6. What it booked is journaled, then shown.
//! 7. At checkout the trip is posted under one key until the store has answered.
//! 8. The store prices it with the same [`domain::pricing`] and returns the receipt.

pub mod adapters;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod enrol;
pub mod eval;
pub mod photos;
pub mod ports;
pub mod runtime;
pub mod screen;
#[cfg(feature = "emulator")]
pub mod simulation;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "emulator")]
pub mod trip;
pub mod vision;
pub mod wire;
