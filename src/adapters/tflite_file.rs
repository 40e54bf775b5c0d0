//! What a TFLite file says about itself, read without an engine: is it whole, and does it fit the cart?
//!
//! The engines trust what they are given: a file that is cut short or changed can end the process. So everything they
//! would follow (tables, vectors, indices, sizes) is checked here first. The file is a FlatBuffer with the identifier
//! `TFL3`; field numbers are those of TensorFlow's `schema.fbs`, version 3.

use crate::ports::{EmbedError, ModelId};
use sha2::{Digest, Sha256};
use std::path::Path;

/// How one tensor keeps its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// 32-bit floating point.
    Float32,
    /// 8 bits, -128 to 127.
    Int8,
    /// 8 bits, 0 to 255.
    UInt8,
}

/// Eight-bit numbers stand for `scale * (number - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantisation {
    /// What one step stands for.
    pub scale: f32,
    /// The number that stands for nothing.
    pub zero: i32,
}

/// A model file that is whole and made for the cart: one square RGB picture in, one vector out.
#[derive(Debug, Clone)]
pub struct TfliteFile {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub id: ModelId,
    /// Side of the input in pixels.
    pub side: usize,
    /// How the input keeps its numbers: [`Numbers::UInt8`] or [`Numbers::Int8`].
    pub input: Numbers,
    /// Length of the output.
    pub dimension: usize,
    /// How the output keeps its numbers.
    pub output: Numbers,
    /// What the output's numbers stand for; of no meaning for [`Numbers::Float32`].
    pub output_quantisation: Quantisation,
    /// The lists of photos it was made from, where its description says so, as `learned from train, val`.
    pub learned_from: Vec<String>,
}

impl TfliteFile {
    /// How many bytes the output has.
    pub fn output_bytes(&self) -> usize {
        self.dimension * if self.output == Numbers::Float32 { 4 } else { 1 }
    }

    /// Writes a picture (`side * side * 3` bytes of RGB) as the input's numbers.
    pub fn write_input(&self, rgb: &[u8], input: &mut [u8]) {
        // Pixels are the quantised numbers: unsigned as they are, signed shifted by 128.
        let shift = if self.input == Numbers::Int8 { 0x80 } else { 0 };
        input.iter_mut().zip(rgb).for_each(|(number, pixel)| *number = pixel ^ shift);
    }

    /// Reads the output's numbers as a vector of length 1.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] when the model gave a vector of no length.
    pub fn read_output(&self, output: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
        let Quantisation { scale, zero } = self.output_quantisation;
        let number = |value: i32| scale * (value - zero) as f32;
        match self.output {
            Numbers::Float32 => embedding
                .iter_mut()
                .zip(output.chunks_exact(4))
                .for_each(|(value, b)| *value = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            Numbers::Int8 => {
                embedding.iter_mut().zip(output).for_each(|(value, byte)| *value = number(i32::from(*byte as i8)));
            }
            Numbers::UInt8 => {
                embedding.iter_mut().zip(output).for_each(|(value, byte)| *value = number(i32::from(*byte)));
            }
        }
        let length = embedding.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length <= 1e-12 {
            return Err(EmbedError::Engine { reason: "the model gave a vector of no length".into() });
        }
        embedding.iter_mut().for_each(|value| *value /= length);
        Ok(())
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`EmbedError::Unreadable`] or [`EmbedError::Foreign`].
    pub fn load(path: &Path) -> Result<TfliteFile, EmbedError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| EmbedError::Unreadable { path: name.clone(), source })?;
        TfliteFile::from_bytes(&name, bytes)
    }

    /// Checks a model file's bytes; `path` is only named in the error.
    ///
    /// # Errors
    /// [`EmbedError::Foreign`].
    pub fn from_bytes(path: &str, bytes: Vec<u8>) -> Result<TfliteFile, EmbedError> {
        let checked = Buffer { bytes: &bytes }.check();
        let (input, output, description) =
            checked.map_err(|reason| EmbedError::Foreign { path: path.to_owned(), reason })?;
        let lists = description.split_once("learned from ").map_or("", |(_, lists)| lists);
        let id = ModelId(Sha256::digest(&bytes).into());
        Ok(TfliteFile {
            id,
            side: input.shape[1],
            input: input.numbers,
            dimension: output.shape[1],
            output: output.numbers,
            output_quantisation: output.quantisation.unwrap_or(Quantisation { scale: 1.0, zero: 0 }),
            learned_from: lists.split(", ").filter(|list| !list.is_empty()).map(str::to_owned).collect(),
            bytes,
        })
    }
}

