//! Makes galleries: a new one from folders or a list of photos, or one product more in a gallery that is there.
//!
//! A product's entries are the mean of its photos' embeddings and, where that names held-out photos better, the middles of
//! a few groups of them.

use crate::adapters::engine;
use crate::domain::units::Sku;
use crate::eval::Look;
use crate::photos::{self, PhotoError, Photos};
use crate::ports::{EmbedError, Embedder, Frame};
use crate::vision::gallery::normalise;
use crate::vision::{Gallery, GalleryError};
use serde::Serialize;
use std::path::PathBuf;
use thiserror::Error;

/// What to enrol.
#[derive(Debug, Clone, clap::Args)]
pub struct EnrolOptions {
    /// The gallery to write; with --sku, the one to add to.
    #[arg(long, value_name = "FILE", default_value = "models/gallery-shelf.bin")]
    pub gallery: PathBuf,
    /// The model that the gallery is for.
    #[arg(long, value_name = "FILE", default_value = "models/dashcart.tflite")]
    pub model: PathBuf,
    /// Photos: of the one product with --sku, else in one folder for each product, named by its SKU.
    #[arg(long, value_name = "DIR", required_unless_present = "dataset")]
    pub photos: Option<PathBuf>,
    /// Adds this one product (or replaces it) in a gallery that is there.
    #[arg(long, requires = "photos")]
    pub sku: Option<String>,
    /// Takes the photos of a dataset: a folder with classes.csv and SPLIT.txt. Class names become SKUs.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["photos", "sku"])]
    pub dataset: Option<PathBuf>,
    /// Which list of the dataset.
    #[arg(long, default_value = "train", requires = "dataset")]
    pub split: String,
    /// Groups of photos for each product beside their mean; chosen by held-out photos where it is not given.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub groups: Option<u8>,
    /// A gallery whose entries are put beside those of the photos, for the products that both have: what the training
    /// itself told products apart by (models/class-vectors.bin).
    #[arg(long, value_name = "FILE")]
    pub vectors: Option<PathBuf>,
    /// Threads of the model.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
}

/// What was enrolled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnrolReport {
    /// Products in the gallery now.
    pub products: usize,
    /// Photos looked at.
    pub photos: usize,
    /// Entries in the gallery now.
    pub entries: usize,
    /// Photos that should be taken again, and why.
    pub warnings: Vec<String>,
    /// What is most easily mistaken for what was enrolled, worst first, at most ten.
    pub confusions: Vec<Confusion>,
}

/// Two products that look alike to the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion {
    /// One that was enrolled.
    pub sku: Sku,
    /// The other.
    pub with: Sku,
    /// Cosine similarity of their nearest entries.
    pub similarity: f32,
}

/// Why nothing was enrolled. The gallery's file is then as it was.
#[derive(Debug, Error)]
pub enum EnrolError {
    /// The photos cannot be read.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] EmbedError),
    /// The gallery cannot be used.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
    /// A SKU that no gallery can hold.
    #[error("the SKU {sku:?} is empty or longer than 200 bytes")]
    Sku {
        /// The SKU.
        sku: String,
    },
    /// Neither --photos nor --dataset.
    #[error("nothing to enrol: name photos with --photos or --dataset")]
    Nothing,
}

/// Photos that are darker than this on average (of 255) show too little.
const DARK: f32 = 35.0;
/// Photos with less fine detail than this are blurred.
const BLURRED: f32 = 12.0;
/// Photos more alike than this teach nothing new.
const ALIKE: f32 = 0.995;
/// Products more alike than this are warned of.
const CONFUSING: f32 = 0.8;
/// Fewer photos than this are not divided into groups.
const FEWEST_TO_GROUP: usize = 8;
const FOLDS: usize = 5;

/// Enrols with the engine of this build.
///
/// # Errors
/// [`EnrolError`].
pub fn run(options: &EnrolOptions) -> Result<EnrolReport, EnrolError> {
    let mut embedder = engine::open(&options.model, usize::from(options.threads))?;
    enrol(options, embedder.as_mut())
}

/// One product's embeddings, in the order of its photos.
struct Seen {
    sku: Sku,
    embeddings: Vec<Vec<f32>>,
}

