//! The pieces that every running cart needs: recogniser, store, catalogue, journal.

use super::Failure;
use crate::adapters::catalog_cache::{CachedGallery, CatalogCache};
use crate::adapters::engine;
use crate::adapters::http_store::HttpStore;
use crate::adapters::sqlite_journal::SqliteJournal;
use crate::domain::cart::{Cart, CartSettings, JournalEntry};
use crate::domain::catalog::Catalog;
use crate::domain::gs1::InStoreRule;
use crate::domain::units::Stamp;
use crate::ports::{Embedder, Journal, ModelId, Store};
use crate::runtime::galleries::NewGalleries;
use crate::runtime::recorder::Recorder;
use crate::vision::{Gallery, Sight, SightSettings};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the store may take to answer.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// Loads the model into the engine that this program was built with.
///
/// # Errors
/// [`Failure`] when the model is missing, damaged or foreign.
pub fn embedder(model: &Path, threads: u8) -> Result<Box<dyn Embedder>, Failure> {
    engine::open(model, usize::from(threads)).map_err(Failure::usage)
}

/// Reads a gallery file.
///
/// # Errors
/// [`Failure`] when it is missing or damaged.
pub fn gallery_file(path: &Path) -> Result<Gallery, Failure> {
    Gallery::load(path).map_err(Failure::usage)
}

/// Joins a model with its gallery, and with how the store numbers goods of varying weight.
///
/// # Errors
/// [`Failure`] when model and gallery do not belong together.
pub fn sight(
    embedder: Box<dyn Embedder>,
    gallery: Gallery,
    in_store_codes: Vec<InStoreRule>,
) -> Result<Sight, Failure> {
    Sight::new(embedder, gallery, SightSettings { in_store_codes, ..SightSettings::default() }).map_err(Failure::usage)
}

/// A client of the store at `url`.
///
/// # Errors
/// [`Failure`] when the URL makes no sense.
pub fn store(url: &str) -> Result<Arc<HttpStore>, Failure> {
    HttpStore::new(url, STORE_PATIENCE).map(Arc::new).map_err(Failure::usage)
}

/// The store's catalogue, or the cached one while the store is away, saying so.
///
/// # Errors
/// [`Failure`] when there is neither.
pub fn catalog(cache: &CatalogCache, store: &dyn Store) -> Result<Catalog, Failure> {
    let fetched = cache.fetch_catalog(store).map_err(Failure::from_error)?;
    if let Some(reason) = fetched.stale {
        tracing::warn!("{reason}; the cart sells by catalogue {} from an earlier start", fetched.content.version);
    }
    let faults = fetched.content.faults();
    if !faults.is_empty() {
        return Err(Failure::Failed(format!("the store's catalogue cannot be sold from: {}", faults.join("; "))));
    }
    Ok(fetched.content)
}

/// The store's gallery, else the cached one, else none.
///
/// # Errors
/// [`Failure`] when what the store gave is damaged.
pub fn store_gallery(cache: &CatalogCache, store: &dyn Store) -> Result<Option<Gallery>, Failure> {
    match cache.fetch_gallery(store) {
        Ok(fetched) => {
            Gallery::from_bytes("the store's gallery", &fetched.content.bytes).map(Some).map_err(Failure::from_error)
        }
        Err(error) => {
            tracing::warn!("{error}");
            Ok(None)
        }
    }
}

/// Asks the store for a gallery other than the cached one, keeps what fits the model in the cache and gives it on. What was
/// made with another model, or is damaged, is told of once and left where it is.
pub fn new_galleries(cache: CatalogCache, store: Arc<dyn Store>, model: ModelId, dimension: usize) -> NewGalleries {
    let mut known = cache.gallery().ok().flatten().map(|gallery| gallery.etag);
    Box::new(move || {
        let (bytes, etag) = match store.gallery(known.as_deref()) {
            Ok(fresh) => fresh?,
            Err(error) => {
                tracing::debug!("no news of the gallery: {error}");
                return None;
            }
        };
        known = Some(etag.clone());
        let name = "the store's new gallery";
        let fitting = Gallery::from_bytes(name, &bytes)
            .and_then(|gallery| gallery.check_model(name, model, dimension).map(|()| gallery));
        match fitting {
            Ok(gallery) => {
                if let Err(error) = cache.keep_gallery(&CachedGallery { bytes, etag }) {
                    tracing::warn!("{error}: after a start without the store the cart has the old gallery");
                }
                Some(gallery)
            }
            Err(error) => {
                tracing::error!("{error}; the cart goes on with the gallery it has");
                None
            }
        }
    })
}

/// The journal, the cart that it leaves, and the entries that it was left by.
pub type Opened = (Box<dyn Journal>, Cart, Vec<JournalEntry>);

/// Opens the journal in `folder` and takes up the trip that a pulled battery left there, if any.
///
/// # Errors
/// [`Failure`] when the journal cannot be used or the trip cannot be sold any more.
pub fn cart(folder: &Path, settings: CartSettings, catalog: Arc<Catalog>, now: Stamp) -> Result<Opened, Failure> {
    let mut journal = SqliteJournal::open(&folder.join("cart.db")).map_err(Failure::from_error)?;
    let entries = journal.open_trip().map_err(Failure::from_error)?;
    let cart = Cart::restore(settings, catalog, &entries, now).map_err(Failure::from_error)?;
    if !entries.is_empty() {
        tracing::info!("an open trip of {} lines is taken up again", cart.basket().lines().len());
    }
    Ok((Box::new(journal), cart, entries))
}

/// Begins the recording that was asked for, if one was.
///
/// # Errors
/// [`Failure`] when its file cannot be written.
pub fn recorder(
    file: Option<&Path>,
    model: ModelId,
    settings: &CartSettings,
    cart: &Cart,
    restored: &[JournalEntry],
    now: Stamp,
) -> Result<Option<Recorder>, Failure> {
    let begin = |file| Recorder::begin(file, &model.to_string(), settings, cart, restored, now);
    file.map(begin).transpose().map_err(Failure::usage)
}

/// A text that differs at every start, so that trip keys never repeat.
///
/// # Errors
/// [`Failure`] when the system gives no randomness.
pub fn nonce() -> Result<String, Failure> {
    use std::io::Read;
    let mut bytes = [0u8; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|error| Failure::Failed(format!("the system gives no random numbers for trip keys: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`Failure`] when it cannot be made.
pub fn folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure::file("the folder", path, &error))
}
