//! The pages that people read: a receipt and the list of the last trips, in German and English. Text in, text out.

use super::database::{BookedTrip, TripSummary};
use crate::domain::catalog::{Catalog, Language};
use crate::domain::pricing::{PricedLine, Quantity, TaxShare};
use crate::domain::units::{Money, WeighedGrams};
use crate::domain::weighing::WeighedBy;
use std::fmt::Write as _;

/// The words of the pages in one language.
struct Words {
    code: &'static str,
    receipt: &'static str,
    trip: &'static str,
    cart: &'static str,
    booked: &'static str,
    nothing_bought: &'static str,
    total: &'static str,
    rate: &'static str,
    net: &'static str,
    tax: &'static str,
    gross: &'static str,
    demo_weighing: &'static str,
    demo_weight: &'static str,
    label_weight: &'static str,
    certified_weight: &'static str,
    not_fiscal: &'static str,
    thanks: &'static str,
    last_trips: &'static str,
    no_trips: &'static str,
    lines: &'static str,
    other_language: (&'static str, &'static str),
}

const GERMAN: Words = Words {
    code: "de",
    receipt: "Kassenbon",
    trip: "Einkauf",
    cart: "Wagen",
    booked: "Gebucht",
    nothing_bought: "Nichts gekauft",
    total: "Summe",
    rate: "MwSt.",
    net: "Netto",
    tax: "Steuer",
    gross: "Brutto",
    demo_weighing: "Preise nach Gewicht nur zur Vorführung: Die Waage des Wagens ist nicht geeicht.",
    demo_weight: "Vorführung, nicht geeicht gewogen",
    label_weight: "Gewicht vom Etikett",
    certified_weight: "geeichte Waage Nr.",
    not_fiscal: "Vorführbeleg ohne Signatur einer Sicherungseinrichtung.",
    thanks: "Vielen Dank für Ihren Einkauf!",
    last_trips: "Die letzten Einkäufe",
    no_trips: "Noch kein Einkauf gebucht.",
    lines: "Zeilen",
    other_language: ("en", "English"),
};

const ENGLISH: Words = Words {
    code: "en",
    receipt: "Receipt",
    trip: "Trip",
    cart: "Cart",
    booked: "Booked",
    nothing_bought: "Nothing bought",
    total: "Total",
    rate: "VAT",
    net: "Net",
    tax: "Tax",
    gross: "Gross",
    demo_weighing: "Prices by weight are for demonstration only: the cart's scale is not approved for trade.",
    demo_weight: "demonstration, scale not approved for trade",
    label_weight: "weight from the label",
    certified_weight: "approved scale no.",
    not_fiscal: "Demonstration receipt without a fiscal signature.",
    thanks: "Thank you for shopping with us!",
    last_trips: "The last trips",
    no_trips: "No trip has been booked yet.",
    lines: "Lines",
    other_language: ("de", "Deutsch"),
};

