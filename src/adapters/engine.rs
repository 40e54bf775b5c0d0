//! The recognition engine that this build has: LiteRT, or `tflite` where LiteRT has no library.

use crate::ports::{EmbedError, Embedder};
use std::path::Path;

/// Opens a model with the engine of this build, to compute with so many threads.
///
/// # Errors
/// [`EmbedError`] when the model cannot be used, or this build has no engine.
pub fn open(path: &Path, threads: usize) -> Result<Box<dyn Embedder>, EmbedError> {
    #[cfg(feature = "litert")]
    {
        Ok(Box::new(super::litert::LitertEmbedder::load(path, threads)?))
    }
    #[cfg(all(feature = "tflite", not(feature = "litert")))]
    {
        Ok(Box::new(super::tflite::TfliteEmbedder::load(path, threads)?))
    }
    #[cfg(not(any(feature = "litert", feature = "tflite")))]
    {
        let reason = format!("this build has no engine for {} with {threads} threads", path.display());
        Err(EmbedError::Engine { reason: reason + ": build it with the feature litert or tflite" })
    }
}
