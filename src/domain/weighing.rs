//! Weight for price: whose weight it may be, how it is rounded, and when it is refused.
//!
//! A measured mass ([`Grams`]) verifies; what is sold by weight is priced by a [`PriceWeight`], and only this file makes one.
//! The rules are those of OIML R 76 for scales of class III.

use super::units::{Grams, WeighedGrams};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the weight of a line that is sold by weight came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeighedBy {
    /// A scale that is legal for trade, by its serial number.
    CertifiedScale(String),
    /// The weight in the code of the goods' own label: the scale that printed it answers for it.
    Label,
    /// A scale that is not legal for trade: the price shows how the cart works.
    Demonstration,
}

/// How a line was weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HowWeighed {
    /// Where its weight came from.
    pub by: WeighedBy,
    /// The containers that were taken off.
    pub tare: WeighedGrams,
}

/// A net weight that a price may be computed from, with its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceWeight {
    grams: WeighedGrams,
    how: HowWeighed,
}

impl PriceWeight {
    /// The net weight.
    pub fn grams(&self) -> WeighedGrams {
        self.grams
    }

    /// Where it came from, and what was taken off.
    pub fn how(&self) -> &HowWeighed {
        &self.how
    }

    fn new(grams: WeighedGrams, by: WeighedBy, tare: Grams) -> PriceWeight {
        PriceWeight { grams, how: HowWeighed { by, tare: WeighedGrams::estimated(tare) } }
    }

    /// Takes the net weight that a label names, where the scale felt about as much; the scale only verifies it.
    pub fn of_label(net: Grams, felt: Weighed) -> Option<PriceWeight> {
        let over = felt.change.0 - net.0;
        let off = felt.margin.0.max(LABEL_OFF.0);
        let fits = net.0 >= 1.0 && (-off..=off + PACKAGING.0).contains(&over);
        fits.then(|| PriceWeight::new(WeighedGrams::estimated(net), WeighedBy::Label, Grams(0.0)))
    }
}

/// How far the load may be off what a label names, apart from its packaging, whose mass is at most the second; estimates.
const LABEL_OFF: Grams = Grams(15.0);
const PACKAGING: Grams = Grams(35.0);

/// One weighing: a settled change of the load, in the direction in which the goods went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighed {
    /// The goods with their container, always positive.
    pub change: Grams,
    /// The 95 % half-width of the change.
    pub margin: Grams,
    /// All that lies on the scale with them.
    pub load: Grams,
    /// The containers that are not sold with the goods.
    pub tare: Grams,
}

/// Why goods cannot be priced by their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Unweighed {
    /// The cart's scale verifies only: the goods need a label of a scale that is legal for trade.
    #[error("the cart's scale is not legal for trade: weigh the goods at the store's scale and show the label")]
    NotForTrade,
    /// They are lighter than the least that the scale may weigh.
    #[error("the goods weigh less than the least load of the scale, {} g", .0.0)]
    BelowMin(WeighedGrams),
    /// They, or all that is on the scale, are more than it may weigh.
    #[error("the load is more than the scale may weigh, {} g", .0.0)]
    AboveMax(WeighedGrams),
    /// The load moves right now.
    #[error("the load still moves")]
    Moving,
    /// The load was not still enough for the error that is allowed.
    #[error("the load was not still enough to be weighed for a price")]
    NotStill,
    /// The containers weigh as much as the goods.
    #[error("the containers alone weigh as much as what was put in")]
    OnlyTare,
    /// What was taken out is a part that cannot be weighed, or of goods with a label: only all of it can be taken out.
    #[error("this part of the goods cannot be weighed: put it back and take all of them out")]
    OnlyWhole,
}

/// A scale that is legal for trade, as its plate describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ScalePlate")]
pub struct CertifiedScale {
    max_grams: u32,
    e_grams: u32,
    serial: String,
}

/// The plate as it is written in a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalePlate {
    max_grams: u32,
    e_grams: u32,
    serial: String,
}

impl TryFrom<ScalePlate> for CertifiedScale {
    type Error = String;
    fn try_from(plate: ScalePlate) -> Result<CertifiedScale, String> {
        CertifiedScale::new(plate.max_grams, plate.e_grams, &plate.serial)
    }
}

