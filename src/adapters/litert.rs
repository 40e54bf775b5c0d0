//! The recognition engine: Google's LiteRT with XNNPACK, behind the `Embedder` port.
//!
//! Its C interface is called directly because only there the number of threads can be set. The model is checked before
//! the engine sees it: see `tflite_file`.
#![allow(unsafe_code, reason = "LiteRT is a C library; every call into it is unsafe, and all of them are in this file")]

use super::chatter::without_chatter;
use super::tflite_file::{Numbers, TfliteFile};
use crate::ports::{EmbedError, Embedder, ModelId};
use litert_sys as sys;
use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::ptr::null_mut;

/// A model in the LiteRT engine. A call allocates nothing.
pub struct LitertEmbedder {
    // Dropped in this order, and before the bytes that the model points into.
    engine: Engine,
    file: TfliteFile,
}

impl LitertEmbedder {
    /// Loads a model that computes with so many threads.
    ///
    /// # Errors
    /// [`EmbedError`] when the file cannot be read, is no model for the cart, or the engine refuses it.
    pub fn load(path: &Path, threads: usize) -> Result<LitertEmbedder, EmbedError> {
        LitertEmbedder::from_file(TfliteFile::load(path)?, threads)
    }

    /// As [`LitertEmbedder::load`], for a file that was read and checked already.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] when the engine refuses it.
    pub fn from_file(file: TfliteFile, threads: usize) -> Result<LitertEmbedder, EmbedError> {
        let engine = without_chatter(|| Engine::new(&file, threads))?;
        Ok(LitertEmbedder { engine, file })
    }
}

impl Embedder for LitertEmbedder {
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
        let file = &self.file;
        if rgb.len() != file.side * file.side * 3 || embedding.len() != file.dimension {
            let reason = "the picture or the vector has another size than the model's".to_owned();
            return Err(EmbedError::Engine { reason });
        }
        self.engine.input.write(rgb.len(), |input| file.write_input(rgb, input))?;
        self.engine.run()?;
        self.engine.output.read(file.output_bytes(), |output| file.read_output(output, embedding))?
    }
}

/// The engine's objects. Each was made by the engine, is not null, and is given back exactly once, in `drop`.
struct Engine {
    environment: sys::LiteRtEnvironment,
    model: sys::LiteRtModel,
    options: sys::LiteRtOptions,
    compiled: sys::LiteRtCompiledModel,
    input: Tensor,
    output: Tensor,
}

// SAFETY: the engine's objects are bound to no thread; `&mut self` keeps two threads from using them at once.
unsafe impl Send for Engine {}

impl Engine {
    /// `file` must live, and its bytes must not move, as long as the engine: [`LitertEmbedder`] sees to that.
    fn new(file: &TfliteFile, threads: usize) -> Result<Engine, EmbedError> {
        let mut engine = Engine {
            environment: null_mut(),
            model: null_mut(),
            options: null_mut(),
            compiled: null_mut(),
            input: Tensor(null_mut()),
            output: Tensor(null_mut()),
        };
        // SAFETY: every pointer handed over is valid for the call; what the engine returns is kept in `engine`, whose
        // `drop` gives back what was made so far when a later call fails. The model's bytes outlive the engine.
        unsafe {
            check(sys::LiteRtCreateEnvironment(0, null_mut(), &mut engine.environment), "starting")?;
            let bytes = file.bytes.as_ptr().cast::<c_void>();
            check(sys::LiteRtCreateModelFromBuffer(bytes, file.bytes.len(), &mut engine.model), "reading the model")?;
            check(sys::LiteRtCreateOptions(&mut engine.options), "making options")?;
            let cpu = sys::kLiteRtHwAcceleratorCpu as sys::LiteRtHwAcceleratorSet;
            check(sys::LiteRtSetOptionsHardwareAccelerators(engine.options, cpu), "choosing the processor")?;
            add_threads(engine.options, threads)?;
            let made =
                sys::LiteRtCreateCompiledModel(engine.environment, engine.model, engine.options, &mut engine.compiled);
            check(made, "preparing the model")?;
            let side = file.side as i32;
            let mut needs = null_mut();
            let asked = sys::LiteRtGetCompiledModelInputBufferRequirements(engine.compiled, 0, 0, &mut needs);
            check(asked, "asking for the input's size")?;
            engine.input.make(engine.environment, file.input, &[1, side, side, 3], needs)?;
            let asked = sys::LiteRtGetCompiledModelOutputBufferRequirements(engine.compiled, 0, 0, &mut needs);
            check(asked, "asking for the output's size")?;
            engine.output.make(engine.environment, file.output, &[1, file.dimension as i32], needs)?;
        }
        Ok(engine)
    }

