//! The second recognition engine: TensorFlow Lite of 2020, built from source where LiteRT has no library.
//!
//! It is far slower than LiteRT (its int8 kernels are plain C++) and computes with one thread. Same port, same checks.

use super::tflite_file::TfliteFile;
use crate::ports::{EmbedError, Embedder, ModelId};
use std::path::Path;
use tflite::ops::builtin::BuiltinOpResolver;
use tflite::{FlatBufferModel, Interpreter, InterpreterBuilder};

/// A model in the TensorFlow Lite interpreter.
pub struct TfliteEmbedder {
    interpreter: Interpreter<'static, BuiltinOpResolver>,
    input: i32,
    output: i32,
    file: TfliteFile,
}

impl TfliteEmbedder {
    /// Loads a model. The number of threads is that of LiteRT's port and not used here.
    ///
    /// # Errors
    /// [`EmbedError`] when the file cannot be read, is no model for the cart, or the engine refuses it.
    pub fn load(path: &Path, _threads: usize) -> Result<TfliteEmbedder, EmbedError> {
        let file = TfliteFile::load(path)?;
        let model = FlatBufferModel::build_from_buffer(file.bytes.clone()).map_err(fault)?;
        let builder = InterpreterBuilder::new(model, BuiltinOpResolver::default()).map_err(fault)?;
        let interpreter = builder.build().map_err(fault)?;
        let ([input], [output]) = (interpreter.inputs(), interpreter.outputs()) else {
            return Err(EmbedError::Engine {
                reason: "the engine finds other inputs and outputs than the file".into(),
            });
        };
        let (input, output) = (*input, *output);
        let input_bytes = interpreter.tensor_buffer(input).map_or(0, <[u8]>::len);
        let output_bytes = interpreter.tensor_buffer(output).map_or(0, <[u8]>::len);
        if input_bytes != file.side * file.side * 3 || output_bytes != file.output_bytes() {
            return Err(EmbedError::Engine { reason: "the engine finds other sizes than the file".into() });
        }
        Ok(TfliteEmbedder { interpreter, input, output, file })
    }
}

impl Embedder for TfliteEmbedder {
    fn input_side(&self) -> usize {
        self.file.side
    }

    fn dimension(&self) -> usize {
        self.file.dimension
    }

    fn model_id(&self) -> ModelId {
        self.file.id
    }

    fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
        let lost = || EmbedError::Engine { reason: "the engine has lost a tensor".into() };
        if rgb.len() != self.file.side * self.file.side * 3 || embedding.len() != self.file.dimension {
            let reason = "the picture or the vector has another size than the model's".to_owned();
            return Err(EmbedError::Engine { reason });
        }
        self.file.write_input(rgb, self.interpreter.tensor_buffer_mut(self.input).ok_or_else(lost)?);
        self.interpreter.invoke().map_err(fault)?;
        self.file.read_output(self.interpreter.tensor_buffer(self.output).ok_or_else(lost)?, embedding)
    }
}

fn fault(error: tflite::Error) -> EmbedError {
    EmbedError::Engine { reason: error.to_string() }
}

#[cfg(all(test, feature = "litert", feature = "emulator"))]
mod tests {
    use super::*;
    use crate::adapters::litert::LitertEmbedder;
    use crate::emulator::{Shelf, render_product};
    use crate::vision::Gallery;

    /// The engines round differently: products whose similarities are nearer to each other than this may change places.
    const TIE: f32 = 0.01;

    #[test]
    fn both_engines_name_the_same_three_products_for_the_same_pictures() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut newer = LitertEmbedder::load(&models.join("dashcart.tflite"), 1).unwrap();
        let mut older = TfliteEmbedder::load(&models.join("dashcart.tflite"), 1).unwrap();
        assert_eq!(newer.model_id(), older.model_id());
        let gallery =
            Gallery::load_for(&models.join("gallery-shelf.bin"), newer.model_id(), newer.dimension()).unwrap();
        let mut vector = vec![0.0; newer.dimension()];
        let (shelf, mut compared) = (Shelf::own(), 0);
        for sku in gallery.skus().iter().step_by(3) {
            let picture = render_product(shelf.as_ref(), sku, gallery.skus(), 977, newer.input_side()).unwrap();
            newer.embed(&picture.rgb, &mut vector).unwrap();
            let named = gallery.search(&vector, gallery.skus().len());
            older.embed(&picture.rgb, &mut vector).unwrap();
            for (place, other) in gallery.search(&vector, 3).into_iter().enumerate() {
                let here = named.iter().find(|candidate| candidate.sku == other.sku).unwrap();
                let apart = (here.similarity - named[place].similarity).abs();
                assert!(apart < TIE, "{sku}, place {place}: {} and {}, {apart} apart", named[place].sku, other.sku);
                compared += 1;
            }
        }
        assert_eq!(compared, 3 * gallery.skus().len().div_ceil(3));
    }
}
