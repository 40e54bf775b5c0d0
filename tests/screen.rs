//! The cart's window, drawn into memory and touched where its buttons really are.
//!
//! Every page is drawn at both sizes and in both languages into `target/screens/`, to be looked at.

#![cfg(feature = "screen")]

use dashcart::domain::basket::LineId;
use dashcart::domain::cart::{
    CameraFault, CartView, LastChange, LineView, LookAt, Notice, Page, Press, Question, QuestionKind, QuestionOption,
};
use dashcart::domain::catalog::{Catalog, Language, Restriction};
use dashcart::domain::checkout::{Receipt, TripKey};
use dashcart::domain::pricing::{Quantity, price_basket, price_line};
use dashcart::domain::settle::ScaleFault;
use dashcart::domain::staff::StaffCode;
use dashcart::domain::units::{Grams, Money, Sku, Stamp, WeighedGrams};
use dashcart::domain::weighing::{HowWeighed, Unweighed, WeighedBy};
use dashcart::screen::headless::{HeadlessScreen, Snapshot};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

type Work = Box<dyn FnOnce() + Send>;

/// Runs `work` on the one thread of this process that may hold windows, and gives what it gives or its panic.
fn on_the_window_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    static THREAD: OnceLock<Mutex<Sender<Work>>> = OnceLock::new();
    let sender = THREAD.get_or_init(|| {
        let (sender, waiting) = channel::<Work>();
        std::thread::spawn(move || waiting.into_iter().for_each(|work| work()));
        Mutex::new(sender)
    });
    let (answer, answered) = channel();
    let work: Work = Box::new(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        answer.send(result).expect("the test waits");
    });
    sender.lock().expect("no test panics while it sends").send(work).expect("the window thread lives");
    answered.recv().expect("the window thread answers").unwrap_or_else(|panic| {
        // Said once more on the test's own thread, where the harness listens.
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        panic!("{}", text.unwrap_or("the window thread panicked"))
    })
}

/// The range of our own shelf.
fn catalog() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    let read =
        || Arc::new(serde_json::from_str(include_str!("../ranges/shelf.json")).expect("the range is a catalogue"));
    CATALOG.get_or_init(read).clone()
}

/// The range with many products of long names.
fn long_catalog() -> Arc<Catalog> {
    Arc::new(serde_json::from_str(include_str!("../ranges/grocery.json")).expect("the range is a catalogue"))
}

/// The picture that the store would send, where the emulator that draws it is built in; else a tile.
fn picture(sku: &Sku) -> Option<Vec<u8>> {
    static DRAWN: Mutex<std::collections::BTreeMap<Sku, Option<Vec<u8>>>> =
        Mutex::new(std::collections::BTreeMap::new());
    let mut drawn = DRAWN.lock().expect("no test panics while it draws");
    drawn.entry(sku.clone()).or_insert_with(|| portrait(sku).or_else(|| tile(sku))).clone()
}

#[cfg(feature = "emulator")]
fn portrait(sku: &Sku) -> Option<Vec<u8>> {
    let picture = dashcart::emulator::picture(sku, 256)?;
    png(image::RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.rgb)?)
}

#[cfg(not(feature = "emulator"))]
fn portrait(_: &Sku) -> Option<Vec<u8>> {
    None
}

fn png(picture: image::RgbImage) -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}

/// A tile of a colour that follows from the product's name, with a round thing on it.
fn tile(sku: &Sku) -> Option<Vec<u8>> {
    let seed = sku.as_str().bytes().fold(7u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let colour = [(seed >> 4) as u8 | 0x30, (seed >> 11) as u8 | 0x30, (seed >> 18) as u8 | 0x30];
    let tile = image::RgbImage::from_fn(96, 96, |x, y| {
        let (x, y) = (x as f32 - 48.0, y as f32 - 48.0);
        image::Rgb(if x.hypot(y) < 36.0 { colour } else { [236, 238, 232] })
    });
    png(tile)
}

fn line(number: u32, sku: &str, quantity: Quantity) -> LineView {
    let catalog = catalog();
    let product = catalog.product(&Sku::new(sku)).unwrap_or_else(|| panic!("{sku} is in the range"));
    let priced = price_line(product, quantity).expect("the quantity fits the product");
    let how = HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(0) };
    LineView {
        id: LineId(number),
        sku: priced.sku,
        quantity,
        unit_price: priced.unit_price,
        price: priced.price,
        weighed: matches!(quantity, Quantity::Weighed(_)).then_some(how),
        takes_container: false,
    }
}

