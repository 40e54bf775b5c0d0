//! From what the cart shows to what people read: [`present`], a pure function.

use super::format;
use super::view::*;
use crate::domain::cart::{
    CameraFault, CartView, LastChange, LineView, LookAt, Notice, Page, Question, QuestionKind, QuestionOption,
};
use crate::domain::catalog::{Catalog, Language, Product, Restriction};
use crate::domain::checkout::Receipt;
use crate::domain::pricing::{PricedLine, Quantity, TaxShare, price_basket};
use crate::domain::settle::ScaleFault;
use crate::domain::units::{Grams, Money, Sku, WeighedGrams};
use crate::domain::weighing::{HowWeighed, Unweighed, WeighedBy};
use std::collections::BTreeSet;

/// How many products decorate the welcome page.
const SHOWCASE: usize = 9;

/// Makes the screen's texts of what the cart shows.
///
/// A product that the catalogue no longer holds is named by its SKU: the line stays visible.
pub fn present(view: &CartView, catalog: &Catalog, language: Language) -> ScreenView {
    let words = Presenter { catalog, language };
    let fresh = match &view.last_change {
        Some(LastChange::Added(line)) => Some(line.id),
        _ => None,
    };
    let (total, count) = match &view.page {
        // What the store computed counts, whatever the cart showed before.
        Page::Receipt(Receipt { basket, .. }) => {
            (basket.total, words.count(basket.lines.iter().map(|line| line.quantity)))
        }
        _ => (view.total, words.count(view.lines.iter().map(|line| line.quantity))),
    };
    ScreenView {
        language,
        page: words.page(view),
        lines: view.lines.iter().rev().map(|line| words.line(line, fresh == Some(line.id))).collect(),
        total: format::money(total, language),
        count,
        change: view.last_change.as_ref().map(|change| words.change(change)),
        notices: view
            .notices
            .iter()
            // The paying page says this itself, and larger.
            .filter(|notice| !(view.page == Page::Paying && **notice == Notice::StoreSilent))
            .filter_map(|notice| words.banner(*notice))
            .collect(),
        look: view.look.iter().map(|at| words.look(at)).collect(),
        footnote: words.footnote(view),
        paused: view.notices.iter().any(|notice| matches!(notice, Notice::ScaleFault(_))),
        settling: view.notices.contains(&Notice::Settling),
        staff_called: view.notices.contains(&Notice::StaffCalled),
    }
}

struct Presenter<'a> {
    catalog: &'a Catalog,
    language: Language,
}

