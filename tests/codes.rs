//! Codes in drawn pictures: which are read, what they say, and that two codes on one thing are told of as one.

mod symbols;

use dashcart::domain::cart::CartInput;
use dashcart::domain::fusion::CodeSighting;
use dashcart::domain::gs1::{CodeFacts, Decimal, Embedded, InStoreRule};
use dashcart::domain::units::{Grams, Sku, Stamp};
use dashcart::ports::{EmbedError, Embedder, Frame, ModelId};
use dashcart::vision::codes::CodeReader;
use dashcart::vision::sight::SightSettings;
use dashcart::vision::{Gallery, Rectangle, Sight};
use symbols::{Symbol, View, draw};

const SIZE: (usize, usize) = (480, 480);
const LINK: &str = "https://id.example.org/01/04006381333931?3103=000195";

/// A picture that shows symbols, each around its middle.
fn picture(symbols: &[(&Symbol, (f64, f64))], view: View, at: Stamp) -> Frame {
    let luma = draw(SIZE, symbols, view, at.0 + 1);
    let rgb = luma.into_iter().flat_map(|grey| [grey; 3]).collect();
    Frame { at, width: SIZE.0 as u32, height: SIZE.1 as u32, rgb }
}

fn one(symbol: &Symbol, view: View) -> Frame {
    picture(&[(symbol, (240.0, 240.0))], view, Stamp(0))
}

fn facts(gtin: &str, net: Option<f64>, payable: Option<(u64, u8)>) -> CodeFacts {
    CodeFacts {
        gtin: Some(gtin.parse().expect("a GTIN")),
        net: net.map(Grams),
        payable: payable.map(|(digits, places)| Decimal { digits, places }),
    }
}

fn rules() -> Vec<InStoreRule> {
    vec![
        InStoreRule::new("28", 5, 3, Embedded::Weight).expect("a rule"),
        InStoreRule::new("21", 5, 2, Embedded::Price).expect("a rule"),
    ]
}

fn read(frame: &Frame, thorough: bool) -> Vec<CodeFacts> {
    CodeReader::new(rules()).read(frame, Rectangle::whole(frame), thorough)
}

fn digits(text: &str) -> Vec<Option<u8>> {
    text.bytes().map(|byte| byte.checked_sub(b'0')).collect()
}

/// Each kind of code with what it says.
fn codes() -> Vec<(&'static str, Symbol, CodeFacts)> {
    vec![
        ("EAN-13", symbols::ean_13("4006381333931"), facts("4006381333931", None, None)),
        ("EAN-8", symbols::ean_8("73513537"), facts("73513537", None, None)),
        ("UPC-A", symbols::ean_13("0036000291452"), facts("036000291452", None, None)),
        ("UPC-E", symbols::upc_e("04252614"), facts("042100005264", None, None)),
        ("label with a weight", symbols::ean_13("2804711017504"), facts("2804711000001", Some(1750.0), None)),
        ("label with a price", symbols::ean_13("2104711007490"), facts("2104711000002", None, Some((749, 2)))),
        ("DataBar", symbols::omnidirectional("04006381333931"), facts("4006381333931", None, None)),
        ("DataBar, highest", symbols::omnidirectional("99999999999997"), facts("99999999999997", None, None)),
        (
            "DataBar Expanded with a weight",
            symbols::expanded("90012345678908", &digits("3103001750")),
            facts("90012345678908", Some(1750.0), None),
        ),
        (
            "DataBar Expanded with a price",
            symbols::expanded("04006381333931", &digits("39222599")),
            facts("4006381333931", None, Some((2599, 2))),
        ),
        ("QR", symbols::qr(LINK), facts("4006381333931", Some(195.0), None)),
        (
            "DataMatrix",
            symbols::datamatrix("010400638133393110LOT7\u{1d}3103001234"),
            facts("4006381333931", Some(1234.0), None),
        ),
        (
            "DataMatrix with a link",
            symbols::datamatrix_of_text("https://example.org/01/04006381333931"),
            facts("4006381333931", None, None),
        ),
    ]
}

#[test]
fn every_kind_of_code_is_read_with_all_it_says() {
    for (name, symbol, expected) in codes() {
        assert_eq!(read(&one(&symbol, View::default()), false), [expected], "{name}");
    }
}

#[test]
fn a_code_is_read_turned_blurred_noisy_and_in_poor_light() {
    let plain = View { module: 2.5, blur: 0.4, noise: 2.0, ..View::default() };
    for (name, symbol, expected) in codes() {
        for view in [
            View { degrees: 6.0, ..plain },
            View { degrees: 90.0, ..plain },
            View { degrees: 180.0, ..plain },
            View { blur: 0.7, ..plain },
            View { noise: 8.0, ..plain },
            View { light: 0.25, ..plain },
        ] {
            // The longest symbols are as wide as the picture.
            let view = if symbol.columns > 130 { View { module: 2.0, blur: view.blur.min(0.5), ..view } } else { view };
            assert_eq!(read(&one(&symbol, view), true), [expected], "{name} {view:?}");
        }
    }
}

