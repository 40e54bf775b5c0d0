//! A shopper's hand and sleeve: fingers point along +y, the palm is at the origin, the arm comes from -y.

use super::scene::Body;
use super::shapes::Mesh;
use super::sheet::Sheet;
use super::space::{Chance, Turn, vec3};
use std::sync::Arc;

/// The hand of the shopper with this seed.
pub fn hand(seed: u64) -> Body {
    let mut chance = Chance::new(seed ^ 0x4a4d);
    let tones = [[236, 188, 160], [214, 160, 128], [178, 124, 92], [132, 88, 62], [92, 60, 44]];
    let cloths =
        [[40, 52, 84], [92, 94, 98], [150, 40, 46], [60, 90, 66], [214, 206, 190], [28, 28, 32], [190, 140, 60]];
    let (skin, cloth) = (tones[chance.below(tones.len())], cloths[chance.below(cloths.len())]);
    let mut points = vec![skin; 8 * 4];
    points.iter_mut().skip(4).step_by(8).for_each(|point| *point = cloth);
    for row in points.chunks_mut(8) {
        row[4..].fill(cloth);
    }
    let mut mesh = Mesh::default();
    let on_skin = [0.25, 0.5];
    let on_cloth = [0.75, 0.5];
    mesh.ellipsoid(vec3(0.0, 0.0, 0.0), [0.041, 0.048, 0.017], &Turn::NONE, on_skin);
    for (finger, length) in [0.029, 0.034, 0.032, 0.026].into_iter().enumerate() {
        let x = (finger as f32 - 1.5) * 0.0195;
        let spread = Turn::about_z(-(finger as f32 - 1.5) * 0.09);
        let near = vec3(x, 0.040 + length * 0.6, -0.001);
        mesh.ellipsoid(near, [0.0095, length, 0.0095], &spread.after(&Turn::about_x(-0.25)), on_skin);
        let tip = vec3(x * 1.12, 0.040 + length * 1.75, -0.018);
        mesh.ellipsoid(tip, [0.0085, length * 0.75, 0.0085], &spread.after(&Turn::about_x(-0.75)), on_skin);
    }
    mesh.ellipsoid(vec3(0.048, 0.020, -0.012), [0.011, 0.036, 0.012], &Turn::about_z(-0.5), on_skin);
    mesh.ellipsoid(vec3(0.0, -0.065, 0.004), [0.028, 0.055, 0.021], &Turn::NONE, on_skin);
    mesh.ellipsoid(vec3(0.0, -0.24, 0.014), [0.044, 0.145, 0.040], &Turn::about_x(-0.06), on_cloth);
    mesh.ellipsoid(vec3(0.0, -0.42, 0.024), [0.052, 0.20, 0.046], &Turn::about_x(-0.06), on_cloth);
    Body { mesh: Arc::new(mesh), sheet: Arc::new(Sheet::new(8, 4, &points)), gloss: 0.04, tint: [1.0; 3] }
}
