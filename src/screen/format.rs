//! Money, masses and quantities as people of each language write them.

use crate::domain::catalog::{Language, Price};
use crate::domain::pricing::Quantity;
use crate::domain::units::{Currency, Grams, Money, WeighedGrams};

/// A space at which no line is broken.
const SPACE: char = '\u{a0}';
/// The real minus sign, as wide as a plus.
const MINUS: char = '\u{2212}';

/// Writes a decimal number of `places` decimals, given as an integer of its smallest unit.
fn decimal(smallest: u64, places: u32, language: Language) -> String {
    let unit = 10u64.pow(places);
    let (point, group) = match language {
        Language::De => (',', '.'),
        Language::En => ('.', ','),
    };
    let whole = (smallest / unit).to_string();
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if places > 0 {
        text.push(point);
        text.push_str(&format!("{:0width$}", smallest % unit, width = places as usize));
    }
    text
}

/// Writes an amount: `1,29 €` in German, `€1.29` in English; other currencies by their code.
pub fn money(amount: Money, language: Language) -> String {
    let sign = if amount.minor < 0 { MINUS.to_string() } else { String::new() };
    let number = decimal(amount.minor.unsigned_abs(), 2, language);
    let euro = amount.currency == Currency::EUR;
    match language {
        Language::De if euro => format!("{sign}{number}{SPACE}€"),
        Language::En if euro => format!("{sign}€{number}"),
        Language::De => format!("{sign}{number}{SPACE}{}", amount.currency.code()),
        Language::En => format!("{sign}{}{SPACE}{number}", amount.currency.code()),
    }
}

/// Writes a mass that a price is computed from, always in kilograms with three decimals.
pub fn weighed(grams: WeighedGrams, language: Language) -> String {
    format!("{}{SPACE}kg", decimal(u64::from(grams.0), 3, language))
}

/// Writes a measured mass: whole grams below a kilogram, kilograms above; the sign is left out.
pub fn mass(measured: Grams, language: Language) -> String {
    let grams = WeighedGrams::estimated(measured.abs());
    if grams.0 < 1000 { format!("{}{SPACE}g", grams.0) } else { weighed(grams, language) }
}

/// Writes a scale's reading: a mass with its sign where that is negative.
pub fn reading(load: Grams, language: Language) -> String {
    let sign = if load.0.round() < 0.0 { MINUS.to_string() } else { String::new() };
    format!("{sign}{}", mass(load, language))
}

/// Writes the mass of a container, always in grams.
pub fn tare(grams: WeighedGrams) -> String {
    format!("{}{SPACE}g", grams.0)
}

/// Writes how much of a product: `2 Stück`, `1 piece`, `0,356 kg`.
pub fn quantity(quantity: Quantity, language: Language) -> String {
    match (quantity, language) {
        (Quantity::Weighed(grams), _) => weighed(grams, language),
        (Quantity::Pieces(pieces), Language::De) => format!("{pieces}{SPACE}Stück"),
        (Quantity::Pieces(1), Language::En) => format!("1{SPACE}piece"),
        (Quantity::Pieces(pieces), Language::En) => format!("{pieces}{SPACE}pieces"),
    }
}

/// Writes the price of one piece or kilogram of goods counted as `quantity`.
pub fn unit_price(amount: Money, quantity: Quantity, language: Language) -> String {
    match quantity {
        Quantity::Pieces(_) => price(Price::Each(amount), language),
        Quantity::Weighed(_) => price(Price::PerKg(amount), language),
    }
}

/// Writes a product's price with what it is for.
pub fn price(price: Price, language: Language) -> String {
    let amount = money(price.amount(), language);
    match (price, language) {
        (Price::Each(_), Language::De) => format!("{amount}{SPACE}/{SPACE}Stück"),
        (Price::Each(_), Language::En) => format!("{amount}{SPACE}each"),
        (Price::PerKg(_), _) => format!("{amount}{SPACE}/{SPACE}kg"),
    }
}

/// Writes a tax rate given in tenths of a percent: `7 %`, `5,5 %`.
pub fn rate(permille: u16, language: Language) -> String {
    let places = u32::from(!permille.is_multiple_of(10));
    let smallest = if places == 0 { permille / 10 } else { permille };
    let space = if language == Language::De { SPACE.to_string() } else { String::new() };
    format!("{}{space}%", decimal(u64::from(smallest), places, language))
}

