//! The camera loop: pictures -> what the cart is told of them.

use super::{Clock, Stop};
use crate::domain::cart::{CameraFault, CartInput};
use crate::ports::{CameraError, Frame, FrameSource};
use crate::vision::Sight;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use tracing::{info, warn};

/// Turns pictures, one at a time, into inputs of the cart.
pub struct CameraWatch {
    sight: Sight,
    moving: bool,
}

impl CameraWatch {
    /// A watch that has seen nothing.
    pub fn new(sight: Sight) -> CameraWatch {
        CameraWatch { sight, moving: false }
    }

    /// Takes the next picture.
    pub fn take(&mut self, frame: &Frame) -> Vec<CartInput> {
        let mut inputs = self.sight.see(frame);
        let moving = self.sight.is_moving();
        match (std::mem::replace(&mut self.moving, moving), moving) {
            (false, true) => inputs.insert(0, CartInput::ViewMoved),
            (true, false) if !inputs.iter().any(|input| matches!(input, CartInput::Sighted(_))) => {
                inputs.push(CartInput::ViewStilled);
            }
            _ => {}
        }
        inputs
    }

    /// Forgets what was seen, after pictures were lost.
    pub fn forget(&mut self) {
        self.sight.forget();
        self.moving = false;
    }
}

/// Watches the camera until told to stop or until it ends. `latest` always holds the newest picture, for a display.
pub fn run(
    mut source: Box<dyn FrameSource>,
    sight: Sight,
    clock: Clock,
    stop: Stop,
    latest: Option<Arc<Mutex<Frame>>>,
    inputs: SyncSender<CartInput>,
) {
    let mut watch = CameraWatch::new(sight);
    let mut frame = Frame::default();
    let mut lost = false;
    while !stop.asked() {
        match source.next_frame(&mut frame) {
            Ok(()) => {
                if std::mem::take(&mut lost) {
                    info!("the camera gives pictures again");
                    if inputs.send(CartInput::CameraRecovered).is_err() {
                        return;
                    }
                }
                if let Some(Ok(mut latest)) = latest.as_ref().map(|latest| latest.lock()) {
                    latest.clone_from(&frame);
                }
                for input in watch.take(&frame) {
                    if inputs.send(input).is_err() {
                        return;
                    }
                }
            }
            Err(CameraError::Ended) => return,
            Err(error) => {
                if !std::mem::replace(&mut lost, true) {
                    warn!("{error}");
                    watch.forget();
                    if inputs.send(CartInput::CameraFaulted(CameraFault::Lost)).is_err() {
                        return;
                    }
                }
                pause(&clock, &stop);
            }
        }
    }
}

/// A camera that is gone is asked for again once a second.
fn pause(clock: &Clock, stop: &Stop) {
    let until = clock.now().plus_millis(1000);
    while clock.now() < until && !stop.asked() {
        #[allow(clippy::disallowed_methods, reason = "waiting for a device, not for another thread")]
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
