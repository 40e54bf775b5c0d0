//! The webcam adapter against a driver that is played in C (`tests/webcam/fake_camera.c`), because a build machine has none.
//!
//! Each test starts this binary again with that driver loaded before libc. What only a real camera shows (a bus that is
//! full, exposure, a driver's own habits) is not covered: `a_real_camera_gives_pictures_whose_stamps_grow` is for a bench.
#![cfg(all(feature = "webcam", target_os = "linux", target_arch = "x86_64"))]

use dashcart::adapters::v4l_camera::V4lCamera;
use dashcart::domain::units::Stamp;
use dashcart::ports::{CameraError, Frame, FrameSource};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CAMERA: &str = "/dev/video-played";

/// The driver, built once for all tests.
fn driver() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("fake_camera.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webcam/fake_camera.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl");
        assert!(compiler.status().expect("a C compiler").success(), "{} compiles", source.display());
        (folder, library)
    });
    library
}

/// Runs the inner test `name` of this binary with the played driver.
fn with_driver(name: &str, facts: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let jpeg = folder.path().join("frame.jpg");
    let pixels: Vec<u8> = (0..640 * 480).flat_map(|_| [200, 40, 90]).collect();
    image::save_buffer(&jpeg, &pixels, 640, 480, image::ExtendedColorType::Rgb8).expect("a JPEG");
    let time = folder.path().join("time");
    std::fs::write(&time, format!("{:020}", 1_000_000)).expect("the time");
    let played = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("played::{name}"), "--ignored", "--nocapture"])
        .env("LD_PRELOAD", driver())
        .env("FAKE_CAMERA", CAMERA)
        .env("FAKE_JPEG", &jpeg)
        .env("FAKE_TIME", &time)
        .envs(facts.iter().copied())
        .output()
        .expect("starts");
    let said = format!("{}{}", String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success() && said.contains("1 passed"), "{said}");
}

/// The played time, which driver and test share.
fn now() -> Stamp {
    let text = std::fs::read_to_string(std::env::var("FAKE_TIME").expect("runs inside")).expect("the time");
    Stamp(text.trim().parse().expect("microseconds"))
}

/// Plays a recogniser that takes long.
fn be_slow(millis: u64) {
    let time = std::env::var("FAKE_TIME").expect("runs inside");
    std::fs::write(time, format!("{:020}", now().plus_millis(millis).0)).expect("the time");
}

/// What runs inside, with the driver loaded.
mod played {
    use super::*;

