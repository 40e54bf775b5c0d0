//! Crops: a rectangle of a picture, made square and resized to what the model takes. Buffers are kept between calls.

use super::resize::{Part, Resizer};
use crate::ports::Frame;

/// A rectangle in a picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rectangle {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rectangle {
    /// The whole of a picture.
    pub fn whole(frame: &Frame) -> Rectangle {
        Rectangle { left: 0, top: 0, width: frame.width, height: frame.height }
    }

    /// How many pixels it covers.
    pub fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Shared area over joint area, 0 to 1: how well two rectangles agree.
    pub fn overlap(&self, other: &Rectangle) -> f64 {
        let across = (self.left + self.width).min(other.left + other.width).saturating_sub(self.left.max(other.left));
        let down = (self.top + self.height).min(other.top + other.height).saturating_sub(self.top.max(other.top));
        let shared = u64::from(across) * u64::from(down);
        let joint = self.area() + other.area() - shared;
        if joint == 0 { 0.0 } else { shared as f64 / joint as f64 }
    }

    /// The square around its middle that holds it with `margin` (a share of its longer side) on every side, or without
    /// that much of it where `margin` is below nothing. It is moved, not cut, where it would leave the picture, and is never
    /// larger than the picture's longer side.
    pub fn squared(&self, margin: f64, width: u32, height: u32) -> Square {
        let longer = f64::from(self.width.max(self.height));
        let side = (longer * (1.0 + 2.0 * margin)).round().clamp(1.0, f64::from(width.max(height)).max(1.0)) as i64;
        let place = |first: u32, length: u32, limit: u32| {
            let start = i64::from(first) + (i64::from(length) - side) / 2;
            let room = i64::from(limit) - side;
            // A square larger than the picture lies evenly over it; the rest is padded.
            if room >= 0 { start.clamp(0, room) } else { room / 2 }
        };
        Square {
            left: place(self.left, self.width, width),
            top: place(self.top, self.height, height),
            side: side as u32,
        }
    }
}

/// A square over a picture; it may reach beyond the picture's edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    /// First column, negative left of the picture.
    pub left: i64,
    /// First row, negative above the picture.
    pub top: i64,
    /// Columns and rows.
    pub side: u32,
}

/// Cuts squares out of pictures and resizes them with antialiasing, as the model was trained. What lies beyond a picture's
/// edge repeats its outermost pixels.
#[derive(Debug, Default)]
pub struct Cropper {
    resizer: Resizer,
    padded: Vec<u8>,
}

impl Cropper {
    /// Writes `square` of `frame` as `side * side * 3` bytes of RGB into `out`.
    ///
    /// Returns `false`, and writes nothing, where the picture or `out` does not have the size it claims.
    pub fn square(&mut self, frame: &Frame, square: Square, side: usize, out: &mut [u8]) -> bool {
        if !is_whole(frame) || out.len() != side * side * 3 || square.side == 0 {
            return false;
        }
        let reach = i64::from(square.side);
        let inside = square.left >= 0
            && square.top >= 0
            && square.left + reach <= i64::from(frame.width)
            && square.top + reach <= i64::from(frame.height);
        let size = (square.side as usize, square.side as usize);
        let part = if inside {
            let from = (square.left as usize, square.top as usize);
            Part { rgb: &frame.rgb, columns: frame.width as usize, from, size }
        } else {
            self.pad(frame, square);
            Part { rgb: &self.padded, columns: size.0, from: (0, 0), size }
        };
        self.resizer.square(part, side, out);
        true
    }

    /// Writes the middle of `frame`, without `edge` (a share of its width and height) on every side, stretched to a square
    /// of `side * side * 3` bytes of RGB, into `out`.
    ///
    /// Returns `false`, and writes nothing, where nothing is left, or the picture or `out` does not have the size it claims.
    pub fn middle(&mut self, frame: &Frame, edge: f64, side: usize, out: &mut [u8]) -> bool {
        if !is_whole(frame) || out.len() != side * side * 3 || !(0.0..0.5).contains(&edge) {
            return false;
        }
        let (columns, rows) = (frame.width as usize, frame.height as usize);
        let from = [columns, rows].map(|length| (edge * length as f64) as usize);
        let part = Part {
            rgb: &frame.rgb,
            columns,
            from: (from[0], from[1]),
            size: (columns - 2 * from[0], rows - 2 * from[1]),
        };
        self.resizer.square(part, side, out);
        true
    }

    fn pad(&mut self, frame: &Frame, square: Square) {
        let (width, height) = (i64::from(frame.width), i64::from(frame.height));
        self.padded.clear();
        for row in 0..i64::from(square.side) {
            let row = (square.top + row).clamp(0, height - 1);
            for column in 0..i64::from(square.side) {
                let column = (square.left + column).clamp(0, width - 1);
                let at = ((row * width + column) * 3) as usize;
                self.padded.extend_from_slice(&frame.rgb[at..at + 3]);
            }
        }
    }
}

