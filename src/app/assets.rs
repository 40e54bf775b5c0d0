//! Where the model, the galleries and the demonstration ranges are found.

use crate::domain::catalog::Catalog;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The demonstration store's ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Range {
    /// Our own shelf: drawn products of invented brands.
    Shelf,
    /// The 81 classes of the Grocery Store Dataset: real products, for photos and a webcam.
    Grocery,
}

impl Range {
    /// The catalogue of the range.
    ///
    /// # Panics
    /// Never with the files that this program was built with; a test reads both.
    pub fn catalog(self) -> Catalog {
        let text = match self {
            Range::Shelf => include_str!("../../ranges/shelf.json"),
            Range::Grocery => include_str!("../../ranges/grocery.json"),
        };
        serde_json::from_str(text).expect("the built-in range is a catalogue")
    }

    /// The file name of its gallery.
    pub fn gallery(self) -> &'static str {
        match self {
            Range::Shelf => "gallery-shelf.bin",
            Range::Grocery => "gallery-grocery.bin",
        }
    }
}

/// A file that the program needs was not found.
#[derive(Debug, Error)]
#[error("no {what} found: looked for {}; name it with {flag}", list(.places))]
pub struct AssetMissing {
    what: &'static str,
    flag: &'static str,
    places: Vec<PathBuf>,
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The model's file: the one given, or `dashcart.tflite` where the package or the checkout has it.
///
/// # Errors
/// [`AssetMissing`] naming where it was looked for.
pub fn model(given: Option<&Path>) -> Result<PathBuf, AssetMissing> {
    find("model", "--model", given, "dashcart.tflite")
}

/// A gallery's file, likewise.
///
/// # Errors
/// [`AssetMissing`].
pub fn gallery(given: Option<&Path>, range: Range) -> Result<PathBuf, AssetMissing> {
    find("gallery", "--gallery", given, range.gallery())
}

fn find(what: &'static str, flag: &'static str, given: Option<&Path>, name: &str) -> Result<PathBuf, AssetMissing> {
    let places: Vec<PathBuf> = match given {
        Some(given) => vec![given.to_owned()],
        None => folders().into_iter().map(|folder| folder.join(name)).collect(),
    };
    match places.iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(AssetMissing { what, flag, places }),
    }
}

/// Beside the program (a package), above `target/release` (a checkout), and the working directory.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(beside) = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)) {
        folders.push(beside.join("../share/dashcart"));
        folders.push(beside.join("models"));
        folders.push(beside.join("../../models"));
    }
    folders.push(PathBuf::from("models"));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Sku;

    #[test]
    fn a_look_alike_is_another_product_of_the_catalogue() {
        for (other, faults) in [
            ("Cantaloupe", &[][..]),
            ("Galia-Melon", &["Galia-Melon: its look-alike Galia-Melon is not another product of this catalogue"]),
            ("Cantalope", &["Galia-Melon: its look-alike Cantalope is not another product of this catalogue"]),
        ] {
            let mut catalog = Range::Grocery.catalog();
            let galia = catalog.products.get_mut(&Sku::new("Galia-Melon")).expect("it is sold");
            galia.look_alikes = vec![Sku::new(other)];
            assert_eq!(catalog.faults(), faults, "{other}");
        }
    }

    #[test]
    fn both_ranges_can_be_sold_from() {
        for range in [Range::Shelf, Range::Grocery] {
            assert_eq!(range.catalog().faults(), Vec::<String>::new(), "{range:?}");
        }
    }
}
