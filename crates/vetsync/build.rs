//! Embeds the built web UI, so that `vetsync serve` needs no files beside it. Without one (a fresh clone that has not
//! run `npm run build` yet) a page says how to build it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dist = root.join("ui/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut found = Vec::new();
    files(&dist, &mut found);
    found.sort();
    let mut table = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    for path in found {
        let name = path.strip_prefix(&dist)?.to_string_lossy().replace('\\', "/");
        let full = path.canonicalize()?.display().to_string();
        writeln!(table, "    ({name:?}, include_bytes!({full:?})),")?;
    }
    table.push_str("];\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("ui_files.rs"), table)?;
    Ok(())
}
