//! `dashcart simulate`: whole trips on a simulated clock, with the real model on emulated pictures or with a film of what it
//! said earlier.

use super::{Failure, assets, assets::Range, setup};
use crate::adapters::tflite_file::TfliteFile;
use crate::cli::SimulateArgs;
use crate::emulator::camera::{Camera, Setting};
use crate::emulator::photos::PhotoShelf;
use crate::emulator::shelf::Shelf;
use crate::emulator::stock::{Stock, StockError};
use crate::runtime::Clock;
use crate::runtime::camera::CameraWatch;
use crate::simulation::{Eyes, Film, Shoppers, Simulation, SimulationSettings, Tally};
use std::sync::{Arc, Mutex};

/// Disturbances that one cart gets.
const DISTURBANCES_A_TRIP: u32 = 50;

/// Simulates trips and prints what came of them.
///
/// # Errors
/// [`Failure`] with the reason for people.
pub fn run(args: SimulateArgs) -> Result<(), Failure> {
    if args.photos.is_some() && args.film.is_none() {
        let model = assets::model(args.recogniser.model.as_deref()).map_err(Failure::usage)?;
        if TfliteFile::load(&model).map_err(Failure::usage)?.learned_from.contains(&args.split) {
            let split = &args.split;
            eprintln!(
                "The model learned from a list {split}: if it is this one, it is right more often than with other goods."
            );
        }
    }
    let jobs: Vec<Simulation> = (0..args.jobs).map(|_| simulation(&args)).collect::<Result<_, _>>()?;
    let clock = Clock::start();
    let whole = Mutex::new((Tally::default(), Film::default()));
    let trips = match args.disturbances {
        Some(disturbances) => disturbances.div_ceil(DISTURBANCES_A_TRIP),
        None => args.trips,
    };
    let broken = || Failure::Failed("a simulation broke off".to_owned());
    let work = |job: u32, mut simulation: Simulation| -> Result<(), StockError> {
        for trip in (job..trips).step_by(args.jobs as usize) {
            let mut tally = Tally::default();
            match args.disturbances {
                Some(_) => simulation.disturb(args.seed, trip, DISTURBANCES_A_TRIP, &mut tally)?,
                None => simulation.trip(args.seed, trip, &mut tally)?,
            }
            let Ok(mut whole) = whole.lock() else { return Ok(()) };
            whole.0.add(tally);
            whole.1.add(std::mem::take(&mut simulation.film));
            let (done, passed) = (&whole.0, clock.now().millis().max(1));
            eprint!(
                "\rtrip {} of {trips}: {} of {} items without a question, {} receipts exact, {:.0} times real time   ",
                done.trips,
                done.booked_without_question,
                done.items,
                done.receipts_exact,
                done.simulated_seconds * 1000.0 / passed as f64,
            );
        }
        Ok(())
    };
    let outcome = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..).zip(jobs).map(|(job, simulation)| scope.spawn(move || work(job, simulation))).collect();
        let ends = threads.into_iter().map(|thread| thread.join().map_err(|_| broken())?.map_err(Failure::from_error));
        // All of them are waited for before the first failure is told.
        ends.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()
    });
    eprintln!();
    outcome?;
    let (tally, film) = whole.into_inner().map_err(|_| broken())?;
    if let Some(path) = &args.record {
        film.write(path).map_err(|error| Failure::file("the film", path, &error))?;
    }
    print(&args, &tally)?;
    let missed = tally.missed_bars();
    match args.hold && !missed.is_empty() {
        true => Err(Failure::Failed(format!("bars are missed:\n  {}", missed.join("\n  ")))),
        false => Ok(()),
    }
}

fn simulation(args: &SimulateArgs) -> Result<Simulation, Failure> {
    let range = if args.photos.is_some() { Range::Grocery } else { Range::Shelf };
    let stock: Arc<dyn Stock> = match &args.photos {
        Some(folder) => Arc::new(PhotoShelf::open(folder, &args.split, range.catalog()).map_err(Failure::usage)?),
        None => Shelf::own(),
    };
    let eyes = match &args.film {
        Some(path) => Eyes::Film(Arc::new(Film::read(path).map_err(Failure::Usage)?)),
        None => {
            let model = assets::model(args.recogniser.model.as_deref()).map_err(Failure::usage)?;
            let embedder = setup::embedder(&model, args.recogniser.threads)?;
            let gallery = assets::gallery(args.recogniser.gallery.as_deref(), range).map_err(Failure::usage)?;
            let sight = setup::sight(embedder, setup::gallery_file(&gallery)?, Vec::new())?;
            Eyes::Model(Box::new((Camera::new(Setting::default()), CameraWatch::new(sight))), Clock::start())
        }
    };
    if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file("the folder of recordings", folder, &error))?;
    }
    let settings = SimulationSettings {
        items: args.items,
        shoppers: args.shopper.map_or_else(Shoppers::default, Shoppers::only),
        codes: args.codes,
        faults: args.faults,
        keep: args.keep.clone(),
        ..SimulationSettings::default()
    };
    Ok(Simulation { stock, catalog: Arc::new(range.catalog()), eyes, settings, film: Film::default() })
}

fn print(args: &SimulateArgs, tally: &Tally) -> Result<(), Failure> {
    let report = tally.report();
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(Failure::from_error)?);
    } else if let serde_json::Value::Object(fields) = serde_json::to_value(&report).map_err(Failure::from_error)? {
        for (name, value) in fields {
            println!("{name:>25}  {value}");
        }
    }
    Ok(())
}
