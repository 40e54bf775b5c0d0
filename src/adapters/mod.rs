//! One file for each outside thing: a device, a library, a server, a database. No decision of the cart is made here.

pub mod catalog_cache;
#[cfg(feature = "litert")]
mod chatter;
#[cfg(feature = "emulator")]
pub mod emulated;
pub mod engine;
pub mod http_store;
pub mod hx711;
#[cfg(feature = "litert")]
pub mod litert;
pub mod load_cell;
pub mod sqlite_journal;
#[cfg(feature = "tflite")]
pub mod tflite;
pub mod tflite_file;
#[cfg(feature = "webcam")]
pub mod v4l_camera;
pub mod webcam_pixels;
pub mod yuyv;