fn grams(grams: u32) -> Quantity {
    Quantity::Weighed(WeighedGrams(grams))
}

fn lines() -> Vec<LineView> {
    vec![
        line(1, "apple-rubina", grams(356)),
        line(2, "yoghurt-berry", Quantity::Pieces(2)),
        line(3, "banana", grams(1204)),
        line(4, "cereal-honey", Quantity::Pieces(1)),
        line(5, "tomato", grams(298)),
        line(6, "milk-whole", Quantity::Pieces(3)),
        line(7, "pepper-red", grams(203)),
        line(8, "lemon", Quantity::Pieces(2)),
    ]
}

fn view(page: Page) -> CartView {
    let lines = lines();
    let total = lines.iter().fold(Money::eur_cents(0), |sum, line| sum + line.price);
    CartView { page, lines, total, last_change: None, notices: vec![], look: vec![], load: None, at: Stamp(0) }
}

fn option(sku: &str, quantity: Quantity) -> QuestionOption {
    let line = line(0, sku, quantity);
    let (unit_price, price) = (line.unit_price, Ok(line.price));
    QuestionOption { sku: line.sku, quantity, unit_price, price, weighed: line.weighed, line: None }
}

fn put_in() -> Question {
    Question {
        id: 41,
        kind: QuestionKind::PutIn,
        change: Grams(182.3),
        options: vec![
            option("apple-rubina", grams(182)),
            option("apple-jonara", grams(182)),
            option("tomato", grams(182)),
        ],
        offered: 1.0,
        likely: Vec::new(),
        open: false,
        offers_containers: false,
        container: None,
    }
}

/// Names that differ in their last words.
fn put_in_milk() -> Question {
    let options = ["milk-light", "milk-whole", "tomatoes-can"].map(|sku| option(sku, Quantity::Pieces(1)));
    Question { options: options.into(), ..put_in() }
}

/// The same, less sure: the list of all is shown at once, and what is likely heads it.
fn put_in_listed() -> Question {
    let likely = ["apple-rubina", "apple-jonara", "tomato", "pepper-red", "pear"].map(Sku::new);
    Question { id: 45, offered: 0.6, likely: likely.into(), open: true, ..put_in() }
}

fn taken_out() -> Question {
    Question {
        id: 42,
        kind: QuestionKind::TakenOut,
        change: Grams(-298.0),
        options: vec![option("tomato", grams(298)), option("apple-rubina", grams(356))],
        offered: 1.0,
        likely: Vec::new(),
        open: false,
        offers_containers: false,
        container: None,
    }
}

fn how_many() -> Question {
    let milk = Sku::new("milk-whole");
    let options = [2, 3, 4].map(|pieces| option("milk-whole", Quantity::Pieces(pieces)));
    Question {
        id: 43,
        kind: QuestionKind::HowMany(milk),
        change: Grams(3105.0),
        options: options.into(),
        offered: 1.0,
        likely: Vec::new(),
        open: false,
        offers_containers: false,
        container: None,
    }
}

/// The same goods put in with a bag that was named, while the scale is still, moves, or may not price.
fn put_in_weighed(price: Option<Unweighed>) -> Question {
    let how = HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(12) };
    let weighed = |option: QuestionOption| QuestionOption {
        price: price.map_or(option.price, Err),
        weighed: price.is_none().then(|| how.clone()),
        ..option
    };
    let options = put_in().options.into_iter().map(weighed).collect();
    let by_label = price == Some(Unweighed::NotForTrade);
    Question { options, offers_containers: !by_label, container: (!by_label).then_some(0), ..put_in() }
}

