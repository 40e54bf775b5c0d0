//! The cart's configuration file: what differs from cart to cart and from store to store.

use crate::domain::gs1::InStoreRule;
use crate::domain::staff::StaffCode;
use crate::domain::weighing::{CertifiedScale, Weighing};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A cart's configuration, `/etc/dashcart/cart.toml`. Unknown words are errors: a misspelt one would be ignored otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartConfig {
    /// The cart's name towards the store.
    pub cart: String,
    /// The store's address.
    pub store: String,
    /// The camera's device.
    #[serde(default = "default_camera")]
    pub camera: String,
    /// Where the journal and the cached catalogue are kept; must survive a pulled battery.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// The plate of the cart's scale, where it is legal for trade: goods are then priced by its weight.
    #[serde(default)]
    pub certified_scale: Option<CertifiedScale>,
    /// Whether goods are priced by the weight of a scale that is not legal for trade; screen and receipt say so. Without this
    /// and without a certified scale, goods sold by weight need a label of the store's own scale.
    #[serde(default)]
    pub demo_weighing: bool,
    /// What staff type at the cart before they say that a basket is in order, 4 to 12 digits. Without it everybody can.
    #[serde(default)]
    pub staff_code: Option<StaffCode>,
    /// How the store numbers goods of varying weight in its own codes, for example
    /// `[[in_store_codes]] prefix = "28", value = "weight", value_digits = 5, decimals = 3`.
    #[serde(default)]
    pub in_store_codes: Vec<InStoreRule>,
    /// The load cell's wiring.
    #[serde(default)]
    pub scale: ScaleConfig,
}

/// How the HX711 is wired, and its calibration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScaleConfig {
    /// The GPIO number (BCM) of the clock line.
    pub clock_gpio: u8,
    /// The GPIO number (BCM) of the data line.
    pub data_gpio: u8,
    /// The converter's rate: 80 or 10.
    pub conversions_per_second: u32,
    /// The calibration file; without one there is no weight.
    pub calibration: PathBuf,
}

impl Default for ScaleConfig {
    fn default() -> ScaleConfig {
        ScaleConfig {
            clock_gpio: 6,
            data_gpio: 5,
            conversions_per_second: 80,
            calibration: PathBuf::from("/etc/dashcart/calibration.toml"),
        }
    }
}

fn default_camera() -> String {
    "/dev/video0".to_owned()
}

fn default_data() -> PathBuf {
    PathBuf::from("/var/lib/dashcart")
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: write one as in cross/cart.toml, or name another with --config")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A word or a value in it makes no sense.
    #[error("the configuration {path} cannot be used: {reason}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl CartConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`] naming file, line and word.
    pub fn read(path: &Path) -> Result<CartConfig, ConfigError> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: name.clone(), source })?;
        CartConfig::parse(&text).map_err(|reason| ConfigError::Wrong { path: name, reason })
    }

    fn parse(text: &str) -> Result<CartConfig, String> {
        let config: CartConfig = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if config.cart.is_empty() || !config.cart.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("cart = {:?}: a cart's name is letters, digits and '-'", config.cart));
        }
        if !matches!(config.scale.conversions_per_second, 10 | 80) {
            let rate = config.scale.conversions_per_second;
            return Err(format!("conversions_per_second = {rate}: an HX711 makes 10 or 80"));
        }
        if config.demo_weighing && config.certified_scale.is_some() {
            return Err("demo_weighing = true beside [certified_scale]: what a certified scale weighs is no \
                        demonstration, so leave one of them out"
                .to_owned());
        }
        Ok(config)
    }

    /// By whose weight goods sold by weight are priced.
    pub fn weighing(&self) -> Weighing {
        match &self.certified_scale {
            Some(scale) => Weighing::Certified(scale.clone()),
            None if self.demo_weighing => Weighing::Demonstration,
            None => Weighing::LabelsOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_configuration_and_so_is_each_line_it_leaves_out() {
        let example = include_str!("../cross/cart.toml");
        let config = CartConfig::parse(example).unwrap();
        assert_eq!((config.cart.as_str(), config.in_store_codes.len()), ("cart-1", 0));
        let settings = |line: &str| line.starts_with("# ") && (line.contains(" = ") || line.starts_with("# ["));
        let full: Vec<&str> =
            example.lines().map(|line| if settings(line) { line.trim_start_matches("# ") } else { line }).collect();
        let full = CartConfig::parse(&full.join("\n")).unwrap();
        assert_eq!((full.in_store_codes.len(), full.certified_scale.is_some()), (1, true));
        assert_eq!(full.staff_code.as_ref().map(|code| code.is("583012")), Some(true));
        assert!(!format!("{full:?}").contains("583012"), "it is in no message");
        let bare = CartConfig { in_store_codes: Vec::new(), certified_scale: None, staff_code: None, ..full };
        assert_eq!(bare, config, "the lines name the defaults");
    }

    #[test]
    fn goods_are_priced_by_the_scale_only_where_the_file_says_by_which() {
        let good = "cart = \"cart-7\"\nstore = \"http://store:8080\"\n";
        let weighing = |more: &str| CartConfig::parse(&format!("{good}{more}")).map(|config| config.weighing());
        assert_eq!(weighing(""), Ok(Weighing::LabelsOnly));
        assert_eq!(weighing("demo_weighing = true"), Ok(Weighing::Demonstration));
        let scale = CertifiedScale::new(30_000, 10, "SW-17").expect("a plate");
        let plate = "[certified_scale]\nmax_grams = 30000\ne_grams = 10\nserial = \"SW-17\"";
        assert_eq!(weighing(plate), Ok(Weighing::Certified(scale)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = "cart = \"cart-7\"\nstore = \"http://store:8080\"\n";
        assert_eq!(CartConfig::parse(good).map(|config| config.camera), Ok("/dev/video0".to_owned()));
        for (text, named) in [
            ("cart = \"cart-7\"", "store"),
            (&format!("{good}camara = \"/dev/video1\"\n"), "camara"),
            (&format!("{good}[scale]\nconversions_per_second = 50\n"), "conversions_per_second"),
            (
                &format!(
                    "{good}[[in_store_codes]]\nprefix = \"40\"\nvalue = \"weight\"\nvalue_digits = 5\ndecimals = 3\n"
                ),
                "02 or 20 to 29",
            ),
            ("cart = \"cart 7\"\nstore = \"http://store\"", "a cart's name"),
            (&format!("{good}staff_code = \"583\"\n"), "4 to 12 digits"),
            (&format!("{good}staff_code = 583012\n"), "staff_code"),
            (&format!("{good}staff_code = \"58a012\"\n"), "4 to 12 digits"),
            (&format!("{good}[certified_scale]\nmax_grams = 30000\nserial = \"SW-17\"\n"), "e_grams"),
            (
                &format!("{good}[certified_scale]\nmax_grams = 3000\ne_grams = 10\nserial = \"SW-17\"\n"),
                "max_grams = 3000",
            ),
            (
                &format!(
                    "{good}demo_weighing = true\n[certified_scale]\nmax_grams = 30000\ne_grams = 10\nserial = \"7\"\n"
                ),
                "demo_weighing",
            ),
        ] {
            let reason = CartConfig::parse(text).expect_err("it is wrong");
            assert!(reason.contains(named), "{text}: {reason}");
        }
    }
}