impl Presenter<'_> {
    fn say(&self, german: &str, english: &str) -> String {
        match self.language {
            Language::De => german.to_owned(),
            Language::En => english.to_owned(),
        }
    }

    fn name(&self, sku: &Sku) -> String {
        let product = self.catalog.product(sku);
        product.map_or_else(|| sku.to_string(), |product| product.names.in_language(self.language).to_owned())
    }

    fn page(&self, view: &CartView) -> PageView {
        match &view.page {
            Page::Welcome => PageView::Welcome { showcase: self.showcase() },
            Page::Shopping => PageView::Shopping,
            Page::Ask(question) => {
                // What a label is needed for, the banner says.
                let demonstration = view.notices.contains(&Notice::DemoWeighing);
                PageView::Ask(self.question(question, self.footnote(view).filter(|_| demonstration)))
            }
            Page::Browse(question) => PageView::Browse(self.shelf(question, &view.lines)),
            Page::Checkout => PageView::Checkout { vat: self.vat_of_lines(&view.lines) },
            Page::Paying => PageView::Paying { silent: view.notices.contains(&Notice::StoreSilent) },
            Page::Refused(reason) => PageView::Refused { reason: reason.clone() },
            Page::Receipt(receipt) => PageView::Receipt(self.receipt(receipt)),
        }
    }

    /// By whose weight goods are priced, where that is not a certified scale; on the receipt what the store booked.
    fn footnote(&self, view: &CartView) -> Option<String> {
        let demonstration =
            || self.say("Vorführung: Die Waage ist nicht geeicht.", "Demonstration: scale not legal for trade.");
        if let Page::Receipt(receipt) = &view.page {
            let weighed = |line: &PricedLine| line.weighed_by == Some(WeighedBy::Demonstration);
            return receipt.basket.lines.iter().any(weighed).then(demonstration);
        }
        view.notices.iter().find_map(|notice| match notice {
            Notice::DemoWeighing => Some(demonstration()),
            Notice::LabelsOnly => Some(self.say(
                "Lose Ware bitte an der Waage im Markt wiegen und ihr Etikett zeigen.",
                "Please weigh loose goods at the store's scale and show their label.",
            )),
            _ => None,
        })
    }

    /// How much, and what of it was taken off as tare.
    fn net(&self, quantity: Quantity, weighed: Option<&HowWeighed>) -> String {
        let amount = format::quantity(quantity, self.language);
        match weighed.map(|weighed| weighed.tare).filter(|tare| tare.0 > 0) {
            Some(tare) => {
                let (net, tare) = (self.say("netto", "net"), format::tare(tare));
                format!("{amount} {net} · {} {tare}", self.say("Tara", "tare"))
            }
            None => amount,
        }
    }

    fn unit_price(&self, amount: Money, quantity: Quantity) -> String {
        match quantity {
            Quantity::Weighed(_) => format::unit_price(amount, quantity, self.language),
            Quantity::Pieces(_) => String::new(),
        }
    }

    fn containers(&self) -> Vec<String> {
        let containers = self.catalog.containers.iter();
        let named = containers.map(|container| {
            let mass = format::tare(WeighedGrams::estimated(container.mass));
            format!("{} {mass}", container.names.in_language(self.language))
        });
        named.collect()
    }

    fn line(&self, line: &LineView, fresh: bool) -> LineRow {
        LineRow {
            sku: line.sku.clone(),
            name: self.name(&line.sku),
            quantity: format::quantity(line.quantity, self.language),
            unit_price: format::unit_price(line.unit_price, line.quantity, self.language),
            price: format::money(line.price, self.language),
            fresh,
        }
    }

    fn look(&self, at: &LookAt) -> LookRow {
        let product = |sku: &Sku, reason: String| LookRow { sku: Some(sku.clone()), name: self.name(sku), reason };
        let amount = |quantity: &Quantity| format::quantity(*quantity, self.language);
        match at {
            LookAt::CameIn { sku, quantity } => {
                let reason = self.say("soll jetzt im Wagen sein", "should be in the cart now");
                product(sku, format!("{}: {reason}", amount(quantity)))
            }
            LookAt::WentOut { sku, quantity } => {
                let reason = self.say("soll nicht mehr im Wagen sein", "should no longer be in the cart");
                product(sku, format!("{}: {reason}", amount(quantity)))
            }
            LookAt::OwnThing { mass, like } => LookRow {
                sku: like.clone(),
                name: format!(
                    "{}, {}",
                    self.say("Mitgebrachte Sache", "Own thing"),
                    format::mass(*mass, self.language)
                ),
                reason: match like.as_ref().map(|sku| self.name(sku)) {
                    Some(name) => self.say(&format!("sieht aus wie: {name}"), &format!("looks like: {name}")),
                    None => self.say("sieht aus wie Ware", "looks like goods"),
                },
            },
            LookAt::Unexplained(rest) => LookRow {
                sku: None,
                name: self.say("Gewicht passt nicht zur Liste", "The weight does not match the list"),
                reason: {
                    let mass = format::mass(*rest, self.language);
                    match rest.0 > 0.0 {
                        true => self.say(&format!("{mass} zu viel im Wagen"), &format!("{mass} too much in the cart")),
                        false => {
                            self.say(&format!("{mass} zu wenig im Wagen"), &format!("{mass} too little in the cart"))
                        }
                    }
                },
            },
            LookAt::Restricted { sku, restriction: Restriction::MinimumAge(years) } => {
                product(sku, self.say(&format!("ab {years} Jahren"), &format!("{years} years or older")))
            }
            LookAt::Restricted { sku, restriction: Restriction::SecurityTag } => {
                product(sku, self.say("Sicherung abnehmen", "take the security tag off"))
            }
        }
    }

    /// Counts articles: every piece is one, and so is every weighed line.
    fn count(&self, quantities: impl Iterator<Item = Quantity>) -> String {
        let articles: u32 = quantities
            .map(|quantity| match quantity {
                Quantity::Pieces(pieces) => pieces,
                Quantity::Weighed(_) => 1,
            })
            .sum();
        match (self.language, articles) {
            (Language::De, _) => format!("{articles} Artikel"),
            (Language::En, 1) => "1 item".to_owned(),
            (Language::En, _) => format!("{articles} items"),
        }
    }

    fn change(&self, change: &LastChange) -> ChangeCard {
        let given_back = |price: Money| Money { minor: -price.minor.abs(), currency: price.currency };
        match change {
            LastChange::Added(line) => ChangeCard {
                kind: ChangeKind::Added,
                sku: Some(line.sku.clone()),
                headline: self.say("Hinzugefügt", "Added"),
                name: self.name(&line.sku),
                quantity: self.net(line.quantity, line.weighed.as_ref()),
                unit_price: self.unit_price(line.unit_price, line.quantity),
                price: format::money(line.price, self.language),
                line: line.takes_container.then_some(line.id),
                containers: if line.takes_container { self.containers() } else { Vec::new() },
            },
            LastChange::Removed { sku, quantity, price } => ChangeCard {
                kind: ChangeKind::Removed,
                sku: Some(sku.clone()),
                headline: self.say("Herausgenommen", "Taken out"),
                name: self.name(sku),
                quantity: format::quantity(*quantity, self.language),
                unit_price: String::new(),
                price: format::money(given_back(*price), self.language),
                line: None,
                containers: Vec::new(),
            },
            LastChange::OwnThing => ChangeCard {
                kind: ChangeKind::OwnThing,
                sku: None,
                headline: self.say("Gemerkt", "Noted"),
                name: self.say("Ihre eigene Sache", "Your own thing"),
                quantity: self.say("wird nicht berechnet", "not charged"),
                unit_price: String::new(),
                price: String::new(),
                line: None,
                containers: Vec::new(),
            },
        }
    }

    /// Makes the banner of a notice; `None` where the notice has its own place on the page.
    fn banner(&self, notice: Notice) -> Option<Banner> {
        let (trouble, text) = match notice {
            Notice::ScaleFault(ScaleFault::Uncalibrated) => (
                true,
                self.say(
                    "Die Waage ist noch nicht eingerichtet. Bitte nehmen Sie einen anderen Wagen.",
                    "The scale is not set up yet. Please take another cart.",
                ),
            ),
            Notice::ScaleFault(ScaleFault::Saturated) => (
                true,
                self.say(
                    "Die Waage ist überlastet. Bitte nehmen Sie etwas heraus oder rufen Sie Hilfe.",
                    "The scale is overloaded. Please take something out or call staff.",
                ),
            ),
            Notice::ScaleFault(ScaleFault::Silent | ScaleFault::Frozen) => (
                true,
                self.say(
                    "Die Waage ist gestört. Bitte gerade nichts einlegen oder herausnehmen und Hilfe rufen.",
                    "The scale is at fault. Please put nothing in or out for now and call staff.",
                ),
            ),
            Notice::CameraFault(CameraFault::Covered) => (
                true,
                self.say(
                    "Die Kamera sieht nichts. Bitte geben Sie die Sicht in den Wagen frei.",
                    "The camera cannot see. Please clear its view into the cart.",
                ),
            ),
            Notice::CameraFault(CameraFault::Lost) => (
                true,
                self.say(
                    "Die Kamera ist ausgefallen. Der Wagen fragt deshalb bei jedem Artikel nach.",
                    "The camera is down, so the cart asks about each item.",
                ),
            ),
            Notice::StaffCalled => (
                false,
                self.say("Hilfe ist unterwegs. Bitte warten Sie hier.", "Help is on its way. Please wait here."),
            ),
            Notice::StaffFirst => (
                false,
                self.say(
                    "Vor dem Bezahlen sieht jemand vom Markt kurz in den Wagen.",
                    "Before you pay, somebody from the store takes a short look into the cart.",
                ),
            ),
            Notice::StoreSilent => (
                false,
                self.say(
                    "Der Markt antwortet gerade nicht. Wir versuchen es weiter.",
                    "The store is not answering. We keep trying.",
                ),
            ),
            Notice::Unweighed(reason) => (true, self.unweighed(reason)),
            Notice::Settling | Notice::DemoWeighing | Notice::LabelsOnly => return None,
        };
        Some(Banner { trouble, text })
    }

    /// Says what to do about goods that cannot be priced by their weight.
    fn unweighed(&self, reason: Unweighed) -> String {
        let grams = |grams| format::mass(Grams(f64::from(grams)), self.language);
        match (reason, self.language) {
            (Unweighed::NotForTrade, Language::De) => {
                "Bitte an der Waage im Markt wiegen und das Etikett in den Wagen zeigen.".to_owned()
            }
            (Unweighed::NotForTrade, Language::En) => {
                "Please weigh it at the store's scale and show its label to the cart.".to_owned()
            }
            (Unweighed::BelowMin(WeighedGrams(min)), Language::De) => {
                format!(
                    "Zu leicht für diese Waage (ab {}). Bitte herausnehmen und mehr auf einmal einlegen.",
                    grams(min)
                )
            }
            (Unweighed::BelowMin(WeighedGrams(min)), Language::En) => {
                format!("Too light for this scale (from {}). Please take it out and put in more at once.", grams(min))
            }
            (Unweighed::AboveMax(WeighedGrams(max)), Language::De) => {
                format!("Zu schwer für diese Waage (bis {}). Bitte im Markt wiegen oder Hilfe rufen.", grams(max))
            }
            (Unweighed::AboveMax(WeighedGrams(max)), Language::En) => {
                format!("Too heavy for this scale (up to {}). Please weigh it in the store or call staff.", grams(max))
            }
            (Unweighed::Moving | Unweighed::NotStill, Language::De) => {
                "Die Waage war nicht ruhig. Bitte noch einmal herausnehmen und einlegen.".to_owned()
            }
            (Unweighed::Moving | Unweighed::NotStill, Language::En) => {
                "The scale was not still. Please take it out and put it in once more.".to_owned()
            }
            (Unweighed::OnlyTare, Language::De) => {
                "Der Behälter wiegt so viel wie alles zusammen. Bitte einen anderen wählen.".to_owned()
            }
            (Unweighed::OnlyTare, Language::En) => {
                "The container weighs as much as all of it. Please choose another one.".to_owned()
            }
            (Unweighed::OnlyWhole, Language::De) => {
                "Bitte zurücklegen und alles davon auf einmal herausnehmen.".to_owned()
            }
            (Unweighed::OnlyWhole, Language::En) => "Please put it back, and take out all of it at once.".to_owned(),
        }
    }

    /// The same in the place of a price.
    fn no_price(&self, reason: Unweighed) -> String {
        match reason {
            Unweighed::NotForTrade => self.say("nur mit Etikett", "needs a label"),
            Unweighed::BelowMin(_) => self.say("zu leicht", "too light"),
            Unweighed::AboveMax(_) => self.say("zu schwer", "too heavy"),
            Unweighed::Moving => self.say("wird gewogen …", "being weighed …"),
            Unweighed::NotStill => self.say("nicht ruhig gewogen", "not still"),
            Unweighed::OnlyTare => self.say("nur der Behälter", "only the container"),
            Unweighed::OnlyWhole => self.say("nur im Ganzen", "only as a whole"),
        }
    }

    fn title(&self, kind: &QuestionKind) -> String {
        match kind {
            QuestionKind::PutIn => self.say("Was haben Sie hineingelegt?", "What did you put in?"),
            QuestionKind::TakenOut => self.say("Was haben Sie herausgenommen?", "What did you take out?"),
            QuestionKind::HowMany(sku) => match self.language {
                Language::De => format!("Wie viele sind es: {}?", self.name(sku)),
                Language::En => format!("How many are there: {}?", self.name(sku)),
            },
            QuestionKind::TakeOneOut => {
                self.say("Bitte nehmen Sie eines davon wieder heraus", "Please take one of them out again")
            }
            QuestionKind::TakeOutAgain => {
                self.say("Bitte nehmen Sie das Neue noch einmal heraus", "Please take the new thing out again")
            }
        }
    }

    fn question(&self, question: &Question, footnote: Option<String>) -> QuestionCard {
        let mass = format::mass(question.change, self.language);
        let heavier = question.change.0 >= 0.0;
        let hint = match (self.language, heavier) {
            (Language::De, true) => format!("Die Waage zeigt {mass} mehr."),
            (Language::De, false) => format!("Die Waage zeigt {mass} weniger."),
            (Language::En, true) => format!("The scale shows {mass} more."),
            (Language::En, false) => format!("The scale shows {mass} less."),
        };
        let weighed = |option: &QuestionOption| matches!(option.quantity, Quantity::Weighed(_));
        // Neither weighs what the scale shows.
        let both = || self.say("Zugleich ging etwas anderes heraus.", "Something else went out at the same time.");
        let hint = if question.kind == QuestionKind::TakeOutAgain { both() } else { hint };
        let hint = match footnote.filter(|_| question.options.iter().any(weighed)) {
            Some(footnote) => format!("{hint} {footnote}"),
            None => hint,
        };
        let price = |price: Money| match question.kind {
            QuestionKind::TakenOut => Money { minor: -price.minor.abs(), currency: price.currency },
            QuestionKind::PutIn | QuestionKind::HowMany(_) | QuestionKind::TakeOneOut | QuestionKind::TakeOutAgain => {
                price
            }
        };
        let options = question.options.iter().take(3).map(|option| OptionCard {
            sku: option.sku.clone(),
            name: self.name(&option.sku),
            quantity: self.net(option.quantity, option.weighed.as_ref()),
            unit_price: self.unit_price(option.unit_price, option.quantity),
            price: match option.price {
                Ok(amount) => format::money(price(amount), self.language),
                Err(reason) => self.no_price(reason),
            },
        });
        let none = self.say("Ohne Behälter", "No container");
        let containers = std::iter::once(none).chain(self.containers());
        QuestionCard {
            id: question.id,
            title: self.title(&question.kind),
            hint,
            options: options.collect(),
            counting: matches!(question.kind, QuestionKind::HowMany(_)),
            put_in: heavier && question.kind == QuestionKind::PutIn,
            take_one_out: question.kind.is_bidding(),
            containers: if question.offers_containers { containers.collect() } else { Vec::new() },
            container: question.container.map_or(0, |index| index + 1),
        }
    }

    fn tile(&self, product: &Product) -> Tile {
        Tile {
            sku: product.sku.clone(),
            name: product.names.in_language(self.language).to_owned(),
            price: format::price(product.price, self.language),
            group: product.group.clone(),
        }
    }

    /// The shelf that answers a question: everything, or what lies in the basket when something was taken out.
    fn shelf(&self, question: &Question, lines: &[LineView]) -> Shelf {
        let held: BTreeSet<&Sku> = lines.iter().map(|line| &line.sku).collect();
        let fits = |product: &&Product| question.kind != QuestionKind::TakenOut || held.contains(&product.sku);
        let mut tiles: Vec<Tile> = self.catalog.products.values().filter(fits).map(|each| self.tile(each)).collect();
        tiles.sort_by_cached_key(|tile| sort_key(&tile.name));
        let keys: BTreeSet<&str> = tiles.iter().map(|tile| tile.group.as_str()).collect();
        let mut groups: Vec<Group> =
            keys.into_iter().map(|key| Group { key: key.to_owned(), label: self.group(key) }).collect();
        groups.sort_by_cached_key(|group| sort_key(&group.label));
        let put_in = question.kind == QuestionKind::PutIn;
        let likely = if put_in { question.likely.clone() } else { Vec::new() };
        if !likely.is_empty() {
            groups.insert(0, Group { key: LIKELY.to_owned(), label: self.say("Vorschläge", "Suggestions") });
        }
        Shelf { question: question.id, title: self.title(&question.kind), tiles, groups, likely, put_in }
    }

    fn group(&self, key: &str) -> String {
        let (german, english) = match key {
            "fruit" => ("Obst", "Fruit"),
            "apples-pears" => ("Äpfel, Birnen", "Apples, pears"),
            "citrus" => ("Zitrusfrüchte", "Citrus fruit"),
            "exotic-fruit" => ("Exotisches", "Exotic fruit"),
            "melons" => ("Melonen", "Melons"),
            "stone-fruit" => ("Steinobst", "Stone fruit"),
            "vegetables" => ("Gemüse", "Vegetables"),
            "roots-bulbs" => ("Knollen, Zwiebeln", "Roots, bulbs"),
            "tomatoes-peppers" => ("Tomaten, Paprika", "Tomatoes, peppers"),
            "bakery" => ("Backwaren", "Bakery"),
            "dairy" => ("Milchprodukte", "Dairy"),
            "milk" => ("Milch", "Milk"),
            "yoghurt" => ("Joghurt", "Yoghurt"),
            "plant-based" => ("Pflanzlich", "Plant-based"),
            "drinks" => ("Getränke", "Drinks"),
            "juice" => ("Säfte", "Juice"),
            "pantry" => ("Vorräte", "Pantry"),
            "snacks" => ("Knabbern", "Snacks"),
            "sweets" => ("Süßes", "Sweets"),
            "household" => ("Haushalt", "Household"),
            _ => {
                let mut letters = key.replace(['_', '-'], " ").chars().collect::<Vec<_>>();
                if let Some(first) = letters.first_mut() {
                    *first = first.to_ascii_uppercase();
                }
                return letters.into_iter().collect();
            }
        };
        self.say(german, english)
    }

    /// Picks products from everywhere in the catalogue, so that the page is colourful.
    fn showcase(&self) -> Vec<Tile> {
        let count = self.catalog.products.len();
        let step = (count / SHOWCASE).max(1);
        self.catalog.products.values().step_by(step).take(SHOWCASE).map(|product| self.tile(product)).collect()
    }

    fn vat_of_lines(&self, lines: &[LineView]) -> String {
        let priced = price_basket(self.catalog, lines.iter().map(|line| (&line.sku, line.quantity)));
        // A line whose product left the catalogue has no known rate: then nothing is said about rates.
        self.vat(priced.map(|basket| basket.taxes).unwrap_or_default())
    }

    fn vat(&self, taxes: Vec<TaxShare>) -> String {
        let shares: Vec<String> = taxes
            .iter()
            .map(|share| {
                let rate = format::rate(share.vat_permille, self.language);
                format!("{rate}: {}", format::money(share.tax, self.language))
            })
            .collect();
        let lead = self.say("Alle Preise enthalten die Mehrwertsteuer", "All prices include VAT");
        if shares.is_empty() { format!("{lead}.") } else { format!("{lead} ({}).", shares.join("; ")) }
    }

    fn receipt(&self, receipt: &Receipt) -> ReceiptCard {
        ReceiptCard {
            number: receipt.number.to_string(),
            booked_at: format::moment(&receipt.booked_at, self.language),
            vat: self.vat(receipt.basket.taxes.clone()),
            url: receipt.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
