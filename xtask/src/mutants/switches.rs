//! Many mutants in one build: each stands in the source beside what it replaces, and the environment says which of the
//! two is lived by. A build for each mutant takes minutes; a switched build takes one for all of them.
//!
//! The source keeps its text and its lines. What is put in is enclosed by comments that carry the mutant's number, so
//! that a compiler error names the mutants it is about.

use super::listed::{Genre, Mutant};
use anyhow::{Context as _, Result};
use std::{collections::BTreeSet, fmt::Write as _, ops::Range};
use syn::{spanned::Spanned as _, visit::Visit};

/// The name of the module that is put into each mutated package; `crate::switched::is(n)` says whether a mutant lives.
pub const MODULE_NAME: &str = "switched";

/// The module itself. It also writes down which mutants a test came by, if it is told where to.
pub const MODULE: &str = r#"//! Which mutant lives in this process.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use std::{collections::BTreeSet, io::Write as _, sync::{LazyLock, Mutex}};

static LIVES: LazyLock<Option<usize>> = LazyLock::new(|| std::env::var("MUTANT").ok()?.parse().ok());
static TOLD: LazyLock<Option<std::path::PathBuf>> = LazyLock::new(|| std::env::var_os("MUTANTS_REACHED").map(Into::into));
static REACHED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

pub fn is(mutant: usize) -> bool {
    if let Some(path) = &*TOLD
        && let Ok(mut reached) = REACHED.lock()
        && reached.insert(mutant)
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = file.write_all(format!("{mutant}\n").as_bytes());
    }
    *LIVES == Some(mutant)
}
"#;

/// One place of a file and the mutants of it.
#[derive(Debug)]
struct Place {
    /// What is replaced.
    whole: Range<usize>,
    form: Form,
}

/// How mutants are put into a place.
#[derive(Debug)]
enum Form {
    /// Before the first statement: the function returns this instead.
    Body { mutants: Vec<(usize, String)> },
    /// `left op right` with another operator.
    Operator {
        left: Range<usize>,
        operator: Range<usize>,
        right: Range<usize>,
        mutants: Vec<(usize, String)>,
    },
    /// The operator before `operand` left away.
    Unary { operand: Range<usize>, mutant: usize },
    /// An arm that is never taken: a guard after its pattern, or before the one it has.
    Arm { guard: Option<Range<usize>>, mutant: usize },
    /// The guard of an arm with a fixed answer.
    Guard { mutants: Vec<(usize, String)> },
    /// A struct's field left to what the struct is filled up from.
    Field { field: Range<usize>, mutant: usize },
}

/// The text of a file with its mutants in it, and the numbers of those for which no place was found.
pub fn put_in(source: &str, mutants: &[(usize, &Mutant)]) -> Result<(String, BTreeSet<usize>)> {
    let file = syn::parse_file(source).context("a source that does not parse")?;
    let mut finding =
        Finding { lines: Lines::of(source), mutants, places: Vec::new(), placed: BTreeSet::new() };
    finding.bodies();
    finding.visit_file(&file);
    let Finding { mut places, placed, .. } = finding;
    // What encloses stands before what it encloses, and a statement before the expression it is put in front of.
    places.sort_by_key(|place| {
        let inside = !matches!(place.form, Form::Body { .. });
        (place.whole.start, inside, std::cmp::Reverse(place.whole.end))
    });
    let text = render(source, 0..source.len(), &places);
    let missing =
        mutants.iter().map(|(number, _)| *number).filter(|number| !placed.contains(number)).collect();
    Ok((text, missing))
}

/// Byte offsets of lines and columns.
struct Lines<'a> {
    source: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a str) -> Self {
        let starts = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { source, starts }
    }

    /// `column` counts characters, from 0 on.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.source.len());
        self.source[start..].char_indices().nth(column).map_or(self.source.len(), |(at, _)| start + at)
    }

    fn range(&self, span: proc_macro2::Span) -> Range<usize> {
        let (start, end) = (span.start(), span.end());
        self.offset(start.line, start.column)..self.offset(end.line, end.column)
    }
}

