//! The recorder: everything the cart sees and orders, one JSON line each, so that a trip replays exactly.
//!
//! The file holds inputs, never pictures. Its first line says what the trip depended on.

use crate::domain::cart::{Cart, CartInput, CartOutput, CartSettings, JournalEntry};
use crate::domain::catalog::Catalog;
use crate::domain::units::Stamp;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// The recording's format; changes when old files can no longer be read.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    version: String,
    model: String,
    settings: CartSettings,
    catalog: Catalog,
    restored: Vec<JournalEntry>,
    began: Stamp,
}

/// One input of the cart, and what the cart ordered for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Step {
    /// When it came.
    pub at: Stamp,
    /// What came.
    pub input: CartInput,
    /// What the cart ordered.
    pub outputs: Vec<CartOutput>,
}

/// Why a recording cannot be written or replayed.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file cannot be used.
    #[error("cannot use the recording {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is no part of a recording.
    #[error("{path}, line {line}: not a line of a recording ({reason})")]
    Damaged {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The cart did something else this time.
    #[error("line {line}: the replay differs\n recorded: {recorded}\n replayed: {replayed}")]
    Differs {
        /// Counted from 1.
        line: usize,
        /// The outputs in the file.
        recorded: String,
        /// The outputs now.
        replayed: String,
    },
}

/// Writes one recording.
#[derive(Debug)]
pub struct Recorder {
    path: String,
    file: BufWriter<File>,
}

impl Recorder {
    /// Begins a recording of `cart`, which was restored from `restored`.
    ///
    /// # Errors
    /// [`RecordingError::File`].
    pub fn begin(
        path: &Path,
        model: &str,
        settings: &CartSettings,
        cart: &Cart,
        restored: &[JournalEntry],
        began: Stamp,
    ) -> Result<Recorder, RecordingError> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|source| RecordingError::File { path: name.clone(), source })?;
        let mut recorder = Recorder { path: name, file: BufWriter::new(file) };
        recorder.line(&Header {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.to_owned(),
            settings: settings.clone(),
            catalog: cart.catalog().as_ref().clone(),
            restored: restored.to_vec(),
            began,
        })?;
        Ok(recorder)
    }

    /// Records one input and what the cart ordered for it.
    ///
    /// # Errors
    /// [`RecordingError::File`].
    pub fn record(&mut self, at: Stamp, input: &CartInput, outputs: &[CartOutput]) -> Result<(), RecordingError> {
        self.line(&Step { at, input: input.clone(), outputs: outputs.to_vec() })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), RecordingError> {
        let written = serde_json::to_writer(&mut self.file, value)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .and_then(|()| self.file.flush());
        written.map_err(|source| RecordingError::File { path: self.path.clone(), source })
    }
}

/// What a replay went through.
#[derive(Debug)]
pub struct Replayed {
    /// What came in and what was ordered, as this cart did it.
    pub steps: Vec<Step>,
    /// The cart at the end.
    pub cart: Cart,
    /// The stamp of the last input.
    pub ended: Stamp,
    /// All entries that were journaled, in order.
    pub journal: Vec<JournalEntry>,
}

/// Plays a recording into a new cart, on this thread and at full speed, and compares every output.
///
/// # Errors
/// [`RecordingError`] when the file cannot be read or the cart does something else than then.
pub fn replay(path: &Path) -> Result<Replayed, RecordingError> {
    play(path, true).map(|(_, replayed)| replayed)
}

/// Plays a recording into a new cart and writes down what this cart does as what is right from now on.
///
/// # Errors
/// [`RecordingError`] when the file cannot be read or written.
pub fn bless(path: &Path) -> Result<Replayed, RecordingError> {
    let (header, replayed) = play(path, false)?;
    let name = path.display().to_string();
    let file = File::create(path).map_err(|source| RecordingError::File { path: name.clone(), source })?;
    let mut recorder = Recorder { path: name, file: BufWriter::new(file) };
    recorder.line(&header)?;
    for step in &replayed.steps {
        recorder.line(step)?;
    }
    Ok(replayed)
}

fn play(path: &Path, compare: bool) -> Result<(Header, Replayed), RecordingError> {
    let name = path.display().to_string();
    let file_error = |source| RecordingError::File { path: name.clone(), source };
    let damaged = |line, reason: String| RecordingError::Damaged { path: name.clone(), line, reason };
    let mut lines = BufReader::new(File::open(path).map_err(file_error)?).lines().enumerate();
    let Some((_, first)) = lines.next() else { return Err(damaged(1, "the file is empty".to_owned())) };
    let header: Header =
        serde_json::from_str(&first.map_err(file_error)?).map_err(|error| damaged(1, error.to_string()))?;
    if header.format != FORMAT {
        return Err(damaged(1, format!("its format is {}, this program reads {FORMAT}", header.format)));
    }
    let catalog = Arc::new(header.catalog.clone());
    let mut cart = Cart::restore(header.settings.clone(), catalog, &header.restored, header.began)
        .map_err(|error| damaged(1, error.to_string()))?;
    let (mut steps, mut ended, mut journal) = (Vec::new(), header.began, Vec::new());
    for (index, line) in lines {
        let mut step: Step =
            serde_json::from_str(&line.map_err(file_error)?).map_err(|error| damaged(index + 1, error.to_string()))?;
        let outputs = cart.handle(step.input.clone(), step.at);
        if compare && outputs != step.outputs {
            return Err(RecordingError::Differs {
                line: index + 1,
                recorded: format!("{:?}", step.outputs),
                replayed: format!("{outputs:?}"),
            });
        }
        ended = step.at;
        journal.extend(outputs.iter().filter_map(|output| match output {
            CartOutput::Journal(entry) => Some(entry.clone()),
            _ => None,
        }));
        step.outputs = outputs;
        steps.push(step);
    }
    Ok((header, Replayed { steps, cart, ended, journal }))
}
