//! How far the recogniser knows what it does not know: what it would book by sight alone, and products it has never seen.
//!
//! Pure numbers; photos and models stay outside.

use serde::Serialize;
use std::fmt::Write;

/// One photo's two most similar products.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Cosine similarity of the most similar product.
    pub first: f64,
    /// Of the second; of no product at all where the gallery holds only one.
    pub second: f64,
    /// Whether the first is the right one.
    pub right: bool,
}

impl Nearest {
    /// How sure the answer is: look-alikes are near each other, so the lead counts, not the similarity.
    pub fn margin(&self) -> f64 {
        self.first - self.second
    }
}

/// Coverage and precision at one threshold, with the 95 % interval of the precision (Wilson's).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sure {
    /// Share of the photos that are sure.
    pub coverage: f64,
    /// Share of those that are right; 1 where none is sure.
    pub precision: f64,
    /// The lower end of the precision's interval.
    pub precision_low: f64,
    /// The upper end.
    pub precision_high: f64,
}

/// What is sure when only answers with at least this margin count.
pub fn sure_above(answers: &[Nearest], margin: f64) -> Sure {
    let sure: Vec<&Nearest> = answers.iter().filter(|answer| answer.margin() >= margin).collect();
    let right = sure.iter().filter(|answer| answer.right).count();
    let (precision_low, precision_high) = wilson(right, sure.len());
    Sure {
        coverage: sure.len() as f64 / answers.len().max(1) as f64,
        precision: if sure.is_empty() { 1.0 } else { right as f64 / sure.len() as f64 },
        precision_low,
        precision_high,
    }
}

/// Wilson's 95 % interval of a share (E. B. Wilson, 1927); 0 to 1 where nothing was counted.
pub fn wilson(hits: usize, of: usize) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    const Z: f64 = 1.96;
    let (n, share) = (of as f64, hits as f64 / of as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    ((middle - half) / whole, (middle + half) / whole)
}

/// The largest share that can be sure with at least this precision, and the margin that gives it; `None` where no margin
/// reaches it.
pub fn most_coverage(answers: &[Nearest], precision: f64) -> Option<(f64, f64)> {
    curve(answers)
        .into_iter()
        .rev()
        .find(|point| point.precision >= precision)
        .map(|point| (point.coverage, point.margin))
}

/// A point of the curve of precision over coverage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The margin asked for.
    pub margin: f64,
    /// Share of the photos with that margin or more.
    pub coverage: f64,
    /// Share of those that are right.
    pub precision: f64,
}

/// Precision over coverage, from the surest answer to all of them.
pub fn curve(answers: &[Nearest]) -> Vec<Point> {
    let mut sorted: Vec<&Nearest> = answers.iter().collect();
    sorted.sort_by(|a, b| b.margin().total_cmp(&a.margin()));
    let mut right = 0;
    let mut points: Vec<Point> = Vec::with_capacity(sorted.len());
    for (taken, answer) in sorted.iter().enumerate().map(|(place, answer)| (place + 1, answer)) {
        right += usize::from(answer.right);
        let point = Point {
            margin: answer.margin(),
            coverage: taken as f64 / sorted.len() as f64,
            precision: right as f64 / taken as f64,
        };
        // Equal margins cannot be told apart by a threshold.
        match points.last_mut() {
            Some(last) if last.margin == point.margin => *last = point,
            _ => points.push(point),
        }
    }
    points
}

/// The probability that a thing from `high` scores above one from `low`, ties counting half: the area under the receiver
/// operating characteristic. `None` where either is empty.
pub fn auroc(high: &[f64], low: &[f64]) -> Option<f64> {
    if high.is_empty() || low.is_empty() {
        return None;
    }
    let wins: f64 = high
        .iter()
        .flat_map(|a| {
            low.iter().map(move |b| {
                if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                }
            })
        })
        .sum();
    Some(wins / (high.len() * low.len()) as f64)
}

/// The curve as a picture (SVG): precision from 80 to 100 % over coverage, and where the cart stands.
pub fn drawn(answers: &[Nearest], margin: f64) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 400.0;
    const EDGE: f64 = 56.0;
    let x = |coverage: f64| EDGE + coverage * (WIDTH - 2.0 * EDGE);
    let y = |precision: f64| EDGE + (1.0 - precision.max(0.8)) / 0.2 * (HEIGHT - 2.0 * EDGE);
    let mut svg = String::new();
    // Writing to a text cannot fail.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="{EDGE}" y="28" font-size="16">Precision over coverage, {} photos</text>
