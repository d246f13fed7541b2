//! Files that people take out of the console.

use console_api::dto::{ApiError, ErrorCode};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// So many files of one name stand side by side before somebody has to tidy up.
const SIDE_BY_SIDE: u32 = 1_000;

/// Writes a new file of this name into a folder; where there is one already, ` (2)` and so on is put behind its name.
///
/// # Errors
/// A name with a folder in it or none at all, no folder, a file that cannot be written.
pub fn keep(folder: Option<&Path>, name: &str, text: &str) -> Result<PathBuf, ApiError> {
    let failed = |message: String, way_out: &str| ApiError {
        code: ErrorCode::Invalid,
        message,
        way_out: way_out.to_owned(),
        field: None,
    };
    let plain = Path::new(name);
    if plain.file_name().is_none_or(|own| own != plain.as_os_str()) || name.contains(['/', '\\', '\0']) {
        return Err(failed(
            format!("\"{name}\" is not the name of a file."),
            "Save it again; if that happens twice, tell IT.",
        ));
    }
    let folder = folder.ok_or_else(|| {
        failed(
            "This computer has no folder for downloads.".to_owned(),
            "Create the folder Downloads in your home folder, then save again.",
        )
    })?;
    let unwritable = |error: &std::io::Error| {
        failed(
            format!("{} takes no file: {error}.", folder.display()),
            "Make room there or see that you may write to it, then save again.",
        )
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritable(&error))?;
    let stem = plain.file_stem().unwrap_or_default().to_string_lossy();
    let ending = plain.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    for number in 1..=SIDE_BY_SIDE {
        let path = match number {
            1 => folder.join(name),
            number => folder.join(format!("{stem} ({number}){ending}")),
        };
        let mut file = match std::fs::File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(unwritable(&error)),
        };
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
            drop(file);
            // Half a calendar would be taken for a whole one. If even that fails, the error below says so all the same.
            let _removed = std::fs::remove_file(&path);
            return Err(unwritable(&error));
        }
        return Ok(path);
    }
    Err(failed(
        format!("{} holds too many files called {name}.", folder.display()),
        "Move some of them elsewhere, then save again.",
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_written_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("Downloads");
        let first = keep(Some(&inside), "day.ics", "one").unwrap();
        let second = keep(Some(&inside), "day.ics", "two").unwrap();
        assert_eq!((first, second), (inside.join("day.ics"), inside.join("day (2).ics")));
        let said = |name: &str| std::fs::read_to_string(inside.join(name)).unwrap();
        assert_eq!((said("day.ics"), said("day (2).ics")), ("one".to_owned(), "two".to_owned()));
    }

    #[test]
    fn what_cannot_be_kept_says_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "..", "../day.ics", "/etc/day.ics", "a\\b.ics", "a/b.ics"] {
            assert!(keep(Some(folder.path()), name, "").is_err(), "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(keep(None, "day.ics", "").unwrap_err().way_out.contains("Downloads"));
        // A file where the folder should be.
        std::fs::write(folder.path().join("file"), "").unwrap();
        let refused = keep(Some(&folder.path().join("file")), "day.ics", "").unwrap_err();
        assert!(refused.message.contains("takes no file"), "{refused:?}");
    }
}
