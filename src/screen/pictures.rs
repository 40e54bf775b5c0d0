//! Product pictures: asked for by the screen, fetched and decoded on another thread, kept by the screen.
//!
//! The screen never waits for a picture: it shows the product's first letter until the picture has come.

use super::ui;
use crate::domain::units::Sku;
use slint::{ComponentHandle, Rgba8Pixel, SharedPixelBuffer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Side in pixels of a kept picture: enough for the largest place on the screen, little enough for 200 products.
const SIDE: u32 = 320;
/// Radius of the corners as a share of the side.
const CORNER: f32 = 0.06;

type Pixels = SharedPixelBuffer<Rgba8Pixel>;
type Arrivals = Arc<Mutex<Vec<(Sku, Option<Pixels>)>>>;

/// The pictures that a window holds; lives on the window's thread.
pub(super) struct PictureShelf {
    held: BTreeMap<Sku, slint::Image>,
    asked: BTreeSet<Sku>,
    wanted: Sender<Sku>,
    arrivals: Arrivals,
}

/// Fetches and decodes the pictures that a screen asks for: give it a thread of its own.
pub struct PictureDesk {
    wanted: Receiver<Sku>,
    arrivals: Arrivals,
    window: slint::Weak<ui::CartWindow>,
}

/// Makes both ends.
pub(super) fn picture_shelf(window: &ui::CartWindow) -> (PictureShelf, PictureDesk) {
    let (sender, wanted) = channel();
    let arrivals = Arrivals::default();
    let shelf =
        PictureShelf { held: BTreeMap::new(), asked: BTreeSet::new(), wanted: sender, arrivals: arrivals.clone() };
    (shelf, PictureDesk { wanted, arrivals, window: window.as_weak() })
}

impl PictureShelf {
    /// Gives the picture of `sku`, or asks for it and gives an empty one.
    pub(super) fn picture(&mut self, sku: &Sku) -> slint::Image {
        if let Some(image) = self.held.get(sku) {
            return image.clone();
        }
        if self.asked.insert(sku.clone()) {
            // Without a desk at the other end there are no pictures: the letters stay.
            let _ = self.wanted.send(sku.clone());
        }
        slint::Image::default()
    }

    /// Takes in what has come and says whether anything has.
    pub(super) fn take_arrivals(&mut self) -> bool {
        let arrived = std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner));
        let mut any = false;
        for (sku, pixels) in arrived {
            if let Some(pixels) = pixels {
                self.held.insert(sku, slint::Image::from_rgba8(pixels));
                any = true;
            }
        }
        any
    }

    /// Allows those that did not come to be asked for once more.
    pub(super) fn forget_missing(&mut self) {
        self.asked.retain(|sku| self.held.contains_key(sku));
    }
}

impl PictureDesk {
    /// Serves until the screen is gone. `fetch` gives a picture's PNG or JPEG bytes and may take its time.
    pub fn serve(self, mut fetch: impl FnMut(&Sku) -> Option<Vec<u8>>) {
        while let Ok(sku) = self.wanted.recv() {
            self.answer(sku, &mut fetch);
        }
    }

    /// Serves what was asked for until now and says whether there was anything.
    pub fn serve_pending(&self, mut fetch: impl FnMut(&Sku) -> Option<Vec<u8>>) -> bool {
        let mut any = false;
        while let Ok(sku) = self.wanted.try_recv() {
            self.answer(sku, &mut fetch);
            any = true;
        }
        any
    }

    fn answer(&self, sku: Sku, fetch: &mut impl FnMut(&Sku) -> Option<Vec<u8>>) {
        let pixels = fetch(&sku).and_then(|bytes| match decode(&bytes) {
            Ok(pixels) => Some(pixels),
            Err(error) => {
                tracing::warn!(%sku, %error, "the product's picture cannot be decoded: its first letter is shown");
                None
            }
        });
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((sku, pixels));
        // A window that is gone needs no pictures.
        let _ = self.window.upgrade_in_event_loop(|window| window.global::<ui::Touch>().invoke_refresh());
    }
}

/// Decodes PNG, JPEG or WebP, cuts the middle square, scales it down and rounds its corners.
///
/// # Errors
/// When the bytes are no such picture.
pub fn decode(bytes: &[u8]) -> Result<SharedPixelBuffer<Rgba8Pixel>, image::ImageError> {
    let whole = image::load_from_memory(bytes)?.into_rgba8();
    let side = whole.width().min(whole.height());
    let (left, top) = ((whole.width() - side) / 2, (whole.height() - side) / 2);
    let mut square = image::imageops::crop_imm(&whole, left, top, side, side).to_image();
    if side > SIDE {
        square = image::imageops::resize(&square, SIDE, SIDE, image::imageops::FilterType::Triangle);
    }
    round_corners(&mut square);
    Ok(SharedPixelBuffer::clone_from_slice(square.as_raw(), square.width(), square.height()))
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
