//! A scripted trip without a window: the same loops, the same screen drawn in memory and touched, a real store.
//!
//! The shopper of the script knows what it holds in its hand; the cart is told nothing but pixels and readings.

use super::Failure;
use super::emulate::Stage;
use super::running::RunningCart;
use crate::cli::EmulateArgs;
use crate::domain::basket::{LedgerEntry, Movement};
use crate::domain::cart::{Cart, CartInput, CartOutput, CartView, JournalEntry, Page, Question, Sound};
use crate::domain::catalog::{Catalog, Language};
use crate::domain::checkout::Receipt;
use crate::domain::pricing::Quantity;
use crate::domain::units::{Grams, Sku, Stamp};
use crate::emulator::world::ScaleState;
use crate::ports::Store;
use crate::runtime::cart::Audience;
use crate::screen::headless::HeadlessScreen;
use crate::screen::{PageView, Words, present};
use crate::trip::{Deed, Trip};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The trip that is played when none is named.
const DEMONSTRATION: &str = include_str!("../../trips/demo.trip");
/// How long the shopper waits for the cart before giving up on a deed.
const PATIENCE_MS: u64 = 12_000;

/// What the player hears from the cart's loop.
enum Heard {
    View(Box<CartView>, Arc<Catalog>),
    Booked(LedgerEntry),
}

/// Sends what the cart shows and books to the player.
pub struct Listener(Sender<Heard>);

impl Audience for Listener {
    fn show(&mut self, view: CartView, catalog: &Arc<Catalog>) {
        // A player that has left needs no more views.
        let _ = self.0.send(Heard::View(Box::new(view), catalog.clone()));
    }

    fn play(&mut self, _sound: Sound) {}

    fn handled(&mut self, _input: &CartInput, outputs: &[CartOutput], _cart: &Cart) {
        for output in outputs {
            if let CartOutput::Journal(JournalEntry::Booked(entry)) = output {
                let _ = self.0.send(Heard::Booked(entry.clone()));
            }
        }
    }
}

/// What a played trip came to.
#[derive(Debug, Serialize)]
struct Outcome {
    put_in: u32,
    taken_out: u32,
    questions: u32,
    lines: usize,
    total: String,
    receipt: String,
    receipt_matches: bool,
    drop_to_line_ms: Vec<u64>,
    differences: Vec<String>,
}

/// Plays the trip of `args` on `stage`.
///
/// # Errors
/// [`Failure`] when it cannot be played to its end, or when the receipt differs from what lies in the cart.
pub fn play(args: &EmulateArgs, mut stage: Stage) -> Result<(), Failure> {
    let catalog = stage.catalog.clone();
    let trip = match &args.trip {
        Some(file) => Trip::read(file, &catalog).map_err(Failure::usage)?,
        None => Trip::parse("the demonstration", DEMONSTRATION, &catalog).map_err(Failure::usage)?,
    };
    let (sender, heard) = channel();
    let (width, height) = args.screen.size;
    let pictures = stage.client.clone();
    let screen = HeadlessScreen::new(width, height, args.screen.language, move |sku| pictures.picture(sku).ok())
        .map_err(Failure::from_error)?;
    let cart = stage.start(Box::new(Listener(sender)))?;
    let inputs = cart.inputs.clone();
    screen.screen().on_press(move |press| {
        // A cart that has stopped is noticed by the player's next wait.
        let _ = inputs.send(CartInput::Pressed(press));
    });
    let mut player = Player {
        stage,
        cart,
        screen,
        heard,
        view: None,
        language: args.screen.language,
        out: args.out.clone(),
        quiet: args.json,
        booked: 0,
        pictures: 0,
        open: Vec::new(),
        moved: 0,
        store_back_at: None,
        questions: 0,
        drop_to_line_ms: Vec::new(),
    };
    let outcome = player.shop(&trip);
    let Player { cart, .. } = player;
    cart.stop().map_err(Failure::from_error)?;
    let outcome = outcome?;
    if args.json {
        println!("{}", serde_json::to_string(&outcome).map_err(Failure::from_error)?);
    }
    if outcome.receipt_matches {
        Ok(())
    } else {
        Err(Failure::Failed(format!("the receipt is not what lies in the cart: {}", outcome.differences.join("; "))))
    }
}

