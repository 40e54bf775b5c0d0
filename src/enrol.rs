//! Makes galleries: a new one from folders or a list of photos, or one product more in a gallery that is there.
//!
//! A product's entries are the mean of its photos' embeddings and, where that names held-out photos better, the middles of
//! a few groups of them.

use crate::adapters::engine;
use crate::domain::units::Sku;
use crate::eval::Look;
use crate::photos::{self, PhotoError, Photos};
use crate::ports::{CameraError, EmbedError, Embedder, Frame, FrameSource};
use crate::vision::gallery::{norm, normalise};
use crate::vision::{Gallery, GalleryError};
use serde::Serialize;
use std::collections::BTreeMap;
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
    #[arg(long, value_name = "DIR", required_unless_present_any = ["dataset", "camera"])]
    pub photos: Option<PathBuf>,
    /// Takes the photos with this camera, about two a second: the middle of the picture, which the product should fill. They
    /// are not kept.
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "/dev/video0", requires = "sku",
        conflicts_with_all = ["photos", "dataset"])]
    pub camera: Option<String>,
    /// How many photos the camera takes.
    #[arg(long, default_value_t = 12, requires = "camera", value_parser = clap::value_parser!(u8).range(1..=60))]
    pub shots: u8,
    /// Adds this one product (or replaces it) in a gallery that is there.
    #[arg(long)]
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
    /// A gallery whose entries stand in place of the photos', for the products that both have: what the training itself
    /// told products apart by (models/class-vectors.bin).
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
    /// Share of the enrolled product's photos that look more like the other when they are held out, each in turn; none
    /// where there is only one photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mistaken: Option<f32>,
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
    /// The camera gives no pictures.
    #[error("no photos from the camera")]
    Camera(#[from] CameraError),
    /// Neither --photos nor --camera nor --dataset.
    #[error("nothing to enrol: name photos with --photos or --dataset, or take them with --camera and --sku")]
    Nothing,
}

/// Photos that are darker than this on average (of 255) show too little.
const DARK: f32 = 35.0;
/// Photos whose middle is pure white to more than this share are overexposed: none of 300 photos of the Grocery Store
/// Dataset is, and 5 % of its pictures of white products on white.
const BLOWN: f32 = 0.5;
/// Photos with less fine detail than this, against how much they differ in brightness at all, are blurred: none of those 300
/// has less; three quarters have when blurred by 2 pixels in 348, and all by 4.
const BLURRED: f32 = 0.05;
/// Photos more alike than this teach nothing new.
const ALIKE: f32 = 0.9975;
/// Products whose photos are more alike than this are warned of.
const CONFUSING: f32 = 0.9;
/// The same for photos and what a training learnt of another product: a trained product's own photos reach 0.6, photos of
/// other trained products 0.17, and of untrained ones that look like it 0.45 to 0.6.
const CONFUSING_LEARNT: f32 = 0.45;
/// What likeness to photos counts, against likeness to what a training learnt: photos share much that is not the product,
/// and unweighted would draw in what is known already. With 16 products entered by 5 photos each in place of what was
/// learnt of them, 94 % of their validation photos are named right, and 91 % of the others: see
/// `models/model-card.md`.
const PHOTO_WEIGHT: f32 = 0.58;
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
    let from = (&options.dataset, &options.photos, &options.camera, &options.sku);
    let (mut gallery, seen, mut warnings) = match from {
        (Some(dataset), ..) => {
            let photos = Photos::of_dataset(dataset, &options.split)?;
            // Nobody takes a dataset's photos again: what is wrong with single ones is not said.
            (Gallery::empty(model, dimension), look_at_all(&photos, embedder)?.0, Vec::new())
        }
        (None, Some(folder), _, None) => {
            let (seen, warnings) = look_at_all(&Photos::of_folders(folder)?, embedder)?;
            (Gallery::empty(model, dimension), seen, warnings)
        }
        (None, Some(folder), _, Some(sku)) => {
            let gallery = Gallery::load_for(&options.gallery, model, dimension)?;
            let (seen, warnings) = look_at(sku, read_all(&photos::photos_in(folder)?), embedder)?;
            (gallery, vec![seen], warnings)
        }
        (None, None, Some(device), Some(sku)) => {
            let gallery = Gallery::load_for(&options.gallery, model, dimension)?;
            let (seen, warnings) = look_at(sku, shots(camera(device)?, options.shots), embedder)?;
            (gallery, vec![seen], warnings)
        }
        (None, None, ..) => return Err(EnrolError::Nothing),
    };
    let trained = options.vectors.as_deref().map(|path| Gallery::load_for(path, model, dimension)).transpose()?;
    let learnt = |sku: &Sku| trained.as_ref().map_or(Vec::new(), |trained| trained.vectors(sku));
    let by_photos: Vec<&Seen> = seen.iter().filter(|product| learnt(&product.sku).is_empty()).collect();
    let groups = options.groups.map_or_else(|| best_groups(&by_photos), usize::from);
    for product in &seen {
        match learnt(&product.sku) {
            none if none.is_empty() => {
                gallery.put_weighted(&product.sku, &entries(&product.embeddings, groups), PHOTO_WEIGHT);
            }
            learnt => gallery.put(&product.sku, &learnt),
        }
    }
    let confusions = confusions(&gallery, &seen, groups, learnt);
    for Confusion { sku, with, similarity, mistaken } in &confusions {
        let mistaken = mistaken.filter(|share| *share > 0.0);
        let by_photos = |sku: &Sku| gallery.vectors(sku).first().is_some_and(|vector| norm(vector) < 0.99);
        let confusing = if by_photos(sku) && by_photos(with) { CONFUSING } else { CONFUSING_LEARNT };
        if *similarity >= confusing || mistaken.is_some() {
            let of_photos = mistaken.map(|share| format!(", {:.0} % of its photos look more like that", share * 100.0));
            let of_photos = of_photos.unwrap_or_default();
            warnings.push(format!(
                "{sku} looks like {with} (similarity {similarity:.2}{of_photos}): the cart will tend to ask"
            ));
        }
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
            let (seen, more) = look_at(&class.name, read_all(&paths), embedder)?;
            all.push(seen);
            warnings.extend(more);
        }
        if (place + 1) % 10 == 0 {
            eprintln!("{} of {} products", place + 1, photos.classes.len());
        }
    }
    Ok((all, warnings))
}

