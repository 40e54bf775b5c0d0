//! Measures the recogniser on a split of photos: each photo, looked at twice as the cart looks at a thing, against a gallery.

pub mod confidence;

use crate::adapters::engine;
use crate::adapters::tflite_file::TfliteFile;
use crate::domain::units::Sku;
use crate::photos::{self, PhotoError, Photos};
use crate::ports::{EmbedError, Embedder};
use crate::vision::crop::mirror;
use crate::vision::gallery::normalise;
use crate::vision::{Cropper, Gallery, GalleryError};
use confidence::Nearest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use thiserror::Error;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct EvalOptions {
    /// Folder with classes.csv, SPLIT.txt and the photos they name.
    #[arg(long, value_name = "DIR")]
    pub dataset: PathBuf,
    /// Which list of photos: SPLIT.txt.
    #[arg(long, default_value = "val")]
    pub split: String,
    /// The gallery, whose products are named as the classes are.
    #[arg(long, value_name = "FILE", default_value = "models/gallery-grocery.bin")]
    pub gallery: PathBuf,
    /// The model.
    #[arg(long, value_name = "FILE", default_value = "models/dashcart.tflite")]
    pub model: PathBuf,
    /// Threads of the model.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
    /// Counts a photo as sure when the nearest product is at least so much more similar than the second.
    #[arg(long, default_value_t = SURE_MARGIN, value_name = "COSINE")]
    pub sure_margin: f64,
    /// Draws precision over coverage as a picture.
    #[arg(long, value_name = "FILE.svg")]
    pub curve: Option<PathBuf>,
}

/// The margin between the two most similar products above which 99.4 % are right on the half of the validation photos that a
/// model learned nothing from: 54 % of them.
pub const SURE_MARGIN: f64 = 0.30;

/// Classes are left out of the gallery in so many turns.
const FOLDS: usize = 5;

/// What was measured. Shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalReport {
    /// Photos.
    pub n: usize,
    /// Share whose nearest product is the right one.
    pub top1: f64,
    /// Share with the right one among the three nearest.
    pub top3: f64,
    /// Share whose nearest product is of the right coarse class.
    pub coarse_top1: f64,
    /// Share of the photos that would be booked by sight alone: the nearest product leads by the sure margin.
    pub auto_coverage: f64,
    /// Share of those that are right; 1 where there are none.
    pub auto_precision: f64,
    /// Wilson's 95 % interval of that share.
    pub auto_precision_interval: [f64; 2],
    /// The largest share of the photos that some margin books at 99 % precision on these very photos, and that margin.
    pub coverage_at_99: Option<[f64; 2]>,
    /// How well the similarity of the nearest product tells photos of enrolled products from photos of others: each fifth
    /// of the classes (every fifth by number) is taken out of the gallery once; the mean of the five areas under the
    /// curve. The model itself was trained on all classes. Null where a fifth has no photos.
    pub unknown_auroc: Option<f64>,
    /// Whether the model says that it learned from a list of photos of this name: if it is the same, all of this says how
    /// well it knows them, and nothing of photos that it has not seen.
    pub learned_from: bool,
    /// Median time of the model on one look, in milliseconds.
    pub model_ms_p50: f64,
    /// The same shares for each group of photos.
    pub groups: BTreeMap<String, Shares>,
}

