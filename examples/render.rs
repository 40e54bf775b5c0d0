//! Writes crops of our own shelf's products for training: `DIR/<sku>/<nnn>.png`, and clean pictures with `--pictures`.

use clap::Parser;
use dashcart::emulator::{Picture, Shelf, picture, render_product};
use std::path::{Path, PathBuf};

/// Draws every product of our own shelf as the cart's camera would see it.
#[derive(Parser)]
struct Options {
    /// Where to write.
    #[arg(long)]
    out: PathBuf,
    /// Crops of each product.
    #[arg(long, default_value_t = 40)]
    each: u64,
    /// Fixes what is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Side of a crop in pixels.
    #[arg(long, default_value_t = 192)]
    size: usize,
    /// Only products whose SKU holds this text.
    #[arg(long, default_value = "")]
    only: String,
    /// Writes one clean picture of each product instead.
    #[arg(long)]
    pictures: bool,
}

fn save(picture: &Picture, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (width, height) = (picture.width as u32, picture.height as u32);
    image::save_buffer(path, &picture.rgb, width, height, image::ColorType::Rgb8)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    for (index, good) in Shelf::own().goods().iter().enumerate() {
        let sku = &good.product.sku;
        if !sku.as_str().contains(&options.only) {
            continue;
        }
        if options.pictures {
            if let Some(clean) = picture(sku, options.size) {
                save(&clean, &options.out.join(format!("{sku}.png")))?;
            }
            continue;
        }
        for number in 0..options.each {
            let seed = options.seed.wrapping_mul(1_000_003) + index as u64 * 10_007 + number;
            if let Some(crop) = render_product(sku, seed, options.size) {
                save(&crop, &options.out.join(sku.as_str()).join(format!("{number:03}.png")))?;
            }
        }
    }
    Ok(())
}
