//! What the codes on goods say, by the GS1 General Specifications: numbers, element strings, Digital Links and the
//! numbers that a store makes itself for goods of varying weight.
//!
//! Text in, facts out. What no rule explains is no fact: a wrong check digit is never repaired.

use super::units::{Grams, Gtin};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// FNC1 within an element string, as readers hand it over: it ends an element of variable length.
const SEPARATOR: char = '\u{1d}';
/// One avoirdupois pound in grams (exact, international yard and pound agreement of 1959).
const POUND_GRAMS: f64 = 453.592_37;

/// What a code says about the thing that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CodeFacts {
    /// The product; for a number of the store's own, with zeros where the weight or price stood.
    pub gtin: Option<Gtin>,
    /// Net weight of this very piece, where the code gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Grams>,
    /// Price of this very piece, where the code gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payable: Option<Decimal>,
}

impl CodeFacts {
    /// Adds what another code of the same product says; what is known already stays.
    pub fn add(&mut self, other: CodeFacts) {
        self.net = self.net.or(other.net);
        self.payable = self.payable.or(other.payable);
    }
}

/// A number with so many of its digits behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decimal {
    /// All digits.
    pub digits: u64,
    /// How many of them are behind the point.
    pub places: u8,
}

impl Decimal {
    fn as_f64(self) -> f64 {
        self.digits as f64 / 10f64.powi(i32::from(self.places))
    }

    /// So many kilograms; whole grams come out whole.
    fn kilograms(self) -> Grams {
        let thousandth = Decimal { places: self.places.saturating_sub(3), ..self };
        Grams(thousandth.as_f64() * 10f64.powi(3 - i32::from(self.places.min(3))))
    }
}

/// What the variable part of a store's own number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Embedded {
    /// Kilograms.
    Weight,
    /// The price of the piece.
    Price,
}

/// How a store numbers goods of varying weight: 13 digits that begin with 02 or 20 to 29, then the item, perhaps a check
/// digit of the value, the value, and the check digit of all. Each country and store has its own layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "InStoreRuleText")]
pub struct InStoreRule {
    prefix: u8,
    value_digits: u8,
    places: u8,
    embedded: Embedded,
}

/// The rule as the configuration writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InStoreRuleText {
    prefix: String,
    value_digits: u8,
    decimals: u8,
    value: Embedded,
}

impl TryFrom<InStoreRuleText> for InStoreRule {
    type Error = Gs1Error;
    fn try_from(text: InStoreRuleText) -> Result<InStoreRule, Gs1Error> {
        InStoreRule::new(&text.prefix, text.value_digits, text.decimals, text.value)
    }
}

impl InStoreRule {
    /// A rule for numbers that begin with `prefix` and end with a value of so many digits, so many of them behind the point,
    /// before the check digit.
    ///
    /// # Errors
    /// [`Gs1Error::Rule`] for a prefix other than 02 and 20 to 29, or a value of other than 4 to 6 digits.
    pub fn new(prefix: &str, value_digits: u8, places: u8, embedded: Embedded) -> Result<InStoreRule, Gs1Error> {
        let wrong = |reason: &str| Gs1Error::Rule { prefix: prefix.to_owned(), reason: reason.to_owned() };
        let number = prefix.parse().ok().filter(|n| prefix.len() == 2 && (*n == 2 || (20..=29).contains(n)));
        let prefix = number.ok_or_else(|| wrong("a store's own numbers begin with 02 or 20 to 29"))?;
        if !(4..=6).contains(&value_digits) || places > value_digits {
            return Err(wrong("the value has 4 to 6 digits, and no more than that behind the point"));
        }
        Ok(InStoreRule { prefix, value_digits, places, embedded })
    }

    /// The facts in a number that the rule is for; `None` for any other.
    fn read(&self, number: &str) -> Option<CodeFacts> {
        if number.len() != 13 || number.get(..2)?.parse() != Ok(self.prefix) || number.parse::<Gtin>().is_err() {
            return None;
        }
        let start = 12 - usize::from(self.value_digits);
        let value = Decimal { digits: number.get(start..12)?.parse().ok()?, places: self.places };
        let gtin = with_check_digit(&format!("{}{}", &number[..start], "0".repeat(12 - start)))?;
        let facts = CodeFacts { gtin: Some(gtin), ..CodeFacts::default() };
        Some(match self.embedded {
            Embedded::Weight => CodeFacts { net: Some(value.kilograms()), ..facts },
            Embedded::Price => CodeFacts { payable: Some(value), ..facts },
        })
    }
}