/// Enrols with a given engine and model.
///
/// # Errors
/// [`EnrolError`].
pub fn enrol(options: &EnrolOptions, embedder: &mut dyn Embedder) -> Result<EnrolReport, EnrolError> {
    let (model, dimension) = (embedder.model_id(), embedder.dimension());
    let (mut gallery, seen, mut warnings) = match (&options.dataset, &options.photos, &options.sku) {
        (Some(dataset), _, _) => {
            let photos = Photos::of_dataset(dataset, &options.split)?;
            // Nobody takes a dataset's photos again: what is wrong with single ones is not said.
            (Gallery::empty(model, dimension), look_at_all(&photos, embedder)?.0, Vec::new())
        }
        (None, Some(folder), None) => {
            let (seen, warnings) = look_at_all(&Photos::of_folders(folder)?, embedder)?;
            (Gallery::empty(model, dimension), seen, warnings)
        }
        (None, Some(folder), Some(sku)) => {
            let gallery = Gallery::load_for(&options.gallery, model, dimension)?;
            let paths = photos::photos_in(folder)?;
            let (seen, warnings) = look_at(sku, &paths, embedder)?;
            (gallery, vec![seen], warnings)
        }
        (None, None, _) => return Err(EnrolError::Nothing),
    };
    let trained = options.vectors.as_deref().map(|path| Gallery::load_for(path, model, dimension)).transpose()?;
    let groups = options.groups.map_or_else(|| best_groups(&seen), usize::from);
    for product in &seen {
        let mut vectors = entries(&product.embeddings, groups);
        vectors.extend(trained.iter().flat_map(|trained| trained.vectors(&product.sku)));
        gallery.put(&product.sku, &vectors);
    }
    let confusions = confusions(&gallery, &seen);
    for confusion in confusions.iter().filter(|confusion| confusion.similarity >= CONFUSING) {
        let Confusion { sku, with, similarity } = confusion;
        warnings.push(format!("{sku} looks like {with} (similarity {similarity:.2}): the cart will tend to ask"));
    }
    gallery.save(&options.gallery)?;
    Ok(EnrolReport {
        products: gallery.skus().len(),
        photos: seen.iter().map(|product| product.embeddings.len()).sum(),
        entries: gallery.entries(),
        warnings,
        confusions,
    })
}

fn look_at_all(photos: &Photos, embedder: &mut dyn Embedder) -> Result<(Vec<Seen>, Vec<String>), EnrolError> {
    let (mut all, mut warnings) = (Vec::new(), Vec::new());
    for (place, class) in photos.classes.iter().enumerate() {
        let of_class = photos.photos.iter().filter(|photo| photo.class == place);
        let paths: Vec<PathBuf> = of_class.map(|photo| photo.path.clone()).collect();
        if !paths.is_empty() {
            let (seen, more) = look_at(&class.name, &paths, embedder)?;
            all.push(seen);
            warnings.extend(more);
        }
        if (place + 1) % 10 == 0 {
            eprintln!("{} of {} products", place + 1, photos.classes.len());
        }
    }
    Ok((all, warnings))
}

fn look_at(sku: &str, paths: &[PathBuf], embedder: &mut dyn Embedder) -> Result<(Seen, Vec<String>), EnrolError> {
    if sku.is_empty() || sku.len() > 200 {
        return Err(EnrolError::Sku { sku: sku.to_owned() });
    }
    let mut look = Look::new(embedder);
    let mut seen = Seen { sku: Sku::new(sku), embeddings: Vec::new() };
    let mut warnings = Vec::new();
    for path in paths {
        let photo = photos::read(path)?;
        let embedding = look.at(&photo)?.to_vec();
        let shown = path.display();
        let (light, detail) = quality(&photo);
        if light < DARK {
            warnings.push(format!("{shown} is too dark: take it again in better light"));
        } else if detail < BLURRED {
            warnings.push(format!("{shown} is blurred: take it again, held still"));
        }
        if let Some(twin) = seen.embeddings.iter().position(|other| dot(other, &embedding) > ALIKE) {
            warnings.push(format!("{shown} shows nothing that {} does not: turn the product", paths[twin].display()));
        }
        seen.embeddings.push(embedding);
    }
    Ok((seen, warnings))
}

/// Mean brightness (of 255), and how much fine detail there is: the spread of the Laplacian over 3 x 3 pixel blocks.
fn quality(photo: &Frame) -> (f32, f32) {
    let (width, height) = (photo.width as usize, photo.height as usize);
    // Detail is judged at about 160 pixels across, whatever the camera's resolution.
    let step = (width.max(height) / 160).max(1);
    let (columns, rows) = (width / step, height / step);
    let mut luma = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = 0u32;
            for y in row * step..(row + 1) * step {
                for pixel in photo.rgb[(y * width + column * step) * 3..][..step * 3].chunks_exact(3) {
                    sum += (u32::from(pixel[0]) + 2 * u32::from(pixel[1]) + u32::from(pixel[2])) / 4;
                }
            }
            luma.push(sum as f32 / (step * step) as f32);
        }
    }
    let light = luma.iter().sum::<f32>() / luma.len().max(1) as f32;
    let (mut squares, mut count) = (0.0, 0.0f32);
    for row in 1..rows.saturating_sub(1) {
        for column in 1..columns.saturating_sub(1) {
            let at = row * columns + column;
            let around = luma[at - 1] + luma[at + 1] + luma[at - columns] + luma[at + columns];
            squares += (4.0 * luma[at] - around).powi(2);
            count += 1.0;
        }
    }
    (light, squares / count.max(1.0))
}

