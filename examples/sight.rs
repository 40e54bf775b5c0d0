//! Measures sight in the emulated basket: how well the changed region is found, and what it is taken for, by how many
//! things lie there already.
//!
//!     cargo run --release --no-default-features --features litert,emulator --example sight -- --trips 20

use clap::Parser;
use dashcart::adapters::engine;
use dashcart::domain::cart::CartInput;
use dashcart::domain::fusion::{Candidate, Sighting};
use dashcart::domain::units::{Sku, Stamp};
use dashcart::emulator::Shelf;
use dashcart::emulator::camera::{Camera, HEIGHT, Moving, Setting, WIDTH};
use dashcart::emulator::hand::hand;
use dashcart::emulator::portrait::{Side, free_place, grip, lying, piece};
use dashcart::emulator::scene::{Heights, Placed};
use dashcart::emulator::space::{Chance, Vec3, vec3};
use dashcart::ports::Frame;
use dashcart::vision::{ChangeFinder, ChangeSettings, Gallery, Rectangle, SceneEvent, Sight, SightSettings};
use std::path::PathBuf;
use std::sync::Arc;

/// Puts products into emulated baskets and takes the last one out again, and counts what sight makes of it.
#[derive(Parser)]
struct Options {
    /// The model.
    #[arg(long, default_value = "models/dashcart.tflite")]
    model: PathBuf,
    /// The gallery of our own shelf.
    #[arg(long, default_value = "models/gallery-shelf.bin")]
    gallery: PathBuf,
    /// Baskets to fill.
    #[arg(long, default_value_t = 10)]
    trips: u64,
    /// Things put into each.
    #[arg(long, default_value_t = 30)]
    items: usize,
    /// Fixes what happens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the first pictures that went wrong here.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What was counted at one level of clutter.
#[derive(Default, Clone, Copy)]
struct Tally {
    events: u32,
    unseen: u32,
    overlap: f64,
    overlap_above_half: u32,
    in_first: u32,
    in_three: u32,
    removals: u32,
    out_first: u32,
    out_three: u32,
}

struct Play {
    camera: Camera,
    sight: Sight,
    finder: ChangeFinder,
    frame: Frame,
    at_ms: u64,
}

impl Play {
    /// Shows one picture; returns the sighting and the region it came from.
    fn show(&mut self, resting: &[Placed], moving: &[Moving]) -> Option<(Sighting, Option<Rectangle>)> {
        self.at_ms += 50;
        self.camera.take(resting, moving, false, Stamp::from_millis(self.at_ms), &mut self.frame);
        // A second finder tells the region, which the cart does not get to see.
        let region = self.finder.see(&self.frame).and_then(|event| match event {
            SceneEvent::Changed { region, .. } => Some(region),
            _ => None,
        });
        let inputs = self.sight.see(&self.frame);
        inputs.into_iter().find_map(|input| match input {
            CartInput::Sighted(sighting) => Some((sighting, region)),
            _ => None,
        })
    }

