//! The program as its users start it: a whole trip over real loops and a real store, and what it says to bad input.
#![cfg(all(feature = "emulator", feature = "store", feature = "screen", feature = "litert"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn dashcart(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dashcart"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, content).expect("a file is written");
    path.display().to_string()
}

#[test]
fn a_trip_ends_with_the_receipt_of_what_lies_in_the_cart_though_the_store_was_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let trip = file(
        folder.path(),
        "test.trip",
        "put milk-whole\nput coffee\nbump\ntake milk-whole\ncover\nput water\nanswer\nuncover\nput beans-can\nstop-store 5\n",
    );
    let out = folder.path().join("out");
    let recording = folder.path().join("trip.jsonl").display().to_string();
    let out_name = out.display().to_string();
    let played =
        dashcart(&["emulate", "--headless", "--json", "--trip", &trip, "--out", &out_name, "--record", &recording]);
    let errors = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{errors}\n{}", String::from_utf8_lossy(&played.stdout));
    let outcome: serde_json::Value = serde_json::from_slice(&played.stdout).expect("one JSON object");
    assert_eq!(outcome["receipt_matches"], true, "{outcome}");
    assert!(outcome["questions"].as_u64().is_some_and(|questions| questions >= 1), "{outcome}");

    let books = rusqlite::Connection::open(out.join("store.db")).expect("the store's database");
    let booked: i64 = books.query_row("SELECT count(*) FROM receipts", [], |row| row.get(0)).expect("receipts");
    assert_eq!(booked, 1, "the store holds {booked} receipts");
    assert!(
        std::fs::read_dir(&out)
            .expect("pictures")
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|e| e == "png"))
            .count()
            >= 12
    );

    let replayed = dashcart(&["replay", "--json", &recording]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let changed = std::fs::read_to_string(&recording).expect("the recording").replacen("\"Booked\"", "\"Removed\"", 1);
    let changed = file(folder.path(), "changed.jsonl", changed);
    assert!(!dashcart(&["replay", &changed]).status.success(), "a changed recording replays as if it were the same");
}

#[test]
fn a_trip_that_cannot_end_says_what_the_screen_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let trip = file(folder.path(), "down.trip", "put milk-whole\nstop-store 300\n");
    let out = folder.path().join("out").display().to_string();
    let played = dashcart(&["emulate", "--headless", "--language", "en", "--trip", &trip, "--out", &out]);
    let told = String::from_utf8_lossy(&played.stderr);
    assert_eq!(played.status.code(), Some(1), "{told}");
    assert!(told.contains("for the receipt; the screen says: The store is not answering."), "{told}");
}

#[test]
fn bad_input_is_told_with_its_place_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, content: &[u8]| file(folder.path(), name, content);
    let model = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/dashcart.tflite")).expect("the model");
    let gallery = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/gallery-shelf.bin")).expect("the gallery");
    let mut damaged = gallery.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    let unknown = at("unknown.trip", b"put milk-whole\nput dragonfruit\n");
    let nonsense = at("nonsense.trip", b"juggle\n");
    let short = at("short.tflite", &model[..model.len() / 2]);
    let no_model = at("text.tflite", b"this is no model");
    let broken = at("broken.bin", &damaged);
    let out = folder.path().join("out").display().to_string();
    // A folder in which no store has left a catalogue: with one there, the cart would go on selling by it.
    let elsewhere = folder.path().join("elsewhere").display().to_string();
    let config = at("cart.toml", b"cart = \"cart-1\"\nstore = \"http://127.0.0.1:9\"\ncamara = \"/dev/video9\"\n");
    let play = |more: &[&str]| {
        let mut arguments = vec!["emulate", "--headless", "--out", &out];
        arguments.extend(more);
        dashcart(&arguments)
    };
    let cases: Vec<(Output, i32, &[&str])> = vec![
        (play(&["--trip", &unknown]), 2, &["line 2", "dragonfruit"]),
        (play(&["--trip", &nonsense]), 2, &["line 1", "juggle", "put SKU"]),
        (play(&["--trip", "missing.trip"]), 2, &["missing.trip"]),
        (play(&["--model", "missing.tflite"]), 2, &["missing.tflite", "--model"]),
        (play(&["--model", &short]), 2, &["short.tflite"]),
        (play(&["--model", &no_model]), 2, &["text.tflite"]),
        (play(&["--gallery", &broken]), 2, &["damaged"]),
        (play(&["--gallery", "models/gallery-grocery.bin", "--photos", "no-such-folder"]), 2, &["no-such-folder"]),
        (
            dashcart(&["emulate", "--headless", "--out", &elsewhere, "--store", "http://127.0.0.1:9"]),
            1,
            &["127.0.0.1:9", "no catalogue from an earlier start"],
        ),
        (play(&["--store", "not an address"]), 2, &["not an address"]),
        (play(&["--camera", "/dev/video99"]), 2, &["/dev/video99"]),
        (play(&["--size", "10x10"]), 2, &["1280x800"]),
        (dashcart(&["run", "--config", &config]), 2, &["camara"]),
        (dashcart(&["run", "--config", "missing.toml"]), 2, &["missing.toml"]),
        (dashcart(&["replay", &unknown]), 2, &["line 1"]),
        (dashcart(&["eval", "--dataset", "no-such-folder"]), 2, &["no-such-folder"]),
        (dashcart(&["juggle"]), 2, &["juggle"]),
    ];
    for (output, code, named) in cases {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        for name in named {
            assert!(told.contains(name), "{name:?} is not named in:\n{told}");
        }
        assert!(!told.contains("panicked"), "{told}");
    }
}
