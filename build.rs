//! Compiles the screen, and tells the linker where the LiteRT library is.

fn main() {
    #[cfg(feature = "screen")]
    screen();
    println!("cargo:rerun-if-changed=build.rs");
}

#[cfg(feature = "screen")]
fn screen() {
    let config = slint_build::CompilerConfiguration::new()
        .embed_resources(slint_build::EmbedResourcesKind::EmbedFiles)
        .with_debug_info(true);
    slint_build::compile_with_config("ui/app.slint", config).expect("the .slint files compile");
}
