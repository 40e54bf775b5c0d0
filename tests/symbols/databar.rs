//! GS1 DataBar Omnidirectional and Expanded as bars (ISO/IEC 24724). A symbol character is the n-th way to divide its
//! modules among four dark and four light elements.

use super::Symbol;

/// The `index`-th way, counted from the narrowest first element on, to divide `modules` among four elements of at most
/// `widest`; where `narrow` is set, only ways with an element of one module count.
fn widths(index: usize, modules: usize, widest: usize, narrow: bool) -> [usize; 4] {
    let range = || 1..=widest;
    let ways = range().flat_map(|a| range().flat_map(move |b| range().map(move |c| (a, b, c))));
    let mut ways = ways.filter_map(|(a, b, c)| {
        let way = [a, b, c, modules.checked_sub(a + b + c)?];
        ((1..=widest).contains(&way[3]) && (!narrow || way.contains(&1))).then_some(way)
    });
    ways.nth(index).expect("a value of the group")
}

fn woven(odd: [usize; 4], even: [usize; 4]) -> [usize; 8] {
    std::array::from_fn(|place| if place % 2 == 0 { odd[place / 2] } else { even[place / 2] })
}

/// One group of characters: first value, values of the subset counted within the other, modules and widest element of the
/// odd and of the even elements.
struct Group(usize, usize, (usize, usize), (usize, usize));

const OUTSIDE: [Group; 5] = [
    Group(0, 1, (12, 8), (4, 1)),
    Group(161, 10, (10, 6), (6, 3)),
    Group(961, 34, (8, 4), (8, 5)),
    Group(2015, 70, (6, 3), (10, 6)),
    Group(2715, 126, (4, 1), (12, 8)),
];
const INSIDE: [Group; 4] = [
    Group(0, 4, (5, 2), (10, 7)),
    Group(336, 20, (7, 4), (8, 5)),
    Group(1036, 48, (9, 6), (6, 3)),
    Group(1516, 81, (11, 8), (4, 1)),
];
const EXPANDED: [Group; 5] = [
    Group(0, 4, (12, 7), (5, 2)),
    Group(348, 20, (10, 5), (7, 4)),
    Group(1388, 52, (8, 4), (9, 5)),
    Group(2948, 104, (6, 3), (11, 6)),
    Group(3988, 204, (4, 1), (13, 8)),
];

fn group(groups: &[Group], value: usize) -> &Group {
    groups.iter().rev().find(|group| group.0 <= value).expect("the first begins at 0")
}

fn outside(value: usize) -> [usize; 8] {
    let Group(first, evens, odd, even) = group(&OUTSIDE, value);
    let (high, low) = ((value - first) / evens, (value - first) % evens);
    woven(widths(high, odd.0, odd.1, false), widths(low, even.0, even.1, true))
}

fn inside(value: usize) -> [usize; 8] {
    let Group(first, odds, odd, even) = group(&INSIDE, value);
    let (high, low) = ((value - first) / odds, (value - first) % odds);
    woven(widths(low, odd.0, odd.1, true), widths(high, even.0, even.1, false))
}

fn of_expanded(value: usize) -> [usize; 8] {
    let Group(first, evens, odd, even) = group(&EXPANDED, value);
    let (high, low) = ((value - first) / evens, (value - first) % evens);
    woven(widths(high, odd.0, odd.1, true), widths(low, even.0, even.1, false))
}

/// Elements in turns, beginning with a light one.
fn bars(elements: &[usize]) -> Vec<bool> {
    elements.iter().enumerate().flat_map(|(place, width)| std::iter::repeat_n(place % 2 == 1, *width)).collect()
}

/// DataBar Omnidirectional of a GTIN's 14 digits; the last is its check digit and is not drawn.
pub fn omnidirectional(gtin_14: &str) -> Symbol {
    const FINDERS: [[usize; 3]; 9] =
        [[3, 8, 2], [3, 5, 5], [3, 3, 7], [3, 1, 9], [2, 7, 4], [2, 5, 6], [2, 3, 8], [1, 5, 7], [1, 3, 9]];
    assert_eq!(gtin_14.len(), 14, "{gtin_14}");
    let value: usize = gtin_14[..13].parse().expect("digits");
    let (left, right) = (value / 4_537_077, value % 4_537_077);
    let characters = [outside(left / 1597), inside(left % 1597), outside(right / 1597), inside(right % 1597)];
    // Weights of the check value: 3 to the power of the place within four elements, doubled with every four.
    let weights = (0..32u32).map(|place| (1usize << (place / 4)) * 3usize.pow(place % 4));
    let mut check = characters.iter().flatten().zip(weights).map(|(width, weight)| width * weight).sum::<usize>() % 79;
    check += usize::from(check >= 8);
    check += usize::from(check >= 72);
    let finder = |number: usize| [FINDERS[number][0], FINDERS[number][1], FINDERS[number][2], 1, 1];
    let reversed = |character: [usize; 8]| character.into_iter().rev().collect::<Vec<usize>>();
    let elements = [
        &[1, 1][..],
        &characters[0],
        &finder(check / 9),
        &reversed(characters[1]),
        &characters[3],
        &finder(check % 9).into_iter().rev().collect::<Vec<usize>>(),
        &reversed(characters[2]),
        &[1, 1],
    ];
    Symbol::of_bars(&bars(&elements.concat()), 33, 4)
}

