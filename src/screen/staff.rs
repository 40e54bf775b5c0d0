//! The keypad on which staff type their code before they say that a basket is in order.
//!
//! It knows neither window nor clock: the bridge draws it and tells it when its time is up.

use crate::domain::staff::StaffCode;

/// After so many wrong codes the keypad waits.
const TRIES: u32 = 3;

/// A key of the keypad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A digit, 0 to 9.
    Digit(u8),
    /// Takes the last digit back.
    Erase,
    /// What was typed is the code.
    Enter,
    /// Puts the keypad away.
    Close,
}

/// What the keypad says below the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeypadNote {
    /// Nothing went wrong.
    None,
    /// The code just typed is not the store's.
    Wrong,
    /// Too many codes were wrong: it takes no key for a while.
    Waits,
}

/// The keypad, in view or not.
#[derive(Debug)]
pub struct Keypad {
    code: StaffCode,
    open: bool,
    typed: String,
    wrong: u32,
    note: KeypadNote,
}

impl Keypad {
    /// A keypad out of view that takes `code`.
    pub fn new(code: StaffCode) -> Keypad {
        Keypad { code, open: false, typed: String::new(), wrong: 0, note: KeypadNote::None }
    }

    /// Brings it into view, with nothing typed.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// Whether it is in view.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many digits are typed.
    pub fn typed(&self) -> usize {
        self.typed.len()
    }

    /// What it says.
    pub fn note(&self) -> KeypadNote {
        self.note
    }

    /// Takes a key, and says whether it ended the right code: the keypad is out of view then.
    pub fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Close => self.close(),
            _ if !self.open || self.note == KeypadNote::Waits => {}
            Key::Digit(digit) if self.typed.len() < StaffCode::MOST_DIGITS && digit <= 9 => {
                self.note = KeypadNote::None;
                self.typed.push(char::from(b'0' + digit));
            }
            Key::Digit(_) => {}
            Key::Erase => {
                self.typed.pop();
            }
            Key::Enter if self.typed.is_empty() => {}
            Key::Enter if self.code.is(&std::mem::take(&mut self.typed)) => {
                self.wrong = 0;
                self.close();
                return true;
            }
            Key::Enter => {
                self.wrong += 1;
                self.note = if self.wrong.is_multiple_of(TRIES) { KeypadNote::Waits } else { KeypadNote::Wrong };
            }
        }
        false
    }

    /// Nobody has typed for a while, or the wait is over.
    pub fn time_is_up(&mut self) {
        self.note = KeypadNote::None;
        self.close();
    }

    fn close(&mut self) {
        self.open = false;
        self.typed.clear();
        if self.note == KeypadNote::Wrong {
            self.note = KeypadNote::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypad() -> Keypad {
        let mut keypad = Keypad::new(StaffCode::try_from("4711".to_owned()).expect("a code"));
        keypad.open();
        keypad
    }

    fn type_in(keypad: &mut Keypad, digits: &str) -> bool {
        for digit in digits.bytes() {
            assert!(!keypad.press(Key::Digit(digit - b'0')), "a digit alone ends nothing");
        }
        keypad.press(Key::Enter)
    }

    #[test]
    fn only_the_right_code_opens_and_only_when_entered() {
        for (digits, right) in [("4711", true), ("471", false), ("47110", false), ("", false), ("0000", false)] {
            assert_eq!(type_in(&mut keypad(), digits), right, "{digits}");
        }
        let mut keypad = keypad();
        type_in(&mut keypad, "4712");
        assert_eq!((keypad.note(), keypad.typed(), keypad.is_open()), (KeypadNote::Wrong, 0, true));
        assert!(type_in(&mut keypad, "4711"));
        assert!(!keypad.is_open());
    }

    #[test]
    fn a_slip_is_taken_back() {
        let mut keypad = keypad();
        for key in [Key::Digit(4), Key::Digit(7), Key::Digit(2), Key::Erase, Key::Digit(1), Key::Digit(1)] {
            assert!(!keypad.press(key));
        }
        assert!(keypad.press(Key::Enter));
    }

    #[test]
    fn after_three_wrong_codes_even_the_right_one_waits_also_when_put_away_meanwhile() {
        let mut keypad = keypad();
        for _ in 0..3 {
            assert!(!type_in(&mut keypad, "0000"));
        }
        assert_eq!(keypad.note(), KeypadNote::Waits);
        assert!(!type_in(&mut keypad, "4711"));
        keypad.press(Key::Close);
        keypad.open();
        assert!(!type_in(&mut keypad, "4711"));
        keypad.time_is_up();
        assert!(!keypad.is_open());
        keypad.open();
        assert!(type_in(&mut keypad, "4711"));
    }

    #[test]
    fn what_was_typed_does_not_wait_for_the_next_who_opens_it() {
        let mut keypad = keypad();
        keypad.press(Key::Digit(4));
        keypad.press(Key::Close);
        assert!(!keypad.press(Key::Digit(7)), "out of view it takes no key");
        keypad.open();
        assert_eq!(keypad.typed(), 0);
    }
}