    fn run(&mut self) -> Result<(), EmbedError> {
        let (mut input, mut output) = (self.input.0, self.output.0);
        // SAFETY: the objects are alive, and the counts are those of the pointers.
        let status = unsafe { sys::LiteRtRunCompiledModel(self.compiled, 0, 1, &mut input, 1, &mut output) };
        check(status, "computing")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: each object was made by the engine and is given back once; what was never made is null and left alone.
        without_chatter(|| unsafe {
            for tensor in [self.input.0, self.output.0] {
                if !tensor.is_null() {
                    sys::LiteRtDestroyTensorBuffer(tensor);
                }
            }
            if !self.compiled.is_null() {
                sys::LiteRtDestroyCompiledModel(self.compiled);
            }
            if !self.options.is_null() {
                sys::LiteRtDestroyOptions(self.options);
            }
            if !self.model.is_null() {
                sys::LiteRtDestroyModel(self.model);
            }
            if !self.environment.is_null() {
                sys::LiteRtDestroyEnvironment(self.environment);
            }
        });
    }
}

/// Memory that the engine reads its input from, or writes its output to.
struct Tensor(sys::LiteRtTensorBuffer);

impl Tensor {
    /// # Safety
    /// `environment` and `needs` must be the engine's own.
    unsafe fn make(
        &mut self,
        environment: sys::LiteRtEnvironment,
        numbers: Numbers,
        shape: &[i32],
        needs: sys::LiteRtTensorBufferRequirements,
    ) -> Result<(), EmbedError> {
        let element_type = match numbers {
            Numbers::Float32 => sys::kLiteRtElementTypeFloat32,
            Numbers::Int8 => sys::kLiteRtElementTypeInt8,
            Numbers::UInt8 => sys::kLiteRtElementTypeUInt8,
        };
        let mut kind = sys::LiteRtRankedTensorType { element_type, ..Default::default() };
        kind.layout.set_rank(shape.len() as u32);
        kind.layout.set_has_strides(false);
        kind.layout.dimensions.iter_mut().zip(shape).for_each(|(slot, length)| *slot = *length);
        // SAFETY: the caller vouches for the two objects, and `kind` and `self.0` live through the call.
        let made =
            unsafe { sys::LiteRtCreateManagedTensorBufferFromRequirements(environment, &kind, needs, &mut self.0) };
        check(made, "making room for a tensor")
    }