/// Finds the syntax around each mutant's span.
struct Finding<'a> {
    lines: Lines<'a>,
    mutants: &'a [(usize, &'a Mutant)],
    places: Vec<Place>,
    placed: BTreeSet<usize>,
}

impl Finding<'_> {
    /// The mutants of this genre that begin at this place.
    fn take(&mut self, genre: Genre, at: usize) -> Vec<(usize, String)> {
        let found: Vec<_> = self
            .mutants
            .iter()
            .filter(|(_, mutant)| mutant.genre == genre)
            .filter(|(_, mutant)| self.lines.offset(mutant.line, mutant.column - 1) == at)
            .map(|(number, mutant)| (*number, mutant.replacement.clone()))
            .collect();
        self.placed.extend(found.iter().map(|(number, _)| *number));
        found
    }

    /// A function's mutants say themselves where its first statement begins.
    fn bodies(&mut self) {
        let starts: BTreeSet<_> = self
            .mutants
            .iter()
            .filter(|(_, mutant)| mutant.genre == Genre::FnValue)
            .map(|(_, mutant)| self.lines.offset(mutant.line, mutant.column - 1))
            .collect();
        for start in starts {
            let mutants = self.take(Genre::FnValue, start);
            self.places.push(Place { whole: start..start, form: Form::Body { mutants } });
        }
    }
}

/// A condition with `let` in it is no value that could be chosen between.
fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finding<'_> {
    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let operator = self.lines.range(node.op.span());
        if !has_let(&node.left) && !has_let(&node.right) {
            let mutants = self.take(Genre::BinaryOperator, operator.start);
            if !mutants.is_empty() {
                let whole = self.lines.range(node.span());
                let (left, right) = (whole.start..operator.start, operator.end..whole.end);
                self.places.push(Place { whole, form: Form::Operator { left, operator, right, mutants } });
            }
        }
        syn::visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let operator = self.lines.range(node.op.span());
        if let Some((mutant, _)) = self.take(Genre::UnaryOperator, operator.start).pop() {
            let whole = self.lines.range(node.span());
            self.places.push(Place { form: Form::Unary { operand: operator.end..whole.end, mutant }, whole });
        }
        syn::visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        let pattern = self.lines.range(node.pat.span());
        let guard = node.guard.as_ref().map(|(_, guard)| self.lines.range(guard.span()));
        if let Some((mutant, _)) = self.take(Genre::MatchArm, pattern.start).pop() {
            let whole = guard.clone().unwrap_or(pattern.end..pattern.end);
            self.places.push(Place { whole, form: Form::Arm { guard: guard.clone(), mutant } });
        }
        if let Some(whole) = guard {
            let mutants = self.take(Genre::MatchArmGuard, whole.start);
            if !mutants.is_empty() {
                self.places.push(Place { whole, form: Form::Guard { mutants } });
            }
        }
        syn::visit::visit_arm(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        for pair in node.fields.pairs() {
            let value = self.lines.range(pair.value().span());
            if let Some((mutant, _)) = self.take(Genre::StructField, value.start).pop() {
                let end = pair.punct().map_or(value.end, |comma| self.lines.range(comma.span()).end);
                let whole = self.lines.range(node.span());
                self.places.push(Place { whole, form: Form::Field { field: value.start..end, mutant } });
            }
        }
        syn::visit::visit_expr_struct(self, node);
    }
}

/// The text of `range`, with the places in it replaced. `places` begins with the first that may lie in it.
fn render(source: &str, range: Range<usize>, places: &[Place]) -> String {
    let mut text = String::new();
    let mut at = range.start;
    for (nth, place) in places.iter().enumerate() {
        // What lies in a place already passed was written with it.
        if place.whole.start < at || place.whole.start > range.end || place.whole.end > range.end {
            continue;
        }
        text.push_str(&source[at..place.whole.start]);
        let within = |part: &Range<usize>| render(source, part.clone(), &places[nth + 1..]);
        text.push_str(&replaced(source, place, &within));
        at = place.whole.end;
    }
    text.push_str(&source[at..range.end]);
    text
}

