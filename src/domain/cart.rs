//! The cart: one state machine, one owner of the state. Inputs are past events, outputs are orders.
//!
//! This file holds its vocabulary; `cart/machine.rs` its state, `cart/changes.rs` what becomes of changes of the load,
//! `cart/late.rs` what of a line's weight comes when it is booked already,
//! `cart/answers.rs` what the shopper presses and the ledger, `cart/weighing.rs` what is sold by weight,
//! `cart/paying.rs` its checkout, `cart/view.rs` what it shows.

mod answers;
mod changes;
mod late;
mod machine;
mod paying;
mod view;
mod weighing;

pub use machine::{Cart, CartSettings, RestoreError};

use super::basket::{LedgerEntry, LineId};
use super::catalog::Restriction;
use super::checkout::{Receipt, StoreAnswer, TripKey, TripOrder};
use super::fusion::{CodeSighting, Sighting};
use super::pricing::Quantity;
use super::settle::{ScaleFault, SettledChange};
use super::units::{Grams, Money, Sku, Stamp};
use super::weighing::{HowWeighed, Unweighed};
use serde::{Deserialize, Serialize};

/// Why the camera's pictures cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CameraFault {
    /// No picture comes.
    Lost,
    /// Something covers the lens, or it is dark.
    Covered,
}

/// What the shopper pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Press {
    /// Welcome page: begin a trip.
    Start,
    /// Question: the option with this index (from 0).
    Choose {
        /// The question that was on the screen.
        question: u32,
        /// Which of its options.
        option: usize,
    },
    /// Question: none of the pictures; show everything.
    SomethingElse {
        /// The question that was on the screen.
        question: u32,
    },
    /// Browse page: this product.
    Pick {
        /// The question that is answered.
        question: u32,
        /// The product.
        sku: Sku,
    },
    /// Question: it was more than one thing. The cart then waits for one of them to be taken out again, so that each is
    /// weighed by itself.
    Several {
        /// The question that was on the screen.
        question: u32,
    },
    /// Question: the thing is the shopper's own.
    NotMine {
        /// The question that was on the screen.
        question: u32,
    },
    /// Question: the goods lie in this container of the catalogue's list (from 0), or in none.
    Container {
        /// The question that was on the screen.
        question: u32,
        /// Which container.
        container: Option<usize>,
    },
    /// Shopping page: the goods of the line that was booked last lie in this container.
    TakeOff {
        /// The line.
        line: LineId,
        /// Which container of the catalogue's list, from 0.
        container: usize,
    },
    /// Shopping page: to the checkout page.
    ToCheckout,
    /// Checkout or browse page: back.
    Back,
    /// Checkout page: pay.
    Pay,
    /// Receipt page: the next shopper.
    Finish,
    /// Call a member of staff, from any page.
    CallStaff,
    /// A member of staff has dealt with it.
    StaffDone,
}

/// Everything that reaches the cart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CartInput {
    /// The load began to move.
    LoadDisturbed,
    /// The load is quiet again; the change may be nothing.
    LoadSettled(SettledChange),
    /// The scale cannot be used.
    ScaleFaulted(ScaleFault),
    /// The scale can be used again.
    ScaleRecovered {
        /// The load now.
        load: Grams,
    },
    /// Something began to move in view.
    ViewMoved,
    /// The view is still again, and nothing in it has changed.
    ViewStilled,
    /// The view is still again, and something in it has changed.
    Sighted(Sighting),
    /// A code was read.
    CodeSeen(CodeSighting),
    /// The camera cannot be used.
    CameraFaulted(CameraFault),
    /// The camera can be used: its first picture has come, or its fault is over.
    CameraRecovered,
    /// The shopper pressed something.
    Pressed(Press),
    /// The store answered, or did not.
    StoreAnswered(StoreAnswer),
    /// The moment named by `next_timeout` has come.
    Ticked,
}

/// What must survive a pulled battery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JournalEntry {
    /// A trip began.
    TripStarted {
        /// Its key, used at checkout.
        key: TripKey,
    },
    /// The ledger grew.
    Booked(LedgerEntry),
    /// The trip is about to be posted for the first time.
    CheckoutStarted(TripOrder),
    /// The store booked it.
    CheckoutConfirmed(Receipt),
    /// The store refused it.
    CheckoutRefused {
        /// Why, for people.
        reason: String,
        /// The key of the next attempt.
        next: TripKey,
    },
    /// The trip is over.
    TripEnded,
}

/// What the cart orders to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CartOutput {
    /// Write this down durably before anything that follows it.
    Journal(JournalEntry),
    /// The screen has something new: fetch `Cart::view`.
    Show,
    /// Make this sound.
    Play(Sound),
    /// Post this trip.
    PostTrip(TripOrder),
    /// Ask the store what became of this trip.
    AskTrip(TripKey),
}

/// The cart's sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sound {
    /// A line was booked.
    Booked,
    /// A line went out.
    Removed,
    /// A question waits.
    Question,
    /// Something is wrong.
    Trouble,
    /// Paid.
    Paid,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum QuestionKind {
    /// What was put in?
    PutIn,
    /// Which line was taken out?
    TakenOut,
    /// How many pieces of this product were put in?
    HowMany(Sku),
    /// No question: one of several things shall be taken out again, to be weighed by itself.
    TakeOneOut,
    /// No question: something went out while something else came in; what came in shall be taken out again, so that both are
    /// weighed by themselves.
    TakeOutAgain,
}