impl CertifiedScale {
    /// A scale of class III with its greatest load, its scale interval e and its serial number.
    ///
    /// # Errors
    /// What cannot stand on the plate of such a scale, as text.
    pub fn new(max_grams: u32, e_grams: u32, serial: &str) -> Result<CertifiedScale, String> {
        let mut mantissa = e_grams;
        while mantissa > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
        }
        if !matches!(mantissa, 1 | 2 | 5) {
            return Err(format!("e_grams = {e_grams}: a scale interval is 1, 2 or 5, or one of them with zeros"));
        }
        let least = if e_grams < 5 { 100 } else { 500 };
        let intervals = f64::from(max_grams) / f64::from(e_grams);
        if !(f64::from(least)..=10_000.0).contains(&intervals) {
            return Err(format!(
                "max_grams = {max_grams}: a scale of class III with e = {e_grams} g has {least} to 10000 intervals, so its \
                 greatest load is {} to {} g",
                least * e_grams,
                10_000 * u64::from(e_grams)
            ));
        }
        if serial.is_empty() || serial.len() > 64 || serial.chars().any(char::is_control) {
            return Err(format!("serial = {serial:?}: 1 to 64 characters, as on the scale's plate"));
        }
        Ok(CertifiedScale { max_grams, e_grams, serial: serial.to_owned() })
    }

    /// The scale interval e.
    pub fn interval(&self) -> Grams {
        Grams(f64::from(self.e_grams))
    }

    /// The greatest load.
    pub fn max(&self) -> WeighedGrams {
        WeighedGrams(self.max_grams)
    }

    /// The least load that may be weighed for a price: 20 e.
    pub fn min(&self) -> WeighedGrams {
        WeighedGrams(20 * self.e_grams)
    }

    /// The error that is allowed at `load` when the scale is verified; twice that in use.
    pub fn allowed_error(&self, load: Grams) -> Grams {
        let intervals = load.abs().0 / f64::from(self.e_grams);
        Grams(f64::from(self.e_grams) * allowed_intervals(intervals))
    }

    fn weigh(&self, felt: Weighed) -> Result<PriceWeight, Unweighed> {
        if felt.load.0 > f64::from(self.max_grams) || felt.change.0 > f64::from(self.max_grams) {
            return Err(Unweighed::AboveMax(self.max()));
        }
        if felt.change.0 < f64::from(self.min().0) {
            return Err(Unweighed::BelowMin(self.min()));
        }
        let net = felt.change - felt.tare;
        if felt.margin.0 > self.allowed_error(net).0 {
            return Err(Unweighed::NotStill);
        }
        let intervals = (net.0 / f64::from(self.e_grams)).round().max(0.0) as u32;
        if intervals == 0 {
            return Err(Unweighed::OnlyTare);
        }
        let by = WeighedBy::CertifiedScale(self.serial.clone());
        Ok(PriceWeight::new(WeighedGrams(intervals * self.e_grams), by, felt.tare))
    }
}

/// The error limit of class III at verification, in intervals, for a load of so many of them.
pub fn allowed_intervals(load_intervals: f64) -> f64 {
    match load_intervals {
        load if load <= 500.0 => 0.5,
        load if load <= 2000.0 => 1.0,
        _ => 1.5,
    }
}

/// By whose weight the cart may price.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighing {
    /// By its own scale, which is legal for trade.
    Certified(CertifiedScale),
    /// By its own scale, which is not: screen and receipt say that it is a demonstration.
    #[default]
    Demonstration,
    /// By labels alone: its own scale verifies.
    LabelsOnly,
}

/// A demonstration takes a weight whose margin is no larger than this, or this share of it: it shows how the cart works,
/// and a load that was only found when lines and scale were compared is known no better.
const DEMONSTRATION_MARGIN: Grams = Grams(10.0);
const DEMONSTRATION_SHARE: f64 = 0.25;