fn receipt() -> Receipt {
    let lines = lines();
    let mut basket = price_basket(&catalog(), lines.iter().map(|line| (&line.sku, line.quantity))).expect("prices");
    for (line, shown) in basket.lines.iter_mut().zip(lines) {
        line.weighed_by = shown.weighed.map(|weighed| weighed.by);
    }
    Receipt {
        number: 1042,
        key: TripKey("7f3c".into()),
        booked_at: "2026-11-22T12:47:03Z".into(),
        basket,
        url: "http://127.0.0.1:8740/receipts/7f3c5a0e-51d4-4b2c-9a77-0d3a1c5e9b10".into(),
    }
}

/// Every page as a shopper can meet it, with the name of its picture.
fn pages() -> Vec<(&'static str, CartView)> {
    let empty = CartView { lines: vec![], total: Money::eur_cents(0), ..view(Page::Shopping) };
    let added = LastChange::Added(line(8, "lemon", Quantity::Pieces(2)));
    let removed = line(2, "yoghurt-berry", Quantity::Pieces(1));
    let removed = LastChange::Removed { sku: removed.sku, quantity: removed.quantity, price: removed.price };
    let notices = |notices: &[Notice], page| CartView { notices: notices.into(), ..view(page) };
    let asked_blind = Question { options: vec![], ..put_in() };
    vec![
        (
            "welcome",
            CartView { notices: vec![Notice::DemoWeighing], ..CartView { page: Page::Welcome, ..empty.clone() } },
        ),
        ("shopping-empty", empty),
        ("shopping", view(Page::Shopping)),
        ("shopping-added", CartView { last_change: Some(added), ..notices(&[Notice::DemoWeighing], Page::Shopping) }),
        (
            "shopping-added-weighed",
            CartView {
                last_change: Some(LastChange::Added(LineView {
                    takes_container: true,
                    ..line(7, "pepper-red", grams(203))
                })),
                ..notices(&[Notice::DemoWeighing], Page::Shopping)
            },
        ),
        ("shopping-labels-only", notices(&[Notice::LabelsOnly], Page::Shopping)),
        ("shopping-removed", CartView { last_change: Some(removed), ..view(Page::Shopping) }),
        ("shopping-own-thing", CartView { last_change: Some(LastChange::OwnThing), ..view(Page::Shopping) }),
        ("shopping-settling", notices(&[Notice::Settling], Page::Shopping)),
        (
            "shopping-scale-fault",
            notices(&[Notice::ScaleFault(ScaleFault::Frozen), Notice::StaffCalled], Page::Shopping),
        ),
        ("ask", view(Page::Ask(put_in()))),
        ("ask-long-names", view(Page::Ask(put_in_milk()))),
        ("ask-weighed", notices(&[Notice::DemoWeighing], Page::Ask(put_in_weighed(None)))),
        ("ask-moving", notices(&[Notice::DemoWeighing], Page::Ask(put_in_weighed(Some(Unweighed::Moving))))),
        (
            "ask-label-needed",
            notices(
                &[Notice::Unweighed(Unweighed::NotForTrade), Notice::LabelsOnly],
                Page::Ask(put_in_weighed(Some(Unweighed::NotForTrade))),
            ),
        ),
        ("ask-taken-out", view(Page::Ask(taken_out()))),
        ("ask-how-many", view(Page::Ask(how_many()))),
        ("ask-take-one-out", view(Page::Ask(Question { kind: QuestionKind::TakeOneOut, ..put_in() }))),
        ("ask-take-out-again", view(Page::Ask(Question { kind: QuestionKind::TakeOutAgain, ..put_in() }))),
        ("ask-blind", notices(&[Notice::CameraFault(CameraFault::Covered)], Page::Ask(asked_blind))),
        ("browse", view(Page::Browse(put_in()))),
        ("browse-likely", view(Page::Browse(put_in_listed()))),
        ("browse-taken-out", view(Page::Browse(taken_out()))),
        ("checkout", notices(&[Notice::DemoWeighing], Page::Checkout)),
        ("paying", view(Page::Paying)),
        ("paying-silent", notices(&[Notice::StoreSilent], Page::Paying)),
        ("refused", view(Page::Refused("Der Artikel „Banane“ ist gesperrt.".into()))),
        ("receipt", view(Page::Receipt(receipt()))),
    ]
}

