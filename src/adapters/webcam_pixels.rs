//! Turns what a webcam sends as Motion JPEG into 8-bit RGB by a JPEG decoder; YUYV is in [`super::yuyv`].
//!
//! Pure bytes to bytes, so that it is tested without a camera. No device is opened here.

use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use std::io::Cursor;
use thiserror::Error;

/// Why the bytes are no picture.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PixelError {
    /// Fewer bytes than the picture has.
    #[error("the picture has {bytes} bytes instead of {wanted}")]
    Short {
        /// How many came.
        bytes: usize,
        /// How many a picture of this size has.
        wanted: usize,
    },
    /// A JPEG without begin or end: a part of it was lost on the way.
    #[error("the JPEG picture is cut")]
    Cut,
    /// The decoder refuses the JPEG.
    #[error("the JPEG picture cannot be read: {reason}")]
    Jpeg {
        /// What the decoder said.
        reason: String,
    },
}

/// Writes a Motion JPEG picture as RGB into `rgb` and returns its width and height. `scratch` is a buffer to be reused.
///
/// # Errors
/// [`PixelError::Cut`] when its begin or end is missing, [`PixelError::Jpeg`] when it cannot be decoded.
pub fn mjpeg_to_rgb(bytes: &[u8], scratch: &mut Vec<u8>, rgb: &mut Vec<u8>) -> Result<(u32, u32), PixelError> {
    let scan = find_scan(bytes)?;
    // Inside the scan 0xFF is always followed by a zero or a restart, so this is the end of the picture and nothing else.
    let end = bytes[scan.start..].windows(2).rposition(|pair| pair == [0xFF, 0xD9]).ok_or(PixelError::Cut)?;
    let bytes = &bytes[..scan.start + end + 2];
    let whole = if scan.has_huffman_tables {
        bytes
    } else {
        scratch.clear();
        scratch.extend_from_slice(&bytes[..scan.start]);
        append_standard_huffman_tables(scratch);
        scratch.extend_from_slice(&bytes[scan.start..]);
        scratch
    };
    let refused = |error: image::ImageError| PixelError::Jpeg { reason: error.to_string() };
    let decoder = JpegDecoder::new(Cursor::new(whole)).map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let colors = decoder.color_type();
    let total = decoder.total_bytes() as usize;
    let pixels = width as usize * height as usize;
    rgb.resize(pixels * 3, 0);
    match colors {
        image::ColorType::Rgb8 => decoder.read_image(&mut rgb[..total]).map_err(refused)?,
        image::ColorType::L8 => {
            decoder.read_image(&mut rgb[..total]).map_err(refused)?;
            // From the back, so that no grey value is overwritten before it is used.
            for pixel in (0..pixels).rev() {
                let grey = rgb[pixel];
                rgb[pixel * 3..pixel * 3 + 3].fill(grey);
            }
        }
        other => return Err(PixelError::Jpeg { reason: format!("its pixels are {other:?}") }),
    }
    Ok((width, height))
}

/// Where the compressed pixels begin, and whether Huffman tables stand before them.
struct Scan {
    start: usize,
    has_huffman_tables: bool,
}

/// Walks the segments of a JPEG up to its first scan.
fn find_scan(bytes: &[u8]) -> Result<Scan, PixelError> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Err(PixelError::Cut);
    }
    let mut at = 2;
    let mut has_huffman_tables = false;
    loop {
        match *bytes.get(at..).unwrap_or_default() {
            [0xFF, 0xFF, ..] => at += 1,
            [0xFF, 0xDA, ..] => return Ok(Scan { start: at, has_huffman_tables }),
            [0xFF, marker, high, low, ..] => {
                has_huffman_tables |= marker == 0xC4;
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
            _ => return Err(PixelError::Cut),
        }
    }
}

/// One Huffman table of ITU-T T.81 annex K.3: its class and number, how many codes of each length, and their values.
struct HuffmanTable {
    place: u8,
    lengths: [u8; 16],
    values: &'static [u8],
}