    fn camera() -> V4lCamera {
        V4lCamera::open(CAMERA, now).expect("opens")
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn motion_jpeg() {
        let (mut camera, mut frame) = (camera(), Frame::default());
        let mut last = Stamp(0);
        for _ in 0..8 {
            camera.next_frame(&mut frame).expect("a picture");
            assert_eq!((frame.width, frame.height, frame.rgb.len()), (640, 480, 640 * 480 * 3));
            let near = frame.rgb[..3].iter().zip([200, 40, 90]).all(|(found, wanted)| found.abs_diff(wanted) < 6);
            assert!(near, "{:?}", &frame.rgb[..3]);
            assert!(frame.at > last);
            last = frame.at;
        }
    }

    /// The grey of the played YUYV picture tells its number.
    fn number(frame: &Frame) -> u64 {
        assert!(frame.rgb.iter().all(|part| *part == frame.rgb[0]), "the padding of a row shows");
        (f64::from(frame.rgb[0]) * 219.0 / 255.0).round() as u64
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn newest_wins() {
        let (mut camera, mut frame) = (camera(), Frame::default());
        camera.next_frame(&mut frame).expect("a picture");
        let (first, first_at) = (number(&frame), frame.at);
        be_slow(300);
        camera.next_frame(&mut frame).expect("a picture");
        // The driver kept the three oldest pictures of those 300 ms and lost four: none of them is wanted.
        assert_eq!(number(&frame), first + 8);
        assert_eq!(camera.dropped(), 7, "each picture that nobody fetched is counted");
        assert_eq!(frame.at, first_at.plus_millis(8 * 40), "the stamp is the time of the picture");
        be_slow(60);
        camera.next_frame(&mut frame).expect("a picture");
        assert_eq!((number(&frame), frame.at), (first + 9, first_at.plus_millis(9 * 40)), "a short wait is no loss");
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn damaged() {
        let (mut camera, mut frame) = (camera(), Frame::default());
        for wanted in [1, 2, 4, 5, 7, 8] {
            camera.next_frame(&mut frame).expect("a picture");
            assert_eq!(number(&frame), wanted);
        }
        assert_eq!(camera.damaged(), 2);
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn unplugged() {
        let (mut camera, mut frame) = (camera(), Frame::default());
        let lost = (0..50).find_map(|_| camera.next_frame(&mut frame).err()).expect("it is unplugged");
        assert!(matches!(lost, CameraError::Lost { .. }) && lost.to_string().contains("unplugged"), "{lost}");
        let error = camera.next_frame(&mut frame).expect_err("it is not back");
        assert!(matches!(error, CameraError::Lost { .. }) && error.to_string().contains("no camera at"), "{error}");
        for _ in 0..2 {
            camera.next_frame(&mut frame).expect("it is back and goes on");
        }
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn silent() {
        let (mut camera, mut frame, began) = (camera(), Frame::default(), now());
        let error = camera.next_frame(&mut frame).expect_err("no picture comes");
        assert!(matches!(error, CameraError::Lost { .. }) && error.to_string().contains("2000 ms"), "{error}");
        assert_eq!(now().millis_since(began), 2000);
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn busy() {
        let error = V4lCamera::open(CAMERA, now).err().expect("does not open");
        assert!(matches!(error, CameraError::Busy { .. }), "{error}");
    }

    #[test]
    #[ignore = "runs with the played driver"]
    fn foreign_formats() {
        let error = V4lCamera::open(CAMERA, now).err().expect("does not open");
        assert!(error.to_string().contains("\"Fake camera\" offers NV12, H264"), "{error}");
    }
}

#[test]
fn motion_jpeg_pictures_arrive_decoded_and_stamped_in_order() {
    with_driver("motion_jpeg", &[("FAKE_FORMATS", "YUYV,MJPG"), ("FAKE_PERIOD_US", "20000")]);
}

#[test]
fn a_slow_reader_gets_the_newest_picture_and_the_others_are_counted() {
    with_driver("newest_wins", &[("FAKE_FORMATS", "YUYV"), ("FAKE_PERIOD_US", "40000")]);
}

#[test]
fn a_damaged_picture_is_left_out() {
    with_driver("damaged", &[("FAKE_FORMATS", "YUYV"), ("FAKE_PERIOD_US", "20000"), ("FAKE_DAMAGED", "3")]);
}

#[test]
fn an_unplugged_camera_is_lost_and_found_again_when_it_comes_back() {
    let facts =
        [("FAKE_FORMATS", "YUYV"), ("FAKE_PERIOD_US", "20000"), ("FAKE_UNPLUG_AFTER", "5"), ("FAKE_GONE_OPENS", "1")];
    with_driver("unplugged", &facts);
}

#[test]
fn a_camera_that_gives_nothing_is_lost_after_two_seconds() {
    with_driver("silent", &[("FAKE_FORMATS", "YUYV"), ("FAKE_PERIOD_US", "0")]);
}

#[test]
fn a_camera_that_streams_for_another_program_is_busy() {
    with_driver("busy", &[("FAKE_FORMATS", "MJPG"), ("FAKE_BUSY", "1")]);
}

#[test]
fn a_camera_without_a_format_that_is_read_is_refused_by_name() {
    with_driver("foreign_formats", &[("FAKE_FORMATS", "NV12,H264")]);
}