/// Writes an RFC 3339 moment in UTC for people; text of another form is left as it is.
pub fn moment(rfc3339: &str, language: Language) -> String {
    let parts = (|| {
        let date = rfc3339.get(..10)?;
        let time = rfc3339.get(11..16)?;
        let mut fields = date.split('-');
        Some((fields.next()?, fields.next()?, fields.next()?, time))
    })();
    match (parts, language) {
        (Some((year, month, day, time)), Language::De) => format!("{day}.{month}.{year}, {time}{SPACE}UTC"),
        (Some((year, month, day, time)), Language::En) => format!("{year}-{month}-{day}, {time}{SPACE}UTC"),
        (None, _) => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: String) -> String {
        text.replace(SPACE, " ")
    }

    #[test]
    fn an_amount_is_written_as_its_language_does() {
        for (minor, german, english) in [
            (129, "1,29 €", "€1.29"),
            (5, "0,05 €", "€0.05"),
            (-250, "−2,50 €", "−€2.50"),
            (123_456_789, "1.234.567,89 €", "€1,234,567.89"),
            (100_000, "1.000,00 €", "€1,000.00"),
        ] {
            assert_eq!(plain(money(Money::eur_cents(minor), Language::De)), german);
            assert_eq!(plain(money(Money::eur_cents(minor), Language::En)), english);
        }
        let franc = Currency::try_from("CHF".to_owned()).expect("a code");
        let amount = Money { minor: 129, currency: franc };
        assert_eq!(plain(money(amount, Language::De)), "1,29 CHF");
        assert_eq!(plain(money(amount, Language::En)), "CHF 1.29");
    }

    #[test]
    fn a_quantity_is_written_as_its_language_does() {
        for (amount, german, english) in [
            (Quantity::Pieces(1), "1 Stück", "1 piece"),
            (Quantity::Pieces(2), "2 Stück", "2 pieces"),
            (Quantity::Weighed(WeighedGrams(356)), "0,356 kg", "0.356 kg"),
            (Quantity::Weighed(WeighedGrams(1204)), "1,204 kg", "1.204 kg"),
        ] {
            assert_eq!(plain(quantity(amount, Language::De)), german);
            assert_eq!(plain(quantity(amount, Language::En)), english);
        }
    }

    #[test]
    fn a_price_says_what_it_is_for() {
        for (of, german, english) in [
            (Price::Each(Money::eur_cents(129)), "1,29 € / Stück", "€1.29 each"),
            (Price::PerKg(Money::eur_cents(299)), "2,99 € / kg", "€2.99 / kg"),
        ] {
            assert_eq!(plain(price(of, Language::De)), german);
            assert_eq!(plain(price(of, Language::En)), english);
        }
    }

    #[test]
    fn a_measured_mass_changes_its_unit_at_a_kilogram() {
        for (grams, german) in [(12.4, "12 g"), (-356.0, "356 g"), (999.4, "999 g"), (999.6, "1,000 kg")] {
            assert_eq!(plain(mass(Grams(grams), Language::De)), german);
        }
    }

    #[test]
    fn a_reading_keeps_its_sign_unless_it_rounds_to_nothing() {
        for (grams, german) in [(-3.2, "−3 g"), (-0.3, "0 g"), (1204.0, "1,204 kg"), (-1500.0, "−1,500 kg")] {
            assert_eq!(plain(reading(Grams(grams), Language::De)), german);
        }
    }

    #[test]
    fn a_rate_shows_tenths_only_where_it_has_them() {
        for (permille, german, english) in [(70, "7 %", "7%"), (190, "19 %", "19%"), (55, "5,5 %", "5.5%")] {
            assert_eq!(plain(rate(permille, Language::De)), german);
            assert_eq!(rate(permille, Language::En), english);
        }
    }

    #[test]
    fn a_moment_of_another_form_is_left_as_it_is() {
        for (given, german) in [("2026-11-22T12:47:03Z", "22.11.2026, 12:47 UTC"), ("now", "now"), ("", "")] {
            assert_eq!(plain(moment(given, Language::De)), german);
        }
    }
}