const TONES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[rustfmt::skip]
const STANDARD_HUFFMAN_TABLES: [HuffmanTable; 4] = [
    HuffmanTable { place: 0x00, lengths: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], values: &TONES },
    HuffmanTable { place: 0x01, lengths: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], values: &TONES },
    HuffmanTable {
        place: 0x10,
        lengths: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        values: &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
            0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72,
            0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34, 0x35, 0x36, 0x37,
            0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
            0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83,
            0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3,
            0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
            0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
            0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
        ],
    },
    HuffmanTable {
        place: 0x11,
        lengths: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        values: &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
            0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1,
            0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x35, 0x36,
            0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
            0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A,
            0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A,
            0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA,
            0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
            0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
        ],
    },
];

/// Appends one DHT segment with the four tables that Motion JPEG cameras leave out.
fn append_standard_huffman_tables(jpeg: &mut Vec<u8>) {
    let length: usize = 2 + STANDARD_HUFFMAN_TABLES.iter().map(|table| 17 + table.values.len()).sum::<usize>();
    jpeg.extend_from_slice(&[0xFF, 0xC4]);
    jpeg.extend_from_slice(&(length as u16).to_be_bytes());
    for table in &STANDARD_HUFFMAN_TABLES {
        jpeg.push(table.place);
        jpeg.extend_from_slice(&table.lengths);
        jpeg.extend_from_slice(table.values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    /// A JPEG of noise, which uses most codes of the tables.
    fn noisy_jpeg(colors: image::ExtendedColorType, channels: usize) -> Vec<u8> {
        let mut seed = 1u32;
        let noise = (0..64 * 48 * channels).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        });
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 90)
            .encode(&noise.collect::<Vec<u8>>(), 64, 48, colors)
            .expect("encodes");
        jpeg
    }

    /// What a webcam sends that leaves out the tables.
    fn without_huffman_tables(jpeg: &[u8]) -> Vec<u8> {
        let mut bare = jpeg[..2].to_vec();
        let mut at = 2;
        while jpeg[at + 1] != 0xDA {
            let next = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            if jpeg[at + 1] != 0xC4 {
                bare.extend_from_slice(&jpeg[at..next]);
            }
            at = next;
        }
        bare.extend_from_slice(&jpeg[at..]);
        bare
    }

    #[test]
    fn a_jpeg_without_huffman_tables_decodes_as_the_one_with_them() {
        for (colors, channels) in [(image::ExtendedColorType::Rgb8, 3), (image::ExtendedColorType::L8, 1)] {
            let jpeg = noisy_jpeg(colors, channels);
            let bare = without_huffman_tables(&jpeg);
            assert!(bare.len() + 200 < jpeg.len(), "the tables were taken out");
            let (mut scratch, mut whole, mut repaired) = (Vec::new(), Vec::new(), Vec::new());
            assert_eq!(mjpeg_to_rgb(&jpeg, &mut scratch, &mut whole), Ok((64, 48)));
            assert_eq!(mjpeg_to_rgb(&bare, &mut scratch, &mut repaired), Ok((64, 48)));
            assert!(whole == repaired, "the pixels differ");
            assert_eq!(whole.len(), 64 * 48 * 3);
            assert!(channels == 3 || whole.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
        }
    }

    #[test]
    fn the_inserted_tables_are_the_ones_of_the_standard_that_the_encoder_writes() {
        let jpeg = noisy_jpeg(image::ExtendedColorType::Rgb8, 3);
        for table in &STANDARD_HUFFMAN_TABLES {
            let written = [&[table.place], &table.lengths[..], table.values].concat();
            assert!(jpeg.windows(written.len()).any(|window| window == written), "table {:#04x}", table.place);
        }
    }

    #[test]
    fn padding_after_a_jpeg_is_ignored_and_a_cut_jpeg_is_refused() {
        let mut jpeg = noisy_jpeg(image::ExtendedColorType::Rgb8, 3);
        let length = jpeg.len();
        let (mut scratch, mut rgb) = (Vec::new(), Vec::new());
        jpeg.extend_from_slice(&[0; 500]);
        assert_eq!(mjpeg_to_rgb(&jpeg, &mut scratch, &mut rgb), Ok((64, 48)));
        for (bytes, name) in [
            (&jpeg[..length - 2], "no end"),
            (&jpeg[..length / 2], "half"),
            (&jpeg[..20], "only a header"),
            (&jpeg[..1], "one byte"),
            (&jpeg[2..], "no begin"),
            (&[][..], "nothing"),
        ] {
            assert_eq!(mjpeg_to_rgb(bytes, &mut scratch, &mut rgb), Err(PixelError::Cut), "{name}");
        }
    }
}
