//! The bridge to the cart's window: the newest view goes in, touches come out as presses.
//!
//! A [`Screen`] lives on the thread that runs the windows; a [`ScreenHandle`] is for all other threads. The language and
//! the chosen group of the shelf are the only things that the screen knows by itself.

use super::pictures::{PictureDesk, PictureShelf, picture_shelf};
use super::staff::{Key, Keypad, KeypadNote};
use super::view::{LIKELY, PageView, ScreenView};
use super::{Words, models, present, ui};
use crate::domain::cart::{CartView, Press};
use crate::domain::catalog::{Catalog, Language};
use crate::domain::staff::StaffCode;
use slint::{ComponentHandle, SharedString, Timer, TimerMode};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Why there is no screen.
#[derive(Debug, Error)]
pub enum ScreenError {
    /// The windowing system cannot be used.
    #[error("the screen cannot be opened: {reason}; is there a display, and may this user draw on it?")]
    Platform {
        /// What the windowing system said.
        reason: String,
    },
}

impl ScreenError {
    pub(super) fn platform(error: slint::PlatformError) -> ScreenError {
        ScreenError::Platform { reason: error.to_string() }
    }
}

/// The newest view that no window has drawn yet.
#[derive(Default)]
struct Mailbox(Mutex<Option<(CartView, Arc<Catalog>)>>);

impl Mailbox {
    /// Puts a view in and says whether one that nobody fetched lay there.
    fn put(&self, view: CartView, catalog: Arc<Catalog>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace((view, catalog)).is_some()
    }

