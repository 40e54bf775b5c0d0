//! The cart's window without a display: drawn into memory, touched at pixels, under a clock that only moves when told.
//!
//! For tests, and for the pictures of a trip played where there is no display. One thread of a process can hold such
//! screens, because the window library has one event queue.

use super::pictures::PictureDesk;
use super::ui;
use super::window::{Screen, ScreenError};
use crate::domain::catalog::Language;
use crate::domain::staff::StaffCode;
use crate::domain::units::Sku;
use image::ImageEncoder;
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{EventLoopProxy, Platform, PointerEventButton, WindowAdapter, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, PhysicalSize, PlatformError, Rgb8Pixel, SharedString};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

type Event = Box<dyn FnOnce() + Send>;
type Queue = Arc<Mutex<VecDeque<Event>>>;

/// What the windows of this thread share.
#[derive(Default)]
struct Stage {
    clock: Cell<Duration>,
    newest_window: RefCell<Option<Rc<MinimalSoftwareWindow>>>,
    queue: Queue,
}

thread_local! {
    static STAGE: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

struct MemoryPlatform(Rc<Stage>);

impl Platform for MemoryPlatform {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        let window = MinimalSoftwareWindow::new(RepaintBufferType::NewBuffer);
        *self.0.newest_window.borrow_mut() = Some(window.clone());
        Ok(window)
    }

    fn duration_since_start(&self) -> Duration {
        self.0.clock.get()
    }

    fn new_event_loop_proxy(&self) -> Option<Box<dyn EventLoopProxy>> {
        Some(Box::new(MemoryProxy(self.0.queue.clone())))
    }
}

struct MemoryProxy(Queue);

impl EventLoopProxy for MemoryProxy {
    fn quit_event_loop(&self) -> Result<(), slint::EventLoopError> {
        Ok(())
    }

    fn invoke_from_event_loop(&self, event: Event) -> Result<(), slint::EventLoopError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        Ok(())
    }
}

/// Makes this thread the one that holds windows in memory.
pub(super) fn stage() -> Result<(), ScreenError> {
    STAGE.with(|slot| {
        if slot.borrow().is_some() {
            return Ok(());
        }
        let stage = Rc::new(Stage::default());
        slint::platform::set_platform(Box::new(MemoryPlatform(stage.clone()))).map_err(|_| ScreenError::Platform {
            reason: "another thread of this process already holds the windows".into(),
        })?;
        *slot.borrow_mut() = Some(stage);
        Ok(())
    })
}

/// One drawn picture of a window: `width * height * 3` bytes of RGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The pixels, rows from the top.
    pub rgb: Vec<u8>,
}

impl Snapshot {
    /// Writes the picture as a PNG file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), image::ImageError> {
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let encoder = PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Up);
        encoder.write_image(&self.rgb, self.width, self.height, image::ExtendedColorType::Rgb8)
    }
}

/// A place that can be touched, where it is now, in pixels of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct TouchTarget {
    /// Its name, for example `option-1` or `tile-apple`.
    pub name: String,
    /// Distance from the window's left side.
    pub x: f32,
    /// Distance from the window's upper side.
    pub y: f32,
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

impl TouchTarget {
    /// The pixel in its middle.
    pub fn middle(&self) -> (f32, f32) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// A window in memory: whichever component it shows.
pub(super) struct MemoryWindow {
    stage: Rc<Stage>,
    window: Rc<MinimalSoftwareWindow>,
    found: Rc<RefCell<Vec<TouchTarget>>>,
    survey: Cell<i32>,
}

impl MemoryWindow {
    /// Takes the window that `make` makes and gives it a size.
    pub(super) fn holding<T>(
        width: u32,
        height: u32,
        make: impl FnOnce() -> Result<T, ScreenError>,
    ) -> Result<(MemoryWindow, T), ScreenError> {
        stage()?;
        let made = make()?;
        let lost = || ScreenError::Platform { reason: "the window was not made in memory".into() };
        let stage = STAGE.with(|slot| slot.borrow().clone()).ok_or_else(lost)?;
        let window = stage.newest_window.borrow_mut().take().ok_or_else(lost)?;
        window.set_size(PhysicalSize::new(width, height));
        let memory = MemoryWindow { stage, window, found: Rc::default(), survey: Cell::new(0) };
        Ok((memory, made))
    }

    /// Makes what a window's touch targets answer a survey to.
    pub(super) fn finder(&self) -> impl Fn(SharedString, f32, f32, f32, f32) + 'static {
        let found = self.found.clone();
        move |name, x, y, width, height| {
            found.borrow_mut().push(TouchTarget { name: name.to_string(), x, y, width, height });
        }
    }

    /// Asks the window's touch targets where they are, by `ask`, which sets the survey's number.
    pub(super) fn targets(&self, ask: impl Fn(i32)) -> Vec<TouchTarget> {
        self.lay_out();
        self.found.borrow_mut().clear();
        self.survey.set(self.survey.get() + 1);
        ask(self.survey.get());
        self.settle();
        self.found.borrow().clone()
    }

    /// Lets everything that waits happen: events of other threads, bindings, timers that are due.
    pub(super) fn settle(&self) {
        // A bound, so that two events that call each other cannot hold up the caller for ever.
        for _ in 0..100 {
            slint::platform::update_timers_and_animations();
            let event = self.stage.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(event) = event else { break };
            event();
        }
        slint::platform::update_timers_and_animations();
    }

    pub(super) fn advance(&self, millis: u64) {
        self.stage.clock.set(self.stage.clock.get() + Duration::from_millis(millis));
        self.settle();
    }

