//! Files that people take out of the console.

use base64::Engine as _;
use console_api::dto::{ApiError, ErrorCode};
use std::borrow::Cow;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// So many files of one name stand side by side before somebody has to tidy up.
const SIDE_BY_SIDE: u32 = 1_000;

/// What a file is to hold: text, or bytes in base 64.
///
/// # Errors
/// Neither, or what is no base 64.
pub fn content<'c>(text: Option<&'c str>, base64: Option<&str>) -> Result<Cow<'c, [u8]>, ApiError> {
    let unreadable = || ApiError {
        code: ErrorCode::Internal,
        message: "The file came without content.".to_owned(),
        way_out: "Save it again; if that happens twice, tell IT.".to_owned(),
        field: None,
    };
    match (text, base64) {
        (Some(text), None) => Ok(Cow::Borrowed(text.as_bytes())),
        (None, Some(bytes)) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(bytes);
            bytes.map(Cow::Owned).map_err(|_| unreadable())
        }
        (None, None) | (Some(_), Some(_)) => Err(unreadable()),
    }
}

/// Writes a new file of this name into a folder; where there is one already, ` (2)` and so on is put behind its name.
///
/// # Errors
/// A name with a folder in it or none at all, no folder, a file that cannot be written.
pub fn keep(folder: Option<&Path>, name: &str, content: &[u8]) -> Result<PathBuf, ApiError> {
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
        if let Err(error) = file.write_all(content).and_then(|()| file.sync_all()) {
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
        let first = keep(Some(&inside), "day.ics", b"one").unwrap();
        let second = keep(Some(&inside), "day.ics", b"two").unwrap();
        assert_eq!((first, second), (inside.join("day.ics"), inside.join("day (2).ics")));
        let said = |name: &str| std::fs::read_to_string(inside.join(name)).unwrap();
        assert_eq!((said("day.ics"), said("day (2).ics")), ("one".to_owned(), "two".to_owned()));
    }

    #[test]
    fn a_file_holds_text_or_bytes() {
        assert_eq!(*content(Some("über"), None).unwrap(), *"über".as_bytes());
        assert_eq!(*content(None, Some("JVBERi0xLjcA/w==")).unwrap(), *b"%PDF-1.7\0\xff");
        for (text, bytes) in [(None, None), (Some("a"), Some("YQ==")), (None, Some("not base 64"))] {
            assert!(content(text, bytes).is_err(), "{text:?} {bytes:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_says_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "..", "../day.ics", "/etc/day.ics", "a\\b.ics", "a/b.ics"] {
            assert!(keep(Some(folder.path()), name, b"").is_err(), "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(keep(None, "day.ics", b"").unwrap_err().way_out.contains("Downloads"));
        // A file where the folder should be.
        std::fs::write(folder.path().join("file"), "").unwrap();
        let refused = keep(Some(&folder.path().join("file")), "day.ics", b"").unwrap_err();
        assert!(refused.message.contains("takes no file"), "{refused:?}");
    }
}
