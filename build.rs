//! Compiles the screen, and tells the linker where the LiteRT library is.

fn main() {
    #[cfg(feature = "screen")]
    screen();
    #[cfg(feature = "litert")]
    engine_library();
    println!("cargo:rerun-if-changed=build.rs");
}

/// Compiles the windows: the cart's alone, or with the emulator's panel where that is built in.
#[cfg(feature = "screen")]
fn screen() {
    // The fonts lie in a crate as bytes; the .slint files import them by name from here.
    let fonts = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("fonts");
    std::fs::create_dir_all(&fonts).expect("the build directory can be written");
    for (name, bytes) in [("NotoSans-Regular.ttf", notosans::REGULAR_TTF), ("NotoSans-Bold.ttf", notosans::BOLD_TTF)] {
        let path = fonts.join(name);
        // Written only once: a younger file would compile the windows again.
        if std::fs::metadata(&path).map(|file| file.len()).ok() != Some(bytes.len() as u64) {
            std::fs::write(&path, bytes).expect("the build directory can be written");
        }
    }
    let config = slint_build::CompilerConfiguration::new()
        .with_include_paths(vec![fonts])
        .embed_resources(slint_build::EmbedResourcesKind::EmbedFiles);
    let root = if cfg!(feature = "emulator") { "ui/emulated.slint" } else { "ui/app.slint" };
    slint_build::compile_with_config(root, config).expect("the .slint files compile");
}

/// Lets every binary find `libLiteRt.so` from where the binary itself lies, so that a build can be moved and packed.
#[cfg(feature = "litert")]
fn engine_library() {
    let machine = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo names the machine it builds for");
    // On a cart: beside the binary, or in the package's own library folder.
    let mut places = vec!["$ORIGIN".to_owned(), "$ORIGIN/../lib/dashcart".to_owned()];
    // While developing: from target/PROFILE, target/PROFILE/deps, target/MACHINE/PROFILE and target/MACHINE/PROFILE/deps.
    places.extend(["../..", "../../..", "../../../.."].map(|up| format!("$ORIGIN/{up}/vendor/litert/{machine}")));
    for place in places {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
}