/// The input or output of the model.
struct Port {
    shape: Vec<usize>,
    numbers: Numbers,
    quantisation: Option<Quantisation>,
}

type Checked<T> = Result<T, String>;

const CUT_SHORT: &str = "it is cut short or damaged";
/// More dimensions or numbers than any model of a cart has.
const MOST_DIMENSIONS: usize = 6;
const MOST_NUMBERS: usize = 1 << 28;

struct Buffer<'a> {
    bytes: &'a [u8],
}

/// A FlatBuffer table: where it lies, where its field offsets lie, and how many bytes each has.
#[derive(Clone, Copy)]
struct Table {
    at: usize,
    fields: usize,
    fields_bytes: usize,
    bytes: usize,
}

impl Buffer<'_> {
    fn check(&self) -> Checked<(Port, Port, String)> {
        if self.bytes.len() < 8 {
            return Err(if self.bytes.is_empty() { "it is empty".into() } else { CUT_SHORT.into() });
        }
        if &self.bytes[4..8] != b"TFL3" {
            return Err("it is no TFLite file (the identifier TFL3 is missing)".into());
        }
        let model = self.table(self.offset(0)?)?;
        let version = self.small(model, 0, 4)?;
        if version != Some(3) {
            return Err(format!("it has schema version {}, not 3", version.unwrap_or(0)));
        }
        let said = self.vector(model, 3, 1)?.map_or(&[][..], |(at, length)| &self.bytes[at..at + length]);
        let description = String::from_utf8_lossy(said).into_owned();
        let codes = self.tables(model, 1)?;
        let graphs = self.tables(model, 2)?;
        let buffers = self.tables(model, 4)?;
        let sizes = buffers.iter().map(|buffer| self.buffer_bytes(*buffer)).collect::<Checked<Vec<usize>>>()?;
        let [graph] = graphs[..] else { return Err(format!("it has {} graphs, not one", graphs.len())) };
        let kinds = codes.iter().map(|code| self.operator_kind(*code)).collect::<Checked<Vec<i64>>>()?;
        let tensors = self.tables(graph, 0)?;
        for tensor in &tensors {
            self.check_tensor(*tensor, &sizes)?;
        }
        for operator in self.tables(graph, 3)? {
            self.check_operator(operator, &kinds, tensors.len())?;
        }
        let input = self.port(&tensors, &self.numbers(graph, 1)?, "input")?;
        let output = self.port(&tensors, &self.numbers(graph, 2)?, "output")?;
        check_input(&input)?;
        check_output(&output)?;
        Ok((input, output, description))
    }

    fn port(&self, tensors: &[Table], indices: &[i64], name: &str) -> Checked<Port> {
        let [index] = indices[..] else { return Err(format!("it has {} {name}s, not one", indices.len())) };
        let tensor = *usize::try_from(index).ok().and_then(|index| tensors.get(index)).ok_or(CUT_SHORT)?;
        let kind = self.small(tensor, 1, 1)?.unwrap_or(0);
        let numbers = match kind {
            0 => Numbers::Float32,
            3 => Numbers::UInt8,
            9 => Numbers::Int8,
            _ => return Err(format!("its {name} has numbers of TFLite type {kind}, not float32, int8 or uint8")),
        };
        Ok(Port { shape: self.shape(tensor)?, numbers, quantisation: self.quantisation(tensor, name)? })
    }

    fn quantisation(&self, tensor: Table, name: &str) -> Checked<Option<Quantisation>> {
        let Some(parameters) = self.inner(tensor, 4)? else { return Ok(None) };
        let scales = self.vector(parameters, 2, 4)?;
        let zeros = self.vector(parameters, 3, 8)?;
        let (Some((scale_at, 1)), Some((zero_at, 1))) = (scales, zeros) else {
            return match scales {
                Some((_, count)) if count > 1 => Err(format!("its {name} has {count} scales, not one")),
                _ => Ok(None),
            };
        };
        let scale = f32::from_le_bytes(self.array(scale_at)?);
        let zero = i64::from_le_bytes(self.array(zero_at)?);
        let zero = i32::try_from(zero).ok().filter(|zero| (-128..=255).contains(zero)).ok_or(CUT_SHORT)?;
        if !scale.is_finite() || scale <= 0.0 {
            return Err(format!("the scale of its {name} makes no sense"));
        }
        Ok(Some(Quantisation { scale, zero }))
    }

    fn check_tensor(&self, tensor: Table, buffer_sizes: &[usize]) -> Checked<()> {
        let shape = self.shape(tensor)?;
        let kind = self.small(tensor, 1, 1)?.unwrap_or(0);
        let buffer = self.small(tensor, 2, 4)?.unwrap_or(0) as usize;
        let held = *buffer_sizes.get(buffer).ok_or(CUT_SHORT)?;
        let wanted = match kind {
            0 | 2 | 15 => Some(4),
            4 | 10 | 12 => Some(8),
            1 | 7 | 16 => Some(2),
            3 | 6 | 9 => Some(1),
            _ => None,
        }
        .map(|bytes| bytes * shape.iter().product::<usize>());
        if held > 0 && wanted.is_some_and(|wanted| wanted != held) {
            return Err("a tensor's numbers do not fit its shape: it is damaged".into());
        }
        self.vector(tensor, 3, 1)?;
        let Some(parameters) = self.inner(tensor, 4)? else { return Ok(()) };
        let scales = self.vector(parameters, 2, 4)?.map_or(0, |(_, count)| count);
        let zeros = self.vector(parameters, 3, 8)?.map_or(0, |(_, count)| count);
        let along = self.small(parameters, 6, 4)?.unwrap_or(0);
        let fits = scales <= 1
            || usize::try_from(along).ok().and_then(|along| shape.get(along)).is_some_and(|length| *length == scales);
        if zeros > scales.max(1) || !fits {
            return Err("a tensor's scales do not fit its shape: it is damaged".into());
        }
        if let Some((at, count)) = self.vector(parameters, 2, 4)? {
            for place in 0..count {
                let scale = f32::from_le_bytes(self.array(at + 4 * place)?);
                if !scale.is_finite() || scale < 0.0 {
                    return Err("a tensor's scale makes no sense: it is damaged".into());
                }
            }
        }
        Ok(())
    }

    fn check_operator(&self, operator: Table, kinds: &[i64], tensors: usize) -> Checked<()> {
        let code = self.small(operator, 0, 4)?.unwrap_or(0) as usize;
        let kind = *kinds.get(code).ok_or(CUT_SHORT)?;
        let known = |index: &i64, least: i64| (least..tensors as i64).contains(index);
        // -1 stands for an input that is left out.
        let inputs_known = self.numbers(operator, 1)?.iter().all(|index| known(index, -1));
        let outputs_known = self.numbers(operator, 2)?.iter().all(|index| known(index, 0));
        if !inputs_known || !outputs_known {
            return Err("an operation names a tensor that is not there: it is damaged".into());
        }
        let options = self.inner(operator, 4)?;
        // Average pool, convolution, depthwise convolution, max pool: the engines divide by these.
        let divisors: &[usize] = match kind {
            1 | 17 => &[1, 2, 3, 4],
            3 | 4 => &[1, 2],
            _ => &[],
        };
        for field in divisors {
            let value = options.map(|options| self.small(options, *field, 4)).transpose()?.flatten();
            if !value.is_some_and(|value| (1..=4096).contains(&value)) {
                return Err("an operation's stride or window makes no sense: it is damaged".into());
            }
        }
        Ok(())
    }

    fn operator_kind(&self, code: Table) -> Checked<i64> {
        let old = self.small(code, 0, 1)?.unwrap_or(0);
        self.vector(code, 1, 1)?;
        Ok(self.small(code, 3, 4)?.unwrap_or(0).max(old))
    }

    fn buffer_bytes(&self, buffer: Table) -> Checked<usize> {
        let outside = self.small(buffer, 1, 8)?.unwrap_or(0);
        if outside > 1 {
            return Err("its numbers lie outside its tables, which this cart does not read".into());
        }
        Ok(self.vector(buffer, 0, 1)?.map_or(0, |(_, count)| count))
    }

    fn shape(&self, tensor: Table) -> Checked<Vec<usize>> {
        let shape = self.numbers(tensor, 0)?;
        let sound =
            shape.len() <= MOST_DIMENSIONS && shape.iter().all(|length| (1..=MOST_NUMBERS as i64).contains(length));
        let product = shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length as usize));
        if !sound || product.is_none_or(|product| product > MOST_NUMBERS) {
            return Err(format!("a tensor of shape {shape:?} makes no sense"));
        }
        Ok(shape.into_iter().map(|length| length as usize).collect())
    }

    // What follows reads FlatBuffers and is the same for every schema.

    fn array<const N: usize>(&self, at: usize) -> Checked<[u8; N]> {
        let end = at.checked_add(N).ok_or(CUT_SHORT)?;
        self.bytes.get(at..end).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| CUT_SHORT.to_owned())
    }

    /// Follows the forward offset that lies at `at`.
    fn offset(&self, at: usize) -> Checked<usize> {
        let step = u32::from_le_bytes(self.array(at)?) as usize;
        let target = at.checked_add(step).filter(|target| step > 0 && *target < self.bytes.len());
        target.ok_or_else(|| CUT_SHORT.to_owned())
    }

    fn table(&self, at: usize) -> Checked<Table> {
        let back = i64::from(i32::from_le_bytes(self.array(at)?));
        let fields = usize::try_from(at as i64 - back).map_err(|_| CUT_SHORT)?;
        let fields_bytes = usize::from(u16::from_le_bytes(self.array(fields)?));
        let bytes = usize::from(u16::from_le_bytes(self.array(fields + 2)?));
        let inside = |from: usize, length: usize| from.checked_add(length).is_some_and(|end| end <= self.bytes.len());
        let sound = fields_bytes >= 4 && fields_bytes.is_multiple_of(2) && bytes >= 4 && at.is_multiple_of(4);
        if !sound || !inside(fields, fields_bytes) || !inside(at, bytes) {
            return Err(CUT_SHORT.into());
        }
        Ok(Table { at, fields, fields_bytes, bytes })
    }

    /// Where a field of `size` bytes lies, if the table has it.
    fn field(&self, table: Table, number: usize, size: usize) -> Checked<Option<usize>> {
        let entry = 4 + 2 * number;
        if entry + 2 > table.fields_bytes {
            return Ok(None);
        }
        let within = usize::from(u16::from_le_bytes(self.array(table.fields + entry)?));
        if within == 0 {
            return Ok(None);
        }
        if within < 4 || within + size > table.bytes {
            return Err(CUT_SHORT.into());
        }
        Ok(Some(table.at + within))
    }

    /// A number of 1 (unsigned), 4 (signed) or 8 bytes.
    fn small(&self, table: Table, number: usize, size: usize) -> Checked<Option<i64>> {
        let Some(at) = self.field(table, number, size)? else { return Ok(None) };
        Ok(Some(match size {
            1 => i64::from(self.array::<1>(at)?[0]),
            4 => i64::from(i32::from_le_bytes(self.array(at)?)),
            _ => i64::from_le_bytes(self.array(at)?),
        }))
    }

    fn inner(&self, table: Table, number: usize) -> Checked<Option<Table>> {
        let Some(at) = self.field(table, number, 4)? else { return Ok(None) };
        self.table(self.offset(at)?).map(Some)
    }

    /// Where a vector's items of `size` bytes lie, and how many there are.
    fn vector(&self, table: Table, number: usize, size: usize) -> Checked<Option<(usize, usize)>> {
        let Some(at) = self.field(table, number, 4)? else { return Ok(None) };
        let at = self.offset(at)?;
        let count = u32::from_le_bytes(self.array(at)?) as usize;
        let end = count.checked_mul(size).and_then(|bytes| bytes.checked_add(at + 4));
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(CUT_SHORT.into());
        }
        Ok(Some((at + 4, count)))
    }

    fn numbers(&self, table: Table, number: usize) -> Checked<Vec<i64>> {
        let Some((at, count)) = self.vector(table, number, 4)? else { return Ok(Vec::new()) };
        (0..count).map(|place| Ok(i64::from(i32::from_le_bytes(self.array(at + 4 * place)?)))).collect()
    }

    fn tables(&self, table: Table, number: usize) -> Checked<Vec<Table>> {
        let Some((at, count)) = self.vector(table, number, 4)? else { return Ok(Vec::new()) };
        (0..count).map(|place| self.table(self.offset(at + 4 * place)?)).collect()
    }
}