    fn take(&self) -> Option<(CartView, Arc<Catalog>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Shows views from any thread.
#[derive(Clone)]
pub struct ScreenHandle {
    mailbox: Arc<Mailbox>,
    window: slint::Weak<ui::CartWindow>,
}

impl ScreenHandle {
    /// Shows `view` as soon as the window's thread comes to it; of several waiting views only the newest is drawn.
    pub fn show(&self, view: CartView, catalog: Arc<Catalog>) {
        if !self.mailbox.put(view, catalog) {
            // A window that is gone shows nothing any more.
            let _ = self.window.upgrade_in_event_loop(|window| window.global::<ui::Touch>().invoke_refresh());
        }
    }

    /// Ends [`run`], and with it every window.
    pub fn close(&self) {
        // Where no loop runs there is nothing to end.
        let _ = slint::quit_event_loop();
    }
}

/// What the window shows now, and what the screen itself remembers.
struct State {
    shown: Option<(CartView, Arc<Catalog>)>,
    drawn: Option<ScreenView>,
    language: Language,
    /// The key of the chosen group of the shelf; none for all groups.
    group: Option<String>,
    pictures: PictureShelf,
    lines_edition: i32,
    shelf_edition: i32,
    keypad: Option<Keypad>,
    /// Whether staff are shown what to look at.
    looking: bool,
    staff_timer: Timer,
}

/// What staff use goes out of view when nobody has touched it for so long, and the keypad waits so long after too many wrong
/// codes.
const STAFF_TIME: std::time::Duration = std::time::Duration::from_secs(30);

type PressHeard = Rc<RefCell<Box<dyn Fn(Press)>>>;

/// The cart's window.
pub struct Screen {
    pub(super) window: ui::CartWindow,
    mailbox: Arc<Mailbox>,
    desk: RefCell<Option<PictureDesk>>,
    press_heard: PressHeard,
}

impl Screen {
    /// Makes the window, not yet visible, in `language`. Where there is a `staff_code` only who knows it can say that a
    /// basket is in order.
    ///
    /// # Errors
    /// [`ScreenError`] when there is no display.
    pub fn new(language: Language, staff_code: Option<StaffCode>) -> Result<Screen, ScreenError> {
        let window = ui::CartWindow::new().map_err(ScreenError::platform)?;
        let (pictures, desk) = picture_shelf(&window);
        let state = Rc::new(RefCell::new(State {
            shown: None,
            drawn: None,
            language,
            group: None,
            pictures,
            lines_edition: 0,
            shelf_edition: 0,
            keypad: staff_code.map(Keypad::new),
            looking: false,
            staff_timer: Timer::default(),
        }));
        let mailbox = Arc::new(Mailbox::default());
        window.global::<ui::View>().set_words(Words::in_language(language).into());
        window.global::<ui::View>().set_german(language == Language::De);
        let press_heard: PressHeard = Rc::new(RefCell::new(Box::new(|_| {})));

        let touch = window.global::<ui::Touch>();
        touch.on_refresh({
            let (window, state, mailbox) = (window.as_weak(), state.clone(), mailbox.clone());
            move || {
                if let Some(window) = window.upgrade() {
                    state.borrow_mut().refresh(&window, &mailbox);
                }
            }
        });
        touch.on_resized({
            let (window, state) = (window.as_weak(), state.clone());
            move || {
                if let Some(window) = window.upgrade() {
                    state.borrow_mut().draw(&window, true);
                }
            }
        });
        touch.on_acted({
            let (window, press_heard) = (window.as_weak(), press_heard.clone());
            move |act, which| {
                let Some(window) = window.upgrade() else { return };
                let press = state.borrow_mut().acted(&window, act, which);
                if let Some(press) = press {
                    (press_heard.borrow())(press);
                }
            }
        });
        window.window().on_close_requested(|| {
            let _ = slint::quit_event_loop();
            slint::CloseRequestResponse::HideWindow
        });
        Ok(Screen { window, mailbox, desk: RefCell::new(Some(desk)), press_heard })
    }

    /// Gives the size of the window's inside, in pixels.
    pub fn set_size(&self, width: u32, height: u32) {
        self.window.window().set_size(slint::LogicalSize::new(width as f32, height as f32));
    }

    /// Places the window on the desktop, where the desktop allows it.
    pub fn set_position(&self, left: i32, top: i32) {
        self.window.window().set_position(slint::LogicalPosition::new(left as f32, top as f32));
    }

    /// Gives the desk that fetches pictures; `None` from the second time on.
    pub fn take_picture_desk(&self) -> Option<PictureDesk> {
        self.desk.borrow_mut().take()
    }

    /// Says who hears the presses. It is called on the window's thread and must not wait for anything.
    pub fn on_press(&self, heard: impl Fn(Press) + 'static) {
        *self.press_heard.borrow_mut() = Box::new(heard);
    }

    /// Gives a handle for other threads.
    pub fn handle(&self) -> ScreenHandle {
        ScreenHandle { mailbox: self.mailbox.clone(), window: self.window.as_weak() }
    }

    /// Makes the window visible.
    ///
    /// # Errors
    /// [`ScreenError`] when the windowing system refuses.
    pub fn open(&self) -> Result<(), ScreenError> {
        self.window.show().map_err(ScreenError::platform)
    }
}

/// Runs all open windows on this thread until one is closed or [`ScreenHandle::close`] is called.
///
/// # Errors
/// [`ScreenError`] when the windowing system fails.
pub fn run() -> Result<(), ScreenError> {
    slint::run_event_loop().map_err(ScreenError::platform)
}

impl State {
    /// Draws what lies in the mailbox, and pictures that have come.
    fn refresh(&mut self, window: &ui::CartWindow, mailbox: &Mailbox) {
        let pictures_came = self.pictures.take_arrivals();
        if let Some(newest) = mailbox.take() {
            self.shown = Some(newest);
        } else if !pictures_came {
            return;
        }
        self.draw(window, pictures_came);
    }

    /// Answers a touch: a press for the cart, or something that concerns the screen alone.
    fn acted(&mut self, window: &ui::CartWindow, act: ui::Act, which: i32) -> Option<Press> {
        let which = usize::try_from(which).ok()?;
        match act {
            ui::Act::German | ui::Act::English => {
                self.language = if act == ui::Act::German { Language::De } else { Language::En };
                self.draw(window, true);
                None
            }
            ui::Act::Group => {
                // The first tab is for all groups.
                self.group = match self.drawn.as_ref().map(|view| &view.page) {
                    Some(PageView::Browse(shelf)) if which > 0 => shelf.groups.get(which - 1).map(|it| it.key.clone()),
                    _ => None,
                };
                self.shelf_edition += 1;
                self.draw(window, true);
                None
            }
            ui::Act::StaffDone
            | ui::Act::LookDone
            | ui::Act::KeypadDigit
            | ui::Act::KeypadErase
            | ui::Act::KeypadEnter
            | ui::Act::KeypadClose
            | ui::Act::KeypadTimeIsUp => self.staff_acted(window, act, which),
            _ => self.press(act, which),
        }
    }

    /// Staff say that they have dealt with it: they type their code, where they have one, and are shown what to look at,
    /// where there is something.
    fn staff_acted(&mut self, window: &ui::CartWindow, act: ui::Act, which: usize) -> Option<Press> {
        let waited = self.keypad.as_ref().is_some_and(|keypad| keypad.note() == KeypadNote::Waits);
        let known = match &mut self.keypad {
            None => act == ui::Act::StaffDone,
            Some(keypad) => match act {
                ui::Act::KeypadDigit => keypad.press(Key::Digit(u8::try_from(which).ok()?)),
                ui::Act::KeypadErase => keypad.press(Key::Erase),
                ui::Act::KeypadEnter => keypad.press(Key::Enter),
                ui::Act::KeypadClose => keypad.press(Key::Close),
                ui::Act::KeypadTimeIsUp => {
                    keypad.time_is_up();
                    false
                }
                ui::Act::StaffDone => {
                    keypad.open();
                    false
                }
                _ => false,
            },
        };
        let looked = act == ui::Act::LookDone && self.looking;
        let sees_something = self.drawn.as_ref().is_some_and(|view| !view.look.is_empty());
        self.looking = known && sees_something;
        self.draw_staff(window);
        // A wait that has begun is not made longer.
        let typing = self.keypad.as_ref().is_some_and(Keypad::is_open) && !waited;
        if typing || self.looking {
            let window = window.as_weak();
            self.staff_timer.start(TimerMode::SingleShot, STAFF_TIME, move || {
                if let Some(window) = window.upgrade() {
                    window.global::<ui::Touch>().invoke_acted(ui::Act::KeypadTimeIsUp, 0);
                }
            });
        }
        (looked || (known && !sees_something)).then_some(Press::StaffDone)
    }

    fn draw_staff(&self, window: &ui::CartWindow) {
        let view = window.global::<ui::View>();
        view.set_looking(self.looking);
        if let Some(keypad) = &self.keypad {
            view.set_keypad(keypad.is_open());
            view.set_keypad_typed(keypad.typed() as i32);
            view.set_keypad_wrong(keypad.note() == KeypadNote::Wrong);
            view.set_keypad_waits(keypad.note() == KeypadNote::Waits);
        }
    }

    fn press(&self, act: ui::Act, which: usize) -> Option<Press> {
        let page = &self.drawn.as_ref()?.page;
        let question = match page {
            PageView::Ask(question) => Some(question.id),
            PageView::Browse(shelf) => Some(shelf.question),
            _ => None,
        };
        Some(match act {
            ui::Act::Start => Press::Start,
            ui::Act::Choose => Press::Choose { question: question?, option: which },
            ui::Act::SomethingElse => Press::SomethingElse { question: question? },
            ui::Act::Several => Press::Several { question: question? },
            ui::Act::NotMine => Press::NotMine { question: question? },
            ui::Act::Pick => {
                let PageView::Browse(shelf) = page else { return None };
                let sku = shelf.of_group(self.group.as_deref()).get(which)?.sku.clone();
                Press::Pick { question: shelf.question, sku }
            }
            ui::Act::Container => Press::Container { question: question?, container: which.checked_sub(1) },
            ui::Act::TakeOff => {
                let line = self.drawn.as_ref()?.change.as_ref()?.line?;
                Press::TakeOff { line, container: which }
            }
            ui::Act::ToCheckout => Press::ToCheckout,
            ui::Act::Back => Press::Back,
            ui::Act::Pay => Press::Pay,
            ui::Act::Finish => Press::Finish,
            ui::Act::CallStaff => Press::CallStaff,
            ui::Act::German
            | ui::Act::English
            | ui::Act::Group
            | ui::Act::StaffDone
            | ui::Act::LookDone
            | ui::Act::KeypadDigit
            | ui::Act::KeypadErase
            | ui::Act::KeypadEnter
            | ui::Act::KeypadClose
            | ui::Act::KeypadTimeIsUp => return None,
        })
    }

    /// Draws the shown view in the screen's language; `anew` where more than the view has changed.
    fn draw(&mut self, window: &ui::CartWindow, anew: bool) {
        let Some((view, catalog)) = &self.shown else { return };
        let next = present(view, catalog, self.language);
        if !anew && self.drawn.as_ref() == Some(&next) {
            return;
        }
        let last = self.drawn.take();
        let last_page = last.as_ref().map(|view| std::mem::discriminant(&view.page));
        let page_turned = last_page != Some(std::mem::discriminant(&next.page));
        if page_turned && matches!(next.page, PageView::Welcome { .. }) {
            self.pictures.forget_missing();
        }
        let asked_before = match last.as_ref().map(|view| &view.page) {
            Some(PageView::Browse(shelf)) => Some(shelf.question),
            _ => None,
        };
        if let PageView::Browse(shelf) = &next.page
            && asked_before != Some(shelf.question)
        {
            self.group = (!shelf.likely.is_empty()).then(|| LIKELY.to_owned());
            self.shelf_edition += 1;
        }

        let ui_view = window.global::<ui::View>();
        ui_view.set_words(Words::in_language(self.language).into());
        ui_view.set_german(self.language == Language::De);
        ui_view.set_total(next.total.as_str().into());
        ui_view.set_count(next.count.as_str().into());
        let lines_changed = last.as_ref().is_none_or(|last| last.lines != next.lines);
        if lines_changed || anew {
            ui_view
                .set_lines(models::model(next.lines.iter().map(|row| models::line(row, &mut self.pictures)).collect()));
        }
        if lines_changed {
            self.lines_edition += 1;
            ui_view.set_lines_edition(self.lines_edition);
        }
        // A small window has room for the gravest message alone.
        let room = if window.global::<ui::Theme>().get_compact() { 1 } else { 2 };
        ui_view.set_change(models::change(next.change.as_ref(), &mut self.pictures));
        if anew || last.as_ref().is_none_or(|last| last.notices != next.notices) {
            ui_view.set_notices(models::model(next.notices.iter().take(room).map(models::notice).collect()));
        }
        ui_view.set_footnote(next.footnote.as_deref().unwrap_or_default().into());
        ui_view.set_paused(next.paused);
        ui_view.set_settling(next.settling);
        ui_view.set_staff_called(next.staff_called);
        if anew || last.as_ref().is_none_or(|last| last.look != next.look) {
            ui_view
                .set_look(models::model(next.look.iter().map(|row| models::look(row, &mut self.pictures)).collect()));
        }
        if anew || last.as_ref().is_none_or(|last| last.page != next.page) {
            self.draw_page(&ui_view, &next.page);
        }
        self.drawn = Some(next);
    }

    fn draw_page(&mut self, ui_view: &ui::View<'_>, page: &PageView) {
        let (kind, cards) = match page {
            PageView::Welcome { showcase } => {
                (ui::PageKind::Welcome, showcase.iter().map(|tile| models::tile(tile, &mut self.pictures)).collect())
            }
            PageView::Shopping => (ui::PageKind::Shopping, Vec::new()),
            PageView::Ask(question) => {
                ui_view.set_question(question.title.as_str().into());
                ui_view.set_hint(question.hint.as_str().into());
                ui_view.set_counting(question.counting);
                ui_view.set_put_in(question.put_in);
                ui_view.set_take_one_out(question.take_one_out);
                ui_view.set_containers(models::texts(&question.containers));
                ui_view.set_container(question.container as i32);
                let options = question.options.iter();
                (ui::PageKind::Ask, options.map(|card| models::option(card, &mut self.pictures)).collect())
            }
            PageView::Browse(shelf) => {
                let all = SharedString::from(Words::in_language(self.language).all_groups);
                let groups = shelf.groups.iter().map(|group| SharedString::from(group.label.as_str()));
                ui_view.set_question(shelf.title.as_str().into());
                ui_view.set_put_in(shelf.put_in);
                ui_view.set_groups(models::model(std::iter::once(all).chain(groups).collect()));
                let chosen = shelf.groups.iter().position(|group| Some(&group.key) == self.group.as_ref());
                ui_view.set_group(chosen.map_or(0, |place| place as i32 + 1));
                ui_view.set_shelf_edition(self.shelf_edition);
                let tiles = shelf.of_group(self.group.as_deref());
                // Likely products do not stand in the order of their names.
                let letters = if self.group.as_deref() == Some(LIKELY) { Vec::new() } else { models::letters(&tiles) };
                ui_view.set_letters(models::model(letters));
                (ui::PageKind::Browse, tiles.iter().map(|tile| models::tile(tile, &mut self.pictures)).collect())
            }
            PageView::Checkout { vat } => {
                ui_view.set_vat(vat.as_str().into());
                (ui::PageKind::Checkout, Vec::new())
            }
            PageView::Paying { silent } => {
                ui_view.set_silent(*silent);
                (ui::PageKind::Paying, Vec::new())
            }
            PageView::Refused { reason } => {
                ui_view.set_reason(reason.as_str().into());
                (ui::PageKind::Refused, Vec::new())
            }
            PageView::Receipt(receipt) => {
                ui_view.set_receipt_number(receipt.number.as_str().into());
                ui_view.set_receipt_moment(receipt.booked_at.as_str().into());
                ui_view.set_receipt_code(models::code(&receipt.url));
                ui_view.set_vat(receipt.vat.as_str().into());
                (ui::PageKind::Receipt, Vec::new())
            }
        };
        ui_view.set_cards(models::model(cards));
        ui_view.set_page(kind);
    }
}
