//! EAN-13, EAN-8 and UPC-E as bars (GS1 General Specifications, section 5.2).

use super::Symbol;

/// Widths of the four elements of each digit in number set A, beginning with a light one.
const SET_A: [[usize; 4]; 10] = [
    [3, 2, 1, 1],
    [2, 2, 2, 1],
    [2, 1, 2, 2],
    [1, 4, 1, 1],
    [1, 1, 3, 2],
    [1, 2, 3, 1],
    [1, 1, 1, 4],
    [1, 3, 1, 2],
    [1, 2, 1, 3],
    [3, 1, 1, 2],
];
/// Which of the six left digits are in number set B, by the first digit.
const IN_SET_B: [u8; 10] =
    [0b00_0000, 0b00_1011, 0b00_1101, 0b00_1110, 0b01_0011, 0b01_1001, 0b01_1100, 0b01_0101, 0b01_0110, 0b01_1010];
const QUIET: usize = 11;
const HEIGHT: usize = 45;

fn digits(text: &str, count: usize) -> Vec<usize> {
    assert_eq!(text.len(), count, "{text}");
    text.bytes().map(|byte| usize::from(byte - b'0')).collect()
}

/// Adds elements in turns, beginning with a dark or a light one.
fn push(bars: &mut Vec<bool>, widths: impl IntoIterator<Item = usize>, mut dark: bool) {
    for width in widths {
        bars.extend(std::iter::repeat_n(dark, width));
        dark = !dark;
    }
}

fn push_digit(bars: &mut Vec<bool>, digit: usize, set_b: bool) {
    let widths = SET_A[digit];
    if set_b { push(bars, widths.into_iter().rev(), false) } else { push(bars, widths, false) }
}

/// An EAN-13, or a UPC-A with a zero before it.
pub fn ean_13(text: &str) -> Symbol {
    let digits = digits(text, 13);
    let mut bars = Vec::new();
    push(&mut bars, [1; 3], true);
    for (place, digit) in digits[1..7].iter().enumerate() {
        push_digit(&mut bars, *digit, IN_SET_B[digits[0]] >> (5 - place) & 1 == 1);
    }
    push(&mut bars, [1; 5], false);
    digits[7..].iter().for_each(|digit| push(&mut bars, SET_A[*digit], true));
    push(&mut bars, [1; 3], true);
    Symbol::of_bars(&bars, HEIGHT, QUIET)
}

/// An EAN-8.
pub fn ean_8(text: &str) -> Symbol {
    let digits = digits(text, 8);
    let mut bars = Vec::new();
    push(&mut bars, [1; 3], true);
    digits[..4].iter().for_each(|digit| push_digit(&mut bars, *digit, false));
    push(&mut bars, [1; 5], false);
    digits[4..].iter().for_each(|digit| push(&mut bars, SET_A[*digit], true));
    push(&mut bars, [1; 3], true);
    Symbol::of_bars(&bars, HEIGHT, QUIET)
}

/// A UPC-E of number system 0: eight digits with the system's and the check digit.
pub fn upc_e(text: &str) -> Symbol {
    let digits = digits(text, 8);
    assert_eq!(digits[0], 0, "number system 0");
    // The check digit is not drawn: it says which digits are in which set, as in EAN-13 but with the sets exchanged.
    let in_set_a = if digits[7] == 0 { 0b00_0111 } else { IN_SET_B[digits[7]] };
    let mut bars = Vec::new();
    push(&mut bars, [1; 3], true);
    for (place, digit) in digits[1..7].iter().enumerate() {
        push_digit(&mut bars, *digit, in_set_a >> (5 - place) & 1 == 0);
    }
    push(&mut bars, [1; 6], false);
    Symbol::of_bars(&bars, HEIGHT, QUIET)
}
