//! The cart's window joined to its loops: views go in, presses come out, pictures are fetched on the side.

use crate::adapters::http_store::HttpStore;
use crate::domain::cart::{Cart, CartInput, CartOutput, CartView, Sound};
use crate::domain::catalog::Catalog;
use crate::ports::Store;
use crate::runtime::cart::Audience;
use crate::screen::window::{Screen, ScreenHandle};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// Shows on the screen what the cart has to show.
pub struct Shown(pub ScreenHandle);

impl Audience for Shown {
    fn show(&mut self, view: CartView, catalog: &Arc<Catalog>) {
        self.0.show(view, catalog.clone());
    }

    fn play(&mut self, sound: Sound) {
        tracing::debug!("sound: {sound:?}");
    }

    fn handled(&mut self, _input: &CartInput, _outputs: &[CartOutput], _cart: &Cart) {}
}

/// Sends the screen's presses to the cart, and gives the screen the store's pictures.
pub fn connect(screen: &Screen, inputs: SyncSender<CartInput>, store: Arc<HttpStore>) {
    screen.on_press(move |press| {
        // The queue is long; a press that finds it full is lost as on a busy screen, and the shopper presses again.
        let _ = inputs.try_send(CartInput::Pressed(press));
    });
    if let Some(desk) = screen.take_picture_desk() {
        std::thread::spawn(move || desk.serve(move |sku| store.picture(sku).ok()));
    }
}
