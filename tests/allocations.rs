//! What one picture costs in memory: once warm, the way from the camera's bytes to the pooled embedding allocates nothing.
#![allow(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts")]

use dashcart::adapters::yuyv::{YuvRange, YuyvLayout, yuyv_to_rgb};
use dashcart::ports::{EmbedError, Embedder, Frame, ModelId};
use dashcart::vision::recogniser::Recogniser;
use dashcart::vision::{Gallery, Rectangle};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no count any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Mean;

impl Embedder for Mean {
    fn input_side(&self) -> usize {
        224
    }
    fn dimension(&self) -> usize {
        2
    }
    fn model_id(&self) -> ModelId {
        ModelId([1; 32])
    }
    fn embed(&mut self, rgb: &[u8], embedding: &mut [f32]) -> Result<(), EmbedError> {
        embedding.copy_from_slice(&[f32::from(rgb[0]), 1.0]);
        Ok(())
    }
}

#[test]
fn a_warm_picture_allocates_nothing_on_its_way_into_the_model() {
    let layout = YuyvLayout { width: 640, height: 480, stride: 1280, range: YuvRange::Limited };
    let bytes: Vec<u8> = (0..1280 * 480).map(|place| (place * 7 + place / 131) as u8).collect();
    let mut frame = Frame { width: 640, height: 480, ..Frame::default() };
    let mut recogniser = Recogniser::new(Box::new(Mean), Gallery::empty(ModelId([1; 32]), 2)).expect("they fit");
    let mut counts = Vec::new();
    // Things of different sizes, one of them larger than the picture is high, then all of them again.
    let regions = [(200, 150, 150, 120), (10, 10, 60, 90), (0, 0, 640, 480), (300, 100, 300, 350)];
    for (left, top, width, height) in [regions, regions].concat() {
        let before = ALLOCATIONS.get();
        yuyv_to_rgb(layout, &bytes, &mut frame.rgb).expect("converts");
        recogniser.begin();
        for margin in [0.04, 0.16] {
            recogniser.look(&frame, Rectangle { left, top, width, height }, margin).expect("looks");
        }
        counts.push(ALLOCATIONS.get() - before);
    }
    assert!(counts[0] > 0, "the count counts");
    assert_eq!(counts[4..], [0; 4], "allocations for each picture: {counts:?}");
}
