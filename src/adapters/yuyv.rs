//! YUYV, what webcams send uncompressed, as 8-bit RGB by the matrices of ITU-R BT.601: 32 pixels at a time in 16-bit numbers,
//! so that the compiler uses the processor's widest registers. Compiled twice on x86-64.
#![allow(unsafe_code, reason = "code for AVX2 may be called only where the processor has it, which is asked each time")]

use super::webcam_pixels::PixelError;

/// How far the numbers of a YUV picture reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YuvRange {
    /// Brightness 16 to 235, colour 16 to 240: what a camera means when it says nothing.
    Limited,
    /// 0 to 255.
    Full,
}

/// How a YUYV picture lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YuyvLayout {
    /// Columns, an even number.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
    /// How far the numbers reach.
    pub range: YuvRange,
}

/// What a step of brightness and of each colour difference adds, times 8192.
struct Matrix {
    black: i16,
    brightness: i16,
    red_from_v: i16,
    green_from_u: i16,
    green_from_v: i16,
    blue_from_u: i16,
}

const LIMITED: Matrix = Matrix {
    black: 16,
    brightness: 9539,
    red_from_v: 13_075,
    green_from_u: -3209,
    green_from_v: -6660,
    blue_from_u: 16_525,
};
const FULL: Matrix = Matrix {
    black: 0,
    brightness: 8192,
    red_from_v: 11_485,
    green_from_u: -2819,
    green_from_v: -5850,
    blue_from_u: 14_516,
};

/// Pixels that are converted together.
const PIXELS: usize = 32;