/// DataBar Expanded of an element string of digits that begins with (01): a piece of varying weight, (01)9... and (3103)
/// of at most 32.767 kg, in the short form, and anything else with its further digits in pairs (`None` for FNC1).
pub fn expanded(gtin_14: &str, further: &[Option<u8>]) -> Symbol {
    assert_eq!(gtin_14.len(), 14, "{gtin_14}");
    let number = |text: &str| text.parse::<usize>().expect("digits");
    let digits: Option<String> = further.iter().map(|digit| digit.map(|digit| char::from(b'0' + digit))).collect();
    let grams = digits.as_deref().and_then(|text| text.strip_prefix("3103")).map(number);
    let mut bits: Vec<bool> = Vec::new();
    let push = |bits: &mut Vec<bool>, value: usize, count: usize| {
        bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    };
    push(&mut bits, 0, 1);
    let is_short = gtin_14.starts_with('9') && grams.is_some_and(|grams| grams < 32_768);
    if is_short {
        push(&mut bits, 0b0100, 4);
    } else {
        push(&mut bits, 0b100, 3);
        push(&mut bits, number(&gtin_14[..1]), 4);
    }
    (0..4).for_each(|three| push(&mut bits, number(&gtin_14[1 + 3 * three..4 + 3 * three]), 10));
    if is_short {
        push(&mut bits, grams.unwrap_or_default(), 15);
    } else {
        assert!(further.len().is_multiple_of(2), "an even number of digits and separators");
        let value = |digit: Option<u8>| usize::from(digit.unwrap_or(10));
        further.chunks(2).for_each(|pair| push(&mut bits, 11 * value(pair[0]) + value(pair[1]) + 8, 7));
    }
    // At least three characters of data; what is left over is filled up: to letters, then their filler.
    let wanted = bits.len().div_ceil(12).max(3) * 12;
    let filler = [false; 4].into_iter().chain([false, false, true, false, false].into_iter().cycle());
    let missing = wanted - bits.len();
    bits.extend(filler.take(missing));
    let count = wanted / 12 + 1;
    if !is_short {
        (bits[2], bits[3]) = (count % 2 == 1, count > 14);
    }
    let values = bits.chunks(12).map(|bits| bits.iter().fold(0, |value, bit| value * 2 + usize::from(*bit)));
    let data: Vec<[usize; 8]> = values.map(of_expanded).collect();
    let finders = finders(count.div_ceil(2));
    let check = data.iter().enumerate().flat_map(|(place, character)| {
        // The check character stands first, to the left of the first finder.
        let (finder, is_right) = (place.div_ceil(2), (place + 1) % 2);
        let row = 4 * finders[finder] + 2 * (finder % 2) + is_right - 1;
        character.iter().enumerate().map(move |(element, width)| width * power_of_3(8 * row + element))
    });
    let check = of_expanded(211 * (count - 4) + check.sum::<usize>() % 211);
    let mut elements = vec![1, 1];
    for (place, character) in std::iter::once(&check).chain(&data).enumerate() {
        if place % 2 == 0 {
            elements.extend(character);
            elements.extend(finder(finders[place / 2], place / 2 % 2 == 1));
        } else {
            elements.extend(character.iter().rev());
        }
    }
    elements.extend([1, 1]);
    Symbol::of_bars(&bars(&elements), 34, 4)
}

/// Powers of 3 by the modulus of the check character.
fn power_of_3(exponent: usize) -> usize {
    (0..exponent).fold(1, |power, _| power * 3 % 211)
}

/// Which finders (A to F as 0 to 5) follow each other where there are so many.
fn finders(count: usize) -> &'static [usize] {
    match count {
        2 => &[0, 0],
        3 => &[0, 1, 1],
        4 => &[0, 2, 1, 3],
        5 => &[0, 4, 1, 3, 2],
        _ => panic!("{count} finders: longer symbols are not drawn"),
    }
}

fn finder(number: usize, is_reversed: bool) -> [usize; 5] {
    const FINDERS: [[usize; 3]; 6] = [[1, 8, 4], [3, 6, 4], [3, 4, 6], [3, 2, 8], [2, 6, 5], [2, 2, 9]];
    let [a, b, c] = FINDERS[number];
    if is_reversed { [1, 1, c, b, a] } else { [a, b, c, 1, 1] }
}
