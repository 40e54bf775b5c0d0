//! What people read, as tables.

use super::*;
use crate::domain::basket::LineId;
use crate::domain::cart::QuestionOption;
use crate::domain::catalog::{Container, Names, Price, UnitWeight};
use crate::domain::units::{Currency, Grams, Stamp, WeighedGrams};

fn product(sku: &str, de: &str, en: &str, price: Price, vat_permille: u16, group: &str) -> (Sku, Product) {
    let product = Product {
        sku: Sku::new(sku),
        names: Names { de: de.into(), en: en.into() },
        gtin: None,
        plu: None,
        price,
        weight: UnitWeight { mean: Grams(100.0), spread: Grams(5.0), unsure: Grams(0.0) },
        tare: Grams(0.0),
        vat_permille,
        group: group.into(),
        look_alikes: Vec::new(),
        restriction: None,
    };
    (product.sku.clone(), product)
}

fn catalog() -> Catalog {
    let each = |cents| Price::Each(Money::eur_cents(cents));
    Catalog {
        version: "1".into(),
        currency: Currency::EUR,
        products: [
            product("apple", "Äpfel", "Apples", Price::PerKg(Money::eur_cents(299)), 70, "fruit"),
            product("soap", "Seife", "Soap", each(119), 190, "household"),
            product("zwieback", "Zwieback", "Rusk", each(107), 70, "bakery"),
        ]
        .into(),
        containers: vec![Container { names: Names { de: "Tüte".into(), en: "Bag".into() }, mass: Grams(8.0) }],
    }
}

fn line(id: u32, sku: &str, quantity: Quantity, unit: i64, price: i64) -> LineView {
    let (unit_price, price) = (Money::eur_cents(unit), Money::eur_cents(price));
    let how = HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(0) };
    let weighed = matches!(quantity, Quantity::Weighed(_)).then_some(how);
    LineView { id: LineId(id), sku: Sku::new(sku), quantity, unit_price, price, weighed, takes_container: false }
}

fn view(page: Page) -> CartView {
    let lines = vec![
        line(1, "apple", Quantity::Weighed(WeighedGrams(356)), 299, 106),
        line(2, "soap", Quantity::Pieces(2), 119, 238),
    ];
    let total = Money::eur_cents(344);
    CartView { page, lines, total, last_change: None, notices: vec![], look: vec![], load: None, at: Stamp(0) }
}

fn question(kind: QuestionKind, change: f64) -> Question {
    let option = |sku: &str, pieces, cents| QuestionOption {
        sku: Sku::new(sku),
        quantity: Quantity::Pieces(pieces),
        unit_price: Money::eur_cents(119),
        price: Ok(Money::eur_cents(cents)),
        weighed: None,
        line: None,
    };
    let options = vec![option("soap", 1, 119), option("soap", 2, 238), option("apple", 3, 50), option("apple", 4, 60)];
    Question {
        id: 9,
        kind,
        change: Grams(change),
        options,
        offered: 1.0,
        likely: Vec::new(),
        open: false,
        offers_containers: false,
        container: None,
    }
}

fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

fn shown(view: &CartView, language: Language) -> ScreenView {
    present(view, &catalog(), language)
}

#[test]
fn lines_are_listed_newest_first_in_the_language_asked_for() {
    for (language, expected, total, count) in [
        (
            Language::De,
            ["Seife|2 Stück|1,19 € / Stück|2,38 €", "Äpfel|0,356 kg|2,99 € / kg|1,06 €"],
            "3,44 €",
            "3 Artikel",
        ),
        (Language::En, ["Soap|2 pieces|€1.19 each|€2.38", "Apples|0.356 kg|€2.99 / kg|€1.06"], "€3.44", "3 items"),
    ] {
        let shown = shown(&view(Page::Shopping), language);
        let lines = shown.lines.iter();
        let lines = lines.map(|row| plain(&[&*row.name, &*row.quantity, &*row.unit_price, &*row.price].join("|")));
        assert_eq!(lines.collect::<Vec<_>>(), expected);
        assert_eq!((plain(&shown.total), shown.count), (total.to_owned(), count.to_owned()));
    }
}

#[test]
fn a_product_that_left_the_catalogue_is_named_by_its_sku_and_silences_the_tax_rates() {
    let mut view = view(Page::Checkout);
    view.lines.push(line(3, "gone", Quantity::Pieces(1), 100, 100));
    let shown = shown(&view, Language::En);
    assert_eq!(shown.lines[0].name, "gone");
    assert_eq!(shown.page, PageView::Checkout { vat: "All prices include VAT.".into() });
}