const SIZES: [(u32, u32); 2] = [(1280, 800), (800, 480)];

/// A window that shows `view` without pictures, and the presses that it reports.
fn screen_of(size: (u32, u32), language: Language, view: CartView) -> (HeadlessScreen, Rc<RefCell<Vec<Press>>>) {
    let screen = HeadlessScreen::new(size.0, size.1, language, |_| None).expect("a window in memory");
    let presses = Rc::new(RefCell::new(Vec::new()));
    let heard = presses.clone();
    screen.screen().on_press(move |press| heard.borrow_mut().push(press));
    screen.screen().handle().show(view, catalog());
    screen.settle();
    (screen, presses)
}

fn pictures_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screens");
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

#[test]
fn every_page_is_drawn_and_differs_from_every_other() {
    on_the_window_thread(|| {
        for size in SIZES {
            let mut drawn: Vec<(String, Snapshot)> = Vec::new();
            for language in [Language::De, Language::En] {
                let screen = HeadlessScreen::new(size.0, size.1, language, picture).expect("a window in memory");
                for (name, view) in pages() {
                    screen.screen().handle().show(view, catalog());
                    let snapshot = screen.snapshot();
                    let name = format!("{name}-{}x{}-{language:?}.png", size.0, size.1).to_lowercase();
                    snapshot.save(&pictures_folder().join(&name)).expect("the picture is written");
                    if let Some((twin, _)) = drawn.iter().find(|(_, other)| *other == snapshot) {
                        panic!("{name} looks exactly like {twin}");
                    }
                    drawn.push((name, snapshot));
                }
            }
        }
    });
}

#[test]
fn every_touch_target_is_large_enough_on_the_window_and_apart_from_the_others() {
    on_the_window_thread(|| {
        for (size, (name, view)) in SIZES.iter().flat_map(|size| pages().into_iter().map(move |page| (*size, page))) {
            let scrolls = name.starts_with("browse");
            let (screen, _) = screen_of(size, Language::De, view);
            let targets = screen.targets();
            assert!(targets.len() >= 3, "{name} {size:?} has only {targets:?}");
            for (place, target) in targets.iter().enumerate() {
                assert!(target.width >= 48.0 && target.height >= 48.0, "{name} {size:?}: {target:?} is too small");
                let inside = target.x >= 0.0
                    && target.y >= 0.0
                    && target.x + target.width <= size.0 as f32
                    && target.y + target.height <= size.1 as f32;
                assert!(inside || scrolls, "{name} {size:?}: {target:?} is not wholly on the window");
                for other in &targets[place + 1..] {
                    let apart = target.x + target.width <= other.x + 0.5
                        || other.x + other.width <= target.x + 0.5
                        || target.y + target.height <= other.y + 0.5
                        || other.y + other.height <= target.y + 0.5;
                    assert!(apart, "{name} {size:?}: {target:?} lies on {other:?}");
                }
            }
        }
    });
}

