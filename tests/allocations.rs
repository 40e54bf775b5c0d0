//! What one picture costs in memory: once warm, converting the camera's bytes and cutting a thing out allocate nothing.
#![allow(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts")]

use dashcart::adapters::yuyv::{YuvRange, YuyvLayout, yuyv_to_rgb};
use dashcart::ports::Frame;
use dashcart::vision::{Cropper, Rectangle};
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

#[test]
fn only_the_first_picture_of_a_camera_needs_memory() {
    let layout = YuyvLayout { width: 640, height: 480, stride: 1280, range: YuvRange::Limited };
    let bytes: Vec<u8> = (0..1280 * 480).map(|place| (place * 7 + place / 131) as u8).collect();
    let mut frame = Frame::default();
    let mut counts = [0; 3];
    for count in &mut counts {
        let before = ALLOCATIONS.get();
        yuyv_to_rgb(layout, &bytes, &mut frame.rgb).expect("converts");
        *count = ALLOCATIONS.get() - before;
    }
    assert_eq!(counts, [1, 0, 0], "allocations for each picture");
}

#[test]
fn only_the_first_crops_need_memory() {
    let frame = Frame { width: 640, height: 480, rgb: vec![90; 640 * 480 * 3], ..Frame::default() };
    let (mut cropper, mut crop) = (Cropper::default(), vec![0; 256 * 256 * 3]);
    // A large one, one that reaches beyond the picture, a small one.
    let regions = [(40, 30, 300, 280), (0, 0, 620, 470), (500, 400, 90, 60)];
    let mut counts = [0; 3];
    for count in &mut counts {
        let before = ALLOCATIONS.get();
        for (left, top, width, height) in regions {
            let square = Rectangle { left, top, width, height }.squared(0.1, frame.width, frame.height);
            assert!(cropper.square(&frame, square, 256, &mut crop));
        }
        *count = ALLOCATIONS.get() - before;
    }
    assert!(counts[0] > 0, "the counter counts");
    assert_eq!(counts[1..], [0, 0], "allocations for three crops");
}
