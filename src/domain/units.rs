//! Units and identifiers: everything the cart counts, weighs, prices or names.
//!
//! Pure values. A bare number never crosses a module boundary where one of these fits.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;
use std::sync::Arc;

/// A mass in grams as measured or as the catalogue states it. Not for price: see [`WeighedGrams`].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grams(pub f64);

impl Grams {
    /// The magnitude.
    pub fn abs(self) -> Grams {
        Grams(self.0.abs())
    }

    /// Whether it is nothing at all.
    pub fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl Add for Grams {
    type Output = Grams;
    fn add(self, other: Grams) -> Grams {
        Grams(self.0 + other.0)
    }
}

impl Sub for Grams {
    type Output = Grams;
    fn sub(self, other: Grams) -> Grams {
        Grams(self.0 - other.0)
    }
}

impl Neg for Grams {
    type Output = Grams;
    fn neg(self) -> Grams {
        Grams(-self.0)
    }
}

impl fmt::Display for Grams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} g", self.0)
    }
}

/// A whole number of grams as a price is computed from. A line is opened only with one that `weighing` vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeighedGrams(pub u32);

impl WeighedGrams {
    /// Rounds a measured mass to whole grams: what it may come to, not yet a weight for price. A negative mass is nothing.
    pub fn estimated(measured: Grams) -> WeighedGrams {
        WeighedGrams(measured.0.max(0.0).round() as u32)
    }
}

/// An ISO 4217 currency code, for example `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Currency = Currency(*b"EUR");

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Currency, String> {
        match code.as_bytes() {
            [a, b, c] if code.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(Currency([*a, *b, *c])),
            _ => Err(format!("currency code {code:?} is not three capital letters")),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

/// An amount of money: integer minor units (cents) and their currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units, for example cents.
    pub minor: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Money {
    /// An amount of nothing.
    pub fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    /// An amount in euro cents.
    pub fn eur_cents(minor: i64) -> Money {
        Money { minor, currency: Currency::EUR }
    }
}

impl Add for Money {
    type Output = Money;
    /// # Panics
    /// When the currencies differ: a basket has one currency, set by its catalogue.
    fn add(self, other: Money) -> Money {
        assert_eq!(self.currency, other.currency, "amounts of two currencies cannot be added");
        Money { minor: self.minor + other.minor, currency: self.currency }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(f, "{sign}{}.{:02} {}", minor / 100, minor % 100, self.currency.code())
    }
}

/// A moment on the cart's own steady clock, in microseconds since that clock began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u64);

impl Stamp {
    /// A stamp from whole milliseconds.
    pub fn from_millis(millis: u64) -> Stamp {
        Stamp(millis * 1000)
    }

    /// The stamp in whole milliseconds.
    pub fn millis(self) -> u64 {
        self.0 / 1000
    }

    /// The stamp in seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The stamp this many milliseconds later.
    pub fn plus_millis(self, millis: u64) -> Stamp {
        Stamp(self.0 + millis * 1000)
    }

    /// The stamp this many milliseconds earlier, not before the clock's begin.
    pub fn minus_millis(self, millis: u64) -> Stamp {
        Stamp(self.0.saturating_sub(millis * 1000))
    }

    /// Milliseconds from `earlier` to this stamp; 0 when it is not earlier.
    pub fn millis_since(self, earlier: Stamp) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

/// A store's own name of a product ("stock keeping unit").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sku(pub Arc<str>);

impl Sku {
    /// A SKU from its text.
    pub fn new(text: impl AsRef<str>) -> Sku {
        Sku(Arc::from(text.as_ref()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A GTIN-8, -12, -13 or -14 with a right check digit, held as GTIN-14 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin(u64);

impl FromStr for Gtin {
    type Err = String;

    /// Checks length and check digit (GS1 General Specifications, section 7.9: weights 3 and 1 from the right).
    fn from_str(text: &str) -> Result<Gtin, String> {
        if !matches!(text.len(), 8 | 12 | 13 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("GTIN {text:?} is not 8, 12, 13 or 14 digits"));
        }
        let sum: u32 = text
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, byte)| u32::from(byte - b'0') * if place % 2 == 1 { 3 } else { 1 })
            .sum();
        if !sum.is_multiple_of(10) {
            return Err(format!("GTIN {text:?} has a wrong check digit"));
        }
        text.parse().map(Gtin).map_err(|_| format!("GTIN {text:?} is not a number"))
    }
}

impl TryFrom<String> for Gtin {
    type Error = String;
    fn try_from(text: String) -> Result<Gtin, String> {
        text.parse()
    }
}

impl From<Gtin> for String {
    fn from(gtin: Gtin) -> String {
        gtin.to_string()
    }
}

impl fmt::Display for Gtin {
    /// Writes 13 digits, or 14 where the first is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}", self.0)
    }
}

/// A price look-up number of loose produce (International Federation for Produce Standards): 3000 to 4999, or such a
/// number with an 8 (a further variety) or a 9 (organically grown) before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Plu(u32);

impl TryFrom<u32> for Plu {
    type Error = String;

    /// Checks that the number is in a range that is given to produce.
    fn try_from(number: u32) -> Result<Plu, String> {
        match number {
            3000..=4999 | 83_000..=84_999 | 93_000..=94_999 => Ok(Plu(number)),
            _ => Err(format!("PLU {number} is not 3000 to 4999, alone or with an 8 or 9 before it")),
        }
    }
}

impl From<Plu> for u32 {
    fn from(plu: Plu) -> u32 {
        plu.0
    }
}

impl fmt::Display for Plu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_is_accepted_only_with_a_right_check_digit() {
        for (text, valid) in [
            ("4006381333931", true),
            ("4006381333932", false),
            ("73513537", true),
            ("73513536", false),
            ("036000291452", true),
            ("00012345600012", true),
            ("12345", false),
            ("40063813339a1", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Gtin>().is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn a_gtin_12_and_its_13_digit_form_are_one() {
        assert_eq!("036000291452".parse::<Gtin>(), "0036000291452".parse::<Gtin>());
    }

    #[test]
    fn a_plu_is_four_digits_of_produce_or_five_with_an_8_or_9_before_them() {
        for number in [3000, 4011, 4999, 83_000, 84_999, 93_000, 94_011, 94_999] {
            let read = serde_json::from_str::<Plu>(&number.to_string()).map(|plu| plu.to_string());
            assert_eq!(read.ok(), Some(number.to_string()));
        }
        for number in [0, 411, 2999, 5000, 13_000, 74_011, 82_999, 85_000, 92_999, 95_000, 994_011] {
            let refused = serde_json::from_str::<Plu>(&number.to_string()).expect_err("it is no PLU").to_string();
            assert!(refused.contains(&format!("PLU {number} is not")), "{refused}");
        }
    }

    #[test]
    fn money_is_written_with_two_places_and_its_sign() {
        assert_eq!(Money::eur_cents(1205).to_string(), "12.05 EUR");
        assert_eq!(Money::eur_cents(-5).to_string(), "-0.05 EUR");
    }
}
