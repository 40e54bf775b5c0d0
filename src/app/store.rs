//! `dashcart store`: the reference store as a program of its own.

use super::assets::{self, Range};
use super::{Failure, pictures};
use crate::cli::StoreArgs;
use crate::domain::catalog::Catalog;
use crate::store::{BookKeeping, Pictures, StoreConfig, serve};
use crate::vision::Gallery;
use std::path::Path;

/// Runs the store until it is interrupted.
///
/// # Errors
/// [`Failure`] with the reason for people.
pub fn run(args: StoreArgs) -> Result<(), Failure> {
    let catalog = match &args.catalog {
        Some(file) => read_catalog(file)?,
        None => args.range.catalog(),
    };
    let gallery = match assets::gallery(args.gallery.as_deref(), args.range) {
        Ok(file) => {
            let bytes = std::fs::read(&file).map_err(|error| Failure::file("the gallery", &file, &error))?;
            Gallery::from_bytes(&file.display().to_string(), &bytes).map_err(Failure::usage)?;
            Some(bytes)
        }
        Err(error) if args.gallery.is_some() => return Err(Failure::usage(error)),
        Err(error) => {
            tracing::warn!("{error}; carts have to bring their own");
            None
        }
    };
    let config = StoreConfig {
        address: args.listen,
        public_url: args.public_url,
        books: BookKeeping::File(args.database.clone()),
        gallery,
        pictures: product_pictures(args.pictures.as_deref(), args.range)?,
        ..StoreConfig::on_loopback(catalog)
    };
    let store = serve(config).map_err(Failure::from_error)?;
    println!("store at {} with its books in {}; Ctrl-C ends it", store.url(), args.database.display());
    store.serve_until_interrupted().map_err(Failure::from_error)
}

/// Pictures of the folder given, else of the range.
///
/// # Errors
/// [`Failure`] when the folder cannot be read.
pub fn product_pictures(folder: Option<&Path>, range: Range) -> Result<Pictures, Failure> {
    match (folder, range) {
        (Some(folder), _) => pictures::of_folder(folder).map_err(Failure::usage),
        #[cfg(feature = "emulator")]
        (None, Range::Shelf) => Ok(pictures::of_shelf()),
        (None, _) => Ok(pictures::none()),
    }
}

fn read_catalog(file: &Path) -> Result<Catalog, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file("the catalogue", file, &error))?;
    let wrong = |reason: String| Failure::Usage(format!("{} is no catalogue: {reason}", file.display()));
    let catalog: Catalog = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let faults = catalog.faults();
    if faults.is_empty() { Ok(catalog) } else { Err(wrong(faults.join("; "))) }
}
