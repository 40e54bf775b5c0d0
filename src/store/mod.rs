//! The reference store: catalogue, gallery, pictures, trips and receipts over HTTP, one SQLite file behind it.
//!
//! The store alone prices a trip; the cart shows the same prices because both run `domain::pricing`. Nothing here knows
//! of carts' sensors, screens or threads. It authenticates nobody: see docs/store-api.md before it leaves a loopback.

mod booking;
mod database;
mod pages;
mod problem;
mod routes;
mod watch;

use crate::domain::catalog::Catalog;
use crate::domain::units::Sku;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::oneshot;

/// A product's picture and its media type, for example `image/png`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: String,
}

/// Finds the picture of a product, where there is one.
pub type Pictures = Box<dyn Fn(&Sku) -> Option<Picture> + Send + Sync>;

/// The gallery file, where it is another one than the last time.
pub type NewerGallery = Box<dyn Fn() -> Option<Vec<u8>> + Send + Sync>;

/// Where the store keeps its books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookKeeping {
    /// In this SQLite file, which is made where it is missing.
    File(PathBuf),
    /// In memory: gone when the store stops. For tests and for trying things.
    Memory,
}

/// What a store is started with.
pub struct StoreConfig {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// The address that shoppers' phones reach it at, where a proxy stands before it; otherwise the `Host` header tells.
    pub public_url: Option<String>,
    /// The name on the receipt.
    pub name: String,
    /// Where the books are kept.
    pub books: BookKeeping,
    /// What is sold.
    pub catalog: Catalog,
    /// The gallery file that carts fetch, where there is one.
    pub gallery: Option<Vec<u8>>,
    /// Gives the gallery file once more whenever it has changed; asked at each request for it.
    pub newer_gallery: NewerGallery,
    /// Pictures of the products.
    pub pictures: Pictures,
    /// How long one request may take, its body included.
    pub deadline: Duration,
}

impl StoreConfig {
    /// A store on a free loopback port that keeps its books in memory and has neither gallery nor pictures.
    pub fn on_loopback(catalog: Catalog) -> StoreConfig {
        StoreConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            name: "Dashcart Demo Market".to_owned(),
            books: BookKeeping::Memory,
            catalog,
            gallery: None,
            newer_gallery: Box::new(|| None),
            pictures: Box::new(|_| None),
            deadline: Duration::from_secs(10),
        }
    }
}

/// Why a store did not start.
#[derive(Debug, Error)]
pub enum StoreStartError {
    /// The address cannot be listened on.
    #[error("the store cannot listen on {address}: choose another port, or stop the program that uses this one")]
    Address {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be opened or is damaged.
    #[error("the store's database {path} cannot be used: {reason}")]
    Database {
        /// Its file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The catalogue cannot be sold from.
    #[error("the catalogue {version:?} cannot be sold from: {}", faults.join("; "))]
    Catalog {
        /// Its version.
        version: String,
        /// One sentence for each fault.
        faults: Vec<String>,
    },
    /// The database knows another catalogue by the same version.
    #[error("catalogue version {version:?} was served before with other content: give the changed one a new version")]
    VersionReused {
        /// Which version.
        version: String,
    },
    /// No thread or runtime could be had.
    #[error("the store's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// A store that is serving. Dropping it stops it.
pub struct RunningStore {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How long a stopping store waits for requests under way.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Starts a store on a thread of its own. When this returns, it answers.
///
/// # Errors
/// [`StoreStartError`]; nothing runs then.
pub fn serve(config: StoreConfig) -> Result<RunningStore, StoreStartError> {
    let faults = booking::catalog_faults(&config.catalog);
    if !faults.is_empty() {
        return Err(StoreStartError::Catalog { version: config.catalog.version, faults });
    }
    let listen = |source| StoreStartError::Address { address: config.address, source };
    let listener = TcpListener::bind(config.address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let mut database = database::Database::open(&config.books)?;
    database.serve_catalog(&config.catalog)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("store-worker")
        .enable_all()
        .build()
        .map_err(StoreStartError::Thread)?;
    let deadline = config.deadline;
    let router = routes::router(Arc::new(routes::Shop::new(config, address, database)), deadline);

    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let (begin, begun) = oneshot::channel::<()>();
                let serving = async move {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    axum::serve(listener, router)
                        .with_graceful_shutdown(async move {
                            // A dropped sender stops the store as well.
                            let _ = stopped.await;
                            let _ = begin.send(());
                        })
                        .await
                };
                let patience = async move {
                    let _ = begun.await;
                    tokio::time::sleep(STOP_PATIENCE).await;
                };
                tokio::select! {
                    ended = serving => if let Err(error) = ended {
                        tracing::error!(%error, "the store stopped serving");
                    },
                    () = patience => tracing::warn!("the store stopped while requests were under way"),
                }
            });
            runtime.shutdown_timeout(STOP_PATIENCE);
        })
        .map_err(StoreStartError::Thread)?;
    tracing::info!(%address, "the store is open");
    Ok(RunningStore { address, stop: Some(stop), thread: Some(thread) })
}

impl RunningStore {
    /// The address it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that a cart on this machine uses.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it: requests under way are finished first, for at most five seconds.
    pub fn stop(mut self) {
        self.stop_and_wait();
    }

    /// Serves until the process is interrupted (Ctrl-C) or asked to end (SIGTERM), then stops.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn serve_until_interrupted(mut self) -> Result<(), std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut asked_to_end = signal(SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted,
                _ = asked_to_end.recv() => Ok(()),
            }
        })?;
        self.stop_and_wait();
        Ok(())
    }

    fn stop_and_wait(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's thread ended by a panic");
        }
    }
}

impl Drop for RunningStore {
    fn drop(&mut self) {
        self.stop_and_wait();
    }
}
