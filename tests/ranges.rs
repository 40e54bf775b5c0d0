//! The ranges that come with the cart can be sold from, and hold what the recognition model knows.

use dashcart::domain::catalog::{Catalog, Price};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn grocery() -> Catalog {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ranges/grocery.json");
    let text = std::fs::read_to_string(&path).expect("ranges/grocery.json can be read");
    serde_json::from_str(&text).expect("ranges/grocery.json is a catalogue")
}

#[test]
fn the_grocery_range_can_be_sold_from() {
    let catalog = grocery();
    assert_eq!(catalog.faults(), Vec::<String>::new());
    assert_eq!(catalog.products.len(), 81);
}

#[test]
fn no_code_or_produce_number_names_two_products() {
    let mut named = BTreeMap::new();
    for product in grocery().products.values() {
        let codes = product.gtin.map(|gtin| format!("GTIN {gtin}"));
        for code in codes.into_iter().chain(product.plu.map(|plu| format!("PLU {plu}"))) {
            if let Some(other) = named.insert(code.clone(), product.sku.clone()) {
                panic!("{code} names {other} and {}", product.sku);
            }
        }
    }
    assert!(named.len() > 60, "only {} products have a code", named.len());
}

#[test]
fn only_what_has_no_code_is_sold_by_weight() {
    for product in grocery().products.values() {
        if let (Price::PerKg(_), Some(gtin)) = (product.price, product.gtin) {
            panic!("{} carries the code {gtin} of a pack but is sold by weight", product.sku);
        }
    }
}

#[test]
fn every_class_of_the_photos_is_in_the_grocery_range() {
    let classes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/grocery-store-dataset/classes.csv");
    let Ok(text) = std::fs::read_to_string(&classes) else {
        eprintln!("skipped: the photos are not on this machine ({})", classes.display());
        return;
    };
    let known: BTreeSet<&str> = text.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    let catalog = grocery();
    let sold: BTreeSet<&str> = catalog.products.keys().map(|sku| sku.as_str()).collect();
    assert_eq!(known, sold);
}
