//! Measures what one recognised picture costs: from the camera's bytes (YUYV) to the named product, and how much of that
//! the model takes. `benches/peer` does the same work the way it would be written in Python.
//!
//!     cargo run --release --example frames -- record target/frames
//!     cargo run --release --example frames -- measure target/frames
//!
//! and what each picture of a whole trip costs, most of which show nothing new:
//!
//!     cargo run --release --example frames -- film target/film
//!     cargo run --release --example frames -- watch target/film
//!
//! Beside them:
//!
//!     cargo run --release --example frames -- model models/dashcart.tflite

use clap::{Args, Parser, Subcommand};
use dashcart::adapters::engine;
use dashcart::adapters::yuyv::{YuvRange, YuyvLayout, yuyv_to_rgb};
use dashcart::domain::cart::CartInput;
use dashcart::domain::units::{Sku, Stamp};
use dashcart::emulator::camera::{Camera, HEIGHT, Setting, WIDTH};
use dashcart::emulator::portrait::{Side, free_place, lying, piece};
use dashcart::emulator::scene::{Heights, Placed};
use dashcart::emulator::space::{Chance, Vec3};
use dashcart::emulator::{Put, Shelf, World};
use dashcart::ports::{EmbedError, Embedder, Frame, ModelId};
use dashcart::vision::recogniser::Recogniser;
use dashcart::vision::{Gallery, Look, Rectangle, Sight, SightSettings};
use std::cell::Cell;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Records pictures of the emulated camera, and measures how long recognising what is new in them takes.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes pictures as the camera gives them (NNN.yuyv) and what is new in each (regions.csv).
    Record {
        /// Where to write.
        folder: PathBuf,
        /// Pictures.
        #[arg(long, default_value_t = 60)]
        count: usize,
        /// Fixes what is drawn.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Recognises what is new in each picture, several times over, and prints the times.
    Measure {
        /// Where the pictures are.
        folder: PathBuf,
        #[command(flatten)]
        by: By,
        /// How often each picture is recognised.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Writes all pictures of a trip, 20 a second (film.yuyv), and what is put in and taken out (acts.csv).
    Film {
        /// Where to write: about 12 MB a second.
        folder: PathBuf,
        /// Things put in; one of them is taken out again.
        #[arg(long, default_value_t = 8)]
        items: usize,
        /// Fixes what happens.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Watches such a film as the cart does, and prints what a picture costs and what was seen.
    Watch {
        /// Where the film is.
        folder: PathBuf,
        #[command(flatten)]
        by: By,
        /// Looks for codes as well.
        #[arg(long)]
        codes: bool,
    },
    /// Lets a model compute one grey picture so often and nothing else, for counting instructions (`cross/count`).
    Model {
        /// The model.
        model: PathBuf,
        /// Times.
        #[arg(long, default_value_t = 1)]
        rounds: usize,
    },
    /// Searches a gallery of made-up products, and prints the time and how often the nearest is found.
    Search {
        /// Products.
        #[arg(long, default_value_t = 50_000)]
        products: usize,
        /// Length of the vectors.
        #[arg(long, default_value_t = 192)]
        dimension: usize,
        /// Searches.
        #[arg(long, default_value_t = 1000)]
        searches: usize,
    },
}

/// What recognises.
#[derive(Args)]
struct By {
    /// The model.
    #[arg(long, default_value = "models/dashcart.tflite")]
    model: PathBuf,
    /// The gallery.
    #[arg(long, default_value = "models/gallery-shelf.bin")]
    gallery: PathBuf,
    /// Threads of the model.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

impl By {
    /// The engine, and what it spends.
    fn engine(&self) -> Result<(Box<dyn Embedder>, Spent), Box<dyn std::error::Error>> {
        let spent = Spent::default();
        Ok((Box::new(Timed { inner: engine::open(&self.model, self.threads)?, spent: spent.clone() }), spent))
    }
}

/// What an engine has spent.
#[derive(Clone, Default)]
struct Spent {
    nanos: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
}

/// An engine that adds up what it spends.
struct Timed {
    inner: Box<dyn Embedder>,
    spent: Spent,
}

/// How the pictures lie in their files.
const LAYOUT: YuyvLayout = YuyvLayout { width: WIDTH, height: HEIGHT, stride: WIDTH * 2, range: YuvRange::Limited };

impl Embedder for Timed {
    fn input_side(&self) -> usize {
        self.inner.input_side()
    }
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }
    fn model_id(&self) -> ModelId {
        self.inner.model_id()
    }
    fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
        let began = now();
        let done = self.inner.embed(rgb, embedding);
        self.spent.nanos.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.spent.calls.fetch_add(1, Ordering::Relaxed);
        done
    }
}

#[allow(clippy::disallowed_methods, reason = "time is what is measured")]
fn now() -> Instant {
    Instant::now()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Options::parse().task {
        Task::Record { folder, count, seed } => record(&folder, count, seed),
        Task::Measure { folder, by, rounds } => measure(&folder, &by, rounds),
        Task::Film { folder, items, seed } => film(&folder, items, seed),
        Task::Watch { folder, by, codes } => watch(&folder, &by, codes),
        Task::Model { model, rounds } => {
            let mut engine = engine::open(&model, 1)?;
            let picture = vec![127; engine.input_side().pow(2) * 3];
            let mut embedding = vec![0.0; engine.dimension()];
            (0..rounds).try_for_each(|_| engine.embed(&picture, &mut embedding))?;
            Ok(())
        }
        Task::Search { products, dimension, searches } => {
            search(products, dimension, searches);
            Ok(())
        }
    }
}

fn record(folder: &Path, count: usize, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let shelf = Shelf::own();
    let mut chance = Chance::new(seed);
    let mut camera = Camera::new(Setting { seed, ..Setting::default() });
    let (mut things, mut heights): (Vec<Placed>, Heights) = (Vec::new(), Heights::default());
    let (mut frame, mut list) = (Frame::default(), "file,left,top,width,height,sku\n".to_owned());
    for number in 0..count {
        if things.len() == 15 {
            (things, heights) = (Vec::new(), Heights::default());
        }
        let good = &shelf.goods()[chance.below(shelf.goods().len())];
        let mut thing = Placed {
            id: number as u64 + 1,
            body: Arc::new(piece(good, chance.bits() as u32, 1.0)),
            at: Vec3::default(),
            turn: lying(&good.shape, Side::Any, &mut chance),
        };
        free_place(&heights, &mut thing, 30, &mut chance);
        heights.add(&thing);
        let bounds = camera.lens().bounds(&thing).clipped(WIDTH, HEIGHT);
        things.push(thing);
        camera.take(&things, &[], false, Stamp::from_millis(number as u64 * 50), &mut frame);
        let name = format!("{number:03}.yuyv");
        std::fs::write(folder.join(&name), yuyv(&frame.rgb))?;
        let (width, height) = bounds.size();
        list += &format!("{name},{},{},{width},{height},{}\n", bounds.left, bounds.top, good.product.sku);
    }
    std::fs::write(folder.join("regions.csv"), list)?;
    println!("{count} pictures of {WIDTH} x {HEIGHT} in {}", folder.display());
    Ok(())
}

/// Milliseconds from one picture of a film to the next.
const PICTURE_MS: u64 = 50;

fn film(folder: &Path, items: usize, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    let mut pictures = BufWriter::new(File::create(folder.join("film.yuyv"))?);
    let shelf = Shelf::own();
    let skus: Vec<Sku> = shelf.goods().iter().map(|good| good.product.sku.clone()).collect();
    let mut chance = Chance::new(seed);
    let (mut world, mut camera) = (World::new(shelf, seed), Camera::new(Setting { seed, ..Setting::default() }));
    let (mut frame, mut acts, mut count) = (Frame::default(), "ms,way,sku\n".to_owned(), 0);
    let mut at = Stamp::from_millis(0);
    for act in 0..=items + 1 {
        // The first act is waiting, the last is taking something out.
        let over = match world.contents().into_iter().next().filter(|_| act == items + 1) {
            _ if act == 0 => at,
            Some(first) => {
                acts += &format!("{},out,{}\n", at.millis(), first.sku.unwrap_or_else(|| Sku::new("")));
                world.take(at, first.id).map_or(at, |done| done.over)
            }
            None => {
                let sku = &skus[chance.below(skus.len())];
                acts += &format!("{},in,{sku}\n", at.millis());
                world.put(at, sku, Put::default())?.over
            }
        };
        let until = over.plus_millis(1500 + chance.below(1500) as u64);
        while at < until {
            world.advance(at);
            camera.render(&world, at, &mut frame);
            pictures.write_all(&yuyv(&frame.rgb))?;
            (at, count) = (at.plus_millis(PICTURE_MS), count + 1);
        }
    }
    std::fs::write(folder.join("acts.csv"), acts)?;
    println!("{count} pictures of {WIDTH} x {HEIGHT} in {}", folder.display());
    Ok(())
}

fn watch(folder: &Path, by: &By, codes: bool) -> Result<(), Box<dyn std::error::Error>> {
    let (embedder, Spent { nanos, calls }) = by.engine()?;
    let settings = SightSettings { codes, ..SightSettings::default() };
    let mut sight = Sight::new(embedder, Gallery::load(&by.gallery)?, settings)?;
    let mut frame = Frame { width: WIDTH as u32, height: HEIGHT as u32, ..Frame::default() };
    let mut bytes = vec![0; WIDTH * HEIGHT * 2];
    let mut film = File::open(folder.join("film.yuyv"))?;
    let (mut times, mut seen) = (Vec::new(), Vec::new());
    while film.read_exact(&mut bytes).is_ok() {
        frame.at = Stamp::from_millis(times.len() as u64 * PICTURE_MS);
        let began = now();
        yuyv_to_rgb(LAYOUT, &bytes, &mut frame.rgb)?;
        let inputs = sight.see(&frame);
        times.push(began.elapsed().as_nanos() as f64 / 1e6);
        seen.extend(inputs.into_iter().filter_map(|input| match input {
            CartInput::Sighted(sighting) => Some((frame.at.millis(), sighting.appeared.first()?.sku.clone())),
            _ => None,
        }));
    }
    let acts = std::fs::read_to_string(folder.join("acts.csv"))?;
    let begins: Vec<u64> = acts.lines().skip(1).filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    let (mut put_in, mut right) = (0, 0);
    for (place, line) in acts.lines().skip(1).enumerate() {
        let until = begins.get(place + 1).copied().unwrap_or(u64::MAX);
        let last = seen.iter().rfind(|(at, _)| (begins[place]..until).contains(at));
        put_in += u32::from(line.contains(",in,"));
        right += u32::from(last.is_some_and(|(_, sku)| line.ends_with(&format!(",in,{sku}"))));
    }
    let (pictures, model_ms) = (times.len() as f64, nanos.load(Ordering::Relaxed) as f64 / 1e6);
    let whole: f64 = times.iter().sum();
    println!(
        "{{\"pictures\":{pictures},\"threads\":{},\"picture_ms_mean\":{:.3},\"without_model_ms_mean\":{:.3},\
         \"picture_ms_p50\":{:.3},\"model_calls\":{},\"sightings\":{},\"put_in\":{put_in},\"named\":{right}}}",
        by.threads,
        whole / pictures,
        (whole - model_ms) / pictures,
        median(&mut times),
        calls.load(Ordering::Relaxed),
        seen.len(),
    );
    Ok(())
}

/// RGB as YUYV, BT.601 with 16 to 235, as webcams give it.
fn yuyv(rgb: &[u8]) -> Vec<u8> {
    let (mut bytes, clipped) =
        (Vec::with_capacity(rgb.len() / 3 * 2), |value: f64| value.round().clamp(0.0, 255.0) as u8);
    for pair in rgb.chunks_exact(6) {
        let p: Vec<f64> = pair.iter().map(|value| f64::from(*value)).collect();
        let grey = |r: f64, g: f64, b: f64| clipped(16.0 + 0.256_788 * r + 0.504_129 * g + 0.097_906 * b);
        let (r, g, b) = ((p[0] + p[3]) / 2.0, (p[1] + p[4]) / 2.0, (p[2] + p[5]) / 2.0);
        bytes.push(grey(p[0], p[1], p[2]));
        bytes.push(clipped(128.0 - 0.148_223 * r - 0.290_993 * g + 0.439_216 * b));
        bytes.push(grey(p[3], p[4], p[5]));
        bytes.push(clipped(128.0 + 0.439_216 * r - 0.367_788 * g - 0.071_427 * b));
    }
    bytes
}

fn measure(folder: &Path, by: &By, rounds: usize) -> Result<(), Box<dyn std::error::Error>> {
    let list = std::fs::read_to_string(folder.join("regions.csv"))?;
    let mut pictures = Vec::new();
    for line in list.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [file, left, top, width, height, sku] = columns[..] else { return Err(line.into()) };
        let region =
            Rectangle { left: left.parse()?, top: top.parse()?, width: width.parse()?, height: height.parse()? };
        pictures.push((std::fs::read(folder.join(file))?, region, Sku::new(sku)));
    }
    let (embedder, Spent { nanos, .. }) = by.engine()?;
    let mut recogniser = Recogniser::new(embedder, Gallery::load(&by.gallery)?)?;
    let mut frame = Frame { width: WIDTH as u32, height: HEIGHT as u32, ..Frame::default() };
    let (mut whole, mut around, right) = (Vec::new(), Vec::new(), Cell::new(0));
    for round in 0..=rounds {
        for (bytes, region, sku) in &pictures {
            nanos.store(0, Ordering::Relaxed);
            let began = now();
            yuyv_to_rgb(LAYOUT, bytes, &mut frame.rgb)?;
            recogniser.begin();
            recogniser.look(&frame, *region, Look::with_margin(0.04))?;
            let named = recogniser.candidates(5);
            let took = began.elapsed().as_nanos() as f64 / 1e6;
            // The first round warms up.
            if round > 0 {
                whole.push(took);
                around.push(took - nanos.load(Ordering::Relaxed) as f64 / 1e6);
                right.set(right.get() + usize::from(named.first().is_some_and(|first| first.sku == *sku)));
            }
        }
    }
    let right = right.get() as f64 / whole.len().max(1) as f64;
    let (whole, around) = (median(&mut whole), median(&mut around));
    println!(
        "{{\"pictures\":{},\"threads\":{},\"frame_ms_p50\":{whole:.3},\"model_ms_p50\":{:.3},\
         \"around_ms_p50\":{around:.3},\"around_of_model\":{:.3},\"top1\":{right:.3}}}",
        pictures.len(),
        by.threads,
        whole - around,
        around / (whole - around),
    );
    Ok(())
}