const STYLE: &str = "
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;padding:24px 12px;background:#e8ecea;color:#17211c;font:16px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
main{max-width:440px;margin:0 auto;padding:28px 24px 24px;background:#fff;border-radius:14px;box-shadow:0 1px 2px #0002,0 8px 28px #0001}
main.wide{max-width:760px}
header{text-align:center;margin-bottom:20px}
h1{margin:0;font-size:22px;line-height:1.25}
h2{margin:2px 0 0;font-size:15px;font-weight:500;color:#51605a}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 16px;margin:0 0 16px;font-size:14px;color:#51605a}
dt,dd{margin:0}
dd{text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:500;text-align:left;color:#51605a;font-size:13px}
th,td{padding:8px 0;vertical-align:top;border-top:1px solid #e3e8e5}
td+td,th+th{padding-left:14px}
.number{text-align:right;white-space:nowrap}
.how{display:block;font-size:13px;color:#51605a}
.total td{border-top:2px solid #17211c;padding:12px 0;font-size:26px;font-weight:700}
.taxes{margin-top:4px;font-size:13px}
.taxes td,.taxes th{padding:4px 0}
.note{margin:18px 0 0;padding:10px 12px;border-radius:10px;background:#fff3d6;color:#5b4200;font-size:14px}
.empty{padding:24px 0;text-align:center;color:#51605a}
footer{margin-top:20px;text-align:center;font-size:14px;color:#51605a}
a{color:#0b6b45}
footer a,td a{display:inline-block;padding:12px}
td a{margin:-12px}
@media print{body{background:#fff;padding:0}main{box-shadow:none;max-width:none}footer a{display:none}}
";

/// Chooses the language: `lang=de` or `lang=en` of the query, otherwise the best of `Accept-Language`, otherwise German.
pub fn choose_language(query: &str, accepted: &str) -> Language {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
    let named = |tag: &str| match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "de" => Some(Language::De),
        "en" => Some(Language::En),
        _ => None,
    };
    if let Some(language) = asked.and_then(named) {
        return language;
    }
    let mut best = (0.0, Language::default());
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some(language) = parts.next().and_then(named) else { continue };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if weight > best.0 {
            best = (weight, language);
        }
    }
    best.1
}

/// The page of one receipt.
pub fn receipt(shop: &str, trip: &BookedTrip, catalog: &Catalog, language: Language) -> String {
    let words = words(language);
    let mut html = begin(words, &format!("{} {} – {shop}", words.receipt, trip.number), "");
    let _ = write!(
        html,
        "<header><h1>{}</h1><h2>{} {}</h2></header>\n<dl><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd></dl>\n",
        escaped(shop),
        words.receipt,
        trip.number,
        words.booked,
        escaped(&readable_time(&trip.booked_at, language)),
        words.cart,
        escaped(&trip.cart),
        words.trip,
        escaped(&trip.key.0),
    );
    if trip.basket.lines.is_empty() {
        let _ = writeln!(html, "<p class=\"empty\">{}</p>", words.nothing_bought);
    }
    html.push_str("<table>\n");
    for line in &trip.basket.lines {
        let name = catalog.product(&line.sku).map_or(line.sku.as_str(), |product| product.names.in_language(language));
        let _ = writeln!(
            html,
            "<tr><td>{}<span class=\"how\">{}</span></td><td class=\"number\">{}</td></tr>",
            escaped(name),
            how_priced(line, words, language),
            amount(line.price, language),
        );
    }
    let _ = writeln!(
        html,
        "<tr class=\"total\"><td>{}</td><td class=\"number\">{}</td></tr>\n</table>",
        words.total,
        amount(trip.basket.total, language)
    );
    if !trip.basket.taxes.is_empty() {
        html.push_str(&tax_table(&trip.basket.taxes, words, language));
    }
    if trip.basket.lines.iter().any(is_demonstration) {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", words.demo_weighing);
    }
    let _ = writeln!(html, "<footer>{}<br>{}<br>{}</footer>", words.thanks, words.not_fiscal, language_link(words));
    html.push_str("</main></body></html>\n");
    html
}

/// The page that lists the last trips.
pub fn index(shop: &str, trips: &[TripSummary], language: Language) -> String {
    let words = words(language);
    let mut html = begin(words, shop, " class=\"wide\"");
    let _ = writeln!(html, "<header><h1>{}</h1><h2>{}</h2></header>", escaped(shop), words.last_trips);
    if trips.is_empty() {
        let _ = writeln!(html, "<p class=\"empty\">{}</p>", words.no_trips);
    } else {
        let _ = writeln!(
            html,
            "<table>\n<tr><th>{}</th><th>{}</th><th>{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th></tr>",
            words.receipt, words.booked, words.cart, words.lines, words.total
        );
        for trip in trips {
            let _ = writeln!(
                html,
                "<tr><td><a href=\"/receipts/{}?lang={}\">{}</a></td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                escaped(&trip.key),
                words.code,
                trip.number,
                escaped(&readable_time(&trip.booked_at, language)),
                escaped(&trip.cart),
                trip.lines,
                amount(trip.total, language),
            );
        }
        html.push_str("</table>\n");
    }
    let _ = writeln!(html, "<footer>{}</footer>", language_link(words));
    html.push_str("</main></body></html>\n");
    html
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::De => &GERMAN,
        Language::En => &ENGLISH,
    }
}

fn begin(words: &Words, title: &str, class: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head>\n<body><main{class}>\n",
        words.code,
        escaped(title)
    )
}

fn language_link(words: &Words) -> String {
    let (code, name) = words.other_language;
    format!("<a href=\"?lang={code}\" hreflang=\"{code}\" lang=\"{code}\">{name}</a>")
}

fn tax_table(taxes: &[TaxShare], words: &Words, language: Language) -> String {
    let mut html = format!(
        "<table class=\"taxes\">\n<tr><th>{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th></tr>\n",
        words.rate, words.net, words.tax, words.gross
    );
    for share in taxes {
        let net = Money { minor: share.gross.minor - share.tax.minor, currency: share.gross.currency };
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            rate(share.vat_permille, language),
            amount(net, language),
            amount(share.tax, language),
            amount(share.gross, language),
        );
    }
    html.push_str("</table>\n");
    html
}

/// Whether a line was weighed by a scale that is not legal for trade: so it was where the cart names no source.
fn is_demonstration(line: &PricedLine) -> bool {
    let by_weight = matches!(line.quantity, Quantity::Weighed(_));
    by_weight && !matches!(line.weighed_by, Some(WeighedBy::CertifiedScale(_) | WeighedBy::Label))
}

fn how_priced(line: &PricedLine, words: &Words, language: Language) -> String {
    let price = amount(line.unit_price, language);
    match line.quantity {
        Quantity::Pieces(pieces) => format!("{pieces} × {price}"),
        Quantity::Weighed(WeighedGrams(grams)) => {
            let source = match &line.weighed_by {
                Some(WeighedBy::CertifiedScale(serial)) => format!("{} {}", words.certified_weight, escaped(serial)),
                Some(WeighedBy::Label) => words.label_weight.to_owned(),
                Some(WeighedBy::Demonstration) | None => words.demo_weight.to_owned(),
            };
            format!("{}{}{:03} kg × {price}/kg<br>{source}", grams / 1000, decimal_mark(language), grams % 1000)
        }
    }
}

fn decimal_mark(language: Language) -> char {
    match language {
        Language::De => ',',
        Language::En => '.',
    }
}

fn amount(money: Money, language: Language) -> String {
    let sign = if money.minor < 0 { "−" } else { "" };
    let minor = money.minor.unsigned_abs();
    let digits = format!("{}{}{:02}", minor / 100, decimal_mark(language), minor % 100);
    let code = money.currency.code();
    match (language, code) {
        (Language::De, "EUR") => format!("{sign}{digits}\u{a0}€"),
        (Language::De, _) => format!("{sign}{digits}\u{a0}{code}"),
        (Language::En, "EUR") => format!("{sign}€{digits}"),
        (Language::En, _) => format!("{code}\u{a0}{sign}{digits}"),
    }
}

fn rate(permille: u16, language: Language) -> String {
    let space = match language {
        Language::De => "\u{a0}",
        Language::En => "",
    };
    match permille % 10 {
        0 => format!("{}{space}%", permille / 10),
        tenth => format!("{}{}{tenth}{space}%", permille / 10, decimal_mark(language)),
    }
}

/// `2026-11-22T13:05:09Z` as people write it; anything else as it is.
fn readable_time(utc: &str, language: Language) -> String {
    let fields: Vec<&str> = utc.split(['-', 'T', ':', 'Z']).collect();
    match (fields.as_slice(), language) {
        ([year, month, day, hour, minute, ..], Language::De) => format!("{day}.{month}.{year}, {hour}:{minute} UTC"),
        ([year, month, day, hour, minute, ..], Language::En) => format!("{year}-{month}-{day}, {hour}:{minute} UTC"),
        _ => utc.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Currency;

    #[test]
    fn the_page_speaks_the_language_that_is_asked_for() {
        for (query, accepted, language) in [
            ("", "", Language::De),
            ("lang=en", "de", Language::En),
            ("x=1&lang=de", "en", Language::De),
            ("lang=fr", "en-GB,de;q=0.5", Language::En),
            ("", "fr,en;q=0.4,de;q=0.8", Language::De),
            ("", "en-US,en;q=0.9", Language::En),
            ("", "de;q=0,en;q=0.1", Language::En),
            ("", "fr", Language::De),
        ] {
            assert_eq!(choose_language(query, accepted), language, "{query:?} {accepted:?}");
        }
    }

    #[test]
    fn amounts_are_written_as_each_language_writes_them() {
        let dollars = Money { minor: -5, currency: Currency::try_from("USD".to_owned()).expect("a currency") };
        for (money, language, text) in [
            (Money::eur_cents(1205), Language::De, "12,05\u{a0}€"),
            (Money::eur_cents(1205), Language::En, "€12.05"),
            (dollars, Language::De, "−0,05\u{a0}USD"),
            (dollars, Language::En, "USD\u{a0}−0.05"),
        ] {
            assert_eq!(amount(money, language), text);
        }
        assert_eq!(rate(70, Language::De), "7\u{a0}%");
        assert_eq!(rate(55, Language::En), "5.5%");
    }

    #[test]
    fn what_others_wrote_cannot_become_markup() {
        assert_eq!(escaped("<b onload='x'>\"&"), "&lt;b onload=&#39;x&#39;&gt;&quot;&amp;");
    }
}
