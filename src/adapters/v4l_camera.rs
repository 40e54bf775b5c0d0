//! A camera of Video4Linux: memory-mapped streaming, Motion JPEG or YUYV at 640 x 480 or what is nearest to it.
//!
//! Only this file knows the crate `v4l`. It decodes ([`super::webcam_pixels`]) and stamps; it recognises nothing. A camera
//! that goes away is an error, after which `next_frame` looks for it again, at most once a second.

use super::webcam_pixels::mjpeg_to_rgb;
use super::yuyv::{YuvRange, YuyvLayout, yuyv_to_rgb};
use crate::domain::units::Stamp;
use crate::ports::{CameraError, Frame, FrameSource};
use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use v4l::buffer::{Flags, Metadata, Type};
use v4l::device::Handle;
use v4l::format::{Colorspace, Quantization};
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::{Device, Format, FourCC};

/// The formats we read, the one we like best first: Motion JPEG leaves room on the USB bus for full frame rates.
const READABLE: [[u8; 4]; 3] = [*b"MJPG", *b"JPEG", *b"YUYV"];
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const BUFFERS: u32 = 4;
const PATIENCE_MILLIS: u64 = 2000;
const REOPEN_MILLIS: u64 = 1000;
/// When all buffers are full the driver keeps the old pictures; one that is older than this is passed over.
const STALE_MILLIS: u64 = 100;

mod errno {
    pub const ENOENT: i32 = 2;
    pub const EACCES: i32 = 13;
    pub const EBUSY: i32 = 16;
    pub const ENODEV: i32 = 19;
    pub const ENXIO: i32 = 6;
}
const POLLIN: i16 = 1;

type Clock = Box<dyn Fn() -> Stamp + Send>;

/// A camera at a path such as `/dev/video0`.
pub struct V4lCamera {
    device: String,
    clock: Clock,
    running: Option<Running>,
    last_attempt: Stamp,
    last_sequence: Option<u32>,
    capture: CaptureTime,
    dropped: u64,
    damaged: u64,
    scratch: Vec<u8>,
}

/// An open device that streams.
struct Running {
    // The buffers are unmapped before the device is closed: fields are dropped in this order.
    stream: Stream<'static>,
    handle: Arc<Handle>,
    format: Format,
    started: bool,
}

impl V4lCamera {
    /// Opens the camera and agrees on a format. `clock` is the cart's steady clock: it stamps each picture as it arrives.
    ///
    /// # Errors
    /// [`CameraError::Missing`], [`CameraError::Busy`], [`CameraError::Format`], or [`CameraError::Lost`] with what the
    /// system said.
    pub fn open(device: &str, clock: impl Fn() -> Stamp + Send + 'static) -> Result<V4lCamera, CameraError> {
        let running = Some(Running::open(device)?);
        let last_attempt = clock();
        Ok(V4lCamera {
            device: device.to_owned(),
            clock: Box::new(clock),
            running,
            last_attempt,
            last_sequence: None,
            capture: CaptureTime::default(),
            dropped: 0,
            damaged: 0,
            scratch: Vec::new(),
        })
    }

    /// How many pictures nobody fetched in time, by the numbers that the driver gives them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many pictures arrived damaged and were left out.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Opens the device again, at most once a second.
    fn reopen(&mut self) -> Result<Running, CameraError> {
        let waited = (self.clock)().millis_since(self.last_attempt);
        if waited < REOPEN_MILLIS {
            #[allow(
                clippy::disallowed_methods,
                reason = "a lost camera is looked for once a second, not all the time"
            )]
            std::thread::sleep(Duration::from_millis(REOPEN_MILLIS - waited));
        }
        self.last_attempt = (self.clock)();
        self.last_sequence = None;
        self.capture = CaptureTime::default();
        Running::open(&self.device).map_err(|error| match error {
            CameraError::Lost { .. } => error,
            other => CameraError::Lost { reason: other.to_string() },
        })
    }

    /// Fetches the newest picture that can be decoded.
    fn fetch(&mut self, running: &mut Running, frame: &mut Frame) -> Result<(), CameraError> {
        let began = (self.clock)();
        let mut flaw = None;
        let mut passed_over_stale = false;
        loop {
            let waited = (self.clock)().millis_since(began);
            if waited >= PATIENCE_MILLIS {
                let flaw = flaw.unwrap_or_else(|| "no picture".to_owned());
                return Err(CameraError::Lost { reason: format!("{flaw} for {PATIENCE_MILLIS} ms") });
            }
            running.wait((PATIENCE_MILLIS - waited) as i32).map_err(|error| lost(&self.device, &error))?;
            running.started = true;
            let handle = Arc::clone(&running.handle);
            let (bytes, facts) = running.stream.next().map_err(|error| lost(&self.device, &error))?;
            let now = (self.clock)();
            let at = self.capture.stamp(now, driver_micros(facts));
            if ready(&handle) {
                continue;
            }
            if !passed_over_stale && now.millis_since(at) > STALE_MILLIS {
                passed_over_stale = true;
                continue;
            }
            self.dropped += gap(self.last_sequence.replace(facts.sequence), facts.sequence);
            let bytes = &bytes[..(facts.bytesused as usize).min(bytes.len())];
            let decoded = if facts.flags.contains(Flags::ERROR) {
                Err("the driver marks its pictures as damaged".to_owned())
            } else {
                decode(&running.format, bytes, &mut self.scratch, frame)
            };
            match decoded {
                Ok(()) => {
                    frame.at = at;
                    return Ok(());
                }
                Err(reason) => {
                    self.damaged += 1;
                    flaw = Some(reason);
                }
            }
        }
    }
}