impl QuestionKind {
    /// Whether it is no question, but bids to take something out again.
    pub fn is_bidding(&self) -> bool {
        matches!(self, QuestionKind::TakeOneOut | QuestionKind::TakeOutAgain)
    }
}

/// One answer that a question offers, with its picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// The product.
    pub sku: Sku,
    /// How much of it would be booked, net.
    pub quantity: Quantity,
    /// Price of one piece or kilogram.
    pub unit_price: Money,
    /// What it would cost, or give back; or why it has no price.
    pub price: Result<Money, Unweighed>,
    /// How it was weighed, where it would be opened with a weight.
    pub weighed: Option<HowWeighed>,
    /// The line it would be taken out of.
    pub line: Option<LineId>,
}

/// A question on the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its number; an answer names it so that a late tap answers nothing else.
    pub id: u32,
    /// What it is about.
    pub kind: QuestionKind,
    /// The settled change it is about.
    pub change: Grams,
    /// At most three, the most probable first.
    pub options: Vec<QuestionOption>,
    /// How probable it is that one of them is what was put in, unless that is the shopper's own.
    pub offered: f64,
    /// Products that may have been put in, the most probable first: they head the list of all.
    pub likely: Vec<Sku>,
    /// Whether the list of all is shown at once, for the options say too little.
    pub open: bool,
    /// Whether a container can be named.
    pub offers_containers: bool,
    /// The container of the catalogue's list that the shopper named.
    pub container: Option<usize>,
}

/// One line as the screen shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineView {
    /// Its name.
    pub id: LineId,
    /// The product.
    pub sku: Sku,
    /// How much.
    pub quantity: Quantity,
    /// Price of one piece or kilogram.
    pub unit_price: Money,
    /// Price of the line.
    pub price: Money,
    /// How it was weighed, where it is sold by weight.
    pub weighed: Option<HowWeighed>,
    /// Whether a container can still be named for it.
    pub takes_container: bool,
}

/// The last thing that changed, shown large for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LastChange {
    /// This line came in.
    Added(LineView),
    /// So much of this product went out.
    Removed {
        /// The product.
        sku: Sku,
        /// How much.
        quantity: Quantity,
        /// What it gives back.
        price: Money,
    },
    /// A thing of the shopper's own was noted.
    OwnThing,
}

/// A standing message to the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// The scale is at fault; nothing is booked.
    ScaleFault(ScaleFault),
    /// The camera is at fault; the cart asks.
    CameraFault(CameraFault),
    /// The load moves: wait.
    Settling,
    /// A member of staff is on the way.
    StaffCalled,
    /// A member of staff has to look into the basket before it can be paid.
    StaffFirst,
    /// The store did not answer; the cart keeps trying.
    StoreSilent,
    /// What the question is about cannot be priced by its weight.
    Unweighed(Unweighed),
    /// Prices come from the demonstration: the scale is not legal for trade.
    DemoWeighing,
    /// Goods sold by weight need a label: the cart's own scale verifies only.
    LabelsOnly,
}

/// What staff have to look at before the trip is paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LookAt {
    /// The shopper says that this is in, and that something else went out for it.
    CameIn {
        /// The product.
        sku: Sku,
        /// How much of it.
        quantity: Quantity,
    },
    /// The shopper says that this went out.
    WentOut {
        /// The product.
        sku: Sku,
        /// How much of it.
        quantity: Quantity,
    },
    /// The shopper says that this is their own.
    OwnThing {
        /// Its mass.
        mass: Grams,
        /// The product that it looks and weighs like most.
        like: Option<Sku>,
    },
    /// So much more (positive) or less lies in the basket than its lines explain.
    Unexplained(Grams),
    /// The product is not sold to everybody, or not as it is.
    Restricted {
        /// The product.
        sku: Sku,
        /// What has to be done.
        restriction: Restriction,
    },
}

/// The page on the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Page {
    /// Between trips.
    Welcome,
    /// Lines and total.
    Shopping,
    /// A question with pictures.
    Ask(Question),
    /// Every product, to answer a question with "something else".
    Browse(Question),
    /// Ready to pay: lines and total once more.
    Checkout,
    /// The trip is being posted, or its outcome is unknown.
    Paying,
    /// Refused by the store, with its reason.
    Refused(String),
    /// Paid.
    Receipt(Receipt),
}

/// All that the screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CartView {
    /// The page.
    pub page: Page,
    /// The lines, oldest first.
    pub lines: Vec<LineView>,
    /// Their sum.
    pub total: Money,
    /// The last change, for a few seconds.
    pub last_change: Option<LastChange>,
    /// Standing messages, the gravest first.
    pub notices: Vec<Notice>,
    /// What staff have to look at, for their eyes alone.
    pub look: Vec<LookAt>,
    /// The load on the scale, where it is known and quiet.
    pub load: Option<Grams>,
    /// The moment the view was true.
    pub at: Stamp,
}
