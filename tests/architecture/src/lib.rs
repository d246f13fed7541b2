//! What the checks of the architecture invariants read: manifests, the lock file, and Rust sources as code without
//! comments, texts and tests.

pub mod manifests;
pub mod sources;

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Every file below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A path as messages show it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// One message for all places where an invariant does not hold.
pub fn report(invariant: &str, places: &[String], way_out: &str) -> String {
    format!("\n{invariant}\n  {}\n{way_out}\n", places.join("\n  "))
}
