//! Our own shelf: what each product of `ranges/shelf.json` looks like. Masses, names, prices and codes stand only there.

use super::packs::{Motif, Print};
use super::produce::Skin;
use super::shapes::{Form, Shape};
use super::sheet::{Rgb, Sheet};
use crate::domain::catalog::{Catalog, Product};
use crate::domain::units::Sku;
use std::sync::{Arc, OnceLock};

/// Skins painted for each kind of produce; a piece wears one of them, turned and tinted its own way.
const SKINS: usize = 3;

/// What covers a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// A grown skin.
    Grown(Skin),
    /// A printed pack, and how much its surface shines.
    Printed(Print, f32),
}

/// One product of the shelf.
#[derive(Debug)]
pub struct Good {
    /// As the catalogue has it.
    pub product: Product,
    /// Its body.
    pub shape: Shape,
    /// What covers it.
    pub look: Look,
    sheets: [OnceLock<Arc<Sheet>>; SKINS],
}

impl Good {
    /// The sheet that covers the piece with this seed.
    pub fn sheet(&self, seed: u32) -> Arc<Sheet> {
        let variant = match self.look {
            Look::Grown(_) => seed as usize % SKINS,
            Look::Printed(..) => 0,
        };
        let paint = || match (&self.look, self.product.gtin) {
            (Look::Grown(skin), _) => skin.sheet(&self.shape, 17 + variant as u32 * 1009),
            (Look::Printed(print, _), Some(gtin)) => print.sheet(&self.shape, gtin),
            (Look::Printed(print, _), None) => Sheet::new(1, 1, &[print.ground[0]]),
        };
        Arc::clone(self.sheets[variant].get_or_init(|| Arc::new(paint())))
    }

    /// How much its surface shines, 0 to 1.
    pub fn gloss(&self) -> f32 {
        match self.look {
            Look::Grown(skin) => skin.gloss(),
            Look::Printed(_, gloss) => gloss,
        }
    }

    /// Whether a code is printed on it.
    pub fn has_code(&self) -> bool {
        self.product.gtin.is_some()
    }
}

/// The products that the emulated store sells and the emulated shopper takes.
#[derive(Debug)]
pub struct Shelf {
    catalog: Catalog,
    goods: Vec<Good>,
}

impl Shelf {
    /// Our own range, drawn.
    pub fn own() -> Arc<Shelf> {
        static OWN: OnceLock<Arc<Shelf>> = OnceLock::new();
        Arc::clone(OWN.get_or_init(|| {
            let catalog: Catalog = serde_json::from_str(include_str!("../../ranges/shelf.json"))
                .expect("ranges/shelf.json is a catalogue");
            let goods = looks()
                .into_iter()
                .map(|(sku, shape, look)| {
                    let product = catalog.product(&Sku::new(sku)).expect("ranges/shelf.json holds every look").clone();
                    Good { product, shape, look, sheets: Default::default() }
                })
                .collect();
            Arc::new(Shelf { catalog, goods })
        }))
    }

    /// The catalogue of the range.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The products, produce first.
    pub fn goods(&self) -> &[Good] {
        &self.goods
    }

    /// The product named `sku`.
    pub fn good(&self, sku: &Sku) -> Option<&Good> {
        self.goods.iter().find(|good| good.product.sku == *sku)
    }
}

const fn fruit(radii: [f32; 3], form: Form) -> Shape {
    Shape::Round { radii, form }
}

