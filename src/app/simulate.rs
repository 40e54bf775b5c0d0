//! `dashcart simulate`: whole trips on a simulated clock, with the real model on emulated pictures.

use super::{Failure, assets, assets::Range, setup};
use crate::cli::SimulateArgs;
use crate::domain::settle::SettleSettings;
use crate::emulator::photos::PhotoShelf;
use crate::emulator::shelf::Shelf;
use crate::emulator::stock::Stock;
use crate::runtime::Clock;
use crate::runtime::camera::CameraWatch;
use crate::simulation::{Simulation, SimulationSettings, Tally};
use std::sync::Arc;

/// Simulates trips and prints what came of them.
///
/// # Errors
/// [`Failure`] with the reason for people.
pub fn run(args: SimulateArgs) -> Result<(), Failure> {
    let range = if args.photos.is_some() { Range::Grocery } else { Range::Shelf };
    let stock: Arc<dyn Stock> = match &args.photos {
        Some(folder) => Arc::new(PhotoShelf::open(folder, &args.split, range.catalog()).map_err(Failure::usage)?),
        None => Shelf::own(),
    };
    let model = assets::model(args.recogniser.model.as_deref()).map_err(Failure::usage)?;
    let embedder = setup::embedder(&model, args.recogniser.threads)?;
    let gallery = assets::gallery(args.recogniser.gallery.as_deref(), range).map_err(Failure::usage)?;
    let sight = setup::sight(embedder, setup::gallery_file(&gallery)?, Vec::new())?;
    let settings = SimulationSettings { items: args.items, ..SimulationSettings::default() };
    let mut simulation = Simulation {
        stock,
        catalog: Arc::new(range.catalog()),
        camera_watch: CameraWatch::new(sight),
        settle: SettleSettings::default(),
        settings,
        clock: Clock::start(),
    };
    let began = simulation.clock.now();
    let mut tally = Tally::default();
    for trip in 0..args.trips {
        simulation.trip(args.seed, trip, &mut tally).map_err(Failure::from_error)?;
        let passed = simulation.clock.now().millis_since(began).max(1);
        eprint!(
            "\rtrip {} of {}: {} of {} items without a question, {} receipts exact, {:.0} times real time   ",
            trip + 1,
            args.trips,
            tally.booked_without_question,
            tally.items,
            tally.receipts_exact,
            tally.simulated_seconds * 1000.0 / passed as f64,
        );
    }
    eprintln!();
    let report = tally.report();
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(Failure::from_error)?);
    } else if let serde_json::Value::Object(fields) = serde_json::to_value(&report).map_err(Failure::from_error)? {
        for (name, value) in fields {
            println!("{name:>24}  {value}");
        }
    }
    Ok(())
}
