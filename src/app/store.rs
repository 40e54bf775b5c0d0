//! `dashcart store`: the reference store as a program of its own.

use super::assets::{self, Range};
use super::{Failure, pictures};
use crate::cli::StoreArgs;
use crate::domain::catalog::Catalog;
use crate::store::{BookKeeping, NewerGallery, Pictures, StoreConfig, serve};
use crate::vision::Gallery;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Runs the store until it is interrupted.
///
/// # Errors
/// [`Failure`] with the reason for people.
pub fn run(args: StoreArgs) -> Result<(), Failure> {
    let catalog = match &args.catalog {
        Some(file) => read_catalog(file)?,
        None => args.range.catalog(),
    };
    let (gallery, newer_gallery): (_, NewerGallery) = match assets::gallery(args.gallery.as_deref(), args.range) {
        Ok(file) => {
            let read = changed(&file);
            let bytes = std::fs::read(&file).map_err(|error| Failure::file("the gallery", &file, &error))?;
            Gallery::from_bytes(&file.display().to_string(), &bytes).map_err(Failure::usage)?;
            (Some(bytes), newer_than(file, read))
        }
        Err(error) if args.gallery.is_some() => return Err(Failure::usage(error)),
        Err(error) => {
            tracing::warn!("{error}; carts have to bring their own");
            (None, Box::new(|| None))
        }
    };
    let config = StoreConfig {
        address: args.listen,
        public_url: args.public_url,
        books: BookKeeping::File(args.database.clone()),
        gallery,
        newer_gallery,
        pictures: product_pictures(args.pictures.as_deref(), args.range)?,
        ..StoreConfig::on_loopback(catalog)
    };
    let store = serve(config).map_err(Failure::from_error)?;
    println!("store at {} with its books in {}; Ctrl-C ends it", store.url(), args.database.display());
    store.serve_until_interrupted().map_err(Failure::from_error)
}

/// When a file was last written; `None` while it cannot be told.
fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|about| about.modified()).ok()
}

/// Reads a gallery file again whenever it was written anew, as `dashcart enrol` does; one that is damaged is left alone.
fn newer_than(file: PathBuf, read: Option<SystemTime>) -> NewerGallery {
    let read = Mutex::new(read);
    Box::new(move || {
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        let written = changed(&file).filter(|written| Some(*written) != *read)?;
        *read = Some(written);
        let bytes = std::fs::read(&file).ok()?;
        match Gallery::from_bytes(&file.display().to_string(), &bytes) {
            Ok(gallery) => {
                tracing::info!("the gallery has {} products from now on", gallery.skus().len());
                Some(bytes)
            }
            Err(error) => {
                tracing::error!("{error}; carts are given the one before");
                None
            }
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Sku;
    use crate::ports::ModelId;

    #[test]
    fn a_gallery_written_anew_is_served_once_and_a_damaged_one_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("gallery.bin");
        let mut gallery = Gallery::empty(ModelId([1; 32]), 2);
        let write = |gallery: &Gallery, second: u64| {
            gallery.save(&file).expect("written");
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            std::fs::File::options().write(true).open(&file).and_then(|file| file.set_modified(at)).expect("dated");
        };
        write(&gallery, 1000);
        let newer = newer_than(file.clone(), changed(&file));
        assert_eq!(newer(), None);
        gallery.put(&Sku::new("new"), &[vec![1.0, 0.0]]);
        write(&gallery, 2000);
        assert_eq!(newer(), Some(gallery.to_bytes()));
        assert_eq!(newer(), None);
        std::fs::write(&file, "damaged").expect("written");
        assert_eq!(newer(), None);
        gallery.put(&Sku::new("newer"), &[vec![0.0, 1.0]]);
        write(&gallery, 3000);
        assert_eq!(newer(), Some(gallery.to_bytes()));
    }
}