    fn write(&mut self, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Result<(), EmbedError> {
        let start = self.lock(bytes, sys::kLiteRtTensorBufferLockModeWrite)?;
        // SAFETY: the lock gives this memory, of at least `bytes` bytes, to us alone until it is unlocked.
        fill(unsafe { std::slice::from_raw_parts_mut(start, bytes) });
        self.unlock()
    }

    fn read<T>(&mut self, bytes: usize, take: impl FnOnce(&[u8]) -> T) -> Result<T, EmbedError> {
        let start = self.lock(bytes, sys::kLiteRtTensorBufferLockModeRead)?;
        // SAFETY: as above; the engine has written it.
        let taken = take(unsafe { std::slice::from_raw_parts(start, bytes) });
        self.unlock()?;
        Ok(taken)
    }

    fn lock(&mut self, bytes: usize, mode: sys::LiteRtTensorBufferLockMode) -> Result<*mut u8, EmbedError> {
        let (mut size, mut start) = (0, null_mut());
        // SAFETY: the tensor is alive, and the engine writes through two pointers to locals.
        unsafe {
            check(sys::LiteRtGetTensorBufferSize(self.0, &mut size), "asking for a tensor's size")?;
            if size < bytes {
                return Err(EmbedError::Engine { reason: format!("a tensor has {size} bytes, not {bytes}") });
            }
            check(sys::LiteRtLockTensorBuffer(self.0, &mut start, mode), "locking a tensor")?;
        }
        if start.is_null() {
            return Err(EmbedError::Engine { reason: "a tensor has no memory".into() });
        }
        Ok(start.cast())
    }

    fn unlock(&mut self) -> Result<(), EmbedError> {
        // SAFETY: the tensor is alive and locked by us.
        check(unsafe { sys::LiteRtUnlockTensorBuffer(self.0) }, "unlocking a tensor")
    }
}

/// Tells XNNPACK how many threads to use: LiteRT takes that as an opaque option, a text in TOML.
///
/// # Safety
/// `options` must be the engine's own.
unsafe fn add_threads(options: sys::LiteRtOptions, threads: usize) -> Result<(), EmbedError> {
    unsafe extern "C" fn give_back(text: *mut c_void) {
        // SAFETY: the engine calls this once, with the pointer that `into_raw` gave.
        drop(unsafe { CString::from_raw(text.cast::<c_char>()) });
    }
    let text = CString::new(format!("num_threads = {}\n", threads.clamp(1, 64))).unwrap_or_default();
    let mut opaque = null_mut();
    // SAFETY: the engine takes over the text and gives it back by `give_back`; it takes over `opaque` when added.
    unsafe {
        let made = sys::LiteRtCreateOpaqueOptions(
            c"xnnpack".as_ptr(),
            text.into_raw().cast::<c_void>(),
            Some(give_back),
            &mut opaque,
        );
        check(made, "making the threads' option")?;
        check(sys::LiteRtAddOpaqueOptions(options, opaque), "setting the number of threads")
    }
}

fn check(status: sys::LiteRtStatus, doing: &str) -> Result<(), EmbedError> {
    if status == sys::kLiteRtStatusOk {
        return Ok(());
    }
    // The library for carts does not export the function that names a status.
    let named = match status {
        sys::kLiteRtStatusErrorInvalidArgument => "invalid argument",
        sys::kLiteRtStatusErrorMemoryAllocationFailure => "out of memory",
        sys::kLiteRtStatusErrorRuntimeFailure => "failure while running",
        sys::kLiteRtStatusErrorUnsupported => "unsupported",
        sys::kLiteRtStatusErrorWrongVersion => "wrong version",
        sys::kLiteRtStatusErrorInvalidFlatbuffer => "the model is damaged",
        sys::kLiteRtStatusErrorCompilation => "the model cannot be compiled",
        _ => "no reason given",
    };
    Err(EmbedError::Engine { reason: format!("{doing} failed: {named} (LiteRT status {status})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model to try, or `None` with a word about it: the tests run without one too.
    fn model() -> Option<Vec<u8>> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/dashcart.tflite");
        let shared =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/backbone/tf2_mobilenet_v2_1.0_224_ptq.tflite");
        let found = [own, shared].into_iter().find_map(|path| std::fs::read(path).ok());
        if found.is_none() {
            eprintln!("skipped: there is no model at models/dashcart.tflite");
        }
        found
    }

    fn load(bytes: Vec<u8>, threads: usize) -> Result<LitertEmbedder, EmbedError> {
        LitertEmbedder::from_file(TfliteFile::from_bytes("model", bytes)?, threads)
    }

    fn picture(side: usize, seed: usize) -> Vec<u8> {
        (0..side * side * 3).map(|place| (place / 7 * seed % 251) as u8).collect()
    }

    #[test]
    fn a_picture_becomes_a_unit_vector_that_is_the_same_with_any_number_of_threads() {
        let Some(bytes) = model() else { return };
        let mut vectors = Vec::new();
        for threads in [1, 2] {
            let mut embedder = load(bytes.clone(), threads).expect("it loads");
            let (side, dimension) = (embedder.input_side(), embedder.dimension());
            let (mut first, mut other, mut again) = (vec![0.0; dimension], vec![0.0; dimension], vec![0.0; dimension]);
            embedder.embed(&picture(side, 3), &mut first).expect("it computes");
            embedder.embed(&picture(side, 11), &mut other).expect("it computes");
            embedder.embed(&picture(side, 3), &mut again).expect("it computes");
            let length: f32 = first.iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-4, "{length}");
            assert_eq!(first, again);
            assert_ne!(first, other);
            assert!(embedder.embed(&[0; 12], &mut first).is_err(), "a picture of another size is refused");
            vectors.push(again);
        }
        assert_eq!(vectors[0], vectors[1]);
    }

    #[test]
    fn a_model_that_is_cut_short_anywhere_is_refused() {
        let Some(bytes) = model() else { return };
        for part in 0..200 {
            let length = bytes.len() * part / 200;
            assert!(load(bytes[..length].to_vec(), 1).is_err(), "cut to {length} of {}", bytes.len());
        }
        assert!(load(bytes[..bytes.len() - 1].to_vec(), 1).is_err() || bytes.ends_with(&[0]));
    }

    #[test]
    fn a_changed_model_is_refused_or_computes_and_never_ends_the_program() {
        let Some(bytes) = model() else { return };
        // The tables lie at the beginning and at the end, the weights between them.
        let (begin, end) = (0..240, bytes.len().saturating_sub(24_000)..bytes.len());
        let places = begin.step_by(4).chain((0..bytes.len()).step_by(bytes.len() / 40)).chain(end.step_by(311));
        let mut refused = 0;
        for (count, place) in places.enumerate() {
            let mut changed = bytes.clone();
            changed[place] ^= [0xff, 0x80, 0x01][count % 3];
            match load(changed, 1) {
                Err(_) => refused += 1,
                Ok(mut embedder) => {
                    let mut vector = vec![0.0; embedder.dimension()];
                    // Weights may be changed without anyone being able to tell; what counts is that it comes back.
                    let _ = embedder.embed(&picture(embedder.input_side(), 5), &mut vector);
                }
            }
        }
        assert!(refused > 20, "{refused} refused");
    }
}
