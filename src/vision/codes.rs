//! Codes in pictures: EAN, UPC, QR and DataMatrix that name a product. What their text means, `domain::gs1` knows.

use super::crop::{Rectangle, is_whole};
use crate::domain::gs1::{InStoreRule, facts_in};
use crate::domain::units::Gtin;
use crate::ports::Frame;
use rxing::{BarcodeFormat, DecodeHints};
use std::collections::HashSet;

/// Pixels along the longer side that are looked at: a larger region is cut down to its middle, to stay in time.
const LONGEST_SIDE: u32 = 480;
/// A region with fewer pixels along its longer side holds no code that a camera resolves.
const SHORTEST_SIDE: u32 = 40;

/// Reads codes; keeps its buffers between calls.
pub struct CodeReader {
    hints: DecodeHints,
    rules: Vec<InStoreRule>,
    luma: Vec<u8>,
}

impl CodeReader {
    /// A reader of the codes on goods, with the rules for the store's own numbers.
    pub fn new(rules: Vec<InStoreRule>) -> CodeReader {
        let formats = [
            BarcodeFormat::EAN_13,
            BarcodeFormat::EAN_8,
            BarcodeFormat::UPC_A,
            BarcodeFormat::UPC_E,
            BarcodeFormat::QR_CODE,
            BarcodeFormat::DATA_MATRIX,
        ];
        let hints = DecodeHints { PossibleFormats: Some(HashSet::from(formats)), ..DecodeHints::default() };
        CodeReader { hints, rules, luma: Vec::new() }
    }

    /// The number of the first code found in `region` of a picture. With `thorough` it also looks for codes that stand
    /// upright or are hard to read, which takes several times as long.
    pub fn read(&mut self, frame: &Frame, region: Rectangle, thorough: bool) -> Option<Gtin> {
        let (width, height) = self.cut(frame, region)?;
        self.hints.TryHarder = Some(thorough);
        let found = rxing::helpers::detect_in_luma_slice_with_hints(&self.luma, width, height, None, &mut self.hints);
        let found = found.ok()?;
        match found.getBarcodeFormat() {
            BarcodeFormat::UPC_E => expand_upc_e(found.getText())?.parse().ok(),
            _ => facts_in(found.getText(), &self.rules)?.gtin,
        }
    }

    fn cut(&mut self, frame: &Frame, region: Rectangle) -> Option<(u32, u32)> {
        let middle = |first: u32, length: u32, limit: u32| {
            let length = length.min(limit.saturating_sub(first));
            let cut = length.min(LONGEST_SIDE);
            (first + (length - cut) / 2, cut)
        };
        if !is_whole(frame) || region.left >= frame.width || region.top >= frame.height {
            return None;
        }
        let (left, width) = middle(region.left, region.width, frame.width);
        let (top, height) = middle(region.top, region.height, frame.height);
        if width.max(height) < SHORTEST_SIDE || width.min(height) == 0 {
            return None;
        }
        self.luma.clear();
        for row in top..top + height {
            let first = (row as usize * frame.width as usize + left as usize) * 3;
            let line = &frame.rgb[first..first + width as usize * 3];
            self.luma.extend(line.chunks_exact(3).map(|pixel| {
                ((306 * u32::from(pixel[0]) + 601 * u32::from(pixel[1]) + 117 * u32::from(pixel[2])) >> 10) as u8
            }));
        }
        Some((width, height))
    }
}

/// The 12 digits that the 8 of a UPC-E stand for (GS1 General Specifications, section 5.2.2.4).
fn expand_upc_e(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if digits.len() != 8 || !digits.iter().all(u8::is_ascii_digit) {
        // Some readers expand it themselves.
        return (digits.len() == 12).then(|| text.to_owned());
    }
    let (system, body, last, check) = (&text[..1], &text[1..6], &text[6..7], &text[7..]);
    let company_and_item = match last {
        "0" | "1" | "2" => format!("{}{last}0000{}", &body[..2], &body[2..]),
        "3" => format!("{}00000{}", &body[..3], &body[3..]),
        "4" => format!("{}00000{}", &body[..4], &body[4..]),
        _ => format!("{body}0000{last}"),
    };
    Some(format!("{system}{company_and_item}{check}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Stamp;

    #[test]
    fn a_upc_e_stands_for_twelve_digits() {
        for (short, long) in [
            ("04252614", Some("042100005264")),
            ("01234531", Some("012300000451")),
            ("01234543", Some("012340000053")),
            ("01234565", Some("012345000065")),
            ("012345", None),
            ("0425261x", None),
        ] {
            assert_eq!(expand_upc_e(short).as_deref(), long, "{short}");
        }
    }

    /// An EAN-13 with bars `module` pixels wide on white, in the middle of a grey picture.
    fn picture_of(digits: &str, module: u32) -> Frame {
        const LEFT: [&str; 10] = [
            "0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111",
            "0001011",
        ];
        const PARITY: [&str; 10] =
            ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"];
        let digits: Vec<usize> = digits.bytes().map(|byte| usize::from(byte - b'0')).collect();
        let inverted = |bits: &str| bits.chars().map(|bit| if bit == '0' { '1' } else { '0' }).collect::<String>();
        let mut bits = "000000000101".to_owned();
        for (digit, parity) in digits[1..7].iter().zip(PARITY[digits[0]].chars()) {
            let reversed: String = inverted(LEFT[*digit]).chars().rev().collect();
            bits += if parity == 'L' { LEFT[*digit] } else { &reversed };
        }
        bits += "01010";
        digits[7..].iter().for_each(|digit| bits += &inverted(LEFT[*digit]));
        bits += "101000000000";
        let bits = bits.as_bytes();
        let (width, height) = (bits.len() as u32 * module + 80, 200);
        let mut rgb = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let bar = (40..width - 40).contains(&x) && (50..150).contains(&y);
                let dark = bar && bits[((x - 40) / module) as usize] == b'1';
                rgb.extend(
                    [if dark {
                        20
                    } else if bar {
                        235
                    } else {
                        128
                    }; 3],
                );
            }
        }
        Frame { at: Stamp(0), width, height, rgb }
    }

    #[test]
    fn an_ean_in_a_picture_is_read_and_where_there_is_none_nothing_is() {
        let frame = picture_of("4006381333931", 2);
        let mut reader = CodeReader::new(Vec::new());
        let whole = Rectangle::whole(&frame);
        assert_eq!(reader.read(&frame, whole, false).map(|gtin| gtin.to_string()).as_deref(), Some("4006381333931"));
        assert_eq!(reader.read(&frame, Rectangle { top: 0, height: 45, ..whole }, true), None);
        assert_eq!(reader.read(&frame, Rectangle { left: 10_000, ..whole }, true), None);
        assert_eq!(reader.read(&frame, Rectangle { width: 9, height: 9, ..whole }, true), None);
        assert_eq!(reader.read(&Frame::default(), whole, true), None);
    }
}
