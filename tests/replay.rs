//! Recorded trips with their golden outputs: what the cart did then it does now, output by output.
//!
//! A change that is meant is written into them by `dashcart replay FILE --bless`; the difference is for reviewing.

use dashcart::domain::basket::Movement;
use dashcart::domain::cart::JournalEntry;
use dashcart::runtime::recorder::{RecordingError, bless, replay};
use std::path::PathBuf;

fn recordings() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay");
    let entries = std::fs::read_dir(folder).expect("the recordings").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}

#[test]
fn every_recorded_trip_does_the_same_again() {
    let files = recordings();
    assert!(files.len() >= 4, "only {} recordings are there", files.len());
    let mut booked = 0;
    for file in files {
        let replayed = replay(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let added = |entry: &&JournalEntry| matches!(entry, JournalEntry::Booked(entry) if matches!(entry.movement, Movement::Added { .. }));
        booked += replayed.journal.iter().filter(added).count();
    }
    assert!(booked >= 15, "only {booked} lines are booked in all of them");
}

#[test]
fn a_trip_that_goes_otherwise_is_noticed_with_its_line_and_can_be_blessed() {
    let folder = tempfile::tempdir().expect("a folder");
    let changed = folder.path().join("changed.jsonl");
    let text = std::fs::read_to_string(&recordings()[0]).expect("a recording");
    std::fs::write(&changed, text.replacen("{\"Play\":\"Booked\"}", "{\"Play\":\"Removed\"}", 1)).expect("written");
    assert!(matches!(replay(&changed), Err(RecordingError::Differs { line, .. }) if line > 1));
    bless(&changed).expect("it is rewritten");
    replay(&changed).expect("the same again");
    assert_eq!(std::fs::read_to_string(&changed).expect("a recording"), text);
}