#[test]
fn the_checkout_says_which_tax_the_total_holds() {
    let PageView::Checkout { vat } = shown(&view(Page::Checkout), Language::De).page else { panic!("another page") };
    assert_eq!(plain(&vat), "Alle Preise enthalten die Mehrwertsteuer (7 %: 0,07 €; 19 %: 0,38 €).");
}

#[test]
fn the_last_change_says_what_came_in_or_went_out_and_marks_its_line() {
    let added = LastChange::Added(line(2, "soap", Quantity::Pieces(2), 119, 238));
    let removed =
        LastChange::Removed { sku: Sku::new("soap"), quantity: Quantity::Pieces(1), price: Money::eur_cents(119) };
    for (change, kind, text, fresh) in [
        (added, ChangeKind::Added, "Hinzugefügt|Seife|2 Stück|2,38 €", [true, false]),
        (removed, ChangeKind::Removed, "Herausgenommen|Seife|1 Stück|−1,19 €", [false, false]),
        (LastChange::OwnThing, ChangeKind::OwnThing, "Gemerkt|Ihre eigene Sache|wird nicht berechnet|", [false, false]),
    ] {
        let shown = shown(&CartView { last_change: Some(change), ..view(Page::Shopping) }, Language::De);
        let card = shown.change.expect("there was a change");
        assert_eq!(card.kind, kind);
        assert_eq!(plain(&[card.headline, card.name, card.quantity, card.price].join("|")), text);
        assert_eq!(shown.lines.iter().map(|row| row.fresh).collect::<Vec<_>>(), fresh);
    }
}

#[test]
fn a_question_asks_what_it_is_about_with_at_most_three_answers() {
    for (kind, change, title, hint, price, counting) in [
        (QuestionKind::PutIn, 356.2, "What did you put in?", "The scale shows 356 g more.", "€1.19", false),
        (QuestionKind::TakenOut, -1204.0, "What did you take out?", "The scale shows 1.204 kg less.", "−€1.19", false),
        (
            QuestionKind::HowMany(Sku::new("soap")),
            240.0,
            "How many are there: Soap?",
            "The scale shows 240 g more.",
            "€1.19",
            true,
        ),
        (
            QuestionKind::TakeOutAgain,
            36.0,
            "Please take the new thing out again",
            "Something else went out at the same time.",
            "€1.19",
            false,
        ),
    ] {
        let view = view(Page::Ask(question(kind, change)));
        let PageView::Ask(card) = shown(&view, Language::En).page else { panic!("another page") };
        assert_eq!((card.id, card.title.as_str(), plain(&card.hint).as_str()), (9, title, hint));
        assert_eq!(card.options.len(), 3);
        assert_eq!(card.options[0].price, price);
        assert_eq!(card.counting, counting);
    }
}