fn search(products: usize, dimension: usize, searches: usize) {
    let mut chance = Chance::new(1);
    let mut vector = |around: Option<&[f32]>| -> Vec<f32> {
        (0..dimension).map(|i| chance.between(-1.0, 1.0) + around.map_or(0.0, |centre| centre[i] * 2.0)).collect()
    };
    // Products come in kinds whose members look alike: the hard case for a search that rounds.
    let kinds: Vec<Vec<f32>> = (0..products.div_ceil(20)).map(|_| vector(None)).collect();
    let vectors: Vec<Vec<f32>> = (0..products).map(|number| vector(Some(&kinds[number / 20]))).collect();
    let unit = |v: &[f32]| {
        let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        v.iter().map(|x| x / length).collect::<Vec<f32>>()
    };
    let mut gallery = Gallery::empty(ModelId([0; 32]), dimension);
    for (number, vector) in vectors.iter().enumerate() {
        gallery.put(&Sku::new(format!("p{number}")), std::slice::from_ref(vector));
    }
    // The truth is the exact search over what the gallery holds, in 8 bits.
    let units: Vec<Vec<f32>> = gallery.skus().iter().flat_map(|sku| gallery.vectors(sku)).collect();
    let queries: Vec<Vec<f32>> = (0..searches).map(|n| unit(&vector(Some(&kinds[n % kinds.len()])))).collect();
    let (mut times, mut found) = (Vec::new(), 0);
    for query in &queries {
        let began = now();
        let named = gallery.search(query, 5);
        times.push(began.elapsed().as_nanos() as f64 / 1e6);
        let exact = units
            .iter()
            .map(|unit| unit.iter().zip(query).map(|(a, b)| a * b).sum::<f32>())
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(number, _)| format!("p{number}"));
        found += usize::from(named.first().map(|first| first.sku.as_str().to_owned()) == exact);
    }
    println!(
        "{{\"products\":{products},\"dimension\":{dimension},\"search_ms_p50\":{:.3},\"recall\":{:.4}}}",
        median(&mut times),
        found as f64 / searches.max(1) as f64
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