#[test]
fn a_touch_becomes_the_press_that_its_button_stands_for() {
    on_the_window_thread(|| {
        let choose = |option| Press::Choose { question: 41, option };
        for (page, target, press) in [
            (Page::Welcome, "start", Press::Start),
            (Page::Welcome, "call-staff", Press::CallStaff),
            (Page::Shopping, "to-checkout", Press::ToCheckout),
            (Page::Ask(put_in()), "option-0", choose(0)),
            (Page::Ask(put_in()), "option-1", choose(1)),
            (Page::Ask(put_in()), "option-2", choose(2)),
            (Page::Ask(put_in()), "several", Press::Several { question: 41 }),
            (Page::Ask(put_in()), "something-else", Press::SomethingElse { question: 41 }),
            (Page::Ask(taken_out()), "not-mine", Press::NotMine { question: 42 }),
            (Page::Ask(put_in_weighed(None)), "container-0", Press::Container { question: 41, container: None }),
            (Page::Ask(put_in_weighed(None)), "container-2", Press::Container { question: 41, container: Some(1) }),
            (Page::Browse(put_in()), "back", Press::Back),
            (Page::Browse(put_in()), "tile-milk-light", Press::Pick { question: 41, sku: Sku::new("milk-light") }),
            (Page::Browse(put_in_listed()), "tile-tomato", Press::Pick { question: 45, sku: Sku::new("tomato") }),
            (Page::Browse(put_in_listed()), "several", Press::Several { question: 45 }),
            (Page::Browse(put_in_listed()), "not-mine", Press::NotMine { question: 45 }),
            (Page::Checkout, "back", Press::Back),
            (Page::Checkout, "pay", Press::Pay),
            (Page::Paying, "call-staff", Press::CallStaff),
            (Page::Refused("no".into()), "back", Press::Back),
            (Page::Receipt(receipt()), "finish", Press::Finish),
        ] {
            for size in SIZES {
                let (screen, presses) = screen_of(size, Language::De, view(page.clone()));
                assert!(screen.tap_target(target), "{target} is not on {page:?}");
                assert_eq!(*presses.borrow(), std::slice::from_ref(&press), "{target} at {size:?}");
            }
        }
    });
}

#[test]
fn a_container_can_be_named_for_what_was_just_weighed() {
    on_the_window_thread(|| {
        let added = LineView { takes_container: true, ..line(7, "pepper-red", grams(203)) };
        for size in SIZES {
            let added = CartView { last_change: Some(LastChange::Added(added.clone())), ..view(Page::Shopping) };
            let (screen, presses) = screen_of(size, Language::De, added);
            assert!(screen.tap_target("take-off-1"));
            assert_eq!(*presses.borrow(), [Press::TakeOff { line: LineId(7), container: 1 }]);
        }
    });
}

#[test]
fn an_empty_basket_cannot_be_checked_out() {
    on_the_window_thread(|| {
        let empty = CartView { lines: vec![], total: Money::eur_cents(0), ..view(Page::Shopping) };
        let (screen, presses) = screen_of(SIZES[0], Language::De, empty);
        assert!(screen.tap_target("to-checkout"));
        assert_eq!(*presses.borrow(), []);
    });
}

#[test]
fn called_staff_can_say_that_it_is_dealt_with() {
    on_the_window_thread(|| {
        let called = CartView { notices: vec![Notice::StaffCalled], ..view(Page::Shopping) };
        let (screen, presses) = screen_of(SIZES[1], Language::En, called);
        assert!(!screen.tap_target("call-staff"));
        assert!(screen.tap_target("staff-done"));
        assert_eq!(*presses.borrow(), [Press::StaffDone]);
    });
}

#[test]
fn with_a_code_only_who_types_it_can_say_that_it_is_dealt_with() {
    on_the_window_thread(|| {
        for size in SIZES {
            let code = StaffCode::try_from("583012".to_owned()).expect("a code");
            let screen = HeadlessScreen::with_staff_code(size.0, size.1, Language::De, Some(code), |_| None)
                .expect("a window in memory");
            let presses = Rc::new(RefCell::new(Vec::new()));
            let heard = presses.clone();
            screen.screen().on_press(move |press| heard.borrow_mut().push(press));
            let called = CartView { notices: vec![Notice::StaffCalled], ..view(Page::Shopping) };
            screen.screen().handle().show(called, catalog());
            let enter = |digits: &str| {
                let keys = digits.chars().map(|digit| format!("digit-{digit}")).chain(["staff-enter".to_owned()]);
                for key in keys {
                    assert!(screen.tap_target(&key), "{key} at {size:?}");
                }
            };
            let save = |name: &str| {
                let name = format!("staff-{name}-{}x{}-de.png", size.0, size.1);
                screen.snapshot().save(&pictures_folder().join(name)).expect("the picture is written");
            };
            let before = screen.snapshot();
            assert!(screen.tap_target("staff-done"));
            // What lies under the keypad is not touched through it.
            let covered =
                screen.targets().into_iter().find(|target| target.name == "to-checkout").expect("it is there");
            screen.tap(covered.middle().0, covered.middle().1);
            screen.tap_target("digit-5");
            save("keypad");
            screen.tap_target("staff-back");
            assert!(screen.snapshot() == before, "put away");
            assert!(screen.tap_target("staff-done"));
            for wrong in ["0000", "58301", "5830122"] {
                enter(wrong);
            }
            save("waits");
            screen.tap_target("digit-5");
            assert_eq!(*presses.borrow(), [], "{size:?}");
            screen.advance(29_000);
            assert!(screen.snapshot() != before, "it still waits");
            screen.advance(2_000);
            assert!(screen.snapshot() == before, "the wait is over, and the keypad away");
            assert!(screen.tap_target("staff-done"));
            enter("583012");
            assert_eq!(*presses.borrow(), [Press::StaffDone], "{size:?}");
            assert!(screen.snapshot() == before);
        }
    });
}