impl FrameSource for V4lCamera {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.reopen()?,
        };
        match self.fetch(&mut running, frame) {
            Ok(()) => {
                self.running = Some(running);
                Ok(())
            }
            Err(error) => {
                running.close();
                Err(error)
            }
        }
    }
}

impl Drop for V4lCamera {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.close();
        }
    }
}

impl Running {
    fn open(path: &str) -> Result<Running, CameraError> {
        if path.contains('\0') {
            return Err(CameraError::Missing { device: path.replace('\0', "\\0") });
        }
        let device = Device::with_path(path).map_err(|error| refused(path, &error))?;
        let capabilities = device.query_caps().map_err(|error| match error.raw_os_error() {
            Some(errno::ENODEV) => refused(path, &error),
            _ => CameraError::Format { device: path.to_owned(), offered: "it is no camera".to_owned() },
        })?;
        let offered = device.enum_formats().map_err(|error| refused(path, &error))?;
        let codes: Vec<[u8; 4]> = offered.iter().map(|format| format.fourcc.repr).collect();
        let mut agreed = None;
        for code in readable(&codes) {
            let wish = Format::new(WIDTH, HEIGHT, FourCC::new(&code));
            let format = device.set_format(&wish).map_err(|error| refused(path, &error))?;
            if format.fourcc.repr == code && format.width % 2 == 0 {
                agreed = Some(format);
                break;
            }
        }
        let Some(format) = agreed else {
            return Err(CameraError::Format { device: path.to_owned(), offered: describe(&codes, &capabilities.card) });
        };
        let handle = device.handle();
        let mut stream =
            Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(|error| refused(path, &error))?;
        stream.set_timeout(Duration::from_millis(PATIENCE_MILLIS));
        tracing::info!(device = path, card = %capabilities.card, format = %format.fourcc, width = format.width,
            height = format.height, "camera opened");
        Ok(Running { stream, handle, format, started: false })
    }

    /// Waits until a picture is there; before the stream was started there is nothing to wait for.
    fn wait(&self, millis: i32) -> Result<(), Error> {
        if !self.started {
            return Ok(());
        }
        match self.handle.poll(POLLIN, millis) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) => Ok(()),
            // A signal ended the wait early. The caller dequeues with a timeout of its own.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Closes the device. The crate's own clean-up panics when a dying driver refuses; that is no reason for us to stop.
    fn close(self) {
        if catch_unwind(AssertUnwindSafe(|| drop(self))).is_err() {
            tracing::warn!("the camera's driver refused to be closed");
        }
    }
}

/// Turns the driver's time of a picture into the cart's.
///
/// Both clocks run alike and differ by a constant. A picture is fetched after it was taken, never before, so the smallest
/// difference seen is the nearest to that constant: pictures that lay waiting keep the time at which they were taken.
#[derive(Debug, Default)]
struct CaptureTime {
    smallest_difference: Option<i64>,
}

impl CaptureTime {
    /// The cart's time of a picture fetched `now`; without a time of the driver that is all there is.
    fn stamp(&mut self, now: Stamp, driver_micros: Option<i64>) -> Stamp {
        let Some(taken) = driver_micros else { return now };
        let difference = (now.0 as i64).saturating_sub(taken);
        let smallest = self.smallest_difference.map_or(difference, |smallest| smallest.min(difference));
        self.smallest_difference = Some(smallest);
        Stamp(taken.saturating_add(smallest).max(0) as u64)
    }
}

