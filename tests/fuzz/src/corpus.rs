//! The inputs that are kept.

use std::path::PathBuf;

/// The folder of a target's inputs.
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// Every kept input of a target with the name of its file, in order.
pub fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder(target))
        .unwrap_or_else(|_| panic!("tests/fuzz/corpus/{target} is missing"))
        .map(|entry| {
            let path = entry.expect("a folder that can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file that can be read"))
        })
        .collect();
    found.sort();
    found
}

/// Leaves the input behind as a file if the target panics: the place to keep it from.
#[derive(Debug)]
pub struct LeftBehind<'a> {
    /// The target's name.
    pub target: &'a str,
    /// What it was given.
    pub input: &'a [u8],
}

impl Drop for LeftBehind<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
                || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
                PathBuf::from,
            );
            let folder = folder.join("fuzz");
            let file = folder.join(format!("{}.input", self.target));
            if std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, self.input)).is_ok() {
                eprintln!(
                    "the input stands in {}; keep it in tests/fuzz/corpus/{}/ under a name that says what it shows",
                    file.display(),
                    self.target
                );
            }
        }
    }
}
