//! `dashcart replay`: a recorded trip through the cart again, compared output by output.

use super::{Failure, explain};
use crate::cli::ReplayArgs;
use crate::runtime::recorder::{RecordingError, bless, replay};

/// Replays a recording and prints what it booked.
///
/// # Errors
/// [`Failure`] when the file is no recording, or when the cart does something else than then.
pub fn run(args: ReplayArgs) -> Result<(), Failure> {
    let replayed = if args.bless { bless(&args.recording) } else { replay(&args.recording) };
    let replayed = replayed.map_err(|error| match error {
        RecordingError::Differs { .. } => Failure::from_error(error),
        RecordingError::File { .. } | RecordingError::Damaged { .. } => Failure::usage(error),
    })?;
    if let Some(picture) = &args.explain {
        std::fs::write(picture, explain::picture(&replayed.steps))
            .map_err(|error| Failure::file("the picture", picture, &error))?;
        print!("{}", explain::text(&replayed.steps));
        return Ok(());
    }
    let view = replayed.cart.view(replayed.ended);
    if args.json {
        let told = serde_json::json!({
            "inputs": replayed.steps.len(),
            "seconds": replayed.ended.seconds(),
            "same_outputs": true,
            "journal": replayed.journal,
            "total": view.total,
        });
        println!("{told}");
        return Ok(());
    }
    for entry in &replayed.journal {
        println!("{}", serde_json::to_string(entry).map_err(Failure::from_error)?);
    }
    println!("{} inputs over {:.1} s: every output is the same", replayed.steps.len(), replayed.ended.seconds());
    Ok(())
}
