//! The cart's behaviour as text: each file of `tests/scenarios/` is a table of moments, inputs and what must be so.
//!
//! A line is `<seconds> <word> <arguments>`; `=` lines check. The words are those of `Script::play`. Every defect of the
//! cart starts here as a new file.

use dashcart::domain::basket::LineId;
use dashcart::domain::cart::{
    CameraFault, Cart, CartInput, CartOutput, CartSettings, JournalEntry, LookAt, Notice, Page, Press, QuestionKind,
    QuestionOption,
};
use dashcart::domain::catalog::{Catalog, Container, Names, Price, Product, UnitWeight};
use dashcart::domain::checkout::{Receipt, StoreAnswer};
use dashcart::domain::fusion::{Candidate, CodeSighting, Sighting};
use dashcart::domain::settle::{ScaleFault, SettledChange};
use dashcart::domain::units::{Currency, Grams, Money, Sku, Stamp};
use dashcart::domain::weighing::{CertifiedScale, Weighing};
use std::sync::Arc;

fn catalog() -> Catalog {
    let rows: [(&str, Price, f64, f64, Option<&str>); 6] = [
        ("milk", Price::Each(Money::eur_cents(119)), 1030.0, 5.0, Some("4006381333931")),
        ("oat-drink", Price::Each(Money::eur_cents(199)), 1032.0, 5.0, None),
        ("soup", Price::Each(Money::eur_cents(249)), 460.0, 5.0, None),
        ("yoghurt", Price::Each(Money::eur_cents(59)), 160.0, 2.0, None),
        ("apple", Price::PerKg(Money::eur_cents(299)), 180.0, 20.0, None),
        ("pear", Price::PerKg(Money::eur_cents(349)), 175.0, 25.0, None),
    ];
    let product = |(sku, price, mean, spread, gtin): (&str, Price, f64, f64, Option<&str>)| Product {
        sku: Sku::new(sku),
        names: Names { de: sku.into(), en: sku.into() },
        gtin: gtin.map(|gtin| gtin.parse().expect("a valid GTIN")),
        plu: None,
        price,
        weight: UnitWeight { mean: Grams(mean), spread: Grams(spread), unsure: Grams(0.0) },
        tare: Grams(0.0),
        vat_permille: 70,
        group: "test".into(),
        look_alikes: Vec::new(),
        restriction: None,
    };
    Catalog {
        version: "scenario".into(),
        currency: Currency::EUR,
        products: rows.into_iter().map(|row| (Sku::new(row.0), product(row))).collect(),
        containers: vec![Container { names: Names { de: "Tüte".into(), en: "Bag".into() }, mass: Grams(12.0) }],
    }
}

/// The same with limes, some of which weigh twice as much as others, with quark that the camera takes for yoghurt, and with
/// cheese, whose label carries a number of the store's own: zeros stand where the weight of the piece is.
fn catalog_with_cheese() -> Catalog {
    let mut catalog = catalog();
    let mut cheese = catalog.products[&Sku::new("pear")].clone();
    cheese.sku = Sku::new("cheese");
    cheese.gtin = Some("2812345000007".parse().expect("a valid GTIN"));
    cheese.price = Price::PerKg(Money::eur_cents(1490));
    cheese.weight = UnitWeight { mean: Grams(310.0), spread: Grams(40.0), unsure: Grams(0.0) };
    let mut lime = catalog.products[&Sku::new("soup")].clone();
    lime.sku = Sku::new("lime");
    lime.weight = UnitWeight { mean: Grams(80.0), spread: Grams(16.0), unsure: Grams(0.0) };
    let mut quark = catalog.products[&Sku::new("yoghurt")].clone();
    quark.sku = Sku::new("quark");
    let yoghurt = catalog.products.get_mut(&Sku::new("yoghurt")).expect("there is yoghurt");
    yoghurt.look_alikes.push(quark.sku.clone());
    for product in [cheese, lime, quark] {
        catalog.products.insert(product.sku.clone(), product);
    }
    catalog
}

struct Script {
    cart: Cart,
    load: f64,
    journal: Vec<JournalEntry>,
    posted: Vec<String>,
    asked: Vec<String>,
    last: Vec<CartOutput>,
}