const CAN: &[(f32, f32)] = &[
    (0.0, 0.002),
    (0.035, 0.002),
    (0.037, 0.0),
    (0.0365, 0.006),
    (0.0365, 0.103),
    (0.037, 0.109),
    (0.034, 0.109),
    (0.033, 0.106),
    (0.0, 0.106),
];
const BEER: &[(f32, f32)] = &[
    (0.0, 0.004),
    (0.024, 0.004),
    (0.027, 0.0),
    (0.033, 0.010),
    (0.033, 0.150),
    (0.027, 0.162),
    (0.027, 0.166),
    (0.025, 0.164),
    (0.0, 0.163),
];
const COLA: &[(f32, f32)] = &[
    (0.0, 0.003),
    (0.026, 0.0),
    (0.032, 0.008),
    (0.031, 0.045),
    (0.0325, 0.050),
    (0.0325, 0.140),
    (0.026, 0.170),
    (0.014, 0.198),
    (0.0135, 0.208),
    (0.0152, 0.209),
    (0.0152, 0.224),
    (0.0, 0.225),
];
const WATER: &[(f32, f32)] = &[
    (0.0, 0.003),
    (0.032, 0.0),
    (0.038, 0.008),
    (0.037, 0.080),
    (0.039, 0.084),
    (0.039, 0.180),
    (0.030, 0.220),
    (0.015, 0.246),
    (0.0145, 0.256),
    (0.0165, 0.257),
    (0.0165, 0.272),
    (0.0, 0.273),
];
const SOAP: &[(f32, f32)] = &[
    (0.0, 0.002),
    (0.030, 0.0),
    (0.034, 0.006),
    (0.034, 0.030),
    (0.033, 0.034),
    (0.034, 0.150),
    (0.022, 0.176),
    (0.013, 0.186),
    (0.013, 0.205),
    (0.008, 0.218),
    (0.0, 0.219),
];
const CUP: &[(f32, f32)] =
    &[(0.0, 0.002), (0.030, 0.0), (0.0315, 0.003), (0.039, 0.092), (0.042, 0.093), (0.042, 0.096), (0.0, 0.0965)];
const CUCUMBER: &[(f32, f32)] = &[
    (0.0, 0.0),
    (0.011, 0.003),
    (0.019, 0.014),
    (0.0225, 0.04),
    (0.0235, 0.14),
    (0.0225, 0.24),
    (0.019, 0.276),
    (0.011, 0.291),
    (0.004, 0.295),
    (0.004, 0.301),
    (0.0, 0.302),
];
const CARROT: &[(f32, f32)] = &[
    (0.0, 0.0),
    (0.003, 0.004),
    (0.007, 0.03),
    (0.0115, 0.08),
    (0.015, 0.13),
    (0.017, 0.16),
    (0.015, 0.172),
    (0.006, 0.176),
    (0.005, 0.184),
    (0.0, 0.185),
];
const AUBERGINE: &[(f32, f32)] = &[
    (0.0, 0.0),
    (0.018, 0.003),
    (0.032, 0.016),
    (0.039, 0.045),
    (0.038, 0.08),
    (0.031, 0.13),
    (0.025, 0.168),
    (0.018, 0.182),
    (0.009, 0.188),
    (0.007, 0.208),
    (0.0, 0.210),
];

const WHITE: Rgb = [248, 247, 242];