/// How many groups for each product name held-out photos best; of equals the fewest. Runs of neighbouring photos are held
/// out together, since neighbours often show one scene.
fn best_groups(seen: &[Seen]) -> usize {
    let most = seen.iter().map(|product| product.embeddings.len()).max().unwrap_or(0);
    if seen.len() < 2 || most < FEWEST_TO_GROUP {
        return 1;
    }
    let right = |groups: usize| -> usize { (0..FOLDS).map(|fold| held_out_right(seen, groups, fold)).sum() };
    let mut best = (right(1), 1);
    for groups in 2..=4 {
        let count = right(groups);
        eprintln!("{groups} groups: {count} held-out photos right, {} with {}", best.0, best.1);
        if count > best.0 {
            best = (count, groups);
        }
    }
    best.1
}

/// A product's held-out embeddings, and the entries made from its others.
type Fold<'a> = (Vec<&'a Vec<f32>>, Vec<Vec<f32>>);

fn held_out_right(seen: &[Seen], groups: usize, fold: usize) -> usize {
    let parts: Vec<Fold> = seen
        .iter()
        .map(|product| {
            let count = product.embeddings.len();
            let is_held = |place: usize| count >= FOLDS && place * FOLDS / count == fold;
            let held = product.embeddings.iter().enumerate().filter(|(place, _)| is_held(*place)).map(|(_, e)| e);
            let kept = product.embeddings.iter().enumerate().filter(|(place, _)| !is_held(*place));
            let kept: Vec<Vec<f32>> = kept.map(|(_, embedding)| embedding.clone()).collect();
            (held.collect(), entries(&kept, groups))
        })
        .collect();
    let best = |entries: &[Vec<f32>], e: &[f32]| entries.iter().map(|entry| dot(entry, e)).fold(-1.0, f32::max);
    let is_right = |own: usize, embedding: &[f32]| {
        let score = best(&parts[own].1, embedding);
        parts.iter().enumerate().all(|(other, (_, entries))| other == own || best(entries, embedding) < score)
    };
    parts.iter().enumerate().map(|(own, (held, _))| held.iter().filter(|e| is_right(own, e)).count()).sum()
}

/// A product's entries: the mean of its embeddings, and with more than one group the middle of each.
fn entries(embeddings: &[Vec<f32>], groups: usize) -> Vec<Vec<f32>> {
    let all: Vec<&[f32]> = embeddings.iter().map(Vec::as_slice).collect();
    let mut entries: Vec<Vec<f32>> = middle(&all).into_iter().collect();
    if groups > 1 && embeddings.len() >= FEWEST_TO_GROUP {
        entries.extend(middles(&all, groups));
    }
    entries
}

/// The middles of groups of unit vectors, by k-means on the sphere. The start is fixed: the vector nearest to the mean of
/// all, then always the one farthest from those chosen.
fn middles(vectors: &[&[f32]], groups: usize) -> Vec<Vec<f32>> {
    let Some(mean) = middle(vectors) else { return Vec::new() };
    let nearest = |to: &[Vec<f32>], vector: &[f32]| to.iter().map(|m| dot(m, vector)).fold(-1.0f32, f32::max);
    let first = vectors.iter().max_by(|a, b| dot(a, &mean).total_cmp(&dot(b, &mean)));
    let mut middles: Vec<Vec<f32>> = first.map(|vector| vector.to_vec()).into_iter().collect();
    while middles.len() < groups.min(vectors.len()) {
        let farthest = vectors.iter().min_by(|a, b| nearest(&middles, a).total_cmp(&nearest(&middles, b)));
        middles.extend(farthest.map(|vector| vector.to_vec()));
    }
    for _ in 0..20 {
        let mut members: Vec<Vec<&[f32]>> = vec![Vec::new(); middles.len()];
        for vector in vectors {
            let own = (0..middles.len()).max_by(|a, b| dot(&middles[*a], vector).total_cmp(&dot(&middles[*b], vector)));
            members[own.unwrap_or(0)].push(vector);
        }
        let moved: Vec<Vec<f32>> = members.iter().filter_map(|members| middle(members)).collect();
        if moved == middles {
            break;
        }
        middles = moved;
    }
    middles
}

