//! Rust sources, taken apart: code and texts, without comments and without what is compiled for tests only.

use crate::files_below;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// Where it stands.
    pub path: PathBuf,
    /// Its code by line (the first is 0), comments and the inside of texts replaced by blanks.
    pub code: Vec<String>,
    /// Its texts with the line they begin on.
    pub texts: Vec<(usize, String)>,
    /// Lines in all.
    pub lines: usize,
}

/// Every file below `src` of a package that is compiled for the product.
pub fn product_sources(folder: &Path) -> Vec<Source> {
    let files: Vec<PathBuf> = files_below(folder)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    let sources: Vec<Source> = files.into_iter().map(read).collect();
    let for_tests: Vec<PathBuf> = sources.iter().flat_map(modules_for_tests).collect();
    sources
        .into_iter()
        .filter(|source| {
            !for_tests
                .iter()
                .any(|module| source.path.starts_with(module) || source.path == module.with_extension("rs"))
        })
        .map(without_tests)
        .collect()
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (code, texts) = take_apart(&text);
    Source { path, lines: text.lines().count(), code: code.lines().map(str::to_owned).collect(), texts }
}

/// Modules in files of their own that are declared under `#[cfg(test)]`, as the path without `.rs`.
fn modules_for_tests(source: &Source) -> Vec<PathBuf> {
    let stem = source.path.file_stem().unwrap_or_default();
    let parent = source.path.parent().unwrap_or(&source.path);
    let folder = if ["lib", "main", "mod"].iter().any(|root| stem == *root) {
        parent.to_path_buf()
    } else {
        parent.join(stem)
    };
    let mut modules = Vec::new();
    for (at, line) in source.code.iter().enumerate() {
        if !is_for_tests(line) {
            continue;
        }
        let declaration = source
            .code
            .iter()
            .skip(at)
            .take(4)
            .find(|line| line.contains("mod ") && line.trim_end().ends_with(';'));
        if let Some(name) = declaration.and_then(|line| line.trim().trim_end_matches(';').rsplit(' ').next())
        {
            modules.push(folder.join(name));
        }
    }
    modules
}

fn is_for_tests(line: &str) -> bool {
    let line = line.replace(' ', "");
    line.contains("#[cfg(test)]")
        || line.contains("#[cfg(any(test,")
        || line.contains("#[cfg(all(test,")
        || line.contains("#![cfg(test)]")
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(mut source: Source) -> Source {
    let mut at = 0;
    while at < source.code.len() {
        if !source.code.get(at).is_some_and(|line| is_for_tests(line)) {
            at += 1;
            continue;
        }
        let (mut depth, mut opened, mut end) = (0_i32, false, at);
        'item: for (number, line) in source.code.iter().enumerate().skip(at) {
            end = number;
            for c in line.chars() {
                match c {
                    '{' => (depth, opened) = (depth + 1, true),
                    '}' => depth -= 1,
                    ';' if !opened => break 'item,
                    _ => {}
                }
                if opened && depth == 0 {
                    break 'item;
                }
            }
        }
        for line in source.code.iter_mut().take(end + 1).skip(at) {
            line.clear();
        }
        source.texts.retain(|(line, _)| !(at..=end).contains(line));
        at = end + 1;
    }
    source
}

/// The code with comments and texts blanked, and the texts.
fn take_apart(text: &str) -> (String, Vec<(usize, String)>) {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut texts = Vec::new();
    let mut line = 0;
    let mut at = 0;
    let letter = |at: usize| letters.get(at).copied().unwrap_or('\0');
    while at < letters.len() {
        let c = letter(at);
        let end = match (c, letter(at + 1)) {
            ('/', '/') => end_of_line(&letters, at),
            ('/', '*') => end_of_block_comment(&letters, at),
            ('"', _) => end_of_text(&letters, at),
            ('r', '"' | '#') if !is_word(at.checked_sub(1).map_or('\0', letter)) => {
                end_of_raw_text(&letters, at).unwrap_or(at)
            }
            ('\'', _) => end_of_letter(&letters, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            line += usize::from(c == '\n');
            code.push(c);
            at += 1;
            continue;
        }
        let part: String = letters.get(at..end).unwrap_or_default().iter().collect();
        if c == '"' || c == 'r' {
            texts.push((line, part.trim_start_matches(['r', '#']).trim_matches(['"', '#']).to_owned()));
        }
        // Line breaks stay, so that lines keep their numbers.
        code.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        line += part.matches('\n').count();
        at = end;
    }
    (code, texts)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn end_of_line(letters: &[char], at: usize) -> usize {
    letters.iter().skip(at).position(|c| *c == '\n').map_or(letters.len(), |length| at + length)
}

fn end_of_block_comment(letters: &[char], at: usize) -> usize {
    let (mut depth, mut at) = (0_u32, at);
    while at < letters.len() {
        match (letters.get(at), letters.get(at + 1)) {
            (Some('/'), Some('*')) => (depth, at) = (depth + 1, at + 2),
            (Some('*'), Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_text(letters: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < letters.len() {
        match letters.get(at) {
            Some('\\') => at += 2,
            Some('"') => return at + 1,
            _ => at += 1,
        }
    }
    letters.len()
}

/// `r"…"`, `r#"…"#`; `None` for a raw name such as `r#type`.
fn end_of_raw_text(letters: &[char], at: usize) -> Option<usize> {
    let hashes = letters.iter().skip(at + 1).take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if letters.get(open) != Some(&'"') {
        return None;
    }
    let mut end = open + 1;
    while end < letters.len() {
        let closed = letters.get(end) == Some(&'"')
            && letters
                .get(end + 1..)
                .is_some_and(|rest| rest.iter().take(hashes).filter(|c| **c == '#').count() == hashes);
        if closed {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(letters.len())
}

/// `'a'`, `'\n'`; `None` for a lifetime.
fn end_of_letter(letters: &[char], at: usize) -> Option<usize> {
    if letters.get(at + 1) == Some(&'\\') {
        let length = letters.iter().skip(at + 3).position(|c| *c == '\'')?;
        return Some(at + 3 + length + 1);
    }
    (letters.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

#[cfg(test)]
mod tests {
    use super::{Source, take_apart, without_tests};

    #[test]
    fn comments_and_texts_are_told_from_code() {
        let text = "let a = \"// not a comment \\\" {\"; // SELECT\n/* x /* y */ z */ let b = 'c'; let c: &'static str = r#\"raw \" }\"#;\nr#type();";
        let (code, texts) = take_apart(text);
        assert_eq!(code.lines().count(), 3);
        assert!(
            !code.contains("SELECT") && !code.contains('{') && !code.contains('}') && !code.contains('z'),
            "{code}"
        );
        assert!(code.contains("&'static str") && code.contains("r#type()"), "{code}");
        assert_eq!(texts, [(0, "// not a comment \\\" {".to_owned()), (1, "raw \" }".to_owned())]);
    }

    #[test]
    fn items_for_tests_are_left_out() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"SELECT\"; }\n}\nfn c() {}\n";
        let (code, texts) = take_apart(text);
        let source =
            Source { path: "a.rs".into(), lines: 6, code: code.lines().map(str::to_owned).collect(), texts };
        let source = without_tests(source);
        assert_eq!(source.code.join("|"), "fn a() {}|||||fn c() {}");
        assert_eq!(source.texts, []);
    }
}
