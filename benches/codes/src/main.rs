//! Compares libraries that read codes, on the same drawn pictures: how often each reads what is there, reads something that
//! is not, and how long it takes.
//!
//!     cargo run --release --manifest-path benches/codes/Cargo.toml -- compare
//!     cargo run --release --manifest-path benches/codes/Cargo.toml -- compare --frames target/frames
//!     valgrind --tool=callgrind benches/codes/target/release/codes read --library rxing

#[allow(dead_code, reason = "the tests draw more")]
#[path = "../../../tests/symbols/mod.rs"]
mod symbols;

use clap::{Parser, Subcommand, ValueEnum};
use rxing::{BarcodeFormat as Rxing, DecodeHints};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use symbols::{Symbol, View, draw};
use zxingcpp::{BarcodeFormat as ZxingCpp, BarcodeReader, ImageFormat, ImageView};

const SIDE: usize = 360;

/// Compares libraries that read codes.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Reads every picture with each library, and prints tables.
    Compare {
        /// A folder of pictures NNN.yuyv (640 x 480) without codes, to count what is read out of nothing.
        #[arg(long)]
        frames: Option<PathBuf>,
    },
    /// Reads one picture of each code once, with one library: for counting instructions.
    Read {
        /// The library.
        #[arg(long, value_enum)]
        library: Library,
        /// Also look for what stands upright or is hard to read.
        #[arg(long)]
        thorough: bool,
        /// Draw and do not read: what is to be subtracted.
        #[arg(long)]
        nothing: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
enum Library {
    Rxing,
    ZxingCpp,
}

/// The codes, and what the libraries' texts hold when they are read (one may expand what the other does not).
fn codes() -> Vec<(&'static str, Symbol, &'static str)> {
    vec![
        ("EAN-13", symbols::ean_13("4006381333931"), "4006381333931"),
        ("EAN-8", symbols::ean_8("73513537"), "73513537"),
        ("UPC-E", symbols::upc_e("04252614"), "04252614|042100005264"),
        ("DataBar", symbols::omnidirectional("04006381333931"), "04006381333931"),
        ("DataBar Expanded", symbols::expanded("90012345678908", &weight()), "001750"),
        ("QR", symbols::qr("https://id.example.org/01/04006381333931?3103=000195"), "04006381333931"),
        ("DataMatrix", symbols::datamatrix("0104006381333931"), "04006381333931"),
    ]
}

fn weight() -> Vec<Option<u8>> {
    [3, 1, 0, 3, 0, 0, 1, 7, 5, 0].map(Some).to_vec()
}

fn rxing(luma: &[u8], width: usize, height: usize, thorough: bool) -> Vec<String> {
    let formats = [
        Rxing::EAN_13,
        Rxing::EAN_8,
        Rxing::UPC_A,
        Rxing::UPC_E,
        Rxing::RSS_14,
        Rxing::RSS_EXPANDED,
        Rxing::QR_CODE,
        Rxing::DATA_MATRIX,
    ];
    let mut hints = DecodeHints {
        PossibleFormats: Some(HashSet::from(formats)),
        TryHarder: Some(thorough),
        ..DecodeHints::default()
    };
    let (width, height) = (width as u32, height as u32);
    let found = rxing::helpers::detect_in_luma_slice_with_hints(luma, width, height, None, &mut hints);
    found.into_iter().map(|found| found.getText().to_owned()).collect()
}

fn zxing_cpp(luma: &[u8], width: usize, height: usize, thorough: bool) -> Vec<String> {
    let formats =
        [ZxingCpp::EANUPC, ZxingCpp::DataBarOmni, ZxingCpp::DataBarExp, ZxingCpp::QRCode, ZxingCpp::DataMatrix];
    let reader = BarcodeReader::new()
        .formats(formats)
        .try_harder(thorough)
        .try_rotate(thorough)
        .try_invert(false)
        .try_downscale(thorough);
    let Ok(picture) = ImageView::from_slice(luma, width, height, ImageFormat::Lum) else { return Vec::new() };
    let found = reader.from(picture).unwrap_or_default();
    found.iter().map(|found| found.text()).collect()
}

fn read(library: Library, luma: &[u8], size: (usize, usize), thorough: bool) -> Vec<String> {
    match library {
        Library::Rxing => rxing(luma, size.0, size.1, thorough),
        Library::ZxingCpp => zxing_cpp(luma, size.0, size.1, thorough),
    }
}

const WAYS: [(Library, bool); 4] =
    [(Library::Rxing, false), (Library::ZxingCpp, false), (Library::Rxing, true), (Library::ZxingCpp, true)];

/// What became of the pictures of one kind in one way of reading.
#[derive(Default)]
struct Count {
    pictures: usize,
    right: usize,
    wrong: usize,
    milliseconds: Vec<f64>,
}

fn main() {
    match Options::parse().task {
        Task::Compare { frames } => compare(frames.as_deref()),
        Task::Read { library, thorough, nothing } => {
            let size = (SIDE, SIDE);
            let middle = (SIDE as f64 / 2.0, SIDE as f64 / 2.0);
            let view = View { module: 2.0, degrees: 8.0, blur: 0.8, noise: 8.0, light: 0.7 };
            let mut found = 0;
            for (_, symbol, _) in codes() {
                let luma = draw(size, &[(&symbol, middle)], view, 1);
                found += if nothing { 0 } else { read(library, &luma, size, thorough).len() };
            }
            println!("{found} codes read");
        }
    }
}

fn compare(frames: Option<&Path>) {
    let mut counts: BTreeMap<(String, usize), Count> = BTreeMap::new();
    let mut seed = 0;
    for (name, symbol, holds) in codes() {
        for module in [1.3, 1.7, 2.0, 2.5, 3.0] {
            for degrees in [0.0, 7.0, 20.0, 45.0, 90.0, 180.0] {
                for (blur, noise, light) in
                    [(0.3, 3.0, 0.95), (0.7, 3.0, 0.9), (1.0, 3.0, 0.9), (0.5, 10.0, 0.8), (0.5, 3.0, 0.25)]
                {
                    seed += 1;
                    let view = View { module, degrees, blur, noise, light };
                    let middle = SIDE as f64 / 2.0;
                    let luma = draw((SIDE, SIDE), &[(&symbol, (middle, middle))], view, seed);
                    let kinds = [
                        format!("0 all"),
                        format!("1 {name}"),
                        format!("2 {module} pixels a module"),
                        format!("3 turned {degrees:>3}"),
                        format!("4 blur {blur}, noise {noise}, light {light}"),
                    ];
                    for (way, (library, thorough)) in WAYS.into_iter().enumerate() {
                        let began = Instant::now();
                        let found = read(library, &luma, (SIDE, SIDE), thorough);
                        let took = began.elapsed().as_secs_f64() * 1e3;
                        let right = found.iter().any(|text| holds.split('|').any(|part| text.contains(part)));
                        for kind in &kinds {
                            let count = counts.entry((kind.clone(), way)).or_default();
                            count.pictures += 1;
                            count.right += usize::from(right);
                            count.wrong += usize::from(!found.is_empty() && !right);
                            count.milliseconds.push(took);
                        }
                    }
                }
            }
        }
    }
    for (name, size, pictures) in empty(frames) {
        for (way, (library, thorough)) in WAYS.into_iter().enumerate() {
            let count = counts.entry((format!("5 no code: {name}"), way)).or_default();
            for luma in &pictures {
                let began = Instant::now();
                let found = read(library, luma, size, thorough);
                count.milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
                count.pictures += 1;
                count.wrong += usize::from(!found.is_empty());
            }
        }
    }
    println!("read / wrong / median ms / 95th percentile ms");
    println!(
        "{:<36} {:>5} {}",
        "",
        "n",
        WAYS.map(|(l, t)| format!("{l:?} {}", if t { "thorough" } else { "fast" })).join(" | ")
    );
    let kinds: std::collections::BTreeSet<&String> = counts.keys().map(|(kind, _)| kind).collect();
    for kind in kinds {
        let cells: Vec<String> = (0..WAYS.len())
            .map(|way| {
                let count = &counts[&(kind.clone(), way)];
                let mut times = count.milliseconds.clone();
                times.sort_by(f64::total_cmp);
                let share = count.right as f64 / count.pictures as f64 * 100.0;
                format!(
                    "{share:5.1} % / {} / {:.2} / {:.2}",
                    count.wrong,
                    times[times.len() / 2],
                    times[times.len() * 95 / 100]
                )
            })
            .collect();
        println!("{:<36} {:>5} {}", &kind[2..], counts[&(kind.clone(), 0)].pictures, cells.join(" | "));
    }
}

type Pictures = (&'static str, (usize, usize), Vec<Vec<u8>>);

/// Pictures without a code: noise, stripes like bars, and given frames.
fn empty(frames: Option<&Path>) -> Vec<Pictures> {
    let mut chance = 7;
    let noise = (0..300).map(|_| (0..SIDE * SIDE).map(|_| symbols::next(&mut chance) as u8).collect()).collect();
    let stripes = (0..1000)
        .map(|_| {
            let bars: Vec<bool> = (0..130).map(|_| symbols::next(&mut chance) % 2 == 0).collect();
            let row: Vec<u8> =
                (0..SIDE).map(|x| if (50..310).contains(&x) && bars[(x - 50) / 2] { 30 } else { 220 }).collect();
            row.repeat(SIDE)
        })
        .collect();
    let mut all = vec![("noise", (SIDE, SIDE), noise), ("random bars", (SIDE, SIDE), stripes)];
    if let Some(folder) = frames {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).expect("the folder").flatten().map(|e| e.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "yuyv"));
        paths.sort();
        let luma = |path: &PathBuf| std::fs::read(path).expect("a picture").into_iter().step_by(2).collect();
        all.push(("frames", (640, 480), paths.iter().map(luma).collect()));
    }
    all
}