impl Weighing {
    /// Weighs goods for a price by the cart's own scale.
    ///
    /// # Errors
    /// [`Unweighed`] with the reason why there is no price.
    pub fn weigh(&self, felt: Weighed) -> Result<PriceWeight, Unweighed> {
        match self {
            Weighing::Certified(scale) => scale.weigh(felt),
            Weighing::LabelsOnly => Err(Unweighed::NotForTrade),
            Weighing::Demonstration => {
                if felt.margin.0 > DEMONSTRATION_MARGIN.0.max(DEMONSTRATION_SHARE * felt.change.0) {
                    return Err(Unweighed::NotStill);
                }
                match WeighedGrams::estimated(felt.change - felt.tare) {
                    WeighedGrams(0) => Err(Unweighed::OnlyTare),
                    grams => Ok(PriceWeight::new(grams, WeighedBy::Demonstration, felt.tare)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn felt(change: f64, margin: f64, tare: f64) -> Weighed {
        Weighed { change: Grams(change), margin: Grams(margin), load: Grams(8000.0 + change), tare: Grams(tare) }
    }

    fn scale() -> CertifiedScale {
        CertifiedScale::new(30_000, 10, "SW-17").expect("a plate")
    }

    #[test]
    fn a_plate_that_no_scale_of_class_iii_carries_is_refused_with_its_word() {
        for (max, e, serial, named) in [
            (30_000, 10, "SW-17", None),
            (1500, 2, "SW-17", None),
            (30_000, 0, "SW-17", Some("e_grams = 0")),
            (30_000, 7, "SW-17", Some("e_grams = 7")),
            (30_000, 30, "SW-17", Some("e_grams = 30")),
            (4000, 10, "SW-17", Some("greatest load is 5000 to 100000 g")),
            (60_000, 5, "SW-17", Some("max_grams = 60000")),
            (30_000, 10, "", Some("serial")),
        ] {
            let made = CertifiedScale::new(max, e, serial);
            match named {
                None => assert!(made.is_ok(), "{max} {e}: {made:?}"),
                Some(named) => assert!(made.expect_err(named).contains(named), "{max} {e}"),
            }
        }
    }

    #[test]
    fn a_certified_weight_is_whole_intervals_between_min_and_max_and_still() {
        let by = || WeighedBy::CertifiedScale("SW-17".into());
        let taken_off = |grams, tare| Ok(PriceWeight::new(WeighedGrams(grams), by(), Grams(tare)));
        let weight = |grams| taken_off(grams, 0.0);
        for (felt, expected) in [
            (felt(541.0, 3.0, 0.0), weight(540)),
            (felt(545.1, 3.0, 0.0), weight(550)),
            (felt(541.0, 3.0, 8.0), taken_off(530, 8.0)),
            (felt(541.0, 5.1, 0.0), Err(Unweighed::NotStill)),
            (felt(5100.0, 5.1, 0.0), weight(5100)),
            (felt(199.0, 3.0, 0.0), Err(Unweighed::BelowMin(WeighedGrams(200)))),
            (felt(203.0, 3.0, 200.0), Err(Unweighed::OnlyTare)),
            (felt(22_500.0, 3.0, 0.0), Err(Unweighed::AboveMax(WeighedGrams(30_000)))),
        ] {
            assert_eq!(Weighing::Certified(scale()).weigh(felt), expected, "{felt:?}");
        }
    }

    #[test]
    fn error_limits_are_those_of_class_iii() {
        for (load, allowed) in [(0.0, 5.0), (5000.0, 5.0), (5001.0, 10.0), (20_000.0, 10.0), (20_001.0, 15.0)] {
            assert_eq!(scale().allowed_error(Grams(load)), Grams(allowed), "{load}");
        }
    }

    #[test]
    fn a_demonstration_says_so_and_a_scale_that_only_verifies_gives_no_price() {
        let weight = Weighing::Demonstration.weigh(felt(541.4, 6.0, 8.0)).expect("a weight");
        let how = HowWeighed { by: WeighedBy::Demonstration, tare: WeighedGrams(8) };
        assert_eq!((weight.grams(), weight.how()), (WeighedGrams(533), &how));
        assert_eq!(Weighing::Demonstration.weigh(felt(60.0, 16.0, 0.0)), Err(Unweighed::NotStill));
        assert_eq!(Weighing::Demonstration.weigh(felt(60.0, 3.0, 60.0)), Err(Unweighed::OnlyTare));
        assert_eq!(Weighing::LabelsOnly.weigh(felt(541.0, 3.0, 0.0)), Err(Unweighed::NotForTrade));
    }

    #[test]
    fn a_label_counts_only_on_goods_that_weigh_about_as_much() {
        for (net, change, fits) in [
            (312.0, 318.0, true),
            (312.0, 355.0, true),
            (312.0, 299.0, true),
            (312.0, 295.0, false),
            (312.0, 365.0, false),
        ] {
            assert_eq!(PriceWeight::of_label(Grams(net), felt(change, 3.0, 0.0)).is_some(), fits, "{change}");
        }
        let weight = PriceWeight::of_label(Grams(312.0), felt(318.0, 3.0, 0.0)).expect("it fits");
        assert_eq!((weight.grams(), &weight.how().by), (WeighedGrams(312), &WeighedBy::Label));
    }

    #[test]
    fn sources_are_written_as_the_store_reads_them() {
        for (by, text) in [
            (WeighedBy::CertifiedScale("SW-17".into()), r#"{"certified_scale":"SW-17"}"#),
            (WeighedBy::Label, r#""label""#),
            (WeighedBy::Demonstration, r#""demonstration""#),
        ] {
            assert_eq!(serde_json::to_string(&by).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<WeighedBy>(text).expect("read"), by);
        }
    }
}