/// The mean of unit vectors, scaled to length 1.
fn middle(vectors: &[&[f32]]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0; vectors.first()?.len()];
    vectors.iter().for_each(|vector| sum.iter_mut().zip(*vector).for_each(|(sum, value)| *sum += value));
    normalise(&mut sum).then_some(sum)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What each enrolled product is most easily mistaken for, worst first, each pair once.
fn confusions(gallery: &Gallery, seen: &[Seen]) -> Vec<Confusion> {
    let mut found: Vec<Confusion> = Vec::new();
    for product in seen {
        let nearest = gallery
            .vectors(&product.sku)
            .iter()
            .flat_map(|entry| gallery.search(entry, 2))
            .filter(|candidate| candidate.sku != product.sku)
            .max_by(|a, b| a.similarity.total_cmp(&b.similarity));
        if let Some(other) = nearest {
            let is_known = found.iter().any(|known| known.sku == other.sku && known.with == product.sku);
            if !is_known {
                let sku = product.sku.clone();
                found.push(Confusion { sku, with: other.sku, similarity: other.similarity });
            }
        }
    }
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    found.truncate(10);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ModelId;
    use std::path::Path;

    /// A model for tests: how bright each quarter of the picture is in each colour.
    struct Quarters(u8);

    impl Embedder for Quarters {
        fn input_side(&self) -> usize {
            16
        }
        fn dimension(&self) -> usize {
            12
        }
        fn model_id(&self) -> ModelId {
            ModelId([self.0; 32])
        }
        fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
            embedding.fill(1e-3);
            for (place, pixel) in rgb.chunks_exact(3).enumerate() {
                let quarter = usize::from(place / 16 >= 8) * 2 + usize::from(place % 16 >= 8);
                (0..3).for_each(|channel| embedding[quarter * 3 + channel] += f32::from(pixel[channel]));
            }
            normalise(embedding);
            Ok(())
        }
    }

    /// A photo of stripes in one colour; `bright` of 10 parts of it are lit.
    fn photo(path: &Path, colour: [u8; 3], bright: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let stripes = |x: u32, y: u32| {
            let lit = (x / 2 + y / 2).is_multiple_of(2) && x * 10 < bright * 64;
            image::Rgb(if lit { colour } else { colour.map(|channel| channel / 3) })
        };
        image::RgbImage::from_fn(64, 64, stripes).save(path).unwrap();
    }

    fn options(folder: &Path) -> EnrolOptions {
        EnrolOptions {
            gallery: folder.join("gallery.bin"),
            model: PathBuf::new(),
            photos: Some(folder.join("photos")),
            sku: None,
            dataset: None,
            split: "train".into(),
            groups: None,
            vectors: None,
            threads: 1,
        }
    }

    fn shelf(folder: &Path) {
        for (sku, colour) in [("red", [250, 10, 10]), ("green", [10, 250, 10]), ("blue", [10, 10, 250])] {
            for number in 0..9 {
                photo(&folder.join(format!("photos/{sku}/{number}.png")), colour, 3 + number % 8);
            }
        }
    }

    #[test]
    fn folders_become_a_gallery_that_names_its_own_photos() {
        let folder = tempfile::tempdir().unwrap();
        shelf(folder.path());
        let report = enrol(&options(folder.path()), &mut Quarters(1)).unwrap();
        assert_eq!((report.products, report.photos), (3, 27));
        let gallery = Gallery::load(&folder.path().join("gallery.bin")).unwrap();
        let mut model = Quarters(1);
        let mut look = Look::new(&mut model);
        for sku in ["red", "green", "blue"] {
            let picture = photos::read(&folder.path().join(format!("photos/{sku}/4.png"))).unwrap();
            assert_eq!(gallery.search(look.at(&picture).unwrap(), 1)[0].sku.as_str(), sku);
        }
    }

    #[test]
    fn a_product_is_added_and_what_it_looks_like_is_named() {
        let folder = tempfile::tempdir().unwrap();
        shelf(folder.path());
        enrol(&options(folder.path()), &mut Quarters(1)).unwrap();
        photo(&folder.path().join("new/1.png"), [250, 40, 10], 9);
        photo(&folder.path().join("new/2.png"), [250, 40, 10], 4);
        let adding = EnrolOptions {
            photos: Some(folder.path().join("new")),
            sku: Some("orange".into()),
            ..options(folder.path())
        };
        let report = enrol(&adding, &mut Quarters(1)).unwrap();
        assert_eq!((report.products, report.photos), (4, 2));
        assert_eq!(report.confusions[0].with.as_str(), "red");
        assert!(report.warnings.iter().any(|warning| warning.contains("orange looks like red")), "{report:?}");
    }

    #[test]
    fn bad_photos_are_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        for (name, colour) in [("dark", [20, 15, 15]), ("flat", [120, 120, 120]), ("flat-again", [120, 120, 120])] {
            let path = folder.path().join(format!("photos/thing/{name}.png"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(64, 64, image::Rgb(colour)).save(path).unwrap();
        }
        photo(&folder.path().join("photos/thing/good.png"), [10, 200, 60], 6);
        let report = enrol(&options(folder.path()), &mut Quarters(1)).unwrap();
        for (name, says) in
            [("dark.png", "too dark"), ("flat.png", "blurred"), ("flat-again.png", "shows nothing that")]
        {
            let said = report.warnings.iter().any(|warning| warning.contains(name) && warning.contains(says));
            assert!(said, "{name}: {:?}", report.warnings);
        }
        assert!(!report.warnings.iter().any(|warning| warning.contains("good.png")), "{:?}", report.warnings);
    }

    #[test]
    fn what_cannot_be_enrolled_leaves_the_gallery_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        shelf(folder.path());
        let all = options(folder.path());
        enrol(&all, &mut Quarters(1)).unwrap();
        let before = std::fs::read(&all.gallery).unwrap();
        let adding =
            EnrolOptions { photos: Some(folder.path().join("photos/red")), sku: Some("x".into()), ..all.clone() };
        assert!(matches!(enrol(&adding, &mut Quarters(2)), Err(EnrolError::Gallery(GalleryError::OtherModel { .. }))));
        let unnamed = EnrolOptions { sku: Some(String::new()), ..adding.clone() };
        assert!(matches!(enrol(&unnamed, &mut Quarters(1)), Err(EnrolError::Sku { .. })));
        std::fs::write(folder.path().join("photos/red/9.png"), "no picture").unwrap();
        let broken = enrol(&adding, &mut Quarters(1)).unwrap_err().to_string();
        assert!(broken.contains("red/9.png"), "{broken}");
        let nothing = EnrolOptions { photos: None, ..all.clone() };
        assert!(matches!(enrol(&nothing, &mut Quarters(1)), Err(EnrolError::Nothing)));
        assert_eq!(std::fs::read(&all.gallery).unwrap(), before);
    }

    #[test]
    fn what_the_training_learnt_of_a_product_stands_beside_its_photos() {
        let folder = tempfile::tempdir().unwrap();
        shelf(folder.path());
        let learnt = folder.path().join("learnt.bin");
        let mut vector = vec![0.1; 12];
        vector[5] = 1.0;
        let mut trained = Gallery::empty(ModelId([1; 32]), 12);
        for sku in ["red", "not photographed"] {
            trained.put(&Sku::new(sku), std::slice::from_ref(&vector));
        }
        trained.save(&learnt).unwrap();
        let with = EnrolOptions { vectors: Some(learnt), groups: Some(1), ..options(folder.path()) };
        enrol(&with, &mut Quarters(1)).unwrap();
        let gallery = Gallery::load(&with.gallery).unwrap();
        for (sku, count) in [("red", 2), ("green", 1), ("not photographed", 0)] {
            assert_eq!(gallery.vectors(&Sku::new(sku)).len(), count, "{sku}");
        }
        assert_eq!(gallery.search(&vector, 1)[0].sku.as_str(), "red");
        let foreign = enrol(&with, &mut Quarters(2)).unwrap_err();
        assert!(matches!(foreign, EnrolError::Gallery(GalleryError::OtherModel { .. })), "{foreign}");
    }

    #[test]
    fn a_product_with_two_looks_gets_an_entry_for_each() {
        let look = |place: usize| {
            let mut vector = vec![0.05; 12];
            vector[place] = 1.0;
            normalise(&mut vector);
            vector
        };
        let vectors: Vec<Vec<f32>> = (0..10).map(|number| look(if number < 5 { 0 } else { 7 })).collect();
        let entries = entries(&vectors, 2);
        assert_eq!(entries.len(), 3);
        for place in [0, 7] {
            assert!(entries.iter().any(|entry| dot(entry, &look(place)) > 0.999), "{place}");
        }
        assert_eq!(super::entries(&vectors[..3], 2).len(), 1, "three photos are not divided");
    }
}
