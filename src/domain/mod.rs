//! The cart's knowledge of shopping: pure values and decisions, no I/O, clock, thread, randomness or screen type.

pub mod basket;
pub mod calibration;
pub mod cart;
pub mod catalog;
pub mod checkout;
mod exchange;
pub mod fusion;
pub mod gs1;
pub mod offer;
pub mod pricing;
pub mod settle;
pub mod staff;
pub mod units;
pub mod weighing;