impl Script {
    fn new() -> Script {
        let cart = Cart::new(CartSettings::default(), Arc::new(catalog()));
        Script { cart, load: 0.0, journal: vec![], posted: vec![], asked: vec![], last: vec![] }
    }

    /// Lets the cart tick at every moment it asked for, up to `until`.
    fn pass(&mut self, from: Stamp, until: Stamp) {
        let mut now = from;
        while let Some(next) = self.cart.next_timeout().filter(|next| *next <= until) {
            now = Stamp(next.0.max(now.0 + 1));
            self.give(CartInput::Ticked, now);
        }
    }

    fn give(&mut self, input: CartInput, now: Stamp) {
        self.last = self.cart.handle(input, now);
        for output in &self.last {
            match output {
                CartOutput::Journal(entry) => self.journal.push(entry.clone()),
                CartOutput::PostTrip(order) => self.posted.push(order.key.to_string()),
                CartOutput::AskTrip(key) => self.asked.push(key.to_string()),
                CartOutput::Show | CartOutput::Play(_) => {}
            }
        }
    }

    fn question(&self) -> u32 {
        self.cart.question().map_or(0, |question| question.id)
    }

    fn receipt(&self) -> Receipt {
        let key = match self.cart.checkout() {
            dashcart::domain::checkout::Checkout::Pending { order, .. }
            | dashcart::domain::checkout::Checkout::Unknown { order, .. } => order.key.clone(),
            other => panic!("no trip is being posted: {other:?}"),
        };
        let basket = self.cart.basket().priced(self.cart.catalog()).expect("a price");
        Receipt { number: 7, key, booked_at: "2026-01-01T10:00:00Z".into(), basket, url: "http://store/7".into() }
    }

