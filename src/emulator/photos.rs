//! A shelf of photos: folders and lists as the Grocery Store Dataset has them. Each piece is a flat card with one photo.
//!
//! Nothing here tells the camera what a card shows; the class name is the SKU and stays in the world's truth.

use super::portrait::Side;
use super::scene::Body;
use super::shapes::Shape;
use super::sheet::{Rgb, Sheet, ean13_modules};
use super::space::{Chance, Turn};
use super::stock::{Piece, Stock, StockError, unknown, weigh};
use crate::domain::catalog::Catalog;
use crate::domain::units::{Gtin, Sku};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Photos kept decoded.
const KEPT: usize = 48;
/// Side of a photo's sheet in points: finer than the camera sees it.
const SIDE: u32 = 384;
/// Width of a module of the code strip, in metres: a strip can be read where the card lies.
const MODULE: f32 = 0.0017;

/// A split of the dataset as a shelf.
#[derive(Debug)]
pub struct PhotoShelf {
    catalog: Catalog,
    list: PathBuf,
    photos: BTreeMap<Sku, Vec<PathBuf>>,
    decoded: Mutex<VecDeque<(PathBuf, Arc<Sheet>)>>,
}

fn read(path: &Path, hint: &'static str) -> Result<String, StockError> {
    std::fs::read_to_string(path).map_err(|source| StockError::Unreadable { path: path.to_owned(), hint, source })
}

impl PhotoShelf {
    /// Opens `<dir>/classes.csv` and `<dir>/<split>.txt` (lines `path, class, coarse class`); products and masses come
    /// from `catalog`. Photos are decoded when they are first shown.
    ///
    /// # Errors
    /// [`StockError`] when a file cannot be read, a line makes no sense, or the catalogue does not sell a listed class.
    pub fn open(dir: &Path, split: &str, catalog: Catalog) -> Result<PhotoShelf, StockError> {
        let classes = dir.join("classes.csv");
        let text = read(&classes, "give the folder that holds classes.csv and the lists of photos")?;
        let mut names: BTreeMap<usize, Sku> = BTreeMap::new();
        for (index, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
            let bad =
                |reason: &str| StockError::BadLine { path: classes.clone(), line: index + 1, reason: reason.into() };
            let mut fields = line.split(',');
            let name = fields.next().map(str::trim).filter(|name| !name.is_empty());
            let number = fields.next().and_then(|number| number.trim().parse().ok());
            let (Some(name), Some(number)) = (name, number) else {
                return Err(bad("it does not begin with a class name and its number"));
            };
            names.insert(number, Sku::new(name));
        }
        let list = dir.join(format!("{split}.txt"));
        let text = read(&list, "name a split that has a list there, for example train, val or test")?;
        let mut photos: BTreeMap<Sku, Vec<PathBuf>> = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let bad = |reason: String| StockError::BadLine { path: list.clone(), line: index + 1, reason };
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let (Some(path), Some(number)) = (fields.first(), fields.get(1).and_then(|field| field.parse().ok()))
            else {
                return Err(bad("it is not of the form `path, class, coarse class`".into()));
            };
            let sku = names.get(&number).ok_or_else(|| bad(format!("classes.csv has no class {number}")))?;
            if catalog.product(sku).is_none() {
                return Err(bad(format!("the range {} does not sell {sku}", catalog.version)));
            }
            photos.entry(sku.clone()).or_default().push(dir.join(path));
        }
        Ok(PhotoShelf { catalog, list, photos, decoded: Mutex::default() })
    }

    /// The products that have a photo in this split.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.photos.keys()
    }

    fn photo(&self, path: &Path) -> Result<Arc<Sheet>, StockError> {
        // A poisoned lock means that another thread panicked while it held plain data: the data is still whole.
        let mut decoded = self.decoded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, sheet)) = decoded.iter().find(|(known, _)| known == path) {
            return Ok(Arc::clone(sheet));
        }
        let bytes = std::fs::read(path).map_err(|source| StockError::Unreadable {
            path: path.to_owned(),
            hint: "the list names this photo, but it is not there",
            source,
        })?;
        let photo = image::load_from_memory(&bytes)
            .map_err(|source| StockError::BadPhoto { path: path.to_owned(), source })?
            .into_rgb8();
        // A card is square, as the model's input is: a photo of other proportions is squeezed the same way.
        let (width, height) = photo.dimensions();
        let square = if width == height && width <= SIDE * 5 / 4 {
            photo
        } else {
            image::imageops::thumbnail(&photo, SIDE.min(width), SIDE.min(height))
        };
        let points: Vec<Rgb> = square.pixels().map(|pixel| pixel.0).collect();
        let sheet = Arc::new(Sheet::new(square.width() as usize, square.height() as usize, &points));
        decoded.push_back((path.to_owned(), Arc::clone(&sheet)));
        if decoded.len() > KEPT {
            decoded.pop_front();
        }
        Ok(sheet)
    }
}

