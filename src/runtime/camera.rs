//! The camera loop: pictures -> what the cart is told of them.

use super::galleries::NextGallery;
use super::{Clock, Stop};
use crate::domain::cart::{CameraFault, CartInput};
use crate::ports::{CameraError, Frame, FrameSource};
use crate::vision::{Gallery, GalleryError, Sight};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use tracing::{error, info, warn};

/// Turns pictures, one at a time, into inputs of the cart.
pub struct CameraWatch {
    sight: Sight,
    sees: bool,
    moving: bool,
}

impl CameraWatch {
    /// A watch that has seen nothing.
    pub fn new(sight: Sight) -> CameraWatch {
        CameraWatch { sight, sees: false, moving: false }
    }

    /// Takes the next picture. The first one says that the camera can be used.
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
        if !std::mem::replace(&mut self.sees, true) {
            inputs.insert(0, CartInput::CameraRecovered);
        }
        inputs
    }

    /// Takes another gallery where one is offered, nobody shops and nothing moves in view. Says how that went; `None`
    /// where there was nothing to take.
    pub fn take_gallery(&mut self, next: &NextGallery) -> Option<Result<(), GalleryError>> {
        if self.moving {
            return None;
        }
        next.take().map(|gallery: Gallery| self.sight.replace_gallery(gallery))
    }

    /// Forgets what was seen, after pictures were lost.
    pub fn forget(&mut self) {
        self.sight.forget();
        self.sees = false;
        self.moving = false;
    }
}

/// Watches the camera until told to stop or until it ends. `latest` always holds the newest picture, for a display.
pub fn run(
    mut source: Box<dyn FrameSource>,
    sight: Sight,
    clock: Clock,
    stop: Stop,
    next_gallery: NextGallery,
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
                }
                if let Some(Ok(mut latest)) = latest.as_ref().map(|latest| latest.lock()) {
                    latest.clone_from(&frame);
                }
                match watch.take_gallery(&next_gallery) {
                    Some(Ok(())) => info!("the cart recognises by the store's new gallery from now on"),
                    Some(Err(error)) => error!("{error}; the cart goes on with the one it has"),
                    None => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Stamp;
    use crate::ports::ModelId;
    use crate::vision::recogniser::tests::{ColourEmbedder, colours};
    use crate::vision::sight::SightSettings;
    use crate::vision::testing::{Noise, Scene, thing};

    const RED: [u8; 3] = [220, 40, 40];

    /// The best candidate for a red thing that comes in.
    fn named(watch: &mut CameraWatch, start_ms: u64) -> String {
        let mut noise = Noise::new(7);
        let red = Scene::basket().with(thing(300, 240, 120, RED));
        let scenes = std::iter::repeat_n(Scene::basket(), 10).chain(std::iter::repeat_n(red, 10));
        let inputs: Vec<CartInput> = scenes
            .enumerate()
            .flat_map(|(place, scene)| {
                watch.take(&scene.draw(Stamp::from_millis(start_ms + 50 * place as u64), &mut noise))
            })
            .collect();
        let sighted = inputs.iter().rev().find_map(|input| match input {
            CartInput::Sighted(sighting) => Some(sighting.appeared.first()?.sku.to_string()),
            _ => None,
        });
        sighted.unwrap_or_else(|| panic!("{inputs:?}"))
    }

    #[test]
    fn a_new_gallery_is_taken_between_trips_and_never_in_one() {
        let basket = ("basket", [88, 86, 84]);
        let sight =
            Sight::new(Box::new(ColourEmbedder), colours(&[("old-red", RED), basket]), SightSettings::default());
        let mut watch = CameraWatch::new(sight.expect("they fit"));
        let next = NextGallery::default();
        next.offer(colours(&[("new-red", RED), basket]));
        next.set_between_trips(false);
        assert!(watch.take_gallery(&next).is_none());
        assert_eq!(named(&mut watch, 0), "old-red");
        next.set_between_trips(true);
        assert!(matches!(watch.take_gallery(&next), Some(Ok(()))));
        assert!(watch.take_gallery(&next).is_none(), "it is taken once");
        watch.forget();
        assert_eq!(named(&mut watch, 10_000), "new-red");
        // One that another model made is refused, and the cart goes on.
        next.offer(Gallery::empty(ModelId([9; 32]), 6));
        assert!(matches!(watch.take_gallery(&next), Some(Err(GalleryError::OtherModel { .. }))));
        watch.forget();
        assert_eq!(named(&mut watch, 20_000), "new-red");
    }

    #[test]
    fn a_gallery_waits_until_nothing_moves() {
        let gallery = colours(&[("red", RED), ("basket", [88, 86, 84])]);
        let sight = Sight::new(Box::new(ColourEmbedder), gallery.clone(), SightSettings::default());
        let mut watch = CameraWatch::new(sight.expect("they fit"));
        let next = NextGallery::default();
        next.set_between_trips(true);
        let mut noise = Noise::new(3);
        for place in 0..10 {
            watch.take(&Scene::basket().draw(Stamp::from_millis(50 * place), &mut noise));
        }
        let hand = Scene::basket().with(thing(400, 200, 160, [200, 150, 120]));
        let inputs = watch.take(&hand.draw(Stamp::from_millis(500), &mut noise));
        assert_eq!(inputs.first(), Some(&CartInput::ViewMoved));
        next.offer(gallery);
        assert!(watch.take_gallery(&next).is_none());
        for place in 11..30 {
            watch.take(&Scene::basket().draw(Stamp::from_millis(50 * place), &mut noise));
        }
        assert!(matches!(watch.take_gallery(&next), Some(Ok(()))));
    }
}
