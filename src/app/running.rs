//! A running cart: its threads and the channels between them, started and stopped in one place.

#![cfg_attr(
    not(all(feature = "emulator", feature = "store", feature = "screen-desktop")),
    allow(dead_code, reason = "only a laptop's panel looks at all of it")
)]

use crate::domain::cart::{Cart, CartInput};
use crate::domain::settle::SettleSettings;
use crate::domain::units::Grams;
use crate::ports::{Frame, FrameSource, Journal, JournalError, Store, WeightSource};
use crate::runtime::cart::{Audience, CartLoop};
use crate::runtime::galleries::{NewGalleries, NextGallery};
use crate::runtime::recorder::Recorder;
use crate::runtime::{Clock, Stop, camera, checkout, galleries, scale};
use crate::vision::Sight;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

/// How many inputs may wait for the cart; a sender waits when they do.
const WAITING_INPUTS: usize = 256;
/// How many requests may wait for the store; the cart has at most one trip under way.
const WAITING_REQUESTS: usize = 8;

/// What a cart is made of.
pub struct CartParts {
    /// The camera.
    pub camera: Box<dyn FrameSource>,
    /// The scale.
    pub scale: Box<dyn WeightSource>,
    /// The recogniser.
    pub sight: Sight,
    /// New galleries of the store; none where the gallery was named by hand.
    pub new_galleries: Option<NewGalleries>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// The cart, new or restored.
    pub cart: Cart,
    /// The recording, where one is made.
    pub recorder: Option<Recorder>,
    /// Who is shown what.
    pub audience: Box<dyn Audience>,
    /// How the load is settled.
    pub settle: SettleSettings,
    /// The clock of all stamps.
    pub clock: Clock,
}

/// A cart whose loops run.
pub struct RunningCart {
    /// Where presses go.
    pub inputs: SyncSender<CartInput>,
    /// The newest picture.
    pub picture: Arc<Mutex<Frame>>,
    /// The newest reading; none while there is none.
    pub load: Arc<Mutex<Option<Grams>>>,
    stop: Stop,
    sensors: Vec<JoinHandle<()>>,
    cart: JoinHandle<Result<Cart, JournalError>>,
}

impl RunningCart {
    /// Starts the loops.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(parts: CartParts) -> Result<RunningCart, std::io::Error> {
        let stop = Stop::default();
        let (inputs, waiting) = sync_channel(WAITING_INPUTS);
        let (requests, to_store) = sync_channel(WAITING_REQUESTS);
        let picture = Arc::new(Mutex::new(Frame::default()));
        let load = Arc::new(Mutex::new(None));
        let next_gallery = NextGallery::default();
        let thread = |name: &str| Builder::new().name(name.to_owned());
        let camera = {
            let (inputs, clock, stop, picture) = (inputs.clone(), parts.clock.clone(), stop.clone(), picture.clone());
            let (source, sight, next) = (parts.camera, parts.sight, next_gallery.clone());
            thread("camera").spawn(move || camera::run(source, sight, clock, stop, next, Some(picture), inputs))?
        };
        let scale = {
            let (inputs, clock, stop, load) = (inputs.clone(), parts.clock.clone(), stop.clone(), load.clone());
            let (source, settle) = (parts.scale, parts.settle);
            thread("scale").spawn(move || scale::run(source, settle, clock, stop, load, inputs))?
        };
        {
            let (inputs, store) = (inputs.clone(), parts.store);
            // It ends by itself when the cart hangs up; waiting for it would wait for the network.
            thread("checkout").spawn(move || checkout::run(store, to_store, inputs))?;
        }
        if let Some(new_galleries) = parts.new_galleries {
            let (next, clock, stop) = (next_gallery.clone(), parts.clock.clone(), stop.clone());
            // It ends by itself when told to; waiting for it would wait for the network.
            thread("galleries").spawn(move || galleries::run(new_galleries, &next, &clock, &stop))?;
        }
        let cart = {
            let (clock, stop) = (parts.clock, stop.clone());
            let (cart, journal, recorder, audience) = (parts.cart, parts.journal, parts.recorder, parts.audience);
            let cart = CartLoop { cart, journal, recorder, requests, audience, next_gallery };
            thread("cart").spawn(move || cart.run(&waiting, &clock, &stop))?
        };
        Ok(RunningCart { inputs, picture, load, stop, sensors: vec![camera, scale], cart })
    }

    /// Whether the cart's own loop still runs.
    pub fn is_alive(&self) -> bool {
        !self.cart.is_finished()
    }

    /// Stops the loops and gives the cart as they left it.
    ///
    /// # Errors
    /// [`JournalError`] when the cart stopped by itself because it could not write.
    ///
    /// # Panics
    /// When a loop panicked: a defect that must not pass for a normal end.
    pub fn stop(self) -> Result<Cart, JournalError> {
        self.stop.ask();
        let cart = self.cart.join().expect("the cart's loop ended in a panic");
        drop(self.inputs);
        for sensor in self.sensors {
            sensor.join().expect("a sensor's loop ended in a panic");
        }
        cart
    }
}
