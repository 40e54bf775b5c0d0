//! Recognition: crops become embeddings, embeddings of the same thing are pooled, the gallery names what is near.

use super::crop::{Cropper, Rectangle, mirror};
use super::gallery::{Gallery, GalleryError, norm, normalise};
use crate::domain::fusion::Candidate;
use crate::ports::{EmbedError, Embedder, Frame, ModelId};

/// How a region is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Room on every side, as a share of the region's longer side; below nothing, only the region's middle is looked at.
    pub margin: f64,
    /// Whether left and right change places: the model was trained on both, and errs differently on each.
    pub mirrored: bool,
}

impl Look {
    /// As the picture shows it.
    pub fn with_margin(margin: f64) -> Look {
        Look { margin, mirrored: false }
    }
}

/// A model with its gallery. Buffers are kept between calls.
pub struct Recogniser {
    embedder: Box<dyn Embedder>,
    gallery: Gallery,
    cropper: Cropper,
    crop: Vec<u8>,
    embedding: Vec<f32>,
    pool: Vec<f32>,
    pooled: u32,
    kept: Vec<f32>,
    kept_pooled: u32,
}

/// Pictures less alike than this (cosine) do not show the same thing: 1 % of pairs of validation photos of different products
/// are more alike, and 95 % of those of one product.
const SAME_THING: f32 = 0.75;

impl Recogniser {
    /// Joins a model and a gallery that was made with it.
    ///
    /// # Errors
    /// [`GalleryError`] when the gallery belongs to another model.
    pub fn new(embedder: Box<dyn Embedder>, gallery: Gallery) -> Result<Recogniser, GalleryError> {
        gallery.check_model("in use", embedder.model_id(), embedder.dimension())?;
        let (side, dimension) = (embedder.input_side(), embedder.dimension());
        Ok(Recogniser {
            embedder,
            gallery,
            cropper: Cropper::default(),
            crop: vec![0; side * side * 3],
            embedding: vec![0.0; dimension],
            pool: vec![0.0; dimension],
            pooled: 0,
            kept: vec![0.0; dimension],
            kept_pooled: 0,
        })
    }

    /// The model in use.
    pub fn model_id(&self) -> ModelId {
        self.embedder.model_id()
    }

    /// The gallery in use.
    pub fn gallery(&self) -> &Gallery {
        &self.gallery
    }

    /// Takes another gallery, between trips.
    ///
    /// # Errors
    /// [`GalleryError`] when it belongs to another model; the old one stays.
    pub fn replace_gallery(&mut self, gallery: Gallery) -> Result<(), GalleryError> {
        gallery.check_model("offered", self.embedder.model_id(), self.embedder.dimension())?;
        self.gallery = gallery;
        Ok(())
    }

    /// Begins to look at a new thing.
    pub fn begin(&mut self) {
        self.pool.fill(0.0);
        self.pooled = 0;
    }

    /// Looks at the thing in `region` of a picture.
    ///
    /// # Errors
    /// [`EmbedError`] when the engine fails.
    pub fn look(&mut self, frame: &Frame, region: Rectangle, look: Look) -> Result<(), EmbedError> {
        let square = region.squared(look.margin, frame.width, frame.height);
        let side = self.embedder.input_side();
        if self.cropper.square(frame, square, side, &mut self.crop) {
            if look.mirrored {
                mirror(&mut self.crop, side);
            }
            self.add()?;
        }
        Ok(())
    }

    /// Keeps what was seen since [`Recogniser::begin`] for [`Recogniser::join_kept`].
    pub fn keep(&mut self) {
        self.kept.copy_from_slice(&self.pool);
        self.kept_pooled = self.pooled;
    }

    /// Counts what was kept as well, where it shows the same thing.
    pub fn join_kept(&mut self) {
        let shared: f32 = self.pool.iter().zip(&self.kept).map(|(now, kept)| now * kept).sum();
        if shared > SAME_THING * norm(&self.pool) * norm(&self.kept) {
            self.pool.iter_mut().zip(&self.kept).for_each(|(sum, kept)| *sum += kept);
            self.pooled += self.kept_pooled;
        }
    }

    /// How many pictures were pooled since [`Recogniser::begin`].
    pub fn pooled(&self) -> u32 {
        self.pooled
    }

    /// The `count` products that the pictures since [`Recogniser::begin`] look like, best first; none where there was no
    /// picture.
    pub fn candidates(&mut self, count: usize) -> Vec<Candidate> {
        self.embedding.copy_from_slice(&self.pool);
        if self.pooled == 0 || !normalise(&mut self.embedding) {
            return Vec::new();
        }
        self.gallery.search(&self.embedding, count)
    }

