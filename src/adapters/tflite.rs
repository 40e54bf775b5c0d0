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

#[cfg(all(test, feature = "litert"))]
mod tests {
    use super::*;
    use crate::adapters::litert::LitertEmbedder;
    use crate::domain::units::Sku;
    use crate::vision::Gallery;

    /// A picture of stripes and patches, unlike for every seed.
    fn picture(side: usize, seed: usize) -> Vec<u8> {
        let pixel = |x: usize, y: usize| {
            let patch = (x * (seed % 5 + 2) / side + y * (seed % 7 + 2) / side) * 53 + seed * 71;
            let stripe = if (x + y * (seed % 3)) / (seed % 11 + 3) % 2 == 0 { 40 } else { 0 };
            [(patch % 200 + stripe) as u8, (patch * 3 % 200 + stripe) as u8, (patch * 7 % 200) as u8]
        };
        (0..side * side).flat_map(|place| pixel(place % side, place / side)).collect()
    }

    #[test]
    fn both_engines_name_the_same_three_products_for_the_same_pictures() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/dashcart.tflite");
        if !path.is_file() {
            eprintln!("skipped: there is no model at models/dashcart.tflite");
            return;
        }
        let mut newer = LitertEmbedder::load(&path, 1).unwrap();
        let mut older = TfliteEmbedder::load(&path, 1).unwrap();
        assert_eq!(newer.model_id(), older.model_id());
        let (side, dimension) = (newer.input_side(), newer.dimension());
        let mut vector = vec![0.0; dimension];
        let mut gallery = Gallery::empty(newer.model_id(), dimension);
        for seed in 0..12 {
            newer.embed(&picture(side, 31 * seed + 1), &mut vector).unwrap();
            gallery.put(&Sku::new(format!("product-{seed}")), &[vector.clone()]);
        }
        for seed in 0..8 {
            let seen = picture(side, 31 * seed + 2);
            let three = |embedder: &mut dyn Embedder, vector: &mut Vec<f32>| -> Vec<Sku> {
                embedder.embed(&seen, vector).unwrap();
                gallery.search(vector, 3).into_iter().map(|candidate| candidate.sku).collect()
            };
            assert_eq!(three(&mut newer, &mut vector), three(&mut older, &mut vector), "picture {seed}");
        }
    }
}
