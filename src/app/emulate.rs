//! `dashcart emulate`: a cart with emulated surroundings and a store of its own, in windows or played without one.

use super::running::{CartParts, RunningCart};
use super::{Failure, assets, assets::Range, headless, setup, store};
use crate::adapters::catalog_cache::CatalogCache;
use crate::adapters::emulated::{EmulatedCamera, EmulatedScale};
use crate::adapters::http_store::HttpStore;
use crate::cli::EmulateArgs;
use crate::domain::cart::{CartSettings, JournalEntry};
use crate::domain::catalog::Catalog;
use crate::domain::settle::SettleSettings;
use crate::domain::units::{Grams, Sku, Stamp};
use crate::emulator::photos::PhotoShelf;
use crate::emulator::shelf::Shelf;
use crate::emulator::stock::{OwnThing, Stock};
use crate::emulator::world::{Done, Put, ScaleState, World};
use crate::ports::{FrameSource, Journal};
use crate::runtime::Clock;
use crate::runtime::cart::Audience;
use crate::runtime::galleries::NewGalleries;
use crate::runtime::recorder::Recorder;
use crate::store::{BookKeeping, RunningStore, StoreConfig, serve};
use crate::vision::{Gallery, Sight};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything around the emulated cart, and the cart's parts that are not yet running.
pub struct Stage {
    /// The clock of all stamps.
    pub clock: Clock,
    /// What is sold.
    pub catalog: Arc<Catalog>,
    /// The store as the cart reaches it.
    pub client: Arc<HttpStore>,
    /// The screen's size in pixels.
    pub screen_size: (u32, u32),
    world: Arc<Mutex<World>>,
    books: Option<Books>,
    cart: Option<Prepared>,
    last_contact: Option<Stamp>,
}

/// The store that was started here, and how to start it again.
struct Books {
    running: Option<RunningStore>,
    address: SocketAddr,
    database: PathBuf,
    catalog: Catalog,
    gallery: Option<Vec<u8>>,
    range: Range,
    photos: Option<PathBuf>,
}

struct Prepared {
    sight: Sight,
    new_galleries: NewGalleries,
    journal: Box<dyn Journal>,
    cart: crate::domain::cart::Cart,
    recorder: Option<Recorder>,
    camera: Option<Box<dyn FrameSource>>,
    seed: u64,
}

/// Runs the emulated cart.
///
/// # Errors
/// [`Failure`] with the reason for people.
pub fn run(args: EmulateArgs) -> Result<(), Failure> {
    let display =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    let headless = args.headless || args.trip.is_some() || !display;
    if headless {
        if !args.headless && args.trip.is_none() {
            eprintln!("dashcart: there is no display, so a short scripted trip is played (the same as --headless)");
        }
        setup::folder(&args.out)?;
        clear(&args.out)?;
        let stage = Stage::prepare(&args, &args.out)?;
        return headless::play(&args, stage);
    }
    #[cfg(feature = "screen-desktop")]
    {
        let data = match &args.data {
            Some(folder) => folder.clone(),
            None => state_folder().join("emulate"),
        };
        setup::folder(&data)?;
        let stage = Stage::prepare(&args, &data)?;
        super::windows::open(&args, stage)
    }
    #[cfg(not(feature = "screen-desktop"))]
    Err(Failure::Failed("this program was built without a desktop window: use --headless".to_owned()))
}

/// A played trip begins with an empty folder: an open trip of the last play would be taken up otherwise.
fn clear(folder: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file("the folder", folder, &error))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let picture = name.ends_with("-screen.png") || name.ends_with("-camera.png");
        if picture || name.starts_with("cart.db") || name.starts_with("store.db") {
            std::fs::remove_file(&path).map_err(|error| Failure::file("the file", &path, &error))?;
        }
    }
    Ok(())
}

#[cfg(feature = "screen-desktop")]
fn state_folder() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home);
    state.unwrap_or_else(std::env::temp_dir).join("dashcart")
}

