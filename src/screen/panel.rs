//! The emulator's panel: a second window whose touches become [`PanelAction`]s, for whoever moves the emulated world.
//!
//! It shows what a bystander would see (the camera's picture, the scale's reading, what lies in the basket) and knows
//! nothing of what the cart makes of it.

use super::headless::{MemoryWindow, Snapshot};
use super::view::initial;
use super::window::ScreenError;
use super::words::PanelWords;
use super::{format, models, pictures, ui};
use crate::domain::catalog::Language;
use crate::domain::units::{Grams, Sku};
use slint::{ComponentHandle, Rgb8Pixel, Rgba8Pixel, SharedPixelBuffer};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// The side in pixels that the shelf's pictures are shown at.
const PICTURE_SIDE: u32 = 74;

/// What somebody does to the emulated cart.
#[derive(Debug, Clone, PartialEq)]
pub enum PanelAction {
    /// A hand drops so many pieces of a product into the basket.
    Drop {
        /// The product.
        sku: Sku,
        /// How many at once.
        count: u32,
    },
    /// A hand takes out the thing with this number (see [`PanelItem::id`]).
    TakeOut {
        /// The thing's number.
        item: u64,
    },
    /// Somebody bumps into the cart.
    Bump,
    /// Somebody leans on the cart for a while.
    Lean,
    /// The cart rolls for a while.
    Roll,
    /// The camera is covered, or free again.
    CoverCamera(bool),
    /// The scale repeats its last reading, or works again.
    FreezeScale(bool),
    /// The scale gives no reading, or works again.
    DisconnectScale(bool),
    /// The shopper's own phone goes into the basket.
    PutOwnThing,
    /// The scale shall feel this load (beside a webcam, where no emulated things lie in the basket).
    SetLoad(Grams),
}

/// What the emulated surroundings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelMode {
    /// Emulated things before an emulated camera.
    Shelf,
    /// Real things before a webcam; only the scale is emulated.
    Webcam,
}

/// One product on the panel's shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelProduct {
    /// The product.
    pub sku: Sku,
    /// Its name.
    pub name: String,
    /// Its picture as PNG or JPEG bytes; empty where there is none.
    pub picture: Vec<u8>,
}

/// One thing in the emulated basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelItem {
    /// Its number, given by the emulated world.
    pub id: u64,
    /// The product, where it is one of the shelf's.
    pub sku: Option<Sku>,
    /// Its name.
    pub name: String,
}

/// What other threads have sent and the panel has not yet drawn: the newest of each kind.
#[derive(Default)]
struct Pending {
    shelf: Option<Vec<(PanelProduct, Option<SharedPixelBuffer<Rgba8Pixel>>)>>,
    items: Option<Vec<PanelItem>>,
    frame: Option<SharedPixelBuffer<Rgb8Pixel>>,
    load: Option<Option<Grams>>,
    language: Option<Language>,
    announced: bool,
}

/// Changes what the panel shows, from any thread.
#[derive(Clone)]
pub struct PanelHandle {
    pending: Arc<Mutex<Pending>>,
    window: slint::Weak<ui::PanelWindow>,
}

impl PanelHandle {
    /// Fills the shelf; the pictures are decoded on the calling thread.
    pub fn set_shelf(&self, products: Vec<PanelProduct>) {
        let decoded = products.into_iter().map(|mut product| {
            let bytes = std::mem::take(&mut product.picture);
            (product, pictures::decode(&bytes, PICTURE_SIDE).ok())
        });
        let decoded = decoded.collect();
        self.change(|pending| pending.shelf = Some(decoded));
    }

    /// Lists what lies in the basket.
    pub fn set_items(&self, items: Vec<PanelItem>) {
        self.change(|pending| pending.items = Some(items));
    }

    /// Shows a camera picture of `width * height * 3` bytes of RGB; a picture of another length is left out.
    pub fn set_frame(&self, rgb: &[u8], width: u32, height: u32) {
        if rgb.len() == width as usize * height as usize * 3 {
            let frame = SharedPixelBuffer::clone_from_slice(rgb, width, height);
            self.change(|pending| pending.frame = Some(frame));
        }
    }

    /// Shows the scale's reading; `None` where it gives none.
    pub fn set_load(&self, load: Option<Grams>) {
        self.change(|pending| pending.load = Some(load));
    }

    /// Changes the panel's language.
    pub fn set_language(&self, language: Language) {
        self.change(|pending| pending.language = Some(language));
    }