/// The driver's time of a picture, where it is by the steady clock.
fn driver_micros(facts: &Metadata) -> Option<i64> {
    let steady = facts.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
    steady.then(|| facts.timestamp.sec * 1_000_000 + facts.timestamp.usec)
}

/// Whether another picture waits already.
fn ready(handle: &Handle) -> bool {
    matches!(handle.poll(POLLIN, 0), Ok(1..))
}

/// The readable ones among the formats that a camera offers, best first.
fn readable(offered: &[[u8; 4]]) -> Vec<[u8; 4]> {
    READABLE.into_iter().filter(|code| offered.contains(code)).collect()
}

/// What a camera offers instead, for people.
fn describe(codes: &[[u8; 4]], card: &str) -> String {
    if codes.is_empty() {
        return format!("{card:?} gives no pictures here; many cameras have a second device that does{}", others());
    }
    let names: Vec<String> = codes.iter().map(|code| String::from_utf8_lossy(code).into_owned()).collect();
    format!("{card:?} offers {}", names.join(", "))
}

/// How many pictures lie between two numbers of the driver; a driver that counts anew tells nothing.
fn gap(before: Option<u32>, now: u32) -> u64 {
    match before.map(|before| now.wrapping_sub(before)) {
        Some(step @ 1..=100_000) => u64::from(step - 1),
        _ => 0,
    }
}

/// Writes one picture of the camera as RGB into `frame`.
fn decode(format: &Format, bytes: &[u8], scratch: &mut Vec<u8>, frame: &mut Frame) -> Result<(), String> {
    let (width, height) = if &format.fourcc.repr == b"YUYV" {
        let layout = YuyvLayout {
            width: format.width as usize,
            height: format.height as usize,
            stride: (format.stride as usize).max(format.width as usize * 2),
            range: yuv_range(format),
        };
        yuyv_to_rgb(layout, bytes, &mut frame.rgb).map_err(|error| error.to_string())?;
        (format.width, format.height)
    } else {
        mjpeg_to_rgb(bytes, scratch, &mut frame.rgb).map_err(|error| error.to_string())?
    };
    (frame.width, frame.height) = (width, height);
    Ok(())
}

/// How far the numbers of this camera's YUV reach. The kernel's default is the limited range, except for JPEG's colours.
fn yuv_range(format: &Format) -> YuvRange {
    match (format.quantization, format.colorspace) {
        (Quantization::FullRange, _) | (Quantization::Default, Colorspace::JPEG) => YuvRange::Full,
        _ => YuvRange::Limited,
    }
}

/// Names the error of opening a camera.
fn refused(path: &str, error: &Error) -> CameraError {
    match error.raw_os_error() {
        Some(errno::ENOENT | errno::ENODEV | errno::ENXIO) => {
            CameraError::Missing { device: format!("{path}{}", others()) }
        }
        Some(errno::EBUSY) => CameraError::Busy { device: path.to_owned() },
        Some(errno::EACCES) => CameraError::Lost {
            reason: format!("{path} may not be opened by this user; add the user to the group that owns it (video)"),
        },
        _ => CameraError::Lost { reason: format!("{path}: {error}") },
    }
}

/// Names the error of a camera that had been open.
fn lost(path: &str, error: &Error) -> CameraError {
    let reason = match (error.raw_os_error(), error.kind()) {
        (Some(errno::ENODEV | errno::ENXIO), _) => format!("{path} was unplugged"),
        (_, ErrorKind::TimedOut) => format!("{path} gave no picture for {PATIENCE_MILLIS} ms"),
        _ => format!("{path}: {error}"),
    };
    CameraError::Lost { reason }
}