/// Why a text is no GS1 code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Gs1Error {
    /// An application identifier that the specification does not know, or none at all.
    #[error("no application identifier begins at {rest:?}")]
    UnknownIdentifier {
        /// The text from there on.
        rest: String,
    },
    /// An element is shorter or longer than its identifier allows, or holds other characters.
    #[error("({ai}) cannot hold {value:?}")]
    WrongValue {
        /// The application identifier.
        ai: String,
        /// The text in it.
        value: String,
    },
    /// A rule for a store's own numbers makes no sense.
    #[error("the rule for numbers that begin with {prefix:?} cannot be: {reason}")]
    Rule {
        /// The prefix as it was given.
        prefix: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// One element: an application identifier and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// The application identifier, for example `01`.
    pub ai: &'a str,
    /// What it holds.
    pub value: &'a str,
}

/// Everything that the text of a code says: a bare number, an element string (plain or with brackets), or a Digital Link.
/// The store's own rules explain its own numbers. `None` where no product can be told.
pub fn facts_in(text: &str, rules: &[InStoreRule]) -> Option<CodeFacts> {
    if let Some(facts) = rules.iter().find_map(|rule| rule.read(text)) {
        return Some(facts);
    }
    if let Ok(gtin) = text.parse() {
        return Some(CodeFacts { gtin: Some(gtin), ..CodeFacts::default() });
    }
    let facts = match digital_link(text) {
        Some(elements) => facts_of(elements.iter().map(|(ai, value)| (ai.as_str(), value.as_str()))),
        None => facts_of(elements(text).ok()?.iter().map(|element| (element.ai, element.value))),
    };
    facts.gtin.is_some().then_some(facts)
}

fn facts_of<'a>(elements: impl Iterator<Item = (&'a str, &'a str)>) -> CodeFacts {
    let mut facts = CodeFacts::default();
    for (ai, value) in elements {
        let decimal = |value: &str| {
            let places = ai.as_bytes().get(3).filter(|digit| digit.is_ascii_digit())? - b'0';
            Some(Decimal { digits: value.parse().ok()?, places })
        };
        match ai {
            "01" | "02" => facts.gtin = facts.gtin.or(value.parse().ok()),
            _ if ai.starts_with("310") => facts.net = decimal(value).map(Decimal::kilograms),
            _ if ai.starts_with("320") && facts.net.is_none() => {
                facts.net = decimal(value).map(|pounds| Grams(pounds.as_f64() * POUND_GRAMS));
            }
            _ if ai.starts_with("392") => facts.payable = decimal(value),
            // The price with its currency: three digits of ISO 4217 before it.
            _ if ai.starts_with("393") => facts.payable = value.get(3..).and_then(decimal),
            _ => {}
        }
    }
    facts
}

/// How long an application identifier is, and its value: digits only (`n`) or any characters, exactly or at most.
struct Shape {
    ai: usize,
    least: usize,
    most: usize,
    digits: bool,
}

/// Shapes by the first digits of the identifier (GS1 General Specifications, section 3.2).
fn shape_of(text: &str) -> Option<Shape> {
    let exact = |ai: usize, length: usize| Some(Shape { ai, least: length, most: length, digits: true });
    let text_of = |ai: usize, most: usize| Some(Shape { ai, least: 1, most, digits: false });
    let digits_of = |ai: usize, least: usize, most: usize| Some(Shape { ai, least, most, digits: true });
    let two = text.get(..2)?;
    match two {
        "00" => exact(2, 18),
        "01" | "02" | "03" => exact(2, 14),
        "11" | "12" | "13" | "15" | "16" | "17" => exact(2, 6),
        "20" => exact(2, 2),
        "10" | "21" | "22" => text_of(2, 20),
        "23" | "24" | "25" => text_of(3, 30),
        "30" | "37" => digits_of(2, 1, 8),
        "31" | "32" | "33" | "34" | "35" | "36" => exact(4, 6),
        "39" => match text.get(2..3)? {
            "0" | "2" => digits_of(4, 1, 15),
            "1" | "3" => digits_of(4, 4, 18),
            "4" => exact(4, 4),
            "5" => exact(4, 6),
            _ => None,
        },
        "40" => text_of(3, 30),
        "41" => exact(3, 13),
        "42" => text_of(3, 20),
        "43" => text_of(4, 90),
        "70" | "72" | "80" | "81" | "82" => text_of(4, 70),
        "71" => text_of(3, 20),
        "90" | "91" | "92" | "93" | "94" | "95" | "96" | "97" | "98" | "99" => text_of(2, 90),
        _ => None,
    }
}

/// Two digits that begin an identifier whose elements have a fixed length and need no separator behind them (GS1 General
/// Specifications, figure 7.8.5-2).
fn needs_no_separator(two: &str) -> bool {
    matches!(
        two,
        "00" | "01"
            | "02"
            | "03"
            | "04"
            | "11"
            | "12"
            | "13"
            | "14"
            | "15"
            | "16"
            | "17"
            | "18"
            | "19"
            | "20"
            | "31"
            | "32"
            | "33"
            | "34"
            | "35"
            | "36"
            | "41"
    )
}

