//! DataMatrix ECC 200 (ISO/IEC 16022) in the square sizes of one region, ASCII encodation.

use super::Symbol;

/// Side in modules, codewords of data, codewords of error correction.
const SIZES: [(usize, usize, usize); 9] = [
    (10, 3, 5),
    (12, 5, 7),
    (14, 8, 10),
    (16, 12, 12),
    (18, 18, 14),
    (20, 22, 18),
    (22, 30, 20),
    (24, 36, 24),
    (26, 44, 28),
];

/// A GS1 DataMatrix of an element string with FNC1 as U+001D behind elements of variable length.
pub fn datamatrix(text: &str) -> Symbol {
    symbol(codewords(text, true))
}

/// A DataMatrix of a text that is no element string.
pub fn datamatrix_of_text(text: &str) -> Symbol {
    symbol(codewords(text, false))
}

fn symbol(data: Vec<u8>) -> Symbol {
    let (side, capacity, checks) = *SIZES.iter().find(|(_, capacity, _)| *capacity >= data.len()).expect("short text");
    let data = padded(data, capacity);
    let all = [&data[..], &error_correction(&data, checks)].concat();
    let inner = side - 2;
    let modules = placed(&all, inner);
    let mut dark = vec![false; side * side];
    for (row, column) in (0..side).flat_map(|row| (0..side).map(move |column| (row, column))) {
        dark[row * side + column] = match (row, column) {
            (_, 0) => true,
            (row, _) if row == side - 1 => true,
            (0, column) => column % 2 == 0,
            (row, column) if column == side - 1 => row % 2 == 1,
            (row, column) => modules[(row - 1) * inner + column - 1],
        };
    }
    Symbol { columns: side, rows: side, dark, quiet: 2 }
}

/// ASCII encodation: pairs of digits in one codeword; an element string begins with FNC1.
fn codewords(text: &str, is_element_string: bool) -> Vec<u8> {
    const FNC1: u8 = 232;
    let (mut words, mut rest) = (Vec::from_iter(is_element_string.then_some(FNC1)), text.as_bytes());
    while let [first, after @ ..] = rest {
        match after {
            [second, after @ ..] if first.is_ascii_digit() && second.is_ascii_digit() => {
                words.push(130 + 10 * (first - b'0') + (second - b'0'));
                rest = after;
            }
            _ => {
                words.push(if *first == 0x1d { FNC1 } else { first + 1 });
                rest = after;
            }
        }
    }
    words
}

/// Filled up to the symbol's capacity; all but the first filler are scrambled by their place.
fn padded(mut words: Vec<u8>, capacity: usize) -> Vec<u8> {
    if words.len() < capacity {
        words.push(129);
    }
    while words.len() < capacity {
        let scrambled = 129 + (149 * (words.len() + 1)) % 253 + 1;
        words.push(if scrambled > 254 { scrambled - 254 } else { scrambled } as u8);
    }
    words
}

/// Product in the field of 256 elements with the polynomial 301.
fn product(a: u8, b: u8) -> u8 {
    let (mut a, mut sum) = (usize::from(a), 0);
    for bit in 0..8 {
        sum ^= if b >> bit & 1 == 1 { a } else { 0 };
        a = if a & 0x80 == 0 { a << 1 } else { (a << 1) ^ 301 };
    }
    sum as u8
}

fn error_correction(data: &[u8], checks: usize) -> Vec<u8> {
    // The generator has the roots 2, 4, 8 and so on; its highest coefficient, 1, stands first.
    let (mut generator, mut root) = (vec![0u8; checks + 1], 1);
    generator[0] = 1;
    for degree in 1..=checks {
        root = product(root, 2);
        for place in (1..=degree).rev() {
            generator[place] ^= product(generator[place - 1], root);
        }
    }
    let mut rest = vec![0u8; checks];
    for word in data {
        let factor = word ^ rest[0];
        rest.rotate_left(1);
        rest[checks - 1] = 0;
        rest.iter_mut().zip(&generator[1..]).for_each(|(rest, term)| *rest ^= product(factor, *term));
    }
    rest
}

/// The places of a codeword's eight modules, from the highest bit on, around the one of the lowest.
const SHAPE: [(i32, i32); 8] = [(-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0)];

/// The places of a codeword that lies in the corners, where it begins at `row` and `column`; a place of -1 is the last row
/// or column, and so on (ISO/IEC 16022, annex F).
fn in_corners(row: i32, column: i32, side: i32) -> Option<[(i32, i32); 8]> {
    match (row, column) {
        (row, 0) if row == side => Some([(-1, 0), (-1, 1), (-1, 2), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)]),
        (row, 0) if row == side - 2 && side % 4 != 0 => {
            Some([(-3, 0), (-2, 0), (-1, 0), (0, -4), (0, -3), (0, -2), (0, -1), (1, -1)])
        }
        (row, 0) if row == side - 2 && side % 8 == 4 => {
            Some([(-3, 0), (-2, 0), (-1, 0), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)])
        }
        (row, 2) if row == side + 4 && side % 8 == 0 => {
            Some([(-1, 0), (-1, -1), (0, -3), (0, -2), (0, -1), (1, -3), (1, -2), (1, -1)])
        }
        _ => None,
    }
}

/// The modules of a region, `side` a row, with each codeword's eight in their places.
fn placed(words: &[u8], side: usize) -> Vec<bool> {
    let reach = side as i32;
    let mut modules: Vec<Option<bool>> = vec![None; side * side];
    let at = |row: i32, column: i32| row as usize * side + column as usize;
    let (mut words, mut row, mut column) = (words.iter(), 4, 0);
    while row < reach || column < reach {
        if let Some(places) = in_corners(row, column, reach) {
            let word = words.next().expect("as many as fit");
            for (bit, (row, column)) in places.into_iter().enumerate() {
                modules[at(row.rem_euclid(reach), column.rem_euclid(reach))] = Some(word >> (7 - bit) & 1 == 1);
            }
        }
        // Diagonally up to the right, then down to the left.
        for step in [2, -2] {
            loop {
                let on_it = (0..reach).contains(&row) && (0..reach).contains(&column);
                if on_it && modules[at(row, column)].is_none() {
                    let word = words.next().expect("as many as fit");
                    for (bit, (down, across)) in SHAPE.into_iter().enumerate() {
                        let (row, column) = wrapped(row + down, column + across, reach);
                        modules[at(row, column)] = Some(word >> (7 - bit) & 1 == 1);
                    }
                }
                (row, column) = (row - step, column + step);
                if row.min(column) < 0 || (step > 0 && column >= reach) || (step < 0 && row >= reach) {
                    break;
                }
            }
            (row, column) = if step > 0 { (row + 1, column + 3) } else { (row + 3, column + 1) };
        }
    }
    // Where the modules are not all taken, the last corner has a fixed pattern.
    if modules[side * side - 1].is_none() {
        modules[side * side - 1] = Some(true);
        modules[side * (side - 1) - 2] = Some(true);
    }
    modules.into_iter().map(|module| module.unwrap_or(false)).collect()
}

/// A place beyond the upper or left edge comes in again at the opposite one, moved along it.
fn wrapped(mut row: i32, mut column: i32, reach: i32) -> (i32, i32) {
    let moved = 4 - (reach + 4) % 8;
    if row < 0 {
        (row, column) = (row + reach, column + moved);
    }
    if column < 0 {
        (row, column) = (row + moved, column + reach);
    }
    (row, column)
}
