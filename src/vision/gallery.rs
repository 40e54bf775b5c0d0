//! The gallery: unit vectors of every product, and the search for those nearest to what was seen.
//!
//! A gallery fits exactly one model and says so. One that is damaged, or was made with another model, is refused whole.

use super::dots::dots;
use crate::domain::fusion::Candidate;
use crate::domain::units::Sku;
use crate::ports::ModelId;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use thiserror::Error;

const MAGIC: &[u8; 8] = b"DASHGAL\n";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 32;
/// What the eight-bit search finds is weighed again exactly: at least so many entries.
const SHORTLIST: usize = 64;
/// Entries whose dot products are made together.
const BLOCK: usize = 256;

/// Why a gallery cannot be used or written.
#[derive(Debug, Error)]
pub enum GalleryError {
    /// The file cannot be read.
    #[error("cannot read the gallery {path}: make one with `dashcart enrol`, or fetch the store's")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no gallery, is cut short or was changed.
    #[error("the gallery {path} is damaged: {reason}; make it again with `dashcart enrol`, or fetch the store's")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The gallery belongs to another model.
    #[error("the gallery {path} was made with model {made_with}, but this cart runs {model}: enrol it again")]
    OtherModel {
        /// The file.
        path: String,
        /// The model it was made with, shortened.
        made_with: String,
        /// The model in use, shortened.
        model: String,
    },
    /// The file cannot be written.
    #[error("cannot write the gallery {path}")]
    Unwritable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Vectors of products in 8 bits, made with one model; their length is 1, or the weight of the product. A product has one
/// or more entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Gallery {
    model: ModelId,
    dimension: usize,
    skus: Vec<Sku>,
    /// For each entry the place of its product in `skus`.
    owners: Vec<u32>,
    /// For each entry what one step of its numbers stands for.
    steps: Vec<f32>,
    /// The entries' numbers, `dimension` each, in -127..=127.
    numbers: Vec<i8>,
}

impl Gallery {
    /// A gallery without products.
    pub fn empty(model: ModelId, dimension: usize) -> Gallery {
        Gallery { model, dimension, skus: Vec::new(), owners: Vec::new(), steps: Vec::new(), numbers: Vec::new() }
    }

    /// The model that made its vectors.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// The length of its vectors.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Its products, in the order they were put in.
    pub fn skus(&self) -> &[Sku] {
        &self.skus
    }

    /// How many vectors it holds.
    pub fn entries(&self) -> usize {
        self.owners.len()
    }

    /// Puts a product in, or replaces its vectors. Vectors are scaled to length 1; those of no length are left out.
    ///
    /// # Panics
    /// When a vector has another length than the gallery's: a defect in the caller.
    pub fn put(&mut self, sku: &Sku, vectors: &[Vec<f32>]) {
        self.put_weighted(sku, vectors, 1.0);
    }

    /// As [`Gallery::put`], where likeness to this product counts only `weight` times.
    ///
    /// # Panics
    /// As [`Gallery::put`].
    pub fn put_weighted(&mut self, sku: &Sku, vectors: &[Vec<f32>], weight: f32) {
        self.take_out(sku);
        let owner = self.skus.len() as u32;
        self.skus.push(sku.clone());
        for vector in vectors {
            assert_eq!(vector.len(), self.dimension, "a vector of {sku} has another length than the gallery's");
            let length = norm(vector);
            let largest = vector.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            if length.is_finite() && largest > 0.0 {
                self.owners.push(owner);
                self.numbers.extend(vector.iter().map(|value| (value / largest * 127.0).round() as i8));
                // The step gives the rounded vector, not the one before rounding, its length.
                let rounded = &self.numbers[self.numbers.len() - self.dimension..];
                let rounded = rounded.iter().map(|n| f32::from(*n) * f32::from(*n)).sum::<f32>().sqrt();
                self.steps.push(weight / rounded);
            }
        }
    }