/// The photo with a printed code on a white strip below it; returns the sheet and its height over its width.
fn with_code(photo: &Sheet, gtin: Gtin, side: f32) -> (Sheet, f32) {
    let (width, height) = photo.size();
    let strip = (width as f32 * 0.16) as usize;
    let module = MODULE / side * width as f32;
    let modules = ean13_modules(gtin);
    let left = (width as f32 - 95.0 * module) / 2.0;
    let mut points = photo.points().collect::<Vec<_>>();
    for row in 0..strip {
        for column in 0..width {
            // Each point holds the mean of the bars under it, so that bars finer than points stay true.
            let dark: f32 = (0..4)
                .map(|tap| (column as f32 + (tap as f32 + 0.5) / 4.0 - left) / module)
                .filter(|at| *at >= 0.0 && modules.get(*at as usize).copied().unwrap_or(false))
                .count() as f32
                / 4.0;
            let quiet = row < strip / 8 || row > strip * 7 / 8;
            points.push([(250.0 - if quiet { 0.0 } else { 232.0 * dark }) as u8; 3]);
        }
    }
    (Sheet::new(width, height + strip, &points), (height + strip) as f32 / height as f32)
}

impl Stock for PhotoShelf {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn take(&self, sku: &Sku, side: Side, chance: &mut Chance) -> Result<Piece, StockError> {
        let product = self.catalog.product(sku).ok_or_else(|| unknown(sku, &self.catalog))?;
        let photos = self.photos.get(sku).filter(|photos| !photos.is_empty());
        let photos = photos.ok_or_else(|| StockError::NoPhoto { sku: sku.clone(), list: self.list.clone() })?;
        let photo = self.photo(&photos[chance.below(photos.len())])?;
        let across = chance.between(0.20, 0.22);
        let coded = product.gtin.filter(|_| side == Side::Code);
        let (sheet, tall) = match coded {
            Some(gtin) => {
                let (sheet, tall) = with_code(&photo, gtin, across);
                (Arc::new(sheet), tall)
            }
            None => (photo, 1.0),
        };
        let shape = Shape::Card { size: [across, across * tall] };
        let lean = Turn::about_x(chance.between(-0.03, 0.03)).after(&Turn::about_y(chance.between(-0.03, 0.03)));
        let body = Body { mesh: Arc::new(shape.mesh(0)), sheet, gloss: 0.04, tint: [1.12; 3] };
        Ok(Piece {
            sku: Some(sku.clone()),
            mass: weigh(product.weight, chance),
            body: Arc::new(body),
            turn: Turn::about_z(chance.between(-0.14, 0.14)).after(&lean),
            rolls: false,
            module: coded.map(|_| MODULE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::{Names, Price, Product, UnitWeight};
    use crate::domain::units::{Currency, Grams, Money};

    fn catalog(skus: &[&str]) -> Catalog {
        let product = |sku: &str| Product {
            sku: Sku::new(sku),
            names: Names { de: sku.into(), en: sku.into() },
            gtin: "4006381333931".parse().ok(),
            plu: None,
            price: Price::Each(Money::eur_cents(99)),
            weight: UnitWeight { mean: Grams(200.0), spread: Grams(10.0), unsure: Grams(1.0) },
            tare: Grams(0.0),
            vat_permille: 70,
            group: "fruit".into(),
            look_alikes: Vec::new(),
            restriction: None,
        };
        let products = skus.iter().map(|sku| (Sku::new(sku), product(sku))).collect();
        Catalog { version: "test".into(), currency: Currency::EUR, products, containers: Vec::new() }
    }

    fn dataset(classes: &str, list: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("classes.csv"), format!("Class Name (str),Class ID (int)\n{classes}"))
            .expect("write");
        std::fs::write(dir.path().join("val.txt"), list).expect("write");
        let photo =
            image::RgbImage::from_fn(90, 120, |x, _| image::Rgb(if x < 45 { [200, 40, 30] } else { [30, 160, 60] }));
        photo.save(dir.path().join("one.jpg")).expect("write");
        photo.save(dir.path().join("two.png")).expect("write");
        std::fs::write(dir.path().join("broken.webp"), b"no photo").expect("write");
        dir
    }

    #[test]
    fn a_piece_is_a_card_with_one_of_the_photos_of_its_class() {
        let dir = dataset("Pear,0,Pear,0\n", "one.jpg, 0, 0\ntwo.png, 0, 0\n");
        let shelf = PhotoShelf::open(dir.path(), "val", catalog(&["Pear"])).expect("opens");
        let mut chance = Chance::new(1);
        let piece = shelf.take(&Sku::new("Pear"), Side::Any, &mut chance).expect("has photos");
        assert_eq!(piece.body.sheet.size(), (90, 120));
        let left = piece.body.sheet.level(0).colour(0.2, 0.5).to_array();
        assert!(left[0] > 150.0 && left[1] < 90.0, "{left:?}");
        let coded = shelf.take(&Sku::new("Pear"), Side::Code, &mut chance).expect("has photos");
        assert!(coded.module.is_some() && coded.body.sheet.size().1 > 120);
    }

    #[test]
    fn what_is_wrong_with_a_dataset_is_named() {
        let cases = [
            ("Pear,0\n", "one.jpg, 0, 0\n", "train", "train.txt"),
            ("Pear,0\n", "one.jpg; 0; 0\n", "val", "line 1"),
            ("Pear,0\n", "one.jpg, 4, 0\n", "val", "no class 4"),
            ("Plum,0\n", "one.jpg, 0, 0\n", "val", "does not sell Plum"),
            ("Pear\n", "one.jpg, 0, 0\n", "val", "classes.csv, line 2"),
        ];
        for (classes, list, split, expected) in cases {
            let dir = dataset(classes, list);
            let error = PhotoShelf::open(dir.path(), split, catalog(&["Pear"])).expect_err("is wrong").to_string();
            assert!(error.contains(expected), "{error} should name {expected}");
        }
        let missing = PhotoShelf::open(Path::new("/nowhere"), "val", catalog(&[])).expect_err("is wrong").to_string();
        assert!(missing.contains("/nowhere"), "{missing}");
    }

    #[test]
    fn a_photo_that_cannot_be_shown_is_named() {
        for (photo, expected) in [("broken.webp", "not a photo"), ("gone.webp", "not there")] {
            let dir = dataset("Pear,0\n", &format!("{photo}, 0, 0\n"));
            let shelf = PhotoShelf::open(dir.path(), "val", catalog(&["Pear"])).expect("opens");
            let error =
                shelf.take(&Sku::new("Pear"), Side::Any, &mut Chance::new(1)).expect_err("is broken").to_string();
            assert!(error.contains(photo) && error.contains(expected), "{error}");
        }
    }
}
