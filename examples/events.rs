//! What one event costs the cart with more and more in the basket: `cargo run --release --example events`.
//!
//! An event is a thing put in or taken out, from the first movement in view to the line and the page that shows it.

use dashcart::domain::cart::{Cart, CartInput, CartSettings, Page, Press};
use dashcart::domain::catalog::{Price, Product};
use dashcart::domain::fusion::{Candidate, Sighting};
use dashcart::domain::settle::SettledChange;
use dashcart::domain::units::{Grams, Sku, Stamp};
use dashcart::emulator::shelf::Shelf;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

struct Trip {
    cart: Cart,
    now: Stamp,
    load: f64,
    others: Vec<Sku>,
}

impl Trip {
    fn give(&mut self, millis: u64, input: CartInput) {
        self.now = self.now.plus_millis(millis);
        black_box(self.cart.handle(input, self.now));
    }

    /// Puts a product in, or takes it out.
    fn change(&mut self, product: &Product, grams: f64) {
        self.load += grams;
        let began = self.now;
        self.give(500, CartInput::ViewMoved);
        self.give(300, CartInput::LoadDisturbed);
        let others = self.others.iter().filter(|sku| **sku != product.sku).take(11);
        let others = others.map(|sku| Candidate { sku: sku.clone(), similarity: 0.1 });
        let seen: Vec<_> =
            [Candidate { sku: product.sku.clone(), similarity: 0.7 }].into_iter().chain(others).collect();
        let (appeared, vanished) = if grams > 0.0 { (seen, Vec::new()) } else { (Vec::new(), seen) };
        let ended = self.now.plus_millis(200);
        let sighting = Sighting { began, ended, appeared, vanished, frames: 2, area: 0.1, places: 1, clear: true };
        self.give(250, CartInput::Sighted(sighting));
        let settled = self.now.plus_millis(200);
        let (change, load) = (Grams(grams), Grams(self.load));
        let began = self.now.minus_millis(250);
        self.give(
            200,
            CartInput::LoadSettled(SettledChange { change, margin: Grams(3.0), load, began, settled, dip: Grams(0.0) }),
        );
        self.give(600, CartInput::Ticked);
        black_box(self.cart.view(self.now));
    }
}

fn main() {
    let catalog = Arc::new(Shelf::own().catalog().clone());
    let products: Vec<&Product> =
        catalog.products.values().filter(|product| matches!(product.price, Price::Each(_))).collect();
    println!("| lines | put in, us | taken out, us |\n|---|---|---|");
    for lines in [1usize, 10, 20, 30, 40, 50, 60] {
        let cart = Cart::new(CartSettings::default(), catalog.clone());
        let mut trip =
            Trip { cart, now: Stamp::from_millis(1000), load: 0.0, others: catalog.products.keys().cloned().collect() };
        trip.give(100, CartInput::CameraRecovered);
        trip.give(100, CartInput::ScaleRecovered { load: Grams(0.0) });
        trip.give(100, CartInput::Pressed(Press::Start));
        for product in products.iter().cycle().take(lines) {
            trip.change(product, product.weight.mean.0);
        }
        let held = trip.cart.basket().lines().len();
        assert!(held == lines && trip.cart.view(trip.now).page == Page::Shopping, "{held} of {lines} lines");
        let (mut put_in, mut taken_out) = (Vec::new(), Vec::new());
        for round in 0..400 {
            let product = products[round % products.len().min(lines)];
            let mut trip = Trip { cart: trip.cart.clone(), others: trip.others.clone(), ..trip };
            for (times, grams) in [(&mut put_in, product.weight.mean.0), (&mut taken_out, -product.weight.mean.0)] {
                #[allow(clippy::disallowed_methods, reason = "time is what is measured")]
                let begin = Instant::now();
                trip.change(product, grams);
                times.push(begin.elapsed().as_secs_f64() * 1e6);
            }
        }
        let middle = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        println!("| {lines} | {:.0} | {:.0} |", middle(&mut put_in), middle(&mut taken_out));
    }
}