    /// Takes a product out; one that is not there is no matter.
    pub fn take_out(&mut self, sku: &Sku) {
        let Some(place) = self.skus.iter().position(|held| held == sku) else { return };
        let kept: Vec<usize> = (0..self.owners.len()).filter(|entry| self.owners[*entry] as usize != place).collect();
        self.numbers = kept.iter().flat_map(|entry| self.entry(*entry).to_vec()).collect();
        self.steps = kept.iter().map(|entry| self.steps[*entry]).collect();
        self.owners =
            kept.iter().map(|entry| self.owners[*entry]).map(|o| if o as usize > place { o - 1 } else { o }).collect();
        self.skus.remove(place);
    }

    /// The vectors of one product.
    pub fn vectors(&self, sku: &Sku) -> Vec<Vec<f32>> {
        let Some(place) = self.skus.iter().position(|held| held == sku) else { return Vec::new() };
        (0..self.owners.len())
            .filter(|entry| self.owners[*entry] as usize == place)
            .map(|entry| self.entry(entry).iter().map(|n| f32::from(*n) * self.steps[entry]).collect())
            .collect()
    }

    /// The `count` products nearest to a unit vector, each by its best entry, best first.
    ///
    /// # Panics
    /// When the vector has another length than the gallery's: a defect in the caller.
    pub fn search(&self, embedding: &[f32], count: usize) -> Vec<Candidate> {
        assert_eq!(embedding.len(), self.dimension, "what was seen has another length than the gallery's vectors");
        let largest = embedding.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        if count == 0 || largest <= 0.0 || !largest.is_finite() {
            return Vec::new();
        }
        let query: Vec<i8> = embedding.iter().map(|value| (value / largest * 127.0).round() as i8).collect();
        let mut best = Shortlist::new(SHORTLIST.max(4 * count));
        let (mut products, mut run) = ([0; BLOCK], None::<(u32, f32)>);
        for (block, numbers) in self.numbers.chunks(BLOCK * self.dimension).enumerate() {
            dots(&query, numbers, &mut products);
            let first = block * BLOCK;
            let last = (first + BLOCK).min(self.owners.len());
            let entries = self.owners[first..last].iter().zip(&self.steps[first..last]).zip(&products);
            for ((owner, step), product) in entries {
                let score = *product as f32 * step;
                // A product's entries lie together: its best is known when the next one begins.
                match &mut run {
                    Some((of, highest)) if of == owner => *highest = highest.max(score),
                    _ => {
                        best.offer(run);
                        run = Some((*owner, score));
                    }
                }
            }
        }
        best.offer(run);
        let mut found: Vec<Candidate> = best
            .owners()
            .map(|owner| Candidate { sku: self.skus[owner as usize].clone(), similarity: self.exact(embedding, owner) })
            .collect();
        found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.sku.cmp(&b.sku)));
        found.truncate(count);
        found
    }

    /// The best similarity of `embedding` to a product's entries: the cosine, times the product's weight.
    fn exact(&self, embedding: &[f32], owner: u32) -> f32 {
        // A product's entries lie together: they were put in together.
        let first = self.owners.partition_point(|held| *held < owner);
        let last = self.owners.partition_point(|held| *held <= owner);
        (first..last)
            .map(|entry| {
                let sum: f32 = self.entry(entry).iter().zip(embedding).map(|(n, value)| f32::from(*n) * value).sum();
                sum * self.steps[entry]
            })
            .fold(f32::NEG_INFINITY, f32::max)
            .clamp(-1.0, 1.0)
    }

    fn entry(&self, entry: usize) -> &[i8] {
        &self.numbers[entry * self.dimension..(entry + 1) * self.dimension]
    }

    /// The gallery as a file's bytes: a header, products, entries, and a SHA-256 of all that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.numbers.len() + self.entries() * 8 + self.skus.len() * 24);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.model.0);
        for count in [self.dimension, self.skus.len(), self.entries()] {
            bytes.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for sku in &self.skus {
            bytes.extend_from_slice(&(sku.as_str().len() as u16).to_le_bytes());
            bytes.extend_from_slice(sku.as_str().as_bytes());
        }
        for entry in 0..self.entries() {
            bytes.extend_from_slice(&self.owners[entry].to_le_bytes());
            bytes.extend_from_slice(&self.steps[entry].to_le_bytes());
            bytes.extend(self.entry(entry).iter().map(|number| *number as u8));
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Reads a gallery from a file's bytes; `path` is only named in errors.
    ///
    /// # Errors
    /// [`GalleryError::Damaged`] when anything about them is wrong.
    pub fn from_bytes(path: &str, bytes: &[u8]) -> Result<Gallery, GalleryError> {
        parse(bytes).map_err(|reason| GalleryError::Damaged { path: path.to_owned(), reason })
    }

    /// Reads a gallery file.
    ///
    /// # Errors
    /// [`GalleryError::Unreadable`] or [`GalleryError::Damaged`].
    pub fn load(path: &Path) -> Result<Gallery, GalleryError> {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => Gallery::from_bytes(&name, &bytes),
            Err(source) => Err(GalleryError::Unreadable { path: name, source }),
        }
    }

    /// Reads a gallery file that must have been made with `model`, whose vectors have the length `dimension`.
    ///
    /// # Errors
    /// As [`Gallery::load`], and [`GalleryError::OtherModel`].
    pub fn load_for(path: &Path, model: ModelId, dimension: usize) -> Result<Gallery, GalleryError> {
        let gallery = Gallery::load(path)?;
        gallery.check_model(&path.display().to_string(), model, dimension)?;
        Ok(gallery)
    }

    /// Checks that the gallery was made with `model`; `path` is only named in the error.
    ///
    /// # Errors
    /// [`GalleryError::OtherModel`] or [`GalleryError::Damaged`].
    pub fn check_model(&self, path: &str, model: ModelId, dimension: usize) -> Result<(), GalleryError> {
        if self.model != model {
            let short = |model: ModelId| format!("{:.12}", model.to_string());
            return Err(GalleryError::OtherModel {
                path: path.to_owned(),
                made_with: short(self.model),
                model: short(model),
            });
        }
        if self.dimension != dimension {
            let reason = format!("its vectors have {} numbers, the model's {dimension}", self.dimension);
            return Err(GalleryError::Damaged { path: path.to_owned(), reason });
        }
        Ok(())
    }

    /// Writes the gallery so that at every moment `path` holds either the whole old file or the whole new one.
    ///
    /// # Errors
    /// [`GalleryError::Unwritable`].
    pub fn save(&self, path: &Path) -> Result<(), GalleryError> {
        let written = || -> std::io::Result<()> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            let fresh = folder.join(name);
            let mut file = std::fs::File::create(&fresh)?;
            let done = file.write_all(&self.to_bytes()).and_then(|()| file.sync_all());
            let done = done.and_then(|()| std::fs::rename(&fresh, path));
            if done.is_err() {
                // What is left of the attempt is of no use; that it stays is no second error.
                let _ = std::fs::remove_file(&fresh);
            }
            done?;
            std::fs::File::open(folder)?.sync_all()
        };
        written().map_err(|source| GalleryError::Unwritable { path: path.display().to_string(), source })
    }
}

