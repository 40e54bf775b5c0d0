//! The command line: what can be asked of the program, and nothing of how it is done.

use crate::app::assets::Range;
use crate::domain::catalog::Language;
use crate::domain::staff::StaffCode;
use crate::enrol::EnrolOptions;
use crate::eval::EvalOptions;
#[cfg(feature = "emulator")]
use crate::simulation::Shopper;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The onboard application of a smart shopping cart.
///
/// What is put into the cart is recognised by camera and scale together, totalled on the touchscreen and checked out at
/// the store. To try it without a cart: `dashcart emulate`.
#[derive(Debug, Parser)]
#[command(
    name = "dashcart",
    version,
    about,
    long_about,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 done; 1 it failed, with the reason on standard error; 2 the command line or a file given on it is wrong.
Set RUST_LOG=debug to see more of what happens."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a cart: real camera, real scale, the screen it is built for.
    Run(RunArgs),
    /// Run a cart on a laptop: emulated basket and scale, a shelf to take products from, and a store of its own.
    #[cfg(all(feature = "emulator", feature = "store", feature = "screen"))]
    Emulate(EmulateArgs),
    /// Run the reference store: catalogue, pictures, gallery, trips and receipts over HTTP.
    #[cfg(feature = "store")]
    Store(StoreArgs),
    /// Simulate whole trips on a simulated clock with the real model, and print how often the cart was right.
    #[cfg(feature = "emulator")]
    Simulate(SimulateArgs),
    /// Calibrate a cart's load cell with two known weights: zero, span, line, corners.
    Calibrate(CalibrateArgs),
    /// Measure the recogniser on labelled photos.
    Eval(EvalArgs),
    /// Build a gallery from photos, or add one product to it, without training.
    Enrol(EnrolArgs),
    /// Play a recorded trip through the cart again and compare every output.
    Replay(ReplayArgs),
}

/// The recogniser's files and threads.
#[derive(Debug, Clone, Args)]
pub struct RecogniserArgs {
    /// The TFLite model [default: models/dashcart.tflite of the package or checkout].
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The gallery of products [default: the range's own].
    #[arg(long, value_name = "FILE")]
    pub gallery: Option<PathBuf>,
    /// Threads for the model.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub threads: u8,
}

/// The screen's size and language.
#[derive(Debug, Clone, Args)]
pub struct ScreenArgs {
    /// The screen's language at the start; a button on the screen switches it.
    #[arg(long, value_name = "de|en", default_value = "de", value_parser = parse_language)]
    pub language: Language,
    /// The screen's size in pixels.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x800", value_parser = parse_size)]
    pub size: (u32, u32),
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The cart's configuration; options given here count more than what it says.
    #[arg(long, value_name = "FILE", default_value = "/etc/dashcart/cart.toml")]
    pub config: PathBuf,
    /// The store's address, for example `https://store.example:8443`.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// The camera's device.
    #[arg(long, value_name = "DEVICE")]
    pub camera: Option<String>,
    /// Record the trip's inputs (never pictures) into this file, for `dashcart replay`.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    #[command(flatten)]
    /// The recogniser.
    pub recogniser: RecogniserArgs,
    #[command(flatten)]
    /// The screen.
    pub screen: ScreenArgs,
}

/// Options of `emulate`.
#[derive(Debug, Clone, Args)]
pub struct EmulateArgs {
    /// Play a scripted trip without any window; this also happens where there is no display.
    #[arg(long)]
    pub headless: bool,
    /// The trip to play without a window [default: a short demonstration].
    #[arg(long, value_name = "FILE")]
    pub trip: Option<PathBuf>,
    /// Where the played trip leaves its pictures, its recording and the store's database.
    #[arg(long, value_name = "FOLDER", default_value = "target/trip")]
    pub out: PathBuf,
    /// What the store sells: drawn products, or the 81 real ones of the photos [default: shelf; grocery with --photos or --camera].
    #[arg(long, value_enum)]
    pub range: Option<Range>,
    /// Show photos of this folder instead of drawn products (the layout of the Grocery Store Dataset).
    #[arg(long, value_name = "FOLDER")]
    pub photos: Option<PathBuf>,
    /// Which list of the photos: FOLDER/NAME.txt.
    #[arg(long, value_name = "NAME", default_value = "val", requires = "photos")]
    pub split: String,
    /// See through this camera instead of the emulated one; the panel then has a slider for the weight.
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "/dev/video0")]
    pub camera: Option<String>,
    /// Use the store at this address instead of starting one.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// With windows: where the started store keeps its receipts and the cart its journal [default: a folder of this
    /// user]. A played trip keeps them in --out.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Seed of everything random in the emulated world.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Record the trip's inputs (never pictures) into this file, for `dashcart replay`.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print the played trip as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// With windows: what staff type before they say that a basket is in order, 4 to 12 digits [default: nothing; a cart has
    /// it from its configuration].
    #[arg(long, value_name = "DIGITS", value_parser = |digits: &str| StaffCode::try_from(digits.to_owned()))]
    pub staff_code: Option<StaffCode>,
    #[command(flatten)]
    /// The recogniser.
    pub recogniser: RecogniserArgs,
    #[command(flatten)]
    /// The screen.
    pub screen: ScreenArgs,
}