impl Stage {
    fn prepare(args: &EmulateArgs, data: &Path) -> Result<Stage, Failure> {
        let clock = Clock::start();
        let real = args.photos.is_some() || args.camera.is_some();
        let range = args.range.unwrap_or(if real { Range::Grocery } else { Range::Shelf });
        if args.photos.is_some() && range == Range::Shelf {
            return Err(Failure::Usage(
                "--photos shows real products: leave --range out, or give --range grocery".to_owned(),
            ));
        }
        let model = assets::model(args.recogniser.model.as_deref()).map_err(Failure::usage)?;
        let embedder = setup::embedder(&model, args.recogniser.threads)?;
        let model_id = embedder.model_id();
        let own_gallery = assets::gallery(args.recogniser.gallery.as_deref(), range).map_err(Failure::usage)?;
        // What is handed to the store is checked first, so that the message names the file.
        Gallery::load_for(&own_gallery, model_id, embedder.dimension()).map_err(Failure::usage)?;
        let stock: Arc<dyn Stock> = match &args.photos {
            Some(folder) => Arc::new(PhotoShelf::open(folder, &args.split, range.catalog()).map_err(Failure::usage)?),
            None => Shelf::own(),
        };
        let (books, url) = match &args.store {
            Some(url) => (None, url.clone()),
            None => {
                let gallery =
                    std::fs::read(&own_gallery).map_err(|error| Failure::file("the gallery", &own_gallery, &error))?;
                let mut books = Books {
                    running: None,
                    address: SocketAddr::from(([127, 0, 0, 1], 0)),
                    database: data.join("store.db"),
                    catalog: range.catalog(),
                    gallery: Some(gallery),
                    range,
                    photos: args.photos.clone(),
                };
                let url = books.open()?;
                (Some(books), url)
            }
        };
        let client = setup::store(&url)?;
        let cache = CatalogCache::new(data.join("cache"));
        setup::folder(&data.join("cache"))?;
        let catalog = Arc::new(setup::catalog(&cache, client.as_ref())?);
        let gallery = match setup::store_gallery(&cache, client.as_ref())? {
            Some(gallery) => gallery,
            None => setup::gallery_file(&own_gallery)?,
        };
        let new_galleries = setup::new_galleries(cache, client.clone(), model_id, gallery.dimension());
        let sight = setup::sight(embedder, gallery, Vec::new())?;
        let settings = CartSettings { nonce: setup::nonce()?, ..CartSettings::default() };
        let (journal, cart, restored) = setup::cart(data, settings.clone(), catalog.clone(), clock.now())?;
        let mut world = World::new(stock, args.seed);
        lay_back(&mut world, &restored)?;
        let recorder = setup::recorder(args.record.as_deref(), model_id, &settings, &cart, &restored, clock.now())?;
        let camera = match &args.camera {
            Some(device) => Some(webcam(device, &clock)?),
            None => None,
        };
        Ok(Stage {
            clock,
            catalog,
            client,
            screen_size: args.screen.size,
            world: Arc::new(Mutex::new(world)),
            books,
            cart: Some(Prepared { sight, new_galleries, journal, cart, recorder, camera, seed: args.seed }),
            last_contact: None,
        })
    }

    /// Starts the cart's loops.
    ///
    /// # Errors
    /// [`Failure`] when the system gives no thread, or the second time.
    pub fn start(&mut self, audience: Box<dyn Audience>) -> Result<RunningCart, Failure> {
        let prepared = self.cart.take().ok_or_else(|| Failure::Failed("the cart runs already".to_owned()))?;
        let now = |clock: Clock| move || clock.now();
        let camera = prepared.camera.unwrap_or_else(|| {
            Box::new(EmulatedCamera::new(self.world.clone(), prepared.seed, now(self.clock.clone())))
        });
        let scale = Box::new(EmulatedScale::new(self.world.clone(), prepared.seed, now(self.clock.clone())));
        let parts = CartParts {
            camera,
            scale,
            sight: prepared.sight,
            new_galleries: Some(prepared.new_galleries),
            store: self.client.clone(),
            journal: prepared.journal,
            cart: prepared.cart,
            recorder: prepared.recorder,
            audience,
            settle: SettleSettings::default(),
            clock: self.clock.clone(),
        };
        RunningCart::start(parts).map_err(Failure::from_error)
    }

    /// The world, to act in.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, for others who act in it.
    #[cfg(feature = "screen-desktop")]
    pub fn shared_world(&self) -> Arc<Mutex<World>> {
        self.world.clone()
    }

    /// A hand drops so many pieces of a product in. Returns what they weigh.
    ///
    /// # Errors
    /// [`Failure`] when the shelf cannot give it.
    pub fn put(&mut self, sku: &Sku, pieces: u32) -> Result<Grams, Failure> {
        let how = Put { pieces, ..Put::default() };
        let done = self.world().put_now(|| self.clock.now(), sku, how).map_err(Failure::from_error)?;
        Ok(self.came(&done))
    }

