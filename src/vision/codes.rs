//! Codes in pictures: EAN, UPC, GS1 DataBar, QR and DataMatrix that name a product. What their text means, `domain::gs1`
//! knows.

use super::crop::{Rectangle, is_whole};
use crate::domain::gs1::{CodeFacts, InStoreRule, facts_in};
use crate::ports::Frame;
use zxingcpp::{BarcodeFormat, BarcodeReader, ImageFormat, ImageView, TextMode};

/// Pixels along the longer side that are looked at: a larger region is cut down to its middle, to stay in time.
const LONGEST_SIDE: u32 = 640;
/// A region with fewer pixels along its longer side holds no code that a camera resolves.
const SHORTEST_SIDE: u32 = 40;
/// The codes on goods, as far as they are looked for.
const FORMATS: [BarcodeFormat; 5] = [
    BarcodeFormat::EANUPC,
    BarcodeFormat::DataBarOmni,
    BarcodeFormat::DataBarExp,
    BarcodeFormat::QRCode,
    BarcodeFormat::DataMatrix,
];

/// Reads codes; keeps its buffers between calls.
pub struct CodeReader {
    rules: Vec<InStoreRule>,
    luma: Vec<u8>,
}

impl CodeReader {
    /// A reader of the codes on goods, with the rules for the store's own numbers.
    pub fn new(rules: Vec<InStoreRule>) -> CodeReader {
        CodeReader { rules, luma: Vec::new() }
    }

    /// What the codes found in `region` of a picture say of the products that they name, each product once: what two codes
    /// of one product say is put together. With `thorough` it also looks for codes that stand upright, are small or are
    /// hard to read, which takes several times as long.
    pub fn read(&mut self, frame: &Frame, region: Rectangle, thorough: bool) -> Vec<CodeFacts> {
        let Some((width, height)) = self.cut(frame, region) else { return Vec::new() };
        let reader = BarcodeReader::new()
            .formats(FORMATS)
            .text_mode(TextMode::Plain)
            .try_harder(thorough)
            .try_rotate(thorough)
            .try_downscale(thorough)
            .try_invert(false);
        let found = ImageView::from_slice(&self.luma, width, height, ImageFormat::Lum).map(|view| reader.from(view));
        let codes = match found {
            Ok(Ok(codes)) => codes,
            Ok(Err(error)) | Err(error) => {
                tracing::error!("codes cannot be looked for: {error}");
                return Vec::new();
            }
        };
        let mut told: Vec<CodeFacts> = Vec::new();
        for facts in codes.iter().filter_map(|code| facts_in(&code.text(), &self.rules)) {
            match told.iter_mut().find(|known| known.gtin == facts.gtin) {
                Some(known) => known.add(facts),
                None => told.push(facts),
            }
        }
        told
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
