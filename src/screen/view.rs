//! The view model: everything that the screen shows, as ready strings in one language. No window, no decisions.

use crate::domain::basket::LineId;
use crate::domain::catalog::Language;
use crate::domain::units::Sku;

/// All that the screen shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ScreenView {
    /// The language of every string in it.
    pub language: Language,
    /// The page and what only it shows.
    pub page: PageView,
    /// The lines, newest first.
    pub lines: Vec<LineRow>,
    /// Their sum; on the receipt page what the store computed.
    pub total: String,
    /// How many articles were bought, for example `5 Artikel`.
    pub count: String,
    /// The last change, while it is new.
    pub change: Option<ChangeCard>,
    /// Standing messages, the gravest first.
    pub notices: Vec<Banner>,
    /// What staff have to look at; shown to them alone.
    pub look: Vec<LookRow>,
    /// A message of lasting kind for the foot of the page.
    pub footnote: Option<String>,
    /// Whether nothing can be put in for now.
    pub paused: bool,
    /// Whether the load moves right now.
    pub settling: bool,
    /// Whether a member of staff is on the way.
    pub staff_called: bool,
}

/// One page of the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum PageView {
    /// Between trips.
    Welcome {
        /// Products whose pictures decorate the page.
        showcase: Vec<Tile>,
    },
    /// Lines and total.
    Shopping,
    /// A question with pictures.
    Ask(QuestionCard),
    /// Every product that can answer a question.
    Browse(Shelf),
    /// Ready to pay.
    Checkout {
        /// The tax contained in the total.
        vat: String,
    },
    /// The trip is on its way to the store.
    Paying {
        /// Whether the store has not answered.
        silent: bool,
    },
    /// The store said no.
    Refused {
        /// Why.
        reason: String,
    },
    /// Paid.
    Receipt(ReceiptCard),
}

/// One line of the basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    /// The key of its picture.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// How much.
    pub quantity: String,
    /// What one piece or kilogram costs.
    pub unit_price: String,
    /// What the line costs.
    pub price: String,
    /// Whether it is the line that changed last.
    pub fresh: bool,
}

/// One thing that staff have to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookRow {
    /// The key of its picture, where it is, or looks like, a product.
    pub sku: Option<Sku>,
    /// What it is.
    pub name: String,
    /// Why it has to be looked at.
    pub reason: String,
}

/// What kind of change the last one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Goods came in.
    Added,
    /// Goods went out.
    Removed,
    /// A thing of the shopper's own.
    OwnThing,
}

/// The last change, shown large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeCard {
    /// Its kind.
    pub kind: ChangeKind,
    /// The key of its picture, where a product changed.
    pub sku: Option<Sku>,
    /// `Added`, `Taken out`.
    pub headline: String,
    /// The product, or what happened.
    pub name: String,
    /// How much, with the tare of weighed goods; empty where it makes no sense.
    pub quantity: String,
    /// Price of a kilogram; empty where nothing was weighed.
    pub unit_price: String,
    /// What it costs or gives back; empty where it makes no sense.
    pub price: String,
    /// The line that a container can be named for.
    pub line: Option<LineId>,
    /// The containers to choose from; empty where there is nothing to choose.
    pub containers: Vec<String>,
}

/// A standing message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner {
    /// Whether something is wrong, rather than merely worth knowing.
    pub trouble: bool,
    /// The message.
    pub text: String,
}

/// One answer of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionCard {
    /// The key of its picture.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// How much, with the tare of weighed goods.
    pub quantity: String,
    /// Price of a kilogram; empty where nothing was weighed.
    pub unit_price: String,
    /// What it would cost or give back, or why it has no price.
    pub price: String,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionCard {
    /// Its number.
    pub id: u32,
    /// The question itself.
    pub title: String,
    /// What the scale felt.
    pub hint: String,
    /// At most three answers.
    pub options: Vec<OptionCard>,
    /// Whether the answers differ in number rather than in product.
    pub counting: bool,
    /// Whether it is about what was put in, which may be several things.
    pub put_in: bool,
    /// Whether it is no question: one of several things shall be taken out again.
    pub take_one_out: bool,
    /// The containers to choose from, first that there is none; empty where there is nothing to choose.
    pub containers: Vec<String>,
    /// Which of them is chosen.
    pub container: usize,
}

/// A product with its picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// The product, and the key of its picture.
    pub sku: Sku,
    /// Its name.
    pub name: String,
    /// Its price.
    pub price: String,
    /// Its group's key.
    pub group: String,
}

/// A group of products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The catalogue's key of it.
    pub key: String,
    /// Its name.
    pub label: String,
}

/// The products that a question can be answered with, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    /// The question that is answered.
    pub question: u32,
    /// The question itself.
    pub title: String,
    /// The products in the order of their names.
    pub tiles: Vec<Tile>,
    /// The groups that these products belong to; first the likely ones, where there are any.
    pub groups: Vec<Group>,
    /// What may answer the question, the most probable first.
    pub likely: Vec<Sku>,
    /// Whether something was put in.
    pub put_in: bool,
}

/// The key of the group of likely products; no group of a catalogue is named so.
pub const LIKELY: &str = "?";

impl Shelf {
    /// The products of one group, or all of them.
    pub fn of_group(&self, group: Option<&str>) -> Vec<&Tile> {
        if group == Some(LIKELY) {
            return self.likely.iter().filter_map(|sku| self.tiles.iter().find(|tile| tile.sku == *sku)).collect();
        }
        self.tiles.iter().filter(|tile| group.is_none_or(|group| tile.group == group)).collect()
    }
}

/// The first letter of a name as an index writes it: a capital without dots.
pub fn initial(name: &str) -> char {
    sort_key(name).chars().next().and_then(|letter| letter.to_uppercase().next()).unwrap_or('#')
}

/// A name as an index sorts it: small letters, umlauts as their vowels.
pub fn sort_key(name: &str) -> String {
    let mut key = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' | 'à' | 'â' | 'á' => key.push('a'),
            'ö' | 'ô' | 'ó' => key.push('o'),
            'ü' | 'ù' | 'û' | 'ú' => key.push('u'),
            'é' | 'è' | 'ê' => key.push('e'),
            'ç' => key.push('c'),
            'ñ' => key.push('n'),
            'ß' => key.push_str("ss"),
            letter => key.push(letter),
        }
    }
    key
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptCard {
    /// The store's number of it.
    pub number: String,
    /// When it was booked.
    pub booked_at: String,
    /// The tax contained in the total.
    pub vat: String,
    /// Where people can read it: the QR code's text.
    pub url: String,
}
