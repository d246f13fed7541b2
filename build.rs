//! Prepares what the desktop app embeds: the built UI, the configuration and the permissions of its commands.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // A fresh clone has no built UI, and the app does not compile without one. A page that says so keeps `cargo test`
    // usable without Node.js; the tests of the window and the packages build the UI first.
    let index = Path::new("ui/dist/index.html");
    if !index.exists() {
        fs::create_dir_all("ui/dist")?;
        fs::write(
            index,
            "<!doctype html><meta charset=utf-8><title>VetSync</title><!-- vetsync-stub -->\
             <p>The user interface is not built. Run <code>npm --prefix ui run build</code> and build VetSync again.",
        )?;
    }
    println!("cargo:rerun-if-changed=ui/dist");
    // Naming the commands makes them deny-by-default: a capability has to list `allow-rpc` and `allow-keep`.
    let permissions = tauri_build::AppManifest::new().commands(&["rpc", "keep"]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(permissions))?;
    Ok(())
}
