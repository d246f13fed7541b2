//! What a remote sends by itself.

use super::text;
use mapping::event::EventLens;
use record::Remote;

/// What no problem may repeat; inputs hold it where an owner's data would stand.
const SECRET: &str = "keep-this-to-yourself";

/// A message of either remote: it points to one record, or it says what is wrong with it and repeats nothing.
pub fn events(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let lens = EventLens::default();
    for remote in Remote::BOTH {
        match lens.read(remote, text) {
            Ok(pointer) => {
                assert!(!pointer.key.is_empty(), "a record has a key");
                let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
                assert!(pointer.key.chars().all(plain), "{remote:?}: a key that is none: {:?}", pointer.key);
                assert!(
                    pointer.version.is_none_or(|version| !version.is_empty()),
                    "a version says something"
                );
            }
            Err(unreadable) => {
                assert!(!unreadable.what.is_empty());
                assert!(!unreadable.what.contains(SECRET), "a problem repeats what was sent");
            }
        }
    }
}
