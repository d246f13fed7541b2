//! How text becomes search words. Kept apart from SQL: every store folds alike, and so do the rows and the query.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{PairRow, PatientCard};

/// Words longer than this are cut: nobody types more, and an index entry stays small.
const LONGEST_WORD: usize = 64;
/// A query of more words than this is not narrowed any further.
const MOST_WORDS: usize = 8;

/// Lower case without diacritics, compatibility forms resolved. Letters that do not decompose but that people type
/// without their mark (`ø`, `ł`, `ß`) are spelled out.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
        return folded;
    }
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            // Lower-casing a capital with a dot (İ) leaves a combining dot behind.
            other if is_combining_mark(other) => {}
            other => folded.push(other),
        }
    }
    folded
}

fn cut(word: &str) -> &str {
    match word.char_indices().nth(LONGEST_WORD) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}

/// Words of free text: every run of letters and digits, and the runs of one blank-separated piece written together
/// (`O'Brien` is found as `brien` and as `obrien`).
fn add_text(words: &mut BTreeSet<String>, text: &str) {
    for piece in fold(text).split_whitespace() {
        let runs: Vec<&str> =
            piece.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).collect();
        if runs.len() > 1 {
            words.insert(cut(&runs.concat()).to_owned());
        }
        words.extend(runs.into_iter().map(|run| cut(run).to_owned()));
    }
}

/// Words of a number as people read it out: from the start, from each group on, and the last ten, seven and four
/// digits (without country code, without area code, the extension people remember).
fn add_number(words: &mut BTreeSet<String>, text: &str) {
    let folded = fold(text);
    let groups: Vec<String> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|group| !group.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    for start in 0..groups.len() {
        words.insert(cut(&groups[start..].concat()).to_owned());
        words.insert(cut(&groups[start]).to_owned());
    }
    let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
    for length in [10, 7, 4] {
        if digits.len() > length {
            words.insert(digits[digits.len() - length..].to_owned());
        }
    }
}

/// Everything a pair is found by, one blank before each word, so that ` be` finds a word that begins with `be`.
pub(crate) fn pair_words(pair: &PairRow) -> String {
    let mut words = BTreeSet::new();
    let PatientCard { name, owner, phone, email, chip, also, .. } = &pair.card;
    for text in [name, owner, email, also, &pair.id] {
        add_text(&mut words, text);
    }
    for key in [&pair.servicenow_key, &pair.ehr_key].into_iter().flatten() {
        add_text(&mut words, key);
    }
    for number in [phone, chip] {
        add_number(&mut words, number);
    }
    joined(&words)
}

/// Words of free text in the same form, for the work list.
pub(crate) fn text_words(texts: &[&str]) -> String {
    let mut words = BTreeSet::new();
    for text in texts {
        add_text(&mut words, text);
    }
    joined(&words)
}

fn joined(words: &BTreeSet<String>) -> String {
    let mut text = String::with_capacity(words.iter().map(|word| word.len() + 1).sum());
    for word in words {
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// Where a pair stands in a list by name: name, then owner; those without a name come last.
pub(crate) fn name_sort(card: &PatientCard) -> String {
    let name = fold(card.name.trim());
    let owner = fold(card.owner.trim());
    // U+0001 sorts below every letter and blank: "Bella" with any owner stands before "Bella Rose".
    if name.is_empty() { format!("\u{FFFD}\u{1}{owner}") } else { format!("{name}\u{1}{owner}") }
}

/// The words of a query. Each must begin some word of a result. A word that begins another one adds nothing.
pub(crate) fn query_words(query: &str) -> Vec<String> {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for piece in fold(query).split_whitespace() {
        let numeric = piece.chars().all(|c| c.is_ascii_digit() || "+()-./".contains(c));
        if numeric {
            let digits: String = piece.chars().filter(char::is_ascii_digit).collect();
            // The North American country code is often stored on one side only.
            let national = if piece.starts_with("+1") && digits.len() == 11 { &digits[1..] } else { &digits };
            if !national.is_empty() {
                words.insert(cut(national).to_owned());
            }
        } else {
            words.extend(
                piece
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|run| !run.is_empty())
                    .map(|run| cut(run).to_owned()),
            );
        }
    }
    let all: Vec<String> = words.into_iter().collect();
    // In sorted order a word that begins another stands directly before one of those it begins.
    let mut kept: Vec<String> = all
        .iter()
        .enumerate()
        .filter(|(at, word)| !all.get(at + 1).is_some_and(|next| next.starts_with(word.as_str())))
        .map(|(_, word)| word.clone())
        .collect();
    // The longest words are the rarest: they narrow the most.
    kept.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    kept.truncate(MOST_WORDS);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_takes_away_what_people_leave_out_when_they_type() {
        for (text, folded) in [
            ("Bella", "bella"),
            ("Žofie Müller", "zofie muller"),
            ("Łódź", "lodz"),
            ("Smørrebrød", "smorrebrod"),
            ("Straße", "strasse"),
            ("İpek", "ipek"),
            ("ＦＵＬＬ", "full"),
            ("Æsir Þór", "aesir thor"),
            ("Мурка", "мурка"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn a_phone_is_found_from_every_place_people_begin_it() {
        let mut words = BTreeSet::new();
        add_number(&mut words, "+1 (555) 123-4567");
        for word in ["15551234567", "5551234567", "1234567", "4567", "555", "123"] {
            assert!(words.contains(word), "{word} in {words:?}");
        }
    }

    #[test]
    fn a_query_keeps_only_words_that_narrow() {
        for (query, words) in [
            ("be bella", vec!["bella"]),
            ("  ", vec![]),
            ("(555) 123-4567", vec!["1234567", "555"]),
            ("+1-555-123-4567", vec!["5551234567"]),
            ("O'Brien", vec!["brien", "o"]),
            ("ab abc b", vec!["abc", "b"]),
            ("-- ()", vec![]),
        ] {
            assert_eq!(query_words(query), words, "{query}");
        }
    }

    #[test]
    fn lists_are_ordered_by_name_then_owner_and_the_nameless_come_last() {
        let sort = |name: &str, owner: &str| {
            name_sort(&PatientCard { name: name.into(), owner: owner.into(), ..PatientCard::default() })
        };
        let mut sorted =
            [sort("", "Adams"), sort("Bella Rose", "A"), sort("bella", "Zorn"), sort("Bella", "Adams")];
        sorted.sort();
        assert_eq!(
            sorted,
            [sort("Bella", "Adams"), sort("bella", "Zorn"), sort("Bella Rose", "A"), sort("", "Adams")]
        );
    }
}