#[test]
fn the_shelf_holds_everything_by_name_or_only_what_could_have_been_taken_out() {
    for (kind, language, names, groups) in [
        (QuestionKind::PutIn, Language::De, vec!["Äpfel", "Seife", "Zwieback"], vec!["Backwaren", "Haushalt", "Obst"]),
        (QuestionKind::PutIn, Language::En, vec!["Apples", "Rusk", "Soap"], vec!["Bakery", "Fruit", "Household"]),
        (QuestionKind::TakenOut, Language::De, vec!["Äpfel", "Seife"], vec!["Haushalt", "Obst"]),
    ] {
        let view = view(Page::Browse(question(kind, 100.0)));
        let PageView::Browse(shelf) = shown(&view, language).page else { panic!("another page") };
        assert_eq!(shelf.tiles.iter().map(|tile| tile.name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(shelf.groups.iter().map(|group| group.label.as_str()).collect::<Vec<_>>(), groups);
        let fruit = shelf.of_group(Some("fruit"));
        assert_eq!(fruit.iter().map(|tile| tile.sku.as_str()).collect::<Vec<_>>(), ["apple"]);
    }
}

#[test]
fn what_is_likely_heads_the_shelf_in_its_own_order_where_something_was_put_in() {
    for (kind, headed) in [(QuestionKind::PutIn, true), (QuestionKind::TakenOut, false)] {
        let likely = ["soap", "apple"].map(Sku::new).into();
        let page = Page::Browse(Question { likely, ..question(kind, 100.0) });
        let PageView::Browse(shelf) = shown(&view(page), Language::De).page else { panic!("another page") };
        assert_eq!(shelf.groups.first().is_some_and(|group| group.label == "Vorschläge"), headed);
        let tiles = shelf.of_group(Some(LIKELY));
        let skus: Vec<&str> = tiles.iter().map(|tile| tile.sku.as_str()).collect();
        assert_eq!(skus, if headed { vec!["soap", "apple"] } else { vec![] });
    }
}

#[test]
fn each_notice_is_a_banner_or_has_its_own_place() {
    use Notice::*;
    for (notice, trouble) in [
        (ScaleFault(crate::domain::settle::ScaleFault::Frozen), Some(true)),
        (ScaleFault(crate::domain::settle::ScaleFault::Saturated), Some(true)),
        (ScaleFault(crate::domain::settle::ScaleFault::Uncalibrated), Some(true)),
        (CameraFault(crate::domain::cart::CameraFault::Covered), Some(true)),
        (CameraFault(crate::domain::cart::CameraFault::Lost), Some(true)),
        (StaffCalled, Some(false)),
        (StoreSilent, Some(false)),
        (Settling, None),
        (DemoWeighing, None),
        (LabelsOnly, None),
        (Unweighed(crate::domain::weighing::Unweighed::NotForTrade), Some(true)),
        (Unweighed(crate::domain::weighing::Unweighed::BelowMin(WeighedGrams(200))), Some(true)),
    ] {
        let german = shown(&CartView { notices: vec![notice], ..view(Page::Shopping) }, Language::De);
        let english = shown(&CartView { notices: vec![notice], ..view(Page::Shopping) }, Language::En);
        assert_eq!(german.notices.first().map(|banner| banner.trouble), trouble, "{notice:?}");
        assert_eq!(german.paused, matches!(notice, ScaleFault(_)));
        assert_eq!(german.settling, notice == Settling);
        assert_eq!(german.footnote.is_some(), matches!(notice, DemoWeighing | LabelsOnly));
        assert_eq!(german.staff_called, notice == StaffCalled);
        assert!(trouble.is_none() || german.notices != english.notices, "{notice:?} is not translated");
    }
}

/// The question with one option sold by weight, of which `tare` grams were taken off.
fn weighed_question(price: Result<Money, Unweighed>, tare: u32) -> Question {
    let how = HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(tare) };
    let option = QuestionOption {
        sku: Sku::new("apple"),
        quantity: Quantity::Weighed(WeighedGrams(356)),
        unit_price: Money::eur_cents(299),
        price,
        weighed: Some(how),
        line: None,
    };
    Question {
        options: vec![option],
        offered: 1.0,
        likely: Vec::new(),
        open: false,
        offers_containers: true,
        container: Some(0),
        ..question(QuestionKind::PutIn, 364.0)
    }
}

#[test]
fn what_is_weighed_shows_net_tare_unit_price_and_price_together_and_why_it_has_none() {
    for (price, tare, language, expected) in [
        (Ok(Money::eur_cents(106)), 8, Language::De, "0,356 kg netto · Tara 8 g|2,99 € / kg|1,06 €"),
        (Ok(Money::eur_cents(106)), 0, Language::En, "0.356 kg|€2.99 / kg|€1.06"),
        (Err(Unweighed::Moving), 0, Language::De, "0,356 kg|2,99 € / kg|wird gewogen …"),
        (Err(Unweighed::NotForTrade), 0, Language::En, "0.356 kg|€2.99 / kg|needs a label"),
    ] {
        let demonstration = vec![Notice::DemoWeighing];
        let view = CartView { notices: demonstration, ..view(Page::Ask(weighed_question(price, tare))) };
        let PageView::Ask(card) = shown(&view, language).page else { panic!("another page") };
        let option = &card.options[0];
        assert_eq!(plain(&[&*option.quantity, &*option.unit_price, &*option.price].join("|")), expected);
        let chips: Vec<String> = card.containers.iter().map(|text| plain(text)).collect();
        let wanted =
            if language == Language::De { ["Ohne Behälter", "Tüte 8 g"] } else { ["No container", "Bag 8 g"] };
        assert_eq!((chips, card.container), (wanted.map(str::to_owned).to_vec(), 1));
        assert!(card.hint.contains("Vorführung") || card.hint.contains("Demonstration"), "{}", card.hint);
    }
}

#[test]
fn the_receipt_names_a_demonstration_only_where_something_was_weighed_so() {
    for (by, named) in [
        (Some(WeighedBy::Demonstration), true),
        (Some(WeighedBy::Label), false),
        (Some(WeighedBy::CertifiedScale("SW-17".into())), false),
    ] {
        let apples = Quantity::Weighed(WeighedGrams(356));
        let mut basket = price_basket(&catalog(), [(&Sku::new("apple"), apples)]).expect("prices");
        basket.lines[0].weighed_by = by.clone();
        let receipt = Receipt {
            number: 17,
            key: crate::domain::checkout::TripKey("k".into()),
            booked_at: String::new(),
            basket,
            url: String::new(),
        };
        let view = CartView { notices: vec![Notice::DemoWeighing], ..view(Page::Receipt(receipt)) };
        assert_eq!(shown(&view, Language::De).footnote.is_some(), named, "{by:?}");
    }
}

#[test]
fn a_silent_store_is_said_once_on_the_paying_page() {
    let shown = shown(&CartView { notices: vec![Notice::StoreSilent], ..view(Page::Paying) }, Language::De);
    assert_eq!(shown.page, PageView::Paying { silent: true });
    assert_eq!(shown.notices, []);
}

#[test]
fn the_receipt_shows_what_the_store_computed() {
    let basket = price_basket(&catalog(), [(&Sku::new("soap"), Quantity::Pieces(1))]).expect("prices");
    let receipt = Receipt {
        number: 17,
        key: crate::domain::checkout::TripKey("k".into()),
        booked_at: "2026-11-22T12:47:03Z".into(),
        basket,
        url: "http://store/r/k".into(),
    };
    let shown = shown(&view(Page::Receipt(receipt)), Language::De);
    let PageView::Receipt(card) = &shown.page else { panic!("another page") };
    assert_eq!((plain(&shown.total).as_str(), shown.count.as_str()), ("1,19 €", "1 Artikel"));
    assert_eq!((card.number.as_str(), card.url.as_str()), ("17", "http://store/r/k"));
    assert_eq!(plain(&card.booked_at), "22.11.2026, 12:47 UTC");
}

#[test]
fn staff_read_what_to_look_at() {
    let look = vec![
        LookAt::CameIn { sku: Sku::new("soap"), quantity: Quantity::Pieces(2) },
        LookAt::WentOut { sku: Sku::new("apple"), quantity: Quantity::Weighed(WeighedGrams(356)) },
        LookAt::OwnThing { mass: Grams(640.2), like: Some(Sku::new("zwieback")) },
        LookAt::OwnThing { mass: Grams(1030.0), like: None },
        LookAt::Unexplained(Grams(-461.0)),
        LookAt::Restricted { sku: Sku::new("soap"), restriction: Restriction::MinimumAge(16) },
        LookAt::Restricted { sku: Sku::new("soap"), restriction: Restriction::SecurityTag },
    ];
    let view = CartView { look, ..view(Page::Checkout) };
    let rows = |language| {
        let rows = shown(&view, language).look.into_iter();
        rows.map(|row| format!("{} | {}", row.name, row.reason).replace('\u{a0}', " ")).collect::<Vec<_>>()
    };
    assert_eq!(
        rows(Language::De),
        [
            "Seife | 2 Stück: soll jetzt im Wagen sein",
            "Äpfel | 0,356 kg: soll nicht mehr im Wagen sein",
            "Mitgebrachte Sache, 640 g | sieht aus wie: Zwieback",
            "Mitgebrachte Sache, 1,030 kg | sieht aus wie Ware",
            "Gewicht passt nicht zur Liste | 461 g zu wenig im Wagen",
            "Seife | ab 16 Jahren",
            "Seife | Sicherung abnehmen",
        ]
    );
    assert_eq!(
        rows(Language::En),
        [
            "Soap | 2 pieces: should be in the cart now",
            "Apples | 0.356 kg: should no longer be in the cart",
            "Own thing, 640 g | looks like: Rusk",
            "Own thing, 1.030 kg | looks like goods",
            "The weight does not match the list | 461 g too little in the cart",
            "Soap | 16 years or older",
            "Soap | take the security tag off",
        ]
    );
}
