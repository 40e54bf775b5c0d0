//! The fixed texts of the screen, German and English side by side so that neither can be forgotten.
//!
//! Texts that depend on what happened are made in `present`.

use crate::domain::catalog::Language;

macro_rules! words {
    ($(#[$about:meta])* $table:ident { $($name:ident: $de:literal, $en:literal;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $table {
            $(#[doc = concat!("\"", $en, "\".")] pub $name: &'static str,)*
        }

        impl $table {
            /// The texts in `language`.
            pub fn in_language(language: Language) -> &'static $table {
                const GERMAN: $table = $table { $($name: $de,)* };
                const ENGLISH: $table = $table { $($name: $en,)* };
                match language {
                    Language::De => &GERMAN,
                    Language::En => &ENGLISH,
                }
            }

            /// The texts with their names, to look through all of them.
            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }

        #[cfg(feature = "screen")]
        impl From<&$table> for super::ui::$table {
            fn from(words: &$table) -> Self {
                Self { $($name: words.$name.into(),)* }
            }
        }
    };
}

words! {
    /// The fixed texts of the cart's screen in one language.
    Words {
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
        paused: "Bitte gerade nichts bewegen", "Please move nothing for now";
        to_checkout: "Zur Kasse", "Check out";
        call_staff: "Hilfe rufen", "Call staff";
        staff_done: "Hilfe kommt · Erledigt", "Help is coming · Done";
        staff_title: "Nur für das Personal", "Staff only";
        staff_text: "Bitte den Code des Marktes eingeben.", "Please type the store's code.";
        staff_wrong: "Dieser Code stimmt nicht.", "This code is not right.";
        staff_waits: "Zu oft falsch. Bitte eine halbe Minute warten.", "Wrong too often. Please wait half a minute.";
        look_title: "Bitte nachsehen", "Please have a look";
        look_text: "Danach kann bezahlt werden.", "After that it can be paid.";
        look_done: "Alles in Ordnung", "All in order";
        container: "Mit Behälter gewogen?", "Weighed in a container?";
        something_else: "Etwas anderes", "Something else";
        show_all: "Alle Produkte zeigen", "Show all products";
        pick_text: "Der Wagen erkennt es nicht. Bitte wählen Sie es aus.", "The cart cannot tell. Please pick it yourself.";
        own_thing: "Meine eigene Sache", "My own thing";
        several: "Mehrere Sachen", "Several things";
        take_one_out_text: "So kann der Wagen jedes einzeln wiegen. Legen Sie es danach wieder hinein.",
            "The cart can then weigh each by itself. Put it back in afterwards.";
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
}

#[cfg(all(feature = "screen", feature = "emulator"))]
words! {
    /// The fixed texts of the emulator's panel in one language.
    PanelWords {
        title: "Regal", "Shelf";
        hint: "Antippen: eine Hand legt es in den Wagen", "Tap: a hand drops it into the cart";
        webcam_hint: "Legen Sie etwas vor die Kamera und stellen Sie ein, was die Waage im Wagen fühlen soll.",
            "Put something before the camera and set what the cart's scale shall feel.";
        scale: "Waage", "Scale";
        basket: "Im Wagen (antippen nimmt heraus)", "In the cart (tap to take out)";
        basket_empty: "Noch nichts", "Nothing yet";
        count: "So viele auf einmal", "This many at once";
        bump: "Anstoßen", "Bump";
        lean: "Aufstützen", "Lean on it";
        roll: "Rollen", "Roll";
        cover: "Kamera zuhalten", "Cover camera";
        freeze: "Waage einfrieren", "Freeze scale";
        disconnect: "Waage abziehen", "Unplug scale";
        own_thing: "Eigenes Telefon hinein", "Put own phone in";
        camera: "Kamera", "Camera";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(german: Vec<(&str, &str)>, english: Vec<(&str, &str)>) {
        for ((name, german), (_, english)) in german.into_iter().zip(english) {
            assert!(!german.trim().is_empty() && !english.trim().is_empty(), "{name} is empty");
            assert_ne!(german, english, "{name} is not translated");
        }
    }

    #[test]
    fn every_text_is_there_in_both_languages_and_differs() {
        check(Words::in_language(Language::De).all(), Words::in_language(Language::En).all());
        #[cfg(all(feature = "screen", feature = "emulator"))]
        check(PanelWords::in_language(Language::De).all(), PanelWords::in_language(Language::En).all());
    }
}