/// What the shopper moved, so that a question can be answered truthfully.
#[derive(Debug, Clone)]
enum InHand {
    Goods { sku: Sku },
    OwnThing,
}

/// Something that went in, or out with a negative change of the load.
#[derive(Debug)]
struct Moved {
    number: u32,
    what: InHand,
    change: Grams,
}

/// The place of what changed the load by about `change`: a cart that falls behind may ask about one that is not the last.
fn nearest(moved: &[Moved], change: Grams) -> Option<usize> {
    let same_way = moved.iter().enumerate().filter(|(_, moved)| (moved.change.0 > 0.0) == (change.0 > 0.0));
    let off = |moved: &Moved| (moved.change - change).abs().0;
    same_way.min_by(|(_, one), (_, other)| off(one).total_cmp(&off(other))).map(|(place, _)| place)
}

struct Player {
    stage: Stage,
    cart: RunningCart,
    screen: HeadlessScreen,
    heard: Receiver<Heard>,
    view: Option<CartView>,
    language: Language,
    out: std::path::PathBuf,
    quiet: bool,
    booked: usize,
    pictures: u32,
    /// What the cart has neither booked nor been told of, in order.
    open: Vec<Moved>,
    /// How often something was moved.
    moved: u32,
    store_back_at: Option<Stamp>,
    questions: u32,
    drop_to_line_ms: Vec<u64>,
}

impl Player {
    fn say(&self, text: &str) {
        if !self.quiet {
            println!("{text}");
        }
    }

    fn now(&self) -> Stamp {
        self.stage.clock.now()
    }

    fn name(&self, sku: &Sku) -> String {
        let product = self.stage.catalog.product(sku);
        product.map_or_else(|| sku.to_string(), |product| product.names.in_language(self.language).to_owned())
    }

    fn shop(&mut self, trip: &Trip) -> Result<Outcome, Failure> {
        self.wait_for("the first page", |player| player.view.is_some())?;
        self.picture("welcome");
        self.wait_for("the scale to be ready", |player| player.view.as_ref().is_some_and(|view| view.load.is_some()))?;
        self.tap("start")?;
        self.wait_for("the shopping page", |player| matches!(player.page(), Some(Page::Shopping)))?;
        let (mut put_in, mut taken_out) = (0, 0);
        for (index, (line, deed)) in trip.deeds.iter().enumerate() {
            match deed {
                Deed::Put { pieces, .. } => put_in += pieces,
                Deed::Take { .. } => taken_out += 1,
                _ => {}
            }
            let answered_next = matches!(
                trip.deeds.get(index + 1).map(|(_, deed)| deed),
                Some(Deed::Answer | Deed::AnswerWith { .. } | Deed::AnswerOwn)
            );
            self.act(deed, answered_next)
                .map_err(|failure| Failure::Failed(format!("line {line} of the trip: {failure}")))?;
        }
        let receipt = self.check_out()?;
        let differences = self.differences(&receipt);
        self.say(&format!("\nreceipt {} of the store, {}", receipt.number, receipt.url));
        for line in &receipt.basket.lines {
            let name = self.name(&line.sku);
            self.say(&format!("  {:<34} {:>9}  {:>10}", name, line.quantity.to_string(), line.price.to_string()));
        }
        self.say(&format!("  {:<34} {:>9}  {:>10}", "total", "", receipt.basket.total.to_string()));
        let verdict =
            if differences.is_empty() { "it is what lies in the cart" } else { "IT IS NOT WHAT LIES IN THE CART" };
        self.say(&format!("{verdict}; pictures of the screen and of the camera are in {}", self.out.display()));
        Ok(Outcome {
            put_in,
            taken_out,
            questions: self.questions,
            lines: receipt.basket.lines.len(),
            total: receipt.basket.total.to_string(),
            receipt: receipt.url.clone(),
            receipt_matches: differences.is_empty(),
            drop_to_line_ms: self.drop_to_line_ms.clone(),
            differences,
        })
    }