#[test]
fn staff_are_shown_what_to_look_at_before_they_say_that_it_is_in_order() {
    on_the_window_thread(|| {
        for (size, language) in [(SIZES[0], Language::De), (SIZES[1], Language::En), (SIZES[1], Language::De)] {
            let code = StaffCode::try_from("4711".to_owned()).expect("a code");
            let screen = HeadlessScreen::with_staff_code(size.0, size.1, language, Some(code), picture)
                .expect("a window in memory");
            let presses = Rc::new(RefCell::new(Vec::new()));
            let heard = presses.clone();
            screen.screen().on_press(move |press| heard.borrow_mut().push(press));
            let look = vec![
                LookAt::WentOut { sku: Sku::new("beans-can"), quantity: Quantity::Pieces(1) },
                LookAt::OwnThing { mass: Grams(1031.0), like: Some(Sku::new("milk-whole")) },
                LookAt::OwnThing { mass: Grams(214.0), like: None },
                LookAt::Unexplained(Grams(461.0)),
                LookAt::Restricted { sku: Sku::new("beer-can"), restriction: Restriction::MinimumAge(16) },
            ];
            let called =
                CartView { notices: vec![Notice::StaffFirst, Notice::StaffCalled], look, ..view(Page::Checkout) };
            screen.screen().handle().show(called.clone(), catalog());
            let before = screen.snapshot();
            let enter = || {
                assert!(screen.tap_target("staff-done"));
                for key in ["digit-4", "digit-7", "digit-1", "digit-1", "staff-enter"] {
                    assert!(screen.tap_target(key), "{key} at {size:?}");
                }
            };
            enter();
            let covered = screen.targets().into_iter().find(|target| target.name == "staff-done");
            let (x, y) = covered.expect("it is there").middle();
            let sheet = screen.snapshot();
            screen.tap(x, y);
            assert!(screen.snapshot() == sheet, "what lies under it is not touched through it");
            let tongue = if language == Language::De { "de" } else { "en" };
            let name = format!("staff-look-{}x{}-{tongue}.png", size.0, size.1);
            screen.snapshot().save(&pictures_folder().join(name)).expect("the picture is written");
            assert_eq!(*presses.borrow(), [], "{size:?}: the code alone says nothing of the basket");
            screen.tap_target("look-back");
            assert!(screen.snapshot() == before, "put away");
            assert!(!screen.tap_target("look-done"));
            enter();
            screen.advance(31_000);
            assert!(screen.snapshot() == before, "nobody has touched it for half a minute");
            enter();
            assert!(screen.tap_target("look-done"));
            assert_eq!(*presses.borrow(), [Press::StaffDone], "{size:?}");
            // Where there is nothing to look at, nothing is shown.
            screen.screen().handle().show(CartView { look: vec![], ..called }, catalog());
            enter();
            assert_eq!(*presses.borrow(), [Press::StaffDone, Press::StaffDone], "{size:?}");
        }
    });
}

