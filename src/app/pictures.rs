//! Pictures of the products for the store: drawn ones of our own shelf, or files of a folder.

use crate::store::{Picture, Pictures};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Side of a drawn picture in pixels.
#[cfg(feature = "emulator")]
const SIDE: usize = 320;

/// Why a folder of pictures cannot be used.
#[derive(Debug, Error)]
pub enum PicturesError {
    /// The folder cannot be read.
    #[error("cannot read the folder of pictures {folder}")]
    Unreadable {
        /// The folder.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Pictures of the files of `folder`: named after their SKU, or a Grocery Store Dataset with its list of classes.
///
/// # Errors
/// [`PicturesError`] when the folder cannot be read; a product without a picture is no error.
pub fn of_folder(folder: &Path) -> Result<Pictures, PicturesError> {
    let unreadable = |source| PicturesError::Unreadable { folder: folder.display().to_string(), source };
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    let classes = folder.join("classes.csv");
    if classes.is_file() {
        for line in std::fs::read_to_string(&classes).map_err(unreadable)?.lines().skip(1) {
            let columns: Vec<&str> = line.split(',').collect();
            if let [name, _, _, _, picture, ..] = columns[..] {
                let named = folder.join(picture.trim_start_matches('/'));
                // The shared copy holds the same pictures as WebP.
                let found = [named.clone(), named.with_extension("webp")].into_iter().find(|file| file.is_file());
                files.extend(found.map(|file| (name.to_owned(), file)));
            }
        }
    } else {
        for entry in std::fs::read_dir(folder).map_err(unreadable)?.flatten() {
            let path = entry.path();
            if let Some(stem) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) {
                files.insert(stem, path);
            }
        }
    }
    Ok(Box::new(move |sku| {
        let file = files.get(sku.as_str())?;
        let content_type = match file.extension()?.to_str()? {
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            _ => return None,
        };
        Some(Picture { bytes: std::fs::read(file).ok()?, content_type: content_type.to_owned() })
    }))
}

/// Drawn pictures of our own shelf; products of other ranges have none.
#[cfg(feature = "emulator")]
pub fn of_shelf() -> Pictures {
    Box::new(|sku| {
        let picture = crate::emulator::picture(sku, SIDE)?;
        let mut bytes = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        let (width, height) = (picture.width as u32, picture.height as u32);
        image::ImageEncoder::write_image(encoder, &picture.rgb, width, height, image::ExtendedColorType::Rgb8).ok()?;
        Some(Picture { bytes, content_type: "image/png".to_owned() })
    })
}

/// No pictures: the screen shows the products' first letters.
pub fn none() -> Pictures {
    Box::new(|_| None)
}
