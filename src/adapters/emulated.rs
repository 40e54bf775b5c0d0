//! The emulated cart's camera and scale: the world's pictures and readings, paced by a real clock.
//!
//! They carry what a device would give: pixels or a mass, and a time stamp. What lies in the basket stays in the world.

use crate::domain::units::{Grams, Stamp};
use crate::emulator::camera::{Camera, Setting};
use crate::emulator::load_cell::{CellSettings, LoadCell};
use crate::emulator::shelf::Shelf;
use crate::emulator::world::World;
use crate::ports::{CameraError, CountsSource, Frame, FrameSource, ScaleError, WeightSample, WeightSource};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time between two pictures: 20 a second.
const FRAME_MICROS: u64 = 50_000;

type Now = Box<dyn Fn() -> Stamp + Send>;

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_until(due: Stamp, now: &Now) {
    let micros = due.0.saturating_sub(now().0);
    #[allow(clippy::disallowed_methods, reason = "an emulated device takes the time that a real one takes")]
    std::thread::sleep(Duration::from_micros(micros));
}

/// A camera above the emulated basket.
pub struct EmulatedCamera {
    world: Arc<Mutex<World>>,
    camera: Camera,
    now: Now,
    due: Stamp,
}

impl EmulatedCamera {
    /// A camera over `world`, whose noise is fixed by `seed`.
    pub fn new(world: Arc<Mutex<World>>, seed: u64, now: impl Fn() -> Stamp + Send + 'static) -> EmulatedCamera {
        let camera = Camera::new(Setting { seed, ..Setting::default() });
        EmulatedCamera { world, camera, now: Box::new(now), due: Stamp(0) }
    }
}

impl FrameSource for EmulatedCamera {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        wait_until(self.due, &self.now);
        let (at, resting, moving, covered) = {
            // The time is read when the world is held: it may have gone on while somebody else held it.
            let mut world = lock(&self.world);
            let at = (self.now)();
            // A late reader gets the newest picture; those it missed were never taken.
            self.due = Stamp((self.due.0 + FRAME_MICROS).max(at.0 + FRAME_MICROS / 2));
            if world.is_unplugged() {
                return Err(CameraError::Lost { reason: "its plug is out".to_owned() });
            }
            world.advance(at);
            // Drawing takes milliseconds: the scale and the panel must not wait for it.
            (at, world.resting().to_vec(), world.moving(at), world.is_covered())
        };
        self.camera.take(&resting, &moving, covered, at, frame);
        Ok(())
    }
}

/// A load cell under the emulated basket.
pub struct EmulatedScale {
    world: Arc<Mutex<World>>,
    cell: LoadCell,
    now: Now,
}

impl EmulatedScale {
    /// A scale under `world`, whose noise is fixed by `seed`.
    pub fn new(world: Arc<Mutex<World>>, seed: u64, now: impl Fn() -> Stamp + Send + 'static) -> EmulatedScale {
        EmulatedScale { world, cell: LoadCell::new(CellSettings::default(), seed), now: Box::new(now) }
    }
}

impl WeightSource for EmulatedScale {
    fn next_sample(&mut self) -> Result<WeightSample, ScaleError> {
        let due = self.cell.next_at();
        wait_until(due, &self.now);
        // A converter keeps its pace however late it is read: readings that were missed come at once, with their stamps.
        let mut world = lock(&self.world);
        let now = (self.now)();
        let at = if now.millis_since(due) > 500 { now } else { due.max(Stamp(1)) };
        world.advance(at);
        self.cell.sample(&world, at)
    }
}

/// Counts with nothing in the emulated basket.
const ZERO_COUNTS: f64 = 84_000.0;

/// The basket over the emulated cell, for whoever calibrates it.
#[derive(Clone)]
pub struct EmulatedBasket {
    world: Arc<Mutex<World>>,
    time: Arc<Mutex<Stamp>>,
    corners: [f64; 4],
}

impl EmulatedBasket {
    /// Lays a weight in place of what lay there, into the middle or over one of the four corners.
    pub fn lay(&self, weight: Grams, corner: Option<usize>) {
        let now = *self.time.lock().unwrap_or_else(PoisonError::into_inner);
        let off = corner.and_then(|corner| self.corners.get(corner)).copied().unwrap_or_default();
        lock(&self.world).rest_by_hand(now, Grams(weight.0 * (1.0 + off)));
    }
}

/// The raw counts of an emulated cell, on a clock of its own that runs as fast as they are read.
pub struct EmulatedCounts {
    basket: EmulatedBasket,
    cell: LoadCell,
}

