//! Compiles the screen, and tells the linker where the LiteRT library is.

fn main() {
    #[cfg(feature = "screen")]
    screen();
    #[cfg(feature = "litert")]
    engine_library();
    println!("cargo:rerun-if-changed=build.rs");
}

#[cfg(feature = "screen")]
fn screen() {
    let config = slint_build::CompilerConfiguration::new()
        .embed_resources(slint_build::EmbedResourcesKind::EmbedFiles)
        .with_debug_info(true);
    slint_build::compile_with_config("ui/app.slint", config).expect("the .slint files compile");
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