    fn act(&mut self, deed: &Deed, answered_next: bool) -> Result<(), Failure> {
        match deed {
            Deed::Put { sku, pieces } => {
                let name = self.name(sku);
                self.say(&format!("\nputs in {pieces} x {name}"));
                let change = self.stage.put(sku, *pieces)?;
                self.did(InHand::Goods { sku: sku.clone() }, change);
                self.until_booked(answered_next)
            }
            Deed::Take { sku } => {
                let name = self.name(sku);
                self.say(&format!("\ntakes out {name}"));
                let change = self.stage.take(sku)?;
                self.did(InHand::Goods { sku: sku.clone() }, Grams(-change.0));
                self.until_booked(answered_next)
            }
            Deed::Own(thing) => {
                self.say(&format!("\nputs in an own thing: {thing:?}"));
                let change = self.stage.put_own(*thing);
                self.did(InHand::OwnThing, change);
                self.until_booked(answered_next)
            }
            Deed::Answer => self.answer(None),
            Deed::AnswerWith { sku } => self.answer(Some(InHand::Goods { sku: sku.clone() })),
            Deed::AnswerOwn => self.answer(Some(InHand::OwnThing)),
            Deed::CoverCamera(covered) => {
                self.say(if *covered { "\nsomething covers the camera" } else { "\nthe camera is free again" });
                self.stage.cover_camera(*covered);
                self.pass(1500)
            }
            Deed::FreezeScale(frozen) => {
                self.say(if *frozen { "\nthe scale freezes" } else { "\nthe scale works again" });
                self.stage.set_scale(if *frozen { ScaleState::Frozen } else { ScaleState::Working });
                self.pass(3000)?;
                self.picture("scale");
                Ok(())
            }
            Deed::UnplugScale(unplugged) => {
                self.say(if *unplugged { "\nthe scale's wire is out" } else { "\nthe scale's wire is in again" });
                self.stage.set_scale(if *unplugged { ScaleState::Disconnected } else { ScaleState::Working });
                self.pass(3000)?;
                self.picture("scale");
                Ok(())
            }
            Deed::Bump => {
                self.say("\nsomebody bumps into the cart");
                self.stage.world().bump(self.stage.clock.now());
                self.pass(3000)
            }
            Deed::Lean => {
                self.say("\nsomebody leans on the cart");
                self.stage.world().lean(self.stage.clock.now(), 12.0, 1500);
                self.pass(5000)
            }
            Deed::Roll => {
                self.say("\nthe cart rolls over tiles");
                self.stage.world().roll(self.stage.clock.now(), 3000);
                self.pass(6000)
            }
            Deed::StopStore { seconds } => {
                self.say(&format!("\nthe store's server stops for {seconds} s"));
                self.store_back_at = Some(self.now().plus_millis((seconds * 1000.0) as u64));
                self.stage.stop_store(true)
            }
            Deed::Wait { seconds } => self.pass((seconds * 1000.0) as u64),
        }
    }

    fn did(&mut self, what: InHand, change: Grams) {
        self.moved += 1;
        self.open.push(Moved { number: self.moved, what, change });
    }

    /// Waits until the cart has booked what was done, or asks; an unexpected question is answered truthfully.
    fn until_booked(&mut self, answered_next: bool) -> Result<(), Failure> {
        let until = self.now().plus_millis(PATIENCE_MS);
        let number = self.moved;
        let is_open = |player: &Player| player.open.iter().any(|moved| moved.number == number);
        while is_open(self) && self.now() < until {
            self.pump()?;
            if self.question().is_some() {
                if answered_next {
                    return Ok(());
                }
                self.answer(None)?;
            }
        }
        if is_open(self) {
            self.say("  the cart books nothing and asks nothing");
        }
        self.pass(400)
    }

    /// The product of which about `change` more lies in the cart than stands on the screen, or less where it is negative: what
    /// a shopper finds on looking who is asked about nothing that was just moved.
    fn amiss(&self, change: Grams) -> Option<InHand> {
        let mut more: BTreeMap<Sku, f64> = self.held().into_iter().map(|(sku, (_, grams))| (sku, grams)).collect();
        for line in self.view.iter().flat_map(|view| &view.lines) {
            let product = self.stage.catalog.product(&line.sku)?;
            *more.entry(line.sku.clone()).or_default() -= match line.quantity {
                Quantity::Pieces(pieces) => f64::from(pieces) * (product.weight.mean + product.tare).0,
                Quantity::Weighed(grams) => f64::from(grams.0),
            };
        }
        let off = |grams: f64| (grams - change.0).abs();
        let (sku, grams) = more.into_iter().min_by(|(_, one), (_, other)| off(*one).total_cmp(&off(*other)))?;
        (off(grams) <= 20.0 + 0.2 * change.0.abs()).then_some(InHand::Goods { sku })
    }