/// The elements of an element string: with separators, as readers give it, or with brackets, as people write it.
///
/// # Errors
/// [`Gs1Error`] at the first place that the specification does not allow.
pub fn elements(text: &str) -> Result<Vec<Element<'_>>, Gs1Error> {
    // The reader's word for the symbology may stand in front.
    let mut rest = ["]C1", "]e0", "]d2", "]Q3", "]J1"].iter().find_map(|id| text.strip_prefix(id)).unwrap_or(text);
    rest = rest.strip_prefix(SEPARATOR).unwrap_or(rest);
    let bracketed = rest.starts_with('(');
    let mut found = Vec::new();
    while !rest.is_empty() {
        let unknown = || Gs1Error::UnknownIdentifier { rest: rest.to_owned() };
        let (ai, value, next) = if bracketed {
            let (ai, after) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(unknown)?;
            let end = after.find('(').unwrap_or(after.len());
            (ai, &after[..end], &after[end..])
        } else {
            let shape = shape_of(rest).ok_or_else(unknown)?;
            let (ai, after) = rest.split_at_checked(shape.ai).ok_or_else(unknown)?;
            let end = if needs_no_separator(&rest[..2]) {
                shape.most.min(after.len())
            } else {
                after.find(SEPARATOR).unwrap_or(after.len())
            };
            let wrong = || Gs1Error::WrongValue { ai: ai.to_owned(), value: after.to_owned() };
            let (value, next) = after.split_at_checked(end).ok_or_else(wrong)?;
            (ai, value, next.strip_prefix(SEPARATOR).unwrap_or(next))
        };
        check(ai, value)?;
        found.push(Element { ai, value });
        rest = next;
    }
    if found.is_empty() {
        return Err(Gs1Error::UnknownIdentifier { rest: String::new() });
    }
    Ok(found)
}

/// Whether an element may be so.
fn check(ai: &str, value: &str) -> Result<(), Gs1Error> {
    let unknown = || Gs1Error::UnknownIdentifier { rest: ai.to_owned() };
    let shape = shape_of(ai).filter(|shape| shape.ai == ai.len()).ok_or_else(unknown)?;
    let digits = ai.bytes().all(|byte| byte.is_ascii_digit());
    let length = (shape.least..=shape.most).contains(&value.len());
    let characters =
        value.bytes().all(|byte| if shape.digits { byte.is_ascii_digit() } else { byte.is_ascii_graphic() });
    let number = !matches!(ai, "01" | "02") || value.parse::<Gtin>().is_ok();
    if digits && length && characters && number {
        return Ok(());
    }
    Err(Gs1Error::WrongValue { ai: ai.to_owned(), value: value.to_owned() })
}

/// The elements of a GS1 Digital Link URI (GS1 Digital Link standard: URI syntax): keys and values in the path from the
/// product's key on, attributes in the query. `None` where the text is no such link.
pub fn digital_link(text: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parts: Vec<&str> = path.split('/').skip(1).filter(|part| !part.is_empty()).collect();
    // The store's own words may stand before the product's key.
    let key = parts.iter().position(|part| matches!(*part, "01" | "gtin"))?;
    let mut found = Vec::new();
    for pair in parts[key..].chunks(2) {
        let [name, value] = pair else { return None };
        let ai = match *name {
            "gtin" => "01",
            "lot" => "10",
            "ser" => "21",
            "cpv" => "22",
            other => other,
        };
        found.push((ai.to_owned(), decoded(value)?));
    }
    for pair in query.split(['&', ';']) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        // Words that are no identifiers are the shop's own.
        if name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push((name.to_owned(), decoded(value)?));
        }
    }
    // A shorter number may stand for the product.
    let valid = found.iter().all(
        |(ai, value)| {
            if ai == "01" { value.parse::<Gtin>().is_ok() } else { check(ai, value).is_ok() }
        },
    );
    valid.then_some(found)
}