    fn change(&self, change: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut pending);
        if !std::mem::replace(&mut pending.announced, true) {
            // A panel that is gone shows nothing any more.
            let _ = self.window.upgrade_in_event_loop(|window| window.global::<ui::PanelTouch>().invoke_refresh());
        }
    }
}

/// What the panel remembers on its own thread.
struct State {
    language: Language,
    count: u32,
    covered: bool,
    frozen: bool,
    disconnected: bool,
    load: Option<Grams>,
    shelf: Vec<Sku>,
    pictures: BTreeMap<Sku, slint::Image>,
    items: Vec<u64>,
}

type ActionHeard = Rc<RefCell<Box<dyn Fn(PanelAction)>>>;

/// The panel's window.
pub struct Panel {
    window: ui::PanelWindow,
    pending: Arc<Mutex<Pending>>,
    action_heard: ActionHeard,
}

impl Panel {
    /// Makes the window, not yet visible.
    ///
    /// # Errors
    /// [`ScreenError`] when there is no display.
    pub fn new(language: Language, mode: PanelMode) -> Result<Panel, ScreenError> {
        let window = ui::PanelWindow::new().map_err(ScreenError::platform)?;
        let state = Rc::new(RefCell::new(State {
            language,
            count: 1,
            covered: false,
            frozen: false,
            disconnected: false,
            load: None,
            shelf: Vec::new(),
            pictures: BTreeMap::new(),
            items: Vec::new(),
        }));
        let pending = Arc::new(Mutex::new(Pending::default()));
        let action_heard: ActionHeard = Rc::new(RefCell::new(Box::new(|_| {})));
        window.global::<ui::PanelView>().set_webcam(mode == PanelMode::Webcam);
        state.borrow().draw_texts(&window);

        let touch = window.global::<ui::PanelTouch>();
        touch.on_refresh({
            let (window, state, pending) = (window.as_weak(), state.clone(), pending.clone());
            move || {
                let newest = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
                if let Some(window) = window.upgrade() {
                    state.borrow_mut().refresh(&window, newest);
                }
            }
        });
        touch.on_acted({
            let (window, action_heard) = (window.as_weak(), action_heard.clone());
            move |act, which| {
                let Some(window) = window.upgrade() else { return };
                let action = state.borrow_mut().acted(&window, act, which);
                if let Some(action) = action {
                    (action_heard.borrow())(action);
                }
            }
        });
        window.window().on_close_requested(|| {
            let _ = slint::quit_event_loop();
            slint::CloseRequestResponse::HideWindow
        });
        Ok(Panel { window, pending, action_heard })
    }

    /// Says who hears the actions. It is called on the window's thread and must not wait for anything.
    pub fn on_action(&self, heard: impl Fn(PanelAction) + 'static) {
        *self.action_heard.borrow_mut() = Box::new(heard);
    }

    /// Gives a handle for other threads.
    pub fn handle(&self) -> PanelHandle {
        PanelHandle { pending: self.pending.clone(), window: self.window.as_weak() }
    }

    /// Gives the size of the window's inside, in pixels.
    pub fn set_size(&self, width: u32, height: u32) {
        self.window.window().set_size(slint::LogicalSize::new(width as f32, height as f32));
    }

    /// Places the window on the desktop, where the desktop allows it.
    pub fn set_position(&self, left: i32, top: i32) {
        self.window.window().set_position(slint::LogicalPosition::new(left as f32, top as f32));
    }

    /// Makes the window visible.
    ///
    /// # Errors
    /// [`ScreenError`] when the windowing system refuses.
    pub fn open(&self) -> Result<(), ScreenError> {
        self.window.show().map_err(ScreenError::platform)
    }
}

impl State {
    fn draw_texts(&self, window: &ui::PanelWindow) {
        let view = window.global::<ui::PanelView>();
        view.set_words(PanelWords::in_language(self.language).into());
        view.set_load(self.load.map_or("–".into(), |load| format::reading(load, self.language)).into());
        view.set_slider_text(format::mass(Grams(f64::from(view.get_slider_grams())), self.language).into());
    }