#[rustfmt::skip]
fn looks() -> Vec<(&'static str, Shape, Look)> {
    let grown = |sku, shape, skin| (sku, shape, Look::Grown(skin));
    let print = |brand, name, content, ground, block, picture, motif, lid| Print { brand, name, content, ground, block, picture, motif, lid };
    let pack = |sku, shape, gloss, print| (sku, shape, Look::Printed(print, gloss));
    let carton = Shape::Box { size: [0.071, 0.198, 0.070] };
    let cereal = Shape::Box { size: [0.190, 0.270, 0.055] };
    let chips = Shape::Pouch { size: [0.190, 0.270, 0.070] };
    let bar = Shape::Box { size: [0.080, 0.165, 0.010] };
    let turned = |outline| Shape::Turned { outline, uneven: 0.0 };
    let rough = |outline| Shape::Turned { outline, uneven: 0.09 };
    vec![
        grown("apple-rubina", fruit([0.039, 0.039, 0.034], Form::Apple), Skin::RedApple),
        grown("apple-jonara", fruit([0.038, 0.038, 0.035], Form::Apple), Skin::StripedApple),
        grown("apple-verdo", fruit([0.037, 0.037, 0.035], Form::Apple), Skin::GreenApple),
        grown("pear", fruit([0.034, 0.034, 0.050], Form::Pear), Skin::Pear),
        grown("banana", Shape::Bent { length: 0.20, radius: 0.0185, bend: 1.15 }, Skin::Banana),
        grown("orange", fruit([0.038, 0.038, 0.037], Form::Even), Skin::Orange),
        grown("lemon", fruit([0.028, 0.028, 0.036], Form::Lemon), Skin::Lemon),
        grown("lime", fruit([0.024, 0.024, 0.028], Form::Lemon), Skin::Lime),
        grown("kiwi", fruit([0.025, 0.027, 0.034], Form::Even), Skin::Kiwi),
        grown("avocado", fruit([0.034, 0.034, 0.050], Form::Pear), Skin::Avocado),
        grown("tomato", fruit([0.034, 0.034, 0.028], Form::Even), Skin::Tomato),
        grown("cucumber", rough(CUCUMBER), Skin::Cucumber),
        grown("carrot", rough(CARROT), Skin::Carrot),
        grown("potato", fruit([0.033, 0.030, 0.046], Form::Tuber), Skin::Potato),
        grown("onion", fruit([0.034, 0.034, 0.033], Form::Onion), Skin::Onion),
        grown("onion-red", fruit([0.034, 0.034, 0.031], Form::Onion), Skin::RedOnion),
        grown("pepper-red", fruit([0.037, 0.037, 0.046], Form::Pepper), Skin::RedPepper),
        grown("pepper-yellow", fruit([0.037, 0.037, 0.046], Form::Pepper), Skin::YellowPepper),
        grown("aubergine", rough(AUBERGINE), Skin::Aubergine),
        pack("milk-whole", carton, 0.25, print("ALMUNO", "VOLLMILCH", "3.5% 1 L", [WHITE, [206, 226, 240]], [[178, 24, 40], WHITE], [[84, 156, 66], [40, 36, 34]], Motif::Meadow, WHITE)),
        pack("milk-light", carton, 0.25, print("ALMUNO", "FETTARM", "1.5% 1 L", [WHITE, [206, 226, 240]], [[36, 96, 178], WHITE], [[84, 156, 66], [40, 36, 34]], Motif::Meadow, WHITE)),
        pack("yoghurt-berry", turned(CUP), 0.35, print("CREMILO", "BEERE", "250 G", [WHITE, [238, 206, 224]], [[126, 32, 98], WHITE], [[186, 34, 92], [240, 160, 190]], Motif::Fruit, [206, 208, 214])),
        pack("cereal-honey", cereal, 0.2, print("KRISPOLO", "HONIGRINGE", "375 G", [[250, 204, 62], [244, 160, 30]], [[24, 92, 62], [254, 240, 190]], [[214, 146, 52], [250, 214, 130]], Motif::Rings, WHITE)),
        pack("cereal-cocoa", cereal, 0.2, print("KRISPOLO", "KAKAORINGE", "375 G", [[236, 214, 180], [170, 110, 66]], [[86, 40, 20], [254, 236, 200]], [[96, 52, 28], [160, 104, 66]], Motif::Rings, WHITE)),
        pack("fusilli", Shape::Box { size: [0.100, 0.180, 0.062] }, 0.15, print("NUDORA", "FUSILLI", "500 G", [[24, 74, 150], [14, 44, 104]], [[250, 238, 206], [20, 60, 130]], [[240, 204, 110], [206, 156, 60]], Motif::Spirals, WHITE)),
        pack("rice", Shape::Pouch { size: [0.130, 0.200, 0.052] }, 0.3, print("RISELLA", "LANGKORN", "500 G", [[232, 112, 36], [206, 70, 24]], [WHITE, [186, 60, 20]], [[252, 248, 236], [226, 214, 190]], Motif::Grains, [190, 60, 24])),
        pack("chips-paprika", chips, 0.5, print("KNUSPARO", "PAPRIKA", "150 G", [[208, 28, 32], [150, 12, 22]], [[252, 214, 50], [150, 16, 24]], [[238, 190, 84], [252, 224, 140]], Motif::Crisps, [210, 212, 216])),
        pack("chips-salt", chips, 0.5, print("KNUSPARO", "SALZ", "150 G", [[44, 122, 196], [18, 70, 140]], [[252, 214, 50], [20, 60, 130]], [[238, 190, 84], [252, 224, 140]], Motif::Crisps, [210, 212, 216])),
        pack("tomatoes-can", turned(CAN), 0.3, print("POMARO", "TOMATEN", "400 G", [[244, 238, 222], [232, 214, 180]], [[34, 104, 52], WHITE], [[210, 40, 30], [246, 140, 110]], Motif::Fruit, [176, 180, 186])),
        pack("beans-can", turned(CAN), 0.3, print("BOHNIKA", "KIDNEY", "400 G", [[60, 60, 66], [28, 28, 34]], [[244, 180, 40], [40, 30, 20]], [[128, 26, 34], [190, 90, 90]], Motif::Beans, [176, 180, 186])),
        pack("cola", turned(COLA), 0.6, print("FIZZARO", "COLA", "0.5 L", [[36, 20, 18], [70, 26, 20]], [[228, 60, 30], WHITE], [[246, 170, 60], [255, 236, 190]], Motif::Bubbles, [62, 26, 18])),
        pack("water", turned(WATER), 0.6, print("QUELLONA", "WASSER", "0.75 L", [[226, 242, 250], [130, 196, 232]], [[20, 110, 170], WHITE], [[60, 160, 214], [20, 110, 176]], Motif::Waves, [166, 204, 222])),
        pack("beer-can", turned(BEER), 0.5, print("HOPFGARD", "BIER", "0.5 L", [[232, 226, 200], [206, 186, 120]], [[20, 84, 52], [246, 222, 130]], [[90, 150, 60], [150, 190, 90]], Motif::Hops, [190, 194, 200])),
        pack("chocolate-milk", bar, 0.3, print("SCHOKARI", "VOLLMILCH", "100 G", [[122, 84, 190], [86, 52, 150]], [[250, 246, 240], [90, 50, 150]], [[104, 60, 34], [140, 88, 54]], Motif::Squares, WHITE)),
        pack("chocolate-nut", bar, 0.3, print("SCHOKARI", "NUSS", "100 G", [[72, 132, 84], [36, 92, 56]], [[250, 246, 240], [40, 90, 50]], [[104, 60, 34], [206, 160, 96]], Motif::Squares, WHITE)),
        pack("coffee", Shape::Box { size: [0.092, 0.152, 0.062] }, 0.45, print("MOKARO", "KAFFEE", "500 G", [[22, 20, 24], [58, 34, 24]], [[198, 150, 62], [24, 18, 16]], [[240, 230, 214], [110, 60, 30]], Motif::Cup, [40, 30, 26])),
        pack("dish-soap", turned(SOAP), 0.5, print("BLINKARA", "ZITRUS", "500 ML", [[250, 226, 60], [160, 214, 70]], [[16, 130, 96], WHITE], [[250, 250, 250], [40, 170, 120]], Motif::Sparkle, [20, 140, 100])),
        pack("toothpaste", Shape::Box { size: [0.195, 0.047, 0.040] }, 0.35, print("DENTAVO", "FRISCH", "75 ML", [WHITE, [190, 232, 240]], [[14, 120, 170], WHITE], [[230, 40, 60], [14, 120, 170]], Motif::Waves, WHITE)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::Price;

    #[test]
    fn the_shelf_and_its_catalogue_hold_the_same_products() {
        let shelf = Shelf::own();
        assert_eq!(shelf.catalog().faults(), Vec::<String>::new());
        assert_eq!(shelf.goods().len(), shelf.catalog().products.len());
        for good in shelf.goods() {
            let product = shelf.catalog().product(&good.product.sku).expect("in the catalogue");
            assert_eq!(*product, good.product);
        }
    }

    #[test]
    fn the_shelf_holds_produce_without_a_code_and_packs_with_their_own() {
        let shelf = Shelf::own();
        let (packs, produce): (Vec<_>, Vec<_>) = shelf.goods().iter().partition(|good| good.has_code());
        assert!(packs.len() >= 13 && produce.len() >= 13);
        let mut codes: Vec<_> = packs.iter().filter_map(|good| good.product.gtin).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), packs.len(), "two packs carry one code");
        assert!(produce.iter().all(|good| good.product.plu.is_some()));
        assert!(packs.iter().all(|good| matches!(good.product.price, Price::Each(_))));
    }
}