#[test]
fn where_there_is_no_code_nothing_is_read() {
    let frame = one(&symbols::ean_13("4006381333931"), View::default());
    let mut reader = CodeReader::new(Vec::new());
    let whole = Rectangle::whole(&frame);
    assert_eq!(reader.read(&frame, whole, false).len(), 1);
    for region in [
        Rectangle { height: 60, ..whole },
        Rectangle { left: 10_000, ..whole },
        Rectangle { width: 9, height: 9, ..whole },
        Rectangle { width: 0, height: 0, ..whole },
    ] {
        assert_eq!(reader.read(&frame, region, true), [], "{region:?}");
    }
    assert_eq!(reader.read(&Frame::default(), whole, true), []);
    // A check digit that is wrong is no code.
    let wrong = one(&symbols::ean_13("4006381333932"), View::default());
    assert_eq!(reader.read(&wrong, whole, true), []);
    // A label of the store's own is a number like any other to a cart without the rule for it.
    let label = one(&symbols::ean_13("2804711017504"), View::default());
    assert_eq!(reader.read(&label, whole, true), [facts("2804711017504", None, None)]);
}

#[test]
fn bars_and_noise_without_meaning_are_no_code() {
    let mut chance = 3;
    for round in 0..60 {
        let bars: Vec<u8> =
            (0..120).map(|_| if symbols::next(&mut chance).is_multiple_of(2) { 30 } else { 220 }).collect();
        let grey = |x: usize| if round % 2 == 0 { bars[x / 4] } else { symbols::next(&mut chance) as u8 };
        let row: Vec<u8> = (0..480).map(grey).flat_map(|grey| [grey; 3]).collect();
        let frame = Frame { at: Stamp(0), width: 480, height: 100, rgb: row.repeat(100) };
        assert_eq!(read(&frame, true), [], "round {round}");
    }
}

#[test]
fn two_codes_of_one_product_are_one_and_those_of_two_are_two() {
    let ean = symbols::ean_13("4006381333931");
    let expected = facts("4006381333931", Some(195.0), None);
    for (name, other, expected) in [
        ("a link", symbols::qr(LINK), expected),
        ("DataBar", symbols::omnidirectional("04006381333931"), facts("4006381333931", None, None)),
        ("DataMatrix", symbols::datamatrix("01040063813339313103000195"), expected),
    ] {
        let both = picture(&[(&ean, (125.0, 160.0)), (&other, (365.0, 160.0))], View::default(), Stamp(0));
        assert_eq!(read(&both, true), [expected], "{name}");
    }
    let other = symbols::ean_8("73513537");
    let two = picture(&[(&ean, (125.0, 160.0)), (&other, (365.0, 160.0))], View::default(), Stamp(0));
    let mut gtins: Vec<String> = read(&two, true).iter().filter_map(|facts| facts.gtin).map(String::from).collect();
    gtins.sort();
    assert_eq!(gtins, ["0000073513537", "4006381333931"]);
}

/// A model that sees the same in everything: only codes tell things apart.
struct Blind;

impl Embedder for Blind {
    fn input_side(&self) -> usize {
        16
    }
    fn dimension(&self) -> usize {
        2
    }
    fn model_id(&self) -> ModelId {
        ModelId([1; 32])
    }
    fn embed(&mut self, _: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
        embedding.copy_from_slice(&[1.0, 0.0]);
        Ok(())
    }
}

#[test]
fn a_pack_with_two_codes_is_told_of_once_with_what_both_say() {
    let mut gallery = Gallery::empty(ModelId([1; 32]), 2);
    gallery.put(&Sku::new("anything"), &[vec![1.0, 0.0]]);
    let mut sight = Sight::new(Box::new(Blind), gallery, SightSettings::default()).expect("they fit");
    let (ean, link) = (symbols::ean_13("4006381333931"), symbols::qr(LINK));
    // The pack comes in with the bars in view, and lies so that the link shows.
    // Codes that name no product lie there all the time.
    let basket = symbols::qr("a text of the basket, long enough to be seen as something that is there");
    let with = |shown: Option<(&'static str, (f64, f64))>| {
        let symbol = shown.map(|(name, place)| (if name == "ean" { &ean } else { &link }, place));
        [(&basket, (70.0, 400.0)), (&basket, (400.0, 70.0))].into_iter().chain(symbol).collect::<Vec<_>>()
    };
    let flight = [("ean", (150.0, 100.0)), ("ean", (200.0, 160.0)), ("ean", (240.0, 240.0))];
    let lying = std::iter::repeat_n(Some(("link", (240.0, 260.0))), 12);
    let shown = std::iter::repeat_n(None, 10).chain(flight.map(Some)).chain(lying).map(with);
    let (mut told, mut sighted) = (Vec::new(), 0);
    for (number, symbols) in shown.enumerate() {
        let at = Stamp::from_millis(50 * number as u64);
        for input in sight.see(&picture(&symbols, View { noise: 2.0, ..View::default() }, at)) {
            match input {
                CartInput::CodeSeen(code) => told.push((code.gtin.to_string(), code.net)),
                CartInput::Sighted(_) => sighted += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let gtin = "4006381333931".to_owned();
    assert_eq!((told, sighted), (vec![(gtin.clone(), None), (gtin, Some(Grams(195.0)))], 1));
}

#[test]
fn a_code_recorded_before_codes_said_more_still_reads() {
    let old: CodeSighting = serde_json::from_str(r#"{"at":5,"gtin":"4006381333931"}"#).expect("it reads");
    assert_eq!(old, CodeSighting::plain(Stamp(5), "4006381333931".parse().expect("a GTIN")));
    let weighed = CodeSighting { net: Some(Grams(195.0)), payable: Some(Decimal { digits: 749, places: 2 }), ..old };
    let text = serde_json::to_string(&weighed).expect("it is written");
    assert_eq!(serde_json::from_str::<CodeSighting>(&text).expect("it reads"), weighed);
    assert!(!serde_json::to_string(&old).expect("it is written").contains("net"));
}