    /// Pieces and grams of each product in the emulated basket, as it truly is.
    fn held(&self) -> BTreeMap<Sku, (u32, f64)> {
        let mut held: BTreeMap<Sku, (u32, f64)> = BTreeMap::new();
        for (sku, mass) in self.stage.goods_inside() {
            let entry = held.entry(sku).or_default();
            entry.0 += 1;
            entry.1 += mass.0;
        }
        held
    }

    fn question(&self) -> Option<&Question> {
        match self.page() {
            Some(Page::Ask(question) | Page::Browse(question)) => Some(question),
            _ => None,
        }
    }

    fn page(&self) -> Option<&Page> {
        self.view.as_ref().map(|view| &view.page)
    }

    /// Answers the question on the screen by touching it: with what is said, else with the truth.
    fn answer(&mut self, said: Option<InHand>) -> Result<(), Failure> {
        self.wait_for("a question", |player| player.question().is_some())?;
        let Some(question) = self.question().cloned() else { return Ok(()) };
        let moved = nearest(&self.open, question.change).map(|place| self.open[place].what.clone());
        let truth = || moved.or_else(|| self.amiss(question.change)).unwrap_or(InHand::OwnThing);
        let answer = said.unwrap_or_else(truth);
        self.questions += 1;
        let listed = matches!(self.page(), Some(Page::Browse(_)));
        let names: Vec<String> = match listed {
            true => question.likely.iter().map(|sku| self.name(sku)).collect(),
            false => question.options.iter().map(|option| self.name(&option.sku)).collect(),
        };
        self.say(&format!("  the cart asks ({}): {}", question.change, names.join(" / ")));
        let before = self.booked;
        self.pass(200)?;
        self.picture("question");
        match self.touch_answer(answer, &question, listed) {
            // What the camera sees late may answer a question while the shopper's finger is on its way.
            Err(_) if self.question().map(|open| open.id) != Some(question.id) && self.booked > before => {
                self.say("  the cart has found out meanwhile");
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(()) => self.wait_for("the answer to be booked", |player| player.booked > before),
        }
    }

    fn touch_answer(&mut self, answer: InHand, question: &Question, listed: bool) -> Result<(), Failure> {
        match answer {
            InHand::OwnThing => {
                self.say("  the shopper touches: not for sale, mine");
                self.tap("not-mine")?;
            }
            InHand::Goods { sku } if listed => {
                self.say(&format!("  the shopper touches in the list: {}", self.name(&sku)));
                self.tap_in_list(&sku)?;
            }
            InHand::Goods { sku } => match question.options.iter().position(|option| option.sku == sku) {
                Some(index) => {
                    self.say(&format!("  the shopper touches: {}", self.name(&sku)));
                    self.tap(&format!("option-{index}"))?;
                }
                None => {
                    self.say(&format!("  the shopper touches: something else, {}", self.name(&sku)));
                    self.tap("something-else")?;
                    self.wait_for("the page of all products", |player| matches!(player.page(), Some(Page::Browse(_))))?;
                    self.picture("browse");
                    if self.tap_in_list(&sku).is_err() {
                        self.say("  it is not there: the shopper goes back and touches: not for sale, mine");
                        self.tap("back")?;
                        self.wait_for("the question again", |player| player.question().is_some())?;
                        self.tap("not-mine")?;
                    }
                }
            },
        }
        Ok(())
    }

    /// Touches a product in the list of all, which may show the likely ones only.
    fn tap_in_list(&mut self, sku: &Sku) -> Result<(), Failure> {
        let tile = format!("tile-{sku}");
        self.tap(&tile).or_else(|_| {
            self.tap("group-0")?;
            self.tap(&tile)
        })
    }

    fn tap(&mut self, target: &str) -> Result<(), Failure> {
        self.pump()?;
        if self.screen.tap_target(target) {
            return Ok(());
        }
        // What is below the edge of a scrolled page is brought up as a finger would.
        let (width, height) = self.stage.screen_size;
        for _ in 0..40 {
            let (x, low, high) = (width as f32 / 2.0, height as f32 * 0.8, height as f32 * 0.45);
            self.screen.drag((x, low), (x, high));
            self.screen.advance(400);
            if self.screen.tap_target(target) {
                return Ok(());
            }
        }
        Err(Failure::Failed(format!("the screen shows nothing to touch named {target}")))
    }

    fn check_out(&mut self) -> Result<Receipt, Failure> {
        self.say("\ngoes to the checkout");
        self.pass(1500)?;
        self.picture("shopping");
        let until = self.now().plus_millis(PATIENCE_MS + 18_000);
        while !matches!(self.page(), Some(Page::Checkout)) {
            if self.now() > until {
                return Err(self.in_vain("the checkout page"));
            }
            // What is not yet booked is asked about first; then the button is pressed again.
            if self.question().is_some() {
                self.answer(None)?;
            } else {
                self.tap("to-checkout")?;
                self.pass(1000)?;
            }
        }
        self.picture("checkout");
        self.tap("pay")?;
        self.wait_for("the receipt", |player| matches!(player.page(), Some(Page::Receipt(_) | Page::Refused(_))))?;
        self.pass(300)?;
        self.picture("receipt");
        match self.page() {
            Some(Page::Receipt(shown)) => {
                // What counts is what the store has in its books, not what the cart remembers.
                let key = shown.key.clone();
                let held = self.stage.client.trip(&key).map_err(Failure::from_error)?;
                held.ok_or_else(|| Failure::Failed(format!("the store does not know trip {key}")))
            }
            Some(Page::Refused(reason)) => Err(Failure::Failed(format!("the store refused: {reason}"))),
            _ => Err(Failure::Failed("no receipt came".to_owned())),
        }
    }

    /// Compares the receipt with the emulated world: pieces exactly, weighed goods as well as the scale can know.
    fn differences(&self, receipt: &Receipt) -> Vec<String> {
        let mut sold: BTreeMap<Sku, (u32, f64)> = BTreeMap::new();
        for line in &receipt.basket.lines {
            let entry = sold.entry(line.sku.clone()).or_default();
            match line.quantity {
                Quantity::Pieces(pieces) => entry.0 += pieces,
                Quantity::Weighed(grams) => entry.1 += f64::from(grams.0),
            }
        }
        let held = self.held();
        let mut differences = Vec::new();
        for sku in sold.keys().chain(held.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (sold, held) = (sold.get(sku).copied().unwrap_or_default(), held.get(sku).copied().unwrap_or_default());
            let by_weight = self
                .stage
                .catalog
                .product(sku)
                .is_some_and(|product| matches!(product.price, crate::domain::catalog::Price::PerKg(_)));
            let same = if by_weight {
                // Each lot is weighed to a few grams; span and creep add some tenths of a percent.
                (sold.1 - held.1).abs() <= 6.0 * f64::from(held.0.max(1)) + 0.005 * held.1
            } else {
                sold.0 == held.0
            };
            if !same {
                let (sold, held) = if by_weight {
                    (format!("{:.0} g", sold.1), format!("{:.0} g", held.1))
                } else {
                    (sold.0.to_string(), held.0.to_string())
                };
                differences.push(format!("{sku}: {sold} on the receipt, {held} in the cart"));
            }
        }
        differences
    }

    fn wait_for(&mut self, what: &str, done: impl Fn(&Player) -> bool) -> Result<(), Failure> {
        let until = self.now().plus_millis(PATIENCE_MS + 18_000);
        while !done(self) {
            self.pump()?;
            if self.now() > until {
                return Err(self.in_vain(what));
            }
        }
        Ok(())
    }

    /// The failure of a wait, with what the screen says meanwhile.
    fn in_vain(&mut self, what: &str) -> Failure {
        self.picture("stuck");
        let shown = self.view.as_ref().map(|view| present(view, &self.stage.catalog, self.language));
        let silent = shown.as_ref().is_some_and(|shown| shown.page == PageView::Paying { silent: true });
        let banners = shown.into_iter().flat_map(|shown| shown.notices).map(|banner| banner.text);
        let page = silent.then(|| Words::in_language(self.language).silent_text.to_owned());
        let says: Vec<String> = banners.chain(page).collect();
        let says = if says.is_empty() { String::new() } else { format!("; the screen says: {}", says.join(" ")) };
        Failure::Failed(format!("waited in vain for {what}{says}"))
    }

    fn pass(&mut self, millis: u64) -> Result<(), Failure> {
        let until = self.now().plus_millis(millis);
        while self.now() < until {
            self.pump()?;
        }
        Ok(())
    }

    /// Takes in what the cart says, for a moment.
    fn pump(&mut self) -> Result<(), Failure> {
        if !self.cart.is_alive() {
            return Err(Failure::Failed("the cart has stopped; its journal cannot be written".to_owned()));
        }
        if self.store_back_at.is_some_and(|at| at <= self.now()) {
            self.store_back_at = None;
            self.say("  (the store's server is back)");
            self.stage.stop_store(false)?;
        }
        let mut heard = self.heard.recv_timeout(Duration::from_millis(20)).ok();
        while let Some(next) = heard {
            match next {
                Heard::View(view, catalog) => {
                    self.screen.screen().handle().show((*view).clone(), catalog);
                    self.view = Some(*view);
                }
                Heard::Booked(entry) => self.note(&entry),
            }
            heard = self.heard.try_recv().ok();
        }
        self.screen.settle();
        Ok(())
    }

    /// Prints a booked entry with its evidence.
    fn note(&mut self, entry: &LedgerEntry) {
        // What only puts a line right is nothing that the shopper did.
        if !matches!(entry.movement, Movement::Corrected { .. }) {
            self.booked += 1;
            if let Some(place) = nearest(&self.open, entry.evidence.change) {
                self.open.remove(place);
            }
        }
        let what = match &entry.movement {
            Movement::Added { sku, quantity, .. } => format!("+ {quantity} {}", self.name(sku)),
            Movement::Corrected { line, quantity } => format!("line {} holds {quantity} after all", line.0),
            Movement::Removed { line, quantity } => format!("- {quantity} of line {}", line.0),
            Movement::Tared { line, tare, .. } => format!("container of {} g off line {}", tare.0, line.0),
            Movement::OwnThing { mass } => format!("own thing of {mass}, not sold"),
        };
        let evidence = &entry.evidence;
        let candidates: Vec<String> = evidence
            .candidates
            .iter()
            .take(3)
            .map(|(sku, probability)| format!("{sku} {:.1} %", probability * 100.0))
            .collect();
        let from_drop = self.stage.last_contact().map(|contact| entry.at.millis_since(contact));
        let time = from_drop.map_or_else(String::new, |millis| format!(", {millis} ms after it touched the basket"));
        if !evidence.settled_by.is_answer() {
            self.drop_to_line_ms.extend(from_drop);
        }
        self.say(&format!(
            "  {what}   [{:?}: {:+.1} g +- {:.1}; {}{time}]",
            evidence.settled_by,
            evidence.change.0,
            evidence.margin.0,
            candidates.join(", ")
        ));
        self.picture("booked");
    }

    /// Saves what the screen and the camera show.
    fn picture(&mut self, what: &str) {
        self.pictures += 1;
        let stem = format!("{:02}-{what}", self.pictures);
        let saved = self.screen.snapshot().save(&self.out.join(format!("{stem}-screen.png")));
        let camera = self.cart.picture.lock().map(|frame| frame.clone()).unwrap_or_default();
        let seen = save_frame(&camera, &self.out.join(format!("{stem}-camera.png")));
        if let Err(error) = saved.and(seen) {
            tracing::warn!("a picture cannot be saved: {error}");
        }
    }
}

fn save_frame(frame: &crate::ports::Frame, path: &Path) -> Result<(), image::ImageError> {
    if frame.width == 0 {
        return Ok(());
    }
    image::save_buffer(path, &frame.rgb, frame.width, frame.height, image::ExtendedColorType::Rgb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_about_what_weighs_about_as_much_and_went_the_same_way() {
        let moved = |grams: f64| Moved { number: 1, what: InHand::OwnThing, change: Grams(grams) };
        let open = [moved(439.0), moved(1_032.0), moved(-440.0)];
        for (asked, place) in [(441.0, Some(0)), (1_030.0, Some(1)), (-200.0, Some(2))] {
            assert_eq!(nearest(&open, Grams(asked)), place, "{asked} g");
        }
        assert_eq!(nearest(&open[..2], Grams(-440.0)), None);
    }
}
