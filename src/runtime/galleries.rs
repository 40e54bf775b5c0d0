//! A new gallery on its way from the store to the camera loop, which takes it between trips and never in the middle of a
//! movement. Until it is taken whole, the old one stays in use.

use super::{Clock, Stop};
use crate::vision::Gallery;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How often the store is asked for a new gallery.
const ASK_EVERY_MS: u64 = 30_000;

/// Gives the store's gallery where there is one that was not given before. It says itself why there is none.
pub type NewGalleries = Box<dyn FnMut() -> Option<Gallery> + Send>;

/// The gallery that is to be taken next, and whether it may be.
#[derive(Clone, Default)]
pub struct NextGallery(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    gallery: Mutex<Option<Gallery>>,
    between_trips: AtomicBool,
}

impl NextGallery {
    /// Offers a gallery in place of one that was offered and not taken yet.
    pub fn offer(&self, gallery: Gallery) {
        *self.0.gallery.lock().unwrap_or_else(PoisonError::into_inner) = Some(gallery);
    }

    /// Says whether nobody shops.
    pub fn set_between_trips(&self, between_trips: bool) {
        self.0.between_trips.store(between_trips, Ordering::Release);
    }

    /// The gallery offered, once, and only between trips.
    pub fn take(&self) -> Option<Gallery> {
        if !self.0.between_trips.load(Ordering::Acquire) {
            return None;
        }
        self.0.gallery.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Asks for new galleries until told to stop, and offers them.
pub fn run(mut galleries: NewGalleries, next: &NextGallery, clock: &Clock, stop: &Stop) {
    let mut asked = clock.now();
    while !stop.asked() {
        if clock.now().millis_since(asked) >= ASK_EVERY_MS {
            if let Some(gallery) = galleries() {
                next.offer(gallery);
            }
            asked = clock.now();
        }
        #[allow(clippy::disallowed_methods, reason = "waiting for time to pass, not for another thread")]
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