fn check_input(input: &Port) -> Checked<()> {
    let square = matches!(input.shape[..], [1, height, width, 3] if height == width && (16..=1024).contains(&width));
    if !square {
        return Err(format!("its input has the shape {:?}, not [1, S, S, 3]", input.shape));
    }
    if input.numbers == Numbers::Float32 {
        return Err("its input is float32, not int8 or uint8: quantise the model".into());
    }
    input.quantisation.map(|_| ()).ok_or_else(|| "its input does not say what its numbers stand for".into())
}

fn check_output(output: &Port) -> Checked<()> {
    if !matches!(output.shape[..], [1, length] if (8..=4096).contains(&length)) {
        return Err(format!("its output has the shape {:?}, not [1, D] with D from 8 to 4096", output.shape));
    }
    if output.numbers != Numbers::Float32 && output.quantisation.is_none() {
        return Err("its output does not say what its numbers stand for".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        match TfliteFile::from_bytes("model", bytes.to_vec()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_no_model_is_refused_with_its_name() {
        for (bytes, says) in [
            (&b""[..], "empty"),
            (b"abc", "cut short"),
            (b"\x89PNG\r\n\x1a\n and more", "no TFLite file"),
            (b"\x10\0\0\0TFL3", "cut short"),
            (b"\xff\xff\xff\xffTFL3\0\0\0\0\0\0\0\0", "cut short"),
        ] {
            let reason = reason(bytes);
            assert!(reason.contains(says) && reason.contains("model"), "{bytes:?}: {reason}");
        }
        let missing = TfliteFile::load(Path::new("/nowhere/model.tflite"));
        assert!(missing.is_err_and(|error| error.to_string().contains("/nowhere/model.tflite")));
    }

    #[test]
    fn a_model_says_which_photos_it_learned_from() {
        for (path, lists) in [
            ("models/dashcart.tflite", &["train", "val"][..]),
            ("models/halves/0.tflite", &["train"]),
            ("models/halves/1.tflite", &["train"]),
        ] {
            let file = TfliteFile::load(Path::new(path)).expect("a committed model");
            assert_eq!(file.learned_from, lists, "{path}");
        }
    }
}