/// Options of `calibrate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The steps: empty basket; the smaller weight in the middle, then over each of the four corners; the \
larger weight in the middle; empty again. Each waits until the load is still. Weights of class M1 are good enough; at a third \
of the greatest load the corners tell most.

Examples:
  dashcart calibrate --serial CZL601-0042 --by \"J. Doe\" --weights 2000,10000 --weights-name \"M1 set no. 4\"
  dashcart calibrate --emulated --serial TRY --by me --json

Exit codes: 0 written; 1 refused or broken off, nothing was written; 2 the command line or the configuration is wrong."
)]
pub struct CalibrateArgs {
    /// The cart's configuration: where the cell is wired and where its calibration is kept.
    #[arg(long, value_name = "FILE", default_value = "/etc/dashcart/cart.toml")]
    pub config: PathBuf,
    /// The serial number of the load cell.
    #[arg(long, value_name = "TEXT", value_parser = parse_name)]
    pub serial: String,
    /// Who calibrates.
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub by: String,
    /// The two known weights in grams, the smaller first.
    #[arg(long, value_name = "GRAMS,GRAMS", default_value = "2000,10000", value_parser = parse_weights)]
    pub weights: (f64, f64),
    /// Which weights these are, for example their class and number.
    #[arg(long, value_name = "TEXT", default_value = "no further name", value_parser = parse_name)]
    pub weights_name: String,
    /// The scale interval e in grams, whose error limits hold [default: that of the certified scale in the configuration,
    /// else 10].
    #[arg(long, value_name = "GRAMS", value_parser = parse_interval)]
    pub interval: Option<f64>,
    /// The load in grams that the cell bears.
    #[arg(long, value_name = "GRAMS", default_value_t = 40_000.0, value_parser = parse_capacity)]
    pub capacity: f64,
    /// Where to write the calibration [default: as the configuration says; target/calibration.toml with --emulated].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Calibrate an emulated cell: the steps do themselves, and nobody is asked.
    #[arg(long)]
    pub emulated: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn parse_name(text: &str) -> Result<String, String> {
    let good = (1..=100).contains(&text.len()) && !text.chars().any(char::is_control) && !text.trim().is_empty();
    if good { Ok(text.to_owned()) } else { Err("1 to 100 characters".to_owned()) }
}

fn parse_weights(text: &str) -> Result<(f64, f64), String> {
    let parsed = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    match parsed {
        Some((smaller, larger))
            if (100.0..=100_000.0).contains(&smaller) && larger >= 2.0 * smaller && larger <= 1e6 =>
        {
            Ok((smaller, larger))
        }
        _ => Err("two weights in grams, the smaller of at least 100 and the larger at least twice that: 2000,10000"
            .to_owned()),
    }
}

fn parse_interval(text: &str) -> Result<f64, String> {
    let interval = text.parse().ok().filter(|grams| (0.1..=100.0).contains(grams));
    interval.ok_or_else(|| "an interval is 0.1 to 100 grams".to_owned())
}

fn parse_capacity(text: &str) -> Result<f64, String> {
    let capacity = text.parse().ok().filter(|grams| (100.0..=1_000_000.0).contains(grams));
    capacity.ok_or_else(|| "a cart's cell bears 100 to 1000000 grams".to_owned())
}

/// Options of `store`.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The SQLite file of trips and receipts; made where it is missing.
    #[arg(long, value_name = "FILE", default_value = "store.db")]
    pub database: PathBuf,
    /// Which demonstration range to sell.
    #[arg(long, value_enum, default_value = "shelf")]
    pub range: Range,
    /// Sell what this catalogue says instead of a demonstration range.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// The gallery to hand out to carts [default: the range's own].
    #[arg(long, value_name = "FILE")]
    pub gallery: Option<PathBuf>,
    /// A folder of product pictures named SKU.png or SKU.jpg, or a Grocery Store Dataset.
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
    /// The address that shoppers reach it at, where a proxy stands before it.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}

/// Options of `simulate`.
#[cfg(feature = "emulator")]
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// How many trips.
    #[arg(long, default_value_t = 20)]
    pub trips: u32,
    /// Seed of everything random; the same seed gives the same trips.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Items a trip, on average.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub items: u32,
    /// Show photos of this folder instead of drawn products.
    #[arg(long, value_name = "FOLDER")]
    pub photos: Option<PathBuf>,
    /// Which list of the photos: FOLDER/NAME.txt.
    #[arg(long, value_name = "NAME", default_value = "val", requires = "photos")]
    pub split: String,
    /// Who shops: tidy, hasty, family, undecided or dishonest [default: a mixture, a tenth of them dishonest].
    #[arg(long, value_name = "KIND", value_parser = parse_shopper)]
    pub shopper: Option<Shopper>,
    /// Share of packed goods whose code is shown to the camera.
    #[arg(long, value_name = "SHARE", default_value_t = 0.7, value_parser = parse_share)]
    pub codes: f32,
    /// Share of acts after which the cart is bumped, leant on, rolled or pushed up a ramp.
    #[arg(long, value_name = "SHARE", default_value_t = 0.15, value_parser = parse_share)]
    pub faults: f32,
    /// Only disturb the cart, about so many times, and count what that changes in the basket.
    #[arg(long, value_name = "TIMES", conflicts_with = "trips")]
    pub disturbances: Option<u32>,
    /// Trips simulated at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,
    /// Write what the camera path said of every act to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "film")]
    pub record: Option<PathBuf>,
    /// Play such a file in place of camera and model.
    #[arg(long, value_name = "FILE")]
    pub film: Option<PathBuf>,
    /// Keep a recording of every trip in this folder, for `replay`.
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Fail, and name the bars that are missed.
    #[arg(long)]
    pub hold: bool,
    /// Print one flat JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    /// The recogniser.
    pub recogniser: RecogniserArgs,
}