/// One mutant's text between its marks.
fn marked(number: usize, text: &str) -> String {
    format!("/*<{number}*/ {text} /*{number}>*/")
}

fn replaced(source: &str, place: &Place, within: &dyn Fn(&Range<usize>) -> String) -> String {
    let is = |number: &usize| format!("crate::{MODULE_NAME}::is({number})");
    // The mutants in turn, and what stands there by itself.
    let choice = |mutants: Vec<(usize, String)>, original: &str| {
        let mut text = "(".to_owned();
        for (number, mutated) in mutants {
            let chosen = format!("if {} {{ {mutated} }}", is(&number));
            let _ = write!(text, "{} else ", marked(number, &chosen));
        }
        text + "{ " + original + " })"
    };
    match &place.form {
        Form::Body { mutants } => {
            let returned = |(number, value): &(usize, String)| {
                marked(*number, &format!("if {} {{ return {value}; }}", is(number))) + " "
            };
            mutants.iter().map(returned).collect()
        }
        Form::Operator { left, operator, right, mutants } => {
            let (left, right) = (within(left), within(right));
            let with = |operator: &str| format!("{left}{operator}{right}");
            let mutants = mutants.iter().map(|(number, other)| (*number, with(other))).collect();
            choice(mutants, &with(&source[operator.clone()]))
        }
        Form::Unary { operand, mutant } => {
            let bare = within(operand);
            let operator = &source[place.whole.start..operand.start];
            choice(vec![(*mutant, bare.clone())], &format!("{operator}{bare}"))
        }
        Form::Arm { guard: None, mutant } => format!(" if {}", marked(*mutant, &format!("!{}", is(mutant)))),
        Form::Arm { guard: Some(guard), mutant } => {
            format!("{} && ({})", marked(*mutant, &format!("!{}", is(mutant))), within(guard))
        }
        Form::Guard { mutants } => choice(mutants.clone(), &within(&place.whole)),
        Form::Field { field, mutant } => {
            let without = within(&(place.whole.start..field.start)) + &within(&(field.end..place.whole.end));
            choice(vec![(*mutant, without)], &within(&place.whole))
        }
    }
}

/// The mutants that an error at this place of a switched text is about: those whose marks enclose it, or else all of
/// the same function.
pub fn blamed(text: &str, at: usize) -> BTreeSet<usize> {
    let (before, after) = text.split_at(at.min(text.len()));
    let numbers = |text: &str| marks(text).collect::<Vec<_>>();
    let mut open = BTreeSet::new();
    for (number, begins) in numbers(before) {
        if begins {
            open.insert(number)
        } else {
            open.remove(&number)
        };
    }
    if let Some(innermost) = numbers(before)
        .into_iter()
        .rev()
        .find_map(|(number, begins)| (begins && open.contains(&number)).then_some(number))
    {
        return BTreeSet::from([innermost]);
    }
    let begin = before.rfind("fn ").unwrap_or(0);
    let end = after.find("\nfn ").into_iter().chain(after.find(" fn ")).min().unwrap_or(after.len());
    numbers(&text[begin..before.len() + end]).into_iter().map(|(number, _)| number).collect()
}

/// The marks of a text in their order: the mutant, and whether it begins there.
fn marks(text: &str) -> impl Iterator<Item = (usize, bool)> + '_ {
    text.split("/*").skip(1).filter_map(|rest| {
        let (mark, _) = rest.split_once("*/")?;
        if let Some(number) = mark.strip_prefix('<') {
            return Some((number.parse().ok()?, true));
        }
        Some((mark.strip_suffix('>')?.parse().ok()?, false))
    })
}

#[cfg(test)]
mod tests {
    use super::{Genre, Mutant, blamed, put_in};

    /// The mutant that begins where `at` stands first in the line.
    fn mutant(source: &str, genre: Genre, line: usize, at: &str, replacement: &str) -> Mutant {
        let column = source.lines().nth(line - 1).unwrap().split(at).next().unwrap().chars().count() + 1;
        Mutant {
            name: String::new(),
            package: String::new(),
            file: String::new(),
            genre,
            line,
            column,
            replacement: replacement.to_owned(),
        }
    }