/// Swaps left and right in a picture of `side` columns of RGB.
pub fn mirror(rgb: &mut [u8], side: usize) {
    for row in rgb.chunks_exact_mut(side * 3) {
        row.reverse();
        row.chunks_exact_mut(3).for_each(<[u8]>::reverse);
    }
}

/// Whether the picture holds as many bytes as its size says, and at least one pixel.
pub fn is_whole(frame: &Frame) -> bool {
    frame.width > 0
        && frame.height > 0
        && frame.rgb.len() as u64 == u64::from(frame.width) * u64::from(frame.height) * 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Stamp;

    fn frame(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Frame {
        let rgb = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        Frame { at: Stamp(0), width, height, rgb }
    }

    #[test]
    fn a_square_holds_its_rectangle_and_stays_in_the_picture_where_it_fits() {
        for (rectangle, margin, expected) in [
            ((100, 100, 40, 20), 0.0, (100, 90, 40)),
            ((0, 0, 40, 20), 0.0, (0, 0, 40)),
            ((600, 460, 40, 20), 0.25, (580, 420, 60)),
            // Its middle alone, which is a pixel at least.
            ((100, 100, 40, 20), -0.25, (110, 100, 20)),
            ((5, 5, 1, 1), -0.4, (5, 5, 1)),
            // As wide as the picture: taller than it, so it reaches beyond on both sides.
            ((0, 0, 640, 480), 0.0, (0, -80, 640)),
            ((0, 0, 640, 480), 0.5, (0, -80, 640)),
        ] {
            let (left, top, width, height) = rectangle;
            let square = Rectangle { left, top, width, height }.squared(margin, 640, 480);
            assert_eq!((square.left, square.top, square.side), expected, "{rectangle:?} with {margin}");
        }
    }

    #[test]
    fn overlap_is_one_for_equal_and_zero_for_apart() {
        let one = Rectangle { left: 10, top: 10, width: 10, height: 10 };
        let half = Rectangle { left: 15, top: 10, width: 10, height: 10 };
        assert_eq!(one.overlap(&one), 1.0);
        assert!((one.overlap(&half) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(one.overlap(&Rectangle { left: 100, ..one }), 0.0);
        assert_eq!(Rectangle::default().overlap(&Rectangle::default()), 0.0);
    }

    #[test]
    fn a_crop_shows_its_part_of_the_picture() {
        let picture = frame(64, 48, |x, y| if x >= 32 && y >= 24 { [200, 10, 10] } else { [10, 10, 200] });
        let mut out = vec![0; 8 * 8 * 3];
        let red = Square { left: 36, top: 26, side: 16 };
        assert!(Cropper::default().square(&picture, red, 8, &mut out));
        assert!(out.chunks(3).all(|pixel| pixel == [200, 10, 10]), "{out:?}");
    }

    #[test]
    fn beyond_the_edge_the_outermost_pixels_go_on() {
        let picture = frame(8, 4, |_, y| if y < 2 { [0, 0, 0] } else { [240, 240, 240] });
        let mut out = vec![7; 8 * 8 * 3];
        let square = Rectangle::whole(&picture).squared(0.0, 8, 4);
        assert!(Cropper::default().square(&picture, square, 8, &mut out));
        assert_eq!(&out[..3], [0, 0, 0]);
        assert_eq!(&out[out.len() - 3..], [240, 240, 240]);
    }

    #[test]
    fn the_middle_of_a_picture_loses_as_much_on_every_side() {
        let picture =
            frame(20, 10, |x, y| if (2..18).contains(&x) && (1..9).contains(&y) { [9, 90, 9] } else { [0; 3] });
        let mut out = vec![0; 8 * 8 * 3];
        assert!(Cropper::default().middle(&picture, 0.1, 8, &mut out));
        assert!(out.chunks(3).all(|pixel| pixel == [9, 90, 9]), "{out:?}");
        assert!(Cropper::default().middle(&picture, 0.0, 8, &mut out));
        assert_ne!(&out[..3], [9, 90, 9]);
        assert!(!Cropper::default().middle(&picture, 0.5, 8, &mut out), "nothing is left");
    }

    #[test]
    fn a_mirror_swaps_left_and_right_and_keeps_the_colours() {
        let mut rgb = [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16];
        mirror(&mut rgb, 2);
        assert_eq!(rgb, [4, 5, 6, 1, 2, 3, 14, 15, 16, 11, 12, 13]);
    }

    #[test]
    fn a_picture_that_lies_about_its_size_gives_no_crop() {
        let mut picture = frame(8, 8, |_, _| [1, 2, 3]);
        picture.rgb.pop();
        let mut out = vec![0; 4 * 4 * 3];
        assert!(!Cropper::default().middle(&picture, 0.0, 4, &mut out));
        assert!(!Cropper::default().square(&picture, Square { left: 0, top: 0, side: 4 }, 4, &mut out));
        assert!(!Cropper::default().middle(&Frame::default(), 0.0, 4, &mut out));
    }
}