    /// Finds the middle of the target of this name, where that lies in the window.
    pub(super) fn place_of(&self, name: &str, targets: Vec<TouchTarget>) -> Option<(f32, f32)> {
        let size = self.window.window().size();
        let (x, y) = targets.into_iter().find(|target| target.name == name)?.middle();
        ((0.0..size.width as f32).contains(&x) && (0.0..size.height as f32).contains(&y)).then_some((x, y))
    }

    /// Brings the page's elements into being without drawing them: a finger that hovers nowhere visits them all.
    fn lay_out(&self) {
        // Elements can bring others into being, hence more than once.
        for _ in 0..3 {
            let position = LogicalPosition::new(-1.0, -1.0);
            let _ = self.window.window().dispatch_event_with_result(WindowEvent::PointerMoved { position });
            self.settle();
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.settle();
        let size = self.window.window().size();
        let mut pixels = vec![Rgb8Pixel::default(); size.width as usize * size.height as usize];
        self.lay_out();
        self.window.request_redraw();
        self.window.draw_if_needed(|renderer| {
            renderer.render(&mut pixels, size.width as usize);
        });
        let rgb = pixels.iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
        Snapshot { width: size.width, height: size.height, rgb }
    }

    /// Touches at a pixel: a finger that goes down, stays a moment, and goes up.
    pub(super) fn tap(&self, x: f32, y: f32) {
        let position = LogicalPosition::new(x, y);
        self.settle();
        for event in [
            WindowEvent::PointerMoved { position },
            WindowEvent::PointerPressed { position, button: PointerEventButton::Left },
            WindowEvent::PointerReleased { position, button: PointerEventButton::Left },
            WindowEvent::PointerExited,
        ] {
            // The window in memory has no reason to refuse an event.
            let _ = self.window.window().dispatch_event_with_result(event);
            self.advance(60);
        }
    }

    /// Moves a finger from one pixel to another in small steps.
    pub(super) fn drag(&self, from: (f32, f32), to: (f32, f32)) {
        const STEPS: u16 = 12;
        let at = |share: f32| LogicalPosition::new(from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
        let button = PointerEventButton::Left;
        let mut events = vec![WindowEvent::PointerPressed { position: at(0.0), button }];
        for step in 1..=STEPS {
            events.push(WindowEvent::PointerMoved { position: at(f32::from(step) / f32::from(STEPS)) });
        }
        events.push(WindowEvent::PointerReleased { position: at(1.0), button });
        events.push(WindowEvent::PointerExited);
        for event in events {
            let _ = self.window.window().dispatch_event_with_result(event);
            self.advance(30);
        }
        self.advance(1000);
    }
}

type Fetch = Box<dyn FnMut(&Sku) -> Option<Vec<u8>>>;

/// The cart's window in memory.
pub struct HeadlessScreen {
    screen: Screen,
    memory: MemoryWindow,
    desk: Option<PictureDesk>,
    fetch: RefCell<Fetch>,
}

impl HeadlessScreen {
    /// Makes the window with an inside of `width` by `height` pixels; `fetch` gives PNG or JPEG bytes of pictures.
    ///
    /// # Errors
    /// [`ScreenError`] when another thread of this process already holds windows.
    pub fn new(
        width: u32,
        height: u32,
        language: Language,
        fetch: impl FnMut(&Sku) -> Option<Vec<u8>> + 'static,
    ) -> Result<HeadlessScreen, ScreenError> {
        HeadlessScreen::with_staff_code(width, height, language, None, fetch)
    }

    /// The same, where only who knows `staff_code` can say that a basket is in order.
    ///
    /// # Errors
    /// As [`HeadlessScreen::new`].
    pub fn with_staff_code(
        width: u32,
        height: u32,
        language: Language,
        staff_code: Option<StaffCode>,
        fetch: impl FnMut(&Sku) -> Option<Vec<u8>> + 'static,
    ) -> Result<HeadlessScreen, ScreenError> {
        let (memory, screen) = MemoryWindow::holding(width, height, || Screen::new(language, staff_code))?;
        screen.open()?;
        screen.window.global::<ui::Touch>().on_found(memory.finder());
        let desk = screen.take_picture_desk();
        let fetch = RefCell::new(Box::new(fetch) as Fetch);
        let headless = HeadlessScreen { screen, memory, desk, fetch };
        headless.settle();
        Ok(headless)
    }

    /// The screen itself: to show views and to hear presses.
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Lets everything that waits happen, pictures included.
    pub fn settle(&self) {
        self.memory.settle();
        if let Some(desk) = &self.desk {
            while desk.serve_pending(&mut *self.fetch.borrow_mut()) {
                self.memory.settle();
            }
        }
    }

    /// Moves the window's clock on.
    pub fn advance(&self, millis: u64) {
        self.memory.advance(millis);
        self.settle();
    }

    /// Draws the window.
    pub fn snapshot(&self) -> Snapshot {
        self.settle();
        self.memory.snapshot()
    }

    /// Touches at a pixel.
    pub fn tap(&self, x: f32, y: f32) {
        self.memory.tap(x, y);
        self.settle();
    }

    /// Moves a finger from one pixel to another.
    pub fn drag(&self, from: (f32, f32), to: (f32, f32)) {
        self.memory.drag(from, to);
        self.settle();
    }

    /// Asks all touch targets of the page where they are now.
    pub fn targets(&self) -> Vec<TouchTarget> {
        self.settle();
        self.memory.targets(|number| self.screen.window.global::<ui::Touch>().set_survey(number))
    }

    /// Touches the middle of the target of this name, where it is now; says whether it is in view.
    pub fn tap_target(&self, name: &str) -> bool {
        let Some((x, y)) = self.memory.place_of(name, self.targets()) else { return false };
        self.tap(x, y);
        true
    }
}