/// The length of a vector.
pub fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// Scales a vector to length 1. Returns `false`, and leaves it, where it has no length.
pub fn normalise(vector: &mut [f32]) -> bool {
    let length = norm(vector);
    if !length.is_finite() || length <= 1e-12 {
        return false;
    }
    vector.iter_mut().for_each(|value| *value /= length);
    true
}

/// The products with the highest scores so far, at least so many as wanted: more are held until they are too many.
struct Shortlist {
    wanted: usize,
    held: Vec<(u32, f32)>,
    /// What a newcomer must reach.
    least: f32,
}

impl Shortlist {
    fn new(wanted: usize) -> Shortlist {
        Shortlist { wanted, held: Vec::with_capacity(4 * wanted), least: f32::NEG_INFINITY }
    }

    fn offer(&mut self, newcomer: Option<(u32, f32)>) {
        let Some((owner, score)) = newcomer.filter(|(_, score)| *score > self.least) else { return };
        self.held.push((owner, score));
        if self.held.len() == 4 * self.wanted {
            self.cut();
            self.least = self.held.last().map_or(self.least, |last| last.1);
        }
    }

    /// Lets go of all but those wanted; the last one left has the lowest score.
    fn cut(&mut self) {
        if self.held.len() > self.wanted {
            self.held.select_nth_unstable_by(self.wanted - 1, |a, b| b.1.total_cmp(&a.1));
            self.held.truncate(self.wanted);
        }
    }