    fn play(&mut self, now: Stamp, word: &str, rest: &[&str]) {
        let number = |index: usize| rest[index].parse::<f64>().expect("a number");
        let input = match word {
            // ready <load> [blind]: the scale is, and the camera unless it has given no picture yet
            "ready" => {
                self.load = number(0);
                if rest.get(1) != Some(&"blind") {
                    self.give(CartInput::CameraRecovered, now);
                }
                CartInput::ScaleRecovered { load: Grams(self.load) }
            }
            "disturbed" => CartInput::LoadDisturbed,
            // settled <change> [began <seconds ago>] [margin <grams>] [dip <grams>]
            "settled" => {
                self.load += number(0);
                let named = |name: &str| rest.iter().position(|word| *word == name).map(|place| number(place + 1));
                let ago = named("began").unwrap_or(0.5);
                CartInput::LoadSettled(SettledChange {
                    change: Grams(number(0)),
                    margin: Grams(named("margin").unwrap_or(3.0)),
                    load: Grams(self.load),
                    began: now.minus_millis((ago * 1000.0) as u64),
                    settled: now,
                    dip: Grams(named("dip").unwrap_or(0.0)),
                })
            }
            "moved" => CartInput::ViewMoved,
            "stilled" => CartInput::ViewStilled,
            // seen <sku> <similarity> ... [gone <sku> <similarity> ...] [area <share>] [unclear]: began 0.8 s ago; what follows
            // `gone` was there before
            "seen" => {
                let candidates = |words: &[&str]| -> Vec<Candidate> {
                    let candidate = |pair: &[&str]| Candidate {
                        sku: Sku::new(pair[0]),
                        similarity: pair[1].parse().expect("a similarity"),
                    };
                    words.chunks(2).map(candidate).collect()
                };
                let clear = rest.last() != Some(&"unclear");
                let rest = if clear { rest } else { &rest[..rest.len() - 1] };
                let (rest, area) = match rest.iter().position(|word| *word == "area") {
                    Some(place) => (&rest[..place], number(place + 1) as f32),
                    None => (rest, 0.1),
                };
                let (appeared, vanished) = match rest.iter().position(|word| *word == "gone") {
                    Some(place) => (candidates(&rest[..place]), candidates(&rest[place + 1..])),
                    None => (candidates(rest), Vec::new()),
                };
                let (began, ended) = (now.minus_millis(800), now);
                CartInput::Sighted(Sighting { began, ended, appeared, vanished, frames: 3, area, places: 1, clear })
            }
            // code <GTIN> [net <grams>]
            "code" => {
                let net = (rest.len() > 2).then(|| Grams(number(2)));
                CartInput::CodeSeen(CodeSighting { net, ..CodeSighting::plain(now, rest[0].parse().expect("a GTIN")) })
            }
            // weighing demonstration | labels | certified <max> <e>: a new cart with this configuration
            "weighing" => {
                let weighing = match rest[0] {
                    "demonstration" => Weighing::Demonstration,
                    "labels" => Weighing::LabelsOnly,
                    _ => Weighing::Certified(
                        CertifiedScale::new(number(1) as u32, number(2) as u32, "SW-17").expect("a plate"),
                    ),
                };
                let settings = CartSettings { weighing, ..CartSettings::default() };
                self.cart = Cart::new(settings, Arc::new(catalog_with_cheese()));
                return;
            }
            // container <index>: names a container for the question's goods
            "container" => {
                CartInput::Pressed(Press::Container { question: self.question(), container: Some(number(0) as usize) })
            }
            // take-off <line> <index>: names a container for a line that was just booked
            "take-off" => {
                CartInput::Pressed(Press::TakeOff { line: LineId(number(0) as u32), container: number(1) as usize })
            }
            "covered" => CartInput::CameraFaulted(CameraFault::Covered),
            "uncovered" => CartInput::CameraRecovered,
            "frozen" => CartInput::ScaleFaulted(ScaleFault::Frozen),
            "tick" => CartInput::Ticked,
            "start" => CartInput::Pressed(Press::Start),
            "choose" => CartInput::Pressed(Press::Choose { question: self.question(), option: number(0) as usize }),
            "late-choose" => CartInput::Pressed(Press::Choose { question: number(0) as u32, option: 0 }),
            "else" => CartInput::Pressed(Press::SomethingElse { question: self.question() }),
            "pick" => CartInput::Pressed(Press::Pick { question: self.question(), sku: Sku::new(rest[0]) }),
            "several" => CartInput::Pressed(Press::Several { question: self.question() }),
            "mine" => CartInput::Pressed(Press::NotMine { question: self.question() }),
            "checkout" => CartInput::Pressed(Press::ToCheckout),
            "back" => CartInput::Pressed(Press::Back),
            "pay" => CartInput::Pressed(Press::Pay),
            "staff-done" => CartInput::Pressed(Press::StaffDone),
            "finish" => CartInput::Pressed(Press::Finish),
            "booked" => CartInput::StoreAnswered(StoreAnswer::Booked(self.receipt())),
            "silent" => CartInput::StoreAnswered(StoreAnswer::Silent { reason: "no route".into() }),
            "never-received" => CartInput::StoreAnswered(StoreAnswer::NeverReceived),
            "refused" => CartInput::StoreAnswered(StoreAnswer::Refused { reason: rest.join(" ") }),
            // The battery is pulled and put back: only the journal is left.
            "power-cut" => {
                let settings = CartSettings { nonce: "second-start".into(), ..CartSettings::default() };
                self.cart =
                    Cart::restore(settings, Arc::new(catalog()), &self.journal, now).expect("the trip is restored");
                return;
            }
            other => panic!("unknown word {other:?}"),
        };
        self.give(input, now);
    }