/// A photo and what it is called.
type Shot = Result<(String, Frame), EnrolError>;

fn read_all(paths: &[PathBuf]) -> impl Iterator<Item = Shot> {
    paths.iter().map(|path| Ok((path.display().to_string(), photos::read(path)?)))
}

/// So many photos from a camera, with time between them to turn the product.
fn shots(mut source: Box<dyn FrameSource>, count: u8) -> impl Iterator<Item = Shot> {
    const EVERY: usize = 15;
    (1..=count).map(move |number| {
        eprintln!("photo {number} of {count}: turn the product");
        let mut frame = Frame::default();
        for _ in 0..EVERY {
            source.next_frame(&mut frame)?;
        }
        Ok((format!("photo {number}"), middle_of(&frame)))
    })
}

/// The square in the middle of a picture.
fn middle_of(frame: &Frame) -> Frame {
    let side = frame.width.min(frame.height);
    let (left, top) = ((frame.width - side) / 2, (frame.height - side) / 2);
    let row = |row: u32| {
        let first = (row as usize * frame.width as usize + left as usize) * 3;
        &frame.rgb[first..first + side as usize * 3]
    };
    Frame { at: frame.at, width: side, height: side, rgb: (top..top + side).flat_map(row).copied().collect() }
}

#[cfg(feature = "webcam")]
fn camera(device: &str) -> Result<Box<dyn FrameSource>, EnrolError> {
    let clock = crate::runtime::Clock::start();
    Ok(Box::new(crate::adapters::v4l_camera::V4lCamera::open(device, move || clock.now())?))
}

#[cfg(not(feature = "webcam"))]
fn camera(device: &str) -> Result<Box<dyn FrameSource>, EnrolError> {
    let offered = "nothing: this program was built without webcams".to_owned();
    Err(EnrolError::Camera(CameraError::Format { device: device.to_owned(), offered }))
}

fn look_at(
    sku: &str,
    shots: impl Iterator<Item = Shot>,
    embedder: &mut dyn Embedder,
) -> Result<(Seen, Vec<String>), EnrolError> {
    if sku.is_empty() || sku.len() > 200 {
        return Err(EnrolError::Sku { sku: sku.to_owned() });
    }
    let mut look = Look::new(embedder);
    let mut seen = Seen { sku: Sku::new(sku), embeddings: Vec::new() };
    let (mut warnings, mut names) = (Vec::new(), Vec::<String>::new());
    for shot in shots {
        let (shown, photo) = shot?;
        let embedding = look.at(&photo)?.to_vec();
        let Quality { light, blown, detail } = quality(&photo);
        if light < DARK {
            warnings.push(format!("{shown} is too dark: take it again in better light"));
        } else if blown > BLOWN {
            warnings.push(format!("{shown} is overexposed: take it again with less light"));
        } else if detail < BLURRED {
            warnings.push(format!("{shown} is blurred: take it again, held still"));
        }
        if let Some(twin) = seen.embeddings.iter().position(|other| dot(other, &embedding) > ALIKE) {
            warnings.push(format!("{shown} shows nothing that {} does not: turn the product", names[twin]));
        }
        seen.embeddings.push(embedding);
        names.push(shown);
    }
    Ok((seen, warnings))
}