    /// A hand comes in with `thing` (or for it), and the view is still again with `after` in the basket.
    fn act(
        &mut self,
        before: &[Placed],
        after: &[Placed],
        thing: &Placed,
        chance: &mut Chance,
    ) -> Option<(Sighting, Option<Rectangle>)> {
        let putting = after.len() > before.len();
        let body = Arc::new(hand(chance.bits()));
        let angle = chance.between(-0.6, 0.6);
        let mut seen = None;
        for step in 0..6 {
            let height = if putting { 0.25 - 0.04 * step as f32 } else { 0.04 + 0.05 * step as f32 };
            let mut held = thing.clone();
            held.id = u64::MAX - 1;
            held.at = thing.at + vec3(0.0, -0.01 * step as f32, height);
            let hand = grip(&held, angle, Arc::clone(&body), u64::MAX);
            let smear = vec3(0.0, 0.0, -0.012);
            let lying = if putting { before } else { after };
            seen = self.show(lying, &[Moving { parts: vec![held, hand], smear }]).or(seen);
        }
        // The hand leaves.
        for step in 0..2 {
            let mut held = thing.clone();
            held.at = thing.at + vec3(0.0, -0.12 * step as f32 - 0.05, 0.1);
            let hand = grip(&held, angle, Arc::clone(&body), u64::MAX);
            seen = self.show(after, &[Moving { parts: vec![hand], smear: Vec3::default() }]).or(seen);
        }
        for _ in 0..8 {
            seen = self.show(after, &[]).or(seen);
        }
        seen
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let shelf = Shelf::own();
    let gallery = Gallery::load(&options.gallery)?;
    let mut tallies = vec![Tally::default(); options.items / 5 + 1];
    let mut similarities: Vec<(f32, f32, bool)> = Vec::new();
    let mut written = 0;
    for trip in 0..options.trips {
        let mut chance = Chance::new(options.seed * 10_007 + trip);
        let embedder = engine::open(&options.model, 1)?;
        let mut play = Play {
            camera: Camera::new(Setting { seed: chance.bits(), grain: chance.between(1.5, 3.5), ..Setting::default() }),
            sight: Sight::new(embedder, gallery.clone(), SightSettings::default())?,
            finder: ChangeFinder::new(ChangeSettings::default()),
            frame: Frame::default(),
            at_ms: 0,
        };
        let (mut things, mut heights): (Vec<Placed>, Heights) = (Vec::new(), Heights::default());
        (0..8).for_each(|_| {
            play.show(&things, &[]);
        });
        for number in 0..options.items {
            let good = &shelf.goods()[chance.below(shelf.goods().len())];
            let body = Arc::new(piece(good, chance.bits() as u32, 1.0));
            let mut thing = Placed {
                id: number as u64 + 1,
                body,
                at: Vec3::default(),
                turn: lying(&good.shape, Side::Any, &mut chance),
            };
            free_place(&heights, &mut thing, 30, &mut chance);
            if thing.at.z + thing.reach().z > 0.26 {
                // It would stand out of the basket.
                continue;
            }
            let before = things.clone();
            // What lies near is nudged a little.
            for other in &mut things {
                if (other.at - thing.at).length() < 0.12 && chance.happens(0.4) {
                    other.at = other.at + vec3(chance.between(-0.003, 0.003), chance.between(-0.003, 0.003), 0.0);
                }
            }
            things.push(thing.clone());
            let tally = &mut tallies[before.len() / 5];
            let bounds = play.camera.lens().bounds(&thing).clipped(WIDTH, HEIGHT);
            let truth = Rectangle {
                left: bounds.left as u32,
                top: bounds.top as u32,
                width: bounds.size().0 as u32,
                height: bounds.size().1 as u32,
            };
            let seen = play.act(&before, &things, &thing, &mut chance);
            tally.events += 1;
            let mut wrong = true;
            let sku = &good.product.sku;
            match &seen {
                Some((sighting, Some(region))) => {
                    let overlap = region.overlap(&truth);
                    tally.overlap += overlap;
                    tally.overlap_above_half += u32::from(overlap > 0.5);
                    tally.in_first += u32::from(is_among(&sighting.appeared, sku, 1));
                    tally.in_three += u32::from(is_among(&sighting.appeared, sku, 3));
                    wrong = overlap < 0.5 || !is_among(&sighting.appeared, sku, 3);
                    if let [first, second, ..] = &sighting.appeared[..] {
                        similarities.push((first.similarity, first.similarity - second.similarity, first.sku == *sku));
                    }
                }
                _ => tally.unseen += 1,
            }
            if let Some(folder) = options.out.as_ref().filter(|_| wrong && written < 24) {
                written += 1;
                std::fs::create_dir_all(folder)?;
                let region = seen.as_ref().and_then(|(_, region)| *region);
                let named = seen
                    .as_ref()
                    .and_then(|(sighting, _)| sighting.appeared.first())
                    .map_or("nothing", |c| c.sku.as_str());
                eprintln!("{written:02}: {sku} taken for {named}, region {region:?}, truth {truth:?}");
                let mut picture = play.frame.clone();
                outline(&mut picture, truth, [0, 255, 0]);
                outline(&mut picture, region.unwrap_or_default(), [255, 0, 0]);
                image::save_buffer(
                    folder.join(format!("{written:02}.png")),
                    &picture.rgb,
                    picture.width,
                    picture.height,
                    image::ColorType::Rgb8,
                )?;
            }
            // Every third thing is taken out and put back.
            if number % 3 == 2 {
                let without = things[..things.len() - 1].to_vec();
                let with = things.clone();
                tallies[before.len() / 5].removals += 1;
                if let Some((sighting, _)) = play.act(&with, &without, &thing, &mut chance) {
                    tallies[before.len() / 5].out_first += u32::from(is_among(&sighting.vanished, sku, 1));
                    tallies[before.len() / 5].out_three += u32::from(is_among(&sighting.vanished, sku, 3));
                }
                play.act(&without, &with, &thing, &mut chance);
            }
            heights.add(&thing);
        }
    }
    println!("in basket | events | no region | mean overlap | over half | in: first, three | out: first, three");
    for (level, tally) in tallies.iter().enumerate().filter(|(_, tally)| tally.events > 0) {
        let share = |count: u32, of: u32| 100.0 * f64::from(count) / f64::from(of.max(1));
        println!(
            "{:>2} to {:>2}  | {:>6} | {:>7.1} % | {:>12.3} | {:>7.1} % | {:>6.1} % {:>6.1} % | {:>6.1} % {:>6.1} %",
            level * 5,
            level * 5 + 4,
            tally.events,
            share(tally.unseen, tally.events),
            tally.overlap / f64::from((tally.events - tally.unseen).max(1)),
            share(tally.overlap_above_half, tally.events),
            share(tally.in_first, tally.events),
            share(tally.in_three, tally.events),
            share(tally.out_first, tally.removals),
            share(tally.out_three, tally.removals),
        );
    }
    let mean = |right: bool, value: fn(&(f32, f32, bool)) -> f32| {
        let values: Vec<f32> = similarities.iter().filter(|seen| seen.2 == right).map(value).collect();
        values.iter().sum::<f32>() / values.len().max(1) as f32
    };
    println!(
        "similarity of the first: {:.3} where right, {:.3} where wrong; lead over the second: {:.3} and {:.3}",
        mean(true, |s| s.0),
        mean(false, |s| s.0),
        mean(true, |s| s.1),
        mean(false, |s| s.1)
    );
    Ok(())
}

fn is_among(candidates: &[Candidate], sku: &Sku, count: usize) -> bool {
    candidates.iter().take(count).any(|candidate| candidate.sku == *sku)
}

/// Draws the outline of a rectangle.
fn outline(frame: &mut Frame, area: Rectangle, colour: [u8; 3]) {
    for row in area.top..area.top + area.height {
        for column in area.left..area.left + area.width {
            let edge = row == area.top
                || row + 1 == area.top + area.height
                || column == area.left
                || column + 1 == area.left + area.width;
            if edge && row < frame.height && column < frame.width {
                let at = ((row * frame.width + column) * 3) as usize;
                frame.rgb[at..at + 3].copy_from_slice(&colour);
            }
        }
    }
}
