//! The emulated cart in windows: the cart's screen, and beside it the panel that moves the world around it.

use super::Failure;
use super::emulate::Stage;
use super::shown::{self, Shown};
use crate::cli::EmulateArgs;
use crate::domain::units::Grams;
use crate::emulator::stock::OwnThing;
use crate::emulator::world::{ItemId, Put, ScaleState, World};
use crate::ports::{Frame, Store};
use crate::runtime::{Clock, Stop};
use crate::screen::panel::{Panel, PanelAction, PanelHandle, PanelItem, PanelMode, PanelProduct};
use crate::screen::window::{self, Screen};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the panel is brought up to date.
const PANEL_EVERY: Duration = Duration::from_millis(66);

/// Opens both windows and runs until one is closed.
///
/// # Errors
/// [`Failure`] when there is no display, or when the cart stopped by itself.
pub fn open(args: &EmulateArgs, mut stage: Stage) -> Result<(), Failure> {
    let screen = Screen::new(args.screen.language, args.staff_code.clone()).map_err(Failure::from_error)?;
    let (width, height) = args.screen.size;
    screen.set_size(width, height);
    screen.set_position(0, 0);
    let mode = if args.camera.is_some() { PanelMode::Webcam } else { PanelMode::Shelf };
    let panel = Panel::new(args.screen.language, mode).map_err(Failure::from_error)?;
    panel.set_position(width as i32 + 8, 0);
    let cart = stage.start(Box::new(Shown(screen.handle())))?;
    shown::connect(&screen, cart.inputs.clone(), stage.client.clone());
    let stop = Stop::default();
    let world = stage.shared_world();
    panel.on_action({
        let (world, clock) = (world.clone(), stage.clock.clone());
        move |action| act(&mut world.lock().unwrap_or_else(PoisonError::into_inner), &clock, action)
    });
    let watcher = {
        let (handle, stop, clock, catalog) = (panel.handle(), stop.clone(), stage.clock.clone(), stage.catalog.clone());
        let (picture, load, client, language) =
            (cart.picture.clone(), cart.load.clone(), stage.client.clone(), args.screen.language);
        std::thread::spawn(move || {
            let shelf = catalog.products.values().map(|product| PanelProduct {
                sku: product.sku.clone(),
                name: product.names.in_language(language).to_owned(),
                picture: client.picture(&product.sku).unwrap_or_default(),
            });
            handle.set_shelf(shelf.collect());
            let name =
                |item: &crate::emulator::world::Item| match item.sku.as_ref().and_then(|sku| catalog.product(sku)) {
                    Some(product) => product.names.in_language(language).to_owned(),
                    None => String::new(),
                };
            while !stop.asked() {
                refresh(&handle, &world, &clock, &picture, &load, &name);
                #[allow(clippy::disallowed_methods, reason = "the panel is drawn at a steady pace")]
                std::thread::sleep(PANEL_EVERY);
            }
        })
    };
    screen.open().map_err(Failure::from_error)?;
    panel.open().map_err(Failure::from_error)?;
    let ran = window::run().map_err(Failure::from_error);
    stop.ask();
    if watcher.join().is_err() {
        tracing::error!("the panel's thread ended in a panic");
    }
    cart.stop().map_err(Failure::from_error)?;
    ran
}

fn refresh(
    handle: &PanelHandle,
    world: &Mutex<World>,
    clock: &Clock,
    picture: &Mutex<Frame>,
    load: &Mutex<Option<Grams>>,
    name: &dyn Fn(&crate::emulator::world::Item) -> String,
) {
    let items = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(clock.now());
        world.contents()
    };
    handle.set_items(
        items.iter().map(|item| PanelItem { id: item.id.0, sku: item.sku.clone(), name: name(item) }).collect(),
    );
    {
        let frame = picture.lock().unwrap_or_else(PoisonError::into_inner);
        handle.set_frame(&frame.rgb, frame.width, frame.height);
    }
    handle.set_load(*load.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Does in the world what was pressed on the panel.
fn act(world: &mut World, clock: &Clock, action: PanelAction) {
    let now = clock.now();
    match action {
        PanelAction::Drop { sku, count } => {
            if let Err(error) = world.put_now(|| clock.now(), &sku, Put { pieces: count, ..Put::default() }) {
                tracing::warn!("{error}");
            }
        }
        PanelAction::TakeOut { item } => {
            if world.take(now, ItemId(item)).is_none() {
                tracing::debug!("thing {item} is no longer in the basket");
            }
        }
        PanelAction::Bump => world.bump(now),
        PanelAction::Lean => world.lean(now, 12.0, 2000),
        PanelAction::Roll => world.roll(now, 3000),
        PanelAction::CoverCamera(covered) => world.cover(covered),
        PanelAction::FreezeScale(frozen) => {
            world.set_scale(if frozen { ScaleState::Frozen } else { ScaleState::Working });
        }
        PanelAction::DisconnectScale(out) => {
            world.set_scale(if out { ScaleState::Disconnected } else { ScaleState::Working });
        }
        PanelAction::PutOwnThing => {
            world.put_own(now, OwnThing::Phone);
        }
        PanelAction::SetLoad(load) => world.rest_by_hand(now, load),
    }
}