/// Percent-decoded; `None` where that gives no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The number with its check digit behind it (GS1 General Specifications, section 7.9: weights 3 and 1 from the right).
fn with_check_digit(digits: &str) -> Option<Gtin> {
    (0..10).find_map(|check| format!("{digits}{check}").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtin(text: &str) -> Option<Gtin> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_code_says_which_product_it_is_and_perhaps_what_this_piece_weighs_or_costs() {
        let nothing = CodeFacts::default();
        let plain = CodeFacts { gtin: gtin("4006381333931"), ..nothing };
        let price = |digits, places| Some(Decimal { digits, places });
        for (text, expected) in [
            ("4006381333931", plain),
            ("04006381333931", plain),
            ("0104006381333931", plain),
            ("\u{1d}010400638133393117251231", plain),
            ("]d20104006381333931", plain),
            ("]e00104006381333931", plain),
            ("(01)04006381333931(10)A", plain),
            ("010400638133393110LOT7\u{1d}3103001234", CodeFacts { net: Some(Grams(1234.0)), ..plain }),
            ("01040063813339313102001234", CodeFacts { net: Some(Grams(12_340.0)), ..plain }),
            ("(01)04006381333931(3201)000100", CodeFacts { net: Some(Grams(4535.9237)), ..plain }),
            ("01040063813339313922599\u{1d}10A", CodeFacts { payable: price(599, 2), ..plain }),
            ("01040063813339313932978599", CodeFacts { payable: price(599, 2), ..plain }),
            ("https://id.example.org/01/04006381333931", plain),
            ("https://example.org/shop/01/04006381333931/10/ABC?17=251231", plain),
            ("HTTPS://EXAMPLE.ORG/gtin/4006381333931#x", plain),
            ("https://example.org/01/04006381333931?3103=000195&utm=x", CodeFacts { net: Some(Grams(195.0)), ..plain }),
            ("https://example.org/01/04006381333931/10/A%2FB", plain),
        ] {
            assert_eq!(facts_in(text, &[]), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_code_of_a_product_says_nothing() {
        for text in [
            "",
            "hello",
            "4006381333932",
            "https://example.org/01/04006381333932",
            "https://example.org/about",
            "https://example.org/01/04006381333931/10",
            "https://example.org/01/04006381333931/10/%G0",
            "https://example.org/01/04006381333931?3103=12",
            "https://",
            "ftp://example.org/01/04006381333931",
            "0104006381333932",
            "01040063813339",
            "01é4006381333931",
            "(01)04006381333931(3103)12345",
            "(01)04006381333931(3103",
            "010400638133393118251231",
            "10LOT7",
            "0104006381333931é",
        ] {
            assert_eq!(facts_in(text, &[]), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_element_string_is_named() {
        let wrong = |ai: &str, value: &str| Gs1Error::WrongValue { ai: ai.into(), value: value.into() };
        for (text, expected) in [
            ("0104006381333932", wrong("01", "04006381333932")),
            ("(17)2512", wrong("17", "2512")),
            ("(10)", wrong("10", "")),
            ("0104006381333931X7", Gs1Error::UnknownIdentifier { rest: "X7".into() }),
            ("", Gs1Error::UnknownIdentifier { rest: String::new() }),
        ] {
            assert_eq!(elements(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn the_stores_own_numbers_are_read_by_its_rules_alone() {
        let weight = InStoreRule::new("28", 5, 3, Embedded::Weight).unwrap();
        let price = InStoreRule::new("02", 4, 2, Embedded::Price).unwrap();
        let rules = [weight, price];
        let number = |digits: &str| with_check_digit(digits).unwrap().to_string();
        let by_weight = facts_in(&number("281234501250"), &rules).unwrap();
        assert_eq!((by_weight.gtin, by_weight.net), (gtin(&number("281234500000")), Some(Grams(1250.0))));
        let by_price = facts_in(&number("021234560499"), &rules).unwrap();
        assert_eq!(by_price.gtin, gtin(&number("021234560000")));
        assert_eq!(by_price.payable, Some(Decimal { digits: 499, places: 2 }));
        // Without a rule it is a number like any other.
        let bare = facts_in(&number("291234501250"), &rules).unwrap();
        assert_eq!((bare.gtin, bare.net), (gtin(&number("291234501250")), None));
        assert_eq!(facts_in("2812345012500", &rules), None, "its check digit is wrong");
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused() {
        for (prefix, digits, places) in
            [("30", 5, 3), ("2", 5, 3), ("2x", 5, 3), ("20", 3, 2), ("20", 7, 2), ("20", 5, 6)]
        {
            let refused = InStoreRule::new(prefix, digits, places, Embedded::Weight);
            assert!(matches!(refused, Err(Gs1Error::Rule { .. })), "{prefix} {digits} {places}");
        }
    }

    #[test]
    fn no_text_makes_it_stumble() {
        // Every cut of valid texts, and every byte of them changed.
        let texts = [
            "010400638133393110LOT7\u{1d}3103001234",
            "https://example.org/01/04006381333931/10/A%2FB?17=251231",
            "(01)04006381333931(10)A",
        ];
        for text in texts {
            for at in 0..text.len() {
                let _ = facts_in(&text[..at], &[]);
                for byte in ["\u{1d}", "é", "9", "(", "%", "/"] {
                    let _ = facts_in(&format!("{}{byte}{}", &text[..at], &text[at + 1..]), &[]);
                }
            }
        }
    }
}
