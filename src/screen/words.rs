//! The fixed texts of the screen, German and English side by side so that neither can be forgotten.
//!
//! Texts that depend on what happened are made in `present`.

use crate::domain::catalog::Language;

macro_rules! words {
    ($($name:ident: $de:literal, $en:literal;)*) => {
        /// The fixed texts of the screen in one language.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Words {
            $(#[doc = concat!("\"", $en, "\".")] pub $name: &'static str,)*
        }

        const GERMAN: Words = Words { $($name: $de,)* };
        const ENGLISH: Words = Words { $($name: $en,)* };

        impl Words {
            /// The texts with their names, to look through all of them.
            pub fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }

        #[cfg(feature = "screen")]
        impl From<&Words> for super::ui::Words {
            fn from(words: &Words) -> Self {
                Self { $($name: words.$name.into(),)* }
            }
        }
    };
}

words! {
    welcome_title: "Willkommen!", "Welcome!";
    welcome_text: "Legen Sie Ihren Einkauf einfach in den Wagen. Er erkennt, was es ist, und zeigt den Preis.",
        "Simply put your shopping into the cart. It sees what it is and shows the price.";
    start: "Einkauf starten", "Start shopping";
    step_put: "Hineinlegen", "Put it in";
    step_read: "Preis sehen", "See the price";
    step_pay: "Bezahlen", "Pay";
    total: "Summe", "Total";
    empty_title: "Ihr Wagen ist noch leer", "Your cart is empty";
    empty_text: "Legen Sie etwas hinein. Scannen ist nicht nötig.", "Put something in. No scanning needed.";
    ready: "Bereit für den nächsten Artikel", "Ready for the next item";
    weighing: "Wird gewogen …", "Weighing …";
    to_checkout: "Zur Kasse", "Check out";
    call_staff: "Hilfe rufen", "Call staff";
    staff_coming: "Hilfe kommt", "Help is coming";
    staff_done: "Erledigt", "Done";
    something_else: "Etwas anderes", "Something else";
    show_all: "Alle Produkte zeigen", "Show all products";
    own_thing: "Meine eigene Sache", "My own thing";
    all_groups: "Alle", "All";
    back: "Zurück", "Back";
    checkout_title: "Stimmt alles?", "Is everything right?";
    pay: "Jetzt bezahlen", "Pay now";
    paying_title: "Ihr Einkauf wird gebucht", "Your purchase is being booked";
    paying_text: "Bitte einen kleinen Moment.", "This takes a moment.";
    silent_title: "Noch nicht bestätigt", "Not yet confirmed";
    silent_text: "Der Markt antwortet gerade nicht. Wir versuchen es weiter. Nichts wird doppelt berechnet.",
        "The store is not answering. We keep trying. Nothing is charged twice.";
    refused_title: "Das hat nicht geklappt", "That did not work";
    refused_text: "Es wurde nichts berechnet. Sie können weiter einkaufen oder Hilfe rufen.",
        "Nothing was charged. You can go on shopping or call staff.";
    go_on: "Weiter einkaufen", "Go on shopping";
    receipt_title: "Vielen Dank!", "Thank you!";
    receipt_number: "Kassenbon Nr.", "Receipt no.";
    receipt_scan: "Kassenbon auf das Handy", "Receipt to your phone";
    finish: "Nächster Einkauf", "Next shopper";
}

impl Words {
    /// The texts in `language`.
    pub fn in_language(language: Language) -> &'static Words {
        match language {
            Language::De => &GERMAN,
            Language::En => &ENGLISH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_and_differs() {
        for ((name, german), (_, english)) in GERMAN.all().into_iter().zip(ENGLISH.all()) {
            assert!(!german.trim().is_empty() && !english.trim().is_empty(), "{name} is empty");
            assert_ne!(german, english, "{name} is not translated");
        }
    }
}