#[test]
fn the_language_changes_while_the_page_is_open_and_changes_back() {
    on_the_window_thread(|| {
        for (name, view) in pages() {
            let (screen, presses) = screen_of(SIZES[1], Language::De, view);
            let german = screen.snapshot();
            assert!(screen.tap_target("english"), "{name}");
            let english = screen.snapshot();
            assert!(english != german, "{name} looks the same in English");
            assert!(screen.tap_target("german"), "{name}");
            // The dots of the paying page never stand still.
            let moves = name.starts_with("paying");
            assert!(moves || screen.snapshot() == german, "{name} is not what it was before");
            assert_eq!(*presses.borrow(), [], "{name}: the language is no matter of the cart");
        }
    });
}

#[test]
fn the_shelf_can_be_narrowed_to_a_group_and_scrolled_by_letter_and_finger() {
    on_the_window_thread(|| {
        let (screen, presses) = screen_of(SIZES[1], Language::De, view(Page::Welcome));
        let nothing = CartView { lines: vec![], total: Money::eur_cents(0), ..view(Page::Browse(put_in())) };
        screen.screen().handle().show(nothing, long_catalog());
        let tiles = |screen: &HeadlessScreen| {
            let targets = screen.targets().into_iter();
            targets.filter(|target| target.name.starts_with("tile-")).collect::<Vec<_>>()
        };
        let all = tiles(&screen);
        assert_eq!(all.len(), long_catalog().products.len());
        screen.snapshot().save(&pictures_folder().join("browse-long-800x480-de.png")).expect("the picture is written");

        assert!(!screen.tap_target("letter-Z"), "the letters are so few that they need no scrolling");
        for _ in 0..8 {
            screen.drag((765.0, 450.0), (765.0, 210.0));
        }
        assert!(screen.tap_target("letter-Z"));
        let jumped = tiles(&screen);
        assert!(jumped[0].y < all[0].y - 400.0, "the shelf stayed at {}", jumped[0].y);
        let lemon = jumped.iter().find(|tile| tile.name == "tile-Lemon").expect("lemons are on the shelf");
        assert!(lemon.y > 150.0 && lemon.y + lemon.height <= 480.0, "Zitrone is not in view: {lemon:?}");

        assert!(screen.tap_target("group-1"));
        let group = tiles(&screen);
        assert!(group.len() < all.len() && !group.is_empty(), "{} products", group.len());
        assert_eq!(group[0].y, all[0].y, "a new group starts at its top");

        assert!(screen.tap_target("group-0"));
        screen.drag((300.0, 420.0), (300.0, 260.0));
        let dragged = tiles(&screen);
        assert!(dragged[0].y < all[0].y - 50.0, "the shelf did not follow the finger");
        assert_eq!(*presses.borrow(), [], "scrolling chooses nothing");
    });
}

#[test]
fn of_many_views_sent_from_another_thread_the_newest_is_shown() {
    on_the_window_thread(|| {
        let (screen, _) = screen_of(SIZES[1], Language::De, view(Page::Welcome));
        let handle = screen.screen().handle();
        let sender = std::thread::spawn(move || {
            for cents in 0..200 {
                handle.show(CartView { total: Money::eur_cents(cents), ..view(Page::Shopping) }, catalog());
            }
            handle.show(view(Page::Shopping), catalog());
        });
        sender.join().expect("the sender ends");
        let shown = screen.snapshot();
        let (expected, _) = screen_of(SIZES[1], Language::De, view(Page::Shopping));
        assert!(shown == expected.snapshot(), "another view than the newest is on the screen");
    });
}

#[test]
fn a_product_without_a_picture_is_shown_by_its_letter() {
    on_the_window_thread(|| {
        let shown = |fetch: fn(&Sku) -> Option<Vec<u8>>| {
            let screen = HeadlessScreen::new(800, 480, Language::De, fetch).expect("a window in memory");
            screen.screen().handle().show(view(Page::Ask(put_in())), catalog());
            screen.snapshot()
        };
        let damaged = shown(|_| Some(b"no picture".to_vec()));
        damaged.save(&pictures_folder().join("ask-no-pictures-800x480-de.png")).expect("the picture is written");
        assert!(damaged == shown(|_| None), "a damaged picture is shown as none");
        assert!(damaged != shown(picture), "a picture is shown where there is one");
    });
}