/// Shares of a group of photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shares {
    /// Photos.
    pub n: usize,
    /// Share whose nearest product is the right one.
    pub top1: f64,
    /// Share with the right one among the three nearest.
    pub top3: f64,
    /// Share whose nearest product is of the right coarse class.
    pub coarse_top1: f64,
}

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum EvalError {
    /// The photos cannot be read.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] EmbedError),
    /// The gallery cannot be used.
    #[error(transparent)]
    Gallery(#[from] GalleryError),
    /// The curve cannot be written.
    #[error("cannot write the curve to {path}: choose a folder that exists and can be written")]
    Curve {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The gallery does not hold what the photos show.
    #[error("the gallery {gallery} holds none of the classes of {dataset}: enrol one with --dataset {dataset}")]
    NothingShared {
        /// The gallery's file.
        gallery: String,
        /// The dataset's folder.
        dataset: String,
    },
}

/// Measures with the engine of this build.
///
/// # Errors
/// [`EvalError`].
pub fn run(options: &EvalOptions) -> Result<EvalReport, EvalError> {
    let mut embedder = engine::open(&options.model, usize::from(options.threads))?;
    let learned_from = TfliteFile::load(&options.model)?.learned_from.contains(&options.split);
    Ok(EvalReport { learned_from, ..evaluate(options, embedder.as_mut())? })
}

/// Measures with a given engine and model.
///
/// # Errors
/// [`EvalError`].
pub fn evaluate(options: &EvalOptions, embedder: &mut dyn Embedder) -> Result<EvalReport, EvalError> {
    let gallery = Gallery::load_for(&options.gallery, embedder.model_id(), embedder.dimension())?;
    let photos = Photos::of_dataset(&options.dataset, &options.split)?;
    let held = photos.classes.iter().filter(|class| gallery.skus().contains(&Sku::new(&class.name))).count();
    if held == 0 {
        return Err(EvalError::NothingShared {
            gallery: options.gallery.display().to_string(),
            dataset: options.dataset.display().to_string(),
        });
    }
    if held < photos.classes.len() {
        eprintln!(
            "{} of {} classes are not in the gallery: their photos count as wrong",
            photos.classes.len() - held,
            photos.classes.len()
        );
    }
    let coarse: BTreeMap<&str, &str> =
        photos.classes.iter().map(|class| (class.name.as_str(), class.coarse.as_str())).collect();
    let poorer: Vec<Gallery> = (0..FOLDS)
        .map(|fold| {
            let mut gallery = gallery.clone();
            let left_out = photos.classes.iter().enumerate().filter(|(class, _)| class % FOLDS == fold);
            left_out.for_each(|(_, class)| gallery.take_out(&Sku::new(&class.name)));
            gallery
        })
        .collect();
    let mut look = Look::new(embedder);
    let mut results = Vec::with_capacity(photos.photos.len());
    let mut answers = Vec::with_capacity(photos.photos.len());
    let (mut known, mut unknown) = (vec![Vec::new(); FOLDS], vec![Vec::new(); FOLDS]);
    for (done, photo) in photos.photos.iter().enumerate() {
        let class = &photos.classes[photo.class];
        let embedding = look.at(&photos::read(&photo.path)?)?;
        for (fold, poorer) in poorer.iter().enumerate() {
            let nearest = poorer.search(embedding, 1).first().map_or(-1.0, |nearest| f64::from(nearest.similarity));
            let scores = if photo.class % FOLDS == fold { &mut unknown } else { &mut known };
            scores[fold].push(nearest);
        }
        let found = gallery.search(embedding, 3);
        let right = found.iter().position(|candidate| candidate.sku.as_str() == class.name);
        let kind = found.first().and_then(|candidate| coarse.get(candidate.sku.as_str()));
        results.push((photo.group.as_str(), right, kind == Some(&class.coarse.as_str())));
        let similarity = |place: usize| found.get(place).map_or(-1.0, |candidate| f64::from(candidate.similarity));
        answers.push(Nearest { first: similarity(0), second: similarity(1), right: right == Some(0) });
        if (done + 1) % 200 == 0 {
            eprintln!("{} of {} photos", done + 1, photos.photos.len());
        }
    }
    let all = shares(results.iter());
    let mut groups: BTreeMap<String, Vec<&Answer>> = BTreeMap::new();
    for result in results.iter().filter(|result| !result.0.is_empty()) {
        groups.entry(result.0.to_owned()).or_default().push(result);
    }
    if let Some(path) = &options.curve {
        let drawn = confidence::drawn(&answers, options.sure_margin);
        std::fs::write(path, drawn).map_err(|source| EvalError::Curve { path: path.display().to_string(), source })?;
    }
    let sure = confidence::sure_above(&answers, options.sure_margin);
    let areas: Option<Vec<f64>> = known.iter().zip(&unknown).map(|(high, low)| confidence::auroc(high, low)).collect();
    Ok(EvalReport {
        auto_coverage: sure.coverage,
        auto_precision: sure.precision,
        auto_precision_interval: [sure.precision_low, sure.precision_high],
        coverage_at_99: confidence::most_coverage(&answers, 0.99).map(|(coverage, margin)| [coverage, margin]),
        unknown_auroc: areas.map(|areas| areas.iter().sum::<f64>() / FOLDS as f64),
        n: all.n,
        top1: all.top1,
        top3: all.top3,
        coarse_top1: all.coarse_top1,
        learned_from: false,
        model_ms_p50: median(&mut look.model_ms),
        groups: groups.into_iter().map(|(group, results)| (group, shares(results.into_iter()))).collect(),
    })
}

/// The group of one photo, the place of the right product among the first three, and whether the kind was right.
type Answer<'a> = (&'a str, Option<usize>, bool);

fn shares<'a>(results: impl ExactSizeIterator<Item = &'a Answer<'a>>) -> Shares {
    let n = results.len();
    let (mut first, mut three, mut coarse) = (0, 0, 0);
    for (_, right, of_kind) in results {
        first += usize::from(*right == Some(0));
        three += usize::from(right.is_some());
        coarse += usize::from(*of_kind);
    }
    let share = |count: usize| count as f64 / n.max(1) as f64;
    Shares { n, top1: share(first), top3: share(three), coarse_top1: share(coarse) }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Each photo is looked at as it is, and once more mirrored and without this share of it on every side.
const EDGE: f64 = 0.10;

/// Looks at photos with a model, each twice, and takes the model's time.
pub(crate) struct Look<'a> {
    embedder: &'a mut dyn Embedder,
    cropper: Cropper,
    crop: Vec<u8>,
    one: Vec<f32>,
    embedding: Vec<f32>,
    /// What each look cost.
    pub(crate) model_ms: Vec<f64>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(embedder: &'a mut dyn Embedder) -> Look<'a> {
        let (side, dimension) = (embedder.input_side(), embedder.dimension());
        let (crop, one, embedding) = (vec![0; side * side * 3], vec![0.0; dimension], vec![0.0; dimension]);
        Look { embedder, cropper: Cropper::default(), crop, one, embedding, model_ms: Vec::new() }
    }

    /// The mean embedding of both looks, of length one.
    pub(crate) fn at(&mut self, photo: &crate::ports::Frame) -> Result<&[f32], EmbedError> {
        let side = self.embedder.input_side();
        self.embedding.fill(0.0);
        for (edge, mirrored) in [(0.0, false), (EDGE, true)] {
            if !self.cropper.middle(photo, edge, side, &mut self.crop) {
                return Err(EmbedError::Engine { reason: "a photo has no pixels".into() });
            }
            if mirrored {
                mirror(&mut self.crop, side);
            }
            #[allow(clippy::disallowed_methods, reason = "the time that a look takes is what is measured")]
            let started = std::time::Instant::now();
            self.embedder.embed(&self.crop, &mut self.one)?;
            self.model_ms.push(started.elapsed().as_secs_f64() * 1000.0);
            self.embedding.iter_mut().zip(&self.one).for_each(|(sum, value)| *sum += value);
        }
        normalise(&mut self.embedding);
        Ok(&self.embedding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ModelId;

    /// A model for tests: the mean colour.
    pub(crate) struct MeanColour;

    impl Embedder for MeanColour {
        fn input_side(&self) -> usize {
            8
        }
        fn dimension(&self) -> usize {
            3
        }
        fn model_id(&self) -> ModelId {
            ModelId([3; 32])
        }
        fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
            embedding.fill(0.0);
            rgb.chunks_exact(3).for_each(|p| (0..3).for_each(|c| embedding[c] += f32::from(p[c]) + 1.0));
            crate::vision::gallery::normalise(embedding);
            Ok(())
        }
    }

    fn photo(path: &std::path::Path, colour: [u8; 3]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(20, 16, image::Rgb(colour)).save(path).unwrap();
    }

    #[test]
    fn shares_count_the_right_product_the_first_three_and_the_kind() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(
            at("classes.csv"),
            "name,id,coarse,coarse id\nGala,0,Apple,0\nPink,1,Apple,0\nLime,2,Lime,1\nSky,3,Sky,2\n",
        )
        .unwrap();
        // Right; of the right kind and among three; wrong in all, and not in the gallery.
        let list = "val/Fruit/a.png, 0, 0\nval/Fruit/b.png, 1, 0\nval/Else/c.png, 3, 2\n";
        std::fs::write(at("val.txt"), list).unwrap();
        photo(&at("val/Fruit/a.png"), [250, 0, 0]);
        photo(&at("val/Fruit/b.png"), [250, 10, 10]);
        photo(&at("val/Else/c.png"), [0, 250, 0]);
        let mut gallery = Gallery::empty(ModelId([3; 32]), 3);
        for (sku, vector) in [("Gala", [1.0, 0.0, 0.0]), ("Pink", [1.0, 0.3, 0.3]), ("Lime", [0.0, 1.0, 0.0])] {
            gallery.put(&Sku::new(sku), &[vector.to_vec()]);
        }
        gallery.save(&at("gallery.bin")).unwrap();
        let options = EvalOptions {
            dataset: folder.path().to_owned(),
            split: "val".into(),
            gallery: at("gallery.bin"),
            model: PathBuf::new(),
            threads: 1,
            sure_margin: 0.066,
            curve: Some(at("curve.svg")),
        };
        let report = evaluate(&options, &mut MeanColour).unwrap();
        let third = 1.0 / 3.0;
        assert_eq!((report.n, report.top1, report.top3, report.coarse_top1), (3, third, 2.0 * third, 2.0 * third));
        assert_eq!(report.groups["Fruit"], Shares { n: 2, top1: 0.5, top3: 1.0, coarse_top1: 1.0 });
        assert!(report.model_ms_p50 >= 0.0);
        // Of two apples one leads by little, though wrongly; the green photo is surely, and wrongly, called a lime.
        assert_eq!((report.auto_coverage, report.auto_precision), (2.0 * third, 0.5));
        // There are too few classes for five turns.
        assert_eq!(report.unknown_auroc, None);
        assert!(std::fs::read_to_string(at("curve.svg")).unwrap().starts_with("<svg"));

        std::fs::remove_file(at("val/Fruit/b.png")).unwrap();
        let missing = evaluate(&options, &mut MeanColour).unwrap_err().to_string();
        assert!(missing.contains("val/Fruit/b.png"), "{missing}");
        Gallery::empty(ModelId([3; 32]), 3).save(&at("gallery.bin")).unwrap();
        assert!(matches!(evaluate(&options, &mut MeanColour), Err(EvalError::NothingShared { .. })));
        Gallery::empty(ModelId([4; 32]), 3).save(&at("gallery.bin")).unwrap();
        assert!(matches!(
            evaluate(&options, &mut MeanColour),
            Err(EvalError::Gallery(GalleryError::OtherModel { .. }))
        ));
    }
}