/// The cameras of this machine, in brackets.
fn others() -> String {
    let mut names: Vec<String> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.strip_prefix("video").is_some_and(|number| number.parse::<u32>().is_ok()))
        .map(|name| format!("/dev/{name}"))
        .collect();
    names.sort();
    match names.as_slice() {
        [] => " (this machine has none)".to_owned(),
        names => format!(" (this machine has {})", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(device: &str) -> CameraError {
        match V4lCamera::open(device, || Stamp(0)) {
            Ok(_) => panic!("{device} opened"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_camera_that_does_not_exist_is_missing_and_the_message_says_what_there_is() {
        let error = open("/dev/video-of-nobody");
        assert!(matches!(error, CameraError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("/dev/video-of-nobody (this machine has"), "{error}");
        assert!(matches!(open("/dev/vid\0eo"), CameraError::Missing { .. }));
    }

    #[test]
    fn a_file_that_is_no_camera_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for path in [file.path().to_str().expect("a name"), "/dev/null"] {
            let error = open(path);
            assert!(matches!(error, CameraError::Format { .. }), "{error}");
            assert!(error.to_string().contains("no camera"), "{error}");
        }
    }

    #[test]
    fn each_refusal_of_the_system_has_its_own_error() {
        for (code, wanted) in [
            (errno::ENOENT, "no camera at /dev/video7"),
            (errno::ENODEV, "no camera at /dev/video7"),
            (errno::EBUSY, "the camera /dev/video7 is used by another program"),
            (errno::EACCES, "may not be opened by this user"),
            (5, "/dev/video7: Input/output error"),
        ] {
            let text = refused("/dev/video7", &Error::from_raw_os_error(code)).to_string();
            assert!(text.contains(wanted), "{code}: {text}");
        }
        for (error, wanted) in [
            (Error::from_raw_os_error(errno::ENODEV), "was unplugged"),
            (Error::from(ErrorKind::TimedOut), "gave no picture for 2000 ms"),
            (Error::from_raw_os_error(5), "Input/output error"),
        ] {
            let lost = lost("/dev/video7", &error);
            assert!(matches!(lost, CameraError::Lost { .. }), "{lost}");
            assert!(lost.to_string().contains(wanted), "{lost}");
        }
    }

    #[test]
    fn motion_jpeg_is_preferred_to_yuyv_and_anything_else_is_not_read() {
        for (offered, wanted) in [
            (vec![*b"YUYV", *b"MJPG", *b"H264"], vec![*b"MJPG", *b"YUYV"]),
            (vec![*b"YUYV"], vec![*b"YUYV"]),
            (vec![*b"NV12", *b"H264"], vec![]),
            (vec![], vec![]),
        ] {
            assert_eq!(readable(&offered), wanted);
        }
        assert_eq!(describe(&[*b"NV12", *b"H264"], "cam"), "\"cam\" offers NV12, H264");
    }

    #[test]
    fn pictures_that_were_not_fetched_are_counted_by_their_numbers() {
        for (before, now, wanted) in [
            (None, 7, 0),
            (Some(7), 8, 0),
            (Some(7), 11, 3),
            (Some(u32::MAX), 1, 1),
            (Some(900), 0, 0),
            (Some(7), 7, 0),
        ] {
            assert_eq!(gap(before, now), wanted, "{before:?} {now}");
        }
    }

    #[test]
    fn a_picture_that_lay_waiting_keeps_the_time_at_which_it_was_taken() {
        let mut capture = CaptureTime::default();
        for (now, taken, wanted) in [
            (5_000, Some(101_000), 5_000),
            (40_000, Some(134_000), 38_000),
            (71_000, Some(167_500), 71_000),
            (400_000, Some(200_500), 104_000),
            (500_000, None, 500_000),
        ] {
            assert_eq!(capture.stamp(Stamp(now), taken), Stamp(wanted), "{now} {taken:?}");
        }
    }

    #[test]
    fn a_yuyv_frame_is_decoded_into_the_reused_frame() {
        let mut format = Format::new(2, 1, FourCC::new(b"YUYV"));
        format.quantization = Quantization::FullRange;
        let mut frame = Frame { rgb: vec![1; 99], ..Frame::default() };
        decode(&format, &[50, 128, 60, 128], &mut Vec::new(), &mut frame).expect("decodes");
        assert_eq!((frame.width, frame.height, frame.rgb.as_slice()), (2, 1, &[50, 50, 50, 60, 60, 60][..]));
        decode(&format, &[50, 128, 60], &mut Vec::new(), &mut frame).expect_err("too short");
    }

    #[test]
    #[ignore = "needs a camera: DASHCART_TEST_CAMERA=/dev/video0 cargo test -- --ignored camera"]
    fn a_real_camera_gives_pictures_whose_stamps_grow() {
        let device = std::env::var("DASHCART_TEST_CAMERA").unwrap_or_else(|_| "/dev/video0".to_owned());
        #[allow(clippy::disallowed_methods, reason = "a real camera has real time")]
        let begin = std::time::Instant::now();
        let clock = move || Stamp(begin.elapsed().as_micros() as u64);
        let mut camera = V4lCamera::open(&device, clock).expect("opens");
        let mut frame = Frame::default();
        let mut last = Stamp(0);
        for _ in 0..30 {
            camera.next_frame(&mut frame).expect("a picture");
            assert!(frame.at > last);
            assert_eq!(frame.rgb.len() as u32, frame.width * frame.height * 3);
            last = frame.at;
        }
    }
}