#[cfg(feature = "emulator")]
mod panel {
    use super::*;
    use dashcart::screen::panel::{HeadlessPanel, PanelAction, PanelItem, PanelMode, PanelProduct};

    fn panel(mode: PanelMode) -> (HeadlessPanel, Rc<RefCell<Vec<PanelAction>>>) {
        let panel = HeadlessPanel::new(560, 800, Language::De, mode).expect("a window in memory");
        let actions = Rc::new(RefCell::new(Vec::new()));
        let heard = actions.clone();
        panel.panel().on_action(move |action| heard.borrow_mut().push(action));
        let handle = panel.panel().handle();
        let products = catalog();
        let products = products.products.values().take(26).map(|product| PanelProduct {
            sku: product.sku.clone(),
            name: product.names.de.clone(),
            picture: picture(&product.sku).unwrap_or_default(),
        });
        handle.set_shelf(products.collect());
        handle.set_items(vec![
            PanelItem { id: 7, sku: Some(Sku::new("aubergine")), name: "Aubergine".into() },
            PanelItem { id: 9, sku: None, name: "Telefon".into() },
        ]);
        handle.set_load(Some(Grams(1204.4)));
        let frame: Vec<u8> =
            (0..320 * 240).flat_map(|place| [(place % 320 / 2) as u8, (place / 320) as u8, 90]).collect();
        handle.set_frame(&frame, 320, 240);
        (panel, actions)
    }

    #[test]
    fn a_touch_of_the_panel_becomes_the_action_that_it_stands_for() {
        on_the_window_thread(|| {
            let drop = |count| PanelAction::Drop { sku: Sku::new("apple-verdo"), count };
            for (touches, actions) in [
                (vec!["shelf-apple-verdo"], vec![drop(1)]),
                (vec!["count-3", "shelf-apple-verdo"], vec![drop(3)]),
                (vec!["take-out-1"], vec![PanelAction::TakeOut { item: 9 }]),
                (vec!["bump", "lean", "roll"], vec![PanelAction::Bump, PanelAction::Lean, PanelAction::Roll]),
                (vec!["cover", "cover"], vec![PanelAction::CoverCamera(true), PanelAction::CoverCamera(false)]),
                (vec!["freeze", "freeze"], vec![PanelAction::FreezeScale(true), PanelAction::FreezeScale(false)]),
                (vec!["disconnect"], vec![PanelAction::DisconnectScale(true)]),
                (vec!["own-thing"], vec![PanelAction::PutOwnThing]),
            ] {
                let (panel, heard) = panel(PanelMode::Shelf);
                for touch in &touches {
                    assert!(panel.tap_target(touch), "{touch} is not on the panel");
                }
                assert_eq!(*heard.borrow(), actions, "{touches:?}");
            }
            let (panel, _) = panel(PanelMode::Shelf);
            panel.tap_target("freeze");
            panel.snapshot().save(&pictures_folder().join("panel-560x800-de.png")).expect("the picture is written");
        });
    }

    #[test]
    fn beside_a_webcam_the_panel_sets_what_the_scale_feels() {
        on_the_window_thread(|| {
            let (panel, heard) = panel(PanelMode::Webcam);
            assert!(!panel.tap_target("shelf-apple-verdo"), "there is no shelf beside a webcam");
            for touch in ["lighter", "heavier", "heavier", "slider", "heavier"] {
                assert!(panel.tap_target(touch), "{touch} is not on the panel");
            }
            let loads: Vec<f64> = heard
                .take()
                .into_iter()
                .map(|action| match action {
                    PanelAction::SetLoad(load) => load.0,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(loads.first(), Some(&0.0));
            assert_eq!(loads.last(), Some(&2510.0), "{loads:?}");
            panel
                .snapshot()
                .save(&pictures_folder().join("panel-webcam-560x800-de.png"))
                .expect("the picture is written");
        });
    }
}
