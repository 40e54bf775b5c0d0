//! The checkout loop: posts trips and asks after them, one at a time, and always answers.

use crate::domain::cart::CartInput;
use crate::domain::checkout::{StoreAnswer, TripKey, TripOrder};
use crate::ports::{Store, StoreError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use tracing::{info, warn};

/// What the cart wants from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreRequest {
    /// Post this trip.
    Post(TripOrder),
    /// Say what became of this trip.
    Ask(TripKey),
}

/// Carries out one request and turns every outcome into an answer for the cart.
pub fn serve(store: &dyn Store, request: &StoreRequest) -> StoreAnswer {
    let outcome = match request {
        StoreRequest::Post(order) => store.post_trip(order).map(Some),
        StoreRequest::Ask(key) => store.trip(key),
    };
    match outcome {
        Ok(Some(receipt)) => StoreAnswer::Booked(receipt),
        Ok(None) => StoreAnswer::NeverReceived,
        // The store's own trouble says nothing about the trip; only its refusal does.
        Err(StoreError::Refused { status, title, detail })
            if (400..500).contains(&status) && status != 409 && status != 429 =>
        {
            StoreAnswer::Refused { reason: if detail.is_empty() { title } else { detail } }
        }
        Err(error) => StoreAnswer::Silent { reason: error.to_string() },
    }
}

/// Serves requests until the cart hangs up.
pub fn run(store: Arc<dyn Store>, requests: Receiver<StoreRequest>, inputs: SyncSender<CartInput>) {
    for request in requests {
        let answer = serve(store.as_ref(), &request);
        match &answer {
            StoreAnswer::Booked(receipt) => {
                info!("the store booked trip {} as receipt {}", receipt.key, receipt.number)
            }
            StoreAnswer::Refused { reason } => warn!("the store refused the trip: {reason}"),
            StoreAnswer::NeverReceived => warn!("the store never received the trip: it is posted again"),
            StoreAnswer::Silent { reason } => warn!("{reason}"),
        }
        if inputs.send(CartInput::StoreAnswered(answer)).is_err() {
            return;
        }
    }
}