/// How good a photo is.
struct Quality {
    /// Mean brightness, of 255.
    light: f32,
    /// Share of the middle (half as wide and high) that is pure white.
    blown: f32,
    /// How much fine detail there is: the mean square of the Laplacian over the variance of the brightness.
    detail: f32,
}

fn quality(photo: &Frame) -> Quality {
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
    let variance = luma.iter().map(|value| (value - light).powi(2)).sum::<f32>() / luma.len().max(1) as f32;
    let middle = (height / 4..height - height / 4).flat_map(|row| {
        let first = (row * width + width / 4) * 3;
        photo.rgb[first..first + (width - 2 * (width / 4)) * 3].chunks_exact(3)
    });
    let (white, all) = middle.fold((0.0, 0.0f32), |(white, all), pixel| {
        (white + f32::from(u8::from(pixel.iter().all(|channel| *channel >= 250))), all + 1.0)
    });
    Quality { light, blown: white / all.max(1.0), detail: squares / count.max(1.0) / variance.max(1.0) }
}

/// How many groups for each product name held-out photos best; of equals the fewest. Runs of neighbouring photos are held
/// out together, since neighbours often show one scene.
fn best_groups(seen: &[&Seen]) -> usize {
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

fn held_out_right(seen: &[&Seen], groups: usize, fold: usize) -> usize {
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

/// For each other product how many of a product's photos look more like it than like what was learnt of their own, or else
/// than like the photos kept when each is held out in turn; `None` where there is only one photo.
fn mistaken_for(gallery: &Gallery, product: &Seen, groups: usize, learnt: &[Vec<f32>]) -> Option<BTreeMap<Sku, usize>> {
    let count = product.embeddings.len();
    if count < 2 {
        return None;
    }
    let folds = count.min(2 * FOLDS);
    let mut mistaken = BTreeMap::new();
    for fold in 0..folds {
        let is_held = |place: usize| place * folds / count == fold;
        let kept = || (0..count).filter(|place| !is_held(*place)).map(|place| product.embeddings[place].clone());
        let (own, weight) = match learnt {
            [] => (entries(&kept().collect::<Vec<_>>(), groups), PHOTO_WEIGHT),
            _ => (learnt.to_vec(), 1.0),
        };
        for embedding in (0..count).filter(|place| is_held(*place)).map(|place| &product.embeddings[place]) {
            let likeness = weight * own.iter().map(|entry| dot(entry, embedding)).fold(-1.0, f32::max);
            let other = gallery.search(embedding, 2).into_iter().find(|candidate| candidate.sku != product.sku);
            if let Some(other) = other.filter(|other| other.similarity > likeness) {
                *mistaken.entry(other.sku).or_insert(0) += 1;
            }
        }
    }
    Some(mistaken)
}

/// What each enrolled product is most easily mistaken for, worst first, each pair once.
fn confusions(
    gallery: &Gallery,
    seen: &[Seen],
    groups: usize,
    learnt: impl Fn(&Sku) -> Vec<Vec<f32>>,
) -> Vec<Confusion> {
    let mut found: Vec<Confusion> = Vec::new();
    for product in seen {
        let mistaken = mistaken_for(gallery, product, groups, &learnt(&product.sku));
        let mut others: BTreeMap<Sku, f32> = BTreeMap::new();
        let wanted = 2 + mistaken.as_ref().map_or(0, BTreeMap::len);
        for mut entry in gallery.vectors(&product.sku) {
            normalise(&mut entry);
            for candidate in gallery.search(&entry, 2 * wanted).into_iter().filter(|other| other.sku != product.sku) {
                let weight = gallery.vectors(&candidate.sku).first().map_or(1.0, |vector| norm(vector));
                let similarity = others.entry(candidate.sku).or_insert(-1.0);
                *similarity = similarity.max(candidate.similarity / weight);
            }
        }
        let nearest = others.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(sku, _)| sku.clone());
        for (with, similarity) in others {
            let count = mistaken.as_ref().map(|mistaken| mistaken.get(&with).copied().unwrap_or(0));
            let is_known = found.iter().any(|known| known.sku == with && known.with == product.sku);
            if !is_known && (nearest.as_ref() == Some(&with) || count.is_some_and(|count| count > 0)) {
                let mistaken = count.map(|count| count as f32 / product.embeddings.len() as f32);
                found.push(Confusion { sku: product.sku.clone(), with, similarity, mistaken });
            }
        }
    }
    let share = |confusion: &Confusion| confusion.mistaken.unwrap_or(0.0);
    found.sort_by(|a, b| share(b).total_cmp(&share(a)).then(b.similarity.total_cmp(&a.similarity)));
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
            camera: None,
            shots: 12,
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
    fn overexposed_and_blurred_photos_are_told_from_good_ones() {
        let striped = |low: u8, high: u8, soft: u32| {
            let light = |x: u32| {
                let phase = f64::from(x) / f64::from(soft) * std::f64::consts::PI;
                let value = f64::from(low) + f64::from(high - low) * (phase.sin() * 0.5 + 0.5);
                [value as u8; 3]
            };
            let rgb = (0..96u32 * 96).flat_map(|place| light(place % 96)).collect();
            quality(&Frame { at: crate::domain::units::Stamp(0), width: 96, height: 96, rgb })
        };
        let good = striped(40, 200, 2);
        assert!(good.blown < BLOWN && good.detail > BLURRED && good.light > DARK);
        assert!(striped(40, 200, 24).detail < BLURRED);
        assert!(striped(252, 255, 2).blown > BLOWN);
        assert!(striped(4, 40, 2).light < DARK);
        // How bright it is does not make a photo sharp or blurred.
        assert!((striped(20, 100, 6).detail / striped(40, 200, 6).detail - 1.0).abs() < 0.1);
    }

    /// A camera that shows one colour after the other, brighter in the middle.
    struct Turning(u8);

    impl FrameSource for Turning {
        fn next_frame(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
            self.0 += 1;
            let inside = |x: u32| (8..24).contains(&x);
            let rgb = (0..32u32 * 16).flat_map(|place| if inside(place % 32) { [self.0; 3] } else { [0; 3] }).collect();
            *frame = Frame { at: crate::domain::units::Stamp(0), width: 32, height: 16, rgb };
            if self.0 > 70 { Err(CameraError::Ended) } else { Ok(()) }
        }
    }

    #[test]
    fn a_camera_gives_the_middle_of_pictures_with_time_between_them() {
        let taken: Vec<(String, Frame)> =
            shots(Box::new(Turning(0)), 4).collect::<Result<_, _>>().expect("four photos");
        let names: Vec<&str> = taken.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["photo 1", "photo 2", "photo 3", "photo 4"]);
        for ((_, frame), shown) in taken.iter().zip([15, 30, 45, 60]) {
            assert_eq!((frame.width, frame.height), (16, 16));
            assert!(frame.rgb.iter().all(|channel| *channel == shown), "{shown}");
        }
        let ended = shots(Box::new(Turning(0)), 5).last().expect("a fifth");
        assert!(matches!(ended, Err(EnrolError::Camera(CameraError::Ended))));
    }

    #[test]
    fn how_often_photos_are_mistaken_is_counted_by_holding_them_out() {
        let look = |place: usize| {
            let mut vector = vec![0.05; 12];
            vector[place] = 1.0;
            normalise(&mut vector);
            vector
        };
        let mut gallery = Gallery::empty(ModelId([1; 32]), 12);
        gallery.put_weighted(&Sku::new("other"), &[look(3)], PHOTO_WEIGHT);
        let embeddings = [0, 0, 0, 3].map(look).to_vec();
        let seen = Seen { sku: Sku::new("own"), embeddings: embeddings.clone() };
        gallery.put_weighted(&seen.sku, &entries(&embeddings, 1), PHOTO_WEIGHT);
        let found = confusions(&gallery, std::slice::from_ref(&seen), 1, |_| Vec::new());
        assert_eq!((found[0].with.as_str(), found[0].mistaken), ("other", Some(0.25)));
        let single = Seen { sku: Sku::new("own"), embeddings: vec![look(0)] };
        assert_eq!(confusions(&gallery, &[single], 1, |_| Vec::new())[0].mistaken, None);
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
    fn what_the_training_learnt_of_a_product_stands_in_place_of_its_photos() {
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
        for (sku, count) in [("red", 1), ("green", 1), ("not photographed", 0)] {
            assert_eq!(gallery.vectors(&Sku::new(sku)).len(), count, "{sku}");
        }
        let alone = EnrolOptions { vectors: None, gallery: folder.path().join("alone.bin"), ..with.clone() };
        enrol(&alone, &mut Quarters(1)).unwrap();
        let alone = Gallery::load(&alone.gallery).unwrap();
        let held = |gallery: &Gallery, sku: &str| gallery.vectors(&Sku::new(sku))[0].clone();
        normalise(&mut vector);
        assert!(dot(&held(&gallery, "red"), &vector) > 0.999, "what was learnt");
        assert_eq!(held(&gallery, "green"), held(&alone, "green"));
        assert!((norm(&held(&gallery, "green")) - PHOTO_WEIGHT).abs() < 1e-3, "photos count less");
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
