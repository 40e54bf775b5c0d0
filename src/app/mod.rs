//! The only place that picks adapters, opens channels, starts and stops threads.

pub mod assets;
mod calibrate;
#[cfg(all(feature = "emulator", feature = "store", feature = "screen"))]
mod emulate;
mod explain;
#[cfg(all(feature = "emulator", feature = "store", feature = "screen"))]
mod headless;
#[cfg(feature = "store")]
mod pictures;
mod recognise;
mod replay;
mod run;
mod running;
mod setup;
#[cfg(any(
    all(feature = "emulator", feature = "store", feature = "screen-desktop"),
    all(feature = "webcam", feature = "load-cell", feature = "screen")
))]
mod shown;
#[cfg(feature = "emulator")]
mod simulate;
#[cfg(feature = "store")]
mod store;
#[cfg(all(feature = "emulator", feature = "store", feature = "screen-desktop"))]
mod windows;

use crate::cli::{Cli, Command};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Why the program ends without having done what it was asked; its text is for people.
#[derive(Debug)]
pub enum Failure {
    /// What was asked cannot be done as it was asked: exit code 2.
    Usage(String),
    /// It was tried and failed: exit code 1.
    Failed(String),
}

impl Failure {
    /// A failure that says an error and all its causes.
    pub fn from_error(error: impl Error) -> Failure {
        Failure::Failed(chain(&error))
    }

    /// The same, for something wrong with the command line or a file named on it.
    pub fn usage(error: impl Error) -> Failure {
        Failure::Usage(chain(&error))
    }

    /// A file named on the command line that cannot be used.
    pub fn file(what: &str, path: &Path, error: &dyn Error) -> Failure {
        Failure::Usage(format!("cannot use {what} {}: {}", path.display(), chain(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Failed(text) => f.write_str(text),
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Does what the command line asks.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Run(args) => run::run(args),
        #[cfg(all(feature = "emulator", feature = "store", feature = "screen"))]
        Command::Emulate(args) => emulate::run(args),
        #[cfg(feature = "store")]
        Command::Store(args) => store::run(args),
        #[cfg(feature = "emulator")]
        Command::Simulate(args) => simulate::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Eval(args) => recognise::run_eval(&args),
        Command::Enrol(args) => recognise::run_enrol(&args),
        Command::Replay(args) => replay::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("dashcart: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}