    fn add(&mut self) -> Result<(), EmbedError> {
        self.embedder.embed(&self.crop, &mut self.embedding)?;
        self.pool.iter_mut().zip(&self.embedding).for_each(|(sum, value)| *sum += value);
        self.pooled += 1;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::units::{Sku, Stamp};

    /// A model for tests: the mean colour, and where in the crop it is bright.
    pub(crate) struct ColourEmbedder;

    impl Embedder for ColourEmbedder {
        fn input_side(&self) -> usize {
            16
        }
        fn dimension(&self) -> usize {
            6
        }
        fn model_id(&self) -> ModelId {
            ModelId([7; 32])
        }
        fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
            embedding.fill(0.0);
            for (place, pixel) in rgb.chunks_exact(3).enumerate() {
                for channel in 0..3 {
                    embedding[channel] += f32::from(pixel[channel]) - 100.0;
                }
                embedding[3 + place * 3 / (16 * 16)] += 5.0;
            }
            normalise(embedding);
            Ok(())
        }
    }

    /// A gallery of plain colours for [`ColourEmbedder`].
    pub(crate) fn colours(products: &[(&str, [u8; 3])]) -> Gallery {
        let mut gallery = Gallery::empty(ModelId([7; 32]), 6);
        for (sku, colour) in products {
            let mut embedding = vec![0.0; 6];
            let crop: Vec<u8> = std::iter::repeat_n(*colour, 256).flatten().collect();
            ColourEmbedder.embed(&crop, &mut embedding).expect("it computes");
            gallery.put(&Sku::new(sku), &[embedding]);
        }
        gallery
    }

    fn plain(colour: [u8; 3]) -> Frame {
        Frame { at: Stamp(0), width: 32, height: 24, rgb: std::iter::repeat_n(colour, 32 * 24).flatten().collect() }
    }

    fn look(recogniser: &mut Recogniser, frame: &Frame) -> Result<(), EmbedError> {
        recogniser.look(frame, Rectangle::whole(frame), Look::with_margin(0.1))
    }

    #[test]
    fn pictures_of_one_thing_are_pooled_and_named() {
        let gallery = colours(&[("red", [200, 30, 30]), ("green", [30, 200, 30]), ("blue", [30, 30, 200])]);
        let mut recogniser = Recogniser::new(Box::new(ColourEmbedder), gallery).expect("they fit");
        assert!(recogniser.candidates(3).is_empty(), "nothing was looked at");
        recogniser.begin();
        for colour in [[30, 210, 40], [40, 190, 20], [180, 40, 40]] {
            look(&mut recogniser, &plain(colour)).expect("it computes");
        }
        let found = recogniser.candidates(2);
        assert_eq!((recogniser.pooled(), found.len(), found[0].sku.as_str()), (3, 2, "green"));
        recogniser.begin();
        look(&mut recogniser, &plain([40, 40, 180])).expect("it computes");
        assert_eq!(recogniser.candidates(1)[0].sku.as_str(), "blue");
        recogniser.begin();
        look(&mut recogniser, &Frame::default()).expect("a broken picture is no failure of the engine");
        assert!(recogniser.candidates(1).is_empty());
    }

    #[test]
    fn an_earlier_look_counts_where_it_shows_the_same_thing() {
        let gallery = colours(&[("red", [200, 30, 30]), ("green", [30, 200, 30])]);
        let mut recogniser = Recogniser::new(Box::new(ColourEmbedder), gallery).expect("they fit");
        for (earlier, pooled) in [([190, 60, 40], 2), ([40, 190, 60], 1)] {
            recogniser.begin();
            look(&mut recogniser, &plain(earlier)).expect("it computes");
            recogniser.keep();
            recogniser.begin();
            look(&mut recogniser, &plain([210, 20, 30])).expect("it computes");
            recogniser.join_kept();
            assert_eq!((recogniser.pooled(), recogniser.candidates(1)[0].sku.as_str()), (pooled, "red"), "{earlier:?}");
        }
    }

    #[test]
    fn a_gallery_of_another_model_is_refused_at_start_and_later() {
        let other = Gallery::empty(ModelId([8; 32]), 6);
        assert!(Recogniser::new(Box::new(ColourEmbedder), other.clone()).is_err());
        let mut recogniser =
            Recogniser::new(Box::new(ColourEmbedder), colours(&[("red", [200, 0, 0])])).expect("they fit");
        assert!(recogniser.replace_gallery(other).is_err());
        assert_eq!(recogniser.gallery().skus().len(), 1, "the old gallery stays");
    }
}
