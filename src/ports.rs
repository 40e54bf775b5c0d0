//! What the cart needs from the outside: one small trait for each thing, each with its own errors.
//!
//! Adapters implement these; `app.rs` alone chooses between them. A port carries what a device would give and nothing
//! more: pixels and a time stamp, a mass and a time stamp. None of them carries an answer.

use crate::domain::catalog::Catalog;
use crate::domain::units::{Grams, Stamp};
use thiserror::Error;

/// One camera picture: `width * height * 3` bytes of 8-bit RGB, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// When the picture was taken.
    pub at: Stamp,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The pixels.
    pub rgb: Vec<u8>,
}

/// Why no picture came.
#[derive(Debug, Error)]
pub enum CameraError {
    /// The device does not exist.
    #[error("no camera at {device}: plug one in, or name another with --camera")]
    Missing {
        /// The device's path.
        device: String,
    },
    /// Another program holds the device.
    #[error("the camera {device} is used by another program: close that one first")]
    Busy {
        /// The device's path.
        device: String,
    },
    /// The device gives no format that we read.
    #[error("the camera {device} offers neither MJPEG nor YUYV ({offered})")]
    Format {
        /// The device's path.
        device: String,
        /// What it offers instead.
        offered: String,
    },
    /// The device went away, or gave nothing in time.
    #[error("the camera stopped giving pictures: {reason}")]
    Lost {
        /// What the device said.
        reason: String,
    },
    /// A recording or a scripted world came to its end.
    #[error("there are no more pictures")]
    Ended,
}

/// Gives pictures, newest first: a picture that nobody fetched in time is dropped and counted by the source.
pub trait FrameSource: Send {
    /// Waits for the next picture and writes it into `frame`, whose buffer is reused.
    ///
    /// # Errors
    /// [`CameraError`] when no picture can be had; the source may be asked again after [`CameraError::Lost`].
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), CameraError>;
}

/// One reading of the scale, calibrated: the whole load on the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightSample {
    /// When the converter was read.
    pub at: Stamp,
    /// The load.
    pub load: Grams,
}

/// Why no reading came.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ScaleError {
    /// No reading within two periods, or a reading that fails its checks: a gap, never a zero.
    #[error("the scale gave no valid reading: {reason}")]
    Gap {
        /// What was wrong with the reading.
        reason: String,
    },
    /// The converter is at its limit: overloaded, or a cell's wire is broken.
    #[error("the scale is overloaded or a wire of its cell is broken (saturated {side})")]
    Saturated {
        /// `high` or `low`.
        side: &'static str,
    },
    /// The device does not answer at all.
    #[error("no scale: {reason}")]
    Missing {
        /// What the device said.
        reason: String,
    },
    /// Without calibration there is no weight.
    #[error("the scale is not calibrated: run `dashcart calibrate`")]
    Uncalibrated,
    /// A recording or a scripted world came to its end.
    #[error("there are no more readings")]
    Ended,
}

/// Gives readings of the scale in the order of their time.
pub trait WeightSource: Send {
    /// Waits for the next reading, at most two sampling periods.
    ///
    /// # Errors
    /// [`ScaleError`]; the source may be asked again after [`ScaleError::Gap`] and [`ScaleError::Saturated`].
    fn next_sample(&mut self) -> Result<WeightSample, ScaleError>;
}

/// Gives the raw counts of a scale's converter: what a calibration is made from.
pub trait CountsSource: Send {
    /// Waits for the next valid conversion, with its stamp.
    ///
    /// # Errors
    /// [`ScaleError`]; the source may be asked again after [`ScaleError::Gap`].
    fn next_counts(&mut self) -> Result<(Stamp, i32), ScaleError>;
}

/// The identity of a model file: its SHA-256. A gallery fits exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId(pub [u8; 32]);

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelId({self})")
    }
}

/// Why a model gave no embedding.
#[derive(Debug, Error)]
pub enum EmbedError {
    /// The model's file cannot be read.
    #[error("cannot read the model {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no model, is cut short, or is not made for this cart.
    #[error("{path} is not a model this cart can use: {reason}")]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine failed while computing.
    #[error("the recognition engine failed: {reason}")]
    Engine {
        /// What the engine said.
        reason: String,
    },
}

/// Turns a square crop into an embedding: a unit vector that is near those of the same product.
pub trait Embedder: Send {
    /// The side in pixels of the square RGB input.
    fn input_side(&self) -> usize;
    /// The length of an embedding.
    fn dimension(&self) -> usize;
    /// Which model this is.
    fn model_id(&self) -> ModelId;
    /// Computes the embedding of `rgb` (`side * side * 3` bytes) into `embedding`, scaled to length 1.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] when the engine fails.
    fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError>;
}

/// Why the store gave no answer that can be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Nothing answered in time. What was sent may or may not have arrived.
    #[error("the store at {url} did not answer: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The store refused, with a reason for people.
    #[error("the store refused: {title} ({detail})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Short.
        title: String,
        /// Long.
        detail: String,
    },
    /// The answer does not follow the contract.
    #[error("the store at {url} gave an answer that makes no sense: {reason}")]
    Nonsense {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The store's side of the contract, as the cart uses it.
pub trait Store: Send + Sync {
    /// Fetches the catalogue; `None` when `known_version` is still current.
    ///
    /// # Errors
    /// [`StoreError`]; the caller may go on with a cached catalogue.
    fn catalog(&self, known_version: Option<&str>) -> Result<Option<Catalog>, StoreError>;

    /// Fetches the gallery file for `model` ; `None` when `known_etag` is still current. Returns its bytes and its ETag.
    ///
    /// # Errors
    /// [`StoreError`].
    fn gallery(&self, known_etag: Option<&str>) -> Result<Option<(Vec<u8>, String)>, StoreError>;

    /// Fetches a product's picture as PNG or JPEG bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    fn picture(&self, sku: &crate::domain::units::Sku) -> Result<Vec<u8>, StoreError>;

    /// Posts a finished trip under its key. Posting the same trip again has no further effect.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] leaves the outcome unknown: ask with [`Store::trip`].
    fn post_trip(
        &self,
        trip: &crate::domain::checkout::TripOrder,
    ) -> Result<crate::domain::checkout::Receipt, StoreError>;

    /// Asks what became of a trip; `None` when the store never received it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn trip(
        &self,
        key: &crate::domain::checkout::TripKey,
    ) -> Result<Option<crate::domain::checkout::Receipt>, StoreError>;
}

/// Why the journal could not be written or read.
#[derive(Debug, Error)]
#[error("the journal {path} cannot be used: {reason}")]
pub struct JournalError {
    /// Its file.
    pub path: String,
    /// What the database said.
    pub reason: String,
}

/// Keeps what must survive a pulled battery. When `append` returns, the entry is on the disk.
pub trait Journal: Send {
    /// Appends one entry durably.
    ///
    /// # Errors
    /// [`JournalError`] when it is not on the disk.
    fn append(&mut self, entry: &crate::domain::cart::JournalEntry) -> Result<(), JournalError>;

    /// The entries of the trip that was not ended, in order; empty when there is none.
    ///
    /// # Errors
    /// [`JournalError`].
    fn open_trip(&mut self) -> Result<Vec<crate::domain::cart::JournalEntry>, JournalError>;
}