    fn refresh(&mut self, window: &ui::PanelWindow, newest: Pending) {
        let view = window.global::<ui::PanelView>();
        self.language = newest.language.unwrap_or(self.language);
        self.load = newest.load.unwrap_or(self.load);
        self.draw_texts(window);
        if let Some(frame) = newest.frame {
            view.set_frame(slint::Image::from_rgb8(frame));
        }
        if let Some(shelf) = newest.shelf {
            for (product, pixels) in &shelf {
                if let Some(pixels) = pixels {
                    self.pictures.insert(product.sku.clone(), slint::Image::from_rgba8(pixels.clone()));
                }
            }
            view.set_shelf(models::model(shelf.iter().map(|(product, _)| self.shelf_item(product)).collect()));
            self.shelf = shelf.into_iter().map(|(product, _)| product.sku).collect();
        }
        if let Some(items) = newest.items {
            view.set_basket(models::model(items.iter().map(|item| self.basket_item(item)).collect()));
            self.items = items.into_iter().map(|item| item.id).collect();
        }
    }

    fn picture(&self, sku: Option<&Sku>, name: &str) -> ui::Picture {
        let image = sku.and_then(|sku| self.pictures.get(sku)).cloned().unwrap_or_default();
        ui::Picture { image, letter: initial(name).to_string().into() }
    }

    fn shelf_item(&self, product: &PanelProduct) -> ui::ShelfItem {
        ui::ShelfItem {
            picture: self.picture(Some(&product.sku), &product.name),
            name: product.name.as_str().into(),
            sku: product.sku.as_str().into(),
        }
    }

    fn basket_item(&self, item: &PanelItem) -> ui::BasketItem {
        ui::BasketItem { picture: self.picture(item.sku.as_ref(), &item.name), name: item.name.as_str().into() }
    }

    fn acted(&mut self, window: &ui::PanelWindow, act: ui::PanelAct, which: i32) -> Option<PanelAction> {
        let view = window.global::<ui::PanelView>();
        let place = usize::try_from(which).ok()?;
        Some(match act {
            ui::PanelAct::Drop => PanelAction::Drop { sku: self.shelf.get(place)?.clone(), count: self.count },
            ui::PanelAct::TakeOut => PanelAction::TakeOut { item: *self.items.get(place)? },
            ui::PanelAct::Bump => PanelAction::Bump,
            ui::PanelAct::Lean => PanelAction::Lean,
            ui::PanelAct::Roll => PanelAction::Roll,
            ui::PanelAct::OwnThing => PanelAction::PutOwnThing,
            ui::PanelAct::Cover => {
                self.covered = !self.covered;
                view.set_covered(self.covered);
                PanelAction::CoverCamera(self.covered)
            }
            ui::PanelAct::Freeze => {
                self.frozen = !self.frozen;
                view.set_frozen(self.frozen);
                PanelAction::FreezeScale(self.frozen)
            }
            ui::PanelAct::Disconnect => {
                self.disconnected = !self.disconnected;
                view.set_disconnected(self.disconnected);
                PanelAction::DisconnectScale(self.disconnected)
            }
            ui::PanelAct::Load => {
                view.set_slider_grams(which);
                let load = Grams(f64::from(which));
                view.set_slider_text(format::mass(load, self.language).into());
                PanelAction::SetLoad(load)
            }
            ui::PanelAct::Count => {
                self.count = which.unsigned_abs();
                view.set_count(which);
                return None;
            }
        })
    }
}

/// The panel in memory: for tests.
pub struct HeadlessPanel {
    panel: Panel,
    memory: MemoryWindow,
}

impl HeadlessPanel {
    /// Makes the window with an inside of `width` by `height` pixels.
    ///
    /// # Errors
    /// [`ScreenError`] when another thread of this process already holds windows.
    pub fn new(width: u32, height: u32, language: Language, mode: PanelMode) -> Result<HeadlessPanel, ScreenError> {
        let (memory, panel) = MemoryWindow::holding(width, height, || Panel::new(language, mode))?;
        panel.open()?;
        panel.window.global::<ui::Touch>().on_found(memory.finder());
        Ok(HeadlessPanel { panel, memory })
    }

    /// The panel itself.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// Draws the window.
    pub fn snapshot(&self) -> Snapshot {
        self.memory.snapshot()
    }

    /// Touches the middle of the target of this name, where it is now; says whether it is in view.
    pub fn tap_target(&self, name: &str) -> bool {
        let ask = |number| self.panel.window.global::<ui::Touch>().set_survey(number);
        let Some((x, y)) = self.memory.place_of(name, self.memory.targets(ask)) else { return false };
        self.memory.tap(x, y);
        true
    }
}