    /// The shopper puts something of their own in. Returns what it weighs.
    pub fn put_own(&mut self, thing: OwnThing) -> Grams {
        let done = self.world().put_own(self.clock.now(), thing);
        self.came(&done)
    }

    fn came(&mut self, done: &Done) -> Grams {
        self.last_contact = Some(done.changes);
        self.world().coming(&done.items)
    }

    /// A hand takes the newest piece of a product out. Returns what it weighs.
    ///
    /// # Errors
    /// [`Failure`] when none lies in the basket.
    pub fn take(&mut self, sku: &Sku) -> Result<Grams, Failure> {
        let now = self.clock.now();
        let taken = {
            let mut world = self.world();
            world.advance(now);
            let item = world.contents().into_iter().rev().find(|item| item.sku.as_ref() == Some(sku));
            item.and_then(|item| Some((world.take(now, item.id)?, item.mass)))
        };
        let (done, mass) = taken.ok_or_else(|| Failure::Failed(format!("no {sku} lies in the cart")))?;
        self.last_contact = Some(done.changes);
        Ok(mass)
    }

    /// Covers or frees the camera.
    pub fn cover_camera(&self, covered: bool) {
        self.world().cover(covered);
    }

    /// Sets whether the scale can be read.
    pub fn set_scale(&self, state: ScaleState) {
        self.world().set_scale(state);
    }

    /// When the last thing that was put in or taken out touched or left the basket.
    pub fn last_contact(&self) -> Option<Stamp> {
        self.last_contact
    }

    /// The goods in the basket, as they truly are.
    pub fn goods_inside(&self) -> Vec<(Sku, Grams)> {
        let mut world = self.world();
        world.advance(self.clock.now());
        world.contents().into_iter().filter_map(|item| Some((item.sku?, item.mass))).collect()
    }

    /// Stops the store that was started here, or starts it again at the same address.
    ///
    /// # Errors
    /// [`Failure`] when it runs elsewhere or cannot be started.
    pub fn stop_store(&mut self, stopped: bool) -> Result<(), Failure> {
        let Some(books) = &mut self.books else {
            return Err(Failure::Failed("the store runs elsewhere: it cannot be stopped from here".to_owned()));
        };
        if stopped {
            if let Some(running) = books.running.take() {
                running.stop();
            }
        } else if books.running.is_none() {
            books.open()?;
        }
        Ok(())
    }
}

impl Books {
    fn open(&mut self) -> Result<String, Failure> {
        let config = StoreConfig {
            address: self.address,
            books: BookKeeping::File(self.database.clone()),
            gallery: self.gallery.clone(),
            pictures: store::product_pictures(self.photos.as_deref(), self.range)?,
            ..StoreConfig::on_loopback(self.catalog.clone())
        };
        let running = serve(config).map_err(Failure::from_error)?;
        self.address = running.address();
        let url = running.url();
        self.running = Some(running);
        Ok(url)
    }
}

/// The goods of a trip that is taken up again still lie in the cart: the emulated basket gets them back.
fn lay_back(world: &mut World, restored: &[JournalEntry]) -> Result<(), Failure> {
    let mut basket = crate::domain::basket::Basket::default();
    for entry in restored {
        if let JournalEntry::Booked(entry) = entry {
            basket.append(entry.clone());
        }
    }
    for line in basket.lines() {
        let pieces = match line.quantity {
            crate::domain::pricing::Quantity::Pieces(pieces) => pieces,
            crate::domain::pricing::Quantity::Weighed(_) => 1,
        };
        world.put(Stamp(0), &line.sku, Put { pieces, ..Put::default() }).map_err(Failure::from_error)?;
    }
    let settled = world.still_at();
    world.advance(settled);
    Ok(())
}

#[cfg(feature = "webcam")]
fn webcam(device: &str, clock: &Clock) -> Result<Box<dyn FrameSource>, Failure> {
    let clock = clock.clone();
    let camera = crate::adapters::v4l_camera::V4lCamera::open(device, move || clock.now()).map_err(Failure::usage)?;
    Ok(Box::new(camera))
}

#[cfg(not(feature = "webcam"))]
fn webcam(device: &str, _clock: &Clock) -> Result<Box<dyn FrameSource>, Failure> {
    Err(Failure::Usage(format!("this program was built without webcams, so {device} cannot be used")))
}
