//! Plays a short trip in the emulated world: writes its pictures and its load, and says how long a picture takes.

use clap::Parser;
use dashcart::domain::units::{Sku, Stamp};
use dashcart::emulator::camera::Setting;
use dashcart::emulator::load_cell::CellSettings;
use dashcart::emulator::{Camera, LoadCell, PhotoShelf, Put, Shelf, Side, Stock, World};
use dashcart::ports::Frame;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Films a trip of the emulated world.
#[derive(Parser)]
struct Options {
    /// Where to write pictures; none are written without it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Fixes what happens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Things put in.
    #[arg(long, default_value_t = 6)]
    items: usize,
    /// Shows photos of this folder instead of drawn products.
    #[arg(long)]
    photos: Option<PathBuf>,
    /// The list of photos.
    #[arg(long, default_value = "val")]
    split: String,
    /// Shows codes.
    #[arg(long)]
    codes: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let stock: Arc<dyn Stock> = match &options.photos {
        None => Shelf::own(),
        Some(dir) => {
            let catalog = serde_json::from_str(&std::fs::read_to_string("ranges/grocery.json")?)?;
            Arc::new(PhotoShelf::open(dir, &options.split, catalog)?)
        }
    };
    let skus: Vec<Sku> = stock.catalog().products.keys().cloned().collect();
    let mut world = World::new(stock, options.seed);
    let mut camera = Camera::new(Setting::default());
    let mut cell = LoadCell::new(CellSettings::default(), options.seed);
    let mut frame = Frame::default();
    let (mut moving_ms, mut still_ms) = (Vec::new(), Vec::new());
    let mut at = Stamp::from_millis(500);
    let mut number = 0;
    for item in 0..=options.items {
        let sku = &skus[(item * 7 + options.seed as usize * 5) % skus.len()];
        let side = if options.codes { Side::Code } else { Side::Any };
        let pieces = if item % 4 == 3 { 2 } else { 1 };
        let over = match world.contents().first().cloned().filter(|_| item == options.items) {
            Some(first) => world.take(at, first.id).map_or(at, |done| done.over),
            None => world.put(at, sku, Put { side, pieces, ..Put::default() })?.over,
        };
        while at < over.plus_millis(300) {
            while cell.next_at() <= at {
                let due = cell.next_at();
                world.advance(due);
                if let Ok(sample) = cell.sample(&world, due) {
                    println!("{:.3} {:.1} true {:.1}", sample.at.seconds(), sample.load.0, world.mass().0);
                }
            }
            world.advance(at);
            let moves = !world.moving(at).is_empty();
            #[allow(clippy::disallowed_methods, reason = "it measures how long drawing takes")]
            let begin = Instant::now();
            camera.render(&world, at, &mut frame);
            let ms = begin.elapsed().as_secs_f64() * 1e3;
            if moves {
                moving_ms.push(ms)
            } else {
                still_ms.push(ms)
            }
            if let Some(dir) = &options.out {
                std::fs::create_dir_all(dir)?;
                let path = dir.join(format!("{number:04}.png"));
                image::save_buffer(path, &frame.rgb, frame.width, frame.height, image::ColorType::Rgb8)?;
            }
            number += 1;
            at = at.plus_millis(50);
        }
    }
    for (name, mut ms) in [("moving", moving_ms), ("still", still_ms)] {
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| ms.get(((ms.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        eprintln!(
            "{name}: {} pictures, p50 {:.2} ms, p95 {:.2} ms, most {:.2} ms",
            ms.len(),
            at(0.5),
            at(0.95),
            at(1.0)
        );
    }
    Ok(())
}
