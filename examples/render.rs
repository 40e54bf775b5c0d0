//! Writes crops of products as the cart's camera shows them, for training: `DIR/<sku>/<nnn>.png`; of our own shelf, or of
//! a dataset's photos with `--photos`. With `--pictures` it writes clean pictures of our own shelf instead.

use clap::Parser;
use dashcart::domain::units::Sku;
use dashcart::emulator::{PhotoShelf, Picture, Shelf, Stock, picture, render_product};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Draws every product of a shelf as the cart's camera would see it.
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
    /// Shows cards with the photos of a dataset: a folder with classes.csv and SPLIT.txt.
    #[arg(long, value_name = "DIR", conflicts_with = "pictures")]
    photos: Option<PathBuf>,
    /// Which list of photos: SPLIT.txt.
    #[arg(long, default_value = "train", requires = "photos")]
    split: String,
    /// Writes one clean picture of each product of our own shelf instead.
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
    let wanted = |sku: &&Sku| sku.as_str().contains(&options.only);
    if options.pictures {
        for sku in Shelf::own().catalog().products.keys().filter(wanted) {
            if let Some(clean) = picture(sku, options.size) {
                save(&clean, &options.out.join(format!("{sku}.png")))?;
            }
        }
        return Ok(());
    }
    let (stock, skus): (Arc<dyn Stock>, Vec<Sku>) = match &options.photos {
        Some(dir) => {
            let catalog = serde_json::from_str(&std::fs::read_to_string("ranges/grocery.json")?)?;
            let shelf = PhotoShelf::open(dir, &options.split, catalog)?;
            let skus = shelf.skus().cloned().collect();
            (Arc::new(shelf), skus)
        }
        None => {
            let shelf = Shelf::own();
            let skus = shelf.goods().iter().map(|good| good.product.sku.clone()).collect();
            (shelf, skus)
        }
    };
    for (index, sku) in skus.iter().enumerate().filter(|(_, sku)| wanted(sku)) {
        for number in 0..options.each {
            let seed = options.seed.wrapping_mul(1_000_003) + index as u64 * 10_007 + number;
            let crop = render_product(stock.as_ref(), sku, &skus, seed, options.size)?;
            save(&crop, &options.out.join(sku.as_str()).join(format!("{number:03}.png")))?;
        }
    }
    Ok(())
}
