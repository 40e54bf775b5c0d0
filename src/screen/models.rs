//! From the view model to Slint's structs: field by field, nothing computed.

use super::pictures::{PictureShelf, Place};
use super::ui;
use super::view::{Banner, ChangeCard, ChangeKind, LineRow, LookRow, OptionCard, Tile, initial};
use crate::domain::units::Sku;
use slint::{ModelRc, SharedString, VecModel};

/// Makes a Slint model of `items`.
pub(super) fn model<T: Clone + 'static>(items: Vec<T>) -> ModelRc<T> {
    ModelRc::new(VecModel::from(items))
}

fn picture(sku: &Sku, name: &str, place: Place, shelf: &mut PictureShelf) -> ui::Picture {
    ui::Picture { image: shelf.picture(sku, place), letter: SharedString::from(initial(name).to_string()) }
}

pub(super) fn line(row: &LineRow, shelf: &mut PictureShelf) -> ui::Line {
    ui::Line {
        picture: picture(&row.sku, &row.name, Place::Line, shelf),
        name: row.name.as_str().into(),
        quantity: row.quantity.as_str().into(),
        unit_price: row.unit_price.as_str().into(),
        price: row.price.as_str().into(),
        fresh: row.fresh,
    }
}

pub(super) fn change(card: Option<&ChangeCard>, shelf: &mut PictureShelf) -> ui::Change {
    let Some(card) = card else { return ui::Change::default() };
    ui::Change {
        shown: true,
        added: card.kind == ChangeKind::Added,
        has_picture: card.sku.is_some(),
        picture: card.sku.as_ref().map(|sku| picture(sku, &card.name, Place::Change, shelf)).unwrap_or_default(),
        headline: card.headline.as_str().into(),
        name: card.name.as_str().into(),
        quantity: card.quantity.as_str().into(),
        unit_price: card.unit_price.as_str().into(),
        price: card.price.as_str().into(),
        containers: texts(&card.containers),
    }
}

pub(super) fn look(row: &LookRow, shelf: &mut PictureShelf) -> ui::Look {
    ui::Look {
        has_picture: row.sku.is_some(),
        picture: row.sku.as_ref().map(|sku| picture(sku, &row.name, Place::Line, shelf)).unwrap_or_default(),
        name: row.name.as_str().into(),
        reason: row.reason.as_str().into(),
    }
}

/// Makes a Slint model of texts.
pub(super) fn texts(texts: &[String]) -> ModelRc<SharedString> {
    model(texts.iter().map(SharedString::from).collect())
}

pub(super) fn notice(banner: &Banner) -> ui::Notice {
    ui::Notice { trouble: banner.trouble, text: banner.text.as_str().into() }
}

pub(super) fn option(card: &OptionCard, shelf: &mut PictureShelf) -> ui::Card {
    ui::Card {
        picture: picture(&card.sku, &card.name, Place::Option, shelf),
        name: card.name.as_str().into(),
        quantity: card.quantity.as_str().into(),
        unit_price: card.unit_price.as_str().into(),
        price: card.price.as_str().into(),
        sku: card.sku.as_str().into(),
    }
}

pub(super) fn tile(tile: &Tile, shelf: &mut PictureShelf) -> ui::Card {
    ui::Card {
        picture: picture(&tile.sku, &tile.name, Place::Tile, shelf),
        name: tile.name.as_str().into(),
        quantity: SharedString::new(),
        unit_price: SharedString::new(),
        price: tile.price.as_str().into(),
        sku: tile.sku.as_str().into(),
    }
}

/// Makes the index of first letters of `tiles`, which are sorted by name.
pub(super) fn letters(tiles: &[&Tile]) -> Vec<ui::Letter> {
    let mut letters: Vec<ui::Letter> = Vec::new();
    for (first, tile) in tiles.iter().enumerate() {
        let letter = SharedString::from(initial(&tile.name).to_string());
        if letters.last().is_none_or(|last| last.letter != letter) {
            letters.push(ui::Letter { letter, first: first as i32 });
        }
    }
    letters
}

/// Draws `text` as a QR code, one pixel a module, with its quiet zone; an empty image where the text is too long.
pub(super) fn code(text: &str) -> slint::Image {
    const QUIET: i32 = 4;
    let Ok(code) = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium) else {
        return slint::Image::default();
    };
    let side = code.size() + 2 * QUIET;
    let mut pixels = slint::SharedPixelBuffer::<slint::Rgb8Pixel>::new(side as u32, side as u32);
    for (place, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (place as i32 % side - QUIET, place as i32 / side - QUIET);
        let shade = if code.get_module(x, y) { 0 } else { 255 };
        *pixel = slint::Rgb8Pixel { r: shade, g: shade, b: shade };
    }
    slint::Image::from_rgb8(pixels)
}