    fn owners(mut self) -> impl Iterator<Item = u32> {
        self.cut();
        self.held.into_iter().map(|(owner, _)| owner)
    }
}

fn parse(bytes: &[u8]) -> Result<Gallery, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it is not a gallery file".into());
    }
    let Some(end) = bytes.len().checked_sub(CHECKSUM_BYTES).filter(|end| *end >= MAGIC.len() + 48) else {
        return Err("it is cut short".into());
    };
    let (content, checksum) = bytes.split_at(end);
    if u32::from_le_bytes([content[8], content[9], content[10], content[11]]) != VERSION {
        return Err("it has a version that this program does not know".into());
    }
    if Sha256::digest(content).as_slice() != checksum {
        return Err("its checksum does not fit its content (cut short or changed)".into());
    }
    let mut reader = Reader { rest: &content[12..] };
    let mut model = [0; 32];
    model.copy_from_slice(reader.take(32)?);
    let (dimension, products, entries) = (reader.number()?, reader.number()?, reader.number()?);
    if dimension == 0 || dimension > 4096 {
        return Err(format!("vectors of {dimension} numbers make no sense"));
    }
    let mut gallery = Gallery::empty(ModelId(model), dimension);
    let mut seen = BTreeMap::new();
    for place in 0..products {
        let length = reader.take(2)?;
        let text = reader.take(usize::from(u16::from_le_bytes([length[0], length[1]])))?;
        let text = std::str::from_utf8(text).map_err(|_| "a product's name is not UTF-8".to_owned())?;
        if seen.insert(text.to_owned(), place).is_some() {
            return Err(format!("the product {text} is listed twice"));
        }
        gallery.skus.push(Sku::new(text));
    }
    for _ in 0..entries {
        let owner = reader.number()?;
        let step = f32::from_bits(reader.number()? as u32);
        let ordered = gallery.owners.last().is_none_or(|last| *last as usize <= owner);
        if owner >= products || !ordered || !step.is_finite() || step <= 0.0 {
            return Err("an entry makes no sense".into());
        }
        gallery.owners.push(owner as u32);
        gallery.steps.push(step);
        gallery.numbers.extend(reader.take(dimension)?.iter().map(|byte| *byte as i8));
    }
    if reader.rest.is_empty() { Ok(gallery) } else { Err("there is more in it than it lists".into()) }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it is cut short")?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, String> {
        let taken = self.take(4)?;
        Ok(u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(byte: u8) -> ModelId {
        ModelId([byte; 32])
    }

    /// Numbers that look random and are the same every time.
    fn vector(seed: u64, dimension: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut vector: Vec<f32> = (0..dimension)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state % 2000) as f32 / 1000.0 - 1.0
            })
            .collect();
        assert!(normalise(&mut vector));
        vector
    }

    fn gallery(products: u64) -> Gallery {
        let mut gallery = Gallery::empty(model(1), 32);
        for product in 0..products {
            gallery.put(
                &Sku::new(format!("product-{product}")),
                &[vector(2 * product + 1, 32), vector(2 * product + 2, 32)],
            );
        }
        gallery
    }

    #[test]
    fn a_product_is_found_by_any_of_its_entries_and_only_once() {
        let gallery = gallery(100);
        for (seed, product) in [(1, 0), (2, 0), (101, 50), (200, 99)] {
            let found = gallery.search(&vector(seed, 32), 5);
            assert_eq!(found[0].sku.as_str(), format!("product-{product}"));
            assert!(found[0].similarity > 0.999, "{found:?}");
            let mut skus: Vec<_> = found.iter().map(|candidate| candidate.sku.clone()).collect();
            skus.dedup();
            assert_eq!(skus.len(), 5);
            assert!(found.windows(2).all(|pair| pair[0].similarity >= pair[1].similarity));
        }
    }

    #[test]
    fn the_search_agrees_with_one_that_weighs_every_entry_exactly() {
        let gallery = gallery(300);
        for seed in 5000..5050 {
            let query = vector(seed, 32);
            let mut exact: Vec<(f32, &Sku)> = gallery
                .skus()
                .iter()
                .enumerate()
                .map(|(place, sku)| (gallery.exact(&query, place as u32), sku))
                .collect();
            exact.sort_by(|a, b| b.0.total_cmp(&a.0));
            let found = gallery.search(&query, 3);
            assert_eq!(
                found.iter().map(|c| &c.sku).collect::<Vec<_>>(),
                exact[..3].iter().map(|e| e.1).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_gallery_survives_its_file_and_a_replaced_product_keeps_no_old_entry() {
        let mut gallery = gallery(5);
        gallery.put(&Sku::new("product-2"), &[vector(900, 32)]);
        assert_eq!((gallery.skus().len(), gallery.entries()), (5, 9));
        assert_eq!(gallery.search(&vector(900, 32), 1)[0].sku.as_str(), "product-2");
        assert!(gallery.search(&vector(5, 32), 1)[0].similarity < 0.99, "the old look of product-2 is gone");
        assert_eq!(gallery.search(&vector(9, 32), 1)[0].sku.as_str(), "product-4");
        assert_eq!(Gallery::from_bytes("x", &gallery.to_bytes()).expect("it reads back"), gallery);

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/gallery.bin");
        gallery.save(&path).expect("it is written");
        gallery.save(&path).expect("it is written over");
        assert_eq!(Gallery::load_for(&path, model(1), 32).expect("it loads"), gallery);
        assert_eq!(
            std::fs::read_dir(path.parent().expect("a parent")).expect("listed").count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn a_gallery_of_another_model_or_length_is_refused() {
        let gallery = gallery(2);
        assert!(matches!(gallery.check_model("g", model(2), 32), Err(GalleryError::OtherModel { .. })));
        assert!(matches!(gallery.check_model("g", model(1), 64), Err(GalleryError::Damaged { .. })));
        assert!(gallery.check_model("g", model(1), 32).is_ok());
    }

    #[test]
    fn a_damaged_gallery_is_refused_wherever_it_is_damaged() {
        let bytes = gallery(3).to_bytes();
        for length in 0..bytes.len() {
            assert!(Gallery::from_bytes("g", &bytes[..length]).is_err(), "cut to {length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            assert!(Gallery::from_bytes("g", &changed).is_err(), "changed at {place}");
        }
        let missing = Gallery::load(Path::new("/nowhere/gallery.bin"));
        assert!(missing.is_err_and(|error| error.to_string().contains("/nowhere/gallery.bin")));
    }

    #[test]
    fn a_vector_without_length_is_no_entry_and_finds_nothing() {
        let mut gallery = gallery(1);
        gallery.put(&Sku::new("nothing"), &[vec![0.0; 32], vec![f32::NAN; 32]]);
        assert_eq!(gallery.entries(), 2);
        assert!(gallery.search(&[0.0; 32], 3).is_empty());
        assert_eq!(gallery.search(&vector(7, 32), 9).len(), 1);
    }
}