    /// What `= <what>` compares with.
    fn state(&self, what: &str, now: Stamp) -> String {
        let view = self.cart.view(now);
        match what {
            "lines" => {
                view.lines.iter().map(|line| format!("{} {}", line.quantity, line.sku)).collect::<Vec<_>>().join(", ")
            }
            "total" => view.total.to_string(),
            // How the lines sold by weight were weighed.
            "weighed" => {
                let weighed = view.lines.iter().filter_map(|line| line.weighed.as_ref());
                weighed.map(|how| format!("{:?} tare {}", how.by, how.tare.0)).collect::<Vec<_>>().join(", ")
            }
            // What the question's options cost, or why they have no price.
            "prices" => match view.page {
                Page::Ask(question) => {
                    let prices = question.options.iter().map(|option| match option.price {
                        Ok(price) => price.to_string(),
                        Err(reason) => format!("{reason:?}"),
                    });
                    prices.collect::<Vec<_>>().join(", ")
                }
                _ => String::new(),
            },
            "told" => view
                .notices
                .iter()
                .filter_map(|notice| match notice {
                    Notice::Unweighed(reason) => Some(format!("{reason:?}")),
                    Notice::DemoWeighing => Some("demonstration".into()),
                    Notice::LabelsOnly => Some("labels only".into()),
                    _ => None,
                })
                .collect::<Vec<_>>()
                .join(", "),
            "page" => match view.page {
                Page::Ask(question) => {
                    let many = matches!(question.kind, QuestionKind::HowMany(_));
                    let name = |option: &QuestionOption| match many {
                        true => option.quantity.to_string(),
                        false => option.sku.to_string(),
                    };
                    let options = question.options.iter().map(name).collect::<Vec<_>>().join(" ");
                    match question.kind {
                        QuestionKind::TakeOneOut => "take one out".into(),
                        QuestionKind::TakeOutAgain => "take out again".into(),
                        _ => format!("ask {options}").trim_end().to_owned(),
                    }
                }
                Page::Welcome => "welcome".into(),
                Page::Shopping => "shopping".into(),
                Page::Browse(question) if question.open => {
                    let likely = question.likely.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    format!("list {likely}")
                }
                Page::Browse(_) => "browse".into(),
                Page::Checkout => "checkout".into(),
                Page::Paying => "paying".into(),
                Page::Refused(reason) => format!("refused {reason}"),
                Page::Receipt(receipt) => format!("receipt {}", receipt.basket.total),
            },
            "fault" => view
                .notices
                .iter()
                .filter_map(|notice| match notice {
                    Notice::ScaleFault(fault) => Some(format!("scale {fault:?}")),
                    Notice::CameraFault(fault) => Some(format!("camera {fault:?}")),
                    Notice::StoreSilent => Some("store silent".into()),
                    _ => None,
                })
                .collect::<Vec<_>>()
                .join(", "),
            "staff" => if view.notices.contains(&Notice::StaffCalled) { "called" } else { "no" }.into(),
            "told-to-wait" => if view.notices.first() == Some(&Notice::StaffFirst) { "yes" } else { "no" }.into(),
            "look" => {
                let look = view.look.iter().map(|at| match at {
                    LookAt::CameIn { sku, quantity } => format!("in {quantity} {sku}"),
                    LookAt::WentOut { sku, quantity } => format!("out {quantity} {sku}"),
                    LookAt::OwnThing { mass, like: Some(like) } => format!("own {:.0} like {like}", mass.0),
                    LookAt::OwnThing { mass, like: None } => format!("own {:.0}", mass.0),
                    LookAt::Unexplained(rest) => format!("unexplained {:+.0}", rest.0),
                    LookAt::Restricted { sku, restriction } => format!("{restriction:?} {sku}"),
                });
                look.collect::<Vec<_>>().join(", ")
            }
            "posted" => self.posted.join(" "),
            "asked" => self.asked.join(" "),
            other => panic!("unknown check {other:?}"),
        }
    }
}

fn check(name: &str, text: &str) {
    let mut script = Script::new();
    let mut now = Stamp(0);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        if let Some(expected) = line.strip_prefix('=') {
            let (what, expected) = expected.trim().split_once(':').unwrap_or((expected.trim(), ""));
            assert_eq!(script.state(what, now), expected.trim(), "{name}, line {}: {what}", index + 1);
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = Stamp((words[0].parse::<f64>().expect("seconds first") * 1e6) as u64);
        assert!(at >= now, "{name}, line {}: time runs backwards", index + 1);
        script.pass(now, at);
        now = at;
        script.play(now, words[1], &words[2..]);
    }
}

#[test]
fn every_scenario_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the scenarios").flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(files.len() >= 8, "only {} scenarios are there", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable scenario");
        check(&file.file_name().unwrap_or_default().to_string_lossy(), &text);
    }
}
