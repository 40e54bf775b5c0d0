//! Dot products of one 8-bit vector with many: the inner loop of the gallery's search, compiled twice on x86-64.
#![allow(unsafe_code, reason = "code for AVX2 may be called only where the processor has it, which is asked each time")]

/// Writes the dot product of `query` with each vector in `vectors`, which lie end to end, into `products`.
pub fn dots(query: &[i8], vectors: &[i8], products: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { dots_avx2(query, vectors, products) };
        return;
    }
    dots_anywhere(query, vectors, products);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dots_avx2(query: &[i8], vectors: &[i8], products: &mut [i32]) {
    dots_anywhere(query, vectors, products);
}

#[inline(always)]
fn dots_anywhere(query: &[i8], vectors: &[i8], products: &mut [i32]) {
    for (product, vector) in products.iter_mut().zip(vectors.chunks_exact(query.len().max(1))) {
        *product = query.iter().zip(vector).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_sum_of_products() {
        // 37 is no multiple of any register's width, and -127 * -127 overflows 8 bits.
        let number = |place: usize| ((place * 97 + 11) % 255) as i32 - 127;
        let query: Vec<i8> = (0..37).map(|place| number(place) as i8).collect();
        let vectors: Vec<i8> = (0..37 * 5).map(|place| number(place * 3) as i8).collect();
        let expected: Vec<i32> =
            (0..5).map(|row| (0..37).map(|place| number(place) * number((row * 37 + place) * 3)).sum()).collect();
        let (mut here, mut anywhere) = ([0; 5], [0; 5]);
        dots(&query, &vectors, &mut here);
        dots_anywhere(&query, &vectors, &mut anywhere);
        assert_eq!((here.to_vec(), anywhere.to_vec()), (expected.clone(), expected));
        dots(&[], &[], &mut here);
    }
}
