//! What a question offers: at most three pictures, how probable it is that one of them is right, and what heads the list.
//!
//! Nothing here decides; it only counts together what fusion has weighed.

use super::fusion::{Hypothesis, Scored};
use super::units::Sku;

/// The three pictures of a question: the best hypothesis of each product or line.
pub fn options(scored: &[Scored]) -> Vec<Scored> {
    let mut options: Vec<Scored> = Vec::new();
    for candidate in scored {
        let taken = options.iter().any(|option| same_picture(option, candidate));
        let a_picture = matches!(candidate.hypothesis, Hypothesis::Added { .. } | Hypothesis::Removed { .. });
        if a_picture && !taken {
            options.push(candidate.clone());
        }
        if options.len() == 3 {
            break;
        }
    }
    options
}

/// Whether both would be shown as one product.
fn same_picture(one: &Scored, other: &Scored) -> bool {
    match (&one.hypothesis, &other.hypothesis) {
        (Hypothesis::Added { sku: a, .. }, Hypothesis::Added { sku: b, .. }) => a == b,
        (Hypothesis::Removed { line: a, .. }, Hypothesis::Removed { line: b, .. }) => a.sku == b.sku,
        _ => false,
    }
}

/// The products that may have come in, the most probable first; at most `most`.
pub fn likely(scored: &[Scored], most: usize) -> Vec<Sku> {
    let mut likely: Vec<(Sku, f64)> = Vec::new();
    for candidate in scored {
        let Hypothesis::Added { sku, .. } = &candidate.hypothesis else { continue };
        match likely.iter_mut().find(|(known, _)| known == sku) {
            Some((_, probability)) => *probability += candidate.probability,
            None => likely.push((sku.clone(), candidate.probability)),
        }
    }
    likely.sort_by(|a, b| b.1.total_cmp(&a.1));
    likely.into_iter().take(most).map(|(sku, _)| sku).collect()
}

/// How probable it is that one of these options is what came in, unless that is the shopper's own.
pub fn offered(scored: &[Scored], options: &[Scored]) -> f64 {
    let (mut among, mut all) = (0.0, 0.0);
    for candidate in scored {
        let is_option = options.iter().any(|option| same_picture(option, candidate));
        if candidate.hypothesis != Hypothesis::OwnThing {
            all += candidate.probability;
            among += if is_option { candidate.probability } else { 0.0 };
        }
    }
    if all > 0.0 { among / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pricing::Quantity;

    fn scored(sku: &str, pieces: u32, probability: f64) -> Scored {
        let hypothesis = match sku {
            "own" => Hypothesis::OwnThing,
            "unknown" => Hypothesis::Unknown,
            _ => Hypothesis::Added { sku: Sku::new(sku), quantity: Quantity::Pieces(pieces) },
        };
        Scored { hypothesis, probability, sigmas: 0.0 }
    }

    #[test]
    fn counts_of_one_product_are_one_picture_and_add_up_in_the_list() {
        let all = [("a", 1, 0.3), ("b", 1, 0.25), ("a", 2, 0.2), ("c", 1, 0.1), ("d", 1, 0.09), ("d", 2, 0.06)];
        let all = all.map(|(sku, pieces, probability)| scored(sku, pieces, probability));
        let named = |options: &[Scored]| -> Vec<String> {
            options
                .iter()
                .filter_map(|option| likely(std::slice::from_ref(option), 1).pop())
                .map(|sku| sku.to_string())
                .collect()
        };
        assert_eq!(named(&options(&all)), ["a", "b", "c"]);
        let listed: Vec<String> = likely(&all, 3).iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["a", "b", "d"]);
    }

    #[test]
    fn what_is_offered_is_held_against_all_that_is_not_the_shoppers_own() {
        for (what, all, expected) in [
            ("all products are among three", vec![("a", 0.5), ("b", 0.3), ("c", 0.2)], 1.0),
            ("a fourth product", vec![("a", 0.4), ("b", 0.3), ("c", 0.2), ("d", 0.1)], 0.9),
            ("a product that we do not know", vec![("a", 0.6), ("unknown", 0.4)], 0.6),
            ("the shopper's own is offered beside", vec![("own", 0.5), ("a", 0.5)], 1.0),
            ("nothing", vec![("own", 1.0)], 0.0),
        ] {
            let all: Vec<Scored> = all.into_iter().map(|(sku, probability)| scored(sku, 1, probability)).collect();
            assert!((offered(&all, &options(&all)) - expected).abs() < 1e-9, "{what}");
        }
    }
}