/// Writes a YUYV picture as RGB into `rgb`, whose buffer is reused.
///
/// # Errors
/// [`PixelError::Short`] when `bytes` ends before the last pixel.
pub fn yuyv_to_rgb(layout: YuyvLayout, bytes: &[u8], rgb: &mut Vec<u8>) -> Result<(), PixelError> {
    let row_bytes = layout.width * 2;
    let wanted = (layout.height.saturating_sub(1)) * layout.stride + row_bytes;
    if bytes.len() < wanted || layout.stride < row_bytes {
        return Err(PixelError::Short { bytes: bytes.len(), wanted });
    }
    let matrix = match layout.range {
        YuvRange::Limited => &LIMITED,
        YuvRange::Full => &FULL,
    };
    rgb.resize(layout.width * layout.height * 3, 0);
    if layout.width == 0 {
        return Ok(());
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { rows_avx2(matrix, layout, bytes, rgb) };
        return Ok(());
    }
    rows(matrix, layout, bytes, rgb);
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rows_avx2(matrix: &Matrix, layout: YuyvLayout, bytes: &[u8], rgb: &mut [u8]) {
    rows(matrix, layout, bytes, rgb);
}

#[inline(always)]
fn rows(matrix: &Matrix, layout: YuyvLayout, bytes: &[u8], rgb: &mut [u8]) {
    for (row, target) in bytes.chunks(layout.stride).zip(rgb.chunks_exact_mut(layout.width * 3)) {
        let (sources, rest) = row[..layout.width * 2].as_chunks::<{ 2 * PIXELS }>();
        let (targets, rest_of_target) = target.as_chunks_mut::<{ 3 * PIXELS }>();
        for (source, target) in sources.iter().zip(targets) {
            convert(matrix, source, target);
        }
        if !rest.is_empty() {
            let (mut source, mut target) = ([0; 2 * PIXELS], [0; 3 * PIXELS]);
            source[..rest.len()].copy_from_slice(rest);
            convert(matrix, &source, &mut target);
            rest_of_target.copy_from_slice(&target[..rest_of_target.len()]);
        }
    }
}

#[inline(always)]
fn convert(matrix: &Matrix, yuyv: &[u8; 2 * PIXELS], rgb: &mut [u8; 3 * PIXELS]) {
    let (mut y, mut u, mut v) = ([0i16; PIXELS], [0i16; PIXELS], [0i16; PIXELS]);
    for pair in 0..PIXELS / 2 {
        let of_both = |place: usize| i16::from(yuyv[4 * pair + place]) - 128;
        (y[2 * pair], y[2 * pair + 1]) = (i16::from(yuyv[4 * pair]), i16::from(yuyv[4 * pair + 2]));
        (u[2 * pair], u[2 * pair + 1]) = (of_both(1), of_both(1));
        (v[2 * pair], v[2 * pair + 1]) = (of_both(3), of_both(3));
    }
    let (mut red, mut green, mut blue) = ([0u8; PIXELS], [0u8; PIXELS], [0u8; PIXELS]);
    for place in 0..PIXELS {
        // A half, and half of what is lost by rounding down twice.
        let grey = sixteenths(y[place] - matrix.black, matrix.brightness) + 9;
        let byte = |sixteenths: i16| (sixteenths >> 4).clamp(0, 255) as u8;
        let (u, v) = (u[place], v[place]);
        red[place] = byte(grey + sixteenths(v, matrix.red_from_v));
        green[place] = byte(grey + sixteenths(u, matrix.green_from_u) + sixteenths(v, matrix.green_from_v));
        blue[place] = byte(grey + sixteenths(u, matrix.blue_from_u));
    }
    for place in 0..PIXELS {
        (rgb[3 * place], rgb[3 * place + 1], rgb[3 * place + 2]) = (red[place], green[place], blue[place]);
    }
}

/// The upper half of a 32-bit product, which processors have an instruction for: `step` times `factor` / 8192, in sixteenths.
#[inline(always)]
fn sixteenths(step: i16, factor: i16) -> i16 {
    ((i32::from(step << 7) * i32::from(factor)) >> 16) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(range: YuvRange, [y, u, v]: [u8; 3]) -> [u8; 3] {
        let mut rgb = Vec::new();
        let layout = YuyvLayout { width: 2, height: 1, stride: 4, range };
        yuyv_to_rgb(layout, &[y, u, y, v], &mut rgb).expect("converts");
        assert_eq!(rgb[..3], rgb[3..], "both pixels of a pair share their colour");
        [rgb[0], rgb[1], rgb[2]]
    }

    #[test]
    fn known_colours_of_bt_601_come_out_right() {
        for (range, yuv, rgb) in [
            (YuvRange::Limited, [16, 128, 128], [0, 0, 0]),
            (YuvRange::Limited, [235, 128, 128], [255, 255, 255]),
            (YuvRange::Limited, [126, 128, 128], [128, 128, 128]),
            (YuvRange::Limited, [81, 90, 240], [254, 0, 0]),
            (YuvRange::Limited, [145, 54, 34], [0, 255, 1]),
            (YuvRange::Limited, [41, 240, 110], [0, 0, 255]),
            (YuvRange::Limited, [0, 128, 128], [0, 0, 0]),
            (YuvRange::Limited, [255, 128, 128], [255, 255, 255]),
            (YuvRange::Full, [0, 128, 128], [0, 0, 0]),
            (YuvRange::Full, [255, 128, 128], [255, 255, 255]),
            (YuvRange::Full, [76, 85, 255], [254, 0, 0]),
            (YuvRange::Full, [29, 255, 107], [0, 0, 254]),
        ] {
            let found = converted(range, yuv);
            let near = found.iter().zip(rgb).all(|(found, wanted): (&u8, u8)| found.abs_diff(wanted) <= 1);
            assert!(near, "{range:?} {yuv:?}: {found:?} instead of {rgb:?}");
        }
    }

    #[test]
    fn fixed_point_is_within_one_step_of_the_formula_of_bt_601_everywhere() {
        let (red_share, blue_share) = (0.299, 0.114);
        for range in [YuvRange::Limited, YuvRange::Full] {
            let (black, bright, colour) = match range {
                YuvRange::Limited => (16.0, 219.0, 224.0),
                YuvRange::Full => (0.0, 255.0, 255.0),
            };
            let steps = (0..=255u8).step_by(5);
            for (y, u, v) in steps.clone().flat_map(|y| {
                let steps = steps.clone();
                steps.clone().flat_map(move |u| steps.clone().map(move |v| (y, u, v)))
            }) {
                let grey = (f64::from(y) - black) / bright;
                let (blue_difference, red_difference) =
                    ((f64::from(u) - 128.0) / colour, (f64::from(v) - 128.0) / colour);
                let red = grey + 2.0 * (1.0 - red_share) * red_difference;
                let blue = grey + 2.0 * (1.0 - blue_share) * blue_difference;
                let green = (grey - red_share * red - blue_share * blue) / (1.0 - red_share - blue_share);
                let wanted = [red, green, blue].map(|part| (part * 255.0).clamp(0.0, 255.0));
                for (found, wanted) in converted(range, [y, u, v]).into_iter().zip(wanted) {
                    assert!((f64::from(found) - wanted).abs() <= 1.0, "{range:?} {y} {u} {v}: {found} for {wanted}");
                }
            }
        }
    }

    #[test]
    fn padding_at_the_end_of_a_row_is_skipped() {
        let layout = YuyvLayout { width: 2, height: 2, stride: 6, range: YuvRange::Full };
        let bytes = [10, 128, 20, 128, 99, 99, 30, 128, 40, 128];
        let mut rgb = Vec::new();
        yuyv_to_rgb(layout, &bytes, &mut rgb).expect("converts");
        assert_eq!(rgb, [10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40]);
        assert_eq!(yuyv_to_rgb(layout, &bytes[..9], &mut rgb), Err(PixelError::Short { bytes: 9, wanted: 10 }));
    }

    #[test]
    fn both_ways_give_the_same_at_every_width() {
        for width in [2, 30, 32, 34, 62, 96, 130] {
            let layout = YuyvLayout { width, height: 3, stride: width * 2 + 5, range: YuvRange::Limited };
            let bytes: Vec<u8> = (0..layout.stride * 3).map(|place| (place * 89 + place / 7) as u8).collect();
            let (mut here, mut anywhere) = (Vec::new(), vec![0; width * 3 * 3]);
            yuyv_to_rgb(layout, &bytes, &mut here).expect("converts");
            rows(&LIMITED, layout, &bytes, &mut anywhere);
            assert_eq!(here, anywhere, "{width}");
            // Each pair of pixels is converted as it is alone.
            for (row, column) in (0..3).flat_map(|row| (0..width / 2).map(move |pair| (row, pair * 2))) {
                let at = row * layout.stride + column * 2;
                let alone = convert_pair(&bytes[at..at + 4]);
                assert_eq!(here[(row * width + column) * 3..][..6], alone, "{width}: {row} {column}");
            }
        }
    }

    fn convert_pair(bytes: &[u8]) -> [u8; 6] {
        let mut rgb = Vec::new();
        let layout = YuyvLayout { width: 2, height: 1, stride: 4, range: YuvRange::Limited };
        yuyv_to_rgb(layout, bytes, &mut rgb).expect("converts");
        rgb.try_into().expect("two pixels")
    }
}