"##,
        answers.len()
    );
    for step in 0..=4 {
        let (precision, coverage) = (0.8 + 0.05 * f64::from(step), 0.25 * f64::from(step));
        let _ = write!(
            svg,
            r##"<path d="M{EDGE} {0:.1}H{1:.1}" stroke="#dddddd"/><text x="{2:.1}" y="{3:.1}" text-anchor="end">{4:.0} %</text>
<text x="{5:.1}" y="{6:.1}" text-anchor="middle">{7:.0} %</text>
"##,
            y(precision),
            WIDTH - EDGE,
            EDGE - 6.0,
            y(precision) + 4.0,
            precision * 100.0,
            x(coverage),
            HEIGHT - EDGE + 20.0,
            coverage * 100.0,
        );
    }
    let line: String = curve(answers)
        .iter()
        .enumerate()
        .map(|(place, point)| {
            format!("{}{:.1} {:.1}", if place == 0 { 'M' } else { 'L' }, x(point.coverage), y(point.precision))
        })
        .collect();
    let here = sure_above(answers, margin);
    let _ = write!(
        svg,
        r##"<path d="{line}" fill="none" stroke="#1d6f42" stroke-width="2"/>
<path d="M{0:.1} {1:.1}V{2:.1}" stroke="#b3261e" stroke-width="2"/>
<circle cx="{0:.1}" cy="{3:.1}" r="5" fill="#b3261e"/>
<text x="{4:.1}" y="{5:.1}">margin {margin:.2}: {6:.1} % right of {7:.1} % of the photos</text>
</svg>
"##,
        x(here.coverage),
        y(here.precision_high),
        y(here.precision_low),
        y(here.precision),
        EDGE + 8.0,
        HEIGHT - EDGE - 8.0,
        here.precision * 100.0,
        here.coverage * 100.0,
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(first: f64, second: f64, right: bool) -> Nearest {
        Nearest { first, second, right }
    }

    #[test]
    fn what_is_sure_is_counted_and_the_widest_threshold_that_holds_is_found() {
        let answers = [
            answer(0.9, 0.1, true),
            answer(0.8, 0.2, true),
            answer(0.9, 0.6, false),
            answer(0.6, 0.5, true),
            answer(0.5, 0.5, false),
        ];
        let sure = sure_above(&answers, 0.25);
        assert_eq!((sure.coverage, sure.precision), (0.6, 2.0 / 3.0));
        assert!(sure.precision_low < 2.0 / 3.0 && sure.precision_high > 2.0 / 3.0);
        assert_eq!(sure_above(&answers, 2.0).precision, 1.0);
        let (coverage, margin) = most_coverage(&answers, 0.99).unwrap();
        assert_eq!(coverage, 0.4);
        assert!((margin - 0.6).abs() < 1e-9);
        assert_eq!(most_coverage(&answers[4..], 0.99), None);
    }

    #[test]
    fn answers_of_one_margin_stand_or_fall_together() {
        let points = curve(&[answer(0.5, 0.25, true), answer(0.75, 0.5, false)]);
        assert_eq!(points, [Point { margin: 0.25, coverage: 1.0, precision: 0.5 }]);
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        assert_eq!(auroc(&[0.9, 0.8], &[0.1, 0.85]), Some(0.75));
        assert_eq!(auroc(&[0.5], &[0.5]), Some(0.5));
        assert_eq!(auroc(&[], &[0.5]), None);
    }

    #[test]
    fn the_interval_is_the_published_one() {
        // 10 of 10: 0.722 to 1; 0 of 10: 0 to 0.278 (Brown, Cai, DasGupta 2001, figure for n = 10).
        let (low, high) = wilson(10, 10);
        assert!((low - 0.7225).abs() < 5e-4 && (high - 1.0).abs() < 1e-9, "{low} {high}");
        assert!((wilson(0, 10).1 - 0.2775).abs() < 5e-4);
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn the_picture_holds_the_curve_and_the_place_of_the_cart() {
        let svg = drawn(&[answer(0.9, 0.1, true), answer(0.9, 0.6, false)], 0.5);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("100.0 % right of 50.0 % of the photos"), "{svg}");
    }
}