#[cfg(feature = "emulator")]
fn parse_shopper(text: &str) -> Result<Shopper, String> {
    let known = Shopper::NAMES.iter().find(|(name, _)| *name == text);
    known.map(|(_, shopper)| *shopper).ok_or_else(|| {
        let names: Vec<&str> = Shopper::NAMES.iter().map(|(name, _)| *name).collect();
        format!("shoppers are: {}", names.join(", "))
    })
}

#[cfg(feature = "emulator")]
fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

/// Options of `eval`.
#[derive(Debug, Clone, Args)]
pub struct EvalArgs {
    /// What is measured.
    #[command(flatten)]
    pub options: EvalOptions,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Options of `enrol`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  dashcart enrol --dataset ../shared/data/grocery-store-dataset --split train --gallery models/gallery-grocery.bin
  dashcart enrol --photos renders/ --gallery models/gallery-shelf.bin       one folder for each SKU
  dashcart enrol --sku oat-drink --photos oat-drink/                        adds to an existing gallery
  dashcart enrol --sku oat-drink --camera                                   the same, with photos taken now

A running store serves the changed gallery at once; a running cart takes it within half a minute, between trips.")]
pub struct EnrolArgs {
    /// What is enrolled.
    #[command(flatten)]
    pub options: EnrolOptions,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Options of `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// Tell what happened and why, and draw it into this SVG file: the load over time, what was seen, pressed and booked.
    #[arg(long, value_name = "SVG", conflicts_with = "json")]
    pub explain: Option<PathBuf>,
    /// Take what this program does as right, and write it into the recording.
    #[arg(long)]
    pub bless: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

fn parse_language(text: &str) -> Result<Language, String> {
    match text {
        "de" => Ok(Language::De),
        "en" => Ok(Language::En),
        _ => Err("the screen speaks de (German) and en (English)".to_owned()),
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let size = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match size {
        Some((width, height)) if (640..=3840).contains(&width) && (400..=2400).contains(&height) => Ok((width, height)),
        _ => Err("a size is for example 1280x800 or 800x480".to_owned()),
    }
}
