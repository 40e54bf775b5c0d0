//! The emulated cart's camera and scale: the world's pictures and readings, paced by a real clock.
//!
//! They carry what a device would give: pixels or a mass, and a time stamp. What lies in the basket stays in the world.

use crate::domain::units::Stamp;
use crate::emulator::camera::{Camera, Setting};
use crate::emulator::load_cell::{CellSettings, LoadCell};
use crate::emulator::world::World;
use crate::ports::{CameraError, Frame, FrameSource, ScaleError, WeightSample, WeightSource};
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
        let at = (self.now)();
        // A late reader gets the newest picture; those it missed were never taken.
        self.due = Stamp((self.due.0 + FRAME_MICROS).max(at.0 + FRAME_MICROS / 2));
        let mut world = lock(&self.world);
        if world.is_unplugged() {
            return Err(CameraError::Lost { reason: "its plug is out".to_owned() });
        }
        world.advance(at);
        self.camera.render(&world, at, frame);
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
        let late = (self.now)().millis_since(due) > 500;
        let at = if late { (self.now)() } else { due.max(Stamp(1)) };
        let mut world = lock(&self.world);
        world.advance(at);
        self.cell.sample(&world, at)
    }
}