impl EmulatedCounts {
    /// A cell whose noise is fixed by `seed` and which feels each corner by so large a share more than the middle.
    pub fn new(seed: u64, corners: [f64; 4]) -> EmulatedCounts {
        let world = Arc::new(Mutex::new(World::new(Shelf::own(), seed)));
        let basket = EmulatedBasket { world, time: Arc::default(), corners };
        EmulatedCounts { basket, cell: LoadCell::new(CellSettings::default(), seed) }
    }

    /// The basket over this cell.
    pub fn basket(&self) -> EmulatedBasket {
        self.basket.clone()
    }
}

impl CountsSource for EmulatedCounts {
    fn next_counts(&mut self) -> Result<(Stamp, i32), ScaleError> {
        let due = self.cell.next_at();
        let mut world = lock(&self.basket.world);
        world.advance(due);
        *self.basket.time.lock().unwrap_or_else(PoisonError::into_inner) = due;
        let sample = self.cell.sample(&world, due)?;
        Ok((sample.at, (ZERO_COUNTS + sample.load.0 * CellSettings::default().counts_per_gram).round() as i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Sku;
    use crate::emulator::world::{Put, ScaleState};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A clock that goes on by six milliseconds each time it is read: about as fast as the tests read the scale.
    fn hasty() -> impl Fn() -> Stamp + Send + 'static {
        let time = AtomicU64::new(0);
        move || Stamp(time.fetch_add(6000, Ordering::Relaxed))
    }

    fn world() -> Arc<Mutex<World>> {
        Arc::new(Mutex::new(World::new(Shelf::own(), 1)))
    }

    #[test]
    fn pictures_come_in_the_order_of_time_and_carry_the_size_of_the_camera() {
        let mut camera = EmulatedCamera::new(world(), 1, hasty());
        let (mut frame, mut last) = (Frame::default(), None);
        for _ in 0..3 {
            camera.next_frame(&mut frame).expect("a picture");
            assert!(last.is_none_or(|last| frame.at > last));
            assert_eq!(frame.rgb.len(), (frame.width * frame.height * 3) as usize);
            last = Some(frame.at);
        }
    }

    #[test]
    fn a_picture_bears_the_time_of_what_it_shows_however_long_the_world_was_held() {
        let (world, time) = (world(), Arc::new(AtomicU64::new(0)));
        let mut held = lock(&world);
        let (asked, asks) = std::sync::mpsc::channel();
        let taker = std::thread::spawn({
            let (world, time) = (Arc::clone(&world), Arc::clone(&time));
            move || {
                let now = move || {
                    asked.send(()).expect("the test listens");
                    Stamp(time.load(Ordering::SeqCst))
                };
                let mut frame = Frame::default();
                EmulatedCamera::new(world, 1, now).next_frame(&mut frame).map(|()| frame.at)
            }
        });
        asks.recv().expect("it looks whether the picture is due");
        // While somebody holds the world two seconds pass, and what was on its way lands.
        time.store(2_000_000, Ordering::SeqCst);
        held.advance(Stamp(2_000_000));
        drop(held);
        assert_eq!(taker.join().expect("it takes the picture").expect("a picture"), Stamp(2_000_000));
    }

    #[test]
    fn a_camera_without_its_plug_is_a_fault_until_it_is_back() {
        let world = world();
        let mut camera = EmulatedCamera::new(Arc::clone(&world), 1, hasty());
        let mut frame = Frame::default();
        lock(&world).unplug_camera(true);
        assert!(matches!(camera.next_frame(&mut frame), Err(CameraError::Lost { .. })));
        lock(&world).unplug_camera(false);
        assert!(camera.next_frame(&mut frame).is_ok());
    }

    #[test]
    fn the_scale_feels_what_is_put_in_and_a_disconnected_one_is_missing() {
        let world = world();
        let mut scale = EmulatedScale::new(Arc::clone(&world), 1, hasty());
        lock(&world).put(Stamp::default(), &Sku::new("rice"), Put::default()).expect("is on the shelf");
        let mut last = WeightSample { at: Stamp::default(), load: Default::default() };
        while last.at < Stamp::from_millis(5000) {
            let sample = scale.next_sample().expect("a reading");
            assert!(sample.at > last.at);
            last = sample;
        }
        let mass = lock(&world).mass();
        assert!((last.load.0 - mass.0).abs() < 6.0, "{} for {mass}", last.load);
        lock(&world).set_scale(ScaleState::Disconnected);
        assert!(matches!(scale.next_sample(), Err(ScaleError::Missing { .. })));
    }
}
