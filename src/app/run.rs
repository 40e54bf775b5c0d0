//! `dashcart run`: a cart with its real camera, its real scale and the screen it is built for.

use super::Failure;
use crate::cli::RunArgs;

/// Runs the cart until it is stopped.
///
/// # Errors
/// [`Failure`] with the reason for people.
#[cfg(all(feature = "webcam", feature = "load-cell", feature = "screen"))]
pub fn run(args: RunArgs) -> Result<(), Failure> {
    real::run(args)
}

/// Says what this program lacks to run a cart.
///
/// # Errors
/// Always.
#[cfg(not(all(feature = "webcam", feature = "load-cell", feature = "screen")))]
pub fn run(args: RunArgs) -> Result<(), Failure> {
    // Even so a wrong configuration is told first: it can be checked on any machine.
    crate::config::CartConfig::read(&args.config).map_err(Failure::usage)?;
    Err(Failure::Failed(
        "this program was built without a cart's scale: build it with `--no-default-features --features cart`, or try \
         `dashcart emulate`"
            .to_owned(),
    ))
}

#[cfg(all(feature = "webcam", feature = "load-cell", feature = "screen"))]
mod real {
    use super::Failure;
    use crate::adapters::catalog_cache::CatalogCache;
    use crate::adapters::load_cell::{Calibration, PiLoadCell, Wiring};
    use crate::adapters::v4l_camera::V4lCamera;
    use crate::app::running::{CartParts, RunningCart};
    use crate::app::shown::Shown;
    use crate::app::{assets, setup, shown};
    use crate::cli::RunArgs;
    use crate::config::CartConfig;
    use crate::domain::cart::CartSettings;
    use crate::domain::settle::SettleSettings;
    use crate::domain::units::Grams;
    use crate::domain::weighing::Weighing;
    use crate::runtime::Clock;
    use crate::screen::window::{self, Screen};
    use std::sync::Arc;

    pub fn run(args: RunArgs) -> Result<(), Failure> {
        let config = CartConfig::read(&args.config).map_err(Failure::usage)?;
        if config.staff_code.is_none() {
            tracing::warn!(
                "there is no staff_code in {}: everybody can say that a basket is in order",
                args.config.display()
            );
        }
        let clock = Clock::start();
        let model = assets::model(args.recogniser.model.as_deref()).map_err(Failure::usage)?;
        let embedder = setup::embedder(&model, args.recogniser.threads)?;
        let model_id = embedder.model_id();
        let client = setup::store(args.store.as_deref().unwrap_or(&config.store))?;
        setup::folder(&config.data.join("cache"))?;
        let cache = CatalogCache::new(config.data.join("cache"));
        let catalog = Arc::new(setup::catalog(&cache, client.as_ref())?);
        let gallery = match (&args.recogniser.gallery, setup::store_gallery(&cache, client.as_ref())?) {
            (Some(file), _) => setup::gallery_file(file)?,
            (None, Some(gallery)) => gallery,
            (None, None) => {
                return Err(Failure::Failed(
                    "neither the store nor this cart's cache has a gallery of products".to_owned(),
                ));
            }
        };
        let new_galleries = args
            .recogniser
            .gallery
            .is_none()
            .then(|| setup::new_galleries(cache.clone(), client.clone(), model_id, gallery.dimension()));
        let sight = setup::sight(embedder, gallery, config.in_store_codes.clone())?;
        let now = |clock: Clock| move || clock.now();
        let device = args.camera.as_deref().unwrap_or(&config.camera);
        let camera = V4lCamera::open(device, now(clock.clone())).map_err(Failure::from_error)?;
        let calibration = Calibration::read_to_run(&config.scale.calibration);
        let wiring = Wiring {
            clock_gpio: config.scale.clock_gpio,
            data_gpio: config.scale.data_gpio,
            conversions_per_second: config.scale.conversions_per_second,
        };
        let scale = PiLoadCell::open(wiring, calibration, now(clock.clone())).map_err(Failure::from_error)?;
        let settings = CartSettings {
            cart: config.cart.clone(),
            nonce: setup::nonce()?,
            weighing: config.weighing(),
            ..CartSettings::default()
        };
        let (journal, cart, restored) = setup::cart(&config.data, settings.clone(), catalog, clock.now())?;
        let recorder = setup::recorder(args.record.as_deref(), model_id, &settings, &cart, &restored, clock.now())?;
        let screen = Screen::new(args.screen.language, config.staff_code.clone()).map_err(Failure::from_error)?;
        let parts = CartParts {
            camera: Box::new(camera),
            scale: Box::new(scale),
            sight,
            new_galleries,
            store: client.clone(),
            journal,
            cart,
            recorder,
            audience: Box::new(Shown(screen.handle())),
            settle: settle_for(&config.weighing()),
            clock,
        };
        let cart = RunningCart::start(parts).map_err(Failure::from_error)?;
        shown::connect(&screen, cart.inputs.clone(), client);
        screen.open().map_err(Failure::from_error)?;
        let ran = window::run().map_err(Failure::from_error);
        cart.stop().map_err(Failure::from_error)?;
        ran
    }

    /// A scale that prices is waited for until its load is known as well as its interval asks.
    fn settle_for(weighing: &Weighing) -> SettleSettings {
        let settle = SettleSettings::default();
        match weighing {
            Weighing::Certified(scale) => {
                // What a settled change is unsure by beside the fit leaves so much of the least error limit, 0.5 e.
                let sure = Grams(settle.sure.0.min(0.3 * scale.interval().0));
                SettleSettings { sure, sure_share: 0.0, ..settle }
            }
            Weighing::Demonstration | Weighing::LabelsOnly => settle,
        }
    }
}
