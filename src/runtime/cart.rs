//! The cart loop: the one owner of the cart. Inputs in, orders out, in this order: journal, screen, store.

use super::checkout::StoreRequest;
use super::galleries::NextGallery;
use super::recorder::Recorder;
use super::{Clock, Stop};
use crate::domain::cart::{Cart, CartInput, CartOutput, CartView, Sound};
use crate::domain::catalog::Catalog;
use crate::ports::{Journal, JournalError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;
use tracing::warn;

/// What the cart loop reports to whoever shows or watches it. Called on the cart's thread: it must not block.
pub trait Audience: Send {
    /// The screen has something new.
    fn show(&mut self, view: CartView, catalog: &Arc<Catalog>);
    /// A sound is due.
    fn play(&mut self, sound: Sound);
    /// An input was handled and led to these orders.
    fn handled(&mut self, input: &CartInput, outputs: &[CartOutput], cart: &Cart);
}

/// The parts that a cart loop works with.
pub struct CartLoop {
    /// The cart.
    pub cart: Cart,
    /// Where its entries go before anything else happens.
    pub journal: Box<dyn Journal>,
    /// Where its inputs and orders are recorded, where they are.
    pub recorder: Option<Recorder>,
    /// Where requests to the store go.
    pub requests: SyncSender<StoreRequest>,
    /// Who watches.
    pub audience: Box<dyn Audience>,
    /// Who wants to know whether somebody shops.
    pub next_gallery: NextGallery,
}

impl CartLoop {
    /// Handles inputs until told to stop. Returns the cart as it was left.
    ///
    /// # Errors
    /// [`JournalError`] when an entry cannot be made durable: selling on would lose it, so the loop ends instead.
    pub fn run(mut self, inputs: &Receiver<CartInput>, clock: &Clock, stop: &Stop) -> Result<Cart, JournalError> {
        let now = clock.now();
        self.next_gallery.set_between_trips(self.cart.between_trips());
        self.audience.show(self.cart.view(now), &self.cart.catalog().clone());
        while !stop.asked() {
            let now = clock.now();
            // The load's "still moving" notice grows old without an input, so the view is refreshed now and then.
            let wake = self.cart.next_timeout().unwrap_or(now.plus_millis(500));
            let wait =
                Duration::from_micros(wake.0.saturating_sub(now.0)).clamp(Duration::ZERO, Duration::from_millis(500));
            let input = match inputs.recv_timeout(wait) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) => CartInput::Ticked,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.step(&input, clock)?;
        }
        Ok(self.cart)
    }

    fn step(&mut self, input: &CartInput, clock: &Clock) -> Result<(), JournalError> {
        let now = clock.now();
        let outputs = self.cart.handle(input.clone(), now);
        self.next_gallery.set_between_trips(self.cart.between_trips());
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.record(now, input, &outputs)
        {
            warn!("{error}: the recording ends here");
            self.recorder = None;
        }
        for output in &outputs {
            match output {
                CartOutput::Journal(entry) => self.journal.append(entry)?,
                CartOutput::Show => self.audience.show(self.cart.view(now), &self.cart.catalog().clone()),
                CartOutput::Play(sound) => self.audience.play(*sound),
                CartOutput::PostTrip(order) => self.request(StoreRequest::Post(order.clone())),
                CartOutput::AskTrip(key) => self.request(StoreRequest::Ask(key.clone())),
            }
        }
        if *input == CartInput::Ticked && self.cart.load_moves() {
            self.audience.show(self.cart.view(now), &self.cart.catalog().clone());
        }
        self.audience.handled(input, &outputs, &self.cart);
        Ok(())
    }

    fn request(&self, request: StoreRequest) {
        // The checkout loop lives as long as this one; a full queue only means that it is busy, and the cart asks again.
        if self.requests.try_send(request).is_err() {
            warn!("the checkout loop is busy");
        }
    }
}
