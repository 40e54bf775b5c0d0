//! Product pictures: asked for by the screen, fetched and decoded on another thread, kept by the screen.
//!
//! The screen never waits for a picture: it shows the product's first letter until the picture has come.

use super::ui;
use crate::domain::units::Sku;
use slint::{ComponentHandle, Rgba8Pixel, SharedPixelBuffer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Radius of the corners as a share of the side.
const CORNER: f32 = 0.06;

type Pixels = SharedPixelBuffer<Rgba8Pixel>;
/// A picture and the side that it is needed at.
type Wish = (Sku, u32);
type Arrivals = Arc<Mutex<Vec<(Wish, Option<Pixels>)>>>;

/// Where a picture is shown: each place has its own size.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Line,
    Tile,
    Change,
    Option,
}

/// The pictures that a window holds; lives on the window's thread.
pub(super) struct PictureShelf {
    held: BTreeMap<Wish, slint::Image>,
    asked: BTreeSet<Wish>,
    wanted: Sender<Wish>,
    arrivals: Arrivals,
    window: slint::Weak<ui::CartWindow>,
}

/// Fetches and decodes the pictures that a screen asks for: give it a thread of its own.
pub struct PictureDesk {
    wanted: Receiver<Wish>,
    arrivals: Arrivals,
    window: slint::Weak<ui::CartWindow>,
}

/// Makes both ends.
pub(super) fn picture_shelf(window: &ui::CartWindow) -> (PictureShelf, PictureDesk) {
    let (sender, wanted) = channel();
    let arrivals = Arrivals::default();
    let shelf = PictureShelf {
        held: BTreeMap::new(),
        asked: BTreeSet::new(),
        wanted: sender,
        arrivals: arrivals.clone(),
        window: window.as_weak(),
    };
    (shelf, PictureDesk { wanted, arrivals, window: window.as_weak() })
}

impl PictureShelf {
    /// Gives the picture of `sku` for `place`, or asks for it and gives an empty one.
    pub(super) fn picture(&mut self, sku: &Sku, place: Place) -> slint::Image {
        let wish = (sku.clone(), self.side(place));
        if let Some(image) = self.held.get(&wish) {
            return image.clone();
        }
        if self.asked.insert(wish.clone()) {
            // Without a desk at the other end there are no pictures: the letters stay.
            let _ = self.wanted.send(wish);
        }
        slint::Image::default()
    }

    /// The side of `place` in pixels of the display.
    fn side(&self, place: Place) -> u32 {
        let Some(window) = self.window.upgrade() else { return 0 };
        let theme = window.global::<ui::Theme>();
        let side = match place {
            Place::Line => theme.get_picture_line(),
            Place::Tile => theme.get_picture_tile(),
            Place::Change => theme.get_picture_change(),
            Place::Option => theme.get_picture_option(),
        };
        (side * window.window().scale_factor()).round() as u32
    }

    /// Takes in what has come and says whether anything has.
    pub(super) fn take_arrivals(&mut self) -> bool {
        let arrived = std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner));
        let mut any = false;
        for (wish, pixels) in arrived {
            if let Some(pixels) = pixels {
                self.held.insert(wish, slint::Image::from_rgba8(pixels));
                any = true;
            }
        }
        any
    }

    /// Allows those that did not come to be asked for once more.
    pub(super) fn forget_missing(&mut self) {
        self.asked.retain(|wish| self.held.contains_key(wish));
    }
}

impl PictureDesk {
    /// Serves until the screen is gone. `fetch` gives a picture's PNG or JPEG bytes and may take its time.
    pub fn serve(self, mut fetch: impl FnMut(&Sku) -> Option<Vec<u8>>) {
        while let Ok(wish) = self.wanted.recv() {
            self.answer(wish, &mut fetch);
        }
    }

    /// Serves what was asked for until now and says whether there was anything.
    pub fn serve_pending(&self, mut fetch: impl FnMut(&Sku) -> Option<Vec<u8>>) -> bool {
        let mut any = false;
        while let Ok(wish) = self.wanted.try_recv() {
            self.answer(wish, &mut fetch);
            any = true;
        }
        any
    }

    fn answer(&self, (sku, side): Wish, fetch: &mut impl FnMut(&Sku) -> Option<Vec<u8>>) {
        let pixels = fetch(&sku).and_then(|bytes| match decode(&bytes, side) {
            Ok(pixels) => Some(pixels),
            Err(error) => {
                tracing::warn!(%sku, %error, "the product's picture cannot be decoded: its first letter is shown");
                None
            }
        });
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(((sku, side), pixels));
        // A window that is gone needs no pictures.
        let _ = self.window.upgrade_in_event_loop(|window| window.global::<ui::Touch>().invoke_refresh());
    }
}

/// Decodes PNG, JPEG or WebP, cuts out the middle square, scales it to `side` pixels and rounds its corners.
///
/// # Errors
/// When the bytes are no such picture.
pub fn decode(bytes: &[u8], side: u32) -> Result<SharedPixelBuffer<Rgba8Pixel>, image::ImageError> {
    let whole = image::load_from_memory(bytes)?.into_rgba8();
    let square = whole.width().min(whole.height());
    let (left, top) = ((whole.width() - square) / 2, (whole.height() - square) / 2);
    let square = image::imageops::crop_imm(&whole, left, top, square, square);
    let mut scaled = image::imageops::resize(&*square, side, side, image::imageops::FilterType::Triangle);
    round_corners(&mut scaled);
    Ok(SharedPixelBuffer::clone_from_slice(scaled.as_raw(), scaled.width(), scaled.height()))
}

fn round_corners(square: &mut image::RgbaImage) {
    let side = square.width() as f32;
    let radius = side * CORNER;
    for (x, y, pixel) in square.enumerate_pixels_mut() {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        // How far the pixel lies beyond the rounded outline, in pixels.
        let outside_x = (radius - x).max(x - (side - radius)).max(0.0);
        let outside_y = (radius - y).max(y - (side - radius)).max(0.0);
        let cover = (radius - outside_x.hypot(outside_y) + 0.5).clamp(0.0, 1.0);
        if cover < 1.0 {
            pixel.0[3] = (f32::from(pixel.0[3]) * cover) as u8;
        }
    }
}
