//! The loops: camera, scale, cart, checkout and new galleries, each on its own thread, joined by bounded channels.
//!
//! Policies: the newest frame wins and dropped ones are counted by the source; a gap in weights is a fault; what reaches
//! the ledger or the checkout is never dropped, its sender waits.

pub mod camera;
pub mod cart;
pub mod checkout;
pub mod galleries;
pub mod recorder;
pub mod scale;

use crate::domain::units::Stamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The program's steady clock: every stamp of a run comes from one of these.
#[derive(Debug, Clone)]
pub struct Clock {
    begin: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        #[allow(clippy::disallowed_methods, reason = "the one place where the running cart reads the clock")]
        Clock { begin: Instant::now() }
    }

    /// The time since the clock began.
    pub fn now(&self) -> Stamp {
        Stamp(self.begin.elapsed().as_micros() as u64)
    }
}

/// Tells all loops to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the loops to end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they have been asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