    /// Without the marks and the path to the switch.
    fn plain(text: &str) -> String {
        let mut plain = String::new();
        for part in text.split("/*") {
            plain.push_str(part.split_once("*/").map_or(part, |(_, rest)| rest));
        }
        plain.replace("crate::switched::", "").split_whitespace().collect()
    }

    #[test]
    fn each_mutant_stands_beside_what_it_replaces() {
        let cases = [
            // A function returns something else, before its first statement.
            (
                "fn f() -> u8 { g(); 1 }",
                vec![(Genre::FnValue, "g()", "7")],
                "fn f() -> u8 { if is(0) { return 7; } g(); 1 }",
            ),
            // Operators; what they stand between keeps its own mutants. The letters before it are of two bytes.
            (
                "fn f() { /*äöü*/ a && !b }",
                vec![(Genre::BinaryOperator, "&&", "||"), (Genre::UnaryOperator, "!", "")],
                "fn f() { (if is(0) { a || (if is(1) { b } else { !b }) } else { a && (if is(1) { b } else { !b }) }) }",
            ),
            // Two mutants of one operator, and a statement put in front of the expression.
            (
                "fn f() -> bool { a == b }",
                vec![
                    (Genre::BinaryOperator, "==", "!="),
                    (Genre::BinaryOperator, "==", "<"),
                    (Genre::FnValue, "a ==", "true"),
                ],
                "fn f() -> bool { if is(2) { return true; } (if is(0) { a != b } else if is(1) { a < b } else { a == b }) }",
            ),
            // An arm that is never taken, without a guard and with one that has a mutant itself.
            (
                "fn f() { match x { A => 1, B if c => 2, _ => 3 } }",
                vec![
                    (Genre::MatchArm, "A", ""),
                    (Genre::MatchArm, "B", ""),
                    (Genre::MatchArmGuard, "c =>", "true"),
                ],
                "fn f() { match x { A if !is(0) => 1, B if !is(1) && ((if is(2) { true } else { c })) => 2, _ => 3 } }",
            ),
            // A field that is filled up.
            (
                "fn f() { S { a: 1, b: 2, ..s } }",
                vec![(Genre::StructField, "b:", "")],
                "fn f() { (if is(0) { S { a: 1, ..s } } else { S { a: 1, b: 2, ..s } }) }",
            ),
        ];
        for (source, mutants, switched) in cases {
            let mutants: Vec<_> = mutants
                .into_iter()
                .map(|(genre, at, replacement)| mutant(source, genre, 1, at, replacement))
                .collect();
            let numbered: Vec<_> = mutants.iter().enumerate().collect();
            let (text, missing) = put_in(source, &numbered).unwrap();
            assert_eq!(plain(&text), plain(switched));
            assert!(missing.is_empty(), "{source}");
            syn::parse_file(&text).unwrap();
        }
    }

    #[test]
    fn a_mutant_without_a_place_is_named() {
        let source = "fn f() { if a && let Some(b) = c {} }";
        let one = mutant(source, Genre::BinaryOperator, 1, "&&", "||");
        let (text, missing) = put_in(source, &[(5, &one)]).unwrap();
        assert_eq!(text, source);
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn an_error_blames_the_mutants_around_it_or_else_those_of_its_function() {
        let source = "fn f() -> u8 { 1 + 2 }\nfn g() { a && b; c || d; }";
        let mutants = [
            mutant(source, Genre::FnValue, 1, "1", "oops"),
            mutant(source, Genre::BinaryOperator, 2, "&&", "||"),
            mutant(source, Genre::BinaryOperator, 2, "||", "&&"),
        ];
        let numbered: Vec<_> = mutants.iter().enumerate().collect();
        let (text, _) = put_in(source, &numbered).unwrap();
        let blamed_at = |what: &str| blamed(&text, text.find(what).unwrap()).into_iter().collect::<Vec<_>>();
        assert_eq!(blamed_at("oops"), [0]);
        assert_eq!(blamed_at("a || b"), [1]);
        assert_eq!(blamed_at("a && b"), [1, 2]);
        assert_eq!(blamed_at("1 + 2"), [0]);
    }
}
