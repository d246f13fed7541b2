//! Folding of written text: the forms that names, free text and terms are compared by.

use unicode_normalization::UnicodeNormalization;

/// Whether a character shows as nothing: blanks of every kind, zero-width characters and the byte-order mark.
pub fn is_blank_char(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// The text without blanks around it.
pub fn trimmed(text: &str) -> &str {
    // Most text has nothing to trim: both ends show, and are ASCII.
    if let (Some(b'!'..=b'~'), Some(b'!'..=b'~')) = (text.as_bytes().first(), text.as_bytes().last()) {
        return text;
    }
    text.trim_matches(is_blank_char)
}

/// How much a fold takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Punctuation {
    /// Quotes vanish; dots, commas, dashes and underscores count as blanks.
    Folded,
    /// Every character counts.
    Kept,
}

/// Appends the form a name is compared by: NFKC, one case, single blanks, no quotes, and dots, commas, dashes and
/// underscores as blanks. A text of nothing but punctuation keeps it. Diacritics count: `Zoë` is not `Zoe`.
pub fn fold_name(text: &str, out: &mut String) {
    let start = out.len();
    fold(text, Punctuation::Folded, out);
    if out.len() == start {
        fold(text, Punctuation::Kept, out);
    }
}

/// Appends the form one line of free text is compared by: NFKC, one case, single blanks.
pub fn fold_text(text: &str, out: &mut String) {
    fold(text, Punctuation::Kept, out);
}

/// [`fold_name`] into a new string.
pub fn folded_name(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_name(text, &mut out);
    out
}

/// [`fold_text`] into a new string.
pub fn folded_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_text(text, &mut out);
    out
}

fn fold(text: &str, punctuation: Punctuation, out: &mut String) {
    let start = out.len();
    if text.is_ascii() {
        let mut blank = false;
        for byte in text.bytes() {
            if byte.is_ascii_whitespace() || byte == 0x0b || separates(char::from(byte), punctuation) {
                blank = out.len() > start;
            } else if !vanishes(char::from(byte), punctuation) {
                if blank {
                    out.push(' ');
                    blank = false;
                }
                out.push(char::from(byte.to_ascii_lowercase()));
            }
        }
        return;
    }
    let mut blank = false;
    // Upper before lower makes `ß` and `SS`, and both small sigmas, one; the second NFKC joins what that split.
    let one_case = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc();
    for character in one_case {
        if is_blank_char(character) || separates(character, punctuation) {
            blank = out.len() > start;
        } else if !vanishes(character, punctuation) {
            if blank {
                out.push(' ');
                blank = false;
            }
            out.push(character);
        }
    }
}

fn separates(character: char, punctuation: Punctuation) -> bool {
    punctuation == Punctuation::Folded
        && matches!(character, '.' | ',' | '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{b7}')
}

fn vanishes(character: char, punctuation: Punctuation) -> bool {
    punctuation == Punctuation::Folded
        && matches!(
            character,
            '\'' | '"' | '`' | '\u{b4}' | '\u{2018}'
                ..='\u{201f}' | '\u{2032}' | '\u{2033}' | '\u{ab}' | '\u{bb}'
        )
}

/// Appends the form long text is compared by: NFC, `\n` line ends, no blanks at line ends, no blank lines at the end.
pub fn fold_long(text: &str, out: &mut String) {
    let start = out.len();
    let mut kept = start;
    let mut line_start = start;
    let mut push = |character: char, out: &mut String| {
        if character == '\n' {
            let end = line_start + out[line_start..].trim_end_matches(is_blank_char).len();
            out.truncate(end);
            if end > line_start {
                kept = end;
            }
            out.push('\n');
            line_start = out.len();
        } else {
            out.push(character);
        }
    };
    let mut after_return = false;
    let mut unify = |character: char, out: &mut String| {
        match character {
            '\n' if after_return => {}
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => push('\n', out),
            other => push(other, out),
        }
        after_return = character == '\r';
    };
    if text.is_ascii() {
        text.chars().for_each(|character| unify(character, out));
    } else {
        text.nfc().for_each(|character| unify(character, out));
    }
    let end = line_start + out[line_start..].trim_end_matches(is_blank_char).len();
    out.truncate(if end > line_start { end } else { kept });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_fold() {
        // (written, written otherwise, one name?)
        let cases = [
            ("Bella", " BELLA ", true),
            ("O'Brien", "O\u{2019}Brien", true),
            ("O'Brien", "OBrien", true),
            ("\"Bella\"", "Bella", true),
            ("Mary-Jane", "Mary  Jane", true),
            ("J.R. Smith", "J. R. Smith", true),
            ("Smith, Peter", "Smith Peter", true),
            ("Stra\u{df}e", "STRASSE", true),
            ("Zo\u{eb}", "Zoe\u{308}", true),
            // Diacritics, other letters and numbers tell names apart.
            ("Zo\u{eb}", "Zoe", false),
            ("Bella", "Bela", false),
            ("Kitten 2", "Kitten 3", false),
            // Nothing but punctuation is not nothing.
            ("-", ".", false),
        ];
        for (left, right, same) in cases {
            assert_eq!(folded_name(left) == folded_name(right), same, "{left} / {right}");
        }
    }

    #[test]
    fn text_folds_in_case_and_blanks_and_keeps_its_signs() {
        assert_eq!(folded_text("  Two\u{a0} DOORS "), "two doors");
        assert_eq!(folded_text("a-b."), "a-b.");
        assert_eq!(folded_text("\u{c9}T\u{c9}"), "\u{e9}t\u{e9}");
    }

    #[test]
    fn long_text_folds() {
        let fold = |text: &str| {
            let mut out = String::new();
            fold_long(text, &mut out);
            out
        };
        assert_eq!(fold("a\r\nb\rc\n"), "a\nb\nc");
        assert_eq!(fold("a  \nb\t\n\n  \n"), "a\nb");
        assert_eq!(fold("a\n\nb"), "a\n\nb");
        assert_eq!(fold("  indented"), "  indented");
        assert_eq!(fold("\n\n"), "");
        assert_ne!(fold("A"), fold("a"));
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
            let once = folded_text(&text);
            prop_assert_eq!(folded_text(&once), once);
            let mut long = String::new();
            fold_long(&text, &mut long);
            let mut again = String::new();
            fold_long(&long, &mut again);
            prop_assert_eq!(again, long);
        }

        #[test]
        fn ascii_path_equals_unicode_path(text in "[ -~\\t\\n]{0,30}") {
            // A trailing character outside ASCII that folds away forces the general path.
            let general = folded_text(&format!("{text}\u{a0}"));
            prop_assert_eq!(folded_text(&text), general);
        }
    }
}
